//! A small world of devices for the tests of MLS sessions.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use halloo_crypto::group::*;
use halloo_crypto::id::*;
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

pub(crate) const GROUP: GroupId = GroupId([0x11; 32]);

pub(crate) struct World {
    pub(crate) rng: ChaCha20Rng,
}

impl World {
    pub(crate) fn new(seed: u8) -> Self {
        let rng = ChaCha20Rng::from_seed([seed; 32]);
        Self { rng }
    }

    pub(crate) fn device(&mut self) -> DeviceSecret {
        DeviceSecret::generate(&mut self.rng)
    }

    pub(crate) fn create(&mut self, device: &DeviceSecret) -> GroupSession {
        GroupSession::create(GROUP, device, &mut self.rng).unwrap()
    }

    pub(crate) fn key_package(&mut self, device: &DeviceSecret) -> KeyPackageSecret {
        KeyPackageSecret::generate(GROUP, device, &mut self.rng).unwrap()
    }

    /// A group whose members were all added by one commit of the first.
    pub(crate) fn group_of(&mut self, count: usize) -> Vec<GroupSession> {
        let creator = self.device();
        let first = self.create(&creator);
        let secrets: Vec<_> = (1..count)
            .map(|_| {
                let device = self.device();
                self.key_package(&device)
            })
            .collect();
        if secrets.is_empty() {
            return vec![first];
        }
        let plan = CommitPlan {
            add: secrets.iter().map(|s| s.key_package().to_vec()).collect(),
            ..CommitPlan::default()
        };
        let prepared = first.prepare(&plan, &mut self.rng).unwrap();
        let welcome = prepared.welcome.unwrap();
        let mut members = vec![prepared.next];
        members.extend(secrets.iter().map(|secret| GroupSession::join(&welcome, secret).unwrap()));
        members
    }

    /// Adds one device; the next session of the adder and that of the added.
    pub(crate) fn add(
        &mut self,
        session: &GroupSession,
        device: &DeviceSecret,
    ) -> (GroupSession, GroupSession) {
        let secret = self.key_package(device);
        let plan = CommitPlan { add: vec![secret.key_package().to_vec()], ..CommitPlan::default() };
        let prepared = session.prepare(&plan, &mut self.rng).unwrap();
        let joined = GroupSession::join(prepared.welcome.as_deref().unwrap(), &secret).unwrap();
        (prepared.next, joined)
    }

    pub(crate) fn seal(&mut self, session: &mut GroupSession, plaintext: &[u8]) -> Vec<u8> {
        session.seal_application(b"clear", plaintext, &mut self.rng).unwrap()
    }

    pub(crate) fn update(&mut self, session: &GroupSession) -> Prepared {
        session.prepare(&CommitPlan::default(), &mut self.rng).unwrap()
    }
}

pub(crate) fn assert_agree(sessions: &[&GroupSession]) {
    let first = sessions[0];
    for other in &sessions[1..] {
        assert_eq!(first.epoch_id(), other.epoch_id());
        assert_eq!(first.commit_id(), other.commit_id());
        assert_eq!(first.heads(), other.heads());
        assert_eq!(first.roster(), other.roster());
        assert_eq!(first.tag(), other.tag());
        for export in Export::ALL {
            assert_eq!(
                first.export(export, b"context", 32).unwrap(),
                other.export(export, b"context", 32).unwrap()
            );
        }
    }
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

pub(crate) fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}
