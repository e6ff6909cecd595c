//! One mDNS question sent by hand: who speaks libp2p here? Answers go to everybody, and so to our mDNS behaviour.
//!
//! The behaviour asks on its own only every `QUERY_EVERY`; a user who types a code should not wait for that.
//!
//! ```text
//! +----------------------+-----------------------------+-----------+-----------+
//! | header, 12 bytes     | _p2p . _udp . local .       | type PTR  | class IN  |
//! | id 0, one question   | 4 "_p2p" 4 "_udp" 5 "local" 0 | 00 0c   | 00 01     |
//! +----------------------+-----------------------------+-----------+-----------+
//! ```

use std::net::{Ipv4Addr, UdpSocket};

/// Where mDNS lives (RFC 6762, section 3).
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5353);

/// The whole question.
const QUESTION: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04_p2p\x04_udp\x05local\0\0\x0c\0\x01";

/// Asks on the interface that has this address. Errors are the system's: no multicast there, or it went away.
pub(super) fn ask(interface: Ipv4Addr) -> std::io::Result<()> {
    let socket = UdpSocket::bind((interface, 0))?;
    socket.set_nonblocking(true)?;
    socket.send_to(QUESTION, GROUP).map(drop)
}

#[cfg(test)]
mod tests;
