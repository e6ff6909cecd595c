//! The process: killed in the middle of deposits it keeps what it acknowledged, told to end it says goodbye, and its log tells on nobody.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::ask;
use futures::StreamExt as _;
use halloo_coordinator::world::World;
use halloo_crypto::id::MailboxItem;
use halloo_crypto::mailbox::{Day, DayKey, MailboxSecret};
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use halloo_wire::mailbox::{
    Ask, DEPOSITS_PATH, Deposit, FETCH_PATH, Outcome, Page, SUBSCRIBE_PATH, What, read_outcomes,
    write_deposits,
};
use halloo_wire::origin::Origin;
use halloo_wire::ticket::{PATH, TicketAsk, TicketGiven};
use hyper::Method;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Kills.
const ROUNDS: usize = 4;
/// Acknowledged batches before each kill; more are under way when it comes.
const BATCHES_PER_ROUND: usize = 40;
const WRITERS: u8 = 8;
/// Sockets that are open when it comes.
const SOCKETS: usize = 20;

struct Process {
    child: Child,
    address: SocketAddr,
    origin: Origin,
}

impl Process {
    async fn start(data: &Path) -> Self {
        Self::start_telling(data, Stdio::null()).await
    }

    /// Starts one that tells all there is to tell.
    async fn start_telling(data: &Path, stderr: Stdio) -> Self {
        // As few descriptors as a shell of another age gives; the coordinator asks for more.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "ulimit -S -n 48; exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_halloo-coordinator"),
                "serve",
                "--lan",
                "--listen",
                "127.0.0.1:0",
                "--set",
                "mailbox.deposits_burst=1000000",
                "--set",
                "mailbox.kib_burst=1000000",
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .env("HALLOO_LOG", "trace")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let origin: Origin = lines.next_line().await.unwrap().expect("it says where it is").parse().unwrap();
        let address = format!("{}:{}", origin.host(), origin.port()).parse().unwrap();
        Process { child, address, origin }
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }

    async fn socket(&self) -> WebSocketStream<TcpStream> {
        let url = format!("{}{SUBSCRIBE_PATH}", self.origin.as_str().replace("http", "ws"));
        let stream = TcpStream::connect(self.address).await.unwrap();
        tokio_tungstenite::client_async(url, stream).await.unwrap().0
    }

    async fn ticket(&self, now_ms: u64, nonce: [u8; 16]) -> String {
        let secret = ClientSecret::derive(&Secret::new([1; 32]), self.origin.as_str());
        let (room, client, origin) = (Room::Mailbox, secret.id(), self.origin.to_string());
        let request = TicketRequest { room, client, time_ms: now_ms, nonce, origin };
        let body = serde_json::to_vec(&TicketAsk::new(&request, secret.sign(&request).unwrap())).unwrap();
        let answer = ask(self.address, Method::POST, PATH, &[], body).await;
        let given: TicketGiven = serde_json::from_slice(&answer.body).unwrap();
        format!("Halloo {}", given.ticket)
    }

    async fn names(&self, key: &DayKey, now_ms: u64) -> Vec<MailboxItem> {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let fetch = Ask::sign(What::Fetch { after, limit: 64 }, key, &self.origin, now_ms);
            let answer = ask(self.address, Method::POST, FETCH_PATH, &[], fetch).await;
            let page = Page::read(&answer.body).unwrap();
            for (name, bytes) in &page.items {
                assert!(bytes.iter().all(|byte| *byte == name.0[0]), "what comes back is what was left");
            }
            names.extend(page.items.iter().map(|(name, _)| *name));
            after = names.last().copied();
            if !page.more {
                return names;
            }
        }
    }
}

/// It is told when to come back.
async fn goodbye(socket: &mut WebSocketStream<TcpStream>) {
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!("no goodbye") };
    assert_eq!(u16::from(frame.code), 1012);
    assert!(frame.reason.starts_with("retry "), "{frame:?}");
}

/// Leaves batches until the coordinator is gone; gives the names of all that it acknowledged, and of all that it was sent.
async fn leave_until_it_is_gone(
    address: SocketAddr,
    ticket: String,
    key: DayKey,
    seed: [u8; 32],
    acknowledged: Arc<(AtomicUsize, Notify)>,
) -> (BTreeSet<MailboxItem>, Vec<Deposit>) {
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut stored = BTreeSet::new();
    loop {
        let batch: Vec<Deposit> = (0..4)
            .map(|_| {
                let item = MailboxItem::generate(&mut rng);
                let bytes = vec![item.0[0]; if rng.next_u32().is_multiple_of(4) { 4 << 10 } else { 1 << 10 }];
                Deposit { address: key.address(), item, bytes }
            })
            .collect();
        let (headers, body) = ([("authorization", ticket.as_str())], write_deposits(&batch));
        let Some(answer) = asking::try_ask(address, Method::POST, DEPOSITS_PATH, &headers, body).await else {
            return (stored, batch);
        };
        if answer.status == 503 {
            // It closes, and took nothing.
            return (stored, batch);
        }
        assert_eq!(read_outcomes(&answer.body).unwrap(), [Outcome::Stored; 4]);
        stored.extend(batch.iter().map(|deposit| deposit.item));
        acknowledged.0.fetch_add(1, Ordering::SeqCst);
        acknowledged.1.notify_one();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_deposit_is_there_once_after_the_coordinator_was_killed() {
    ended_and_back("-KILL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_with_live_sockets_tells_them_when_to_come_back_and_loses_no_acknowledged_deposit() {
    ended_and_back("-TERM").await;
}

/// Ends a coordinator in the middle of deposits, again and again; what it acknowledged is there once when it is back.
async fn ended_and_back(signal: &str) {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::real());
    let keys: Vec<DayKey> = (0..WRITERS)
        .map(|seed| {
            let mut rng = ChaCha20Rng::from_seed([seed; 32]);
            MailboxSecret::generate(&mut rng).day_key(Day::of_ms(world.now_ms()))
        })
        .collect();
    let mut expected = vec![BTreeSet::new(); keys.len()];
    for round in 0..ROUNDS {
        let mut process = Process::start(folder.path()).await;
        let ticket = process.ticket(world.now_ms(), [round as u8; 16]).await;
        let acknowledged = Arc::new((AtomicUsize::new(0), Notify::new()));
        let mut writers = JoinSet::new();
        for (number, key) in keys.iter().enumerate() {
            let mut seed = [round as u8; 32];
            seed[0] = number as u8;
            let run = leave_until_it_is_gone(
                process.address,
                ticket.clone(),
                key.clone(),
                seed,
                Arc::clone(&acknowledged),
            );
            writers.spawn(async move { (number, run.await) });
        }
        while acknowledged.0.load(Ordering::SeqCst) < BATCHES_PER_ROUND {
            acknowledged.1.notified().await;
        }
        let mut sockets = Vec::new();
        for _ in 0..SOCKETS {
            sockets.push(process.socket().await);
        }
        process.signal(signal).await;
        if signal == "-TERM" {
            for socket in &mut sockets {
                goodbye(socket).await;
            }
            assert!(process.child.wait().await.unwrap().success());
        }
        process.child.wait().await.unwrap();
        let broken_off: Vec<_> = writers.join_all().await;

        let mut after = Process::start(folder.path()).await;
        let ticket = after.ticket(world.now_ms(), [0x80 | round as u8; 16]).await;
        for (number, (stored, batch)) in broken_off {
            expected[number].extend(stored);
            let there: BTreeSet<_> = after.names(&keys[number], world.now_ms()).await.into_iter().collect();
            assert!(expected[number].is_subset(&there), "round {round}: an acknowledged deposit is lost");
            // Whether the last one got through is unknown to its sender, who sends it again.
            let headers = [("authorization", ticket.as_str())];
            let answer =
                ask(after.address, Method::POST, DEPOSITS_PATH, &headers, write_deposits(&batch)).await;
            assert_eq!(read_outcomes(&answer.body).unwrap(), [Outcome::Stored; 4]);
            expected[number].extend(batch.iter().map(|deposit| deposit.item));
            let names = after.names(&keys[number], world.now_ms()).await;
            assert_eq!(
                names,
                expected[number].iter().copied().collect::<Vec<_>>(),
                "each once, and nothing else"
            );
        }
        after.child.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_end_says_goodbye_first_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path()).await;
    let mut socket = process.socket().await;
    process.signal("-TERM").await;
    goodbye(&mut socket).await;
    assert!(process.child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_while_it_serves_and_one_when_nobody_does_restore_to_the_same_rows() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::real());
    let data = folder.path().join("data");
    let run = async |args: &[&str], paths: &[&Path]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halloo-coordinator"));
        command.args(args).args(paths).output().await.unwrap()
    };
    let mut process = Process::start(&data).await;
    let now_ms = world.now_ms();
    let ticket = process.ticket(now_ms, [1; 16]).await;
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let key = MailboxSecret::generate(&mut rng).day_key(Day::of_ms(now_ms));
    let batch: Vec<Deposit> = (0..64)
        .map(|_| {
            let item = MailboxItem::generate(&mut rng);
            Deposit { address: key.address(), item, bytes: vec![item.0[0]; 16 << 10] }
        })
        .collect();
    let headers = [("authorization", ticket.as_str())];
    for half in batch.chunks(32) {
        let answer = ask(process.address, Method::POST, DEPOSITS_PATH, &headers, write_deposits(half)).await;
        assert!(read_outcomes(&answer.body).unwrap().iter().all(|outcome| *outcome == Outcome::Stored));
    }
    let [serving, closed, restored] = ["serving", "closed", "restored"].map(|name| folder.path().join(name));
    let done = run(&["backup", "--data"], &[&data, &serving]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(process.names(&key, now_ms).await.len(), 64, "it serves on");
    process.child.kill().await.unwrap();
    let done = run(&["backup", "--data"], &[&data, &closed]).await;
    assert!(done.status.success(), "{done:?}");
    let rows = |of: &Path| std::fs::read(of.join("store.export")).unwrap()[24..].to_vec();
    assert_eq!(rows(&serving)[..1_000_000], rows(&closed)[..1_000_000]);

    let done = run(&["restore", "--verify", "--data"], &[&restored, &serving]).await;
    assert!(
        done.status.success() && String::from_utf8_lossy(&done.stderr).contains("all are equal"),
        "{done:?}"
    );
    let all = |of: &Path| SledStore::open(&of.join("store")).unwrap().0.range(&[]).unwrap();
    assert_eq!(all(&data), all(&restored));
    let done = run(&["restore", "--verify", "--data"], &[&restored, &serving]).await;
    assert!(
        !done.status.success() && String::from_utf8_lossy(&done.stderr).contains("not empty"),
        "{done:?}"
    );
    // What is restored serves, with the same secrets.
    let after = Process::start(&restored).await;
    let expected: BTreeSet<_> = batch.iter().map(|deposit| deposit.item).collect();
    assert_eq!(after.names(&key, now_ms).await.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn init_asks_nothing_where_the_domain_is_said_and_what_it_writes_is_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halloo-coordinator"));
        command.args(args).stdin(Stdio::null()).env("HOME", folder.path()).env_remove("XDG_CONFIG_HOME");
        let done = command.output().await.unwrap();
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (done.status.success(), said)
    };
    let (done, said) = run(&["init"]).await;
    assert!(!done && said.contains("--domain"), "{said}");
    let (done, said) = run(&["init", "--domain", "halloo.example"]).await;
    assert!(done && said.contains("DNS") && said.contains("443"), "{said}");
    let (done, said) = run(&["config", "check"]).await;
    assert!(done && said.contains("\"https://halloo.example\"") && said.contains("acme-v02"), "{said}");
    let (done, said) = run(&["init", "--domain", "other.example"]).await;
    assert!(!done && said.contains("not changed"), "{said}");
}

/// What would tell on somebody, in the ways in which it could be written.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    vec![hex.to_uppercase(), hex, list.trim_matches(['[', ']']).to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_the_log_at_its_loudest_says_who_asked_for_what() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::real());
    let mut process = Process::start_telling(folder.path(), Stdio::piped()).await;
    let now_ms = world.now_ms();
    let ticket = process.ticket(now_ms, [1; 16]).await;
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let key = MailboxSecret::generate(&mut rng).day_key(Day::of_ms(now_ms));
    let deposit =
        Deposit { address: key.address(), item: MailboxItem([0xC7; 16]), bytes: vec![0xC7; 1 << 10] };
    let headers = [("authorization", ticket.as_str()), ("x-forwarded-for", "203.0.113.77")];
    for body in [write_deposits(std::slice::from_ref(&deposit)), b"canary-of-garbage".to_vec()] {
        ask(process.address, Method::POST, DEPOSITS_PATH, &headers, body).await;
    }
    assert_eq!(process.names(&key, now_ms).await, [deposit.item]);
    let place =
        "/api/v1/rendezvous/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef?canary-of-query";
    ask(process.address, Method::GET, place, &headers, Vec::new()).await;
    // Something that is worth a line: what is spoken here is no HTTP.
    let mut stream = TcpStream::connect(process.address).await.unwrap();
    stream.write_all(b"CANARY-OF-A-METHOD / HTTP/9.9\r\n\r\n").await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    let pid = process.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let mut log = String::new();
    process.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
    assert!(log.contains("a connection ended early"), "the log is read, and at its loudest: {log}");
    let mut canaries =
        vec!["203.0.113.77".to_owned(), "0123456789abcdef".to_owned(), ticket["Halloo ".len()..].to_owned()];
    canaries.extend(spellings(&key.address().0));
    canaries.extend(spellings(&deposit.item.0));
    canaries.extend(["canary", "CANARY", "199, 199, 199", "c7c7c7"].map(str::to_owned));
    for canary in canaries {
        assert!(!log.contains(&canary), "{canary} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_given_few_descriptors_serves_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        open.push(stream);
    }
}
