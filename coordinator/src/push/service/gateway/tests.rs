//! What a gateway makes of tokens, and what it remembers of them.

use super::*;
use halloo_crypto::id::BoxPublic;

const RULES: Rules = Rules { quiet_ms: 5_000, per_day: 100, waiting: 2, known: 64 };
const ALL: Kinds = Kinds { web_push: true, fcm: true, apns: true };

fn gateway(kinds: Kinds) -> Gateway {
    Gateway::new(GatewayKey::new(Secret::new([7; 32])), kinds, RULES)
}

fn public() -> BoxPublic {
    GatewayKey::new(Secret::new([7; 32])).key().public()
}

fn sealed(token: &Token, seed: u8) -> SealedToken {
    token.seal(&mut ChaCha20Rng::from_seed([seed; 32]), &public()).unwrap()
}

fn fcm(name: &str) -> Token {
    Token::Fcm(name.to_owned())
}

#[test]
fn the_tokens_of_two_mailboxes_of_one_device_wake_it_once() {
    let mut gateway = gateway(ALL);
    let (one, two) = (sealed(&fcm("a"), 1), sealed(&fcm("a"), 2));
    assert_ne!(one, two);
    assert_eq!(gateway.poke(&one, 0), (Poked::Taken, Some(Became::Queued)));
    assert_eq!(gateway.poke(&two, 0), (Poked::Taken, Some(Became::Merged)));
    assert_eq!(gateway.take(0).map(|sending| sending.job), Some(fcm("a")));
    assert!(gateway.take(0).is_none());
}

#[test]
fn what_a_push_service_knows_no_more_is_gone_by_every_token_of_it() {
    let mut gateway = gateway(ALL);
    gateway.poke(&sealed(&fcm("a"), 1), 0);
    let sending = gateway.take(0).unwrap();
    gateway.gone(sending.key);
    gateway.gone(sending.key);
    assert_eq!(gateway.poke(&sealed(&fcm("a"), 2), 1), (Poked::Gone, None));
    assert_eq!(gateway.poke(&sealed(&fcm("b"), 3), 1), (Poked::Taken, Some(Became::Queued)));
    assert_eq!((gateway.gone.len(), gateway.gone_order.len()), (1, 1));
}

#[test]
fn what_was_sealed_to_another_key_or_is_of_a_kind_that_is_not_sent_here_is_gone() {
    let mut gateway = gateway(Kinds { web_push: true, ..Kinds::default() });
    let other = GatewayKey::new(Secret::new([8; 32])).key().public();
    let strange = fcm("a").seal(&mut ChaCha20Rng::from_seed([1; 32]), &other).unwrap();
    for token in [strange, SealedToken([1; 1_024]), sealed(&fcm("a"), 1)] {
        assert_eq!(gateway.poke(&token, 0), (Poked::Gone, None));
    }
    assert_eq!(gateway.queue().waiting(), 0);
}

#[test]
fn where_too_many_wait_who_pokes_is_told_so() {
    let mut gateway = gateway(ALL);
    for name in ["a", "b"] {
        assert_eq!(gateway.poke(&sealed(&fcm(name), 1), 0).0, Poked::Taken);
    }
    assert_eq!(gateway.poke(&sealed(&fcm("c"), 1), 0), (Poked::NotNow, Some(Became::Full)));
}

#[test]
fn who_knows_an_endpoint_and_seals_it_with_other_keys_spoils_no_others_token() {
    let mut gateway = gateway(ALL);
    let web = |key| Token::WebPush { endpoint: "https://a.example/x".to_owned(), key, secret: [1; 16] };
    gateway.poke(&sealed(&web([0; 65]), 1), 0);
    let forged = gateway.take(0).unwrap();
    gateway.gone(forged.key);
    assert_eq!(gateway.poke(&sealed(&web([4; 65]), 2), 0), (Poked::Taken, Some(Became::Queued)));
}

#[test]
fn only_so_many_are_remembered_and_the_first_is_forgotten_first() {
    let mut gateway = gateway(ALL);
    for number in 0..=GONE_MAX as u128 {
        gateway.gone(number.to_be_bytes());
    }
    assert_eq!((gateway.gone.len(), gateway.gone_order.len()), (GONE_MAX, GONE_MAX));
    assert!(!gateway.gone.contains(&[0; 16]));
}
