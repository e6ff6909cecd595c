//! What goes wrong in front of a person: each fault gives a clear error that names the next step, and nothing is lost.

use super::Size;
use super::people::{self, Person, texts};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// `prove first-halloo.7`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let folder = tempfile::tempdir()?;
    let mut inviter =
        Person::new(&bin, folder.path(), "inviter", None).with(&["--loopback", "--port", "47321"]);
    inviter.up()?;
    let code = inviter.begin("Sunday ride")?;
    inviter.ask(&["say", "kept"])?;
    codes(&bin, folder.path(), &inviter, &code)?;
    in_use(&bin, folder.path(), &inviter)?;
    garbage(&inviter)?;
    full_disk(&bin)?;
    if texts(&inviter.ask(&["log"])?) != ["kept"] {
        bail!("a message was lost on the way");
    }
    Ok(())
}

/// Mistyped, wrong, used up and closed codes.
fn codes(bin: &Path, folder: &Path, inviter: &Person<'_>, code: &str) -> Result<()> {
    let newcomer = |name: &str| {
        Person::new(bin, folder, name, None).with(&[
            "--loopback",
            "--peer",
            "/ip4/127.0.0.1/udp/47321/quic-v1",
        ])
    };
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
    inviter.ask(&["invite", "--close"])?;
    refused(&late, &["join", &fresh], "")?;
    refused(&stranger, &["remove", "nobody"], "unknown")?;
    refused(&stranger, &["say", &"x".repeat(100_000)], "")?;
    refused(&stranger, &["fix", "91", "0"], "invalid")
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

/// Random bytes on every socket of a running member.
fn garbage(inviter: &Person<'_>) -> Result<()> {
    let noise: Vec<u8> = (0..65_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for _ in 0..20 {
        // Whoever is garbled at may hang up in the middle; that is its right.
        let _refused = TcpStream::connect("127.0.0.1:47321").and_then(|mut s| s.write_all(&noise));
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for chunk in noise.chunks(1_200) {
            let _refused = socket.send_to(chunk, "127.0.0.1:47321");
        }
        let _refused =
            UnixStream::connect(inviter.home().join("control.sock")).and_then(|mut s| s.write_all(&noise));
    }
    inviter.ask(&["status"]).map(drop)
}

/// A home on a file system without room: the command says so, goes on when there is room, and keeps what was acknowledged.
fn full_disk(bin: &Path) -> Result<()> {
    let mount = tempfile::tempdir()?;
    let path = mount.path().to_string_lossy().into_owned();
    if crate::shell::run("mount", &["-t", "tmpfs", "-o", "size=3m", "tmpfs", &path]).is_err() {
        eprintln!("note: mounting is not permitted here; the full disk was not tried");
        return Ok(());
    }
    let outcome = fill_and_free(bin, mount.path());
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
