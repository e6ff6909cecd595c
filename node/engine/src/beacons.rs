//! Beacons: the random secrets that name a group's gossip topics and seal its outer frames, replaced with every removal.
//!
//! ```text
//!  record
//!  0         1         33        35        67
//!  +---------+---------+---------+---------+----
//!  | version | secret  | count   | log     | ...      the log of its maker when it was made, ascending, 1 to 64 heads
//!  |         | 32      | u16     | head 32 |
//!  +---------+---------+---------+---------+----
//!  topic of a week = HMAC(HKDF(secret, "beacon topic"), week),  week = Unix time / 604,800 s
//!  meeting place of a day = HKDF(secret, "meeting place", day, origin), its key = HKDF(secret, "meeting key", day, origin)
//! ```
//!
//! Everybody who was in the roster at those heads, or came later, may know the secret; once the log has removed anybody in a
//! way that those heads do not know, the beacon is *tainted* and nothing more is published under it. Among the untainted ones
//! the one with the newest heads is used, then the lowest id: the choice is a function of the facts known. A record carries no
//! signature: whoever seals it to the epoch is a member, and a member who makes needless beacons costs the others
//! [`MAX_BEACONS`] at most.

use std::collections::BTreeSet;
use std::collections::{BTreeMap, VecDeque};

use halloo_crypto::data::DataKeys;
use halloo_crypto::id::{EpochId, OpId};
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;

use crate::time::Time;
use crate::wire::bytes::Reader;
use crate::wire::gossip::GossipFrame;
use crate::wire::parcel::Parcel;
use crate::wire::{VERSION, WireError};

/// Beacons kept. Each removal replaces one; partitions that each remove somebody add a few. When full the lowest is dropped,
/// tainted ones first.
pub const MAX_BEACONS: usize = 16;
/// Sealed records kept that came before the commit of their epoch: gossip overtakes itself.
const MAX_EARLY: usize = 8;
/// Longest of them: a record has at most 64 heads.
const MAX_EARLY_BYTES: usize = 4 * 1024;
/// Heads in a record: as many as an operation may have parents.
const MAX_HEADS: usize = 64;
/// How long the topics of a tainted beacon are still listened to, so that members who have not heard of the removal are heard.
/// What they say carries its own signatures.
pub const TAINTED_GRACE: core::time::Duration = core::time::Duration::from_secs(30);
/// Milliseconds of a topic's week.
const WEEK_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// Names a beacon to those who know it.
pub type BeaconId = [u8; 8];

/// One beacon.
#[derive(Clone)]
pub struct Beacon {
    id: BeaconId,
    secret: Secret<[u8; 32]>,
    heads: Vec<OpId>,
    keys: DataKeys,
}

impl Beacon {
    /// A beacon of a fresh secret, made by somebody whose log has these heads.
    pub fn new(secret: Secret<[u8; 32]>, mut heads: Vec<OpId>) -> Self {
        assert!(!heads.is_empty(), "a group has a log");
        heads.sort_unstable();
        heads.dedup();
        heads.truncate(MAX_HEADS);
        let name = kdf::derive(secret.expose(), "beacon id", &[]);
        let id = *name.expose().first_chunk().expect("32 bytes");
        let keys = DataKeys::new(
            kdf::derive(secret.expose(), "beacon seal", &[]),
            EpochId::from_bytes(*name.expose()),
        );
        Beacon { id, secret, heads, keys }
    }

    /// The bytes drawn above.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.secret.expose());
        out.extend_from_slice(&u16::try_from(self.heads.len()).expect("at most 64").to_be_bytes());
        self.heads.iter().for_each(|head| out.extend_from_slice(head.as_bytes()));
        debug_assert_eq!(out.len(), 35 + 32 * self.heads.len(), "as drawn");
        out
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The peer's.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let secret = Secret::new(reader.array()?);
        let count = usize::from(reader.u16()?);
        if count == 0 || count > MAX_HEADS {
            return Err(WireError::TooLong);
        }
        let heads =
            (0..count).map(|_| reader.array().map(OpId::from_bytes)).collect::<Result<Vec<_>, _>>()?;
        reader.finish()?;
        if !heads.is_sorted_by(|a, b| a < b) {
            return Err(WireError::NotCanonical);
        }
        Ok(Beacon::new(secret, heads))
    }

    /// Its name.
    pub fn id(&self) -> BeaconId {
        self.id
    }

    /// The heads of its maker's log.
    pub fn heads(&self) -> &[OpId] {
        &self.heads
    }

    /// The keys of its outer seal.
    pub fn keys(&self) -> &DataKeys {
        &self.keys
    }

    /// The topic of a week.
    pub fn topic(&self, week: u64) -> [u8; 32] {
        let key = kdf::derive(self.secret.expose(), "beacon topic", &[]);
        kdf::mac(key.expose(), &[&week.to_be_bytes()])
    }

    /// Where members meet at a coordinator on a day, and what the records there are sealed with.
    pub fn meeting(&self, via: &str, day: Day) -> ([u8; 32], Secret<[u8; 32]>) {
        let context = [day.0.to_be_bytes().as_slice(), via.as_bytes()].concat();
        let place = kdf::derive(self.secret.expose(), "meeting place", &context);
        (*place.expose(), kdf::derive(self.secret.expose(), "meeting key", &context))
    }
}

impl core::fmt::Debug for Beacon {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Beacon").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The week of a wall clock.
pub fn week_of(wall_ms: u64) -> u64 {
    wall_ms / WEEK_MS
}

/// What the log says of a beacon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Its heads are not all known here yet.
    Unplaced,
    /// The log removed somebody who may know it.
    Tainted,
    /// Usable; the height of its newest head.
    Sound(u64),
}

#[derive(Clone, Debug)]
struct Entry {
    beacon: Beacon,
    standing: Standing,
    tainted_since: Option<Time>,
}

/// The beacons that this member knows.
#[derive(Clone, Debug, Default)]
pub struct Beacons {
    all: BTreeMap<BeaconId, Entry>,
    followed: BTreeMap<[u8; 32], BeaconId>,
    early: VecDeque<Vec<u8>>,
}

/// What a change of the beacons asks of the mesh.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopicChange {
    /// Topics to follow from now on.
    pub added: Vec<[u8; 32]>,
    /// Topics to give up.
    pub dropped: Vec<[u8; 32]>,
}

impl Beacons {
    /// Keeps a sealed record whose epoch is not known yet, the newest few.
    pub fn keep_early(&mut self, seal: Vec<u8>) {
        if seal.len() > MAX_EARLY_BYTES || self.early.contains(&seal) {
            return;
        }
        self.early.push_back(seal);
        if self.early.len() > MAX_EARLY {
            self.early.pop_front();
        }
        assert!(self.early.len() <= MAX_EARLY, "INV-6: one in, one out");
    }

    /// Whether there are any.
    pub fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Gives those back, for another try.
    pub fn take_early(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.early).into()
    }

    /// Takes a beacon in; true if it is new. Returns what was dropped to make room.
    pub fn insert(&mut self, beacon: Beacon) -> (bool, Option<BeaconId>) {
        if self.all.contains_key(&beacon.id) {
            return (false, None);
        }
        self.all.insert(beacon.id, Entry { beacon, standing: Standing::Unplaced, tainted_since: None });
        if self.all.len() <= MAX_BEACONS {
            return (true, None);
        }
        let worst = self.all.iter().map(|(id, e)| (rank(e.standing), *id)).min().map(|(_, id)| id);
        let worst = worst.expect("there are more than the limit");
        self.all.remove(&worst);
        assert!(self.all.len() <= MAX_BEACONS, "INV-6: one in, one out");
        (true, Some(worst))
    }

    /// Judges every beacon again by the log.
    pub fn judge(&mut self, now: Time, mut standing: impl FnMut(&Beacon) -> Standing) {
        for entry in self.all.values_mut() {
            entry.standing = standing(&entry.beacon);
            match entry.standing {
                Standing::Tainted => {
                    entry.tainted_since.get_or_insert(now);
                }
                _ => entry.tainted_since = None,
            }
        }
    }

    /// The beacon to publish under: the newest heads, then the lowest id.
    pub fn best(&self) -> Option<&Beacon> {
        let sound = self.all.values().filter(|e| matches!(e.standing, Standing::Sound(_)));
        debug_assert!(
            sound.clone().all(|e| e.tainted_since.is_none()),
            "sound and tainted exclude each other"
        );
        sound.max_by_key(|e| (e.standing, core::cmp::Reverse(e.beacon.id))).map(|e| &e.beacon)
    }

    /// The newest tainted beacon still in its grace: the last word about a removal goes there.
    pub fn last_tainted(&self) -> Option<&Beacon> {
        let tainted = self.all.values().filter(|e| e.tainted_since.is_some());
        tainted.max_by_key(|e| (e.tainted_since, core::cmp::Reverse(e.beacon.id))).map(|e| &e.beacon)
    }

    /// The beacon of a topic that is followed.
    pub fn of_topic(&self, topic: &[u8; 32]) -> Option<&Beacon> {
        self.followed.get(topic).and_then(|id| self.all.get(id)).map(|e| &e.beacon)
    }

    /// Opens a gossip frame: by the beacon of its topic, or else by any that is known, so that a late frame of a topic that was
    /// given up is still judged.
    ///
    /// # Errors
    /// [`WireError::UnknownKey`] for a beacon that is not known, otherwise as [`GossipFrame::open`].
    pub fn open(&self, frame: &GossipFrame<'_>, topic: &[u8; 32]) -> Result<Parcel, WireError> {
        let named = self.of_topic(topic).into_iter();
        let mut found = Err(WireError::UnknownKey);
        for beacon in named.chain(self.all.values().map(|entry| &entry.beacon)) {
            found = frame.open(beacon.keys(), topic);
            if found != Err(WireError::UnknownKey) {
                break;
            }
        }
        found
    }

    /// Whether this topic is followed.
    pub fn follows(&self, topic: &[u8; 32]) -> bool {
        self.followed.contains_key(topic)
    }

    /// Topics that are followed.
    pub fn topics(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.followed.keys()
    }

    /// All beacons.
    pub fn all(&self) -> impl Iterator<Item = &Beacon> {
        self.all.values().map(|entry| &entry.beacon)
    }

    /// All beacons that are not tainted: what a peer is told.
    pub fn sound(&self) -> impl Iterator<Item = &Beacon> {
        self.all.values().filter(|e| matches!(e.standing, Standing::Sound(_))).map(|e| &e.beacon)
    }

    /// Follows the topics of last, this and next week of every untainted beacon, and of tainted ones in their grace.
    pub fn follow(&mut self, now: Time, wall_ms: u64) -> TopicChange {
        let week = week_of(wall_ms);
        let mut wanted: BTreeMap<[u8; 32], BeaconId> = BTreeMap::new();
        for (id, entry) in &self.all {
            let in_grace = entry.tainted_since.is_some_and(|since| now.since(since) < TAINTED_GRACE);
            if matches!(entry.standing, Standing::Sound(_)) || in_grace {
                for week in week.saturating_sub(1)..=week.saturating_add(1) {
                    wanted.insert(entry.beacon.topic(week), *id);
                }
            }
        }
        assert!(wanted.len() <= 3 * MAX_BEACONS, "three weeks of each beacon");
        let old: BTreeSet<_> = self.followed.keys().copied().collect();
        let new: BTreeSet<_> = wanted.keys().copied().collect();
        self.followed = wanted;
        TopicChange {
            added: new.difference(&old).copied().collect(),
            dropped: old.difference(&new).copied().collect(),
        }
    }

    /// Follows nothing any more.
    pub fn unfollow(&mut self) -> TopicChange {
        let dropped = core::mem::take(&mut self.followed).into_keys().collect();
        TopicChange { added: Vec::new(), dropped }
    }

    /// When the topics must be looked at again: the end of the first grace that runs.
    pub fn next_change(&self, now: Time) -> Option<Time> {
        let ends = self.all.values().filter_map(|e| e.tainted_since).map(|since| since.after(TAINTED_GRACE));
        ends.filter(|end| *end > now).min()
    }
}

/// Who is dropped first when there are too many: tainted, then unplaced, then the oldest.
fn rank(standing: Standing) -> u64 {
    match standing {
        Standing::Tainted => 0,
        Standing::Unplaced => 1,
        Standing::Sound(height) => height.saturating_add(2),
    }
}

#[cfg(test)]
mod tests;
