//! The handler behind the pointer is asked everything that the pointer is asked.

use super::*;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::StreamProtocol;
use libp2p::swarm::THandler;
use std::task::Waker;

type Upgrade = ReadyUpgrade<StreamProtocol>;

/// Answers each question in a way of its own, and gives back what it was told.
#[derive(Default)]
struct Probe {
    told: Vec<u32>,
    closing: Vec<u32>,
    keep: bool,
}

impl ConnectionHandler for Probe {
    type FromBehaviour = u32;
    type ToBehaviour = u32;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = u8;
    type OutboundOpenInfo = u8;

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade, u8> {
        SubstreamProtocol::new(ReadyUpgrade::new(StreamProtocol::new("/probe/1")), 7)
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Upgrade, u8, u32>> {
        self.told.pop().map_or(Poll::Pending, |n| Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(n)))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Option<u32>> {
        Poll::Ready(self.closing.pop())
    }

    fn on_behaviour_event(&mut self, event: u32) {
        self.told.push(event);
    }

    fn on_connection_event(&mut self, _: ConnectionEvent<'_, Upgrade, Upgrade, u8, u8>) {}
}

#[test]
fn every_question_reaches_the_handler_behind_the_pointer() {
    let mut cx = Context::from_waker(Waker::noop());
    for keep in [false, true] {
        let mut boxed = Boxed::new(Probe { keep, closing: vec![5], ..Probe::default() });
        assert_eq!(boxed.connection_keep_alive(), keep);
        assert_eq!(*boxed.listen_protocol().info(), 7);
        assert!(boxed.poll(&mut cx).is_pending());
        boxed.on_behaviour_event(3);
        assert!(matches!(boxed.poll(&mut cx), Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(3))));
        assert_eq!(boxed.poll_close(&mut cx), Poll::Ready(Some(5)), "last words are not lost");
        assert_eq!(boxed.poll_close(&mut cx), Poll::Ready(None));
    }
}

#[test]
fn all_lanes_of_a_connection_take_one_pointer_where_it_is_moved() {
    assert_eq!(size_of::<THandler<crate::Mesh>>(), size_of::<usize>());
}
