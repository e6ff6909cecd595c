//! The model keeps what it says: everybody gets everything, copies and degrees are gossipsub's, a seed is a run.

use super::run::{Model, run};
use crate::plan::{Act, START_US};
use crate::record::RunResult;
use crate::scenario::Loaded;
use crate::trace::Trace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn scenario(more: &str) -> Loaded {
    let text = format!(
        "why = \"to try the model\"\nseconds = 120\nfidelity = \"abstract\"\n\
         [[groups]]\nmembers = 150\njoin_every_s = [0.05, 0.15]\nfinds = {{ dials = 8 }}\n\
         [links]\ndelay = {{ uniform-ms = [10, 150] }}\n\
         [[says]]\nwho = \"somebody\"\nwhen = {{ every_s = 0.5, from_s = 30 }}\n{more}"
    );
    Loaded::new("model".to_owned(), text, BTreeMap::new()).expect("a scenario")
}

fn ran(loaded: &Loaded, seed: u64) -> RunResult {
    run(loaded.plan(seed).expect("a plan"), &loaded.name, None, None, true)
}

#[test]
fn in_calm_everybody_gets_everything_soon() {
    let loaded = scenario("");
    let result = ran(&loaded, 1);
    assert!(result.ok, "{:?}", result.violations);
    let figure = |name: &str| result.figures[name];
    assert_eq!(figure("messages.delivered_share"), 1.0);
    assert_eq!(figure("messages.delivered"), figure("messages.written") * 149.0);
    assert_eq!(figure("reconcile.items"), 0.0, "the mesh alone reaches everybody");
    let (p50, p99) = (figure("messages.delivery.p50_ms"), figure("messages.delivery.p99_ms"));
    assert!(p50 > 30.0 && p99 < 600.0, "links of 10 to 150 ms and a few hops: {p50} and {p99}");
    let degree = figure("gossip.degree");
    assert!((3.0..8.0).contains(&degree), "{degree} neighbours of 4 that are wanted");
    let copies = figure("gossip.copies");
    assert!((1.5..degree + 1.0).contains(&copies), "{copies} copies at {degree} neighbours");
    let rows = result.table("deliveries").expect("the table").values[0].len();
    assert_eq!(rows as f64, figure("messages.delivered"));
}

#[test]
fn a_seed_is_a_run_and_another_seed_is_another() {
    let loaded = scenario("[[churn]]\nwho = \"20% of everybody\"\non_s = 30\noff_s = 5\nfrom_s = 30\n");
    let (first, again, other) = (ran(&loaded, 1), ran(&loaded, 1), ran(&loaded, 2));
    assert_eq!(first.hash, again.hash);
    assert_eq!(first.figures["events"], again.figures["events"]);
    assert_ne!(first.hash, other.hash);
}

#[test]
fn what_was_written_on_other_islands_comes_when_they_meet() {
    let loaded =
        scenario("[[partitions]]\nwhen = { at_s = [45] }\nlasts_s = 30\nislands = [\"0-74\", \"75-149\"]\n");
    let result = ran(&loaded, 3);
    assert!(result.ok, "{:?}", result.violations);
    assert_eq!(result.figures["messages.delivered_share"], 1.0);
    assert!(
        result.figures["reconcile.items"] > 1_000.0,
        "half of the members lack what the other half wrote"
    );
    assert!(result.figures["messages.away.max_ms"] > 20_000.0, "who was away waited for the islands to meet");
}

#[test]
fn who_is_switched_off_catches_up() {
    let loaded = scenario("[[churn]]\nwho = \"50% of everybody\"\non_s = 15\noff_s = 10\nfrom_s = 30\n");
    let result = ran(&loaded, 4);
    assert!(result.ok, "{:?}", result.violations);
    assert_eq!(result.figures["messages.delivered_share"], 1.0);
    assert!(result.figures["reconcile.items"] > 0.0);
}

#[test]
fn lost_packets_cost_time_and_no_message() {
    let calm = ran(&scenario(""), 5);
    let lossy = scenario("");
    let text = lossy.text.replace("[[says]]", "loss = { random = 0.1 }\n[[says]]");
    let lossy = ran(&Loaded::new("model".to_owned(), text, BTreeMap::new()).expect("a scenario"), 5);
    let name = "messages.delivery.mean_ms";
    assert!(lossy.figures[name] > calm.figures[name] * 1.05, "a lost packet is sent again later");
    assert_eq!(lossy.figures["messages.delivered_share"], 1.0);
}

#[test]
fn a_newcomer_is_a_member_when_its_questions_are_answered() {
    let text = "why = \"to try pairing\"\nseconds = 60\nfidelity = \"abstract\"\n\
         [[groups]]\nmembers = 40\njoin_every_s = 1\nfinds = { dials = 3 }\nfind_s = 0\n\
         [links]\ndelay = { constant-ms = 50.0 }\n";
    let loaded = Loaded::new("pairing".to_owned(), text.to_owned(), BTreeMap::new()).expect("a scenario");
    let plan = loaded.plan(1).expect("a plan");
    let mut joins: Vec<u64> = Vec::new();
    joins.extend(
        plan.acts.iter().filter(|(_, act)| matches!(act, Act::Join { .. })).map(|(at, _)| START_US + at),
    );
    let mut model = Model::new(plan, Trace::new(None));
    model.run_until(START_US + 60_000_000, None);
    let took = |who: usize| model.town.nodes[who].member_us - joins[who - 1];
    assert_eq!(took(1), (2 + 4 * 4) * 50_000, "a dial and four questions, each in a stream of its own");
    assert_eq!(took(39), (2 + 6 * 4) * 50_000, "what it is handed does not fit one answer, nor two");
}

/// A writer that others can read.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_trace_tells_acts_and_arrivals_in_the_order_of_time() {
    let page = Page::default();
    let plan = scenario("").plan(1).expect("a plan");
    let result = run(plan, "model", Some(Box::new(page.clone())), None, false);
    let text = String::from_utf8(page.0.lock().expect("nobody panics").clone()).expect("text");
    let times: Vec<u64> = text.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted());
    let shown: Vec<&str> = text.lines().filter(|line| line.contains(" shown ")).collect();
    let is_form = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        words.len() == 5
            && words[1].ends_with(".0")
            && words[3..].iter().all(|word| word.parse::<u64>().is_ok())
    };
    assert!(shown.iter().all(is_form));
    let shown = shown.len();
    assert_eq!(shown as f64, result.figures["messages.delivered"]);
    assert!(text.contains(" act Found(0)"));
}
