//! What is counted, and that what lies here and there is told apart.

use super::*;

#[test]
fn what_is_there_is_counted_as_long_as_it_is() {
    let meters = Meters::default();
    let there = [meters.socket(), meters.socket()];
    assert!(meters.text().contains("halloo_sockets 2\n"));
    drop(there);
    meters.committed(true);
    meters.committed(false);
    meters.deposited(Outcome::full, 3);
    meters.answered(None, 404);
    meters.poked(Pushed::merged);
    meters.pushed(Pushed::given_up);
    meters.turn(2, 700);
    meters.turn(1, 900);
    let text = meters.text();
    for line in [
        "halloo_sockets 0\n",
        "halloo_store_commits_total{outcome=\"stored\"} 1\n",
        "halloo_store_commits_total{outcome=\"failed\"} 1\n",
        "halloo_deposits_total{outcome=\"full\"} 3\n",
        "halloo_requests_total{route=\"none\",status=\"404\"} 1\n",
        "halloo_pokes_total{outcome=\"merged\"} 1\n",
        "halloo_pushes_total{outcome=\"given_up\"} 1\n",
        "halloo_turn_allocations 1\n",
        "halloo_turn_relayed_bytes_total 900\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("halloo_resident_memory_bytes 0\n"), "{text}");
}
