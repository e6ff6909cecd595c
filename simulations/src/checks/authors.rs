//! Whatever a member holds or shows in the name of somebody honest, that one wrote: its messages, its changes of the document, its
//! positions.

use super::{Check, End, Findings};
use crate::book::{Book, contents_of};
use crate::seen::{At, Seen};
use halloo_crdt::content::SignedContent;
use halloo_crypto::id::{DeviceId, MessageId};
use halloo_engine::output::{Event, Output};

const NAME: &str = "authors";

/// The judge.
pub struct Authors;

impl Check for Authors {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, book: &Book, findings: &mut Findings) {
        match seen {
            Seen::Output { output: Output::Write(batch), .. } => {
                for (id, value) in contents_of(batch) {
                    match SignedContent::parse(value) {
                        Ok(signed) => content(at, id, &signed.content().author, book, findings),
                        Err(_) => findings.add(NAME, at, format!("stores {id}, which is no content")),
                    }
                }
            }
            Seen::Output { output: Output::Event(Event::Message(entry) | Event::Edited(entry)), .. } => {
                content(at, entry.id, &entry.device, book, findings);
            }
            Seen::Output { output: Output::Event(Event::Location(view)), .. } => {
                position(at, &view.device, view.taken_ms, book, findings);
            }
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

/// Whether a device is in the hands of somebody who keeps the rules.
fn honest(device: &DeviceId, book: &Book) -> bool {
    book.host_of(device).is_some_and(|host| !book.person(host).adversary)
}

/// A host holds or shows a content in the name of a device.
pub fn content(at: At, id: MessageId, author: &DeviceId, book: &Book, findings: &mut Findings) {
    if honest(author, book) && book.written(&id).is_none() {
        findings.add(NAME, at, format!("takes {id} for a word of {author}, which never wrote it"));
    }
}

/// A host sees a device somewhere.
pub fn position(at: At, device: &DeviceId, taken_ms: u64, book: &Book, findings: &mut Findings) {
    if honest(device, book) && book.taken(device, taken_ms).is_none() {
        findings.add(NAME, at, format!("sees {device} where it was at {taken_ms}, which it never said"));
    }
}

#[cfg(test)]
mod tests;
