//! Members on strings: what people see, whatever the strings and the disks do.

#[path = "string/world.rs"]
mod world;

#[path = "string/together.rs"]
mod together;

#[path = "string/membership.rs"]
mod membership;

#[path = "string/accidents.rs"]
mod accidents;

#[path = "string/places.rs"]
mod places;

#[path = "string/calls.rs"]
mod calls;

#[path = "string/model.rs"]
mod model;

#[path = "string/strangers.rs"]
mod strangers;
