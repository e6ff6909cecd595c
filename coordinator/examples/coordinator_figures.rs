//! Measures a coordinator in a process of its own, and prints one JSON object a line: name, ours, unit.
//!
//! `cargo run --release -p halloo-coordinator --example coordinator_figures`
//!
//! The process is this program again, running the command line of the coordinator: all rooms open, a store on the disk.
#![allow(clippy::print_stdout, reason = "printing figures is what this example is for")]
#![allow(clippy::disallowed_methods, reason = "it measures time; nothing links to it")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

mod served;

use futures::SinkExt as _;
use halloo_coordinator::world::World;
use halloo_crypto::base16;
use halloo_crypto::id::MailboxItem;
use halloo_crypto::mailbox::{Day, DayKey, MailboxSecret};
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_wire::login::{CHALLENGE_PATH, LOGIN_PATH, LoginProof, Purpose, REGISTER_PATH};
use halloo_wire::mailbox::{
    Ask, BATCH_ITEMS_MAX, DEPOSITS_PATH, Deposit, Outcome, SUBSCRIBE_PATH, What, read_outcomes,
    write_deposits,
};
use halloo_wire::ticket::{PATH, TicketAsk};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use served::{Server, post};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Items that are left, of the smallest size.
const ITEMS: usize = 1_000_000;
/// Connections that leave them, each the same number of whole batches.
const DEPOSITORS: usize = 25;
/// Mailboxes that they are left in: so many that none is full.
const MAILBOXES: usize = 2_048;
/// Sockets that wait, where the system allows so many descriptors; else as many as it does.
const SOCKETS: usize = 15_000;
/// Requests for tickets, one after the other on a few connections.
const TICKETS: usize = 20_000;
/// Devices that log in, again and again, each with a challenge and an answer.
const DEVICES: u16 = 32;
const LOGINS: usize = 8_192;
/// Requests at a steady pace, so many a second for so many seconds.
const PACE: usize = 1_000;
const PACE_SECONDS: usize = 5;
/// Limits that one machine asking for thousands would run into.
const SETTINGS: [&str; 7] = [
    "mailbox.deposits_burst=1000000000",
    "mailbox.asks_burst=1000000000",
    "auth.burst=1000000000",
    "mailbox.kib_burst=1000000000",
    "connections_per_bucket=16384",
    "auth.registration=open",
    "auth.registrations_burst=1000",
];

fn main() -> ExitCode {
    if let Some(ended) = served::is_server() {
        return ended;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
    ExitCode::SUCCESS
}

fn print(name: &str, ours: f64, unit: &str) {
    println!(r#"{{"name":"coordinator/{name}","ours":{ours:.3},"unit":"{unit}"}}"#);
}

async fn measure() {
    let (folder, now_ms) = (tempfile::tempdir().unwrap(), World::real().now_ms());
    let started = Instant::now();
    let program = std::env::args_os().nth(1).map_or_else(|| std::env::current_exe().unwrap(), PathBuf::from);
    let server = Server::start_program(&program, folder.path(), &SETTINGS);
    let bytes = program.metadata().unwrap().len();
    print("file", bytes as f64 / 1e6, "MB, the program");
    print("start", started.elapsed().as_secs_f64() * 1e3, "ms until it says where it is");
    print("idle", server.memory() / 1_024.0, "MB resident, all rooms open");
    let keys: Vec<DayKey> = (0..MAILBOXES)
        .map(|number| {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
            MailboxSecret::generate(&mut ChaCha20Rng::from_seed(seed)).day_key(Day::of_ms(now_ms))
        })
        .collect();
    sockets(&server, &keys, now_ms).await;
    tickets(&server).await;
    logins(&server).await;
    pace(&server).await;
    deposits(&server, &keys, now_ms).await;
    server.end();
}

/// What a socket costs that watches one address and is never told anything.
async fn sockets(server: &Server, keys: &[DayKey], now_ms: u64) {
    let sockets = SOCKETS.min(halloo_coordinator::descriptors::raise().saturating_sub(256));
    let before = server.memory();
    let url = format!("{}{SUBSCRIBE_PATH}", server.origin.as_str().replace("http", "ws"));
    let mut open = Vec::with_capacity(sockets);
    for number in 0..sockets {
        let stream = TcpStream::connect((server.origin.host(), server.origin.port())).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(&url, stream).await.unwrap();
        let watch = Ask::sign(What::Watch, &keys[number % keys.len()], &server.origin, now_ms);
        socket.send(Message::Binary(watch.into())).await.unwrap();
        open.push(socket);
    }
    // An answer on a connection of its own comes when the last watch has long been read.
    server.ticket(1, now_ms).await;
    print("sockets", sockets as f64, "WebSockets open at once");
    print(
        "socket",
        (server.memory() - before) * 1_024.0 / sockets as f64,
        "bytes an idle WebSocket that watches",
    );
}

/// Deposits that are durable when they are answered.
async fn deposits(server: &Server, keys: &[DayKey], now_ms: u64) {
    let ticket = server.ticket(2, now_ms).await;
    let (began, cpu) = (Instant::now(), server.cpu());
    let depositors = (0..DEPOSITORS).map(|number| {
        let ticket = ticket.clone();
        async move {
            let mut connection = server.connect().await;
            let mut rng = ChaCha20Rng::from_seed([number as u8; 32]);
            for batch in 0..ITEMS / BATCH_ITEMS_MAX / DEPOSITORS {
                let item = |at: usize| Deposit {
                    address: keys[(number * 31 + batch * 7 + at) % keys.len()].address(),
                    item: MailboxItem::generate(&mut rng),
                    bytes: vec![at as u8; 1 << 10],
                };
                let body = write_deposits(&(0..BATCH_ITEMS_MAX).map(item).collect::<Vec<_>>());
                let answer = post(&mut connection, DEPOSITS_PATH, &ticket, body).await;
                assert_eq!(read_outcomes(&answer).unwrap(), vec![Outcome::Stored; BATCH_ITEMS_MAX]);
            }
        }
    });
    futures::future::join_all(depositors).await;
    let (items, seconds) = (ITEMS as f64, began.elapsed().as_secs_f64());
    print("million", seconds * 1e6 / items, "s for a million durable deposits of 1 KiB");
    print("deposits", items / seconds, "durable deposits of 1 KiB a second, client on the same machine");
    print("deposit-cpu", (server.cpu() - cpu) * 1e6 / items, "us of CPU of the server a deposit");
    print("loaded", server.memory() / 1_024.0, "MB resident after them");
}

/// Requests for tickets, each checked, remembered and answered with a signature.
async fn tickets(server: &Server) {
    let secret = ClientSecret::derive(&Secret::new([3; 32]), server.origin.as_str());
    let cpu = server.cpu();
    let clients = (0..8_u8).map(|number| {
        let secret = &secret;
        async move {
            let mut connection = server.connect().await;
            for count in 0..TICKETS / 8 {
                let mut nonce = [number; 16];
                nonce[..8].copy_from_slice(&(count as u64).to_be_bytes());
                let (client, origin, time_ms) =
                    (secret.id(), server.origin.to_string(), World::real().now_ms());
                let request = TicketRequest { room: Room::Mailbox, client, time_ms, nonce, origin };
                let ask = TicketAsk::new(&request, secret.sign(&request).unwrap());
                post(&mut connection, PATH, "", serde_json::to_vec(&ask).unwrap()).await;
            }
        }
    });
    futures::future::join_all(clients).await;
    print("tickets", TICKETS as f64 / (server.cpu() - cpu), "tickets a CPU-second of the server");
}

/// Logins by the keys of devices: a challenge, a signature that is checked, a session that is durable, a token that is signed.
async fn logins(server: &Server) {
    let proven = async |connection: &mut _, client: &ClientSecret, purpose| {
        let device = client.id();
        let ask = format!(r#"{{"device_key":"{device}"}}"#).into_bytes();
        let given: serde_json::Value =
            serde_json::from_slice(&post(connection, CHALLENGE_PATH, "", ask).await).unwrap();
        let challenge = base16::decode_array(given["challenge"].as_str().unwrap()).unwrap();
        let proof = LoginProof { purpose, device, challenge, origin: server.origin.clone() };
        let signature = proof.sign(client);
        let challenge = base16::encode(&challenge);
        let proof = serde_json::json!({"device_key": device, "challenge": challenge, "signature": signature});
        serde_json::json!({ "proof": proof }).to_string().into_bytes()
    };
    let mut clients = Vec::new();
    for number in 0..DEVICES {
        let mut seed = [4; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        let client = ClientSecret::derive(&Secret::new(seed), server.origin.as_str());
        let mut connection = server.connect().await;
        let body = proven(&mut connection, &client, Purpose::Register).await;
        post(&mut connection, REGISTER_PATH, "", body).await;
        clients.push((client, connection));
    }
    let (began, cpu) = (Instant::now(), server.cpu());
    let all = clients.into_iter().map(|(client, mut connection)| async move {
        for _ in 0..LOGINS / usize::from(DEVICES) {
            let body = proven(&mut connection, &client, Purpose::Login).await;
            post(&mut connection, LOGIN_PATH, "", body).await;
        }
    });
    futures::future::join_all(all).await;
    let (logins, seconds) = (LOGINS as f64, began.elapsed().as_secs_f64());
    print(
        "logins",
        logins / (server.cpu() - cpu),
        "device-key logins a CPU-second of the server, each durable",
    );
    print("logins-wall", logins / seconds, "device-key logins a second, client on the same machine");
}

/// How long an answer takes while requests come at a steady pace.
async fn pace(server: &Server) {
    let mut connections = Vec::new();
    for _ in 0..32 {
        connections.push(std::sync::Arc::new(tokio::sync::Mutex::new(server.connect().await)));
    }
    let mut every = tokio::time::interval(std::time::Duration::from_secs(1) / PACE as u32);
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..PACE * PACE_SECONDS {
        every.tick().await;
        let connection = std::sync::Arc::clone(&connections[number % connections.len()]);
        let began = Instant::now();
        asked.spawn(async move {
            let mut connection = connection.lock().await;
            connection.ready().await.unwrap();
            let request = Request::get("/api/v1/server").header("host", "x").body(Full::default()).unwrap();
            let answer = connection.send_request(request).await.unwrap();
            answer.into_body().collect().await.unwrap();
            began.elapsed()
        });
    }
    let mut times = asked.join_all().await;
    times.sort();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    print("p99", at(0.99), "ms, 99 of 100 answers at 1,000 requests a second, client on the same machine");
    print("p50", at(0.5), "ms, half of the answers");
}
