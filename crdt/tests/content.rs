//! Content: one spelling, one id, one signature, whatever seals it.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use group::{Device, GROUP, NOON_MS, bent, chat, hlc, noise, rng};
use halloo_crdt::clock::Hlc;
use halloo_crdt::content::{
    Body, Content, ContentError, MAX_CHANGE_BYTES, MAX_CONTENT_BYTES, MAX_DEPS, MAX_MARKS,
    MAX_REACTION_BYTES, MAX_TEXT_BYTES, Mark, Place, SignedContent, VerifiedContent,
};
use halloo_crypto::id::{DeviceId, Incarnation, MessageId, OpId};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use rand_core::Rng;

fn ids() -> impl Strategy<Value = MessageId> {
    any::<[u8; 32]>().prop_map(MessageId::from_bytes)
}

fn marks() -> impl Strategy<Value = Vec<Mark>> {
    let stream = (any::<[u8; 32]>(), any::<[u8; 16]>());
    prop::collection::btree_map(stream, 1..u64::MAX, 0..9).prop_map(|marks| {
        let mark = |((author, incarnation), seq)| Mark {
            author: DeviceId::from_bytes(author),
            incarnation: Incarnation::from_bytes(incarnation),
            seq,
        };
        marks.into_iter().map(mark).collect()
    })
}

fn bodies() -> impl Strategy<Value = Body> {
    prop_oneof![
        ("\\PC{1,90}", prop::option::of(ids())).prop_map(|(text, reply_to)| Body::Chat { text, reply_to }),
        (ids(), "\\PC{1,90}").prop_map(|(target, text)| Body::Edit { target, text }),
        ids().prop_map(|target| Body::Redact { target }),
        (ids(), "\\PC{1,6}", any::<bool>()).prop_map(|(target, emoji, on)| Body::Reaction {
            target,
            emoji,
            on
        }),
        (marks(), marks()).prop_map(|(delivered, read)| Body::Receipt { delivered, read }),
        vec(any::<u8>(), 1..300).prop_map(Body::Document),
        (any::<[u8; 32]>(), btree_set(ids(), 1..9)).prop_map(|(add, lines)| Body::History {
            add: OpId::from_bytes(add),
            lines: lines.into_iter().collect()
        }),
        (11..=255_u8, vec(any::<u8>(), 0..300)).prop_map(|(kind, bytes)| Body::Unknown { kind, bytes }),
    ]
}

prop_compose! {
    fn contents()(
        (group, author, incarnation, salt) in any::<([u8; 32], [u8; 32], [u8; 16], [u8; 16])>(),
        seq in 1..u64::MAX,
        (wall_ms, counter) in any::<(u64, u32)>(),
        deps in btree_set(ids(), 0..=MAX_DEPS),
        heads in btree_set(any::<[u8; 32]>(), 0..4),
        body in bodies(),
    ) -> Content {
        Content {
            group: halloo_crypto::id::GroupId::from_bytes(group),
            author: DeviceId::from_bytes(author),
            incarnation: Incarnation::from_bytes(incarnation),
            seq,
            hlc: Hlc { wall_ms, counter },
            deps: deps.into_iter().collect(),
            heads: heads.into_iter().map(OpId::from_bytes).collect(),
            salt,
            body,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_content_comes_back_from_its_bytes(content in contents()) {
        let bytes = content.to_bytes();
        prop_assert_eq!(&Content::from_bytes(&bytes).unwrap(), &content);
        for len in [0, 1, 118, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            // A shorter text or an unknown body may still be content, but never the same one.
            if let Ok(other) = Content::from_bytes(&bytes[..len.min(bytes.len() - 1)]) {
                prop_assert_ne!(other.id(), content.id());
            }
        }
    }

    #[test]
    fn two_contents_never_share_their_bytes(a in contents(), b in contents()) {
        prop_assert_eq!(a == b, a.to_bytes() == b.to_bytes());
        prop_assert_eq!(a == b, a.id() == b.id());
    }
}

/// The one content that every version must hash to the same id: a change here is a change of the protocol.
#[test]
fn a_known_content_has_its_known_bytes_and_id() {
    let content = Content {
        group: GROUP,
        author: DeviceId::from_bytes([1; 32]),
        incarnation: Incarnation::from_bytes([2; 16]),
        seq: 3,
        hlc: Hlc { wall_ms: NOON_MS, counter: 4 },
        deps: vec![MessageId::from_bytes([5; 32])],
        heads: vec![OpId::from_bytes([6; 32])],
        salt: [8; 16],
        body: Body::Chat { text: "to the pass".to_owned(), reply_to: None },
    };
    let bytes = content.to_bytes();
    assert_eq!(bytes.len(), 119 + 32 + 32 + 2 + 11);
    assert_eq!((bytes[0], &bytes[1..33], &bytes[33..65]), (1, &[7; 32][..], &[1; 32][..]));
    assert_eq!(&bytes[81..89], &3_u64.to_le_bytes());
    assert_eq!(&bytes[89..101], &content.hlc.to_bytes());
    assert_eq!(&bytes[117..119], &[1, 1]);
    assert_eq!(&bytes[183..], b"\0\0to the pass");
    assert_eq!(content.id().to_string(), KNOWN_ID);
}

const KNOWN_ID: &str = "7e4b8c18f325ee5fc26650755c3c9381dceaa2bcee206d20453285ab8154f321";

#[test]
fn inv_4_id_and_signature_are_the_same_through_any_number_of_seals_and_stores() {
    let mut device = Device::new(1);
    let written = device.say(0, &[], "hello");
    let carried = SignedContent::parse(&written.to_bytes()).unwrap();
    assert_eq!(carried.id(), written.id());
    let again = carried.verify().unwrap();
    let stored = VerifiedContent::trusted(again.id(), &again.to_bytes()).unwrap();
    assert_eq!(stored, written);
    assert_eq!(stored.to_bytes(), written.to_bytes());
    assert_eq!(stored.content().id(), written.id());
}

#[test]
fn no_byte_of_a_frame_can_change_without_being_noticed() {
    let mut device = Device::new(2);
    let dep = device.say(0, &[], "before");
    let frame = device.say(1, &[&dep], "hello").to_bytes();
    for at in 0..frame.len() {
        let mut bent = frame.clone();
        bent[at] ^= 0x10;
        let outcome = SignedContent::parse(&bent).and_then(SignedContent::verify);
        assert!(outcome.is_err(), "byte {at}");
    }
}

#[test]
fn content_of_another_author_does_not_verify_under_ours() {
    let (mut a, b) = (Device::new(3), Device::new(4));
    let written = a.say(0, &[], "mine");
    let stolen = Content { author: b.id(), ..written.content().clone() };
    let frame = [&written.to_bytes()[..65], &stolen.to_bytes()].concat();
    assert_eq!(SignedContent::parse(&frame).unwrap().verify(), Err(ContentError::Signature));
}

#[test]
fn a_composer_counts_without_gaps_sorts_its_deps_and_refuses_what_is_too_long() {
    let mut device = Device::new(5);
    let (a, b) = (device.say(0, &[], "a"), device.say(1, &[], "b"));
    let both = device.say(2, &[&b, &a, &b], "c");
    assert_eq!([a.content().seq, b.content().seq, both.content().seq], [1, 2, 3]);
    assert_eq!(both.content().deps.len(), 2);
    assert!(both.content().deps.is_sorted());
    assert_ne!(a.content().salt, b.content().salt);
    let place = || Place { hlc: hlc(3), deps: vec![], heads: vec![] };
    let mark =
        |n: u8| Mark { author: DeviceId::from_bytes([n; 32]), incarnation: device.incarnation, seq: 1 };
    let target = a.id();
    let refused = [
        chat(""),
        chat(&"x".repeat(MAX_TEXT_BYTES + 1)),
        Body::Edit { target, text: "x".repeat(MAX_TEXT_BYTES + 1) },
        Body::Reaction { target, emoji: "x".repeat(MAX_REACTION_BYTES + 1), on: true },
        Body::Document(vec![0; MAX_CHANGE_BYTES + 1]),
        Body::Document(vec![]),
        Body::Receipt { delivered: vec![mark(2), mark(1)], read: vec![] },
        Body::Receipt { delivered: (0..=200).map(mark).collect(), read: vec![] },
        Body::Unknown { kind: 5, bytes: vec![] },
    ];
    assert_eq!(MAX_MARKS, 200);
    for body in refused {
        let outcome = device.composer.compose(&device.secret, &mut device.rng, place(), body.clone());
        assert!(outcome.is_err(), "{body:?}");
    }
    assert_eq!(device.say(4, &[], &"x".repeat(MAX_TEXT_BYTES)).content().seq, 4);
}

#[test]
fn a_kind_of_the_future_is_kept_byte_for_byte() {
    let mut device = Device::new(6);
    let body = Body::Unknown { kind: 6, bytes: b"a voice note, one day".to_vec() };
    let written = device.write(0, &[], body.clone());
    let read = SignedContent::parse(&written.to_bytes()).unwrap().verify().unwrap();
    assert_eq!(read.content().body, body);
}

#[test]
fn what_is_newer_or_longer_than_we_read_says_so() {
    let mut device = Device::new(7);
    let mut frame = device.say(0, &[], "x").to_bytes();
    frame[0] = 2;
    let error = SignedContent::parse(&frame).unwrap_err();
    assert_eq!(error, ContentError::Version(2));
    assert!(error.to_string().contains("update"));
    let long = vec![1; MAX_CONTENT_BYTES + 66];
    assert!(matches!(SignedContent::parse(&long), Err(ContentError::TooLong { field: "content", .. })));
}

/// What is accepted has one spelling: it encodes to the very bytes that were read.
fn accepted_only_canonical(bytes: &[u8]) -> bool {
    match SignedContent::parse(bytes) {
        Ok(signed) => {
            assert_eq!(signed.content().to_bytes(), &bytes[65..]);
            assert_eq!(signed.id(), signed.content().id());
            true
        }
        Err(_) => false,
    }
}

#[test]
fn fuzzed_frames_never_panic_and_are_canonical_when_accepted() {
    let mut device = Device::new(8);
    let mut rng = rng(88);
    let dep = device.say(0, &[], "dep");
    let mark = Mark { author: device.id(), incarnation: device.incarnation, seq: 9 };
    let bodies = [
        Body::Chat { text: "a reply".into(), reply_to: Some(dep.id()) },
        Body::Edit { target: dep.id(), text: "better".into() },
        Body::Redact { target: dep.id() },
        Body::Reaction { target: dep.id(), emoji: "👍🏽".into(), on: true },
        Body::Receipt { delivered: vec![mark], read: vec![mark] },
        Body::Document(vec![1; 40]),
        Body::Unknown { kind: 200, bytes: vec![3; 9] },
    ];
    let seeds: Vec<Vec<u8>> = bodies.into_iter().map(|b| device.write(1, &[&dep], b).to_bytes()).collect();
    assert!(seeds.iter().all(|seed| accepted_only_canonical(seed)));
    let mut accepted = 0;
    for round in 0..60_000 {
        let mut bytes = bent(&seeds[round % seeds.len()], &mut rng);
        for _ in 0..rng.next_u32() % 3 {
            bytes = bent(&bytes, &mut rng);
        }
        accepted += usize::from(accepted_only_canonical(&bytes));
        let len = rng.next_u32() as usize % 400;
        accepted_only_canonical(&noise(len, &mut rng));
    }
    assert!(accepted > 1_000, "the fuzz must also reach accepted frames: {accepted}");
}
