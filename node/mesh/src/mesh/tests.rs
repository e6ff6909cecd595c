//! What a mesh without connections refuses.

use super::*;
use libp2p::identity::Keypair;

fn mesh() -> Mesh {
    let key = Keypair::ed25519_from_bytes([3; 32]).expect("32 bytes are a seed");
    Mesh::new(&key.public(), MeshConfig::default()).expect("an Ed25519 key")
}

fn stranger() -> PeerKey {
    let key = Keypair::ed25519_from_bytes([4; 32]).expect("32 bytes are a seed");
    PeerKey::from_public(&key.public()).expect("an Ed25519 key")
}

#[test]
fn nothing_can_be_sent_to_who_is_not_connected() {
    let mut mesh = mesh();
    assert_eq!(mesh.send_direct(stranger(), vec![1]), Err(MeshError::NotConnected));
    assert_eq!(mesh.send_pair(stranger(), vec![1]), Err(MeshError::NotConnected));
    assert_eq!(mesh.admit(stranger(), Topic([1; 32])), Err(MeshError::NotConnected));
    assert_eq!(mesh.peers().count(), 0);
}

#[test]
fn each_lane_refuses_what_is_too_large() {
    let mut mesh = mesh();
    let too_large = |max| MeshError::TooLarge { len: max + 1, max };
    let direct = limits::DIRECT_FRAME_MAX;
    assert_eq!(mesh.send_direct(stranger(), vec![0; direct + 1]), Err(too_large(direct)));
    let pair = limits::PAIR_REQUEST_MAX;
    assert_eq!(mesh.send_pair(stranger(), vec![0; pair + 1]), Err(too_large(pair)));
    let gossip = limits::GOSSIP_FRAME_MAX;
    assert_eq!(mesh.publish(Topic([1; 32]), vec![0; gossip + 1]), Err(too_large(gossip)));
}

#[test]
fn topics_are_bounded_and_a_repeat_costs_nothing() {
    let mut mesh = mesh();
    let topic = |number: usize| Topic([number.to_be_bytes(); 4].concat().try_into().expect("32 bytes"));
    for number in 0..limits::TOPICS_MAX {
        mesh.subscribe(topic(number)).expect("room");
    }
    assert_eq!(mesh.subscribe(topic(0)), Ok(()));
    let full = MeshError::TooMany { max: limits::TOPICS_MAX };
    assert_eq!(mesh.subscribe(topic(limits::TOPICS_MAX)), Err(full));
    mesh.unsubscribe(topic(5));
    assert_eq!(mesh.subscribe(topic(limits::TOPICS_MAX)), Ok(()));
}

#[test]
fn what_nobody_hears_yet_waits_until_its_bytes_are_too_many() {
    let mut mesh = mesh();
    let frame = limits::GOSSIP_FRAME_MAX;
    let fits = limits::WAITING_BYTES_MAX / frame;
    for number in 0..fits {
        assert_eq!(mesh.publish(Topic([1; 32]), vec![number as u8; frame]), Ok(Published::Waiting));
    }
    let full = MeshError::TooMany { max: limits::WAITING_BYTES_MAX };
    assert_eq!(mesh.publish(Topic([2; 32]), vec![0; frame]), Err(full));
    mesh.unsubscribe(Topic([1; 32]));
    assert_eq!(mesh.publish(Topic([2; 32]), vec![0; frame]), Ok(Published::Waiting));
}

#[test]
fn a_key_of_another_kind_is_refused() {
    // No point of the curve has this encoding.
    let no_point = (0..=255u8).map(|byte| PeerKey([byte; 32])).find(|key| key.to_peer_id().is_none());
    let mut mesh = mesh();
    assert_eq!(mesh.send_direct(no_point.expect("half of all encodings"), vec![1]), Err(MeshError::BadPeer));
}

#[test]
fn who_is_unknown_can_be_expelled_without_harm() {
    let mut mesh = mesh();
    mesh.expel(stranger());
    mesh.expel(PeerKey([2; 32]));
    mesh.unsubscribe(Topic([9; 32]));
    assert_eq!(mesh.grafted(Topic([9; 32])), []);
}

#[test]
fn only_the_name_at_the_end_is_taken_off_an_address() {
    let name = stranger().to_peer_id().expect("a key");
    let relay = PeerKey::from_public(&Keypair::ed25519_from_bytes([5; 32]).expect("a seed").public());
    let relay = relay.and_then(|key| key.to_peer_id()).expect("a key");
    for bare in ["/ip4/10.0.0.1/tcp/7".to_owned(), format!("/ip4/10.0.0.1/tcp/7/p2p/{relay}/p2p-circuit")] {
        let named: libp2p::Multiaddr = format!("{bare}/p2p/{name}").parse().expect("an address");
        let bare: libp2p::Multiaddr = bare.parse().expect("an address");
        assert_eq!(swarm::without_peer(&named), bare);
        assert_eq!(swarm::without_peer(&bare), bare);
    }
}
