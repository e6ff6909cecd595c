//! The deterministic simulator: the shipped engine, voice path and libp2p stack in virtual time, judged by checkers.
//!
//! Modules stand from the ground up; each imports only from those above it.

pub mod chance;
pub mod meter;
pub mod net;
pub mod voice;
pub mod plan;
pub mod seen;
pub mod book;
pub mod checks;
pub mod trace;
pub mod record;
pub mod logs;
pub mod disk;
pub mod stage;
pub mod host;
pub mod world;
pub mod abstraction;
pub mod scenario;
pub mod shadow;
pub mod report;
pub mod fidelity;
pub mod scale;
pub mod children;
pub mod measure;
pub mod hunt;
pub mod cli;
