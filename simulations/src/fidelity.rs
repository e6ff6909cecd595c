//! How true the simulator is, judged by what is independent of it: shortest paths, published figures, real processes.

pub mod ear;
pub mod bed;
pub mod dijkstra;
pub mod band;
pub mod children;
pub mod table;
pub mod cliff;
pub mod tiers;
