//! The group layer of halloo and OpenMLS in one group: the same operations, by either side, must come to the same epoch.
//!
//! From the ground up: [`format`] writes the bytes of `docs/spec/group.md` a second time, from that page and not from the
//! code; [`theirs`] is a member that runs OpenMLS 0.9; [`member`] is a member of either kind; [`script`] makes and runs
//! random scripts. What is compared after every step is [`member::View`].
//!
//! **One check of OpenMLS is in the way.** It refuses a commit whose group context holds an extension that no required
//! capabilities in that context name; RFC 9420 (12.1.7, 13.4) asks that all members support it, which all do. Every
//! commit of ours carries the log heads there and nothing else, so OpenMLS 0.9.2 as published can join us, export and
//! talk (`tests/stock.rs`), but neither make nor follow a commit of ours. `cargo xtask prove heal.10` runs the scripts
//! in a copy in which that check asks what the RFC asks; nothing else of OpenMLS is touched.
//!
//! **Where the two do not overlap**, so that nothing is compared: OpenMLS keeps a group in its storage, so it cannot stand
//! on two branches at once, and it cannot enter the epoch of its own commit again from the parent (`apply_own`). Its
//! exporter cannot be deleted label by label. It judges the lifetime of key packages by the clock of the system; ours
//! are valid from 1970 to 9999 and never judged. It has no static check of our narrowness: an unencrypted handshake, a
//! proposal by reference, or other capabilities are fine to it. Its keys come from the system, so a script is repeated
//! from its seed, the secrets in it are not.
#![forbid(unsafe_code)]

pub mod format;
pub mod theirs;
pub mod member;
pub mod script;
