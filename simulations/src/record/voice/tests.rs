//! What `voice` promises, tried.

use super::*;

fn stats(received: u64, lost: u64, concealed: u64) -> SpeakerStats {
    SpeakerStats { received, lost, concealed, played: received, ..SpeakerStats::default() }
}

#[test]
fn an_ear_that_misses_nothing_is_content_and_one_that_misses_a_tenth_is_not() {
    let mut ears = Ears::default();
    for step in 0..100 {
        ears.heard(1, 0, 80_000 + step * 100);
        ears.heard(2, 0, 80_000);
    }
    ears.ended(1, 0, &stats(100, 0, 0));
    ears.ended(2, 0, &stats(90, 10, 10));
    let mut figures = super::super::Figures::default();
    ears.figures(&mut figures);
    assert_eq!(figures.0["voice.frames"], 200.0);
    assert_eq!(figures.0["voice.lost_share"], 0.05);
    assert_eq!(figures.0["voice.ear.p99_max_ms"], 89.0);
    let rows = ears.into_rows();
    let mos = rows.numbers("mos");
    assert!(mos[0] > 4.2 && mos[1] < 3.5, "{mos:?}");
    assert_eq!(rows.numbers("concealed"), [0.0, 10.0]);
}

#[test]
fn lives_of_a_listener_add_up() {
    let mut ears = Ears::default();
    ears.ended(1, 0, &stats(10, 1, 1));
    ears.ended(1, 0, &stats(20, 0, 0));
    let rows = ears.into_rows();
    assert_eq!(rows.numbers("frames"), [31.0]);
    assert!(rows.numbers("mos")[0].is_nan(), "nothing was ever at the ear");
}
