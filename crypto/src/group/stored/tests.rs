//! Tests of stored sessions and commit secrets, whole and damaged.

use super::*;
use crate::group::CommitSecrets;
use crate::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

fn session() -> (GroupSession, ChaCha20Rng) {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let device = DeviceSecret::generate(&mut rng);
    let session = GroupSession::create(GroupId([1; 32]), &device, &mut rng).unwrap();
    (session, rng)
}

#[test]
fn a_session_is_stored_and_read_back() {
    let (session, _) = session();
    let bytes = session.to_bytes().unwrap();
    let read = GroupSession::from_bytes(bytes.expose()).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.epoch_id(), session.epoch_id());
    assert_eq!(read.device(), session.device());
    assert_eq!(format!("{bytes:?}"), "Secret(..)");
}

#[test]
fn cut_and_random_bytes_are_damage_not_a_panic() {
    let (session, mut rng) = session();
    let bytes = session.to_bytes().unwrap().expose().clone();
    for cut in 0..bytes.len() {
        assert!(GroupSession::from_bytes(&bytes[..cut]).is_err(), "cut {cut}");
    }
    for _ in 0..1_000 {
        let mut noise = vec![0; (rng.next_u32() % 600) as usize];
        rng.fill_bytes(&mut noise);
        if let Some(version) = noise.first_mut() {
            *version = VERSION;
        }
        assert!(GroupSession::from_bytes(&noise).is_err());
        assert!(CommitSecrets::from_bytes(&noise[..noise.len().min(60)]).is_err());
    }
    let long = vec![VERSION; MAX_SESSION_BYTES + 1];
    assert!(GroupSession::from_bytes(&long).is_err());
}

#[test]
fn altered_bytes_are_read_or_refused_but_never_panic() {
    let (session, mut rng) = session();
    let bytes = session.to_bytes().unwrap().expose().clone();
    let mut refused = 0;
    for _ in 0..2_000 {
        let mut altered = bytes.clone();
        for _ in 0..=rng.next_u32() % 3 {
            let at = rng.next_u32() as usize % altered.len();
            altered[at] = rng.next_u32() as u8;
        }
        refused += u32::from(GroupSession::from_bytes(&altered).is_err());
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn commit_secrets_are_bound_to_their_parent_and_their_bytes() {
    let (session, mut rng) = session();
    let prepared = session.prepare(&Default::default(), &mut rng).unwrap();
    let bytes = prepared.secrets.to_bytes().expose().clone();
    for _ in 0..300 {
        let mut altered = bytes.clone();
        let at = rng.next_u32() as usize % altered.len();
        altered[at] ^= 1 << (rng.next_u32() % 8);
        if let Ok(secrets) = CommitSecrets::from_bytes(&altered) {
            let _ = session.apply_own(&secrets);
        }
    }
    let read = CommitSecrets::from_bytes(&bytes).unwrap();
    assert_eq!(session.apply_own(&read).unwrap().epoch_id(), prepared.next.epoch_id());
}
