//! Starting a node: opens the home, the disk, the network and the local door, and sets the driver going.

use crate::args::DaemonArgs;
use crate::backup::Notes;
use crate::door::{Asked, Door, Entrance, OneTime, Request, Watchers};
use crate::driver::{
    Addresses, Driver, Membership, Memberships, Names, Parts, Recording, Waking, link_addresses, now,
};
use crate::home::{Home, HomeLock};
use crate::keys::Keys;
use crate::net::{Net, NetCommand, NetConfig, TapLane};
use crate::storage::{Loaded, Storage, group_key};
use crate::tap::{self, Tap};
use crate::terminal::secret;
use crate::vault::{Place, Unlock, Vault, VaultError, random};
use anyhow::{Context as _, Result};
use halloo_crypto::id::{AccountId, GroupId};
use halloo_engine::engine::Engine;
use halloo_engine::start::{Config, Origin};
use halloo_mesh::{GroupSize, PeerKey};
use libp2p::Multiaddr;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

/// A node that runs in this process.
pub struct Running {
    task: JoinHandle<()>,
    watchers: Watchers,
    ask: mpsc::Sender<Asked>,
    note: Option<String>,
    rest: Option<Rest>,
    _lock: HomeLock,
}

impl Running {
    /// The events from now on.
    pub fn events(&self) -> broadcast::Receiver<Value> {
        self.watchers.window()
    }

    /// What the person should know about how this home is closed; once, when it was made.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// A one-time token for the door on loopback, where one is open.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn rest_token(&self) -> Result<Option<OneTime>> {
        Ok(self.rest.as_ref().map(|rest| rest.entrance.token()).transpose()?)
    }

    /// Waits until the node has ended: asked at the door, or by an interrupt or termination of the process.
    ///
    /// # Errors
    /// The driver panicked.
    pub async fn stopped(mut self) -> Result<()> {
        tokio::select! {
            ended = &mut self.task => return ended.context("halloo ended by a mistake of its own; please report it"),
            () = interrupted() => {}
        }
        let (reply, _answer) = oneshot::channel();
        let stop = Asked { group: None, request: Request::Stop, reply };
        // A full or closed queue means that it is stopping already.
        let _stopping = self.ask.send(stop).await;
        self.task.await.context("halloo ended by a mistake of its own; please report it")
    }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut termination = match signal(SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending().await },
        _ = termination.recv() => {}
    }
}

/// Starts a node in this process.
///
/// # Errors
/// The home is in use or damaged, the port is in use, the disk or the door cannot be used; each with the next step.
pub async fn start(home: Home, args: &DaemonArgs) -> Result<Running> {
    let lock = home.lock()?;
    log_to(&home)?;
    let vault = Arc::new(open_vault(&home)?);
    let note = vault.note().map(str::to_owned);
    let keys = Keys::open(&home, &vault, now().wall_ms)?;
    let (storage, loaded) = Storage::open(&home, Arc::clone(&vault))?;
    if vault.next().is_some() {
        keys.save(&home, &vault)?;
        storage.rotate().await;
    }
    for line in &loaded.repaired {
        tracing::warn!("the store was repaired: {line}");
    }
    let tap = args.tap.as_deref().map(Tap::create).transpose().context("cannot write the tap file")?;
    let network = crate::net::start(net_config(&keys, args, tap.clone())?)?;
    let addresses = Addresses::load(&loaded.local);
    let names = Names::load(&loaded.local, keys.identity().device.id());
    reach_known(&network.net, &addresses).await;
    let restoring = Notes::load(&loaded.local);
    let waking = Waking::load(&loaded.local);
    let groups = restore(&keys, loaded, link_addresses(&network.net))?;
    let door = Door::open(&home.socket())?;
    let rest = args.rest.map(|at| open_rest(at, &door)).transpose()?;
    let (watchers, ask) = (door.watchers(), door.inside());
    let driver = Driver::new(Parts {
        keys,
        home,
        vault,
        groups,
        addresses,
        names,
        restoring,
        waking,
        net: network.net,
        net_events: network.events,
        storage,
        door,
        entrance: rest.as_ref().map(|rest| rest.entrance.clone()),
        recording: Recording { folder: args.record.clone(), label: args.label.clone(), tap },
        loopback: args.loopback,
        redundancy: !args.no_redundancy,
    });
    // A thread of its own: an engine is not made to be looked at from two threads, so the loop may not wander.
    let runtime = tokio::runtime::Handle::current();
    let task = tokio::task::spawn_blocking(move || runtime.block_on(driver.run()));
    Ok(Running { task, watchers, ask, note, rest, _lock: lock })
}

/// The open door on loopback; dropping it closes it.
#[cfg_attr(not(feature = "rest"), allow(dead_code))]
struct Rest {
    entrance: Entrance,
    task: JoinHandle<()>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(feature = "rest")]
fn open_rest(at: SocketAddr, door: &Door) -> Result<Rest> {
    let listener = crate::rest::listen(at)?;
    let entrance = Entrance::new(listener.local_addr()?);
    let house = crate::rest::House::new(entrance.clone(), door.inside(), door.watchers());
    let task = tokio::spawn(crate::rest::serve(listener, house)?);
    Ok(Rest { entrance, task })
}

#[cfg(not(feature = "rest"))]
fn open_rest(_: SocketAddr, _: &Door) -> Result<Rest> {
    anyhow::bail!(
        "this halloo has no door for browsers; build it with the feature `rest`, or leave out --rest"
    )
}

/// Opens the vault of a home as the environment says, and asks for a passphrase that is missing where somebody sits at a terminal.
///
/// # Errors
/// [`VaultError`].
pub fn open_vault(home: &Home) -> Result<Vault, VaultError> {
    let mut unlock = Unlock::from_env();
    if unlock.passphrase.is_none() && Vault::place_in(home)? == Some(Place::Passphrase) {
        unlock.passphrase = secret("passphrase of this home");
    }
    Vault::open(home, &unlock)
}

fn net_config(keys: &Keys, args: &DaemonArgs, tap: Option<Tap>) -> Result<NetConfig> {
    let hints: Vec<Multiaddr> = args
        .peers
        .iter()
        .map(|text| {
            text.parse().with_context(|| {
                format!("`{text}` is no address; write for instance /ip4/10.0.0.7/udp/4100/quic-v1")
            })
        })
        .collect::<Result<_>>()?;
    let own = keys.peer().0;
    Ok(NetConfig {
        seed: *keys.transport().expose(),
        session: u64::from_be_bytes(random()?),
        port: args.port,
        hosts: if args.loopback { vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] } else { Vec::new() },
        discover: !args.no_mdns && !args.loopback,
        hints,
        size: GroupSize::default(),
        tap: tap.map(|tap| {
            let note = move |lane: TapLane, bytes: &[u8]| tap.note(lane_byte(lane), own, bytes);
            Arc::new(note) as crate::net::Tap
        }),
    })
}

fn lane_byte(lane: TapLane) -> u8 {
    match lane {
        TapLane::Gossip => tap::LANE_GOSSIP,
        TapLane::Direct => tap::LANE_DIRECT,
        TapLane::Pair => tap::LANE_PAIR,
    }
}

/// Looks for the members of earlier runs where they were last.
async fn reach_known(net: &Net, known: &Addresses) {
    for (peer, addresses) in known.kept() {
        // The network has just started; if it is gone already the driver will say so.
        let _gone = net.send(NetCommand::Reach { peer: Some(PeerKey(peer.0)), addresses }).await;
    }
}

/// Starts the engine of every group that was on the disk, with the addresses that links shall carry.
///
/// # Errors
/// A group that cannot be opened.
pub fn restore(keys: &Keys, loaded: Loaded, addresses: Vec<String>) -> Result<Memberships> {
    let mut groups = Memberships::default();
    let config = Config { addresses, ..Config::default() };
    for (group, snapshot) in loaded.groups {
        let with = conversation_partner(&loaded.local, &group);
        let origin = Origin::Restore(snapshot);
        let engine = Engine::new(config.clone(), keys.identity(), origin, random()?, now())
            .with_context(|| format!("group {group} cannot be opened"))?;
        groups.insert(group, Membership::new(engine, with));
    }
    Ok(groups)
}

fn conversation_partner(
    local: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
    group: &GroupId,
) -> Option<AccountId> {
    let note = local.get(&group_key(group))?;
    Some(AccountId::from_bytes(note.as_slice().try_into().ok()?))
}

/// The daemon's own log: one file in the home, begun anew when it has grown past 4 MiB. Never holds names, texts, places or keys.
fn log_to(home: &Home) -> Result<()> {
    const LOG_MAX: u64 = 4 * 1024 * 1024;
    let path = home.file("log");
    let begin_anew = std::fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_MAX);
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(!begin_anew)
        .write(true)
        .truncate(begin_anew)
        .open(&path)
        .with_context(|| {
            format!("cannot write {}; check the folder's owner and its free space", path.display())
        })?;
    let filter = tracing_subscriber::EnvFilter::try_from_env("HALLOO_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,halloo_node=info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Arc::new(file))
        .log_internal_errors(false)
        .json();
    // A second node in one process (tests) keeps the log of the first.
    let _already = log.try_init();
    Ok(())
}
