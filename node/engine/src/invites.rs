//! The room of the invites: opens and closes them in the log, and runs the pairing host behind their codes and links.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::log::author::InviteTerms;
use halloo_crdt::log::{Action, MAX_INVITE_USES, OpKind, Role, SignedOp};
use halloo_crypto::id::{DeviceId, InviteId, OpId};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::invite::link::Link;
use halloo_crypto::pake::{CODE_LIFE_MS, Door};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::commits::Commits;
use crate::lane::{Lane, PeerKey};
use crate::membership::{self, invite_name};
use crate::output::{Event, InviteView, Output, PairingProgress, Refusal, Reply};
use crate::pairing::readmission::is_readmission;
use crate::pairing::{
    DEVICE_DOOR, Ending, Host, HostEvent, HostIdentity, HostInput, HostInvite, HostOutput, INVITES_MAX,
    RefusedWhy,
};
use crate::readmission::{self, Readmission};
use crate::snapshot::Table;
use crate::state::State;
use crate::time::Time;
use crate::timers::Timer;

/// Longest life of an invite: a link that is lost should not open a door for ever.
pub(crate) const MAX_LIFE_MS: u64 = 366 * 24 * 3_600 * 1_000;

/// Doors for own devices open at once: a person adds one, and siblings that were away come by one each.
const DEVICE_DOORS_MAX: usize = 8;
/// How long such a door stays open: as long as the code of the device does.
const DEVICE_DOOR_LIFE: core::time::Duration = core::time::Duration::from_millis(CODE_LIFE_MS);

/// The room's own memory.
pub(crate) struct Invites {
    host: Host,
    /// Secrets of the invites that this device made, by operation.
    secrets: BTreeMap<OpId, InviteSecret>,
    /// Doors that are open for one device of the own account each.
    devices: BTreeMap<InviteId, DeviceId>,
    /// Own invites whose end the user was told.
    told_closed: BTreeSet<OpId>,
    /// Those who come back out of a backup, on the same lane.
    pub(crate) readmission: Readmission,
}

impl Invites {
    /// A host without invites; `seed` is chance of its own.
    pub(crate) fn new(state: &mut State) -> Self {
        let identity = HostIdentity {
            certificate: state.identity.certificate.clone(),
            peer: state.identity.peer,
            group: state.group,
            group_name: state.document.name().unwrap_or_default(),
        };
        let rng = ChaCha20Rng::from_seed(state.nonce());
        Invites {
            host: Host::new(identity, rng),
            secrets: BTreeMap::new(),
            devices: BTreeMap::new(),
            told_closed: BTreeSet::new(),
            readmission: Readmission::default(),
        }
    }

    /// Takes back the secret of an own invite after a restart.
    pub(crate) fn remember(&mut self, op: OpId, secret: InviteSecret) {
        self.secrets.insert(op, secret);
    }

    /// Whether a pairing request at this door is for this engine.
    pub(crate) fn answers(&self, door: &Door) -> bool {
        self.host.answers(door)
    }

    fn op_of(&self, invite: &InviteId) -> Option<OpId> {
        self.secrets.iter().find(|(_, secret)| secret.id() == *invite).map(|(op, _)| *op)
    }
}

/// Opens an invite.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn open(
    room: &mut Invites,
    state: &mut State,
    max_uses: u16,
    life_ms: u64,
    role: Role,
) -> Result<Reply, Refusal> {
    membership::check(state, Action::Invite(role))?;
    if max_uses == 0 || max_uses > MAX_INVITE_USES {
        return Err(Refusal::TooLarge {
            what: "the number of uses (at least 1)",
            max: usize::from(MAX_INVITE_USES),
        });
    }
    if life_ms == 0 || life_ms > MAX_LIFE_MS {
        return Err(Refusal::Invalid("an invite lasts longer than nothing and at most a year"));
    }
    make_room(room, state);
    let usable = |op: &&OpId| state.log.view().invites().contains_key(*op);
    if room.secrets.keys().filter(usable).count() >= INVITES_MAX / 2 || room.secrets.len() >= INVITES_MAX {
        return Err(Refusal::Invalid("too many invites of this device are open; close one first"));
    }
    let secret = InviteSecret::generate(&mut state.rng);
    let terms = InviteTerms { expires_ms: state.now.wall_ms.saturating_add(life_ms), max_uses, role };
    let key = secret.public();
    let op = membership::author(state, |log, by| log.author_invite(by, key, terms))?;
    state.out.put(Table::Invite, op.as_bytes(), secret.to_bytes().expose().to_vec());
    room.secrets.insert(op, secret);
    assert!(room.secrets.len() <= INVITES_MAX, "checked at the door");
    refresh(room, state);
    let view = view(room, state, &op).ok_or(Refusal::Unknown("invite"))?;
    state.durable_event(Event::Invite(view.clone()));
    Ok(Reply::Invite(view))
}

/// Where there is no room for another invite, forgets the one of those used up that was made first: its newcomer has long been handed
/// everything.
fn make_room(room: &mut Invites, state: &mut State) {
    if room.secrets.len() < INVITES_MAX {
        return;
    }
    let used_up = room.secrets.keys().filter(|op| ending(state, op) == Ending::UsedUp);
    let first = used_up.min_by_key(|op| (state.log.get(op).map(SignedOp::at_ms), **op)).copied();
    if let Some(op) = first {
        forget(room, state, &op, Ending::UsedUp);
    }
}

fn forget(room: &mut Invites, state: &mut State, op: &OpId, ending: Ending) {
    if let Some(secret) = room.secrets.remove(op) {
        room.host.close(&secret.id(), ending);
    }
    state.out.del(Table::Invite, op.as_bytes());
}

/// Closes an invite.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn close(room: &mut Invites, state: &mut State, invite: InviteId) -> Result<(), Refusal> {
    let known = state.log.view().invites().keys().copied().find(|op| invite_name(op) == invite);
    let op = known.ok_or(Refusal::Unknown("open invite"))?;
    membership::check(state, Action::CloseInvite(op))?;
    membership::author(state, |log, by| log.author_invite_revoke(by, op))?;
    refresh(room, state);
    Ok(())
}

/// Opens a door for one device of the own account. Nothing of it stands in the log: the device's own DeviceAdd does.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn open_for_device(
    room: &mut Invites,
    state: &mut State,
    device: DeviceId,
    secret: InviteSecret,
) -> Result<(), Refusal> {
    if room.devices.len() >= DEVICE_DOORS_MAX {
        return Err(Refusal::Busy);
    }
    let id = secret.id();
    let ends = state.now.mono.after(DEVICE_DOOR_LIFE);
    let door = HostInvite { invite: id, op: DEVICE_DOOR, secret, uses_left: 1, ends, quiet: true };
    room.host.open(state.now.mono, door);
    if !room.host.answers(&Door::Invite(id)) {
        return Err(Refusal::Busy);
    }
    room.devices.insert(id, device);
    assert!(room.devices.len() <= DEVICE_DOORS_MAX, "INV-6: checked at the door");
    drain(room, None, state);
    Ok(())
}

/// Opens at the host what the log holds open and this device has the secret of; closes the rest.
pub(crate) fn refresh(room: &mut Invites, state: &mut State) {
    let wall = state.now.wall_ms;
    let mut gone = Vec::new();
    let mut used_up = Vec::new();
    for (op, secret) in &room.secrets {
        let open =
            state.log.view().invites().get(op).filter(|open| open.expires_ms > wall && state.is_member());
        let ending = if open.is_some() { None } else { Some(ending(state, op)) };
        if ending.is_some_and(|ending| ending != Ending::UsedUp) {
            gone.push(*op);
            continue;
        }
        if ending.is_some() {
            used_up.push(*op);
        }
        // One that is used up stays until it ends: its last newcomer is still being handed the bundle.
        let expires_ms = terms_of(state, op).map_or(wall, |(_, expires_ms, _)| expires_ms);
        let invite = HostInvite {
            invite: secret.id(),
            op: *op,
            secret: secret.clone(),
            uses_left: open.map_or(0, |open| open.uses_left),
            ends: state.now.mono.after(core::time::Duration::from_millis(expires_ms.saturating_sub(wall))),
            quiet: false,
        };
        room.host.open(state.now.mono, invite);
    }
    for op in gone {
        let ending = ending(state, &op);
        forget(room, state, &op, ending);
        tell_closed(room, state, op);
    }
    for op in used_up {
        tell_closed(room, state, op);
    }
    drain(room, None, state);
}

fn tell_closed(room: &mut Invites, state: &mut State, op: OpId) {
    if room.told_closed.insert(op) {
        state.durable_event(Event::InviteClosed { invite: invite_name(&op) });
    }
}

fn ending(state: &State, op: &OpId) -> Ending {
    let expired = match state.log.get(op).map(|op| op.kind()) {
        Some(OpKind::Invite { expires_ms, .. }) => *expires_ms <= state.now.wall_ms,
        _ => false,
    };
    let used = terms_of(state, op).is_some_and(|(max_uses, _, _)| uses_of(state, op) >= max_uses);
    if expired {
        Ending::Expired
    } else if used && state.is_member() {
        Ending::UsedUp
    } else {
        Ending::Closed
    }
}

fn terms_of(state: &State, op: &OpId) -> Option<(u16, u64, Role)> {
    match state.log.get(op)?.kind() {
        OpKind::Invite { max_uses, expires_ms, role, .. } => Some((*max_uses, *expires_ms, *role)),
        _ => None,
    }
}

fn uses_of(state: &State, invite: &OpId) -> u16 {
    let uses = state.log.ops().into_iter().filter(|op| {
        matches!(op.kind(), OpKind::Add { invite: Some(used), .. } if used.invite == *invite)
            && state.log.void(&op.id()).is_none()
    });
    u16::try_from(uses.count()).unwrap_or(u16::MAX)
}

/// A frame of the pairing lane.
pub(crate) fn on_frame(
    room: &mut Invites,
    commits: &mut Commits,
    state: &mut State,
    from: PeerKey,
    bytes: Vec<u8>,
) {
    if is_readmission(&bytes) {
        readmission::on_frame(&mut room.readmission, commits, state, from, &bytes);
        return schedule(room, state);
    }
    room.host.handle(state.now.mono, HostInput::Frame { from, bytes });
    drain(room, Some(commits), state);
}

/// The newcomer's bundle is ready and all that it rests on is durable.
pub(crate) fn on_bundle(room: &mut Invites, state: &mut State, newcomer: PeerKey, bundle: Vec<u8>) {
    readmission::on_bundle(&mut room.readmission, state, newcomer, &bundle);
    room.host.handle(state.now.mono, HostInput::Admitted { from: newcomer, bundle });
    drain(room, None, state);
}

/// A connection is gone.
pub(crate) fn on_down(room: &mut Invites, state: &mut State, peer: PeerKey) {
    readmission::on_down(&mut room.readmission, &peer);
    room.host.handle(state.now.mono, HostInput::PeerDown(peer));
    drain(room, None, state);
}

/// The pairing's deadline, or the end of an invite.
pub(crate) fn on_wake(room: &mut Invites, state: &mut State) {
    readmission::on_wake(&mut room.readmission, state);
    room.host.handle(state.now.mono, HostInput::Wake);
    refresh(room, state);
}

/// The group has another name.
pub(crate) fn on_rename(room: &mut Invites, name: String) {
    room.host.rename(name);
}

/// Grants the host's wishes. Only a frame of the lane can make it admit somebody, so only then is `commits` needed.
fn drain(room: &mut Invites, mut commits: Option<&mut Commits>, state: &mut State) {
    while let Some(wish) = room.host.poll() {
        match wish {
            HostOutput::Send { to, bytes } => state.out.now(Output::Send { to, lane: Lane::Pair, bytes }),
            HostOutput::Admit { from, invite, request } => {
                let own = room.devices.get(&invite).copied();
                let admitted = match (commits.as_deref_mut(), own) {
                    (Some(commits), Some(device)) => {
                        membership::admit_device(commits, state, from, device, &request)
                    }
                    (Some(commits), None) => membership::admit(commits, state, from, &request),
                    (None, _) => Err(Refusal::Busy),
                };
                match admitted {
                    Ok(()) if own.is_some() => {}
                    Ok(()) => state.event(Event::Pairing(PairingProgress::Adding)),
                    Err(refusal) => {
                        let why = why(&refusal);
                        room.host.handle(state.now.mono, HostInput::Refused { from, why });
                    }
                }
            }
            HostOutput::Event(event) => tell(room, state, event),
        }
    }
    schedule(room, state);
    schedule_end(room, state);
}

/// The lane's own deadline, of newcomers and of those who come back.
fn schedule(room: &Invites, state: &mut State) {
    match room.host.deadline().into_iter().chain(room.readmission.deadline()).min() {
        Some(at) => state.timers.set(Timer::Pairing, at),
        None => state.timers.stop(Timer::Pairing),
    }
}

fn why(refusal: &Refusal) -> RefusedWhy {
    match refusal {
        Refusal::Busy => RefusedWhy::Busy,
        Refusal::Unknown(_) => RefusedWhy::Closed,
        _ => RefusedWhy::NotAdmitted,
    }
}

fn schedule_end(room: &Invites, state: &mut State) {
    let ends = room.secrets.keys().filter_map(|op| terms_of(state, op)).map(|(_, expires_ms, _)| expires_ms);
    let Some(first) = ends.min() else { return state.timers.stop(Timer::InviteEnd) };
    let wait = core::time::Duration::from_millis(first.saturating_sub(state.now.wall_ms).saturating_add(1));
    let at: Time = state.now.mono.after(wait);
    state.timers.set(Timer::InviteEnd, at);
}

fn tell(room: &mut Invites, state: &mut State, event: HostEvent) {
    let progress = match event {
        HostEvent::Started => PairingProgress::Started,
        HostEvent::Emoji(emoji) => PairingProgress::Emoji(emoji),
        HostEvent::WrongWords { left, .. } => PairingProgress::WrongWords { left },
        HostEvent::CodeEnded { ending: Ending::Burned, .. } => PairingProgress::Burned,
        HostEvent::Joined { account, .. } => PairingProgress::Joined { account },
        HostEvent::NewCode { invite, .. } => {
            if let Some(view) = room.op_of(&invite).and_then(|op| view(room, state, &op)) {
                state.event(Event::Invite(view));
            }
            return;
        }
        HostEvent::InviteEnded { invite, .. } => {
            room.devices.remove(&invite);
            return;
        }
        HostEvent::CodeEnded { .. } => return,
    };
    state.event(Event::Pairing(progress));
}

/// An invite as the user sees it.
fn view(room: &Invites, state: &State, op: &OpId) -> Option<InviteView> {
    let (max_uses, expires_ms, role) = terms_of(state, op)?;
    let secret = room.secrets.get(op);
    let link = |coordinator: Option<String>| {
        secret.map(|secret| {
            let addresses = state.config.addresses.clone();
            Link { coordinator, addresses, secret: secret.clone() }.to_text()
        })
    };
    let code = secret.and_then(|secret| room.host.code(&secret.id())).map(ToString::to_string);
    let open = state.log.view().invites().contains_key(op) && expires_ms > state.now.wall_ms;
    debug_assert!(max_uses > 0, "the log takes no invite for nobody");
    Some(InviteView {
        invite: invite_name(op),
        code,
        link: link(state.config.coordinator.clone()),
        qr: link(None),
        by: state.log.actor(op)?,
        role,
        uses: uses_of(state, op),
        max_uses,
        expires_ms,
        open,
    })
}

/// All invites that are open, and the own ones, oldest first.
pub(crate) fn views(room: &Invites, state: &State) -> Vec<InviteView> {
    let open = state.log.view().invites().keys();
    open.filter_map(|op| view(room, state, op)).filter(|view| view.open).collect()
}

#[cfg(test)]
mod tests;
