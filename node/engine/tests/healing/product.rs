//! The product held against the model: the same signed facts, in random orders, give the same roster, the same void and the same branch.

use std::collections::BTreeMap;

use halloo_crdt::log::{
    self as product, DeviceGrant, Fact, Inserted, InviteUse, LogError, OpContext, OpKind, Row, SignedOp, Word,
};
use halloo_crypto::group::{CommitPlan, GroupSession, KeyPackageSecret};
use halloo_crypto::id::{AccountId, DeviceId, EpochId, GroupId, InvitePublic, OpId};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret, Domain};
use halloo_engine::epochs::{Epochs, Node, Planted, Said, Voices};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::model::{Ack, Choice, Commit, Facts, Id, Ids, Kind, Log, Op, RULES, Role, Rules, Verdict};

const NOW_MS: u64 = 1_790_000_000_000;
/// Scripts in the gate and in the proof, and the steps of each.
const SCRIPTS: [u64; 2] = [300, 6_000];
const STEPS: usize = 40;
/// Trees, and the epochs of each.
const TREES: (u64, usize) = (60, 9);
/// The founder, three who are in with different roles, and two outside.
const PEOPLE: usize = 6;
const ROLES: [product::Role; 4] =
    [product::Role::Member, product::Role::Moderator, product::Role::Admin, product::Role::Owner];

/// What the model calls it: the beginning of the name, so that the order is the same.
fn id(bytes: &[u8; 32]) -> Id {
    Id::from_be_bytes(*bytes.first_chunk().expect("32 bytes hold 8"))
}

fn below(rng: &mut ChaCha20Rng, most: usize) -> usize {
    rng.next_u32() as usize % most
}

struct Person {
    account: AccountSecret,
    devices: Vec<DeviceSecret>,
}

impl Person {
    fn grant(&self, device: usize) -> DeviceGrant {
        let certificate = DeviceCertificate::issue(&self.account, &self.devices[device], NOW_MS);
        DeviceGrant { certificate, key_package: vec![1; 40] }
    }
}

/// Three replicas that hear of each other now and then.
struct World {
    rng: ChaCha20Rng,
    people: Vec<Person>,
    invite: DeviceSecret,
    replicas: Vec<product::Log>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let person = |rng: &mut ChaCha20Rng| Person {
            account: AccountSecret::generate(rng),
            devices: (0..2).map(|_| DeviceSecret::generate(rng)).collect(),
        };
        let people: Vec<Person> = (0..PEOPLE).map(|_| person(&mut rng)).collect();
        let invite = DeviceSecret::generate(&mut rng);
        let founder = product::Author { device: &people[0].devices[0], now_ms: NOW_MS };
        let (mut log, _) = product::Log::found(founder, [7; 32], people[0].grant(0)).expect("founded");
        for (at, role) in [(1, ROLES[3]), (2, ROLES[2]), (3, ROLES[1])] {
            log.author_add(founder, role, vec![people[at].grant(0)], None).expect("an owner may add");
        }
        Self { rng, people, invite, replicas: vec![log.clone(), log.clone(), log] }
    }

    fn any(&mut self, most: usize) -> usize {
        below(&mut self.rng, most)
    }

    fn step(&mut self) {
        let (at, other) = (self.any(3), self.any(3));
        match self.any(10) {
            0..2 => {
                let from = self.replicas[other].clone();
                hear(&from, &mut self.replicas[at]);
            }
            2..5 => self.acknowledge(at),
            _ => self.act(at),
        }
    }

    fn act(&mut self, at: usize) {
        let (who, whom, what, role, device) =
            (self.any(PEOPLE), self.any(PEOPLE), self.any(12), self.any(4), self.any(4) / 3);
        let log = &self.replicas[at];
        let (own, other, role) = (&self.people[who], &self.people[whom], ROLES[role]);
        let invites: Vec<OpId> = log
            .ops()
            .into_iter()
            .filter(|op| matches!(op.kind(), OpKind::Invite { .. }))
            .map(SignedOp::id)
            .collect();
        let kind = match what {
            0..3 => OpKind::Remove { account: other.account.id() },
            3 => {
                OpKind::Add { account: other.account.id(), role, devices: vec![other.grant(0)], invite: None }
            }
            4 | 5 => OpKind::SetRole { account: other.account.id(), role },
            6 => OpKind::DeviceAdd { device: own.grant(1) },
            7 => OpKind::DeviceRevoke {
                account: own.account.id(),
                device: own.devices[1].id(),
                revocation: None,
            },
            8 => OpKind::Invite {
                key: InvitePublic(self.invite.id().0),
                expires_ms: NOW_MS + 1,
                max_uses: 1,
                role,
            },
            9 | 10 if !invites.is_empty() => {
                let invite = invites[whom % invites.len()];
                let Some(OpKind::Invite { role, .. }) = log.get(&invite).map(SignedOp::kind) else { return };
                let message = InviteUse::message(&log.group(), &other.account.id(), &other.devices[0].id());
                let used = InviteUse { invite, proof: self.invite.sign(Domain::InviteProof, &message) };
                OpKind::Add {
                    account: other.account.id(),
                    role: *role,
                    devices: vec![other.grant(0)],
                    invite: Some(used),
                }
            }
            11 if !invites.is_empty() => OpKind::InviteRevoke { invite: invites[whom % invites.len()] },
            _ => return,
        };
        let device = self.people[who].devices[device].clone();
        // Mostly after everything known, sometimes backdated.
        let back = self.any(4) == 0;
        let number = self.any(64);
        let log = &self.replicas[at];
        let ops = log.ops();
        let parents =
            if back { vec![ops[number % ops.len()].id()] } else { log.heads().iter().copied().collect() };
        let seq = parents.iter().filter_map(|id| log.get(id)).map(|op| op.seq() + 1).max().unwrap_or(0);
        let op = SignedOp::sign(OpContext { group: log.group(), parents, seq, at_ms: NOW_MS }, kind, &device);
        match self.replicas[at].insert(op) {
            Ok(Inserted::New(_) | Inserted::Known) | Err(LogError::Powerless | LogError::Malformed) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Honestly, or with a past of one's choice, or twice.
    fn acknowledge(&mut self, at: usize) {
        let (who, lie, number) = (self.any(PEOPLE), self.any(6) == 0, self.any(64));
        let device = self.people[who].devices[0].clone();
        let log = &self.replicas[at];
        let removes =
            log.ops().into_iter().filter(|op| matches!(op.kind(), OpKind::Remove { .. })).map(SignedOp::id);
        let removes: Vec<OpId> = removes.collect();
        let due = log.unacknowledged(&device.id());
        let among = if lie { &removes } else { &due };
        if among.is_empty() {
            return;
        }
        let remove = among[number % among.len()];
        let seen = if lie { vec![remove] } else { log.heads().iter().copied().collect() };
        let row = Row::sign(log.group(), Fact::Remove(remove), seen, vec![], &device);
        match self.replicas[at].acknowledge(row) {
            Ok(_) | Err(LogError::Powerless) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

fn hear(from: &product::Log, to: &mut product::Log) {
    for op in from.ops() {
        to.insert(op.clone()).expect("what one accepted, all accept");
    }
    for row in from.board().rows() {
        to.acknowledge(row.clone()).expect("what one accepted, all accept");
    }
}

/// A new replica that hears everything in some order, looking in between.
fn hear_shuffled(whole: &product::Log, rng: &mut ChaCha20Rng) -> product::Log {
    let mut log = product::Log::new(whole.group());
    let mut ops: Vec<SignedOp> = whole.ops().into_iter().cloned().collect();
    let mut rows: Vec<Row> = whole.board().rows().cloned().collect();
    while !ops.is_empty() {
        let op = ops.swap_remove(below(rng, ops.len()));
        log.insert(op).expect("what one accepted, all accept");
        if below(rng, 3) == 0 {
            let _ = log.view();
        }
        if !rows.is_empty() && below(rng, 2) == 0 {
            let row = rows.swap_remove(below(rng, rows.len()));
            if log.acknowledge(row.clone()).is_err() {
                rows.push(row);
            }
        }
    }
    while !rows.is_empty() {
        let row = rows.swap_remove(below(rng, rows.len()));
        log.acknowledge(row).expect("what one accepted, all accept");
        let _ = log.view();
    }
    log
}

fn role(role: product::Role) -> Role {
    match role {
        product::Role::Member => Role::Member,
        product::Role::Moderator => Role::Moderator,
        product::Role::Admin => Role::Admin,
        product::Role::Owner => Role::Owner,
    }
}

/// The operation in the words of the model.
fn told(op: &SignedOp) -> Op {
    let kind = match op.kind() {
        OpKind::Genesis { device, .. } => Kind::Genesis {
            account: id(&device.certificate.account.0),
            device: id(&device.certificate.device.0),
        },
        OpKind::Add { account, role: given, devices, invite } => Kind::Add {
            account: id(&account.0),
            role: role(*given),
            devices: devices.iter().map(|device| id(&device.certificate.device.0)).collect(),
            invite: invite.as_ref().map(|used| id(&used.invite.0)),
        },
        OpKind::Remove { account } => Kind::Remove { account: id(&account.0) },
        OpKind::SetRole { account, role: given } => {
            Kind::SetRole { account: id(&account.0), role: role(*given) }
        }
        OpKind::DeviceAdd { device } => Kind::DeviceAdd {
            account: id(&device.certificate.account.0),
            device: id(&device.certificate.device.0),
        },
        OpKind::DeviceRevoke { account, device, revocation } => {
            Kind::DeviceRevoke { account: id(&account.0), device: id(&device.0), word: revocation.is_some() }
        }
        OpKind::Invite { expires_ms, max_uses, role: given, .. } => {
            Kind::Invite { expires: *expires_ms, uses: usize::from(*max_uses), role: role(*given) }
        }
        OpKind::InviteRevoke { invite } => Kind::CloseInvite { invite: id(&invite.0) },
        OpKind::SetHistory { .. } => unreachable!("no script says what newcomers get"),
    };
    let parents = op.parents().iter().map(|parent| id(&parent.0)).collect();
    Op { id: id(&op.id().0), author: id(&op.author().0), parents, at_ms: op.at_ms(), kind }
}

fn model_of(log: &product::Log) -> Verdict {
    let rows = log.board().rows().filter_map(|row| match row.fact() {
        Fact::Remove(remove) => {
            let heads = row.heads().iter().map(|head| id(&head.0)).collect();
            Some(Ack { device: id(&row.device().0), remove: id(&remove.0), heads })
        }
        Fact::Commit(_) => None,
    });
    Log::new(log.ops().into_iter().map(told), rows, RULES).verdict()
}

type Picture = (BTreeMap<Id, (Role, Ids)>, BTreeMap<Id, usize>, Ids);

fn picture(log: &product::Log) -> Picture {
    let members = log.view().members().iter().map(|(account, member)| {
        let devices = member.devices.keys().map(|device| id(&device.0)).collect();
        (id(&account.0), (role(member.role), devices))
    });
    let invites = log.view().invites().iter().map(|(op, invite)| (id(&op.0), usize::from(invite.uses_left)));
    let stands = log.ids().filter(|op| log.void(op).is_none()).map(|op| id(&op.0));
    (members.collect(), invites.collect(), stands.collect())
}

#[test]
fn the_log_says_what_the_model_says_in_every_order() {
    let (mut void, mut anchored, mut lied) = (0, 0, 0);
    for seed in 0..SCRIPTS[usize::from(crate::rules::proving())] {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        let mut whole = world.replicas[0].clone();
        hear(&world.replicas[1], &mut whole);
        hear(&world.replicas[2], &mut whole);
        let verdict = model_of(&whole);
        let expected: Picture = (verdict.members.clone(), verdict.invites.clone(), verdict.stands.clone());
        assert_eq!(picture(&whole), expected, "script {seed}");
        for _ in 0..2 {
            assert_eq!(picture(&hear_shuffled(&whole, &mut world.rng)), expected, "script {seed}");
        }
        void += whole.len() - verdict.stands.len();
        anchored += verdict.anchored.len();
        let facts = whole.ops().into_iter().map(|op| Fact::Remove(op.id()));
        lied += facts
            .flat_map(|fact| whole.board().words(&fact).map(|(_, word)| word.clone()).collect::<Vec<Word>>())
            .filter(|word| matches!(word, Word::Lied(_)))
            .count();
    }
    assert!(
        void > 300 && anchored > 10 && lied > 5,
        "something happens in the scripts: {void}, {anchored}, {lied}"
    );
}

/// Two members, and the sessions of one of them for every epoch.
struct Forest {
    rng: ChaCha20Rng,
    mine: Vec<GroupSession>,
    theirs: Vec<GroupSession>,
    /// Parent, weight, whether it fits, and the commit, of every epoch but the first.
    born: Vec<(usize, usize, bool, Vec<u8>)>,
    /// The two devices: the first acknowledges, the second commits.
    devices: [DeviceId; 2],
    /// Epochs that the first has acknowledged, and the rivals that it says it had seen.
    words: Vec<(usize, Vec<usize>)>,
}

impl Forest {
    fn grow(seed: u64, epochs: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let group = GroupId([1; 32]);
        let (ada, ben) = (DeviceSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
        let founded = GroupSession::create(group, &ada, &mut rng).expect("founded");
        let package = KeyPackageSecret::generate(group, &ben, &mut rng).expect("a package");
        let plan = CommitPlan { add: vec![package.key_package().to_vec()], ..CommitPlan::default() };
        let prepared = founded.prepare(&plan, &mut rng).expect("prepared");
        let theirs = GroupSession::join(&prepared.welcome.expect("a welcome"), &package).expect("joined");
        let devices = [ada.id(), ben.id()];
        let (mine, theirs) = (vec![prepared.next], vec![theirs]);
        let mut forest = Self { rng, mine, theirs, born: Vec::new(), devices, words: Vec::new() };
        (0..epochs).for_each(|_| forest.sprout());
        // Honest or not: about any epoch, with any others for its rivals.
        for _ in 0..below(&mut forest.rng, 4) {
            let about = 1 + below(&mut forest.rng, epochs);
            let seen = (1..=epochs).filter(|_| below(&mut forest.rng, 3) == 0).collect();
            forest.words.push((about, seen));
        }
        forest
    }

    fn sprout(&mut self) {
        let parent = below(&mut self.rng, self.mine.len());
        let prepared = self.theirs[parent].prepare(&CommitPlan::default(), &mut self.rng).expect("prepared");
        self.theirs[parent] = prepared.parent;
        self.mine.push(self.mine[parent].apply(&prepared.commit).expect("applied").next);
        self.theirs.push(prepared.next);
        let (weight, fits) = (1 + below(&mut self.rng, 3), below(&mut self.rng, 4) > 0);
        self.born.push((parent, weight, fits, prepared.commit));
    }

    fn node(&self, at: usize) -> Node {
        let parent = at.checked_sub(1).map(|born| self.mine[self.born[born].0].epoch_id());
        let weight = at.checked_sub(1).map_or(0, |born| self.born[born].1 as u64);
        let mut node = Node::new(self.mine[at].clone(), parent, weight, NOW_MS).expect("a node");
        node.committer = parent.map(|_| self.devices[1]);
        node
    }

    fn voices(&self) -> Voices {
        let account = |device: usize| AccountId::from_bytes([device as u8; 32]);
        let name = |at: &usize| self.mine[*at].commit_id().0;
        let said = self.words.iter().map(|(about, seen)| Said {
            account: account(0),
            commit: name(about),
            rivals: seen.iter().map(name).collect(),
        });
        let accounts = self.devices.iter().enumerate().map(|(at, device)| (*device, account(at)));
        Voices { said: said.collect(), accounts: accounts.collect() }
    }

    /// The epochs in some order, parents first, judged when they come or at the end.
    fn product(&mut self) -> EpochId {
        let mut tree = Epochs::new(self.node(0));
        let mut left: Vec<usize> = (1..self.mine.len()).collect();
        while !left.is_empty() {
            let ready: Vec<usize> = left
                .iter()
                .copied()
                .filter(|at| tree.get(&self.mine[self.born[at - 1].0].epoch_id()).is_some())
                .collect();
            let next = ready[below(&mut self.rng, ready.len())];
            left.retain(|at| *at != next);
            if below(&mut self.rng, 3) == 0 {
                tree.set_voices(self.voices());
            }
            assert_eq!(tree.insert(self.node(next), self.born[next - 1].3.clone()), Planted::Added);
            tree.settle_on_chosen();
            if below(&mut self.rng, 2) == 0 {
                tree.set_fit(&self.mine[next].epoch_id(), self.born[next - 1].2);
            }
        }
        for (at, born) in self.born.iter().enumerate() {
            tree.set_fit(&self.mine[at + 1].epoch_id(), born.2);
        }
        tree.set_voices(self.voices());
        tree.settle_on_chosen();
        tree.tip().id()
    }

    fn model(&self, rules: Choice) -> EpochId {
        // A chain of operations: the head that a commit names gives its weight.
        let chain = (1..=4).map(|op: u64| {
            let kind = Kind::Genesis { account: op.min(2), device: op.min(2) };
            Op {
                id: op,
                author: 1,
                parents: (op > 1).then_some(op - 1).into_iter().collect(),
                at_ms: 0,
                kind,
            }
        });
        let name = |at: usize| if at == 0 { crate::model::ROOT } else { id(&self.mine[at].commit_id().0) };
        let commits = self.born.iter().enumerate().map(|(at, (parent, weight, _, _))| {
            let heads = vec![*weight as u64];
            crate::model::Fact::Commit(Commit {
                id: name(at + 1),
                parent: name(*parent),
                author: 2,
                heads,
                leaves: Ids::from([1, 2]),
            })
        });
        let words = self.words.iter().map(|(about, seen)| {
            let rivals = seen.iter().map(|at| name(*at)).collect();
            crate::model::Fact::Word(crate::model::Word { device: 1, commit: name(*about), rivals })
        });
        let facts: Vec<crate::model::Fact> =
            chain.map(crate::model::Fact::Op).chain(commits).chain(words).collect();
        let fit =
            self.born.iter().enumerate().filter(|(_, born)| born.2).map(|(at, _)| name(at + 1)).collect();
        let rules = Rules { choice: rules, ..RULES };
        let chosen = Facts::new(&facts, &Ids::from([1, 2]), rules).chosen(&fit, &Verdict::default());
        let at = (0..self.mine.len()).find(|at| name(*at) == chosen).expect("one of these");
        self.mine[at].epoch_id()
    }
}

#[test]
fn the_tree_chooses_what_the_model_chooses_in_every_order() {
    let (mut depths, mut moved) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..TREES.0 {
        let mut forest = Forest::grow(seed, TREES.1);
        let expected = forest.model(Choice::Anchored);
        moved += usize::from(expected != forest.model(Choice::Static));
        depths.insert(forest.mine.iter().position(|session| session.epoch_id() == expected));
        for _ in 0..4 {
            assert_eq!(forest.product(), expected, "tree {seed}");
        }
    }
    assert!(moved > 5, "words decide now and then: {moved}");
    assert!(depths.len() > 5, "the choice is not always the same: {depths:?}");
}
