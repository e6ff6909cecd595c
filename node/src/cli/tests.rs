//! What is typed is understood, or refused with the next step.

use super::*;

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

#[test]
fn each_exit_code_stands_in_the_help_once() {
    let help = Cli::command().render_long_help().to_string();
    let folded = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for (code, meaning) in crate::terminal::exit::MEANINGS {
        assert_eq!(folded.matches(&format!("{code} {meaning}")).count(), 1, "{meaning}");
    }
}

#[test]
fn every_command_has_a_manual_page_and_others_are_refused() {
    for command in Cli::command().get_subcommands() {
        let page = String::from_utf8(manual(Some(command.get_name())).unwrap()).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(manual(Some("fly")).unwrap_err().to_string().contains("`halloo help`"));
}

#[test]
fn steps_of_a_pairing_and_of_catching_up_are_told() {
    let step = |value: serde_json::Value| progress::step(&value);
    let pairing =
        |step: &str| serde_json::json!({"event": "pairing", "step": step, "emoji": ["a", "b", "c", "d"]});
    assert_eq!(step(pairing("started")).as_deref(), Some("a member answers"));
    assert!(step(pairing("emoji")).unwrap().contains("a b c d"));
    assert!(step(pairing("burned")).is_none());
    let sync = |done: bool| serde_json::json!({"event": "sync", "received": 120, "sent": 3, "done": done, "name": "Ana"});
    assert_eq!(step(sync(false)).as_deref(), Some("catching up: 120 received, 3 sent"));
    assert_eq!(step(sync(true)), None);
    assert_eq!(show::event(&sync(false)).as_deref(), Some("* catching up with Ana: 120 received, 3 sent"));
    assert_eq!(show::event(&sync(true)), None);
}

#[test]
fn a_full_call_and_a_private_word_are_shown_as_such() {
    let full = serde_json::json!({"event": "call-full", "text": "the call is full; make room"});
    assert_eq!(show::event(&full).as_deref(), Some("! the call is full; make room"));
    let forged =
        serde_json::json!({"event": "voice-forged", "on": true, "text": "somebody else speaks as Ana"});
    assert_eq!(show::event(&forged).as_deref(), Some("! somebody else speaks as Ana"));
    let message = |with: Option<&str>| serde_json::json!({"event": "message", "message": "0123456789ab", "from": "Ana", "text": "here", "sent_ms": 0, "with": with});
    assert_eq!(show::event(&message(None)).as_deref(), Some("00:00  01234567  Ana: here"));
    assert_eq!(
        show::event(&message(Some("ab"))).as_deref(),
        Some("00:00  01234567  Ana (to you alone): here")
    );
    let call = serde_json::json!({"event": "call-joined", "name": "Ana", "with": "ab"});
    assert!(show::event(&call).unwrap().contains("`halloo call Ana`"));
}

#[test]
fn a_line_says_what_became_of_it_and_cannot_pass_for_another() {
    let mut line = serde_json::json!({
        "event": "edited", "message": "0123456789ab", "from": "Ana", "text": "at ten", "sent_ms": 60_000, "edited": true,
        "apart": true, "reply_to": "fedcba9876543210",
        "reactions": [{"emoji": "\u{1f44d}", "by": ["aa", "bb"], "names": ["Ben", "Cleo"]}],
    });
    let shown =
        "~ 00:01  01234567  Ana (to fedcba98): at ten  (edited)  (written apart)  [\u{1f44d} Ben, Cleo]";
    assert_eq!(show::event(&line).as_deref(), Some(shown));
    line["text"] = serde_json::json!("x\n00:02  89abcdef  Ben: forged\u{1b}[2J");
    let shown = lines::message(&line);
    assert!(shown.contains("x\n       | 00:02") && !shown.contains('\u{1b}'), "{shown}");
    line["deleted"] = serde_json::json!(true);
    assert!(lines::message(&line).contains("Ana (to fedcba98): (taken back)  (written apart)"));
}

#[test]
fn lines_are_changed_taken_back_and_reacted_to_in_words() {
    let request = |words: &[&str]| {
        let cli = Cli::try_parse_from([&["halloo"], words].concat()).unwrap();
        serde_json::to_value(asks::request(&cli.command).unwrap().unwrap()).unwrap()
    };
    let is = |words: &[&str], json: serde_json::Value| assert_eq!(request(words), json);
    is(
        &["edit", "last", "at", "ten"],
        serde_json::json!({"do": "edit", "message": "last", "text": "at ten"}),
    );
    is(&["withdraw", "1f3a"], serde_json::json!({"do": "withdraw", "message": "1f3a"}));
    is(&["delete", "1f3a"], serde_json::json!({"do": "withdraw", "message": "1f3a"}));
    is(
        &["react", "last", "+1"],
        serde_json::json!({"do": "react", "message": "last", "emoji": "+1", "on": true}),
    );
    is(&["edits", "1f3a"], serde_json::json!({"do": "edits", "message": "1f3a"}));
    assert!(Cli::try_parse_from(["halloo", "edit", "last"]).is_err(), "an edit needs its text");
}

#[test]
fn polls_and_tasks_are_asked_for_in_words_and_shown_with_who_is_for_what() {
    let request = |words: &[&str]| {
        let cli = Cli::try_parse_from([&["halloo"], words].concat()).unwrap();
        asks::request(&cli.command).map(|request| serde_json::to_value(request.unwrap()).unwrap())
    };
    let is = |words: &[&str], json: serde_json::Value| assert_eq!(request(words).unwrap(), json);
    is(&["poll"], serde_json::json!({"do": "polls"}));
    is(
        &["poll", "new", "where?", "hut", "tent"],
        serde_json::json!({"do": "poll_new", "question": "where?", "options": ["hut", "tent"]}),
    );
    is(&["poll", "vote", "last", "hut"], serde_json::json!({"do": "vote", "poll": "last", "option": "hut"}));
    is(
        &["poll", "vote", "last", "--none"],
        serde_json::json!({"do": "vote", "poll": "last", "option": null}),
    );
    is(
        &["task", "add", "the", "rope", "--for", "Eva"],
        serde_json::json!({"do": "task_new", "title": "the rope", "for": "Eva"}),
    );
    is(&["task", "done", "ab12"], serde_json::json!({"do": "task_done", "task": "ab12", "done": true}));
    is(
        &["task", "drop", "ab12", "--undo"],
        serde_json::json!({"do": "task_drop", "task": "ab12", "dropped": false}),
    );
    assert!(request(&["task", "change", "last"]).unwrap_err().to_string().contains("--title"));
    assert!(Cli::try_parse_from(["halloo", "poll", "vote", "last"]).is_err(), "for what?");
    let poll = serde_json::json!({
        "event": "poll", "poll": "0123456789ab", "from": "Ana", "question": "where?", "closed": true, "vote": 2,
        "options": [{"option": "hut", "votes": 0, "names": []}, {"option": "tent", "votes": 2, "names": ["Ana", "Ben"]}],
    });
    let shown = "? 01234567  Ana asks: where?  (closed)\n    1  hut  0\n  * 2  tent  2  Ana, Ben";
    assert_eq!(show::event(&poll).as_deref(), Some(shown));
    let task = serde_json::json!({
        "event": "task", "task": "0123456789ab", "title": "the rope", "for_name": "Eva", "done_by": "aa", "done_name": "Ben",
    });
    let shown = "* task 01234567  [x] the rope  for Eva  (done by Ben)";
    assert_eq!(show::event(&task).as_deref(), Some(shown));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let pipe: anyhow::Error = std::io::Error::from(std::io::ErrorKind::BrokenPipe).into();
    assert!(crate::terminal::is_closed_pipe(&pipe.context("writing")));
    assert!(!crate::terminal::is_closed_pipe(&anyhow::anyhow!("something else")));
}

#[test]
fn devices_are_joined_and_taken_out_in_words() {
    let cli = Cli::try_parse_from(["halloo", "device", "join", "7-otter-quartz", "--name", "phone"]).unwrap();
    let Command::Device { what: DeviceCommand::Join { invite, name, .. } } = &cli.command else {
        panic!("not a join")
    };
    assert_eq!((invite.as_str(), name.as_deref()), ("7-otter-quartz", Some("phone")));
    let cli = Cli::try_parse_from(["halloo", "device", "revoke", "phone"]).unwrap();
    let request = asks::request(&cli.command).unwrap().unwrap();
    assert!(matches!(request, crate::door::Request::DeviceRevoke { device } if device == "phone"));
    assert!(Cli::try_parse_from(["halloo", "device"]).is_err(), "it says what can be done");
}

#[test]
fn the_door_for_browsers_is_shut_unless_it_is_asked_for_and_then_on_loopback() {
    let rest = |args: &[&str]| match Cli::try_parse_from([&["halloo", "up"], args].concat()).unwrap().command
    {
        Command::Up { rest, .. } => rest,
        other => panic!("{other:?}"),
    };
    assert_eq!(rest(&[]), None);
    assert_eq!(rest(&["--rest"]), Some(([127, 0, 0, 1], 0).into()));
    assert_eq!(rest(&["--rest", "--loopback"]), Some(([127, 0, 0, 1], 0).into()));
    assert_eq!(rest(&["--rest", "[::1]:4711"]), Some("[::1]:4711".parse().unwrap()));
    assert!(Cli::try_parse_from(["halloo", "up", "--rest", "4711"]).is_err());
}

#[test]
fn a_fix_has_speed_and_heading_where_they_are_typed() {
    let cli =
        Cli::try_parse_from(["halloo", "fix", "46", "7", "--speed", "8.5", "--heading", "270"]).unwrap();
    let crate::door::Request::Fix(fix) = asks::request(&cli.command).unwrap().unwrap() else {
        panic!("no fix")
    };
    assert_eq!((fix.speed, fix.heading, fix.accuracy), (Some(8.5), Some(270.0), None));
}
