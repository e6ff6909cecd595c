//! The published test vectors of STUN (RFC 5769) through our path.

use super::*;
use stun_types::attribute::{Nonce, Realm, Username};
use stun_types::message::{IntegrityAlgorithm, LongTermKeyCredentials};

/// RFC 5769, section 2.4: a request with long-term authentication, its integrity computed with the password below.
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382af\
    e382b900000015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700\
    00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn request() -> Vec<u8> {
    hex::decode(LONG_TERM).unwrap()
}

#[test]
fn the_request_of_rfc_5769_is_authentic_under_its_password_and_no_other() {
    let bytes = request();
    let message = Message::from_bytes(&bytes).unwrap();
    assert_eq!(
        message.attribute::<Username>().unwrap().username(),
        "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}"
    );
    assert_eq!(message.attribute::<Realm>().unwrap().realm(), "example.org");
    assert_eq!(message.attribute::<Nonce>().unwrap().nonce(), "f//499k954d6OL34oL9FSTvy64sA");
    let key = |password: &str| {
        let username = message.attribute::<Username>().unwrap().username().to_owned();
        LongTermKeyCredentials::new(username, password.to_owned(), "example.org".to_owned())
            .make_key(IntegrityAlgorithm::Sha1)
    };
    assert_eq!(message.validate_integrity_with_key(&key("TheMatrIX")).unwrap(), IntegrityAlgorithm::Sha1);
    assert!(message.validate_integrity_with_key(&key("TheMatrix")).is_err());
}

#[test]
fn the_request_of_rfc_5769_as_an_allocation_is_stale_here_and_gets_our_nonce() {
    let mut world = World::new(Quotas::default());
    let mut bytes = request();
    bytes[1] = 0x03;
    let (act, out) = world.give(udp(1), &bytes);
    assert!(matches!(act, Act::Answer));
    let answer = Message::from_bytes(&out).unwrap();
    assert_eq!(answer.attribute::<stun_types::attribute::ErrorCode>().unwrap().code(), 438);
    assert_eq!(answer.attribute::<Realm>().unwrap().realm(), "halloo");
}

/// RFC 5769, sections 2.2 and 2.3: who asks from 192.0.2.1:32853 is told exactly these attributes.
#[test]
fn a_binding_answer_holds_the_mapped_addresses_of_rfc_5769() {
    let transaction = hex::decode("b7e7a701bc34d686fa87dfae").unwrap();
    let mut bytes = hex::decode("000100002112a442").unwrap();
    bytes.extend(&transaction);
    let vectors = [
        ("192.0.2.1:32853", "002000080001a147e112a643"),
        ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
    ];
    for (from, attribute) in vectors {
        let client = Client { addr: addr(from), link: Link::Udp(None) };
        let (act, out) = World::new(Quotas::default()).give(client, &bytes);
        assert!(matches!(act, Act::Answer));
        let mut wanted = hex::decode("0101").unwrap();
        wanted.extend(((attribute.len() / 2) as u16).to_be_bytes());
        wanted.extend(hex::decode("2112a442").unwrap());
        wanted.extend(&transaction);
        wanted.extend(hex::decode(attribute).unwrap());
        assert_eq!(out, wanted, "{from}");
    }
}

/// RFC 5769, section 2.1: a request with fingerprint. One bit changed, and it is no STUN.
#[test]
fn the_fingerprint_of_rfc_5769_is_checked_before_anything_else() {
    let request = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
        002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
        000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    let mut bytes = hex::decode(request).unwrap();
    let mut world = World::new(Quotas::default());
    let (act, _) = world.give(udp(1), &bytes);
    assert!(matches!(act, Act::Answer));
    bytes[30] ^= 1;
    let (act, _) = world.give(udp(1), &bytes);
    assert!(matches!(act, Act::Nothing));
}
