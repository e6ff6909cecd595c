//! Between the compact session of the signalling frame and the session description that the WebRTC library speaks.
//!
//! A remote description is always written here from checked fields; no text of a peer ever reaches the library. Of the
//! library's own descriptions only the ICE credentials and the certificate's fingerprint are read.

use std::fmt::Write as _;

use crate::media::signalling::{Candidate, CandidateKind, Session};

use super::options::PAYLOAD_TYPE;

/// URI of the audio level extension, RFC 6464.
pub(super) const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// Which half of the exchange a description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Offer,
    Answer,
}

/// Writes the peer's description: one Opus track, multiplexed RTCP, DTLS role by convention: the offerer opens. ICE tells the one that
/// nominates last that there is a path, so its first flight finds the other ready; RFC 8842 would have the answerer open, whose first
/// flight came too soon on a slow path and was repeated after a second.
pub(super) fn write(session: &Session, half: Half, round: u16, audio_level: bool) -> String {
    let mut text = String::with_capacity(900);
    let setup = match half {
        Half::Offer => "actpass",
        Half::Answer => "passive",
    };
    let level = if audio_level { format!("a=extmap:1 {AUDIO_LEVEL_URI}\r\n") } else { String::new() };
    let Session { ufrag, pwd, ssrc, .. } = session;
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "v=0\r\no=- {ssrc} {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF {PAYLOAD_TYPE}\r\nc=IN IP4 0.0.0.0\r\na=setup:{setup}\r\n\
         a=mid:0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
         a=rtpmap:{PAYLOAD_TYPE} opus/48000/2\r\n{level}a=msid:v v\r\na=ssrc:{ssrc} cname:v\r\na=ssrc:{ssrc} msid:v v\r\n\
         a=sendrecv\r\n",
        version = u32::from(round) + 1,
        fingerprint = hex_colons(&session.fingerprint),
    );
    text
}

/// One candidate in the library's form.
pub(super) fn write_candidate(candidate: &Candidate) -> String {
    let (name, related) = match candidate.kind {
        CandidateKind::Host => ("host", ""),
        CandidateKind::Reflexive => ("srflx", " raddr 0.0.0.0 rport 0"),
        CandidateKind::Relay => ("relay", " raddr 0.0.0.0 rport 0"),
    };
    let (ip, port) = (candidate.address.ip(), candidate.address.port());
    // Foundations only order the first checks of agents with many pairs; one per kind is enough.
    format!(
        "candidate:{name}{family} 1 udp {priority} {ip} {port} typ {name}{related}",
        family = if ip.is_ipv4() { 4 } else { 6 },
        priority = candidate.priority
    )
}

/// The local half as the library describes it: user fragment, password and fingerprint; `None` if one is missing.
pub(super) fn read(text: &str) -> Option<(String, String, [u8; 32])> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix("a=")?.strip_prefix(key)?.strip_prefix(':'))
            .map(str::trim)
    };
    let fingerprint = value("fingerprint")?.strip_prefix("sha-256 ")?;
    Some((value("ice-ufrag")?.to_owned(), value("ice-pwd")?.to_owned(), read_hex_colons(fingerprint)?))
}

fn hex_colons(bytes: &[u8; 32]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn read_hex_colons(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut pairs = text.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests;
