//! `halloo backup` and `halloo restore`: a file closed by a passphrase, or 24 words; checked, written, and made a home of.

use super::{Cli, RestoreArgs, live, progress, run, show};
use crate::backup::{self, Notes, Wish};
use crate::daemon::{self, open_vault};
use crate::door::{BackupAsk, Client, DoorError, Passphrase, Request};
use crate::driver::{Addresses, backup_refused, gather, now, written};
use crate::home::Home;
use crate::keys::Keys;
use crate::storage::Storage;
use crate::terminal::{ask, exit, line, secret, tell};
use crate::vault::{Place, Vault};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use halloo_crypto::backup::phrase;
use halloo_crypto::identity::AccountSecret;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest passphrase or list of words that is read from a file or stdin.
const TYPED_MAX: u64 = 4096;

/// What `backup` takes.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The file to write
    #[arg(required_unless_present_any = ["words", "verify"])]
    pub file: Option<PathBuf>,
    /// Print the account key as 24 words instead: for paper; groups are then found through members that are met
    #[arg(long, conflicts_with_all = ["file", "verify"])]
    pub words: bool,
    /// Say what is in this backup instead, without restoring anything
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub verify: Option<PathBuf>,
    /// Take the passphrase of the backup from this file; `-` is stdin (else HALLOO_BACKUP_PASSPHRASE, or asked for)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `halloo backup`.
///
/// # Errors
/// Refusals, each with the next step.
pub async fn back_up(cli: &Cli, args: &BackupArgs) -> Result<u8> {
    if let Some(file) = &args.verify {
        return verify(cli, file, args).await;
    }
    let home = Home::open(cli.home.clone())?;
    let file = args.file.as_deref().map(std::path::absolute).transpose()?;
    if let Some(file) = file.as_deref().filter(|file| file.exists()) {
        bail!(backup::RestoreError::Exists(file.to_path_buf()));
    }
    let answer = match Client::connect(&home.socket()).await {
        Ok(client) => online(cli, &home, client, file.as_deref(), args).await?,
        Err(_) => alone(cli, &home, file.as_deref(), args).await?,
    };
    show::answer(&cli.command, &answer, cli.json)?;
    Ok(exit::OK)
}

async fn online(
    cli: &Cli,
    home: &Home,
    mut client: Client,
    file: Option<&Path>,
    args: &BackupArgs,
) -> Result<Value> {
    let closed = Vault::place_in(home)? == Some(Place::Passphrase);
    let given = std::env::var("HALLOO_PASSPHRASE").ok().map(Zeroizing::new);
    let known = if closed { given.or_else(|| secret("passphrase of this home")) } else { None };
    let known = known.map(|text| Passphrase(text.to_string()));
    let Some(file) = file else {
        return Ok(client.ask(None, Request::BackupWords { home: known }).await?);
    };
    let passphrase = Passphrase(new_passphrase(args)?.to_string());
    let asked = BackupAsk { file: file.to_string_lossy().into_owned(), passphrase, home: known };
    let answer = client.ask(None, Request::Backup(asked));
    Ok(progress::shown(cli.quiet, "closing the backup", None, answer).await?)
}

/// The daemon does not run: the same under the lock of the home.
async fn alone(cli: &Cli, home: &Home, file: Option<&Path>, args: &BackupArgs) -> Result<Value> {
    if !Keys::are_in(home)? {
        bail!("there is nothing to back up in {} yet; begin or join a group first", home.folder().display());
    }
    let _lock = home.lock()?;
    let vault = Arc::new(open_vault(home)?);
    let keys = Keys::open(home, &vault, now().wall_ms)?;
    let Some(file) = file else {
        let account = keys.account().ok_or_else(crate::driver::no_account_key)?;
        return Ok(json!({ "words": phrase::of(account).expose() }));
    };
    let (storage, loaded) = Storage::open(home, vault)?;
    let (addresses, notes) = (Addresses::load(&loaded.local), Notes::load(&loaded.local));
    let groups = daemon::restore(&keys, loaded, Vec::new())?;
    storage.close().await;
    let backup = gather(&keys, &groups, &notes.missing, &addresses)?;
    let (passphrase, path) = (new_passphrase(args)?, file.to_path_buf());
    let answer = written(&file.to_string_lossy(), &backup);
    let writing = tokio::task::spawn_blocking(move || backup::write(&path, &backup, &passphrase));
    progress::shown(cli.quiet, "closing the backup", None, writing)
        .await?
        .map_err(|error| backup_refused(&error))?;
    Ok(answer)
}

async fn verify(cli: &Cli, file: &Path, args: &BackupArgs) -> Result<u8> {
    let opened = open(cli, file, args.passphrase_file.as_deref()).await?;
    let (backup, damaged) = (&opened.backup, &opened.damaged);
    let answer = json!({
        "account": backup.account.id().to_string(),
        "name": backup.name.0,
        "made_ms": backup.made_ms,
        "groups": backup.groups.iter().map(|group| json!({
            "group": group.group.to_string(), "name": group.name.0, "heads": group.heads.len(),
            "with": group.with.map(|with| with.to_string()),
        })).collect::<Vec<_>>(),
        "contacts": backup.contacts.iter().map(|contact| json!({
            "account": contact.account.to_string(), "name": contact.name.0,
        })).collect::<Vec<_>>(),
        "addresses": backup.places.len(),
        "damaged": damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    show::answer(&cli.command, &answer, cli.json)?;
    Ok(if damaged.is_empty() { exit::OK } else { exit::FAILED })
}

/// Reads and opens a backup; on a task of its own, because a passphrase is stretched for a while.
async fn open(cli: &Cli, file: &Path, passphrase: Option<&Path>) -> Result<halloo_crypto::backup::Opened> {
    let bytes = backup::read(file).map_err(|error| backup_refused(&error))?;
    let passphrase = given_passphrase(passphrase)?.or_else(|| secret("passphrase of the backup"));
    let passphrase = passphrase.context(
        "there is no passphrase for the backup; give one in HALLOO_BACKUP_PASSPHRASE or by --passphrase-file, or run this at a terminal",
    )?;
    let opening = tokio::task::spawn_blocking(move || halloo_crypto::backup::open(&bytes, &passphrase));
    let opened = progress::shown(cli.quiet, "opening the backup", None, opening).await?;
    Ok(opened.map_err(|error| backup_refused(&error.into()))?)
}

/// The passphrase that was given by a file, stdin or the environment.
fn given_passphrase(file: Option<&Path>) -> Result<Option<Zeroizing<String>>> {
    let Some(file) = file else {
        return Ok(std::env::var("HALLOO_BACKUP_PASSPHRASE").ok().map(Zeroizing::new));
    };
    let mut text = Zeroizing::new(String::new());
    let read = if file == Path::new("-") {
        std::io::stdin().take(TYPED_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(TYPED_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read the passphrase from {}; choose another file", file.display()))?;
    Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
}

fn new_passphrase(args: &BackupArgs) -> Result<Zeroizing<String>> {
    let chosen = match given_passphrase(args.passphrase_file.as_deref())? {
        Some(given) => given,
        None => {
            let first = secret("passphrase for the backup").context(
                "there is no passphrase; give one in HALLOO_BACKUP_PASSPHRASE or by --passphrase-file, or run this at a terminal",
            )?;
            if secret("the same again").is_none_or(|second| second != first) {
                bail!("the two differ; nothing was written, try again");
            }
            first
        }
    };
    if chosen.is_empty() {
        bail!(halloo_crypto::backup::BackupError::Empty);
    }
    Ok(chosen)
}

/// What to restore from.
enum Source {
    File(Box<halloo_crypto::backup::Opened>),
    Words(Box<AccountSecret>),
}

/// `halloo restore`: makes the home, becomes its daemon, and shows who lets it in.
///
/// # Errors
/// Refusals, each with the next step.
pub async fn restore(cli: &Cli, args: &RestoreArgs) -> Result<u8> {
    let home = Home::open(cli.home.clone())?;
    let lock = home.lock()?;
    backup::check_empty(&home)?;
    let source = match &args.file {
        Some(file) => Source::File(Box::new(open(cli, file, args.passphrase_file.as_deref()).await?)),
        None => {
            let read = phrase::read(&typed_words()?);
            Source::Words(Box::new(read.map_err(|error| DoorError::told("words", &error, "look again"))?))
        }
    };
    let revoke_old = args.revoke_old
        || !args.keep_old
            && ask("take the devices that you had before out of your groups? a lost phone reads on until then (y/N)")
                .is_some_and(|typed| typed.eq_ignore_ascii_case("y") || typed.eq_ignore_ascii_case("yes"));
    let wish = Wish { revoke_old, salvage: args.salvage, name: args.begin.profile.clone() };
    let vault = open_vault(&home)?;
    let note = vault.note().map(str::to_owned);
    match &source {
        Source::File(opened) => backup::restore(&home, vault, opened, &wish, now().wall_ms).await,
        Source::Words(account) => backup::restore_words(&home, vault, account, &wish, now().wall_ms).await,
    }
    .map_err(|error| DoorError::told("restore", &error, "`halloo restore --help`"))?;
    drop(lock);
    if let Some(note) = note.filter(|_| !cli.quiet) {
        tell(&format!("note: {note}"));
    }
    seek(cli, &home, args, matches!(source, Source::Words(_))).await
}

/// Runs the restored home until its groups are entered, or as long as somebody watches.
async fn seek(cli: &Cli, home: &Home, args: &RestoreArgs, by_words: bool) -> Result<u8> {
    let running = run::start(cli, home, &args.begin.daemon).await?;
    let mut client = Client::connect(&home.socket()).await?;
    let mut watcher = Client::connect(&home.socket()).await?;
    watcher.ask(None, Request::Watch).await?;
    let mut view = client.ask(None, Request::Restoring).await?;
    if !cli.quiet {
        tell(&looking(&view, by_words));
    }
    let wait = super::asks::span(&args.wait)?;
    let sought = async {
        while !is_settled(&view, by_words) {
            let event = watcher.event().await?;
            if event["event"] == "restore" || event["event"] == "warning" {
                if let Some(text) = show::event(&event).filter(|_| !cli.quiet) {
                    tell(&text);
                }
                view = client.ask(None, Request::Restoring).await?;
            }
        }
        anyhow::Ok(())
    };
    let in_time = tokio::time::timeout(wait, sought).await;
    if let Ok(outcome) = in_time {
        outcome?;
    }
    let view = client.ask(None, Request::Restoring).await?;
    show::answer(&cli.command, &view, cli.json)?;
    let empty = |key: &str| view[key].as_array().is_none_or(Vec::is_empty);
    let nothing = empty("entered") && (by_words || !empty("missing") || !empty("removed"));
    if args.begin.no_live {
        client.ask(None, Request::Stop).await?;
        running.stopped().await?;
        return Ok(if nothing { exit::FAILED } else { exit::OK });
    }
    live::run(client, running, None, cli).await
}

/// Whether there is nothing more to wait for: with the words alone, whether any group was found.
fn is_settled(view: &Value, by_words: bool) -> bool {
    let count = |key: &str| view[key].as_array().map_or(0, Vec::len);
    count("missing") == 0 && (!by_words || count("entered") + count("removed") > 0)
}

fn looking(view: &Value, by_words: bool) -> String {
    if by_words {
        return "the account is here; looking for anybody of its groups on this network".to_owned();
    }
    let missing = view["missing"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = missing.iter().filter_map(|group| group["name"].as_str()).collect();
    if names.is_empty() {
        return "the account is here; it was in no group".to_owned();
    }
    format!("the account is here; looking for members of {}", names.join(", "))
}

/// The words, typed at a terminal unseen or read from stdin.
fn typed_words() -> Result<Zeroizing<String>> {
    if let Some(typed) = secret("the 24 words") {
        return Ok(typed);
    }
    let mut typed = Zeroizing::new(String::new());
    std::io::stdin()
        .take(TYPED_MAX)
        .read_to_string(&mut typed)
        .context("stdin is not UTF-8 text; type words")?;
    Ok(typed)
}

/// A backup that was checked or written, and a restore, for people.
///
/// # Errors
/// A closed pipe.
pub fn shown(answer: &Value) -> Result<()> {
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let names = |key: &str| {
        rows(key).iter().filter_map(|row| row["name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    if let Some(words) = answer["words"].as_str() {
        tell(
            "the account key, on paper and nowhere else: who has these words is you, without any passphrase",
        );
        return line(words);
    }
    if answer["file"].is_string() {
        let count = |key: &str| answer[key].as_u64().unwrap_or(0);
        let (groups, contacts) = (count("groups"), count("contacts"));
        tell(&format!(
            "the account of {} with {groups} groups and {contacts} contacts is in the backup",
            answer["name"].as_str().unwrap_or("?")
        ));
        return line(answer["file"].as_str().unwrap_or_default());
    }
    if answer["made_ms"].is_u64() {
        return verified(answer);
    }
    for name in names("entered") {
        line(&format!("in\t{name}"))?;
    }
    for name in names("removed") {
        line(&format!("removed\t{name}"))?;
    }
    for name in names("missing") {
        line(&format!("missing\t{name}"))?;
    }
    if !rows("removed").is_empty() {
        tell("! a member says that you are no longer in a group; ask somebody there for an invite");
    }
    if !rows("missing").is_empty() {
        tell(
            "* nobody of a group was met yet; it goes on looking whenever halloo runs, on a network where members are or with --peer ADDR",
        );
    }
    if rows("entered").is_empty() && answer["any"] == true {
        tell(
            "* no group was found yet; run halloo where members are, give an address by --peer ADDR, or ask for an invite",
        );
    }
    let old: Vec<String> =
        rows("old_devices").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    if !old.is_empty() {
        tell(&format!(
            "! devices that you had before are still members: {}; `halloo device revoke ID` takes a lost one out",
            old.join(", ")
        ));
    }
    Ok(())
}

fn verified(answer: &Value) -> Result<()> {
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("?").to_owned();
    let made =
        time::OffsetDateTime::from_unix_timestamp((answer["made_ms"].as_u64().unwrap_or(0) / 1000) as i64);
    let day = made.map_or_else(|_| "?".to_owned(), |made| made.date().to_string());
    line(&format!("account\t{}\t{}\tmade {day}", text(answer, "account"), text(answer, "name")))?;
    for group in rows("groups") {
        line(&format!("group\t{}\t{}", text(&group, "group"), text(&group, "name")))?;
    }
    for contact in rows("contacts") {
        line(&format!("contact\t{}\t{}", text(&contact, "account"), text(&contact, "name")))?;
    }
    line(&format!("addresses\tof {} members", answer["addresses"]))?;
    for part in rows("damaged") {
        tell(&format!("! {} are damaged; take another copy of the file", part.as_str().unwrap_or("?")));
    }
    Ok(())
}
