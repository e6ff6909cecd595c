//! With a certificate, the one port speaks TLS: HTTP, WebSockets and TURN inside, a redirect for who comes without, and a renewed one at once.
#![allow(clippy::unwrap_used)]

mod asking;
mod authority;

use asking::{Place, ask_on, item, open, owner};
use authority::Authority;
use futures::{SinkExt as _, StreamExt as _};
use halloo_crypto::ticket::Room;
use halloo_wire::mailbox::{Outcome, SUBSCRIBE_PATH, Told, read_outcomes};
use halloo_wire::server::ServerInfo;
use hyper::Method;
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;

const NAME: &str = "halloo.example";

/// A coordinator with a certificate; nobody is a proxy, and it is no LAN.
async fn certified(authority: &Authority) -> (Place, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let tls = authority.certify(NAME, folder.path());
    let place = open(|config| {
        (config.lan, config.proxies, config.tls) = (false, Vec::new(), tls);
        config.origin = format!("https://{NAME}").parse().ok();
    });
    (place.await, folder)
}

#[tokio::test]
async fn what_a_client_does_by_http_it_does_by_https_and_trusts_whom_it_must() {
    let authority = Authority::new();
    let (place, _folder) = certified(&authority).await;
    let at = place.running.local;
    let stream = authority.connect(at, NAME, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = ask_on(stream, Method::GET, "/api/v1/server", &[], Vec::new()).await.unwrap();
    serde_json::from_slice::<ServerInfo>(&answer.body).unwrap();
    // Nobody else's certificate would do.
    authority::connect(
        rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap().cert.der().clone(),
        at,
        NAME,
        &[],
    )
    .await
    .unwrap_err();
}

#[tokio::test]
async fn a_websocket_inside_tls_tells_of_what_came_by_tls() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let tls = authority.certify("127.0.0.1", folder.path());
    let place = open(|config| config.tls = tls).await;
    let at = place.running.local;
    let client = place.client(1);
    let ticket = place.ticket(&client, Room::Mailbox).await;
    let key = owner(1);
    let stream = authority.connect(at, "127.0.0.1", &["http/1.1"]).await;
    let url = format!("wss://{at}{SUBSCRIBE_PATH}");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    // Signed for the address that it reached by TLS.
    let origin = format!("https://{at}").parse().unwrap();
    let watch = halloo_wire::mailbox::Ask::sign(
        halloo_wire::mailbox::What::Watch,
        &key,
        &origin,
        place.world.now_ms(),
    );
    socket.send(Message::Binary(watch.into())).await.unwrap();
    let stream = authority.connect(at, "127.0.0.1", &[]).await;
    let body = halloo_wire::mailbox::write_deposits(&[item(&key, 7)]);
    let path = halloo_wire::mailbox::DEPOSITS_PATH;
    let answer = ask_on(stream, Method::POST, path, &[("authorization", &ticket)], body).await.unwrap();
    assert_eq!(read_outcomes(&answer.body).unwrap(), [Outcome::Stored]);
    let Message::Binary(told) = socket.next().await.unwrap().unwrap() else { panic!("no wake") };
    assert_eq!(Told::read(&told).unwrap(), Told::Wake(key.address()));
}

#[tokio::test]
async fn who_comes_without_tls_is_sent_to_https_unless_it_is_a_proxy_or_a_neighbour() {
    let authority = Authority::new();
    let (stranger, _folder) = certified(&authority).await;
    let sent = stranger.ask(Method::POST, "/api/v1/x?y=1", &[("host", "evil.example")], Vec::new()).await;
    assert_eq!(
        (sent.status, sent.headers["location"].to_str().unwrap()),
        (308, "https://halloo.example/api/v1/x?y=1")
    );
    let folder = tempfile::tempdir().unwrap();
    for neighbour in [true, false] {
        let tls = authority.certify(NAME, folder.path());
        let place = open(|config| {
            config.tls = tls;
            config.lan = neighbour;
            config.origin = format!("https://{NAME}").parse().ok();
            if neighbour {
                config.proxies = Vec::new();
            }
        });
        assert_eq!(place.await.get("/livez").await.status, 200);
    }
}

#[tokio::test]
async fn an_origin_without_tls_and_a_certificate_contradict_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = halloo_coordinator::config::Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Authority::new().certify(NAME, folder.path()),
        ..Default::default()
    };
    config.origin = "http://10.0.0.1".parse().ok();
    let store = std::sync::Arc::new(halloo_store::memory::MemoryStore::new());
    let world = halloo_coordinator::world::World::told(0, [1; 32]);
    let error = halloo_coordinator::serve::start(&config, world, store).await.unwrap_err();
    assert!(error.to_string().contains("https://"), "{error}");
}

#[tokio::test]
async fn inside_tls_stun_is_answered_and_libp2p_is_not() {
    let authority = Authority::new();
    let (place, _folder) = certified(&authority).await;
    for protocols in [&["stun.turn"][..], &[]] {
        let mut stream = authority.connect(place.running.local, NAME, protocols).await;
        let mut request = [0; 20];
        request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
        stream.write_all(&request).await.unwrap();
        let mut kind = [0; 2];
        stream.read_exact(&mut kind).await.unwrap();
        assert_eq!(kind, [1, 1], "a success response to a binding request");
    }
    let mut stream = authority.connect(place.running.local, NAME, &[]).await;
    stream.write_all(b"\x13/multistream/1.0.0\n").await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

/// A peer that sends everything back.
fn echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 2000];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            socket.send_to(&bytes[..length], from).unwrap();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coturns_client_relays_over_tls() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let tls = authority.certify(NAME, folder.path());
    let secret = folder.path().join("turn");
    write!(std::fs::File::create(&secret).unwrap(), "shared-for-an-hour").unwrap();
    let mut config = halloo_coordinator::config::Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        lan: true,
        tls,
        ..Default::default()
    };
    config.turn.secret_file = secret;
    config.turn.allow = vec!["127.0.0.0/8".parse().unwrap()];
    // coturn's client makes its own credentials by the machine's clock.
    let world = halloo_coordinator::world::World::real();
    let store = std::sync::Arc::new(halloo_store::memory::MemoryStore::new());
    let running = halloo_coordinator::serve::start(&config, world, store).await.unwrap();
    let (port, peer) = (running.local.port().to_string(), echo().port().to_string());
    let mut client = Command::new("turnutils_uclient");
    client.args(["-t", "-S", "-L", "127.0.0.1", "-u", "somebody", "-W", "shared-for-an-hour", "-c"]);
    client.args(["-p", &port, "-m", "1", "-n", "50", "-l", "160", "-z", "5"]);
    client.args(["-e", "127.0.0.1", "-r", &peer, "127.0.0.1"]);
    let output = client.output().await;
    let output = output.expect("turnutils_uclient, of Debian's package coturn (`cargo xtask` installs it)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Total lost packets 0 (0.000000%), total send dropped 0"), "{text}");
}

#[tokio::test]
async fn a_process_that_is_told_to_look_again_shows_its_new_certificate() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.certify(NAME, folder.path());
    let mut process = Command::new(env!("CARGO_BIN_EXE_halloo-coordinator"));
    process.args(["serve", "--listen", "127.0.0.1:0", "--origin", "https://halloo.example", "--data"]);
    process.arg(folder.path().join("data"));
    process.env("HALLOO_COORDINATOR_TLS__CERTIFICATE", &files.certificate);
    process.env("HALLOO_COORDINATOR_TLS__KEY", &files.key);
    process.env("HALLOO_LOG", "trace");
    let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut hear = async |word: &str| loop {
        let line = said.next_line().await.unwrap().expect("it runs");
        if let Some((_, rest)) = line.split_once(word) {
            return rest.to_owned();
        }
    };
    let at: SocketAddr = hear("listens on ").await.trim().parse().unwrap();
    let shown = async || {
        let stream = authority.connect(at, NAME, &[]).await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    authority.certify(NAME, folder.path());
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().await.unwrap().success());
    hear("the certificate was renewed").await;
    assert_ne!(shown().await, first);
}
