//! What is typed is understood, or refused with the next step.

use super::*;
use clap::CommandFactory as _;

#[test]
fn the_command_line_is_consistent_and_its_manual_can_be_made() {
    Cli::command().debug_assert();
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).unwrap();
    assert!(String::from_utf8(page).unwrap().contains("Exit codes"));
}

#[test]
fn spans_are_read_in_four_units() {
    for (text, seconds) in [("90s", 90), ("90", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400)] {
        assert_eq!(asks::span(text).unwrap().as_secs(), seconds);
    }
    for bad in ["", "h", "1w", "-1s", "99999999999999999999s", "400d", "1.5h"] {
        assert!(asks::span(bad).is_err(), "{bad} must be refused");
    }
}

#[test]
fn negative_coordinates_are_not_options() {
    let cli = Cli::try_parse_from(["halloo", "fix", "-33.8", "-70.1"]).unwrap();
    assert!(matches!(cli.command, Command::Fix { latitude, .. } if latitude == -33.8));
}

#[test]
fn words_of_a_message_are_joined_and_files_become_absolute() {
    let cli = Cli::try_parse_from(["halloo", "say", "at", "the", "bridge"]).unwrap();
    let request = asks::request(&cli.command).unwrap().unwrap();
    assert!(matches!(request, crate::door::Request::Say { text, .. } if text == "at the bridge"));
    let cli = Cli::try_parse_from(["halloo", "talk", "--in", "a.wav", "--out", "null"]).unwrap();
    let crate::door::Request::Talk(talk) = asks::request(&cli.command).unwrap().unwrap() else {
        panic!("not talk")
    };
    assert!(std::path::Path::new(&talk.source).is_absolute());
    assert_eq!(talk.sink, "null");
}
