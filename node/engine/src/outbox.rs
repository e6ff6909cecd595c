//! What leaves a member, and when: at once, or after the batch that it depends on is durable.
//!
//! ```text
//!   put, del ----> open batch --close--> Write(batch) ... Written --> what was held for it
//!   durable(x) --> held with the open batch, or with the last batch asked for, or not at all if nothing is pending
//!   now(x) ------> next in the drain
//! ```
//!
//! One batch per input: everything that one input changes becomes durable together. "Durable before visible" and INV-3 (state is
//! written before what depends on it is sent) are this file.

use std::collections::VecDeque;

use crate::lane::PeerKey;
use crate::output::{Batch, Output, WriteId};
use crate::snapshot::Table;

/// Batches that may be asked for and not yet durable. Beyond it commands are refused as busy; a disk that is stuck must not
/// fill the memory. 64 batches are seconds of a slow phone's flash.
pub const MAX_PENDING_WRITES: usize = 64;

/// Something to do once a batch is durable.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every value is the large one")]
pub enum Then {
    /// Let this out.
    Say(Output),
    /// Hand this sealed bundle to the pairing that asked for it.
    Bundle {
        /// The newcomer's transport.
        newcomer: PeerKey,
        /// The sealed bundle.
        bundle: Vec<u8>,
    },
}

/// The queue of wishes and the open batch.
#[derive(Debug, Default)]
pub struct Outbox {
    ready: VecDeque<Output>,
    open: Batch,
    held: Vec<Then>,
    pending: VecDeque<(WriteId, Vec<Then>)>,
    last: u64,
}

impl Outbox {
    /// Adds a put to the open batch.
    pub fn put(&mut self, table: Table, name: &[u8], value: Vec<u8>) {
        let key = table.key(name);
        self.open.dels.retain(|deleted| *deleted != key);
        self.open.puts.push((key, value));
    }

    /// Adds a delete to the open batch.
    pub fn del(&mut self, table: Table, name: &[u8]) {
        let key = table.key(name);
        self.open.puts.retain(|(put, _)| *put != key);
        self.open.dels.push(key);
    }

    /// Lets something out in this drain: for what depends on no state that a crash could take back.
    pub fn now(&mut self, output: Output) {
        debug_assert!(!matches!(output, Output::Idle(_) | Output::Write(_)), "made by the drain itself");
        self.ready.push_back(output);
    }

    /// Lets something out when everything written so far is durable.
    pub fn durable(&mut self, output: Output) {
        debug_assert!(!matches!(output, Output::Idle(_) | Output::Write(_)), "made by the drain itself");
        self.held.push(Then::Say(output));
    }

    /// Does something when everything written so far is durable.
    pub fn then(&mut self, then: Then) {
        self.held.push(then);
    }

    /// Ends an input: asks for the batch, or releases what waited for none. Gives what is to be done at once.
    #[must_use]
    pub fn close(&mut self) -> Vec<Then> {
        let held = core::mem::take(&mut self.held);
        if !self.open.puts.is_empty() || !self.open.dels.is_empty() {
            self.last += 1;
            let id = WriteId(self.last);
            debug_assert!(
                self.pending.back().is_none_or(|(last, _)| *last < id),
                "batches are numbered in order"
            );
            let batch = Batch { id, ..core::mem::take(&mut self.open) };
            self.ready.push_back(Output::Write(batch));
            self.pending.push_back((id, held));
            return Vec::new();
        }
        match self.pending.back_mut() {
            Some((_, waiting)) => {
                waiting.extend(held);
                Vec::new()
            }
            None => held,
        }
    }

    /// A batch is durable: gives what waited for it.
    ///
    /// # Panics
    /// If the driver confirms a batch out of order, or one that was never asked for: its bug, and state would be lost.
    #[must_use]
    pub fn written(&mut self, id: WriteId) -> Vec<Then> {
        let (expected, held) =
            self.pending.pop_front().expect("the driver confirms only batches that were asked for");
        assert_eq!(expected, id, "the driver confirms batches in order");
        held
    }

    /// The next wish of the drain.
    pub fn pop(&mut self) -> Option<Output> {
        self.ready.pop_front()
    }

    /// Whether no batch is open.
    pub fn is_closed(&self) -> bool {
        self.open.puts.is_empty() && self.open.dels.is_empty() && self.held.is_empty()
    }

    /// Whether the drain is over.
    pub fn is_drained(&self) -> bool {
        self.ready.is_empty()
    }

    /// Batches asked for and not yet durable.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether the disk is so far behind that nothing new should be begun.
    pub fn is_choked(&self) -> bool {
        self.pending.len() >= MAX_PENDING_WRITES
    }
}

#[cfg(test)]
mod tests;
