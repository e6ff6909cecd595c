//! Tickets over a real socket.

#![allow(clippy::unwrap_used)]

mod asking;

use asking::{NOW_MS, open};
use halloo_crypto::id::CoordinatorId;
use halloo_crypto::ticket::{Room, TICKET_LIFE_MS, Ticket};
use halloo_wire::server::ServerInfo;
use halloo_wire::ticket::{PATH, TicketGiven, from_text};
use hyper::Method;
use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;

async fn key(place: &asking::Place) -> CoordinatorId {
    let info: ServerInfo = serde_json::from_slice(&place.get("/api/v1/server").await.body).unwrap();
    info.ticket_key
}

#[tokio::test]
async fn who_signs_gets_a_ticket_that_the_published_key_verifies_and_after_a_restart_too() {
    let place = open(|_| {}).await;
    let client = place.client(1);
    let answer = place.post_json(PATH, &client.ask(Room::Mailbox, NOW_MS)).await;
    let given: TicketGiven = serde_json::from_slice(&answer.body).unwrap();
    let by = key(&place).await;
    let ticket = Ticket::check(&from_text(&given.ticket).unwrap(), &by, Room::Mailbox, NOW_MS).unwrap();
    assert_eq!((ticket.expires_ms, given.expires_ms), (NOW_MS + TICKET_LIFE_MS, NOW_MS + TICKET_LIFE_MS));
    let again = asking::open_with(std::sync::Arc::clone(&place.store), |_| {}).await;
    assert_eq!(key(&again).await, by);
}

#[tokio::test]
async fn a_request_that_is_repeated_forged_or_misdated_is_refused_by_its_own_problem() {
    let place = open(|_| {}).await;
    let client = place.client(1);
    let ask = client.ask(Room::Mailbox, NOW_MS);
    assert_eq!(place.post_json(PATH, &ask).await.status, 200);
    assert_eq!(place.post_json(PATH, &ask).await.problem(), "replayed");
    let mut forged = client.ask(Room::Mailbox, NOW_MS);
    forged.nonce = "00".repeat(16);
    assert_eq!(place.post_json(PATH, &forged).await.problem(), "bad-signature");
    let old = client.ask(Room::Mailbox, NOW_MS - 120_001);
    assert_eq!(place.post_json(PATH, &old).await.problem(), "clock-apart");
    let mut elsewhere = place.client(1);
    elsewhere.origin = "https://other.example".parse().unwrap();
    assert_eq!(place.post_json(PATH, &elsewhere.ask(Room::Mailbox, NOW_MS)).await.problem(), "bad-signature");
    let long = place.ask(Method::POST, PATH, &[], vec![b' '; 4_096]).await;
    assert_eq!((long.status, long.problem().as_str()), (413, "too-large"));
}

#[tokio::test]
async fn who_asks_too_often_is_told_how_long_to_wait_and_then_served() {
    let place = open(|config| {
        config.auth.burst = NonZeroU32::new(2).unwrap();
        config.auth.per_minute = NonZeroU32::new(6).unwrap();
    })
    .await;
    let client = place.client(1);
    for _ in 0..2 {
        assert_eq!(place.post_json(PATH, &client.ask(Room::Mailbox, NOW_MS)).await.status, 200);
    }
    let refused = place.post_json(PATH, &client.ask(Room::Mailbox, NOW_MS)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-requests"));
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    place.world.pass(Duration::from_secs(wait));
    let later = client.ask(Room::Mailbox, place.world.now_ms());
    assert_eq!(place.post_json(PATH, &later).await.status, 200);
}

#[test]
fn no_body_makes_the_desk_fall_over() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(open(|_| {}));
    let good = serde_json::to_vec(&place.client(1).ask(Room::Mailbox, NOW_MS)).unwrap();
    let bodies = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        // A good one with some bytes changed reaches deeper.
        (proptest::collection::vec((0..good.len(), any::<u8>()), 1..4)).prop_map(move |changes| {
            let mut body = good.clone();
            changes.into_iter().for_each(|(at, byte)| body[at] = byte);
            body
        }),
    ];
    proptest!(ProptestConfig::with_cases(200), |(body in bodies)| {
        let answer = runtime.block_on(place.ask(Method::POST, PATH, &[], body));
        prop_assert!([200, 400, 403, 409].contains(&answer.status), "{answer:?}");
    });
}
