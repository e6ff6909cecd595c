//! For the rooms' own tests: a few members whose frames are handed over at once, with doors to look inside.

use core::time::Duration;
use std::collections::VecDeque;

use halloo_crypto::id::EpochId;
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use halloo_crypto::invite::code::ShortCode;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::engine::Engine;
use crate::input::{Command, Input, WakeReason};
use crate::lane::{Lane, PeerKey};
use crate::output::{Event, Output, Refusal, Reply, Verdict};
use crate::pairing::{Joiner, JoinerIdentity, JoinerInput, JoinerOutput, Ticket};
use crate::snapshot::{Snapshot, Table};
use crate::start::{Config, Identity, Origin};
use crate::time::{Now, Time};
use crate::voice::VoicePlan;

/// One member with its disk and what it has told.
pub(crate) struct Member {
    pub(crate) engine: Engine,
    pub(crate) identity: Identity,
    /// The account's own key, which a backup holds.
    pub(crate) account: AccountSecret,
    pub(crate) disk: Snapshot,
    pub(crate) events: Vec<Event>,
    /// Frames that went out, kept in order: to whom (`None`: gossip) and what.
    pub(crate) sent: Vec<(Option<PeerKey>, Vec<u8>)>,
    /// Whether the gossip that came in is passed on, one word for each frame.
    pub(crate) verdicts: Vec<Verdict>,
    /// What its media thread was told, oldest first.
    pub(crate) plans: Vec<VoicePlan>,
    replies: Vec<Result<Reply, Refusal>>,
    due: Option<Time>,
}

/// Members, all connected with all, no time between sending and receiving.
pub(crate) struct Rig {
    pub(crate) members: Vec<Member>,
    pub(crate) now: Now,
    queue: VecDeque<(usize, Input)>,
    pub(crate) rng: ChaCha20Rng,
    seeds: u8,
    /// While set, frames are kept and not handed over.
    pub(crate) cut: bool,
}

/// Somebody's identity.
pub(crate) fn identity(rng: &mut ChaCha20Rng, name: &str, peer: u8) -> Identity {
    let account = AccountSecret::generate(rng);
    identity_of(rng, &account, name, peer)
}

/// Somebody's identity, of this account.
fn identity_of(rng: &mut ChaCha20Rng, account: &AccountSecret, name: &str, peer: u8) -> Identity {
    let device = DeviceSecret::generate(rng);
    let certificate = DeviceCertificate::issue(account, &device, 1);
    Identity { device, certificate, peer: PeerKey([peer; 32]), name: name.to_owned() }
}

impl Member {
    /// **INV-6** of the store: what the tree of epochs has given up is deleted.
    fn stores_no_more_than_it_holds(&self) {
        let tree = &self.engine.state.epochs;
        for (id, _) in self.disk.table(Table::Epoch) {
            let id = id.try_into().map(EpochId).expect("an epoch is stored by its id");
            assert!(tree.get(&id).is_some(), "{id:?} is stored and nowhere else");
        }
        for (tag, _) in self.disk.table(Table::Trail) {
            let tag = tag.try_into().expect("a commit is stored by the tag of its epoch");
            assert!(tree.trace_bytes(&tag).is_some(), "the commit to {tag:?} is stored and nowhere else");
        }
    }
}

impl Rig {
    /// A group of `n`.
    pub(crate) fn group(n: u8, seed: u64) -> Rig {
        let mut rig = Rig {
            members: Vec::new(),
            now: Now { mono: Time::from_millis(10), wall_ms: 1_790_000_000_000 },
            queue: VecDeque::new(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            seeds: 0,
            cut: false,
        };
        let account = AccountSecret::generate(&mut rig.rng);
        let ada = identity_of(&mut rig.rng, &account, "Ada", 1);
        rig.start((account, ada), Origin::Create { group_name: "Rig".into() });
        for at in 1..n {
            rig.let_in(&format!("M{at}"), at + 1);
        }
        rig.pass(Duration::from_secs(30));
        rig
    }

    fn start(&mut self, (account, identity): (AccountSecret, Identity), origin: Origin) {
        self.seeds += 1;
        let engine = Engine::new(Config::default(), identity.clone(), origin, [self.seeds; 32], self.now);
        let member = Member {
            engine: engine.expect("a member starts"),
            identity,
            account,
            disk: Snapshot::default(),
            events: Vec::new(),
            sent: Vec::new(),
            verdicts: Vec::new(),
            plans: Vec::new(),
            replies: Vec::new(),
            due: None,
        };
        self.members.push(member);
        let new = self.members.len() - 1;
        self.drain(new);
        for other in 0..new {
            let (a, b) = (self.peer(new), self.peer(other));
            self.queue.push_back((other, Input::PeerUp(a)));
            self.queue.push_back((new, Input::PeerUp(b)));
        }
        self.settle();
    }

    /// Somebody new comes in by a code of the first.
    pub(crate) fn let_in(&mut self, name: &str, peer: u8) {
        let account = AccountSecret::generate(&mut self.rng);
        let newcomer = identity_of(&mut self.rng, &account, name, peer);
        self.join((account, newcomer));
    }

    fn join(&mut self, (account, identity): (AccountSecret, Identity)) {
        let role = halloo_crdt::log::Role::Member;
        let invite = Command::Invite { max_uses: 1, expiry: Duration::from_secs(600), role };
        let Ok(Reply::Invite(view)) = self.command(0, invite) else { panic!("an invite") };
        let code: ShortCode = view.code.expect("a code").parse().expect("a code");
        let joining = JoinerIdentity {
            device: identity.device.clone(),
            certificate: identity.certificate.clone(),
            peer: identity.peer,
            name: identity.name.clone(),
        };
        let rng = ChaCha20Rng::seed_from_u64(u64::from(self.seeds));
        let mut joiner = Joiner::new(joining, &Ticket::Code(code), rng, self.now.mono);
        let host = self.peer(0);
        joiner.handle(self.now.mono, JoinerInput::PeerUp(host));
        loop {
            match joiner.poll().expect("it goes on until it is over") {
                JoinerOutput::Send { bytes, .. } => {
                    let from = identity.peer;
                    let before = self.members[0].sent.len();
                    self.hand(0, Input::Frame { from, lane: Lane::Pair, bytes });
                    self.settle();
                    let reply = self.members[0].sent[before..].iter().find(|(to, _)| *to == Some(from));
                    let bytes = reply.expect("each request has a reply").1.clone();
                    joiner.handle(self.now.mono, JoinerInput::Frame { from: host, bytes });
                }
                JoinerOutput::Progress(_) => {}
                JoinerOutput::Joined(joined) => {
                    let origin = Origin::Join { bundle: joined.bundle, key_package: joined.key_package };
                    return self.start((account, identity), origin);
                }
                JoinerOutput::Failed(error) => panic!("pairing failed: {error}"),
            }
        }
    }

    pub(crate) fn peer(&self, who: usize) -> PeerKey {
        self.members[who].identity.peer
    }

    pub(crate) fn engine(&mut self, who: usize) -> &mut Engine {
        &mut self.members[who].engine
    }

    /// One input, and everything that follows from it.
    pub(crate) fn hand(&mut self, who: usize, input: Input) {
        let now = self.now;
        self.members[who].engine.handle(now, input);
        self.drain(who);
    }

    /// A direct frame as if `from` had sent it.
    pub(crate) fn hand_direct(
        &mut self,
        who: usize,
        from: PeerKey,
        frame: &crate::wire::direct::DirectFrame,
    ) {
        let bytes = frame.to_bytes(self.members[who].engine.route_tag());
        self.hand(who, Input::Frame { from, lane: Lane::Direct, bytes });
    }

    pub(crate) fn command(&mut self, who: usize, command: Command) -> Result<Reply, Refusal> {
        self.hand(who, Input::Command { request: 1, command });
        self.settle();
        self.members[who].replies.pop().expect("every command is answered")
    }

    pub(crate) fn say(&mut self, who: usize, text: &str) {
        self.command(who, Command::Say { text: text.into(), reply_to: None }).expect("said");
    }

    pub(crate) fn texts(&self, who: usize) -> Vec<String> {
        self.members[who].engine.timeline(None, 100).entries.into_iter().map(|entry| entry.text).collect()
    }

    /// How often something was dropped for this reason.
    pub(crate) fn dropped(&self, who: usize, why: &str) -> u64 {
        let dropped = self.members[who].engine.status().dropped;
        dropped.iter().find(|(reason, _)| *reason == why).map_or(0, |(_, count)| *count)
    }

    fn drain(&mut self, who: usize) {
        loop {
            match self.members[who].engine.poll() {
                Output::Idle(deadline) => {
                    self.members[who].due = deadline.map(|deadline| deadline.at);
                    return;
                }
                Output::Write(batch) => {
                    self.members[who].disk.apply(&batch);
                    self.queue.push_back((who, Input::Written(batch.id)));
                }
                Output::Send { to, lane, bytes } => {
                    self.members[who].sent.push((Some(to), bytes.clone()));
                    let from = self.peer(who);
                    let receiver = self.members.iter().position(|member| member.identity.peer == to);
                    if let Some(receiver) = receiver.filter(|_| !self.cut && lane == Lane::Direct) {
                        self.queue.push_back((receiver, Input::Frame { from, lane, bytes }));
                    }
                }
                Output::Publish { topic, bytes } => {
                    self.members[who].sent.push((None, bytes.clone()));
                    let from = self.peer(who);
                    for other in (0..self.members.len()).filter(|other| *other != who && !self.cut) {
                        let frame = Input::Frame { from, lane: Lane::Gossip(topic), bytes: bytes.clone() };
                        self.queue.push_back((other, frame));
                    }
                }
                Output::Event(event) => self.members[who].events.push(event),
                Output::Plan(plan) => self.members[who].plans.push(*plan),
                Output::Verdict(verdict) => self.members[who].verdicts.push(verdict),
                Output::Reply { result, .. } => self.members[who].replies.push(result),
                _ => {}
            }
        }
    }

    /// Hands everything over that is on its way.
    pub(crate) fn settle(&mut self) {
        let mut rounds = 0;
        while let Some((to, input)) = self.queue.pop_front() {
            rounds += 1;
            assert!(rounds < 100_000, "members keep each other busy for ever");
            self.hand(to, input);
        }
        self.members.iter().for_each(Member::stores_no_more_than_it_holds);
    }

    /// Lets time pass, waking who wants to be woken.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.mono.after(span);
        self.settle();
        loop {
            let due = self.members.iter().enumerate().filter_map(|(who, member)| Some((member.due?, who)));
            let Some((at, who)) = due.min().filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.after(at.since(self.now.mono));
            self.members[who].due = None;
            self.hand(who, Input::Wake(WakeReason::Deadline));
            self.settle();
        }
        self.now = self.now.after(end.since(self.now.mono));
    }
}
