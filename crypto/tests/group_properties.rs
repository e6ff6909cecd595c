//! Random histories: whatever is added, removed, updated, raced and restarted, all who stay agree and nobody else reads.
#![cfg(feature = "group")]
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group_support;

use group_support::*;
use halloo_crypto::group::*;
use halloo_crypto::id::DeviceId;
use halloo_crypto::identity::DeviceSecret;
use proptest::prelude::*;

/// One step of a history; numbers choose among whoever is there.
#[derive(Clone, Debug)]
enum Step {
    Add { by: usize, count: usize },
    Remove { by: usize, who: usize },
    Readd { by: usize, who: usize },
    Update { by: usize },
    Race { one: usize, two: usize },
    Restart { who: usize },
    Talk { by: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0_usize..1_000;
    prop_oneof![
        3 => (any.clone(), 1_usize..4).prop_map(|(by, count)| Step::Add { by, count }),
        2 => (any.clone(), any.clone()).prop_map(|(by, who)| Step::Remove { by, who }),
        1 => (any.clone(), any.clone()).prop_map(|(by, who)| Step::Readd { by, who }),
        3 => any.clone().prop_map(|by| Step::Update { by }),
        2 => (any.clone(), any.clone()).prop_map(|(one, two)| Step::Race { one, two }),
        1 => any.clone().prop_map(|who| Step::Restart { who }),
        2 => any.prop_map(|by| Step::Talk { by }),
    ]
}

/// Members with their devices, and those who were removed and kept everything.
struct Group {
    world: World,
    members: Vec<(DeviceSecret, GroupSession)>,
    gone: Vec<GroupSession>,
}

/// Most members at a time, so that a history stays fast.
const MEMBERS_MAX: usize = 9;

impl Group {
    fn new(seed: u8) -> Self {
        let mut world = World::new(seed);
        let device = world.device();
        let session = world.create(&device);
        Self { world, members: vec![(device, session)], gone: Vec::new() }
    }

    fn at(&self, choice: usize) -> usize {
        choice % self.members.len()
    }

    /// Lets `by` commit and everybody follow; newcomers join by the welcome.
    fn commit(&mut self, by: usize, plan: &CommitPlan, newcomers: Vec<(DeviceSecret, KeyPackageSecret)>) {
        let prepared = self.members[by].1.prepare(plan, &mut self.world.rng).unwrap();
        assert!(prepared.skipped.is_empty());
        self.members[by].1 = prepared.next.clone();
        let mut stay = Vec::new();
        for (at, (device, session)) in std::mem::take(&mut self.members).into_iter().enumerate() {
            if at == by {
                stay.push((device, session));
                continue;
            }
            match session.apply(&prepared.commit) {
                Ok(applied) => {
                    assert_eq!(applied.committer, prepared.next.device());
                    assert_eq!(sorted(applied.added), sorted(prepared.added.clone()));
                    assert_eq!(sorted(applied.removed), sorted(plan.remove.clone()));
                    stay.push((device, applied.next));
                }
                Err(GroupError::Removed(by)) => {
                    assert_eq!(by, prepared.next.device());
                    self.gone.push(session);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        self.members = stay;
        for (device, secret) in newcomers {
            let welcome = prepared.welcome.as_deref().expect("somebody was added");
            let session = GroupSession::join(welcome, &secret).unwrap();
            self.members.push((device, session));
        }
        for gone in &self.gone {
            assert!(gone.apply(&prepared.commit).is_err());
        }
    }

    fn newcomers(
        &mut self,
        devices: Vec<DeviceSecret>,
    ) -> (CommitPlan, Vec<(DeviceSecret, KeyPackageSecret)>) {
        let newcomers: Vec<_> = devices
            .into_iter()
            .map(|device| {
                let secret = self.world.key_package(&device);
                (device, secret)
            })
            .collect();
        let add = newcomers.iter().map(|(_, secret)| secret.key_package().to_vec()).collect();
        (CommitPlan { add, ..CommitPlan::default() }, newcomers)
    }

    fn two(&self, one: usize, two: usize) -> Option<(usize, usize)> {
        let (one, two) = (self.at(one), self.at(two));
        (one != two).then_some((one, two))
    }

    fn race(&mut self, one: usize, two: usize) {
        let Some((one, two)) = self.two(one, two) else { return };
        let first = self.world.update(&self.members[one].1);
        let second = self.world.update(&self.members[two].1);
        let (by, won) =
            if first.next.commit_id() < second.next.commit_id() { (one, &first) } else { (two, &second) };
        for (at, (_, session)) in self.members.iter_mut().enumerate() {
            *session = if at == by { won.next.clone() } else { session.apply(&won.commit).unwrap().next };
        }
    }

    fn talk(&mut self, by: usize) {
        let by = self.at(by);
        let text = self.world.rng.next_u64().to_be_bytes();
        let sealed = self.world.seal(&mut self.members[by].1, &text);
        for (at, (_, session)) in self.members.iter_mut().enumerate() {
            if at != by {
                assert_eq!(session.open_application(&sealed).unwrap().plaintext, text);
            }
        }
        for gone in &mut self.gone {
            assert!(gone.open_application(&sealed).is_err());
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Add { by, count } => {
                let count = count.min(MEMBERS_MAX - self.members.len());
                let devices = (0..count).map(|_| self.world.device()).collect();
                let (plan, newcomers) = self.newcomers(devices);
                self.commit(self.at(by), &plan, newcomers);
            }
            Step::Remove { by, who } => {
                let Some((by, who)) = self.two(by, who) else { return };
                let remove = vec![self.members[who].1.device()];
                self.commit(by, &CommitPlan { remove, ..CommitPlan::default() }, Vec::new());
            }
            Step::Readd { by, who } => {
                let Some((by, who)) = self.two(by, who) else { return };
                let device = self.members[who].0.clone();
                let (mut plan, newcomers) = self.newcomers(vec![device]);
                plan.remove = vec![self.members[who].1.device()];
                self.commit(by, &plan, newcomers);
            }
            Step::Update { by } => self.commit(self.at(by), &CommitPlan::default(), Vec::new()),
            Step::Race { one, two } => self.race(one, two),
            Step::Restart { who } => {
                let who = self.at(who);
                let bytes = self.members[who].1.to_bytes().unwrap();
                self.members[who].1 = GroupSession::from_bytes(bytes.expose()).unwrap();
            }
            Step::Talk { by } => self.talk(by),
        }
    }

    fn check(&self) {
        let sessions: Vec<_> = self.members.iter().map(|(_, session)| session).collect();
        assert_agree(&sessions);
        let devices: Vec<DeviceId> = sessions.iter().map(|session| session.device()).collect();
        let roster: Vec<_> = sessions[0].roster().into_keys().collect();
        assert_eq!(roster, sorted(devices));
        for gone in &self.gone {
            assert_ne!(gone.epoch_id(), sessions[0].epoch_id());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn all_who_stay_agree_and_those_who_left_read_nothing(
        seed in any::<u8>(),
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        let mut group = Group::new(seed);
        for step in &steps {
            group.take(step);
            group.check();
        }
    }
}
