//! Plans over a real socket: where nothing is sold nobody is refused; where something is, vouchers open it, and reading stays free.

#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::{Device, Given, open_to_all};
use asking::{Answer, NOW_MS, Place, item, open, open_with, owner};
use halloo_coordinator::config::Config;
use halloo_coordinator::hall::entitlements::Feature;
use halloo_coordinator::subscriptions::code;
use halloo_coordinator::subscriptions::config::{Plan, Provider};
use halloo_coordinator::subscriptions::ledger::INVOICE_DAYS;
use halloo_crypto::base16;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{Room, Ticket, TicketRequest};
use halloo_crypto::voucher::{Voucher, VoucherSecret, plan_tag};
use halloo_store::store::Store as _;
use halloo_wire::ticket::{PATH as TICKET, TicketAsk, from_text};
use halloo_wire::turn::{PATH as CREDENTIALS, TurnGiven};
use hyper::Method;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PLANS: &str = "/api/v1/plans";
const SUBSCRIPTION: &str = "/api/v1/users/subscription";
const INVOICES: &str = "/api/v1/users/subscription/invoices";
const BY_SESSION: &str = "/api/v1/auth/sessions/ticket";
const TODAY: Day = Day((NOW_MS / 86_400_000) as u32);

fn seller() -> VoucherSecret {
    VoucherSecret::from_seed(&Secret::new([5; 32]))
}

fn plan(id: &str, features: &[Feature]) -> Plan {
    let features = features.iter().copied().collect();
    Plan {
        id: id.to_owned(),
        name: "For rides".to_owned(),
        features,
        price: "12 a year, at the club".to_owned(),
    }
}

/// Relays are for who has the plan `ride`.
fn sells_relays(config: &mut Config) {
    open_to_all(config);
    config.subscriptions.provider = Provider::Voucher;
    config.subscriptions.voucher_key = base16::encode(seller().public().as_bytes());
    config.subscriptions.plans = vec![plan("ride", &[Feature::Turn]), plan("post", &[Feature::Turn])];
}

fn signed_by(seller: &VoucherSecret, number: u64, (plan, days): (&str, u16), last: Day) -> String {
    let voucher = Voucher::draw(plan_tag(plan), days, last, &mut ChaCha20Rng::seed_from_u64(number));
    code::write(&seller.sign(&voucher))
}

fn voucher(number: u64, plan: &str, days: u16) -> String {
    signed_by(&seller(), number, (plan, days), TODAY.after(100))
}

async fn use_it(device: &Device, given: &Given, plan: &str, code: &str) -> Answer {
    let body = json!({"plan_id": plan, "payment_method": {"type": "voucher", "code": code}});
    device.with_token(Method::POST, SUBSCRIPTION, &given.token, body).await
}

async fn by_session(device: &Device, given: &Given, room: Room) -> Answer {
    device.with_token(Method::POST, BY_SESSION, &given.token, json!({"room": room.name()})).await
}

/// A request for a ticket by the key of a device.
fn by_key(place: &Place, device: &Device, room: Room, nonce: u8) -> TicketAsk {
    let (client, origin) = (device.secret.id(), device.origin.to_string());
    let request = TicketRequest { room, client, time_ms: place.world.now_ms(), nonce: [nonce; 16], origin };
    TicketAsk::new(&request, device.secret.sign(&request).unwrap())
}

#[tokio::test]
async fn without_a_provider_nobody_is_refused_and_everything_is_said_to_be_unlimited() {
    let before = open(sells_relays).await;
    let buyer = before.device(1);
    let given = buyer.register().await;
    assert_eq!(use_it(&buyer, &given, "ride", &voucher(1, "ride", 1)).await.status, 200);
    // What was sold once is in the store still.
    let place = open_with(Arc::clone(&before.store), |config| {
        sells_relays(config);
        config.subscriptions.provider = Provider::None;
    })
    .await;
    assert_eq!(place.get(PLANS).await.json(), json!({"unlimited": true, "payment_methods": [], "plans": []}));
    let (mut device, stranger) = (place.device(1), place.client(9));
    device.secret = buyer.secret.clone();
    let given = Given::of(&device.try_login().await);
    for (nonce, room) in (0..).zip(Room::ALL) {
        assert_eq!(by_session(&device, &given, room).await.status, 200, "{room:?}");
        assert_eq!(place.post_json(TICKET, &by_key(&place, &device, room, nonce)).await.status, 200);
        place.ticket(&stranger, room).await;
    }
    let unlimited = json!({
        "subscription_status": "unlimited",
        "subscription_expiry": null,
        "features": ["mailbox", "turn"],
        "plans": [],
    });
    let shown = device.with_token(Method::GET, SUBSCRIPTION, &given.token, Value::Null).await;
    assert_eq!(shown.json(), unlimited);
    let rows = place.store.range(b"s").unwrap();
    let used = use_it(&device, &given, "anything", "at all").await;
    assert_eq!((used.status, used.json()), (200, unlimited));
    assert_eq!(place.store.range(b"s").unwrap(), rows, "nothing is used up");
    let kept = device.with_token(Method::GET, INVOICES, &given.token, Value::Null).await;
    assert_eq!(kept.json()["invoices"].as_array().unwrap().len(), 1, "of before");
}

#[tokio::test]
async fn where_relays_are_sold_who_has_no_plan_is_told_where_to_find_one() {
    let place = open(sells_relays).await;
    let (client, device) = (place.client(9), place.device(1));
    let refused = place.post_json(TICKET, &client.ask(Room::Turn, NOW_MS)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (402, "plan-needed"));
    let page = place.get(refused.json()["type"].as_str().unwrap()).await;
    assert!(page.text().contains(PLANS) && page.text().contains(SUBSCRIPTION), "{}", page.text());
    let mut forged = client.ask(Room::Turn, NOW_MS);
    forged.nonce = "00".repeat(16);
    assert_eq!(place.post_json(TICKET, &forged).await.problem(), "bad-signature", "a stranger hears nothing");
    let given = device.register().await;
    assert_eq!(by_session(&device, &given, Room::Turn).await.problem(), "plan-needed");
    for free in [Room::Mailbox, Room::Rendezvous, Room::Push] {
        place.ticket(&client, free).await;
        assert_eq!(by_session(&device, &given, free).await.status, 200, "no plan has it");
    }
    let plans = place.get(PLANS).await.json();
    assert_eq!((&plans["unlimited"], &plans["payment_methods"]), (&json!(false), &json!(["voucher"])));
    let first = json!({
        "plan_id": "ride",
        "name": "For rides",
        "features": ["turn"],
        "price": "12 a year, at the club",
    });
    assert_eq!(plans["plans"][0], first);
}

#[tokio::test]
async fn a_voucher_opens_relays_until_its_last_day_and_another_adds_to_what_is_left() {
    let place = open(sells_relays).await;
    let device = place.device(1);
    let given = device.register().await;
    let none = device.with_token(Method::GET, SUBSCRIPTION, &given.token, Value::Null).await.json();
    assert_eq!((&none["subscription_status"], &none["features"]), (&json!("none"), &json!(["mailbox"])));
    let first = use_it(&device, &given, "ride", &voucher(1, "ride", 30)).await;
    let active = json!({
        "subscription_status": "active",
        "subscription_expiry": "2027-02-14",
        "features": ["mailbox", "turn"],
        "plans": [{"plan_id": "ride", "expiry": "2027-02-14"}],
    });
    assert_eq!((first.status, first.json()), (200, active));
    // As people send it to each other.
    let second = voucher(2, "ride", 10).to_lowercase().replace('-', " ");
    let both = use_it(&device, &given, "ride", &second).await.json();
    assert_eq!(both["subscription_expiry"], "2027-02-24");
    let other = use_it(&device, &given, "post", &voucher(3, "post", 5)).await.json();
    assert_eq!(other["plans"][0], json!({"plan_id": "post", "expiry": "2027-01-20"}));
    assert_eq!(other["subscription_expiry"], "2027-02-24", "the one that lasts longest");
    let invoices = device.with_token(Method::GET, INVOICES, &given.token, Value::Null).await.json();
    let last = json!({
        "number": 3,
        "date": "2027-01-15",
        "plan_id": "post",
        "days": 5,
        "payment_method": "voucher",
    });
    assert_eq!((invoices["invoices"].as_array().unwrap().len(), &invoices["invoices"][2]), (3, &last));

    let again = open_with(Arc::clone(&place.store), sells_relays).await;
    let mut moved = again.device(1);
    moved.secret = device.secret.clone();
    again.world.pass(Duration::from_secs(86_400 * 40));
    let ticket = again.post_json(TICKET, &by_key(&again, &moved, Room::Turn, 1)).await;
    assert_eq!(ticket.status, 200, "the last day, after a restart, by the key alone");
    again.world.pass(Duration::from_secs(86_400));
    let over = again.post_json(TICKET, &by_key(&again, &moved, Room::Turn, 2)).await;
    assert_eq!(over.problem(), "plan-needed");
}

#[tokio::test]
async fn a_voucher_that_does_not_count_is_refused_by_its_own_reason() {
    let place = open(sells_relays).await;
    let (anna, ben) = (place.device(1), place.device(2));
    let (given, other) = (anna.register().await, ben.register().await);
    let good = voucher(1, "ride", 30);
    let before = use_it(&anna, &given, "ride", &good).await.json();
    let repeated = use_it(&anna, &given, "ride", &good).await;
    assert_eq!((repeated.status, repeated.json()), (200, before), "an answer was lost");
    let letter = if &good[12..13] == "A" { "B" } else { "A" };
    let typo = format!("{}{letter}{}", &good[..12], &good[13..]);
    let forger = VoucherSecret::from_seed(&Secret::new([6; 32]));
    for (code, plan, why) in [
        (good.clone(), "ride", "used already"),
        (typo, "ride", "group 3 of the code is mistyped"),
        (good[..100].to_owned(), "ride", "copied as a whole"),
        (signed_by(&forger, 2, ("ride", 30), TODAY), "ride", "not made for this coordinator"),
        (signed_by(&seller(), 3, ("ride", 30), TODAY.before(1)), "ride", "is over"),
        (voucher(4, "ride", 30), "post", "another plan"),
        (voucher(5, "gone", 30), "ride", "not offered"),
    ] {
        let refused = use_it(&ben, &other, plan, &code).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "voucher-refused"), "{why}");
        let said = refused.json()["detail"].to_string();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(use_it(&ben, &other, "gone", &voucher(5, "gone", 30)).await.problem(), "not-found");
    for body in [
        json!({"plan_id": "ride"}),
        json!({"plan_id": "ride", "payment_method": {"type": "card", "code": ""}}),
        json!({"plan_id": "ride", "payment_method": ["voucher", ""]}),
        json!({"plan_id": "ride", "payment_method": {"type": "voucher", "code": ""}, "more": 1}),
    ] {
        let refused = ben.with_token(Method::POST, SUBSCRIPTION, &other.token, body).await;
        assert_eq!(refused.problem(), "malformed");
    }
    let shown = ben.with_token(Method::GET, SUBSCRIPTION, &other.token, Value::Null).await.json();
    assert_eq!(shown["subscription_status"], "none");
    for path in [SUBSCRIPTION, INVOICES] {
        assert_eq!(place.get(path).await.problem(), "token-needed");
    }
}

#[tokio::test]
async fn of_many_who_use_one_voucher_at_once_one_has_it() {
    let place = open(sells_relays).await;
    let devices: Vec<Device> = (1..=20).map(|seed| place.device(seed)).collect();
    let mut sessions = Vec::new();
    for device in &devices {
        sessions.push(device.register().await);
    }
    let code = voucher(1, "ride", 30);
    let tries = devices.iter().zip(&sessions).map(|(device, given)| use_it(device, given, "ride", &code));
    let answers = futures::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let others = answers.iter().filter(|answer| answer.status != 200);
    assert!(others.map(Answer::problem).all(|problem| problem == "voucher-refused"));
}

#[tokio::test]
async fn what_lies_in_a_mailbox_is_read_and_acknowledged_by_who_has_no_plan() {
    let place = open(|_| {}).await;
    let (key, ticket) = (owner(1), place.ticket(&place.client(1), Room::Mailbox).await);
    assert_eq!(place.leave(&ticket, &[item(&key, 7)]).await.status, 200);
    let sold = open_with(Arc::clone(&place.store), |config| {
        sells_relays(config);
        config.subscriptions.plans = vec![plan("all", &Feature::ALL)];
    })
    .await;
    let refused = sold.post_json(TICKET, &sold.client(1).ask(Room::Mailbox, NOW_MS)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (402, "plan-needed"), "leaving something");
    assert_eq!(sold.fetch(&key).await, [7]);
    assert_eq!(sold.acknowledge(&key, &[7]).await.status, 204);
    let nowhere = format!("/api/v1/rendezvous/{}", "00".repeat(32));
    assert_eq!(sold.get(&nowhere).await.status, 200);
}

#[tokio::test]
async fn an_account_that_is_forgotten_takes_its_plans_with_it() {
    let place = open(sells_relays).await;
    let (anna, ben) = (place.device(1), place.device(2));
    let (given, other) = (anna.register().await, ben.register().await);
    use_it(&anna, &given, "ride", &voucher(1, "ride", 30)).await;
    use_it(&ben, &other, "ride", &voucher(2, "ride", 30)).await;
    let rows = || place.store.range(b"s").unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(rows().len(), 6);
    let gone = anna.with_token(Method::DELETE, "/api/v1/users/profile", &given.token, Value::Null).await;
    assert_eq!(gone.status, 204);
    let account: [u8; 16] = base16::decode_array(&given.account).unwrap();
    assert!(rows().iter().all(|key| !key.ends_with(&account) && !key[2..].starts_with(&account)));
    assert_eq!(rows().len(), 4, "that the voucher was used stays known");
    let path = format!("/api/v1/auth/devices/{}", ben.secret.id());
    assert_eq!(ben.with_token(Method::DELETE, &path, &other.token, Value::Null).await.status, 204);
    assert_eq!(rows().len(), 2, "also with its last device");
}

#[tokio::test]
async fn no_account_is_named_where_relays_are_used() {
    let place = open(|config| {
        sells_relays(config);
        config.metrics.listen = "127.0.0.1:0".to_owned();
    })
    .await;
    let device = place.device(1);
    let given = device.register().await;
    use_it(&device, &given, "ride", &voucher(1, "ride", 30)).await;
    let ticket = by_session(&device, &given, Room::Turn).await.json()["ticket"].as_str().unwrap().to_owned();
    let header = format!("Halloo {ticket}");
    let answer = place.ask(Method::POST, CREDENTIALS, &[("authorization", &header)], Vec::new()).await;
    let turn: TurnGiven = serde_json::from_slice(&answer.body).unwrap();
    let (account, session) = (&given.account, &given.session);
    for text in [ticket.as_str(), turn.username.as_str(), turn.credential.as_str()] {
        assert!(!text.contains(account) && !text.contains(session), "{text}");
    }
    // The subject is the one that the key has without any account.
    let key = place.get("/api/v1/server").await.json()["ticket_key"].as_str().unwrap().parse().unwrap();
    let subject =
        |text: &str| Ticket::check(&from_text(text).unwrap(), &key, Room::Turn, NOW_MS).unwrap().subject;
    let plain = place.post_json(TICKET, &by_key(&place, &device, Room::Turn, 1)).await.json();
    assert_eq!(subject(&ticket), subject(plain["ticket"].as_str().unwrap()));
    assert!(turn.username.ends_with(&base16::encode(&subject(&ticket))));
    let metrics = place.running.metrics.unwrap();
    let counted = asking::ask(metrics, Method::GET, "/metrics", &[], Vec::new()).await;
    assert!(!counted.text().contains(account));
    let bytes: [u8; 16] = base16::decode_array(account).unwrap();
    for (row, value) in place.store.range(b"").unwrap() {
        let all = [&row[..], &value].concat();
        let named = all.windows(16).any(|window| window == bytes);
        assert!(!named || b"as".contains(&row[0]), "a row of `{}` names an account", char::from(row[0]));
    }
}

/// The rows that the specification lists under a heading: the first two letters of each, and until when it is there.
fn listed(page: &str, heading: &str) -> Vec<(String, String)> {
    let section = page.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    let table = section.split("| row | holds | until |\n|---|---|---|\n").nth(1).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_start_matches('`')[..2].to_owned(), cells[2].to_owned())
    })
    .collect()
}

#[tokio::test]
async fn what_is_stored_is_what_the_specification_lists_with_its_end() {
    let place = open(sells_relays).await;
    let device = place.device(1);
    let given = device.register().await;
    use_it(&device, &given, "ride", &voucher(1, "ride", 30)).await;
    let kinds = place.store.range(b"s").unwrap().into_iter();
    let kinds: BTreeSet<String> =
        kinds.map(|(key, _)| String::from_utf8(key[..2].to_vec()).unwrap()).collect();
    let listed = listed(include_str!("../../docs/spec/coordinator.md"), "\n## Subscriptions\n");
    assert_eq!(listed.iter().map(|(row, _)| row.clone()).collect::<BTreeSet<_>>(), kinds);
    let until = |row: &str| &listed.iter().find(|(listed, _)| listed == row).unwrap().1;
    assert!(until("si").contains(&format!("{INVOICE_DAYS} days")));
    assert!(until("sa").contains("last day") && until("sv").contains(&format!("{INVOICE_DAYS} days")));
    let threats = include_str!("../../docs/THREATS.md");
    let row = threats.lines().find(|line| line.starts_with("| subscriptions ")).unwrap();
    assert!(row.contains(&format!("{INVOICE_DAYS} days")), "{row}");
}

#[tokio::test]
async fn the_command_makes_vouchers_that_a_coordinator_takes_by_the_public_key_alone() {
    let command = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halloo-coordinator"));
        let told = command.args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (told.status.success(), text(told.stdout), text(told.stderr))
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("voucher.key").to_str().unwrap().to_owned();
    let (made, public, _) = command(&["voucher", "key", &file]);
    assert!(made);
    let new = ["voucher", "new", "--key", &file, "--plan", "ride", "--days", "7", "--count", "2"];
    let (made, codes, said) = command(&new);
    assert!(made && codes.lines().count() == 2, "{said}");
    let voucher_key = format!("subscriptions.voucher_key={}", public.trim());
    let plans = r#"subscriptions.plans=[{id = "ride", name = "Ride", features = ["turn"]}]"#;
    let provider = |name: &str| format!("subscriptions.provider={name}");
    let check = |provider: &str| {
        command(&["config", "check", "--set", provider, "--set", &voucher_key, "--set", plans])
    };
    let (good, shown, said) = check(&provider("voucher"));
    assert!(good && shown.contains(public.trim()), "{said}");
    let (good, _, said) = check(&provider("stripe"));
    assert!(!good && said.contains("`stripe` is not built yet"), "{said}");
    let (good, _, said) = command(&["config", "check", "--set", &provider("voucher")]);
    assert!(!good && said.contains("voucher_key is no key"), "{said}");

    let place = open(|config| {
        sells_relays(config);
        config.subscriptions.voucher_key = public.trim().to_owned();
    })
    .await;
    let device = place.device(1);
    let given = device.register().await;
    // The command dates them a year ahead by the clock of this machine, and the tests are in a day of early 2027.
    for code in codes.lines() {
        assert_eq!(use_it(&device, &given, "ride", code).await.status, 200);
    }
    let shown = device.with_token(Method::GET, SUBSCRIPTION, &given.token, Value::Null).await.json();
    assert_eq!(shown["subscription_expiry"], "2027-01-29", "twice seven days");
}
