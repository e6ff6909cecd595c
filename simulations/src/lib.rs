//! The deterministic simulator that runs the shipped engine in virtual time; not built yet.
