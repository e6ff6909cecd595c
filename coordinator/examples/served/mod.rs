//! A coordinator in a process of its own for what measures it: this program again, running the command line of the coordinator.

#![allow(dead_code, reason = "each measurement uses its own part")]

use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_wire::origin::Origin;
use halloo_wire::ticket::{PATH, TicketAsk, TicketGiven};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use tokio::net::{TcpSocket, TcpStream};

/// Ticks of the CPU clock in /proc, a second (`getconf CLK_TCK`; 100 on every Linux that we know).
const TICKS: f64 = 100.0;

/// Runs the coordinator if this process was started to be it.
pub(crate) fn is_server() -> Option<ExitCode> {
    let serves = std::env::args().nth(1).is_some_and(|word| word == "serve");
    serves.then(halloo_coordinator::cli::main)
}

/// The process.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) origin: Origin,
}

impl Server {
    /// Starts it on any port of this machine's loopback and waits until it says where it is.
    pub(crate) fn start(data: &Path, settings: &[&str]) -> Self {
        Self::start_program(&std::env::current_exe().unwrap(), data, settings)
    }

    /// The same with another program that knows the command line of the coordinator.
    pub(crate) fn start_program(program: &Path, data: &Path, settings: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["serve", "--lan", "--listen", "127.0.0.1:0"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { child, origin: line.trim().parse().unwrap() }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// Resident memory, kB.
    pub(crate) fn memory(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// CPU time so far, seconds of user and system (proc(5), fields 14 and 15 of stat).
    pub(crate) fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.origin.host().parse().unwrap(), self.origin.port())
    }

    /// A bare connection from an address of one's own.
    pub(crate) async fn stream(&self, from: Ipv4Addr) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(self.address()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection for requests.
    pub(crate) async fn connect(&self) -> SendRequest<Full<Bytes>> {
        self.connect_from(Ipv4Addr::LOCALHOST).await
    }

    /// The same from an address of one's own.
    pub(crate) async fn connect_from(&self, from: Ipv4Addr) -> SendRequest<Full<Bytes>> {
        requests(self.stream(from).await.unwrap()).await.unwrap()
    }

    /// The bytes that ask for a ticket of the mailbox.
    pub(crate) fn ticket_ask(&self, who: [u8; 32], nonce: [u8; 16], now_ms: u64) -> Vec<u8> {
        let secret = ClientSecret::derive(&Secret::new(who), self.origin.as_str());
        let (room, client, origin) = (Room::Mailbox, secret.id(), self.origin.to_string());
        let request = TicketRequest { room, client, time_ms: now_ms, nonce, origin };
        serde_json::to_vec(&TicketAsk::new(&request, secret.sign(&request).unwrap())).unwrap()
    }

    /// A ticket for the mailbox, as the header takes it.
    pub(crate) async fn ticket(&self, who: u8, now_ms: u64) -> String {
        let ask = self.ticket_ask([who; 32], [who; 16], now_ms);
        let given: TicketGiven =
            serde_json::from_slice(&post(&mut self.connect().await, PATH, "", ask).await).unwrap();
        format!("Halloo {}", given.ticket)
    }

    /// Ends it.
    pub(crate) fn end(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// HTTP/1.1 over a connection.
pub(crate) async fn requests(stream: TcpStream) -> hyper::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Posts, and wants a good answer.
pub(crate) async fn post(
    to: &mut SendRequest<Full<Bytes>>,
    path: &str,
    ticket: &str,
    body: Vec<u8>,
) -> Bytes {
    let request = Request::post(path).header("host", "x").header("authorization", ticket);
    to.ready().await.unwrap();
    let answer = to.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.into_body().collect().await.unwrap().to_bytes()
}
