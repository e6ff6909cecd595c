//! The proofs that groups heal: branches, races and quarrels end in one group, at a known cost.

pub mod cost;
pub mod crash;
pub mod devices;
pub mod differential;
pub mod forgery;
pub mod halves;
pub mod insiders;
pub mod rules;
pub mod secrecy;
pub mod stories;
pub mod voice;
