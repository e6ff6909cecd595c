//! What `clock` promises, tried.

use super::*;
use crate::chance::generator;
use proptest::prelude::*;

fn times(when: &When, until: f64) -> Vec<u64> {
    when.times(until, &mut generator(1, "clock"))
}

#[test]
fn given_times_come_in_order() {
    let when = When { at_s: vec![20.0, 10.5], ..When::default() };
    assert_eq!(times(&when, 5.0), [10_500_000, 20_000_000], "given times are not bounded by the calm");
}

#[test]
fn a_beat_begins_at_its_first_second_and_ends_at_its_last() {
    let when = When { every_s: Some(10.0), from_s: Some(5.0), to_s: Some(25.0), ..When::default() };
    assert_eq!(times(&when, 100.0), [5_000_000, 15_000_000, 25_000_000]);
    let open = When { every_s: Some(10.0), ..When::default() };
    assert_eq!(times(&open, 20.0), [0, 10_000_000, 20_000_000]);
}

#[test]
fn what_cannot_be_is_told_with_its_key() {
    let wrong = |when: When| when.wrong(60.0).expect("it is refused").0;
    assert_eq!(wrong(When::default()), "");
    assert_eq!(wrong(When { at_s: vec![61.0], ..When::default() }), ".at_s");
    assert_eq!(wrong(When { every_s: Some(0.0), ..When::default() }), ".every_s");
    assert_eq!(wrong(When { every_s: Some(f64::NAN), ..When::default() }), ".every_s");
    assert_eq!(wrong(When { at_s: vec![1.0], random: true, ..When::default() }), ".random");
    assert_eq!(wrong(When { at_s: vec![1.0], from_s: Some(1.0), ..When::default() }), ".from_s");
    let backwards = When { every_s: Some(1.0), from_s: Some(9.0), to_s: Some(3.0), ..When::default() };
    assert_eq!(wrong(backwards), ".to_s");
    assert_eq!(When { every_s: Some(1.0), random: true, ..When::default() }.wrong(60.0), None);
}

proptest! {
    #[test]
    fn random_gaps_have_the_mean_that_was_asked_for(seed: u64, every in 0.5_f64..4.0) {
        let when = When { every_s: Some(every), random: true, ..When::default() };
        let found = when.times(4_000.0, &mut generator(seed, "clock"));
        prop_assert!(found.is_sorted() && found.iter().all(|at| *at <= 4_000_000_000));
        let expected = 4_000.0 / every;
        // Six standard deviations of a Poisson count.
        prop_assert!((found.len() as f64 - expected).abs() < 6.0 * expected.sqrt());
    }

    #[test]
    fn a_draw_stays_inside_its_span(seed: u64, low in 0.0_f64..10.0, more in 0.0_f64..10.0) {
        let span = Span::Between([low, low + more]);
        let drawn = span.draw(&mut generator(seed, "span"));
        prop_assert!((low..=low + more).contains(&drawn));
        prop_assert_eq!(Span::Fixed(low).draw(&mut generator(seed, "span")), low);
    }
}
