//! The frames that two endpoints exchange to become connected: what ICE and DTLS must know of each other, and no more.
//!
//! No SDP travels. Everything that is the same for every halloo connection (one Opus track each way, payload type 111,
//! AEAD_AES_128_GCM, multiplexed RTCP) is fixed by the version byte; the rest is below. A peer can therefore feed nothing
//! but bounded fields to the SDP machinery of the other. The frames travel sealed and authenticated inside the direct
//! lane, which is what binds the certificate's fingerprint, and so all media of the connection, to the device.
//!
//! ```text
//! byte 0        version, 1
//! byte 1        kind: 1 offer, 2 answer, 3 candidates, 4 bye, 5 again, 6 restart, 7 full
//! bytes 2..10   connection, 8 random bytes chosen by the side that offers (zeros in `again`: I hold none;
//!               in `full` those of the frame that it answers)
//! bytes 10..12  round, u16 big-endian: 0, then one more for each ICE restart of this connection
//!
//! offer, answer:
//!   1 + n       user fragment: length 4..=64, then ALPHA / DIGIT / "+" / "/" (RFC 8839 5.4)
//!   1 + n       password: length 22..=128, same letters
//!   32          SHA-256 of the DTLS certificate (RFC 8122)
//!   4           SSRC of the sender's track, u32 big-endian, not zero
//!   candidates
//! candidates (also the body of kind 3, then at least one):
//!   1           how many, 0..=16
//!   each:
//!     1         type: 1 host, 2 server reflexive, 3 relay (RFC 8445 5.1.1); UDP only
//!     4         priority, u32 big-endian, not zero
//!     1         family: 4 or 6
//!     4 or 16   address
//!     2         port, u16 big-endian, not zero
//! bye, again, restart, full: nothing more
//! ```
//! Bytes after the end are an error. Peer reflexive candidates are found, not told; related addresses and host names
//! (mDNS candidates) do not travel, since the frame is sealed and the address is what the other side needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The only version.
pub const VERSION: u8 = 1;

/// Most candidates in one frame: eight local addresses, each with a reflexive twin.
pub const MAX_CANDIDATES: usize = 16;

/// Longest user fragment; RFC 8839 allows 256, generators use 4 to 32.
pub const MAX_UFRAG: usize = 64;

/// Longest password; RFC 8839 allows 256, generators use 22 to 64.
pub const MAX_PWD: usize = 128;

/// Shortest user fragment, RFC 8839 5.4.
pub const MIN_UFRAG: usize = 4;

/// Shortest password, RFC 8839 5.4.
pub const MIN_PWD: usize = 22;

const HEAD: usize = 12;
const CANDIDATE_MAX: usize = 1 + 4 + 1 + 16 + 2;

/// Most bytes of a frame, by the drawing above.
pub const MAX_SIGNAL: usize =
    HEAD + 1 + MAX_UFRAG + 1 + MAX_PWD + 32 + 4 + 1 + MAX_CANDIDATES * CANDIDATE_MAX;

/// The name of one connection: 8 random bytes.
pub type ConnectionId = [u8; 8];

/// The connection id that means none.
pub const NO_CONNECTION: ConnectionId = [0; 8];

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The connection meant.
    pub connection: ConnectionId,
    /// The ICE generation within it.
    pub round: u16,
    /// What is said.
    pub body: Body,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Let us connect, or (round above 0) let us find a new path.
    Offer(Session),
    /// So be it.
    Answer(Session),
    /// Further places to find me at.
    Candidates(Vec<Candidate>),
    /// This connection is over.
    Bye,
    /// I cannot offer, please do; `connection` is the one that I hold and that does not work, or zeros.
    Again,
    /// My addresses changed, please offer the next round.
    Restart,
    /// I have as many connections as I can hold and none for you; try again later.
    Full,
}

/// One side's half of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// SHA-256 of the DTLS certificate.
    pub fingerprint: [u8; 32],
    /// SSRC of the track.
    pub ssrc: u32,
    /// Places known so far.
    pub candidates: Vec<Candidate>,
}

/// One place where a side may be found, over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// How it was learnt.
    pub kind: CandidateKind,
    /// ICE priority, RFC 8445 5.1.2.
    pub priority: u32,
    /// Where.
    pub address: SocketAddr,
}

/// How a candidate was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// An address of the machine.
    Host,
    /// The address that a STUN server saw.
    Reflexive,
    /// An address lent by a TURN server.
    Relay,
}

/// Why bytes are not a frame: always the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// More than [`MAX_SIGNAL`] bytes.
    #[error("signalling frame too long")]
    TooLong,
    /// The bytes end before the frame does.
    #[error("signalling frame cut short")]
    Short,
    /// The frame ends before the bytes do.
    #[error("signalling frame with bytes after its end")]
    Trailing,
    /// A version that this build does not speak.
    #[error("signalling version {0} is not spoken here")]
    Version(u8),
    /// A field outside its drawing.
    #[error("signalling frame with an impossible {0}")]
    Field(&'static str),
}

impl Candidate {
    /// Whether checks may be sent there. Loopback only where the caller allows it (several members on one machine).
    pub fn is_usable(&self, loopback: bool) -> bool {
        let ip = self.address.ip();
        let plain = match ip {
            IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
            IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        };
        plain && self.address.port() != 0 && (loopback || !ip.is_loopback())
    }
}

impl Signal {
    /// The frame's bytes. Fields beyond the drawing's limits are cut where cutting is harmless (candidates).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAX_SIGNAL);
        out.push(VERSION);
        out.push(self.body.kind());
        out.extend_from_slice(&self.connection);
        out.extend_from_slice(&self.round.to_be_bytes());
        match &self.body {
            Body::Offer(session) | Body::Answer(session) => {
                put_letters(&mut out, &session.ufrag, MAX_UFRAG);
                put_letters(&mut out, &session.pwd, MAX_PWD);
                out.extend_from_slice(&session.fingerprint);
                out.extend_from_slice(&session.ssrc.to_be_bytes());
                put_candidates(&mut out, &session.candidates);
            }
            Body::Candidates(candidates) => put_candidates(&mut out, candidates),
            Body::Bye | Body::Again | Body::Restart | Body::Full => {}
        }
        assert!(out.len() <= MAX_SIGNAL, "the drawing bounds the frame");
        out
    }

    /// Reads a frame; strict, so that for every accepted frame `encode` gives the same bytes again.
    ///
    /// # Errors
    /// [`SignalError`], the peer's fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, SignalError> {
        if bytes.len() > MAX_SIGNAL {
            return Err(SignalError::TooLong);
        }
        let mut reader = Reader { rest: bytes };
        let version = reader.u8()?;
        if version != VERSION {
            return Err(SignalError::Version(version));
        }
        let kind = reader.u8()?;
        let connection = reader.array::<8>()?;
        let round = u16::from_be_bytes(reader.array()?);
        let body = match kind {
            1 => Body::Offer(reader.session()?),
            2 => Body::Answer(reader.session()?),
            3 => match reader.candidates()? {
                some if some.is_empty() => return Err(SignalError::Field("candidate count")),
                some => Body::Candidates(some),
            },
            4 => Body::Bye,
            5 => Body::Again,
            6 => Body::Restart,
            7 => Body::Full,
            _ => return Err(SignalError::Field("kind")),
        };
        if connection == NO_CONNECTION && !matches!(body, Body::Again | Body::Full) {
            return Err(SignalError::Field("connection"));
        }
        if reader.rest.is_empty() { Ok(Self { connection, round, body }) } else { Err(SignalError::Trailing) }
    }
}

impl Body {
    fn kind(&self) -> u8 {
        match self {
            Self::Offer(_) => 1,
            Self::Answer(_) => 2,
            Self::Candidates(_) => 3,
            Self::Bye => 4,
            Self::Again => 5,
            Self::Restart => 6,
            Self::Full => 7,
        }
    }
}

fn put_letters(out: &mut Vec<u8>, text: &str, max: usize) {
    assert!(text.len() <= max && text.bytes().all(is_ice_char), "our own ICE agent keeps to RFC 8839");
    out.push(u8::try_from(text.len()).expect("the limits are below 256"));
    out.extend_from_slice(text.as_bytes());
}

fn put_candidates(out: &mut Vec<u8>, candidates: &[Candidate]) {
    let count = candidates.len().min(MAX_CANDIDATES);
    out.push(u8::try_from(count).expect("the limit is below 256"));
    for candidate in candidates.iter().take(count) {
        out.push(match candidate.kind {
            CandidateKind::Host => 1,
            CandidateKind::Reflexive => 2,
            CandidateKind::Relay => 3,
        });
        out.extend_from_slice(&candidate.priority.to_be_bytes());
        match candidate.address.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
        out.extend_from_slice(&candidate.address.port().to_be_bytes());
    }
}

/// `ice-char` of RFC 8839.
fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SignalError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SignalError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, SignalError> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SignalError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn letters(&mut self, min: usize, max: usize, what: &'static str) -> Result<String, SignalError> {
        let length = usize::from(self.u8()?);
        if length < min || length > max {
            return Err(SignalError::Field(what));
        }
        let bytes = self.take(length)?;
        if !bytes.iter().copied().all(is_ice_char) {
            return Err(SignalError::Field(what));
        }
        Ok(bytes.iter().copied().map(char::from).collect())
    }

    fn session(&mut self) -> Result<Session, SignalError> {
        let ufrag = self.letters(MIN_UFRAG, MAX_UFRAG, "user fragment")?;
        let pwd = self.letters(MIN_PWD, MAX_PWD, "password")?;
        let fingerprint = self.array()?;
        let ssrc = u32::from_be_bytes(self.array()?);
        if ssrc == 0 {
            return Err(SignalError::Field("SSRC"));
        }
        Ok(Session { ufrag, pwd, fingerprint, ssrc, candidates: self.candidates()? })
    }

    fn candidates(&mut self) -> Result<Vec<Candidate>, SignalError> {
        let count = usize::from(self.u8()?);
        if count > MAX_CANDIDATES {
            return Err(SignalError::Field("candidate count"));
        }
        (0..count).map(|_| self.candidate()).collect()
    }

    fn candidate(&mut self) -> Result<Candidate, SignalError> {
        let kind = match self.u8()? {
            1 => CandidateKind::Host,
            2 => CandidateKind::Reflexive,
            3 => CandidateKind::Relay,
            _ => return Err(SignalError::Field("candidate type")),
        };
        let priority = u32::from_be_bytes(self.array()?);
        if priority == 0 {
            return Err(SignalError::Field("priority"));
        }
        let ip = match self.u8()? {
            4 => IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)),
            6 => IpAddr::V6(Ipv6Addr::from(self.array::<16>()?)),
            _ => return Err(SignalError::Field("address family")),
        };
        let port = u16::from_be_bytes(self.array()?);
        if port == 0 {
            return Err(SignalError::Field("port"));
        }
        Ok(Candidate { kind, priority, address: SocketAddr::new(ip, port) })
    }
}

#[cfg(test)]
mod tests;
