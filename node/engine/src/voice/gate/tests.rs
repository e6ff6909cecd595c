//! The gate opens for speech, stays open over pauses, and obeys keys.

use super::*;

const FRAME_US: u64 = 20_000;

fn passages(gate: &mut Gate, levels: impl IntoIterator<Item = (f32, Option<f32>)>) -> Vec<Passage> {
    levels.into_iter().map(|(level, voice)| gate.step(level, voice, FRAME_US)).collect()
}

#[test]
fn an_open_microphone_sends_silence_too() {
    let mut gate = Gate::new(Transmit::OpenMicrophone);
    let all = passages(&mut gate, [(FLOOR_DBFS, Some(0.0)); 3]);
    assert_eq!(all, [Passage::First, Passage::Open, Passage::Open]);
}

#[test]
fn a_key_opens_and_its_release_closes_at_once() {
    let mut gate = Gate::new(Transmit::PushToTalk { pressed: false });
    assert_eq!(gate.step(-10.0, Some(1.0), FRAME_US), Passage::Held);
    gate.set_transmit(Transmit::PushToTalk { pressed: true });
    assert_eq!(gate.step(-90.0, Some(0.0), FRAME_US), Passage::First);
    assert_eq!(gate.step(-90.0, Some(0.0), FRAME_US), Passage::Open);
    gate.set_transmit(Transmit::PushToTalk { pressed: false });
    assert_eq!(gate.step(-10.0, Some(1.0), FRAME_US), Passage::Last);
    assert_eq!(gate.step(-10.0, Some(1.0), FRAME_US), Passage::Held);
    assert!(!gate.keeps_preroll(), "nothing from before the key was pressed");
}

#[test]
fn voice_opens_and_the_hangover_bridges_a_pause() {
    let mut gate = Gate::new(Transmit::VoiceActivated);
    assert!(gate.keeps_preroll());
    assert_eq!(gate.step(-30.0, Some(0.05), FRAME_US), Passage::Held);
    assert_eq!(gate.step(-30.0, Some(0.9), FRAME_US), Passage::First);
    let pause = (HANGOVER_MICROS / FRAME_US) as usize;
    let quiet = passages(&mut gate, vec![(-30.0, Some(0.0)); pause]);
    assert!(
        quiet[..pause - 1].iter().all(|p| *p == Passage::Open),
        "a pause shorter than the hangover goes along"
    );
    assert_eq!(quiet[pause - 1], Passage::Last);
    assert_eq!(gate.step(-30.0, Some(0.0), FRAME_US), Passage::Held);
}

#[test]
fn weak_syllables_keep_the_gate_open_but_do_not_open_it() {
    let mut gate = Gate::new(Transmit::VoiceActivated);
    assert_eq!(gate.step(-48.0, Some(0.3), FRAME_US), Passage::Held);
    gate.step(-30.0, Some(0.9), FRAME_US);
    let weak = passages(&mut gate, vec![(-30.0, Some(0.3)); 200]);
    assert!(weak.iter().all(|p| *p == Passage::Open));
}

#[test]
fn a_rising_level_and_a_suspicion_open_before_the_detector_is_sure() {
    let mut gate = Gate::new(Transmit::VoiceActivated);
    passages(&mut gate, vec![(-48.0, Some(0.0)); 100]);
    assert_eq!(gate.step(-30.0, Some(0.05), FRAME_US), Passage::Held, "a bang");
    assert_eq!(gate.step(-30.0, Some(0.2), FRAME_US), Passage::First, "perhaps a word");
    assert!(gate.is_audible(-30.0) && !gate.is_audible(-48.0));
}

#[test]
fn a_detector_that_errs_on_silence_opens_nothing() {
    let mut gate = Gate::new(Transmit::VoiceActivated);
    assert_eq!(gate.step(-80.0, Some(1.0), FRAME_US), Passage::Held);
}

#[test]
fn without_a_detector_energy_above_the_noise_opens() {
    let mut gate = Gate::new(Transmit::VoiceActivated);
    let noise = passages(&mut gate, vec![(-45.0, None); 600]);
    assert!(noise[500..].iter().all(|p| *p == Passage::Held), "steady noise is learnt");
    assert_eq!(gate.step(-25.0, None, FRAME_US), Passage::First);
    let pauses = passages(&mut gate, vec![(-44.0, None); 30]);
    assert_eq!(pauses.iter().filter(|p| **p == Passage::Last).count(), 1, "noise again: closed once");
}

#[test]
fn shut_leaves_no_last_frame() {
    let mut gate = Gate::new(Transmit::OpenMicrophone);
    gate.step(-30.0, None, FRAME_US);
    gate.shut();
    gate.set_transmit(Transmit::PushToTalk { pressed: false });
    assert_eq!(gate.step(-30.0, None, FRAME_US), Passage::Held);
}

#[test]
fn levels_are_in_decibels_below_full_scale() {
    assert_eq!(level_dbfs(&[]), FLOOR_DBFS);
    assert_eq!(level_dbfs(&[0.0; 480]), FLOOR_DBFS);
    assert!((level_dbfs(&[1.0; 480])).abs() < 0.01);
    assert!((level_dbfs(&[0.1; 480]) + 20.0).abs() < 0.01);
    assert_eq!(level_dbfs(&[f32::NAN; 480]), FLOOR_DBFS);
}
