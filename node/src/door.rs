//! The local door: how the `halloo` command, and any program of the same user, talks to the running daemon.
//!
//! One JSON object a line over a Unix socket in the home, both ways:
//!
//! ```text
//! -> {"id":1,"do":"say","text":"at the bridge"}
//! <- {"id":1,"ok":{"message":"5f0c..."}}
//! <- {"id":1,"error":{"what":"...","next":"...","code":"not-allowed"}}
//! -> {"id":2,"do":"watch"}                      then, until the connection ends:
//! <- {"event":"message","group":"...","from":"Ana","text":"here"}
//! ```
//! The socket belongs to the owner of the home and to nobody else; there is no other authentication. A line is at most
//! [`LINE_MAX`] bytes; a watcher that reads too slowly is told how many events it missed and never blocks the daemon.

mod client;
mod entrance;
mod request;
mod server;
mod wake;

pub use client::{Client, ClientError};
pub use entrance::{Entrance, OneTime, SESSION_LIFE, Session};
pub use request::{
    BackupAsk, CloseAsk, DeviceJoinAsk, DoorError, Envelope, FixAsk, InviteAsk, JoinAsk, NewAsk, Passphrase,
    Request, TalkAsk, TrackAsk,
};
pub use server::{Asked, Door, DoorStartError, Reply, Watchers};
pub use wake::{WakeAsk, WakeToken};

/// Longest line either way: a message of 16 KiB in JSON escapes with room to spare.
pub const LINE_MAX: usize = 256 * 1024;

/// Programs that may be connected at once; more are told to come later.
pub const CLIENTS_MAX: usize = 32;

/// Events that may wait for one slow watcher before it is told that it missed some.
pub const EVENTS_WAITING: usize = 1024;

/// Requests that may wait for the driver.
pub const REQUESTS_WAITING: usize = 64;

#[cfg(all(test, unix))]
mod tests;
