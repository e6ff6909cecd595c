//! The abstract tier: how gossip spreads, as a model of flat arrays and compact events; no libp2p, no engine, up to 10^5 members.
//!
//! ```text
//!   plan --town--> members, half-edges --acts--> dials, proofs, grafts --calendar--> copies, promises, repairs --> figures
//! ```
//!
//! The rules of the mesh are gossipsub's with the settings of `halloo-mesh`; links are [`crate::net::links`] themselves. What
//! engines do beside that is a number of trips each (a pairing, a proof, a comparison) or left out: keys, roles, receipts, presence. How
//! near it comes to tier real is measured by `halloo-sim fidelity abstract`.

mod calendar;
mod faults;
mod gossip;
mod mesh;
mod message;
mod repair;
mod run;
mod town;

pub use run::run;

/// What the model takes from `halloo-mesh` and the engine; where neither names it, an estimate that says so.
mod constants {
    /// Others that a node wants in its mesh (`GroupSize::Small`).
    pub(super) const DEGREE: usize = 4;
    /// Below it, it looks for more.
    pub(super) const LOW: usize = 3;
    /// From it on, it takes nobody more in, and lets some go.
    pub(super) const HIGH: usize = 8;
    /// Least of them that it dialled itself.
    pub(super) const OUTBOUND: usize = 1;
    /// Between two heartbeats, microseconds.
    pub(super) const BEAT_US: u64 = 1_000_000;
    /// From a start to the first, microseconds.
    pub(super) const FIRST_BEAT_US: u64 = 500_000;
    /// How long IHAVE names a message: two heartbeats.
    pub(super) const NAMED_US: u64 = 2 * BEAT_US;
    /// Neighbours outside the mesh that are told of it, at least.
    pub(super) const LAZY: usize = 4;
    /// The same as a share of them.
    pub(super) const LAZY_SHARE: f64 = 0.25;
    /// How long somebody who let us go, or whom we let go, is left alone, microseconds.
    pub(super) const BACKOFF_US: u64 = 60_000_000;
    /// One-way trips of a dial until both ends have the connection.
    pub(super) const DIAL_TRIPS: u64 = 2;
    /// One-way trips from there until the one who dialled knows that the other lets it in. Greeting and proof go in streams of their
    /// own, and so does what gossipsub says, which is held back until the proof is good: a stream is opened in two trips and
    /// carries in the third. The answering end greets one trip earlier and asks for the proof in a stream that stands by then.
    pub(super) const DIALLER_TRIPS: u64 = 6;
    /// The same for the one who was dialled.
    pub(super) const DIALLED_TRIPS: u64 = 7;
    /// One-way trips from becoming a member until the newcomer knows that a neighbour of before lets it in: its greeting (3), the
    /// neighbour's proof (1), its own (1), the neighbour's subscriptions (3).
    pub(super) const NEWCOMER_TRIPS: u64 = 8;
    /// The same for that neighbour, which need not wait for the newcomer's own proof to be told its subscriptions.
    pub(super) const NEIGHBOUR_TRIPS: u64 = 7;
    /// One-way trips of a comparison until what was missing is here: three realms, a question and an answer each, and the parcels.
    pub(super) const COMPARE_TRIPS: u64 = 7;
    /// Questions of a pairing when all that a newcomer needs fits one answer: is it you, the exchange, the confirmation, the request.
    pub(super) const PAIRING_ASKS: u64 = 4;
    /// One-way trips of a question: a stream of its own, opened in two, and the answer.
    pub(super) const ASK_TRIPS: u64 = 4;
    /// Bytes that a newcomer is handed for each member there is, about: the last `out pair` lines of an inviter's trace in tier real
    /// over the members of that time lie between 2,200 and 4,600 from the tenth member to the sixtieth (seed 1, 3,700 on average).
    /// One more question fetches each [`halloo_engine::pairing::CHUNK_BYTES`] of it.
    pub(super) const MEMBER_BYTES: u64 = 4_000;
    /// Members from which on a newcomer is handed no more: tier real has not been run with more, and brings them in one by one.
    pub(super) const HANDED_MEMBERS_MAX: u64 = 256;
    /// Heartbeats between two routine comparisons with one neighbour.
    pub(super) const ROUTINE_BEATS: u8 = 30;
    /// From a gap that shows to the comparison that fills it, microseconds.
    pub(super) const GAP_US: u64 = 500_000;
    /// A message that is older is not on its way any more: who lacks it has a gap.
    pub(super) const OVERDUE_US: u64 = 3_000_000;
    /// Least and most time until a connection over a cut link is given up: a ping is sent every ten seconds and may take ten.
    pub(super) const DEAF_US: (u64, u64) = (10_000_000, 20_000_000);
    /// Most time until somebody who can be reached again is dialled again, microseconds.
    pub(super) const REDIAL_US: u64 = 4_000_000;
    /// Bytes that sealing and framing put around a text: what a frame of gossip is longer than its text.
    pub(super) const WRAPPING_BYTES: usize = 330;
}

#[cfg(test)]
mod tests;
