//! Which addresses a room takes for its relays.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn relays_are_opened_where_is_listened_and_told_as_peers_see_them() {
    let config = TurnConfig { seen: vec![ip("198.41.0.4")], ..TurnConfig::default() };
    let relays = relays(&config, ip("10.0.0.5")).unwrap();
    assert_eq!((relays.len(), relays[0].bind, relays[0].seen), (1, ip("10.0.0.5"), ip("198.41.0.4")));
}

#[test]
fn who_listens_everywhere_opens_relays_on_an_address_that_others_reach() {
    // A host without any network has none; a room then says so.
    if let Ok(relays) = relays(&TurnConfig::default(), ip("0.0.0.0")) {
        assert!(relays.iter().all(|relay| relay.bind.is_ipv4() && !relay.bind.is_unspecified()));
    }
    let both = TurnConfig { relay: vec![ip("127.0.0.1"), ip("::1")], ..TurnConfig::default() };
    assert_eq!(relays(&both, ip("0.0.0.0")).unwrap().len(), 2);
    let twice = TurnConfig { relay: vec![ip("127.0.0.1"), ip("127.0.0.2")], ..TurnConfig::default() };
    assert!(relays(&twice, ip("0.0.0.0")).is_err());
}

#[test]
fn ports_are_a_range_or_none() {
    let of = |first_port, last_port| ports(&TurnConfig { first_port, last_port, ..TurnConfig::default() });
    assert_eq!(of(0, 0).unwrap().range, None);
    assert_eq!(of(49_152, 49_200).unwrap().range, Some(49_152..=49_200));
    assert!(of(49_200, 49_152).is_err() && of(0, 7).is_err());
}

#[test]
fn a_shared_secret_is_what_its_file_says_without_the_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    assert_eq!(shared_secret(&file).unwrap().unwrap(), b"0123456789abcdef");
    std::fs::write(&file, "short\n").unwrap();
    assert!(shared_secret(&file).is_err());
    assert!(shared_secret(&folder.path().join("none")).is_err());
    assert_eq!(shared_secret(Path::new("")).unwrap(), None);
}
