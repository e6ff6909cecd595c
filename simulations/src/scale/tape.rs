//! The tape: every wish of the engines for their mesh within the window, to be played to Swarms without engines.

use crate::book::Book;
use crate::checks::{Check, End, Findings};
use crate::disk::platter::{self, Place};
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_engine::input::Input;
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::Output;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A wish for the mesh.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Wish {
    /// To publish.
    Publish([u8; 32], Vec<u8>),
    /// To send to one peer.
    Direct([u8; 32], Vec<u8>),
    /// To follow a topic.
    Subscribe([u8; 32]),
    /// To follow it no longer.
    Unsubscribe([u8; 32]),
    /// To let a peer into a topic.
    Admit([u8; 32], [u8; 32]),
}

/// What is on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tape {
    /// Transport keys by host.
    pub keys: Vec<[u8; 32]>,
    /// Topics by host when the window begins.
    pub topics: Vec<BTreeSet<[u8; 32]>>,
    /// Connected pairs when the window begins, the lower number first.
    pub pairs: BTreeSet<(HostId, HostId)>,
    /// Time, host, wish; see [`Tape::unroll`].
    pub wishes: Vec<(u64, HostId, Wish)>,
    /// The same while it runs: what is taken down must not weigh on the memory that is measured.
    #[serde(skip)]
    rolled: Vec<(u64, HostId, Place)>,
    /// Gossip frames that engines were given, copies left out.
    pub gossip: u64,
    /// Steps of the voice path that anybody was shown.
    pub voice: u64,
    /// Whether wishes are taken down.
    pub runs: bool,
}

/// The judge's seat from which the tape is recorded; it judges nothing.
pub struct Recorder(pub Rc<RefCell<Tape>>);

impl Check for Recorder {
    fn name(&self) -> &'static str {
        "tape"
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, _: &Book, _: &mut Findings) {
        let mut tape = self.0.borrow_mut();
        match seen {
            Seen::Output { output, .. } => tape.wish(at, output),
            Seen::Input { input: Input::Frame { lane: Lane::Gossip(_), .. }, .. } => {
                tape.gossip += u64::from(tape.runs);
            }
            Seen::VoiceOut { .. } | Seen::VoiceIn { .. } | Seen::Heard { .. } => tape.voice += 1,
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

impl Tape {
    /// An empty one for so many hosts.
    #[must_use]
    pub fn of(hosts: usize) -> Self {
        Tape { topics: vec![BTreeSet::new(); hosts], ..Tape::default() }
    }

    fn wish(&mut self, at: At, output: &Output) {
        let topics = &mut self.topics[at.host as usize];
        let wish = match output {
            Output::Subscribe(topic) => {
                topics.insert(*topic);
                Wish::Subscribe(*topic)
            }
            Output::Unsubscribe(topic) => {
                topics.remove(topic);
                Wish::Unsubscribe(*topic)
            }
            _ if !self.runs => return,
            Output::Publish { topic, bytes } => Wish::Publish(*topic, bytes.clone()),
            Output::Send { to: PeerKey(to), lane: Lane::Direct, bytes } => Wish::Direct(*to, bytes.clone()),
            Output::Admit { peer: PeerKey(peer), topic } => Wish::Admit(*peer, *topic),
            _ => return,
        };
        if self.runs {
            let bytes = postcard::to_allocvec(&wish).expect("plain fields always encode");
            self.rolled.push((at.us, at.host, platter::put(&bytes)));
        }
    }

    /// Brings the wishes that were taken down into [`Tape::wishes`].
    pub fn unroll(&mut self) {
        let wish = |place| postcard::from_bytes(&platter::get(place)).expect("written above");
        self.wishes.extend(self.rolled.drain(..).map(|(us, host, place)| (us, host, wish(place))));
    }
}
