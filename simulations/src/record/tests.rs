//! What `record` promises, tried.

use super::*;
use crate::net::links::LinkSpec;
use crate::plan::End;
use crate::world;

fn plan(hosts: u32, end_s: u64) -> Plan {
    let mut plan = Plan::quiet(7, hosts as usize, LinkSpec::constant(20_000), end_s * 1_000_000);
    plan.acts.push((0, Act::Found(0)));
    for who in 1..hosts {
        plan.acts.push((u64::from(who) * 1_000_000, Act::Join { who, via: 0 }));
    }
    plan
}

#[test]
fn a_quiet_run_says_what_came_of_it() {
    let mut plan = plan(3, 60);
    for k in 0..10 {
        plan.acts.push((30_000_000 + k * 500_000, Act::Say((k % 3) as u32, format!("m{k}"))));
    }
    let result = world::run(plan, None).into_result("quiet");
    assert!(result.ok, "{:?}", result.violations);
    let figure = |name: &str| result.figures.get(name).copied().unwrap_or(f64::NAN);
    assert_eq!(figure("messages.written"), 10.0);
    assert_eq!(figure("messages.delivered"), 20.0);
    assert_eq!(figure("messages.delivered_share"), 1.0);
    let p50 = figure("messages.delivery.p50_ms");
    assert!((20.0..100.0).contains(&p50), "one hop is 20 ms, the disk and the CPU take a little: {p50}");
    assert_eq!(figure("joins.asked"), 2.0);
    assert_eq!(figure("joins.done_share"), 1.0);
    assert!(figure("reconcile.sessions") > 0.0 && figure("bytes.per_host_s") > 0.0);
    assert!(figure("wakes.per_host_h") > 0.0 && figure("queues.writes_max") >= 1.0);
    let deliveries = result.table("deliveries").expect("it is recorded");
    assert_eq!(deliveries.rows(), 20);
    let samples = result.table("samples").expect("it is recorded");
    assert_eq!(samples.rows(), 61, "each second, and the end");
    let bytes: f64 = samples.numbers("stream_bytes").iter().sum();
    assert_eq!(bytes, figure("bytes.streams"), "seconds add up to the whole");
    for name in result.figures.keys() {
        assert!(meaning(name).is_some(), "{name} has no meaning in the legend");
    }
}

#[test]
fn a_heal_is_timed_from_the_return_of_the_links() {
    let mut plan = plan(4, 120);
    plan.acts.push((30_000_000, Act::Partition(vec![0, 0, 1, 1])));
    plan.acts.push((40_000_000, Act::Say(0, "from the one side".into())));
    plan.acts.push((41_000_000, Act::Say(2, "from the other".into())));
    plan.acts.push((60_000_000, Act::Partition(vec![0; 4])));
    let result = world::run(plan, None).into_result("heal");
    assert!(result.ok, "{:?}", result.violations);
    let heals = result.table("heals").expect("it is recorded");
    assert_eq!(heals.rows(), 1);
    assert_eq!(heals.numbers("at_s"), [60.0]);
    assert_eq!(heals.numbers("behind"), [2.0], "each side lacks what the other wrote");
    let took = heals.numbers("took_s")[0];
    assert!((0.1..30.0).contains(&took), "{took}");
    let away = result.table("deliveries").expect("it is recorded").numbers("away");
    assert_eq!(away.iter().sum::<f64>(), 4.0, "two receivers of each were on the other island");
    assert_eq!(result.figures["messages.delivered_share"], 1.0);
}

#[test]
fn counters_of_a_process_outlive_it() {
    let mut plan = plan(3, 60);
    plan.acts.push((30_000_000, Act::Stop(2, End::Kill)));
    let stopped = world::run(plan.clone(), None).into_result("stop");
    plan.acts.push((35_000_000, Act::Start(2)));
    let back = world::run(plan, None).into_result("back");
    let wakes = |result: &RunResult| result.table("hosts").expect("it is recorded").numbers("wakes")[2];
    assert!(wakes(&stopped) > 0.0);
    assert!(wakes(&back) > wakes(&stopped));
    assert_eq!(back.table("heals").expect("it is recorded").words("cause"), ["restart"]);
}

#[test]
fn islands_that_only_part_do_not_heal() {
    assert!(!reunites(&[0, 0, 0], &[0, 1, 1]));
    assert!(reunites(&[0, 1, 1], &[0, 0, 0]));
    assert!(reunites(&[0, 1, 2], &[0, 0, 2]));
    assert!(!reunites(&[0, 1, 1], &[5, 7, 7]), "other names, the same islands");
}

#[test]
fn a_result_is_the_object_of_the_command() {
    let mut result = world::run(plan(2, 10), None).into_result("two");
    let json = serde_json::to_value(&result).expect("it is plain data");
    let keys: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["figures", "hash", "ok", "scenario", "seed", "violations"]);
    let back: RunResult = serde_json::from_value(json).expect("it reads back");
    result.series.clear();
    assert_eq!(back, result);
}
