//! Meeting places over a real socket.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::{Answer, Place, open};
use halloo_crypto::ticket::Room;
use halloo_store::store::Store as _;
use halloo_wire::rendezvous::{self, Meeting, PATH, RECORD_BYTES, read_records};
use hyper::Method;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::num::NonZeroU32;
use std::time::Duration;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn put(at: &Place, ticket: &str, place: &str, slot: u8, record: Vec<u8>, seconds: u32) -> Answer {
    let path = format!("{PATH}/{place}/{}?ttl_seconds={seconds}", hex(&[slot; 16]));
    at.ask(Method::PUT, &path, &[("authorization", ticket)], record).await
}

async fn look(at: &Place, place: &str) -> Vec<Vec<u8>> {
    read_records(&at.get(&format!("{PATH}/{place}")).await.body).unwrap()
}

#[tokio::test]
async fn who_knows_the_nameplate_finds_who_waits_there_until_the_lease_ends() {
    let at = open(|_| {}).await;
    let ticket = at.ticket(&at.client(1), Room::Rendezvous).await;
    let place = rendezvous::Place::of_nameplate(7);
    let meeting = Meeting { peer: [5; 32], addresses: vec!["/ip4/10.0.0.2/tcp/4001".to_owned()] };
    let record = meeting.seal(&place, &mut ChaCha20Rng::from_seed([1; 32]));
    assert_eq!(put(&at, &ticket, &hex(&place.id), 1, record.clone(), 60).await.status, 204);
    let found = look(&at, &hex(&place.id)).await;
    assert_eq!(
        found.iter().filter_map(|record| Meeting::open(&place, record)).collect::<Vec<_>>(),
        [meeting]
    );
    assert!(look(&at, &hex(&rendezvous::Place::of_nameplate(8).id)).await.is_empty());
    at.world.pass(Duration::from_secs(59));
    assert_eq!(look(&at, &hex(&place.id)).await.len(), 1);
    at.world.pass(Duration::from_secs(1));
    assert!(look(&at, &hex(&place.id)).await.is_empty());
    let dump = at.store.range(&[]).unwrap();
    assert_eq!(dump.len(), 1, "nothing of it was ever stored: {dump:?}");
}

#[tokio::test]
async fn a_record_is_replaced_and_taken_away_by_its_slot_alone() {
    let at = open(|_| {}).await;
    let ticket = at.ticket(&at.client(1), Room::Rendezvous).await;
    let place = hex(&[3; 32]);
    for (slot, fill) in [(1, 10), (2, 20), (1, 11)] {
        put(&at, &ticket, &place, slot, vec![fill; RECORD_BYTES], 60).await;
    }
    assert_eq!(look(&at, &place).await.iter().map(|record| record[0]).collect::<Vec<_>>(), [11, 20]);
    let path = format!("{PATH}/{place}/{}", hex(&[1; 16]));
    assert_eq!(at.ask(Method::DELETE, &path, &[], Vec::new()).await.problem(), "ticket-needed");
    let headers = [("authorization", ticket.as_str())];
    assert_eq!(at.ask(Method::DELETE, &path, &headers, Vec::new()).await.status, 204);
    assert_eq!(at.ask(Method::DELETE, &path, &headers, Vec::new()).await.status, 204);
    assert_eq!(look(&at, &place).await.len(), 1);
}

#[tokio::test]
async fn what_is_too_long_too_lasting_or_too_much_is_refused_by_its_own_problem() {
    let at = open(|config| config.rendezvous.records = 1).await;
    let ticket = at.ticket(&at.client(1), Room::Rendezvous).await;
    let (place, record) = (hex(&[3; 32]), vec![0; RECORD_BYTES]);
    assert_eq!(put(&at, "Halloo 00", &place, 1, record.clone(), 60).await.problem(), "ticket-needed");
    assert_eq!(put(&at, &ticket, &place, 1, vec![0; RECORD_BYTES + 1], 60).await.problem(), "too-large");
    assert_eq!(put(&at, &ticket, &place, 1, vec![0; RECORD_BYTES - 1], 60).await.problem(), "malformed");
    assert_eq!(
        put(&at, &ticket, &place, 1, record.clone(), rendezvous::TTL_SECONDS_MAX + 1).await.problem(),
        "malformed"
    );
    assert_eq!(
        put(&at, &ticket, &place.to_uppercase().replace('0', "F"), 1, record.clone(), 60).await.problem(),
        "malformed"
    );
    assert_eq!(put(&at, &ticket, &place, 1, record.clone(), 60).await.status, 204);
    let full = put(&at, &ticket, &place, 2, record, 60).await;
    assert_eq!((full.status, full.problem().as_str()), (507, "full"));
    assert_eq!(at.get(&format!("{PATH}/xyz")).await.problem(), "malformed");
}

#[tokio::test]
async fn counting_through_the_nameplates_is_slowed_down() {
    let at = open(|config| {
        config.rendezvous.looks_burst = NonZeroU32::new(5).unwrap();
        config.rendezvous.looks_per_minute = NonZeroU32::new(6).unwrap();
    })
    .await;
    let place = |nameplate| format!("{PATH}/{}", hex(&rendezvous::Place::of_nameplate(nameplate).id));
    for nameplate in 0..5 {
        assert_eq!(at.get(&place(nameplate)).await.status, 200);
    }
    assert_eq!(at.get(&place(5)).await.problem(), "too-many-requests");
    at.world.pass(Duration::from_secs(10));
    assert_eq!(at.get(&place(5)).await.status, 200);
    assert_eq!(at.get(&place(6)).await.problem(), "too-many-requests");
}

#[test]
fn no_path_and_no_body_makes_the_room_fall_over() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let at = runtime.block_on(open(|_| {}));
    let ticket = runtime.block_on(at.ticket(&at.client(1), Room::Rendezvous));
    let parts = (
        "[0-9a-fA-F%]{0,70}",
        "[0-9a-f]{30,34}",
        "[ -~]{0,12}",
        proptest::collection::vec(any::<u8>(), 0..1_100),
    );
    proptest!(ProptestConfig::with_cases(128), |((place, slot, query, body) in parts)| {
        let query: String = query.chars().filter(|c| !c.is_whitespace() && !"#<>\"`{}|\\^".contains(*c)).collect();
        let path = format!("{PATH}/{place}/{slot}?ttl_seconds={query}");
        let Ok(path) = path.parse::<hyper::Uri>() else { return Ok(()) };
        let headers = [("authorization", ticket.as_str())];
        let answer = runtime.block_on(at.ask(Method::PUT, &path.to_string(), &headers, body));
        prop_assert!([204, 400, 404, 405, 413, 429].contains(&answer.status), "{answer:?}");
    });
    assert_eq!(runtime.block_on(at.get("/livez")).status, 200);
}
