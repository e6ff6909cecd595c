//! Members on strings: what people see, whatever the strings and the disks do.

#![allow(unreachable_pub, reason = "the rooms of one test binary")]
#![allow(clippy::print_stderr, reason = "a failing story tells its steps")]

/// Around every call of an engine; here nothing is watched.
fn at_work<T>(call: impl FnOnce() -> T) -> T {
    call()
}

#[path = "string/world.rs"]
mod world;

#[path = "string/together.rs"]
mod together;

#[path = "string/membership.rs"]
mod membership;

#[path = "string/accidents.rs"]
mod accidents;

#[path = "string/agenda.rs"]
mod agenda;

#[path = "string/places.rs"]
mod places;

#[path = "string/feeds.rs"]
mod feeds;

#[path = "string/calls.rs"]
mod calls;

#[path = "string/model.rs"]
mod model;

#[path = "string/strangers.rs"]
mod strangers;

#[path = "string/newcomers.rs"]
mod newcomers;

#[path = "string/forwarded.rs"]
mod forwarded;

#[path = "string/limits.rs"]
mod limits;

#[path = "string/restarts.rs"]
mod restarts;

#[path = "string/quarrels.rs"]
mod quarrels;

#[path = "string/conversation.rs"]
mod conversation;

#[path = "string/sparse.rs"]
mod sparse;

#[path = "string/hostile.rs"]
mod hostile;

#[path = "string/unreadable.rs"]
mod unreadable;

#[path = "string/promises.rs"]
mod promises;

#[path = "string/insiders.rs"]
mod insiders;

#[path = "string/devices.rs"]
mod devices;

#[path = "string/recovery.rs"]
mod recovery;

#[path = "string/mail.rs"]
mod mail;
