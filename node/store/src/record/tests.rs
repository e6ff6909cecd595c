//! Tests of how a record lies on the disk.

use super::*;

fn read(key: &[u8], head: &[u8], chunks: &[&[u8]]) -> Result<Vec<u8>, StoreError> {
    decode(key, head, |index| Ok(chunks.get(index - 1).map(|chunk| chunk.to_vec())))
}

#[test]
fn a_value_comes_back_from_its_pieces() {
    for size in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, MAX_VALUE_BYTES] {
        let value: Vec<u8> = (0..size).map(|i| i as u8).collect();
        let (head, chunks) = encode(b"key", &value);
        assert!(head.len() <= HEAD_BYTES + CHUNK_BYTES && chunks.iter().all(|c| c.len() <= CHUNK_BYTES));
        assert_eq!(chunk_count(&head), chunks.len());
        assert_eq!(read(b"key", &head, &chunks).unwrap(), value);
    }
}

#[test]
fn a_changed_bit_a_missing_piece_and_a_swapped_key_are_found() {
    let value = vec![5; 2 * CHUNK_BYTES];
    let (head, chunks) = encode(b"key", &value);
    for at in 0..head.len() {
        let mut bent = head.clone();
        bent[at] ^= 1;
        assert!(read(b"key", &bent, &chunks).is_err(), "byte {at} of the head");
    }
    assert!(read(b"key", &head, &[]).is_err());
    assert!(read(b"kez", &head, &chunks).is_err());
    assert!(read(b"key", &head[..5], &chunks).is_err());
    assert!(matches!(read(b"key", &[], &chunks), Err(StoreError::Record { key }) if key == "6b6579"));
}

#[test]
fn chunk_keys_of_different_records_never_meet() {
    assert_ne!(chunk_key(b"a", 1), chunk_key(b"a", 2));
    assert_ne!(chunk_key(&[0, 0], 1), chunk_key(&[0, 0, 0], 1));
    assert_eq!(key_of(&head_key(b"a")), Some(b"a".as_slice()));
    assert_eq!(key_of(&chunk_key(b"a", 1)), None);
}
