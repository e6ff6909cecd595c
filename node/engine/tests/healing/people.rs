//! Four people with one device each, what an honest device may do with what it knows, and what it learns from others.

use std::collections::BTreeSet;

use crate::model::{Ack, Fact, Facts, Hash, Id, Ids, Kind, Op, Role, Rules, Verdict, Word};

/// How many devices act.
pub const DEVICES: usize = 4;

/// The account of a device of the stories, and the other way round.
pub const fn account_of(device: Id) -> Id {
    device * 100
}

/// The device of somebody: 1 to 4 act, 5 and 6 are newcomers who only come in.
pub const fn device(at: usize) -> Id {
    at as Id + 1
}

/// What may happen in a story; a small alphabet reaches deeper.
#[derive(Clone, Copy, Default)]
pub struct Alphabet {
    /// Removing these people.
    pub remove: &'static [usize],
    /// Making these people members again.
    pub demote: &'static [usize],
    /// Adding the removed again.
    pub readd: bool,
    /// An invite for one, and using it for either of two newcomers.
    pub invite: bool,
    /// Acknowledging Removes.
    pub acks: bool,
    /// Acknowledging commits.
    pub words: bool,
    /// Commits that change nothing but keys, by these people.
    pub updates: &'static [usize],
}

/// How a story begins, and by which rules it goes.
#[derive(Clone)]
pub struct Scene {
    pub rules: Rules,
    pub alphabet: Alphabet,
    /// Another salt gives other ids, so that ties fall the other way.
    pub salt: u64,
    /// Who acts as if it knew less than it does.
    pub liar: Option<usize>,
    pub base: Vec<Fact>,
    pub first: Ids,
}

impl Scene {
    /// The first founds the group and adds the others with these roles; everybody has seen all that.
    pub fn new(rules: Rules, alphabet: Alphabet, roles: [Role; 3], salt: u64) -> Self {
        let mut scene = Self { rules, alphabet, salt, liar: None, base: Vec::new(), first: Ids::new() };
        let founder = device(0);
        let genesis =
            scene.op(founder, vec![], Kind::Genesis { account: account_of(founder), device: founder });
        let mut last = genesis.id;
        scene.base.push(Fact::Op(genesis));
        for (at, role) in roles.into_iter().enumerate() {
            let added = device(at + 1);
            let add = scene.op(founder, vec![last], add(added, role, None));
            last = add.id;
            scene.base.push(Fact::Op(add));
        }
        scene.first = (0..DEVICES).map(device).collect();
        scene
    }

    fn op(&self, author: Id, parents: Vec<Id>, kind: Kind) -> Op {
        let hash = Hash::new(self.salt).words([author]).words(parents.iter().copied()).words(words(&kind));
        Op { id: hash.id(), author, parents, at_ms: 0, kind }
    }

    /// Everything that the device may do next, knowing this.
    pub fn moves(&self, device: Id, facts: &Facts, verdict: &Verdict, fit: &Ids, tip: Id) -> Vec<Fact> {
        let Some(own) = verdict.owner_of(device) else { return Vec::new() };
        let mut moves = Vec::new();
        let heads = facts.log.heads();
        for kind in self.acts(own, facts, verdict) {
            let op = self.op(device, heads.clone(), kind);
            if facts.log.would_stand(&op) {
                moves.push(Fact::Op(op));
            }
        }
        if self.alphabet.acks {
            let acked =
                |remove: &Id| facts.log.acks().any(|ack| ack.device == device && ack.remove == *remove);
            let due = verdict.stands.iter().copied().filter(|op| {
                let of_other = matches!(facts.log.kind(*op), Kind::Remove { account } if *account != own);
                of_other && facts.log.author_of(*op) != device && !acked(op)
            });
            moves.extend(due.map(|remove| Fact::Ack(Ack { device, remove, heads: heads.clone() })));
        }
        if self.alphabet.words && facts.commits.get(&tip).is_some_and(|commit| commit.author != device) {
            let word: Word = facts.word(device, tip);
            if !facts.words.iter().any(|other| other.device == device && other.commit == tip) {
                moves.push(Fact::Word(word));
            }
        }
        if facts.may_commit(device, tip, fit) {
            let plan = facts.plan(tip, verdict);
            let updates = self.alphabet.updates.iter().any(|at| self::device(*at) == device);
            let plan = plan.or_else(|| updates.then(|| facts.leaves(tip).clone()));
            moves.extend(plan.map(|leaves| Fact::Commit(facts.commit(device, tip, leaves, self.salt))));
        }
        moves
    }

    fn acts(&self, own: Id, facts: &Facts, verdict: &Verdict) -> Vec<Kind> {
        let mut acts = Vec::new();
        let others = |all: &'static [usize]| {
            all.iter().map(|at| account_of(device(*at))).filter(move |who| *who != own)
        };
        acts.extend(others(self.alphabet.remove).map(|account| Kind::Remove { account }));
        let lowered = others(self.alphabet.demote)
            .filter(|who| verdict.members.get(who).is_some_and(|(role, _)| *role > Role::Member));
        acts.extend(lowered.map(|account| Kind::SetRole { account, role: Role::Member }));
        if self.alphabet.readd {
            let gone =
                (0..DEVICES).map(device).filter(|device| !verdict.members.contains_key(&account_of(*device)));
            acts.extend(gone.map(|device| add(device, Role::Member, None)));
        }
        if self.alphabet.invite {
            let made =
                facts.log.all().into_iter().find(|op| matches!(facts.log.kind(*op), Kind::Invite { .. }));
            match made {
                None => acts.push(Kind::Invite { expires: 1, uses: 1, role: Role::Member }),
                Some(invite) => acts.extend([4, 5].map(|at| add(device(at), Role::Member, Some(invite)))),
            }
        }
        acts
    }
}

fn add(device: Id, role: Role, invite: Option<Id>) -> Kind {
    Kind::Add { account: account_of(device), role, devices: vec![device], invite }
}

/// What of an act enters its id.
fn words(kind: &Kind) -> Vec<u64> {
    match kind {
        Kind::Genesis { account, device } => vec![0, *account, *device],
        Kind::Add { account, role, devices, invite } => {
            let fixed = vec![1, *account, *role as u64, invite.unwrap_or(0)];
            fixed.into_iter().chain(devices.iter().copied()).collect()
        }
        Kind::Remove { account } => vec![2, *account],
        Kind::SetRole { account, role } => vec![3, *account, *role as u64],
        Kind::DeviceAdd { account, device } => vec![4, *account, *device],
        Kind::DeviceRevoke { account, device, word } => vec![5, *account, *device, u64::from(*word)],
        Kind::Invite { expires, uses, role } => vec![6, *expires, *uses as u64, *role as u64],
        Kind::CloseInvite { invite } => vec![7, *invite],
    }
}

/// How much of what each device did somebody knows: all up to a number of acts. Knowing an act is knowing all that its author knew.
pub type Clock = [u8; DEVICES];

/// One act of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Act {
    pub by: u8,
    /// What its author knew with it, itself included.
    pub clock: Clock,
    /// Its number among the facts of the exploration.
    pub fact: u32,
}

/// Everything that a device can know before its next act: from each other one all that it knew at one of its acts, or nothing.
pub fn knowledge(acts: &[Act], by: usize) -> BTreeSet<Clock> {
    let own = acts
        .iter()
        .filter(|act| usize::from(act.by) == by)
        .map(|act| act.clock)
        .max_by_key(|clock| clock[by]);
    let mut all = BTreeSet::from([own.unwrap_or_default()]);
    for other in (0..DEVICES).filter(|other| *other != by) {
        let told: Vec<Clock> =
            acts.iter().filter(|act| usize::from(act.by) == other).map(|act| act.clock).collect();
        let more: Vec<Clock> =
            all.iter().flat_map(|clock| told.iter().map(|told| join(clock, told))).collect();
        all.extend(more);
    }
    all
}

pub fn join(a: &Clock, b: &Clock) -> Clock {
    std::array::from_fn(|at| a[at].max(b[at]))
}

/// Is the act among what this clock knows?
pub fn knows(clock: &Clock, act: &Act) -> bool {
    let by = usize::from(act.by);
    act.clock[by] <= clock[by]
}
