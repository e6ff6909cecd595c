//! The list of the gate names what there is.

use super::*;

#[test]
fn what_the_gate_runs_ships() {
    let shipped = shipped().unwrap();
    assert!(shipped.len() >= 12, "{shipped:?}");
    for (scenario, _) in IN_THE_GATE {
        assert!(shipped.iter().any(|name| name == scenario), "{scenario}");
    }
}
