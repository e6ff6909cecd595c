//! Networks for tests on one machine: hosts as network namespaces on a bridge, and links whose faults are chosen.
//!
//! ```no_run
//! use halloo_lab::{Lab, LinkModel, Loss};
//! use std::time::Duration;
//!
//! let mut lab = Lab::new()?;
//! let anna = lab.host("anna")?;
//! let poor = LinkModel { loss: Loss::Random(0.1), jitter: Duration::from_millis(40), ..LinkModel::perfect(7) };
//! let ben = lab.host_behind("ben", poor)?;
//! let status = anna.command("ping").args(["-c", "3", &ben.ip().to_string()]).status()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No host on the bridge has a default route; one in a [`Home`] has one through the NAT of its router. And everything is removed when the `Lab` is dropped. Modules are listed from the ground up.

mod clock;
mod ip;
mod permit;

pub mod media;
pub mod model;

mod host;
mod link;
mod nat;

mod lab;

pub use clock::mono_ns;
pub use host::Host;
pub use ip::LabError;
pub use lab::{Cable, HOSTS_MAX, Lab};
pub use link::{LinkCounts, TapLink};
pub use model::{LinkModel, Loss};
pub use nat::{Home, Nat};
pub use permit::{Permit, in_user_namespace, permit};
