//! Permissions and channels, and when they end.

use super::*;
use crate::turn::account::Accounts;

fn allocation() -> Allocation {
    let account = Accounts::new(1).open("a", 0).unwrap();
    let client = Client { addr: peer(1), link: Link::Udp(None) };
    Allocation::new(client, account, peer(2))
}

fn peer(n: u16) -> SocketAddr {
    SocketAddr::from(([198, 41, (n >> 8) as u8, n as u8], 4000))
}

#[test]
fn a_permission_is_for_an_address_on_every_port_and_ends() {
    let mut held = allocation();
    held.permit(&[peer(3).ip()], 0).unwrap();
    assert!(held.permits(peer(3).ip(), PERMISSION_MS - 1) && !held.permits(peer(3).ip(), PERMISSION_MS));
    assert!(!held.permits(peer(4).ip(), 0));
}

#[test]
fn permissions_of_one_request_are_given_all_or_none() {
    let mut held = allocation();
    let peers: Vec<_> = (0..MAX_PERMISSIONS as u16).map(|n| peer(n).ip()).collect();
    held.permit(&peers[1..], 0).unwrap();
    assert_eq!(held.permit(&[peer(500).ip(), peer(501).ip()], 0), Err(Refused::Full));
    assert!(!held.permits(peer(500).ip(), 0) && held.permits(peers[1], 0));
    held.permit(&[peer(500).ip(), peer(501).ip()], PERMISSION_MS).unwrap();
}

#[test]
fn a_channel_stands_for_one_peer_and_a_peer_for_one_channel_while_it_lasts() {
    let mut held = allocation();
    held.bind(0x4000, peer(3), 0).unwrap();
    assert_eq!(held.bind(0x4000, peer(4), 0), Err(Refused::Taken));
    assert_eq!(held.bind(0x4001, peer(3), 0), Err(Refused::Taken));
    held.bind(0x4000, peer(3), 1000).unwrap();
    assert_eq!((held.peer(0x4000, 1000), held.number(peer(3), 1000)), (Some(peer(3)), Some(0x4000)));
    let later = 1000 + CHANNEL_MS;
    assert_eq!((held.peer(0x4000, later), held.number(peer(3), later)), (None, None));
    held.bind(0x4000, peer(4), later).unwrap();
    assert_eq!(held.number(peer(3), later), None);
}

#[test]
fn a_channel_outlives_its_permission_and_does_not_send_without_it() {
    let mut held = allocation();
    held.bind(0x4000, peer(3), 0).unwrap();
    assert_eq!(held.peer(0x4000, PERMISSION_MS), None);
    held.permit(&[peer(3).ip()], PERMISSION_MS).unwrap();
    assert_eq!(held.peer(0x4000, PERMISSION_MS), Some(peer(3)));
}

#[test]
fn channels_end_at_their_limit_and_are_renewed_there() {
    let mut held = allocation();
    for n in 0..MAX_CHANNELS as u16 {
        held.bind(0x4000 + n, peer(n), 0).unwrap();
    }
    assert_eq!(held.bind(0x5000, peer(500), 0), Err(Refused::Full));
    held.bind(0x4000, peer(0), 0).unwrap();
}
