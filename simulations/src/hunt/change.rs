//! Changes a scenario by chance: other links, more faults, more or fewer members, a faster tongue.

use crate::chance::{between, generator, unit};
use crate::scenario::Scenario;
use crate::scenario::clock::{Span, When};
use crate::scenario::crowd::Who;
use crate::scenario::faults::{Churn, Crashes, Cuts, Death, Disk, Partitions, Skews, Sleeps, StuckDisks};
use crate::scenario::links::{Delay, LossSpec};
use rand_chacha::ChaCha20Rng;

/// Changes to one scenario.
const CHANGES_MAX: u64 = 3;
/// Faults begin when most have come in, seconds.
const FAULTS_FROM_S: f64 = 30.0;
/// Long enough for whatever was broken to heal: two rounds of the slowest timer of a connection.
const SETTLE_S: f64 = 90.0;
/// Members that a changed group has at most.
const MEMBERS_MAX: u32 = 16;

/// The scenario changed by this seed. Bounds on figures go: they were set for the scenario as it was.
#[must_use]
pub fn changed(scenario: &Scenario, seed: u64) -> Scenario {
    let mut rng = generator(seed, "hunt changes");
    let mut scenario = scenario.clone();
    scenario.must.figures.clear();
    if scenario.settle_s < SETTLE_S {
        scenario.seconds += SETTLE_S - scenario.settle_s;
        scenario.settle_s = SETTLE_S;
    }
    for _ in 0..between(&mut rng, 1, CHANGES_MAX) {
        match between(&mut rng, 0, 10) {
            0 => size(&mut scenario, &mut rng),
            1 | 2 => links(&mut scenario, &mut rng),
            3 => tongue(&mut scenario, &mut rng),
            _ => fault(&mut scenario, &mut rng),
        }
    }
    scenario
}

fn size(scenario: &mut Scenario, rng: &mut ChaCha20Rng) {
    for group in &mut scenario.groups {
        let members = u32::try_from(between(rng, 2, MEMBERS_MAX.into())).unwrap_or(2);
        group.members = members.max(group.outside + 1);
    }
}

fn links(scenario: &mut Scenario, rng: &mut ChaCha20Rng) {
    let links = &mut scenario.links;
    match between(rng, 0, 5) {
        0 => {
            let low = (1.0 + 100.0 * unit(rng)).round();
            links.delay = Delay::UniformMs([low, low + (300.0 * unit(rng)).round()]);
        }
        1 => links.loss = LossSpec::Random((unit(rng) * 20.0).round() / 100.0),
        2 => links.loss = LossSpec::Bursts { enter: 0.02, leave: 0.3, lose: 0.7 },
        3 => links.jitter_ms = (unit(rng) * 200.0).round(),
        4 => links.uplink_kbps = Some(between(rng, 128, 2_000)),
        _ => (links.corrupt, links.duplicate) = (0.01, 0.02),
    }
}

fn tongue(scenario: &mut Scenario, rng: &mut ChaCha20Rng) {
    let every_s = Some((1.0 + 10.0 * unit(rng)).round());
    let when = When { every_s, random: true, from_s: Some(5.0), ..When::default() };
    let bytes = Span::Between([10.0, 1_000.0]);
    scenario.says.push(crate::scenario::people::Says { who: anybody(), when, bytes });
}

fn anybody() -> Who {
    Who::Words("somebody".into())
}

fn sometimes(rng: &mut ChaCha20Rng, least_s: f64, most_s: f64) -> When {
    let every_s = Some((least_s + (most_s - least_s) * unit(rng)).round());
    When { every_s, random: true, from_s: Some(FAULTS_FROM_S), ..When::default() }
}

fn fault(scenario: &mut Scenario, rng: &mut ChaCha20Rng) {
    let who = anybody();
    match between(rng, 0, 7) {
        0 => scenario.partitions.push(Partitions {
            when: sometimes(rng, 40.0, 120.0),
            lasts_s: Span::Between([2.0, 60.0]),
            islands: Vec::new(),
            random_islands: Some([2, 4]),
            skew: (unit(rng) * 3.0).round(),
        }),
        1 => scenario.cuts.push(Cuts {
            from: who.clone(),
            to: who,
            when: sometimes(rng, 1.0, 15.0),
            lasts_s: Span::Between([0.1, 20.0]),
        }),
        2 => scenario.crashes.push(Crashes {
            who,
            when: sometimes(rng, 4.0, 40.0),
            how: if unit(rng) < 0.5 { Death::Kill } else { Death::PowerCut },
            lasts_s: Some(Span::Between([0.0, 20.0])),
        }),
        3 => scenario.churn.push(Churn { who, on_s: 60.0, off_s: 20.0, from_s: FAULTS_FROM_S }),
        4 => {
            let lasts_s = Span::Between([1.0, 60.0]);
            scenario.sleeps.push(Sleeps { who, when: sometimes(rng, 10.0, 60.0), lasts_s });
        }
        5 => scenario.skews.push(Skews {
            who,
            by_s: Span::Between([-300.0, 300.0]),
            when: Some(sometimes(rng, 30.0, 90.0)),
        }),
        6 => {
            let lasts_s = Span::Between([0.5, 15.0]);
            scenario.stuck_disks.push(StuckDisks { who, when: sometimes(rng, 10.0, 60.0), lasts_s });
        }
        _ => scenario.disk = Some(Disk { write_ms: Span::Between([1.0, 200.0]), torn: 1.0 }),
    }
}
