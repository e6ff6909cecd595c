//! What is said to coordinators of how this device is woken: once, again after a week, for the days that are left, and taken back.

use super::*;
use crate::door::WakeToken;
use halloo_crypto::mailbox::{Day, MailboxSecret};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;

fn via() -> Origin {
    "https://halloo.example".parse().unwrap()
}

fn ask(token: &str) -> WakeAsk {
    WakeAsk { by: WakeToken::Fcm { token: token.into() }, gateway: None }
}

fn ahead(now_ms: u64) -> Vec<(Origin, DayKey, u8)> {
    let secret = MailboxSecret::generate(&mut ChaCha20Rng::seed_from_u64(4));
    let today = Day::of_ms(now_ms);
    (0..3_u8).map(|later| (via(), secret.day_key(today.after(later.into())), later + 1)).collect()
}

/// A disk.
#[derive(Default)]
struct Disk(BTreeMap<Vec<u8>, Vec<u8>>);

impl Disk {
    fn keep(&mut self, (key, value): Note) {
        match value {
            Some(value) => self.0.insert(key, value),
            None => self.0.remove(&key),
        };
    }

    /// Everything that is wished is done.
    fn grant_all(&mut self, waking: &mut Waking, now_ms: u64) -> usize {
        let wishes = waking.wishes.get(&via()).cloned().unwrap_or_default();
        for wish in &wishes {
            self.keep(waking.granted(&via(), wish, now_ms));
        }
        assert!(waking.wishes.values().all(Vec::is_empty), "nothing is left to do");
        wishes.len()
    }

    fn plan(&mut self, waking: &mut Waking, now_ms: u64) {
        waking.plan(now_ms, &ahead(now_ms)).into_iter().for_each(|note| self.keep(note));
    }
}

#[test]
fn it_is_said_once_for_each_address_and_after_a_restart_nothing_is_said_again() {
    let (mut waking, mut disk) = (Waking::default(), Disk::default());
    disk.plan(&mut waking, NOW_MS);
    assert!(waking.wishes.is_empty() && waking.is_idle(), "nobody asked to be woken");
    disk.keep(waking.set(Some(Set::new(ask("one")).unwrap())));
    disk.plan(&mut waking, NOW_MS);
    let days: Vec<_> = waking.wishes[&via()].iter().map(|wish| wish.wake.as_ref().unwrap().1).collect();
    assert_eq!(days, [1, 2, 3], "each until its own day is over");
    assert_eq!(disk.grant_all(&mut waking, NOW_MS), 3);

    let mut again = Waking::load(&disk.0);
    assert!(again.stale && again.view()["kind"] == "fcm" && again.view()["left"] == 3);
    disk.plan(&mut again, NOW_MS + 1);
    assert!(again.wishes.is_empty(), "a phone that was woken says nothing again");
    disk.plan(&mut again, NOW_MS + DAY_MS);
    assert_eq!(again.wishes[&via()].len(), 1, "a day later one day more");
    assert_eq!(disk.grant_all(&mut again, NOW_MS + DAY_MS), 1);
    assert_eq!(disk.0.len(), 1 + 3, "of the day that is over nothing is kept");
    disk.plan(&mut again, NOW_MS + DAY_MS + RENEW_MS);
    assert_eq!(again.wishes[&via()].len(), 3, "after a week everything is said again");
}

#[test]
fn another_word_of_the_app_takes_the_place_of_the_first_also_of_what_is_under_way() {
    let (mut waking, mut disk) = (Waking::default(), Disk::default());
    disk.keep(waking.set(Some(Set::new(ask("one")).unwrap())));
    disk.plan(&mut waking, NOW_MS);
    let under_way = waking.wishes[&via()][0].clone();
    disk.keep(waking.set(Some(Set::new(ask("two")).unwrap())));
    disk.plan(&mut waking, NOW_MS);
    disk.keep(waking.granted(&via(), &under_way, NOW_MS));
    assert_eq!(waking.wishes[&via()].len(), 3, "what was granted is not what is wished now");
    disk.plan(&mut waking, NOW_MS);
    assert_eq!(disk.grant_all(&mut waking, NOW_MS), 3);
    disk.plan(&mut waking, NOW_MS);
    assert!(waking.wishes.is_empty());
}

#[test]
fn what_was_said_is_taken_back_where_it_was_said_and_then_no_trace_is_left() {
    let (mut waking, mut disk) = (Waking::default(), Disk::default());
    disk.keep(waking.set(Some(Set::new(ask("one")).unwrap())));
    disk.plan(&mut waking, NOW_MS);
    let first = waking.wishes[&via()][0].clone();
    disk.keep(waking.granted(&via(), &first, NOW_MS));
    disk.keep(waking.set(None));
    let mut waking = Waking::load(&disk.0);
    assert!(!waking.is_idle(), "something lies there still");
    disk.plan(&mut waking, NOW_MS);
    assert_eq!(waking.wishes[&via()].len(), 1);
    assert!(waking.wishes[&via()][0].wake.is_none());
    assert_eq!(disk.grant_all(&mut waking, NOW_MS), 1);
    assert!(waking.is_idle() && disk.0.is_empty());
}

#[test]
fn what_comes_of_an_earlier_word_after_the_same_was_said_again_is_put_right() {
    for again in [true, false] {
        let (mut waking, mut disk) = (Waking::default(), Disk::default());
        let said = |on: bool| on.then(|| Set::new(ask("one")).unwrap());
        disk.keep(waking.set(said(true)));
        disk.plan(&mut waking, NOW_MS);
        if again {
            disk.grant_all(&mut waking, NOW_MS);
            disk.keep(waking.set(said(false)));
            disk.plan(&mut waking, NOW_MS);
        }
        let under_way = waking.wishes[&via()][0].clone();
        disk.keep(waking.set(said(again)));
        disk.plan(&mut waking, NOW_MS);
        waking.stale = false;
        disk.keep(waking.granted(&via(), &under_way, NOW_MS));
        assert!(waking.stale, "what lies there is not what the plan went by");
        disk.plan(&mut waking, NOW_MS);
        assert_eq!(disk.grant_all(&mut waking, NOW_MS), 1);
        assert_eq!(waking.left.len(), if again { 3 } else { 0 });
    }
}

#[test]
fn what_was_said_under_a_clock_that_was_ahead_is_said_again_under_the_right_one() {
    let (mut waking, mut disk) = (Waking::default(), Disk::default());
    disk.keep(waking.set(Some(Set::new(ask("one")).unwrap())));
    disk.plan(&mut waking, NOW_MS + 1);
    disk.grant_all(&mut waking, NOW_MS + 1);
    disk.plan(&mut waking, NOW_MS);
    assert_eq!(waking.wishes[&via()].len(), 3);
}

#[test]
fn rows_that_do_not_read_count_as_not_there() {
    let rows =
        [(vec![ROWS], b"{}".to_vec()), (vec![ROWS, 1], b"{}".to_vec()), (vec![ROWS; 33], b"[]".to_vec())];
    assert!(Waking::load(&rows.into_iter().collect()).is_idle());
}
