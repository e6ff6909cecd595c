//! The node as an object for Kotlin, Swift and Python through UniFFI, without logic of its own; not built yet.
