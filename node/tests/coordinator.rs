//! Members who share no network and meet by a coordinator, with real homes and real processes: a code that is found through it, lines for
//! who was away, and a coordinator that is killed and comes back.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod people;
mod places;

use halloo_crypto::id::DeviceId;
use halloo_crypto::secret::Secret;
use halloo_node::media::endpoint::{EndpointEvent, IceServer, Outgoing, Started};
use halloo_node::media::interfaces::Binding;
use halloo_node::media::signalling::{Body, CandidateKind, Session, Signal};
use halloo_node::media::webrtc;
use halloo_node::uplink::{News, Rendezvous, Uplink};
use halloo_wire::rendezvous;
use people::Person;
use places::{Place, texts, two};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn who_shares_no_network_with_the_inviter_comes_in_by_a_code_or_a_link_that_name_the_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path());
    let (ada, ben) = two(folder.path(), &place);
    ada.ask(&["say", "at the bridge"]);
    ben.wait("the line", &["log"], |log| texts(log) == ["at the bridge"]);
    let via = ben.wait("the setting", &["via"], |via| via["via"] == place.origin.as_str());
    assert!(via["coordinator"]["round_trip_ms"].is_u64(), "{via}");

    let mut eva = Person::new(folder.path(), "eva");
    eva.online();
    let link = ada.ask(&["invite"])["invite"]["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/i/", place.origin)), "{link}");
    // Without the addresses that it carries: what is found is found through the coordinator.
    let (front, secret) = link.split_once('#').unwrap();
    let bare = format!("{}#{secret}", front.split('?').next().unwrap());
    assert_eq!(eva.ask(&["join", &bare, "--as", "Eva"])["name"], "Sunday ride");
}

#[test]
fn who_was_never_online_with_the_writer_has_every_line_once_and_in_order_and_nothing_stays_at_the_coordinator()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::open(folder.path());
    let (mut ada, mut ben) = two(folder.path(), &place);
    ada.ask(&["say", "both are here"]);
    ben.wait("the line", &["log"], |log| texts(log) == ["both are here"]);
    ben.is_known();
    ben.offline();

    for text in ["one", "two", "three"] {
        ada.ask(&["say", text]);
    }
    // At once: what is not left yet is left before the node ends.
    ada.offline();
    let left = place.items();
    assert!(!left.is_empty(), "who ends at once leaves what the other lacks");

    ben.online();
    ben.wait("the lines", &["log"], |log| texts(log).len() == 4);
    assert_eq!(ben.texts(), ["both are here", "one", "two", "three"]);
    ben.wait("the acknowledgement", &["status"], |status| {
        let stands = &status["coordinator"];
        stands["fetched"].as_u64() > Some(0) && stands["acknowledged"].as_u64() >= stands["fetched"].as_u64()
    });
    // Receipts for the writer lie there now; what was left for this one does not.
    ben.offline();
    assert!(left.is_disjoint(&place.items()), "what has arrived is gone");
    ben.online();
    assert_eq!(ben.texts(), ["both are here", "one", "two", "three"]);
}

#[test]
fn a_coordinator_that_is_killed_stops_nobody_and_everybody_returns_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::open(folder.path());
    let (ada, mut ben) = two(folder.path(), &place);
    ada.sees(true);
    ben.sees(true);
    place.kill();
    let trouble = ada.sees(false)["coordinator"]["trouble"].clone();
    assert!(trouble.as_str().is_some_and(|why| !why.is_empty()), "{trouble}");
    ben.sees(false);
    ada.ask(&["say", "without it"]);
    ben.wait("the line", &["log"], |log| texts(log) == ["without it"]);

    place.come_back();
    ada.sees(true);
    ben.sees(true);
    // And it is of use again: who was away meanwhile finds the other through it.
    ben.offline();
    ada.ask(&["say", "with it"]);
    ben.online();
    ben.wait("the line", &["log"], |log| texts(log) == ["without it", "with it"]);
}

/// What the coordinator gives for the voice.
async fn voice_server(place: &Place) -> IceServer {
    let mut uplink = Uplink::new(Secret::new([1; 32]), [2; 32]);
    uplink.keep(&BTreeSet::from([place.origin.parse().unwrap()]));
    loop {
        if let (_, News::Helper(server)) = uplink.next().await {
            return server;
        }
    }
}

/// Somebody with a home of its own who leaves its address at these places.
fn waiting_at(place: &Place, number: u8, at: &[u16]) -> Uplink {
    let mut uplink = Uplink::new(Secret::new([number; 32]), [number; 32]);
    let origin = place.origin.parse().unwrap();
    uplink.keep(&BTreeSet::from([origin]));
    uplink.set_addresses(vec![format!("/ip4/10.0.0.{number}/tcp/4100")]);
    let meets = at.iter().map(|nameplate| rendezvous::Place::of_nameplate(*nameplate));
    let meets =
        meets.map(|place| Rendezvous { place, publish: true, guessable: false, seek: true }).collect();
    uplink.places(&place.origin.parse().unwrap(), meets);
    uplink
}

#[tokio::test]
async fn a_place_to_meet_that_others_have_filled_keeps_nobody_from_the_other_places() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path());
    // Places are tended in the order of their names.
    let mut plates = [6, 7, 8];
    plates.sort_by_key(|plate| rendezvous::Place::of_nameplate(*plate).id);
    // Whoever guesses a nameplate can fill its place.
    let mut crowd: Vec<Uplink> =
        (0..rendezvous::RECORDS_MAX as u8).map(|number| waiting_at(&place, number, &plates[..1])).collect();
    let first = &mut crowd[0];
    let mut met = 0;
    while met + 1 < rendezvous::RECORDS_MAX {
        if let (_, News::Met { others, .. }) = first.next().await {
            met = others.len();
        }
    }
    let (mut ada, mut ben) = (waiting_at(&place, 101, &plates), waiting_at(&place, 102, &plates[1..]));
    for (one, other) in [(&mut ada, 102), (&mut ben, 101)] {
        let mut places = BTreeSet::new();
        while places.len() < 2 {
            if let (_, News::Met { place, others }) = one.next().await
                && others.iter().any(|meeting| meeting.peer == [other; 32])
            {
                places.insert(place);
            }
        }
    }
}

/// A signal as it arrives where no direct path leads: only places at relays are told. Nothing where nothing is left to tell.
fn only_relayed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut signal = Signal::decode(bytes).unwrap();
    if let Body::Offer(Session { candidates, .. }) | Body::Answer(Session { candidates, .. }) =
        &mut signal.body
    {
        candidates.retain(|candidate| candidate.kind == CandidateKind::Relay);
    }
    if let Body::Candidates(candidates) = &mut signal.body {
        candidates.retain(|candidate| candidate.kind == CandidateKind::Relay);
        if candidates.is_empty() {
            return None;
        }
    }
    Some(signal.encode())
}

/// Carries signals between the two and voice from each to the other, until both have heard this word.
async fn until_both_hear(members: &mut [(DeviceId, Started); 2], word: &'static str) {
    let mut heard = [false; 2];
    // A frame each 20 ms, as people speak.
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(20));
    while heard != [true; 2] {
        pace.tick().await;
        for at in 0..2 {
            let frame = Outgoing { payload: word.into(), timestamp: 0, first: false, talking: true };
            members[at].1.road.send(frame);
            while let Ok(event) = members[at].1.events.try_recv() {
                if let EndpointEvent::Signal { bytes, .. } = event
                    && let Some(bytes) = only_relayed(&bytes)
                {
                    let from = members[at].0;
                    members[1 - at].1.control.signal(from, bytes).unwrap();
                }
            }
            while let Some(frame) = members[at].1.road.receive() {
                heard[at] |= frame.payload == word;
            }
        }
    }
}

#[tokio::test]
async fn voice_that_finds_no_direct_path_goes_through_the_coordinator_and_new_credentials_do_not_interrupt_it()
 {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path());
    let server = voice_server(&place).await;
    let member = |number: u8| {
        let id = DeviceId::from_bytes([number; 32]);
        let binding = Binding { explicit: vec!["127.0.0.1".parse().unwrap()], loopback: true };
        let started = webrtc::start(id, webrtc::Options { binding, ..webrtc::Options::default() });
        started.control.set_servers(vec![server.clone()]);
        (id, started)
    };
    let mut members = [member(1), member(2)];
    let ids = [members[0].0, members[1].0];
    for (at, (_, started)) in members.iter().enumerate() {
        started.control.set_peers(BTreeSet::from([ids[1 - at]])).unwrap();
    }
    until_both_hear(&mut members, "at the bridge").await;
    for (_, started) in &members {
        started.control.set_servers(vec![IceServer { username: "later".into(), ..server.clone() }]);
    }
    until_both_hear(&mut members, "and on").await;
    for (at, (_, started)) in members.iter().enumerate() {
        assert_eq!(started.control.stats()[&ids[1 - at]].reconnects, 0);
        started.control.close().await;
    }
}

#[test]
fn a_coordinator_that_is_none_is_refused_with_what_to_do_next_and_nothing_begins() {
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Person::new(folder.path(), "ada");
    ada.online();
    for (via, says) in [
        ("http://example.org", "`http://example.org` is no coordinator"),
        ("https://host/path", "`https://host/path` is no coordinator"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1 does not answer"),
    ] {
        ada.refused(&["new", "Ride", "--via", via], says);
    }
    assert_eq!(ada.ask(&["groups"])["groups"], serde_json::json!([]));
    ada.ask(&["new", "Ride"]);
    ada.refused(&["via", "http://127.0.0.1:1"], "does not answer");
    assert_eq!(ada.ask(&["via"])["via"], Value::Null);
    ada.refused(&["join", "7-otter-quartz@http://far.example"], "no coordinator");
}
