//! Every table that a run records: names, units and meanings of the columns. Times are virtual seconds since the run began.

use super::table::{Schema, flag, int, real, text};

/// Rows of the tables that grow with what members do, one run. 48 MB at six columns.
const ROWS_MANY: usize = 1_000_000;
/// Rows of the tables that grow with time or members.
const ROWS_SOME: usize = 500_000;
/// Rows of the tables of rare things.
const ROWS_FEW: usize = 50_000;

/// One message at one receiver.
pub static DELIVERIES: Schema = Schema {
    name: "deliveries",
    about: "one message at one receiver",
    columns: &[
        int("message", "number of the message in the order of writing"),
        int("author", "host that wrote it"),
        int("receiver", "host that showed it"),
        real("written_s", "when the author was asked to write it"),
        real("latency_ms", "from there to the receiver's eyes"),
        flag("away", "the receiver was off, asleep or on another island when it was written"),
    ],
    rows_max: ROWS_MANY,
};

/// One position at one receiver.
pub static PLACES: Schema = Schema {
    name: "places",
    about: "one position at one receiver",
    columns: &[
        int("author", "host that was there"),
        int("receiver", "host that showed it"),
        real("taken_s", "when the author's device measured it"),
        real("latency_ms", "from there to the receiver's eyes"),
        real("age_before_ms", "how old the position was that it replaces; none for the first"),
    ],
    rows_max: ROWS_MANY,
};

/// One newcomer.
pub static JOINS: Schema = Schema {
    name: "joins",
    about: "one newcomer",
    columns: &[
        int("host", "the newcomer"),
        int("via", "the inviter"),
        real("asked_s", "when the newcomer first asked"),
        real("took_s", "from there to being a member; none if that never came"),
        int("failures", "pairings that failed on the way"),
    ],
    rows_max: ROWS_FEW,
};

/// One host entering one epoch.
pub static EPOCHS: Schema = Schema {
    name: "epochs",
    about: "one host entering one epoch of the group keys",
    columns: &[
        real("at_s", "when"),
        int("host", "the host"),
        text("epoch", "the epoch, shortened"),
        int("devices", "devices that hold it"),
        real("after_first_ms", "after the first host that entered it"),
    ],
    rows_max: ROWS_SOME,
};

/// One return of links.
pub static HEALS: Schema = Schema {
    name: "heals",
    about: "one return of links, processes or sleepers, and when all views agreed again",
    columns: &[
        real("at_s", "when the last of the links returned"),
        text("cause", "what returned: partition, link, wake, restart"),
        int("returns", "returns that fell into this one"),
        int("behind", "messages that somebody present lacked"),
        real(
            "took_s",
            "from the return until members, roles, name, epoch and those messages agreed; none if never",
        ),
    ],
    rows_max: ROWS_FEW,
};

/// One second of the world.
pub static SAMPLES: Schema = Schema {
    name: "samples",
    about: "one virtual second of the whole world",
    columns: &[
        real("at_s", "end of the second"),
        int("running", "processes that run"),
        int("members", "hosts that are members of a group"),
        int("connections", "connections, each counted at both ends"),
        int("stream_bytes", "bytes of streams sent in this second, headers included"),
        int("datagram_bytes", "bytes of datagrams sent in this second, headers included"),
        int("busiest_bytes", "bytes that the busiest host sent in this second"),
        int("backlog_max", "most work that waits for one host's CPU now"),
        int("writes_max", "most batches that wait for one host's disk now"),
        int("timers", "timers that are set in the whole process"),
    ],
    rows_max: ROWS_SOME,
};

/// One second of one host.
pub static HOST_SAMPLES: Schema = Schema {
    name: "host_samples",
    about: "one virtual second of one host; empty when hosts times seconds exceed its bound",
    columns: &[
        real("at_s", "end of the second"),
        int("host", "the host"),
        int("stream_bytes", "bytes of streams sent in this second, headers included"),
        int("datagram_bytes", "bytes of datagrams sent in this second, headers included"),
    ],
    rows_max: ROWS_SOME,
};

/// One host over the whole run.
pub static HOSTS: Schema = Schema {
    name: "hosts",
    about: "one host over the whole run",
    columns: &[
        int("host", "the host"),
        text("name", "its display name"),
        int("group", "its group"),
        int("stream_bytes", "bytes of streams sent, headers included"),
        int("datagram_bytes", "bytes of datagrams sent, headers included"),
        int("datagrams_out", "datagrams sent"),
        int("datagrams_in", "datagrams that arrived"),
        int("datagrams_dropped", "datagrams dropped by a full queue"),
        int("wakes", "wakes by its own deadlines"),
        int("writes", "batches written"),
        int("writes_max", "most batches that waited for the disk at once"),
        int("backlog_max", "most work that waited for the CPU at the end of a second"),
        int("connections_max", "most connections at the end of a second"),
    ],
    rows_max: ROWS_SOME,
};

/// Where one host is.
pub static POSITIONS: Schema = Schema {
    name: "positions",
    about: "where one host is, by its device and on the plane of the links",
    columns: &[
        real("at_s", "when"),
        int("host", "the host"),
        real("latitude_deg", "degrees north; none where only the plane is known"),
        real("longitude_deg", "degrees east"),
        real("x_km", "on the plane of the links; none where only the globe is known"),
        real("y_km", "on the plane of the links"),
    ],
    rows_max: ROWS_SOME,
};

/// Wakes of all hosts by one reason.
pub static WAKES: Schema = Schema {
    name: "wakes",
    about: "wakes of all hosts by one reason",
    columns: &[text("reason", "the timer of the engine"), int("count", "how often it fired")],
    rows_max: ROWS_FEW,
};

/// Frames of one kind.
pub static FRAMES: Schema = Schema {
    name: "frames",
    about: "frames of one kind that members asked to send, all hosts",
    columns: &[
        text("lane", "direct, pair or gossip"),
        text("kind", "what they are for"),
        int("count", "how many"),
        int("bytes", "their bytes, before the stack adds its own"),
    ],
    rows_max: ROWS_FEW,
};

/// One listener and one speaker.
pub static VOICE: Schema = Schema {
    name: "voice",
    about: "what one listener heard of one speaker",
    columns: &[
        int("listener", "the host that hears"),
        int("speaker", "the host that speaks"),
        int("frames", "frames that were sent to this ear while both were in the call"),
        int("lost", "frames that never came"),
        int("late", "frames that came after their turn"),
        int("played", "pieces of sound decoded from their own frame"),
        int("repaired", "pieces decoded from what later frames carry of them"),
        int("concealed", "pieces that had to be made up"),
        real("ear_p50_ms", "mouth to ear, median over steps of 20 ms"),
        real("ear_p99_ms", "mouth to ear, 99 of 100"),
        real("rating", "R of the E-model, ITU-T G.107, 0 to 100"),
        real("mos", "the same as a mean opinion score, 1 to 4.5"),
    ],
    rows_max: ROWS_SOME,
};

/// All tables, in the order of the report.
pub static ALL: [&Schema; 13] = [
    &DELIVERIES,
    &PLACES,
    &JOINS,
    &EPOCHS,
    &HEALS,
    &SAMPLES,
    &HOST_SAMPLES,
    &HOSTS,
    &POSITIONS,
    &WAKES,
    &FRAMES,
    &VOICE,
    &COUNTS,
];

/// What went wrong without breaking a rule.
pub static COUNTS: Schema = Schema {
    name: "counts",
    about: "things that went wrong without breaking a rule, all hosts",
    columns: &[text("what", "what"), int("count", "how often")],
    rows_max: ROWS_FEW,
};

/// The table of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Schema> {
    ALL.into_iter().find(|schema| schema.name == name)
}
