//! Dials over a Swarm that gets nowhere: what is begun, what is left alone, and what follows from what happened.

use super::*;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::dummy::DummyTransport;
use libp2p::core::transport::{PortUse, Transport as _};
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::identity::Keypair;
use libp2p::swarm::{Config, dummy};
use std::num::NonZeroU32;

type Happened = SwarmEvent<std::convert::Infallible>;

fn swarm() -> Swarm<dummy::Behaviour> {
    let transport = DummyTransport::<(PeerId, StreamMuxerBox)>::new().boxed();
    let me = Keypair::generate_ed25519().public().to_peer_id();
    Swarm::new(transport, dummy::Behaviour, me, Config::without_executor())
}

fn somebody() -> (PeerId, PeerKey) {
    let id = Keypair::generate_ed25519().public().to_peer_id();
    (id, PeerKey::from_peer_id(&id).expect("an Ed25519 key"))
}

fn address(number: u16) -> Multiaddr {
    format!("/ip4/10.77.0.1/tcp/{number}").parse().expect("an address")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn dialler() -> ConnectedPoint {
    ConnectedPoint::Dialer { address: address(1), role_override: Endpoint::Dialer, port_use: PortUse::Reuse }
}

fn established(peer_id: PeerId, connection_id: ConnectionId) -> Happened {
    SwarmEvent::ConnectionEstablished {
        peer_id,
        connection_id,
        endpoint: dialler(),
        num_established: NonZeroU32::MIN,
        concurrent_dial_errors: None,
        established_in: Duration::ZERO,
    }
}

fn closed(peer_id: PeerId, connection_id: ConnectionId, num_established: u32) -> Happened {
    SwarmEvent::ConnectionClosed { peer_id, connection_id, endpoint: dialler(), num_established, cause: None }
}

fn failed(connection_id: ConnectionId) -> Happened {
    SwarmEvent::OutgoingConnectionError { connection_id, peer_id: None, error: DialError::Aborted }
}

/// The only dial under way.
fn under_way(dials: &Dials) -> ConnectionId {
    assert_eq!(dials.under_way.len(), 1);
    *dials.under_way.keys().next().expect("one")
}

#[test]
fn who_is_found_is_dialled_once_until_that_has_come_to_something() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    let (_, key) = somebody();
    dials.add(ms(0), Some(key), &[address(1)], DialSource::Found);
    assert_eq!(dials.dial_due(ms(0), &mut swarm), 1);
    assert_eq!(dials.next_due(), None, "what is under way is not due");
    dials.add(ms(10), Some(key), &[address(1)], DialSource::Found);
    assert_eq!(dials.dial_due(ms(10), &mut swarm), 0, "an address that is known is no news");
    dials.add(ms(20), Some(key), &[address(2)], DialSource::Found);
    assert_eq!(dials.dial_due(ms(20), &mut swarm), 0, "another address does not begin a second dial");
    let due = dials.next_due().expect("the dial that was overtaken is looked at again");
    assert!(due > ms(20));
}

#[test]
fn nobody_dials_itself() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    let me = PeerKey::from_peer_id(swarm.local_peer_id()).expect("an Ed25519 key");
    dials.add(ms(0), Some(me), &[address(1)], DialSource::Found);
    assert_eq!(dials.dial_due(ms(0), &mut swarm), 0);
    assert!(dials.under_way.is_empty());
    assert_eq!(dials.next_due(), None, "it is not tried again either");
}

#[test]
fn pauses_after_failures_double_and_have_an_end() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    dials.add(ms(0), None, &[address(1)], DialSource::Given);
    let (mut now, mut pauses) = (ms(0), Vec::new());
    for _ in 0..9 {
        assert_eq!(dials.dial_due(now, &mut swarm), 1);
        assert_eq!(dials.on_event(now, &failed(under_way(&dials))), None);
        assert!(dials.under_way.is_empty());
        let due = dials.next_due().expect("an address given by hand is tried for ever");
        pauses.push((due - now).as_millis());
        now = due;
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
}

#[test]
fn a_failure_of_somebody_elses_dial_changes_nothing() {
    let mut dials = Dials::default();
    dials.add(ms(0), None, &[address(1)], DialSource::Given);
    assert_eq!(dials.on_event(ms(0), &failed(ConnectionId::new_unchecked(usize::MAX))), None);
    assert_eq!(dials.next_due(), Some(ms(0)));
}

#[test]
fn a_member_is_dialled_again_at_once_and_a_stranger_much_later() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    let (id, key) = somebody();
    dials.add(ms(0), Some(key), &[address(1)], DialSource::Found);
    assert_eq!(dials.dial_due(ms(0), &mut swarm), 1);
    let first = under_way(&dials);
    assert_eq!(dials.on_event(ms(5), &established(id, first)), None);
    assert_eq!(dials.on_event(ms(30_005), &closed(id, first, 0)), None);
    assert!(dials.next_due() > Some(ms(90_000)), "a stranger is left alone");
    dials.is_member(key);
    dials.look_around(ms(30_020), false);
    assert_eq!(dials.next_due(), Some(ms(30_020)), "a member is looked for when the network has changed");
    dials.disown(key);
    dials.expire(key, &address(1));
    assert_eq!(dials.next_due(), None, "whom nobody wants and nobody sees is forgotten");
}

#[test]
fn an_address_by_hand_becomes_the_peer_that_answers_there() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    let (id, key) = somebody();
    dials.add(ms(0), None, &[address(1)], DialSource::Given);
    assert_eq!(dials.dial_due(ms(0), &mut swarm), 1);
    let first = under_way(&dials);
    assert_eq!(dials.on_event(ms(5), &established(id, first)), None);
    dials.add(ms(6), Some(key), &[address(1)], DialSource::Found);
    assert_eq!(dials.next_due(), None, "it is the one that is connected");
    assert_eq!(dials.on_event(ms(900), &closed(id, first, 0)), None);
    let due = dials.next_due().expect("who was given by hand is wanted");
    assert_eq!(dials.dial_due(due, &mut swarm), 1);
}

/// Two who were strangers when a cable was cut: one side's idle connection ended, the other's looks open. In the meantime both came
/// into one group, and the first dial after the cable is back is taken for a new life.
#[test]
fn who_is_taken_for_started_anew_is_dialled_again_soon_though_nobody_knows_yet_who_it_is() {
    let ends = [somebody(), somebody()];
    let mut sides = [Dials::default(), Dials::default()];
    let connection = ConnectionId::new_unchecked;
    for (at, dials) in sides.iter_mut().enumerate() {
        let (id, key) = ends[1 - at];
        dials.add(ms(0), Some(key), &[address(1)], DialSource::Found);
        assert_eq!(dials.on_event(ms(10), &established(id, connection(1))), None);
    }
    let (id_of_one, id_of_other) = (ends[0].0, ends[1].0);
    assert_eq!(sides[0].on_event(ms(30_010), &closed(id_of_other, connection(1), 0)), None);
    sides.iter_mut().for_each(|dials| dials.somebody_came(ms(31_000)));
    let [one, other] = &mut sides;
    assert_eq!(one.on_event(ms(40_000), &established(id_of_other, connection(2))), None);
    assert_eq!(other.on_event(ms(40_000), &established(id_of_one, connection(2))), Some(id_of_one));
    assert_eq!(other.on_event(ms(40_001), &closed(id_of_one, connection(1), 1)), None);
    assert_eq!(other.on_event(ms(40_001), &closed(id_of_one, connection(2), 0)), None);
    assert_eq!(one.on_event(ms(40_010), &closed(id_of_other, connection(2), 0)), None);
    for dials in &sides {
        assert!(dials.next_due() < Some(ms(41_000)), "due at {:?}", dials.next_due());
    }
}

#[test]
fn a_peer_that_connects_although_it_is_connected_was_started_anew() {
    let mut dials = Dials::default();
    let (id, _) = somebody();
    let connection = ConnectionId::new_unchecked;
    assert_eq!(dials.on_event(ms(0), &established(id, connection(1))), None);
    assert_eq!(dials.on_event(ms(100), &established(id, connection(2))), None, "both dialled at one moment");
    assert_eq!(dials.on_event(ms(5_000), &established(id, connection(3))), Some(id));
    for (number, left) in [(1, 2), (2, 1), (3, 0)] {
        assert_eq!(dials.on_event(ms(5_010), &closed(id, connection(number), left)), None);
    }
    assert_eq!(dials.on_event(ms(5_100), &established(id, connection(4))), None, "a life of its own");
}

fn circuit() -> Multiaddr {
    let (relay, _) = somebody();
    format!("/ip4/10.77.0.9/tcp/7/p2p/{relay}/p2p-circuit").parse().expect("an address")
}

#[test]
fn a_dial_of_somebody_else_does_not_hold_ours_back() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    let (id, key) = somebody();
    let punch = DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(vec![address(9)]).build();
    swarm.dial(punch).expect("begun");
    dials.add(ms(0), Some(key), &[address(1)], DialSource::Given);
    assert_eq!(dials.dial_due(ms(0), &mut swarm), 1);
}

#[test]
fn circuits_are_dialled_beside_what_hangs_and_tried_again_with_the_rest() {
    let (mut dials, mut swarm) = (Dials::default(), swarm());
    let (id, key) = somebody();
    let circuit = circuit();
    dials.add(ms(0), Some(key), &[address(1)], DialSource::Given);
    assert_eq!(dials.dial_due(ms(0), &mut swarm), 1);
    assert!(dials.circuits_under_way().is_empty(), "it has none");
    assert!(dials.dial_by_relay(key, vec![circuit.clone()], &mut swarm));
    assert_eq!(dials.under_way.len(), 2);
    assert_eq!(dials.circuits_under_way(), BTreeMap::from([(key, vec![circuit.clone()])]));
    let tried: Vec<_> = dials.under_way.keys().copied().collect();
    for connection in &tried {
        assert_eq!(dials.on_event(ms(10), &failed(*connection)), None);
    }
    let due = dials.next_due().expect("tried again");
    assert_eq!(dials.book.due(due)[0].1, [address(1), circuit]);
    assert_eq!(dials.on_event(due, &established(id, ConnectionId::new_unchecked(900))), None);
    assert!(dials.circuits_under_way().is_empty(), "who is connected needs no circuit");
    let me = PeerKey::from_peer_id(swarm.local_peer_id()).expect("an Ed25519 key");
    assert!(!dials.dial_by_relay(me, vec![address(1)], &mut swarm), "nobody dials itself");
}

#[test]
fn a_peer_by_relay_is_told_from_a_direct_one_and_what_became_spare_is_named() {
    let mut dials = Dials::default();
    let (id, _) = somebody();
    let [relayed, direct] = [1, 2].map(ConnectionId::new_unchecked);
    let endpoint = ConnectedPoint::Listener { local_addr: circuit(), send_back_addr: address(1) };
    let by_relay: Happened = SwarmEvent::ConnectionEstablished {
        peer_id: id,
        connection_id: relayed,
        endpoint,
        num_established: NonZeroU32::MIN,
        concurrent_dial_errors: None,
        established_in: Duration::ZERO,
    };
    assert_eq!(dials.is_direct(&id), None);
    assert_eq!(dials.on_event(ms(0), &by_relay), None);
    assert_eq!((dials.is_direct(&id), dials.spare(&id)), (Some(false), vec![]));
    assert_eq!(dials.on_event(ms(3_000), &established(id, direct)), None, "a move is no return");
    assert_eq!((dials.is_direct(&id), dials.spare(&id)), (Some(true), vec![relayed]));
    assert_eq!(dials.on_event(ms(9_000), &closed(id, relayed, 1)), None);
    assert_eq!((dials.is_direct(&id), dials.spare(&id)), (Some(true), vec![]));
}
