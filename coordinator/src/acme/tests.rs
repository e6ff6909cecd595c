//! What the settings must say, what lies in the folder, and when a certificate is old.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;

fn open(data: &Path, origin: &str) -> Result<Option<Renewal>> {
    let config = AcmeConfig { directory: "https://ca.example:14000/dir".to_owned(), ..AcmeConfig::default() };
    Renewal::open(&config, origin.parse().ok().as_ref(), data, &World::told(NOW_MS, [1; 32]))
}

/// A certificate and its key, good from so many days ago to in so many days.
fn certificate(domain: &str, from_days: u64, until_days: u64) -> Vec<u8> {
    let at = |ms: u64| {
        let seconds = i64::try_from(ms / 1000).unwrap();
        x509_parser::time::ASN1Time::from_timestamp(seconds).unwrap().to_datetime()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([domain.to_owned()]).unwrap();
    params.not_before = at(NOW_MS - from_days * DAY_MS);
    params.not_after = at(NOW_MS + until_days * DAY_MS);
    format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem()).into_bytes()
}

#[test]
fn an_authority_wants_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |origin: &str| open(folder.path(), origin).unwrap_err().to_string();
    let world = World::told(NOW_MS, [1; 32]);
    assert!(Renewal::open(&AcmeConfig::default(), None, folder.path(), &world).unwrap().is_none());
    assert!(refused("").contains("--origin"));
    assert!(refused("http://10.0.0.1").contains("--origin"));
    assert!(refused("https://192.0.2.1").contains("an address"));
}

#[test]
fn a_certificate_is_asked_for_when_there_is_none_an_old_one_or_one_for_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let open = || open(folder.path(), "https://halloo.example").unwrap().unwrap();
    assert!(!open().is_fresh());
    for (domain, from, until, fresh) in [
        ("halloo.example", 1, 89, true),
        ("halloo.example", 59, 31, true),
        ("halloo.example", 61, 29, false),
        ("other.example", 1, 89, false),
    ] {
        open().folder.keep_certificate(&certificate(domain, from, until)).unwrap();
        assert_eq!(open().is_fresh(), fresh, "{domain} {from} {until}");
    }
    open().folder.keep_certificate(b"damaged").unwrap();
    assert!(!open().is_fresh());
}

#[test]
fn a_new_certificate_that_is_old_is_not_followed_by_another_every_hour() {
    let folder = tempfile::tempdir().unwrap();
    let open = || open(folder.path(), "https://halloo.example").unwrap().unwrap();
    for (from, until, wait) in [(1, 89, LOOK), (61, 29, STALE_WAIT)] {
        open().folder.keep_certificate(&certificate("halloo.example", from, until)).unwrap();
        assert_eq!(open().wait_after_success(), wait);
    }
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let renewal = open(folder.path(), "https://halloo.example").unwrap().unwrap();
    renewal.folder.keep_certificate(b"x").unwrap();
    let there = folder.path().join("acme/ca_example_14000");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&there), mode(&there.join("certificate.pem"))), (0o700, 0o600));
}

#[test]
fn who_fails_again_waits_longer_but_never_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let renewal = open(folder.path(), "https://halloo.example").unwrap().unwrap();
    for (failed, at_least) in [(1, 300), (2, 600), (5, 4_800), (7, 19_200), (40, 21_600)] {
        let wait = renewal.wait_after(failed).as_secs();
        assert!((at_least..at_least + at_least / 4).contains(&wait), "{failed}: {wait}");
    }
}
