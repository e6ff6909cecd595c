//! Both spellings are found, of who is connected and of who is not.

use super::Neighbours;
use crate::peer::PeerKey;
use libp2p::identity::Keypair;

#[test]
fn who_comes_is_found_by_both_and_who_goes_is_still_spelt_right() {
    let mut neighbours = Neighbours::default();
    let pairs: Vec<_> = (1..=5_u8)
        .map(|seed| Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes are a seed").public())
        .map(|key| (key.to_peer_id(), PeerKey::from_public(&key).expect("ed25519")))
        .collect();
    let spelt = |neighbours: &Neighbours| {
        for (id, key) in &pairs {
            assert_eq!(neighbours.key_of(id), Some(*key));
            assert_eq!(neighbours.id_of(key), Some(*id));
        }
    };
    spelt(&neighbours);
    for (id, key) in &pairs[..4] {
        neighbours.insert(*id, *key);
        neighbours.insert(*id, *key);
    }
    spelt(&neighbours);
    let (gone, key) = pairs[1];
    assert_eq!(neighbours.remove(&gone), Some(key));
    assert_eq!(neighbours.remove(&gone), None, "it went once");
    assert!(!neighbours.contains(&gone) && neighbours.contains(&pairs[0].0));
    assert_eq!(neighbours.keys().count(), 3);
    assert!(!neighbours.keys().any(|left| left == key));
    spelt(&neighbours);
    let no_point = PeerKey([2; 32]);
    assert_eq!(neighbours.id_of(&no_point), no_point.to_peer_id());
}
