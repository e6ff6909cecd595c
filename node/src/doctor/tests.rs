//! Each fault names its next step, and what is well is not called ill.

use super::coordinator;
use super::home::{check_home, check_key};
use super::machine::{EARLIEST, LATEST, check_clock};
use super::network::{check_multicast, check_port};
use super::sound::{check_level, check_voice};
use super::*;
use crate::media::device::{Read, Source};
use crate::vault::Vault;
use std::net::{Ipv4Addr, UdpSocket};

/// A microphone of one level.
struct Level(f32);

impl Source for Level {
    fn read(&mut self, frame: &mut crate::media::device::Frame) -> Read {
        frame.fill(self.0);
        Read::Sound
    }
}

#[test]
fn a_clock_of_another_century_is_a_fault() {
    assert!(check_clock(0).fault.is_some());
    assert!(check_clock(LATEST).fault.is_some());
    assert!(check_clock(EARLIEST).fault.is_none());
}

#[test]
fn a_dead_microphone_is_a_fault_and_a_quiet_one_is_not() {
    assert!(check_level(&mut Level(0.0)).fault.is_some_and(|next| next.contains("unmute")));
    assert_eq!(check_level(&mut Level(0.01)).fault, None);
}

#[test]
fn a_port_in_use_is_named() {
    let held = UdpSocket::bind("0.0.0.0:0").expect("a port");
    let port = held.local_addr().expect("address").port();
    let check =
        check_port("udp port", port, false, |at| UdpSocket::bind(at).and_then(|socket| socket.local_addr()));
    assert!(check.found.contains(&port.to_string()), "{check:?}");
    assert!(check.fault.is_some_and(|next| next.contains("--port")));
    drop(held);
    let free =
        check_port("udp port", 0, false, |at| UdpSocket::bind(at).and_then(|socket| socket.local_addr()));
    assert_eq!(free.fault, None);
    let own =
        check_port("udp port", port, true, |at| UdpSocket::bind(at).and_then(|socket| socket.local_addr()));
    assert_eq!(own.fault, None, "a port that this home's own daemon holds is no fault");
}

#[test]
fn a_home_that_cannot_be_written_is_a_fault() {
    let dir = tempfile::tempdir().expect("temp dir");
    let home = Home::open(Some(dir.path().join("home")));
    let checks = check_home(&home);
    let fault = |name: &str| checks.iter().find(|check| check.name == name).map(|check| check.fault.clone());
    assert_eq!((fault("home"), fault("keys")), (Some(None), Some(None)), "{checks:?}");
    let nowhere = check_home(&Err(HomeError::Nowhere));
    assert!(nowhere[0].fault.as_ref().is_some_and(|next| next.contains("--home")));
}

#[test]
fn where_the_key_lies_is_said_and_a_keyring_that_does_not_answer_is_a_fault_only_if_it_holds_it() {
    let dir = tempfile::tempdir().expect("temp dir");
    let home = Home::open(Some(dir.path().join("home"))).expect("a home");
    let looked = || check_key(&home, Keyring::Off);
    assert!(looked().fault.is_none() && looked().found.starts_with("none yet"), "{:?}", looked());
    drop(Vault::open(&home, &crate::vault::Unlock::by_key_file()).expect("a vault"));
    assert!(looked().fault.is_none() && looked().found.contains("beside the data"), "{:?}", looked());
    let mut file = home.read("vault").expect("readable").expect("there");
    file[1] = 1;
    home.write_private("vault", &file).expect("writable");
    assert_eq!(looked().found, "in a passphrase");
    file[1] = 2;
    home.write_private("vault", &file).expect("writable");
    assert!(looked().fault.is_some_and(|next| next.contains("keyring")), "{}", looked().found);
    file[1] = 3;
    home.write_private("vault", &file).expect("writable");
    assert!(looked().fault.is_some_and(|next| next.contains("backup")));
}

#[test]
fn multicast_on_an_address_that_is_not_ours_is_a_fault_with_a_next_step() {
    let check = check_multicast(Ipv4Addr::new(203, 0, 113, 77));
    assert!(check.fault.is_some_and(|next| next.contains("--peer")), "{}", check.found);
}

#[test]
fn the_report_is_json_with_three_fields() {
    let json = serde_json::to_value(bad("clock", "x", "y")).expect("json");
    assert_eq!(json, serde_json::json!({ "name": "clock", "found": "x", "fault": "y" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_connects_with_itself() {
    let check = check_voice().await;
    assert_eq!(check.fault, None, "{}", check.found);
    assert!(check.found.contains("Opus"));
}

#[tokio::test]
async fn a_coordinator_that_is_silent_or_whose_clock_is_wrong_is_a_fault_with_a_next_step() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let checks = coordinator::check(&format!("http://{free}").parse().unwrap()).await;
    assert_eq!(checks.len(), 1, "nothing else can be said");
    assert!(checks[0].found.contains("refused") && checks[0].fault.is_some(), "{:?}", checks[0]);
    assert!(coordinator::clock(-59_000).fault.is_none());
    for wrong in [61_000, -3_600_000, i64::MIN, i64::MAX] {
        assert!(coordinator::clock(wrong).fault.is_some(), "{wrong}");
    }
}

#[tokio::test]
async fn only_who_answers_the_very_request_counts_as_a_turn_server() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = server.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut request = [0; 1_500];
        for wrong in [true, false] {
            let (count, from) = server.recv_from(&mut request).await.unwrap();
            // A Binding success response (0x0101) of no attributes, once with another transaction.
            let mut answer = request[..count].to_vec();
            answer[..4].copy_from_slice(&[1, 1, 0, 0]);
            answer[19] ^= u8::from(wrong);
            server.send_to(&answer[..20], from).await.unwrap();
        }
    });
    assert!(coordinator::binds(at).await, "the second answer is to the request");
    serving.await.unwrap();
    assert!(!coordinator::binds(at).await, "nobody is there any more");
}
