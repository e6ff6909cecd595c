//! The room of what is true just now: the own position, presence and mutes as live cells with leases, and those of the others.
//!
//! ```text
//!  fix --> rate limit --> coarsened to the chosen precision --> own cell with a lease --> signed report
//!                                                                                           |
//!  neighbours <-- sealed to the epoch, what each lacks, at once for own news, gathered for others' --/
//!       \--> who is told the same by two says to one of them: not from you ([`crate::feeds`])
//! ```
//!
//! What is finer than the chosen precision never enters a cell, so neither a report nor the store can hold it. A position goes
//! direct to each neighbour as part of what that neighbour lacks, never as one gossip message per fix.

use halloo_crdt::live::{Accepted, Cell, Kind, Location, MAX_BATCH_BYTES, Mute, Presence, Status, declined};
use halloo_crypto::id::DeviceId;

use crate::feeds::Feeds;
use crate::lane::PeerKey;
use crate::output::{Event, LocationView};
use crate::place::{Fix, Precision, distance_and_bearing};
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::time::Time;
use crate::timers::Timer;
use crate::wire::WireError;
use crate::wire::parcel::ParcelKind;

/// Associated data of live batches under an epoch.
pub(crate) const AAD: &[u8] = b"live";
/// How long news are gathered before they are passed on to neighbours that lack and want them: each hop of a place costs half of it
/// on the way, each halving of it a tenth more bytes.
const RELAY_EVERY: core::time::Duration = core::time::Duration::from_millis(250);
/// How long reports that say nothing new but that their author lives are gathered: a hop of a lease's renewal costs so much of it.
const RENEW_EVERY: core::time::Duration = core::time::Duration::from_secs(1);
/// Batches that one neighbour is given at once, about 700 reports; the rest follows with the next news.
const BATCHES_AT_ONCE: usize = 4;
/// Shortest time between two own reports, whatever changes: ten a second.
const REPORT_SPACING: core::time::Duration = core::time::Duration::from_millis(100);
/// Longest that sharing can be switched on for: a forgotten share must end.
pub(crate) const MAX_SHARE: core::time::Duration = core::time::Duration::from_secs(7 * 24 * 3_600);

/// The room's own memory.
pub(crate) struct Here {
    precision: Precision,
    /// When sharing ends, Unix milliseconds; `None` while it is off. Stored, so that a restart neither ends nor prolongs it.
    share_until_ms: Option<u64>,
    last_fix: Option<Fix>,
    last_sent: Option<Time>,
    last_report: Option<Time>,
    /// A fix that came too soon after the last one and goes out when it may.
    waiting: bool,
    mute: Mute,
    in_call: bool,
    changed: bool,
    feeds: Feeds,
}

impl Default for Here {
    fn default() -> Self {
        Here {
            precision: Precision::Exact,
            share_until_ms: None,
            last_fix: None,
            last_sent: None,
            last_report: None,
            waiting: false,
            mute: Mute { microphone: true, speaker: false },
            in_call: false,
            changed: true,
            feeds: Feeds::default(),
        }
    }
}

/// ```text
///  0         1           2             10
///  | version | precision | until ms BE |      until 0: not shared
/// ```
fn settings(room: &Here) -> Vec<u8> {
    let mut out = vec![crate::wire::VERSION, room.precision as u8];
    out.extend_from_slice(&room.share_until_ms.unwrap_or(0).to_be_bytes());
    out
}

/// Reads the settings of [`Table::Share`].
///
/// # Errors
/// [`WireError`] for bytes that were not written by [`settings`].
pub(crate) fn restore(bytes: &[u8]) -> Result<Here, WireError> {
    let mut reader = crate::wire::bytes::Reader::new(bytes);
    reader.version(crate::wire::VERSION)?;
    let precision = match reader.u8()? {
        0 => Precision::Exact,
        1 => Precision::Approximate,
        2 => Precision::City,
        other => return Err(WireError::Kind(other)),
    };
    let until = reader.u64()?;
    reader.finish()?;
    Ok(Here { precision, share_until_ms: (until > 0).then_some(until), ..Here::default() })
}

/// Presence from now on.
pub(crate) fn start(room: &mut Here, state: &mut State) {
    renew(room, state);
    hurry(room, state);
    if let Some(until) = room.share_until_ms {
        schedule_end(state, until);
    }
}

fn lease_ms(span: core::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Presence and mutes live on from now; the timer counts from here, so that who reports often is not woken for it.
fn renew(room: &mut Here, state: &mut State) {
    let status = if room.in_call { Status::InCall } else { Status::Here };
    let (now, lease) = (state.lease_ms(), lease_ms(state.config.presence_lease));
    state.live.set(Cell::Presence(Presence { status, battery: None }), lease, now);
    state.live.set(Cell::Mute(room.mute), lease, now);
    room.changed = true;
    state.timers.set(Timer::LiveRefresh, state.now.mono.after(state.config.presence_lease / 3));
}

/// The call says whether this device is in it.
pub(crate) fn set_in_call(room: &mut Here, state: &mut State, in_call: bool) {
    room.in_call = in_call;
    renew(room, state);
    hurry(room, state);
}

/// The call says what is muted here.
pub(crate) fn set_mute(room: &mut Here, state: &mut State, microphone: bool, speaker: bool) {
    room.mute = Mute { microphone, speaker };
    renew(room, state);
    hurry(room, state);
}

/// Sharing goes on for `lease`, or ends now.
pub(crate) fn share(room: &mut Here, state: &mut State, lease: Option<core::time::Duration>) {
    match lease {
        Some(lease) => {
            let until = state.now.wall_ms.saturating_add(lease_ms(lease.min(MAX_SHARE)));
            assert!(until >= state.now.wall_ms, "an end lies ahead");
            room.share_until_ms = Some(until);
            schedule_end(state, until);
            if room.last_fix.is_some() {
                send_fix(room, state);
            }
        }
        None => stop_sharing(room, state),
    }
    state.out.put(Table::Share, &[], settings(room));
}

fn schedule_end(state: &mut State, until_ms: u64) {
    let left = core::time::Duration::from_millis(until_ms.saturating_sub(state.now.wall_ms));
    state.timers.set(Timer::ShareEnd, state.now.mono.after(left));
}

fn stop_sharing(room: &mut Here, state: &mut State) {
    room.share_until_ms = None;
    room.waiting = false;
    state.timers.stop(Timer::ShareEnd);
    state.live.clear(Kind::Location);
    room.changed = true;
    hurry(room, state);
}

/// The end of sharing has come, by the clock that nobody sets: a wall clock that was set back prolongs nothing.
pub(crate) fn on_share_end(room: &mut Here, state: &mut State) {
    if room.share_until_ms.is_some() {
        stop_sharing(room, state);
        state.out.put(Table::Share, &[], settings(room));
    }
}

/// What is left of sharing by the wall clock, which goes on while the device sleeps.
fn share_left(room: &Here, state: &State) -> core::time::Duration {
    let until = room.share_until_ms.unwrap_or(0);
    core::time::Duration::from_millis(until.saturating_sub(state.now.wall_ms))
}

/// Others shall see this device no more exactly than this; what they hold is replaced at once.
pub(crate) fn set_precision(room: &mut Here, state: &mut State, precision: Precision) {
    room.precision = precision;
    state.out.put(Table::Share, &[], settings(room));
    if room.share_until_ms.is_some() && room.last_fix.is_some() {
        send_fix(room, state);
    }
}

/// A fix of this device.
pub(crate) fn on_fix(room: &mut Here, state: &mut State, fix: Fix) {
    if Location::new(&fix).is_none() {
        return state.count("fix outside the earth");
    }
    room.last_fix = Some(fix);
    if room.share_until_ms.is_none() || !state.is_member() {
        return;
    }
    if share_left(room, state).is_zero() {
        return on_share_end(room, state);
    }
    let interval = state.config.location_interval;
    // A receiver that ticks at the very interval must not lose every other fix to jitter.
    let allowed = room.last_sent.is_none_or(|sent| state.now.mono.since(sent) >= interval.mul_f64(0.9));
    if allowed {
        send_fix(room, state);
    } else {
        room.waiting = true;
        let due = room.last_sent.map_or(state.now.mono, |sent| sent.after(interval));
        state.timers.set_no_later(Timer::LiveFlush, due);
    }
}

fn send_fix(room: &mut Here, state: &mut State) {
    let Some(location) = room.last_fix.as_ref().and_then(Location::new) else { return };
    let told = location.coarsen(room.precision);
    assert!(told.precision >= room.precision, "nothing finer than chosen enters a cell");
    assert!(
        room.precision == Precision::Exact || told.altitude_dm.is_none(),
        "nor what would betray the place"
    );
    let cell = Cell::Location(told);
    // The place ends with the sharing even if this device is not there to say so.
    let lease = state.config.location_lease.min(share_left(room, state));
    state.live.set(cell, lease_ms(lease), state.lease_ms());
    room.last_sent = Some(state.now.mono);
    room.waiting = false;
    room.changed = true;
    hurry(room, state);
}

/// Reports now if the last report is long enough ago, else as soon as it is.
fn hurry(room: &mut Here, state: &mut State) {
    let since = room.last_report.map(|at| state.now.mono.since(at));
    if since.is_none_or(|since| since >= REPORT_SPACING) {
        report(room, state);
    } else {
        let due = room.last_report.map_or(state.now.mono, |at| at.after(REPORT_SPACING));
        state.timers.set_no_later(Timer::LiveFlush, due);
    }
}

/// Signs one report of all own cells and hands it to every neighbour.
fn report(room: &mut Here, state: &mut State) {
    if !room.changed || !state.is_member() || state.tainted {
        return;
    }
    assert!(!state.tainted, "INV-2: nothing is said to a removed leaf");
    renew(room, state);
    room.changed = false;
    room.last_report = Some(state.now.mono);
    let now = state.lease_ms();
    let had = state.live.get(&state.me(), Kind::Location).cloned();
    let _batch = state.live.report(&state.identity.device, now);
    let has = state.live.get(&state.me(), Kind::Location).cloned();
    if had != has
        && let Some(view) = view_of(room, state, &state.me())
    {
        state.event(Event::Location(view));
    }
    relay(room, state);
    expect_expiry(state);
}

/// Gives each neighbour what it lacks and wants, and says whose reports we get elsewhere.
fn relay(room: &mut Here, state: &mut State) {
    if !state.is_member() || state.tainted {
        return;
    }
    if !room.waiting && !room.changed {
        // All that was gathered goes out now.
        state.timers.stop(Timer::LiveFlush);
    }
    let mut words = room.feeds.due(state.now.mono, patience(state));
    if let Some(at) = room.feeds.next_due(patience(state)) {
        state.timers.set_no_later(Timer::LiveFlush, at);
    }
    for to in state.peers.proven().map(|(peer, _)| peer).collect::<Vec<PeerKey>>() {
        let word = words.iter().position(|(peer, _)| *peer == to).map(|at| words.swap_remove(at).1);
        tell_one(state, to, word.map(|authors| declined(authors.iter())));
    }
}

/// How long an author may say nothing, who says something every third of a presence lease, before it is wanted from everybody.
fn patience(state: &State) -> core::time::Duration {
    state.config.presence_lease / 2
}

/// One neighbour gets a word about us, if there is one, and what it lacks and wants.
fn tell_one(state: &mut State, to: PeerKey, word: Option<Vec<u8>>) {
    assert!(!state.tainted && state.is_member(), "INV-2: nothing is said to a removed leaf");
    let now = state.lease_ms();
    let mut seals: Vec<Vec<u8>> = word.and_then(|word| state.seal(AAD, &word)).into_iter().collect();
    for _ in 0..BATCHES_AT_ONCE {
        let Some(peer) = state.peers.get_mut(&to) else { return };
        let Some(batch) = state.live.delta(&mut peer.view, now, MAX_BATCH_BYTES) else { break };
        seals.extend(state.seal(AAD, &batch));
        if state.live.is_whole(&batch) {
            break;
        }
    }
    if seals.len() >= BATCHES_AT_ONCE {
        state.timers.within(Timer::LiveFlush, state.now.mono, RELAY_EVERY);
    }
    if !seals.is_empty() {
        state.send_items(to, ParcelKind::Live, seals);
    }
}

/// The flush timer: own news that waited, then others' news.
pub(crate) fn on_flush(room: &mut Here, state: &mut State) {
    if room.waiting && !share_left(room, state).is_zero() {
        send_fix(room, state);
    }
    report(room, state);
    relay(room, state);
}

/// Nothing was reported for a while: own cells are renewed before their lease ends.
pub(crate) fn on_refresh(room: &mut Here, state: &mut State) {
    if state.is_member() {
        renew(room, state);
        hurry(room, state);
    }
}

/// Sealed batches of a neighbour, and its words about itself.
pub(crate) fn on_seals(room: &mut Here, state: &mut State, from: PeerKey, seals: &[Vec<u8>]) {
    for seal in seals {
        match state.epochs.open(AAD, seal) {
            Ok((_, batch)) => on_batch(room, state, Some(from), &batch),
            Err(WireError::UnknownKey) => {
                state.count("live cells of an epoch that is not known");
                state.tell(Fact::Gap);
            }
            Err(_) => state.drop_frame(&from, "broken live seal"),
        }
    }
}

/// An opened batch; `from` learns what its sender evidently has. Or a word of the neighbour: what it now wants goes out with the
/// next news, and no sooner however often it changes its mind.
pub(crate) fn on_batch(room: &mut Here, state: &mut State, from: Option<PeerKey>, batch: &[u8]) {
    let now = state.lease_ms();
    let roster = state.log.view().devices();
    let is_member = |device: &DeviceId| roster.contains_key(device);
    let mut view = from.and_then(|from| state.peers.get_mut(&from)).map(|peer| &mut peer.view);
    let accepted = match view.as_mut().map_or(Ok(false), |view| view.learn(batch, now)) {
        Ok(false) => state.live.accept(batch, now, &is_member, view),
        Ok(true) => return state.timers.within(Timer::LiveFlush, state.now.mono, RELAY_EVERY),
        Err(error) => Err(error),
    };
    let accepted = match (accepted, from) {
        (Ok(accepted), _) => accepted,
        (Err(_), Some(from)) => return state.drop_frame(&from, "malformed live batch"),
        (Err(_), None) => return,
    };
    if let Some((peer, device)) = from.and_then(|from| Some((from, state.peers.member(&from)?))) {
        on_told(room, state, (peer, device), &accepted);
    }
    for change in accepted.changes {
        tell(room, state, change.device, change.kind, change.cell);
    }
    expect_expiry(state);
}

/// A neighbour told us something: others may lack it, or it may be told not to.
fn on_told(room: &mut Here, state: &mut State, from: (PeerKey, DeviceId), accepted: &Accepted) {
    let (now, live) = (state.now.mono, state.lease_ms());
    let word = room.feeds.heard(from, now, patience(state), &accepted.fresh, &accepted.echoed);
    let owed = |author: &DeviceId| {
        state.peers.iter().any(|(_, peer)| peer.proven && state.live.owes(&peer.view, author, live))
    };
    if accepted.fresh.iter().any(owed) {
        let renewal = accepted.changes.is_empty();
        state.timers.within(Timer::LiveFlush, now, if renewal { RENEW_EVERY } else { RELAY_EVERY });
    }
    if word {
        state.timers.within(Timer::LiveFlush, now, RELAY_EVERY);
    }
}

fn tell(room: &Here, state: &mut State, device: DeviceId, kind: Kind, cell: Option<Cell>) {
    let Some(account) = state.log.view().account_of(&device) else { return };
    match (kind, cell) {
        (Kind::Location, Some(_)) => {
            if let Some(view) = view_of(room, state, &device) {
                state.event(Event::Location(view));
            }
        }
        (Kind::Location, None) => state.event(Event::LocationExpired { device }),
        (Kind::Presence, cell) => {
            let online = matches!(cell, Some(Cell::Presence(p)) if p.status != Status::Leaving);
            state.event(Event::Presence { device, account, online });
        }
        (Kind::Mute, Some(Cell::Mute(mute))) => {
            state.event(Event::Muted { device, microphone: mute.microphone, speaker: mute.speaker });
        }
        _ => {}
    }
}

fn expect_expiry(state: &mut State) {
    match state.live.next_expiry() {
        Some(at) => state.timers.set(Timer::LiveExpiry, Time::from_millis(at)),
        None => state.timers.stop(Timer::LiveExpiry),
    }
}

/// Leases have ended, whether or not their authors live.
pub(crate) fn on_expiry(room: &Here, state: &mut State) {
    for (device, kind) in state.live.expire(state.lease_ms()) {
        tell(room, state, device, kind, None);
    }
    debug_assert!(state.live.next_expiry().is_none_or(|at| at > state.lease_ms()), "what ended is gone");
    expect_expiry(state);
}

/// After the log changed: who is out is forgotten at once.
pub(crate) fn on_operations(room: &mut Here, state: &mut State) {
    let roster = state.log.view().devices().clone();
    let gone: Vec<DeviceId> = state
        .live
        .all(Kind::Presence)
        .chain(state.live.all(Kind::Location))
        .map(|(d, _)| *d)
        .filter(|d| !roster.contains_key(d))
        .collect();
    for device in gone {
        state.live.forget(&device);
        state.event(Event::LocationExpired { device });
    }
    room.feeds.keep(|device| roster.contains_key(device));
}

/// Another epoch is current: what could not be said in the last one is said now.
pub(crate) fn on_epoch(room: &mut Here, state: &mut State) {
    report(room, state);
    state.timers.within(Timer::LiveFlush, state.now.mono, RELAY_EVERY);
}

/// A member proved itself: it is told what we have, and so are we; then each gets what it lacks.
pub(crate) fn on_proven(state: &mut State, peer: PeerKey) {
    let vector = state.live.vector();
    if !state.tainted
        && let Some(seal) = state.seal(AAD, &vector)
    {
        state.send_items(peer, ParcelKind::Live, vec![seal]);
    }
    // Should its own word not be readable here: it is on another branch, say.
    state.timers.within(Timer::LiveFlush, state.now.mono, RELAY_EVERY);
}

/// A neighbour is gone: what only it brought is wanted from the others.
pub(crate) fn on_gone(room: &mut Here, state: &mut State, peer: &PeerKey) {
    room.feeds.gone(peer);
    relay(room, state);
}

/// Where a device is, seen from here.
pub(crate) fn view_of(room: &Here, state: &State, device: &DeviceId) -> Option<LocationView> {
    let Some(Cell::Location(location)) = state.live.get(device, Kind::Location) else { return None };
    let own = *device == state.me();
    let account = state.log.view().account_of(device)?;
    let to = (location.lat_deg(), location.lon_deg());
    let seen = room.last_fix.filter(|_| !own).map(|fix| distance_and_bearing((fix.lat_deg, fix.lon_deg), to));
    let heard = state.live.heard_ms(device).unwrap_or(0);
    let age = state.lease_ms().saturating_sub(heard);
    Some(LocationView {
        account,
        device: *device,
        latitude_deg: to.0,
        longitude_deg: to.1,
        accuracy_m: location.accuracy_m(),
        altitude_m: location.altitude_m(),
        speed_mps: location.speed_mps(),
        heading_deg: location.heading_deg(),
        precision: location.precision,
        taken_ms: location.fix_ms,
        age: core::time::Duration::from_millis(age),
        distance_m: seen.map(|(distance, _)| distance),
        bearing_deg: seen.map(|(_, bearing)| bearing),
        own,
    })
}

/// Where everybody is.
pub(crate) fn views(room: &Here, state: &State) -> Vec<LocationView> {
    let devices: Vec<DeviceId> = state.live.locations().map(|(device, _)| *device).collect();
    devices.iter().filter_map(|device| view_of(room, state, device)).collect()
}

#[cfg(test)]
mod tests;
