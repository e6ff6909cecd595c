//! Leaving items in mailboxes, fetching them, and telling that they have arrived; bodies are bytes of named sizes.
//!
//! ```text
//!  deposits     0         1           3
//!  POST         | version | count u16 | item | ...            count = 1, 2, 4, .. 64, so that it says little of a group's size
//!    item       | address 32 | item id 16 | class u8 | bytes, as many as the class has |
//!    class 0 1,024 bytes   1 4,096   2 16,384   3 49,152
//!  answer       | version | count u16 | outcome u8 | ...      in the order of the batch: 0 stored, 1 full, 2 no address of a day
//!
//!  fetch        0         1      2            34           42               58          59           123
//!  POST         | version | op 1 | address 32 | time ms u64| after 16       | limit u8  | signature 64 |
//!  answer       | version | more u8 | count u16 | item | ...
//!    item       | item id 16 | class u8 | bytes |
//!
//!  acknowledge  0         1      2            34            42          44
//!  POST         | version | op 2 | address 32 | time ms u64 | count u16 | item id 16 | ... | signature 64 |
//!  answer       empty: what was named is gone for good
//!
//!  watch        0         1      2            34            42             106
//!  WebSocket    | version | op 3 | address 32 | time ms u64 | signature 64 |        to the coordinator
//!               | version | 4    | address 32 |                                    from it: something lies there
//!               | version | 5    | address 32 | why u8 |                           from it: not watched: 1 signature, 2 clock, 3 too many
//!
//!  signed: everything before the signature, behind origin length u16 and origin, by the address, domain "halloo v1 mailbox"
//! ```
//!
//! Numbers are big-endian. Every request may be sent again: an item left twice lies there once, what is gone stays gone. The origin under
//! the signature keeps a request from being used at another coordinator, the time keeps it from being used later.

use halloo_crypto::id::{MailboxAddress, MailboxItem, Signature};
use halloo_crypto::mailbox::{self, DayKey};

pub use crate::bytes::Malformed;
use crate::bytes::Reader;
use crate::origin::Origin;
pub use halloo_crypto::mailbox::SizeClass;

/// Path of deposits.
pub const DEPOSITS_PATH: &str = "/api/v1/mailboxes/deposits";
/// Path of fetching.
pub const FETCH_PATH: &str = "/api/v1/mailboxes/fetch";
/// Path of acknowledging.
pub const ACKNOWLEDGE_PATH: &str = "/api/v1/mailboxes/acknowledge";
/// Path of the WebSocket.
pub const SUBSCRIBE_PATH: &str = "/api/v1/mailboxes/subscribe";
/// Media type of the bodies.
pub const MEDIA_TYPE: &str = "application/octet-stream";

/// Version byte of every body.
const VERSION: u8 = 1;
/// Most items in a batch: a message to 64 absent devices in one request.
pub const BATCH_ITEMS_MAX: usize = 64;
/// Most ids in one acknowledgement: a page and what came again.
pub const ACKNOWLEDGED_MAX: usize = 256;
/// Most items in one page of a fetch.
pub const PAGE_ITEMS_MAX: u8 = 64;
/// Most bytes of items in one page: what a phone takes in one go.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Longest body of a deposit: a batch of the largest items is refused before it is read, a batch of 20 of them is not.
pub const DEPOSITS_BODY_MAX: usize = 1 << 20;
/// How far the time of a request may be from the coordinator's, milliseconds.
pub const CLOCK_SKEW_MAX_MS: u64 = 5 * 60 * 1_000;

fn read_class(reader: &mut Reader<'_>) -> Result<SizeClass, Malformed> {
    SizeClass::ALL.get(usize::from(reader.u8()?)).copied().ok_or(Malformed::TooLong)
}

/// An item on its way into a mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deposit {
    /// Where.
    pub address: MailboxAddress,
    /// Its name.
    pub item: MailboxItem,
    /// Sealed and padded to a [`SizeClass`].
    pub bytes: Vec<u8>,
}

/// What became of a deposit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is durable.
    Stored,
    /// That mailbox is full: try later.
    Full,
    /// That is no address that anybody could own.
    NoAddress,
}

fn is_batch(count: usize) -> bool {
    count.is_power_of_two() && count <= BATCH_ITEMS_MAX
}

/// A batch as bytes.
///
/// # Panics
/// If the count is no power of two up to [`BATCH_ITEMS_MAX`], or bytes have no class: the caller's to pad.
#[must_use]
pub fn write_deposits(batch: &[Deposit]) -> Vec<u8> {
    assert!(is_batch(batch.len()), "a batch is padded by its sender");
    let mut out = vec![VERSION];
    out.extend_from_slice(&u16::try_from(batch.len()).expect("at most 64").to_be_bytes());
    for deposit in batch {
        let class = SizeClass::of(deposit.bytes.len()).expect("an item is padded by its sender");
        out.extend_from_slice(&deposit.address.0);
        out.extend_from_slice(&deposit.item.0);
        out.push(class as u8);
        out.extend_from_slice(&deposit.bytes);
    }
    out
}

/// Reads a batch.
///
/// # Errors
/// The sender's.
pub fn read_deposits(bytes: &[u8]) -> Result<Vec<Deposit>, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION)?;
    let count = usize::from(reader.u16()?);
    if !is_batch(count) {
        return Err(Malformed::TooLong);
    }
    let mut batch = Vec::with_capacity(count);
    for _ in 0..count {
        let (address, item) = (MailboxAddress(reader.array()?), MailboxItem(reader.array()?));
        let class = read_class(&mut reader)?;
        batch.push(Deposit { address, item, bytes: reader.take(class.bytes())?.to_vec() });
    }
    reader.finish()?;
    Ok(batch)
}

/// The answer to a batch as bytes.
///
/// # Panics
/// Beyond [`BATCH_ITEMS_MAX`].
#[must_use]
pub fn write_outcomes(outcomes: &[Outcome]) -> Vec<u8> {
    assert!(outcomes.len() <= BATCH_ITEMS_MAX, "an answer is as long as its batch");
    let mut out = vec![VERSION];
    out.extend_from_slice(&u16::try_from(outcomes.len()).expect("at most 64").to_be_bytes());
    out.extend(outcomes.iter().map(|outcome| match outcome {
        Outcome::Stored => 0,
        Outcome::Full => 1,
        Outcome::NoAddress => 2,
    }));
    out
}

/// Reads the answer to a batch.
///
/// # Errors
/// The coordinator's.
pub fn read_outcomes(bytes: &[u8]) -> Result<Vec<Outcome>, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION)?;
    let count = usize::from(reader.u16()?);
    if count > BATCH_ITEMS_MAX {
        return Err(Malformed::TooLong);
    }
    let read = |reader: &mut Reader<'_>| match reader.u8()? {
        0 => Ok(Outcome::Stored),
        1 => Ok(Outcome::Full),
        2 => Ok(Outcome::NoAddress),
        _ => Err(Malformed::TooLong),
    };
    let outcomes = (0..count).map(|_| read(&mut reader)).collect::<Result<Vec<_>, _>>()?;
    reader.finish()?;
    Ok(outcomes)
}

/// Something that only the owner of an address may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// About which address.
    pub address: MailboxAddress,
    /// The owner's clock, Unix milliseconds.
    pub time_ms: u64,
    /// What is asked.
    pub what: What,
}

/// What an owner asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// What lies there.
    Fetch {
        /// Only items behind this one; none: from the first.
        after: Option<MailboxItem>,
        /// At most so many, 1 to [`PAGE_ITEMS_MAX`].
        limit: u8,
    },
    /// These have arrived: they can go.
    Acknowledge(Vec<MailboxItem>),
    /// Say when something comes.
    Watch,
}

/// An ask whose signature has not been looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedAsk {
    ask: Ask,
    signature: Signature,
}

/// Why an owner's request was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    /// Not signed by the address.
    #[error("the request is not signed by the owner of this mailbox")]
    BadSignature,
    /// Dated too far from the coordinator's time.
    #[error("the request is dated too far from the time here; set the clock")]
    ClockSkew,
}

impl Ask {
    fn body(&self) -> Vec<u8> {
        let op = match self.what {
            What::Fetch { .. } => 1,
            What::Acknowledge(_) => 2,
            What::Watch => 3,
        };
        let mut out = vec![VERSION, op];
        out.extend_from_slice(&self.address.0);
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        match &self.what {
            What::Fetch { after, limit } => {
                out.extend_from_slice(&after.map_or([0; 16], |item| item.0));
                out.push(*limit);
            }
            What::Acknowledge(items) => {
                out.extend_from_slice(
                    &u16::try_from(items.len()).expect("bounded by the caller").to_be_bytes(),
                );
                items.iter().for_each(|item| out.extend_from_slice(&item.0));
            }
            What::Watch => {}
        }
        out
    }

    /// Signs an ask for the coordinator of this origin; gives its bytes.
    ///
    /// # Panics
    /// With more ids than [`ACKNOWLEDGED_MAX`], a limit of nothing or above [`PAGE_ITEMS_MAX`]: the caller's bug.
    #[must_use]
    pub fn sign(what: What, key: &DayKey, origin: &Origin, time_ms: u64) -> Vec<u8> {
        match &what {
            What::Fetch { limit, .. } => assert!((1..=PAGE_ITEMS_MAX).contains(limit), "a page has items"),
            What::Acknowledge(items) => assert!(items.len() <= ACKNOWLEDGED_MAX, "in several requests"),
            What::Watch => {}
        }
        let mut body = Ask { address: key.address(), time_ms, what }.body();
        let signature = key.sign(&signed(origin, &body));
        body.extend_from_slice(&signature.0);
        body
    }
}

pub(crate) fn signed(origin: &Origin, body: &[u8]) -> Vec<u8> {
    let origin = origin.as_str().as_bytes();
    let mut out = Vec::with_capacity(2 + origin.len() + body.len());
    out.extend_from_slice(&u16::try_from(origin.len()).expect("origins are short").to_be_bytes());
    out.extend_from_slice(origin);
    out.extend_from_slice(body);
    out
}

impl SignedAsk {
    /// Reads an ask.
    ///
    /// # Errors
    /// The sender's.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let op = reader.u8()?;
        let (address, time_ms) = (MailboxAddress(reader.array()?), reader.u64()?);
        let what = match op {
            1 => {
                let (after, limit) = (MailboxItem(reader.array()?), reader.u8()?);
                if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
                    return Err(Malformed::TooLong);
                }
                What::Fetch { after: (after.0 != [0; 16]).then_some(after), limit }
            }
            2 => {
                let count = usize::from(reader.u16()?);
                if count > ACKNOWLEDGED_MAX {
                    return Err(Malformed::TooLong);
                }
                let items = (0..count).map(|_| reader.array().map(MailboxItem));
                What::Acknowledge(items.collect::<Result<_, _>>()?)
            }
            3 => What::Watch,
            _ => return Err(Malformed::TooLong),
        };
        let signature = Signature(reader.array()?);
        reader.finish()?;
        Ok(SignedAsk { ask: Ask { address, time_ms, what }, signature })
    }

    /// About which address, so far only claimed.
    #[must_use]
    pub fn claimed(&self) -> MailboxAddress {
        self.ask.address
    }

    /// Checks time and signature.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn verify(self, origin: &Origin, now_ms: u64) -> Result<Ask, AskError> {
        if self.ask.time_ms.abs_diff(now_ms) > CLOCK_SKEW_MAX_MS {
            return Err(AskError::ClockSkew);
        }
        let bytes = signed(origin, &self.ask.body());
        mailbox::verify(&self.ask.address, &bytes, &self.signature).map_err(|_| AskError::BadSignature)?;
        Ok(self.ask)
    }
}

/// What lies in a mailbox, or a part of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// Whether more lies behind the last of these.
    pub more: bool,
    /// Names and bytes, by name.
    pub items: Vec<(MailboxItem, Vec<u8>)>,
}

impl Page {
    /// The bytes drawn above.
    ///
    /// # Panics
    /// If an item has bytes of no class: the store holds what was checked when it came.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.more)];
        out.extend_from_slice(&u16::try_from(self.items.len()).expect("a page is short").to_be_bytes());
        for (item, bytes) in &self.items {
            out.extend_from_slice(&item.0);
            out.push(SizeClass::of(bytes.len()).expect("checked when it came") as u8);
            out.extend_from_slice(bytes);
        }
        out
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The coordinator's.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let more = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed::NotCanonical),
        };
        let count = usize::from(reader.u16()?);
        if count > usize::from(PAGE_ITEMS_MAX) {
            return Err(Malformed::TooLong);
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            let item = MailboxItem(reader.array()?);
            let class = read_class(&mut reader)?;
            items.push((item, reader.take(class.bytes())?.to_vec()));
        }
        reader.finish()?;
        Ok(Page { more, items })
    }
}

/// What a coordinator says on the WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Something lies there.
    Wake(MailboxAddress),
    /// This address is not watched.
    NotWatched(MailboxAddress, NotWatched),
}

/// Why an address is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotWatched {
    /// Not signed by its owner.
    BadSignature,
    /// Dated too far from the coordinator's time.
    ClockSkew,
    /// This socket watches as many as it may.
    TooMany,
}

impl Told {
    /// The bytes drawn above.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let (Told::Wake(address) | Told::NotWatched(address, _)) = self;
        let mut out = vec![VERSION, if matches!(self, Told::Wake(_)) { 4 } else { 5 }];
        out.extend_from_slice(&address.0);
        if let Told::NotWatched(_, why) = self {
            out.push(match why {
                NotWatched::BadSignature => 1,
                NotWatched::ClockSkew => 2,
                NotWatched::TooMany => 3,
            });
        }
        out
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The coordinator's.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let kind = reader.u8()?;
        let address = MailboxAddress(reader.array()?);
        let told = match kind {
            4 => Told::Wake(address),
            5 => Told::NotWatched(
                address,
                match reader.u8()? {
                    1 => NotWatched::BadSignature,
                    2 => NotWatched::ClockSkew,
                    3 => NotWatched::TooMany,
                    _ => return Err(Malformed::TooLong),
                },
            ),
            _ => return Err(Malformed::TooLong),
        };
        reader.finish()?;
        Ok(told)
    }
}

#[cfg(test)]
mod tests;
