//! Rotates the key at rest of a member that is written to at full speed and killed at random moments, and prints what came of it,
//! one JSON object a line: `{"name", "ours", "unit"}`. `cargo xtask prove first-halloo.13` runs it.
//!
//! `rotate_under_load HALLOO SECONDS MESSAGES`: the command, how long, and how many messages at most; then settings are written over and over. After every kill the home is
//! opened as the next start would open it, and every acknowledged message must be there. In the end the key of every rotation is
//! tried on every value, and every ciphertext that was ever seen is looked for in every file.
#![allow(clippy::print_stdout)]

use anyhow::{Context as _, Result, bail, ensure};
use halloo_engine::snapshot::Table;
use halloo_node::door::{Client, ClientError, NewAsk, Request};
use halloo_node::home::Home;
use halloo_node::place_name::PrecisionName;
use halloo_node::storage::Storage;
use halloo_node::vault::{DataKey, Unlock, Vault};
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// Programs that write at the same time.
const WRITERS: usize = 8;
/// Longest life of a member between its door and a kill.
const LIFE_MAX_MS: u64 = 1_500;
/// Longest life of a member that is killed while it starts.
const BIRTH_MAX_MS: u64 = 120;
/// How long a state may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);

/// A small generator: repeatable noise is all that is needed.
struct Noise(u64);

impl Noise {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What is known of the home from outside.
struct Witness {
    home: Home,
    /// Ids of acknowledged messages.
    acknowledged: Mutex<Vec<[u8; 32]>>,
    sent: AtomicU64,
    most: u64,
    overwritten: AtomicU64,
    rotations: AtomicU64,
}

/// What was seen of it from inside, between two lives.
#[derive(Default)]
struct Seen {
    /// Every data key that sealed the store, in order.
    keys: Vec<Arc<DataKey>>,
    /// Marks from the middle of every ciphertext.
    marks: HashSet<[u8; 16]>,
    midway: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [halloo, seconds, messages] = words.as_slice() else {
        bail!("usage: rotate_under_load HALLOO SECONDS MESSAGES")
    };
    let (halloo, span) = (PathBuf::from(halloo), Duration::from_secs(seconds.parse()?));
    let folder = tempfile::tempdir()?;
    let home = Home::open(Some(folder.path().join("h")))?;
    let witness = Arc::new(Witness {
        home: home.clone(),
        acknowledged: Mutex::new(Vec::new()),
        sent: AtomicU64::new(0),
        most: messages.parse()?,
        overwritten: AtomicU64::new(0),
        rotations: AtomicU64::new(0),
    });
    let (mut seen, mut noise, mut kills, mut lost) =
        (Seen::default(), Noise(0x9e37_79b9_7f4a_7c15), 0_u64, 0);
    let began = Instant::now();
    while began.elapsed() < span || kills < 4 {
        let (mut member, mut tasks) = (start(&halloo, &home)?, JoinSet::new());
        let first = kills == 0;
        if !first && noise.below(5) == 0 {
            tokio::time::sleep(Duration::from_millis(noise.below(BIRTH_MAX_MS))).await;
        } else {
            tasks = live(&witness, &mut member, first).await?;
            tokio::time::sleep(Duration::from_millis(noise.below(LIFE_MAX_MS))).await;
        }
        member.kill()?;
        member.wait()?;
        // Whoever was in the middle of a request has stopped, or stops here.
        tasks.shutdown().await;
        kills += 1;
        // Half of the lives begin from what the kill left, half from what the look inside left.
        if noise.below(2) == 0 {
            lost += look(&witness, &mut seen).await?;
        }
    }
    lost += look(&witness, &mut seen).await?;
    ensure!(lost == 0, "{lost} acknowledged messages are lost");
    let mut member = start(&halloo, &home)?;
    let mut client = door(&home, &mut member).await?;
    client.ask(None, Request::KeyRotate).await?;
    client.ask(None, Request::Stop).await?;
    member.wait()?;
    judge(&witness, seen, kills).await
}

fn start(halloo: &Path, home: &Home) -> Result<Child> {
    let mut command = Command::new(halloo);
    command.arg("--home").arg(home.folder()).args(["--quiet", "up", "--loopback", "--no-mdns"]);
    command.env("HALLOO_KEYRING", "off").stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().context("the command could not be started")
}

async fn door(home: &Home, member: &mut Child) -> Result<Client> {
    let began = Instant::now();
    loop {
        match Client::connect(&home.socket()).await {
            Ok(client) => return Ok(client),
            Err(_) if began.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = member.try_wait()? {
            bail!("the member ended at its start with {status}");
        }
    }
}

/// Lets programs write and rotate at full speed until the member dies.
async fn live(
    witness: &Arc<Witness>,
    member: &mut Child,
    first: bool,
) -> Result<JoinSet<Result<(), ClientError>>> {
    let mut client = door(&witness.home, member).await?;
    if first {
        client.ask(None, Request::New(NewAsk { name: "Load".into(), profile: None, via: None })).await?;
    }
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        tasks.spawn(write(Arc::clone(witness)));
    }
    tasks.spawn(rotate(Arc::clone(witness)));
    Ok(tasks)
}

async fn write(witness: Arc<Witness>) -> Result<(), ClientError> {
    let mut client = Client::connect(&witness.home.socket()).await?;
    loop {
        let n = witness.sent.fetch_add(1, Ordering::Relaxed);
        if n >= witness.most {
            // Enough to carry; what is written from here on is written over.
            let precision = if n.is_multiple_of(2) { PrecisionName::City } else { PrecisionName::Exact };
            client.ask(None, Request::Precision { precision }).await?;
            witness.overwritten.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let text = format!("message {n} {}", "and so on ".repeat(n as usize % 40));
        let answer = client.ask(None, Request::Say { text, reply_to: None }).await?;
        let id = answer["message"].as_str().and_then(id).expect("a message has an id");
        witness.acknowledged.lock().await.push(id);
    }
}

fn id(text: &str) -> Option<[u8; 32]> {
    let byte = |at: usize| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok();
    (0..32).map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

async fn rotate(witness: Arc<Witness>) -> Result<(), ClientError> {
    let mut client = Client::connect(&witness.home.socket()).await?;
    loop {
        client.ask(None, Request::KeyRotate).await?;
        witness.rotations.fetch_add(1, Ordering::Relaxed);
    }
}

/// Opens the home as the next start would; returns how many acknowledged messages are not there.
async fn look(witness: &Witness, seen: &mut Seen) -> Result<usize> {
    let lock = witness.home.lock()?;
    let vault = Arc::new(Vault::open(&witness.home, &Unlock::by_key_file())?);
    let (storage, loaded) = Storage::open(&witness.home, Arc::clone(&vault))?;
    storage.close().await;
    let acknowledged = witness.acknowledged.lock().await;
    let there = |id: &[u8; 32]| {
        let key = Table::Content.key(id);
        loaded.groups.values().any(|snapshot| snapshot.pairs.contains_key(&key))
    };
    let lost = acknowledged.iter().filter(|id| !there(id)).count();
    let current = vault.current();
    if !seen.keys.last().is_some_and(|last| same(last, &current)) {
        seen.keys.push(Arc::clone(&current));
    }
    seen.midway += u64::from(vault.next().is_some());
    seen.marks.extend(marks(&witness.home, current.number())?);
    drop(lock);
    Ok(lost)
}

/// Numbers come again after 255 rotations, so they do not tell.
fn same(one: &DataKey, other: &DataKey) -> bool {
    one.seal(b"same", b"").is_ok_and(|sealed| other.open(b"same", &sealed).is_ok())
}

/// A mark of each record of a closed store, from the middle of its ciphertext.
fn marks(home: &Home, key: u8) -> Result<Vec<[u8; 16]>> {
    let (store, _) = SledStore::open(&home.store(key))?;
    let records = store.range(b"")?;
    Ok(records.iter().filter_map(|(_, record)| record.get(40..56)?.try_into().ok()).collect())
}

/// Tries every key that was replaced on every value, and looks for every old ciphertext in every file.
async fn judge(witness: &Witness, mut seen: Seen, kills: u64) -> Result<()> {
    let before = std::mem::take(&mut seen.marks);
    let mut old = std::mem::take(&mut seen.keys);
    let lost = look(witness, &mut seen).await?;
    let vault = Vault::open(&witness.home, &Unlock::by_key_file())?;
    old.retain(|key| !same(key, &vault.current()));
    ensure!(vault.next().is_none() && witness.home.stores()? == [vault.current().number()]);
    let (store, _) = SledStore::open(&witness.home.store(vault.current().number()))?;
    let (mut values, mut readable, mut own) = (0_u64, 0_u64, 0_u64);
    for (at, record) in store.range(b"g")?.into_iter().chain(store.range(b"l")?) {
        let sealed = if at[0] == b'g' { &record[1..] } else { &record[..] };
        if record.first() == Some(&1) && at[0] == b'g' {
            continue; // In pieces: none of these texts is so long.
        }
        values += 1;
        own += u64::from(vault.open_value(&at, sealed).is_ok());
        let opens = |key: &Arc<DataKey>| {
            let claimed = [&[key.number()], &sealed[1..]].concat();
            key.open(&at, &claimed).is_ok()
        };
        readable += u64::from(old.iter().any(opens));
    }
    drop(store);
    let control = found(witness.home.folder(), &seen.marks)?;
    let left = found(witness.home.folder(), &before)?;
    let acknowledged = witness.acknowledged.lock().await.len();
    let rotations = witness.rotations.load(Ordering::Relaxed);
    print("rotation under load: values in the store at the end", values, "values");
    print("rotation under load: of them opened by the home's own key", own, "values");
    print("rotation under load: messages acknowledged", acknowledged as u64, "messages");
    let overwritten = witness.overwritten.load(Ordering::Relaxed);
    print("rotation under load: settings acknowledged, each over the last", overwritten, "writes");
    print("rotation under load: kills -9", kills, "kills");
    print("rotation under load: rotations through", rotations, "rotations");
    print("rotation under load: looked at in the middle of one", seen.midway, "homes");
    print("rotation under load: old keys tried", old.len() as u64, "keys");
    print("rotation under load: acknowledged messages lost", lost as u64, "messages");
    print("rotation under load: values readable with an old key", readable, "values");
    print("rotation under load: old ciphertexts looked for", before.len() as u64, "marks");
    print("rotation under load: old ciphertexts found in any file", left, "marks");
    ensure!(control >= values / 2, "the search finds nothing, not even what is there");
    ensure!(own == values && rotations > 0 && !old.is_empty(), "nothing was proven");
    ensure!(lost == 0 && readable == 0 && left == 0, "something is lost, or readable with an old key");
    Ok(())
}

/// How many of the marks are found in the files below a folder.
fn found(folder: &Path, marks: &HashSet<[u8; 16]>) -> Result<u64> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += found(&path, marks)?;
        } else if path.is_file() {
            let bytes = std::fs::read(&path)?;
            let hits = bytes.windows(16).filter(|window| marks.contains(*window));
            count += hits.count() as u64;
        }
    }
    Ok(count)
}

fn print(name: &str, ours: u64, unit: &str) {
    println!("{}", serde_json::json!({ "name": name, "ours": ours, "unit": unit }));
}
