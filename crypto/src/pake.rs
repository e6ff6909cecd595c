//! Pairing with a stranger who knows two words: SPAKE2, key confirmation, then a sealed line.
//!
//! SPAKE2 over the Ed25519 group (Abdalla and Pointcheval, 2005; crate `spake2` 0.5 with the constants of python-spake2).
//!
//! ```text
//!   joiner                                          host
//!     | ---- A = xB + pw M ------------------------> |
//!     | <--- A's answer: B' = yB + pw N ------------ |
//!     | ---- confirmation of the joiner -----------> |   the host counts a wrong one as a try
//!     | <--- confirmation of the host -------------- |   only now both know; four emoji on both screens
//!     | ==== sealed, one key and counter a way ===== |
//! ```
//!
//! The joiner confirms first: a guessing joiner learns nothing before its guess has been counted. A guessing host gets
//! one guess, because a joiner answers one host per code. Everything that both sides believe goes into the key: version,
//! door, both transport keys, and commitments to both devices and the group, which are opened on the sealed line, so that
//! a stranger who probes learns no device id.
//!
//! Deviations from RFC 9382: the group constants and the transcript hash are those of the crate; ours is hashed around
//! it, with its own confirmation keys. Points outside the prime-order subgroup are refused.

mod emoji;
mod line;

pub use emoji::{EMOJI, EMOJI_SHOWN};
pub use line::{LINE_OVERHEAD_BYTES, LINE_PLAINTEXT_MAX_BYTES, Line};

use ed25519_dalek::VerifyingKey;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use spake2::{Ed25519Group, Identity, Spake2};
use zeroize::Zeroizing;

use crate::id::{DeviceId, InviteId};
use crate::invite::InviteSecret;
use crate::invite::code::{Nameplate, ShortCode};
use crate::kdf;
use crate::secret::Secret;

/// Version of the pairing protocol; both sides must have the same.
pub const PAIR_VERSION: u16 = 1;
/// Wrong tries that burn a short code: with 2^22 codes, three tries succeed once in 1.4 million.
pub const TRIES_MAX: u8 = 3;
/// How long a short code lives: long enough to read it to someone, short enough not to be found on a photograph later.
pub const CODE_LIFE_MS: u64 = 10 * 60 * 1_000;
/// Length of a SPAKE2 message: a role byte and a point.
pub const PAKE_MESSAGE_BYTES: usize = 33;
/// Length of a key confirmation.
pub const CONFIRMATION_BYTES: usize = 32;

/// Why a pairing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PakeError {
    /// Peer: not a message of this protocol, or a point that no honest peer sends.
    #[error("the pairing message is malformed")]
    Malformed,
    /// The other side does not know the same words, or someone stands in between.
    #[error("the words do not match")]
    WrongPassword,
    /// Peer: a sealed message does not open, or came out of order.
    #[error("the pairing line is broken")]
    BrokenLine,
    /// Caller: longer than [`LINE_PLAINTEXT_MAX_BYTES`].
    #[error("the message is too long for the pairing line")]
    TooLong,
}

/// What the joiner knocks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// A short code's number.
    Nameplate(Nameplate),
    /// A link's invite.
    Invite(InviteId),
}

/// What both sides must know: the words of a code, or the secret of a link.
#[derive(Clone)]
pub struct Password {
    door: Door,
    bytes: Secret<Vec<u8>>,
}

impl Password {
    /// The words of a short code.
    #[must_use]
    pub fn from_code(code: &ShortCode) -> Self {
        Self { door: Door::Nameplate(code.nameplate()), bytes: Secret::new(code.password().into_bytes()) }
    }

    /// The secret of a link: nothing to guess, so no tries are counted.
    #[must_use]
    pub fn from_invite(secret: &InviteSecret) -> Self {
        Self { door: Door::Invite(secret.id()), bytes: Secret::new(secret.pairing_key().expose().to_vec()) }
    }

    /// Where to knock.
    #[must_use]
    pub const fn door(&self) -> Door {
        self.door
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Password").field(&self.door).finish()
    }
}

/// A hidden promise of who one is: shown before the words are proven, opened after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

/// What opens a [`Commitment`]; travels on the sealed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening(pub [u8; 16]);

impl Opening {
    /// Draws a fresh one for one pairing.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        let mut bytes = [0_u8; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The commitment to `device` in `context` (the group for a host, nothing for a joiner).
    #[must_use]
    pub fn commit(&self, device: &DeviceId, context: &[u8]) -> Commitment {
        Commitment(kdf::hash("pairing commitment", &[&self.0, &device.0, context]))
    }
}

/// What both sides believe about the pairing. A difference in any field makes the confirmation fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Transport key of the host.
    pub host_peer: [u8; 32],
    /// Transport key of the joiner.
    pub joiner_peer: [u8; 32],
    /// The host's device and group.
    pub host: Commitment,
    /// The joiner's device.
    pub joiner: Commitment,
}

impl Binding {
    fn hash(&self, door: Door) -> [u8; 32] {
        let door = match door {
            Door::Nameplate(Nameplate(number)) => kdf::hash("nameplate", &[&number.to_be_bytes()]),
            Door::Invite(InviteId(id)) => kdf::hash("invite door", &[&id]),
        };
        kdf::hash(
            "pairing binding",
            &[
                &PAIR_VERSION.to_be_bytes(),
                &door,
                &self.host_peer,
                &self.joiner_peer,
                &self.host.0,
                &self.joiner.0,
            ],
        )
    }
}

type Spake = Spake2<Ed25519Group>;

/// Refuses points that leak or fix bits: small order, a torsion part, no curve point.
fn check_point(message: &[u8; PAKE_MESSAGE_BYTES]) -> Result<(), PakeError> {
    let point = message[1..].try_into().map_err(|_| PakeError::Malformed)?;
    let point = VerifyingKey::from_bytes(point).map_err(|_| PakeError::Malformed)?;
    if point.is_weak() || !point.to_edwards().is_torsion_free() {
        return Err(PakeError::Malformed);
    }
    Ok(())
}

fn parties(binding: &[u8; 32]) -> (Identity, Identity) {
    let joiner = kdf::hash("pairing joiner", &[binding]);
    let host = kdf::hash("pairing host", &[binding]);
    (Identity::new(&joiner), Identity::new(&host))
}

/// The keys of a finished exchange, not yet confirmed.
struct Keys {
    confirm_joiner: Zeroizing<[u8; 32]>,
    confirm_host: Zeroizing<[u8; 32]>,
    to_host: Zeroizing<[u8; 32]>,
    to_joiner: Zeroizing<[u8; 32]>,
    session: Zeroizing<[u8; 32]>,
    emoji: [u8; EMOJI_SHOWN],
}

impl Keys {
    fn new(shared: &[u8], transcript: &[u8; 32]) -> Self {
        let derive = |label: &str| Zeroizing::new(*kdf::derive(shared, label, transcript).expose());
        let picture = derive("pairing emoji");
        let mut emoji = [0_u8; EMOJI_SHOWN];
        for (shown, byte) in emoji.iter_mut().zip(picture.iter()) {
            *shown = byte % EMOJI.len() as u8;
        }
        Self {
            confirm_joiner: derive("pairing confirmation of joiner"),
            confirm_host: derive("pairing confirmation of host"),
            to_host: derive("pairing line to host"),
            to_joiner: derive("pairing line to joiner"),
            session: derive("pairing session"),
            emoji,
        }
    }

    fn line(&self, joiner: bool) -> Line {
        let (send, receive) =
            if joiner { (&self.to_host, &self.to_joiner) } else { (&self.to_joiner, &self.to_host) };
        Line::new(send, receive, Secret::new(*self.session), self.emoji)
    }
}

fn transcript(binding: &[u8; 32], from_joiner: &[u8], from_host: &[u8]) -> [u8; 32] {
    kdf::hash("pairing transcript", &[binding, from_joiner, from_host])
}

/// The joiner after its first message.
pub struct JoinerPake {
    spake: Spake,
    binding: [u8; 32],
    sent: [u8; PAKE_MESSAGE_BYTES],
}

impl JoinerPake {
    /// Starts an exchange; the message goes to the host.
    #[must_use]
    pub fn start(
        rng: &mut ChaCha20Rng,
        password: &Password,
        binding: &Binding,
    ) -> (Self, [u8; PAKE_MESSAGE_BYTES]) {
        let binding = binding.hash(password.door);
        let (joiner, host) = parties(&binding);
        let secret = spake2::Password::new(password.bytes.expose());
        let (spake, message) = Spake::start_a_with_rng(&secret, &joiner, &host, rng);
        let sent = message.try_into().expect("a role byte and a point");
        (Self { spake, binding, sent }, sent)
    }

    /// Takes the host's answer; the confirmation goes to the host.
    ///
    /// # Errors
    /// [`PakeError::Malformed`].
    pub fn finish(
        self,
        answer: &[u8; PAKE_MESSAGE_BYTES],
    ) -> Result<(JoinerConfirming, [u8; CONFIRMATION_BYTES]), PakeError> {
        check_point(answer)?;
        let shared = Zeroizing::new(self.spake.finish(answer).map_err(|_| PakeError::Malformed)?);
        let transcript = transcript(&self.binding, &self.sent, answer);
        let keys = Keys::new(&shared, &transcript);
        let confirmation = kdf::mac(&keys.confirm_joiner, &[&transcript]);
        Ok((JoinerConfirming { keys, transcript }, confirmation))
    }
}

/// The joiner waiting for the host's confirmation.
pub struct JoinerConfirming {
    keys: Keys,
    transcript: [u8; 32],
}

impl JoinerConfirming {
    /// Checks that the host knows the words too.
    ///
    /// # Errors
    /// [`PakeError::WrongPassword`].
    pub fn confirm(self, confirmation: &[u8; CONFIRMATION_BYTES]) -> Result<Line, PakeError> {
        let expected = kdf::mac(&self.keys.confirm_host, &[&self.transcript]);
        if !kdf::equal(&expected, confirmation) {
            return Err(PakeError::WrongPassword);
        }
        Ok(self.keys.line(true))
    }
}

/// The host after its answer.
pub struct HostPake {
    keys: Keys,
    transcript: [u8; 32],
}

impl HostPake {
    /// Answers a joiner's first message; the answer goes back.
    ///
    /// # Errors
    /// [`PakeError::Malformed`]; not a try.
    pub fn answer(
        rng: &mut ChaCha20Rng,
        password: &Password,
        binding: &Binding,
        message: &[u8; PAKE_MESSAGE_BYTES],
    ) -> Result<(Self, [u8; PAKE_MESSAGE_BYTES]), PakeError> {
        check_point(message)?;
        let binding = binding.hash(password.door);
        let (joiner, host) = parties(&binding);
        let secret = spake2::Password::new(password.bytes.expose());
        let (spake, answer) = Spake::start_b_with_rng(&secret, &joiner, &host, rng);
        let answer: [u8; PAKE_MESSAGE_BYTES] = answer.try_into().expect("a role byte and a point");
        let shared = Zeroizing::new(spake.finish(message).map_err(|_| PakeError::Malformed)?);
        let transcript = transcript(&binding, message, &answer);
        let keys = Keys::new(&shared, &transcript);
        Ok((Self { keys, transcript }, answer))
    }

    /// Checks the joiner's confirmation; ours goes back. A wrong one is a try.
    ///
    /// # Errors
    /// [`PakeError::WrongPassword`].
    pub fn confirm(
        self,
        confirmation: &[u8; CONFIRMATION_BYTES],
    ) -> Result<(Line, [u8; CONFIRMATION_BYTES]), PakeError> {
        let expected = kdf::mac(&self.keys.confirm_joiner, &[&self.transcript]);
        if !kdf::equal(&expected, confirmation) {
            return Err(PakeError::WrongPassword);
        }
        let ours = kdf::mac(&self.keys.confirm_host, &[&self.transcript]);
        Ok((self.keys.line(false), ours))
    }
}

impl std::fmt::Debug for JoinerPake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinerPake(..)")
    }
}

impl std::fmt::Debug for JoinerConfirming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinerConfirming(..)")
    }
}

impl std::fmt::Debug for HostPake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostPake(..)")
    }
}

#[cfg(test)]
mod tests;
