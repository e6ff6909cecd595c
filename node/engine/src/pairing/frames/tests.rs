//! Tests: the frames of the pairing lane, byte by byte.

use halloo_crypto::id::InviteId;
use halloo_crypto::invite::code::Nameplate;
use halloo_crypto::pake::{Commitment, Door};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;

fn requests() -> Vec<Request> {
    let doors = [Door::Nameplate(Nameplate(7)), Door::Invite(InviteId([3; 16]))];
    let asks = [
        Ask::Probe,
        Ask::Pake { commitment: Commitment([1; 32]), message: [2; 33] },
        Ask::Confirm([4; 32]),
        Ask::Request(vec![5; 700]),
        Ask::Fetch(61_440),
    ];
    doors.into_iter().flat_map(|door| asks.clone().map(|ask| Request { door, ask })).collect()
}

fn replies() -> Vec<Reply> {
    let whys = [
        RefusedWhy::NotMine,
        RefusedWhy::WrongWords { left: 2 },
        RefusedWhy::Burned,
        RefusedWhy::Expired,
        RefusedWhy::UsedUp,
        RefusedWhy::Closed,
        RefusedWhy::Busy,
        RefusedWhy::Broken,
        RefusedWhy::NotAdmitted,
        RefusedWhy::Version(1),
    ];
    let mut all = vec![
        Reply::Offered(Commitment([1; 32])),
        Reply::Answer([2; 33]),
        Reply::Confirmed { confirmation: [3; 32], grant: vec![4; 400] },
        Reply::Wait,
        Reply::Chunk { total: 100, offset: 90, bytes: vec![6; 10] },
    ];
    all.extend(whys.map(Reply::Refused));
    all
}

#[test]
fn frames_read_back_as_they_were_written() {
    for request in requests() {
        assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
    }
    for reply in replies() {
        assert_eq!(Reply::parse(&reply.to_bytes()), Ok(reply));
    }
}

#[test]
fn the_bytes_of_a_probe_and_of_a_fetch_are_those_of_the_drawing() {
    let door = Door::Nameplate(Nameplate(0x0107));
    assert_eq!(Request { door, ask: Ask::Probe }.to_bytes(), [1, 1, 1, 1, 7]);
    assert_eq!(Request { door, ask: Ask::Fetch(2) }.to_bytes(), [1, 5, 1, 1, 7, 0, 0, 0, 2]);
    assert_eq!(not_mine(), [1, 0xff, 1, 0]);
}

#[test]
fn a_refusal_of_another_version_is_understood_and_nothing_else_of_it() {
    assert_eq!(Reply::parse(&[7, 0xff, 0, 0, 9]), Ok(Reply::Refused(RefusedWhy::Version(7))));
    assert_eq!(Reply::parse(&[7, 0x84]), Err(WireError::Version(7)));
    assert_eq!(Request::parse(&[7, 1, 1, 0, 1]), Err(WireError::Version(7)));
}

#[test]
fn chunks_outside_their_total_are_refused() {
    for (total, offset, len) in [(10_u32, 8_u32, 3_usize), (10, 10, 0), (u32::MAX, 0, 1), (10, u32::MAX, 5)] {
        let mut bytes = vec![VERSION, 0x85];
        bytes.extend_from_slice(&total.to_be_bytes());
        bytes.extend_from_slice(&offset.to_be_bytes());
        bytes.extend(vec![0; len]);
        assert!(Reply::parse(&bytes).is_err(), "{total} {offset} {len}");
    }
}

#[test]
fn mutated_frames_are_refused_or_read_back_in_one_spelling() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let frames: Vec<Vec<u8>> =
        requests().iter().map(Request::to_bytes).chain(replies().iter().map(Reply::to_bytes)).collect();
    for round in 0..20_000 {
        let mut bytes = frames[round % frames.len()].clone();
        for _ in 0..=rng.next_u32() % 3 {
            let at = rng.next_u32() as usize % bytes.len().max(1);
            match rng.next_u32() % 4 {
                0 => bytes.truncate(at),
                1 => bytes.push(rng.next_u32() as u8),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.next_u32() as u8),
            }
        }
        if let Ok(request) = Request::parse(&bytes) {
            assert_eq!(request.to_bytes(), bytes);
        }
        if let Ok(reply) = Reply::parse(&bytes)
            && bytes[0] == VERSION
            && !matches!(reply, Reply::Refused(_))
        {
            assert_eq!(reply.to_bytes(), bytes);
        }
    }
}
