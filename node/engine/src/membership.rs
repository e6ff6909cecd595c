//! The room of the roster: commands that change who is in, admission of newcomers, and what everybody is told of it.

use halloo_crdt::log::{
    Action, Author, DeviceGrant, Inserted, InviteUse, Log, LogError, OpKind, Role, Row, SignedOp, VoidReason,
};
use halloo_crypto::group::check_key_package;
use halloo_crypto::id::{AccountId, DeviceId, InviteId, OpId};
use halloo_crypto::identity::Revocation;

use crate::commits::{self, Commits};
use crate::handshake::store_operations;
use crate::lane::PeerKey;
use crate::output::{Event, Refusal, Warning};
use crate::snapshot::Table;
use crate::state::{Fact, Membership, State, name_of};
use crate::wire::bundle::VerifiedRequest;
use crate::wire::parcel::{Parcel, ParcelKind};

/// Acknowledgements written at once after a removal; the rest follow at the next change.
const MAX_ACKS_AT_ONCE: usize = 64;

/// The name of an invite that every member can make: the first bytes of its operation's id.
pub(crate) fn invite_name(op: &OpId) -> InviteId {
    InviteId(*op.as_bytes().first_chunk().expect("32 bytes hold 16"))
}

/// Signs an operation, stores it, tells the others, and lets the keys follow at once.
///
/// # Errors
/// [`Refusal`] when the log would call it void.
pub(crate) fn author(
    state: &mut State,
    act: impl FnOnce(&mut Log, Author<'_>) -> Result<SignedOp, LogError>,
) -> Result<OpId, Refusal> {
    if !state.is_member() {
        return Err(Refusal::NotMember);
    }
    let op = state.with_author(act).map_err(refusal)?;
    let id = op.id();
    assert!(state.log.contains(&id) && state.log.void(&id).is_none(), "an own act stands");
    store_operations(state, &[id]);
    state.broadcast(ParcelKind::Operations, vec![op.to_bytes()]);
    state.tell(Fact::Operations(vec![id]));
    state.tell(Fact::MustCommit);
    Ok(id)
}

fn refusal(error: LogError) -> Refusal {
    match error {
        LogError::Denied(VoidReason::DeviceSpent) => Refusal::Invalid(
            "that device was here before and was taken out; it comes back with a fresh home only",
        ),
        LogError::Denied(VoidReason::TooManyDevices) => {
            Refusal::Invalid("this account has had as many devices in the group as one account may")
        }
        LogError::Denied(_) => Refusal::NotAllowed,
        LogError::LastOwner => {
            Refusal::Invalid("name another owner first: the group would stay behind without one")
        }
        LogError::TooMany => Refusal::Invalid("this device has signed as many operations as a log takes"),
        _ => Refusal::Invalid("the operation is not well formed"),
    }
}

/// Takes a member out.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn remove(state: &mut State, account: AccountId) -> Result<(), Refusal> {
    if account == state.account() {
        return Err(Refusal::Invalid("to go yourself, leave"));
    }
    if !state.log.view().is_member(&account) {
        return Err(Refusal::Unknown("member"));
    }
    author(state, |log, by| log.author_remove(by, account)).map(drop)
}

/// Takes a device of the own account out.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn revoke(state: &mut State, device: DeviceId, word: Option<Revocation>) -> Result<(), Refusal> {
    if device == state.me() {
        return Err(Refusal::Invalid("a device cannot revoke itself; leave, or use another of your devices"));
    }
    if state.log.view().account_of(&device).is_none() {
        return Err(Refusal::Unknown("device"));
    }
    author(state, |log, by| log.author_device_revoke(by, device, word)).map(drop)
}

/// Changes a role.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn set_role(state: &mut State, account: AccountId, role: Role) -> Result<(), Refusal> {
    if !state.log.view().is_member(&account) {
        return Err(Refusal::Unknown("member"));
    }
    author(state, |log, by| log.author_set_role(by, account, role)).map(drop)
}

/// Leaves the group.
///
/// # Errors
/// [`Refusal`] for the last owner of a group with others in it.
pub(crate) fn leave(state: &mut State) -> Result<(), Refusal> {
    author(state, |log, by| log.author_leave(by)).map(drop)
}

/// Lets a newcomer in by an open invite: the signed Add, then the commit, then the bundle.
///
/// # Errors
/// [`Refusal`] when the invite does not admit it.
pub(crate) fn admit(
    room: &mut Commits,
    state: &mut State,
    newcomer: PeerKey,
    verified: &VerifiedRequest,
) -> Result<(), Refusal> {
    if !state.is_member() {
        return Err(Refusal::NotMember);
    }
    let request = verified.request();
    let (account, device) = (request.certificate.account, request.certificate.device);
    let sound = check_key_package(&state.group, &request.key_package).is_ok_and(|info| info.device == device);
    if !sound {
        return Err(Refusal::Invalid("the newcomer's key package is not valid"));
    }
    if state.log.view().account_of(&device) == Some(account) {
        // It was added and never got its bundle: the commit gives it a fresh leaf.
        return again(room, state, newcomer, verified);
    }
    if state.log.view().is_member(&account) {
        return Err(Refusal::Invalid("that account is a member already; add the device from one of its own"));
    }
    let Some(invite) = state.log.view().invites().get(&request.invite) else {
        return Err(Refusal::Unknown("invite"));
    };
    if invite.expires_ms <= state.now.wall_ms {
        return Err(Refusal::Invalid("the invite has expired; open a new one"));
    }
    let role = invite.role;
    debug_assert!(invite.uses_left > 0, "the roster lists open invites only");
    let grant =
        DeviceGrant { certificate: request.certificate.clone(), key_package: request.key_package.clone() };
    let used = InviteUse { invite: request.invite, proof: request.invite_proof };
    if !commits::expect(room, state, newcomer, request.certificate.clone(), None) {
        return Err(Refusal::Busy);
    }
    let added = author(state, |log, by| log.author_add(by, role, vec![grant], Some(used)));
    if added.is_err() {
        commits::on_peer_down(room, &newcomer);
    }
    added.map(drop)
}

/// Lets another device of the own account in, at the door that was opened for it.
///
/// # Errors
/// [`Refusal`] for any other device, and as [`add_device`].
pub(crate) fn admit_device(
    room: &mut Commits,
    state: &mut State,
    newcomer: PeerKey,
    device: DeviceId,
    verified: &VerifiedRequest,
) -> Result<(), Refusal> {
    let request = verified.request();
    let certificate = &request.certificate;
    if certificate.device != device || certificate.account != state.account() {
        return Err(Refusal::NotAllowed);
    }
    if state.log.view().account_of(&device) == Some(certificate.account) {
        let sound = check_key_package(&state.group, &request.key_package).is_ok_and(|i| i.device == device);
        return if sound { again(room, state, newcomer, verified) } else { Err(Refusal::NotAllowed) };
    }
    let grant = DeviceGrant { certificate: certificate.clone(), key_package: request.key_package.clone() };
    add_device(room, state, newcomer, grant)
}

/// Brings a device of the own account into this group by this device's word; the commit follows, and its bundle goes to
/// `newcomer` when all that it rests on is durable.
///
/// # Errors
/// [`Refusal`]: not a member, a bad key package, a device that was here before, one too many.
pub(crate) fn add_device(
    room: &mut Commits,
    state: &mut State,
    newcomer: PeerKey,
    grant: DeviceGrant,
) -> Result<(), Refusal> {
    if !state.is_member() {
        return Err(Refusal::NotMember);
    }
    let device = grant.certificate.device;
    if !check_key_package(&state.group, &grant.key_package).is_ok_and(|info| info.device == device) {
        return Err(Refusal::Invalid("the device's key package is not valid"));
    }
    if !commits::expect(room, state, newcomer, grant.certificate.clone(), None) {
        return Err(Refusal::Busy);
    }
    let added = author(state, |log, by| log.author_device_add(by, grant));
    if added.is_err() {
        commits::on_peer_down(room, &newcomer);
    }
    let owner = state.log.view().account_of(&device);
    assert!(added.is_err() || owner == Some(state.account()), "a device brings in its own person's only");
    added.map(drop)
}

fn again(
    room: &mut Commits,
    state: &mut State,
    newcomer: PeerKey,
    verified: &VerifiedRequest,
) -> Result<(), Refusal> {
    let request = verified.request();
    let fresh = Some(request.key_package.clone());
    if !commits::expect(room, state, newcomer, request.certificate.clone(), fresh) {
        return Err(Refusal::Busy);
    }
    state.tell(Fact::MustCommit);
    Ok(())
}

/// Operations from a neighbour or by gossip; each proves itself. Answers which are new.
pub(crate) fn on_frames(state: &mut State, from: &PeerKey, operations: &[Vec<u8>]) -> Vec<OpId> {
    let mut new = Vec::new();
    for bytes in operations {
        match SignedOp::from_bytes(bytes).and_then(|op| state.log.insert(op)) {
            Ok(Inserted::New(ids)) => new.extend(ids),
            Ok(Inserted::Known) => {}
            Ok(Inserted::Missing(_)) => state.tell(Fact::Gap),
            Err(_) => state.drop_frame(from, "operation that the log refuses"),
        }
    }
    if !new.is_empty() {
        store_operations(state, &new);
        state.tell(Fact::Operations(new.clone()));
    }
    new
}

/// Acknowledgements from a neighbour or by gossip.
pub(crate) fn on_acknowledgements(state: &mut State, from: &PeerKey, rows: &[Vec<u8>]) {
    let (mut changed, mut anchors) = (false, false);
    for bytes in rows {
        let Ok(row) = Row::from_bytes(bytes) else {
            state.drop_frame(from, "malformed acknowledgement");
            continue;
        };
        let commit = match row.fact() {
            halloo_crdt::log::Fact::Commit(commit) => Some(commit),
            halloo_crdt::log::Fact::Remove(_) => None,
        };
        if commit.is_some_and(|commit| state.epochs.of_commit(&commit).is_none()) {
            // Not here yet, or settled. Kept are only those of epochs in the tree, or a liar could fill the board.
            state.count("acknowledgement of an epoch that is not here");
            continue;
        }
        match state.log.acknowledge(row) {
            Ok(true) => {
                anchors |= commit.is_some();
                changed |= commit.is_none();
                state.out.put(Table::Acknowledgement, &Row::name_of(bytes), bytes.clone());
            }
            Ok(false) => {}
            Err(LogError::Unknown(_)) => state.tell(Fact::Gap),
            Err(_) => state.drop_frame(from, "acknowledgement that the board refuses"),
        }
    }
    if changed {
        state.tell(Fact::Acknowledged);
    }
    if anchors {
        state.tell(Fact::Words);
    }
}

/// Acknowledges the Removes that are new, so that they become anchored.
fn acknowledge(state: &mut State) {
    let me = state.me();
    let due: Vec<OpId> = state.log.unacknowledged(&me).into_iter().take(MAX_ACKS_AT_ONCE).collect();
    let mut rows = Vec::new();
    for remove in due {
        let device = &state.identity.device;
        if let Ok(row) =
            state.log.author_acknowledge(device, halloo_crdt::log::Fact::Remove(remove), Vec::new())
        {
            let bytes = row.to_bytes();
            state.out.put(Table::Acknowledgement, &Row::name_of(&bytes), bytes.clone());
            state.leave_too(ParcelKind::Acknowledgements, None, &bytes);
            rows.push(bytes);
        }
    }
    if !rows.is_empty() {
        state.publish(&Parcel::new(ParcelKind::Acknowledgements, rows));
        state.tell(Fact::Acknowledged);
    }
}

/// Looks again whether we are in, and tells the user when that changed.
pub(crate) fn refresh_membership(state: &mut State) {
    let me = state.me();
    let inside = state.log.view().account_of(&me).is_some();
    if inside {
        state.membership = Membership::Member;
    } else if state.is_member() {
        let by = state.log.removed_after(&me, &[]).last().and_then(|end| state.log.actor(end));
        let by = by.filter(|by| *by != state.account());
        state.membership = Membership::Evicted { by };
        state.durable_event(Event::Evicted { by });
    }
}

/// After the log changed: what the user is told, what is acknowledged.
pub(crate) fn on_operations(state: &mut State, new: &[OpId]) {
    refresh_membership(state);
    debug_assert!(new.iter().all(|id| state.log.contains(id)), "facts are in the log");
    for id in new {
        if let Some(event) = event_of(state, id) {
            state.durable_event(event);
        }
    }
    if state.is_member() {
        acknowledge(state);
    }
}

fn event_of(state: &State, id: &OpId) -> Option<Event> {
    if state.log.void(id).is_some() {
        return Some(Event::Warning(Warning::VoidOperation { op: *id }));
    }
    let op = state.log.get(id)?;
    let by = state.log.actor(id)?;
    Some(match op.kind() {
        OpKind::Add { account, .. } => {
            Event::MemberJoined { account: *account, name: name_of(state, account) }
        }
        OpKind::Remove { account } if *account == by => Event::MemberLeft { account: *account },
        OpKind::Remove { account } => Event::MemberRemoved { account: *account, by },
        OpKind::SetRole { account, role } => Event::RoleChanged { account: *account, role: *role },
        OpKind::SetHistory { history } => Event::HistoryChanged(*history),
        OpKind::DeviceRevoke { account, device, .. } => {
            Event::DeviceRevoked { account: *account, device: *device }
        }
        // The room of the invites tells the end of own ones.
        OpKind::InviteRevoke { invite } if state.log.get(invite)?.author() == state.me() => return None,
        OpKind::InviteRevoke { invite } => Event::InviteClosed { invite: invite_name(invite) },
        OpKind::DeviceAdd { device } => Event::DeviceAdded { account: by, device: device.certificate.device },
        OpKind::Genesis { .. } | OpKind::Invite { .. } => return None,
    })
}

/// Whether this account may do something now.
///
/// # Errors
/// [`Refusal::NotAllowed`], [`Refusal::NotMember`].
pub(crate) fn check(state: &State, action: Action) -> Result<(), Refusal> {
    if !state.is_member() {
        return Err(Refusal::NotMember);
    }
    if state.log.may(&state.me(), action) { Ok(()) } else { Err(Refusal::NotAllowed) }
}

#[cfg(test)]
mod tests;
