//! Published messages that wait for a first subscriber, bounded in number, bytes and time.

use crate::limits::{WAITING_BYTES_MAX, WAITING_MESSAGES_MAX};
use crate::topic::Topic;
use std::collections::{BTreeMap, VecDeque};

/// The waiting room. Its host ticks it every `WAITING_TICK`; a message leaves at its second tick at the latest.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    topics: BTreeMap<Topic, Queue>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<(Age, Vec<u8>)>,
    dropped: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Fresh,
    Old,
}

/// The waiting room holds `WAITING_BYTES_MAX` already; the message was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Waiting {
    /// Takes a message in; the oldest of its topic goes when there are too many.
    pub(crate) fn push(&mut self, topic: Topic, bytes: Vec<u8>) -> Result<(), Full> {
        if self.bytes + bytes.len() > WAITING_BYTES_MAX {
            return Err(Full);
        }
        let queue = self.topics.entry(topic).or_default();
        if queue.messages.len() == WAITING_MESSAGES_MAX
            && let Some((_, oldest)) = queue.messages.pop_front()
        {
            self.bytes -= oldest.len();
            queue.dropped += 1;
        }
        self.bytes += bytes.len();
        queue.messages.push_back((Age::Fresh, bytes));
        debug_assert!(queue.messages.len() <= WAITING_MESSAGES_MAX);
        Ok(())
    }

    /// Hands out what waits for a topic, oldest first.
    pub(crate) fn take(&mut self, topic: Topic) -> Vec<Vec<u8>> {
        let Some(queue) = self.topics.get_mut(&topic) else {
            return Vec::new();
        };
        let messages: Vec<_> = queue.messages.drain(..).map(|(_, bytes)| bytes).collect();
        self.bytes -= messages.iter().map(Vec::len).sum::<usize>();
        if queue.dropped == 0 {
            self.topics.remove(&topic);
        }
        messages
    }

    /// Ages everything by one tick and returns, per topic, how many messages were lost since the last tick.
    pub(crate) fn tick(&mut self) -> Vec<(Topic, usize)> {
        let mut lost = Vec::new();
        for (topic, queue) in &mut self.topics {
            while let Some((Age::Old, oldest)) = queue.messages.front() {
                self.bytes -= oldest.len();
                queue.messages.pop_front();
                queue.dropped += 1;
            }
            for (age, _) in &mut queue.messages {
                *age = Age::Old;
            }
            if queue.dropped > 0 {
                lost.push((*topic, std::mem::take(&mut queue.dropped)));
            }
        }
        self.topics.retain(|_, queue| !queue.messages.is_empty());
        debug_assert!(!self.topics.is_empty() || self.bytes == 0);
        lost
    }

    /// Forgets a topic without a word: its host no longer wants it.
    pub(crate) fn forget(&mut self, topic: Topic) {
        self.take(topic);
        self.topics.remove(&topic);
    }

    /// Whether a tick is needed.
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

#[cfg(test)]
mod tests;
