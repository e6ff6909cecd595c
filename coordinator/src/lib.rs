//! The coordinator of a self-hosting group: one small process that helps members find each other and cannot read what they say; none of its rooms is built yet.
