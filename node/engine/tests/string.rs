//! Members on strings: what people see, whatever the strings and the disks do.

#[path = "string/world.rs"]
mod world;

#[path = "string/together.rs"]
mod together;
