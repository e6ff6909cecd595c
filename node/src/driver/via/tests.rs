//! Tests: which coordinators are used where more are named than may be.

use super::*;
use halloo_crypto::mailbox::{Day, MailboxSecret};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn at(host: &str) -> Origin {
    format!("https://{host}.example").parse().unwrap()
}

/// As many doors as one mailbox has days.
fn doors(host: &str) -> Vec<(Origin, MailboxDoor)> {
    let secret = MailboxSecret::generate(&mut ChaCha20Rng::from_seed([1; 32]));
    let door = |day| MailboxDoor { via: at(host).to_string(), key: secret.day_key(Day(day)), watch: false };
    (0..STATIONS_MAX as u32).map(|day| (at(host), door(day))).collect()
}

#[test]
fn many_days_of_one_mailbox_leave_room_for_the_coordinator_of_an_older_one() {
    let mut wanted = Wanted::default();
    wanted.doors.insert(GroupId([1; 32]), doors("new").into_iter().chain(doors("old")).collect());
    assert_eq!(wanted.origins(&BTreeSet::new()), BTreeSet::from([at("new"), at("old")]));
}

#[test]
fn where_an_inviter_is_sought_and_where_groups_meet_come_before_old_mailboxes() {
    let sought = Some((at("zz-sought"), Place::of_nameplate(1)));
    let mut wanted = Wanted { sought, ..Wanted::default() };
    let groups: BTreeSet<_> = (1..STATIONS_MAX).map(|number| at(&format!("group-{number}"))).collect();
    wanted.doors.insert(GroupId([1; 32]), doors("aa-old"));
    let used = wanted.origins(&groups);
    assert_eq!(used.len(), STATIONS_MAX);
    assert!(used.contains(&at("zz-sought")) && used.is_superset(&groups) && !used.contains(&at("aa-old")));
}
