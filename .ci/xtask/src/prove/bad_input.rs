//! What goes wrong in front of a person: each fault gives a clear error that names the next step, and nothing is lost.

use super::homes::Homes;
use super::people::{self, Person, texts};
use super::{Size, noise};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;

/// Where the inviter listens.
const PORT: u16 = 47_321;
const ADDRESS: &str = "/ip4/127.0.0.1/udp/47321/quic-v1";

/// `prove first-halloo.7`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let folder = Homes::open()?;
    let mut inviter =
        Person::new(&bin, folder.path(), "inviter", None).with(&["--loopback", "--port", "47321"]);
    inviter.up()?;
    let code = inviter.begin("Sunday ride")?;
    inviter.ask(&["say", "kept"])?;
    codes(&bin, folder.path(), &inviter, &code)?;
    in_use(&bin, folder.path(), &inviter)?;
    wrong_clock(&bin, folder.path(), &inviter)?;
    noise::on_every_socket(&bin, folder.path(), &inviter, PORT)?;
    full_disk(&bin)?;
    if !texts(&inviter.ask(&["log"])?).contains(&"kept".to_owned()) {
        bail!("a message was lost on the way");
    }
    Ok(())
}

/// Mistyped, wrong, used up and closed codes.
fn codes(bin: &Path, folder: &Path, inviter: &Person<'_>, code: &str) -> Result<()> {
    let newcomer = |name: &str| Person::new(bin, folder, name, None).with(&["--loopback", "--peer", ADDRESS]);
    let mut stranger = newcomer("stranger");
    stranger.up()?;
    refused(&stranger, &["join", "not a code"], "")?;
    refused(&stranger, &["join", "7-ottr-qurtz"], "")?;
    refused(&stranger, &["join", "halloo:i/nonsense"], "")?;
    let (number, _) = code.split_once('-').context("a code has a number")?;
    refused(&stranger, &["join", &format!("{number}-abandon-ability")], "wrong-words")?;
    stranger.ask(&["join", code])?;
    let mut late = newcomer("late");
    late.up()?;
    refused(&late, &["join", code], "")?;
    let fresh = inviter.next_code(code)?;
    burned(inviter, &late, &fresh)?;
    inviter.ask(&["invite", "--close"])?;
    refused(&late, &["join", &fresh], "")?;
    invites(inviter, &late, &stranger)?;
    refused(&stranger, &["remove", "nobody"], "unknown")?;
    refused(&stranger, &["say", &"x".repeat(100_000)], "")?;
    refused(&stranger, &["fix", "91", "0"], "invalid")
}

/// Three wrong words burn a code; the fourth try, with the right ones, is refused too.
fn burned(inviter: &Person<'_>, late: &Person<'_>, fresh: &str) -> Result<()> {
    let (number, _) = fresh.split_once('-').context("a code has a number")?;
    let wrong = format!("{number}-abandon-ability");
    refused(late, &["join", &wrong], "wrong-words")?;
    refused(late, &["join", &wrong], "wrong-words")?;
    refused(late, &["join", &wrong], "burned")?;
    refused(late, &["join", fresh], "")?;
    inviter.ask(&["status"]).map(drop)
}

/// Links and codes that are expired or used up are refused by the members, by name; there is no server to ask.
fn invites(inviter: &Person<'_>, late: &Person<'_>, member: &Person<'_>) -> Result<()> {
    let brief = inviter.ask(&["invite", "--expires", "1s"])?["invite"].clone();
    let (code, link) = (brief["code"].as_str().unwrap_or_default(), brief["qr"].as_str().unwrap_or_default());
    inviter.wait("the end of the invite", &["invite", "--list"], |list| {
        let open = list["invites"].as_array().cloned().unwrap_or_default();
        !open.iter().any(|invite| invite["qr"] == link)
    })?;
    refused(late, &["join", link], "expired")?;
    refused(late, &["join", code], "")?;
    let single =
        inviter.ask(&["invite", "--uses", "1"])?["invite"]["qr"].as_str().unwrap_or_default().to_owned();
    late.ask(&["join", &single])?;
    late.ask(&["leave"])?;
    inviter.wait("the use of the invite", &["invite", "--list"], |list| {
        let open = list["invites"].as_array().cloned().unwrap_or_default();
        !open.iter().any(|invite| invite["qr"] == single.as_str())
    })?;
    refused(late, &["join", &single], "used-up")?;
    refused(member, &["join", &single], "")
}

/// A port and a home that somebody else has, and a home in which nothing runs.
fn in_use(bin: &Path, folder: &Path, inviter: &Person<'_>) -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let second = Person::new(bin, folder, "second", None);
    expect_exit(&second, &["up", "--loopback", "--port", &port], 4, "--port")?;
    expect_exit(inviter, &["up", "--loopback"], 4, "--home")?;
    expect_exit(&second, &["members"], 3, "halloo up")?;
    expect_exit(&second, &["fly"], 2, "Usage")
}

/// A newcomer whose clock is days off comes in and is understood; both are told whose clock differs and what to do.
fn wrong_clock(bin: &Path, folder: &Path, inviter: &Person<'_>) -> Result<()> {
    for (name, days) in [("fast", 3), ("slow", -3)] {
        let mut person = Person::new(bin, folder, name, None)
            .with(&["--loopback", "--peer", ADDRESS])
            .with_environment(people::wrong_clock(days * 86_400)?);
        person.up()?;
        let code = inviter.ask(&["invite"])?["invite"]["code"].as_str().context("no code")?.to_owned();
        person.ask(&["join", &code, "--as", name])?;
        let text = format!("from {name}");
        person.ask(&["say", &text])?;
        inviter.wait("the words of a wrong clock", &["log"], |log| texts(log).contains(&text))?;
        let told = |status: &Value| {
            let clocks = status["clocks"].as_array().cloned().unwrap_or_default();
            clocks.iter().any(|clock| {
                let off = clock["seconds"].as_i64().unwrap_or(0) - days * 86_400;
                clock["name"] == name && off.abs() < 60
            })
        };
        inviter.wait("word of the wrong clock", &["status"], told)?;
        inviter.ask(&["say", &format!("to {name}")])?;
        person.wait("an answer", &["log"], |log| texts(log).contains(&format!("to {name}")))?;
        person.wait("word of the other clock", &["status"], |status| {
            status["clocks"].as_array().is_some_and(|clocks| !clocks.is_empty())
        })?;
        person.ask(&["leave"])?;
    }
    Ok(())
}

/// A home on a file system without room: the command says so, goes on when there is room, and keeps what was acknowledged.
fn full_disk(bin: &Path) -> Result<()> {
    let mount = tempfile::tempdir()?;
    let path = mount.path().to_string_lossy().into_owned();
    if crate::shell::run("mount", &["-t", "tmpfs", "-o", "size=3m", "tmpfs", &path]).is_err() {
        eprintln!("note: mounting is not permitted here; the full disk was not tried");
        return Ok(());
    }
    let outcome = fill_and_free(bin, mount.path()).and_then(|()| begin_on_full(bin, mount.path()));
    crate::shell::run("umount", &["--lazy", &path])?;
    outcome
}

fn fill_and_free(bin: &Path, mount: &Path) -> Result<()> {
    let mut person = Person::new(bin, mount, "h", None).with(&["--loopback"]);
    person.up()?;
    person.begin("Full")?;
    person.ask(&["say", "first"])?;
    let ballast = mount.join("ballast");
    let filled = std::fs::write(&ballast, vec![7_u8; 8 << 20]).is_err();
    if !filled {
        bail!("the file system did not fill");
    }
    let mut kept = vec!["first".to_owned()];
    let mut told = false;
    for n in 0..400 {
        let text = format!("{n} {}", "long ".repeat(2_000));
        let output = person.command(&["say", &text])?;
        if output.status.success() {
            kept.push(text);
            continue;
        }
        let answer: Value = serde_json::from_slice(&output.stdout).context("no error object")?;
        told = answer["error"]["code"] == "disk"
            && answer["error"]["next"].as_str().is_some_and(|next| next.contains("free"));
        break;
    }
    if !told {
        bail!("the full disk was not named");
    }
    std::fs::remove_file(&ballast)?;
    person.wait("writing after the disk has room", &["say", "afterwards"], |answer| {
        answer["message"].is_string()
    })?;
    person.kill()?;
    person.up()?;
    let found = person.texts()?;
    match kept.iter().find(|text| !found.contains(text)) {
        Some(text) => bail!("acknowledged and lost: {}", &text[..text.len().min(20)]),
        None => Ok(()),
    }
}

/// A first start where there is no room names the disk and what to do, and works once there is some.
fn begin_on_full(bin: &Path, mount: &Path) -> Result<()> {
    let ballast = mount.join("ballast");
    let filled = std::fs::write(&ballast, vec![7_u8; 8 << 20]).is_err();
    if !filled {
        bail!("the file system did not fill");
    }
    let mut person = Person::new(bin, mount, "new", None).with(&["--loopback"]);
    let output = person.command(&["up", "--loopback"])?;
    let answer: Value = serde_json::from_slice(&output.stdout).context("no error object")?;
    let said = format!("{} {}", answer["error"]["what"], answer["error"]["next"]);
    if output.status.success() || !said.contains("space") {
        bail!("a first start on a full disk said {said}");
    }
    std::fs::remove_file(&ballast)?;
    person.up()?;
    person.begin("Room at last").map(drop)
}

/// The command must fail with an error object that has a next step, and this code where one is given.
fn refused(person: &Person<'_>, args: &[&str], code: &str) -> Result<()> {
    let output = person.command(args)?;
    let shown = args.iter().map(|a| &a[..a.len().min(40)]).collect::<Vec<_>>().join(" ");
    if output.status.success() {
        bail!("`halloo {shown}` should have been refused");
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answer: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .with_context(|| format!("`halloo {shown}` printed no error object: {text}"))?;
    let error = &answer["error"];
    if error["next"].as_str().is_none_or(str::is_empty) || error["what"].as_str().is_none_or(str::is_empty) {
        bail!("`halloo {shown}` names no next step: {error}");
    }
    if !code.is_empty() && error["code"] != code {
        bail!("`halloo {shown}` should say {code}: {error}");
    }
    Ok(())
}

fn expect_exit(person: &Person<'_>, args: &[&str], code: i32, named: &str) -> Result<()> {
    let output = person.command(args)?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() != Some(code) || !said.contains(named) {
        bail!("`halloo {}` ended with {:?} and said {said}", args.join(" "), output.status.code());
    }
    Ok(())
}
