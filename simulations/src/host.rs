//! A simulated device: the real Swarm and mesh, the real engine and joiner, a disk, one CPU. It does what the shell's driver does: hand
//! in, drain, grant.

mod adversary;
mod grant;
mod inbox;
mod network;
mod joining;
mod speaking;
mod working;

use crate::chance;
use crate::disk::Disk;
use crate::net::links::HostId;
use crate::net::{transport, wire};
use crate::plan::{Costs, End, HostPlan, Plan, Stack};
use crate::seen::{At, Load, Seen};
use crate::stage::Stage;
use crate::voice::Voice;
use adversary::Crook;
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::lane::PeerKey;
use halloo_engine::pairing::Joiner;
use halloo_engine::place::Fix;
use halloo_engine::start::{Identity, Origin};
use halloo_engine::time::{Now, Time};
use halloo_mesh::{Dials, Mesh, MeshConfig, PairReply, limits};
use halloo_vtime::{Part, Task, Timer, now_us};
use inbox::Work;
use libp2p::identity::Keypair;
use libp2p::swarm::{self};
use libp2p::{PeerId, Swarm};
use rand_core::Rng as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

/// Unix milliseconds at the origin of virtual time: the wall clock of a host without skew.
pub const WALL_ORIGIN_MS: u64 = 1_790_000_000_000;

/// How often the queues are looked at, microseconds.
const LOAD_EVERY_US: u64 = 1_000_000;

/// Work that waits for the CPU; more is a bound of ours that was forgotten.
const INBOX_MAX: usize = 200_000;

/// One device.
pub struct Host {
    /// Its number.
    pub id: HostId,
    life: u32,
    skew_ms: i64,
    identity: Identity,
    key: Keypair,
    disk: Disk,
    asleep: bool,
    task: Arc<Task>,
    waker: Waker,
    /// It is being polled: what it does to itself meanwhile is seen before the poll ends.
    polled: bool,
    /// Whom it finds, and when at the earliest.
    finds: BTreeMap<HostId, u64>,
    node: Option<Node>,
}

/// A running process.
struct Node {
    swarm: Swarm<Mesh>,
    /// Whether the Swarm wants to be polled: most polls of a host are for its engine alone.
    stack: Arc<Part>,
    stack_waker: Waker,
    engine: Option<Engine>,
    joiner: Option<Joiner>,
    deadline: Option<Time>,
    /// The wake for the deadline waits for the CPU.
    wake_queued: bool,
    load_us: u64,
    voice: Voice,
    inbox: VecDeque<(u64, Work)>,
    busy_until_us: u64,
    timer: Timer,
    dials: Dials,
    /// Whom it has not found yet, and when it does.
    unmet: BTreeSet<(u64, HostId)>,
    connected: BTreeSet<PeerKey>,
    pair_replies: BTreeMap<PeerKey, VecDeque<PairReply>>,
    topics: BTreeSet<[u8; 32]>,
    seeds: rand_chacha::ChaCha20Rng,
    /// How it breaks the rules, if it does.
    crook: Option<Crook>,
}

impl Host {
    /// A device that is switched off.
    #[must_use]
    pub fn new(id: HostId, plan: &Plan) -> Self {
        let HostPlan { name, skew_ms, finds, .. } = &plan.hosts[id as usize];
        let mut rng = chance::generator(plan.seed, &format!("identity {id}"));
        let account = AccountSecret::generate(&mut rng);
        let device = DeviceSecret::generate(&mut rng);
        let certificate = DeviceCertificate::issue(&account, &device, WALL_ORIGIN_MS);
        let mut transport_seed = [0; 32];
        rng.fill_bytes(&mut transport_seed);
        let key = Keypair::ed25519_from_bytes(transport_seed).expect("32 bytes are a seed");
        let peer = halloo_mesh::PeerKey::from_public(&key.public()).expect("an Ed25519 key");
        let identity = Identity { device, certificate, peer: PeerKey(peer.0), name: name.clone() };
        let (task, waker) = Task::new(id);
        let finds = finds.iter().map(|(at, other)| (*other, *at)).collect();
        Host {
            id,
            life: 0,
            skew_ms: *skew_ms,
            identity,
            key,
            disk: Disk::new(plan.disk, plan.seed, id),
            asleep: false,
            task,
            waker,
            polled: false,
            finds,
            node: None,
        }
    }

    /// Who it is to its neighbours.
    #[must_use]
    pub fn peer(&self) -> PeerKey {
        self.identity.peer
    }

    /// Who it is to the group.
    #[must_use]
    pub fn account(&self) -> halloo_crypto::id::AccountId {
        self.identity.account()
    }

    /// Its device.
    #[must_use]
    pub fn device(&self) -> halloo_crypto::id::DeviceId {
        self.identity.device.id()
    }

    /// The running member.
    #[must_use]
    pub fn engine(&self) -> Option<&Engine> {
        self.node.as_ref()?.engine.as_ref()
    }

    /// Whether its process runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.node.is_some()
    }

    /// Whether it is on its way into a group.
    #[must_use]
    pub fn joins(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.joiner.is_some())
    }

    /// Peers connected now.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.node.as_ref().map_or(0, |node| node.connected.len())
    }

    /// Whether it is awake.
    #[must_use]
    pub fn awake(&self) -> bool {
        !self.asleep
    }

    /// Work that waits for its CPU.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.node.as_ref().map_or(0, |node| node.inbox.len())
    }

    /// Its neighbours in the meshes of its topics, summed up, and the topics.
    #[must_use]
    pub fn grafted(&self) -> (usize, usize) {
        let Some(node) = &self.node else { return (0, 0) };
        (node.swarm.behaviour().degree(), node.topics.len())
    }

    /// The mesh, for measurements of its shape.
    #[must_use]
    pub fn mesh(&self) -> Option<&Mesh> {
        Some(self.node.as_ref()?.swarm.behaviour())
    }

    fn at(&self) -> At {
        At { us: now_us(), host: self.id, life: self.life }
    }

    fn now(&self) -> Now {
        let us = now_us();
        let wall_ms = (WALL_ORIGIN_MS + us / 1_000).saturating_add_signed(self.skew_ms);
        Now { mono: Time::from_micros(us), wall_ms }
    }

    /// Starts the process; a member that was one before is restored from its disk.
    ///
    /// # Panics
    /// If the engine refuses its own snapshot: that is a finding.
    pub fn start(&mut self, stage: &mut Stage) {
        if self.node.is_some() {
            return;
        }
        let purpose = format!("process {} life {}", self.id, self.life);
        let mut seeds = chance::generator(stage.plan.seed, &purpose);
        let config = MeshConfig { session: seeds.next_u64(), ..MeshConfig::default() };
        let mesh = Mesh::new(&self.key.public(), config).expect("an Ed25519 key");
        let transport = match stage.plan.stack {
            Stack::Plain => transport::plain(self.id),
            Stack::Noise => transport::noisy(self.id, &self.key),
        };
        let peer = self.key.public().to_peer_id();
        let config = swarm::Config::without_executor().with_idle_connection_timeout(limits::IDLE_STRANGER);
        let mut swarm = Swarm::new(transport, mesh, peer, config);
        swarm.listen_on(transport::address(self.id)).expect("its own address");
        wire::with(|wire| {
            wire.reset_all(self.id);
            wire.listen(self.id, peer);
        });
        let snapshot = self.disk.snapshot();
        let crook = stage.plan.hosts[self.id as usize].adversary.map(|kind| {
            let rng =
                chance::generator(stage.plan.seed, &format!("adversary {} life {}", self.id, self.life));
            Crook::new(kind, rng, &self.identity, snapshot.as_ref())
        });
        let (stack, stack_waker) = Part::of(&self.task);
        self.node = Some(Node {
            swarm,
            stack,
            stack_waker,
            engine: None,
            joiner: None,
            deadline: None,
            wake_queued: false,
            load_us: 0,
            voice: Voice::new(self.identity.device.id(), stage.plan.seed, self.id, self.life),
            inbox: VecDeque::new(),
            busy_until_us: 0,
            timer: Timer::default(),
            dials: Dials::default(),
            // What discovery finds is forgotten with the process, and found again.
            unmet: self.finds.iter().map(|(other, at)| (*at, *other)).collect(),
            connected: BTreeSet::new(),
            pair_replies: BTreeMap::new(),
            topics: BTreeSet::new(),
            seeds,
            crook,
        });
        if let Some(snapshot) = snapshot {
            self.begin(Origin::Restore(snapshot), "restore", stage);
        }
        self.waker.wake_by_ref();
    }

    /// Begins a group.
    pub fn found_group(&mut self, stage: &mut Stage) {
        let group_name = format!("group {}", stage.plan.hosts[self.id as usize].group);
        self.begin(Origin::Create { group_name }, "create", stage);
    }

    fn begin(&mut self, origin: Origin, word: &'static str, stage: &mut Stage) {
        let now = self.now();
        let at = self.at();
        let Some(node) = self.node.as_mut() else { return };
        let mut seed = [0; 32];
        node.seeds.fill_bytes(&mut seed);
        let started = Engine::new(stage.plan.config.clone(), self.identity.clone(), origin, seed, now);
        match started {
            Ok(engine) => {
                stage.see(at, &Seen::Began { origin: word, engine: &engine });
                node.engine = Some(engine);
            }
            Err(error) => {
                stage.findings.add("start", at, format!("a member could not start ({word}): {error}"));
                return;
            }
        }
        self.drain(stage);
        let peers: Vec<PeerKey> =
            self.node.as_ref().map_or(Vec::new(), |n| n.connected.iter().copied().collect());
        for peer in peers {
            self.feed(Input::PeerUp(peer), stage);
        }
    }

    /// Ends the process.
    pub fn stop(&mut self, end: End, stage: &mut Stage) {
        if self.node.is_none() {
            return;
        }
        self.tell_ears(stage);
        stage.see(self.at(), &Seen::Ended(end));
        self.node = None;
        self.disk.crash(end == End::PowerCut);
        wire::with(|wire| wire.hang_up(self.id, end == End::Kill));
        self.life += 1;
    }

    /// Puts it to sleep or wakes it.
    pub fn sleep(&mut self, asleep: bool) {
        self.asleep = asleep;
        wire::with(|wire| wire.set_awake(self.id, !asleep));
        if !asleep {
            self.waker.wake_by_ref();
        }
    }

    /// Lets its wall clock jump.
    pub fn skew(&mut self, ms: i64) {
        self.skew_ms += ms;
    }

    /// Lets its disk hang, or go on.
    pub fn disk_stuck(&mut self, stuck: bool) {
        self.disk.set_stuck(stuck);
        self.waker.wake_by_ref();
    }

    /// Finds another host on the network.
    pub fn meet(&mut self, other: HostId) {
        let now = now_us();
        self.finds.entry(other).or_insert(now);
        if let Some(node) = self.node.as_mut() {
            node.unmet.insert((now, other));
        }
        self.waker.wake_by_ref();
    }

    /// Asks the member for something; the number of the request.
    pub fn ask(&mut self, command: Command, stage: &mut Stage) -> Option<u64> {
        self.node.as_ref()?;
        let request = stage.next_request();
        self.push(Work::Command(request, command), &stage.plan.costs.clone());
        Some(request)
    }

    /// The device knows where it is.
    pub fn fix(&mut self, fix: Fix, stage: &Stage) {
        self.push(Work::Fix(fix), &stage.plan.costs);
    }

    fn push(&mut self, work: Work, costs: &Costs) {
        let Some(node) = self.node.as_mut() else { return };
        let ready = node.busy_until_us.max(now_us()) + work.cost_us(costs);
        node.busy_until_us = ready;
        node.inbox.push_back((ready, work));
        assert!(node.inbox.len() < INBOX_MAX, "work piles up without end");
        if !self.polled {
            self.waker.wake_by_ref();
        }
    }

    /// Runs until nothing more can be done at this moment.
    pub fn poll(&mut self, stage: &mut Stage) {
        self.task.begin();
        if self.asleep || self.node.is_none() {
            return;
        }
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        self.polled = true;
        loop {
            let mut moved = self.poll_swarm(stage);
            moved |= self.poll_disk(stage);
            moved |= self.poll_voice(&mut cx, stage);
            moved |= self.poll_crook(stage);
            self.poll_deadlines(&stage.plan.costs.clone());
            moved |= self.dial_due(stage);
            moved |= self.work(stage);
            if !moved {
                break;
            }
        }
        self.polled = false;
        self.show_load(stage);
        self.set_timer();
    }

    /// Shows how full the queues are, once a second.
    fn show_load(&mut self, stage: &mut Stage) {
        let (at, disk) = (self.at(), self.disk.waiting());
        let Some(node) = self.node.as_mut().filter(|node| at.us >= node.load_us + LOAD_EVERY_US) else {
            return;
        };
        node.load_us = at.us;
        let load = Load {
            inbox: node.inbox.len(),
            disk,
            connections: wire::with(|wire| wire.connections(at.host)),
            peers: node.connected.len(),
            topics: node.topics.len(),
        };
        stage.see(at, &Seen::Load(&load));
    }

    fn poll_disk(&mut self, stage: &mut Stage) -> bool {
        let mut moved = false;
        while let Some(id) = self.disk.confirm(now_us()) {
            stage.see(self.at(), &Seen::Written(id));
            self.push(Work::Written(id), &stage.plan.costs.clone());
            moved = true;
        }
        moved
    }

    fn poll_deadlines(&mut self, costs: &Costs) {
        let now = Time::from_micros(now_us());
        let Some(node) = self.node.as_mut() else { return };
        let engine = !node.wake_queued && node.deadline.is_some_and(|at| at <= now);
        node.wake_queued |= engine;
        let joiner = node.joiner.as_ref().and_then(Joiner::deadline).is_some_and(|at| at <= now);
        let joiner = joiner && !node.inbox.iter().any(|(_, work)| matches!(work, Work::JoinerWake));
        if engine {
            self.push(Work::Wake, costs);
        }
        if joiner {
            self.push(Work::JoinerWake, costs);
        }
    }

    fn node_mut(&mut self) -> &mut Node {
        self.node.as_mut().expect("work is done by a running process")
    }

    /// Wakes the host when the next thing is due.
    fn set_timer(&mut self) {
        let disk = self.disk.due_us();
        let Some(node) = self.node.as_mut() else { return };
        let dials = node.dials.next_due().map(micros);
        let meets = node.unmet.first().map(|(at, _)| *at);
        // A wake-up that waits for the CPU is due already: to look again at once would look for ever.
        let waits = node.inbox.iter().any(|(_, work)| matches!(work, Work::JoinerWake));
        let joiner = node.joiner.as_ref().and_then(Joiner::deadline).filter(|_| !waits);
        let work = node.inbox.front().map(|(ready, _)| *ready);
        let engine = node.deadline.filter(|_| !node.wake_queued).map(Time::as_micros);
        let voice = node.voice.due_us();
        let crook = node.crook.as_ref().filter(|_| node.engine.is_some()).and_then(Crook::due_us);
        let next = [disk, dials, meets, work, engine, voice, crook, joiner.map(Time::as_micros)]
            .into_iter()
            .flatten()
            .min();
        match next {
            Some(at) => node.timer.set(at.max(now_us()), &self.waker),
            None => node.timer.clear(),
        }
    }
}

/// The id that libp2p knows a host by.
#[must_use]
pub fn peer_id(host: &Host) -> PeerId {
    host.key.public().to_peer_id()
}

/// A span in microseconds.
#[must_use]
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
