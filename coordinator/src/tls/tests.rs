//! Certificates as files: what can be used, what cannot and why, and what changes.

use super::*;
use std::path::Path;

/// A certificate for this name and its key, written to a folder under a name.
fn write(folder: &Path, name: &str, domain: &str) -> TlsConfig {
    let made = rcgen::generate_simple_self_signed([domain.to_owned()]).unwrap();
    let config = TlsConfig {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    std::fs::write(&config.certificate, made.cert.pem()).unwrap();
    std::fs::write(&config.key, made.signing_key.serialize_pem()).unwrap();
    config
}

#[test]
fn without_files_there_is_no_tls_and_with_one_of_the_two_it_is_said() {
    assert!(Tls::of_files(&TlsConfig::default()).unwrap().is_none());
    let half = TlsConfig { certificate: "a.pem".into(), ..TlsConfig::default() };
    assert!(Tls::of_files(&half).unwrap_err().to_string().contains("tls.key"));
}

#[test]
fn what_cannot_be_used_names_the_file_and_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good", "halloo.example");
    let other = write(folder.path(), "other", "halloo.example");
    std::fs::write(folder.path().join("text"), "no pem").unwrap();
    let wrong = |certificate: &Path, key: &Path| {
        let config = TlsConfig { certificate: certificate.to_owned(), key: key.to_owned() };
        Tls::of_files(&config).unwrap_err().to_string()
    };
    let (text, none) = (folder.path().join("text"), folder.path().join("none"));
    assert!(wrong(&good.certificate, &other.key).contains("the one that the certificate was made for"));
    assert!(wrong(&text, &good.key).contains("a certificate is not in it"));
    assert!(wrong(&good.certificate, &text).contains("a private key is not in it"));
    assert!(wrong(&none, &good.key).contains(&none.display().to_string()));
}

#[test]
fn files_that_changed_are_taken_and_files_that_broke_leave_what_there_was() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "one", "one.example");
    let tls = Tls::of_files(&config).unwrap().unwrap();
    let held = || {
        let held = tls.keeper.held.read().unwrap();
        held.as_ref().unwrap().key.cert[0].to_vec()
    };
    let first = held();
    assert!(!tls.reread().unwrap(), "nothing has changed");
    std::fs::write(&config.certificate, "half written").unwrap();
    tls.reread().unwrap_err();
    assert_eq!(held(), first);
    write(folder.path(), "one", "two.example");
    assert!(tls.reread().unwrap());
    assert_ne!(held(), first);
}
