//! The `halloo` command: what can be typed, and which exit code says what.

mod agenda;
mod asks;
mod backup;
mod device;
mod key;
mod lines;
mod live;
mod progress;
mod run;
mod show;
mod wake;

pub use key::KeyCommand;
pub use run::main;

use crate::args::{DaemonArgs, EchoArgs, SoundArgs};
use crate::place_name::PrecisionName;
use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What stands below the help and in the manual page.
fn after_help() -> String {
    let codes: Vec<String> =
        crate::terminal::exit::MEANINGS.iter().map(|(code, meaning)| format!("{code} {meaning}")).collect();
    format!(
        "Exit codes: {}.\nWhat is read goes to stdout, what is told goes to stderr. NO_COLOR, HALLOO_HOME, HALLOO_PASSPHRASE, \
         HALLOO_NEW_PASSPHRASE, HALLOO_BACKUP_PASSPHRASE and HALLOO_KEYRING=off are obeyed; the home is $XDG_DATA_HOME/halloo if nothing else is said.",
        codes.join(", ")
    )
}

/// A group that moves together talks, sees each other and writes: end-to-end encrypted, without a server or by one of your own.
#[derive(Debug, Parser)]
#[command(name = "halloo", version, about, after_help = after_help(), max_term_width = 110)]
pub struct Cli {
    /// The folder of keys and history instead of the system's data folder
    #[arg(long, global = true, value_name = "DIR", env = "HALLOO_HOME")]
    pub home: Option<PathBuf>,
    /// The group meant: its name or the beginning of its id (default: the one used last; a conversation of two is always named)
    #[arg(long, short, global = true, value_name = "NAME")]
    pub group: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell less on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a group: prints a short code, a link and a QR, then shows what happens
    New {
        /// The group's name
        name: String,
        /// The coordinator by which members meet over the internet: https://host, or http://host:port on a local network
        #[arg(long, value_name = "ORIGIN")]
        via: Option<String>,
        /// Options that several commands share
        #[command(flatten)]
        begin: BeginArgs,
    },
    /// Come into a group by a short code, a link or the text of a QR
    Join {
        /// For instance 7-otter-quartz, or 7-otter-quartz@halloo.example
        invite: String,
        /// The coordinator by which to look for the inviter, where the code names none
        #[arg(long, value_name = "ORIGIN")]
        via: Option<String>,
        /// Options that several commands share
        #[command(flatten)]
        begin: BeginArgs,
    },
    /// Run the daemon in the foreground
    Up {
        /// Open a door for browsers and other languages (REST, WebSocket) on loopback, and print a one-time URL for it
        #[arg(long, value_name = "ADDR:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
        rest: Option<SocketAddr>,
        /// Options that several commands share
        #[command(flatten)]
        daemon: DaemonArgs,
    },
    /// End the running daemon
    Stop,
    /// Show several members talking, moving and writing on this machine
    Demo(crate::demo::DemoArgs),
    /// Hear yourself through the whole voice path
    Echo(EchoArgs),
    /// Look for what is wrong with sound, network and clock
    Doctor {
        /// Options that several commands share
        #[command(flatten)]
        daemon: DaemonArgs,
    },
    /// The groups of this home
    Groups,
    /// The members of the group: role, presence, microphone
    Members,
    /// Give the group another name
    Rename {
        /// The new name
        name: String,
    },
    /// Your own devices: names, since when, which one this is
    Devices,
    /// Add another device of yours, be one, or take one out
    Device {
        /// What to do
        #[command(subcommand)]
        what: DeviceCommand,
    },
    /// Change how the others see you, in every group
    Name {
        /// The new name
        name: String,
    },
    /// Write to the group
    Say {
        /// The text; `-` reads it from stdin
        text: Vec<String>,
        /// The message that it answers (`last`, or the id that `log` shows beside it)
        #[arg(long, value_name = "MESSAGE")]
        reply_to: Option<String>,
    },
    /// Change a line of yours; what it was before stays readable (`edits`)
    Edit {
        /// `last` (of yours), or the id that `log` shows beside it
        message: String,
        /// The new text; `-` reads it from stdin
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Take a line of yours back; as a moderator anybody's
    #[command(visible_alias = "delete")]
    Withdraw {
        /// `last` (of yours), or the id that `log` shows beside it
        message: String,
    },
    /// Put a reaction on a line, or take yours off
    React {
        /// `last`, or the id that `log` shows beside it
        message: String,
        /// An emoji, or a short word
        emoji: String,
        /// Take it off again
        #[arg(long)]
        off: bool,
    },
    /// The texts that a line had, the first one first
    Edits {
        /// `last`, or the id that `log` shows beside it
        message: String,
    },
    /// Polls: ask, vote, close, see how it stands
    Poll {
        /// What to do (default: list)
        #[command(subcommand)]
        what: Option<agenda::PollCommand>,
    },
    /// Tasks: what is to be done, by whom, what is done
    Task {
        /// What to do (default: list)
        #[command(subcommand)]
        what: Option<agenda::TaskCommand>,
    },
    /// Write to one person
    Send {
        /// A member's name or the beginning of an account id
        to: String,
        /// The text; `-` reads it from stdin
        text: Vec<String>,
    },
    /// Call one person: a conversation of two is a group of two
    Call {
        /// A member's name or the beginning of an account id
        to: String,
        /// Options that several commands share
        #[command(flatten)]
        sound: SoundArgs,
    },
    /// Enter the group's call
    Talk {
        /// Options that several commands share
        #[command(flatten)]
        sound: SoundArgs,
    },
    /// Leave the call
    Hush,
    /// The calls that somebody is in: since when, and who
    Calls,
    /// The newest messages
    Log {
        /// How many
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
        /// Older than this message (`last`, or the id that is shown beside it)
        #[arg(long, value_name = "MESSAGE")]
        before: Option<String>,
    },
    /// The lines that hold a text
    Search {
        /// What is sought, in any case of its letters
        #[arg(required = true)]
        text: Vec<String>,
        /// How many
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
        /// Older than this message
        #[arg(long, value_name = "MESSAGE")]
        before: Option<String>,
    },
    /// Mark everything as read, or all up to a message; your other devices follow
    Read {
        /// The newest message read (`last`, or the id that `log` shows beside it)
        message: Option<String>,
    },
    /// What happened to the group itself: who came, went, was made what
    Activity {
        /// How many
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
    },
    /// Where everyone is: distance, direction, age
    Where,
    /// Say where you are
    Fix {
        /// WGS-84 latitude, degrees
        #[arg(allow_negative_numbers = true)]
        latitude: f64,
        /// WGS-84 longitude, degrees
        #[arg(allow_negative_numbers = true)]
        longitude: f64,
        /// Accuracy, metres
        #[arg(long)]
        accuracy: Option<f32>,
        /// Speed over ground, metres a second
        #[arg(long)]
        speed: Option<f64>,
        /// Direction of travel, degrees clockwise from true north
        #[arg(long)]
        heading: Option<f64>,
    },
    /// Replay a GPX track as your position
    Track {
        /// The GPX file
        file: PathBuf,
        /// How much faster than recorded
        #[arg(long, default_value_t = 1.0)]
        speed: f64,
    },
    /// Share your position for a while (`2h`, `30m`, `90s`), or `off`
    Share {
        /// How long
        span: String,
    },
    /// How exactly the others may know where you are
    Precision {
        /// Coarsened before anything is sealed
        precision: PrecisionName,
    },
    /// Open an invite: short code, link and QR
    Invite {
        /// How many may come in by it
        #[arg(long, default_value_t = 1)]
        uses: u16,
        /// How long it stays open (`10m`, `24h`)
        #[arg(long, default_value = "24h")]
        expires: String,
        /// The role that newcomers get
        #[arg(long, default_value = "member")]
        role: RoleName,
        /// Show the open invites instead
        #[arg(long)]
        list: bool,
        /// Close the invites made on this device instead
        #[arg(long)]
        close: bool,
    },
    /// Take a member out of the group
    Remove {
        /// A member's name or the beginning of an account id
        member: String,
    },
    /// Change what a member may do
    Role {
        /// A member's name or the beginning of an account id
        member: String,
        /// The new role
        role: RoleName,
    },
    /// Show or say what newcomers are given of what was written before they came (admins)
    History {
        /// `none`, a number of lines (`50`), or a number of days (`7d`)
        policy: Option<String>,
    },
    /// Show or change the coordinator by which the group meets over the internet (admins)
    Via {
        /// https://host, http://host:port on a local network, or `off`
        origin: Option<String>,
    },
    /// Leave the group
    Leave,
    /// Mute the microphone, or the loudspeaker with --speaker
    Mute {
        /// Open again
        #[arg(long)]
        off: bool,
        /// The loudspeaker instead of the microphone
        #[arg(long)]
        speaker: bool,
    },
    /// Push-to-talk: `down` holds the key, `up` releases it
    Push {
        /// The key
        key: Key,
    },
    /// Set how loud a member is heard: 0 silences, 1 is as sent, 4 is the most
    Volume {
        /// A member's name or the beginning of an account id
        member: String,
        /// The factor
        gain: f32,
    },
    /// The key of what is stored here: where it lies, a new one, a passphrase
    Key {
        /// What to do (default: show where it lies)
        #[command(subcommand)]
        what: Option<KeyCommand>,
    },
    /// Write the account key, contacts and groups into a file closed by a passphrase, or show the key as 24 words
    Backup(backup::BackupArgs),
    /// Be again who the backup says, on this new device: a member lets it in, and history comes back
    Restore(RestoreArgs),
    /// How the daemon, its peers and the voice stand
    Status,
    /// Print every event as it happens
    Watch,
    /// Print another one-time URL for the door that `halloo up --rest` opened
    RestToken,
    /// How this device is woken when something is left for it while it is away; for apps, whose push service gives what is asked for
    Wake {
        /// What to do; without it, how it is woken is shown
        #[command(subcommand)]
        what: Option<wake::WakeCommand>,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Of this command instead
        command: Option<String>,
    },
}

/// What can be done with the devices of one person.
#[derive(Clone, Debug, Subcommand)]
pub enum DeviceCommand {
    /// Let another device of yours in: prints a short code, a link and a QR, good for one device and ten minutes, and tells who comes
    Add {
        /// Only print them
        #[arg(long)]
        no_wait: bool,
    },
    /// Become a device of yours, in an empty home: by the code, the link or the QR text of `halloo device add`
    Join {
        /// For instance 7-otter-quartz
        invite: String,
        /// How your other devices call this one (default: like the machine)
        #[arg(long)]
        name: Option<String>,
        /// Only answer, do not stay (when a daemon runs already this is always so)
        #[arg(long)]
        no_live: bool,
        /// Options that several commands share
        #[command(flatten)]
        daemon: Box<DaemonArgs>,
    },
    /// Take a device of yours out of every group, for instance a lost one: it reads nothing that is sealed afterwards
    Revoke {
        /// Its name or the beginning of its id
        device: String,
    },
}

/// A key that is held or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Key {
    /// Held: the voice goes out.
    Down,
    /// Released.
    Up,
}

/// A role as people type it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Everything, also other admins.
    Owner,
    /// Invites, roles below, removals.
    Admin,
    /// Withdraws others' messages, removes members.
    Moderator,
    /// Talks, writes, moves.
    Member,
}

impl RoleName {
    /// The word for the local door.
    pub fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What `new` and `join` share.
#[derive(Debug, Clone, Args)]
pub struct BeginArgs {
    /// How the others shall see you
    #[arg(long = "as", value_name = "NAME")]
    pub profile: Option<String>,
    /// Only answer, do not stay (when a daemon runs already this is always so)
    #[arg(long)]
    pub no_live: bool,
    /// Options that several commands share
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// What `restore` takes.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The backup
    #[arg(required_unless_present = "words")]
    pub file: Option<PathBuf>,
    /// Type the 24 words instead, or give them on stdin
    #[arg(long, conflicts_with = "file")]
    pub words: bool,
    /// Take the devices that you had before out of every group
    #[arg(long, conflicts_with = "keep_old")]
    pub revoke_old: bool,
    /// Leave them in, without asking
    #[arg(long)]
    pub keep_old: bool,
    /// Go on without the parts of the file that are damaged
    #[arg(long)]
    pub salvage: bool,
    /// How long to wait for a member before the answer; halloo goes on looking afterwards
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    pub wait: String,
    /// Take the passphrase of the backup from this file; `-` is stdin (else HALLOO_BACKUP_PASSPHRASE, or asked for)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Options that several commands share
    #[command(flatten)]
    pub begin: BeginArgs,
}

/// The manual page of the whole, or of one command.
///
/// # Errors
/// No such command.
fn manual(command: Option<&str>) -> Result<Vec<u8>> {
    let whole = Cli::command().name("halloo");
    let of = match command {
        None => whole,
        Some(name) => {
            let mut whole = whole;
            whole.build();
            let found = whole.find_subcommand(name).cloned();
            found.with_context(|| format!("`{name}` is no command; `halloo help` lists them"))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(of).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests;
