//! A household whose coordinator has a certificate by an authority of its own: who trusts it meets there by https, who does not is told so.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]
#![allow(dead_code, reason = "people are asked more elsewhere")]

mod people;

use halloo_coordinator::config::Config;
use halloo_coordinator::serve;
use halloo_coordinator::tls::config::TlsConfig;
use halloo_coordinator::world::World;
use halloo_store::memory::MemoryStore;
use people::Person;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of a certificate for this machine, and of the root that made it.
fn certified(folder: &Path) -> (TlsConfig, PathBuf) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root = folder.join("root.pem");
    std::fs::write(&root, authority.self_signed(&root_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, root_key);
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let files = TlsConfig { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, leaf.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    (files, root)
}

#[test]
fn who_trusts_the_authority_of_a_household_meets_at_its_coordinator_by_https_and_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, root) = certified(folder.path());
    let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), lan: true, tls, ..Config::default() };
    config.turn.allow = vec!["127.0.0.0/8".parse().unwrap()];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Arc::new(MemoryStore::new());
    let running = runtime.block_on(serve::start(&config, World::real(), store)).unwrap();
    let origin = format!("https://{}", running.local);

    let [mut ada, mut ben, mut eva] = ["ada", "ben", "eva"].map(|name| Person::new(folder.path(), name));
    (ada.trusts, ben.trusts) = (Some(root.clone()), Some(root));
    ada.up();
    ben.up();
    eva.up();
    let made = ada.ask(&["new", "Sunday ride", "--via", &origin, "--as", "Ada"]);
    let code = made["invite"]["code"].as_str().unwrap();
    assert_eq!(ben.ask(&["join", code, "--as", "Ben"])["name"], "Sunday ride");
    ben.wait("the coordinator", &["status"], |status| {
        status["coordinator"]["reachable"] == true && status["coordinator"]["mailboxes"].as_u64() > Some(0)
    });
    eva.refused(&["new", "Ride", "--via", &origin], "UnknownIssuer");
    runtime.block_on(running.close());
}
