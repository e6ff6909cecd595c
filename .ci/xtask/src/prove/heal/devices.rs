//! A second device of one person, with real processes: it comes in by a link, has everything, is read on and taken out.

use crate::prove::Size;
use crate::prove::homes::Homes;
use crate::prove::people::{self, PATIENCE, Person, texts};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// Only this machine: no names are asked of the network, and nobody else hears.
const ALONE: [&str; 1] = ["--loopback"];

/// `prove heal.16`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let runs = if size == Size::Full { 10 } else { 1 };
    let mut came_ms = Vec::new();
    for _ in 0..runs {
        let folder = Homes::open()?;
        came_ms.push(story(&bin, folder.path())?);
    }
    came_ms.sort_by(f64::total_cmp);
    let (median, worst) = (came_ms[came_ms.len() / 2], came_ms[came_ms.len() - 1]);
    println!(
        "{}",
        json!({"name": "device join to the whole history", "ours": median, "max": worst, "unit": "ms", "runs": runs})
    );
    if size == Size::Full && median > 5_000.0 {
        bail!("the promise is a median of 5,000 ms");
    }
    Ok(())
}

fn person<'a>(bin: &'a Path, folder: &Path, name: &str) -> Result<Person<'a>> {
    let mut person = Person::new(bin, folder, name, None).with(&ALONE);
    person.up()?;
    Ok(person)
}

/// Ana has a laptop and a group with Ben and a conversation with him; her phone comes. Gives how long that took.
fn story(bin: &Path, folder: &Path) -> Result<f64> {
    let laptop = person(bin, folder, "laptop")?;
    refused(&laptop, &["device", "add", "--no-wait"], "no-group")?;
    let group = laptop.ask(&["new", "Sunday ride", "--as", "Ana"])?;
    let link = group["invite"]["link"].as_str().context("a link")?;
    let ben = person(bin, folder, "ben")?;
    ben.ask(&["join", link, "--as", "Ben"])?;
    laptop.wait("Ben", &["members"], |answer| count(answer, "members") == 2)?;
    laptop.ask(&["say", "meet at the hut"])?;
    ben.ask(&["say", "at nine"])?;
    ben.wait("both lines", &["log"], |answer| texts(answer).len() == 2)?;
    ben.wait("her on a connection", &["members"], connected)?;
    laptop.wait("him on a connection", &["members"], connected)?;
    laptop.ask(&["send", "Ben", "just you"])?;

    let door = laptop.ask(&["device", "add", "--no-wait"])?;
    let way = door["link"].as_str().context("a way in")?;
    refused(&ben, &["device", "join", way], "home-not-empty")?;
    let phone = person(bin, folder, "phone")?;
    let began = Instant::now();
    let told = phone.ask(&["device", "join", way, "--name", "phone"])?;
    ensure!(told["missed"] == json!([]), "it came into every group: {told}");
    ensure!(count(&told, "groups") == 2 && told["profile"] == "Ana", "{told}");
    phone.wait("the history", &["log", "--group", "Sunday ride"], |answer| texts(answer).len() == 2)?;
    let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let second = person(bin, folder, "second")?;
    refused(&second, &["device", "join", way], "used-up")?;

    together(&laptop, &ben, &phone)?;
    reading(&laptop, &ben, &phone)?;
    later(&laptop, &phone)?;
    lost(&laptop, &ben, &phone)?;
    Ok(took_ms)
}

/// Both devices write, everybody reads, and a person is one row.
fn together(laptop: &Person<'_>, ben: &Person<'_>, phone: &Person<'_>) -> Result<()> {
    phone.ask(&["say", "from the phone", "--group", "Sunday ride"])?;
    laptop.ask(&["say", "from the laptop", "--group", "Sunday ride"])?;
    for who in [laptop, ben, phone] {
        who.wait("four lines", &["log", "--group", "Sunday ride"], |answer| texts(answer).len() == 4)?;
        let rows = who.ask(&["members", "--group", "Sunday ride"])?;
        ensure!(count(&rows, "members") == 2, "a person is one row: {rows}");
    }
    phone.wait("the conversation", &["groups"], |answer| count(answer, "groups") == 2)?;
    let devices = laptop.wait("both names", &["devices"], |answer| named(answer, "phone").is_some())?;
    ensure!(count(&devices, "devices") == 2 && devices["account_key"] == true, "{devices}");
    let devices = phone.ask(&["devices"])?;
    ensure!(named(&devices, "phone").is_some_and(|d| d["this"] == true), "{devices}");
    ensure!(devices["account_key"] == false, "the key of the account stays where it was: {devices}");
    refused(phone, &["device", "add", "--no-wait"], "no-account-key")
}

/// What is read on the phone is read on the laptop.
fn reading(laptop: &Person<'_>, ben: &Person<'_>, phone: &Person<'_>) -> Result<()> {
    ben.ask(&["say", "bring bread", "--group", "Sunday ride"])?;
    for who in [laptop, phone] {
        who.wait("something unread", &["groups"], |answer| unread(answer) > 0)?;
    }
    phone.wait("five lines", &["log", "--group", "Sunday ride"], |answer| texts(answer).len() == 5)?;
    phone.ask(&["read", "--group", "Sunday ride"])?;
    for who in [laptop, phone] {
        who.wait("nothing unread", &["groups"], |answer| unread(answer) == 0)?;
    }
    Ok(())
}

/// A name that is given on the phone is the person's, and a group that begins later comes to the phone by itself.
fn later(laptop: &Person<'_>, phone: &Person<'_>) -> Result<()> {
    phone.ask(&["name", "Ana M."])?;
    let renamed = |answer: &Value| is_called(answer, "Ana M.");
    laptop.wait("the new name", &["members", "--group", "Sunday ride"], renamed)?;
    let begun = laptop.ask(&["new", "Monday ride"])?;
    ensure!(begun["profile"] == "Ana M.", "a name given on one device is the person's: {begun}");
    let is_in = |answer: &Value| groups(answer).iter().any(|group| group["name"] == "Monday ride");
    phone.wait("the later group", &["groups"], is_in)?;
    phone.wait("her name there", &["members", "--group", "Monday ride"], renamed)?;
    Ok(())
}

fn is_called(answer: &Value, name: &str) -> bool {
    let members = answer["members"].as_array().cloned().unwrap_or_default();
    members.iter().any(|member| member["own"] == true && member["name"] == name)
}

/// The phone is lost: it is out of everything, is told so, and reads nothing more.
fn lost(laptop: &Person<'_>, ben: &Person<'_>, phone: &Person<'_>) -> Result<()> {
    let events = phone.watch()?;
    refused(laptop, &["device", "revoke", "no such"], "unknown")?;
    laptop.ask(&["device", "revoke", "phone"])?;
    let told = events.wait("evicted", PATIENCE)?;
    ensure!(told["revoked"] == true, "it is told that a sibling took it out: {told}");
    phone.wait("to be out of all", &["groups"], |answer| {
        groups(answer).iter().all(|group| group["member"] == false)
    })?;
    ben.ask(&["say", "without the phone", "--group", "Sunday ride"])?;
    laptop.wait("his line", &["log", "--group", "Sunday ride"], |answer| {
        texts(answer).iter().any(|text| text == "without the phone")
    })?;
    let read = phone.ask(&["log", "--group", "Sunday ride"])?;
    ensure!(!texts(&read).iter().any(|text| text == "without the phone"), "the lost phone reads on: {read}");
    refused(phone, &["say", "still me", "--group", "Sunday ride"], "not-member")?;
    let devices = laptop.ask(&["devices"])?;
    ensure!(count(&devices, "devices") == 1, "{devices}");
    Ok(())
}

fn refused(who: &Person<'_>, args: &[&str], code: &str) -> Result<()> {
    let output = who.command(args)?;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let next = said["error"]["next"].as_str().unwrap_or("");
    let right = output.status.code() == Some(1) && said["error"]["code"] == code && !next.is_empty();
    ensure!(right, "`halloo {}` should be refused as {code}: {said}", args.join(" "));
    Ok(())
}

fn count(answer: &Value, key: &str) -> usize {
    answer[key].as_array().map_or(0, Vec::len)
}

fn groups(answer: &Value) -> Vec<Value> {
    answer["groups"].as_array().cloned().unwrap_or_default()
}

fn unread(answer: &Value) -> u64 {
    groups(answer).iter().filter(|g| g["name"] == "Sunday ride").filter_map(|g| g["unread"].as_u64()).sum()
}

fn named(answer: &Value, name: &str) -> Option<Value> {
    answer["devices"].as_array()?.iter().find(|device| device["name"] == name).cloned()
}

fn connected(answer: &Value) -> bool {
    let members = answer["members"].as_array().cloned().unwrap_or_default();
    members.iter().filter(|m| m["own"] == false).all(|m| {
        m["devices"]
            .as_array()
            .is_some_and(|devices| devices.iter().any(|device| device["connected"] == true))
    })
}
