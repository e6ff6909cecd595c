//! What a stranger or a removed member can do with the wires: nothing.

use std::time::Duration;

use halloo_engine::input::{Command, Input};
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Output, Verdict};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_removed_is_handed_everything_and_opens_nothing() {
    let mut world = World::group(3, 110);
    world.keep_frames = true;
    world.say(0, "before");
    world.run(2 * SECOND);
    let opened_before = world.engine(2).status().seals_opened;
    assert!(opened_before > 0);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(5 * SECOND);
    let (opened, heard) = (world.engine(2).status().seals_opened, world.people[1].heard.len());
    for n in 0..10 {
        world.say(n % 2, &format!("secret {n}"));
    }
    world.run(5 * SECOND);
    let frames = world.people[1].heard.split_off(heard);
    assert!(frames.len() >= 5);
    for (from, lane, bytes) in frames {
        let Lane::Gossip(topic) = lane else { panic!("gossip was kept") };
        let peer = world.people[from].identity.peer;
        assert_eq!(world.hand_gossip(2, peer, topic, bytes), Verdict::Ignore);
    }
    let status = world.engine(2).status();
    assert_eq!(status.seals_opened, opened);
    assert_eq!(world.texts(2), ["before"]);
}

#[test]
fn no_name_text_or_place_is_on_the_wire() {
    let mut world = World::new(111);
    world.keep_frames = true;
    world.found("Adalbertina");
    world.join(0, "Benedictus");
    world.say(0, "the treasure lies under the oak");
    world.command(1, Command::Share { lease: Some(600 * SECOND) }).expect("shared");
    world.run(10 * SECOND);
    let canaries: [&[u8]; 4] = [b"Adalbertina", b"Benedictus", b"treasure", b"Sunday ride"];
    let mut frames = 0;
    for person in &world.people {
        for frame in &person.sent {
            frames += 1;
            for canary in canaries {
                assert!(!frame.windows(canary.len()).any(|window| window == canary), "{canary:?}");
            }
        }
    }
    assert!(frames > 20);
}

#[test]
fn garbage_on_every_lane_changes_nothing_and_panics_nobody() {
    let mut world = World::group(2, 112);
    world.keep_frames = true;
    world.say(0, "steady");
    world.say(1, "as she goes");
    world.run(3 * SECOND);
    let mut rng = ChaCha20Rng::seed_from_u64(112);
    let real: Vec<Vec<u8>> = world.people.iter().flat_map(|person| person.sent.clone()).collect();
    let from = world.people[1].identity.peer;
    let texts = world.texts(0);
    let topic = [7; 32];
    for round in 0..1_500_usize {
        let mut bytes = match round % 3 {
            0 => {
                let mut bytes = vec![0; rng.next_u32() as usize % 400];
                rng.fill_bytes(&mut bytes);
                bytes
            }
            _ => real[rng.next_u32() as usize % real.len()].clone(),
        };
        if !bytes.is_empty() && round % 3 != 0 {
            for _ in 0..=rng.next_u32() % 3 {
                let at = rng.next_u32() as usize % bytes.len();
                bytes[at] ^= 1 << (rng.next_u32() % 8);
            }
            if rng.next_u32() % 4 == 0 {
                bytes.truncate(rng.next_u32() as usize % bytes.len());
            }
        }
        match rng.next_u32() % 3 {
            0 => drop(world.hand_gossip(0, from, topic, bytes)),
            1 => world.hand(0, Input::Frame { from, lane: Lane::Direct, bytes }),
            _ => world.hand(0, Input::Frame { from, lane: Lane::Pair, bytes }),
        }
    }
    assert_eq!(world.texts(0), texts);
    assert_eq!(world.engine(0).members().len(), 2);
    world.say(1, "still here");
    world.run(40 * SECOND);
    assert!(world.texts(0).contains(&"still here".to_string()));
}

#[test]
fn a_stranger_with_the_route_tag_is_told_nothing() {
    let mut world = World::group(2, 113);
    let stranger = PeerKey([9; 32]);
    let route = world.engine(0).route_tag();
    world.hand(0, Input::PeerUp(stranger));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let device = halloo_crypto::identity::DeviceSecret::generate(&mut rng);
    use halloo_engine::wire::direct::DirectFrame;
    let hello = DirectFrame::Hello { nonce: [5; 32] }.to_bytes(route);
    let epochs = DirectFrame::Stranded.to_bytes(route);
    let unknown = DirectFrame::Unknown { heads: vec![] }.to_bytes(route);
    let proof = halloo_engine::wire::proof::ProofContext {
        group: world.engine(0).group(),
        prover: stranger,
        verifier: world.people[0].identity.peer,
        nonce: [0; 32],
    };
    let proof = DirectFrame::Proof(proof.prove(&device)).to_bytes(route);
    let now = world.now;
    let engine = world.people[0].engine.as_mut().expect("Ada");
    let mut said = 0;
    for bytes in [epochs, unknown, hello, proof] {
        engine.handle(now, Input::Frame { from: stranger, lane: Lane::Direct, bytes });
        loop {
            match engine.poll() {
                Output::Idle(_) => break,
                Output::Send { to, bytes, .. } => {
                    assert_eq!(to, stranger);
                    // Hello and proof only: nothing of the log, of keys, of contents.
                    assert!(matches!(bytes[9], 32 | 33), "kind {}", bytes[9]);
                    said += 1;
                }
                Output::Write(_) | Output::Event(_) => panic!("a stranger changed something"),
                _ => {}
            }
        }
    }
    assert!(said > 0);
    assert_eq!(world.engine(0).status().peers, 1);
}
