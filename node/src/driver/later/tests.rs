//! In order, and bounded.

use super::*;
use halloo_engine::input::WakeReason;
use halloo_engine::lane::PeerKey;

#[test]
fn what_waits_comes_in_order_and_what_is_too_much_comes_back() {
    let mut later = Later::default();
    let group = GroupId([7; 32]);
    let peer = |at: usize| PeerKey([u8::try_from(at % 256).expect("a byte"); 32]);
    for at in 0..LATER_MAX {
        assert!(later.push(group, Input::PeerUp(peer(at))).is_none());
    }
    assert!(
        matches!(later.push(group, Input::PeerDown(peer(1))), Some(Input::PeerDown(back)) if back == peer(1))
    );
    for at in 0..LATER_MAX {
        assert!(matches!(later.pop(), Some((_, Input::PeerUp(up))) if up == peer(at)));
    }
    assert!(later.pop().is_none());
    assert!(later.push(group, Input::Wake(WakeReason::Outside)).is_none(), "there is room again");
}
