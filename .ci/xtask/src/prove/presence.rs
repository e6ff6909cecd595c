//! What members know of each other, on three hosts without a server: names, mutes, the key of push-to-talk, places with an end,
//! who fell away, and the same state after a partition.

use super::Size;
use super::homes::Homes;
use super::people::{self, PATIENCE, Person, clip, texts};
use anyhow::{Context, Result, bail, ensure};
use halloo_lab::{Host, Lab};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Frames of somebody else's talk in which the own figures, told once a second, have become those of now.
const FLUSHED: u64 = 60;

/// `prove first-halloo.12`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let hosts = [lab.host("a")?, lab.host("b")?, lab.host("c")?];
    let folder = Homes::open()?;
    let [mut a, mut b, mut c] =
        ["a", "b", "c"].map(|name| Person::new(&bin, folder.path(), name, host_of(&hosts, name)));
    for one in [&mut a, &mut b, &mut c] {
        one.up()?;
    }
    let code = a.begin("Sunday ride")?;
    b.ask(&["join", &code, "--as", "Ben"])?;
    c.ask(&["join", &a.next_code(&code)?, "--as", "Cleo"])?;
    for one in [&a, &b, &c] {
        one.wait("three that are connected", &["members"], |answer| {
            others(answer).len() == 2 && others(answer).iter().all(connected)
        })?;
    }
    let renamed = names(&a, &b, &c)?;
    a.ask(&["talk", "--in", &clip(0), "--out", "null", "--repeat"])?;
    b.ask(&["talk", "--in", &clip(1), "--out", "null", "--repeat"])?;
    statistics(&b)?;
    mute(&a, &b)?;
    key(&a, &b)?;
    places(&mut a, &b)?;
    partition(&[&a, &b, &c], &hosts[2])?;
    let missed = fall_away(&a, &b, &mut c)?;
    for (name, ours, most) in [
        ("a new name at everybody", renamed, 1_000.0),
        ("a member that fell away is missed", missed, 5_000.0),
    ] {
        println!("{}", json!({"name": name, "ours": ours, "unit": "ms"}));
        ensure!(size == Size::Small || ours <= most, "{name} after {ours:.0} ms, promised are {most}");
    }
    Ok(())
}

fn host_of<'a>(hosts: &'a [Host; 3], name: &str) -> Option<&'a Host> {
    hosts.iter().find(|host| host.name() == name)
}

fn others(answer: &Value) -> Vec<Value> {
    let members = answer["members"].as_array().cloned().unwrap_or_default();
    members.into_iter().filter(|m| m["own"] == false).collect()
}

fn connected(member: &Value) -> bool {
    member["devices"][0]["connected"] == true
}

/// A new name is seen by everybody; returns milliseconds.
fn names(a: &Person<'_>, b: &Person<'_>, c: &Person<'_>) -> Result<f64> {
    let began = Instant::now();
    b.ask(&["name", "Benjamin"])?;
    for one in [a, c] {
        one.wait("the new name", &["members"], |answer| {
            others(answer).iter().any(|member| member["name"] == "Benjamin")
        })?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn figure(person: &Person<'_>, key: &str) -> Result<u64> {
    Ok(person.ask(&["status"])?["voice"][key].as_u64().unwrap_or(0))
}

/// Waits until the clock of the voice has gone on by so many frames at somebody who talks.
fn frames_later(talker: &Person<'_>, frames: u64) -> Result<()> {
    let before = figure(talker, "frames_sent")?;
    talker
        .wait("a talker that goes on", &["status"], |status| {
            status["voice"]["frames_sent"].as_u64() >= Some(before + frames)
        })
        .map(drop)
}

/// Duration, loss, round trip of a call are shown on the own device, and nobody else is told.
fn statistics(b: &Person<'_>) -> Result<()> {
    let status = b.wait("figures of the call", &["status"], |status| {
        let links = status["voice"]["links"].as_object().cloned().unwrap_or_default();
        status["voice"]["opened"].as_u64() > Some(50) && links.values().any(|link| link["rtt_ms"].is_number())
    })?;
    let voice = &status["voice"];
    for key in ["frames_sent", "frames_expected", "frames_lost", "frames_concealed", "step_us_mean"] {
        ensure!(voice[key].is_number(), "the figures of a call lack {key}: {voice}");
    }
    Ok(())
}

/// A muted microphone sends not one frame.
fn mute(a: &Person<'_>, b: &Person<'_>) -> Result<()> {
    a.ask(&["mute"])?;
    b.wait("the word that the other is muted", &["members"], |answer| {
        others(answer).iter().any(|member| member["devices"][0]["microphone_muted"] == true)
    })?;
    frames_later(b, FLUSHED)?;
    let before = figure(a, "frames_sent")?;
    frames_later(b, FLUSHED)?;
    let after = figure(a, "frames_sent")?;
    ensure!(before == after, "a muted microphone sent {} frames", after - before);
    a.ask(&["mute", "--off"])?;
    frames_later(a, 25)
}

/// Push-to-talk: nothing leaves before the key is held, what is said then is heard, nothing leaves after it is released.
fn key(a: &Person<'_>, b: &Person<'_>) -> Result<()> {
    a.ask(&["talk", "--in", &clip(0), "--out", "null", "--repeat", "--push-to-talk"])?;
    frames_later(b, FLUSHED)?;
    let idle = figure(a, "frames_sent")?;
    frames_later(b, FLUSHED)?;
    ensure!(figure(a, "frames_sent")? == idle, "sound left before the key was held");
    let opened = figure(b, "opened")?;
    a.ask(&["push", "down"])?;
    b.wait("the talk of the held key", &["status"], |status| {
        status["voice"]["opened"].as_u64() > Some(opened + 25)
    })?;
    a.ask(&["push", "up"])?;
    frames_later(b, FLUSHED)?;
    let released = figure(a, "frames_sent")?;
    frames_later(b, FLUSHED)?;
    ensure!(figure(a, "frames_sent")? == released, "sound left after the key was released");
    Ok(())
}

/// A place is as exact as its owner wants, ends by itself, and is then neither at the others nor in their stores.
fn places(a: &mut Person<'_>, b: &Person<'_>) -> Result<()> {
    let of_ben = |answer: &Value| -> Vec<Value> {
        let all = answer["locations"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|location| location["own"] == false).collect()
    };
    b.ask(&["precision", "approximate"])?;
    b.ask(&["share", "4s"])?;
    b.ask(&["fix", "46.123456", "7.654321"])?;
    let seen = a.wait("the place of the other", &["where"], |answer| !of_ben(answer).is_empty())?;
    let place = of_ben(&seen).first().cloned().context("a place")?;
    let exact = place["latitude"] == 46.123_456 || place["longitude"] == 7.654_321;
    ensure!(place["precision"] == "approximate" && !exact, "an approximate place is {place}");
    a.wait("the end of sharing", &["where"], |answer| of_ben(answer).is_empty())?;
    a.kill()?;
    a.up()?;
    let after = a.ask(&["where"])?;
    ensure!(of_ben(&after).is_empty(), "a place that had ended came back from the store: {after}");
    a.wait("the others after a restart", &["members"], |answer| others(answer).iter().all(connected))
        .map(drop)
}

/// Both sides of a partition write and change things; once healed everybody holds the same.
fn partition(people: &[&Person<'_>; 3], host: &Host) -> Result<()> {
    let [a, b, c] = people;
    host.unplug()?;
    for n in 0..5 {
        a.ask(&["say", &format!("a{n}")])?;
        c.ask(&["say", &format!("c{n}")])?;
    }
    a.ask(&["role", "Benjamin", "admin"])?;
    host.plug()?;
    let began = Instant::now();
    loop {
        let states = [state(a)?, state(b)?, state(c)?];
        if states[0].0.len() == 10 && states.iter().all(|one| *one == states[0]) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE + PATIENCE {
            bail!("the sides of a partition differ: {states:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Messages in order with who has them, and members with their roles.
type State = (Vec<String>, Vec<String>, Vec<String>);

fn state(person: &Person<'_>) -> Result<State> {
    let log = person.ask(&["log"])?;
    let messages = log["messages"].as_array().cloned().unwrap_or_default();
    let receipts = messages
        .iter()
        .map(|message| {
            let mut to: Vec<String> = message["delivered_to"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|account| account.as_str().map(str::to_owned))
                .collect();
            to.push(message["account"].as_str().unwrap_or_default().to_owned());
            to.sort();
            to.dedup();
            format!("{} {}", message["message"], to.join(" "))
        })
        .collect();
    let members = person.ask(&["members"])?["members"].as_array().cloned().unwrap_or_default();
    let mut roles: Vec<String> = members.iter().map(|m| format!("{} {}", m["account"], m["role"])).collect();
    roles.sort();
    Ok((texts(&log), receipts, roles))
}

/// A process that is killed is missed by both others; returns milliseconds.
fn fall_away(a: &Person<'_>, b: &Person<'_>, c: &mut Person<'_>) -> Result<f64> {
    c.kill()?;
    let began = Instant::now();
    for one in [a, b] {
        one.wait("the loss of the third", &["members"], |answer| {
            others(answer).iter().any(|member| member["name"] == "Cleo" && !connected(member))
        })?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
