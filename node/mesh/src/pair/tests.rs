//! The bytes of the pairing lane.

use super::*;
use futures::executor::block_on;
use futures::io::Cursor;
use proptest::prelude::*;

fn request(bytes: &[u8]) -> io::Result<Vec<u8>> {
    block_on(PairCodec.read_request(&PROTOCOL, &mut Cursor::new(bytes)))
}

#[test]
fn the_bytes_are_as_drawn() {
    let mut out = Cursor::new(Vec::new());
    block_on(PairCodec.write_request(&PROTOCOL, &mut out, b"otter".to_vec())).expect("memory");
    assert_eq!(out.get_ref(), b"\x01otter");
    assert_eq!(request(b"\x01otter").expect("own bytes"), b"otter");
    assert_eq!(request(b"\x01").expect("an empty payload"), b"");
}

#[test]
fn versions_and_sizes_are_checked() {
    assert_eq!(request(b"").expect_err("nothing").kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(request(b"\x02x").expect_err("version 2").kind(), io::ErrorKind::InvalidData);
    let mut bytes = vec![VERSION; 1 + PAIR_REQUEST_MAX];
    assert_eq!(request(&bytes).expect("the limit itself").len(), PAIR_REQUEST_MAX);
    bytes.push(0);
    assert_eq!(request(&bytes).expect_err("one more").kind(), io::ErrorKind::InvalidData);
    let reply = block_on(PairCodec.read_response(&PROTOCOL, &mut Cursor::new(&bytes)));
    assert_eq!(reply.expect("replies may be larger").len(), PAIR_REQUEST_MAX + 1);
}

proptest! {
    #[test]
    fn any_bytes_are_a_payload_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(payload) = request(&bytes) {
            prop_assert_eq!(&bytes[1..], &payload[..]);
        }
    }
}
