//! One group of shipped engines at the same coordinator: what they wish of it while all are there with places, lines and a call, and while
//! one is away for a day.
//!
//! Frames between those who are there are handed over at once, so there is no mesh that loses anything; sound does not come this way at all:
//! it goes from one media endpoint to another, and the engine only says with whom.

use crate::place::{Place, Seat};
use anyhow::{Context as _, Result, ensure};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::secret::Secret;
use halloo_engine::engine::Engine;
use halloo_engine::input::{Command, DepositOutcome, Input, WakeReason};
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{MailboxDoor, MeetingPlace, Output, Refusal, Reply};
use halloo_engine::pairing::{Joiner, JoinerIdentity, JoinerInput, JoinerOutput, Ticket};
use halloo_engine::place::Fix;
use halloo_engine::start::{Config, Identity, Origin};
use halloo_engine::time::{Now, Time};
use halloo_node::uplink::{Door, Fate, News, Outside, Post, Rendezvous, Taken, Uplink};
use halloo_store::store::Store as _;
use halloo_wire::mailbox::Deposit;
use halloo_wire::rendezvous::Place as Meeting;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::time::{Duration, Instant, sleep_until};

const MEMBERS: u8 = 4;
/// Seats of the engines: behind those of the scripts.
const FIRST_SEAT: usize = 60_000;
/// How often each tells where it is, and how often one of them writes.
const FIX_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY: Duration = Duration::from_secs(600);
/// How long all are there, and how long the last is away: over a midnight, so that its addresses are others when it comes back.
const TOGETHER: Duration = Duration::from_secs(2 * 3_600);
const AWAY: Duration = Duration::from_secs(26 * 3_600);
/// How long those who stay are given to leave the last line, and who comes back to fetch and acknowledge, without meeting anybody.
const FETCHING: Duration = Duration::from_secs(60);
/// Until everybody knows of everybody's mailbox.
const SETTLING: Duration = Duration::from_secs(600);

const BEGIN: &str = "engines begin";
const DIRECT: &str = "engines: all there, with places and a call";
const ONE_AWAY: &str = "engines: one away, with places and a call";
const BACK: &str = "engines: it comes back";

struct One {
    engine: Engine,
    peer: PeerKey,
    seat: Arc<Seat>,
    home: [u8; 32],
    uplink: Option<Uplink>,
    doors: Vec<MailboxDoor>,
    places: Vec<MeetingPlace>,
    due: Option<Time>,
    paired: Vec<(PeerKey, Vec<u8>)>,
    reply: Option<Result<Reply, Refusal>>,
}

struct Group {
    members: Vec<One>,
    place: Arc<Place>,
    began: Instant,
    queue: VecDeque<(usize, Input)>,
    rng: ChaCha20Rng,
    lines: Vec<String>,
}

/// The whole story.
pub(crate) async fn run(place: &Arc<Place>) -> Result<()> {
    place.notes.ledger().begin(BEGIN);
    let mut group = Group::of(MEMBERS, place)?;
    let via = place.origin.as_str().to_owned();
    group.command(0, Command::SetVia(Some(via)))?;
    group.pass(SETTLING, false).await?;
    for who in 0..usize::from(MEMBERS) {
        group.command(who, Command::Share { lease: Some(Duration::from_secs(48 * 3_600)) })?;
        group.command(who, Command::JoinCall)?;
    }
    place.notes.ledger().begin(DIRECT);
    group.pass(TOGETHER, true).await?;
    place.notes.ledger().begin(ONE_AWAY);
    let last = usize::from(MEMBERS) - 1;
    let before = group.lines.len();
    group.leave(last);
    group.pass(AWAY, true).await?;
    // What was written last is left for it too.
    group.pass(FETCHING, false).await?;
    let written = group.lines.len() - before;
    place.notes.ledger().begin(BACK);
    group.come_back(last);
    group.pass(FETCHING, false).await?;
    place.notes.ledger().end();
    group.judge(written, last)
}

impl Group {
    fn of(size: u8, place: &Arc<Place>) -> Result<Self> {
        let mut group = Group {
            members: Vec::new(),
            place: Arc::clone(place),
            began: Instant::now(),
            queue: VecDeque::new(),
            rng: ChaCha20Rng::from_seed([11; 32]),
            lines: Vec::new(),
        };
        let founder = group.identity(0);
        group.start(founder, Origin::Create { group_name: "Rate".into() })?;
        for number in 1..size {
            group.let_in(number)?;
        }
        Ok(group)
    }

    fn identity(&mut self, number: u8) -> Identity {
        let account = AccountSecret::generate(&mut self.rng);
        let device = DeviceSecret::generate(&mut self.rng);
        let certificate = DeviceCertificate::issue(&account, &device, 1);
        Identity { device, certificate, peer: PeerKey([number + 1; 32]), name: format!("M{number}") }
    }

    fn now(&self) -> Now {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now { mono: Time::from_micros(micros + 1_000_000), wall_ms: self.place.now_ms() }
    }

    fn start(&mut self, identity: Identity, origin: Origin) -> Result<()> {
        let (who, peer) = (self.members.len(), identity.peer);
        let seed = [u8::try_from(who)? + 1; 32];
        let engine = Engine::new(Config::default(), identity, origin, seed, self.now())?;
        let seat = Arc::new(Seat::of(&self.place, FIRST_SEAT + who, 0));
        let mut one = One {
            engine,
            peer,
            seat,
            home: seed,
            uplink: None,
            doors: Vec::new(),
            places: Vec::new(),
            due: None,
            paired: Vec::new(),
            reply: None,
        };
        one.reach();
        self.members.push(one);
        self.drain(who);
        for other in 0..who {
            self.meet(who, other);
        }
        self.settle();
        Ok(())
    }

    fn meet(&mut self, one: usize, other: usize) {
        let (a, b) = (self.members[one].peer, self.members[other].peer);
        self.queue.extend([(other, Input::PeerUp(a)), (one, Input::PeerUp(b))]);
    }

    /// Somebody new comes in by a short code of the first.
    fn let_in(&mut self, number: u8) -> Result<()> {
        let role = halloo_crdt::log::Role::Member;
        let invite = Command::Invite { max_uses: 1, expiry: SETTLING, role };
        let Reply::Invite(view) = self.command(0, invite)? else { unreachable!("an invite is answered so") };
        let code: ShortCode = view.code.context("a new invite has a code")?.parse()?;
        let identity = self.identity(number);
        let joining = JoinerIdentity {
            device: identity.device.clone(),
            certificate: identity.certificate.clone(),
            peer: identity.peer,
            name: identity.name.clone(),
        };
        let (from, host) = (identity.peer, self.members[0].peer);
        let rng = ChaCha20Rng::from_seed([number; 32]);
        let now = self.now().mono;
        let mut joiner = Joiner::new(joining, &Ticket::Code(code), rng, now);
        joiner.handle(now, JoinerInput::PeerUp(host));
        loop {
            match joiner.poll().context("a pairing goes on until it is over")? {
                JoinerOutput::Send { bytes, .. } => {
                    self.hand(0, Input::Frame { from, lane: Lane::Pair, bytes });
                    self.settle();
                    let mut replies = self.members[0].paired.drain(..);
                    let (_, bytes) = replies.next().context("each request has a reply")?;
                    joiner.handle(now, JoinerInput::Frame { from: host, bytes });
                }
                JoinerOutput::Progress(_) => {}
                JoinerOutput::Joined(joined) => {
                    let origin = Origin::Join { bundle: joined.bundle, key_package: joined.key_package };
                    return self.start(identity, origin);
                }
                JoinerOutput::Failed(error) => return Err(error).context("a pairing"),
            }
        }
    }

    fn command(&mut self, who: usize, command: Command) -> Result<Reply> {
        self.hand(who, Input::Command { request: 1, command });
        self.settle();
        Ok(self.members[who].reply.take().context("every command is answered")??)
    }

    fn hand(&mut self, who: usize, input: Input) {
        let now = self.now();
        self.members[who].engine.handle(now, input);
        self.drain(who);
    }

    fn settle(&mut self) {
        while let Some((to, input)) = self.queue.pop_front() {
            self.hand(to, input);
        }
    }

    fn there(&self, who: usize) -> bool {
        self.members[who].uplink.is_some()
    }

    fn drain(&mut self, who: usize) {
        let from = self.members[who].peer;
        loop {
            match self.members[who].engine.poll() {
                Output::Idle(deadline) => {
                    self.members[who].due = deadline.map(|deadline| deadline.at);
                    return;
                }
                Output::Write(batch) => self.queue.push_back((who, Input::Written(batch.id))),
                Output::Send { to, lane: Lane::Pair, bytes } => self.members[who].paired.push((to, bytes)),
                Output::Send { to, lane, bytes } => {
                    let to = self.members.iter().position(|one| one.peer == to);
                    if let Some(to) = to.filter(|to| self.there(*to)) {
                        self.queue.push_back((to, Input::Frame { from, lane, bytes }));
                    }
                }
                Output::Publish { topic, bytes } => {
                    let lane = Lane::Gossip(topic);
                    let to = (0..self.members.len()).filter(|to| *to != who && self.there(*to));
                    for to in to.collect::<Vec<_>>() {
                        self.queue.push_back((to, Input::Frame { from, lane, bytes: bytes.clone() }));
                    }
                }
                Output::Reply { result, .. } => self.members[who].reply = Some(result),
                Output::Deposit { id, address, item, bytes, .. } => {
                    let deposit = Deposit { address, item, bytes };
                    if !self.members[who].post(id, deposit) {
                        let outcome = DepositOutcome::Unreachable;
                        self.queue.push_back((who, Input::Deposited { id, outcome }));
                    }
                }
                Output::Doors(doors) => {
                    self.members[who].doors = doors;
                    self.members[who].wish();
                }
                Output::Meet(places) => {
                    self.members[who].places = places;
                    self.members[who].wish();
                }
                Output::Taken { address, items } => {
                    let one = &self.members[who];
                    let uplink = one.uplink.as_ref().expect("only who is there fetches");
                    uplink.taken(&self.place.origin, Taken { address, items });
                }
                _ => {}
            }
        }
    }

    /// Lets time pass; those who are there move and write meanwhile if they are busy.
    async fn pass(&mut self, span: Duration, busy: bool) -> Result<()> {
        let end = Instant::now() + span;
        let (mut fix, mut line) = (Instant::now() + FIX_EVERY, Instant::now() + LINE_EVERY);
        while Instant::now() < end {
            self.settle();
            let there = self.members.iter().filter(|one| one.uplink.is_some());
            let due = there.filter_map(|one| one.due).min().map(|due| self.began + since(due));
            let next = [Some(end), due, busy.then_some(fix), busy.then_some(line)];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            tokio::select! {
                (who, news) = heard(&mut self.members) => self.on_news(who, news),
                () = sleep_until(next) => self.on_due(),
            }
            if busy && fix <= Instant::now() {
                fix += FIX_EVERY;
                self.move_on();
            }
            if busy && line <= Instant::now() {
                line += LINE_EVERY;
                self.write()?;
            }
        }
        self.settle();
        Ok(())
    }

    fn on_due(&mut self) {
        let now = self.now().mono;
        for who in 0..self.members.len() {
            if self.there(who) && self.members[who].due.is_some_and(|due| due <= now) {
                self.hand(who, Input::Wake(WakeReason::Deadline));
            }
        }
    }

    fn on_news(&mut self, who: usize, news: News) {
        match news {
            News::Deposited { id, fate, .. } => {
                let outcome = match fate {
                    Fate::Stored => DepositOutcome::Stored,
                    Fate::Full => DepositOutcome::Full,
                    Fate::Unreachable => DepositOutcome::Unreachable,
                };
                self.hand(who, Input::Deposited { id, outcome });
            }
            News::Fetched { address, items } => self.hand(who, Input::Fetched { address, items }),
            News::Met { .. } | News::Helper(_) | News::Stands(_) | News::Waking(_) => {}
        }
    }

    fn move_on(&mut self) {
        let way = self.began.elapsed().as_secs_f64() / 1e6;
        for who in (0..self.members.len()).filter(|who| self.there(*who)).collect::<Vec<_>>() {
            let fix = Fix {
                lat_deg: 47.0 + way,
                lon_deg: 8.0 + way,
                accuracy_m: 5.0,
                altitude_m: None,
                speed_mps: Some(4.0),
                heading_deg: Some(45.0),
                time_ms: self.place.now_ms(),
            };
            self.hand(who, Input::Fix(fix));
        }
    }

    fn write(&mut self) -> Result<()> {
        let there: Vec<_> = (0..self.members.len()).filter(|who| self.there(*who)).collect();
        let text = format!("line {}", self.lines.len());
        let who = there[self.lines.len() % there.len()];
        self.command(who, Command::Say { text: text.clone(), reply_to: None })?;
        self.lines.push(text);
        Ok(())
    }

    fn leave(&mut self, who: usize) {
        self.members[who].uplink = None;
        let gone = self.members[who].peer;
        let others = (0..self.members.len()).filter(|other| *other != who).collect::<Vec<_>>();
        for other in others {
            self.queue.push_back((other, Input::PeerDown(gone)));
            let peer = self.members[other].peer;
            self.queue.push_back((who, Input::PeerDown(peer)));
        }
        self.settle();
    }

    /// It is there again, and meets nobody: what it has then came by the coordinator. The others are gone before.
    fn come_back(&mut self, who: usize) {
        for other in (0..self.members.len()).filter(|other| *other != who).collect::<Vec<_>>() {
            self.members[other].uplink = None;
        }
        self.members[who].reach();
        self.members[who].wish();
        self.hand(who, Input::Wake(WakeReason::Outside));
    }

    fn judge(&self, written: usize, last: usize) -> Result<()> {
        let ledger = self.place.notes.ledger();
        let (batches, bytes) = ledger.of(DIRECT, "deposits");
        let (away_batches, away_bytes) = ledger.of(ONE_AWAY, "deposits");
        println!(
            "{}",
            json!({
                "name": "engines: batches and bytes left at the coordinator", "all_there": [batches, bytes],
                "one_away": [away_batches, away_bytes], "lines_meanwhile": written,
                "hours": [ledger.hours(DIRECT), ledger.hours(ONE_AWAY)],
            })
        );
        ensure!((batches, bytes) == (0, 0), "something was left although all were there");
        for (who, one) in self.members.iter().enumerate() {
            let page = one.engine.timeline(None, self.lines.len() + 1);
            let texts: Vec<_> = page.entries.into_iter().map(|entry| entry.text).collect();
            ensure!(texts == self.lines, "member {who} has {texts:?} instead of {:?}", self.lines);
        }
        for door in &self.members[last].doors {
            let rows = self.place.store.range(&[&b"m"[..], &door.key.address().0].concat())?;
            ensure!(rows.is_empty(), "{} items lie there after they were acknowledged", rows.len());
        }
        Ok(())
    }
}

impl One {
    fn reach(&mut self) {
        let outside = Outside::Told(Arc::<Seat>::clone(&self.seat));
        let mut uplink = Uplink::within(outside, Secret::new(self.home), self.peer.0);
        uplink.keep(&BTreeSet::from([self.seat.place.origin.clone()]));
        let address = self.seat.address;
        uplink
            .set_addresses(vec![format!("/p2p-circuit/{address}"), format!("/ip4/{address}/udp/1/quic-v1")]);
        self.uplink = Some(uplink);
    }

    fn wish(&self) {
        let Some(uplink) = &self.uplink else { return };
        let doors = self.doors.iter().map(|door| Door { key: door.key.clone(), watch: door.watch });
        uplink.doors(&self.seat.place.origin, doors.collect());
        let places = self.places.iter().map(|place| Rendezvous {
            place: Meeting { id: place.id, key: place.key.clone() },
            publish: place.publish,
            guessable: false,
            seek: false,
        });
        uplink.places(&self.seat.place.origin, places.collect());
    }

    fn post(&self, id: u64, deposit: Deposit) -> bool {
        let post = Post { group: self.engine.group(), id, deposit };
        self.uplink.as_ref().is_some_and(|uplink| uplink.post(&self.seat.place.origin, post).is_ok())
    }
}

/// How long after the beginning, by the clock of [`Group::now`].
fn since(time: Time) -> Duration {
    Duration::from_micros(time.as_micros().saturating_sub(1_000_000))
}

/// The next news of anybody.
async fn heard(members: &mut [One]) -> (usize, News) {
    let there = members.iter_mut().enumerate();
    let each = there.filter_map(|(who, one)| Some((who, one.uplink.as_mut()?)));
    let each = each.map(|(who, uplink)| Box::pin(async move { (who, uplink.next().await.1) }));
    futures::future::select_all(each).await.0
}
