//! Own mailboxes: drawn, told, replaced, and looked into while anything may lie there.

use super::*;
use crate::input::Command;
use crate::rig::Rig;
use core::time::Duration;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const VIA: &str = "https://halloo.example";

fn own(closed: u32, retired: Option<u32>) -> Own {
    let secret = MailboxSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let (closed, retired) = (Day(closed), retired.map(Day));
    let heads = vec![OpId::from_bytes([3; 32]), OpId::from_bytes([4; 32])];
    let told = Own::told(&secret, VIA);
    Own { number: 7, secret, told, via: VIA.into(), heads, retired, closed, empty: BTreeSet::new() }
}

fn with_coordinator(n: u8, seed: u64) -> Rig {
    let mut rig = Rig::group(n, seed);
    rig.command(0, Command::SetVia(Some(VIA.into()))).expect("an owner says so");
    rig.pass(Duration::from_secs(30));
    rig
}

fn told(rig: &mut Rig, by: usize, of: usize) -> Option<Told> {
    let (account, device) = (rig.members[of].identity.account(), rig.members[of].identity.device.id());
    rig.engine(by).state.document.mailbox(&account, &device)
}

#[test]
fn a_mailbox_is_read_as_it_was_stored_and_damage_is_noticed() {
    for mailbox in [own(20_000, None), own(20_000, Some(20_003))] {
        let bytes = mailbox.to_bytes();
        let read = Own::from_bytes(7, &bytes).expect("as written");
        assert!(read.secret == mailbox.secret && read.via == VIA && read.heads == mailbox.heads);
        assert_eq!((read.closed, read.retired, read.number), (mailbox.closed, mailbox.retired, 7));
        for cut in 0..bytes.len() - VIA.len() {
            assert!(Own::from_bytes(7, &bytes[..cut]).is_err(), "{cut}");
        }
    }
}

#[test]
fn days_that_may_hold_something_end_tomorrow_and_begin_where_nothing_is_kept_any_more() {
    assert_eq!(own(19_998, None).days(Day(20_000)), 19_999..=20_001);
    assert_eq!(own(19_990, None).days(Day(20_000)), 19_991..=20_001);
    assert_eq!(own(100, None).days(Day(20_000)), 20_000 - KEPT_DAYS..=20_001);
}

#[test]
fn a_mailbox_drawn_under_a_clock_that_was_ahead_is_looked_into_once_the_clock_is_right() {
    const MONTH_MS: u64 = 30 * 86_400_000;
    let mut rig = Rig::group(2, 185);
    rig.now.wall_ms += MONTH_MS;
    rig.command(0, Command::SetVia(Some(VIA.into()))).expect("an owner says so");
    rig.pass(Duration::from_secs(30));
    rig.now.wall_ms -= MONTH_MS;
    rig.command(0, Command::Rename("Sunday".into())).expect("an owner may");
    let today = Day::of_ms(rig.now.wall_ms);
    let days: BTreeSet<Day> = rig.engine(0).mail.mailboxes.doors.iter().map(|door| door.day).collect();
    assert_eq!(days, BTreeSet::from([today.before(1), today, today.after(1)]));
}

#[test]
fn a_group_without_a_coordinator_has_no_mailbox_no_timer_and_no_row() {
    let mut rig = Rig::group(3, 180);
    rig.say(0, "hello");
    rig.pass(Duration::from_secs(60));
    for who in 0..3 {
        let state = &rig.engine(who).state;
        for timer in [Timer::Mailbox, Timer::Post, Timer::Meet] {
            assert_eq!(state.timers.due(timer), None);
        }
        let wakes = rig.engine(who).status().wakes;
        assert!(wakes.iter().all(|(name, n)| !["mailbox", "post", "meet"].contains(name) || *n == 0));
        let rows = |table| rig.members[who].disk.table(table).count();
        assert_eq!((rows(Table::Mailbox), rows(Table::Post)), (0, 0));
    }
}

#[test]
fn each_device_tells_a_mailbox_of_its_own_and_another_after_a_removal() {
    let mut rig = with_coordinator(3, 181);
    let first: Vec<_> = (0..3).map(|of| told(&mut rig, 0, of).expect("told")).collect();
    assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(40));
    for (of, before) in first.into_iter().enumerate().take(2) {
        let second = told(&mut rig, 1 - of, of).expect("told");
        assert_ne!(second, before);
        assert_eq!(told(&mut rig, of, of), Some(second));
    }
    assert_eq!(rig.engine(0).mail.mailboxes.own.len(), 2);
    assert!(rig.engine(2).mail.mailboxes.own.is_empty(), "who is out keeps no key");
    assert_eq!(rig.members[2].disk.table(Table::Mailbox).count(), 0);
}

#[test]
fn another_coordinator_is_another_mailbox_and_none_is_none() {
    let mut rig = with_coordinator(2, 182);
    let first = told(&mut rig, 0, 1).expect("told");
    rig.command(0, Command::SetVia(Some("https://other.example".into()))).expect("an owner says so");
    rig.pass(Duration::from_secs(30));
    let second = told(&mut rig, 0, 1).expect("told");
    assert!(second.via == "https://other.example" && second.record != first.record);
    rig.command(0, Command::SetVia(None)).expect("taken back");
    rig.pass(Duration::from_secs(30));
    assert_eq!(told(&mut rig, 0, 1), None);
    let boxes = &rig.engine(1).mail.mailboxes;
    assert!(boxes.own.len() == 2 && boxes.own.iter().all(|own| own.retired.is_some()));
}

#[test]
fn of_many_mailboxes_the_newest_are_kept() {
    let mut rig = with_coordinator(1, 183);
    for n in 0..2 * MAX_MAILBOXES {
        rig.command(0, Command::SetVia(Some(format!("https://c{n}.example")))).expect("an owner says so");
        rig.pass(Duration::from_secs(10));
    }
    assert_eq!(rig.engine(0).mail.mailboxes.own.len(), MAX_MAILBOXES);
    assert_eq!(rig.members[0].disk.table(Table::Mailbox).count(), MAX_MAILBOXES);
}
