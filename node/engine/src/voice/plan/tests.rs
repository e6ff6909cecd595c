//! Plans are values: comparable, and silent about their keys.

use halloo_crypto::media::Kid;
use halloo_crypto::secret::Secret;

use super::*;

fn plan() -> VoicePlan {
    let key = |n: u8| MediaKey::from_parts(Kid(0x1234), Secret::new([n; 32]));
    VoicePlan {
        seal: Some(key(0x5a)),
        peers: vec![Peer { device: DeviceId([1; 32]), keys: vec![key(0x5b)] }],
        ..VoicePlan::silent()
    }
}

#[test]
fn a_silent_plan_seals_nothing_and_hears_nobody() {
    let plan = VoicePlan::silent();
    assert!(plan.seal.is_none() && plan.peers.is_empty() && plan.connect.is_empty());
    assert!(plan.microphone_muted && !plan.speaker_muted && !plan.checkpoints);
}

#[test]
fn plans_with_other_keys_differ() {
    let mut other = plan();
    assert_eq!(other, plan());
    other.peers[0].keys.clear();
    assert_ne!(other, plan());
}

#[test]
fn no_key_shows_in_a_log() {
    let text = format!("{:?}", plan());
    assert!(text.contains("1234"), "the key id may show: {text}");
    for secret in ["90, 90", "5a5a", "91, 91", "5b5b"] {
        assert!(!text.contains(secret), "{text}");
    }
}
