//! Keys and peer ids are two spellings of one thing.

use super::*;
use libp2p::identity::Keypair;
use proptest::prelude::*;

fn key(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes are a seed")
}

#[test]
fn a_key_survives_the_way_to_a_peer_id_and_back() {
    for seed in 0..32 {
        let pair = key(seed);
        let peer = PeerKey::from_public(&pair.public()).expect("ed25519");
        assert_eq!(peer.to_peer_id(), Some(pair.public().to_peer_id()));
        assert_eq!(PeerKey::from_peer_id(&pair.public().to_peer_id()), Some(peer));
    }
}

#[test]
fn a_hashed_peer_id_has_no_key() {
    let hashed = PeerId::from_bytes(&[&[0x12, 0x20], &[7u8; 32][..]].concat()).expect("a sha2-256 multihash");
    assert_eq!(PeerKey::from_peer_id(&hashed), None);
}

#[test]
fn debug_shows_four_bytes_only() {
    assert_eq!(format!("{:?}", PeerKey([0xab; 32])), "PeerKey(abababab)");
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_or_none(bytes in any::<[u8; 32]>()) {
        if let Some(id) = PeerKey(bytes).to_peer_id() {
            prop_assert_eq!(PeerKey::from_peer_id(&id), Some(PeerKey(bytes)));
        }
    }

    #[test]
    fn any_multihash_is_a_key_or_none(digest in proptest::collection::vec(any::<u8>(), 0..42)) {
        let bytes = [&[0u8, digest.len() as u8][..], &digest].concat();
        if let Ok(id) = PeerId::from_bytes(&bytes)
            && let Some(key) = PeerKey::from_peer_id(&id)
        {
            prop_assert_eq!(key.to_peer_id(), Some(id));
        }
    }
}
