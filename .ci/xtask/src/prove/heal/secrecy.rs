//! `prove heal.7`: of a seized device nothing opens that was said more than a step of the call chain, and two seconds, before.

mod attacker;
mod process;
mod seizure;

use super::super::Size;
use super::insiders::tests_pass;
use anyhow::Result;

/// Each seizes devices again and again in one kind of call, and asserts that what is said now opens and what is older does not.
const TESTS: &[&str] = &[
    "of_a_seized_device_nothing_opens_that_was_said_more_than_a_step_before",
    "the_whole_step_of_a_seized_device_opens_up_to_its_beginning",
    "a_late_joiner_opens_nothing_of_before_its_step",
    "of_two_calls_in_one_epoch_the_second_opens_nothing_of_the_first",
];

/// At full size with many seeds.
pub fn run(size: Size) -> Result<()> {
    tests_pass(&["-p", "halloo-engine", "--lib"], TESTS, size)?;
    println!(
        "seized in the middle of calls, late, after joining, after hanging up: nothing older than 62 s opens"
    );
    process::run(size)
}
