//! What goes into one item: the things that a device lacks, as they travel, operations before what follows them.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::content::{Body, Content, VerifiedContent};
use halloo_crypto::id::{DeviceId, MessageId, OpId};

use super::{Kind, Post, Thing, drop_thing, row};
use crate::beacons::Beacon;
use crate::state::State;
use crate::topics;
use crate::wire::MAX_ITEMS;
use crate::wire::item::{ITEM_ROOM, Item};
use crate::wire::parcel::{Parcel, ParcelKind};

/// Bytes around the items of one parcel in a mailbox item: its length, its kind, its count.
const PARCEL_COST: usize = 4 + 3;

/// Receipts of others that go with the contents of one item: a line follows at most 16 of them directly.
const MAX_BROUGHT: usize = 64;

/// An item, and what is in it.
pub(super) struct Packed {
    /// The sealed item.
    pub(super) bytes: Vec<u8>,
    /// The things.
    pub(super) things: Vec<u64>,
}

/// Whether a device may have a content: the document every member of today, anything else whose person was in when it was written.
pub(crate) fn is_entitled(state: &State, device: &DeviceId, content: &Content) -> bool {
    let Some(account) = state.log.view().account_of(device) else { return false };
    matches!(content.body, Body::Document(_)) || state.log.role_at(&account, &content.heads).is_some()
}

/// Whether a thing may be sealed to a device, asked at the moment of sealing.
fn may_have(state: &State, thing: &Thing, device: &DeviceId) -> bool {
    if !matches!(thing.kind, Kind::Content | Kind::Receipt) {
        return true;
    }
    let content = state.messages.get(&MessageId::from_bytes(thing.name));
    content.is_none_or(|content| is_entitled(state, device, content.content()))
}

/// What a thing is on the wire.
enum Form {
    Ready(ParcelKind, Vec<u8>),
    /// Not as long as the epoch holds somebody who is out.
    Later,
    /// It is here no more, or fits no item.
    Gone,
}

fn form(state: &mut State, thing: &Thing) -> Form {
    let made = match thing.kind {
        Kind::Operation => {
            let op = state.log.get(&OpId::from_bytes(thing.name));
            op.map(|op| (ParcelKind::Operations, op.to_bytes()))
        }
        Kind::Commit => {
            let commit = state.epochs.commit_of(&row::tag_of(&thing.name));
            commit.map(|commit| (ParcelKind::Commits, commit.to_vec()))
        }
        Kind::Beacon => {
            let id = row::tag_of(&thing.name);
            let Some(record) = state.beacons.sound().find(|beacon| beacon.id() == id).map(Beacon::to_bytes)
            else {
                return Form::Gone;
            };
            if state.tainted {
                return Form::Later;
            }
            state.seal(topics::AAD, &record).map(|seal| (ParcelKind::Beacons, seal))
        }
        Kind::Row => Some((ParcelKind::Acknowledgements, thing.carried.clone())),
        Kind::Nack => Some((ParcelKind::Nacks, thing.carried.clone())),
        Kind::Welcome => Some((ParcelKind::Welcomes, thing.carried.clone())),
        Kind::Content | Kind::Receipt => {
            let content = state.messages.get(&MessageId::from_bytes(thing.name));
            content.map(|content| (ParcelKind::BoxedContents, VerifiedContent::to_bytes(content)))
        }
    };
    match made {
        Some((kind, bytes)) if bytes.len() + 4 + PARCEL_COST <= ITEM_ROOM => Form::Ready(kind, bytes),
        Some(_) => {
            state.count("too large for a mailbox");
            Form::Gone
        }
        None => Form::Gone,
    }
}

/// The receipts of others that a content follows: nobody hurries to leave them, and without them it would wait where it comes.
fn bring_receipts(
    state: &State,
    device: &DeviceId,
    id: &MessageId,
    brought: &mut BTreeSet<MessageId>,
    frames: &mut Vec<Vec<u8>>,
) {
    let mut open = vec![*id];
    let mut found = Vec::new();
    while let Some(content) = open.pop().and_then(|id| state.messages.get(&id)) {
        for dep in &content.content().deps {
            let Some(past) = state.messages.get(dep) else { continue };
            let left = past.content().body.is_worth_a_receipt() || past.content().author == state.me();
            if left || !is_entitled(state, device, past.content()) || brought.len() >= MAX_BROUGHT {
                continue;
            }
            if brought.insert(*dep) {
                found.push(*dep);
                open.push(*dep);
            }
        }
    }
    assert!(brought.len() <= MAX_BROUGHT, "checked where it grows");
    let order = state.messages.in_causal_order(found);
    frames.extend(order.iter().filter_map(|id| state.messages.get(id)).map(VerifiedContent::to_bytes));
}

/// Packs as many of these things as fit, in their order, and seals them; `None` if there is nothing to leave now.
pub(super) fn pack(
    room: &mut Post,
    state: &mut State,
    device: &DeviceId,
    candidates: &[u64],
) -> Option<Packed> {
    let mut parcels: BTreeMap<ParcelKind, Vec<Vec<u8>>> = BTreeMap::new();
    let (mut size, mut things, mut brought) = (0, Vec::new(), BTreeSet::new());
    for at in candidates {
        let Some(thing) = room.things.get_mut(at) else { continue };
        if !may_have(state, thing, device) {
            if let Some(owed) = &mut thing.owed {
                owed.remove(device);
            }
            continue;
        }
        let (kind, bytes) = match form(state, thing) {
            Form::Ready(kind, bytes) => (kind, bytes),
            Form::Later => continue,
            Form::Gone => {
                drop_thing(room, state, *at);
                continue;
            }
        };
        let mut frames = Vec::new();
        if kind == ParcelKind::BoxedContents {
            bring_receipts(state, device, &MessageId::from_bytes(thing.name), &mut brought, &mut frames);
        }
        frames.push(bytes);
        let items = parcels.entry(kind).or_default();
        let cost = frames.iter().map(|frame| frame.len() + 4).sum::<usize>() + PARCEL_COST;
        if size + cost > ITEM_ROOM || items.len() + frames.len() > MAX_ITEMS {
            if things.is_empty() {
                // What it follows is too much for one item: the mesh brings that, and it waits for it there.
                items.extend(frames.pop());
                things.push(*at);
            }
            break;
        }
        size += cost;
        items.extend(frames);
        things.push(*at);
    }
    parcels.retain(|_, items| !items.is_empty());
    if things.is_empty() {
        return None;
    }
    assert!(things.is_sorted(), "in the order in which they were made");
    assert!(parcels.keys().all(|kind| kind.may_mail()), "what is left is believed without a neighbour");
    // In the order of their kinds operations come first, then commits, beacons, contents.
    let item = Item { parcels: parcels.into_iter().map(|(kind, items)| Parcel::new(kind, items)).collect() };
    let key = state.log.view().device(device).map(|entry| entry.box_key())?;
    match item.seal(&mut state.rng, &state.group, (device, &key)) {
        Ok(bytes) => Some(Packed { bytes, things }),
        Err(_) => {
            state.count("unusable box key");
            None
        }
    }
}
