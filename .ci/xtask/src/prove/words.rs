//! How the command speaks: data on stdout and talk on stderr, JSON where something is read, exit codes as documented, folders
//! where XDG says, no colour unasked, completions and manual pages that shells and `man` read.

use super::Size;
use super::homes::Homes;
use super::people::{self, PATIENCE, Person};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// Every command that reads, and whether it prints data on stdout without `--json` in this group of one.
const READING: &[(&[&str], bool)] = &[
    (&["groups"], true),
    (&["members"], true),
    (&["log"], true),
    (&["log", "-n", "1"], true),
    (&["edits", "last"], true),
    (&["poll"], true),
    (&["task", "list", "--all"], true),
    (&["activity"], true),
    (&["where"], true),
    (&["invite", "--list"], true),
    (&["status"], true),
];

/// Every command that changes something, and whether its answer is data (an id, a code) or nothing.
const CHANGING: &[(&[&str], bool)] = &[
    (&["say", "at", "the", "bridge"], true),
    (&["edit", "last", "at", "the", "lower", "bridge"], true),
    (&["react", "last", "+1"], true),
    (&["poll", "new", "where?", "hut", "tent"], true),
    (&["poll", "vote", "last", "hut"], false),
    (&["task", "add", "rope"], true),
    (&["task", "done", "last"], false),
    (&["precision", "exact"], false),
    (&["share", "1h"], false),
    (&["fix", "46.5", "7.9"], false),
    (&["invite"], true),
    (&["talk", "--in", "null", "--out", "null"], false),
    (&["mute"], false),
    (&["mute", "--off"], false),
    (&["hush"], false),
];

/// `prove first-halloo.11`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let folder = Homes::open()?;
    let mut person = Person::new(&bin, folder.path(), "ana", None).with(&["--loopback"]);
    person.up()?;
    let halloo = Halloo { bin: bin.clone(), home: person.home().to_path_buf() };
    streams_of_new(&halloo)?;
    for (args, data) in CHANGING {
        streams(&halloo, args, *data)?;
    }
    // A place leaves, and is shown, in its turn: at most one a second.
    person.wait("the own place", &["where"], |answer| {
        answer["locations"].as_array().is_some_and(|all| !all.is_empty())
    })?;
    for (args, data) in READING {
        streams(&halloo, args, *data)?;
    }
    watching(&halloo)?;
    refusals(&halloo)?;
    exit_codes(&halloo, folder.path())?;
    folders(&halloo.bin, folder.path())?;
    colours(&halloo)?;
    completions(&halloo, folder.path())?;
    manuals(&halloo, folder.path())?;
    closed_pipe(&halloo)?;
    progress(&halloo)
}

struct Halloo {
    bin: PathBuf,
    home: PathBuf,
}

impl Halloo {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.bin);
        command.arg("--home").arg(&self.home).args(args).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Result<Output> {
        self.command(args).output().context("the command could not be started")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `new` prints code and link, and tells the rest.
fn streams_of_new(halloo: &Halloo) -> Result<()> {
    let output = halloo.run(&["new", "Sunday ride", "--as", "Ana"])?;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "`new` ended with {}: {err}", output.status);
    let lines: Vec<&str> = out.lines().collect();
    ensure!(lines.len() == 2 && lines[1].starts_with("halloo:i/"), "`new` printed {out}");
    ensure!(err.contains("halloo join") && err.contains("Sunday ride"), "`new` told {err}");
    Ok(())
}

/// Data on stdout and nothing on stderr; with `--json` lines of JSON and nothing else.
fn streams(halloo: &Halloo, args: &[&str], data: bool) -> Result<()> {
    let shown = args.join(" ");
    let plain = halloo.run(args)?;
    ensure!(plain.status.success(), "`{shown}` ended with {}: {}", plain.status, text(&plain.stderr));
    ensure!(plain.stdout.is_empty() != data, "`{shown}` printed {:?}", text(&plain.stdout));
    let talk = text(&plain.stderr);
    ensure!(talk.is_empty() || args[0] == "invite", "`{shown}` told {talk:?}");
    let json = halloo.run(&[&["--json"], args].concat())?;
    ensure!(json.status.success(), "`--json {shown}` ended with {}", json.status);
    let out = text(&json.stdout);
    ensure!(!out.is_empty() && json.stderr.is_empty(), "`--json {shown}` told {}", text(&json.stderr));
    for line in out.lines() {
        serde_json::from_str::<Value>(line).with_context(|| format!("`--json {shown}` printed {line}"))?;
    }
    Ok(())
}

/// `watch` prints events as they happen, as JSON where asked.
fn watching(halloo: &Halloo) -> Result<()> {
    let mut watch = halloo.command(&["--json", "watch"]).stdout(Stdio::piped()).spawn()?;
    let stdout = watch.stdout.take().context("a pipe")?;
    let (tell, told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in std::io::BufRead::lines(std::io::BufReader::new(stdout)).map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    let outcome = (|| {
        let began = Instant::now();
        // Whether the watcher is already connected cannot be seen from outside; so it is spoken to until it hears.
        while began.elapsed() < PATIENCE {
            halloo.run(&["say", "do you hear"])?;
            while let Ok(line) = told.recv_timeout(std::time::Duration::from_millis(200)) {
                let event: Value =
                    serde_json::from_str(&line).with_context(|| format!("`watch` printed {line}"))?;
                if event["event"] == "message" && event["text"] == "do you hear" {
                    return Ok(());
                }
            }
        }
        bail!("`watch` heard nothing")
    })();
    watch.kill()?;
    watch.wait()?;
    // The reader ends with the pipe.
    let _ended = reader.join();
    outcome
}

/// A refusal says on stderr what is wrong and what to do next, and nothing on stdout; with `--json` one error object on stdout.
fn refusals(halloo: &Halloo) -> Result<()> {
    let cases: &[&[&str]] = &[
        &["remove", "nobody"],
        &["join", "7-ottr-qurtz"],
        &["fix", "91", "0"],
        &["say", "x", "--reply-to", "zz"],
        &["log", "--before", "zz"],
        &["track", "/no/such/file.gpx"],
        &["talk", "--in", "/no/such/file.wav", "--out", "null"],
        &["talk", "--in", "device:no such microphone", "--out", "null"],
        &["push", "down"],
        &["volume", "Ana", "9"],
        &["share", "1w"],
        &["call", "Ana"],
        &["members", "--group", "nobody's"],
        &["echo", "--in", "/no/such/file.wav", "--out", "null"],
        &["man", "fly"],
    ];
    for args in cases {
        let shown = args.join(" ");
        let plain = halloo.run(args)?;
        let talk = text(&plain.stderr);
        ensure!(plain.status.code() == Some(1), "`{shown}` ended with {}", plain.status);
        ensure!(plain.stdout.is_empty(), "`{shown}` was refused and printed {:?}", text(&plain.stdout));
        ensure!(talk.contains("error: ") && talk.contains("next: "), "`{shown}` told {talk}");
        let json = halloo.run(&[&["--json"], *args].concat())?;
        let object: Value =
            serde_json::from_slice(&json.stdout).with_context(|| format!("`--json {shown}`"))?;
        let full = |key: &str| object["error"][key].as_str().is_some_and(|text| !text.is_empty());
        ensure!(full("what") && full("next") && full("code"), "`--json {shown}` printed {object}");
    }
    Ok(())
}

/// The codes that the help names, each brought about.
fn exit_codes(halloo: &Halloo, folder: &Path) -> Result<()> {
    let nobody = folder.join("nobody").to_string_lossy().into_owned();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["members"], 0, "0 done"),
        (&["remove", "nobody"], 1, "1 refused or failed"),
        (&["fly"], 2, "2 wrong usage"),
        (&["--home", &nobody, "members"], 3, "3 no halloo runs in this home"),
        (&["up", "--loopback"], 4, "4 home or port in use"),
        (&["doctor", "--loopback", "--in", "null", "--out", "null"], 5, "5 doctor found a fault"),
        (&["echo", "--length", "1s", "--in", "null", "--out", "null"], 5, "echo heard nothing"),
    ];
    let help = text(&halloo.run(&["help"])?.stdout);
    let page = text(&halloo.run(&["man"])?.stdout);
    for (args, code, words) in cases {
        let mut command = Command::new(&halloo.bin);
        if !args.contains(&"--home") {
            command.arg("--home").arg(&halloo.home);
        }
        let output = command.args(*args).stdin(Stdio::null()).output()?;
        ensure!(output.status.code() == Some(*code), "`{}` ended with {}", args.join(" "), output.status);
        let folded = help.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(folded.contains(words) && page.contains(words), "the help or the manual lacks `{words}`");
    }
    Ok(())
}

/// Without a home the folder is the one of XDG; nothing else appears in the person's folder.
fn folders(bin: &Path, folder: &Path) -> Result<()> {
    let (person, data) = (folder.join("person"), folder.join("data"));
    std::fs::create_dir(&person)?;
    for (set, expected) in [(true, data.join("halloo")), (false, person.join(".local/share/halloo"))] {
        let mut command = Command::new(bin);
        command.env("HOME", &person).env_remove("HALLOO_HOME").env_remove("XDG_DATA_HOME");
        if set {
            command.env("XDG_DATA_HOME", &data);
        }
        let output = command.args(["groups"]).stdin(Stdio::null()).output()?;
        ensure!(output.status.code() == Some(3), "nothing runs there: {}", output.status);
        ensure!(expected.is_dir(), "{} was not used", expected.display());
        let foreign =
            std::fs::read_dir(&person)?.filter_map(Result::ok).any(|entry| entry.file_name() != ".local");
        ensure!(!foreign, "something appeared beside .local");
    }
    Ok(())
}

/// No escape sequence where NO_COLOR is set, even where colour is forced, nor where nobody reads on a terminal.
fn colours(halloo: &Halloo) -> Result<()> {
    for args in [&["help"][..], &["fly"], &["members"], &["status"], &["remove", "nobody"], &["new"]] {
        for forced in [false, true] {
            let mut command = halloo.command(args);
            if forced {
                command.env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
            }
            let output = command.output()?;
            ensure!(
                !output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b),
                "`{}` is coloured (forced: {forced})",
                args.join(" ")
            );
        }
    }
    Ok(())
}

/// The completion of each shell names every command; a shell that is here reads it without complaint.
fn completions(halloo: &Halloo, folder: &Path) -> Result<()> {
    let names = commands(halloo)?;
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "-n")] {
        let output = halloo.run(&["completions", shell])?;
        let script = text(&output.stdout);
        ensure!(output.status.success() && output.stderr.is_empty(), "completions for {shell} failed");
        if let Some(missing) = names.iter().find(|name| !script.contains(name.as_str())) {
            bail!("the completion for {shell} lacks {missing}");
        }
        if crate::shell::has(shell) {
            let file = folder.join(format!("completion.{shell}")).to_string_lossy().into_owned();
            std::fs::write(&file, script)?;
            crate::shell::run(shell, &[check, &file])?;
        }
    }
    Ok(())
}

/// The commands that the help lists.
fn commands(halloo: &Halloo) -> Result<Vec<String>> {
    let help = text(&halloo.run(&["help"])?.stdout);
    let listed = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let names: Vec<String> = listed
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    ensure!(names.len() > 25, "the help lists {names:?}");
    Ok(names)
}

/// The manual of the whole names every command, and each has a page of its own.
fn manuals(halloo: &Halloo, folder: &Path) -> Result<()> {
    let whole = text(&halloo.run(&["man"])?.stdout);
    let names = commands(halloo)?;
    ensure!(whole.contains(".TH halloo 1"), "the manual has no head");
    for name in names.iter().filter(|name| *name != "help") {
        ensure!(whole.contains(&name.replace('-', "\\-")), "the manual lacks {name}");
        let page = text(&halloo.run(&["man", name])?.stdout);
        ensure!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "no page for {name}: {page}");
    }
    let file = folder.join("halloo.1").to_string_lossy().into_owned();
    std::fs::write(&file, whole)?;
    if crate::shell::has("mandoc") {
        crate::shell::run("mandoc", &["-T", "lint", "-W", "error", &file])?;
    }
    Ok(())
}

/// A reader that goes away, as `head` does, is no error.
fn closed_pipe(halloo: &Halloo) -> Result<()> {
    let mut child = halloo.command(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let output = child.wait_with_output()?;
    ensure!(output.status.success() && output.stderr.is_empty(), "a closed pipe is told: {output:?}");
    Ok(())
}

/// What takes over a second says what it waits for, on stderr.
fn progress(halloo: &Halloo) -> Result<()> {
    let mut join = halloo.command(&["join", "999-abandon-ability"]).stderr(Stdio::piped()).spawn()?;
    let stderr = join.stderr.take().context("a pipe")?;
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stderr), &mut first)?;
    // Nobody has this code, and finding that out takes longer than this proof shall.
    join.kill()?;
    join.wait()?;
    ensure!(first.contains("looking for the inviter"), "a join that takes a while told {first}");
    Ok(())
}
