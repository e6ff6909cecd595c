//! The group log as its users meet it: replicas that write at the same time, quarrel, lie, and agree.

#[path = "log/kit.rs"]
mod kit;
#[path = "log/reference.rs"]
mod reference;
#[path = "log/board.rs"]
mod board;
#[path = "log/devices.rs"]
mod devices;
#[path = "log/histories.rs"]
mod histories;
#[path = "log/invites.rs"]
mod invites;
#[path = "log/limits.rs"]
mod limits;
#[path = "log/parsers.rs"]
mod parsers;
#[path = "log/puppets.rs"]
mod puppets;
#[path = "log/quarrels.rs"]
mod quarrels;
#[path = "log/roles.rs"]
mod roles;
#[path = "log/small_worlds.rs"]
mod small_worlds;
