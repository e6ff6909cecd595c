//! Tests: whom it asks and when, and which groups it lets itself be brought into.

use halloo_crdt::log::{Author, Log, Role};
use rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::pairing::not_mine;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn at(seconds: u64) -> Now {
    Now { mono: Time::from_millis(seconds * 1_000), wall_ms: 1_790_000_000_000 + seconds * 1_000 }
}

fn peer(name: u8) -> PeerKey {
    PeerKey([name; 32])
}

/// An account with this device and the certificate.
fn person(rng: &mut ChaCha20Rng) -> (AccountSecret, DeviceSecret, DeviceCertificate) {
    let (account, device) = (AccountSecret::generate(rng), DeviceSecret::generate(rng));
    let certificate = DeviceCertificate::issue(&account, &device, 1);
    (account, device, certificate)
}

fn seeker(wanted: &[u8], any: bool) -> Seeker {
    let (account, device, certificate) = person(&mut rng(1));
    let who = SeekerIdentity { account, device, certificate, peer: peer(9) };
    let wanted = wanted.iter().map(|group| (GroupId([*group; 32]), Vec::new())).collect();
    Seeker::new(who, wanted, any, rng(2))
}

/// Whom it asked since the last look, and after which of the groups (none: something else).
fn asked(seeker: &mut Seeker) -> Vec<(PeerKey, Option<u16>)> {
    let mut asked = Vec::new();
    while let Some(wish) = seeker.poll() {
        if let SeekerOutput::Send { to, bytes } = wish {
            let request = Request::parse(&bytes).expect("its own frame");
            asked.push((to, if let Knock::Nth(_, nth) = request.knock { Some(nth) } else { None }));
        }
    }
    asked
}

fn found(group: u8, member: bool) -> Vec<u8> {
    let found = Found {
        member,
        group: GroupId([group; 32]),
        height: 1,
        heads: vec![OpId([group; 32])],
        group_name: "Ride".into(),
        own_name: "Ben".into(),
    };
    Answer::Found(Box::new(found)).to_bytes()
}

#[test]
fn peers_are_asked_one_after_the_other_and_again_after_a_while() {
    let mut seeker = seeker(&[7], false);
    for name in [1, 2] {
        seeker.handle(at(0), SeekerInput::PeerUp(peer(name)));
    }
    assert_eq!(asked(&mut seeker), [(peer(1), Some(0))]);
    seeker.handle(at(1), SeekerInput::Frame { from: peer(2), bytes: found(7, true) });
    assert_eq!(asked(&mut seeker), [], "who was not asked is not heard");
    seeker.handle(at(1), SeekerInput::Frame { from: peer(1), bytes: not_mine() });
    assert_eq!(asked(&mut seeker), [(peer(2), Some(0))]);
    // The second never answers.
    assert_eq!(seeker.deadline(), Some(at(1).mono.after(STEP)));
    seeker.handle(at(14), SeekerInput::Wake);
    assert_eq!(asked(&mut seeker), []);
    seeker.handle(at(21), SeekerInput::Wake);
    assert_eq!(asked(&mut seeker), [(peer(1), Some(0))]);
    seeker.handle(at(22), SeekerInput::PeerDown(peer(1)));
    seeker.handle(at(40), SeekerInput::Wake);
    assert_eq!(asked(&mut seeker), [(peer(2), Some(0))]);
}

#[test]
fn all_groups_of_a_peer_are_looked_at_and_only_wanted_ones_entered() {
    let mut seeker = seeker(&[7], false);
    seeker.handle(at(0), SeekerInput::PeerUp(peer(1)));
    assert_eq!(asked(&mut seeker), [(peer(1), Some(0))]);
    seeker.handle(at(0), SeekerInput::Frame { from: peer(1), bytes: found(3, true) });
    assert_eq!(asked(&mut seeker), [(peer(1), Some(1))], "not in the backup");
    seeker.handle(at(0), SeekerInput::Frame { from: peer(1), bytes: found(7, true) });
    assert_eq!(asked(&mut seeker), [(peer(1), None)], "it asks to be let in");
    let refused = Answer::refused(RefusedWhy::Busy).to_bytes();
    seeker.handle(at(0), SeekerInput::Frame { from: peer(1), bytes: refused });
    assert_eq!(asked(&mut seeker), [(peer(1), Some(2))]);
    assert!(seeker.is_seeking() && seeker.missing().count() == 1);
    seeker.handle(at(1), SeekerInput::Entered(GroupId([7; 32])));
    assert!(!seeker.is_seeking());
}

#[test]
fn a_removal_is_told_once_and_is_no_reason_to_stop_asking() {
    let mut seeker = seeker(&[7], false);
    let mut told = 0;
    for round in 0..3 {
        let name = peer(round + 1);
        seeker.handle(at(u64::from(round)), SeekerInput::PeerUp(name));
        seeker.handle(at(u64::from(round)), SeekerInput::Frame { from: name, bytes: found(7, false) });
        while let Some(wish) = seeker.poll() {
            told += u32::from(matches!(wish, SeekerOutput::Removed { .. }));
        }
        seeker.handle(at(u64::from(round)), SeekerInput::Frame { from: name, bytes: not_mine() });
    }
    assert_eq!(told, 1, "whoever said it may be wrong, or late");
    assert!(seeker.is_seeking());
}

#[test]
fn nothing_is_asked_when_nothing_is_missing() {
    let mut seeker = seeker(&[], false);
    seeker.handle(at(0), SeekerInput::PeerUp(peer(1)));
    assert_eq!((asked(&mut seeker), seeker.deadline()), (Vec::new(), None));
}

/// Seeded, so that a failure is found again.
#[test]
fn no_answer_whatever_stops_it() {
    let mut rng = rng(5);
    let mut seeker = seeker(&[7, 3], true);
    let chunk = Answer::Paired(Reply::Chunk { total: 5, offset: 0, bytes: vec![1; 5] }).to_bytes();
    let sound = [found(7, true), found(3, false), not_mine(), chunk];
    for round in 0..5_000_u64 {
        seeker.handle(at(round), SeekerInput::PeerUp(peer(1)));
        let mut bytes = sound[rng.next_u32() as usize % 4].clone();
        if rng.next_u32().is_multiple_of(3) {
            let place = rng.next_u32() as usize % bytes.len();
            bytes[place] = rng.next_u32() as u8;
        }
        seeker.handle(at(round), SeekerInput::Frame { from: peer(1), bytes });
        while let Some(wish) = seeker.poll() {
            assert!(!matches!(wish, SeekerOutput::Returned(_)), "nobody sealed a bundle");
        }
        if rng.next_u32().is_multiple_of(50) {
            seeker.handle(at(round), SeekerInput::PeerDown(peer(1)));
        }
    }
    assert!(seeker.is_seeking());
}

#[test]
fn only_a_group_that_an_earlier_device_agreed_to_be_in_counts_as_ours() {
    let mut rng = rng(6);
    let (account, old, old_certificate) = person(&mut rng);
    let (_, mallory, theirs) = person(&mut rng);
    let new = DeviceSecret::generate(&mut rng);
    let new_certificate = DeviceCertificate::issue(&account, &new, 2);
    let by = Author { device: &mallory, now_ms: 5 };
    let own = DeviceGrant { certificate: theirs, key_package: Vec::new() };
    let mut log = Log::found(by, [1; 32], own).expect("founded").0;
    let group = log.group();
    let package = |group: GroupId, device: &DeviceSecret, rng: &mut ChaCha20Rng| {
        KeyPackageSecret::generate(group, device, rng).expect("a package").key_package().to_vec()
    };
    let is_ours = |log: &Log| {
        let operations: Vec<SignedOp> = log.ops().into_iter().cloned().collect();
        consented(&operations, &group, &account.id(), &new.id())
    };
    assert!(!is_ours(&log));
    // Mallory knows the certificate from another group, and a package that was made for that one.
    let elsewhere = package(GroupId([5; 32]), &old, &mut rng);
    let grant = DeviceGrant { certificate: old_certificate.clone(), key_package: elsewhere };
    let mut forged = log.clone();
    forged.author_add(by, Role::Member, vec![grant], None).expect("the log does not look inside");
    assert!(!is_ours(&forged), "nobody asked the account");
    // What the new device itself signs says nothing about the past.
    let grant = DeviceGrant { certificate: new_certificate, key_package: package(group, &new, &mut rng) };
    forged
        .author(Author { device: &new, now_ms: 6 }, OpKind::DeviceAdd { device: grant })
        .expect("it adds itself");
    assert!(!is_ours(&forged));
    let grant =
        DeviceGrant { certificate: old_certificate.clone(), key_package: package(group, &old, &mut rng) };
    log.author_add(by, Role::Member, vec![grant], None).expect("added");
    assert!(is_ours(&log), "it made a package for this group");
    let own = DeviceGrant { certificate: old_certificate, key_package: Vec::new() };
    let founded = Log::found(Author { device: &old, now_ms: 5 }, [2; 32], own).expect("founded").0;
    let operations: Vec<SignedOp> = founded.ops().into_iter().cloned().collect();
    assert!(consented(&operations, &founded.group(), &account.id(), &new.id()), "it founded it");
}
