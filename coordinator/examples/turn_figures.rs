//! What a relayed packet of voice costs: ours and coturn's `turnserver` in one run, with coturn's load generator on both.
//!
//! Each server is a process of its own; CPU is what the kernel booked on all its threads. One JSON object a line.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::disallowed_methods)]

use halloo_coordinator::turn::credential::Keys;
use halloo_coordinator::turn::peers::Peers;
use halloo_coordinator::turn::service::{Quotas, Service};
use halloo_coordinator::turn::shell::{Places, start};
use halloo_coordinator::turn::sockets::{Ports, RelayAddress, listen};
use halloo_coordinator::world::World;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "figures";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Bytes of a packet of voice with all its headers.
const VOICE: &str = "160";

/// How hard the servers are driven: clients, messages of each, milliseconds between two, whom they speak to.
struct Load {
    name: &'static str,
    clients: u32,
    messages: u32,
    every_ms: u32,
    /// Clients speak to each other: every message goes through two relays of the same server.
    hairpin: bool,
}

const LOADS: &[Load] = &[
    Load { name: "voices", clients: 100, messages: 500, every_ms: 20, hairpin: false },
    Load { name: "flood", clients: 20, messages: 10_000, every_ms: 1, hairpin: false },
    Load { name: "hairpin", clients: 20, messages: 10_000, every_ms: 1, hairpin: true },
];

fn main() {
    let rounds = match std::env::args().nth(1).as_deref() {
        Some("serve") => return serve(),
        Some(rounds) => rounds.parse().unwrap(),
        None => 3,
    };
    let mut peer = Process(Command::new("turnutils_peer").args(["-L", "127.0.0.1", "-p", "34801"]).quiet());
    for load in LOADS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            theirs.push(coturn(load));
            ours.push(own(load));
        }
        let (ours, theirs) = (best(&ours), best(&theirs));
        let name = format!("TURN, {}: packets relayed", load.name);
        println!(
            "{{\"name\": \"{name}\", \"unit\": \"per CPU-s\", \"ours\": {:.0}, \"other\": {:.0}, \"ours_us\": {:.2}, \"other_us\": {:.2}, \"lost\": [{}, {}]}}",
            1e6 / ours.0,
            1e6 / theirs.0,
            ours.0,
            theirs.0,
            ours.1,
            theirs.1
        );
    }
    peer.0.kill().unwrap();
}

/// The quietest round: what disturbs a run makes it dearer, nothing makes it cheaper. Microseconds a relayed packet, and lost.
fn best(rounds: &[(f64, u64)]) -> (f64, u64) {
    rounds.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

/// Our room in this process until stdin ends.
fn serve() {
    let keys = Keys::new(SECRET.as_bytes().to_vec(), [7; 32], "halloo".to_owned());
    let quotas = Quotas { allocations: 1000, per_credential: 1000, bytes_per_second: 1 << 40 };
    let service = Service::new(keys, quotas, Peers::new(vec![LOOPBACK.into()], Vec::new()), vec![LOOPBACK]);
    let places =
        Places { relays: vec![RelayAddress { bind: LOOPBACK, seen: LOOPBACK }], ports: Ports::default() };
    let socket = listen((LOOPBACK, 0).into()).unwrap();
    println!("{}", socket.local_addr().unwrap().port());
    let _turn = start(service, places, socket, World::real()).unwrap();
    let _ = std::io::stdin().read(&mut [0; 1]);
}

fn own(load: &Load) -> (f64, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut server =
        Process(command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    measure(&mut server, line.trim(), load)
}

fn coturn(load: &Load) -> (f64, u64) {
    let port = UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port().to_string();
    let args = [
        "-n",
        "--no-cli",
        "-L",
        "127.0.0.1",
        "-E",
        "127.0.0.1",
        "-p",
        &port,
        "--use-auth-secret",
        "--static-auth-secret",
        SECRET,
        "-r",
        "halloo",
        "--no-tls",
        "--no-dtls",
        "--allow-loopback-peers",
        "-m",
        "1",
        "--log-file",
        "/dev/null",
        "--simple-log",
    ];
    let mut server = Process(Command::new("turnserver").args(args).quiet());
    let deadline = Instant::now() + Duration::from_secs(20);
    // It answers a binding request as soon as it listens.
    let probe = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    probe.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut request = [0; 20];
    request[1] = 1;
    request[4..8].copy_from_slice(&0x2112_a442_u32.to_be_bytes());
    while Instant::now() < deadline {
        let _ = probe.send_to(&request, (LOOPBACK, port.parse().unwrap()));
        if probe.recv(&mut [0; 500]).is_ok() {
            break;
        }
    }
    measure(&mut server, &port, load)
}

/// Microseconds of CPU a relayed packet, and messages that did not come back.
fn measure(server: &mut Process, port: &str, load: &Load) -> (f64, u64) {
    let (clients, messages) = (load.clients.to_string(), load.messages.to_string());
    let every = load.every_ms.to_string();
    let mut args = vec![
        "-L",
        "127.0.0.1",
        "-u",
        "figures",
        "-W",
        SECRET,
        "-p",
        port,
        "-m",
        &clients,
        "-n",
        &messages,
        "-l",
        VOICE,
        "-z",
        &every,
        "-c",
    ];
    if load.hairpin {
        args.push("-y");
    } else {
        args.extend(["-e", "127.0.0.1", "-r", "34801"]);
    }
    args.push("127.0.0.1");
    let (spent, text) = loop {
        let before = cpu_ns(server.0.id());
        let output = Command::new("turnutils_uclient").args(&args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // Now and then it draws one channel number for two peers, which every server refuses, and gives up.
        if !text.contains("channel bind: error 400") {
            break (cpu_ns(server.0.id()) - before, text);
        }
    };
    server.0.kill().unwrap();
    let sent = u64::from(load.clients) * u64::from(load.messages);
    let lost = after(&text, "Total lost packets ");
    // Out and back: each message passes the server twice.
    let relayed = 2 * sent - 2 * lost.min(sent - 1);
    (spent as f64 / 1000.0 / relayed as f64, lost)
}

fn after(text: &str, words: &str) -> u64 {
    let Some((_, rest)) = text.rsplit_once(words) else { panic!("turnutils_uclient says: {text}") };
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// What the kernel booked on all threads of a process, in nanoseconds.
fn cpu_ns(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let spent = threads.flatten().filter_map(|thread| {
        let line = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    spent.sum()
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

trait Quiet {
    fn quiet(&mut self) -> Child;
}

impl Quiet for Command {
    fn quiet(&mut self) -> Child {
        self.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}
