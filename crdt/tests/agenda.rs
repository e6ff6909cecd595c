//! Polls and tasks: what people do while they do not hear each other comes together, and nobody speaks for another.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use std::collections::BTreeMap;

use group::{Device, GROUP, bent, rng, shuffled};
use halloo_crdt::content::{Body, VerifiedContent};
use halloo_crdt::document::{
    AgendaEdit, AgendaId, Applied, Document, DocumentError, Edit, MAX_OPTIONS, Matter, Poll, Refusal, Task,
};
use halloo_crdt::messages::Messages;
use halloo_crypto::id::{AccountId, DeviceId};
use proptest::prelude::*;
use rand_core::Rng;

/// A device of a person, with all that it knows.
struct Member {
    device: Device,
    account: AccountId,
    /// Whose device each author is.
    people: BTreeMap<DeviceId, AccountId>,
    messages: Messages,
    document: Document,
}

/// Two devices of the first person, one each of two others.
fn people() -> Vec<Member> {
    let devices: Vec<Device> = (1..5).map(Device::new).collect();
    let owner = |at: usize| AccountId::from_bytes(*devices[if at == 1 { 0 } else { at }].id().as_bytes());
    let people: BTreeMap<DeviceId, AccountId> =
        devices.iter().enumerate().map(|(at, device)| (device.id(), owner(at))).collect();
    let member = |device: Device| Member {
        account: people[&device.id()],
        people: people.clone(),
        messages: Messages::new(GROUP),
        document: Document::new(&device.id(), &device.incarnation),
        device,
    };
    devices.into_iter().map(member).collect()
}

impl Member {
    fn edit(&mut self, edit: AgendaEdit) -> VerifiedContent {
        let bytes = self.document.edit(&self.account, &[Edit::Agenda(edit)]).unwrap();
        let written = self.device.write_after(0, self.messages.frontier(), Body::Document(bytes));
        self.take(&written);
        written
    }

    fn take(&mut self, content: &VerifiedContent) {
        for id in self.messages.insert(content.clone()).unwrap().accepted {
            let content = self.messages.get(&id).unwrap();
            let account = self.people[&content.content().author];
            assert_ne!(self.document.apply(content, &account), Applied::NeedsRebuild);
        }
    }

    fn id(&self, n: u8) -> AgendaId {
        AgendaId::new(&self.account, [n; 8])
    }

    fn ask(&mut self, n: u8, options: &[&str]) -> VerifiedContent {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        self.edit(AgendaEdit::Ask { id: self.id(n), at_ms: u64::from(n), question: "where?".into(), options })
    }

    fn add(&mut self, n: u8) -> VerifiedContent {
        let title = format!("task {n}");
        self.edit(AgendaEdit::Add { id: self.id(n), at_ms: u64::from(n), title, assigned: None })
    }

    fn vote(&mut self, poll: AgendaId, option: &str) -> VerifiedContent {
        self.edit(AgendaEdit::Vote { poll, option: Some(option.to_owned()) })
    }
}

fn agenda(member: &Member) -> (Vec<Poll>, Vec<Task>) {
    (member.document.polls(), member.document.tasks())
}

/// Something that a person may do with what it knows.
fn random_edit(member: &Member, rng: &mut impl Rng, n: u8) -> AgendaEdit {
    let (polls, tasks) = agenda(member);
    let pick = rng.next_u32() as usize;
    let (poll, task) = (polls.get(pick % polls.len().max(1)), tasks.get(pick % tasks.len().max(1)));
    match (rng.next_u32() % 8, poll, task) {
        (0 | 1, Some(poll), _) => {
            AgendaEdit::Vote { poll: poll.id, option: Some(poll.options[pick % poll.options.len()].clone()) }
        }
        (2, Some(poll), _) if poll.by == member.account => AgendaEdit::Close(poll.id),
        (3, _, Some(task)) => AgendaEdit::Done(task.id, task.done.is_none()),
        (4, _, Some(task)) => AgendaEdit::Title(task.id, format!("title {n}")),
        (5, _, Some(task)) => AgendaEdit::Assign(task.id, Some(member.account)),
        (6, ..) => AgendaEdit::Ask {
            id: member.id(n),
            at_ms: u64::from(n),
            question: format!("question {n}"),
            options: vec!["yes".into(), "no".into()],
        },
        _ => AgendaEdit::Add { id: member.id(n), at_ms: 1, title: format!("task {n}"), assigned: None },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_people_do_apart_ends_the_same_everywhere_whatever_came_first(
        seed in any::<u64>(), order in any::<u64>(), count in 1..40_u8
    ) {
        let mut rng = rng(seed);
        let mut members = people();
        let mut all = Vec::new();
        for n in 0..count {
            let at = rng.next_u32() as usize % members.len();
            let edit = random_edit(&members[at], &mut rng, n);
            let account = members[at].account;
            let Ok(bytes) = members[at].document.edit(&account, &[Edit::Agenda(edit)]) else { continue };
            let frontier = members[at].messages.frontier();
            let written = members[at].device.write_after(0, frontier, Body::Document(bytes));
            members[at].take(&written);
            for (other, member) in members.iter_mut().enumerate() {
                if other != at && rng.next_u32().is_multiple_of(3) {
                    member.take(&written);
                }
            }
            all.push(written);
        }
        for (at, member) in members.iter_mut().enumerate() {
            shuffled(&all, order ^ at as u64).iter().for_each(|content| member.take(content));
        }
        for member in &members {
            prop_assert_eq!(agenda(member), agenda(&members[0]));
        }
        for poll in members[0].document.polls() {
            prop_assert!(poll.votes.len() <= 3, "three people, however many devices");
            prop_assert!(poll.votes.values().all(|choice| *choice < poll.options.len()));
        }
    }
}

#[test]
fn two_devices_of_one_person_that_vote_apart_are_one_vote_the_same_everywhere() {
    let mut members = people();
    let poll = members[2].id(1);
    let asked = members[2].ask(1, &["hut", "tent", "barn"]);
    members.iter_mut().for_each(|member| member.take(&asked));
    let phone = members[0].vote(poll, "hut");
    let laptop = members[1].vote(poll, "tent");
    let other = members[3].vote(poll, "tent");
    let mut seen = Vec::new();
    for (at, member) in members.iter_mut().enumerate() {
        shuffled(&[phone.clone(), laptop.clone(), other.clone()], at as u64)
            .iter()
            .for_each(|c| member.take(c));
        seen.push(member.document.poll(&poll).unwrap());
    }
    assert!(seen.iter().all(|poll| *poll == seen[0]));
    assert_eq!(seen[0].votes.len(), 2, "{:?}", seen[0].votes);
    assert_eq!(seen[0].votes[&members[3].account], 1);
    let again = members[0].vote(poll, "barn");
    members[1].take(&again);
    assert_eq!(
        members[1].document.poll(&poll).unwrap().votes[&members[0].account],
        2,
        "who knows both decides"
    );
    let back = members[1].edit(AgendaEdit::Vote { poll, option: None });
    members[0].take(&back);
    assert_eq!(members[0].document.poll(&poll).unwrap().votes.len(), 1);
}

#[test]
fn two_edits_of_one_task_made_apart_are_both_in_it() {
    let mut members = people();
    let made = members[0].add(1);
    members.iter_mut().for_each(|member| member.take(&made));
    let (task, eva) = (members[0].id(1), members[3].account);
    let titled = members[2].edit(AgendaEdit::Title(task, "bring the rope".into()));
    let assigned = members[3].edit(AgendaEdit::Assign(task, Some(eva)));
    let done = members[0].edit(AgendaEdit::Done(task, true));
    for (at, member) in members.iter_mut().enumerate() {
        let all = [titled.clone(), assigned.clone(), done.clone()];
        shuffled(&all, at as u64).iter().for_each(|content| member.take(content));
    }
    for member in &members {
        let seen = member.document.task(&task).unwrap();
        assert_eq!(
            (seen.title.as_str(), seen.assigned, seen.done),
            ("bring the rope", Some(eva), Some(members[0].account))
        );
        assert_eq!((seen.by, seen.dropped), (members[0].account, None));
    }
    let left = members[2].edit(AgendaEdit::Title(task, "bring two ropes".into()));
    let right = members[3].edit(AgendaEdit::Title(task, "bring no rope".into()));
    members[2].take(&right);
    members[3].take(&left);
    assert_eq!(members[2].document.task(&task), members[3].document.task(&task), "one title, the same one");
    let reopened = members[2].edit(AgendaEdit::Done(task, false));
    members[0].take(&left);
    members[0].take(&right);
    members[0].take(&reopened);
    assert_eq!(members[0].document.task(&task).unwrap().done, None, "anybody takes a word back");
}

/// One text under a key, as the first change of somebody.
fn written(key: &str, value: &str) -> Vec<u8> {
    let mut out = vec![1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, key.len() as u8];
    out.extend_from_slice(key.as_bytes());
    out.push(1);
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
    out.push(0);
    out
}

#[test]
fn nobody_votes_asks_closes_or_finishes_in_the_name_of_another() {
    let members = people();
    let (ana, eva) = (members[0].account, members[3].account);
    let (poll, own) = (members[0].id(1), members[3].id(1));
    let refused = [
        (format!("poll/{poll}/vote/{ana}"), "hut".to_owned()),
        (format!("poll/{poll}/question"), "forged?".to_owned()),
        (format!("poll/{poll}/option/1"), "turned".to_owned()),
        (format!("poll/{poll}/by"), eva.to_string()),
        (format!("task/{poll}/by"), ana.to_string()),
        (format!("task/{poll}/done"), ana.to_string()),
        (format!("task/{poll}/dropped"), ana.to_string()),
    ];
    let kept = [
        (format!("poll/{poll}/vote/{eva}"), "hut".to_owned()),
        (format!("poll/{own}/question"), "mine?".to_owned()),
        (format!("task/{poll}/done"), eva.to_string()),
        (format!("task/{poll}/for"), ana.to_string()),
        ("poll/1/2/3".to_owned(), "of a newer version".to_owned()),
    ];
    for (expected, cases) in
        [(Applied::Refused(Refusal::NotYours), &refused[..]), (Applied::Merged, &kept[..])]
    {
        for (key, value) in cases {
            let mut device = Device::new(4);
            let content = device.write_after(0, vec![], Body::Document(written(key, value)));
            let mut document = Document::new(&device.id(), &device.incarnation);
            assert_eq!(document.apply(&content, &eva), expected, "{key}");
            assert!(document.polls().is_empty() && document.tasks().is_empty(), "half of one is not shown");
        }
    }
}

#[test]
fn a_maker_that_changes_an_option_loses_its_votes_and_cannot_turn_them() {
    let mut members = people();
    let poll = members[2].id(1);
    let asked = members[2].ask(1, &["hut", "tent"]);
    members[3].take(&asked);
    let vote = members[3].vote(poll, "hut");
    members[2].take(&vote);
    assert_eq!(members[2].document.poll(&poll).unwrap().votes.len(), 1);
    let options: Vec<String> = vec!["tent".into(), "hut!".into()];
    let turned = AgendaEdit::Ask { id: poll, at_ms: 1, question: "where?".into(), options };
    members[2].edit(turned);
    let seen = members[2].document.poll(&poll).unwrap();
    assert_eq!((seen.options.len(), seen.votes.len()), (2, 0));
}

#[test]
fn what_is_not_of_the_shape_is_refused_where_it_is_made() {
    let mut members = people();
    let (id, theirs) = (members[0].id(1), members[2].id(1));
    let ask = |id, question: &str, options: &[&str]| AgendaEdit::Ask {
        id,
        at_ms: 1,
        question: question.into(),
        options: options.iter().map(|o| (*o).to_owned()).collect(),
    };
    let many: Vec<String> = (0..=MAX_OPTIONS).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(513);
    for (edit, what) in [
        (ask(id, " ", &["a", "b"]), "question"),
        (ask(id, &long, &["a", "b"]), "question"),
        (ask(id, "?", &["a"]), "options"),
        (ask(id, "?", &["a", "a"]), "options"),
        (ask(id, "?", &many), "options"),
        (ask(id, "?", &["a", ""]), "option"),
        (ask(theirs, "?", &["a", "b"]), "id"),
        (AgendaEdit::Close(theirs), "id"),
        (AgendaEdit::Title(id, String::new()), "title"),
        (AgendaEdit::Vote { poll: id, option: Some(long.clone()) }, "option"),
    ] {
        let account = members[0].account;
        assert_eq!(
            members[0].document.edit(&account, &[Edit::Agenda(edit)]),
            Err(DocumentError::Value(what))
        );
    }
}

#[test]
fn what_changed_is_told_once_also_when_all_is_made_again() {
    let mut members = people();
    let asked = members[0].ask(1, &["a", "b"]);
    let made = members[0].add(2);
    let (poll, task) = (Matter::Poll(members[0].id(1)), Matter::Task(members[0].id(2)));
    assert_eq!(members[0].document.take_touched().into_iter().collect::<Vec<_>>(), [poll, task]);
    assert!(members[0].document.take_touched().is_empty());
    let account = members[0].account;
    members[0].document.rebuild([(&asked, account), (&made, account)]);
    assert!(members[0].document.take_touched().is_empty(), "nothing became another");
    members[0].document.rebuild([(&asked, account)]);
    assert_eq!(
        members[0].document.take_touched().into_iter().collect::<Vec<_>>(),
        [task],
        "it counts no more"
    );
}

#[test]
fn bent_changes_of_polls_and_tasks_never_panic_nor_part_the_honest() {
    let mut rng = rng(9);
    let mut members = people();
    let (poll, task) = (members[0].id(1), members[0].id(2));
    let base = [members[0].ask(1, &["a", "b"]), members[0].add(2)];
    members[2..].iter_mut().for_each(|member| base.iter().for_each(|content| member.take(content)));
    let keys = ["by", "at", "question", "option/0", "option/9", "closed", "title", "for", "done", "x"];
    let liar = members[1].account;
    let mut lies = Vec::new();
    for round in 0..3_000_usize {
        let id = if round % 2 == 0 { poll } else { task };
        let kind = if round % 2 == 0 { "poll" } else { "task" };
        let plain = written(&format!("{kind}/{id}/{}", keys[round % keys.len()]), &liar.to_string());
        let bytes = if round % 3 == 0 { bent(&plain, &mut rng) } else { plain };
        let mut device = Device::new(1_000 + round as u64);
        lies.push(device.write_after(
            0,
            vec![],
            Body::Document(if bytes.is_empty() { vec![0] } else { bytes }),
        ));
    }
    for (member, order) in [(2, 1), (3, 2)] {
        for lie in shuffled(&lies, order) {
            members[member].document.apply(&lie, &liar);
        }
    }
    assert_eq!(agenda(&members[2]), agenda(&members[3]));
}
