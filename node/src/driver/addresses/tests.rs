//! Members are found again after a restart, strangers leave no trace, and what is known is not written again.

use super::*;

fn peer(number: u8) -> PeerKey {
    PeerKey([number; 32])
}

fn at(port: u16) -> Vec<Multiaddr> {
    vec![format!("/ip4/10.0.0.7/tcp/{port}").parse().expect("written")]
}

fn disk(notes: Vec<Note>, disk: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    for (key, value) in notes {
        match value {
            Some(value) => disk.insert(key, value),
            None => disk.remove(&key),
        };
    }
}

#[test]
fn what_a_member_says_again_is_not_written_again() {
    let mut all = Addresses::default();
    assert_eq!(all.claim(peer(1), &at(1), true).len(), 1);
    assert_eq!(all.claim(peer(1), &at(1), true), Vec::new());
    let turned: Vec<_> = [at(2), at(1)].concat();
    assert_eq!(all.claim(peer(1), &turned, true).len(), 1);
    let other_order: Vec<_> = [at(1), at(2)].concat();
    assert_eq!(all.claim(peer(1), &other_order, true), Vec::new());
    assert_eq!(all.claim(peer(1), &[], true), Vec::new(), "silence is no address");
}

#[test]
fn a_stranger_leaves_no_trace_until_it_proves_membership() {
    let mut all = Addresses::default();
    assert_eq!(all.claim(peer(1), &at(1), false), Vec::new());
    assert_eq!(all.keep(peer(1)).len(), 1);
    assert_eq!(all.claim(peer(2), &at(2), false), Vec::new());
    all.gone(&peer(2));
    assert_eq!(all.keep(peer(2)), Vec::new());
}

#[test]
fn a_restart_finds_what_was_kept_and_writes_nothing() {
    let mut kept = BTreeMap::from([(b"n-something-else".to_vec(), vec![1])]);
    let mut all = Addresses::default();
    disk(all.claim(peer(1), &at(1), true), &mut kept);
    let mut again = Addresses::load(&kept);
    assert_eq!(again.kept().collect::<Vec<_>>(), [(peer(1), at(1))]);
    assert_eq!(again.claim(peer(1), &at(1), true), Vec::new());
}

#[test]
fn the_oldest_note_goes_when_there_are_too_many() {
    let (mut kept, mut all) = (BTreeMap::new(), Addresses::default());
    for number in 0..=KEPT_MAX {
        let number = u8::try_from(number).expect("129 peers");
        disk(all.claim(peer(number), &at(1), true), &mut kept);
    }
    assert_eq!(kept.len(), KEPT_MAX);
    assert!(!kept.contains_key(&address_key(&peer(0).0)));
    assert!(kept.contains_key(&address_key(&peer(1).0)));
}
