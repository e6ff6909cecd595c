//! Members joined by strings: N engines, queues between them, a disk each, and one seed that decides every accident.
//!
//! Every call of an engine goes through [`crate::at_work`], so that a test can watch what engines do while they work.
//!
//! The host does exactly what a driver does: hand in, drain, grant. The mesh that it plays floods a topic along admitted, connected
//! subscribers and forwards only after a verdict; the direct lane keeps order per pair; the disk confirms in order, and a crash
//! loses what was not confirmed.

mod office;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use halloo_crypto::id::{AccountId, DeviceId, EpochId, GroupId, MessageId, OpId};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::invite::link::Link;
use halloo_crypto::kdf;
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input, WakeReason};
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Batch, Event, Output, Refusal, Reply, Verdict, WriteId};
use halloo_engine::pairing::{
    Joiner, JoinerIdentity, JoinerInput, JoinerOutput, Knock, Seeker, SeekerIdentity, SeekerInput,
    SeekerOutput, Ticket, not_mine, peek_door, peek_knock,
};
use halloo_engine::snapshot::Snapshot;
use halloo_engine::start::{Config, Identity, Origin};
use halloo_engine::time::{Now, Time};
use halloo_engine::wire::parcel::{Parcel, ParcelKind};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Accidents on the strings.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Share of gossip deliveries that are lost, per mille.
    pub gossip_loss: u32,
    /// Share of deliveries that arrive twice, per mille.
    pub duplicates: u32,
    /// Latency is drawn between these, milliseconds. Gossip overtakes itself; the direct lane does not.
    pub latency_ms: (u32, u32),
    /// How long the disk takes, milliseconds.
    pub disk_ms: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Faults { gossip_loss: 0, duplicates: 0, latency_ms: (1, 5), disk_ms: 2 }
    }
}

#[derive(Debug)]
enum Delivery {
    Frame { from: usize, lane: Lane, bytes: Vec<u8> },
    Written(WriteId),
    Up(usize),
    Down(usize),
    Mail(office::Errand),
}

/// One member, or somebody on the way to become one.
pub struct Person {
    pub name: String,
    /// Whose devices it may certify.
    pub account: AccountSecret,
    pub identity: Identity,
    /// Whether it comes as another device of its host's account.
    pub as_device: bool,
    pub engine: Option<Engine>,
    joiner: Option<Joiner>,
    /// While it comes back out of a backup.
    seeker: Option<Seeker>,
    /// What the seeker told, in words.
    pub sought: Vec<String>,
    pub disk: Snapshot,
    unwritten: VecDeque<Batch>,
    pub events: Vec<Event>,
    pub replies: BTreeMap<u64, Result<Reply, Refusal>>,
    subscribed: BTreeSet<[u8; 32]>,
    admitted: BTreeSet<(usize, [u8; 32])>,
    seen: BTreeSet<[u8; 32]>,
    life: u64,
    due: Option<Time>,
    requests: u64,
    /// Frames and bytes handed to the mesh.
    pub frames_out: u64,
    /// Bytes handed to the mesh; a gossip frame counts once for each neighbour that it goes to.
    pub bytes_out: u64,
    /// Every direct and gossip frame that this person sent, for searches of the wire.
    pub sent: Vec<Vec<u8>>,
    /// Gossip that came in, so that it can be handed to somebody else later.
    pub heard: Vec<(usize, Lane, Vec<u8>)>,
    pub pairing_failed: Option<String>,
    /// Whether it was told to leave: its own last word may go out.
    pub leaving: bool,
    /// How far this person's wall clock is off, milliseconds.
    pub skew_ms: i64,
    /// While set the disk confirms nothing.
    pub disk_stuck: bool,
    /// The bundle that the pairing gave, for tests that start from it.
    pub keep_bundle: bool,
    /// Where it looks for mail, and where it meets the others.
    pub letters: office::Letters,
    /// What was kept.
    pub bundle: Option<(Vec<u8>, halloo_crypto::group::KeyPackageSecret)>,
}

/// What is checked at every output of every member, whatever the test is about.
#[derive(Default)]
pub struct Judges {
    /// (beacon tag, incarnation, counter) of every outer seal ever made: INV-3.
    nonces: BTreeSet<[u8; 32]>,
    /// (incarnation, counter) of every seal ever made, outer and inner, and what was sealed: INV-3, whatever was restored.
    seals: BTreeMap<[u8; 24], [u8; 32]>,
    /// (reader, life, message) of every message shown: INV-4.
    shown: BTreeSet<(usize, u64, MessageId)>,
    /// (member, life, epoch) of every epoch that became current: INV-1.
    epochs: BTreeSet<(usize, u64, EpochId)>,
    /// INV-1 lets an anchor that appears lead back once; the engine itself looks whether one did.
    pub anchors_appear: bool,
    back: BTreeSet<(usize, u64, EpochId)>,
    /// Print of every key that voice was to be sealed with, and in which life of whom: INV-3, since a path counts from zero.
    pub voices: BTreeMap<[u8; 8], (usize, u64)>,
    /// Commits seen so far: the first to show one has made it.
    commits: BTreeSet<[u8; 32]>,
    /// By whom, and out of which epoch: a device makes one, over all its lives.
    made: BTreeMap<(usize, [u8; 8]), [u8; 32]>,
}

impl Judges {
    /// One seal may go to many; no two seals share a number.
    fn sealed(&mut self, seal: &[u8]) {
        let name: [u8; 24] = seal[8..32].try_into().expect("a seal has a head");
        let body = kdf::hash("seal", &[seal]);
        let first = *self.seals.entry(name).or_insert(body);
        assert_eq!(first, body, "INV-3: one (key, nonce) for two texts");
    }

    /// Commits that leave.
    fn committed(&mut self, who: usize, parcel: &Parcel) {
        for commit in parcel.items.iter().filter(|_| parcel.kind == ParcelKind::Commits) {
            let name = kdf::hash("commit", &[commit]);
            let Some(parent) = commit.first_chunk().filter(|_| self.commits.insert(name)) else { continue };
            let first = *self.made.entry((who, *parent)).or_insert(name);
            assert_eq!(first, name, "INV-3: two commits of one device out of one epoch");
        }
    }

    fn judge(&mut self, who: usize, life: u64, member: bool, output: &Output) {
        match output {
            Output::Publish { bytes, .. } => {
                assert!(member, "who is out publishes nothing");
                let name: [u8; 32] = bytes[1..33].try_into().expect("an outer seal has a head");
                assert!(self.nonces.insert(name), "INV-3: a (key, nonce) twice");
                self.sealed(&bytes[1..]);
            }
            Output::Send { lane: Lane::Direct, bytes, .. } => {
                let sealed = [ParcelKind::Contents, ParcelKind::Live, ParcelKind::Beacons];
                let parcel = Parcel::parse(&bytes[9..]).ok();
                parcel.iter().for_each(|parcel| self.committed(who, parcel));
                let parcel = parcel.filter(|parcel| sealed.contains(&parcel.kind));
                parcel.iter().flat_map(|parcel| &parcel.items).for_each(|seal| self.sealed(seal));
            }
            Output::Event(Event::Message(entry)) => {
                assert!(self.shown.insert((who, life, entry.id)), "INV-4: shown twice");
            }
            Output::Event(Event::EpochChanged { epoch, .. }) => {
                let first = self.epochs.insert((who, life, *epoch));
                let mut led_back = || self.anchors_appear && self.back.insert((who, life, *epoch));
                assert!(first || led_back(), "INV-1: back to an epoch that was left");
            }
            Output::Plan(plan) => {
                if let Some(key) = &plan.seal {
                    let first = *self.voices.entry(key.print()).or_insert((who, life));
                    assert_eq!(first, (who, life), "INV-3: one media key in two lives");
                }
            }
            Output::Send { lane: Lane::Gossip(_), .. } => panic!("gossip is published"),
            _ => {}
        }
    }
}

/// Where the power goes: before one output, or one confirmation of the disk, of one person.
#[derive(Clone, Copy, Debug)]
pub struct Fall {
    pub who: usize,
    /// So many of them are still carried out.
    pub after: u64,
    /// So many of the batches that wait for the disk are on it then.
    pub durable: usize,
}

/// The account key, and the heads of the log of its groups.
pub type BackedUp = (AccountSecret, BTreeMap<GroupId, Vec<OpId>>);

/// The strings, the clock and the people.
pub struct World {
    rng: ChaCha20Rng,
    pub now: Now,
    pub people: Vec<Person>,
    connected: BTreeSet<(usize, usize)>,
    queue: BTreeMap<(Time, u64), (usize, u64, Delivery)>,
    last_direct: BTreeMap<(usize, usize), Time>,
    /// Ways (from, to) on which everything is lost though both ends believe to be connected.
    pub dead: BTreeSet<(usize, usize)>,
    order: u64,
    pub faults: Faults,
    pub config: Config,
    /// Hash over every output, in order: two runs with one seed must agree.
    pub trace: [u8; 32],
    pub keep_frames: bool,
    /// What went over the wires: from, to, lane, bytes.
    pub flown: Vec<(usize, usize, Lane, Vec<u8>)>,
    steps: u64,
    /// Steps after which members are said to keep each other busy for ever.
    pub patience: u64,
    pub judges: Judges,
    /// The newest plan of each media thread.
    pub plans: BTreeMap<usize, halloo_engine::voice::VoicePlan>,
    /// Where the power goes next.
    pub fall: Option<Fall>,
    /// The coordinator, if there is one.
    pub office: Option<office::Office>,
    /// Outputs and confirmations of each person so far: the boundaries between storing and sending.
    pub boundaries: Vec<u64>,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        World {
            rng: ChaCha20Rng::from_seed(bytes),
            now: Now { mono: Time::from_millis(1_000), wall_ms: 1_790_000_000_000 },
            people: Vec::new(),
            connected: BTreeSet::new(),
            queue: BTreeMap::new(),
            last_direct: BTreeMap::new(),
            dead: BTreeSet::new(),
            order: 0,
            faults: Faults::default(),
            config: Config::default(),
            trace: [0; 32],
            keep_frames: false,
            flown: Vec::new(),
            steps: 0,
            patience: 400_000,
            judges: Judges::default(),
            plans: BTreeMap::new(),
            fall: None,
            boundaries: Vec::new(),
            office: None,
        }
    }

    #[allow(dead_code, reason = "stories that begin anew again and again live in an example")]
    /// People who were members before, as their disks have them, connected with each other.
    pub fn wake(seed: u64, now: Now, people: &[(Identity, Snapshot)]) -> Self {
        let mut world = World::new(seed);
        world.now = now;
        for (identity, disk) in people {
            let who = world.person(&identity.name);
            world.people[who].identity = identity.clone();
            world.people[who].disk = disk.clone();
        }
        world.connect_all();
        (0..people.len()).for_each(|who| world.restart_unnoticed(who));
        world
    }

    /// One more boundary of a person; whether it still stands.
    fn passes(&mut self, who: usize) -> bool {
        if self.boundaries.len() <= who {
            self.boundaries.resize(who + 1, 0);
        }
        match &mut self.fall {
            Some(fall) if fall.who == who && fall.after == 0 => {
                let durable = fall.durable;
                self.fall = None;
                self.crash(who, durable);
                return false;
            }
            Some(fall) if fall.who == who => fall.after -= 1,
            _ => {}
        }
        self.boundaries[who] += 1;
        true
    }

    fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }

    pub fn person(&mut self, name: &str) -> usize {
        let account = AccountSecret::generate(&mut self.rng);
        self.person_of(name, account)
    }

    /// A new device of this account.
    fn person_of(&mut self, name: &str, account: AccountSecret) -> usize {
        let device = DeviceSecret::generate(&mut self.rng);
        let certificate = DeviceCertificate::issue(&account, &device, self.now.wall_ms);
        let peer = PeerKey(self.seed());
        let identity = Identity { device, certificate, peer, name: name.to_owned() };
        self.people.push(Person {
            name: name.to_owned(),
            account,
            identity,
            as_device: false,
            engine: None,
            joiner: None,
            seeker: None,
            sought: Vec::new(),
            disk: Snapshot::default(),
            unwritten: VecDeque::new(),
            events: Vec::new(),
            replies: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            admitted: BTreeSet::new(),
            seen: BTreeSet::new(),
            life: 0,
            due: None,
            requests: 0,
            sent: Vec::new(),
            heard: Vec::new(),
            pairing_failed: None,
            leaving: false,
            skew_ms: 0,
            frames_out: 0,
            bytes_out: 0,
            disk_stuck: false,
            keep_bundle: false,
            bundle: None,
            letters: office::Letters::default(),
        });
        self.people.len() - 1
    }

    /// Somebody founds a group.
    pub fn found(&mut self, name: &str) -> usize {
        let who = self.person(name);
        self.start(who, Origin::Create { group_name: "Sunday ride".into() });
        who
    }

    fn start(&mut self, who: usize, origin: Origin) {
        let seed = self.seed();
        let identity = self.people[who].identity.clone();
        let (config, now) = (self.config.clone(), self.now_of(who));
        let engine = crate::at_work(|| Engine::new(config, identity, origin, seed, now));
        let engine = engine.expect("a member starts");
        self.people[who].engine = Some(engine);
        self.drain(who);
        for other in self.neighbours(who) {
            self.post(who, Duration::ZERO, Delivery::Up(other));
        }
    }

    /// A stranger who holds a short code and is connected to `to`.
    pub fn stranger(&mut self, name: &str, code: &str, to: &[usize]) -> usize {
        let code: ShortCode = code.parse().expect("a code");
        self.stranger_with(name, &Ticket::Code(code), to)
    }

    /// A stranger who holds a link and is connected to `to`.
    pub fn stranger_by_link(&mut self, name: &str, link: &str, to: &[usize]) -> usize {
        let link: Link = link.parse().expect("a link");
        self.stranger_with(name, &Ticket::Link(link), to)
    }

    fn stranger_with(&mut self, name: &str, ticket: &Ticket, to: &[usize]) -> usize {
        let who = self.person(name);
        self.seek(who, ticket);
        for other in to {
            self.connect(who, *other);
        }
        who
    }

    /// Somebody without an engine looks for a host, for the first time or again.
    pub fn seek(&mut self, who: usize, ticket: &Ticket) {
        let identity = &self.people[who].identity;
        let identity = JoinerIdentity {
            device: identity.device.clone(),
            certificate: identity.certificate.clone(),
            peer: identity.peer,
            name: self.people[who].name.clone(),
        };
        let rng = ChaCha20Rng::from_seed(self.seed());
        self.people[who].pairing_failed = None;
        let now = self.now.mono;
        let begin = if self.people[who].as_device { Joiner::of_device } else { Joiner::new };
        self.people[who].joiner = Some(crate::at_work(|| begin(identity, ticket, rng, now)));
        for other in self.neighbours(who) {
            self.post(who, Duration::ZERO, Delivery::Up(other));
            self.post(other, Duration::ZERO, Delivery::Up(who));
        }
    }

    /// What a backup of this person holds of its group.
    pub fn backed_up(&self, who: usize) -> BackedUp {
        let engine = self.engine(who);
        (self.people[who].account.clone(), BTreeMap::from([(engine.group(), engine.heads())]))
    }

    /// A new device that was made out of a backup, connected to these: with its groups, or, if none are named, with the words alone.
    pub fn restored(&mut self, name: &str, (account, wanted): BackedUp, to: &[usize]) -> usize {
        let who = self.person_of(name, account.clone());
        let identity = &self.people[who].identity;
        let identity = SeekerIdentity {
            account,
            device: identity.device.clone(),
            certificate: identity.certificate.clone(),
            peer: identity.peer,
        };
        let rng = ChaCha20Rng::from_seed(self.seed());
        let any = wanted.is_empty();
        self.people[who].seeker = Some(crate::at_work(|| Seeker::new(identity, wanted, any, rng)));
        for other in to {
            self.connect(who, *other);
        }
        who
    }

    /// `inviter` opens an invite for one, and a newcomer joins by its code; all are connected with all.
    pub fn join(&mut self, inviter: usize, name: &str) -> usize {
        let everybody: Vec<usize> =
            (0..self.people.len()).filter(|i| self.people[*i].engine.is_some()).collect();
        self.join_by(inviter, name, &everybody)
    }

    /// As [`Self::join`], with the newcomer connected to these only.
    pub fn join_by(&mut self, inviter: usize, name: &str, to: &[usize]) -> usize {
        let code = self.invite(inviter, 1);
        let who = self.stranger(name, &code, to);
        let end = self.now.mono.after(Duration::from_secs(20));
        while self.people[who].engine.is_none() {
            let failed = self.people[who].pairing_failed.clone();
            let stuck = !self.step(end) || failed.is_some();
            assert!(!stuck, "{name} did not get in: {failed:?}, {:#?}", self.engine(inviter).status());
        }
        who
    }

    pub fn invite(&mut self, inviter: usize, max_uses: u16) -> String {
        let command = Command::Invite {
            max_uses,
            expiry: Duration::from_secs(600),
            role: halloo_crdt::log::Role::Member,
        };
        match self.command(inviter, command) {
            Ok(Reply::Invite(view)) => view.code.expect("a fresh invite has a code"),
            other => panic!("no invite: {other:?}"),
        }
    }

    /// A command and its reply; time passes until the disk has confirmed.
    pub fn command(&mut self, who: usize, command: Command) -> Result<Reply, Refusal> {
        let request = self.ask(who, command);
        self.run_until(Duration::from_secs(5), |world| world.people[who].replies.contains_key(&request));
        self.people[who].replies.get(&request).cloned().expect("every command is answered")
    }

    /// A command without waiting for its reply.
    pub fn ask(&mut self, who: usize, command: Command) -> u64 {
        self.people[who].leaving |= matches!(command, Command::Leave);
        self.people[who].requests += 1;
        let request = self.people[who].requests;
        self.hand(who, Input::Command { request, command });
        request
    }

    pub fn say(&mut self, who: usize, text: &str) {
        let said = self.command(who, Command::Say { text: text.into(), reply_to: None });
        assert!(matches!(said, Ok(Reply::Message(_))), "{said:?}");
    }

    pub fn engine(&self, who: usize) -> &Engine {
        self.people[who].engine.as_ref().expect("a running member")
    }

    pub fn account(&self, who: usize) -> AccountId {
        self.people[who].identity.account()
    }

    pub fn device(&self, who: usize) -> DeviceId {
        self.people[who].identity.device.id()
    }

    /// The texts that a member sees and that count, oldest first.
    pub fn texts(&self, who: usize) -> Vec<String> {
        let lines = self.engine(who).timeline(None, 500).entries;
        lines.into_iter().filter(|entry| !entry.void).map(|entry| entry.text).collect()
    }

    pub fn neighbours(&self, who: usize) -> Vec<usize> {
        (0..self.people.len())
            .filter(|other| self.connected.contains(&pair(who, *other)) && *other != who)
            .collect()
    }

    pub fn connect(&mut self, a: usize, b: usize) {
        if a != b && self.connected.insert(pair(a, b)) {
            self.post(a, Duration::ZERO, Delivery::Up(b));
            self.post(b, Duration::ZERO, Delivery::Up(a));
        }
    }

    pub fn cut(&mut self, a: usize, b: usize) {
        if self.connected.remove(&pair(a, b)) {
            self.post(a, Duration::ZERO, Delivery::Down(b));
            self.post(b, Duration::ZERO, Delivery::Down(a));
        }
    }

    pub fn cut_off(&mut self, who: usize) {
        self.neighbours(who).into_iter().for_each(|other| self.cut(who, other));
    }

    pub fn connect_all(&mut self) {
        for a in 0..self.people.len() {
            for b in 0..a {
                self.connect(a, b);
            }
        }
    }

    /// The power goes: the first `durable` of the unconfirmed batches reached the disk, the rest are lost.
    pub fn crash(&mut self, who: usize, durable: usize) {
        self.crash_unnoticed(who, durable);
        for other in self.neighbours(who) {
            self.post(other, Duration::ZERO, Delivery::Down(who));
        }
    }

    /// As [`Self::crash`], but the others' connections do not notice.
    pub fn crash_unnoticed(&mut self, who: usize, durable: usize) {
        let person = &mut self.people[who];
        person.engine = None;
        person.life += 1;
        person.due = None;
        for batch in person.unwritten.drain(..).take(durable) {
            person.disk.apply(&batch);
        }
        person.unwritten.clear();
        person.subscribed.clear();
        person.admitted.clear();
        person.seen.clear();
        person.letters = office::Letters::default();
    }

    /// The power is back.
    pub fn restart(&mut self, who: usize) {
        self.restart_unnoticed(who);
        for other in self.neighbours(who) {
            self.post(other, Duration::ZERO, Delivery::Up(who));
        }
    }

    /// The clocks of one person.
    pub fn now_of(&self, who: usize) -> Now {
        Now { wall_ms: self.now.wall_ms.saturating_add_signed(self.people[who].skew_ms), ..self.now }
    }

    /// As [`Self::restart`], behind connections that never went down.
    pub fn restart_unnoticed(&mut self, who: usize) {
        let snapshot = self.people[who].disk.clone();
        self.start(who, Origin::Restore(snapshot));
    }

    pub fn hand(&mut self, who: usize, input: Input) {
        let now = self.now_of(who);
        if let Some(engine) = &mut self.people[who].engine {
            crate::at_work(|| engine.handle(now, input));
            self.drain(who);
        }
    }

    fn post(&mut self, to: usize, after: Duration, delivery: Delivery) {
        self.order += 1;
        let at = self.now.mono.after(after);
        let life = self.people[to].life;
        self.queue.insert((at, self.order), (to, life, delivery));
    }

    fn latency(&mut self) -> Duration {
        let (low, high) = self.faults.latency_ms;
        Duration::from_millis(u64::from(low + self.rng.next_u32() % (high - low + 1)))
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng.next_u32() % 1_000 < per_mille
    }

    fn by_peer(&self, peer: &PeerKey) -> Option<usize> {
        self.people.iter().position(|person| person.identity.peer == *peer)
    }

    fn note(&mut self, who: usize, output: &Output) {
        let text = format!("{who} {:?} {output:?}", self.now);
        self.trace = kdf::hash("trace", &[&self.trace, text.as_bytes()]);
    }

    fn drain(&mut self, who: usize) {
        loop {
            let Some(engine) = &mut self.people[who].engine else { return };
            let output = crate::at_work(|| engine.poll());
            self.note(who, &output);
            match output {
                Output::Idle(deadline) => {
                    self.people[who].due = deadline.map(|deadline| deadline.at);
                    return;
                }
                other if self.passes(who) => self.grant(who, other),
                _ => return,
            }
        }
    }

    fn grant(&mut self, who: usize, output: Output) {
        // A removal is published by who signed it, itself included when it leaves: judged by the state before.
        let member = self.people[who].engine.as_ref().is_none_or(|engine| engine.status().member)
            || matches!(output, Output::Publish { .. }) && self.people[who].leaving;
        self.judges.judge(who, self.people[who].life, member, &output);
        if let (Output::Publish { topic, bytes }, Some(engine)) = (&output, &self.people[who].engine)
            && let Some(parcel) = engine.reads_gossip(topic, bytes)
        {
            self.judges.committed(who, &parcel);
        }
        match output {
            Output::Send { to, lane, bytes } => {
                if let Some(to) = self.by_peer(&to) {
                    self.send(who, to, lane, bytes);
                }
            }
            Output::Publish { topic, bytes } => {
                assert!(bytes.len() <= 60 * 1024, "gossip frames are bounded");
                if self.keep_frames {
                    self.people[who].sent.push(bytes.clone());
                }
                self.people[who].seen.insert(kdf::hash("seen", &[&topic, &bytes]));
                self.flood(who, None, topic, &bytes);
            }
            Output::Subscribe(topic) => {
                self.people[who].subscribed.insert(topic);
            }
            Output::Unsubscribe(topic) => {
                self.people[who].subscribed.remove(&topic);
            }
            Output::Admit { peer, topic } => {
                if let Some(peer) = self.by_peer(&peer) {
                    self.people[who].admitted.insert((peer, topic));
                }
            }
            Output::Expel { peer, topic } => {
                if let Some(peer) = self.by_peer(&peer) {
                    self.people[who].admitted.remove(&(peer, topic));
                }
            }
            Output::Write(batch) => {
                let id = batch.id;
                self.people[who].unwritten.push_back(batch);
                let after = Duration::from_millis(u64::from(self.faults.disk_ms));
                self.post(who, after, Delivery::Written(id));
            }
            Output::Event(event) => self.people[who].events.push(event),
            Output::Reply { request, result } => {
                let again = self.people[who].replies.insert(request, result);
                assert!(again.is_none(), "a command is answered once");
            }
            Output::Plan(plan) => {
                self.plans.insert(who, *plan);
            }
            Output::Verdict(_) => {}
            Output::Deposit { .. } | Output::Doors(_) | Output::Taken { .. } | Output::Meet(_) => {
                self.mail(who, output);
            }
            Output::Idle(_) => unreachable!("ends the drain"),
        }
    }

    fn send(&mut self, from: usize, to: usize, lane: Lane, bytes: Vec<u8>) {
        assert!(bytes.len() <= 256 * 1024, "direct frames are bounded");
        if !self.connected.contains(&pair(from, to)) {
            return;
        }
        if self.keep_frames {
            self.people[from].sent.push(bytes.clone());
            self.flown.push((from, to, lane, bytes.clone()));
        }
        self.people[from].frames_out += 1;
        self.people[from].bytes_out += bytes.len() as u64;
        if self.dead.contains(&(from, to)) {
            return;
        }
        let arrives = self.now.mono.after(self.latency());
        let arrives = arrives.max(self.last_direct.get(&(from, to)).copied().unwrap_or(Time::ZERO));
        self.last_direct.insert((from, to), arrives);
        self.post(to, arrives.since(self.now.mono), Delivery::Frame { from, lane, bytes });
    }

    fn flood(&mut self, from: usize, except: Option<usize>, topic: [u8; 32], bytes: &[u8]) {
        for to in self.neighbours(from) {
            let reachable = Some(to) != except
                && self.people[from].admitted.contains(&(to, topic))
                && self.people[to].admitted.contains(&(from, topic))
                && self.people[to].subscribed.contains(&topic);
            if !reachable || self.dead.contains(&(from, to)) || self.chance(self.faults.gossip_loss) {
                continue;
            }
            self.people[from].frames_out += 1;
            self.people[from].bytes_out += bytes.len() as u64;
            if self.keep_frames {
                self.flown.push((from, to, Lane::Gossip(topic), bytes.to_vec()));
            }
            let copies = 1 + u32::from(self.chance(self.faults.duplicates));
            for _ in 0..copies {
                let after = self.latency();
                let frame = Delivery::Frame { from, lane: Lane::Gossip(topic), bytes: bytes.to_vec() };
                self.post(to, after, frame);
            }
        }
    }

    fn deliver(&mut self, to: usize, life: u64, delivery: Delivery) {
        if self.people[to].life != life {
            return;
        }
        match delivery {
            Delivery::Up(other) => {
                let peer = self.people[other].identity.peer;
                self.step_joiner(to, JoinerInput::PeerUp(peer));
                self.step_seeker(to, SeekerInput::PeerUp(peer));
                self.hand(to, Input::PeerUp(peer));
            }
            Delivery::Down(other) => {
                let peer = self.people[other].identity.peer;
                self.people[to].admitted.retain(|(admitted, _)| *admitted != other);
                self.step_joiner(to, JoinerInput::PeerDown(peer));
                self.step_seeker(to, SeekerInput::PeerDown(peer));
                self.hand(to, Input::PeerDown(peer));
            }
            Delivery::Written(id) if self.people[to].disk_stuck => {
                self.post(to, Duration::from_millis(100), Delivery::Written(id));
            }
            Delivery::Written(_) if !self.passes(to) => {}
            Delivery::Written(_) => {
                // A disk that was stuck confirms in order whatever came first.
                let batch = self.people[to].unwritten.pop_front().expect("one confirmation for each batch");
                self.people[to].disk.apply(&batch);
                self.hand(to, Input::Written(batch.id));
            }
            Delivery::Frame { from, lane, bytes } => self.deliver_frame(to, from, lane, bytes),
            Delivery::Mail(errand) => self.run_errand(to, errand),
        }
    }

    fn deliver_frame(&mut self, to: usize, from: usize, lane: Lane, bytes: Vec<u8>) {
        if !self.connected.contains(&pair(from, to)) {
            return;
        }
        let peer = self.people[from].identity.peer;
        match lane {
            Lane::Pair if peek_knock(&bytes).is_some() => {
                let knock = peek_knock(&bytes).expect("just seen");
                let answers = self.people[to].engine.as_mut().is_some_and(|engine| match knock {
                    Knock::Nth(tag, nth) => nth == 0 && engine.is_sought(&peer, &tag),
                    Knock::Group(tag, group) => engine.group() == group && engine.is_sought(&peer, &tag),
                });
                if answers {
                    self.hand(to, Input::Frame { from: peer, lane, bytes });
                } else {
                    self.send(to, from, Lane::Pair, not_mine());
                }
            }
            Lane::Pair if self.people[to].seeker.is_some() => {
                self.step_seeker(to, SeekerInput::Frame { from: peer, bytes });
            }
            Lane::Pair if self.people[to].joiner.is_some() => {
                self.step_joiner(to, JoinerInput::Frame { from: peer, bytes });
            }
            // Requests come from joiners only; the lane pairs replies with requests.
            Lane::Pair if self.people[from].joiner.is_none() => {}
            Lane::Pair => {
                let answers = peek_door(&bytes).is_some_and(|door| {
                    self.people[to].engine.as_ref().is_some_and(|engine| engine.answers(&door))
                });
                if answers {
                    self.hand(to, Input::Frame { from: peer, lane, bytes });
                } else {
                    self.send(to, from, Lane::Pair, not_mine());
                }
            }
            Lane::Direct => {
                let ours = self.people[to].engine.as_ref().is_some_and(|engine| {
                    halloo_engine::wire::direct::peek_route(&bytes) == Some(engine.route_tag())
                });
                if ours {
                    self.hand(to, Input::Frame { from: peer, lane, bytes });
                }
            }
            Lane::Gossip(topic) => self.deliver_gossip(to, from, topic, bytes),
        }
    }

    fn deliver_gossip(&mut self, to: usize, from: usize, topic: [u8; 32], bytes: Vec<u8>) {
        let person = &mut self.people[to];
        if !person.subscribed.contains(&topic) || !person.seen.insert(kdf::hash("seen", &[&topic, &bytes])) {
            return;
        }
        if self.keep_frames {
            person.heard.push((from, Lane::Gossip(topic), bytes.clone()));
        }
        let peer = self.people[from].identity.peer;
        let verdict = self.hand_gossip(to, peer, topic, bytes.clone());
        if verdict == Verdict::Accept {
            self.flood(to, Some(from), topic, &bytes);
        }
    }

    /// Hands a gossip frame in and gives the verdict, of which there is exactly one.
    pub fn hand_gossip(&mut self, to: usize, from: PeerKey, topic: [u8; 32], bytes: Vec<u8>) -> Verdict {
        let now = self.now_of(to);
        let Some(engine) = &mut self.people[to].engine else { return Verdict::Ignore };
        let frame = Input::Frame { from, lane: Lane::Gossip(topic), bytes };
        crate::at_work(|| engine.handle(now, frame));
        let mut verdicts = Vec::new();
        loop {
            let Some(engine) = &mut self.people[to].engine else { return Verdict::Ignore };
            let output = crate::at_work(|| engine.poll());
            self.note(to, &output);
            match output {
                Output::Verdict(verdict) => verdicts.push(verdict),
                Output::Idle(deadline) => {
                    self.people[to].due = deadline.map(|deadline| deadline.at);
                    break;
                }
                other if self.passes(to) => self.grant(to, other),
                _ => return Verdict::Ignore,
            }
        }
        assert_eq!(verdicts.len(), 1, "one verdict for each gossip frame");
        verdicts[0]
    }

    fn step_joiner(&mut self, who: usize, input: JoinerInput) {
        let now = self.now.mono;
        let Some(mut joiner) = self.people[who].joiner.take() else { return };
        crate::at_work(|| joiner.handle(now, input));
        let mut begin = None;
        while let Some(wish) = crate::at_work(|| joiner.poll()) {
            match wish {
                JoinerOutput::Send { to, bytes } => {
                    if let Some(to) = self.by_peer(&to) {
                        self.send(who, to, Lane::Pair, bytes);
                    }
                }
                JoinerOutput::Progress(_) => {}
                JoinerOutput::Joined(joined) => begin = Some(joined),
                JoinerOutput::Failed(error) => self.people[who].pairing_failed = Some(error.to_string()),
            }
        }
        self.people[who].joiner = Some(joiner);
        if let Some(joined) = begin {
            self.people[who].joiner = None;
            if self.people[who].keep_bundle {
                self.people[who].bundle = Some((joined.bundle, joined.key_package));
                return;
            }
            self.start(who, Origin::Join { bundle: joined.bundle, key_package: joined.key_package });
        }
    }

    fn step_seeker(&mut self, who: usize, input: SeekerInput) {
        let now = self.now_of(who);
        let Some(mut seeker) = self.people[who].seeker.take() else { return };
        crate::at_work(|| seeker.handle(now, input));
        while let Some(wish) = crate::at_work(|| seeker.poll()) {
            match wish {
                SeekerOutput::Send { to, bytes } => {
                    if let Some(to) = self.by_peer(&to) {
                        self.send(who, to, Lane::Pair, bytes);
                    }
                }
                SeekerOutput::Returned(returned) => {
                    let behind = if returned.behind { ", who knew less" } else { "" };
                    self.people[who].sought.push(format!("back in {}{behind}", returned.name));
                    self.people[who].seeker = Some(seeker);
                    let (bundle, key_package) = (returned.bundle, returned.key_package);
                    self.start(who, Origin::Join { bundle, key_package });
                    seeker = self.people[who].seeker.take().expect("just put there");
                }
                SeekerOutput::Found { name, .. } => self.people[who].sought.push(format!("found {name}")),
                SeekerOutput::Removed { name, .. } => {
                    self.people[who].sought.push(format!("removed from {name}"));
                }
                SeekerOutput::Refused { why, .. } => {
                    self.people[who].sought.push(format!("refused: {why:?}"));
                }
            }
        }
        self.people[who].seeker = Some(seeker);
    }

    fn next_due(&self) -> Option<(Time, Option<usize>)> {
        let wakes = self.people.iter().enumerate().filter_map(|(i, person)| {
            let joiner = person.joiner.as_ref().and_then(Joiner::deadline);
            let seeker = person.seeker.as_ref().and_then(Seeker::deadline);
            person.due.into_iter().chain(joiner).chain(seeker).min().map(|at| (at, Some(i)))
        });
        let posts = self.queue.keys().next().map(|(at, _)| (*at, None));
        wakes.chain(posts).min()
    }

    fn advance(&mut self, to: Time) {
        if to > self.now.mono {
            self.now = self.now.after(to.since(self.now.mono));
        }
    }

    /// One event: the earliest delivery or deadline, if it is due by `end`.
    fn step(&mut self, end: Time) -> bool {
        self.steps += 1;
        if self.steps > self.patience {
            for (i, person) in self.people.iter().enumerate() {
                let status = person.engine.as_ref().map(Engine::status);
                eprintln!("{i} due {:?} now {:?} {status:#?}", person.due, self.now.mono);
            }
            panic!("members keep each other busy for ever");
        }
        let Some((at, wake)) = self.next_due().filter(|(at, _)| *at <= end) else { return false };
        self.advance(at);
        match wake {
            Some(who) => {
                let joiner_due = self.people[who]
                    .joiner
                    .as_ref()
                    .and_then(Joiner::deadline)
                    .is_some_and(|due| due <= self.now.mono);
                if joiner_due {
                    self.step_joiner(who, JoinerInput::Wake);
                }
                let seeker_due = self.people[who].seeker.as_ref().and_then(Seeker::deadline);
                if seeker_due.is_some_and(|due| due <= self.now.mono) {
                    self.step_seeker(who, SeekerInput::Wake);
                }
                if self.people[who].due.is_some_and(|due| due <= self.now.mono) {
                    self.people[who].due = None;
                    self.hand(who, Input::Wake(WakeReason::Deadline));
                }
            }
            None => {
                let (_, (to, life, delivery)) = self.queue.pop_first().expect("it was just seen");
                self.deliver(to, life, delivery);
            }
        }
        true
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.now.mono.after(span);
        while self.step(end) {}
        self.advance(end);
    }

    /// Lets time pass until something holds; fails when it does not within `limit`.
    #[track_caller]
    pub fn run_until(&mut self, limit: Duration, holds: impl Fn(&World) -> bool) {
        let end = self.now.mono.after(limit);
        while !holds(self) {
            let went_on = self.step(end);
            assert!(went_on, "it did not happen within {limit:?}");
        }
    }

    /// A group of `n` in a line: 0 - 1 - 2 - ...
    pub fn line(n: usize, seed: u64) -> Self {
        let mut world = Self::group(n, seed);
        for a in 0..n {
            for b in 0..a {
                if a - b > 1 {
                    world.cut(a, b);
                }
            }
        }
        world.run(Duration::from_secs(1));
        world
    }

    /// A group of `n` who are all connected, quiet.
    pub fn group(n: usize, seed: u64) -> World {
        const NAMES: [&str; 8] = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Fay", "Gus", "Hal"];
        let mut world = World::new(seed);
        world.found(NAMES[0]);
        for at in 1..n {
            let name = NAMES.get(at).map_or_else(|| format!("P{at}"), ToString::to_string);
            world.join(0, &name);
        }
        world.run(Duration::from_secs(20));
        world
    }
}
