//! What is scraped counts what was done and holds no word of who did it.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::{Place, ask, item, open, owner};
use halloo_crypto::ticket::Room;
use hyper::Method;
use std::collections::BTreeSet;
use tokio::net::TcpStream;

/// All labels that there are.
const LABELS: [&str; 3] = ["route", "status", "outcome"];

async fn scrape(place: &Place) -> String {
    let answer = ask(place.running.metrics.unwrap(), Method::GET, "/metrics", &[], Vec::new()).await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    answer.text().to_owned()
}

async fn measured() -> Place {
    open(|config| config.metrics.listen = "127.0.0.1:0".to_owned()).await
}

#[tokio::test]
async fn deposits_fetches_sockets_and_answers_are_counted() {
    let place = measured().await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let key = owner(1);
    place.leave(&ticket, &[item(&key, 1), item(&key, 2)]).await;
    assert_eq!(place.fetch(&key).await, [1, 2]);
    let stream = TcpStream::connect(place.running.local).await.unwrap();
    let url = format!("ws://{}{}", place.running.local, halloo_wire::mailbox::SUBSCRIBE_PATH);
    let (_socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let text = scrape(&place).await;
    for line in [
        "halloo_deposits_total{outcome=\"stored\"} 2",
        "halloo_fetched_items_total 2",
        "halloo_sockets 1",
        "halloo_requests_total{route=\"/api/v1/mailboxes/deposits\",status=\"200\"} 1",
        "halloo_requests_total{route=\"/api/v1/auth/ticket\",status=\"200\"} 1",
        "halloo_relay_circuits 0",
        "halloo_turn_allocations 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let nowhere = ask(place.running.metrics.unwrap(), Method::GET, "/", &[], Vec::new()).await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(place.get("/metrics").await.status, 404, "not on the one port");
}

#[tokio::test]
async fn no_id_no_address_and_no_name_gets_into_what_is_scraped() {
    let place = measured().await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let key = owner(1);
    place.leave(&ticket, &[item(&key, 0xC7)]).await;
    place.fetch(&key).await;
    let canary = "0123456789abcdef".repeat(4);
    place.get(&format!("/api/v1/rendezvous/{canary}?canary-of-query")).await;
    place.get("/canary-of-a-path").await;
    let from = [("x-forwarded-for", "203.0.113.77"), ("user-agent", "canary-of-an-agent")];
    place.ask(Method::DELETE, "/api/v1/problems/canary", &from, Vec::new()).await;
    let text = scrape(&place).await;
    let mut canaries = vec!["canary".to_owned(), "203.0.113.77".to_owned(), canary, "127.0.0.1".to_owned()];
    canaries.push(ticket["Halloo ".len()..].to_owned());
    canaries.push(hex::encode(key.address().0));
    for canary in canaries {
        assert!(!text.contains(&canary), "{canary} in {text}");
    }
    let mut routes = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, rest)) = line.split_once('{') else { continue };
        for pair in rest.rsplit_once('}').unwrap().0.split(',') {
            let (name, value) = pair.split_once('=').unwrap();
            assert!(LABELS.contains(&name), "{line}");
            if name == "route" {
                routes.insert(value.trim_matches('"').to_owned());
            }
        }
    }
    assert!(routes.contains("/api/v1/rendezvous/{place}") && routes.contains("none"), "{routes:?}");
}

#[tokio::test]
async fn metrics_are_given_on_loopback_or_not_at_all() {
    assert!(open(|_| {}).await.running.metrics.is_none());
    let mut config = halloo_coordinator::config::Config { lan: true, ..Default::default() };
    config.listen = "127.0.0.1:0".parse().unwrap();
    for (wrong, says) in [("0.0.0.0:0", "only on loopback"), ("somewhere", "127.0.0.1:9464")] {
        config.metrics.listen = wrong.to_owned();
        let store = std::sync::Arc::new(halloo_store::memory::MemoryStore::new());
        let world = halloo_coordinator::world::World::told(0, [1; 32]);
        let error = halloo_coordinator::serve::start(&config, world, store).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn the_rules_name_only_what_is_measured_and_promtool_takes_them() {
    let ops = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ops");
    let dashboard = std::fs::read_to_string(ops.join("dashboard.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    match std::process::Command::new("promtool").args(["check", "rules"]).arg(ops.join("alerts.yml")).output()
    {
        Ok(done) => assert!(done.status.success(), "{done:?}"),
        Err(_) => {
            eprintln!("SKIPPED, THE RULES WERE NOT CHECKED: promtool is not installed (Debian: prometheus)")
        }
    }
}
