//! The set of messages: any order of delivery gives the same timeline, and lies are shown, never obeyed.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use std::collections::BTreeSet;

use group::{Device, GROUP, chat, rng, shuffled};
use halloo_crdt::content::{Body, Content, MAX_DEPS, Mark, VerifiedContent};
use halloo_crdt::messages::{
    Authority, DeviceOnly, Equivocation, InsertError, Item, MAX_PENDING_PER_AUTHOR, MAX_PER_SLOT, Messages,
    Standing,
};
use halloo_crypto::id::{DeviceId, GroupId, MessageId};
use proptest::prelude::*;
use rand_core::Rng;

fn taken(contents: &[VerifiedContent]) -> Messages {
    let mut set = Messages::new(GROUP);
    for content in contents {
        set.insert(content.clone()).unwrap();
    }
    set
}

fn lines(set: &Messages) -> Vec<Item> {
    let page = set.page(&DeviceOnly, None, 500);
    assert_eq!(page.older, None);
    page.items
}

fn texts(set: &Messages) -> Vec<String> {
    lines(set).into_iter().map(|item| item.text).collect()
}

/// Everything that is to be the same at every member.
fn state(set: &Messages, all: &[VerifiedContent]) -> impl PartialEq + std::fmt::Debug + use<> {
    let standings: Vec<_> =
        all.iter().map(|c| (c.id(), set.standing(&c.id()), set.who_has(&c.id()))).collect();
    let documents: Vec<_> = set.documents().map(VerifiedContent::id).collect();
    let lies: Vec<_> = set.equivocations().collect();
    let frontier = set.frontier();
    let wanted: Vec<_> = set.wanted().collect();
    (lines(set), standings, documents, lies, frontier, wanted)
}

/// A lively group: chats that hear each other or not, edits, reactions, receipts, redactions, and maybe a liar.
fn history(seed: u64, count: usize, liar: bool) -> Vec<VerifiedContent> {
    let mut rng = rng(seed);
    let mut devices: Vec<Device> = (0..4).map(|n| Device::new(seed ^ (n + 1) << 40)).collect();
    let mut views: Vec<Messages> = devices.iter().map(|_| Messages::new(GROUP)).collect();
    let mut all: Vec<VerifiedContent> = Vec::new();
    for n in 0..count {
        let who = rng.next_u32() as usize % devices.len();
        let target = if all.is_empty() { None } else { Some(all[rng.next_u32() as usize % all.len()].id()) };
        let body = match (rng.next_u32() % 8, target) {
            (0, Some(target)) => Body::Edit { target, text: format!("edit {n}") },
            (1, Some(target)) => Body::Reaction { target, emoji: "👍".into(), on: n % 3 != 0 },
            (2, Some(target)) if n % 5 == 0 => Body::Redact { target },
            (3, _) => match views[who].receipt_due(&devices[who].id(), target) {
                Some(receipt) => receipt,
                None => chat(&format!("line {n}")),
            },
            (4, _) => Body::Document(vec![n as u8 + 1]),
            (5, _) if n % 7 == 0 => Body::Unknown { kind: 9, bytes: vec![n as u8] },
            _ => chat(&format!("line {n}")),
        };
        let frontier = views[who].frontier();
        let written = devices[who].write_after(u64::from(rng.next_u32() % 9_000), frontier, body);
        let mut new = vec![written];
        if liar && who == 0 && n % 6 == 5 {
            new.push(devices[0].contradict(&new[0], chat(&format!("line {n}, told otherwise"))));
        }
        for content in new {
            for (at, view) in views.iter_mut().enumerate() {
                if at == who || !rng.next_u32().is_multiple_of(3) {
                    view.insert(content.clone()).unwrap();
                }
            }
            all.push(content);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn any_order_of_delivery_gives_the_same_state(
        seed in any::<u64>(), order in any::<u64>(), count in 1..60_usize, liar in any::<bool>()
    ) {
        let all = history(seed, count, liar);
        let reference = taken(&all);
        let mixed = taken(&shuffled(&all, order));
        prop_assert_eq!(mixed.len(), all.len());
        prop_assert_eq!(state(&mixed, &all), state(&reference, &all));
        let loaded = Messages::load(GROUP, shuffled(&all, !order));
        prop_assert_eq!(state(&loaded, &all), state(&reference, &all));
    }

    #[test]
    fn a_line_never_stands_before_what_its_author_had_seen(seed in any::<u64>(), count in 1..60_usize) {
        let all = history(seed, count, true);
        let set = taken(&all);
        let order: Vec<MessageId> = set.in_causal_order(all.iter().map(VerifiedContent::id));
        prop_assert_eq!(order.len(), all.len());
        let place = |id: &MessageId| order.iter().position(|other| other == id).unwrap();
        for content in &all {
            for dep in &content.content().deps {
                prop_assert!(place(dep) < place(&content.id()));
            }
        }
    }

    #[test]
    fn what_is_compared_is_all_that_is_held_each_where_it_was_written(
        seed in any::<u64>(), order in any::<u64>(), cut in 0..40_usize
    ) {
        let set = taken(&shuffled(&history(seed, 40, true), order)[..cut]);
        let mut named: Vec<_> = set.sync_documents().to_vec();
        prop_assert_eq!(set.documents().filter(|c| !named.contains(&(c.content().hlc.wall_ms, c.id()))).count(), 0);
        for (heads, written) in set.sync_places() {
            for (_, id) in written {
                let content = set.get(id).unwrap().content();
                prop_assert_eq!(&content.heads, heads);
                prop_assert!(!matches!(content.body, Body::Document(_)));
            }
            named.extend_from_slice(written);
        }
        named.extend(set.sync_waiting().map(|c| (c.content().hlc.wall_ms, c.id())));
        named.sort_unstable();
        let mut held: Vec<_> = set.sync_items().collect();
        held.sort_unstable();
        prop_assert_eq!(named, held);
    }

    #[test]
    fn part_of_a_history_is_extended_by_the_rest(seed in any::<u64>(), order in any::<u64>(), cut in 0..40_usize) {
        let all = history(seed, 40, true);
        let reference = taken(&all);
        let mixed = shuffled(&all, order);
        let mut set = taken(&mixed[..cut]);
        // In the middle the state is whatever it is; reading it must not disturb what follows.
        let _ = state(&set, &all);
        for content in &mixed[cut..] {
            set.insert(content.clone()).unwrap();
        }
        prop_assert_eq!(state(&set, &all), state(&reference, &all));
    }
}

#[test]
fn a_content_is_taken_once_and_one_of_another_group_never() {
    let mut a = Device::new(1);
    let hello = a.say(0, &[], "hello");
    let mut set = taken(std::slice::from_ref(&hello));
    assert!(set.insert(hello.clone()).unwrap().accepted.is_empty());
    assert_eq!(set.len(), 1);
    let foreign = a.sign(&Content { group: GroupId::from_bytes([1; 32]), ..hello.content().clone() });
    assert_eq!(set.insert(foreign), Err(InsertError::OtherGroup));
}

#[test]
fn a_clock_that_lies_years_ahead_does_not_hide_the_answers_to_it() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let before = b.say(0, &[], "before");
    let future = a.say(315_360_000_000, &[&before], "from 2036");
    let answer = b.say(10, &[&future], "your clock is wrong");
    let after = b.say(20, &[&answer], "by ten years");
    let meanwhile = Device::new(3).say(15, &[&before], "meanwhile");
    let set = taken(&[after, answer, future, before, meanwhile]);
    assert_eq!(texts(&set), ["before", "meanwhile", "from 2036", "your clock is wrong", "by ten years"]);
}

/// Which lines are marked as written apart, in timeline order.
fn apart(contents: &[VerifiedContent], authority: &dyn Authority) -> Vec<bool> {
    let page = taken(contents).page(authority, None, 500);
    page.items.iter().map(|item| item.apart).collect()
}

#[test]
fn lines_of_two_sides_that_did_not_hear_each_other_are_marked_as_written_apart() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let start = a.say(0, &[], "start");
    let left = a.say(20_000, &[&start], "left");
    let right = b.say(40_000, &[&start], "right");
    let more = b.say(41_000, &[&right], "more on the right");
    let on = a.say(60_000, &[&left], "and on");
    let join = a.say(80_000, &[&on, &more], "join");
    let all = [start, left, right, more, on, join];
    for order in 0..10 {
        let marks = apart(&shuffled(&all, order), &DeviceOnly);
        assert_eq!(marks, [false, false, true, true, true, false]);
    }
}

#[test]
fn lines_that_merely_cross_are_not_marked() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let start = a.say(0, &[], "start");
    let left = a.say(20_000, &[&start], "left");
    let right = b.say(21_000, &[&start], "right");
    let join = a.say(50_000, &[&left, &right], "join");
    assert_eq!(apart(&[start, left, right, join], &DeviceOnly), [false; 4]);
}

#[test]
fn what_was_acknowledged_or_never_meant_for_somebody_is_not_held_against_its_line() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let start = a.say(0, &[], "start");
    let mark = Mark { author: a.id(), incarnation: a.incarnation, seq: 1 };
    let receipt = b.write(1_000, &[], Body::Receipt { delivered: vec![mark], read: vec![] });
    let cut = b.say(30_000, &[], "written after a newcomer, whose past this must not hold");
    assert_eq!(apart(&[start.clone(), receipt, cut.clone()], &DeviceOnly), [false, false]);
    let late = b.write(31_000, &[], Body::Receipt { delivered: vec![mark], read: vec![] });
    assert_eq!(apart(&[start.clone(), late, cut.clone()], &DeviceOnly), [false, true], "said afterwards");
    let mut house =
        House { family: BTreeSet::new(), moderator: a.id(), evicted: None, newcomer: Some(b.id()) };
    assert_eq!(apart(&[start.clone(), cut.clone()], &house), [false, false], "it came later");
    (house.newcomer, house.evicted) = (None, Some(a.id()));
    assert_eq!(apart(&[start, cut], &house), [false, false], "it does not count");
}

#[test]
fn edits_of_two_devices_that_did_not_hear_each_other_end_in_one_text_and_all_are_kept() {
    let (mut phone, mut laptop, mut other) = (Device::new(1), Device::new(2), Device::new(3));
    let line = phone.say(0, &[], "at nine");
    let target = line.id();
    let edit = |text: &str| Body::Edit { target, text: text.into() };
    let left = phone.write(5, &[&line], edit("at ten"));
    let right = laptop.write(6, &[&line], edit("at eleven"));
    let forged = other.write(7, &[&line], edit("never"));
    let back = other.write(8, &[&line], Body::Redact { target });
    let mut house = House {
        family: BTreeSet::from([phone.id(), laptop.id()]),
        moderator: DeviceId::from_bytes([0; 32]),
        evicted: None,
        newcomer: None,
    };
    let all = [line.clone(), left, right, forged, back];
    for order in 0..10 {
        let set = taken(&shuffled(&all, order));
        let versions = set.versions(&house, &target);
        let texts: Vec<&str> = versions.iter().map(|version| version.text.as_str()).collect();
        assert_eq!(texts, ["at nine", "at ten", "at eleven"]);
        assert_eq!(versions[2].by, laptop.id());
        assert_eq!(set.item(&house, &target).unwrap().text, "at eleven");
        assert_eq!(set.lines_from(MessageId::from_bytes([0; 32])).collect::<Vec<_>>(), [target]);
        assert_eq!(set.lines_from(target).count(), 1);
    }
    house.moderator = other.id();
    assert!(taken(&all).versions(&house, &target).is_empty(), "what was taken back is not told");
}

#[test]
fn a_person_takes_back_on_one_device_what_it_set_on_another() {
    let (mut phone, mut laptop, mut other) = (Device::new(1), Device::new(2), Device::new(3));
    let line = other.say(0, &[], "off we go");
    let target = line.id();
    let react = |on| Body::Reaction { target, emoji: "🎉".into(), on };
    let set = phone.write(1, &[&line], react(true));
    let theirs = other.write(2, &[&line], react(true));
    let back = laptop.write(3, &[&set], react(false));
    let house = House {
        family: BTreeSet::from([phone.id(), laptop.id()]),
        moderator: DeviceId::from_bytes([0; 32]),
        evicted: None,
        newcomer: None,
    };
    for order in 0..6 {
        let all = shuffled(&[line.clone(), set.clone(), theirs.clone(), back.clone()], order);
        let item = taken(&all).item(&house, &target).unwrap();
        assert_eq!(item.reactions["🎉"], BTreeSet::from([other.id()]));
    }
}

struct House {
    family: BTreeSet<DeviceId>,
    moderator: DeviceId,
    evicted: Option<DeviceId>,
    newcomer: Option<DeviceId>,
}

impl Authority for House {
    fn counts(&self, content: &Content) -> bool {
        self.evicted != Some(content.author)
    }
    fn owns(&self, actor: &DeviceId, author: &DeviceId) -> bool {
        actor == author || (self.family.contains(actor) && self.family.contains(author))
    }
    fn moderates(&self, content: &Content) -> bool {
        content.author == self.moderator
    }
    fn owed(&self, reader: &DeviceId, content: &Content) -> bool {
        self.counts(content) && self.newcomer != Some(*reader)
    }
}

#[test]
fn only_their_owner_edits_and_only_owner_or_moderator_hides() {
    let (mut phone, mut laptop, mut other) = (Device::new(1), Device::new(2), Device::new(3));
    let line = phone.say(0, &[], "helo");
    let target = line.id();
    let forged = other.write(1, &[&line], Body::Edit { target, text: "forged".into() });
    let fixed = laptop.write(2, &[&line], Body::Edit { target, text: "hello".into() });
    let mut house = House {
        family: BTreeSet::from([phone.id(), laptop.id()]),
        moderator: DeviceId::from_bytes([0; 32]),
        evicted: None,
        newcomer: None,
    };
    let mut set = taken(&[line.clone(), forged, fixed.clone()]);
    let item = set.item(&house, &target).unwrap();
    assert_eq!((item.text.as_str(), item.edited), ("hello", Some(fixed.content().hlc)));
    set.insert(other.write(3, &[&line], Body::Redact { target })).unwrap();
    assert_eq!(set.item(&house, &target).unwrap().redacted_by, None);
    house.moderator = other.id();
    let item = set.item(&house, &target).unwrap();
    assert_eq!((item.redacted_by, item.text.as_str()), (Some(other.id()), ""));
    house.evicted = Some(other.id());
    assert_eq!(set.item(&house, &target).unwrap().text, "hello", "what the evicted did counts no more");
    house.evicted = Some(phone.id());
    assert!(set.item(&house, &target).unwrap().void, "shown as void, not dropped");
}

#[test]
fn the_last_edit_and_the_last_word_on_a_reaction_win() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let line = a.say(0, &[], "1");
    let target = line.id();
    let react = |on| Body::Reaction { target, emoji: "🎉".into(), on };
    let second = a.write(9, &[&line], Body::Edit { target, text: "2".into() });
    let third = a.write(1, &[&second], Body::Edit { target, text: "3".into() });
    let on = b.write(1, &[&line], react(true));
    let off = b.write(2, &[&on], react(false));
    let mine = a.write(3, &[&line], react(true));
    let set = taken(&[third, off, mine, on, second, line]);
    let item = set.item(&DeviceOnly, &target).unwrap();
    assert_eq!(item.text, "3");
    assert_eq!(item.reactions.into_iter().collect::<Vec<_>>(), [("🎉".to_owned(), BTreeSet::from([a.id()]))]);
}

#[test]
fn what_lacks_its_past_waits_names_what_is_missing_and_is_released() {
    let mut a = Device::new(1);
    let one = a.say(0, &[], "one");
    let two = a.say(1, &[&one], "two");
    let three = a.say(2, &[&two], "three");
    let mut set = Messages::new(GROUP);
    let waiting = set.insert(three.clone()).unwrap();
    assert_eq!((waiting.accepted, waiting.missing), (vec![], vec![two.id()]));
    assert_eq!(set.insert(two.clone()).unwrap().missing, [one.id()]);
    assert_eq!((set.len(), set.pending(), set.wanted().collect::<Vec<_>>()), (0, 2, vec![one.id()]));
    assert!(set.get(&three.id()).is_some() && !set.contains(&three.id()) && lines(&set).is_empty());
    assert_eq!(set.sync_items().count(), 2, "what waits is held all the same");
    assert_eq!(set.insert(one.clone()).unwrap().accepted, [one.id(), two.id(), three.id()]);
    assert_eq!((set.pending(), set.wanted().count()), (0, 0));
}

#[test]
fn a_flood_that_depends_on_nothing_real_fills_its_own_share_only() {
    let (mut liar, mut honest) = (Device::new(1), Device::new(2));
    let nowhere = |n: u64| MessageId::from_bytes([n as u8; 32]);
    let mut set = Messages::new(GROUP);
    for n in 0..MAX_PENDING_PER_AUTHOR as u64 {
        set.insert(liar.write_after(n, vec![nowhere(n)], chat("x"))).unwrap();
    }
    assert_eq!(set.insert(liar.write_after(0, vec![nowhere(0)], chat("x"))), Err(InsertError::PendingFull));
    let first = honest.say(0, &[], "first");
    let second = honest.say(1, &[&first], "second");
    set.insert(second).unwrap();
    set.insert(first).unwrap();
    assert_eq!(texts(&set), ["first", "second"]);
    let mut big = Device::new(3);
    let huge = "x".repeat(16_000);
    let fitted = (0..100)
        .take_while(|n| set.insert(big.write_after(*n, vec![nowhere(0)], chat(&huge))).is_ok())
        .count();
    assert!((60..70).contains(&fitted), "a mebibyte each: {fitted}");
}

#[test]
fn of_two_contents_under_one_number_the_lower_hash_counts_at_every_member() {
    let (mut liar, mut b) = (Device::new(1), Device::new(2));
    let start = b.say(0, &[], "start");
    let x = liar.say(1, &[&start], "I am at the hut");
    let y = liar.contradict(&x, chat("I am at the lake"));
    let (winner, loser) = if x.id() < y.id() { (&x, &y) } else { (&y, &x) };
    let later = liar.say(2, &[winner], "more");
    let heard_winner = b.say(3, &[winner], "good");
    let heard_loser = b.say(4, &[loser], "really?");
    let after = b.say(5, &[&heard_loser], "then go on");
    let all = [
        start.clone(),
        x.clone(),
        y.clone(),
        later.clone(),
        heard_winner.clone(),
        heard_loser.clone(),
        after.clone(),
    ];
    for order in 0..20 {
        let set = taken(&shuffled(&all, order));
        let standing = |c: &VerifiedContent| set.standing(&c.id()).unwrap();
        assert_eq!(standing(&start), Standing::Sound);
        assert_eq!((standing(winner), standing(loser)), (Standing::Sound, Standing::Equivocated));
        assert_eq!(standing(&later), Standing::Equivocated, "the incarnation is frozen");
        assert_eq!(standing(&heard_winner), Standing::Sound);
        assert_eq!((standing(&heard_loser), standing(&after)), (Standing::Orphaned, Standing::Orphaned));
        assert_eq!(lines(&set).len(), all.len(), "shown, not dropped");
        let proof = Equivocation::between(&x, &y).unwrap();
        assert_eq!(set.equivocations().collect::<Vec<_>>(), [proof]);
        assert!(!set.frontier().contains(&after.id()), "nobody builds knowingly on an orphan");
        assert!(set.documents().count() == 0);
    }
    assert_eq!(Equivocation::between(&x, &x), None);
    assert_eq!(Equivocation::between(&x, &later), None);
}

#[test]
fn what_a_frozen_incarnation_edits_changes_nothing() {
    let mut liar = Device::new(1);
    let line = liar.say(0, &[], "true");
    let x = liar.say(1, &[&line], "a");
    let y = liar.contradict(&x, chat("b"));
    let edit = liar.write(2, &[&line], Body::Edit { target: line.id(), text: "false".into() });
    let set = taken(&[line.clone(), edit.clone(), x, y]);
    assert_eq!(set.item(&DeviceOnly, &line.id()).unwrap().text, "true");
    assert!(set.who_has(&edit.id()).delivered.is_empty());
    let other = Device::new(9);
    assert_eq!((set.incarnations(&liar.id()), set.incarnations(&other.id())), (1, 0));
}

#[test]
fn a_liar_that_signs_hundreds_under_one_number_is_kept_to_a_few() {
    let mut liar = Device::new(1);
    let first = liar.say(0, &[], "0");
    let mut set = taken(std::slice::from_ref(&first));
    let mut kept = vec![first.id()];
    for n in 1..MAX_PER_SLOT {
        let other = liar.contradict(&first, chat(&n.to_string()));
        kept.push(other.id());
        set.insert(other).unwrap();
    }
    for n in 0..200 {
        let another = liar.contradict(&first, chat(&format!("one more, {n}")));
        let (id, lowest) = (another.id(), *kept.iter().min().unwrap());
        if id < lowest {
            set.insert(another).expect("the number is its own from now on");
            kept.push(id);
        } else {
            assert_eq!(set.insert(another), Err(InsertError::SlotFull));
        }
    }
    assert!(kept.len() < MAX_PER_SLOT + 20, "the lowest of many changes ever more rarely");
    assert_eq!(set.len(), kept.len());
    assert_eq!(set.equivocations().count(), 1);
}

#[test]
fn which_of_hundreds_under_one_number_counts_does_not_depend_on_which_came_first() {
    let mut liar = Device::new(1);
    let first = liar.say(0, &[], "0");
    let mut all: Vec<VerifiedContent> =
        (1..100).map(|n| liar.contradict(&first, chat(&n.to_string()))).collect();
    all.push(first);
    let lowest = all.iter().map(VerifiedContent::id).min().unwrap();
    let counts = |order: &[VerifiedContent]| {
        let mut set = Messages::new(order[0].content().group);
        for content in order {
            let _full = set.insert(content.clone());
        }
        let standings: Vec<_> = all.iter().filter_map(|c| Some((c.id(), set.standing(&c.id())?))).collect();
        standings.into_iter().filter(|(_, standing)| *standing != Standing::Equivocated).collect::<Vec<_>>()
    };
    let one = counts(&all);
    let backwards: Vec<VerifiedContent> = all.iter().rev().cloned().collect();
    assert_eq!(one.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [lowest]);
    assert_eq!(counts(&backwards), one);
}

#[test]
fn receipts_say_who_has_what_and_never_answer_each_other() {
    let (mut a, mut b, c) = (Device::new(1), Device::new(2), Device::new(3));
    let one = a.say(0, &[], "one");
    let two = a.say(1, &[&one], "two");
    let mut at_b = taken(&[one.clone(), two.clone()]);
    assert_eq!(at_b.unread(&BTreeSet::from([b.id()])), 2);
    assert_eq!(at_b.unread(&BTreeSet::from([a.id()])), 0, "one's own lines are read");
    let due = at_b.receipt_due(&b.id(), Some(one.id())).unwrap();
    let mark = |seq| Mark { author: a.id(), incarnation: a.incarnation, seq };
    assert_eq!(due, Body::Receipt { delivered: vec![mark(2)], read: vec![mark(1)] });
    let receipt = b.write(2, &[&two], due);
    at_b.insert(receipt.clone()).unwrap();
    assert_eq!(at_b.receipt_due(&b.id(), Some(one.id())), None, "said once");
    assert_eq!(at_b.unread(&BTreeSet::from([b.id()])), 1);
    let mut at_a = taken(&[one.clone(), two.clone(), receipt]);
    assert_eq!(at_a.receipt_due(&a.id(), None), None, "a receipt is not worth a receipt");
    let holders = at_a.who_has(&two.id());
    assert_eq!(holders.delivered, BTreeSet::from([a.id(), b.id()]));
    assert_eq!(holders.read, BTreeSet::from([a.id()]));
    assert!(
        at_a.who_has(&one.id()).read.contains(&b.id())
            && !at_a.who_has(&one.id()).delivered.contains(&c.id())
    );
    let lower = b.write(3, &[], Body::Receipt { delivered: vec![mark(1)], read: vec![] });
    at_a.insert(lower).unwrap();
    assert!(at_a.who_has(&two.id()).delivered.contains(&b.id()), "marks only rise");
}

#[test]
fn a_gap_in_a_stream_holds_its_receipt_back() {
    let (mut a, b) = (Device::new(1), Device::new(2));
    let (one, two, three) = (a.say(0, &[], "1"), a.say(1, &[], "2"), a.say(2, &[], "3"));
    let mut set = taken(&[one, three]);
    assert_eq!(set.whole(a.id(), a.incarnation), 1);
    let Some(Body::Receipt { delivered, .. }) = set.receipt_due(&b.id(), None) else {
        panic!("one has come")
    };
    assert_eq!(delivered[0].seq, 1);
    set.insert(two).unwrap();
    assert_eq!(set.whole(a.id(), a.incarnation), 3);
}

#[test]
fn pages_cover_the_timeline_once_from_the_end() {
    let mut a = Device::new(1);
    let mut set = Messages::new(GROUP);
    let mut last: Vec<VerifiedContent> = Vec::new();
    for n in 0..103_u64 {
        let line = a.say(n, &last.iter().collect::<Vec<_>>(), &n.to_string());
        set.insert(line.clone()).unwrap();
        last = vec![line];
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = set.page(&DeviceOnly, before, 10);
        assert!(page.items.len() <= 10);
        seen.splice(0..0, page.items.into_iter().map(|item| item.text));
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..103).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(set.item(&DeviceOnly, &MessageId::from_bytes([0; 32])), None);
}

#[test]
fn a_frontier_wider_than_its_limit_names_the_newest() {
    let all: Vec<VerifiedContent> = (0..40).map(|n| Device::new(n).say(n, &[], &n.to_string())).collect();
    let set = taken(&all);
    let newest: Vec<MessageId> = all.iter().rev().take(MAX_DEPS).map(VerifiedContent::id).collect();
    assert_eq!(set.frontier(), newest);
}

#[test]
fn a_third_and_lower_content_under_one_number_takes_over_from_the_second() {
    let mut liar = Device::new(1);
    let first = liar.say(0, &[], "0");
    let mut all: Vec<VerifiedContent> =
        (1..5).map(|n| liar.contradict(&first, chat(&n.to_string()))).chain([first.clone()]).collect();
    all.sort_by_key(|c| std::cmp::Reverse(c.id()));
    let mut set = Messages::new(GROUP);
    for (n, content) in all.iter().enumerate() {
        let lie = set.insert(content.clone()).unwrap().equivocation;
        assert_eq!(lie.is_some(), n > 0, "each lower hash is news");
        assert_eq!(set.standing(&content.id()), Some(Standing::Sound));
        let fallen = all[..n].iter().all(|c| set.standing(&c.id()) == Some(Standing::Equivocated));
        assert!(fallen, "the others fall");
    }
    assert_eq!(set.equivocations().next().unwrap().ids, [all[4].id(), all[3].id()]);
}

#[test]
fn a_lie_at_a_lower_number_freezes_from_there() {
    let mut liar = Device::new(1);
    let (one, two, three) = (liar.say(0, &[], "1"), liar.say(1, &[], "2"), liar.say(2, &[], "3"));
    let mut set = taken(&[one.clone(), two.clone(), three.clone()]);
    set.insert(liar.contradict(&three, chat("3, again"))).unwrap();
    assert_eq!(set.standing(&two.id()), Some(Standing::Sound));
    let lie = set.insert(liar.contradict(&one, chat("1, again"))).unwrap().equivocation.unwrap();
    assert_eq!((lie.seq, lie.author, lie.incarnation), (1, liar.id(), liar.incarnation));
    for content in [&two, &three] {
        assert_eq!(set.standing(&content.id()), Some(Standing::Equivocated));
    }
    assert_eq!(set.equivocations().count(), 1, "one proof for each incarnation");
}

#[test]
fn another_incarnation_of_a_liar_is_not_frozen_with_the_first() {
    let mut liar = Device::new(1);
    let first = liar.say(0, &[], "x");
    let mut set = taken(&[first.clone(), liar.contradict(&first, chat("y"))]);
    let next = halloo_crypto::id::Incarnation::generate(&mut liar.rng);
    let content = Content { incarnation: next, ..first.content().clone() };
    let fresh = liar.sign(&content);
    set.insert(fresh.clone()).unwrap();
    assert_eq!(set.standing(&fresh.id()), Some(Standing::Sound));
    assert_eq!(set.incarnations(&liar.id()), 2, "which is why the caller caps them per day");
}

#[test]
fn a_kind_of_the_future_is_a_line_that_can_be_hidden_but_not_edited() {
    let mut a = Device::new(1);
    let note = a.write(0, &[], Body::Unknown { kind: 6, bytes: vec![1; 90] });
    let target = note.id();
    let edit = a.write(1, &[&note], Body::Edit { target, text: "words".into() });
    let mut set = taken(&[note, edit]);
    let item = set.item(&DeviceOnly, &target).unwrap();
    assert_eq!((item.unknown_kind, item.text.as_str(), item.edited), (Some(6), "", None));
    set.insert(a.write(2, &[], Body::Redact { target })).unwrap();
    assert_eq!(set.item(&DeviceOnly, &target).unwrap().redacted_by, Some(a.id()));
}

#[test]
fn a_line_shows_a_bounded_number_of_emoji() {
    let mut a = Device::new(1);
    let line = a.say(0, &[], "vote");
    let mut set = taken(std::slice::from_ref(&line));
    for n in 0..50 {
        let body = Body::Reaction { target: line.id(), emoji: format!("{n:02}"), on: true };
        set.insert(a.write(1 + n, &[&line], body)).unwrap();
    }
    let item = set.item(&DeviceOnly, &line.id()).unwrap();
    assert_eq!((item.reactions.len(), item.reactions.contains_key("00")), (32, true));
}

#[test]
fn a_receipt_for_many_streams_is_given_in_parts_until_nothing_is_owed() {
    let me = Device::new(500);
    let all: Vec<VerifiedContent> = (0..230).map(|n| Device::new(n).say(n, &[], "hi")).collect();
    let mut set = taken(&all);
    let mut reader = Device::new(500);
    let newest = set.page(&DeviceOnly, None, 1).items[0].id;
    let mut parts = 0;
    while let Some(due) = set.receipt_due(&me.id(), Some(newest)) {
        set.insert(reader.write_after(9_000 + parts, vec![], due)).unwrap();
        parts += 1;
        assert!(parts < 5, "it ends");
    }
    assert_eq!((parts, set.unread(&BTreeSet::from([me.id()]))), (2, 0));
}

#[test]
fn what_waits_comes_last_in_a_causal_order_and_strangers_not_at_all() {
    let mut a = Device::new(1);
    let (one, two) = (a.say(0, &[], "1"), a.say(1, &[], "2"));
    let waiting = a.write_after(2, vec![MessageId::from_bytes([9; 32])], chat("3"));
    let set = taken(&[two.clone(), one.clone(), waiting.clone()]);
    let asked = [waiting.id(), MessageId::from_bytes([1; 32]), two.id(), one.id(), one.id()];
    assert_eq!(set.in_causal_order(asked), [one.id(), two.id(), waiting.id()]);
}
