//! The host's side: a member with open invites answers those who knock, one step at a time.

mod doorbell;

pub use doorbell::{HostEvent, HostIdentity, HostInput, HostOutput};

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use halloo_crdt::log::InviteUse;
use halloo_crypto::id::{AccountId, DeviceId, InviteId};
use halloo_crypto::invite;
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::pake::{Binding, Commitment, Door, HostPake, Line, Opening};
use rand_chacha::ChaCha20Rng;

use super::doors::{Behind, Doors, Ending, HostInvite};
use super::frames::{Ask, CHUNK_BYTES, RefusedWhy, Reply, Request, VERSION};
use crate::lane::PeerKey;
use crate::output::MAX_NAME_BYTES;
use crate::time::Time;
use crate::wire::WireError;
use crate::wire::bundle::{JoinRequest, VerifiedRequest};
use crate::wire::bytes::put_blob;

/// Joiners under way at one host. When full, whoever has been handed its whole bundle makes room; else the next one hears "busy".
pub const SESSIONS_MAX: usize = 16;
/// How long a reply is held back while the newcomer is added; the lane gives up after ten seconds.
pub const HOLD: Duration = Duration::from_secs(7);
/// How long a joiner may be silent before it is forgotten and its use is free again.
const SILENCE: Duration = Duration::from_secs(60);
/// Exchanges begun in [`BURST_SPAN`]: each costs half a millisecond, a stranger pays nothing.
const BURST_MAX: u32 = 32;
/// The span of [`BURST_MAX`].
const BURST_SPAN: Duration = Duration::from_secs(10);
/// Associated data of the three sealed messages.
pub(super) const GRANT: &[u8] = b"grant";
pub(super) const REQUEST: &[u8] = b"request";
pub(super) const BUNDLE: &[u8] = b"bundle";

enum Stage {
    /// Answered the first message; waits for the confirmation.
    Answered(Box<HostPake>),
    /// Confirmed; waits for the request.
    Confirmed(Box<Line>),
    /// Handed to membership.
    Admitting { line: Box<Line>, account: AccountId, device: DeviceId },
    /// The bundle, sealed for the line, is fetched in pieces; `whole` once the last has been sent. It stays for a while, for a
    /// reply may be lost.
    Ready { sealed: Vec<u8>, whole: bool },
}

struct Session {
    door: Door,
    invite: InviteId,
    joiner: Commitment,
    stage: Stage,
    touched: Time,
    /// A reply is held back until then.
    held: Option<Time>,
}

impl Session {
    /// Whether it holds a use of the invite that membership does not know of yet.
    fn holds_use(&self) -> bool {
        matches!(self.stage, Stage::Confirmed(_))
    }
}

/// The pairing machine of a member.
pub struct Host {
    identity: HostIdentity,
    opening: Opening,
    rng: ChaCha20Rng,
    doors: Doors,
    sessions: BTreeMap<PeerKey, Session>,
    burst: (Time, u32),
    out: VecDeque<HostOutput>,
}

impl Host {
    /// No invite is open yet.
    pub fn new(identity: HostIdentity, mut rng: ChaCha20Rng) -> Self {
        let opening = Opening::generate(&mut rng);
        Host {
            identity,
            opening,
            rng,
            doors: Doors::default(),
            sessions: BTreeMap::new(),
            burst: (Time::ZERO, 0),
            out: VecDeque::new(),
        }
    }

    /// Opens an invite, or brings its uses (as the log counts them now) and its end up to date; gives its code, if it has one.
    ///
    /// `None` when it admits nobody, its code is over, or too many are open.
    pub fn open(&mut self, now: Time, invite: HostInvite) -> Option<ShortCode> {
        let id = invite.invite;
        self.doors.open(&mut self.rng, now, invite);
        self.doors.code(&id).cloned()
    }

    /// Gives an open invite a fresh code, after the last one burned or expired.
    pub fn renew(&mut self, now: Time, invite: &InviteId) -> Option<ShortCode> {
        self.doors.renew(&mut self.rng, now, invite).cloned()
    }

    /// Closes an invite; joiners under way with it are refused, now or at their next step.
    pub fn close(&mut self, invite: &InviteId, ending: Ending) {
        self.doors.close(invite, ending);
        let stops =
            |session: &Session| session.invite == *invite && !matches!(session.stage, Stage::Ready { .. });
        let held: Vec<PeerKey> = self
            .sessions
            .iter()
            .filter(|(_, session)| stops(session) && session.held.is_some())
            .map(|(peer, _)| *peer)
            .collect();
        self.sessions.retain(|_, session| !stops(session));
        for peer in held {
            self.refuse(peer, ending.into());
        }
    }

    /// The group's name changed.
    pub fn rename(&mut self, group_name: String) {
        self.identity.group_name = group_name;
    }

    /// The code of an invite, if it has one now.
    pub fn code(&self, invite: &InviteId) -> Option<&ShortCode> {
        self.doors.code(invite)
    }

    /// Whether requests at this door are for this host: it is open, or was and its end is remembered.
    pub fn answers(&self, door: &Door) -> bool {
        !matches!(self.doors.behind(door), Behind::Nothing)
            || self.sessions.values().any(|session| session.door == *door)
    }

    /// When it wants to be woken.
    pub fn deadline(&self) -> Option<Time> {
        let sessions = self.sessions.values().map(|session| {
            let silence = session.touched.after(SILENCE);
            session.held.map_or(silence, |held| held.min(silence))
        });
        sessions.chain(self.doors.deadline()).min()
    }

    /// The next wish.
    pub fn poll(&mut self) -> Option<HostOutput> {
        self.out.pop_front()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Time, input: HostInput) {
        self.expire(now);
        match input {
            HostInput::Frame { from, bytes } => match Request::parse(&bytes) {
                Ok(request) => self.asked(now, from, request),
                Err(WireError::Version(_)) => self.refuse(from, RefusedWhy::Version(VERSION)),
                Err(_) => self.refuse(from, RefusedWhy::Broken),
            },
            HostInput::PeerDown(from) => self.drop_session(now, &from),
            HostInput::Admitted { from, bundle } => self.admitted(now, from, &bundle),
            HostInput::Refused { from, why } => self.not_admitted(now, from, why),
            HostInput::Wake => {}
        }
    }

    fn asked(&mut self, now: Time, from: PeerKey, request: Request) {
        let begins = matches!(request.ask, Ask::Probe | Ask::Pake { .. });
        if let Some(session) = self.sessions.get_mut(&from) {
            session.touched = now;
            if !begins && session.door != request.door {
                return self.refuse(from, RefusedWhy::Broken);
            }
        }
        match request.ask {
            Ask::Probe => self.probed(from, &request.door),
            Ask::Pake { commitment, message } => {
                self.pake(now, from, request.door, commitment, &message);
            }
            Ask::Confirm(confirmation) => self.confirm(now, from, &confirmation),
            Ask::Request(sealed) => self.request(now, from, &sealed),
            Ask::Fetch(offset) => self.fetch(now, from, offset),
        }
    }

    fn probed(&mut self, from: PeerKey, door: &Door) {
        match self.doors.behind(door) {
            Behind::Open { .. } => {
                let offered = Reply::Offered(self.commitment());
                self.send(from, &offered);
            }
            Behind::Ended(ending) => self.refuse(from, ending.into()),
            Behind::Nothing => self.refuse(from, RefusedWhy::NotMine),
        }
    }

    fn pake(&mut self, now: Time, from: PeerKey, door: Door, joiner: Commitment, message: &[u8; 33]) {
        self.drop_session(now, &from);
        let (invite, password) = match self.doors.behind(&door) {
            Behind::Open { invite, password } => (invite, password),
            Behind::Ended(ending) => return self.refuse(from, ending.into()),
            Behind::Nothing => return self.refuse(from, RefusedWhy::NotMine),
        };
        if !self.has_room() || !self.may_begin(now) {
            return self.refuse(from, RefusedWhy::Busy);
        }
        let binding =
            Binding { host_peer: self.identity.peer.0, joiner_peer: from.0, host: self.commitment(), joiner };
        match HostPake::answer(&mut self.rng, &password, &binding, message) {
            Ok((pake, answer)) => {
                let stage = Stage::Answered(Box::new(pake));
                self.sessions.insert(from, Session { door, invite, joiner, stage, touched: now, held: None });
                self.send(from, &Reply::Answer(answer));
                self.event_at(&invite, HostEvent::Started);
            }
            Err(_) => self.refuse(from, RefusedWhy::Broken),
        }
    }

    /// Makes room by forgetting the newcomer that was handed everything longest ago, if the limit is reached.
    fn has_room(&mut self) -> bool {
        if self.sessions.len() >= SESSIONS_MAX {
            let done =
                self.sessions.iter().filter(|(_, s)| matches!(s.stage, Stage::Ready { whole: true, .. }));
            let oldest = done.min_by_key(|(peer, session)| (session.touched, **peer)).map(|(peer, _)| *peer);
            oldest.inspect(|peer| drop(self.sessions.remove(peer)));
        }
        self.sessions.len() < SESSIONS_MAX
    }

    fn may_begin(&mut self, now: Time) -> bool {
        if now.since(self.burst.0) >= BURST_SPAN {
            self.burst = (now, 0);
        }
        self.burst.1 += 1;
        self.burst.1 <= BURST_MAX
    }

    fn confirm(&mut self, now: Time, from: PeerKey, confirmation: &[u8; 32]) {
        let Some(Session { door, invite, joiner, stage: Stage::Answered(pake), .. }) =
            self.sessions.remove(&from)
        else {
            return self.refuse(from, RefusedWhy::Broken);
        };
        // The code may have been burned, taken or closed since the exchange began.
        let still_open =
            matches!(self.doors.behind(&door), Behind::Open { invite: open, .. } if open == invite);
        if !still_open {
            return self.probed(from, &door);
        }
        let Ok((mut line, ours)) = pake.confirm(confirmation) else {
            return self.wrong_words(from, invite, &door);
        };
        self.doors.take(&invite, &door);
        self.event_at(&invite, HostEvent::Emoji(line.emoji()));
        let grant = self.grant(&invite);
        let grant = line.seal(GRANT, &grant).expect("a grant is a few hundred bytes");
        self.send(from, &Reply::Confirmed { confirmation: ours, grant });
        let stage = Stage::Confirmed(Box::new(line));
        self.sessions.insert(from, Session { door, invite, joiner, stage, touched: now, held: None });
        if matches!(door, Door::Nameplate(_)) {
            self.event(HostEvent::CodeEnded { invite, ending: Ending::UsedUp });
            self.renew_and_tell(now, &invite);
        }
    }

    fn wrong_words(&mut self, from: PeerKey, invite: InviteId, door: &Door) {
        let left = self.doors.wrong(&invite, door);
        if matches!(door, Door::Nameplate(_)) {
            self.event(HostEvent::WrongWords { invite, left });
            if left == 0 {
                self.event(HostEvent::CodeEnded { invite, ending: Ending::Burned });
            }
        }
        self.refuse(from, RefusedWhy::WrongWords { left });
    }

    /// ```text
    ///  0         1       33          65              81        97            330
    ///  | version | group | invite op | invite secret | opening | certificate | len u32, group name |
    /// ```
    fn grant(&self, invite: &InviteId) -> Vec<u8> {
        let invite = self.doors.invite(invite).expect("confirmed at an open invite");
        let mut grant = vec![VERSION];
        grant.extend_from_slice(self.identity.group.as_bytes());
        grant.extend_from_slice(invite.op.as_bytes());
        grant.extend_from_slice(invite.secret.to_bytes().expose());
        grant.extend_from_slice(&self.opening.0);
        grant.extend_from_slice(&self.identity.certificate.to_bytes());
        put_blob(&mut grant, clipped(&self.identity.group_name).as_bytes());
        grant
    }

    fn request(&mut self, now: Time, from: PeerKey, sealed: &[u8]) {
        let Some(Session { door, invite, joiner, stage: Stage::Confirmed(mut line), .. }) =
            self.take_session(&from)
        else {
            self.drop_session(now, &from);
            return self.refuse(from, RefusedWhy::Broken);
        };
        let opened = line.open(REQUEST, sealed).ok();
        let Some(request) = opened.and_then(|plain| self.checked(&invite, joiner, plain.expose())) else {
            self.doors.release(&invite);
            self.renew_if_none(now, &invite);
            return self.refuse(from, RefusedWhy::NotAdmitted);
        };
        self.doors.hand_over(&invite);
        let certificate = &request.request().certificate;
        let stage = Stage::Admitting { line, account: certificate.account, device: certificate.device };
        let held = Some(now.after(HOLD));
        self.sessions.insert(from, Session { door, invite, joiner, stage, touched: now, held });
        self.out.push_back(HostOutput::Admit { from, invite, request: Box::new(request) });
    }

    /// The request, if it is signed, by the device that was promised, and proves the invite.
    fn checked(&self, invite: &InviteId, joiner: Commitment, plain: &[u8]) -> Option<VerifiedRequest> {
        let (opening, bytes) = plain.split_first_chunk::<16>()?;
        let verified = JoinRequest::verify(bytes, &self.identity.group).ok()?;
        let request = verified.request();
        let certificate = &request.certificate;
        let open = self.doors.invite(invite)?;
        let message = InviteUse::message(&self.identity.group, &certificate.account, &certificate.device);
        let promised = Opening(*opening).commit(&certificate.device, &[]) == joiner;
        let proven = invite::verify_proof(&open.secret.public(), &message, &request.invite_proof).is_ok();
        (promised && proven && request.invite == open.op).then_some(verified)
    }

    fn admitted(&mut self, now: Time, from: PeerKey, bundle: &[u8]) {
        let Some(mut session) = self.take_session(&from) else {
            return;
        };
        let Stage::Admitting { mut line, account, device } = session.stage else {
            self.sessions.insert(from, session);
            return;
        };
        let Ok(sealed) = line.seal(BUNDLE, bundle) else {
            return self.refuse(from, RefusedWhy::NotAdmitted);
        };
        let quiet = self.doors.is_quiet(&session.invite);
        if self.doors.finish(&session.invite) {
            self.event(HostEvent::InviteEnded { invite: session.invite, ending: Ending::UsedUp });
        }
        let first = session.held.take().map(|_| chunk(&sealed, 0));
        let whole = first.is_some() && sealed.len() <= CHUNK_BYTES;
        session.stage = Stage::Ready { sealed, whole };
        session.touched = now;
        self.sessions.insert(from, session);
        if let Some(first) = first {
            self.send(from, &first);
        }
        if !quiet {
            self.event(HostEvent::Joined { account, device });
        }
    }

    fn not_admitted(&mut self, now: Time, from: PeerKey, why: RefusedWhy) {
        let Some(session) = self.take_session(&from) else {
            return;
        };
        if !matches!(session.stage, Stage::Admitting { .. }) {
            self.sessions.insert(from, session);
            return;
        }
        self.doors.give_back(&session.invite);
        if session.held.is_some() {
            self.refuse(from, why);
        }
        self.renew_if_none(now, &session.invite);
    }

    fn fetch(&mut self, now: Time, from: PeerKey, offset: u32) {
        let reply = match self.sessions.get_mut(&from) {
            Some(Session { stage: Stage::Admitting { .. }, held, .. }) => {
                *held = Some(now.after(HOLD));
                return;
            }
            Some(Session { stage: Stage::Ready { sealed, whole }, .. })
                if (offset as usize) < sealed.len() =>
            {
                *whole |= sealed.len() - offset as usize <= CHUNK_BYTES;
                chunk(sealed, offset)
            }
            _ => Reply::Refused(RefusedWhy::Broken),
        };
        self.send(from, &reply);
    }

    /// Lets go of what ran out.
    fn expire(&mut self, now: Time) {
        let silent: Vec<PeerKey> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.touched.after(SILENCE) <= now)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in silent {
            self.drop_session(now, &peer);
        }
        let due: Vec<PeerKey> = self
            .sessions
            .iter_mut()
            .filter(|(_, session)| session.held.is_some_and(|held| held <= now))
            .map(|(peer, session)| {
                session.held = None;
                *peer
            })
            .collect();
        for peer in due {
            self.send(peer, &Reply::Wait);
        }
        for invite in self.doors.expire(now) {
            let event = if self.doors.invite(&invite).is_some() {
                HostEvent::CodeEnded { invite, ending: Ending::Expired }
            } else {
                HostEvent::InviteEnded { invite, ending: Ending::Expired }
            };
            self.event(event);
        }
    }

    fn take_session(&mut self, from: &PeerKey) -> Option<Session> {
        self.sessions.remove(from)
    }

    fn drop_session(&mut self, now: Time, from: &PeerKey) {
        if let Some(session) = self.sessions.remove(from)
            && session.holds_use()
        {
            self.doors.release(&session.invite);
            self.renew_if_none(now, &session.invite);
        }
    }

    /// A pairing failed after it took the code: the invite has one again.
    fn renew_if_none(&mut self, now: Time, invite: &InviteId) {
        if self.doors.code(invite).is_none() {
            self.renew_and_tell(now, invite);
        }
    }

    fn renew_and_tell(&mut self, now: Time, invite: &InviteId) {
        if let Some(code) = self.doors.renew(&mut self.rng, now, invite).cloned() {
            self.event(HostEvent::NewCode { invite: *invite, code });
        }
    }

    fn commitment(&self) -> Commitment {
        self.opening.commit(&self.identity.certificate.device, self.identity.group.as_bytes())
    }

    fn send(&mut self, to: PeerKey, reply: &Reply) {
        self.out.push_back(HostOutput::Send { to, bytes: reply.to_bytes() });
    }

    fn refuse(&mut self, to: PeerKey, why: RefusedWhy) {
        self.send(to, &Reply::Refused(why));
    }

    /// Tells what happens at the door of an invite, unless it is a quiet one.
    fn event_at(&mut self, invite: &InviteId, event: HostEvent) {
        if !self.doors.is_quiet(invite) {
            self.event(event);
        }
    }

    fn event(&mut self, event: HostEvent) {
        self.out.push_back(HostOutput::Event(event));
    }
}

pub(crate) fn chunk(sealed: &[u8], offset: u32) -> Reply {
    let from = offset as usize;
    let to = sealed.len().min(from + CHUNK_BYTES);
    let total = u32::try_from(sealed.len()).expect("a sealed bundle has a few megabytes at most");
    Reply::Chunk { total, offset, bytes: sealed[from..to].to_vec() }
}

/// A name cut to its limit at a character's end.
pub(crate) fn clipped(name: &str) -> &str {
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

impl core::fmt::Debug for Host {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Host")
            .field("group", &self.identity.group)
            .field("sessions", &self.sessions.len())
            .finish()
    }
}
