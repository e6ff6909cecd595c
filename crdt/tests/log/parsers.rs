//! Bytes from anywhere: parsers never panic, and what they accept is canonical.

use halloo_crdt::log::op::MAX_OP_BYTES;
use halloo_crdt::log::{Fact, Log, LogError, OpKind, Role, Row, SignedOp};
use halloo_crypto::identity::Revocation;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::kit::{Invitation, NOW_MS, act, group, heads, people, rng};

/// A log with an operation of every kind.
fn every_kind() -> Log {
    let p = people(4);
    let mut log = group(&p[..3], &[Role::Admin, Role::Member]);
    let invitation = Invitation::new(3);
    let invite = act(&mut log, p[0].device(), invitation.opens(Role::Member, 2));
    let kind = invitation.admits(log.group(), invite.id(), &p[3], Role::Member);
    act(&mut log, p[2].device(), kind);
    let closes = OpKind::InviteRevoke { invite: invite.id() };
    act(&mut log, p[0].device(), closes);
    let device = p[1].grant(1);
    act(&mut log, p[1].device(), OpKind::DeviceAdd { device });
    let word = Revocation::issue(&p[1].account, p[1].devices[1].id(), NOW_MS);
    let revoke =
        OpKind::DeviceRevoke { account: p[1].id(), device: p[1].devices[1].id(), revocation: Some(word) };
    act(&mut log, p[1].device(), revoke);
    act(&mut log, p[0].device(), p[2].set_role(Role::Moderator));
    act(&mut log, p[0].device(), p[3].remove());
    log
}

fn below(rng: &mut ChaCha20Rng, limit: usize) -> usize {
    (rng.next_u64() % limit as u64) as usize
}

/// Flips, cuts, repeats or splices.
fn mutate(rng: &mut ChaCha20Rng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + below(rng, 3) {
        if bytes.is_empty() {
            break;
        }
        let at = below(rng, bytes.len());
        match below(rng, 5) {
            0 => bytes[at] ^= 1 << below(rng, 8),
            1 => bytes[at] = rng.next_u32() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, bytes[at]),
            _ => {
                let from = below(rng, other.len());
                bytes.splice(at.., other[from..].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn operations_survive_their_own_bytes() {
    for op in every_kind().ops() {
        let bytes = op.to_bytes();
        assert_eq!(SignedOp::from_bytes(&bytes).as_ref(), Ok(op));
        assert!(bytes.len() < 1_024);
    }
}

#[test]
fn fuzzed_operations_are_refused_or_canonical_and_never_change_a_log() {
    let log = every_kind();
    let frames: Vec<Vec<u8>> = log.ops().iter().map(|op| op.to_bytes()).collect();
    let mut rng = rng(0xF0);
    let mut parsed = 0;
    for round in 0..40_000 {
        let bytes = if round % 4 == 0 {
            let mut bytes = vec![0; below(&mut rng, 400)];
            rng.fill_bytes(&mut bytes);
            bytes
        } else {
            let (a, b) = (below(&mut rng, frames.len()), below(&mut rng, frames.len()));
            mutate(&mut rng, &frames[a], &frames[b])
        };
        if frames.contains(&bytes) {
            continue;
        }
        if let Ok(op) = SignedOp::from_bytes(&bytes) {
            parsed += 1;
            assert_eq!(op.to_bytes(), bytes, "canonical");
            if parsed % 20 == 0 {
                let mut log = log.clone();
                let before = log.view().clone();
                // Known: the signature alone was touched, and the id does not cover it.
                let known = log.get(&op.id()).is_some();
                assert!(known || log.insert(op).is_err(), "a forgery never passes");
                assert_eq!(log.view(), &before);
            }
        }
    }
    assert!(parsed > 1_000, "the mutations reach beyond the parser: {parsed}");
}

#[test]
fn fuzzed_rows_are_refused_or_canonical() {
    let p = people(2);
    let log = group(&p, &[Role::Member]);
    let facts = [Fact::Remove(heads(&log)[0]), Fact::Commit([3; 32])];
    let frames = facts.map(|fact| {
        let rivals = vec![[1; 32], [2; 32]];
        Row::sign(log.group(), fact, heads(&log), rivals, p[0].device()).to_bytes()
    });
    let mut rng = rng(0xF1);
    let mut parsed = 0;
    for round in 0..40_000 {
        let bytes = if round % 4 == 0 {
            let mut bytes = vec![0; below(&mut rng, 300)];
            rng.fill_bytes(&mut bytes);
            bytes
        } else {
            mutate(&mut rng, &frames[round % 2], &frames[(round / 2) % 2])
        };
        if let Ok(row) = Row::from_bytes(&bytes) {
            parsed += 1;
            assert_eq!(row.to_bytes(), bytes, "canonical");
            if !frames.contains(&bytes) {
                let mut log = log.clone();
                assert!(log.acknowledge(row).is_err(), "a forged row never passes");
            }
        }
    }
    assert!(parsed > 1_000, "the mutations reach beyond the parser: {parsed}");
}

#[test]
fn bytes_beyond_the_limit_are_not_even_decoded() {
    assert_eq!(SignedOp::from_bytes(&vec![1; MAX_OP_BYTES + 1]), Err(LogError::TooLarge));
    assert_eq!(Row::from_bytes(&[1; 4_097]), Err(LogError::TooLarge));
    assert_eq!(SignedOp::from_bytes(&[]), Err(LogError::Malformed));
    assert_eq!(SignedOp::from_bytes(&[1; 64]), Err(LogError::Malformed));
    assert_eq!(Row::from_bytes(&[]), Err(LogError::Malformed));
}

#[test]
fn a_longer_spelling_of_the_same_number_is_no_second_id() {
    let op = every_kind().ops()[1].to_bytes();
    // version 1 as the two-byte varint 0x81 0x00
    let longer: Vec<u8> = [0x81, 0x00].iter().chain(&op[1..]).copied().collect();
    assert_eq!(SignedOp::from_bytes(&longer), Err(LogError::Malformed));
    let mut trailing = op[..op.len() - 64].to_vec();
    trailing.push(0);
    trailing.extend_from_slice(&op[op.len() - 64..]);
    assert_eq!(SignedOp::from_bytes(&trailing), Err(LogError::Malformed));
}
