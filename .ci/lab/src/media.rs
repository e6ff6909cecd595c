//! Tells packets of voice from everything else on a cable, by what any watcher of the wire can see.
//!
//! ```text
//! Ethernet: ff..6 dst | 6 src | 0800   IPv4: 4x .. protocol 17, no fragment   UDP: 8 bytes
//! RTP:      10xxxxxx | m, type 96..=127 | sequence 2 | timestamp 4 | SSRC 4     (SRTP leaves all of it in clear)
//! ```
//! RFC 7983 gives RTP the first byte 128..=191; the dynamic payload type keeps RTCP out, and QUIC packets whose fixed bit is
//! greased (RFC 9443), whose second byte is the zero of their version.

/// Bytes of an Ethernet header without a tag.
const ETHERNET: usize = 14;
/// Bytes of a UDP header.
const UDP: usize = 8;
/// Bytes of an RTP header without sources and extensions.
const RTP: usize = 12;
/// The protocol number of UDP.
const PROTOCOL_UDP: u8 = 17;
/// Payload types that are given out anew by each session: all that codecs of today have.
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// Which stream a packet of voice belongs to, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPacket {
    /// The SSRC.
    pub stream: u32,
    /// The sequence number; it begins anywhere and wraps.
    pub sequence: u16,
}

/// Recognises a packet of voice in an Ethernet frame.
pub fn recognise(frame: &[u8]) -> Option<MediaPacket> {
    let ip = frame.get(ETHERNET..).filter(|_| frame[12..ETHERNET] == [0x08, 0x00])?;
    let (first, rest) = ip.split_first()?;
    let fragment = u16::from_be_bytes([*rest.get(5)?, *rest.get(6)?]) & 0x3fff;
    if first >> 4 != 4 || *rest.get(8)? != PROTOCOL_UDP || fragment != 0 || is_multicast(frame) {
        return None;
    }
    let rtp = ip.get(usize::from(first & 0x0f) * 4 + UDP..).filter(|rtp| rtp.len() >= RTP)?;
    if !(128..=191).contains(&rtp[0]) || !DYNAMIC.contains(&(rtp[1] & 0x7f)) {
        return None;
    }
    let stream = u32::from_be_bytes([rtp[8], rtp[9], rtp[10], rtp[11]]);
    Some(MediaPacket { stream, sequence: u16::from_be_bytes([rtp[2], rtp[3]]) })
}

/// Whether an Ethernet frame is for many; voice never is, and the random number that begins a DNS question looks like anything.
fn is_multicast(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 1)
}

#[cfg(test)]
mod tests;
