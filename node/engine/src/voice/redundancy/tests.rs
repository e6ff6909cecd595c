//! The controller follows what listeners report, within the budget, up at once and down with patience.

use proptest::prelude::*;

use super::*;
use crate::voice::plan::DEFAULT_BUDGET_BPS;

fn who(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn entry(loss: f32, burst: f32) -> ReportEntry {
    ReportEntry { who: [0; 4], loss: (loss * 255.0) as u8, burst: (burst * 16.0) as u8, jitter: 0 }
}

fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1_000)
}

fn after_report(loss: f32, burst: f32, budget: u32) -> Redundancy {
    let mut c = Controller::new(FrameLength::Ms20, budget);
    c.report(at(100), who(1), &entry(loss, burst));
    c.decide(at(100)).0
}

#[test]
fn before_the_first_report_one_earlier_frame_is_carried() {
    let mut c = Controller::new(FrameLength::Ms20, DEFAULT_BUDGET_BPS);
    assert_eq!(c.decide(at(0)).0, Redundancy::List(1));
    c.report(at(1), who(1), &entry(0.0, 1.0));
    assert_eq!(c.decide(at(1)).0, Redundancy::List(1), "not dropped at the first good word");
    c.report(at(6), who(1), &entry(0.0, 1.0));
    assert_eq!(c.decide(at(6)).0, Redundancy::Nothing);
}

#[test]
fn more_loss_takes_longer_lists() {
    assert_eq!(after_report(0.0, 1.0, DEFAULT_BUDGET_BPS), Redundancy::Nothing);
    assert_eq!(after_report(0.03, 1.0, DEFAULT_BUDGET_BPS), Redundancy::List(1));
    assert_eq!(after_report(0.10, 1.1, DEFAULT_BUDGET_BPS), Redundancy::List(2));
    assert_eq!(after_report(0.20, 1.2, DEFAULT_BUDGET_BPS), Redundancy::List(2));
    assert_eq!(after_report(0.35, 1.4, 200_000), Redundancy::List(3));
    assert_eq!(after_report(0.10, 3.0, 200_000), Redundancy::List(3), "runs take the longest");
}

#[test]
fn a_small_budget_takes_what_fits() {
    assert_eq!(after_report(0.20, 1.2, 70_000), Redundancy::List(1));
    assert_eq!(after_report(0.20, 1.2, 40_000), Redundancy::InBand);
    assert_eq!(after_report(0.20, 3.0, 70_000), Redundancy::Deep);
    assert_eq!(after_report(0.20, 3.0, 40_000), Redundancy::InBand);
    assert_eq!(after_report(0.20, 1.2, 0), Redundancy::Nothing, "no budget, no redundancy");
}

#[test]
fn the_worst_listener_counts_unless_hopeless() {
    let mut c = Controller::new(FrameLength::Ms20, DEFAULT_BUDGET_BPS);
    c.report(at(100), who(1), &entry(0.0, 1.0));
    c.report(at(100), who(2), &entry(0.10, 1.0));
    c.report(at(100), who(3), &entry(0.90, 20.0));
    assert_eq!(c.decide(at(100)), (Redundancy::List(2), 9));
    c.forget(&who(2));
    assert_eq!(c.decide(at(110)).0, Redundancy::List(1), "all reports are old by now");
}

#[test]
fn redundancy_is_given_up_only_after_calm() {
    let mut c = Controller::new(FrameLength::Ms20, DEFAULT_BUDGET_BPS);
    c.report(at(100), who(1), &entry(0.2, 1.0));
    assert_eq!(c.decide(at(100)).0, Redundancy::List(2));
    c.report(at(101), who(1), &entry(0.0, 1.0));
    assert_eq!(c.decide(at(101)).0, Redundancy::List(2));
    assert_eq!(c.decide(at(104)).0, Redundancy::Nothing);
}

#[test]
fn more_listeners_than_slots_are_borne() {
    let mut c = Controller::new(FrameLength::Ms20, DEFAULT_BUDGET_BPS);
    for n in 0..100 {
        c.report(at(100), who(n), &entry(0.05, 1.0));
    }
    assert_eq!(c.decide(at(100)).0, Redundancy::List(1));
}

#[test]
fn every_mode_fits_its_size_class_and_tells_the_codec() {
    for length in [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60] {
        for r in [
            Redundancy::Nothing,
            Redundancy::InBand,
            Redundancy::Deep,
            Redundancy::List(1),
            Redundancy::List(2),
        ] {
            let coding = r.coding(length, 0);
            assert!((MIN_CODED_BYTES..=MAX_CODED_BYTES).contains(&coding.bytes), "{length:?} {r:?}");
            assert!(r.most_bytes(length) <= crate::voice::frame::MAX_FRAME_BYTES, "{length:?} {r:?}");
            assert_eq!(coding.in_band, r == Redundancy::InBand);
            assert_eq!(coding.deep_ticks > 0, r == Redundancy::Deep);
            let hardened = coding.in_band || coding.deep_ticks > 0;
            assert_eq!(coding.loss_percent, if hardened { 10 } else { 0 }, "libopus needs ten to begin");
        }
    }
    assert_eq!(Redundancy::Nothing.most_bytes(FrameLength::Ms20), 95, "fills the first class of the seal");
    assert!(Redundancy::List(1).most_bytes(FrameLength::Ms20) <= 159, "fits the second");
    assert!(Redundancy::List(2).most_bytes(FrameLength::Ms20) <= 239, "fits the third");
}

proptest! {
    #[test]
    fn no_reports_make_it_spend_more_than_the_budget(
        budget in 0_u32..300_000,
        ticks in prop::sample::select(vec![1_u8, 2, 4, 6]),
        reports in prop::collection::vec((0_u8..20, any::<u8>(), any::<u8>(), 0_u64..10_000), 0..60),
    ) {
        let length = FrameLength::from_ticks(ticks).expect("chosen from those that exist");
        let mut c = Controller::new(length, budget);
        let mut now = Time::from_millis(100_000);
        for (listener, loss, burst, later) in reports {
            now = now.after(Duration::from_millis(later));
            c.report(now, who(listener), &ReportEntry { who: [0; 4], loss, burst, jitter: 0 });
            let (chosen, percent) = c.decide(now);
            prop_assert!(percent <= 100);
            let bps = chosen.most_bytes(length) as u64 * 8 * 1_000_000 / length.micros();
            prop_assert!(chosen == Redundancy::Nothing || bps <= u64::from(budget), "{chosen:?} takes {bps} of {budget}");
        }
    }

    #[test]
    fn more_loss_never_takes_less(loss in 0.0_f32..0.5, more in 0.0_f32..0.1, burst in 1.0_f32..1.6) {
        prop_assert!(after_report(loss + more, burst, 300_000) >= after_report(loss, burst, 300_000));
    }
}

#[test]
fn a_budget_that_shrinks_is_obeyed_after_calm() {
    let mut c = Controller::new(FrameLength::Ms20, DEFAULT_BUDGET_BPS);
    c.report(at(100), who(1), &entry(0.2, 1.0));
    assert_eq!(c.decide(at(100)).0, Redundancy::List(2));
    c.set_budget(70_000);
    c.report(at(105), who(1), &entry(0.2, 1.0));
    assert_eq!(c.decide(at(105)).0, Redundancy::List(1));
}

#[test]
fn who_left_is_not_protected_any_more() {
    let mut c = Controller::new(FrameLength::Ms20, DEFAULT_BUDGET_BPS);
    c.report(at(100), who(1), &entry(0.0, 1.0));
    c.report(at(100), who(2), &entry(0.3, 1.0));
    assert_eq!(c.decide(at(100)).0, Redundancy::List(2), "three do not fit the ordinary budget");
    c.forget(&who(2));
    assert_eq!(c.decide(at(105)).0, Redundancy::Nothing);
}
