//! The joiner's side: finds who has the door, proves the words, asks, and carries the bundle home.

mod outcome;

pub use outcome::{JoinError, Joined, JoinerIdentity, JoinerInput, JoinerOutput, Ticket};

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use halloo_crdt::log::InviteUse;
use halloo_crypto::group::KeyPackageSecret;
use halloo_crypto::id::{GroupId, OpId};
use halloo_crypto::identity::DeviceCertificate;
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::pake::{Binding, Commitment, JoinerConfirming, JoinerPake, Line, Opening, Password};
use rand_chacha::ChaCha20Rng;

use super::doors::DEVICE_DOOR;
use super::frames::{Ask, RefusedWhy, Reply, Request, VERSION};
use super::host::{BUNDLE, GRANT, REQUEST, clipped};
use crate::lane::PeerKey;
use crate::output::{MAX_NAME_BYTES, PairingProgress};
use crate::time::Time;
use crate::wire::bundle::{Bundle, JoinRequest};
use crate::wire::bytes::Reader;

/// Peers asked at most: enough for any one network, few enough not to be a scan.
pub const PROBES_MAX: usize = 32;
/// How long a host is looked for.
pub const FIND: Duration = Duration::from_secs(30);
/// How long after a "no longer" of one peer others may still offer: nameplates of two groups may meet.
const GRACE: Duration = Duration::from_secs(2);
/// How long one reply may take; the lane gives up after ten seconds and says so.
const STEP: Duration = Duration::from_secs(12);
/// How long being added may take in all.
const ADD: Duration = Duration::from_secs(60);
/// Times a peer is asked again that came back or whose answer got lost.
const RETRIES_MAX: u8 = 3;

/// What the host tells once the words are proven; drawn at `Host::grant`.
struct Grant {
    group: GroupId,
    group_name: String,
    invite: OpId,
    secret: InviteSecret,
    certificate: DeviceCertificate,
}

impl Grant {
    fn parse(bytes: &[u8], promised: Commitment) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8().ok()? != VERSION {
            return None;
        }
        let group = GroupId(reader.array().ok()?);
        let invite = OpId(reader.array().ok()?);
        let secret = InviteSecret::from_bytes(reader.array().ok()?);
        let opening = Opening(reader.array().ok()?);
        let certificate = DeviceCertificate::from_bytes(reader.take(DeviceCertificate::LEN).ok()?).ok()?;
        let group_name = String::from_utf8(reader.blob(MAX_NAME_BYTES).ok()?.to_vec()).ok()?;
        reader.finish().ok()?;
        certificate.verify().ok()?;
        let kept = opening.commit(&certificate.device, group.as_bytes()) == promised;
        kept.then_some(Self { group, group_name, invite, secret, certificate })
    }
}

/// Being added: what is kept from the confirmation to the bundle.
struct Adding {
    line: Box<Line>,
    grant: Box<Grant>,
    key_package: Box<KeyPackageSecret>,
    received: Vec<u8>,
    until: Time,
}

enum State {
    Finding,
    Sent { pake: Box<JoinerPake>, promised: Commitment },
    Confirming { pake: Box<JoinerConfirming>, promised: Commitment },
    Adding(Box<Adding>),
    Over,
}

/// The pairing machine of a newcomer. It has no group and no engine yet.
pub struct Joiner {
    identity: JoinerIdentity,
    password: Password,
    many_responders: bool,
    /// Comes as another device of the host's account, not as a member of its own.
    as_device: bool,
    opening: Opening,
    rng: ChaCha20Rng,
    /// Peers asked, and how often again.
    asked: BTreeMap<PeerKey, u8>,
    offers: VecDeque<(PeerKey, Commitment)>,
    host: Option<PeerKey>,
    state: State,
    /// When the present step fails.
    due: Time,
    /// What to say if nobody offers.
    worst: Option<JoinError>,
    out: VecDeque<JoinerOutput>,
}

impl Joiner {
    /// Starts looking.
    pub fn new(identity: JoinerIdentity, ticket: &Ticket, mut rng: ChaCha20Rng, now: Time) -> Self {
        let opening = Opening::generate(&mut rng);
        Joiner {
            identity,
            password: ticket.password(),
            many_responders: matches!(ticket, Ticket::Link(_)),
            as_device: false,
            opening,
            rng,
            asked: BTreeMap::new(),
            offers: VecDeque::new(),
            host: None,
            state: State::Finding,
            due: now.after(FIND),
            worst: None,
            out: VecDeque::new(),
        }
    }

    /// Starts looking for a door at which a device of the account is let in; whoever comes to a group's invite is refused.
    pub fn of_device(identity: JoinerIdentity, ticket: &Ticket, rng: ChaCha20Rng, now: Time) -> Self {
        Joiner { as_device: true, ..Self::new(identity, ticket, rng, now) }
    }

    /// When it wants to be woken; `None` once it is over.
    pub fn deadline(&self) -> Option<Time> {
        (!self.is_over()).then_some(self.due)
    }

    /// Whether `Joined` or `Failed` has been put out.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The next wish.
    pub fn poll(&mut self) -> Option<JoinerOutput> {
        self.out.pop_front()
    }

    /// Takes one input; nothing happens any more once it is over.
    pub fn handle(&mut self, now: Time, input: JoinerInput) {
        if self.is_over() {
            return;
        }
        if now >= self.due {
            self.timed_out(now);
        }
        match input {
            JoinerInput::PeerUp(peer) => self.probe(peer),
            JoinerInput::PeerDown(peer) => self.lost(now, peer),
            JoinerInput::Failed(peer) => {
                self.lost(now, peer);
                self.probe_again(peer);
            }
            JoinerInput::Frame { from, bytes } => self.replied(now, from, &bytes),
            JoinerInput::Wake => {}
        }
    }

    fn probe(&mut self, peer: PeerKey) {
        if self.is_over() {
            return;
        }
        if self.asked.contains_key(&peer) {
            return self.probe_again(peer);
        }
        if self.asked.len() < PROBES_MAX {
            self.asked.insert(peer, 0);
            self.ask(peer, Ask::Probe);
        }
    }

    /// A peer that came back, or whose answer got lost, may be asked again while nobody has offered.
    fn probe_again(&mut self, peer: PeerKey) {
        let Some(again) = self.asked.get_mut(&peer) else {
            return;
        };
        if *again < RETRIES_MAX && matches!(self.state, State::Finding) && self.host.is_none() {
            *again += 1;
            self.ask(peer, Ask::Probe);
        }
    }

    fn lost(&mut self, now: Time, peer: PeerKey) {
        self.offers.retain(|(offered, _)| *offered != peer);
        if self.host == Some(peer) {
            self.refused(now, JoinError::HostGone);
        }
    }

    fn replied(&mut self, now: Time, from: PeerKey, bytes: &[u8]) {
        let reply = Reply::parse(bytes);
        if self.host == Some(from) {
            return match reply {
                Ok(Reply::Refused(why)) => self.refused(now, why.into()),
                Ok(reply) => self.stepped(now, from, reply),
                Err(_) => self.refused(now, JoinError::Broken),
            };
        }
        match reply {
            Ok(Reply::Offered(promised)) if self.asked.contains_key(&from) => {
                if self.offers.len() < PROBES_MAX {
                    self.offers.push_back((from, promised));
                }
                self.try_next(now);
            }
            Ok(Reply::Refused(RefusedWhy::NotMine)) | Err(_) => {}
            Ok(Reply::Refused(why)) if self.worst.is_none() && matches!(self.state, State::Finding) => {
                self.worst = Some(why.into());
                self.due = self.due.min(now.after(GRACE));
            }
            Ok(_) => {}
        }
    }

    /// Begins the exchange with the first who offered, if none is under way.
    fn try_next(&mut self, now: Time) {
        if !matches!(self.state, State::Finding) {
            return;
        }
        let Some((host, promised)) = self.offers.pop_front() else {
            return;
        };
        let commitment = self.opening.commit(&self.identity.certificate.device, &[]);
        let binding = Binding {
            host_peer: host.0,
            joiner_peer: self.identity.peer.0,
            host: promised,
            joiner: commitment,
        };
        let (pake, message) = JoinerPake::start(&mut self.rng, &self.password, &binding);
        self.host = Some(host);
        self.state = State::Sent { pake: Box::new(pake), promised };
        self.due = now.after(STEP);
        self.out.push_back(JoinerOutput::Progress(PairingProgress::Started));
        self.ask(host, Ask::Pake { commitment, message });
    }

    /// One step with the host.
    fn stepped(&mut self, now: Time, host: PeerKey, reply: Reply) {
        let state = core::mem::replace(&mut self.state, State::Finding);
        let next = match (state, reply) {
            (State::Sent { pake, promised }, Reply::Answer(answer)) => {
                pake.finish(&answer).ok().map(|(pake, proof)| {
                    self.due = now.after(STEP);
                    self.ask(host, Ask::Confirm(proof));
                    State::Confirming { pake: Box::new(pake), promised }
                })
            }
            (State::Confirming { pake, promised }, Reply::Confirmed { confirmation, grant }) => {
                pake.confirm(&confirmation).ok().and_then(|line| self.confirmed(now, line, promised, &grant))
            }
            (State::Adding(adding), Reply::Wait) => {
                let offset = adding.received.len() as u32;
                self.due = adding.until.min(now.after(STEP));
                self.ask(host, Ask::Fetch(offset));
                Some(State::Adding(adding))
            }
            (State::Adding(adding), Reply::Chunk { total, offset, bytes }) => {
                self.received(now, adding, total, offset, &bytes)
            }
            _ => None,
        };
        match next {
            Some(next) => self.state = next,
            None => self.refused(now, JoinError::Broken),
        }
    }

    /// The words are proven on both sides: makes the key package and asks to be let in.
    fn confirmed(&mut self, now: Time, mut line: Line, promised: Commitment, grant: &[u8]) -> Option<State> {
        let grant = line.open(GRANT, grant).ok()?;
        let grant = Grant::parse(grant.expose(), promised)?;
        if (grant.invite == DEVICE_DOOR) != self.as_device {
            self.out.push_back(JoinerOutput::Failed(JoinError::OtherDoor { device: !self.as_device }));
            return Some(State::Over);
        }
        self.out.push_back(JoinerOutput::Progress(PairingProgress::Emoji(line.emoji())));
        let device = &self.identity.device;
        let certificate = &self.identity.certificate;
        let key_package = KeyPackageSecret::generate(grant.group, device, &mut self.rng).ok()?;
        let message = InviteUse::message(&grant.group, &certificate.account, &certificate.device);
        let request = JoinRequest {
            certificate: certificate.clone(),
            invite: grant.invite,
            invite_proof: grant.secret.prove(&message),
            key_package: key_package.key_package().to_vec(),
            name: clipped(&self.identity.name).to_owned(),
        };
        let plain = [self.opening.0.as_slice(), &request.to_bytes(&grant.group, device)].concat();
        let sealed = line.seal(REQUEST, &plain).ok()?;
        let host = self.host.expect("a step has a host");
        self.ask(host, Ask::Request(sealed));
        self.out.push_back(JoinerOutput::Progress(PairingProgress::Adding));
        self.due = now.after(STEP);
        Some(State::Adding(Box::new(Adding {
            line: Box::new(line),
            grant: Box::new(grant),
            key_package: Box::new(key_package),
            received: Vec::new(),
            until: now.after(ADD),
        })))
    }

    fn received(
        &mut self,
        now: Time,
        mut adding: Box<Adding>,
        total: u32,
        offset: u32,
        bytes: &[u8],
    ) -> Option<State> {
        if offset as usize != adding.received.len() {
            return None;
        }
        adding.received.extend_from_slice(bytes);
        let host = self.host.expect("a step has a host");
        if adding.received.len() < total as usize {
            let next = u32::try_from(adding.received.len()).expect("below the total");
            self.due = adding.until.min(now.after(STEP));
            self.ask(host, Ask::Fetch(next));
            return Some(State::Adding(adding));
        }
        let Adding { mut line, grant, key_package, received, .. } = *adding;
        let sealed = line.open(BUNDLE, &received).ok()?;
        let bundle = Bundle::open(&grant.group, &self.identity.device, sealed.expose()).ok()?;
        let emoji = line.emoji();
        let Grant { group, group_name, certificate, .. } = *grant;
        self.out.push_back(JoinerOutput::Joined(Box::new(Joined {
            group,
            group_name,
            host,
            host_certificate: certificate,
            bundle,
            key_package: *key_package,
            emoji,
        })));
        Some(State::Over)
    }

    /// The present host is done with. A code is spent by it; a link may be tried with the next.
    fn refused(&mut self, now: Time, why: JoinError) {
        self.host = None;
        if !self.many_responders {
            return self.fail(why);
        }
        self.worst = Some(why);
        self.state = State::Finding;
        self.due = now.after(GRACE);
        self.try_next(now);
    }

    fn timed_out(&mut self, now: Time) {
        if self.host.is_some() {
            return self.refused(now, JoinError::HostGone);
        }
        let asked = self.asked.len();
        self.fail(self.worst.unwrap_or(JoinError::NobodyAnswered { asked }));
    }

    fn fail(&mut self, why: JoinError) {
        self.state = State::Over;
        self.out.push_back(JoinerOutput::Failed(why));
    }

    fn ask(&mut self, to: PeerKey, ask: Ask) {
        let request = Request { door: self.password.door(), ask };
        self.out.push_back(JoinerOutput::Send { to, bytes: request.to_bytes() });
    }
}

impl core::fmt::Debug for Joiner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Joiner")
            .field("door", &self.password.door())
            .field("asked", &self.asked.len())
            .finish()
    }
}
