//! What others have written against a member's local door: schemathesis, let in by a token, asks it everything that its description allows and
//! forbids.

use super::Size;
use super::homes::Homes;
use super::peers::{asked, cases};
use super::people::{Person, halloo};
use crate::setup;
use crate::shell::capture;
use anyhow::{Context, Result};

/// Exchanges a one-time token for a session, and prints its bearer.
const ENTER: &str = "import json, sys, urllib.request as u; \
    ask = u.Request(sys.argv[1] + '/api/v1/session', json.dumps({'token': sys.argv[2]}).encode(), {'content-type': 'application/json'}); \
    print(json.load(u.urlopen(ask))['session'])";

/// `prove local-door.1`.
pub fn run(size: Size) -> Result<()> {
    let python = setup::python_with_peers()?;
    let bin = halloo(size)?;
    let folder = Homes::open()?;
    let mut ada = Person::new(&bin, folder.path(), "ada", None).with(&["--loopback", "--no-mdns", "--rest"]);
    ada.up()?;
    // With a group that has lines, what is found by its id is more than refusals.
    ada.ask(&["new", "Sunday ride"])?;
    ada.ask(&["say", "at the bridge"])?;
    let made = ada.ask(&["rest-token"])?;
    let url = made["url"].as_str().context("no URL")?;
    let (origin, token) = url.split_once("/#").context("a URL without a token")?;
    let bearer = capture(&python, &["-c", ENTER, origin, token])?;
    let header = format!("Authorization: Bearer {}", bearer.trim());
    asked(&python, origin, ("local_door.toml", cases(size)), (&["--header", &header], None), folder.path())?;
    ada.stop()
}
