//! A device that is away is woken through its push service when something is left for it, with real homes, a real coordinator and a push
//! service that writes down what it is asked to deliver.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod people;
mod places;

use people::Person;
use places::{Place, texts, two};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// The subscription of RFC 8291, section 5.
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
/// How long a push may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Days ahead for which something lies at a coordinator.
const DAYS: u64 = 30;
/// First byte of the keys under which a coordinator keeps sealed tokens, as its page in docs/spec says.
const TOKEN_ROWS: &[u8] = b"pr";

/// Pushes that may wait to be looked at.
const PUSHES_WAITING: usize = 16;

/// A push as its service saw it.
struct Push {
    path: String,
    head: String,
    body: Vec<u8>,
}

/// A push service on loopback, and what it has been asked to deliver.
fn push_service() -> (String, Receiver<Push>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let (out, seen) = sync_channel(PUSHES_WAITING);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let push = read(&mut stream.unwrap());
            if out.send(push).is_err() {
                return;
            }
        }
    });
    (at, seen)
}

fn read(stream: &mut TcpStream) -> Push {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "cut short: {head}");
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    Push { path: head.split(' ').nth(1).unwrap().to_owned(), head, body }
}

/// Waits until so much lies at the coordinator, and nothing is still to be said.
fn is_told(person: &Person, left: u64) {
    person
        .wait("what lies at the coordinator", &["wake"], |wake| wake["left"] == left && wake["waiting"] == 0);
}

#[test]
fn who_is_away_is_woken_by_its_push_service_when_a_line_is_left_and_by_nothing_once_it_does_not_want_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::open(folder.path());
    let (service, seen) = push_service();
    let (mut ada, mut ben) = two(folder.path(), &place);
    ben.is_known();
    assert_eq!(ben.ask(&["wake"])["kind"], serde_json::Value::Null);
    ben.ask(&["wake", "web", &format!("{service}/ben"), "--p256dh", P256DH, "--auth", AUTH]);
    is_told(&ben, DAYS);

    ben.offline();
    ada.ask(&["say", "at the bridge"]);
    let push = seen.recv_timeout(PATIENCE).unwrap();
    assert_eq!(push.path, "/ben");
    assert!(
        push.head.contains("content-encoding: aes128gcm") && push.head.contains("authorization: vapid t=")
    );
    assert!(!push.body.is_empty() && !String::from_utf8_lossy(&push.body).contains("bridge"));

    // What it wakes for is there, and it need not say again how it is woken.
    assert_eq!(place.rows(TOKEN_ROWS).len() as u64, DAYS);
    ben.online();
    ben.wait("the line", &["log"], |log| texts(log) == ["at the bridge"]);
    let wake = ben.ask(&["wake"]);
    assert_eq!((&wake["kind"], &wake["left"]), (&"webpush".into(), &DAYS.into()), "{wake}");

    ben.ask(&["wake", "off"]);
    is_told(&ben, 0);
    ben.offline();
    ada.offline();
    assert!(place.rows(TOKEN_ROWS).is_empty(), "nothing lies there any more");
}

#[test]
fn what_keeps_a_device_from_being_woken_is_told_with_the_coordinator_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path());
    let (_ada, ben) = two(folder.path(), &place);
    ben.refused(&["wake", "web", "push.example", "--p256dh", P256DH, "--auth", AUTH], "an endpoint is a URL");
    // This coordinator holds no key of Google's.
    ben.ask(&["wake", "fcm", "token"]);
    let wake = ben.wait("the trouble", &["wake"], |wake| wake["trouble"][0]["why"].is_string());
    let trouble = &wake["trouble"][0];
    assert_eq!(trouble["origin"], place.origin.as_str());
    assert!(trouble["why"].as_str().unwrap().contains("its gateway sends no fcm"), "{wake}");
}
