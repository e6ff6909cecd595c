//! Operations and acknowledgements from the wire, and what they become.

use super::*;
use crate::input::Command;
use crate::rig::Rig;
use crate::wire::direct::DirectFrame;
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

fn hand(rig: &mut Rig, kind: ParcelKind, items: Vec<Vec<u8>>) {
    let from = rig.peer(1);
    rig.hand_direct(0, from, &DirectFrame::Parcel(Parcel::new(kind, items)));
    rig.settle();
}

#[test]
fn mutated_operations_and_rows_change_no_roster() {
    let mut rig = Rig::group(3, 110);
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(5));
    let operations: Vec<Vec<u8>> =
        rig.engine(0).state.log.ops().into_iter().map(SignedOp::to_bytes).collect();
    let rows: Vec<Vec<u8>> = rig.engine(0).state.log.board().rows().map(Row::to_bytes).collect();
    assert!(rows.len() >= 2, "a removal is acknowledged by those who remain");
    let before = (rig.engine(0).activity(100), rig.engine(0).members());
    let mut rng = ChaCha20Rng::seed_from_u64(110);
    for (kind, valid) in [(ParcelKind::Operations, operations), (ParcelKind::Acknowledgements, rows)] {
        let mutated = (0..400)
            .map(|round| {
                let mut bytes = valid[round % valid.len()].clone();
                let at = rng.next_u32() as usize % bytes.len();
                match round % 3 {
                    0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
                    1 => bytes.truncate(at),
                    _ => rng.fill_bytes(&mut bytes[at..]),
                }
                bytes
            })
            .collect();
        hand(&mut rig, kind, mutated);
    }
    assert_eq!((rig.engine(0).activity(100), rig.engine(0).members()), before);
}

#[test]
fn an_operation_without_the_authority_for_it_is_refused_or_shown_as_void() {
    let mut rig = Rig::group(3, 111);
    let (ada, cleo) = (rig.members[0].identity.account(), rig.members[2].identity.account());
    let ben = rig.members[1].identity.device.clone();
    let mut log = rig.engine(1).state.log.clone();
    let now_ms = rig.now.wall_ms;
    assert!(
        log.author_remove(Author { device: &ben, now_ms }, cleo).is_err(),
        "his own log does not let him"
    );
    // So he signs behind its back.
    let heads: Vec<OpId> = log.heads().iter().copied().collect();
    let seq = heads.iter().filter_map(|head| log.get(head)).map(SignedOp::seq).max().unwrap_or(0) + 1;
    let context = halloo_crdt::log::OpContext { group: log.group(), parents: heads, seq, at_ms: now_ms };
    let op = SignedOp::sign(context, OpKind::Remove { account: cleo }, &ben);
    hand(&mut rig, ParcelKind::Operations, vec![op.to_bytes()]);
    assert_eq!(rig.engine(0).members().len(), 3);
    assert!(rig.engine(0).state.log.view().is_member(&ada));
}

#[test]
fn operations_that_come_before_their_past_wait_for_it() {
    let mut rig = Rig::group(2, 112);
    rig.cut = true;
    let account = rig.members[1].identity.account();
    for role in [Role::Moderator, Role::Admin, Role::Member] {
        rig.command(0, Command::SetRole { account, role }).expect("set");
    }
    let mut operations: Vec<Vec<u8>> =
        rig.engine(0).state.log.ops().into_iter().map(SignedOp::to_bytes).collect();
    let expected = rig.engine(0).activity(100);
    operations.reverse();
    let from = rig.peer(0);
    for operation in operations {
        let parcel = Parcel::new(ParcelKind::Operations, vec![operation]);
        rig.hand_direct(1, from, &DirectFrame::Parcel(parcel));
    }
    assert_eq!(rig.engine(1).activity(100), expected, "INV-1");
}

#[test]
fn a_row_for_a_removal_that_is_not_known_is_asked_for_later() {
    let mut rig = Rig::group(2, 113);
    let ben = rig.members[1].identity.device.clone();
    let group = rig.engine(0).group();
    let fact = halloo_crdt::log::Fact::Remove(OpId::from_bytes([3; 32]));
    let row = Row::sign(group, fact, vec![], vec![], &ben);
    let before = rig.engine(0).state.log.board().rows().count();
    hand(&mut rig, ParcelKind::Acknowledgements, vec![row.to_bytes()]);
    assert_eq!(rig.engine(0).state.log.board().rows().count(), before);
    assert_eq!(rig.dropped(0, "acknowledgement that the board refuses"), 0, "nobody is to blame");
}

#[test]
fn a_removal_is_acknowledged_by_all_who_remain() {
    let mut rig = Rig::group(4, 114);
    let dan = rig.members[3].identity.account();
    rig.command(0, Command::Remove(dan)).expect("removed");
    rig.pass(Duration::from_secs(60));
    for who in 0..3 {
        assert_eq!(rig.engine(who).state.log.board().rows().count(), 3, "{who}");
        let me = rig.engine(who).state.me();
        assert!(rig.engine(who).state.log.unacknowledged(&me).is_empty());
    }
}

#[test]
fn refusals_of_the_log_are_told_in_words() {
    assert_eq!(refusal(LogError::Denied(halloo_crdt::log::VoidReason::NotEntitled)), Refusal::NotAllowed);
    assert!(matches!(refusal(LogError::LastOwner), Refusal::Invalid(_)));
    assert!(matches!(refusal(LogError::TooMany), Refusal::Invalid(_)));
}
