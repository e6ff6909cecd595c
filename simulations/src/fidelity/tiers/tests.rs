//! Rows hold where the tiers are near each other, and only there.

use super::*;

fn runs(value: f64) -> Vec<BTreeMap<String, f64>> {
    let figures = |n: u32| {
        let of = |(name, _): (&str, &str)| (name.to_owned(), value + f64::from(n) / 1_000.0);
        let counted = [("messages.delivered", "messages"), ("messages.written", "messages")];
        let mut figures: BTreeMap<String, f64> = FIGURES.into_iter().chain(counted).map(of).collect();
        figures.insert("messages.written".to_owned(), 10.0);
        figures
    };
    (0..5).map(figures).collect()
}

#[test]
fn near_holds_and_far_does_not() {
    assert!(rows(&runs(100.0), &runs(102.0)).iter().all(|row| row.holds));
    assert!(rows(&runs(100.0), &runs(104.0)).iter().all(|row| !row.holds));
    assert!(rows(&runs(100.0), &runs(96.0)).iter().all(|row| !row.holds));
}

#[test]
fn a_figure_that_is_not_there_holds_nothing() {
    let mut without = runs(1.0);
    for figures in &mut without {
        figures.remove("gossip.copies");
    }
    let rows = rows(&runs(1.0), &without);
    let broken: Vec<&str> = rows.iter().filter(|row| !row.holds).map(|row| row.figure).collect();
    assert_eq!(broken, ["gossip.copies"]);
}

#[test]
fn a_tier_that_brings_fewer_members_in_does_not_hold() {
    let mut fewer = runs(100.0);
    for figures in &mut fewer {
        figures.insert("messages.delivered".to_owned(), 500.0);
    }
    let rows = rows(&fewer, &runs(100.0));
    let broken: Vec<&str> = rows.iter().filter(|row| !row.holds).map(|row| row.figure).collect();
    assert_eq!(broken, ["receivers a message"]);
}

#[test]
fn both_tiers_run_the_same_scenario() {
    let real = scenario(Fidelity::Real, Some(small())).expect("a scenario");
    let model = scenario(Fidelity::Abstract, Some(small())).expect("a scenario");
    assert_eq!(real.plan(3).expect("a plan").acts, model.plan(3).expect("a plan").acts);
    assert_eq!(real.scenario.groups, model.scenario.groups);
}
