//! Which epoch is current, and who may end one: a model of the rules explored in full, and the product held against it.

#![allow(unreachable_pub, reason = "the rooms of one test binary")]
#![allow(clippy::print_stdout, reason = "the full exploration tells how much it saw")]

#[path = "healing/model.rs"]
mod model;

#[path = "healing/people.rs"]
mod people;

#[path = "healing/explore.rs"]
mod explore;

#[path = "healing/rules.rs"]
mod rules;

#[path = "healing/product.rs"]
mod product;
