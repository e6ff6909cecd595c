//! Accounts over a real socket: a key registers, logs in, asks with a token and a proof, and is shut out again.

#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::{Given, open_to_all};
use asking::{NOW_MS, open, open_with};
use halloo_coordinator::auth::jose;
use halloo_crypto::ticket::Room;
use halloo_store::store::Store as _;
use halloo_wire::login::{LOGIN_PATH, Purpose, REGISTER_PATH};
use hyper::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const PROFILE: &str = "/api/v1/users/profile";
const SESSIONS: &str = "/api/v1/auth/sessions";
const DEVICES: &str = "/api/v1/auth/devices";

#[tokio::test]
async fn a_coordinator_gives_no_accounts_unless_its_host_says_so() {
    let place = open(|_| {}).await;
    let refused = place.device(1).try_register(json!({})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "registration-closed"));
    let page = place.get(refused.json()["type"].as_str().unwrap()).await;
    assert!(page.text().contains("auth.registration"));
    assert_eq!(place.device(1).try_login().await.problem(), "login-failed");
}

#[tokio::test]
async fn a_key_alone_registers_and_logs_in_also_after_a_restart() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    let given = device.register().await;
    assert_eq!(device.try_register(json!({})).await.problem(), "taken");
    let again = open_with(Arc::clone(&place.store), |_| {}).await;
    // The origin of this test is its address, which is another one now: the key stays the same.
    let mut moved = again.device(1);
    moved.secret = device.secret.clone();
    let login = moved.try_login().await;
    assert_eq!(Given::of(&login).account, given.account);
}

#[tokio::test]
async fn a_challenge_is_answered_once_by_its_key_for_its_purpose_here() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    device.register().await;
    let challenge = device.challenge().await;
    let good = json!({"proof": device.signed(Purpose::Login, challenge)});
    let wrong_purpose = json!({"proof": device.signed(Purpose::Register, challenge)});
    assert_eq!(device.post(LOGIN_PATH, &wrong_purpose, &[]).await.problem(), "bad-signature");
    let mut elsewhere = place.device(1);
    elsewhere.origin = "https://other.example".parse().unwrap();
    let other = json!({"proof": elsewhere.signed(Purpose::Login, challenge)});
    assert_eq!(device.post(LOGIN_PATH, &other, &[]).await.problem(), "bad-signature");
    assert_eq!(device.post(LOGIN_PATH, &good, &[]).await.status, 200);
    assert_eq!(device.post(LOGIN_PATH, &good, &[]).await.problem(), "replayed");
    let late = device.proof(Purpose::Login).await;
    place.world.pass(Duration::from_secs(120));
    assert_eq!(device.post(LOGIN_PATH, &json!({"proof": late}), &[]).await.problem(), "bad-signature");
}

#[tokio::test]
async fn a_token_opens_what_is_its_accounts_with_a_fresh_proof_of_its_key_only() {
    let place = open(open_to_all).await;
    let (device, thief) = (place.device(1), place.device(2));
    let given = device.register().await;
    let profile = device.with_token(Method::GET, PROFILE, &given.token, Value::Null).await;
    assert_eq!((profile.status, profile.json()["created"].as_str()), (200, Some("2027-01-15")));
    let stolen = thief.with_token(Method::GET, PROFILE, &given.token, Value::Null).await;
    assert_eq!((stolen.status, stolen.problem().as_str()), (401, "token-needed"));
    assert!(stolen.headers["www-authenticate"].to_str().unwrap().starts_with("DPoP"));
    let proof = device.dpop_at((&Method::GET, PROFILE), Some(&given.token), NOW_MS);
    let authorization = format!("DPoP {}", given.token);
    let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
    assert_eq!(place.ask(Method::DELETE, PROFILE, &headers, Vec::new()).await.problem(), "token-needed");
    assert_eq!(place.ask(Method::GET, PROFILE, &headers, Vec::new()).await.status, 200);
    assert_eq!(place.ask(Method::GET, PROFILE, &headers, Vec::new()).await.problem(), "replayed");
    for missing in [&headers[..1], &headers[1..], &[]] {
        assert_eq!(place.ask(Method::GET, PROFILE, missing, Vec::new()).await.problem(), "token-needed");
    }
    place.world.pass(Duration::from_secs(600));
    let body = (Value::Null, NOW_MS + 600_000);
    let late = device.with_token_at(Method::GET, PROFILE, &given.token, body).await;
    assert_eq!(late.problem(), "token-needed");
    let old_proof = device.with_token(Method::GET, PROFILE, &given.token, Value::Null).await;
    assert_eq!(old_proof.status, 401);
}

#[tokio::test]
async fn what_signs_tokens_is_published_and_verifies_them() {
    let place = open(open_to_all).await;
    let given = place.device(1).register().await;
    let answer = place.get("/.well-known/jwks.json").await;
    assert_eq!(answer.headers["content-type"], "application/jwk-set+json");
    let key = &answer.json()["keys"][0];
    let x: [u8; 32] = jose::from_text(key["x"].as_str().unwrap()).unwrap().try_into().unwrap();
    assert_eq!(key["kid"], jose::thumbprint(&x));
    let jws = jose::Jws::read(&given.token).unwrap();
    assert!(jws.is_by(&x));
    let header: Value = serde_json::from_slice(&jws.header).unwrap();
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "EdDSA", "kid": key["kid"]}));
    let claims: Value = serde_json::from_slice(&jws.payload).unwrap();
    assert_eq!((&claims["sub"], &claims["iss"]), (&json!(given.account), &json!(place.origin())));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    let jkt = jose::thumbprint(&place.device(1).secret.id().0);
    assert_eq!(claims["cnf"], json!({ "jkt": jkt }));
}

#[tokio::test]
async fn a_lost_answer_is_repeated_and_a_reused_token_ends_the_session() {
    let place = open(open_to_all).await;
    let (device, thief) = (place.device(1), place.device(2));
    let first = device.register().await;
    let second = Given::of(&device.try_refresh(&first.refresh).await);
    let repeated = Given::of(&device.try_refresh(&first.refresh).await);
    assert_eq!(repeated.refresh, second.refresh);
    assert_eq!(thief.try_refresh(&second.refresh).await.problem(), "session-ended", "by another key");
    let third = Given::of(&device.try_refresh(&second.refresh).await);
    assert_eq!(thief.try_refresh(&first.refresh).await.problem(), "session-ended");
    let opened = device.with_token(Method::GET, PROFILE, &third.token, Value::Null).await;
    assert_eq!(opened.status, 200, "what a thief sends ends nothing");
    assert_eq!(device.try_refresh(&first.refresh).await.problem(), "session-ended");
    assert_eq!(device.try_refresh(&third.refresh).await.problem(), "session-ended");
    let shut = device.with_token(Method::GET, PROFILE, &third.token, Value::Null).await;
    assert_eq!(shut.problem(), "token-needed", "its tokens are good no longer");
    assert_eq!(device.try_login().await.status, 200, "the key still opens the account");
}

#[tokio::test]
async fn a_proof_is_remembered_only_once_there_is_something_that_it_opens() {
    let place = open(open_to_all).await;
    let (device, stranger) = (place.device(1), place.device(2));
    let given = device.register().await;
    let path = "/api/v1/auth/refresh";
    let proof = device.dpop_at((&Method::POST, path), None, NOW_MS);
    let refresh =
        async |token: &str| device.post(path, &json!({ "refresh_token": token }), &[("dpop", &proof)]).await;
    let made_up = "ab".repeat(64);
    assert_eq!(refresh(&made_up).await.problem(), "session-ended");
    assert_eq!(refresh(&given.refresh).await.status, 200);
    assert_eq!(refresh(&given.refresh).await.problem(), "replayed");
    let unknown = json!({"proof": stranger.proof(Purpose::Login).await});
    for _ in 0..2 {
        assert_eq!(stranger.post(LOGIN_PATH, &unknown, &[]).await.problem(), "login-failed");
    }
}

#[tokio::test]
async fn a_session_that_is_not_continued_for_long_ends() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    let given = device.register().await;
    place.world.pass(Duration::from_secs(91 * 86_400));
    let late = device.try_refresh_at(&given.refresh, place.world.now_ms()).await;
    assert_eq!(late.problem(), "session-ended");
}

#[tokio::test]
async fn who_logs_out_is_out_at_once() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    let given = device.register().await;
    let out = device.with_token(Method::POST, "/api/v1/auth/logout", &given.token, Value::Null).await;
    assert_eq!(out.status, 204);
    let shut = device.with_token(Method::GET, PROFILE, &given.token, Value::Null).await;
    assert_eq!(shut.problem(), "token-needed");
    assert_eq!(device.try_refresh(&given.refresh).await.problem(), "session-ended");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_and_nobody_reaches_anothers() {
    let place = open(open_to_all).await;
    let (device, other) = (place.device(1), place.device(2));
    let (given, others) = (device.register().await, other.register().await);
    let listed = device.with_token(Method::GET, SESSIONS, &given.token, Value::Null).await.json();
    let expected = json!({"sessions": [{
        "session_id": given.session,
        "device_key": device.secret.id(),
        "since": "2027-01-15",
        "used": "2027-01-15",
        "current": true,
    }]});
    assert_eq!(listed, expected);
    let path = |session: &str| format!("{SESSIONS}/{session}");
    let foreign = device.with_token(Method::DELETE, &path(&others.session), &given.token, Value::Null).await;
    assert_eq!(foreign.problem(), "not-found");
    let ended = device.with_token(Method::DELETE, &path(&given.session), &given.token, Value::Null).await;
    assert_eq!(ended.status, 204);
    let shut = device.with_token(Method::GET, SESSIONS, &given.token, Value::Null).await;
    assert_eq!(shut.problem(), "token-needed");
    assert_eq!(other.with_token(Method::GET, SESSIONS, &others.token, Value::Null).await.status, 200);
}

#[tokio::test]
async fn devices_are_listed_and_the_last_one_takes_the_account_with_it() {
    let place = open(open_to_all).await;
    let (device, other) = (place.device(1), place.device(2));
    let info = json!({"username": "anna", "device_info": {"name": "Anna's phone"}});
    let given = Given::of(&device.try_register(info).await);
    let listed = device.with_token(Method::GET, DEVICES, &given.token, Value::Null).await.json();
    let expected = json!({"devices": [{
        "device_key": device.secret.id(), "name": "Anna's phone", "added": "2027-01-15", "current": true,
    }]});
    assert_eq!(listed, expected);
    let others = other.register().await;
    let path = format!("{DEVICES}/{}", device.secret.id());
    let foreign = other.with_token(Method::DELETE, &path, &others.token, Value::Null).await;
    assert_eq!(foreign.problem(), "not-found");
    assert_eq!(device.with_token(Method::DELETE, &path, &given.token, Value::Null).await.status, 204);
    assert_eq!(device.try_login().await.problem(), "login-failed");
    let begun_anew = device.try_register(json!({"username": "anna"})).await;
    assert_ne!(Given::of(&begun_anew).account, given.account, "the name is free again");
}

#[tokio::test]
async fn an_account_is_called_what_its_owner_says_and_forgotten_when_it_says_so() {
    let place = open(open_to_all).await;
    let (device, other) = (place.device(1), place.device(2));
    let names = json!({"username": "anna", "email": "anna@halloo.example"});
    let given = Given::of(&device.try_register(names.clone()).await);
    assert_eq!(other.try_register(names.clone()).await.problem(), "taken");
    let others = other.register().await;
    let taken = other.with_token(Method::PUT, PROFILE, &others.token, json!({"username": "anna"})).await;
    assert_eq!((taken.status, taken.problem().as_str()), (409, "taken"));
    let renamed = device.with_token(Method::PUT, PROFILE, &given.token, json!({"username": "anne"})).await;
    assert_eq!((&renamed.json()["username"], &renamed.json()["email"]), (&json!("anne"), &json!(null)));
    let free = other.with_token(Method::PUT, PROFILE, &others.token, json!({"username": "anna"})).await;
    assert_eq!(free.status, 200);
    let disk = place.store.disk();
    for word in [&b"anna"[..], b"anne", b"halloo.example"] {
        assert!(!disk.windows(word.len()).any(|at| at == word), "names lie sealed");
    }
    let gone = device.with_token(Method::DELETE, PROFILE, &given.token, Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(device.try_login().await.problem(), "login-failed");
}

#[tokio::test]
async fn what_changes_nothing_is_not_noted_and_one_account_changes_sixty_times_at_once() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    let given = Given::of(&device.try_register(json!({"username": "anna"})).await);
    let set = async |name: &str| {
        device.with_token(Method::PUT, PROFILE, &given.token, json!({ "username": name })).await.status
    };
    let noted = || place.store.range(b"ag").unwrap().len();
    let before = noted();
    assert_eq!((set("anna").await, set("anna").await), (200, 200));
    assert_eq!(noted(), before);
    for round in 2..60 {
        assert_eq!(set(["anna", "anne"][round % 2]).await, 200);
    }
    assert_eq!(set("hanna").await, 429);
    let path = format!("{SESSIONS}/{}", given.session);
    let ended = device.with_token(Method::DELETE, &path, &given.token, Value::Null).await;
    assert_eq!(ended.status, 204, "nobody is kept from ending a session");
}

#[tokio::test]
async fn a_session_gets_the_same_tickets_as_its_key() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    let given = device.register().await;
    let path = "/api/v1/auth/sessions/ticket";
    let answer = device.with_token(Method::POST, path, &given.token, json!({"room": "mailbox"})).await;
    let ticket = format!("Halloo {}", answer.json()["ticket"].as_str().unwrap());
    let key = asking::owner(1);
    assert_eq!(place.leave(&ticket, &[asking::item(&key, 1)]).await.status, 200);
    let none = device.with_token(Method::POST, path, &given.token, json!({"room": "kitchen"})).await;
    assert_eq!(none.problem(), "malformed");
    let client = place.client(7);
    assert!(place.ticket(&client, Room::Mailbox).await.starts_with("Halloo "), "nobody needs an account");
}

#[tokio::test]
async fn accounts_are_bounded_in_number_and_in_how_fast_one_bucket_makes_them() {
    let place = open(|config| {
        open_to_all(config);
        config.auth.accounts = 2;
    })
    .await;
    let given = place.device(1).register().await;
    place.device(2).register().await;
    let full = place.device(3).try_register(json!({})).await;
    assert_eq!((full.status, full.problem().as_str()), (507, "full"));
    place.device(1).with_token(Method::DELETE, PROFILE, &given.token, Value::Null).await;
    place.device(3).register().await;
    let slow = open(|config| {
        open_to_all(config);
        config.auth.registrations_burst = NonZeroU32::new(1).unwrap();
    })
    .await;
    slow.device(1).register().await;
    let often = slow.device(2).try_register(json!({})).await;
    assert_eq!((often.status, often.problem().as_str()), (429, "too-many-requests"));
    slow.world.pass(Duration::from_secs(120));
    slow.device(2).register().await;
}

#[tokio::test]
async fn a_list_of_fields_is_no_object() {
    let place = open(open_to_all).await;
    let device = place.device(1);
    let key = json!([device.secret.id()]);
    assert_eq!(device.post("/api/v1/auth/challenge", &key, &[]).await.problem(), "malformed");
    let proof = device.proof(Purpose::Register).await;
    let listed = json!({"proof": [proof["device_key"], proof["challenge"], proof["signature"]]});
    assert_eq!(device.post(REGISTER_PATH, &listed, &[]).await.problem(), "malformed");
    let named = json!({"proof": proof, "device_info": ["phone"]});
    assert_eq!(device.post(REGISTER_PATH, &named, &[]).await.problem(), "malformed");
    assert_eq!(device.try_register(json!({"device_info": null})).await.status, 201);
    let given = Given::of(&device.try_login().await);
    let set = device.with_token(Method::PUT, PROFILE, &given.token, json!([null, null])).await;
    assert_eq!(set.problem(), "malformed");
}

#[test]
fn no_body_makes_the_office_fall_over() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(open(open_to_all));
    let device = place.device(1);
    let proof = runtime.block_on(device.proof(Purpose::Register));
    let body = json!({"proof": proof, "username": "anna", "email": "a@b", "device_info": {"name": "x"}});
    let good = body.to_string().into_bytes();
    let bodies = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        (proptest::collection::vec((0..good.len(), any::<u8>()), 1..4)).prop_map(move |changes| {
            let mut body = good.clone();
            changes.into_iter().for_each(|(at, byte)| body[at] = byte);
            body
        }),
    ];
    let paths = prop_oneof![Just(REGISTER_PATH), Just(LOGIN_PATH), Just("/api/v1/auth/challenge")];
    proptest!(ProptestConfig::with_cases(200), |(body in bodies, path in paths)| {
        let answer = runtime.block_on(place.ask(Method::POST, path, &[], body));
        prop_assert!([201, 400, 403, 409].contains(&answer.status), "{answer:?}");
    });
}
