//! Debian's pebble, an authority for tests, looks at the one port, gives a certificate, and what is served by it is trusted by its root.
#![allow(clippy::unwrap_used)]

mod asking;
mod authority;

use asking::ask_on;
use authority::Authority;
use halloo_coordinator::config::Config;
use halloo_coordinator::serve;
use halloo_coordinator::world::World;
use halloo_store::memory::MemoryStore;
use hyper::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const DOMAIN: &str = "halloo.example";

/// A DNS that says of every name that it is this machine; its address.
fn dns() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut asked) {
            // Behind the header of twelve bytes a name that ends with a zero, then type and class.
            let name = asked[12..length].iter().position(|byte| *byte == 0).unwrap();
            let question = &asked[12..12 + name + 5];
            let is_v4 = question[name + 1..name + 3] == [0, 1];
            let answer =
                [&asked[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0], question].concat();
            let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];
            let answer = if is_v4 { [&answer[..], &record].concat() } else { answer };
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

/// A port that is free now.
fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts pebble: where its directory and its door for testers are.
async fn pebble(program: &Path, folder: &Path, looks_at: u16) -> (Child, u16, u16) {
    let (directory, management) = (free(), free());
    let own = Authority::new();
    let files = own.certify("localhost", folder);
    std::fs::write(folder.join("root.pem"), own.pem()).unwrap();
    let config = serde_json::json!({ "pebble": {
        "listenAddress": format!("127.0.0.1:{directory}"),
        "managementListenAddress": format!("127.0.0.1:{management}"),
        "certificate": files.certificate, "privateKey": files.key,
        "httpPort": 1, "tlsPort": looks_at, "ocspResponderURL": "",
    }});
    std::fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
    let mut command = Command::new(program);
    command.arg("-config").arg(folder.join("pebble.json")).arg("-dnsserver").arg(dns().to_string());
    command.env("PEBBLE_VA_NOSLEEP", "1").stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    while !said.next_line().await.unwrap().expect("it runs").contains("ACME directory available") {}
    // Who writes to nobody stops.
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    (child, directory, management)
}

/// The root by which pebble certifies others.
async fn root(own: &Path, management: u16) -> CertificateDer<'static> {
    let own = CertificateDer::from_pem_slice(&std::fs::read(own).unwrap()).unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], management));
    let stream = authority::connect(own, at, "localhost", &["http/1.1"]).await.unwrap();
    let answer = ask_on(stream, Method::GET, "/roots/0", &[], Vec::new()).await.unwrap();
    CertificateDer::from_pem_slice(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_asked_for_by_acme_given_and_trusted_and_kept_for_the_next_start() {
    let program =
        ["/usr/bin/pebble", "/usr/local/bin/pebble"].map(Path::new).into_iter().find(|path| path.exists());
    let Some(program) = program else {
        eprintln!(
            "SKIPPED, NOTHING WAS PROVEN: pebble is not installed; run `cargo xtask test` as root, or apt-get install pebble"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = free();
    let (_pebble, directory, management) = pebble(program, folder.path(), port).await;
    let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], port)), ..Config::default() };
    config.data = folder.path().join("data");
    config.origin = format!("https://{DOMAIN}:{port}").parse().ok();
    config.acme.directory = format!("https://localhost:{directory}/dir");
    config.acme.root = folder.path().join("root.pem");
    let running = serve::start(&config, World::real(), Arc::new(MemoryStore::new())).await.unwrap();
    let tls = running.tls.clone().unwrap();
    while tls.certificate().is_none() {
        assert!(TcpStream::connect(running.local).await.is_ok(), "it serves meanwhile");
        tokio::task::yield_now().await;
    }
    let root = root(&config.acme.root, management).await;
    let stream = authority::connect(root.clone(), running.local, DOMAIN, &["http/1.1"]).await.unwrap();
    let answer = ask_on(stream, Method::GET, "/livez", &[], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200);

    let kept = config.data.join(format!("acme/localhost_{directory}"));
    for name in ["account.json", "certificate.pem"] {
        // The certificate is used before it is kept.
        while !kept.join(name).exists() {
            tokio::task::yield_now().await;
        }
        assert_eq!(std::fs::metadata(kept.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    running.close().await;
    let again = serve::start(&config, World::real(), Arc::new(MemoryStore::new())).await.unwrap();
    assert_eq!(again.tls.clone().unwrap().certificate(), tls.certificate(), "there from the first moment");
    authority::connect(root.clone(), again.local, DOMAIN, &[]).await.unwrap();
    again.close().await;

    // An authority that has forgotten the account.
    let account = kept.join("account.json");
    let mut said: serde_json::Value = serde_json::from_slice(&std::fs::read(&account).unwrap()).unwrap();
    let foreign = format!("{}0123", said["id"].as_str().unwrap());
    said["id"] = foreign.clone().into();
    std::fs::write(&account, said.to_string()).unwrap();
    std::fs::remove_file(kept.join("certificate.pem")).unwrap();
    let anew = serve::start(&config, World::real(), Arc::new(MemoryStore::new())).await.unwrap();
    while anew.tls.as_ref().unwrap().certificate().is_none() {
        tokio::task::yield_now().await;
    }
    authority::connect(root, anew.local, DOMAIN, &[]).await.unwrap();
    assert!(!std::fs::read_to_string(&account).unwrap().contains(&foreign), "another account");
}
