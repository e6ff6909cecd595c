//! Tests: what strangers, thieves of a certificate and the impatient are told. Letting in is in `tests/string/recovery.rs`.

use halloo_crdt::log::{DeviceGrant, OpContext};
use halloo_crypto::group::KeyPackageSecret;
use halloo_crypto::id::GroupId;
use halloo_crypto::identity::{AccountSecret, DeviceSecret};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::input::{Command, Input};
use crate::rig::Rig;

const ASKER: PeerKey = PeerKey([88; 32]);

/// Member 0's answer to a request of [`ASKER`]; none if it is held back.
fn ask(rig: &mut Rig, request: &Request) -> Option<Answer> {
    ask_as(rig, ASKER, request)
}

/// The same to a request of this peer.
fn ask_as(rig: &mut Rig, asker: PeerKey, request: &Request) -> Option<Answer> {
    let before = rig.members[0].sent.len();
    rig.hand(0, Input::Frame { from: asker, lane: Lane::Pair, bytes: request.to_bytes() });
    let sent = rig.members[0].sent[before..].iter().find(|(to, _)| *to == Some(asker));
    sent.map(|(_, bytes)| Answer::parse(bytes).expect("a sound answer"))
}

fn find(rig: &Rig, account: &AccountSecret, by: &AccountSecret) -> Request {
    find_as(rig, ASKER, account, by)
}

fn find_as(rig: &Rig, asker: PeerKey, account: &AccountSecret, by: &AccountSecret) -> Request {
    let tag = Tag::of(&account.id(), &asker, &rig.peer(0));
    let proof = crate::pairing::readmission::prove(by, &asker, &rig.peer(0));
    Request { knock: Knock::Nth(tag, 0), ask: Ask::Find { proof } }
}

/// A new device of this account asks to be let in, by an operation as `bend` leaves it.
fn come_back(
    rig: &mut Rig,
    account: &AccountSecret,
    bend: impl FnOnce(&mut OpContext, &mut DeviceGrant),
) -> Request {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let device = DeviceSecret::generate(&mut rng);
    let certificate = DeviceCertificate::issue(account, &device, 9);
    let group = rig.engine(0).group();
    let key_package =
        KeyPackageSecret::generate(group, &device, &mut rng).expect("a package").key_package().to_vec();
    let mut grant = DeviceGrant { certificate: certificate.clone(), key_package: key_package.clone() };
    let heads = rig.engine(0).heads();
    let height =
        heads.iter().filter_map(|head| rig.members[0].engine.state.log.get(head)).map(|op| op.seq() + 1);
    let seq = height.max().expect("a log has heads");
    let mut context = OpContext { group, parents: heads, seq, at_ms: 9 };
    bend(&mut context, &mut grant);
    let operation = SignedOp::sign(context, OpKind::DeviceAdd { device: grant }, &device).to_bytes();
    let tag = Tag::of(&account.id(), &ASKER, &rig.peer(0));
    let ask = Ask::Return { certificate: Box::new(certificate), operation, key_package };
    Request { knock: Knock::Group(tag, group), ask }
}

const NOT_MINE: Option<RefusedWhy> = Some(RefusedWhy::NotMine);

fn refusal(answer: Option<Answer>) -> Option<RefusedWhy> {
    match answer {
        Some(Answer::Paired(Reply::Refused(why))) => Some(why),
        _ => None,
    }
}

#[test]
fn only_who_holds_the_account_key_learns_that_the_group_is_here() {
    let mut rig = Rig::group(2, 700);
    let (ben, mallory) = (rig.members[1].account.clone(), rig.members[0].account.clone());
    let stranger = AccountSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let unknown = find(&rig, &stranger, &stranger);
    assert_eq!(refusal(ask(&mut rig, &unknown)), NOT_MINE);
    // Who knows of the account, as every member does, and does not hold its key.
    let known = find(&rig, &ben, &mallory);
    assert_eq!(refusal(ask(&mut rig, &known)), NOT_MINE);
    let proven = find(&rig, &ben, &ben);
    let Some(Answer::Found(found)) = ask(&mut rig, &proven) else { panic!("it is found") };
    assert_eq!((found.group, found.member), (rig.engine(0).group(), true));
    assert_eq!(found.heads, rig.engine(0).heads());
    assert_eq!((found.group_name.as_str(), found.own_name.as_str()), ("Rig", "M1"));
}

#[test]
fn a_bent_operation_lets_nobody_in_and_leaves_no_trace() {
    let mut rig = Rig::group(2, 701);
    let ben = rig.members[1].account.clone();
    let before = rig.engine(0).status().operations;
    let bends: [fn(&mut OpContext, &mut DeviceGrant); 5] = [
        |context, _| context.group = GroupId([1; 32]),
        |context, _| context.seq += 1,
        |context, _| context.parents = vec![OpId([1; 32])],
        |_, grant| grant.key_package[100] ^= 1,
        |_, grant| grant.certificate.created_ms += 1,
    ];
    for (at, bend) in bends.into_iter().enumerate() {
        let request = come_back(&mut rig, &ben, bend);
        assert_eq!(refusal(ask(&mut rig, &request)), Some(RefusedWhy::NotAdmitted), "bend {at}");
    }
    // A device that another account certified, under the tag of Ben.
    let stranger = AccountSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let mut request = come_back(&mut rig, &stranger, |_, _| {});
    request.knock = Knock::Group(Tag::of(&ben.id(), &ASKER, &rig.peer(0)), rig.engine(0).group());
    assert_eq!(refusal(ask(&mut rig, &request)), Some(RefusedWhy::NotAdmitted));
    assert_eq!(rig.engine(0).status().operations, before);
    let sound = come_back(&mut rig, &ben, |_, _| {});
    assert_eq!(refusal(ask(&mut rig, &sound)), None);
    rig.settle();
    assert_eq!(rig.engine(0).status().operations, before + 1);
}

#[test]
fn the_bundle_is_handed_over_in_pieces_to_who_was_let_in_and_to_nobody_else() {
    let mut rig = Rig::group(2, 702);
    let ben = rig.members[1].account.clone();
    let sound = come_back(&mut rig, &ben, |_, _| {});
    let fetch = |offset| Request { knock: sound.knock, ask: Ask::Fetch(offset) };
    assert_eq!(refusal(ask(&mut rig, &fetch(0))), Some(RefusedWhy::Broken), "nothing was asked for");
    let before = rig.members[0].sent.len();
    assert_eq!(ask(&mut rig, &sound), None, "held back until it is durable");
    rig.settle();
    let sent = rig.members[0].sent[before..].iter().filter(|(to, _)| *to == Some(ASKER));
    let answers: Vec<Answer> = sent.map(|(_, bytes)| Answer::parse(bytes).expect("sound")).collect();
    let [Answer::Paired(Reply::Chunk { total, offset: 0, bytes })] = answers.as_slice() else {
        panic!("one piece: {answers:?}")
    };
    assert_eq!(*total as usize, bytes.len());
    assert_eq!(ask(&mut rig, &fetch(0)), Some(answers[0].clone()), "once more, if the reply was lost");
    assert_eq!(refusal(ask(&mut rig, &fetch(*total))), Some(RefusedWhy::Broken));
    rig.hand(0, Input::PeerDown(ASKER));
    assert_eq!(refusal(ask(&mut rig, &fetch(0))), Some(RefusedWhy::Broken), "it left");
}

#[test]
fn who_was_removed_is_told_so_and_a_member_that_is_out_answers_nobody() {
    let mut rig = Rig::group(3, 703);
    let (ada, ben) = (rig.members[0].account.clone(), rig.members[1].account.clone());
    rig.command(0, Command::Remove(ben.id())).expect("removed");
    let request = find(&rig, &ben, &ben);
    let Some(Answer::Found(found)) = ask(&mut rig, &request) else { panic!("it was in it") };
    assert!(!found.member);
    let request = come_back(&mut rig, &ben, |_, _| {});
    assert_eq!(refusal(ask(&mut rig, &request)), Some(RefusedWhy::NotAdmitted));
    let tag = Tag::of(&ada.id(), &ASKER, &rig.peer(1));
    assert!(!rig.engine(1).is_sought(&ASKER, &tag), "Ben is out and lets nobody in");
}

#[test]
fn the_impatient_hear_busy() {
    let mut rig = Rig::group(2, 704);
    let ben = rig.members[1].account.clone();
    let request = find(&rig, &ben, &ben);
    let busy = |rig: &mut Rig| refusal(ask(rig, &request)) == Some(RefusedWhy::Busy);
    assert_eq!((0..=PEER_LOOKS_MAX).filter(|_| busy(&mut rig)).count(), 1);
    rig.pass(BURST_SPAN);
    assert!(matches!(ask(&mut rig, &request), Some(Answer::Found(_))));
    let mut other = request.to_bytes();
    other[0] = 9;
    let before = rig.members[0].sent.len();
    rig.hand(0, Input::Frame { from: ASKER, lane: Lane::Pair, bytes: other });
    let (_, bytes) = rig.members[0].sent[before..].first().expect("an answer");
    assert_eq!(refusal(Answer::parse(bytes).ok()), Some(RefusedWhy::Version(VERSION)));
}

#[test]
fn who_asks_without_end_takes_the_answer_from_nobody_else() {
    let mut rig = Rig::group(2, 705);
    let ben = rig.members[1].account.clone();
    let peer = |at: u32| PeerKey([100 + u8::try_from(at).expect("a few"); 32]);
    let flood = |rig: &mut Rig, at: u32| {
        let request = find_as(rig, peer(at), &ben, &ben);
        let asked = (0..4 * PEER_LOOKS_MAX).filter_map(|_| ask_as(rig, peer(at), &request));
        asked.filter(|answer| matches!(answer, Answer::Found(_))).count()
    };
    let own = find(&rig, &ben, &ben);
    let found = |rig: &mut Rig| matches!(ask(rig, &own), Some(Answer::Found(_)));
    let flooding = LOOKS_MAX / PEER_LOOKS_MAX;
    for at in 1..flooding {
        assert_eq!(flood(&mut rig, at), PEER_LOOKS_MAX as usize);
        assert!(found(&mut rig), "{at} who flood leave the others their answers");
    }
    assert!(flood(&mut rig, flooding) < PEER_LOOKS_MAX as usize, "all together have a limit too");
    assert!(!found(&mut rig));
    rig.pass(BURST_SPAN);
    assert!(found(&mut rig));
}

#[test]
fn who_knocked_too_often_is_not_looked_for_and_hears_busy() {
    let mut rig = Rig::group(2, 706);
    let ben = rig.members[1].account.clone();
    let stranger = AccountSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let tag = Tag::of(&stranger.id(), &ASKER, &rig.peer(0));
    let looked = |rig: &mut Rig| !rig.engine(0).is_sought(&ASKER, &tag);
    assert_eq!((0..2 * PEER_LOOKS_MAX).filter(|_| looked(&mut rig)).count(), PEER_LOOKS_MAX as usize);
    // It is routed here whatever it seeks, and the answer costs no look either.
    let request = find(&rig, &ben, &ben);
    assert_eq!(refusal(ask(&mut rig, &request)), Some(RefusedWhy::Busy));
    let other = PeerKey([99; 32]);
    assert!(rig.engine(0).is_sought(&other, &Tag::of(&ben.id(), &other, &PeerKey([1; 32]))));
}
