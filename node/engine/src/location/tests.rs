//! Settings, and what may never leave.

use super::*;
use crate::input::{Command, Input};
use crate::rig::Rig;
use proptest::prelude::*;

fn fix(lat_deg: f64, lon_deg: f64) -> Fix {
    Fix {
        lat_deg,
        lon_deg,
        accuracy_m: 3.0,
        altitude_m: Some(1_000.0),
        speed_mps: Some(4.0),
        heading_deg: Some(200.0),
        time_ms: 1_790_000_000_000,
    }
}

#[test]
fn settings_round_trip_and_refuse_what_was_not_written_by_them() {
    for precision in [Precision::Exact, Precision::Approximate, Precision::City] {
        for until in [None, Some(1), Some(u64::MAX)] {
            let here = Here { precision, share_until_ms: until, ..Here::default() };
            let bytes = settings(&here);
            let again = restore(&bytes).expect("own bytes");
            assert_eq!((again.precision, again.share_until_ms), (precision, until));
            for cut in 0..bytes.len() {
                assert!(restore(&bytes[..cut]).is_err());
            }
        }
    }
    assert!(restore(&[1, 3, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    assert!(restore(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    assert!(restore(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
}

#[test]
fn the_longest_share_is_bounded() {
    let mut rig = Rig::group(1, 60);
    let wall = rig.now.wall_ms;
    rig.command(0, Command::Share { lease: Some(core::time::Duration::MAX) }).expect("shared");
    let until = rig.engine(0).here.share_until_ms.expect("on");
    assert_eq!(until - wall, lease_ms(MAX_SHARE));
}

#[test]
fn the_own_position_is_shown_to_the_own_user_as_others_see_it() {
    let mut rig = Rig::group(1, 61);
    rig.command(0, Command::SetPrecision(Precision::City)).expect("coarse");
    rig.command(0, Command::Share { lease: Some(core::time::Duration::from_secs(60)) }).expect("shared");
    rig.hand(0, Input::Fix(fix(47.123_456, 8.654_321)));
    rig.pass(core::time::Duration::from_secs(1));
    let seen = rig.engine(0).locations();
    assert!(seen[0].own && seen[0].accuracy_m > 1_000.0);
    assert!((seen[0].latitude_deg - 47.123_456).abs() > 1e-6);
    assert_eq!(seen[0].distance_m, None, "nobody is far from themselves");
}

#[test]
fn batches_of_nonsense_are_dropped_with_their_sender_counted() {
    let mut rig = Rig::group(2, 62);
    let from = rig.peer(1);
    let now = rig.now;
    let engine = rig.engine(0);
    engine.state.now = now;
    for bytes in [&[][..], &[1, 255, 255], &[9; 40], &[1, 1, 0, 0, 0, 0, 0, 5, 0, 1, 2, 3, 4, 5]] {
        on_batch(&mut engine.here, &mut engine.state, Some(from), bytes);
    }
    assert!(engine.state.dropped().iter().any(|(why, count)| *why == "malformed live batch" && *count >= 3));
}

#[test]
fn mutes_are_told_and_shown() {
    let mut rig = Rig::group(2, 63);
    let device = rig.members[0].identity.device.id();
    for (microphone, speaker) in [(false, false), (false, true), (true, true)] {
        rig.command(0, Command::MuteMicrophone(microphone)).expect("set");
        rig.command(0, Command::MuteSpeaker(speaker)).expect("set");
        rig.pass(core::time::Duration::from_secs(1));
        let members = rig.engine(1).members();
        let ada = members.iter().flat_map(|member| &member.devices).find(|view| view.device == device);
        let ada = ada.expect("Ada's device");
        assert_eq!((ada.microphone_muted, ada.speaker_muted), (microphone, speaker));
    }
    assert_eq!((rig.engine(0).status().microphone_muted, rig.engine(0).status().speaker_muted), (true, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However somebody walks within one cell, whatever was shared before and in whatever order the settings came: what an
    /// approximate recipient holds in the end is a function of the cell alone.
    #[test]
    fn an_approximate_recipient_learns_the_cell_and_no_more(
        lat in -60.0..60.0_f64, lon in -170.0..170.0_f64,
        walk in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 1..12),
        city in any::<bool>(), settings_first in any::<bool>(),
    ) {
        let precision = if city { Precision::City } else { Precision::Approximate };
        let side = if city { 0.2 } else { 0.005 };
        let mut rig = Rig::group(2, 64);
        let share = Command::Share { lease: Some(core::time::Duration::from_secs(600)) };
        if settings_first {
            rig.command(0, Command::SetPrecision(precision)).expect("coarse");
            rig.command(0, share).expect("shared");
        } else {
            rig.hand(0, Input::Fix(fix(lat, lon)));
            rig.command(0, Command::SetPrecision(precision)).expect("coarse");
            rig.command(0, share).expect("shared");
        }
        let corner = ((lat / side).floor() * side, lon);
        let mut told = std::collections::BTreeSet::new();
        for (north, east) in walk {
            // Within the row of the cell, and within a hundredth of its width from one meridian of its middle.
            let middle = Location::new(&fix(corner.0 + side / 2.0, lon)).expect("on earth").coarsen(precision);
            let place = fix(corner.0 + side * (0.01 + 0.98 * north), middle.lon_deg() + side * 0.4 * (east - 0.5));
            rig.hand(0, Input::Fix(place));
            rig.pass(core::time::Duration::from_secs(2));
            for view in rig.engine(1).locations() {
                prop_assert_eq!((view.altitude_m, view.speed_mps, view.heading_deg), (None, None, None));
                prop_assert_eq!(view.precision, precision);
                told.insert((view.latitude_deg.to_bits(), view.longitude_deg.to_bits(), view.accuracy_m.to_bits()));
            }
        }
        prop_assert_eq!(told.len(), 1);
    }
}
