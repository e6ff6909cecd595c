//! Settings from several places.

use super::layers::{ConfigError, Effective, Layer, Source};
use std::io::Write as _;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn pairs(pairs: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
    let owned: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    owned.into_iter()
}

#[test]
fn flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults() {
    let file = file("name = \"file\"\nconnections = 10\nlisten = \"127.0.0.1:1\"\n");
    let env =
        [("HALLOO_COORDINATOR_NAME", "env"), ("HALLOO_COORDINATOR_LISTEN", "127.0.0.1:2"), ("HOME", "/")];
    let layers = vec![
        Layer::file(file.path()).unwrap(),
        Layer::env(pairs(&env)).unwrap(),
        Layer::flags(pairs(&[("listen", "127.0.0.1:3"), ("lan", "true")])).unwrap(),
    ];
    let effective = Effective::of(layers).unwrap();
    assert_eq!(effective.config.name, "env");
    assert_eq!(effective.config.connections, 10);
    assert_eq!(effective.config.listen.port(), 3);
    assert!(effective.config.lan);
    let from = |name: &str| effective.rows().into_iter().find(|(key, ..)| key == name).unwrap().2;
    assert_eq!(from("listen"), Source::Flag);
    assert_eq!(from("name"), Source::Env);
    assert_eq!(from("connections"), Source::File(file.path().to_owned()));
    assert_eq!(from("origin"), Source::Default);
}

#[test]
fn a_key_that_nobody_knows_is_an_error_that_says_where_it_is_written() {
    let file = file("nmae = \"typo\"\n");
    let error = Effective::of(vec![Layer::file(file.path()).unwrap()]).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("nmae") && said.contains(&file.path().display().to_string()), "{said}");
    let env = Layer::env(pairs(&[("HALLOO_COORDINATOR_NO__SUCH", "1")])).unwrap();
    let said = Effective::of(vec![env]).unwrap_err().to_string();
    assert!(said.starts_with("environment: ") && said.contains("unknown field"), "{said}");
}

#[test]
fn rooms_are_named_by_a_list_or_by_one_line() {
    for text in ["rooms = [\"auth\"]", "rooms = \"auth\""] {
        let file = file(text);
        let effective = Effective::of(vec![Layer::file(file.path()).unwrap()]).unwrap();
        assert_eq!(effective.config.rooms.names(), ["auth"]);
    }
    let wrong = Layer::flags(pairs(&[("rooms", "auth,kitchen")])).unwrap();
    let said = Effective::of(vec![wrong]).unwrap_err().to_string();
    assert!(said.contains("no room is called `kitchen`"), "{said}");
}

#[test]
fn what_is_no_pair_and_what_runs_into_a_value_is_refused() {
    for bad in [("", "1"), ("name.", "1"), (".", "1")] {
        assert!(matches!(Layer::flags(pairs(&[bad])), Err(ConfigError::NoPair { .. })), "{bad:?}");
    }
    let into_a_value = Layer::flags(pairs(&[("name", "x"), ("name.deeper", "y")]));
    assert!(matches!(into_a_value, Err(ConfigError::NoPair { .. })));
}
