//! The acknowledgement board: per device and fact one signed row that says "I had seen this, and before it all that".
//!
//! Acknowledgements live beside the log, not in it: 500 joins must not make 250,000 operations. Rows of Removes stay,
//! for they settle for ever what the removed may claim; rows of commits go when the branch is settled.
//!
//! ```text
//!  bytes of a row (postcard)
//!  | version = 1 | group 32 | device 32 | fact tag 0 Remove, 1 Commit | fact 32
//!  | heads: n, n x 32, ascending | rivals: n, n x 32, ascending |          \_ signed, domain "acknowledgement"
//!  | signature 64 |
//! ```
//!
//! Merging is a join: commutative, associative, idempotent. A device that signs two different rows for one fact has
//! lied; the join then keeps the two lowest as proof, and from then on the device counts as having acknowledged with
//! an empty past, which no third row can change.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use halloo_crypto::id::{DeviceId, GroupId, OpId, Signature};
use halloo_crypto::identity::{self, DeviceSecret, Domain};
use halloo_crypto::kdf;
use serde::{Deserialize, Serialize};

use super::error::LogError;
use super::op::{MAX_PARENTS, VERSION};

/// Most rival commits that one row lists: more branches from one parent than this are not told apart.
pub const MAX_RIVALS: usize = 16;

/// Longest row: [`MAX_PARENTS`] heads, [`MAX_RIVALS`] rivals, and the fixed fields.
pub const MAX_ROW_BYTES: usize = 4 * 1024;

/// Most commits with rows at a time: the engine keeps at most 64 unsettled epochs (see the branch rule).
pub const MAX_COMMIT_FACTS: usize = 64;

/// Something that devices acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fact {
    /// A Remove of this log.
    Remove(OpId),
    /// A commit, by its hash.
    Commit([u8; 32]),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Statement {
    version: u8,
    group: GroupId,
    device: DeviceId,
    fact: Fact,
    heads: Vec<OpId>,
    rivals: Vec<[u8; 32]>,
}

/// One signed acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    statement: Statement,
    signature: Signature,
    /// Made when it is first asked for: every comparison with a neighbour asks.
    #[serde(skip)]
    name: Name,
}

/// The name of a row, which follows from the row: of two equal rows one may have been asked for it and the other not.
#[derive(Clone, Debug, Default)]
struct Name(OnceCell<[u8; 32]>);

impl PartialEq for Name {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Row {
    /// Signs an acknowledgement of `fact` by somebody whose log has `heads` and who has seen the commits `rivals`
    /// that compete with the fact. Both are sorted here; heads beyond [`MAX_PARENTS`] and rivals beyond
    /// [`MAX_RIVALS`] are left out.
    #[must_use]
    pub fn sign(
        group: GroupId,
        fact: Fact,
        mut heads: Vec<OpId>,
        mut rivals: Vec<[u8; 32]>,
        device: &DeviceSecret,
    ) -> Self {
        heads.sort_unstable();
        heads.dedup();
        heads.truncate(MAX_PARENTS);
        rivals.sort_unstable();
        rivals.dedup();
        rivals.truncate(MAX_RIVALS);
        let statement = Statement { version: VERSION, group, device: device.id(), fact, heads, rivals };
        let signature = device.sign(Domain::Acknowledgement, &encode(&statement));
        Self { statement, signature, name: Name::default() }
    }

    /// The bytes drawn at the top.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] wrote; the signature is not checked here, [`Board::merge`] does.
    ///
    /// # Errors
    /// [`LogError::TooLarge`], [`LogError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_ROW_BYTES {
            return Err(LogError::TooLarge);
        }
        let (row, rest) = postcard::take_from_bytes::<Self>(bytes).map_err(|_| LogError::Malformed)?;
        let said = &row.statement;
        let sorted = said.heads.is_sorted_by(|a, b| a < b) && said.rivals.is_sorted_by(|a, b| a < b);
        let bounded = said.heads.len() <= MAX_PARENTS && said.rivals.len() <= MAX_RIVALS;
        let canonical = rest.is_empty() && encode(&row) == bytes;
        if said.version == VERSION && sorted && bounded && canonical {
            Ok(row)
        } else {
            Err(LogError::Malformed)
        }
    }

    fn verify(&self) -> Result<(), LogError> {
        let bytes = encode(&self.statement);
        identity::verify(&self.statement.device, Domain::Acknowledgement, &bytes, &self.signature)
            .map_err(|_| LogError::BadSignature)
    }

    /// What a row with these bytes is called in stores and in comparisons.
    #[must_use]
    pub fn name_of(bytes: &[u8]) -> [u8; 32] {
        kdf::hash("acknowledgement row", &[bytes])
    }

    /// [`Self::name_of`] its bytes.
    #[must_use]
    pub fn name(&self) -> [u8; 32] {
        *self.name.0.get_or_init(|| Self::name_of(&self.to_bytes()))
    }

    /// Who acknowledges.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.statement.device
    }

    /// What.
    #[must_use]
    pub fn fact(&self) -> Fact {
        self.statement.fact
    }

    /// The heads of its log at that moment, ascending.
    #[must_use]
    pub fn heads(&self) -> &[OpId] {
        &self.statement.heads
    }

    /// The competing commits that it had seen at that moment, ascending.
    #[must_use]
    pub fn rivals(&self) -> &[[u8; 32]] {
        &self.statement.rivals
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("a row holds nothing that postcard refuses")
}

/// What one device said about one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// One row.
    Said(Box<Row>),
    /// Two different rows, the lowest two known: proof of a lie.
    Lied(Box<[Row; 2]>),
}

impl Word {
    /// The row to reason with; `None` from a liar, whose past counts as empty.
    #[must_use]
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Said(row) => Some(row),
            Self::Lied(_) => None,
        }
    }

    fn rows(&self) -> &[Row] {
        match self {
            Self::Said(row) => std::slice::from_ref(row.as_ref()),
            Self::Lied(rows) => rows.as_slice(),
        }
    }

    /// The join; true when it changed anything.
    fn join(&mut self, row: Row) -> bool {
        if self.rows().contains(&row) {
            return false;
        }
        let same = |old: &Row| old.device() == row.device() && old.fact() == row.fact();
        assert!(self.rows().iter().all(same), "a word is about one fact, by one device");
        let mut rows = self.rows().to_vec();
        rows.push(row);
        rows.sort();
        rows.truncate(2);
        let rows: [Row; 2] = rows.try_into().expect("one row or two, and a new one");
        let joined = Self::Lied(Box::new(rows));
        assert_eq!(joined.rows().len(), 2, "a lie is proved by two rows");
        let changed = *self != joined;
        *self = joined;
        changed
    }
}

/// All acknowledgements of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    group: GroupId,
    rows: BTreeMap<Fact, BTreeMap<DeviceId, Word>>,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(group: GroupId) -> Self {
        Self { group, rows: BTreeMap::new() }
    }

    /// Takes a row in after checking group and signature; true when the board changed. `Log::acknowledge` is the door
    /// for rows from others: it also refuses devices and Removes that the log does not know.
    ///
    /// # Errors
    /// [`LogError::WrongGroup`], [`LogError::BadSignature`], [`LogError::TooMany`] beyond [`MAX_COMMIT_FACTS`].
    pub fn merge(&mut self, row: Row) -> Result<bool, LogError> {
        if row.statement.group != self.group {
            return Err(LogError::WrongGroup);
        }
        if self.contains(&row) {
            return Ok(false);
        }
        row.verify()?;
        self.join(row)
    }

    /// The join without the checks.
    fn join(&mut self, row: Row) -> Result<bool, LogError> {
        let fact = row.fact();
        let commits = self.rows.range(Fact::Commit([0; 32])..).count();
        let new_commit = matches!(fact, Fact::Commit(_)) && !self.rows.contains_key(&fact);
        if new_commit && commits >= MAX_COMMIT_FACTS {
            return Err(LogError::TooMany);
        }
        assert!(commits <= MAX_COMMIT_FACTS, "the board has its limit");
        let words = self.rows.entry(fact).or_default();
        match words.get_mut(&row.device()) {
            Some(word) => Ok(word.join(row)),
            None => {
                words.insert(row.device(), Word::Said(Box::new(row)));
                Ok(true)
            }
        }
    }

    /// Is this very row here?
    #[must_use]
    pub fn contains(&self, row: &Row) -> bool {
        self.word(&row.fact(), &row.device()).is_some_and(|word| word.rows().contains(row))
    }

    /// What a device said about a fact.
    #[must_use]
    pub fn word(&self, fact: &Fact, device: &DeviceId) -> Option<&Word> {
        self.rows.get(fact)?.get(device)
    }

    /// What everybody said about a fact, by device.
    pub fn words(&self, fact: &Fact) -> impl Iterator<Item = (&DeviceId, &Word)> {
        self.rows.get(fact).into_iter().flatten()
    }

    /// Every row, for sending and for the store.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().flat_map(BTreeMap::values).flat_map(Word::rows)
    }

    /// Does a row about a Remove name this operation among its heads?
    pub(super) fn names(&self, op: &OpId) -> bool {
        self.rows().any(|row| matches!(row.fact(), Fact::Remove(_)) && row.heads().binary_search(op).is_ok())
    }

    /// Forgets the rows of a commit whose branch is settled. Rows of Removes stay.
    pub fn settle(&mut self, commit: &[u8; 32]) {
        self.rows.remove(&Fact::Commit(*commit));
    }
}
