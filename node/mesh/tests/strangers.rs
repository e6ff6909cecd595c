//! Peers that speak the protocols and mean harm: raw gossipsub, and arbitrary bytes on every lane.

mod town;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use halloo_mesh::{MeshEvent, PeerKey, Topic, limits};
use libp2p::gossipsub::{self, ConfigBuilder, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::request_response::{self, Codec, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::io;
use std::task::Poll;
use town::{Town, key, keypair, swarm};

const TOPIC: Topic = Topic([7; 32]);

/// `TOPIC` as gossipsub writes it, which a removed member may still know.
fn topic_text() -> IdentTopic {
    IdentTopic::new("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc")
}

/// Runs a town beside one foreign swarm until `done` says so of the town and of what the foreigner saw.
fn beside<B: NetworkBehaviour>(
    town: &mut Town,
    foreigner: &mut Swarm<B>,
    seen: &mut Vec<SwarmEvent<B::ToSwarm>>,
    mut done: impl FnMut(&mut Town, &[SwarmEvent<B::ToSwarm>]) -> bool,
) {
    let mut seen_now = std::mem::take(seen);
    town.until_polled(|town, cx| {
        while let Poll::Ready(Some(event)) = foreigner.poll_next_unpin(cx) {
            seen_now.push(event);
        }
        done(town, &seen_now)
    });
    *seen = seen_now;
}

fn raw_gossip() -> gossipsub::Behaviour {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| gossipsub::MessageId::from(message.data.clone()))
        .build()
        .expect("valid");
    gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).expect("valid")
}

#[test]
fn a_stranger_who_knows_the_topic_neither_hears_nor_is_heard() {
    let mut town = Town::connected(2);
    for (me, other) in [(0, 1), (1, 0)] {
        town.mesh(me).subscribe(TOPIC).expect("room");
        town.mesh(me).admit(key(other), TOPIC).expect("connected");
    }
    town.until(|town| !town.mesh(0).grafted(TOPIC).is_empty());
    let pair = keypair(99);
    let stranger_key = PeerKey::from_public(&pair.public()).expect("ed25519");
    let mut stranger = swarm(&pair, raw_gossip());
    stranger.behaviour_mut().subscribe(&topic_text()).expect("no filter");
    stranger.dial(town.address(0)).expect("dialled");
    let mut seen = Vec::new();
    beside(&mut town, &mut stranger, &mut seen, |town, _| {
        town.events[0]
            .iter()
            .any(|event| matches!(event, MeshEvent::PeerUp { peer, .. } if *peer == stranger_key))
    });
    // A message passes between the members while the stranger listens.
    town.mesh(1).publish(TOPIC, b"for members".to_vec()).expect("a subscriber");
    beside(&mut town, &mut stranger, &mut seen, |town, _| {
        town.events[0].iter().any(|event| matches!(event, MeshEvent::Gossip { .. }))
    });
    for (ticket, _) in town.take_gossip(0) {
        town.mesh(0).verdict(ticket, halloo_mesh::Verdict::Accept);
    }
    // A stranger that heard nothing of us knows no subscriber.
    let refused = stranger.behaviour_mut().publish(topic_text(), b"forged".to_vec());
    assert!(matches!(refused, Err(gossipsub::PublishError::NoPeersSubscribedToTopic)), "{refused:?}");
    town.mesh(0).send_direct(key(1), b"end".to_vec()).expect("connected");
    beside(&mut town, &mut stranger, &mut seen, |town, _| !town.direct(1, key(0)).is_empty());
    let told = seen.iter().any(|event| {
        matches!(
            event,
            SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. } | gossipsub::Event::Message { .. })
        )
    });
    assert!(!told, "{seen:?}");
    assert_eq!(town.mesh(0).grafted(TOPIC), [key(1)]);
    assert_eq!(town.take_gossip(0).len(), 0);
}

#[test]
fn a_flood_on_a_topic_without_admission_is_cut_off() {
    let mut town = Town::connected(2);
    let other = Topic([9; 32]);
    for topic in [TOPIC, other] {
        town.mesh(0).subscribe(topic).expect("room");
    }
    let pair = keypair(97);
    let flooder_key = PeerKey::from_public(&pair.public()).expect("ed25519");
    let mut flooder = swarm(&pair, raw_gossip());
    flooder.dial(town.address(0)).expect("dialled");
    let mut seen = Vec::new();
    beside(&mut town, &mut flooder, &mut seen, |town, _| {
        town.mesh(0).peers().any(|peer| peer == flooder_key)
    });
    // Admitted to one topic it is told of both, and floods the other.
    town.mesh(0).admit(flooder_key, TOPIC).expect("connected");
    let told = |event: &SwarmEvent<_>| matches!(event, SwarmEvent::Behaviour(gossipsub::Event::Subscribed { topic, .. }) if *topic != topic_text().hash());
    beside(&mut town, &mut flooder, &mut seen, |_, seen| seen.iter().any(told));
    let flooded = seen.iter().find_map(|event| match event {
        SwarmEvent::Behaviour(gossipsub::Event::Subscribed { topic, .. })
            if *topic != topic_text().hash() =>
        {
            Some(topic.clone())
        }
        _ => None,
    });
    let flooded = flooded.expect("told above");
    for number in 0..limits::UNADMITTED_MAX {
        flooder
            .behaviour_mut()
            .publish(flooded.clone(), number.to_be_bytes().to_vec())
            .expect("a subscriber");
    }
    // What it is admitted to arrives behind the flood: so far it was borne.
    flooder.behaviour_mut().subscribe(&topic_text()).expect("no filter");
    flooder.behaviour_mut().publish(topic_text(), b"admitted".to_vec()).expect("a subscriber");
    beside(&mut town, &mut flooder, &mut seen, |town, _| {
        town.events[0].iter().any(|event| matches!(event, MeshEvent::Gossip { .. }))
    });
    let (_, bytes) = town.take_gossip(0).remove(0);
    assert_eq!(bytes, b"admitted");
    flooder.behaviour_mut().publish(flooded, b"one too many".to_vec()).expect("a subscriber");
    beside(&mut town, &mut flooder, &mut seen, |town, _| {
        !town.mesh(0).peers().any(|peer| peer == flooder_key)
    });
    assert_eq!(town.take_gossip(0).len(), 0);
}

#[test]
fn what_a_stranger_subscribed_to_counts_after_its_admission() {
    let mut town = Town::connected(2);
    town.mesh(0).subscribe(TOPIC).expect("room");
    let pair = keypair(96);
    let stranger_key = PeerKey::from_public(&pair.public()).expect("ed25519");
    let mut stranger = swarm(&pair, raw_gossip());
    stranger.behaviour_mut().subscribe(&topic_text()).expect("no filter");
    stranger.dial(town.address(0)).expect("dialled");
    let mut seen = Vec::new();
    beside(&mut town, &mut stranger, &mut seen, |town, _| {
        town.mesh(0).peers().any(|peer| peer == stranger_key)
    });
    town.mesh(0).admit(stranger_key, TOPIC).expect("connected");
    // Grafted by us, it may still have to hear that we subscribe: only then has it somebody to publish to.
    beside(&mut town, &mut stranger, &mut seen, |town, seen| {
        let told = |event: &SwarmEvent<_>| {
            matches!(event, SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }))
        };
        town.mesh(0).grafted(TOPIC) == [stranger_key] && seen.iter().any(told)
    });
    stranger.behaviour_mut().publish(topic_text(), b"welcome".to_vec()).expect("a subscriber");
    beside(&mut town, &mut stranger, &mut seen, |town, _| {
        town.events[0].iter().any(|event| matches!(event, MeshEvent::Gossip { .. }))
    });
    let (_, bytes) = town.take_gossip(0).remove(0);
    assert_eq!(bytes, b"welcome");
    stranger.behaviour_mut().unsubscribe(&topic_text());
    beside(&mut town, &mut stranger, &mut seen, |town, _| town.mesh(0).grafted(TOPIC).is_empty());
}

/// Writes what it is told to write, and reads whatever comes back.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io.take(1 << 20).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        p: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        self.read_request(p, io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }
}

fn raw(protocol: &'static str) -> request_response::Behaviour<Raw> {
    let protocols = [(StreamProtocol::new(protocol), ProtocolSupport::Full)];
    request_response::Behaviour::with_codec(Raw, protocols, request_response::Config::default())
}

/// Sends each of `streams` on a stream of its own and returns the frames and requests that the mesh let through.
fn assault(protocol: &'static str, streams: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut town = Town::connected(2);
    let pair = keypair(98);
    let attacker_key = PeerKey::from_public(&pair.public()).expect("ed25519");
    let target = keypair(0).public().to_peer_id();
    let mut attacker = swarm(&pair, raw(protocol));
    attacker.dial(town.address(0)).expect("dialled");
    let mut seen = Vec::new();
    beside(&mut town, &mut attacker, &mut seen, |town, _| {
        town.mesh(0).peers().any(|peer| peer == attacker_key)
    });
    let mut passed = Vec::new();
    for (number, bytes) in streams.into_iter().enumerate() {
        attacker.behaviour_mut().send_request(&target, bytes);
        // One after the other: a later stream replaces an earlier one on the direct lane.
        beside(&mut town, &mut attacker, &mut seen, |town, seen| {
            let_through(town, attacker_key, &mut passed);
            let ended = |event: &&SwarmEvent<_>| matches!(event, SwarmEvent::Behaviour(_));
            let closed = |event: &&SwarmEvent<_>| matches!(event, SwarmEvent::ConnectionClosed { .. });
            seen.iter().filter(ended).count() > number || seen.iter().any(|event| closed(&event))
        });
    }
    // Whoever behaves is served as before.
    town.mesh(1).send_direct(key(0), b"still served".to_vec()).expect("connected");
    beside(&mut town, &mut attacker, &mut seen, |town, _| !town.direct(0, key(1)).is_empty());
    let_through(&mut town, attacker_key, &mut passed);
    passed
}

/// Moves what arrived from the attacker out of the list; its pairing requests are refused by that.
fn let_through(town: &mut Town, attacker: PeerKey, passed: &mut Vec<Vec<u8>>) {
    town.events[0].retain_mut(|event| match event {
        MeshEvent::Direct { from, bytes } | MeshEvent::Pair { from, bytes, .. } if *from == attacker => {
            passed.push(std::mem::take(bytes));
            false
        }
        _ => true,
    });
}

/// The bytes of a direct stream as a peer writes them.
fn direct_stream(session: u64, first: u64, frames: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&session.to_be_bytes());
    bytes.extend_from_slice(&first.to_be_bytes());
    for frame in frames {
        bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        bytes.extend_from_slice(frame);
    }
    bytes
}

#[test]
fn repeated_and_skipped_frames_are_told_apart() {
    let streams = vec![
        direct_stream(5, 0, &[b"0", b"1"]),
        direct_stream(5, 0, &[b"0", b"1", b"2"]),
        direct_stream(5, 9, &[b"9"]),
        direct_stream(6, 3, &[b"new session"]),
        direct_stream(6, u64::MAX, &[b"last", b"wrapped"]),
    ];
    let expected: [&[u8]; 7] = [b"0", b"1", b"2", b"9", b"new session", b"last", b"wrapped"];
    assert_eq!(assault("/halloo/direct/1", streams), expected);
}

#[test]
fn broken_direct_streams_let_nothing_through_that_is_not_a_frame() {
    let large = (limits::DIRECT_FRAME_MAX as u32 + 1).to_be_bytes();
    let streams = vec![
        Vec::new(),
        vec![2; 40],
        vec![1; 10],
        [direct_stream(1, 0, &[]), large.to_vec(), vec![0; 100]].concat(),
        [direct_stream(2, 0, &[b"whole"]), vec![0, 0, 0, 9, 1, 2]].concat(),
    ];
    assert_eq!(assault("/halloo/direct/1", streams), [b"whole"]);
}

#[test]
fn random_bytes_on_the_direct_lane_are_survived() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let streams =
        (0..60).map(|_| random(&mut rng, &direct_stream(7, 0, &[b"a frame", b"another"]))).collect();
    for bytes in assault("/halloo/direct/1", streams) {
        assert!(bytes.len() <= limits::DIRECT_FRAME_MAX);
    }
}

#[test]
fn random_bytes_on_the_pairing_lane_are_survived() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut streams: Vec<_> = (0..40).map(|_| random(&mut rng, b"\x01a request of a joiner")).collect();
    streams.push(vec![1; limits::PAIR_REQUEST_MAX + 2]);
    for bytes in assault("/halloo/pair/1", streams) {
        assert!(bytes.len() <= limits::PAIR_REQUEST_MAX);
    }
}

/// Noise, or a valid stream with a few bytes changed, cut or repeated.
fn random(rng: &mut ChaCha20Rng, valid: &[u8]) -> Vec<u8> {
    let mut below = |bound: usize| (rng.next_u64() % bound as u64) as usize;
    if below(3) == 0 {
        let length = below(200);
        return (0..length).map(|_| below(256) as u8).collect();
    }
    let mut bytes = valid.to_vec();
    for _ in 0..=below(4) {
        let place = below(bytes.len().max(1));
        match below(3) {
            0 if place < bytes.len() => bytes[place] ^= 1 << below(8),
            1 => bytes.truncate(place),
            _ => bytes.extend_from_slice(&valid[..below(valid.len())]),
        }
    }
    bytes
}

#[test]
fn a_stranger_that_speaks_no_lane_of_ours_is_let_go() {
    let mut town = Town::connected(2);
    let pair = keypair(95);
    let stranger_key = PeerKey::from_public(&pair.public()).expect("ed25519");
    let mut stranger = swarm(&pair, raw("/something/else/1"));
    stranger.dial(town.address(0)).expect("dialled");
    let mut seen = Vec::new();
    beside(&mut town, &mut stranger, &mut seen, |town, _| {
        town.mesh(0).peers().any(|peer| peer == stranger_key)
    });
    // The direct lane gives up after some streams and closes the connection; pairing is answered by a failure.
    town.mesh(0).send_pair(stranger_key, b"?".to_vec()).expect("connected");
    let failed =
        |event: &MeshEvent| matches!(event, MeshEvent::PairFailed { peer, .. } if *peer == stranger_key);
    beside(&mut town, &mut stranger, &mut seen, |town, _| town.events[0].iter().any(failed));
    let id = town.mesh(0).send_direct(stranger_key, b"hello".to_vec()).expect("connected");
    let gone = |event: &MeshEvent| matches!(event, MeshEvent::PeerDown { peer } if *peer == stranger_key);
    beside(&mut town, &mut stranger, &mut seen, |town, _| town.events[0].iter().any(gone));
    let reported = town.events[0]
        .iter()
        .any(|event| matches!(event, MeshEvent::DirectFailed { peer, id: told } if *peer == stranger_key && *told == id));
    assert!(reported);
}
