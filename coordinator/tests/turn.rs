//! A ticket gives a credential, and the credential opens a relay on the same port.

#![allow(clippy::unwrap_used)]

mod asking;

use asking::{Client, NOW_MS, Place, open};
use halloo_crypto::ticket::Room;
use halloo_wire::turn::{PATH, TurnGiven};
use hyper::Method;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;
use stun_types::attribute::{ErrorCode, Nonce, Realm, Username};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageWrite, MessageWriteExt, MessageWriteVec,
};
use turn_types::attribute::{RequestedTransport, XorRelayedAddress};
use turn_types::message::ALLOCATE;

async fn given(place: &Place, client: &Client) -> TurnGiven {
    let ticket = place.ticket(client, Room::Turn).await;
    let answer = place.ask(Method::POST, PATH, &[("authorization", &ticket)], Vec::new()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// Asks for a relay by datagrams; its address, or the code of the refusal.
fn allocate(server: SocketAddr, given: &TurnGiven) -> Result<SocketAddr, u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    allocate_by(given, |request| {
        socket.send_to(request, server).unwrap();
        let mut bytes = vec![0; 1000];
        let length = socket.recv(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    })
}

/// Asks by a stream, which the relay lasts as long as.
fn allocate_by_tcp(stream: &mut TcpStream, given: &TurnGiven) -> Result<SocketAddr, u16> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    allocate_by(given, |request| {
        stream.write_all(request).unwrap();
        let mut bytes = vec![0; 20];
        stream.read_exact(&mut bytes).unwrap();
        bytes.resize(20 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 0);
        stream.read_exact(&mut bytes[20..]).unwrap();
        bytes
    })
}

fn allocate_by(given: &TurnGiven, mut ask: impl FnMut(&[u8]) -> Vec<u8>) -> Result<SocketAddr, u16> {
    let mut challenge: Option<(String, String)> = None;
    for _ in 0..2 {
        let mut request = Message::builder_request(ALLOCATE, MessageWriteVec::new());
        request.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).unwrap();
        if let Some((realm, nonce)) = &challenge {
            request.add_attribute(&Username::new(&given.username).unwrap()).unwrap();
            request.add_attribute(&Realm::new(realm).unwrap()).unwrap();
            request.add_attribute(&Nonce::new(nonce).unwrap()).unwrap();
            let (username, password) = (given.username.clone(), given.credential.clone());
            let key = LongTermKeyCredentials::new(username, password, realm.clone());
            request.add_message_integrity(&key.into(), IntegrityAlgorithm::Sha1).unwrap();
        }
        let bytes = ask(&request.finish());
        let answer = Message::from_bytes(&bytes).unwrap();
        if let Ok(relay) = answer.attribute::<XorRelayedAddress>() {
            return Ok(relay.addr(answer.transaction_id()));
        }
        let code = answer.attribute::<ErrorCode>().unwrap().code();
        let realm = answer.attribute::<Realm>().map(|realm| realm.realm().to_owned());
        let nonce = answer.attribute::<Nonce>().map(|nonce| nonce.nonce().to_owned());
        match (realm, nonce, &challenge) {
            (Ok(realm), Ok(nonce), None) => challenge = Some((realm, nonce)),
            _ => return Err(code),
        }
    }
    panic!("challenged without end");
}

#[tokio::test]
async fn a_ticket_gives_a_credential_that_opens_a_relay_on_the_same_port() {
    let place = open(|_| {}).await;
    let given = given(&place, &place.client(1)).await;
    assert_eq!(given.port, place.running.local.port());
    assert_eq!(given.expires_ms, NOW_MS + 12 * 3_600_000);
    let relay = allocate(place.running.local, &given).unwrap();
    assert_eq!(relay.ip(), place.running.local.ip());
    assert!(UdpSocket::bind(relay).is_err(), "a real socket holds it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_port_opens_relays_by_tcp_too_and_closed_it_frees_them() {
    let place = open(|_| {}).await;
    let given = given(&place, &place.client(1)).await;
    let local = place.running.local;
    let mut stream = TcpStream::connect(local).unwrap();
    let relay = allocate_by_tcp(&mut stream, &given).unwrap();
    assert!(UdpSocket::bind(relay).is_err(), "a real socket holds it");
    place.running.close().await;
    UdpSocket::bind(relay).unwrap();
    UdpSocket::bind(local).unwrap();
}

#[tokio::test]
async fn a_credential_opens_nothing_after_its_end_nor_with_another_name() {
    let place = open(|_| {}).await;
    let given = given(&place, &place.client(1)).await;
    let other = TurnGiven { username: given.username.replace(':', ":0"), ..given.clone() };
    assert_eq!(allocate(place.running.local, &other), Err(401));
    place.world.pass(Duration::from_secs(12 * 3600));
    assert_eq!(allocate(place.running.local, &given), Err(401));
}

#[tokio::test]
async fn nobody_is_given_a_credential_without_a_ticket_of_this_room() {
    let place = open(|_| {}).await;
    assert_eq!(place.ask(Method::POST, PATH, &[], Vec::new()).await.problem(), "ticket-needed");
    let other = place.ticket(&place.client(1), Room::Mailbox).await;
    let answer = place.ask(Method::POST, PATH, &[("authorization", &other)], Vec::new()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (401, "ticket-needed"));
}

#[tokio::test]
async fn the_name_in_a_credential_is_another_one_each_day() {
    let place = open(|_| {}).await;
    let name = |given: TurnGiven| given.username.split_once(':').unwrap().1.to_owned();
    let (one, two) = (place.client(1), place.client(2));
    let today = name(given(&place, &one).await);
    assert_eq!(today, name(given(&place, &one).await));
    assert_ne!(today, name(given(&place, &two).await));
    place.world.pass(Duration::from_secs(86_400));
    assert_ne!(today, name(given(&place, &one).await));
}

#[tokio::test]
async fn credentials_are_not_given_without_end() {
    let place = open(|_| {}).await;
    let ticket = place.ticket(&place.client(1), Room::Turn).await;
    let mut last = 200;
    for _ in 0..40 {
        last = place.ask(Method::POST, PATH, &[("authorization", &ticket)], Vec::new()).await.status;
        if last != 200 {
            break;
        }
    }
    assert_eq!(last, 429);
}
