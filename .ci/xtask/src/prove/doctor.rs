//! `halloo doctor` names the fault: each is made on purpose, and its words are looked at. `halloo echo` hears itself on files.

use super::Size;
use super::homes::Homes;
use super::people::{self, Person, clip, wrong_clock};
use crate::shell;
use anyhow::{Context, Result, bail};
use halloo_lab::{Host, Lab};
use serde_json::{Value, json};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A port that nothing of ours uses.
const PORT: u16 = 47_412;

/// `prove first-halloo.10`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let folder = Homes::open()?;
    let room = Room { bin, folder: folder.path().to_path_buf(), host: lab.host("a")? };
    healthy(&room)?;
    echo_on_files(&room)?;
    let mut named = sound(&room)? + network(&room)? + machine(&room)? + keys(&room)? + disk(&room)?;
    let hosts = [lab.host("b")?, lab.host("c")?];
    named += others(&room, &hosts)?;
    println!("{}", json!({"name": "doctor: seeded faults that it names", "ours": named, "unit": "faults"}));
    Ok(())
}

/// Where the faults are made.
struct Room {
    bin: PathBuf,
    folder: PathBuf,
    host: Host,
}

impl Room {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn command(&self) -> Command {
        self.host.command(&self.bin)
    }

    /// Runs the doctor of a home with a voice from a file, and expects that it names this fault in these words.
    fn expect(&self, name: &str, mut command: Command, args: &[&str], words: &[&str]) -> Result<usize> {
        let voice = clip(0);
        let default = ["--in", &voice, "--out", "null"];
        let sound: &[&str] = if args.contains(&"--in") { &[] } else { &default };
        let home = self.path("home");
        let named_home = command.get_args().any(|arg| arg == "--home");
        if !named_home {
            command.arg("--home").arg(&home);
        }
        command.args(["--json", "--quiet", "doctor"]).args(sound).args(args).stdin(Stdio::null());
        let output = command.output().context("the command could not be started")?;
        judge(name, &output, words)?;
        Ok(1)
    }
}

/// The report must hold a fault of this check with these words in what was found or in the next step.
fn judge(name: &str, output: &Output, words: &[&str]) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value =
        serde_json::from_str(&text).with_context(|| format!("no report for {name}: {text}{output:?}"))?;
    let check = report.as_array().into_iter().flatten().find(|c| c["name"] == name && !c["fault"].is_null());
    let Some(check) = check else { bail!("doctor did not find the fault of `{name}`: {text}") };
    let said = format!("{} {}", check["found"].as_str().unwrap_or(""), check["fault"].as_str().unwrap_or(""));
    if let Some(missing) = words.iter().find(|word| !said.contains(**word)) {
        bail!("doctor's words for `{name}` lack `{missing}`: {said}");
    }
    if output.status.code() != Some(5) {
        bail!("doctor found a fault of `{name}` and ended with {}", output.status);
    }
    Ok(())
}

/// On a host where all is well nothing is called ill.
fn healthy(room: &Room) -> Result<()> {
    let mut command = room.command();
    command.arg("--home").arg(room.path("home"));
    command.args(["--json", "--quiet", "doctor", "--in", &clip(0), "--out", "null"]).stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        bail!("doctor finds faults on a healthy host: {}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

/// A recording goes through coder, seal, WebRTC and decoder into a file that holds speech of its length.
fn echo_on_files(room: &Room) -> Result<()> {
    let out = room.path("echo.wav");
    let mut command = room.command();
    command.args(["--json", "--quiet", "echo", "--length", "3s", "--delay", "0s", "--in", &clip(1), "--out"]);
    let output = command.arg(&out).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "echo on files ended with {}: {text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let report: Value = serde_json::from_str(&text).with_context(|| format!("echo printed {text}"))?;
    let wave = std::fs::read(&out)?;
    let samples: Vec<i16> = wave
        .get(44..)
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|s| i16::from_le_bytes([s[0], s[1]]))
        .collect();
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    if samples.len() < 48_000 * 2 || peak < 1_000 || report["frames_received"].as_u64() < Some(50) {
        bail!("echo wrote {} samples, peak {peak}: {report}", samples.len());
    }
    Ok(())
}

fn sound(room: &Room) -> Result<usize> {
    let silence = room.path("silence.wav");
    std::fs::write(&silence, silent_wave())?;
    let silence = silence.to_string_lossy().into_owned();
    let mut named =
        room.expect("sound in", room.command(), &["--in", &silence, "--out", "null"], &["unmute"])?;
    named += room.expect(
        "sound in",
        room.command(),
        &["--in", "device:no such microphone", "--out", "null"],
        &["--in FILE"],
    )?;
    named += room.expect(
        "sound out",
        room.command(),
        &["--in", &clip(0), "--out", "device:no such loudspeaker"],
        &["--out FILE"],
    )?;
    // The voice of this machine with itself, behind a firewall that forbids it.
    firewall(&room.host, "oifname \"lo\" meta l4proto udp drop")?;
    named += room.expect("voice", room.command(), &[], &["firewall"])?;
    no_firewall(&room.host)?;
    Ok(named)
}

/// A second of nothing: 48 kHz, mono, 16 bit.
fn silent_wave() -> Vec<u8> {
    let bytes = 48_000_u32 * 2;
    let mut wave = Vec::new();
    wave.extend(b"RIFF");
    wave.extend((36 + bytes).to_le_bytes());
    wave.extend(b"WAVEfmt ");
    for word in [16_u32, 0x0001_0001, 48_000, 96_000, 0x0010_0002] {
        wave.extend(word.to_le_bytes());
    }
    wave.extend(b"data");
    wave.extend(bytes.to_le_bytes());
    wave.resize(wave.len() + bytes as usize, 0);
    wave
}

fn network(room: &Room) -> Result<usize> {
    let mut alone = Command::new("unshare");
    alone.arg("--net").arg(&room.bin);
    let mut named = room.expect("network", alone, &[], &["no address", "Wi-Fi"])?;
    room.host.unplug()?;
    named += room.expect("network", room.command(), &[], &["down", "cable"])?;
    room.host.plug()?;
    firewall(&room.host, "ip daddr 224.0.0.251 drop")?;
    named += room.expect("multicast", room.command(), &[], &["--peer"])?;
    no_firewall(&room.host)?;
    let mdns = room.host.run(|| UdpSocket::bind("0.0.0.0:5353"))??;
    named += room.expect("mdns port", room.command(), &[], &["5353", "--peer"])?;
    drop(mdns);
    let port = PORT.to_string();
    let udp = room.host.run(|| UdpSocket::bind(("0.0.0.0", PORT)))??;
    named += room.expect("udp port", room.command(), &["--port", &port], &[&port, "--port"])?;
    drop(udp);
    let tcp = room.host.run(|| TcpListener::bind(("0.0.0.0", PORT)))??;
    named += room.expect("tcp port", room.command(), &["--port", &port], &[&port, "--port"])?;
    drop(tcp);
    Ok(named)
}

fn machine(room: &Room) -> Result<usize> {
    let mut past = room.command();
    past.envs(wrong_clock(-20 * 365 * 86_400)?);
    let mut named = room.expect("clock", past, &[], &["set the date"])?;
    let mut few = room.host.command("bash");
    few.args(["-c", "ulimit -n 64; exec \"$@\"", "bash"]).arg(&room.bin);
    named += room.expect("open files", few, &[], &["64", "ulimit"])?;
    Ok(named)
}

/// A home that is closed by a passphrase, and one whose identity was damaged.
fn keys(room: &Room) -> Result<usize> {
    let at = |name: &str| {
        let mut command = room.command();
        command.arg("--home").arg(room.path(name));
        command
    };
    let passphrase = vec![("HALLOO_PASSPHRASE", "correct horse".to_owned())];
    let mut closed = Person::new(&room.bin, &room.folder, "closed", None).with(&["--loopback"]);
    closed = closed.with_environment(passphrase);
    closed.up()?;
    closed.kill()?;
    let mut named = room.expect("keys", at("closed"), &[], &["HALLOO_PASSPHRASE"])?;
    let mut hurt = Person::new(&room.bin, &room.folder, "hurt", None).with(&["--loopback"]);
    hurt.up()?;
    hurt.kill()?;
    std::fs::write(hurt.home().join("identity"), b"not an identity at all")?;
    named += room.expect("keys", at("hurt"), &[], &["backup"])?;
    Ok(named)
}

/// A full disk, a read-only one, and a folder of somebody else.
fn disk(room: &Room) -> Result<usize> {
    let home = |path: &Path| {
        let mut command = room.command();
        command.arg("--home").arg(path);
        command
    };
    let mount = room.path("disk");
    std::fs::create_dir(&mount)?;
    let at = mount.to_string_lossy().into_owned();
    if shell::run("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs", &at]).is_err() {
        eprintln!("note: mounting is not permitted here; faults of the disk were not tried");
        return Ok(0);
    }
    let outcome = (|| {
        let filled = std::fs::write(mount.join("ballast"), vec![7_u8; 4 << 20]).is_err();
        anyhow::ensure!(filled, "the file system did not fill");
        let mut named = room.expect("home", home(&mount), &[], &["free some space"])?;
        std::fs::remove_file(mount.join("ballast"))?;
        named += room.expect("disk", home(&mount), &[], &["nearly full"])?;
        shell::run("mount", &["-o", "remount,ro", &at])?;
        named += room.expect("home", home(&mount), &[], &["read-only"])?;
        Ok::<usize, anyhow::Error>(named)
    })();
    shell::run("umount", &["--lazy", &at])?;
    let mut named = outcome?;
    // Root may write everywhere; without that capability it is like anybody else.
    let theirs = room.path("theirs");
    std::fs::create_dir(&theirs)?;
    shell::run("chown", &["65534", &theirs.to_string_lossy()])?;
    shell::run("chmod", &["555", &theirs.to_string_lossy()])?;
    let caps = "-dac_override,-dac_read_search";
    let mut weak = room.host.command("setpriv");
    weak.args([format!("--inh-caps={caps}"), format!("--bounding-set={caps}")]);
    weak.arg(&room.bin).arg("--home").arg(&theirs);
    named += room.expect("home", weak, &[], &["you may not write", "chown"])?;
    Ok(named)
}

/// What only a running halloo can know: a member whose clock is wrong, and members that nothing comes through to.
fn others(room: &Room, hosts: &[Host; 2]) -> Result<usize> {
    let mut one = Person::new(&room.bin, &room.folder, "one", Some(&hosts[0]));
    let late = wrong_clock(3_600)?;
    let mut other = Person::new(&room.bin, &room.folder, "other", Some(&hosts[1])).with_environment(late);
    one.up()?;
    other.up()?;
    let code = one.begin("Sunday ride")?;
    other.ask(&["join", &code, "--as", "Ben"])?;
    other.ask(&["say", "what", "time", "is", "it"])?;
    one.wait("word of the wrong clock", &["status"], |status| {
        status["clocks"].as_array().is_some_and(|clocks| !clocks.is_empty())
    })?;
    let look = || one.command_on_host(&["--quiet", "doctor", "--in", &clip(0), "--out", "null"]);
    judge("clocks", &look()?, &["Ben", "set the clock"])?;
    firewall(&hosts[1], "oifname \"lan0\" drop")?;
    one.wait("the loss of the other", &["members"], |answer| {
        let members = answer["members"].as_array().cloned().unwrap_or_default();
        members.iter().any(|m| m["own"] == false && m["devices"][0]["connected"] == false)
    })?;
    judge("members", &look()?, &["0 of 1", "firewall"])?;
    no_firewall(&hosts[1])?;
    Ok(2)
}

/// Forbids something on the way out of a host.
fn firewall(host: &Host, rule: &str) -> Result<()> {
    nft(
        host,
        &format!(
            "add table inet seeded; add chain inet seeded out {{ type filter hook output priority 0; }}; \
             add rule inet seeded out {rule}"
        ),
    )
}

fn no_firewall(host: &Host) -> Result<()> {
    nft(host, "delete table inet seeded")
}

fn nft(host: &Host, text: &str) -> Result<()> {
    let status = host.command("nft").arg(text).status().context("nft could not be started")?;
    if !status.success() {
        bail!("`nft {text}` ended with {status}");
    }
    Ok(())
}
