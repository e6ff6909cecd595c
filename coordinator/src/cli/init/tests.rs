//! What is a domain, and that what is written is what `serve` takes.

use super::*;
use crate::config::layers::{Effective, Layer};

#[test]
fn only_a_name_that_dns_can_know_is_a_domain() {
    assert_eq!(checked(" Halloo.Example.\n").unwrap(), "halloo.example");
    for wrong in [
        "",
        "localhost",
        "https://halloo.example",
        "halloo.example:443",
        "192.0.2.1",
        "a b.example",
        "a.example/x",
    ] {
        assert!(checked(wrong).unwrap_err().to_string().contains("no domain"), "{wrong}");
    }
}

#[test]
fn what_is_written_are_settings_that_serve_takes_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/config.toml");
    let told = |domain: &str| Told {
        domain: Some(domain.to_owned()),
        config: Some(file.clone()),
        data: Some("/a \"folder\"".into()),
    };
    run(told("halloo.example")).unwrap();
    let config = Effective::of(vec![Layer::file(&file).unwrap()]).unwrap().config;
    assert_eq!(config.origin.unwrap().as_str(), "https://halloo.example");
    assert_eq!((config.listen.port(), config.data), (443, PathBuf::from("/a \"folder\"")));
    assert_eq!(config.acme.directory, LETS_ENCRYPT);
    let before = std::fs::read(&file).unwrap();
    assert!(run(told("other.example")).unwrap_err().to_string().contains("not changed"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}
