//! Every kind of work is met in a run, and a frame bears its share of the stack.

use super::*;

#[test]
fn a_frame_bears_its_share_of_the_stack() {
    let tally = |count, us: u64| Tally { count, ns: us * 1_000 };
    let all = BTreeMap::from([("stack", tally(10, 500)), ("gossip", tally(4, 400)), ("wake", tally(2, 60))]);
    let rows = rows(&all, &Costs::default());
    let measured =
        |work: &str| rows.iter().find(|row| row.work == work).expect("every kind has a row").measured_us;
    assert_eq!((measured("gossip"), measured("wake"), measured("command")), (150.0, 30.0, 0.0));
}

#[test]
fn a_run_gives_work_of_every_kind_that_a_member_has() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/family-wifi.toml");
    let mut loaded = Loaded::read(&path).expect("a shipped scenario");
    loaded.scenario.seconds = 40.0;
    loaded.scenario.settle_s = 5.0;
    loaded.scenario.calls.clear();
    let tallies = measured(&loaded, 1).expect("it runs");
    for kind in ["stack", "gossip", "direct", "pair", "command", "written", "wake", "peer"] {
        assert!(
            tallies.get(kind).is_some_and(|tally| tally.count > 0 && tally.ns > 0),
            "{kind}: {tallies:?}"
        );
    }
}
