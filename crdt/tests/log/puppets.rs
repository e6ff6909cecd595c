//! Who is made to go and brings in, backdated, as many people as he likes, to vote for him.

use halloo_crdt::log::{Fact, Log, Role, Row};
use halloo_crypto::id::OpId;

use crate::kit::{Person, act, act_at, group, people};
use crate::reference::{Reference, of_product};

/// An owner, an admin who will be made to go, three members, and the admin's friends outside.
const GROUP: usize = 5;
const FRIENDS: usize = 8;

struct Story {
    people: Vec<Person>,
    log: Log,
    /// The admin's own Add: what he backdates to.
    early: OpId,
    eviction: OpId,
}

fn evicted() -> Story {
    let people = people((GROUP + FRIENDS) as u64);
    let mut log = group(&people[..GROUP], &[Role::Admin, Role::Member, Role::Member, Role::Member]);
    let early = log.ops()[1].id();
    let eviction = act(&mut log, people[0].device(), people[1].remove()).id();
    Story { people, log, early, eviction }
}

impl Story {
    fn voice(&mut self, who: usize, remove: OpId, seen: &[OpId]) {
        let device = self.people[who].device().clone();
        let row = Row::sign(self.log.group(), Fact::Remove(remove), seen.to_vec(), vec![], &device);
        self.log.acknowledge(row).expect("a device that was let in");
    }

    /// The evicted adds his friends as of long ago; one of them removes another, and the rest acknowledge that.
    fn backdate(&mut self) {
        let admin = self.people[1].device().clone();
        let mut added = Vec::new();
        for friend in GROUP..GROUP + FRIENDS {
            let role = if friend == GROUP { Role::Moderator } else { Role::Member };
            let kind = self.people[friend].add(role);
            added.push(act_at(&mut self.log, &admin, &[self.early], kind).id());
        }
        let puppet = self.people[GROUP].device().clone();
        let kind = self.people[GROUP + 1].remove();
        let remove = act_at(&mut self.log, &puppet, &added, kind).id();
        for friend in GROUP + 2..GROUP + FRIENDS {
            self.voice(friend, remove, &[remove]);
        }
        self.voice(1, remove, &[remove]);
    }

    fn check(&self, what: &str) {
        let expected = of_product(&self.log);
        assert_eq!(
            Reference::new(&self.log.ops(), self.log.board()).verdict(),
            expected,
            "{what}: the text says the same"
        );
        assert!(self.log.void(&self.eviction).is_none(), "{what}: INV-5, the eviction stands");
        let roster = self.log.view();
        for (at, person) in self.people.iter().enumerate() {
            assert_eq!(roster.is_member(&person.id()), at < GROUP && at != 1, "{what}: {at}");
        }
    }
}

#[test]
fn inv_5_friends_whom_the_evicted_backdates_into_the_group_do_not_bring_him_back() {
    let mut story = evicted();
    let eviction = story.eviction;
    (2..GROUP).for_each(|who| story.voice(who, eviction, &[eviction]));
    story.check("before");
    story.backdate();
    story.check("after");
}

#[test]
fn inv_1_acknowledgements_by_friends_of_the_evicted_say_the_same_before_and_after_a_look() {
    let mut story = evicted();
    story.backdate();
    let mut looked = Log::new(story.log.group());
    for op in story.log.ops() {
        looked.insert(op.clone()).expect("what one accepted, all accept");
        let _ = looked.view();
    }
    for row in story.log.board().rows() {
        looked.acknowledge(row.clone()).expect("what one accepted, all accept");
        let _ = looked.view();
    }
    assert_eq!(looked.view(), story.log.view());
}
