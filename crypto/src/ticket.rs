//! Tickets: signed, short-lived capabilities, all that a room of a coordinator ever needs to check.
//!
//! ```text
//!  ticket        0         1      2            18             26             90
//!                | version | room | subject    | expires ms   | signature    |     domain "halloo v1 ticket"
//!
//!  request       0         1      2            34         42         58      60        60+n
//!  (signed)      | version | room | client key | time ms  | nonce    | n u16 | origin  |     domain "halloo v1 ticket request"
//! ```
//!
//! The client's key is made for one coordinator: it says nothing of groups or persons. The subject is drawn from it by a secret of the
//! coordinator, for one room and one day, so that two rooms that compare their tickets cannot tell whether they serve one client.
//! Numbers are big-endian.

use ed25519_dalek::{Signer as _, SigningKey};

use crate::id::{ClientId, CoordinatorId, Signature};
use crate::identity::{self, Domain};
use crate::kdf;
use crate::mailbox::Day;
use crate::secret::Secret;

/// Version byte of tickets and requests.
const VERSION: u8 = 1;
/// How long a ticket is good: long enough to be asked for rarely, short enough that nothing has to be looked up to take one back.
pub const TICKET_LIFE_MS: u64 = 10 * 60 * 1_000;
/// How far the clock of a client may be from the coordinator's: phones that were off for long are a minute wrong.
pub const CLOCK_SKEW_MAX_MS: u64 = 2 * 60 * 1_000;
/// Longest origin in a request.
pub const ORIGIN_MAX_BYTES: usize = 200;

/// The rooms of a coordinator that take tickets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Room {
    /// Items for who is away.
    Mailbox = 1,
    /// Finding each other.
    Rendezvous = 2,
    /// Relayed packets.
    Turn = 3,
    /// Sealed files.
    Blobs = 4,
    /// Waking phones.
    Push = 5,
    /// Large calls.
    Sfu = 6,
}

impl Room {
    /// All of them.
    pub const ALL: [Room; 6] =
        [Room::Mailbox, Room::Rendezvous, Room::Turn, Room::Blobs, Room::Push, Room::Sfu];

    /// Its name in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Room::Mailbox => "mailbox",
            Room::Rendezvous => "rendezvous",
            Room::Turn => "turn",
            Room::Blobs => "blobs",
            Room::Push => "push",
            Room::Sfu => "sfu",
        }
    }

    /// The room of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|room| room.name() == name)
    }

    fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|room| *room as u8 == byte)
    }
}

/// Why a ticket or a request for one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// The bytes are no ticket of a version that we know.
    #[error("the ticket is malformed or of an unknown version; ask for a new one")]
    Malformed,
    /// The signature is not this coordinator's, or not this client's.
    #[error("the signature does not verify; ask for a new ticket")]
    BadSignature,
    /// The ticket is for another room.
    #[error("the ticket is for another room; ask for one for this room")]
    OtherRoom,
    /// The ticket has ended.
    #[error("the ticket has ended; ask for a new one")]
    Expired,
    /// The clock of the client is wrong.
    #[error("the request is dated too far from the time here; set the clock")]
    ClockSkew,
}

/// A ticket that was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Where it is good.
    pub room: Room,
    /// Whom it stands for, in this room and on this day only.
    pub subject: [u8; 16],
    /// Until when, Unix milliseconds.
    pub expires_ms: u64,
}

impl Ticket {
    /// Length of a ticket in bytes.
    pub const LEN: usize = 90;

    fn head(&self) -> [u8; 26] {
        let mut head = [0_u8; 26];
        head[0] = VERSION;
        head[1] = self.room as u8;
        head[2..18].copy_from_slice(&self.subject);
        head[18..].copy_from_slice(&self.expires_ms.to_be_bytes());
        head
    }

    /// Checks a ticket of this coordinator for this room; nothing is looked up.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn check(bytes: &[u8], by: &CoordinatorId, room: Room, now_ms: u64) -> Result<Self, TicketError> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().map_err(|_| TicketError::Malformed)?;
        let (head, signature) = bytes.split_first_chunk::<26>().expect("90 bytes hold 26");
        if head[0] != VERSION {
            return Err(TicketError::Malformed);
        }
        let ticket = Ticket {
            room: Room::of_byte(head[1]).ok_or(TicketError::Malformed)?,
            subject: head[2..18].try_into().expect("16 bytes"),
            expires_ms: u64::from_be_bytes(head[18..].try_into().expect("8 bytes")),
        };
        let signature = Signature(signature.try_into().expect("64 bytes are left"));
        identity::verify_key(&by.0, Domain::Ticket, head, &signature)
            .map_err(|_| TicketError::BadSignature)?;
        if ticket.room != room {
            return Err(TicketError::OtherRoom);
        }
        if now_ms >= ticket.expires_ms {
            return Err(TicketError::Expired);
        }
        Ok(ticket)
    }
}

/// What signs the tickets of a coordinator, and blinds their subjects.
#[derive(Clone)]
pub struct TicketIssuer {
    signing: SigningKey,
    blinding: Secret<[u8; 32]>,
}

impl TicketIssuer {
    /// From the coordinator's secret seed.
    #[must_use]
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Self {
        Self {
            signing: SigningKey::from_bytes(kdf::derive(seed.expose(), "ticket signing", &[]).expose()),
            blinding: kdf::derive(seed.expose(), "ticket subject", &[]),
        }
    }

    /// What others check tickets with.
    #[must_use]
    pub fn public(&self) -> CoordinatorId {
        CoordinatorId(self.signing.verifying_key().to_bytes())
    }

    /// A ticket for the client of a checked request: its bytes, and when it ends (Unix ms).
    #[must_use]
    pub fn issue(&self, client: &ClientId, room: Room, now_ms: u64) -> ([u8; Ticket::LEN], u64) {
        let day = Day::of_ms(now_ms).0.to_be_bytes();
        let subject = kdf::mac(self.blinding.expose(), &[&[room as u8], &day, &client.0]);
        let ticket = Ticket {
            room,
            subject: *subject.first_chunk().expect("32 bytes hold 16"),
            expires_ms: now_ms + TICKET_LIFE_MS,
        };
        let head = ticket.head();
        let signature = self.signing.sign(&Domain::Ticket.message(&head));
        let mut bytes = [0_u8; Ticket::LEN];
        bytes[..26].copy_from_slice(&head);
        bytes[26..].copy_from_slice(&signature.to_bytes());
        (bytes, ticket.expires_ms)
    }
}

/// What a client asks for a ticket with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TicketRequest {
    /// For which room.
    pub room: Room,
    /// The client.
    pub client: ClientId,
    /// Its clock, Unix milliseconds.
    pub time_ms: u64,
    /// Drawn at random: a request counts once.
    pub nonce: [u8; 16],
    /// The origin of the coordinator that is asked, at most [`ORIGIN_MAX_BYTES`]: a request shown to one cannot be used at another.
    pub origin: String,
}

impl TicketRequest {
    fn signed(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.room as u8];
        bytes.extend_from_slice(&self.client.0);
        bytes.extend_from_slice(&self.time_ms.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        let length = u16::try_from(self.origin.len()).expect("origins are checked to be short");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes
    }

    /// Checks signature and time; that the nonce is new is the caller's to look up.
    ///
    /// # Errors
    /// [`TicketError::Malformed`] for a long origin, [`TicketError::ClockSkew`], [`TicketError::BadSignature`].
    pub fn check(&self, signature: &Signature, now_ms: u64) -> Result<(), TicketError> {
        if self.origin.len() > ORIGIN_MAX_BYTES {
            return Err(TicketError::Malformed);
        }
        if self.time_ms.abs_diff(now_ms) > CLOCK_SKEW_MAX_MS {
            return Err(TicketError::ClockSkew);
        }
        identity::verify_key(&self.client.0, Domain::TicketRequest, &self.signed(), signature)
            .map_err(|_| TicketError::BadSignature)
    }
}

/// The key of a client at one coordinator.
#[derive(Clone)]
pub struct ClientSecret(SigningKey);

impl ClientSecret {
    /// The key for the coordinator of this origin, from a secret of the home.
    #[must_use]
    pub fn derive(home: &Secret<[u8; 32]>, origin: &str) -> Self {
        let seed = kdf::derive(home.expose(), "coordinator client", origin.as_bytes());
        Self(SigningKey::from_bytes(seed.expose()))
    }

    /// The client's name at this coordinator.
    #[must_use]
    pub fn id(&self) -> ClientId {
        ClientId(self.0.verifying_key().to_bytes())
    }

    /// Signs a request for a ticket.
    ///
    /// # Errors
    /// [`TicketError::Malformed`] for an origin longer than [`ORIGIN_MAX_BYTES`].
    pub fn sign(&self, request: &TicketRequest) -> Result<Signature, TicketError> {
        if request.origin.len() > ORIGIN_MAX_BYTES {
            return Err(TicketError::Malformed);
        }
        Ok(Signature(self.0.sign(&Domain::TicketRequest.message(&request.signed())).to_bytes()))
    }

    /// Signs the proof that this key asks for an account of the coordinator.
    #[must_use]
    pub fn sign_login(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(&Domain::Login.message(message)).to_bytes())
    }

    /// Signs the input of a JWS (RFC 7515, 5.1), as DPoP wants it of the key of a token. It is text of base64url and begins with a
    /// letter; what a domain signs begins with the length of its name, which is no letter: neither is ever taken for the other.
    ///
    /// # Panics
    /// With any other text: a bug of the caller.
    #[must_use]
    pub fn sign_jws(&self, input: &str) -> Signature {
        assert!(input.starts_with("ey"), "the header of a JWS is a JSON object");
        Signature(self.0.sign(input.as_bytes()).to_bytes())
    }
}

/// Checks the proof that a key asks for an account of a coordinator.
#[must_use]
pub fn is_login_of(client: &ClientId, message: &[u8], signature: &Signature) -> bool {
    identity::verify_key(&client.0, Domain::Login, message, signature).is_ok()
}

impl std::fmt::Debug for TicketIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TicketIssuer").field(&self.public()).finish()
    }
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ClientSecret").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests;
