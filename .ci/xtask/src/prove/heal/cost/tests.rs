//! What `cost` promises, tried without a measurement.

use super::*;

#[test]
fn a_figure_over_its_target_is_seen_and_so_is_one_that_is_no_number() {
    let target = &TARGETS[2];
    let figure =
        |ours: Value| json!({"name": "race from one parent, extra bytes in the worst of 5", "ours": ours});
    assert!(target.names(&figure(json!(0.0))));
    assert!(!target.missed_by(&figure(json!(0.0))));
    assert!(target.missed_by(&figure(json!(0.5))) && target.missed_by(&figure(json!(null))));
}

#[test]
fn every_figure_has_one_target_at_most() {
    for name in [
        "heal of 25/25, commit",
        "heal of 25/25, welcome",
        "equal peers with 1 messages, comparison of messages",
    ] {
        let figure = json!({ "name": name });
        assert_eq!(TARGETS.iter().filter(|target| target.names(&figure)).count(), 1, "{name}");
    }
}
