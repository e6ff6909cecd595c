//! Who is given an account: whoever did the work, or was invited.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::{Device, Given, open_to_all};
use asking::{Place, open};
use halloo_coordinator::auth::config::Registration;
use halloo_coordinator::config::Config;
use halloo_crypto::base16;
use halloo_wire::login::{Purpose, REGISTER_PATH};
use halloo_wire::work;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_halloo-coordinator");
const BITS: u8 = 8;

fn for_work(config: &mut Config) {
    open_to_all(config);
    (config.auth.registration, config.auth.work_bits) = (Registration::Work, BITS);
}

fn for_guests(config: &mut Config) {
    open_to_all(config);
    config.auth.registration = Registration::Invite;
}

/// A nonce that the work found for this key and challenge, or one that is not enough.
fn found(device: &Device, challenge: &[u8; 40], enough: bool) -> String {
    let key = device.secret.id();
    let good = work::search(&key, challenge, BITS).unwrap();
    let bad = || (0_u64..).map(u64::to_be_bytes).find(|nonce| !work::is_enough(&key, challenge, nonce, BITS));
    base16::encode(&if enough { good } else { bad().unwrap() })
}

async fn with_work(device: &Device, nonce: impl FnOnce(&[u8; 40]) -> Value) -> asking::Answer {
    let challenge = device.challenge().await;
    let proof = device.signed(Purpose::Register, challenge);
    device.post(REGISTER_PATH, &json!({"proof": proof, "work": nonce(&challenge)}), &[]).await
}

fn invite(place: &Place, accounts: u16, days: u16) -> String {
    place.running.office.as_ref().unwrap().invite(accounts, days)
}

#[tokio::test]
async fn work_for_its_own_challenge_stands_for_an_account() {
    let place = open(for_work).await;
    let (device, other) = (place.device(1), place.device(2));
    let said = device.post("/api/v1/auth/challenge", &json!({"device_key": device.secret.id()}), &[]).await;
    assert_eq!(said.json()["work_bits"], BITS);
    assert_eq!(device.try_register(json!({})).await.problem(), "work-needed");
    let refused = with_work(&device, |challenge| json!(found(&device, challenge, false))).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "work-needed"));
    assert_eq!(with_work(&device, |_| json!("ff")).await.problem(), "work-needed");
    Given::of(&with_work(&device, |challenge| json!(found(&device, challenge, true))).await);
    let early = other.challenge().await;
    let kept = json!({"proof": other.signed(Purpose::Register, early), "work": found(&other, &early, true)});
    place.world.pass(Duration::from_secs(121));
    assert_eq!(other.post(REGISTER_PATH, &kept, &[]).await.problem(), "bad-signature", "work is not kept");
}

#[tokio::test]
async fn an_invitation_stands_for_the_work() {
    let place = open(for_work).await;
    let code = invite(&place, 1, 7);
    Given::of(&place.device(1).try_register(json!({"invitation": code})).await);
}

#[tokio::test]
async fn an_invitation_is_good_for_its_accounts_and_days_and_no_more() {
    let place = open(for_guests).await;
    let code = invite(&place, 2, 7);
    assert_eq!(place.device(1).try_register(json!({})).await.problem(), "invitation-needed");
    let bent = code.replace(|digit: char| digit.is_ascii_digit(), "0");
    assert_eq!(
        place.device(1).try_register(json!({"invitation": bent})).await.problem(),
        "invitation-needed"
    );
    let device = place.device(1);
    Given::of(&device.try_register(json!({"invitation": code})).await);
    // The key is refused before the invitation is touched.
    assert_eq!(device.try_register(json!({"invitation": code})).await.problem(), "taken");
    Given::of(&place.device(2).try_register(json!({"invitation": code})).await);
    let third = place.device(3).try_register(json!({"invitation": code})).await;
    assert_eq!((third.status, third.problem().as_str()), (403, "invitation-needed"));
    assert!(third.text().contains("used up"));
    let late = invite(&place, 1, 7);
    place.world.pass(Duration::from_secs(8 * 86_400));
    assert!(place.device(4).try_register(json!({"invitation": late})).await.text().contains("has ended"));
}

#[tokio::test]
async fn guests_who_come_at_one_moment_are_no_more_than_were_invited() {
    let place = open(for_guests).await;
    let code = invite(&place, 3, 7);
    let devices: Vec<Device> = (0..12).map(|seed| place.device(seed)).collect();
    let came = devices.iter().map(|device| device.try_register(json!({"invitation": code})));
    let answers = futures::future::join_all(came).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.status == 403));
}

#[tokio::test]
async fn an_invitation_outlives_a_restart_and_so_does_its_use() {
    let place = open(for_guests).await;
    let code = invite(&place, 1, 7);
    Given::of(&place.device(1).try_register(json!({"invitation": code})).await);
    let again = asking::open_with(place.store.clone(), for_guests).await;
    let refused = again.device(2).try_register(json!({"invitation": code})).await;
    assert!(refused.text().contains("used up"), "{refused:?}");
}

#[test]
fn the_command_invites_while_the_coordinator_serves_and_says_so_where_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let told = || {
        let asked =
            Command::new(PROGRAM).args(["invite", "--accounts", "2", "--data"]).arg(folder.path()).output();
        asked.unwrap()
    };
    assert!(String::from_utf8(told().stderr).unwrap().contains("no coordinator serves from"));
    let mut child = Command::new(PROGRAM)
        .args(["serve", "--lan", "--listen", "127.0.0.1:0", "--set", "auth.registration=invite", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let device = Device::of(1, line.trim().strip_prefix("http://").unwrap().parse().unwrap());
    let code = String::from_utf8(told().stdout).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let given = runtime.block_on(device.try_register(json!({"invitation": code.trim()})));
    child.kill().unwrap();
    child.wait().unwrap();
    Given::of(&given);
}
