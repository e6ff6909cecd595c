//! Which tokens are taken, and where.

use super::*;
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;

fn issued() -> (Issuer, Access, Vec<Origin>, String) {
    let issuer = Issuer::new(&Secret::new([1; 32]));
    let access = Access { account: [2; 16], session: [3; 16], thumbprint: jose::thumbprint(&[4; 32]) };
    let origins = vec!["https://halloo.example".parse().unwrap()];
    let token = issuer.issue(&access, &origins[0], [5; 16], NOW);
    (issuer, access, origins, token)
}

#[test]
fn a_token_is_good_for_ten_minutes_at_its_origin_and_says_what_it_was_given_for() {
    let (issuer, access, origins, token) = issued();
    assert_eq!(issuer.check(&token, &origins, NOW), Ok(access.clone()));
    assert_eq!(issuer.check(&token, &origins, NOW + 599_999), Ok(access));
    assert_eq!(issuer.check(&token, &origins, NOW + 600_000), Err(AccessError::Expired));
    let elsewhere = ["https://other.example".parse().unwrap()];
    assert_eq!(issuer.check(&token, &elsewhere, NOW), Err(AccessError::NotOurs));
    let other = Issuer::new(&Secret::new([9; 32]));
    assert_eq!(other.check(&token, &origins, NOW), Err(AccessError::NotOurs));
}

#[test]
fn a_token_under_another_header_of_the_same_key_is_none() {
    let (issuer, _, origins, token) = issued();
    let payload = jose::from_text(token.split('.').nth(1).unwrap()).unwrap();
    for header in [r#"{"typ":"dpop+jwt","alg":"EdDSA"}"#, r#"{"typ":"at+jwt","alg":"EdDSA"}"#, "{}"] {
        let forged = jose::sign(&issuer.key, header.as_bytes(), &payload);
        assert_eq!(issuer.check(&forged, &origins, NOW), Err(AccessError::NotOurs), "{header}");
    }
}

proptest! {
    #[test]
    fn no_token_with_a_changed_letter_is_taken(at in 0_usize..400, letter in "[A-Za-z0-9_.-]") {
        let (issuer, _, origins, token) = issued();
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &letter);
        if changed != token {
            prop_assert_eq!(issuer.check(&changed, &origins, NOW), Err(AccessError::NotOurs));
        }
    }
}
