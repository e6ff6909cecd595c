//! What `dials` promises, tried.

use super::*;
use crate::net::links::{LinkSpec, Links};
use crate::net::wire;
use crate::world::{START_US, on_own_thread};
use libp2p::PeerId;
use std::task::Waker;

#[test]
fn a_first_packet_that_found_no_link_is_sent_again_at_doubling_attempts() {
    assert_eq!(dial_retry_us(5_000_000, 5_000_000), 5_000_000);
    assert_eq!(dial_retry_us(0, 300_000), 1_000_000);
    assert_eq!(dial_retry_us(0, 1_500_000), 3_000_000);
    assert_eq!(dial_retry_us(0, 3_000_001), 7_000_000);
}

/// When a dial over a cut link has arrived, if the link is back after so long.
fn arrives_us(back_after_us: u64) -> Option<u64> {
    on_own_thread(1, move || {
        wire::lay(Links::new(LinkSpec::constant(10_000), 2, 1), 2);
        wire::with(|wire| {
            wire.listen(1, PeerId::random());
            wire.links.cut(0, 1, true);
            let mut cx = Context::from_waker(Waker::noop());
            wire.dial(0, 1);
            assert!(wire.poll_incoming(1, &mut cx).is_pending());
            halloo_vtime::advance(START_US + back_after_us);
            wire.links.cut(0, 1, false);
            wire.mend();
            (0..20_000_000_u64).step_by(10_000).find(|after| {
                halloo_vtime::advance((START_US + after).max(halloo_vtime::now_us()));
                wire.poll_incoming(1, &mut cx).is_ready()
            })
        })
    })
}

#[test]
fn a_dial_that_was_under_way_when_its_link_came_back_arrives_and_one_that_is_over_does_not() {
    assert_eq!(arrives_us(500_000), Some(1_010_000));
    assert_eq!(arrives_us(4_000_000), Some(7_010_000));
    assert_eq!(arrives_us(11_000_000), None);
}
