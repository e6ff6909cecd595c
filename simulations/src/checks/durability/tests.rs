//! Every broken promise is found, and news of others break none.

use super::*;
use crate::checks::tests::{account, line, message};

/// A member that remembers what it is told to.
#[derive(Clone)]
struct Fake {
    messages: BTreeMap<MessageId, bool>,
    roles: BTreeMap<AccountId, Role>,
    name: &'static str,
    member: bool,
}

impl Memory for Fake {
    fn message(&self, id: &MessageId) -> Option<bool> {
        self.messages.get(id).copied()
    }

    fn role(&self, account: &AccountId) -> Option<Role> {
        self.roles.get(account).copied()
    }

    fn group_name(&self) -> String {
        self.name.to_owned()
    }

    fn is_member(&self) -> bool {
        self.member
    }
}

fn promised() -> Promises {
    let mut promises = Promises::default();
    let say = Command::Say { text: "text".into(), reply_to: None };
    promises.keep(say, &Reply::Message(message(1)));
    promises.keep(Command::Delete { message: message(3) }, &Reply::Done);
    promises.keep(Command::Rename("riders".into()), &Reply::Done);
    promises.keep(Command::SetRole { account: account(1), role: Role::Admin }, &Reply::Done);
    promises.keep(Command::Remove(account(2)), &Reply::Done);
    assert_eq!(promises.hear(&Event::Message(line(2, 1))), None);
    promises
}

fn kept() -> Fake {
    Fake {
        messages: [(message(1), false), (message(2), false), (message(3), true)].into(),
        roles: [(account(0), Role::Owner), (account(1), Role::Admin)].into(),
        name: "riders",
        member: true,
    }
}

#[test]
fn a_member_that_kept_everything_broke_no_promise() {
    assert!(promised().broken_by(&kept()).is_empty());
}

#[test]
fn every_lost_promise_is_found() {
    let mutants: [fn(&mut Fake); 6] = [
        |fake| {
            let _ = fake.messages.remove(&message(1));
        },
        |fake| {
            let _ = fake.messages.remove(&message(2));
        },
        |fake| {
            let _ = fake.messages.insert(message(3), false);
        },
        |fake| fake.name = "group 0",
        |fake| {
            let _ = fake.roles.insert(account(2), Role::Member);
        },
        |fake| {
            let _ = fake.roles.insert(account(1), Role::Member);
        },
    ];
    for (number, mutate) in mutants.iter().enumerate() {
        let mut fake = kept();
        mutate(&mut fake);
        assert_eq!(promised().broken_by(&fake).len(), 1, "mutant {number}");
    }
    let mut gone = promised();
    gone.keep(Command::Leave, &Reply::Done);
    assert_eq!(gone.broken_by(&kept()), ["its leaving is undone"]);
}

#[test]
fn news_of_others_take_the_place_of_a_promise() {
    let mut promises = promised();
    promises.hear(&Event::Renamed { name: "walkers".into() });
    promises.hear(&Event::RoleChanged { account: account(1), role: Role::Member });
    promises.hear(&Event::MemberJoined { account: account(2), name: "c".into() });
    let roles = [(account(1), Role::Member), (account(2), Role::Member)].into();
    assert!(promises.broken_by(&Fake { name: "walkers", roles, ..kept() }).is_empty());
}

#[test]
fn the_own_news_do_not_undo_the_own_promise() {
    let mut promises = promised();
    promises.hear(&Event::Renamed { name: "riders".into() });
    assert_eq!(promises.broken_by(&Fake { name: "group 0", ..kept() }).len(), 1);
}

#[test]
fn a_message_is_shown_as_new_once() {
    let mut promises = promised();
    assert_eq!(promises.hear(&Event::Message(line(4, 1))), None);
    assert_eq!(promises.hear(&Event::Edited(line(4, 1))), None);
    assert_eq!(promises.hear(&Event::Message(line(4, 1))), Some(message(4)));
}
