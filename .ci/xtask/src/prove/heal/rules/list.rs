//! The rules that are broken: each by small replacements of the product's text, each with the test that must see it.

use crate::prove::planted::Edit;

/// A rule to break.
pub struct Broken {
    /// What is wrong.
    pub name: &'static str,
    /// What is replaced.
    pub edits: &'static [Edit],
    /// The package of the test.
    pub package: &'static str,
    /// What of the package is built: the fewer, the sooner.
    pub built: &'static [&'static str],
    /// The test.
    pub test: &'static str,
}

const fn engine(name: &'static str, edits: &'static [Edit], test: &'static str) -> Broken {
    Broken { name, edits, package: "halloo-engine", built: &["--lib"], test }
}

const fn log(name: &'static str, edits: &'static [Edit], test: &'static str) -> Broken {
    Broken { name, edits, package: "halloo-crdt", built: &["--test", "log"], test }
}

/// Keys: what of a commit is looked at before it is followed.
const KEYS: &[Broken] = &[Broken {
    name: "the nodes of a path are not counted",
    edits: &[(
        "crypto/src/group/rules.rs",
        "fits.then_some(())",
        "(fits || !removed.contains(&u32::MAX)).then_some(())",
    )],
    package: "halloo-crypto",
    built: &["--features", "group,media,poison", "--lib"],
    test: "a_path_with_too_few_nodes_is_refused_by_all",
}];

/// Branches: which epoch counts, who may commit, what nobody accepts.
const BRANCHES: &[Broken] = &[
    engine(
        "a wish for a leaf ends with the first commit that gave it",
        &[(
            "node/engine/src/commits/fresh.rs",
            "(asked.given.is_none() || asked.instead == leaf).then_some",
            "asked.given.is_none().then_some",
        )],
        "who_asks_for_a_leaf_gets_it_though_the_commit_that_gave_it_loses_a_race",
    ),
    engine(
        "weight does not count",
        &[(
            "node/engine/src/epochs/node.rs",
            "Reverse(self.weight), self.commit_id)",
            "Reverse(0), self.commit_id)",
        )],
        "the_heavier_rival_wins_in_every_order",
    ),
    engine(
        "of equal weight the higher id wins",
        &[
            (
                "node/engine/src/epochs/node.rs",
                "(bool, Reverse<u64>, CommitId)",
                "(bool, Reverse<u64>, Reverse<CommitId>)",
            ),
            (
                "node/engine/src/epochs/node.rs",
                "Reverse(self.weight), self.commit_id)",
                "Reverse(self.weight), Reverse(self.commit_id))",
            ),
        ],
        "of_equal_weight_the_lower_commit_id_wins_in_every_order",
    ),
    engine(
        "commits that do not fit count",
        &[
            ("node/engine/src/epochs/node.rs", "(!self.fit, Reverse", "(false, Reverse"),
            ("node/engine/src/epochs.rs", ".is_some_and(|child| child.fit)", ".is_some()"),
        ],
        "what_is_not_fit_is_passed_over_with_all_that_follows_and_comes_back_when_it_is",
    ),
    engine(
        "rivals have no bound",
        &[(
            "node/engine/src/epochs.rs",
            "if rivals.len() > MAX_RIVALS {",
            "if rivals.len() > MAX_NODES * MAX_NODES {",
        )],
        "rivals_are_bounded_and_the_best_are_kept",
    ),
    engine(
        "a device commits as often as it likes",
        &[(
            "node/engine/src/epochs.rs",
            "!spent || (own.peek()",
            "!spent || own.peek().is_none() || (own.peek()",
        )],
        "a_device_commits_once_from_an_epoch",
    ),
    engine(
        "who made a misfit commit may not commit again",
        &[(
            "node/engine/src/epochs.rs",
            "own.all(|node| !node.fit))",
            "own.all(|node| !node.fit && node.fit))",
        )],
        "who_has_committed_commits_again_only_when_its_own_is_known_and_does_not_fit",
    ),
    engine(
        "the parent of the current epoch goes too early",
        &[(
            "node/engine/src/epochs.rs",
            "saturating_sub(node.seen_ms) > SETTLE_MS)",
            "saturating_sub(node.seen_ms) > 0)",
        )],
        "what_is_settled_is_given_up_and_the_current_branch_stays",
    ),
    engine(
        "a commit is followed before its heads are known",
        &[(
            "node/engine/src/commits.rs",
            "applied.heads.iter().any(|head| !state.log.contains(head))",
            "applied.heads.iter().any(|head| !state.log.contains(head) && state.log.contains(head))",
        )],
        "a_commit_with_heads_that_are_not_known_waits_for_them",
    ),
    engine(
        "a commit may add whom the log does not know",
        &[(
            "node/engine/src/commits/fitness.rs",
            "leaves.keys().any(|leaf| !roster.devices().contains_key(leaf))",
            "leaves.is_empty()",
        )],
        "an_insider_adds_nobody_whom_the_log_does_not_know",
    ),
    engine(
        "a commit may drop whom the log keeps",
        &[(
            "node/engine/src/commits/fitness.rs",
            "filter(|device| !leaves.contains_key(device)).all(",
            "filter(|device| !leaves.contains_key(device)).take(0).all(",
        )],
        "an_insider_removes_nobody_whom_the_log_keeps",
    ),
    engine(
        "a commit is judged once",
        &[(
            "node/engine/src/commits/fitness.rs",
            "replace(&mut room.settlements, settlements) == settlements",
            "replace(&mut room.settlements, settlements) <= settlements",
        )],
        "inv_1_a_commit_is_judged_by_all_acknowledgements_whichever_came_first",
    ),
    engine(
        "what acknowledgements may mend does not wait for them",
        &[(
            "node/engine/src/commits.rs",
            "let hinges = state.log.hinges_on_acknowledgements(&applied.heads);",
            "let hinges = false;",
        )],
        "inv_1_a_commit_is_judged_by_all_acknowledgements_whichever_came_first",
    ),
    engine(
        "a welcome to a lighter branch is taken",
        &[("node/engine/src/rejoin.rs", "weight < current ||", "weight < 1 && current < 1 ||")],
        "inv_1_a_welcome_to_a_lighter_branch_moves_nobody_though_it_was_asked_for",
    ),
    engine(
        "a welcome that nobody asked for is taken undecided",
        &[("node/engine/src/rejoin.rs", "!asked && !back.decided", "!asked && asked && !back.decided")],
        "a_welcome_that_nobody_asked_for_moves_nobody_unless_the_rule_decided",
    ),
    engine(
        "who cannot follow asks without end",
        &[(
            "node/engine/src/rejoin.rs",
            "now_ms < asked + REJOIN_EVERY_MS",
            "now_ms + REJOIN_EVERY_MS < asked",
        )],
        "who_is_told_that_it_cannot_follow_asks_once_and_is_added_again",
    ),
    engine(
        "a fresh leaf goes to whoever asks for it",
        &[("node/engine/src/rejoin.rs", ".is_ok_and(|info| info.device == device)", ".is_ok()")],
        "a_package_of_another_device_brings_nobody_in",
    ),
    engine(
        "a gap is asked about once",
        &[(
            "node/engine/src/reconcile/gap.rs",
            "let open = self.fresh || (missing && unasked);",
            "let open = self.fresh || (missing && unasked && self.fresh);",
        )],
        "a_gap_that_only_one_neighbour_can_fill_is_filled_at_once_whoever_is_asked_first",
    ),
];

/// Nobody who was removed reads on.
const SECRETS: &[Broken] = &[
    engine(
        "a taint is not noticed",
        &[(
            "node/engine/src/commits.rs",
            "    state.tainted = state.epochs.tip()",
            "    state.tainted = state.timers.total() == u64::MAX && state.epochs.tip()",
        )],
        "inv_2_an_epoch_with_a_leaf_of_the_removed_is_tainted_until_it_is_ended",
    ),
    engine(
        "a tainted epoch is sealed to",
        &[(
            "node/engine/src/state.rs",
            "self.tell(Fact::MustCommit);\n            return None;",
            "self.tell(Fact::MustCommit);",
        )],
        "nothing_is_sealed_to_a_tainted_epoch_or_by_who_is_out",
    ),
    engine(
        "a beacon that the removed know is used on",
        &[(
            "node/engine/src/topics.rs",
            "if somebody_left(log, beacon.heads()) {",
            "if somebody_left(log, beacon.heads()) && heights.is_empty() {",
        )],
        "a_removal_replaces_the_beacon_for_the_remaining_only",
    ),
    Broken {
        name: "the tag of a frame is not checked",
        edits: &[(
            "crypto/src/group/frame.rs",
            "if !kdf::equal(claimed, &mac(exports, kind, &tag, message)) {",
            "if kdf::equal(claimed, &mac(exports, kind, &tag, &[])) {",
        )],
        package: "halloo-crypto",
        built: &["--features", "group", "--lib"],
        test: "no_altered_or_cut_frame_is_accepted",
    },
    Broken {
        name: "an epoch that was entered again seals",
        edits: &[(
            "crypto/src/group/application.rs",
            "        if self.read_only {",
            "        if self.read_only && plaintext.len() > MAX_APPLICATION_BYTES {",
        )],
        package: "halloo-crypto",
        built: &["--features", "group", "--test", "group_session"],
        test: "after_a_restart_a_device_enters_its_own_commit_again_but_only_reads",
    },
];

/// Quarrels: what the signed log says of acts beside each other.
const QUARRELS: &[Broken] = &[
    log(
        "the junior wins",
        &[(
            "crdt/src/log/resolve.rs",
            "contested.sort_by_cached_key(|node| self.seniority(sweep, *node));",
            "contested.sort_by_cached_key(|node| Reverse(self.seniority(sweep, *node)));",
        )],
        "of_two_who_remove_each_other_the_senior_stays",
    ),
    log(
        "a removal does not beat what the removed did meanwhile",
        &[(
            "crdt/src/log/evaluate.rs",
            "victim == *account || uses_revoked(dag, strike, node)",
            "uses_revoked(dag, strike, node)",
        )],
        "a_remove_beats_what_the_removed_did_meanwhile",
    ),
    log(
        "leaving strikes",
        &[(
            "crdt/src/log/evaluate.rs",
            "OpKind::Remove { account } if actor != *account => {",
            "OpKind::Remove { account } => {",
        )],
        "leaving_strikes_nothing",
    ),
    log(
        "who came in by a link of the removed meanwhile stays",
        &[(
            "crdt/src/log/evaluate.rs",
            "victim == *account || uses_revoked(dag, strike, node)",
            "victim == *account",
        )],
        "a_remove_revokes_the_invites_made_by_and_used_by_the_removed",
    ),
    log(
        "the link by which the removed came stays open",
        &[("crdt/src/log/standing.rs", "made || !left && uses.any(", "made || left && uses.any(")],
        "a_remove_revokes_the_invites_made_by_and_used_by_the_removed",
    ),
    log(
        "an invite lets one more in",
        &[(
            "crdt/src/log/evaluate.rs",
            "users.len() >= usize::from(*max_uses)",
            "users.len() > usize::from(*max_uses)",
        )],
        "an_invite_used_up_on_both_sides_admits_the_first_by_rank_everywhere",
    ),
    log(
        "of two roles the higher stands",
        &[(
            "crdt/src/log/standing.rs",
            "last.map(|(_, role)| *role).min()",
            "last.map(|(_, role)| *role).max()",
        )],
        "of_two_concurrent_roles_the_lower_stands",
    ),
    log(
        "acknowledgements anchor nothing",
        &[(
            "crdt/src/log/resolve.rs",
            "anchor.holds().then_some(anchor)",
            "(anchor.holds() && anchor.pasts.is_empty()).then_some(anchor)",
        )],
        "inv_5_an_evicted_senior_cannot_answer_once_most_have_acknowledged",
    ),
    log(
        "half of the accounts are enough",
        &[(
            "crdt/src/log/evaluate.rs",
            "self.pasts.len() * 2 > self.electorate.len()",
            "self.pasts.len() * 2 >= self.electorate.len()",
        )],
        "half_of_the_accounts_settle_nothing",
    ),
    log(
        "the removed has a voice in his removal",
        &[(
            "crdt/src/log/resolve.rs",
            "if account == *removed || !electorate.contains(&account) {",
            "if !electorate.contains(&account) {",
        )],
        "the_removed_has_no_voice_in_his_own_removal",
    ),
    log(
        "a liar is believed",
        &[("crdt/src/log/board.rs", "Self::Lied(_) => None,", "Self::Lied(rows) => rows.first(),")],
        "a_device_with_two_words_counts_as_one_that_had_seen_nothing",
    ),
    log(
        "what the evicted backdates counts",
        &[(
            "crdt/src/log/evaluate.rs",
            "&& anchor.excludes(dag, node)\n",
            "&& anchor.excludes(dag, node) && dag.account(node) != struck\n",
        )],
        "inv_5_an_evicted_senior_cannot_answer_once_most_have_acknowledged",
    ),
    log(
        "what the removed wrote meanwhile always counts",
        &[(
            "crdt/src/log.rs",
            ".filter(|node| !self.dag.contains(&past, *node))",
            ".filter(|node| !self.dag.contains(&past, *node) && self.dag.contains(&past, *node))",
        )],
        "content_signed_beside_a_remove_is_known_as_such",
    ),
    log(
        "friends of the evicted have a voice",
        &[(
            "crdt/src/log/resolve.rs",
            "voices.filter(|account| common.contains(account)).count()",
            "voices.filter(|account| common.len() < usize::MAX || common.contains(account)).count()",
        )],
        "inv_5_friends_whom_the_evicted_backdates_into_the_group_do_not_bring_him_back",
    ),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Broken> {
    KEYS.iter().chain(BRANCHES).chain(SECRETS).chain(QUARRELS)
}
