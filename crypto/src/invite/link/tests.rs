//! Tests: links and QR texts, whole and damaged.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;

fn secret(seed: u8) -> InviteSecret {
    InviteSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

fn link(coordinator: Option<&str>, addresses: &[&str]) -> Link {
    Link {
        coordinator: coordinator.map(str::to_owned),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        secret: secret(1),
    }
}

#[test]
fn links_with_and_without_a_server_read_back() {
    let address = "/ip4/192.168.1.5/udp/4001/quic-v1/p2p/12D3KooWabc";
    for link in [
        link(None, &[]),
        link(None, &[address, "/ip6/fe80::1/tcp/4001"]),
        link(Some("https://example.org"), &[]),
        link(Some("https://example.org:8443/halloo"), &[address]),
        link(Some("http://10.0.0.1:7750"), &[address]),
        link(None, &["/dns/a b,c&d#e?f%/tcp/1"]),
    ] {
        let text = link.to_text();
        assert_eq!(text.parse(), Ok(link.clone()), "{text}");
        assert_eq!(format!("  {text}\n").parse(), Ok(link), "{text}");
        assert_eq!(text.matches('#').count(), 1, "{text}");
        assert!(!text.contains(' '), "{text}");
    }
}

#[test]
fn the_forms_are_those_of_the_manual() {
    let id = base64(&secret(1).id().0);
    let key = base64(secret(1).to_bytes().expose());
    assert_eq!(link(None, &[]).to_text(), format!("halloo:i/{id}#{key}"));
    assert_eq!(link(Some("https://a.b/"), &["/x"]).to_text(), format!("https://a.b/i/{id}?a=/x#{key}"));
    assert!(format!("halloo:///i/{id}#{key}").parse::<Link>().is_ok(), "as some browsers write it");
    assert!(
        format!("HALLOO:i/{id}?b=2&a=/x&c#{key}").parse::<Link>().is_ok(),
        "other parameters are skipped"
    );
}

#[test]
fn a_link_tells_what_is_wrong_with_it() {
    let text = link(None, &[]).to_text();
    let error = |text: &str| text.parse::<Link>().expect_err(text);
    let (before, key) = text.split_once('#').expect("a fragment");
    assert_eq!(error(before), LinkError::CutOff);
    assert_eq!(error(&text[..text.len() - 1]), LinkError::CutOff);
    assert_eq!(error(""), LinkError::NotALink);
    assert_eq!(error("https://example.org/"), LinkError::NotALink);
    assert_eq!(error(&format!("http://example.org/i/x#{key}")), LinkError::NotALink);
    assert_eq!(error(&format!("http:///i/{}#{key}", base64(&secret(1).id().0))), LinkError::NotALink);
    assert_eq!(error(&format!("https:///i/{}#{key}", base64(&secret(1).id().0))), LinkError::NotALink);
    let other = base64(secret(2).to_bytes().expose());
    assert_eq!(error(&format!("{before}#{other}")), LinkError::Mistyped);
    assert_eq!(error(&format!("{before}?a={}#{key}", "/x,".repeat(9))), LinkError::TooLong);
    assert_eq!(error(&format!("{before}?a={}#{key}", "x".repeat(201))), LinkError::TooLong);
    assert_eq!(error(&"x".repeat(LINK_MAX_BYTES + 1)), LinkError::TooLong);
    assert_eq!(error(&format!("{before}?a=%0a#{key}")), LinkError::NotALink);
    assert_eq!(error(&format!("{before}?a=%f#{key}")), LinkError::NotALink);
}

#[test]
fn printing_a_link_in_a_log_keeps_its_secret() {
    let link = link(Some("https://example.org"), &[]);
    let key = base64(link.secret.to_bytes().expose());
    assert!(!format!("{link} {link:?}").contains(&key));
}

#[test]
fn more_addresses_than_fit_are_left_out() {
    let many: Vec<String> = (0..20).map(|at| format!("/ip4/10.0.0.{at}/tcp/1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let read: Link = link(None, &many).to_text().parse().expect("reads");
    assert_eq!(read.addresses, many[..ADDRESSES_MAX]);
}

#[test]
fn base64url_is_that_of_rfc_4648() {
    // RFC 4648, section 10, without padding; and the two letters that differ from base64.
    for (bytes, text) in
        [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
    {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
    assert_eq!(base64(&[0xfb, 0xff]), "-_8");
    assert_eq!(unbase64::<2>("-_8"), Some([0xfb, 0xff]));
    assert_eq!(unbase64::<2>("-_9"), None, "stray bits");
    assert_eq!(unbase64::<2>("+/8"), None, "another alphabet");
    assert_eq!(unbase64::<2>("-_8A"), None);
    assert_eq!(unbase64::<2>("-_"), None);
}

#[test]
fn changed_links_are_refused_or_name_the_same_invite() {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let text = link(Some("https://example.org"), &["/ip4/10.0.0.1/tcp/1"]).to_text();
    for _ in 0..5_000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..=rng.next_u32() % 2 {
            let at = rng.next_u32() as usize % bytes.len();
            match rng.next_u32() % 3 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.insert(at, b' ' + (rng.next_u32() % 95) as u8),
                _ => bytes[at] = b' ' + (rng.next_u32() % 95) as u8,
            }
        }
        let changed = String::from_utf8(bytes).expect("ASCII");
        if let Ok(read) = changed.parse::<Link>() {
            assert_eq!(read.secret, secret(1), "{changed}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_a_link_or_an_error(text in "(halloo:i/|https://a/i/)?\\PC{0,120}") {
        let _ = text.parse::<Link>();
    }

    #[test]
    fn sixteen_bytes_survive_base64url(bytes in any::<[u8; 16]>()) {
        prop_assert_eq!(unbase64::<16>(&base64(&bytes)), Some(bytes));
    }
}
