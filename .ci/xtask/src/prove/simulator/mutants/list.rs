//! The bugs that are planted: each breaks one rule of the product by small replacements of its text.

use crate::prove::planted::Edit;

/// A bug to plant.
pub struct Mutant {
    /// What is wrong.
    pub name: &'static str,
    /// What is replaced.
    pub edits: &'static [Edit],
    /// Shipped scenarios that are to find it, tried in this order.
    pub scenarios: &'static [&'static str],
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "skip the taint rule",
        edits: &[
            (
                "node/engine/src/commits.rs",
                "    state.tainted = state.epochs.tip().leaves.keys().any(|leaf| !authorised.contains_key(leaf));",
                "    let out = !state.is_member();\n    state.tainted = out && state.epochs.tip().leaves.keys().any(|leaf| !authorised.contains_key(leaf));",
            ),
            (
                "node/engine/src/topics.rs",
                "    if somebody_left(log, beacon.heads()) {",
                "    if somebody_left(log, beacon.heads()) && heights.is_empty() {",
            ),
        ],
        scenarios: &["removal"],
    },
    Mutant {
        name: "forget to wait for Written",
        edits: &[(
            "node/engine/src/outbox.rs",
            "        debug_assert!(!matches!(output, Output::Idle(_) | Output::Write(_)), \"made by the drain itself\");\n        self.held.push(Then::Say(output));",
            "        self.ready.push_back(output);",
        )],
        scenarios: &["crash-storm", "torn-writes"],
    },
    Mutant {
        name: "an unbounded queue before the disk",
        edits: &[(
            "node/engine/src/outbox.rs",
            "        self.pending.len() >= MAX_PENDING_WRITES",
            "        self.pending.len() == usize::MAX",
        )],
        scenarios: &["stuck-disk"],
    },
    Mutant {
        name: "the branch that came first wins",
        edits: &[(
            "node/engine/src/epochs/node.rs",
            "        (!self.fit, Reverse(self.weight), self.commit_id)",
            "        (!self.fit, Reverse(u64::MAX - self.seen_ms), self.commit_id)",
        )],
        scenarios: &["two-captains"],
    },
    Mutant {
        name: "leases never end",
        edits: &[(
            "node/engine/src/engine.rs",
            "                Timer::LiveExpiry => location::on_expiry(&self.here, state),",
            "                Timer::LiveExpiry => {}",
        )],
        scenarios: &["commuters", "crash-storm"],
    },
    Mutant {
        name: "a lease is as long as it may be",
        edits: &[(
            "crdt/src/live.rs",
            "            let lease = u64::from(lease_ms).min(kind.max_lease_ms()).saturating_sub(u64::from(age_ms));",
            "            let lease = u64::from(lease_ms).max(kind.max_lease_ms()) + u64::from(age_ms);",
        )],
        scenarios: &["commuters", "crash-storm"],
    },
    Mutant {
        name: "what comes twice is shown twice",
        edits: &[(
            "node/engine/src/chat.rs",
            "        return delivered(room, state, &[signed.id()]);",
            "        delivered(room, state, &[signed.id()]);\n        return state.tell(Fact::Contents(vec![signed.id()]));",
        )],
        scenarios: &["mountain-split", "lossy-mesh"],
    },
    Mutant {
        name: "signatures of contents are not checked",
        edits: &[(
            "crdt/src/content.rs",
            "        identity::verify(&self.content.author, Domain::Content, self.id.as_bytes(), &self.signature)\n            .map_err(|_| ContentError::Signature)?;",
            "        if self.id.as_bytes().is_empty() {\n            identity::verify(&self.content.author, Domain::Content, &[], &self.signature)\n                .map_err(|_| ContentError::Signature)?;\n        }",
        )],
        scenarios: &["forger"],
    },
    Mutant {
        name: "leases run on the wall clock",
        edits: &[
            ("node/engine/src/state.rs", "        self.now.mono.as_millis()", "        self.now.wall_ms"),
            (
                "node/engine/src/location.rs",
                "        Some(at) => state.timers.set(Timer::LiveExpiry, Time::from_millis(at)),",
                "        Some(at) => {\n            let left = core::time::Duration::from_millis(at.saturating_sub(state.lease_ms()));\n            state.timers.set(Timer::LiveExpiry, state.now.mono.after(left));\n        }",
            ),
        ],
        scenarios: &["clock-skew"],
    },
    Mutant {
        name: "every start seals as the one before",
        edits: &[(
            "node/engine/src/state.rs",
            "        let incarnation = Incarnation::generate(&mut rng);",
            "        let incarnation = Incarnation::from_bytes(*me.as_bytes().first_chunk().expect(\"32 bytes\"));",
        )],
        scenarios: &["crash-storm"],
    },
    Mutant {
        name: "woken a moment too early",
        edits: &[(
            "node/engine/src/engine.rs",
            "        Output::Idle(self.state.timers.next().map(|(at, why)| Deadline { at, why }))",
            "        let early = |at: crate::time::Time| crate::time::Time::from_micros(at.as_micros().saturating_sub(500));\n        Output::Idle(self.state.timers.next().map(|(at, why)| Deadline { at: early(at), why }))",
        )],
        scenarios: &["family-wifi"],
    },
    Mutant {
        name: "newcomers are told everything",
        edits: &[(
            "node/engine/src/reconcile/offer.rs",
            "        let entitled = account.is_some_and(|account| state.log.role_at(&account, heads).is_some());",
            "        let entitled = account.is_some();",
        )],
        scenarios: &["soup", "removal"],
    },
    Mutant {
        name: "nothing is repaired after a partition",
        edits: &[(
            "node/engine/src/engine.rs",
            "        reconcile::on_proven(&mut self.reconcile, state, peer);",
            "        let _ = (&mut self.reconcile, state, peer);",
        )],
        scenarios: &["mountain-split"],
    },
];
