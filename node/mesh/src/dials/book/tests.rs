//! Who is dialled when, without a clock.

use super::*;
use proptest::prelude::*;

const S: Duration = Duration::from_secs(1);

fn peer(number: u16) -> PeerKey {
    let mut key = [1; 32];
    key[..2].copy_from_slice(&number.to_be_bytes());
    PeerKey(key)
}

fn address(number: u16) -> Multiaddr {
    format!("/ip4/10.0.0.1/tcp/{}", number + 1).parse().expect("written")
}

fn targets(due: Vec<(Target, Vec<Multiaddr>)>) -> Vec<Target> {
    due.into_iter().map(|(target, _)| target).collect()
}

#[test]
fn a_found_peer_is_dialled_at_once_with_all_its_addresses_and_once() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1), address(2)], DialSource::Found);
    assert_eq!(book.next_due(), Some(S));
    assert_eq!(book.due(S), [(Target::Peer(peer(1)), vec![address(1), address(2)])]);
    assert_eq!(book.due(S), []);
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
    assert_eq!(book.due(S), [], "no news, no dial");
}

#[test]
fn failures_are_retried_more_and_more_rarely() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Given);
    let mut now = S;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        assert_eq!(targets(book.due(now)), [Target::Peer(peer(1))]);
        book.failed(now, &Target::Peer(peer(1)));
        let due = book.next_due().expect("tried again");
        pauses.push(due - now);
        now = due;
    }
    assert_eq!(pauses[0], RETRY_FIRST);
    assert!(pauses.is_sorted());
    assert_eq!(pauses[11], RETRY_LONGEST);
}

#[test]
fn a_peer_that_discovery_sees_is_retried_more_often() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
    let mut now = S;
    for _ in 0..12 {
        book.due(now);
        book.failed(now, &Target::Peer(peer(1)));
        let due = book.next_due().expect("tried again");
        assert!(due - now <= RETRY_FOUND_LONGEST);
        now = due;
    }
}

#[test]
fn a_stranger_is_left_alone_and_a_member_is_not() {
    for (member, pause) in [(true, RETRY_FIRST), (false, STRANGER_RETRY)] {
        let mut book = Book::default();
        book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
        book.due(S);
        book.connected(S, Some(&Target::Peer(peer(1))), peer(1));
        assert_eq!(book.next_due(), None);
        if member {
            book.is_member(peer(1));
        }
        let end = S + IDLE_STRANGER;
        book.disconnected(end, peer(1));
        assert_eq!(book.next_due(), Some(end + pause));
        book.look_around(end + S, false);
        assert_eq!(book.next_due(), Some(end + if member { S } else { pause }));
        book.look_around(end + 2 * S, true);
        assert_eq!(book.next_due(), Some(end + 2 * S), "asked for");
    }
}

#[test]
fn when_one_who_was_lost_is_back_the_others_are_tried_at_once() {
    let mut book = Book::default();
    for number in 1..=3 {
        book.add(S, Some(peer(number)), &[address(number)], DialSource::Found);
        book.connected(S, None, peer(number));
    }
    (1..=2).for_each(|number| book.is_member(peer(number)));
    (1..=3).for_each(|number| book.disconnected(42 * S, peer(number)));
    for pass in 43..49 {
        book.due(pass * S);
        book.failed(pass * S, &Target::Peer(peer(1)));
        book.failed(pass * S, &Target::Peer(peer(2)));
    }
    assert!(book.next_due() > Some(50 * S), "both wait");
    book.connected(50 * S, None, peer(2));
    assert_eq!(targets(book.due(50 * S)), [Target::Peer(peer(1))], "and the stranger is left alone");
}

#[test]
fn a_stranger_is_dialled_again_when_somebody_came_who_may_be_it_and_not_for_each_of_many() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
    book.due(S);
    book.connected(S, None, peer(1));
    book.disconnected(40 * S, peer(1));
    book.somebody_came(41 * S);
    assert_eq!(targets(book.due(41 * S)), [Target::Peer(peer(1))]);
    book.connected(41 * S, None, peer(1));
    book.somebody_came(42 * S);
    assert_eq!(book.next_due(), None, "whoever is connected is asked by its engine");
    book.disconnected(42 * S + IDLE_STRANGER, peer(1));
    book.somebody_came(43 * S + IDLE_STRANGER);
    assert_eq!(book.next_due(), Some(43 * S + IDLE_STRANGER));
    book.due(43 * S + IDLE_STRANGER);
    book.overtaken(43 * S + IDLE_STRANGER, &Target::Peer(peer(1)));
    book.somebody_came(44 * S + IDLE_STRANGER);
    assert_eq!(book.next_due(), Some(43 * S + IDLE_STRANGER + STRANGERS_APART));
}

#[test]
fn a_connection_cut_short_tells_nothing_of_who_is_there_and_is_tried_again_more_and_more_rarely() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
    let (mut now, mut pauses) = (S, Vec::new());
    for _ in 0..12 {
        assert_eq!(targets(book.due(now)), [Target::Peer(peer(1))]);
        book.connected(now, None, peer(1));
        book.disconnected(now + S, peer(1));
        let due = book.next_due().expect("tried again");
        pauses.push(due - now - S);
        now = due;
    }
    assert_eq!(pauses[..3], [RETRY_FIRST, 2 * RETRY_FIRST, 4 * RETRY_FIRST]);
    assert!(pauses.is_sorted());
    assert_eq!(pauses[11], STRANGER_RETRY);
    book.due(now);
    book.connected(now, None, peer(1));
    book.disconnected(now + IDLE_STRANGER, peer(1));
    assert_eq!(book.next_due(), Some(now + IDLE_STRANGER + STRANGER_RETRY), "a stranger");
}

#[test]
fn a_connection_that_dies_after_somebody_came_did_not_say_whether_it_is_them() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
    book.due(S);
    book.connected(S, None, peer(1));
    book.somebody_came(35 * S);
    book.disconnected(36 * S, peer(1));
    assert_eq!(book.next_due(), Some(36 * S + RETRY_FIRST));
}

#[test]
fn whoever_was_put_out_is_a_stranger_at_once() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Found);
    book.due(S);
    book.connected(S, None, peer(1));
    book.is_member(peer(1));
    book.disown(peer(1));
    book.disconnected(2 * S, peer(1));
    assert_eq!(book.next_due(), Some(2 * S + STRANGER_RETRY));
}

#[test]
fn who_is_expelled_is_not_run_after() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Given);
    book.due(S);
    book.connected(S, None, peer(1));
    book.is_member(peer(1));
    book.disown(peer(1));
    book.disconnected(2 * S, peer(1));
    assert_eq!(book.next_due(), Some(2 * S + STRANGER_RETRY));
    book.look_around(3 * S, false);
    assert_eq!(book.next_due(), Some(2 * S + STRANGER_RETRY));
}

#[test]
fn an_address_becomes_a_peer_when_it_answers() {
    let mut book = Book::default();
    book.add(S, None, &[address(1)], DialSource::Given);
    let target = Target::Address(address(1));
    assert_eq!(targets(book.due(S)), std::slice::from_ref(&target));
    book.connected(S, Some(&target), peer(4));
    book.disconnected(2 * S, peer(4));
    assert_eq!(book.due(3 * S), [(Target::Peer(peer(4)), vec![address(1)])]);
}

#[test]
fn an_expired_address_is_forgotten_and_with_the_last_one_the_peer() {
    let mut book = Book::default();
    book.add(S, Some(peer(1)), &[address(1), address(2)], DialSource::Found);
    book.expire(peer(1), &address(1));
    assert_eq!(book.due(S), [(Target::Peer(peer(1)), vec![address(2)])]);
    book.expire(peer(1), &address(2));
    assert!(book.lines.is_empty());
    book.add(S, Some(peer(1)), &[address(1)], DialSource::Given);
    book.expire(peer(1), &address(1));
    assert_eq!(book.lines.len(), 1, "what a user gave does not expire");
}

#[test]
fn lines_and_addresses_are_bounded() {
    let mut book = Book::default();
    for number in 0..1000 {
        book.add(S, Some(peer(number)), &[address(number)], DialSource::Found);
        book.add(S, None, &[address(number)], DialSource::Given);
        book.add(S, Some(peer(0)), &[address(number)], DialSource::Found);
    }
    assert_eq!(book.lines.len(), FOUND_MAX + GIVEN_MAX);
    assert_eq!(book.lines[&Target::Peer(peer(0))].addresses.len(), HINT_ADDRESSES_MAX);
    assert!(book.lines.contains_key(&Target::Address(address(999))), "the newest hint is kept");
    assert!(!book.lines.contains_key(&Target::Peer(peer(999))), "the oldest finds are kept");
}

#[test]
fn the_peer_at_the_end_of_an_address_is_split_off() {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([9; 32]).expect("a seed");
    let id = key.public().to_peer_id();
    let full: Multiaddr = format!("/ip4/10.0.0.1/tcp/5/p2p/{id}").parse().expect("written");
    let (bare, peer) = split_peer(&full);
    assert_eq!(bare.to_string(), "/ip4/10.0.0.1/tcp/5");
    assert_eq!(peer, PeerKey::from_peer_id(&id));
    assert_eq!(split_peer(&bare), (bare, None));
}

proptest! {
    #[test]
    fn who_is_connected_is_never_due(steps in proptest::collection::vec((0u8..8, 0u16..4), 0..200)) {
        let mut book = Book::default();
        let mut now = Duration::ZERO;
        for (step, number) in steps {
            now += S;
            let who = peer(number);
            match step {
                0 => book.add(now, Some(who), &[address(number)], DialSource::Found),
                1 => book.add(now, None, &[address(number)], DialSource::Given),
                2 => book.connected(now, Some(&Target::Address(address(number))), who),
                3 => book.disconnected(now, who),
                4 => book.failed(now, &Target::Peer(who)),
                5 => book.look_around(now, true),
                6 => book.expire(who, &address(number)),
                _ => book.overtaken(now, &Target::Peer(who)),
            }
            for line in book.lines.values() {
                prop_assert!(!line.connected || line.due.is_none());
            }
            if step == 5 {
                for (target, _) in book.due(now) {
                    book.failed(now, &target);
                }
            }
        }
    }
}
