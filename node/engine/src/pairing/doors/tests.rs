//! Tests: open invites: codes, tries, uses, ends.

use rand_core::SeedableRng as _;

use super::*;

const NOW: Time = Time::from_millis(5);

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([3; 32])
}

fn invite(seed: u8, uses_left: u16, ends: Time) -> HostInvite {
    let secret = InviteSecret::from_bytes([seed; 16]);
    HostInvite { invite: secret.id(), op: OpId([seed; 32]), secret, uses_left, ends, quiet: false }
}

fn far() -> Time {
    NOW.after(Duration::from_secs(100_000))
}

#[test]
fn no_two_open_codes_share_a_nameplate() {
    let (mut doors, mut rng) = (Doors::default(), rng());
    let mut plates = std::collections::BTreeSet::new();
    for seed in 0..INVITES_MAX as u8 {
        let invite = invite(seed, 1, far());
        let id = invite.invite;
        assert!(doors.open(&mut rng, NOW, invite));
        assert!(plates.insert(doors.code(&id).expect("a code").nameplate()));
    }
    assert!(!doors.open(&mut rng, NOW, invite(200, 1, far())), "full");
}

#[test]
fn opening_again_keeps_the_code_and_updates_the_uses() {
    let (mut doors, mut rng) = (Doors::default(), rng());
    let first = invite(1, 1, far());
    let id = first.invite;
    doors.open(&mut rng, NOW, first);
    let code = doors.code(&id).cloned();
    doors.open(&mut rng, NOW, invite(1, 9, far()));
    assert_eq!(doors.code(&id).cloned(), code);
    assert_eq!(doors.invite(&id).map(|invite| invite.uses_left), Some(9));
}

#[test]
fn the_last_use_is_not_given_away_twice() {
    let (mut doors, mut rng) = (Doors::default(), rng());
    let one = invite(1, 1, far());
    let id = one.invite;
    let door = Door::Invite(id);
    doors.open(&mut rng, NOW, one);
    assert!(matches!(doors.behind(&door), Behind::Open { .. }));
    doors.take(&id, &door);
    assert!(matches!(doors.behind(&door), Behind::Ended(Ending::UsedUp)));
    doors.release(&id);
    assert!(matches!(doors.behind(&door), Behind::Open { .. }));
    doors.take(&id, &door);
    doors.hand_over(&id);
    assert!(matches!(doors.behind(&door), Behind::Ended(Ending::UsedUp)));
    doors.give_back(&id);
    assert!(matches!(doors.behind(&door), Behind::Open { .. }));
    doors.take(&id, &door);
    doors.hand_over(&id);
    assert!(doors.finish(&id));
    assert!(matches!(doors.behind(&door), Behind::Ended(Ending::UsedUp)));
    assert!(doors.invite(&id).is_none());
}

#[test]
fn an_invite_ends_with_its_code_at_its_own_time() {
    let (mut doors, mut rng) = (Doors::default(), rng());
    let ends = NOW.after(Duration::from_secs(30));
    let short = invite(1, 5, ends);
    let id = short.invite;
    doors.open(&mut rng, NOW, short);
    let plate = doors.code(&id).expect("a code").nameplate();
    assert_eq!(doors.deadline(), Some(ends));
    assert!(doors.expire(NOW).is_empty());
    assert_eq!(doors.expire(ends), vec![id]);
    assert!(matches!(doors.behind(&Door::Nameplate(plate)), Behind::Ended(Ending::Expired)));
    assert!(matches!(doors.behind(&Door::Invite(id)), Behind::Ended(Ending::Expired)));
    assert_eq!(doors.deadline(), None);
}

#[test]
fn links_have_no_tries_to_count() {
    let (mut doors, mut rng) = (Doors::default(), rng());
    let open = invite(1, 5, far());
    let id = open.invite;
    doors.open(&mut rng, NOW, open);
    for _ in 0..10 {
        assert_eq!(doors.wrong(&id, &Door::Invite(id)), TRIES_MAX);
    }
    assert!(doors.code(&id).is_some());
}

#[test]
fn the_memory_of_ended_codes_is_bounded() {
    let (mut doors, mut rng) = (Doors::default(), rng());
    let open = invite(1, 5, far());
    let id = open.invite;
    doors.open(&mut rng, NOW, open);
    for _ in 0..3 * ENDED_MAX {
        doors.renew(&mut rng, NOW, &id);
    }
    assert_eq!(doors.ended.len(), ENDED_MAX);
}
