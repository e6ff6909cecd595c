//! Garbage on every socket of a running member in a call: TCP, UDP, QUIC, the media's own ports, the local door. It goes on.

use super::people::{PATIENCE, Person, clip};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a socket that should answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// Garbles at a member that listens on this port of the loopback address, while it talks with a friend.
pub fn on_every_socket(bin: &Path, folder: &Path, member: &Person<'_>, port: u16) -> Result<()> {
    let address = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    let mut friend = Person::new(bin, folder, "friend", None).with(&["--loopback", "--peer", &address]);
    friend.up()?;
    let code = member.ask(&["invite"])?["invite"]["code"].as_str().context("no code")?.to_owned();
    friend.ask(&["join", &code])?;
    member.ask(&["talk", "--in", &clip(0), "--out", "null", "--repeat"])?;
    friend.ask(&["talk", "--in", &clip(1), "--out", "null", "--repeat"])?;
    voice_flows(member, "before the garbage")?;
    let ports = udp_ports(member.pid().context("it runs")?)?;
    ensure!(ports.len() >= 2 && ports.contains(&port), "QUIC and the media have a port each: {ports:?}");
    for round in 0..10 {
        tcp(port, round);
        for port in &ports {
            udp(*port, round)?;
        }
    }
    door(&member.home().join("control.sock"))?;
    member.ask(&["status"])?;
    friend.ask(&["say", "still here"])?;
    member.wait("a message after the garbage", &["log"], |log| {
        super::people::texts(log).contains(&"still here".to_owned())
    })?;
    voice_flows(member, "after the garbage")?;
    member.ask(&["hush"]).map(drop)
}

/// Waits until this member opens more frames of its friend than now.
fn voice_flows(member: &Person<'_>, when: &str) -> Result<()> {
    let opened = |status: &Value| status["voice"]["opened"].as_u64().unwrap_or(0);
    let before = opened(&member.ask(&["status"])?);
    member.wait(&format!("voice {when}"), &["status"], |status| opened(status) > before + 25).map(drop)
}

/// The UDP ports of a process.
fn udp_ports(pid: u32) -> Result<Vec<u16>> {
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        // A descriptor may be closed while the list is read.
        let Ok(target) = std::fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        inodes.extend(
            target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).map(str::to_owned),
        );
    }
    let mut ports = Vec::new();
    for line in std::fs::read_to_string(format!("/proc/{pid}/net/udp"))?.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(local), Some(inode)) = (words.get(1), words.get(9)) else { continue };
        if inodes.iter().any(|known| known == inode)
            && let Some((_, port)) = local.split_once(':')
        {
            ports.push(u16::from_str_radix(port, 16)?);
        }
    }
    Ok(ports)
}

/// Bytes that repeat themselves only after 4 GB.
fn noise(length: usize, round: u32) -> Vec<u8> {
    let start = round.wrapping_mul(0x9E37_79B9);
    (0..length as u32).map(|n| (n.wrapping_add(start).wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn tcp(port: u16, round: u32) {
    let greeting = b"\x13/multistream/1.0.0\n";
    let endless = [&greeting[..], &[0xff; 9]].concat();
    let misled = [&greeting[..], b"\x07/noise\n", &noise(2_000, round)].concat();
    let bursts: [&[u8]; 6] = [
        &noise(65_000, round),
        &endless,
        &misled,
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"",
    ];
    for burst in bursts {
        // Whoever is garbled at may hang up in the middle; that is its right.
        let _refused = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| stream.write_all(burst));
    }
    let idle: Vec<_> = (0..40).map(|_| TcpStream::connect(("127.0.0.1", port))).collect();
    drop(idle);
}

fn udp(port: u16, round: u32) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    // QUIC's long header: version 1 with a full connection id, a version nobody speaks, the version of negotiation; then its
    // short header; then STUN, DTLS and RTP as the media's ports speak them, each cut or bent.
    let quic = |version: u32| [&[0xc3][..], &version.to_be_bytes(), &[20], &noise(1_190, round)].concat();
    let stun = [&[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42][..], &noise(20, round)].concat();
    let dtls = [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 1][..], &noise(39, round)].concat();
    let rtp = [&[0x80, 111][..], &noise(120, round)].concat();
    let rtcp = [&[0x80, 200, 255, 255][..], &noise(60, round)].concat();
    let short = [&[0x43][..], &noise(60, round)].concat();
    let packets =
        [quic(1), quic(0xbaba_baba), quic(0), short, stun, dtls, rtp, rtcp, Vec::new(), noise(1_400, round)];
    for packet in packets {
        for cut in [packet.len(), packet.len() / 2, packet.len().min(3)] {
            let _refused = socket.send_to(packet.get(..cut).unwrap_or_default(), ("127.0.0.1", port));
        }
    }
    Ok(())
}

/// Each bad line gets an error with a next step and spoils nothing; too long a line ends its conversation; too many programs are
/// told so; half a line harms nobody.
fn door(path: &Path) -> Result<()> {
    let deep = "[".repeat(2_000);
    let bad: [&[u8]; 8] = [
        b"",
        b"nonsense",
        b"{}",
        b"{\"id\":-1,\"do\":\"groups\"}",
        b"{\"id\":1,\"do\":\"fly\"}",
        b"{\"id\":1,\"do\":\"log\",\"limit\":\"many\"}",
        b"\xff\xfe\x00\x01",
        deep.as_bytes(),
    ];
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let mut answers = BufReader::new(stream.try_clone()?).lines();
    for line in bad {
        stream.write_all(&[line, b"\n"].concat())?;
        let answer: Value = serde_json::from_str(&answers.next().context("no answer")??)?;
        let next = answer["error"]["next"].as_str().unwrap_or_default();
        ensure!(answer["error"]["code"] == "malformed" && !next.is_empty(), "{line:?} got {answer}");
    }
    stream.write_all(b"{\"id\":7,\"do\":\"groups\"}\n")?;
    let answer: Value = serde_json::from_str(&answers.next().context("no answer")??)?;
    ensure!(answer["id"] == 7 && answer["ok"]["groups"].is_array(), "after the garbage: {answer}");
    let mut endless = UnixStream::connect(path)?;
    endless.set_read_timeout(Some(ANSWER))?;
    // The door hangs up at the limit, perhaps before all is written.
    let _hung_up = endless.write_all(&vec![b'x'; 1 << 20]);
    let mut said = String::new();
    let _reset = endless.read_to_string(&mut said);
    ensure!(said.contains("malformed"), "an endless line got {said:?}");
    let half: Vec<UnixStream> = (0..100)
        .filter_map(|_| UnixStream::connect(path).ok())
        .map(|mut stream| {
            let _full = stream.write_all(b"{\"id\":1,\"do\":\"gro");
            stream
        })
        .collect();
    let mut late = UnixStream::connect(path)?;
    late.set_read_timeout(Some(ANSWER))?;
    let mut told = String::new();
    BufReader::new(&mut late).read_line(&mut told)?;
    ensure!(told.contains("busy") && told.contains("next"), "one program too many got {told:?}");
    drop((half, stream, answers));
    opens_again(path)
}

/// Soon after the crowd is gone the door answers again.
fn opens_again(path: &Path) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        // While the crowd leaves, one more is turned away, perhaps in the middle of its question.
        if ask(path).is_ok_and(|answer| answer.contains("\"ok\"")) {
            return Ok(());
        }
    }
    bail!("the door stays shut after a crowd")
}

fn ask(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(b"{\"id\":8,\"do\":\"groups\"}\n")?;
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line)?;
    Ok(line)
}
