//! Passwords and authenticators over a real socket: what stands in for a key, and how little a guesser gets.

#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::{Device, Given, open_to_all};
use asking::{Answer, Begun, NOW_MS, Place, open, open_with};
use halloo_coordinator::auth::totp;
use halloo_coordinator::config::Config;
use halloo_store::store::Store as _;
use halloo_wire::login::{LOGIN_PATH, Purpose};
use hyper::Method;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const PASSWORD: &str = "correct horse battery";

/// Cheap guesses and as many as a test wants.
fn cheap(config: &mut Config) {
    open_to_all(config);
    let many = NonZeroU32::new(1_000_000).unwrap();
    (config.auth.passwords_burst, config.auth.password_registrations_burst) = (many, many);
    (config.auth.password_memory_kib, config.auth.password_passes) = (16, 1);
}

async fn anna(place: &Place) -> (Device, Given) {
    let device = place.device(1);
    let begin = json!({"username": "anna", "password": PASSWORD, "device_info": {"name": "first"}});
    let given = Given::of(&device.try_register(begin).await);
    (device, given)
}

async fn login(device: &Device, password: &str, code: Option<&str>) -> Answer {
    let proof = device.proof(Purpose::Login).await;
    let mut body = json!({"proof": proof, "username": "anna", "password": password});
    body["device_info"] = json!({"name": "second"});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    device.post(LOGIN_PATH, &body, &[]).await
}

fn base32(text: &str) -> Vec<u8> {
    let bits: String = text
        .bytes()
        .map(|letter| {
            format!("{:05b}", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|l| *l == letter).unwrap())
        })
        .collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

#[tokio::test]
async fn a_password_brings_a_second_device_in_which_can_be_taken_away_again() {
    let place = open(cheap).await;
    let (first, given) = anna(&place).await;
    let second = place.device(2);
    let brought = Given::of(&login(&second, PASSWORD, None).await);
    assert_eq!(brought.account, given.account);
    let devices =
        first.with_token(Method::GET, "/api/v1/auth/devices", &given.token, Value::Null).await.json();
    let names: Vec<_> = devices["devices"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert!(names.contains(&&json!("first")) && names.contains(&&json!("second")), "{devices}");
    assert_eq!(second.try_login().await.status, 200, "its key is enough from now on");
    let path = format!("/api/v1/auth/devices/{}", second.secret.id());
    assert_eq!(first.with_token(Method::DELETE, &path, &given.token, Value::Null).await.status, 204);
    assert_eq!(second.try_login().await.problem(), "login-failed");
    assert_eq!(second.try_refresh(&brought.refresh).await.problem(), "session-ended");
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_a_name_without_a_password_are_answered_alike() {
    let place = open(cheap).await;
    anna(&place).await;
    let stranger = place.device(3);
    let wrong = login(&stranger, "wrong horse battery", None).await;
    let proof = stranger.proof(Purpose::Login).await;
    let body = json!({"proof": proof, "username": "nobody", "password": PASSWORD});
    let unknown = stranger.post(LOGIN_PATH, &body, &[]).await;
    place.device(4).try_register(json!({"username": "keys-only"})).await;
    let proof = stranger.proof(Purpose::Login).await;
    let body = json!({"proof": proof, "username": "keys-only", "password": PASSWORD});
    let none = stranger.post(LOGIN_PATH, &body, &[]).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (403, "login-failed"));
    assert_eq!((&wrong.body, &wrong.body), (&unknown.body, &none.body));
}

#[tokio::test]
async fn an_authenticator_is_asked_for_after_its_first_code_and_recovery_codes_stand_in_once() {
    let place = open(cheap).await;
    let (device, given) = anna(&place).await;
    let enrolled =
        device.with_token(Method::POST, "/api/v1/auth/totp", &given.token, Value::Null).await.json();
    let secret = base32(enrolled["secret"].as_str().unwrap());
    assert!(enrolled["uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    let second = place.device(2);
    assert_eq!(login(&second, PASSWORD, None).await.status, 200, "no code was seen yet");
    let verify = async |code: &str| {
        let path = "/api/v1/auth/totp/verify";
        device.with_token(Method::POST, path, &given.token, json!({ "code": code })).await
    };
    let step = NOW_MS / 30_000;
    assert_eq!(verify("000000").await.problem(), "login-failed");
    let codes = verify(&totp::code(&secret, step)).await.json();
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(login(&second, PASSWORD, None).await.problem(), "code-needed");
    assert_eq!(
        login(&second, PASSWORD, Some(&totp::code(&secret, step))).await.problem(),
        "login-failed",
        "used"
    );
    assert_eq!(login(&second, PASSWORD, Some(&totp::code(&secret, step + 1))).await.status, 200);
    let recovery = codes["recovery_codes"][0].as_str().unwrap();
    assert_eq!(login(&second, PASSWORD, Some(recovery)).await.status, 200);
    assert_eq!(login(&second, PASSWORD, Some(recovery)).await.problem(), "login-failed");
    let disk = place.store.disk();
    for secret in [&secret[..], recovery.as_bytes(), PASSWORD.as_bytes()] {
        assert!(!disk.windows(secret.len()).any(|at| at == secret), "secrets lie sealed or hashed");
    }
    let removed = device.with_token(Method::DELETE, "/api/v1/auth/totp", &given.token, Value::Null).await;
    assert_eq!(removed.status, 204);
    assert_eq!(login(&second, PASSWORD, None).await.status, 200);
}

#[tokio::test]
async fn who_has_the_password_guesses_five_codes_and_six_an_hour_and_recovery_codes_are_not_held_up() {
    let place = open(cheap).await;
    let (device, given) = anna(&place).await;
    let enrolled =
        device.with_token(Method::POST, "/api/v1/auth/totp", &given.token, Value::Null).await.json();
    let secret = base32(enrolled["secret"].as_str().unwrap());
    let (path, step) = ("/api/v1/auth/totp/verify", NOW_MS / 30_000);
    let first = json!({"code": totp::code(&secret, step)});
    let codes = device.with_token(Method::POST, path, &given.token, first).await.json();
    let thief = place.device(2);
    let unknown = place.device(3);
    for _ in 0..6 {
        assert_eq!(login(&unknown, "wrong horse battery", Some("000000")).await.problem(), "login-failed");
    }
    let next = totp::code(&secret, step + 1);
    let wrong = if next == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(login(&thief, PASSWORD, Some(wrong)).await.problem(), "login-failed");
    }
    let often = login(&thief, PASSWORD, Some(&next)).await;
    assert_eq!((often.status, often.problem().as_str()), (429, "too-many-requests"));
    assert!(often.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 500);
    assert_eq!(login(&device, PASSWORD, codes["recovery_codes"][0].as_str()).await.status, 200);
    place.world.pass(Duration::from_secs(10 * 60));
    let later = totp::code(&secret, step + 20);
    assert_eq!(login(&device, PASSWORD, Some(&later)).await.status, 200);
}

#[tokio::test]
async fn a_password_is_changed_taken_away_and_stretched_anew_when_the_cost_was_raised() {
    let place = open(cheap).await;
    let (device, given) = anna(&place).await;
    let set = async |body: Value| {
        device.with_token(Method::PUT, "/api/v1/users/password", &given.token, body).await.status
    };
    assert_eq!(set(json!({"password": "short"})).await, 400);
    assert_eq!(set(json!({"password": "another horse battery"})).await, 204);
    let second = place.device(2);
    assert_eq!(login(&second, PASSWORD, None).await.problem(), "login-failed");
    let dearer = open_with(Arc::clone(&place.store), |config| {
        cheap(config);
        config.auth.password_passes = 2;
    })
    .await;
    let row = || place.store.range(b"au").unwrap();
    let before = row();
    let moved = dearer.device(5);
    assert_eq!(login(&moved, "another horse battery", None).await.status, 200);
    let after = row();
    assert_ne!(before, after, "stretched anew");
    assert_eq!(login(&moved, "another horse battery", None).await.status, 200);
    assert_eq!(row(), after, "and not once more");
    assert_eq!(set(json!({})).await, 204);
    assert_eq!(login(&second, "another horse battery", None).await.problem(), "login-failed");
}

#[tokio::test]
async fn one_bucket_guesses_three_times_a_minute_and_registers_three_times_an_hour() {
    let place = open(|config| {
        let (logins, registrations) = (config.auth.passwords_burst, config.auth.password_registrations_burst);
        cheap(config);
        (config.auth.passwords_burst, config.auth.password_registrations_burst) = (logins, registrations);
    })
    .await;
    anna(&place).await;
    let guesser = place.device(9);
    for _ in 0..3 {
        assert_eq!(login(&guesser, "wrong horse battery", None).await.problem(), "login-failed");
    }
    let often = login(&guesser, PASSWORD, None).await;
    assert_eq!((often.status, often.problem().as_str()), (429, "too-many-requests"));
    assert_eq!(place.device(1).try_login().await.status, 200, "keys are not held up by it");
    let register = async |name: u16| {
        let begin = json!({"username": format!("user{name}"), "password": PASSWORD});
        place.device(name).try_register(begin).await.status
    };
    assert_eq!([register(20).await, register(21).await, register(22).await], [201, 201, 429]);
    assert_eq!(place.device(23).try_register(json!({})).await.status, 201, "a key alone is not held up");
    place.world.pass(Duration::from_secs(20 * 60));
    assert_eq!(register(22).await, 201);
    assert_eq!(login(&guesser, PASSWORD, None).await.status, 200);
}

#[tokio::test]
async fn passwords_that_are_set_count_as_guesses_and_taking_one_away_does_not() {
    let place = open(|config| {
        let logins = config.auth.passwords_burst;
        cheap(config);
        config.auth.passwords_burst = logins;
    })
    .await;
    let (device, given) = anna(&place).await;
    let set = async |body: Value| {
        device.with_token(Method::PUT, "/api/v1/users/password", &given.token, body).await.status
    };
    for _ in 0..3 {
        assert_eq!(set(json!({"password": PASSWORD})).await, 204);
    }
    assert_eq!(set(json!({"password": PASSWORD})).await, 429);
    assert_eq!(login(&device, PASSWORD, None).await.status, 429);
    assert_eq!(set(json!({})).await, 204);
}

#[tokio::test]
async fn a_device_that_was_taken_away_does_not_finish_what_it_began() {
    let place = open(cheap).await;
    let (owner, given) = anna(&place).await;
    let thief = place.device(2);
    let stolen = Given::of(&login(&thief, PASSWORD, None).await);
    let (put, path) = (Method::PUT, "/api/v1/users/password");
    let proof = thief.dpop_at((&put, path), Some(&stolen.token), NOW_MS);
    let head = format!("PUT {path} HTTP/1.1\r\nauthorization: DPoP {}\r\ndpop: {proof}", stolen.token);
    let late = json!({"password": "password of the thief"}).to_string();
    let begun = Begun::ask(place.running.local, &head, late.len()).await;
    let body = json!({"password": "another horse battery"});
    assert_eq!(owner.with_token(put, path, &given.token, body).await.status, 204);
    let device = format!("/api/v1/auth/devices/{}", thief.secret.id());
    assert_eq!(owner.with_token(Method::DELETE, &device, &given.token, Value::Null).await.status, 204);
    let answer = begun.finish(late.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("token-needed"), "{answer}");
    assert_eq!(login(&thief, "password of the thief", None).await.problem(), "login-failed");
    assert_eq!(login(&owner, "another horse battery", None).await.status, 200);
}

#[tokio::test]
async fn a_password_needs_a_name() {
    let place = open(cheap).await;
    let nameless = place.device(1).try_register(json!({"password": PASSWORD})).await;
    assert_eq!(nameless.problem(), "name-needed");
    let (device, given) = (place.device(2), place.device(2).register().await);
    let body = json!({"password": PASSWORD});
    let set = device.with_token(Method::PUT, "/api/v1/users/password", &given.token, body).await;
    assert_eq!(set.problem(), "name-needed");
    let proof = device.proof(Purpose::Login).await;
    let half = device.post(LOGIN_PATH, &json!({"proof": proof, "username": "anna"}), &[]).await;
    assert_eq!(half.problem(), "login-failed");
}
