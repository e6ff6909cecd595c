//! The parser against its own writer, against damage, and against noise.

use super::*;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn session() -> Session {
    Session {
        ufrag: "abCD+/09".into(),
        pwd: "0123456789abcdefghijkl".into(),
        fingerprint: [7; 32],
        ssrc: 0xDEAD_BEEF,
        candidates: vec![
            Candidate {
                kind: CandidateKind::Host,
                priority: 2_130_706_431,
                address: "192.168.1.7:40000".parse().expect("address"),
            },
            Candidate {
                kind: CandidateKind::Reflexive,
                priority: 1,
                address: "[2001:db8::1]:9".parse().expect("address"),
            },
        ],
    }
}

fn all_kinds() -> Vec<Signal> {
    let bodies = [
        Body::Offer(session()),
        Body::Answer(Session { candidates: vec![], ..session() }),
        Body::Candidates(session().candidates),
        Body::Bye,
        Body::Again,
        Body::Restart,
        Body::Full,
    ];
    bodies.into_iter().map(|body| Signal { connection: [9; 8], round: 513, body }).collect()
}

#[test]
fn every_kind_comes_back_as_it_was_sent() {
    for signal in all_kinds() {
        let bytes = signal.encode();
        assert_eq!(Signal::decode(&bytes), Ok(signal));
    }
}

#[test]
fn the_bytes_are_those_of_the_drawing() {
    let bytes = all_kinds()[0].encode();
    assert_eq!(&bytes[..12], &[1, 1, 9, 9, 9, 9, 9, 9, 9, 9, 2, 1]);
    assert_eq!(bytes[12], 8);
    assert_eq!(&bytes[13..21], b"abCD+/09");
    assert_eq!(bytes[21], 22);
    assert_eq!(&bytes[44..76], &[7; 32]);
    assert_eq!(&bytes[76..80], &[0xDE, 0xAD, 0xBE, 0xEF]);
    assert_eq!(bytes[80], 2);
    assert_eq!(&bytes[81..93], &[1, 0x7E, 0xFF, 0xFF, 0xFF, 4, 192, 168, 1, 7, 0x9C, 0x40]);
    assert_eq!(bytes.len(), 93 + 1 + 4 + 1 + 16 + 2);
}

#[test]
fn a_frame_cut_anywhere_or_prolonged_is_refused() {
    for signal in all_kinds() {
        let mut bytes = signal.encode();
        for end in 0..bytes.len() {
            assert!(Signal::decode(&bytes[..end]).is_err(), "{signal:?} cut at {end}");
        }
        bytes.push(0);
        assert_eq!(Signal::decode(&bytes), Err(SignalError::Trailing));
    }
}

#[test]
fn impossible_fields_are_refused_by_name() {
    let offer = all_kinds()[0].encode();
    let with = |at: usize, value: u8| {
        let mut bytes = offer.clone();
        bytes[at] = value;
        Signal::decode(&bytes)
    };
    assert_eq!(with(0, 2), Err(SignalError::Version(2)));
    assert_eq!(with(1, 0), Err(SignalError::Field("kind")));
    assert_eq!(with(1, 8), Err(SignalError::Field("kind")));
    assert_eq!(with(12, 3), Err(SignalError::Field("user fragment")));
    assert_eq!(with(13, b'\r'), Err(SignalError::Field("user fragment")));
    assert_eq!(with(22, b' '), Err(SignalError::Field("password")));
    assert_eq!(with(80, 17), Err(SignalError::Field("candidate count")));
    assert_eq!(with(81, 4), Err(SignalError::Field("candidate type")));
    assert_eq!(with(86, 5), Err(SignalError::Field("address family")));
    let mut zero_port = offer.clone();
    zero_port[91..93].fill(0);
    assert_eq!(Signal::decode(&zero_port), Err(SignalError::Field("port")));
    let mut no_ssrc = offer.clone();
    no_ssrc[76..80].fill(0);
    assert_eq!(Signal::decode(&no_ssrc), Err(SignalError::Field("SSRC")));
    let mut nameless = offer;
    nameless[2..10].fill(0);
    assert_eq!(Signal::decode(&nameless), Err(SignalError::Field("connection")));
    assert_eq!(Signal::decode(&vec![1; MAX_SIGNAL + 1]), Err(SignalError::TooLong));
}

#[test]
fn a_frame_of_nothing_but_limits_fits_the_limit() {
    let candidate = Candidate {
        kind: CandidateKind::Relay,
        priority: u32::MAX,
        address: "[ffee::1]:65535".parse().expect("address"),
    };
    let body = Body::Offer(Session {
        ufrag: "a".repeat(MAX_UFRAG),
        pwd: "b".repeat(MAX_PWD),
        fingerprint: [255; 32],
        ssrc: u32::MAX,
        candidates: vec![candidate; MAX_CANDIDATES + 4],
    });
    let bytes = Signal { connection: [1; 8], round: u16::MAX, body }.encode();
    assert_eq!(bytes.len(), MAX_SIGNAL);
    let Ok(Signal { body: Body::Offer(back), .. }) = Signal::decode(&bytes) else { panic!("it decodes") };
    assert_eq!(back.candidates.len(), MAX_CANDIDATES);
}

#[test]
fn places_nobody_can_be_at_are_not_usable() {
    let at = |address: &str| Candidate {
        kind: CandidateKind::Host,
        priority: 1,
        address: address.parse().expect("address"),
    };
    for address in ["0.0.0.0:9", "255.255.255.255:9", "224.0.0.1:9", "[::]:9", "[ff02::1]:9"] {
        assert!(!at(address).is_usable(true), "{address}");
    }
    for address in ["127.0.0.1:9", "[::1]:9"] {
        assert!(at(address).is_usable(true) && !at(address).is_usable(false), "{address}");
    }
    assert!(at("10.0.0.1:9").is_usable(false) && at("[fd00::1]:9").is_usable(false));
}

proptest! {
    #[test]
    fn any_signal_comes_back(
        connection in any::<[u8; 8]>(), round: u16, kind in 0_u8..7, ufrag in "[A-Za-z0-9+/]{4,64}",
        pwd in "[A-Za-z0-9+/]{22,128}", fingerprint in any::<[u8; 32]>(), ssrc in 1_u32..,
        places in proptest::collection::vec((0_u8..3, 1_u32.., any::<std::net::IpAddr>(), 1_u16..), 1..=16),
    ) {
        prop_assume!(connection != NO_CONNECTION);
        let candidates: Vec<_> = places.into_iter().map(|(kind, priority, ip, port)| Candidate {
            kind: [CandidateKind::Host, CandidateKind::Reflexive, CandidateKind::Relay][usize::from(kind)],
            priority,
            address: SocketAddr::new(ip, port),
        }).collect();
        let session = Session { ufrag, pwd, fingerprint, ssrc, candidates: candidates.clone() };
        let body = match kind {
            0 => Body::Offer(session),
            1 => Body::Answer(session),
            2 => Body::Candidates(candidates),
            3 => Body::Bye,
            4 => Body::Again,
            5 => Body::Restart,
            _ => Body::Full,
        };
        let signal = Signal { connection, round, body };
        prop_assert_eq!(Signal::decode(&signal.encode()), Ok(signal));
    }
}

#[test]
fn noise_and_damage_never_panic_and_what_is_accepted_is_canonical() {
    let mut rng = ChaCha20Rng::seed_from_u64(0x5167);
    let seeds: Vec<_> = all_kinds().iter().map(Signal::encode).collect();
    let mut accepted = 0;
    for turn in 0..60_000_usize {
        let mut bytes = if turn % 4 == 0 {
            let mut noise = vec![0; usize::try_from(rng.next_u32()).expect("64 bit") % 200];
            rng.fill_bytes(&mut noise);
            noise
        } else {
            seeds[turn % seeds.len()].clone()
        };
        for _ in 0..rng.next_u32() % 4 {
            if bytes.is_empty() {
                break;
            }
            let at = usize::try_from(rng.next_u32()).expect("64 bit") % bytes.len();
            match rng.next_u32() % 4 {
                0 => bytes[at] = rng.next_u32().to_le_bytes()[0],
                1 => bytes[at] ^= 1 << (rng.next_u32() % 8),
                2 => bytes.truncate(at),
                _ => bytes.insert(at, rng.next_u32().to_le_bytes()[0]),
            }
        }
        if let Ok(signal) = Signal::decode(&bytes) {
            accepted += 1;
            assert_eq!(signal.encode(), bytes, "an accepted frame has one spelling");
        }
    }
    assert!(accepted > 10_000, "the mutations still reach the inside of the parser: {accepted}");
}
