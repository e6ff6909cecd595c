//! Tests: sealed tokens, registrations and pokes, read and refused.

use halloo_crypto::mailbox::{Day, MailboxSecret};
use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;
use crate::mailbox as wire_mailbox;

const NOW: u64 = 1_800_000_000_000;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn key(seed: u8) -> DayKey {
    MailboxSecret::generate(&mut rng(seed)).day_key(Day::of_ms(NOW))
}

fn origin() -> Origin {
    "https://halloo.example".parse().unwrap()
}

fn gateway_key() -> BoxSecret {
    BoxSecret::generate(&mut rng(9))
}

fn web_push(endpoint: &str) -> Token {
    Token::WebPush { endpoint: endpoint.to_owned(), key: [4; 65], secret: [5; 16] }
}

fn sealed() -> SealedToken {
    web_push("https://push.example/a").seal(&mut rng(1), &gateway_key().public()).unwrap()
}

#[test]
fn every_kind_of_token_opens_at_its_gateway_and_nowhere_else() {
    let longest = format!("https://{}", "e".repeat(ENDPOINT_MAX_BYTES - 8));
    let tokens = [
        web_push("https://push.example/a"),
        web_push(&longest),
        Token::Fcm("t".repeat(TOKEN_MAX_BYTES)),
        Token::Apns(vec![0; 32]),
    ];
    for token in tokens {
        let sealed = token.seal(&mut rng(1), &gateway_key().public()).unwrap();
        assert_eq!(Token::open(&sealed, gateway_key()), Ok(token));
        let other = Token::open(&sealed, BoxSecret::generate(&mut rng(8)));
        assert_eq!(other, Err(TokenError::Sealed(SealedError::DoesNotOpen)));
    }
}

#[test]
fn one_token_sealed_twice_has_no_run_of_bytes_in_common_beside_the_version() {
    let (mut chance, token) = (rng(1), web_push("https://push.example/a"));
    let mut seal = || token.seal(&mut chance, &gateway_key().public()).unwrap().0;
    let (one, two) = (seal(), seal());
    let common = one.windows(4).zip(two.windows(4)).filter(|(a, b)| a == b).count();
    assert_eq!(common, 0);
}

#[test]
fn a_token_that_does_not_fit_is_refused_before_it_is_sealed() {
    let to = gateway_key().public();
    for token in [
        web_push(""),
        web_push(&"e".repeat(ENDPOINT_MAX_BYTES + 1)),
        Token::Fcm("t".repeat(TOKEN_MAX_BYTES + 1)),
        Token::Apns(Vec::new()),
    ] {
        assert_eq!(token.seal(&mut rng(1), &to), Err(TokenError::Length));
    }
}

#[test]
fn the_owner_is_believed_about_its_address_at_this_coordinator_and_near_its_time() {
    let register = |gateway| What::Register { days: 3, gateway, token: Box::new(sealed()) };
    let other: Origin = "https://other.example".parse().unwrap();
    for what in [register(None), register(Some(other.clone())), What::Forget] {
        let bytes = Ask::sign(what.clone(), &key(1), &origin(), NOW);
        let ask = SignedAsk::read(&bytes).unwrap();
        let believed = ask.clone().verify(&origin(), NOW + CLOCK_SKEW_MAX_MS).unwrap();
        assert_eq!((believed.address, believed.what), (key(1).address(), what));
        assert_eq!(ask.clone().verify(&other, NOW), Err(AskError::BadSignature));
        assert_eq!(ask.verify(&origin(), NOW + CLOCK_SKEW_MAX_MS + 1), Err(AskError::ClockSkew));
        assert!(wire_mailbox::SignedAsk::read(&bytes).is_err(), "no ask of a mailbox");
    }
}

#[test]
fn a_gateway_in_another_spelling_and_days_that_are_none_are_refused() {
    let what = What::Register { days: 1, gateway: Some(origin()), token: Box::new(sealed()) };
    let bytes = Ask::sign(what, &key(1), &origin(), NOW);
    let mut loud = bytes.clone();
    loud[45] = b'H';
    assert_eq!(SignedAsk::read(&loud), Err(Malformed::NotCanonical));
    for days in [0, DAYS_MAX + 1] {
        let mut wrong = bytes.clone();
        wrong[42] = days;
        assert_eq!(SignedAsk::read(&wrong), Err(Malformed::TooLong));
    }
    assert_eq!(SignedAsk::read(&[&bytes[..], &[0]].concat()), Err(Malformed::NotCanonical));
}

#[test]
fn every_poke_is_as_long_as_every_other_and_so_is_every_answer() {
    let poke = write_poke(&sealed());
    assert_eq!(poke.len(), POKE_BYTES);
    assert_eq!(read_poke(&poke), Ok(sealed()));
    for outcome in [Poked::Taken, Poked::Gone, Poked::NotNow] {
        assert_eq!(outcome.write().len(), 2);
        assert_eq!(Poked::read(&outcome.write()), Ok(outcome));
    }
    assert_eq!(Poked::read(&[1, 3]), Err(Malformed::TooLong));
}

#[test]
fn nothing_of_a_token_is_shown_where_it_is_printed() {
    let token = Token::Fcm("canary".to_owned());
    assert!(!format!("{token:?} {:?}", sealed()).contains("canary"));
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused_and_what_is_read_is_the_one_spelling(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..1_300),
        head in prop_oneof![Just([1, 6]), Just([1, 7]), any::<[u8; 2]>()],
    ) {
        for (at, byte) in head.into_iter().enumerate() {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Ok(ask) = SignedAsk::read(&bytes) {
            prop_assert_eq!([ask.ask.body(), ask.signature.0.to_vec()].concat(), bytes.clone());
        }
        let _ = (read_poke(&bytes), Poked::read(&bytes));
        bytes.resize(TOKEN_BYTES, 0);
        if let Ok(token) = Token::read(&bytes) {
            prop_assert_eq!(token.write().unwrap().to_vec(), bytes);
        }
    }
}
