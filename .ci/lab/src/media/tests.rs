//! What is voice is recognised, and nothing else.

use super::*;
use proptest::prelude::*;

/// An Ethernet frame with this UDP payload.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
    frame.extend([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, PROTOCOL_UDP, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]);
    frame.extend([0; UDP]);
    frame.extend(payload);
    frame
}

fn voice() -> Vec<u8> {
    let mut rtp = vec![0x80, 111, 0x12, 0x34, 0, 0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd];
    rtp.extend([7; 100]);
    rtp
}

const FOUND: MediaPacket = MediaPacket { stream: 0xaabb_ccdd, sequence: 0x1234 };

#[test]
fn voice_is_recognised_with_and_without_the_marker() {
    assert_eq!(recognise(&frame(&voice())), Some(FOUND));
    let mut marked = voice();
    marked[1] |= 0x80;
    assert_eq!(recognise(&frame(&marked)), Some(FOUND));
}

#[test]
fn options_of_the_internet_header_are_stepped_over() {
    let mut long = frame(&[]);
    long[ETHERNET] = 0x46;
    long.truncate(ETHERNET + 20);
    long.extend([0; 4 + UDP]);
    long.extend(voice());
    assert_eq!(recognise(&long), Some(FOUND));
}

#[test]
fn everything_else_on_such_a_cable_is_not_voice() {
    let with_first = |first: u8, second: u8| {
        let mut bytes = voice();
        (bytes[0], bytes[1]) = (first, second);
        frame(&bytes)
    };
    assert_eq!(recognise(&with_first(0, 1)), None, "STUN");
    assert_eq!(recognise(&with_first(22, 254)), None, "DTLS");
    assert_eq!(recognise(&with_first(0x80, 200)), None, "RTCP, a sender report");
    assert_eq!(recognise(&with_first(0xc3, 0)), None, "QUIC, a long header");
    assert_eq!(recognise(&with_first(0x83, 0)), None, "QUIC, a long header with the fixed bit greased");
    assert_eq!(recognise(&with_first(0x43, 111)), None, "QUIC, a short header");
}

#[test]
fn other_frames_are_not_voice() {
    let changed = |at: usize, byte: u8| {
        let mut bytes = frame(&voice());
        bytes[at] = byte;
        bytes
    };
    assert_eq!(recognise(&changed(0, 3)), None, "multicast");
    assert_eq!(recognise(&changed(13, 6)), None, "ARP");
    assert_eq!(recognise(&changed(ETHERNET + 9, 6)), None, "TCP");
    assert_eq!(recognise(&changed(ETHERNET + 7, 9)), None, "a fragment");
    assert_eq!(recognise(&frame(&voice()[..RTP - 1])), None, "too short");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        recognise(&bytes);
    }

    #[test]
    fn any_cut_of_a_frame_is_read_without_a_panic(to in 0usize..140) {
        let whole = frame(&voice());
        let cut = &whole[..to.min(whole.len())];
        prop_assert_eq!(recognise(cut).is_some(), cut.len() >= ETHERNET + 20 + UDP + RTP);
    }
}
