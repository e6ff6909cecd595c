//! People with devices, replicas of a log, and ways to sign what honest helpers refuse.

use halloo_crdt::log::{
    Author, DeviceGrant, Inserted, InviteUse, Log, LogError, OpContext, OpKind, Role, SignedOp,
};
use halloo_crypto::id::{AccountId, DeviceId, GroupId, InvitePublic, OpId};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret, Domain};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A Sunday morning.
pub(crate) const NOW_MS: u64 = 1_790_000_000_000;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A person with an account key and devices.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) account: AccountSecret,
    pub(crate) devices: Vec<DeviceSecret>,
}

impl Person {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        Self {
            account: AccountSecret::generate(&mut rng),
            devices: (0..3).map(|_| DeviceSecret::generate(&mut rng)).collect(),
        }
    }

    pub(crate) fn id(&self) -> AccountId {
        self.account.id()
    }

    pub(crate) fn device(&self) -> &DeviceSecret {
        &self.devices[0]
    }

    pub(crate) fn at(&self, now_ms: u64) -> Author<'_> {
        Author { device: self.device(), now_ms }
    }

    pub(crate) fn now(&self) -> Author<'_> {
        self.at(NOW_MS)
    }

    /// A grant for one of the devices, with a stand-in for the key package.
    pub(crate) fn grant(&self, device: usize) -> DeviceGrant {
        DeviceGrant {
            certificate: DeviceCertificate::issue(&self.account, &self.devices[device], NOW_MS),
            key_package: vec![device as u8; 40],
        }
    }

    pub(crate) fn add(&self, role: Role) -> OpKind {
        OpKind::Add { account: self.id(), role, devices: vec![self.grant(0)], invite: None }
    }

    pub(crate) fn remove(&self) -> OpKind {
        OpKind::Remove { account: self.id() }
    }

    pub(crate) fn set_role(&self, role: Role) -> OpKind {
        OpKind::SetRole { account: self.id(), role }
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        self.device().id()
    }
}

/// The secret of an invite: any Ed25519 key will do here.
pub(crate) struct Invitation(pub(crate) DeviceSecret);

impl Invitation {
    pub(crate) fn new(seed: u64) -> Self {
        Self(DeviceSecret::generate(&mut rng(seed)))
    }

    pub(crate) fn key(&self) -> InvitePublic {
        InvitePublic(self.0.id().0)
    }

    pub(crate) fn opens(&self, role: Role, max_uses: u16) -> OpKind {
        OpKind::Invite { key: self.key(), expires_ms: NOW_MS + 3_600_000, max_uses, role }
    }

    /// The Add of a newcomer who holds the secret.
    pub(crate) fn admits(&self, group: GroupId, invite: OpId, who: &Person, role: Role) -> OpKind {
        let message = InviteUse::message(&group, &who.id(), &who.device_id());
        OpKind::Add {
            account: who.id(),
            role,
            devices: vec![who.grant(0)],
            invite: Some(InviteUse { invite, proof: self.0.sign(Domain::InviteProof, &message) }),
        }
    }
}

/// Signs anything at any place, allowed or not.
pub(crate) fn sign_at(
    log: &Log,
    device: &DeviceSecret,
    parents: &[OpId],
    at_ms: u64,
    kind: OpKind,
) -> SignedOp {
    let mut parents = parents.to_vec();
    parents.sort_unstable();
    parents.dedup();
    let seq =
        parents.iter().map(|id| log.get(id).expect("the parents are here").seq() + 1).max().unwrap_or(0);
    let context = OpContext { group: log.group(), parents, seq, at_ms };
    SignedOp::sign(context, kind, device)
}

/// Signs at the heads and inserts whatever the evaluation will say.
pub(crate) fn act(log: &mut Log, device: &DeviceSecret, kind: OpKind) -> SignedOp {
    let heads: Vec<OpId> = log.heads().iter().copied().collect();
    act_at(log, device, &heads, kind)
}

/// Signs at `parents` and inserts whatever the evaluation will say.
pub(crate) fn act_at(log: &mut Log, device: &DeviceSecret, parents: &[OpId], kind: OpKind) -> SignedOp {
    let op = sign_at(log, device, parents, NOW_MS, kind);
    let inserted = log.insert(op.clone()).expect("the operation is acceptable");
    assert!(matches!(inserted, Inserted::New(_) | Inserted::Known));
    op
}

/// Tells `to` everything that `from` has.
pub(crate) fn tell(from: &Log, to: &mut Log) {
    for op in from.ops() {
        to.insert(op.clone()).expect("what one accepted, all accept");
    }
    for row in from.board().rows() {
        to.acknowledge(row.clone()).expect("what one accepted, all accept");
    }
    assert_eq!(to.waiting(), 0);
}

/// Both ways.
pub(crate) fn meet(a: &mut Log, b: &mut Log) {
    tell(a, b);
    tell(b, a);
}

/// A group founded by the first person, the others added with these roles; everybody has seen everything.
pub(crate) fn group(people: &[Person], roles: &[Role]) -> Log {
    let founder = &people[0];
    let (mut log, _) = Log::found(founder.now(), [7; 32], founder.grant(0)).expect("founding is allowed");
    for (person, role) in people[1..].iter().zip(roles) {
        log.author(founder.now(), person.add(*role)).expect("an owner may add");
    }
    log
}

pub(crate) fn people(count: u64) -> Vec<Person> {
    (0..count).map(|n| Person::new(1_000 + n)).collect()
}

pub(crate) fn heads(log: &Log) -> Vec<OpId> {
    log.heads().iter().copied().collect()
}

pub(crate) fn denied(result: Result<SignedOp, LogError>) -> halloo_crdt::log::VoidReason {
    match result {
        Err(LogError::Denied(reason)) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
