//! Running one command: ask the daemon, or be the daemon.

use super::{
    BeginArgs, Cli, Command, DeviceCommand, KeyCommand, asks, backup, device, key, live, progress, show,
};
use crate::args::DaemonArgs;
use crate::door::{Client, ClientError, DeviceJoinAsk, JoinAsk, NewAsk, Request, TalkAsk};
use crate::home::{Home, HomeError};
use crate::terminal::{exit, is_closed_pipe, tell};
use crate::{daemon, demo, echo};
use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;

/// The whole command: parses, runs, and turns the outcome into an exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failures; clap knows the code. A closed pipe is nobody to tell.
            let _closed = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::USAGE));
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(&format!("error: the system gives no threads: {error}"));
            return ExitCode::from(exit::FAILED);
        }
    };
    let code = match runtime.block_on(run(&cli)) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => exit::OK,
        Err(error) => {
            show::failure(&error, cli.json);
            code_of(&error)
        }
    };
    runtime.shutdown_background();
    ExitCode::from(code)
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(|cause| matches!(cause.downcast_ref(), Some(ClientError::NotRunning))) {
        return exit::NOT_RUNNING;
    }
    let held = error.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(HomeError::InUse { .. }))
            || matches!(cause.downcast_ref(), Some(crate::net::NetError::PortInUse { .. }))
    });
    if held { exit::IN_USE } else { exit::FAILED }
}

async fn run(cli: &Cli) -> Result<u8> {
    match &cli.command {
        Command::New { name, via, begin } => {
            let ask = NewAsk { name: name.clone(), profile: begin.profile.clone(), via: via.clone() };
            begin_with(cli, begin, Request::New(ask)).await
        }
        Command::Join { invite, via, begin } => {
            let ask = JoinAsk { invite: invite.clone(), profile: begin.profile.clone(), via: via.clone() };
            begin_with(cli, begin, Request::Join(ask)).await
        }
        Command::Device { what: DeviceCommand::Add { no_wait } } => device::add(cli, !no_wait).await,
        Command::Device { what: DeviceCommand::Join { invite, name, no_live, daemon } } => {
            let ask = DeviceJoinAsk { invite: invite.clone(), name: name.clone() };
            let begin = BeginArgs { profile: None, no_live: *no_live, daemon: DaemonArgs::clone(daemon) };
            begin_with(cli, &begin, Request::DeviceJoin(ask)).await
        }
        Command::Up { rest, daemon } => up(cli, &DaemonArgs { rest: *rest, ..daemon.clone() }).await,
        Command::Demo(args) => demo::run(args, cli.json).await,
        Command::Echo(args) => echo::run(args, cli.json).await,
        Command::Doctor { daemon } => doctor(cli, daemon).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "halloo", &mut script);
            out(&script)
        }
        Command::Man { command } => out(&super::manual(command.as_deref())?),
        Command::Key { what } => key::run(cli, what.as_ref().unwrap_or(&KeyCommand::Show)).await,
        Command::Backup(args) => backup::back_up(cli, args).await,
        Command::Restore(args) => backup::restore(cli, args).await,
        Command::Watch => watch(cli).await,
        Command::Call { sound, .. } | Command::Talk { sound } => {
            let mut client = connect(cli).await?;
            if let Command::Call { to, .. } = &cli.command {
                let reply = client.ask(cli.group.as_deref(), Request::Call { to: to.clone() }).await?;
                let group = reply["group"].as_str().map(str::to_owned);
                client.ask(group.as_deref(), Request::Talk(asks::talk(sound))).await?;
                if !cli.quiet {
                    tell(&format!(
                        "calling {}; `halloo hush` ends the call",
                        reply["with"].as_str().unwrap_or(to)
                    ));
                }
                return print(cli, &reply);
            }
            let answer = client.ask(cli.group.as_deref(), Request::Talk(asks::talk(sound))).await?;
            print(cli, &answer)
        }
        command => {
            let request = asks::request(command)?.context("this command has no request")?;
            let mut client = connect(cli).await?;
            let waiting = match command {
                Command::Track { file, .. } => format!("reading {}", file.display()),
                Command::Send { to, .. } => format!("waiting for {to} to come into the conversation"),
                _ => "waiting for the running halloo".to_owned(),
            };
            let answer = client.ask(cli.group.as_deref(), request);
            let answer = progress::shown(cli.quiet, &waiting, None, answer).await?;
            print(cli, &answer)
        }
    }
}

fn print(cli: &Cli, answer: &Value) -> Result<u8> {
    show::answer(&cli.command, answer, cli.json)?;
    Ok(exit::OK)
}

fn out(bytes: &[u8]) -> Result<u8> {
    std::io::stdout().write_all(bytes)?;
    Ok(exit::OK)
}

async fn connect(cli: &Cli) -> Result<Client> {
    let home = Home::open(cli.home.clone())?;
    Ok(Client::connect(&home.socket()).await?)
}

/// `new` and `join`: through the running daemon, or by becoming it.
async fn begin_with(cli: &Cli, begin: &BeginArgs, request: Request) -> Result<u8> {
    let home = Home::open(cli.home.clone())?;
    let joining = matches!(request, Request::Join(_));
    let own = matches!(request, Request::DeviceJoin(_));
    let text = match &request {
        Request::Join(_) => "looking for the inviter",
        Request::DeviceJoin(_) => "looking for your other device",
        _ => "beginning the group",
    };
    if let Ok(mut client) = Client::connect(&home.socket()).await {
        let steps = progress::steps(&home.socket()).await;
        let answer = progress::shown(cli.quiet, text, steps, client.ask(None, request)).await?;
        return print(cli, &answer);
    }
    let running = start(cli, &home, &begin.daemon).await?;
    tell_note(cli, &running);
    let mut client = Client::connect(&home.socket()).await?;
    let steps = progress::steps(&home.socket()).await;
    let answer = progress::shown(cli.quiet, text, steps, client.ask(None, request)).await?;
    show::answer(&cli.command, &answer, cli.json)?;
    // Whoever begins a group enters the call with a muted microphone, a newcomer enters it talking. Without a usable sound
    // device one stays out and is told so.
    let talk = TalkAsk { muted: !joining, ..asks::talk(&begin.daemon.sound) };
    // A second device stays out of the calls until its person says so: the first may be in them, in the same room.
    if !own && let Err(error) = client.ask(answer["group"].as_str(), Request::Talk(talk)).await {
        tell(&format!("note: not in the call: {error}"));
    }
    if begin.no_live {
        return running.stopped().await.map(|()| exit::OK);
    }
    live::run(client, running, answer["group"].as_str(), cli).await
}

/// Becomes the daemon. On a task of its own: a passphrase is stretched for about a second, and progress must be shown meanwhile.
pub async fn start(cli: &Cli, home: &Home, args: &DaemonArgs) -> Result<daemon::Running> {
    let (home, args) = (home.clone(), args.clone());
    let starting = tokio::spawn(async move { daemon::start(home, &args).await });
    progress::shown(cli.quiet, "opening the home", None, starting).await?
}

async fn up(cli: &Cli, args: &DaemonArgs) -> Result<u8> {
    let home = Home::open(cli.home.clone())?;
    let running = start(cli, &home, args).await?;
    tell_note(cli, &running);
    if let Some(made) = running.rest_token()? {
        let answer = serde_json::json!({ "token": made.token, "url": made.url });
        show::answer(&Command::RestToken, &answer, cli.json)?;
    }
    if !cli.quiet {
        tell(&format!("halloo is up in {}; ask it with `halloo status`", home.folder().display()));
    }
    if args.sound.source.is_some() || args.sound.sink.is_some() {
        let mut client = Client::connect(&home.socket()).await?;
        if let Err(error) = client.ask(cli.group.as_deref(), Request::Talk(asks::talk(&args.sound))).await {
            tell(&format!("note: not in the call: {error}"));
        }
    }
    running.stopped().await?;
    Ok(exit::OK)
}

fn tell_note(cli: &Cli, running: &daemon::Running) {
    if let Some(note) = running.note()
        && !cli.quiet
    {
        tell(&format!("note: {note}"));
    }
}

async fn watch(cli: &Cli) -> Result<u8> {
    let mut client = connect(cli).await?;
    client.ask(None, Request::Watch).await?;
    loop {
        let event = client.event().await?;
        if cli.json {
            out(format!("{event}\n").as_bytes())?;
        } else if let Some(line) = show::event(&event) {
            out(format!("{line}\n").as_bytes())?;
        }
    }
}

async fn doctor(cli: &Cli, args: &DaemonArgs) -> Result<u8> {
    let home = Home::open(cli.home.clone());
    let report = progress::shown(cli.quiet, "looking", None, crate::doctor::run(&home, args)).await;
    show::doctor(&report, cli.json)?;
    Ok(if report.iter().any(|check| check.fault.is_some()) { exit::FAULT } else { exit::OK })
}
