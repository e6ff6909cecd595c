//! Good clients: one that visits, and one that has listened all the while.

use crate::served::{Server, post, requests};
use futures::{SinkExt as _, StreamExt as _};
use halloo_coordinator::world::World;
use halloo_crypto::id::MailboxItem;
use halloo_crypto::mailbox::{Day, DayKey, MailboxSecret};
use halloo_wire::mailbox::{
    ACKNOWLEDGE_PATH, Ask, DEPOSITS_PATH, Deposit, FETCH_PATH, Outcome, Page, SUBSCRIBE_PATH, Told, What,
    read_outcomes, write_deposits,
};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A good client whose connection is closed at the door tries again, as the node does; for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// And after this.
const AGAIN: Duration = Duration::from_millis(50);

/// One that visits.
pub(crate) struct Good {
    from: Ipv4Addr,
    key: DayKey,
    rng: ChaCha20Rng,
    ticket: String,
}

impl Good {
    /// With a mailbox and a household of its own.
    pub(crate) async fn new(server: &Arc<Server>, number: u8) -> Self {
        let now_ms = World::real().now_ms();
        let mut rng = ChaCha20Rng::from_seed([number; 32]);
        let key = MailboxSecret::generate(&mut rng).day_key(Day::of_ms(now_ms));
        let from = Ipv4Addr::new(127, 9, number, 1);
        let mut nonce = [number; 16];
        nonce[..8].copy_from_slice(&now_ms.to_be_bytes());
        let ask = server.ticket_ask([number + 1; 32], nonce, now_ms);
        let given = post(&mut entered(server, from).await, halloo_wire::ticket::PATH, "", ask).await;
        let given: halloo_wire::ticket::TicketGiven = serde_json::from_slice(&given).unwrap();
        // Items of other visits have other names.
        let rng = ChaCha20Rng::seed_from_u64(now_ms);
        Good { from, key, rng, ticket: format!("Halloo {}", given.ticket) }
    }

    /// Comes in, leaves an item for itself, finds it and takes it.
    pub(crate) async fn visit(&mut self, server: &Arc<Server>) {
        let mut connection = entered(server, self.from).await;
        let item = MailboxItem::generate(&mut self.rng);
        leave(&mut connection, &self.ticket, &self.key, item).await;
        let ask = |what| Ask::sign(what, &self.key, &server.origin, World::real().now_ms());
        let fetch = What::Fetch { after: None, limit: 64 };
        let page = Page::read(&post(&mut connection, FETCH_PATH, "", ask(fetch)).await).unwrap();
        assert!(page.items.iter().any(|(name, bytes)| *name == item && bytes.len() == 1 << 10));
        post(&mut connection, ACKNOWLEDGE_PATH, "", ask(What::Acknowledge(vec![item]))).await;
    }
}

async fn leave(to: &mut SendRequest<Full<Bytes>>, ticket: &str, key: &DayKey, item: MailboxItem) {
    let left = Deposit { address: key.address(), item, bytes: vec![7; 1 << 10] };
    let outcomes = post(to, DEPOSITS_PATH, ticket, write_deposits(&[left])).await;
    assert_eq!(read_outcomes(&outcomes).unwrap(), [Outcome::Stored]);
}

/// A connection on which an answer came.
async fn entered(server: &Arc<Server>, from: Ipv4Addr) -> SendRequest<Full<Bytes>> {
    let began = Instant::now();
    loop {
        if let Ok(stream) = server.stream(from).await
            && let Ok(mut connection) = requests(stream).await
        {
            let hello = hyper::Request::get("/livez").header("host", "x").body(Full::default()).unwrap();
            if connection.send_request(hello).await.is_ok_and(|answer| answer.status().is_success()) {
                return connection;
            }
        }
        assert!(began.elapsed() < PATIENCE, "a good client is kept out");
        tokio::time::sleep(AGAIN).await;
    }
}

/// One that has listened since before the attacks.
pub(crate) struct Listener {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    key: DayKey,
}

impl Listener {
    /// Opens a socket and watches a mailbox.
    pub(crate) async fn open(server: &Arc<Server>) -> Self {
        let now_ms = World::real().now_ms();
        let key = MailboxSecret::generate(&mut ChaCha20Rng::from_seed([99; 32])).day_key(Day::of_ms(now_ms));
        let url = format!("{}{SUBSCRIBE_PATH}", server.origin.as_str().replace("http", "ws"));
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let watch = Ask::sign(What::Watch, &key, &server.origin, now_ms);
        socket.send(Message::Binary(watch.into())).await.unwrap();
        Listener { socket, key }
    }

    /// It is still told when something comes.
    pub(crate) async fn hears(&mut self, server: &Arc<Server>) {
        let mut good = Good::new(server, 200).await;
        let item = MailboxItem::generate(&mut good.rng);
        leave(&mut entered(server, good.from).await, &good.ticket, &self.key, item).await;
        loop {
            match self.socket.next().await.expect("the socket outlives the attacks").unwrap() {
                Message::Binary(bytes) => {
                    assert_eq!(Told::read(&bytes).unwrap(), Told::Wake(self.key.address()));
                    return;
                }
                other => assert!(other.is_ping() || other.is_pong(), "{other:?}"),
            }
        }
    }
}
