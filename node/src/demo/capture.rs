//! The packet capture of the demonstration: everything that crosses the interfaces of its network namespace.
//!
//! An `AF_PACKET` socket of the namespace sees each packet of each interface, loopback included. What it sees is kept in
//! memory for the search and written as a pcap file (link type Ethernet) that any analyser opens.

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `ETH_P_ALL`: every protocol.
const EVERY_PROTOCOL: u16 = 3;
/// Longest packet: a segmentation-offloaded one on loopback.
const PACKET_MAX: usize = 65_536;
/// Bytes kept; a demonstration of 90 s stays far below it.
const KEPT_MAX: usize = 1 << 30;
/// Receive buffer of the socket, so that a busy machine loses no packet.
const BUFFER: usize = 32 << 20;
/// How often the thread looks whether it shall end.
const LOOK: Duration = Duration::from_millis(100);

/// A running capture.
pub struct Capture {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<Vec<u8>>>,
}

impl Capture {
    /// Begins to capture into this pcap file.
    ///
    /// # Errors
    /// The socket is not permitted, the file cannot be written.
    pub fn start(file: &Path) -> Result<Self> {
        let protocol = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))
            .context("packet sockets are not permitted")?;
        socket.set_read_timeout(Some(LOOK))?;
        // A smaller buffer than asked for is no reason to fail.
        let _smaller = socket.set_recv_buffer_size(BUFFER);
        let mut out =
            std::io::BufWriter::new(std::fs::File::create(file).context("cannot write the capture")?);
        out.write_all(&pcap_header())?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("halloo-capture".into())
            .spawn(move || capture(socket, &mut out, &asked))?;
        Ok(Capture { stop, thread })
    }

    /// Ends the capture and returns the bytes of all packets, one after the other with a gap between them.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the capture thread panicked"))?
    }
}

fn capture(mut socket: Socket, out: &mut impl std::io::Write, stop: &AtomicBool) -> Result<Vec<u8>> {
    let mut packet = vec![0_u8; PACKET_MAX];
    let mut kept = Vec::new();
    loop {
        match socket.read(&mut packet) {
            Ok(length) if kept.len() + length <= KEPT_MAX => {
                let packet = &packet[..length];
                out.write_all(&record_header(length))?;
                out.write_all(packet)?;
                kept.extend_from_slice(packet);
                kept.extend_from_slice(&[0; 8]); // No word may be found across two packets.
            }
            Ok(_) => {}
            Err(_) if stop.load(Ordering::Relaxed) => break,
            Err(_) => {}
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    out.flush()?;
    Ok(kept)
}

/// The head of a pcap file: magic, version 2.4, zone, accuracy, longest packet, link type 1 (Ethernet).
fn pcap_header() -> Vec<u8> {
    let mut head = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    for half in [2_u16, 4] {
        head.extend(half.to_le_bytes());
    }
    for word in [0_u32, 0, PACKET_MAX as u32, 1] {
        head.extend(word.to_le_bytes());
    }
    head
}

fn record_header(length: usize) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    [seconds, now.subsec_micros(), length, length].iter().flat_map(|word| word.to_le_bytes()).collect()
}
