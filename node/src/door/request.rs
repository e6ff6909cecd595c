//! What can be asked at the local door, and how a refusal looks.

use super::WakeAsk;
use crate::place_name::PrecisionName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line towards the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Chosen by the asker, returned in the answer.
    pub id: u64,
    /// The group meant: a name or the beginning of an id; without it the group used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

/// Everything that can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Begin a group and open an invite.
    New(NewAsk),
    /// Come into a group by short code, link or QR text.
    Join(JoinAsk),
    /// The groups of this home.
    Groups,
    /// The members of a group with role, devices and presence.
    Members,
    /// Give the group another name.
    Rename {
        /// The new name.
        name: String,
    },
    /// Change the own display name, in every group.
    Name {
        /// The new name.
        name: String,
    },
    /// Write to the group.
    Say {
        /// The text.
        text: String,
        /// The message that it answers: `last`, or the beginning of its id.
        #[serde(default)]
        reply_to: Option<String>,
    },
    /// Give an own line another text.
    Edit {
        /// `last` (of one's own), or the beginning of its id.
        message: String,
        /// The new text.
        text: String,
    },
    /// Take an own line back; as a moderator anybody's.
    Withdraw {
        /// `last` (of one's own), or the beginning of its id.
        message: String,
    },
    /// Put a reaction on a line, or take it off.
    React {
        /// `last`, or the beginning of its id.
        message: String,
        /// An emoji, or a short word.
        emoji: String,
        /// `false` takes it off.
        #[serde(default = "yes")]
        on: bool,
    },
    /// The texts that a line had.
    Edits {
        /// `last`, or the beginning of its id.
        message: String,
    },
    /// The polls of the group.
    Polls,
    /// Ask the group a question.
    PollNew {
        /// The question.
        question: String,
        /// What can be chosen.
        options: Vec<String>,
    },
    /// Vote; a person has one vote.
    Vote {
        /// `last`, or the beginning of its id.
        poll: String,
        /// The number of the option, from 1, or its text; without it the vote is taken back.
        #[serde(default)]
        option: Option<String>,
    },
    /// Close an own poll.
    PollClose {
        /// `last`, or the beginning of its id.
        poll: String,
    },
    /// The tasks of the group.
    Tasks,
    /// Note something that is to be done.
    TaskNew {
        /// What.
        title: String,
        /// By whom: a name or the beginning of an account id.
        #[serde(default, rename = "for")]
        assigned: Option<String>,
    },
    /// Say otherwise what is to be done, or by whom.
    TaskChange {
        /// `last`, or the beginning of its id.
        task: String,
        /// What.
        #[serde(default)]
        title: Option<String>,
        /// By whom; `nobody` by no one in particular.
        #[serde(default, rename = "for")]
        assigned: Option<String>,
    },
    /// Say that it is done, or that it is not.
    TaskDone {
        /// `last`, or the beginning of its id.
        task: String,
        /// Done.
        #[serde(default = "yes")]
        done: bool,
    },
    /// Say that it need not be done, or that it must be after all.
    TaskDrop {
        /// `last`, or the beginning of its id.
        task: String,
        /// Dropped.
        #[serde(default = "yes")]
        dropped: bool,
    },
    /// Write to one person, in the conversation of two.
    Send {
        /// A name or the beginning of an account id.
        to: String,
        /// The text.
        text: String,
    },
    /// Begin or take up the call of the conversation with one person.
    Call {
        /// A name or the beginning of an account id.
        to: String,
    },
    /// The newest messages.
    Log {
        /// At most this many.
        limit: usize,
        /// Older than this message.
        #[serde(default)]
        before: Option<String>,
    },
    /// The lines that hold a text, newest first.
    Search {
        /// What is sought, in any case of its letters.
        text: String,
        /// At most this many.
        limit: usize,
        /// Older than this message.
        #[serde(default)]
        before: Option<String>,
    },
    /// What happened to the group itself: the signed log.
    Activity {
        /// At most this many.
        limit: usize,
    },
    /// Where everyone is.
    Where,
    /// This is where I am.
    Fix(FixAsk),
    /// Replay a GPX file as the own position.
    Track(TrackAsk),
    /// Share the position for so many seconds; zero stops.
    Share {
        /// Seconds.
        seconds: u64,
    },
    /// How exactly the others may know the position.
    Precision {
        /// The precision.
        precision: PrecisionName,
    },
    /// Open an invite.
    Invite(InviteAsk),
    /// The invites of the group.
    Invites,
    /// Close every open invite that this device made.
    CloseInvites,
    /// Take a member out.
    Remove {
        /// A name or the beginning of an account id.
        member: String,
    },
    /// Change a role.
    Role {
        /// A name or the beginning of an account id.
        member: String,
        /// `admin`, `moderator`, `member` or `owner`.
        role: String,
    },
    /// What newcomers are given of what was written before they came.
    History,
    /// Say what newcomers are given of it from now on.
    SetHistory {
        /// At most so many of the last lines; 0 is nothing.
        lines: u16,
        /// None older than so many days; 0 is any age.
        days: u16,
    },
    /// By which coordinator the group meets.
    Via {
        /// `off`, or its origin: change it. Without it only tell.
        #[serde(default)]
        origin: Option<String>,
    },
    /// Leave the group.
    Leave,
    /// Enter the call with this sound, or change the sound of the running one.
    Talk(TalkAsk),
    /// Leave the call.
    Hush,
    /// The calls of this home's groups that somebody is in.
    Calls,
    /// Mute or open the microphone.
    MuteMicrophone {
        /// Muted.
        on: bool,
    },
    /// Switch the loudspeaker off or on.
    MuteSpeaker {
        /// Off.
        on: bool,
    },
    /// Push-to-talk: hold or release the key.
    Push {
        /// Held.
        on: bool,
    },
    /// Set how loud a member is heard.
    Gain {
        /// A name or the beginning of an account id.
        member: String,
        /// 0 silences, 1 is as sent, at most 4.
        gain: f32,
    },
    /// Hear nothing more from the network, like a member that is cut off and never learns of its removal, but keep every key
    /// and go on trying to open what [`Request::Offer`] brings.
    Isolate,
    /// Publish a text in clear on a topic that nobody follows, so that a measurement can show that it would find one.
    Plant {
        /// The text.
        text: String,
    },
    /// Feed the frames that another node's tap recorded into this node's doors, to measure what it can open.
    Offer {
        /// The tap file; read as it grows.
        file: String,
    },
    /// The devices of this person.
    Devices,
    /// Open the door of the account for another device.
    DeviceAdd,
    /// Become a device of whoever opened the door.
    DeviceJoin(DeviceJoinAsk),
    /// Take a device of this person out of every group.
    DeviceRevoke {
        /// A name or the beginning of a device id.
        device: String,
    },
    /// All up to a message is read, here and on the other devices of this person.
    Read {
        /// The message; without it the newest.
        #[serde(default)]
        message: Option<String>,
    },
    /// Where the key of this home lies, and how far a rotation is.
    Key,
    /// Seal everything stored by a new key; answered when the old one is gone.
    KeyRotate,
    /// Close the home by something else; nothing stored changes.
    KeyClose(CloseAsk),
    /// Write a backup of the account into a file.
    Backup(BackupAsk),
    /// The account key as 24 words.
    BackupWords {
        /// The passphrase that closes the home now, if one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<Passphrase>,
    },
    /// How far a restored home has come: groups entered, missing, lost.
    Restoring,
    /// How the daemon, its groups, peers and voice stand.
    Status,
    /// Another one-time token for the door of browsers and of other languages, where it is open.
    RestToken,
    /// How this device is woken while it is away.
    Wake,
    /// Say how it is woken.
    WakeBy(WakeAsk),
    /// It is woken no more.
    WakeOff,
    /// All events from now on, one a line.
    Watch,
    /// End the daemon.
    Stop,
}

fn yes() -> bool {
    true
}

/// What `new` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewAsk {
    /// The group's name.
    pub name: String,
    /// How the others shall see the asker; empty keeps the name of the home.
    #[serde(default)]
    pub profile: Option<String>,
    /// The origin of the coordinator by which the group meets.
    #[serde(default)]
    pub via: Option<String>,
}

/// What `join` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinAsk {
    /// A short code, alone or as `CODE@HOST`, a link or the text of a QR.
    pub invite: String,
    /// How the others shall see the asker.
    #[serde(default)]
    pub profile: Option<String>,
    /// The origin of the coordinator by which to look for the inviter, where the invite does not name one.
    #[serde(default)]
    pub via: Option<String>,
}

/// What `device_join` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceJoinAsk {
    /// The short code, link or QR text that `device_add` answered with.
    pub invite: String,
    /// How the device shall be called; without it like its machine.
    #[serde(default)]
    pub name: Option<String>,
}

/// What `invite` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InviteAsk {
    /// How many may come in.
    pub uses: u16,
    /// Seconds until it closes.
    pub seconds: u64,
    /// The role that newcomers get.
    pub role: String,
}

/// What `talk` needs: `device`, `device:NAME`, `null`, `-` or a WAV file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TalkAsk {
    /// Where the voice comes from.
    pub source: String,
    /// Where the others are heard.
    pub sink: String,
    /// Begin again at the end of a file.
    #[serde(default)]
    pub repeat: bool,
    /// Speak only while the key is held.
    #[serde(default)]
    pub push_to_talk: bool,
    /// Enter with the microphone muted; a running call keeps what it has.
    #[serde(default)]
    pub muted: bool,
}

/// What `fix` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixAsk {
    /// WGS-84 degrees.
    pub latitude: f64,
    /// WGS-84 degrees.
    pub longitude: f64,
    /// Metres, 68 %.
    #[serde(default)]
    pub accuracy: Option<f32>,
    /// Metres a second over ground.
    #[serde(default)]
    pub speed: Option<f64>,
    /// Degrees clockwise from true north, 0 to below 360.
    #[serde(default)]
    pub heading: Option<f64>,
}

/// What `key_close` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CloseAsk {
    /// `file`, `passphrase` or `keyring`.
    pub by: String,
    /// The passphrase that closes the home now, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Passphrase>,
    /// The passphrase that shall close it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Passphrase>,
}

/// What `backup` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupAsk {
    /// The file to write; it must not be there yet.
    pub file: String,
    /// What shall close it.
    pub passphrase: Passphrase,
    /// The passphrase that closes the home now, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Passphrase>,
}

/// A passphrase on its way through the door: never printed, erased when dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passphrase(pub String);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// What `track` needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrackAsk {
    /// The GPX file.
    pub file: String,
    /// How much faster than it was recorded; 1 is real time.
    pub speed: f64,
    /// The point to begin at.
    #[serde(default)]
    pub skip: usize,
}

/// A refusal: what is wrong, what to do next, and a stable word for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}; {next}")]
pub struct DoorError {
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub next: String,
    /// A stable word.
    pub code: String,
}

impl DoorError {
    /// From its three parts.
    pub fn new(code: &str, what: impl Into<String>, next: impl Into<String>) -> Self {
        DoorError { what: what.into(), next: next.into(), code: code.to_owned() }
    }

    /// From an error of ours whose text ends with the next step: behind a colon, or behind its first semicolon. One without is
    /// given `otherwise`.
    pub fn told(code: &str, error: &dyn std::fmt::Display, otherwise: &str) -> Self {
        let text = error.to_string();
        let head = text.find("; ").unwrap_or(text.len());
        let cut = text[..head].rfind(": ").or_else(|| text.find("; "));
        match cut.map(|at| (&text[..at], text[at..].trim_start_matches([':', ';', ' ']))) {
            Some((what, next)) if !what.is_empty() && !next.is_empty() => DoorError::new(code, what, next),
            _ => DoorError::new(code, text, otherwise),
        }
    }

    /// The line for the asker.
    pub fn line(&self, id: u64) -> Value {
        serde_json::json!({ "id": id, "error": self })
    }
}
