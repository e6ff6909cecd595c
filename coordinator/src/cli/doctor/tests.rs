//! What the doctor says of what is right, what may not be and what is wrong.

use super::*;
use crate::tls::config::TlsConfig;

const NOW_MS: u64 = 1_800_000_000_000;

/// A certificate in files, good from so many days ago to in so many days.
fn with_certificate(folder: &Path, name: &str, from: u64, until: u64) -> Config {
    let at = |ms: u64| {
        x509_parser::time::ASN1Time::from_timestamp(i64::try_from(ms / 1000).unwrap()).unwrap().to_datetime()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (at(NOW_MS - from * DAY_MS), at(NOW_MS + until * DAY_MS));
    let tls = TlsConfig { certificate: folder.join("c.pem"), key: folder.join("k.pem") };
    std::fs::write(&tls.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&tls.key, key.serialize_pem()).unwrap();
    Config { tls, origin: "https://a.halloo.example".parse().ok(), ..Config::default() }
}

fn is_bad(found: Found, says: &str) -> bool {
    matches!(found, Bad(text) if text.contains(says))
}

#[test]
fn a_certificate_is_looked_at_for_its_name_and_for_its_days() {
    let folder = tempfile::tempdir().unwrap();
    let look =
        |name: &str, from, until| certificate(&with_certificate(folder.path(), name, from, until), NOW_MS);
    assert_eq!(look("a.halloo.example", 1, 60), Good("60 days are left".to_owned()));
    assert_eq!(look("*.halloo.example", 1, 60), Good("60 days are left".to_owned()));
    assert!(is_bad(look("halloo.example", 1, 60), "not for a.halloo.example"));
    assert!(is_bad(look("a.halloo.example", 60, 3), "3 days"));
    let mut half = with_certificate(folder.path(), "a.halloo.example", 1, 60);
    half.tls.key = std::path::PathBuf::new();
    assert!(is_bad(certificate(&half, NOW_MS), "tls.key"));
    assert!(matches!(certificate(&Config::default(), NOW_MS), Note(_)));
}

#[test]
fn a_folder_that_others_may_look_into_and_a_port_that_is_taken_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(data(&folder.path().join("none"), false), Note(_)));
    let allow =
        |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o700);
    assert!(matches!(data(folder.path(), false), Note(_)));
    allow(0o755);
    assert!(is_bad(data(folder.path(), false), "chmod 700"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    assert!(is_bad(port(at, false), "taken"));
    assert!(matches!(port(at, true), Good(_)));
}

#[test]
fn no_origin_a_name_that_leads_nowhere_and_an_old_clock_are_wrong() {
    assert!(is_bad(origin(&Config::default()), "init"));
    assert!(matches!(origin(&Config { lan: true, ..Config::default() }), Good(_)));
    let nowhere = Config { origin: "https://nowhere.invalid".parse().ok(), ..Config::default() };
    assert!(is_bad(dns(&nowhere), "leads nowhere"));
    let here = Config { origin: "http://127.0.0.1:1".parse().ok(), ..Config::default() };
    assert!(matches!(dns(&here), Good(_)));
    assert!(is_bad(clock(0, true), "set it"));
    assert!(matches!(clock(NOW_MS, false), Note(_)));
}

#[test]
fn plans_that_nobody_can_come_to_are_noted_and_settings_that_contradict_each_other_are_wrong() {
    let mut config = Config::default();
    assert!(matches!(plans(&config), Good(_)));
    config.subscriptions.provider = Provider::Voucher;
    assert!(is_bad(plans(&config), "voucher_key"));
    config.subscriptions.voucher_key =
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c".to_owned();
    config.subscriptions.plans = vec![crate::subscriptions::config::Plan {
        id: "ride".to_owned(),
        name: "Ride".to_owned(),
        features: [crate::hall::entitlements::Feature::Turn].into(),
        price: String::new(),
    }];
    assert!(matches!(plans(&config), Note(why) if why.contains("registration is closed")));
    config.auth.registration = Registration::Invite;
    assert!(matches!(plans(&config), Good(_)));
    config.rooms.0.remove(&crate::config::Room::Auth);
    assert!(is_bad(plans(&config), "open both"));
}
