//! The simulated network of one run: links, the connections over them, and the transport that libp2p is given.
//!
//! ```text
//!   Swarm -> transport -> wire (connections, pipes) -> links (when does it arrive?)
//!                          |
//!                          timers of the virtual clock wake the reader at the arrival
//! ```
//! The state lives in the thread of the run, because libp2p wants handles that can be sent between threads: here a handle is a number.

pub mod links;
pub mod wire;
pub mod stream;
pub mod transport;
