//! Endpoints over the loopback of this machine, with signalling carried by hand.

use super::*;
use crate::media::endpoint::Road;
use crate::media::interfaces::Binding;
use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// A guard against hanging, not a measure: far beyond what any of these takes.
const PATIENCE: Duration = Duration::from_secs(9);

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn loopback() -> Options {
    Options {
        binding: Binding { explicit: vec!["127.0.0.1".parse().expect("address")], loopback: true },
        ..Options::default()
    }
}

struct Member {
    id: DeviceId,
    control: Arc<dyn MediaEndpoint>,
    events: mpsc::Receiver<EndpointEvent>,
    road: Road,
}

fn member(n: u8, options: Options) -> Member {
    let Started { control, events, road } = start(device(n), options);
    Member { id: device(n), control, events, road }
}

fn mesh(members: &[Member]) {
    for one in members {
        let others = members.iter().map(|m| m.id).filter(|id| *id != one.id).collect();
        one.control.set_peers(others).expect("running");
    }
}

/// Carries signalling between the members until `done` is satisfied by the other events seen so far.
async fn pump(
    members: &mut [Member],
    mut carry: impl FnMut(DeviceId, DeviceId, &[u8]) -> usize,
    mut done: impl FnMut(&[(DeviceId, EndpointEvent)]) -> bool,
) -> Vec<(DeviceId, EndpointEvent)> {
    let mut seen = Vec::new();
    let all = async {
        while !done(&seen) {
            let (at, event) = {
                let waits = members
                    .iter_mut()
                    .enumerate()
                    .map(|(at, m)| Box::pin(async move { (at, m.events.recv().await) }));
                let ((at, event), _, _) = futures::future::select_all(waits).await;
                (at, event.expect("the endpoint runs"))
            };
            let from = members[at].id;
            match event {
                EndpointEvent::Signal { to, bytes } => {
                    for _ in 0..carry(from, to, &bytes) {
                        if let Some(member) = members.iter().find(|m| m.id == to) {
                            let _ = member.control.signal(from, bytes.clone());
                        }
                    }
                }
                other => seen.push((from, other)),
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the members get there");
    seen
}

fn once(_: DeviceId, _: DeviceId, _: &[u8]) -> usize {
    1
}

fn ups(seen: &[(DeviceId, EndpointEvent)]) -> usize {
    seen.iter().filter(|(_, event)| matches!(event, EndpointEvent::Up { .. })).count()
}

fn frame(text: String, at: u32) -> Outgoing {
    Outgoing { payload: Bytes::from(text), timestamp: at * 960, first: at == 0, talking: true }
}

/// Waits for the next frame of a road by yielding to the endpoint's tasks.
async fn next(road: &Road) -> Incoming {
    let wait = async {
        loop {
            match road.receive() {
                Some(frame) => return frame,
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("a frame arrives")
}

/// One frame from each to all others, checked at every receiver.
async fn everybody_hears_everybody(members: &[Member], round: u32) {
    for one in members {
        assert!(one.road.send(frame(format!("{round} from {}", one.id), round)));
    }
    for one in members {
        let mut heard = BTreeSet::new();
        while heard.len() < members.len() - 1 {
            let Incoming { from, payload, arrived_ns } = next(&one.road).await;
            assert!(arrived_ns > 0);
            let from = from.expect("a direct path");
            if payload == format!("{round} from {from}") {
                heard.insert(from);
            }
        }
        assert!(!heard.contains(&one.id));
    }
}

/// As above with everybody talking on, for paths that lose frames while they change.
async fn everybody_hears_everybody_at_last(members: &[Member]) {
    let all = async {
        let mut heard: BTreeMap<DeviceId, BTreeSet<DeviceId>> = BTreeMap::new();
        let mut round = 1_000;
        while heard.values().map(BTreeSet::len).sum::<usize>() < members.len() * (members.len() - 1) {
            round += 1;
            for one in members {
                one.road.send(frame("on and on".into(), round));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            for one in members {
                while let Some(frame) = one.road.receive() {
                    heard.entry(one.id).or_default().insert(frame.from.expect("a direct path"));
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the new paths carry voice");
}

async fn close_all(members: Vec<Member>) {
    for one in &members {
        one.control.close().await;
        assert!(one.control.set_peers(BTreeSet::new()).is_err(), "closed is closed");
    }
}

#[tokio::test]
async fn two_endpoints_exchange_sealed_frames_both_ways() {
    let mut members = vec![member(1, loopback()), member(2, loopback())];
    mesh(&members);
    pump(&mut members, once, |seen| ups(seen) == 2).await;
    for round in 0..20 {
        everybody_hears_everybody(&members, round).await;
    }
    close_all(members).await;
}

#[tokio::test]
async fn eight_members_form_a_full_mesh() {
    let mut members: Vec<_> = (1..=8).map(|n| member(n, loopback())).collect();
    mesh(&members);
    pump(&mut members, once, |seen| ups(seen) == 56).await;
    for round in 0..3 {
        everybody_hears_everybody(&members, round).await;
    }
    for one in &members {
        let stats = one.control.stats();
        assert_eq!(stats.len(), 7);
        assert!(stats.values().all(|peer| peer.up && peer.setup_ms.is_some()), "{stats:?}");
    }
    close_all(members).await;
}

#[tokio::test]
async fn lost_and_doubled_signalling_only_costs_time() {
    let mut members = vec![member(1, loopback()), member(2, loopback())];
    mesh(&members);
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut carried = 0;
    let lossy = |_: DeviceId, _: DeviceId, _: &[u8]| {
        carried += 1;
        // The first two frames are lost for certain, later ones by chance, the rest comes twice.
        if carried <= 2 || rng.next_u32() % 3 == 0 { 0 } else { 2 }
    };
    pump(&mut members, lossy, |seen| ups(seen) >= 2).await;
    everybody_hears_everybody(&members, 0).await;
    close_all(members).await;
}

#[tokio::test]
async fn garbage_and_foreign_frames_in_the_signalling_do_no_harm() {
    let mut members = vec![member(1, loopback()), member(2, loopback())];
    mesh(&members);
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    for _ in 0..40 {
        let mut noise = vec![0; 60];
        rng.fill_bytes(&mut noise);
        noise[0] = 1;
        noise[1] %= 7;
        let _ = members[0].control.signal(device(2), noise.clone());
        let _ = members[1].control.signal(device(9), noise);
        tokio::task::yield_now().await;
    }
    pump(&mut members, once, |seen| ups(seen) >= 2).await;
    everybody_hears_everybody(&members, 0).await;
    close_all(members).await;
}

#[tokio::test]
async fn an_offer_that_comes_before_the_plan_is_kept() {
    let mut members = vec![member(1, loopback()), member(2, loopback())];
    members[0].control.set_peers(BTreeSet::from([device(2)])).expect("running");
    let offer = match members[0].events.recv().await {
        Some(EndpointEvent::Signal { bytes, .. }) => bytes,
        other => panic!("an offer comes first, not {other:?}"),
    };
    members[1].control.signal(device(1), offer).expect("running");
    members[1].control.set_peers(BTreeSet::from([device(1)])).expect("running");
    pump(&mut members, once, |seen| ups(seen) == 2).await;
    everybody_hears_everybody(&members, 0).await;
    close_all(members).await;
}

#[tokio::test]
async fn a_member_that_starts_again_is_connected_again() {
    for restarted in [0, 1] {
        let mut members = vec![member(1, loopback()), member(2, loopback())];
        mesh(&members);
        pump(&mut members, once, |seen| ups(seen) == 2).await;
        // It dies without a word: its endpoint closes, its goodbye is never carried.
        members[restarted].control.close().await;
        let n = if restarted == 0 { 1 } else { 2 };
        members[restarted] = member(n, loopback());
        mesh(&members);
        pump(&mut members, once, |seen| ups(seen) >= 2).await;
        everybody_hears_everybody(&members, 1).await;
        close_all(members).await;
    }
}

#[tokio::test]
async fn a_changed_network_finds_a_new_path_without_a_new_connection() {
    for changed in [0, 1] {
        let mut members = vec![member(1, loopback()), member(2, loopback())];
        mesh(&members);
        pump(&mut members, once, |seen| ups(seen) == 2).await;
        members[changed].control.network_changed().expect("running");
        let mut answers = 0;
        let count = |_: DeviceId, _: DeviceId, bytes: &[u8]| {
            if matches!(
                Signal::decode(bytes),
                Ok(Signal { round: 1, body: crate::media::signalling::Body::Answer(_), .. })
            ) {
                answers += 1;
            }
            1
        };
        let quiet = pump_for_frames(&mut members, count).await;
        assert_eq!(answers, 1, "one new round");
        assert_eq!(quiet, 0, "nobody went down");
        everybody_hears_everybody_at_last(&members).await;
        for one in &members {
            assert!(one.control.stats().values().all(|peer| peer.reconnects == 0));
        }
        close_all(members).await;
    }
}

/// Carries signals until one answer of a later round has been seen; returns the number of other events.
async fn pump_for_frames(
    members: &mut [Member],
    mut carry: impl FnMut(DeviceId, DeviceId, &[u8]) -> usize,
) -> usize {
    let later = std::cell::Cell::new(false);
    let mut others = 0;
    let until = async {
        while !later.get() {
            let waits = members
                .iter_mut()
                .enumerate()
                .map(|(at, m)| Box::pin(async move { (at, m.events.recv().await) }));
            let ((at, event), _, _) = futures::future::select_all(waits).await;
            let from = members[at].id;
            match event.expect("the endpoint runs") {
                EndpointEvent::Signal { to, bytes } => {
                    carry(from, to, &bytes);
                    later.set(matches!(
                        Signal::decode(&bytes),
                        Ok(Signal { round: 1, body: crate::media::signalling::Body::Answer(_), .. })
                    ));
                    let member = members.iter().find(|m| m.id == to).expect("a member");
                    let _ = member.control.signal(from, bytes);
                }
                _ => others += 1,
            }
        }
    };
    tokio::time::timeout(PATIENCE, until).await.expect("the new round is answered");
    others
}

#[tokio::test]
async fn a_dropped_peer_hears_nothing_more_unless_the_demo_feeds_it() {
    for feed_dropped in [false, true] {
        let options = Options { feed_dropped, ..loopback() };
        let mut members = vec![member(1, options), member(2, loopback())];
        mesh(&members);
        pump(&mut members, once, |seen| ups(seen) == 2).await;
        members[0].control.set_peers(BTreeSet::new()).expect("running");
        if feed_dropped {
            assert!(members[0].road.send(frame("still".into(), 1)));
            assert_eq!(next(&members[1].road).await.payload, "still");
        } else {
            let seen = pump(&mut members, once, |seen| seen.len() >= 2).await;
            assert!(seen.contains(&(
                device(1),
                EndpointEvent::Down { peer: device(2), reason: DownReason::Dropped }
            )));
            assert!(
                seen.contains(&(
                    device(2),
                    EndpointEvent::Down { peer: device(1), reason: DownReason::Peer }
                ))
            );
            assert!(members[0].control.stats().is_empty());
        }
        close_all(members).await;
    }
}

#[tokio::test]
async fn the_tap_sees_every_frame_as_it_is_handed_over() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tap: Tap = {
        let seen = Arc::clone(&seen);
        Arc::new(move |peer: &DeviceId, payload: &[u8]| {
            seen.lock().expect("tap").push((*peer, payload.to_vec()))
        })
    };
    let mut members = vec![member(1, Options { tap: Some(tap), ..loopback() }), member(2, loopback())];
    mesh(&members);
    pump(&mut members, once, |seen| ups(seen) == 2).await;
    everybody_hears_everybody(&members, 3).await;
    let seen = seen.lock().expect("tap").clone();
    assert_eq!(seen, vec![(device(2), format!("3 from {}", device(1)).into_bytes())]);
    close_all(members).await;
}

#[tokio::test]
async fn the_level_extension_can_be_switched_on_at_one_end() {
    let mut members = vec![member(1, Options { audio_level: true, ..loopback() }), member(2, loopback())];
    mesh(&members);
    pump(&mut members, once, |seen| ups(seen) == 2).await;
    everybody_hears_everybody(&members, 0).await;
    close_all(members).await;
}

#[tokio::test]
async fn closing_leaves_no_task_behind() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..3 {
        let mut members: Vec<_> = (1..=3).map(|n| member(n, loopback())).collect();
        mesh(&members);
        pump(&mut members, once, |seen| ups(seen) == 6).await;
        close_all(members).await;
    }
    let settle = async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, settle).await.expect("every task ends");
}

#[tokio::test]
async fn more_than_a_mesh_is_refused_by_name() {
    let one = member(1, loopback());
    let crowd: BTreeSet<_> = (2..=9).map(device).collect();
    assert!(matches!(one.control.set_peers(crowd), Err(EndpointError::TooManyPeers(8))));
    one.control.close().await;
}

#[tokio::test]
async fn a_ninth_is_told_that_there_is_no_place_and_comes_in_when_one_leaves() {
    let mut members: Vec<_> = (1..=8).map(|n| member(n, loopback())).collect();
    mesh(&members);
    pump(&mut members, once, |seen| ups(seen) == 56).await;
    members.push(member(9, loopback()));
    members[8].control.set_peers((1..=7).map(device).collect()).expect("running");
    let full = |seen: &[(DeviceId, EndpointEvent)]| {
        let told = seen.iter().filter_map(|(at, event)| match event {
            EndpointEvent::Full { peer } if *at == device(9) => Some(*peer),
            _ => None,
        });
        told.collect::<BTreeSet<_>>().len()
    };
    let seen = pump(&mut members, once, |seen| full(seen) == 7).await;
    assert_eq!(ups(&seen), 0);
    let eighth = members.remove(7);
    eighth.control.close().await;
    mesh(&members);
    let nine_up = |seen: &[(DeviceId, EndpointEvent)]| {
        let both = |(at, event): &&(DeviceId, EndpointEvent)| match event {
            EndpointEvent::Up { peer, .. } => *at == device(9) || *peer == device(9),
            _ => false,
        };
        seen.iter().filter(both).count()
    };
    pump(&mut members, once, |seen| nine_up(seen) == 14).await;
    everybody_hears_everybody_at_last(&members).await;
    close_all(members).await;
}
