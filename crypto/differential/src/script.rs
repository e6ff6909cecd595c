//! Random scripts of operations, run in groups of ours alone, of OpenMLS alone, and mixed.

use std::collections::BTreeMap;

use halloo_crypto::group::CommitPlan;
use halloo_crypto::id::{DeviceId, OpId};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::member::{Joiner, Kind, Member, View};

/// Most members at a time, so that a script stays fast and the tree still has blanks at three heights.
const MEMBERS_MAX: usize = 9;
/// Most steps of a script.
const STEPS_MAX: u64 = 20;

/// One operation; numbers choose among whoever is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the numbers are choices")]
pub enum Step {
    /// Adds up to three devices by one commit.
    Add { by: usize, count: usize },
    /// Removes a member.
    Remove { by: usize, who: usize },
    /// Removes a member and adds its device anew by one commit: what heals a fork.
    Readd { by: usize, who: usize },
    /// Removes one and adds another by one commit.
    Swap { by: usize, who: usize },
    /// Renews the committer's keys.
    Update { by: usize },
    /// Two commit from one epoch; everybody follows the first, the other drops its own.
    Race { one: usize, two: usize },
    /// An application message.
    Talk { by: usize },
    /// A member stops and reads what it stored.
    Restart { who: usize },
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    seed: u64,
    steps: Vec<Step>,
}

/// Who runs what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// Everybody runs our layer.
    Ours,
    /// Everybody runs OpenMLS.
    Theirs,
    /// Every device runs one of the two, by chance.
    Mixed,
}

/// What a script came to after a step: for every member, in the order in which they came, its place in the tree.
pub type Places = Vec<(usize, u32)>;

/// How much was done, to show that a run was not empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commits by members that run our layer.
    pub ours: usize,
    /// Commits by members that run OpenMLS.
    pub theirs: usize,
    /// Commits followed, and messages opened, by a member of the other kind.
    pub across: usize,
}

/// Chance as bytes.
fn bytes(rng: &mut ChaCha20Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn below(rng: &mut ChaCha20Rng, end: u64) -> usize {
    (rng.next_u64() % end) as usize
}

impl Script {
    /// The script of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let count = 3 + below(&mut rng, STEPS_MAX - 2);
        let steps = (0..count).map(|_| step(&mut rng)).collect();
        Self { seed, steps }
    }

    /// Runs it. After every step all members are held against each other; what they came to is returned.
    #[must_use]
    pub fn run(&self, cast: Cast) -> (Vec<Places>, Tally) {
        let mut stage = Stage::new(self.seed, cast);
        let mut places = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            stage.take(*step);
            places.push(stage.check(&format!("seed {}, {cast:?}, step {at}: {step:?}", self.seed)));
        }
        (places, stage.tally)
    }
}

fn step(rng: &mut ChaCha20Rng) -> Step {
    let (by, who) = (below(rng, 1_000), below(rng, 1_000));
    match below(rng, 16) {
        0..4 => Step::Add { by, count: 1 + below(rng, 3) },
        4..6 => Step::Remove { by, who },
        6..8 => Step::Readd { by, who },
        8 => Step::Swap { by, who },
        9..11 => Step::Update { by },
        11..13 => Step::Race { one: by, two: who },
        13..15 => Step::Talk { by },
        _ => Step::Restart { who },
    }
}

struct Stage {
    rng: ChaCha20Rng,
    cast: Cast,
    members: Vec<Member>,
    gone: Vec<Member>,
    order: BTreeMap<DeviceId, usize>,
    tally: Tally,
}

fn kind_of(member: &Member) -> Kind {
    match member {
        Member::Ours { .. } => Kind::Ours,
        Member::Theirs(_) => Kind::Theirs,
    }
}

impl Stage {
    fn new(seed: u64, cast: Cast) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(seed ^ u64::MAX);
        let mut stage = Self {
            rng,
            cast,
            members: Vec::new(),
            gone: Vec::new(),
            order: BTreeMap::new(),
            tally: Tally::default(),
        };
        let device = stage.device();
        let kind = stage.kind();
        let creator = Member::create(kind, device, &mut stage.rng);
        stage.members.push(creator);
        stage
    }

    fn device(&mut self) -> DeviceSecret {
        let device = DeviceSecret::generate(&mut self.rng);
        self.order.insert(device.id(), self.order.len());
        device
    }

    /// A device that comes back may run the other kind.
    fn kind(&mut self) -> Kind {
        match self.cast {
            Cast::Ours => Kind::Ours,
            Cast::Theirs => Kind::Theirs,
            Cast::Mixed => [Kind::Ours, Kind::Theirs][below(&mut self.rng, 2)],
        }
    }

    fn joiner(&mut self, device: DeviceSecret) -> Joiner {
        let kind = self.kind();
        Joiner::new(kind, device, &mut self.rng)
    }

    fn two(&self, one: usize, two: usize) -> Option<(usize, usize)> {
        let (one, two) = (one % self.members.len(), two % self.members.len());
        (one != two).then_some((one, two))
    }

    fn heads(&mut self) -> Vec<OpId> {
        let mut heads: Vec<OpId> = (0..below(&mut self.rng, 4)).map(|_| OpId(bytes(&mut self.rng))).collect();
        heads.sort_unstable();
        heads
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Add { by, count } => {
                let count = count.min(MEMBERS_MAX - self.members.len());
                let devices: Vec<_> = (0..count).map(|_| self.device()).collect();
                let joiners = devices.into_iter().map(|device| self.joiner(device)).collect();
                self.commit(by % self.members.len(), None, joiners);
            }
            Step::Remove { by, who } => {
                let Some((by, who)) = self.two(by, who) else { return };
                self.commit(by, Some(who), Vec::new());
            }
            Step::Readd { by, who } => {
                let Some((by, who)) = self.two(by, who) else { return };
                let joiner = self.joiner(self.members[who].device().clone());
                self.commit(by, Some(who), vec![joiner]);
            }
            Step::Swap { by, who } => {
                let Some((by, who)) = self.two(by, who) else { return };
                let device = self.device();
                let joiner = self.joiner(device);
                self.commit(by, Some(who), vec![joiner]);
            }
            Step::Update { by } => self.commit(by % self.members.len(), None, Vec::new()),
            Step::Race { one, two } => {
                let Some((one, two)) = self.two(one, two) else { return };
                let plan = CommitPlan { heads: self.heads(), ..CommitPlan::default() };
                let _dropped = self.members[two].commit(&plan, &mut self.rng);
                self.commit(one, None, Vec::new());
            }
            Step::Talk { by } => self.talk(by % self.members.len()),
            Step::Restart { who } => {
                let who = who % self.members.len();
                self.members[who].restart();
            }
        }
    }

    /// Lets `by` commit and everybody follow; newcomers join by the welcome.
    fn commit(&mut self, by: usize, remove: Option<usize>, joiners: Vec<Joiner>) {
        let plan = CommitPlan {
            add: joiners.iter().map(|joiner| joiner.key_package().to_vec()).collect(),
            remove: remove.iter().map(|at| self.members[*at].device().id()).collect(),
            heads: self.heads(),
        };
        let (commit, welcome) = self.members[by].commit(&plan, &mut self.rng);
        let (committer, kind) = (self.members[by].device().id(), kind_of(&self.members[by]));
        match kind {
            Kind::Ours => self.tally.ours += 1,
            Kind::Theirs => self.tally.theirs += 1,
        }
        let mut views: Vec<(Vec<DeviceId>, Vec<DeviceId>)> = Vec::new();
        for (at, mut member) in std::mem::take(&mut self.members).into_iter().enumerate() {
            if at == by {
                member.merge();
                self.members.push(member);
                continue;
            }
            let followed = member.follow(&commit).unwrap_or_else(|error| {
                panic!("a commit of {kind:?} is refused by {:?}: {error}", kind_of(&member))
            });
            assert_eq!(followed.committer, committer);
            assert_eq!(followed.stays, Some(at) != remove);
            self.tally.across += usize::from(kind != kind_of(&member));
            if followed.stays {
                assert_eq!(followed.removed, plan.remove);
                views.push((followed.added, followed.removed));
                self.members.push(member);
            } else {
                self.gone.push(member);
            }
        }
        assert!(views.windows(2).all(|two| two[0] == two[1]), "{views:?}");
        for joiner in joiners {
            let member = joiner.join(welcome.as_deref().expect("somebody was added"));
            self.tally.across += usize::from(kind != kind_of(&member));
            self.members.push(member);
        }
        self.gone_follow_nothing(&commit);
    }

    /// Whoever was removed enters no epoch by the commit that removed it, nor by a later one.
    fn gone_follow_nothing(&mut self, commit: &[u8]) {
        for gone in &mut self.gone {
            match gone {
                Member::Ours { session, .. } => assert!(session.apply(commit).is_err()),
                Member::Theirs(theirs) => assert!(!theirs.is_member(), "OpenMLS leaves with the commit"),
            }
        }
    }

    fn talk(&mut self, by: usize) {
        let (aad, text) = (bytes(&mut self.rng), bytes(&mut self.rng));
        let text = &text[..below(&mut self.rng, 32)];
        let sealed = self.members[by].seal(&aad, text, &mut self.rng);
        let (sender, kind) = (self.members[by].device().id(), kind_of(&self.members[by]));
        for member in self.members.iter_mut().filter(|member| member.device().id() != sender) {
            let opened = member.open(&sealed).expect("a message to everybody");
            assert_eq!(opened, (sender, aad.to_vec(), text.to_vec()));
            assert!(member.open(&sealed).is_err(), "a second copy does not open");
            self.tally.across += usize::from(kind != kind_of(member));
        }
    }

    /// Holds every member against the first, and says who sits where.
    fn check(&self, what: &str) -> Places {
        let first: View = self.members[0].view();
        for member in &self.members[1..] {
            assert_eq!(first, member.view(), "{what}");
        }
        assert_eq!(first.count, self.members.len(), "{what}");
        assert_eq!(first.roster.len(), self.members.len(), "{what}");
        let mut places: Places =
            first.roster.iter().map(|(device, leaf)| (self.order[device], leaf.index)).collect();
        places.sort_unstable();
        places
    }
}
