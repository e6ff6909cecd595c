//! Mailboxes over a real socket.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::{NOW_MS, item, open, owner};
use futures::{SinkExt as _, StreamExt as _};
use halloo_coordinator::hall::Peer;
use halloo_crypto::mailbox::DayKey;
use halloo_crypto::ticket::Room;
use halloo_store::memory::Fault;
use halloo_store::store::Store as _;
use halloo_wire::mailbox::{
    ACKNOWLEDGE_PATH, Ask, DEPOSITS_PATH, FETCH_PATH, NotWatched, Outcome, SUBSCRIBE_PATH, Told, What,
    read_outcomes, write_deposits,
};
use hyper::Method;
use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

type Socket = WebSocketStream<TcpStream>;

async fn subscribe(place: &asking::Place) -> Socket {
    let stream = TcpStream::connect(place.running.local).await.unwrap();
    upgrade(stream, &place.origin().to_string()).await
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: S, origin: &str) -> WebSocketStream<S> {
    let url = format!("{}{SUBSCRIBE_PATH}", origin.replace("http", "ws"));
    tokio_tungstenite::client_async(url, stream).await.unwrap().0
}

async fn told(socket: &mut Socket) -> Told {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(frame) => return Told::read(&frame).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Code and reason of the close frame that comes next.
async fn closed<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> (u16, String) {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
            Message::Ping(_) | Message::Binary(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Watches, and waits until the coordinator has taken it: it answers frames in order, and a forged one is answered.
async fn watch(place: &asking::Place, socket: &mut Socket, key: &DayKey) {
    socket.send(Message::Binary(place.watch(key).into())).await.unwrap();
    let mut forged = place.watch(key);
    *forged.last_mut().unwrap() ^= 1;
    socket.send(Message::Binary(forged.into())).await.unwrap();
    assert_eq!(told(socket).await, Told::NotWatched(key.address(), NotWatched::BadSignature));
}

#[tokio::test]
async fn what_one_leaves_another_fetches_and_it_is_gone_once_acknowledged() {
    let place = open(|_| {}).await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let (mine, other) = (owner(1), owner(2));
    let batch = [item(&mine, 2), item(&other, 9), item(&mine, 1), item(&mine, 2)];
    let answer = place.leave(&ticket, &batch).await;
    assert_eq!(read_outcomes(&answer.body).unwrap(), [Outcome::Stored; 4]);
    assert_eq!(place.fetch(&mine).await, [1, 2]);
    assert_eq!(place.acknowledge(&mine, &[1, 2]).await.status, 204);
    assert_eq!(place.acknowledge(&mine, &[1, 2]).await.status, 204, "a lost answer may be asked for again");
    assert!(place.fetch(&mine).await.is_empty());
    assert_eq!(place.fetch(&other).await, [9]);
    assert!(place.store.range(b"m").unwrap().len() == 1);
}

#[tokio::test]
async fn leaving_needs_a_ticket_of_this_room_and_fetching_the_owners_signature() {
    let place = open(|_| {}).await;
    let client = place.client(1);
    let body = write_deposits(&[item(&owner(1), 1)]);
    let none = place.ask(Method::POST, DEPOSITS_PATH, &[], body.clone()).await;
    assert_eq!((none.status, none.problem().as_str()), (401, "ticket-needed"));
    assert_eq!(none.headers["www-authenticate"], "Halloo");
    let elsewhere = place.ticket(&client, Room::Rendezvous).await;
    assert_eq!(place.leave(&elsewhere, &[item(&owner(1), 1)]).await.problem(), "ticket-needed");
    let ticket = place.ticket(&client, Room::Mailbox).await;
    place.world.pass(Duration::from_secs(600));
    assert_eq!(place.leave(&ticket, &[item(&owner(1), 1)]).await.problem(), "ticket-needed", "it has ended");

    let fetch = || What::Fetch { after: None, limit: 64 };
    let now_ms = place.world.now_ms();
    let other_origin = "https://other.example".parse().unwrap();
    let replayed = Ask::sign(fetch(), &owner(1), &other_origin, now_ms);
    assert_eq!(place.ask(Method::POST, FETCH_PATH, &[], replayed).await.problem(), "bad-signature");
    let old = Ask::sign(fetch(), &owner(1), &place.origin(), now_ms - 300_001);
    assert_eq!(place.ask(Method::POST, FETCH_PATH, &[], old).await.problem(), "clock-apart");
    let wrong = Ask::sign(fetch(), &owner(1), &place.origin(), now_ms);
    assert_eq!(place.ask(Method::POST, ACKNOWLEDGE_PATH, &[], wrong).await.problem(), "malformed");
}

#[tokio::test]
async fn the_same_batch_sent_by_many_at_once_is_stored_once() {
    let place = open(|_| {}).await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let batch: Vec<_> = (1..=16).map(|name| item(&owner(1), name)).collect();
    let sent = futures::future::join_all((0..20).map(|_| place.leave(&ticket, &batch))).await;
    for answer in sent {
        assert_eq!(read_outcomes(&answer.body).unwrap(), [Outcome::Stored; 16]);
    }
    assert_eq!(place.fetch(&owner(1)).await, (1..=16).collect::<Vec<_>>());
    let all: Vec<u8> = (1..=16).collect();
    place.acknowledge(&owner(1), &all).await;
    let left = place.store.range(&[]).unwrap();
    assert_eq!(left.len(), 1, "nothing but the keys of the coordinator: {left:?}");
}

#[tokio::test]
async fn quotas_refuse_item_by_item_and_limits_whole_batches() {
    let place = open(|config| {
        config.mailbox.items_per_address = 2;
        config.mailbox.deposits_burst = NonZeroU32::new(8).unwrap();
        config.mailbox.deposits_per_minute = NonZeroU32::new(60).unwrap();
    })
    .await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let batch = [item(&owner(1), 1), item(&owner(1), 2), item(&owner(1), 3), item(&owner(2), 3)];
    let outcomes = read_outcomes(&place.leave(&ticket, &batch).await.body).unwrap();
    assert_eq!(outcomes, [Outcome::Stored, Outcome::Stored, Outcome::Full, Outcome::Stored]);
    place.leave(&ticket, &batch).await;
    let refused = place.leave(&ticket, &batch).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-requests"));
    let other = place.ticket(&place.client(2), Room::Mailbox).await;
    assert_eq!(place.leave(&other, &batch).await.status, 200, "others are counted apart");
    place.world.pass(Duration::from_secs(4));
    assert_eq!(place.leave(&ticket, &batch).await.status, 200);
}

#[tokio::test]
async fn who_makes_up_clients_to_leave_more_shares_the_limit_of_its_addresses() {
    let place = open(|config| {
        config.mailbox.kib_burst = NonZeroU32::new(12).unwrap();
        config.mailbox.kib_per_minute = NonZeroU32::new(60).unwrap();
    })
    .await;
    // A batch of four is five KiB with its heads.
    let batch: Vec<_> = (1..=4).map(|name| item(&owner(1), name)).collect();
    for (seed, expected) in [(1, 200), (2, 200), (3, 429)] {
        let ticket = place.ticket(&place.client(seed), Room::Mailbox).await;
        assert_eq!(place.leave(&ticket, &batch).await.status, expected);
    }
    place.world.pass(Duration::from_secs(5));
    let ticket = place.ticket(&place.client(4), Room::Mailbox).await;
    assert_eq!(place.leave(&ticket, &batch).await.status, 200);
}

#[tokio::test]
async fn what_is_not_durable_is_not_called_stored_and_a_store_that_failed_is_not_ready() {
    let place = open(|_| {}).await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    place.store.fail_next(Fault::Full);
    let full = place.leave(&ticket, &[item(&owner(1), 1)]).await;
    assert_eq!((full.status, full.problem().as_str()), (507, "full"));
    assert_eq!(place.get("/readyz").await.status, 200, "a full disk may have room again");
    assert!(place.fetch(&owner(1)).await.is_empty());
    assert_eq!(place.leave(&ticket, &[item(&owner(1), 1)]).await.status, 200);
    place.store.fail_next(Fault::CrashBeforeDurable);
    let failed = place.leave(&ticket, &[item(&owner(1), 2)]).await;
    assert_eq!((failed.status, failed.problem().as_str()), (503, "unavailable"));
    assert_eq!(place.get("/readyz").await.problem(), "unavailable");
    assert_eq!(place.get("/livez").await.status, 200);
}

#[tokio::test]
async fn who_watches_is_told_of_its_own_addresses_and_of_no_other() {
    let place = open(|_| {}).await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let (mut mine, mut both) = (subscribe(&place).await, subscribe(&place).await);
    watch(&place, &mut mine, &owner(1)).await;
    watch(&place, &mut both, &owner(1)).await;
    watch(&place, &mut both, &owner(2)).await;
    place.leave(&ticket, &[item(&owner(2), 1)]).await;
    assert_eq!(told(&mut both).await, Told::Wake(owner(2).address()));
    place.leave(&ticket, &[item(&owner(1), 1)]).await;
    // The first that this one hears is of its own: of the other's it was not told.
    assert_eq!(told(&mut mine).await, Told::Wake(owner(1).address()));
    assert_eq!(place.fetch(&owner(1)).await, [1], "what was told of is durable");
    assert_eq!(told(&mut both).await, Told::Wake(owner(1).address()));
}

#[tokio::test]
async fn a_watch_is_refused_for_a_wrong_clock_and_beyond_what_a_socket_may_watch() {
    let place = open(|config| config.mailbox.addresses_per_socket = 1).await;
    let mut socket = subscribe(&place).await;
    let old = Ask::sign(What::Watch, &owner(1), &place.origin(), NOW_MS - 300_001);
    socket.send(Message::Binary(old.into())).await.unwrap();
    assert_eq!(told(&mut socket).await, Told::NotWatched(owner(1).address(), NotWatched::ClockSkew));
    watch(&place, &mut socket, &owner(1)).await;
    socket.send(Message::Binary(place.watch(&owner(2)).into())).await.unwrap();
    assert_eq!(told(&mut socket).await, Told::NotWatched(owner(2).address(), NotWatched::TooMany));
}

#[tokio::test]
async fn more_sockets_than_are_allowed_are_refused_until_one_goes() {
    let place = open(|config| config.mailbox.sockets = 1).await;
    let mut first = subscribe(&place).await;
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let refused = place.ask(Method::GET, SUBSCRIBE_PATH, &headers, Vec::new()).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    first.close(None).await.unwrap();
    while first.next().await.is_some() {}
    // The slot comes back when the server has seen the end as well; it always does.
    while place.ask(Method::GET, SUBSCRIBE_PATH, &headers, Vec::new()).await.status == 503 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_coordinator_that_closes_tells_every_socket_when_to_come_back() {
    let place = open(|_| {}).await;
    let (mut first, mut second) = (subscribe(&place).await, subscribe(&place).await);
    watch(&place, &mut first, &owner(1)).await;
    watch(&place, &mut second, &owner(1)).await;
    let closing = tokio::spawn(place.running.close());
    for socket in [&mut first, &mut second] {
        let (code, reason) = closed(socket).await;
        assert_eq!(code, 1012);
        let wait: u32 = reason.strip_prefix("retry ").unwrap().strip_suffix(" ms").unwrap().parse().unwrap();
        assert!((500..4_500).contains(&wait), "{reason}");
    }
    drop((first, second));
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_closed_as_slow_and_a_silent_one_too() {
    let place = open(|_| {}).await;
    let connect = || {
        let (ours, theirs) = tokio::io::duplex(1_024);
        let (door, remote) = (place.running.door.clone(), place.running.local);
        tokio::spawn(
            async move { door.serve(theirs, Peer { remote, local: Some(remote), tls: false }).await },
        );
        ours
    };
    let mut slow = upgrade(connect(), place.origin().as_str()).await.into_inner();
    let mut forged = place.watch(&owner(1));
    *forged.last_mut().unwrap() ^= 1;
    // A binary frame of a client whose mask is zero (RFC 6455, 5.2).
    let frame = [&[0x82, 0x80 | 106, 0, 0, 0, 0][..], &forged].concat();
    // It asks and asks and reads no answer, until the coordinator has stopped listening.
    let mut asked = 0;
    while tokio::time::timeout(Duration::from_secs(5), slow.write_all(&frame)).await.is_ok() {
        asked += 1;
        assert!(asked < 10_000, "answers were queued without end");
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut heard = Vec::new();
    slow.read_to_end(&mut heard).await.unwrap();
    let close = [&[0x88, 6][..], &4008_u16.to_be_bytes(), b"slow"].concat();
    assert!(heard.ends_with(&close), "{heard:?}");

    // Pings are answered only while the client reads.
    let mut silent = upgrade(connect(), place.origin().as_str()).await.into_inner();
    tokio::time::sleep(Duration::from_secs(201)).await;
    let mut heard = Vec::new();
    silent.read_to_end(&mut heard).await.unwrap();
    let pings = [[0x89, 0]; 3].concat();
    let close = [&pings[..], &[0x88, 8][..], &4008_u16.to_be_bytes(), b"silent"].concat();
    assert_eq!(heard, close, "three pings, then the end");
}

#[tokio::test]
async fn the_store_holds_nothing_of_who_left_an_item_when_and_in_which_order() {
    let mut kept = Vec::new();
    for (seed, late, order) in [(1, 0, [1, 2, 3, 4]), (9, 3 * 3_600, [3, 1, 4, 2])] {
        let place = open(|_| {}).await;
        place.world.pass(Duration::from_secs(late));
        let ticket = place.ticket(&place.client(seed), Room::Mailbox).await;
        for name in order {
            place.leave(&ticket, &[item(&owner(name % 2), name)]).await;
        }
        kept.push(place.store.range(&[]).unwrap());
        let text = format!("{:?}", kept.last().unwrap());
        assert!(!text.contains(&format!("{:?}", &place.world.now_ms().to_be_bytes()[2..])));
    }
    assert_eq!(kept[0].len(), 1 + 4 + 2 + 2, "keys, items, tallies, notes of a day");
    assert_eq!(kept[0], kept[1], "another depositor, hour and order leave the same bytes");
}

/// Garbage, and good bodies with some bytes changed, which reach deeper.
fn bodies(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let last = good.len();
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        (proptest::collection::vec((0..last, any::<u8>()), 1..4), 0..=last).prop_map(
            move |(changes, cut)| {
                let mut body = good.clone();
                changes.into_iter().for_each(|(at, byte)| body[at] = byte);
                body.truncate(cut.max(1));
                body
            }
        ),
    ]
}

#[test]
fn no_body_and_no_frame_makes_the_room_fall_over() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(open(|_| {}));
    let ticket = runtime.block_on(place.ticket(&place.client(1), Room::Mailbox));
    let fetch = Ask::sign(What::Fetch { after: None, limit: 9 }, &owner(1), &place.origin(), NOW_MS);
    let forget = Ask::sign(What::Acknowledge(Vec::new()), &owner(1), &place.origin(), NOW_MS);
    let all = (
        bodies(write_deposits(&[item(&owner(1), 1), item(&owner(2), 2)])),
        bodies(fetch),
        bodies(forget),
        bodies(place.watch(&owner(1))),
    );
    proptest!(ProptestConfig::with_cases(128), |((deposits, fetch, forget, frame) in all)| {
        runtime.block_on(async {
            let headers = [("authorization", ticket.as_str())];
            for (path, body) in [(DEPOSITS_PATH, deposits), (FETCH_PATH, fetch), (ACKNOWLEDGE_PATH, forget)] {
                let answer = place.ask(Method::POST, path, &headers, body).await;
                assert!([200, 204, 400, 403, 429].contains(&answer.status), "{answer:?}");
            }
            let mut socket = subscribe(&place).await;
            socket.send(Message::Binary(frame.into())).await.unwrap();
            socket.send(Message::Text("x".into())).await.unwrap();
            assert_eq!(closed(&mut socket).await.0, 4000);
        });
    });
    assert_eq!(runtime.block_on(place.get("/livez")).status, 200);
}
