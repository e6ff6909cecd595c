//! Each kind of speaker reaches its own door whole, and the silent ones stay few and go.

use super::*;
use crate::hall;
use std::net::Ipv4Addr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

struct House {
    at: SocketAddr,
    http: mpsc::Receiver<Guest>,
    relay: mpsc::Receiver<Guest<TcpStream>>,
    turn: mpsc::Receiver<Guest>,
    _closer: hall::Closer,
}

async fn house() -> House {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let at = listener.local_addr().expect("bound");
    let [(http, at_http), (turn, at_turn)] = [(); 2].map(|()| mpsc::channel(8));
    let (relay, at_relay) = mpsc::channel(8);
    let (_closer, closing) = hall::closing();
    let doors = Doors { http, relay: Some(relay), turn: Some(turn), tls: None };
    tokio::spawn(run(listener, doors, closing));
    House { at, http: at_http, relay: at_relay, turn: at_turn, _closer }
}

async fn say(at: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    stream.write_all(words).await.expect("room for a few bytes");
    stream
}

async fn hears<S: AsyncRead + Unpin>(door: &mut mpsc::Receiver<Guest<S>>, words: &[u8]) {
    let (mut stream, _) = door.recv().await.expect("it is open");
    let mut heard = vec![0; words.len()];
    stream.read_exact(&mut heard).await.expect("all of it");
    assert_eq!(heard, words);
}

#[tokio::test]
async fn each_speaker_reaches_its_door_with_nothing_taken() {
    let mut house = house().await;
    let get = b"GET / HTTP/1.1\r\n\r\n";
    let libp2p = b"\x13/multistream/1.0.0\n";
    let allocate = [0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    let _streams = [say(house.at, get).await, say(house.at, libp2p).await, say(house.at, &allocate).await];
    hears(&mut house.http, get).await;
    hears(&mut house.relay, libp2p).await;
    hears(&mut house.turn, &allocate).await;
}

#[test]
fn every_first_byte_is_as_drawn() {
    for first in 0..=u8::MAX {
        let expected = match first {
            0x41..=0x5a => Some(Voice::Http),
            0x16 => Some(Voice::Tls),
            0x13 => Some(Voice::Relay),
            0..=3 => Some(Voice::Turn),
            _ => None,
        };
        assert_eq!(Voice::of(first), expected, "{first:#x}");
    }
}

#[tokio::test]
async fn whoever_speaks_otherwise_or_wants_a_closed_door_is_let_go() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let at = listener.local_addr().expect("bound");
    let (http, _http) = mpsc::channel(1);
    let (_closer, closing) = hall::closing();
    tokio::spawn(run(listener, Doors { http, relay: None, turn: None, tls: None }, closing));
    for words in [&b"\xffwho"[..], b"\x13/multistream/1.0.0\n", &[0, 1, 0, 0], &[0x16, 3, 1, 0, 5]] {
        let mut stream = say(at, words).await;
        let mut answer = Vec::new();
        // A reset and an end are the same word here.
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, b"", "{words:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_stays_silent_is_let_go() {
    let house = house().await;
    let mut silent = TcpStream::connect(house.at).await.expect("it listens");
    assert_eq!(silent.read(&mut [0]).await.expect("an end, in words"), 0);
}
