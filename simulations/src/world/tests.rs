//! A run without sabotage breaks no rule; panics, ERROR lines and reads of real clocks are findings.

use super::*;
use crate::book::Book;
use crate::net::links::LinkSpec;

/// Does something at the first input that a member is given.
struct Saboteur(Option<fn()>);

impl checks::Check for Saboteur {
    fn name(&self) -> &'static str {
        "saboteur"
    }

    fn see(&mut self, _: At, seen: &Seen<'_>, _: &Book, _: &mut Findings) {
        if let Seen::Input { .. } = seen
            && let Some(act) = self.0.take()
        {
            act();
        }
    }

    fn end(&mut self, _: &checks::End<'_>, _: &mut Findings) {}
}

fn small(seed: u64) -> Plan {
    let mut plan = Plan::quiet(seed, 3, LinkSpec::constant(5_000), 20_000_000);
    plan.acts = vec![
        (0, Act::Found(0)),
        (1_000_000, Act::Join { who: 1, via: 0 }),
        (2_000_000, Act::Join { who: 2, via: 0 }),
        (10_000_000, Act::Say(1, "hello".into())),
    ];
    plan
}

#[test]
fn after_a_long_partition_all_agree_within_seconds() {
    let mut plan = Plan::quiet(3, 6, LinkSpec::constant(20_000), 200_000_000);
    plan.acts = vec![(0, Act::Found(0))];
    plan.acts.extend((1..6).map(|who| (u64::from(who) * 1_000_000, Act::Join { who, via: 0 })));
    plan.acts.extend([
        (30_000_000, Act::Partition(vec![0, 0, 0, 1, 1, 1])),
        (60_000_000, Act::Say(1, "here".into())),
        (61_000_000, Act::Say(4, "there".into())),
        (120_000_000, Act::Partition(vec![0; 6])),
    ]);
    let result = run(plan, None).into_result("partition");
    assert!(result.ok, "{:?}", result.violations);
    assert_eq!(result.figures["heals.done_share"], 1.0);
    assert!(result.figures["heals.took.max_s"] <= 10.0, "{}", result.figures["heals.took.max_s"]);
    // Each neighbour is dialled by one side or both, and again after the partition; a storm of dials has many more.
    assert!(result.figures["connections.max"] <= 10.0, "{}", result.figures["connections.max"]);
}

fn sabotaged(act: fn()) -> Vec<&'static str> {
    let outcome = on_own_thread(1, move || {
        let mut judges = checks::all();
        judges.push(Box::new(Saboteur(Some(act))));
        let mut world = World::new(small(1), judges, Trace::new(None));
        world.run_to_end();
        world.finish()
    });
    outcome.findings.kept.iter().map(|violation| violation.check).collect()
}

#[test]
fn a_run_without_sabotage_breaks_no_rule() {
    let outcome = run(small(1), None);
    assert!(outcome.findings.kept.is_empty(), "{:?}", outcome.findings.kept);
    let result = outcome.into_result("small");
    assert_eq!(result.figures["messages.delivered"], 2.0, "the message reached both others");
    assert_eq!(sabotaged(|| {}), [""; 0]);
}

#[test]
fn a_panic_is_a_finding_of_the_seed() {
    assert_eq!(sabotaged(|| panic!("a bug of ours")), ["panic"]);
}

#[test]
fn an_error_line_of_the_log_is_a_finding() {
    assert_eq!(sabotaged(|| tracing::error!("a bug of ours")), ["error-log"]);
    assert_eq!(sabotaged(|| tracing::warn!("nobody is to blame")), [""; 0]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "this is the offence")]
fn a_read_of_the_machine_s_clock_is_a_finding() {
    assert_eq!(
        sabotaged(|| {
            let _ = std::time::SystemTime::now();
        }),
        ["real-clock"]
    );
    assert_eq!(
        sabotaged(|| {
            let _ = std::time::Instant::now();
        }),
        ["real-clock"]
    );
}

#[test]
fn the_system_s_chance_is_the_seed_s() {
    #[expect(clippy::disallowed_types, reason = "its order is what is looked at")]
    let draw = |seed| {
        on_own_thread(seed, || {
            let words: std::collections::HashSet<u32> = (0..64).collect();
            (words.into_iter().collect::<Vec<_>>(), halloo_vtime::draws())
        })
    };
    let (first, draws) = draw(7);
    assert_eq!(first, draw(7).0, "std's hash maps are seeded by the run");
    assert_ne!(first, draw(8).0);
    assert!(draws > 0, "and through the interposed door");
}
