//! The room of those who come back out of a backup: an account key proves itself, its new device is added and welcomed.
//!
//! ```text
//!  find   --> proven by the account key? --> which group, its heads, whether the account is still in it
//!  return --> the log takes the DeviceAdd that the device signed --> as any newcomer: commit, durable, bundle
//! ```
//!
//! Nobody decides here whether to let it in: the account is a member, and its key outranks its devices. Others learn of it as of
//! every operation.

use core::time::Duration;
use std::collections::BTreeMap;

use halloo_crdt::log::{Inserted, OpKind, SignedOp};
use halloo_crypto::group::check_key_package;
use halloo_crypto::id::{AccountId, DeviceId, OpId, Signature};
use halloo_crypto::identity::DeviceCertificate;

use crate::commits::{self, Commits};
use crate::handshake::store_operations;
use crate::lane::{Lane, PeerKey};
use crate::output::Output;
use crate::pairing::readmission::{Answer, Ask, Found, HEADS_MAX, Knock, Request, Tag, is_proven};
use crate::pairing::{HOLD, RefusedWhy, Reply, VERSION, chunk, clipped};
use crate::state::{Fact, State, name_of};
use crate::time::Time;
use crate::wire::WireError;
use crate::wire::parcel::ParcelKind;

/// Devices that come back at one time; then the next one hears "busy" and asks again.
const SESSIONS_MAX: usize = 8;
/// How long one may be silent before it is forgotten.
const SILENCE: Duration = Duration::from_secs(60);
/// Looks that one peer gets in [`BURST_SPAN`]: each costs a hash for every account that is or was here, then maybe a signature check.
/// A request takes two, where it is routed and where it is answered; to come back takes about ten requests.
const PEER_LOOKS_MAX: u32 = 64;
/// Looks that all peers get together: eight that ask without end leave the ninth nothing, and cost less than a second.
const LOOKS_MAX: u32 = 512;
/// The span of both.
const BURST_SPAN: Duration = Duration::from_secs(10);

enum Stage {
    /// Waits for the commit and the disk.
    Admitting,
    /// The bundle, sealed to the device, is fetched in pieces.
    Ready(Vec<u8>),
}

struct Session {
    stage: Stage,
    touched: Time,
    /// A reply is held back until then.
    held: Option<Time>,
}

/// How often was looked for accounts lately, for whom.
#[derive(Default)]
struct Looks {
    since: Time,
    all: u32,
    of: BTreeMap<PeerKey, u32>,
}

impl Looks {
    /// Whether there may be one more for this peer.
    fn take(&mut self, now: Time, peer: &PeerKey) -> bool {
        if now.since(self.since) >= BURST_SPAN {
            *self = Looks { since: now, ..Looks::default() };
        }
        let own = self.of.get(peer).copied().unwrap_or(0);
        if self.all >= LOOKS_MAX || own >= PEER_LOOKS_MAX {
            return false;
        }
        self.all += 1;
        self.of.insert(*peer, own + 1);
        assert!(self.of.len() <= LOOKS_MAX as usize, "INV-6: who is counted had a look");
        true
    }
}

/// The room's own memory.
#[derive(Default)]
pub(crate) struct Readmission {
    sessions: BTreeMap<PeerKey, Session>,
    looks: Looks,
}

/// The account that is or was in the group and that this tag names.
fn sought(state: &State, from: &PeerKey, tag: &Tag) -> Option<AccountId> {
    let is = |account: &AccountId| Tag::of(account, from, &state.identity.peer) == *tag;
    let now = state.log.view().members().keys().copied().find(is);
    let once = || state.log.ops().into_iter().filter_map(SignedOp::subject).find(is);
    now.or_else(once)
}

/// Whether a knock of this peer is for this engine. Who has knocked too often is not looked for: it is taken in, and hears "busy".
pub(crate) fn is_sought(room: &mut Readmission, state: &State, from: &PeerKey, tag: &Tag) -> bool {
    state.is_member() && (!room.looks.take(state.now.mono, from) || sought(state, from, tag).is_some())
}

/// A frame of the family.
pub(crate) fn on_frame(
    room: &mut Readmission,
    commits: &mut Commits,
    state: &mut State,
    from: PeerKey,
    bytes: &[u8],
) {
    let answer = match Request::parse(bytes) {
        Ok(request) => answer(room, commits, state, from, request),
        Err(WireError::Version(_)) => Err(RefusedWhy::Version(VERSION)),
        Err(_) => Err(RefusedWhy::Broken),
    };
    match answer {
        Ok(Some(answer)) => send(state, from, &answer),
        Ok(None) => {}
        Err(why) => send(state, from, &Answer::refused(why)),
    }
}

/// What is answered at once; nothing if the reply is held back.
fn answer(
    room: &mut Readmission,
    commits: &mut Commits,
    state: &mut State,
    from: PeerKey,
    request: Request,
) -> Result<Option<Answer>, RefusedWhy> {
    let (Knock::Nth(tag, _) | Knock::Group(tag, _)) = request.knock;
    if !room.looks.take(state.now.mono, &from) || state.out.is_choked() {
        return Err(RefusedWhy::Busy);
    }
    let account = sought(state, &from, &tag).filter(|_| state.is_member()).ok_or(RefusedWhy::NotMine)?;
    match request.ask {
        Ask::Find { proof } => find(state, &from, &account, &proof).map(Some),
        Ask::Return { certificate, operation, key_package } => {
            if certificate.account != account || certificate.verify().is_err() {
                return Err(RefusedWhy::NotAdmitted);
            }
            if room.sessions.len() >= SESSIONS_MAX && !room.sessions.contains_key(&from) {
                return Err(RefusedWhy::Busy);
            }
            admit(commits, state, from, *certificate, (&operation, key_package))?;
            let held = Some(state.now.mono.after(HOLD));
            let session = Session { stage: Stage::Admitting, touched: state.now.mono, held };
            room.sessions.insert(from, session);
            Ok(None)
        }
        Ask::Fetch(offset) => {
            let now = state.now.mono;
            let session = room.sessions.get_mut(&from).ok_or(RefusedWhy::Broken)?;
            session.touched = now;
            match &session.stage {
                Stage::Admitting => {
                    session.held = Some(now.after(HOLD));
                    Ok(None)
                }
                Stage::Ready(sealed) if (offset as usize) < sealed.len() => {
                    Ok(Some(Answer::Paired(chunk(sealed, offset))))
                }
                Stage::Ready(_) => Err(RefusedWhy::Broken),
            }
        }
    }
}

fn find(state: &State, from: &PeerKey, account: &AccountId, proof: &Signature) -> Result<Answer, RefusedWhy> {
    if !is_proven(account, from, &state.identity.peer, proof) {
        return Err(RefusedWhy::NotMine);
    }
    let mut heads = state.heads();
    heads.truncate(HEADS_MAX);
    assert!(!heads.is_empty(), "a group has a log");
    let height = heads.iter().filter_map(|head| state.log.get(head)).map(|op| op.seq() + 1).max();
    Ok(Answer::Found(Box::new(Found {
        member: state.log.view().is_member(account),
        group: state.group,
        height: height.unwrap_or(0),
        heads,
        group_name: clipped(&state.document.name().unwrap_or_default()).to_owned(),
        own_name: clipped(&name_of(state, account)).to_owned(),
    })))
}

/// Takes the device in: the log decides, then the keys follow as for any newcomer.
fn admit(
    room: &mut Commits,
    state: &mut State,
    from: PeerKey,
    certificate: DeviceCertificate,
    (operation, key_package): (&[u8], Vec<u8>),
) -> Result<(), RefusedWhy> {
    let (account, device) = (certificate.account, certificate.device);
    debug_assert!(state.is_member(), "who is out lets nobody in");
    let sound = check_key_package(&state.group, &key_package).is_ok_and(|info| info.device == device);
    if !sound || !state.log.view().is_member(&account) {
        return Err(RefusedWhy::NotAdmitted);
    }
    if state.log.view().account_of(&device) == Some(account) {
        // It was added and never got its bundle: the commit gives it a fresh leaf.
        if !commits::expect(room, state, from, certificate, Some(key_package)) {
            return Err(RefusedWhy::Busy);
        }
        state.tell(Fact::MustCommit);
        return Ok(());
    }
    let op = SignedOp::from_bytes(operation).map_err(|_| RefusedWhy::NotAdmitted)?;
    let fits = op.author() == device
        && matches!(op.kind(), OpKind::DeviceAdd { device: grant }
            if grant.certificate == certificate && grant.key_package == key_package);
    // The trial runs on a copy: an act that would be void must not enter the log.
    let mut trial = state.log.clone();
    let new: Vec<OpId> = match trial.insert(op.clone()) {
        Ok(Inserted::New(ids)) if fits && trial.void(&op.id()).is_none() => ids,
        _ => return Err(RefusedWhy::NotAdmitted),
    };
    if !commits::expect(room, state, from, certificate, None) {
        return Err(RefusedWhy::Busy);
    }
    state.log = trial;
    store_operations(state, &new);
    state.broadcast(ParcelKind::Operations, vec![op.to_bytes()]);
    state.tell(Fact::Operations(new));
    state.tell(Fact::MustCommit);
    assert!(is_in(state, &account, &device), "an operation that stands has its effect");
    Ok(())
}

fn is_in(state: &State, account: &AccountId, device: &DeviceId) -> bool {
    state.log.view().account_of(device) == Some(*account)
}

/// The bundle is ready and all that it rests on is durable.
pub(crate) fn on_bundle(room: &mut Readmission, state: &mut State, newcomer: PeerKey, bundle: &[u8]) {
    let now = state.now.mono;
    let Some(session) = room.sessions.get_mut(&newcomer) else { return };
    if !matches!(session.stage, Stage::Admitting) {
        return;
    }
    assert!(!bundle.is_empty(), "a sealed bundle has bytes");
    session.stage = Stage::Ready(bundle.to_vec());
    session.touched = now;
    if session.held.take().is_some() {
        send(state, newcomer, &Answer::Paired(chunk(bundle, 0)));
    }
}

/// A connection is gone.
pub(crate) fn on_down(room: &mut Readmission, peer: &PeerKey) {
    room.sessions.remove(peer);
}

/// Lets go of what ran out.
pub(crate) fn on_wake(room: &mut Readmission, state: &mut State) {
    let now = state.now.mono;
    room.sessions.retain(|_, session| session.touched.after(SILENCE) > now);
    let mut due = Vec::new();
    for (peer, session) in &mut room.sessions {
        if session.held.take_if(|held| *held <= now).is_some() {
            due.push(*peer);
        }
    }
    for peer in due {
        send(state, peer, &Answer::Paired(Reply::Wait));
    }
}

impl Readmission {
    /// When it wants to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        assert!(self.sessions.len() <= SESSIONS_MAX, "INV-6: bounded where it grows");
        let ends = self.sessions.values().map(|session| {
            let silence = session.touched.after(SILENCE);
            session.held.map_or(silence, |held| held.min(silence))
        });
        ends.min()
    }
}

fn send(state: &mut State, to: PeerKey, answer: &Answer) {
    state.out.now(Output::Send { to, lane: Lane::Pair, bytes: answer.to_bytes() });
}

#[cfg(test)]
mod tests;
