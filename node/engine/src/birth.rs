//! The three beginnings of a member, each ending in the same ground: founded, joined by a bundle, or read back from its store.

use std::collections::BTreeSet;

use halloo_crdt::content::VerifiedContent;
use halloo_crdt::log::{Author, DeviceGrant, Inserted, Log, Row, SignedOp};
use halloo_crdt::messages::Messages;
use halloo_crypto::group::{EpochTag, GroupSession, KeyPackageSecret, check_key_package};
use halloo_crypto::id::{EpochId, GroupId, MessageId, OpId};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::secret::Secret;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::beacons::{Beacon, Beacons};
use crate::commits;
use crate::epochs::{Epochs, Node};
use crate::handshake;
use crate::location::{self, Here};
use crate::mailbox::Mailboxes;
use crate::output::MAX_NAME_BYTES;
use crate::past::Past;
use crate::post::Post;
use crate::snapshot::{Snapshot, Table};
use crate::start::{Identity, Origin, StartError};
use crate::state::{Ground, State};
use crate::time::Now;
use crate::wire::bundle::Bundle;
use crate::wire::bytes::Reader;

/// What a beginning gives besides the ground.
pub(crate) struct Birth {
    /// What rooms stand on.
    pub(crate) ground: Ground,
    /// Own contents that nobody else is known to hold.
    pub(crate) undelivered: BTreeSet<MessageId>,
    /// Location settings.
    pub(crate) here: Here,
    /// Own invites.
    pub(crate) invites: Vec<(OpId, InviteSecret)>,
    /// Own mailboxes.
    pub(crate) mailboxes: Mailboxes,
    /// What members who are away are still to be left.
    pub(crate) post: Post,
    /// Mail that waits for what had not come.
    pub(crate) letters: Vec<(u64, Vec<u8>)>,
    /// The kind of beginning.
    pub(crate) kind: Kind,
}

/// Which beginning it was.
pub(crate) enum Kind {
    /// A new group of this name.
    Founded(String),
    /// By this key package; with live cells from the bundle.
    Joined {
        /// Kept until the branch is settled.
        key_package: Box<KeyPackageSecret>,
        /// A batch of live cells; may be empty.
        cells: Vec<u8>,
        /// The commits that led here.
        trail: Vec<Vec<u8>>,
    },
    /// From the store.
    Restored,
}

/// Makes the ground.
///
/// # Errors
/// [`StartError`].
pub(crate) fn begin(
    identity: &Identity,
    origin: Origin,
    rng: &mut ChaCha20Rng,
    now: Now,
) -> Result<Birth, StartError> {
    let certificate = &identity.certificate;
    if certificate.device != identity.device.id()
        || certificate.box_key != identity.device.box_public()
        || certificate.verify().is_err()
    {
        return Err(StartError::Identity);
    }
    if identity.name.trim().is_empty() || identity.name.len() > MAX_NAME_BYTES {
        return Err(StartError::Name);
    }
    match origin {
        Origin::Create { group_name } => found(identity, group_name, rng, now),
        Origin::Join { bundle, key_package } => join(identity, &bundle, key_package, now),
        Origin::Restore(snapshot) => restore(identity, &snapshot, now),
    }
}

fn fresh(ground: Ground, kind: Kind) -> Birth {
    Birth {
        ground,
        undelivered: BTreeSet::new(),
        here: Here::default(),
        invites: Vec::new(),
        mailboxes: Mailboxes::default(),
        post: Post::default(),
        letters: Vec::new(),
        kind,
    }
}

fn found(identity: &Identity, name: String, rng: &mut ChaCha20Rng, now: Now) -> Result<Birth, StartError> {
    if name.trim().is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(StartError::Name);
    }
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let author = Author { device: &identity.device, now_ms: now.wall_ms };
    // The founder is in the tree from the first epoch; a key package names its group, which the genesis makes.
    let grant = DeviceGrant { certificate: identity.certificate.clone(), key_package: Vec::new() };
    let (log, _) = Log::found(author, salt, grant).map_err(|_| StartError::Identity)?;
    let session =
        GroupSession::create(log.group(), &identity.device, rng).map_err(|_| StartError::Identity)?;
    assert_eq!(session.member_count(), 1, "a founder is alone");
    let node = Node::new(session, None, 0, now.wall_ms).map_err(|_| StartError::Identity)?;
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let mut beacons = Beacons::default();
    beacons.insert(Beacon::new(Secret::new(secret), log.heads().iter().copied().collect()));
    let (messages, past) = (Messages::new(log.group()), Past::new(log.group()));
    let ground = Ground { log, epochs: Epochs::new(node), beacons, messages, past, start: now.wall_ms };
    Ok(fresh(ground, Kind::Founded(name)))
}

fn join(
    identity: &Identity,
    bytes: &[u8],
    key_package: KeyPackageSecret,
    now: Now,
) -> Result<Birth, StartError> {
    let bad = StartError::Bundle;
    let bundle = Bundle::parse(bytes).map_err(|_| bad("it is malformed"))?;
    if bundle.group != key_package.group() {
        return Err(bad("it is for another group"));
    }
    let mut log = Log::new(bundle.group);
    for bytes in &bundle.operations {
        let op = SignedOp::from_bytes(bytes).map_err(|_| bad("an operation is malformed"))?;
        match log.insert(op) {
            Ok(Inserted::New(_) | Inserted::Known) => {}
            Ok(Inserted::Missing(_)) => return Err(bad("an operation lacks its past")),
            Err(_) => return Err(bad("an operation is not valid")),
        }
    }
    for row in bundle.acknowledgements.iter().filter_map(|bytes| Row::from_bytes(bytes).ok()) {
        // A row that the board refuses takes nothing from the newcomer.
        let _refused = log.acknowledge(row);
    }
    if log.view().account_of(&identity.device.id()) != Some(identity.account()) {
        return Err(bad("it does not make this device a member"));
    }
    let session =
        GroupSession::join(&bundle.welcome, &key_package).map_err(|_| bad("the welcome does not open"))?;
    if session.device() != identity.device.id() {
        return Err(bad("it was made for another device"));
    }
    check_leaves(&log, &session)?;
    let weight = log.weight(&session.heads()).map_err(|_| bad("the keys are ahead of the log"))?;
    let node = Node::new(session, None, weight, now.wall_ms).map_err(|_| bad("the welcome does not open"))?;
    let mut beacons = Beacons::default();
    for record in &bundle.beacons {
        beacons.insert(Beacon::parse(record).map_err(|_| bad("a beacon is malformed"))?);
    }
    let (messages, past) = (Messages::new(log.group()), Past::new(log.group()));
    let ground = Ground { log, epochs: Epochs::new(node), beacons, messages, past, start: now.wall_ms };
    let (cells, trail) = (bundle.cells, bundle.trail);
    Ok(fresh(ground, Kind::Joined { key_package: Box::new(key_package), cells, trail }))
}

/// The leaves must be the roster of the log at the heads that the epoch names, but for those whom no commit could add.
fn check_leaves(log: &Log, session: &GroupSession) -> Result<(), StartError> {
    let bad = StartError::Bundle;
    let roster = log.view_at(&session.heads()).map_err(|_| bad("the keys are ahead of the log"))?;
    let leaves = session.roster();
    if leaves.keys().any(|leaf| !roster.devices().contains_key(leaf)) {
        return Err(bad("the keys hold somebody who is not a member"));
    }
    let absent = roster.devices().keys().filter(|device| !leaves.contains_key(device)).any(|device| {
        roster.device(device).is_some_and(|entry| {
            let key_package = &entry.grant.key_package;
            // A founder has no package: it is in the tree from the first epoch until the log removes it.
            let founder = entry.op.as_bytes() == log.group().as_bytes();
            founder
                || check_key_package(&log.group(), key_package).is_ok_and(|info| info.device == *device)
                    && !session.clashes(key_package)
        })
    });
    if absent { Err(bad("the keys lack a member")) } else { Ok(()) }
}

/// ```text
///  0         1        33        65      97
///  | version | device | account | group | start BE |      start: the live counter of the last run
/// ```
pub(crate) fn meta(identity: &Identity, group: &GroupId, start: u64) -> Vec<u8> {
    let mut out = vec![crate::wire::VERSION];
    out.extend_from_slice(identity.device.id().as_bytes());
    out.extend_from_slice(identity.account().as_bytes());
    out.extend_from_slice(group.as_bytes());
    out.extend_from_slice(&start.to_be_bytes());
    debug_assert_eq!(out.len(), 105, "as drawn");
    out
}

/// Writes everything that a new member starts with.
pub(crate) fn store_all(state: &mut State) {
    let ids: Vec<OpId> = state.log.ids().copied().collect();
    handshake::store_operations(state, &ids);
    let rows: Vec<Vec<u8>> = state.log.board().rows().map(Row::to_bytes).collect();
    for row in rows {
        state.out.put(Table::Acknowledgement, &Row::name_of(&row), row);
    }
    let beacons: Vec<_> = state.beacons.all().map(|beacon| (beacon.id(), beacon.to_bytes())).collect();
    for (id, record) in beacons {
        state.out.put(Table::Beacon, &id, record);
    }
    assert!(!ids.is_empty(), "a group has a log");
    let tip = state.epochs.tip().id();
    commits::store_node(state, &tip);
    state.out.put(Table::Head, &[], tip.as_bytes().to_vec());
}

fn restore(identity: &Identity, snapshot: &Snapshot, now: Now) -> Result<Birth, StartError> {
    let bad = StartError::Snapshot;
    let meta = snapshot.pairs.get(&Table::Meta.key(&[])).ok_or(bad("it is empty"))?;
    let (group, last_start) = read_meta(identity, meta)?;
    let log = restore_log(snapshot, group)?;
    let epochs = restore_epochs(snapshot)?;
    if epochs.tip().session.device() != identity.device.id() {
        return Err(bad("its keys belong to another device"));
    }
    let mut beacons = Beacons::default();
    for (_, record) in snapshot.table(Table::Beacon) {
        beacons.insert(Beacon::parse(record).map_err(|_| bad("a beacon is damaged"))?);
    }
    let contents = restore_contents(snapshot, Table::Content)?;
    let count = contents.len();
    let messages = Messages::load(group, contents);
    let past = Past::load(group, restore_contents(snapshot, Table::Handed)?, &messages);
    assert!(messages.len() + messages.pending() <= count, "nothing is made up");
    let mut invites = Vec::new();
    for (op, secret) in snapshot.table(Table::Invite) {
        let secret = secret.try_into().map_err(|_| bad("an invite is damaged"))?;
        invites.push((OpId::from_bytes(name(op)?), InviteSecret::from_bytes(secret)));
    }
    let undelivered = snapshot.table(Table::Undelivered).map(|(id, _)| name(id).map(MessageId::from_bytes));
    let here = match snapshot.pairs.get(&Table::Share.key(&[])) {
        Some(bytes) => location::restore(bytes).map_err(|_| bad("the location settings are damaged"))?,
        None => Here::default(),
    };
    let undelivered = undelivered.collect::<Result<_, _>>()?;
    let start = now.wall_ms.max(last_start.saturating_add(1));
    assert!(start > last_start || last_start == u64::MAX, "each start is later than the one before");
    let ground = Ground { log, epochs, beacons, messages, past, start };
    let mailboxes =
        Mailboxes::restore(snapshot.table(Table::Mailbox)).map_err(|_| bad("a mailbox is damaged"))?;
    let post = Post::restore(snapshot.table(Table::Post), now.mono)
        .map_err(|_| bad("the outgoing post is damaged"))?;
    let letters =
        snapshot.table(Table::Letter).map(|(at, row)| Ok((u64::from_be_bytes(name(at)?), row.to_vec())));
    let letters = letters.collect::<Result<_, _>>()?;
    Ok(Birth { ground, undelivered, here, invites, mailboxes, post, letters, kind: Kind::Restored })
}

fn restore_contents(snapshot: &Snapshot, table: Table) -> Result<Vec<VerifiedContent>, StartError> {
    let mut contents = Vec::new();
    for (id, bytes) in snapshot.table(table) {
        let content = VerifiedContent::trusted(MessageId::from_bytes(name(id)?), bytes);
        contents.push(content.map_err(|_| StartError::Snapshot("a message is damaged"))?);
    }
    Ok(contents)
}

fn name<const N: usize>(key: &[u8]) -> Result<[u8; N], StartError> {
    key.try_into().map_err(|_| StartError::Snapshot("a key has the wrong length"))
}

fn read_meta(identity: &Identity, bytes: &[u8]) -> Result<(GroupId, u64), StartError> {
    let bad = |_| StartError::Snapshot("its head is damaged");
    let mut reader = Reader::new(bytes);
    if reader.u8().map_err(bad)? != crate::wire::VERSION {
        return Err(StartError::Snapshot("it was written by another version"));
    }
    let device: [u8; 32] = reader.array().map_err(bad)?;
    let account: [u8; 32] = reader.array().map_err(bad)?;
    let group = GroupId::from_bytes(reader.array().map_err(bad)?);
    let start = reader.u64().map_err(bad)?;
    reader.finish().map_err(bad)?;
    if device != *identity.device.id().as_bytes() || account != *identity.account().as_bytes() {
        return Err(StartError::Snapshot("it belongs to another device"));
    }
    Ok((group, start))
}

fn restore_log(snapshot: &Snapshot, group: GroupId) -> Result<Log, StartError> {
    let bad = StartError::Snapshot;
    let mut ops = Vec::new();
    for (_, bytes) in snapshot.table(Table::Operation) {
        ops.push(SignedOp::from_bytes(bytes).map_err(|_| bad("an operation is damaged"))?);
    }
    ops.sort_by_key(|op| (op.seq(), op.id()));
    let mut log = Log::new(group);
    for op in ops {
        log.insert_trusted(op).map_err(|_| bad("an operation lacks its past"))?;
    }
    for (_, bytes) in snapshot.table(Table::Acknowledgement) {
        let row = Row::from_bytes(bytes).map_err(|_| bad("an acknowledgement is damaged"))?;
        log.acknowledge(row).map_err(|_| bad("an acknowledgement is damaged"))?;
    }
    Ok(log)
}

fn restore_epochs(snapshot: &Snapshot) -> Result<Epochs, StartError> {
    let bad = StartError::Snapshot;
    let mut nodes = Vec::new();
    for (_, bytes) in snapshot.table(Table::Epoch) {
        nodes.push(Node::from_bytes(bytes).map_err(|_| bad("an epoch is damaged"))?);
    }
    let head = snapshot.pairs.get(&Table::Head.key(&[])).ok_or(bad("it names no current epoch"))?;
    let tip = EpochId::from_bytes(name(head)?);
    let mut trail = Vec::new();
    for (tag, bytes) in snapshot.table(Table::Trail) {
        let tag: EpochTag = name(tag)?;
        let (depth, commit) = bytes.split_first_chunk::<8>().ok_or(bad("a commit is damaged"))?;
        trail.push((tag, u64::from_be_bytes(*depth), commit.to_vec()));
    }
    Epochs::restore(nodes, tip, trail).ok_or(bad("the current epoch is missing"))
}

#[cfg(test)]
mod tests;
