//! Usernames and nonces that say their own end.

use super::*;
use proptest::prelude::*;

fn keys() -> Keys {
    Keys::new(b"north".to_vec(), [7; 32], "halloo".to_owned())
}

fn client() -> SocketAddr {
    "198.41.0.4:5000".parse().unwrap()
}

#[test]
fn a_credential_is_what_coturn_computes_from_the_same_secret() {
    // printf %s 1700043200:abc | openssl dgst -sha1 -hmac north -binary | base64
    let credential = keys().mint("abc", 1_700_000_000);
    assert_eq!(credential.username, "1700043200:abc");
    assert_eq!(credential.password, "PW9QPOzlnjUV5cyVtp58KPtMUIQ=");
}

#[test]
fn a_username_tells_its_subject_and_its_end() {
    assert_eq!(parts("1700000000:abc"), Ok(("abc", 1_700_000_000)));
    assert_eq!(parts("1700000000:a:b"), Ok(("a:b", 1_700_000_000)));
    for odd in ["", ":", "abc", "1:", ":abc", "-1:abc", "+1:abc", "1x:abc", "99999999999999999999:abc"] {
        assert_eq!(parts(odd), Err(Unfit::Shape), "{odd}");
    }
    assert_eq!(parts(&format!("1:{}", "a".repeat(MAX_USERNAME))), Err(Unfit::Shape));
}

#[test]
fn a_nonce_holds_for_its_client_and_its_hour_only() {
    let nonce = keys().nonce(client(), 1000);
    assert!(keys().nonce_holds(&nonce, client(), 1000));
    assert!(keys().nonce_holds(&nonce, client(), 1000 + NONCE_SECONDS - 1));
    assert!(!keys().nonce_holds(&nonce, client(), 1000 + NONCE_SECONDS));
    assert!(!keys().nonce_holds(&nonce, "198.41.0.4:5001".parse().unwrap(), 1000));
    assert!(!keys().nonce_holds(&nonce, "198.41.0.5:5000".parse().unwrap(), 1000));
    let others = Keys::new(b"north".to_vec(), [8; 32], "halloo".to_owned());
    assert!(!others.nonce_holds(&nonce, client(), 1000));
}

#[test]
fn a_nonce_with_one_character_changed_is_none_of_ours() {
    let nonce = keys().nonce(client(), 1000);
    for at in 0..nonce.len() {
        let mut changed = nonce.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert!(!keys().nonce_holds(std::str::from_utf8(&changed).unwrap(), client(), 1000), "{at}");
    }
}

#[test]
fn keys_do_not_print_their_secret() {
    assert_eq!(format!("{:?}", keys()), "Keys { realm: \"halloo\" }");
}

proptest! {
    #[test]
    fn whatever_is_said_to_be_a_nonce_or_a_username_is_only_refused(text in ".{0,60}") {
        prop_assert!(!keys().nonce_holds(&text, client(), 1000));
        let _ = parts(&text);
    }
}
