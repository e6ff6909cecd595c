//! Random histories: people act, lie and meet in any order; every replica and the reference come to the same picture.

use std::collections::BTreeMap;

use halloo_crdt::log::{Fact, Inserted, Log, LogError, OpKind, Role, Row, SignedOp, VoidReason};
use halloo_crypto::id::OpId;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;

use crate::kit::{Invitation, NOW_MS, Person, group, heads, meet, people, rng, sign_at, tell};
use crate::reference::{Reference, of_product};

/// One step of a script; what the numbers choose, `World::step` says.
type Step = [u8; 6];

struct World {
    people: Vec<Person>,
    invitation: Invitation,
    replicas: Vec<Log>,
}

const ROLES: [Role; 4] = [Role::Member, Role::Moderator, Role::Admin, Role::Owner];

/// Who acts, the powerful more often.
const AUTHORS: [usize; 10] = [0, 0, 1, 1, 2, 3, 4, 5, 6, 2];

impl World {
    /// Five members of all roles, two more people outside, three replicas.
    fn new() -> Self {
        let people = people(7);
        let roles = [Role::Owner, Role::Admin, Role::Admin, Role::Moderator];
        let log = group(&people[..5], &roles);
        Self { people, invitation: Invitation::new(77), replicas: vec![log.clone(), log.clone(), log] }
    }

    fn pick(&self, log: &Log, number: u8) -> OpId {
        let ops = log.ops();
        ops[usize::from(number) % ops.len()].id()
    }

    fn invites(log: &Log) -> Vec<OpId> {
        let invites = log.ops().into_iter();
        invites.filter(|op| matches!(op.kind(), OpKind::Invite { .. })).map(SignedOp::id).collect()
    }

    fn kind(&self, log: &Log, step: Step) -> Option<OpKind> {
        let [_, who, what, whom, _, extra] = step;
        let own = &self.people[AUTHORS[usize::from(who) % 10]];
        let other = &self.people[usize::from(whom) % 7];
        let role = ROLES[usize::from(extra) % 4];
        let invites = Self::invites(log);
        let invite = invites.get(usize::from(extra) % invites.len().max(1));
        Some(match what % 16 {
            0 | 1 => other.remove(),
            2 | 3 => other.add(role),
            4 | 5 => other.set_role(role),
            6 => OpKind::DeviceAdd { device: own.grant(1 + usize::from(extra) % 2) },
            7 => OpKind::DeviceRevoke {
                account: own.id(),
                device: own.devices[usize::from(extra) % 2].id(),
                revocation: None,
            },
            8 => self.invitation.opens(role, 1 + u16::from(whom) % 2),
            9 | 10 => {
                let invite = *invite?;
                let Some(OpKind::Invite { role, .. }) = log.get(&invite).map(SignedOp::kind) else {
                    return None;
                };
                self.invitation.admits(log.group(), invite, other, *role)
            }
            11 => OpKind::InviteRevoke { invite: *invite? },
            _ => return None,
        })
    }

    fn step(&mut self, step: Step) {
        let [replica, who, what, whom, place, extra] = step;
        let at = usize::from(replica) % 3;
        match what % 16 {
            12 | 13 => {
                let from = self.replicas[usize::from(whom) % 3].clone();
                tell(&from, &mut self.replicas[at]);
            }
            14 => self.acknowledge_all(at),
            15 => self.acknowledge(at, step),
            _ => {
                let log = &self.replicas[at];
                let Some(kind) = self.kind(log, step) else {
                    return;
                };
                // Mostly after everything known, sometimes backdated.
                let parents = match place % 4 {
                    0 => vec![self.pick(log, extra ^ who)],
                    _ => heads(log),
                };
                let devices = &self.people[AUTHORS[usize::from(who) % 10]].devices;
                let device = &devices[usize::from(place) / 4 % 2];
                let op = sign_at(log, device, &parents, NOW_MS, kind);
                match self.replicas[at].insert(op) {
                    Ok(Inserted::New(_) | Inserted::Known) => {}
                    Ok(Inserted::Missing(_)) => panic!("parents were taken from the replica"),
                    Err(LogError::Powerless | LogError::Malformed) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    /// Everybody at this replica does what honest devices do.
    fn acknowledge_all(&mut self, at: usize) {
        let log = &mut self.replicas[at];
        for person in &self.people {
            if log.view().is_member(&person.id()) {
                for remove in log.unacknowledged(&person.device_id()) {
                    log.author_acknowledge(person.device(), Fact::Remove(remove), vec![])
                        .expect("a member may acknowledge");
                }
            }
        }
    }

    /// Honest acknowledgements, and some with another past, or two.
    fn acknowledge(&mut self, at: usize, step: Step) {
        let [_, who, _, whom, place, extra] = step;
        let log = &self.replicas[at];
        let device = self.people[usize::from(who) % 7].device().clone();
        let fact = match place % 4 {
            0 => log
                .ops()
                .into_iter()
                .filter(|op| matches!(op.kind(), OpKind::Remove { .. }))
                .map(SignedOp::id)
                .nth(usize::from(whom) % 3),
            _ => log.unacknowledged(&device.id()).first().copied(),
        };
        let Some(remove) = fact else { return };
        let seen = match place % 8 {
            1 => vec![remove],
            2 => vec![self.pick(log, extra)],
            _ => heads(log),
        };
        let row = Row::sign(log.group(), Fact::Remove(remove), seen, vec![], &device);
        match self.replicas[at].acknowledge(row) {
            Ok(_) | Err(LogError::Powerless) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn play(script: &[Step]) -> Self {
        let mut world = Self::new();
        for step in script {
            world.step(*step);
        }
        world
    }

    /// One log that knows everything.
    fn whole(&self) -> Log {
        let mut whole = self.replicas[0].clone();
        tell(&self.replicas[1], &mut whole);
        tell(&self.replicas[2], &mut whole);
        whole
    }
}

fn shuffle<T>(items: &mut [T], rng: &mut ChaCha20Rng) {
    for at in (1..items.len()).rev() {
        let other = rng.next_u64() % (at as u64 + 1);
        items.swap(at, other as usize);
    }
}

/// A new replica that hears everything in a random order, asking for the view in between.
fn hear(whole: &Log, seed: u64) -> Log {
    let mut rng = rng(seed);
    let mut log = Log::new(whole.group());
    let mut ops: Vec<SignedOp> = whole.ops().into_iter().cloned().collect();
    let mut rows: Vec<Row> = whole.board().rows().cloned().collect();
    shuffle(&mut ops, &mut rng);
    shuffle(&mut rows, &mut rng);
    for op in ops {
        log.insert(op).expect("what one accepted, all accept");
        if rng.next_u64().is_multiple_of(4) {
            let _ = log.view();
        }
        if let Some(row) = rows.pop()
            && log.acknowledge(row.clone()).is_err()
        {
            rows.insert(0, row);
        }
    }
    for row in rows {
        log.acknowledge(row).expect("what one accepted, all accept");
    }
    assert_eq!(log.len(), whole.len());
    log
}

fn script(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(any::<Step>(), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn inv_1_every_order_of_delivery_gives_the_same_roster(script in script(40), seed: u64) {
        let mut world = World::play(&script);
        let whole = world.whole();
        let expected = of_product(&whole);
        for n in 0..3 {
            let heard = hear(&whole, seed.wrapping_add(n));
            prop_assert_eq!(&of_product(&heard), &expected);
            prop_assert_eq!(heard.view(), whole.view());
            prop_assert_eq!(heard.heads(), whole.heads());
            prop_assert_eq!(heard.activity(), whole.activity());
        }
        let [a, b, c] = &mut world.replicas[..] else { unreachable!() };
        meet(a, b);
        meet(b, c);
        meet(a, c);
        prop_assert_eq!(a.view(), whole.view());
        prop_assert_eq!(b.view(), whole.view());
        prop_assert_eq!(c.view(), whole.view());
    }

    #[test]
    fn the_evaluation_is_the_one_of_the_text(script in script(40)) {
        let world = World::play(&script);
        let whole = world.whole();
        let reference = Reference::new(&whole.ops(), whole.board()).verdict();
        prop_assert_eq!(of_product(&whole), reference);
    }

    #[test]
    fn a_view_at_heads_is_the_view_of_a_log_that_knows_no_more(script in script(30)) {
        let whole = World::play(&script).whole();
        for head in whole.ops().into_iter().map(SignedOp::id) {
            let mut small = Log::new(whole.group());
            for op in whole.ops() {
                if whole.closure_contains(&[head], &op.id()) {
                    small.insert(op.clone()).expect("a closure is complete");
                }
            }
            for row in whole.board().rows() {
                // Its Removes may lie outside the closure, and its heads too: such rows say nothing there.
                let _ = small.acknowledge(row.clone());
            }
            prop_assert_eq!(whole.weight(&[head]), Ok(small.len() as u64));
            if whole.board().rows().all(|row| whole.closure_contains(&[head], &row.heads()[0])
                || !small.contains(&fact_of(row)))
            {
                prop_assert_eq!(&whole.view_at(&[head]).expect("the head is here"), small.view());
            }
        }
    }

    #[test]
    fn a_log_read_back_is_the_log(script in script(30)) {
        let world = World::play(&script);
        let whole = world.whole();
        let mut back = Log::new(whole.group());
        for op in whole.ops() {
            let op = SignedOp::from_bytes(&op.to_bytes()).expect("own bytes");
            back.insert_trusted(op).expect("parents first");
        }
        for row in whole.board().rows() {
            let row = Row::from_bytes(&row.to_bytes()).expect("own bytes");
            back.acknowledge(row).expect("own rows");
        }
        prop_assert_eq!(of_product(&back), of_product(&whole));
    }

    #[test]
    fn inv_5_what_a_signer_settled_out_backdates_changes_nothing(script in script(30), lies in script(12)) {
        let world = World::play(&script);
        let mut whole = world.whole();
        // Person 4 (moderator) is made to go, and everybody else acknowledges it.
        let gone = &world.people[4];
        prop_assume!(whole.view().is_member(&gone.id()));
        let founder = &world.people[0];
        prop_assume!(whole.author_remove(founder.now(), gone.id()).is_ok());
        for person in &world.people[..4] {
            for remove in whole.unacknowledged(&person.device_id()) {
                let _ = whole.author_acknowledge(person.device(), Fact::Remove(remove), vec![]);
            }
        }
        let remove = heads(&whole)[0];
        let anchored = {
            let before = whole.view_at(whole.get(&remove).expect("just signed").parents());
            let before = before.expect("its parents are here");
            let voices = world.people[..4].iter().filter(|p| before.is_member(&p.id())).count();
            2 * voices > before.members().len()
        };
        prop_assume!(anchored);
        let before = of_product(&whole);
        let mut liar = whole.clone();
        for mut lie in lies {
            lie[1] = 6;
            let Some(kind) = world.kind(&liar, lie) else { continue };
            let parent = world.pick(&liar, lie[0]);
            for device in &gone.devices {
                let op = sign_at(&liar, device, &[parent], NOW_MS, kind.clone());
                let _ = liar.insert(op);
            }
        }
        let after = of_product(&liar);
        prop_assert_eq!(&after.members, &before.members);
        prop_assert_eq!(&after.invites, &before.invites);
        prop_assert!(after.void.is_superset(&before.void));
        prop_assert_eq!(after.void.len() - before.void.len(), liar.len() - whole.len());
    }
}

/// Guards the tests above against histories in which nothing happens.
#[test]
fn random_histories_hold_every_kind_of_quarrel() {
    let mut rng = rng(5);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..150 {
        let script: Vec<Step> = (0..40)
            .map(|_| {
                let mut step = [0; 6];
                rng.fill_bytes(&mut step);
                step
            })
            .collect();
        let whole = World::play(&script).whole();
        for line in whole.activity() {
            let name = match line.void {
                None => "stands",
                Some(VoidReason::NotAMember) => "no member",
                Some(VoidReason::NotEntitled) => "not entitled",
                Some(VoidReason::NoSuchMember) => "no such member",
                Some(VoidReason::AlreadyAMember) => "already a member",
                Some(VoidReason::DeviceSpent) => "device spent",
                Some(VoidReason::InviteClosed) => "invite closed",
                Some(VoidReason::InviteUsedUp) => "invite used up",
                Some(VoidReason::Beaten { .. }) => "beaten",
                Some(VoidReason::Settled { .. }) => "settled",
                Some(other) => panic!("{other} cannot happen in these histories"),
            };
            *seen.entry(name).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

fn fact_of(row: &Row) -> OpId {
    match row.fact() {
        Fact::Remove(id) => id,
        Fact::Commit(hash) => OpId(hash),
    }
}
