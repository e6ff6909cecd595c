//! `prove heal.9`: hostile insiders, one story after another, each with the tests that tell it.

use super::super::Size;
use crate::shell::{cargo, command, root, target};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::time::Instant;

/// Where tests are built: a package and what of it.
type Place = &'static [&'static str];

const CRYPTO: Place = &["-p", "halloo-crypto", "--features", "group,media,poison", "--lib"];
const LOG: Place = &["-p", "halloo-crdt", "--test", "log"];
const CROWD: Place = &["-p", "halloo-crdt", "--test", "crowd"];
const ENGINE: Place = &["-p", "halloo-engine", "--lib"];
const STRING: Place = &["-p", "halloo-engine", "--test", "string"];
const HEALING: Place = &["-p", "halloo-engine", "--test", "healing"];

/// What somebody with all keys of a member does, where it is told, and by which tests.
const STORIES: &[(&str, Place, &[&str])] = &[
    (
        "signs commits that MLS never makes",
        CRYPTO,
        &[
            "a_path_with_too_few_nodes_is_refused_by_all",
            "a_path_with_too_many_nodes_or_none_is_refused_by_all",
            "no_change_of_the_nodes_stops_anybody",
            "no_number_or_length_of_nodes_stops_anybody_whose_leaf_fits_them",
            "whatever_a_member_signs_as_a_commit_stops_nobody",
            "no_sender_that_a_message_names_stops_anybody",
        ],
    ),
    (
        "signs welcomes that MLS never makes",
        CRYPTO,
        &[
            "whatever_a_member_signs_as_a_welcome_stops_nobody_who_joins",
            "no_tree_whose_hash_fits_stops_anybody_who_joins",
        ],
    ),
    (
        "signs late, with old parents",
        STRING,
        &[
            "an_answer_signed_late_with_old_parents_changes_nothing_that_most_had_acknowledged",
            "a_word_of_an_honest_sleeper_with_old_parents_counts_whenever_it_comes",
        ],
    ),
    (
        "signs late, with old parents",
        LOG,
        &["inv_5_an_evicted_senior_cannot_answer_once_most_have_acknowledged"],
    ),
    (
        "is removed by whom it removes",
        STRING,
        &[
            "who_removes_each_other_ends_the_same_in_whichever_order_the_others_hear_of_it",
            "two_admins_who_remove_each_other_end_the_same_everywhere",
        ],
    ),
    ("is removed by whom it removes", HEALING, &["the_log_says_what_the_model_says_in_every_order"]),
    (
        "is a minority behind a split",
        STRING,
        &["a_minority_undoes_nothing_that_the_majority_acknowledged_behind_a_split"],
    ),
    (
        "logs bad key packages",
        ENGINE,
        &["inv_6_whoever_has_a_bad_package_stays_outside_alone_and_evictions_go_on"],
    ),
    (
        "logs bad key packages",
        CRYPTO,
        &["whatever_would_spoil_later_commits_is_refused", "every_altered_byte_and_every_cut_is_refused"],
    ),
    (
        "poisons the path for half",
        STRING,
        &[
            "both_halves_come_together_when_one_cannot_apply_the_commit",
            "all_but_one_beside_the_insider_come_back_too",
        ],
    ),
    (
        "grinds hashes, brings late siblings",
        ENGINE,
        &[
            "within_a_race_of_a_second_who_grinds_wins_and_all_end_on_one_epoch",
            "a_late_sibling_of_a_parent_of_twenty_hours_moves_nobody_who_had_acknowledged",
            "even_a_heavier_one_that_names_what_was_signed_meanwhile_moves_nobody",
        ],
    ),
    (
        "adds and removes without end",
        STRING,
        &["an_admin_who_adds_and_removes_without_end_leaves_the_others_one_group"],
    ),
    (
        "lies or floods, with 47 others",
        CROWD,
        &["two_honest_members_agree_among_any_number_of_equivocators_and_spammers"],
    ),
    (
        "has a clock ten years off",
        STRING,
        &[
            "a_clock_ten_years_ahead_binds_nobody_else",
            "an_invite_of_a_clock_ten_years_off_lets_in_by_whoever_made_it",
        ],
    ),
    (
        "is put back from a copy",
        STRING,
        &[
            "a_home_put_back_in_the_middle_of_a_call_speaks_under_no_key_of_before",
            "a_home_put_back_from_an_old_copy_repeats_no_key_and_comes_back_to_the_others",
        ],
    ),
    (
        "sleeps over three forks",
        STRING,
        &["sleepers_of_an_hour_a_day_and_a_week_come_back_over_three_forks_by_one_who_was_there"],
    ),
    (
        "is out and holds the wires",
        STRING,
        &[
            "who_was_removed_without_hearing_of_it_opens_no_later_word_on_any_wire",
            "the_removed_is_handed_everything_and_opens_nothing",
        ],
    ),
];

/// Runs the tests and prints which story each of them tells; at full size those that draw cases draw more of them.
pub fn run(size: Size) -> Result<()> {
    let mut places: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for (_, place, tests) in STORIES {
        places.entry(place).or_default().extend(*tests);
    }
    let began = Instant::now();
    let mut told = String::new();
    for (place, tests) in places {
        told.push_str(&results(place, &tests, size)?);
    }
    let mut failed = 0;
    println!("{:<38} {:<92} {:>4}", "an insider who", "test", "ok");
    for (story, _, tests) in STORIES {
        for test in *tests {
            let ok = passed(&told, test);
            failed += usize::from(!ok);
            println!("{story:<38} {test:<92} {:>4}", if ok { "yes" } else { "NO" });
        }
    }
    println!("{} seconds", began.elapsed().as_secs());
    if failed > 0 { bail!("{failed} of these tests failed or do not exist:\n{told}") } else { Ok(()) }
}

/// Runs these tests and fails unless every one of them is there and passes.
pub(super) fn tests_pass(place: &[&'static str], tests: &[&str], size: Size) -> Result<()> {
    let told = results(place, tests, size)?;
    let failed: Vec<_> = tests.iter().filter(|test| !passed(&told, test)).collect();
    if failed.is_empty() { Ok(()) } else { bail!("{failed:?} failed or do not exist:\n{told}") }
}

/// What nextest says of these tests, whatever became of them.
fn results(place: &[&'static str], tests: &[&str], size: Size) -> Result<String> {
    let filter = format!("test(/(^|::)({})$/)", tests.join("|"));
    let mut args = vec!["nextest", "run", "--locked", "--cargo-quiet", "--no-fail-fast", "-E", &filter];
    args.extend(place);
    let cargo = cargo();
    let mut nextest = command(&cargo, &args);
    nextest.current_dir(root()).env("CARGO_TARGET_DIR", target()).env("CARGO_TERM_COLOR", "never");
    if size == Size::Full {
        nextest.env("HALLOO_PROVE", "1");
    }
    let ran = nextest.output().context("cargo nextest")?;
    Ok(String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// Whether nextest says that a test passed; it names it at the end of a line.
fn passed(told: &str, test: &str) -> bool {
    let named = |line: &str| line.ends_with(&format!("::{test}")) || line.ends_with(&format!(" {test}"));
    let mut lines = told.lines().filter(|line| named(line)).peekable();
    lines.peek().is_some() && lines.all(|line| line.trim_start().starts_with("PASS"))
}

#[cfg(test)]
mod tests;
