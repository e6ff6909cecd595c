//! A conversation of two out of a group of three: one writes to and calls another, and the third sees nothing of it.

use super::Size;
use super::homes::Homes;
use super::people::{self, PATIENCE, Person, clip, frames_played, texts};
use anyhow::{Context, Result, bail};
use halloo_lab::Lab;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Written by one to the other alone; looked for in everything that the third has and in everything that anybody sent.
const CANARY: &str = "canary-3f9c meet me behind the mill";

/// `prove first-halloo.8`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let hosts = [lab.host("a")?, lab.host("b")?, lab.host("c")?];
    let folder = Homes::open()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let person = |name: &str, host| {
        let (record, tap) = (path("voice"), path(&format!("{name}.tap")));
        Person::new(&bin, folder.path(), name, Some(host))
            .with(&["--record", &record, "--label", name, "--tap", &tap])
    };
    let (mut a, mut b, mut c) = (person("a", &hosts[0]), person("b", &hosts[1]), person("c", &hosts[2]));
    for one in [&mut a, &mut b, &mut c] {
        one.up()?;
    }
    let code = begin_as(&a, "Ana")?;
    b.ask(&["join", &code, "--as", "Ben"])?;
    c.ask(&["join", &a.next_code(&code)?, "--as", "Cleo"])?;
    for one in [&a, &b, &c] {
        one.wait("three members that see each other", &["members"], all_here)?;
    }
    c.ask(&["talk", "--in", "null", "--out", "null"])?;
    write(&a, &b)?;
    let took_ms = call(&a, &b, folder.path())?;
    println!(
        "{}",
        json!({"name": "call to the first frame heard", "ours": took_ms, "unit": "ms", "runs": 1})
    );
    answered_by_default_in_the_group(&a, &b, &c)?;
    nothing_of_it(&a, &c, folder.path())?;
    restart(&a, &mut b)
}

fn begin_as(person: &Person<'_>, name: &str) -> Result<String> {
    let made = person.ask(&["new", "Sunday ride", "--as", name])?;
    Ok(made["invite"]["code"].as_str().context("the group has no code")?.to_owned())
}

fn all_here(answer: &Value) -> bool {
    let members = answer["members"].as_array().cloned().unwrap_or_default();
    members.len() == 3 && members.iter().all(|m| m["own"] == true || m["devices"][0]["connected"] == true)
}

/// One writes to the other, who answers; neither names a group.
fn write(a: &Person<'_>, b: &Person<'_>) -> Result<()> {
    a.ask(&["send", "Ben", CANARY])?;
    let group = conversation(b, "Ben's part of the conversation")?;
    let has = |person: &Person<'_>, group: &str, text: &str| {
        let text = text.to_owned();
        person.wait("a private message", &["log", "--group", group], move |log| texts(log).contains(&text))
    };
    has(b, &group, CANARY)?;
    b.ask(&["send", "Ana", "canary-3f9c behind the mill it is"])?;
    let same = conversation(a, "Ana's part of the conversation")?;
    if same != group {
        bail!("the answer went to another conversation than the question");
    }
    has(a, &group, "canary-3f9c behind the mill it is").map(drop)
}

/// The one conversation of two of this home.
fn conversation(person: &Person<'_>, what: &str) -> Result<String> {
    let of_two = |answer: &Value| -> Vec<String> {
        let groups = answer["groups"].as_array().cloned().unwrap_or_default();
        let two = groups.iter().filter(|g| g["with"].is_string() && g["member_count"] == 2);
        two.filter_map(|g| g["group"].as_str().map(str::to_owned)).collect()
    };
    let answer = person.wait(what, &["groups"], |answer| !of_two(answer).is_empty())?;
    match of_two(&answer).as_slice() {
        [one] => Ok(one.clone()),
        more => bail!("{} conversations of two instead of one", more.len()),
    }
}

/// One calls, the other takes the call, and both are heard; returns the milliseconds from the taking to the first sound.
fn call(a: &Person<'_>, b: &Person<'_>, folder: &Path) -> Result<f64> {
    a.ask(&["call", "Ben", "--in", &clip(0), "--out", "null", "--repeat"])?;
    let began = Instant::now();
    b.ask(&["call", "Ana", "--in", &clip(1), "--out", "null", "--repeat"])?;
    let mut first = None;
    while heard(folder, "a")? < 50 || heard(folder, "b")? < 50 {
        if first.is_none() && heard(folder, "b")? > 0 {
            first = Some(began.elapsed());
        }
        if began.elapsed() > PATIENCE {
            bail!("not heard: a plays {} frames, b {}", heard(folder, "a")?, heard(folder, "b")?);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(first.unwrap_or(began.elapsed()).as_secs_f64() * 1e3)
}

fn heard(folder: &Path, name: &str) -> Result<usize> {
    frames_played(&folder.join("voice"), name)
}

/// What names no group goes to the group, although the conversation was used last; hanging up ends the call that runs.
fn answered_by_default_in_the_group(a: &Person<'_>, b: &Person<'_>, c: &Person<'_>) -> Result<()> {
    a.ask(&["say", "to", "everybody"])?;
    for one in [b, c] {
        one.wait("what was said to everybody", &["log"], |log| {
            texts(log).contains(&"to everybody".to_owned())
        })?;
    }
    let group = conversation(a, "the conversation")?;
    a.ask(&["hush"])?;
    b.wait("the end of the call", &["members", "--group", &group], |answer| {
        let members = answer["members"].as_array().cloned().unwrap_or_default();
        members.iter().all(|m| m["own"] == true || m["devices"][0]["in_call"] == false)
    })?;
    b.ask(&["hush"]).map(drop)
}

/// The third has no second group, no message of theirs, heard nobody, and holds their words and their group's id nowhere;
/// nobody sent the words in clear.
fn nothing_of_it(a: &Person<'_>, c: &Person<'_>, folder: &Path) -> Result<()> {
    let groups = c.ask(&["groups"])?["groups"].as_array().map_or(0, Vec::len);
    let messages = c.texts()?;
    if groups != 1 || messages != ["to everybody"] {
        bail!("the third is in {groups} groups and has {messages:?}");
    }
    if heard(folder, "c")? != 0 {
        bail!("the third heard the call of the two");
    }
    let id = conversation(a, "the conversation")?;
    let id_bytes: Vec<u8> =
        (0..id.len()).step_by(2).filter_map(|at| u8::from_str_radix(id.get(at..at + 2)?, 16).ok()).collect();
    let words = b"canary-3f9c".as_slice();
    if !contains_anywhere(a.home(), &id_bytes)? {
        bail!("the search would not find the id of the conversation where it is");
    }
    for needle in [words, id.as_bytes(), &id_bytes] {
        if contains_anywhere(c.home(), needle)? {
            bail!("the third's home holds something of the conversation");
        }
    }
    for tap in ["a.tap", "b.tap", "c.tap"] {
        let bytes = std::fs::read(folder.join(tap))?;
        if bytes.is_empty() || find(&bytes, words) {
            bail!("{tap} is empty or holds the words in clear");
        }
    }
    Ok(())
}

fn contains_anywhere(folder: &Path, needle: &[u8]) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let found = if kind.is_dir() {
            contains_anywhere(&entry.path(), needle)?
        } else {
            kind.is_file() && find(&std::fs::read(entry.path())?, needle)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn find(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// The conversation outlives a restart of the other: the next message comes without a new invite.
fn restart(a: &Person<'_>, b: &mut Person<'_>) -> Result<()> {
    let group = conversation(b, "the conversation")?;
    b.kill()?;
    a.ask(&["send", "Ben", "are you there"])?;
    b.up()?;
    b.wait("what was written while away", &["log", "--group", &group], |log| {
        texts(log).contains(&"are you there".to_owned())
    })?;
    if conversation(b, "the conversation")? != group {
        bail!("a restart began another conversation");
    }
    Ok(())
}
