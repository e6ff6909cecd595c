//! The two queues between the voice thread and an endpoint.

use super::*;

fn frame(bytes: usize) -> Outgoing {
    Outgoing { payload: Bytes::from(vec![7; bytes]), timestamp: 0, first: false, talking: false }
}

#[test]
fn a_full_road_drops_and_counts_instead_of_waiting() {
    let (road, mut ends) = road();
    for _ in 0..OUTGOING_QUEUE {
        assert!(road.send(frame(10)));
    }
    assert!(!road.send(frame(10)));
    assert_eq!(road.dropped(), 1);
    assert!(ends.out.try_recv().is_ok());
    assert!(road.send(frame(10)));
}

#[test]
fn a_frame_that_fits_no_packet_is_dropped() {
    let (road, _ends) = road();
    assert!(road.send(frame(MAX_PAYLOAD)));
    assert!(!road.send(frame(MAX_PAYLOAD + 1)));
    assert_eq!(road.dropped(), 1);
}

#[test]
fn a_closed_endpoint_does_not_stop_the_voice_thread() {
    let (road, ends) = road();
    drop(ends);
    assert!(!road.send(frame(10)));
    assert!(road.receive().is_none());
}

#[test]
fn arrivals_come_in_order_and_the_queue_is_bounded() {
    let (road, ends) = road();
    let arrival =
        |n: u64| Incoming { from: Some(DeviceId::from_bytes([1; 32])), payload: Bytes::new(), arrived_ns: n };
    for n in 0..INCOMING_QUEUE as u64 {
        assert!(ends.inn.try_send(arrival(n)).is_ok());
    }
    assert!(ends.inn.try_send(arrival(9_999)).is_err());
    for n in 0..INCOMING_QUEUE as u64 {
        assert_eq!(road.receive().map(|frame| frame.arrived_ns), Some(n));
    }
    assert!(road.receive().is_none());
}
