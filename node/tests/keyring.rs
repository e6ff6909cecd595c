//! The key of a home in a real keyring: GNOME Keyring on a session bus of its own, without a desktop.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]
#![cfg(all(feature = "keyring", target_os = "linux"))]

use halloo_node::home::Home;
use halloo_node::keyring::{Ask, Keyring, KeyringError};
use halloo_node::vault::{CloseBy, Place, Unlock, Vault, VaultError};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// Set in the child process that has a session bus; names the keyring daemon.
const INSIDE: &str = "HALLOO_TEST_KEYRING";
const DAEMON: &str = "/usr/bin/gnome-keyring-daemon";
const PASSWORD: &str = "of the login";
const NEEDS: &str = "this test needs the Debian packages gnome-keyring, dbus-daemon and dbus-bin";

/// What is started there is ended with its bus.
fn on_a_session_bus(test: &str, folder: &Path) {
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new("dbus-run-session");
    child.arg("--").arg(this).args(["--exact", test, "--nocapture"]);
    child.env(INSIDE, daemon(folder)).env("HOME", folder).env("XDG_DATA_HOME", folder.join("data"));
    child.env("XDG_RUNTIME_DIR", folder).env("XDG_DATA_DIRS", folder).env_remove("DISPLAY");
    let done = child.output().expect(NEEDS);
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// The daemon has a file capability (to lock memory) that some containers do not grant, and then it cannot be started: a copy has none.
fn daemon(folder: &Path) -> std::path::PathBuf {
    if Command::new(DAEMON).arg("--version").output().is_ok_and(|out| out.status.success()) {
        return DAEMON.into();
    }
    let copy = folder.join("gnome-keyring-daemon");
    std::fs::copy(DAEMON, &copy).expect(NEEDS);
    copy
}

/// Starts the daemon as a login does, in the place of one that runs.
fn unlock() {
    let mut daemon = Command::new(std::env::var_os(INSIDE).unwrap());
    daemon.args(["--replace", "--unlock", "--components=secrets", "--daemonize"]).stdin(Stdio::piped());
    let mut daemon = daemon.stdout(Stdio::null()).spawn().expect(NEEDS);
    daemon.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(daemon.wait().unwrap().success(), "the keyring daemon does not start");
}

fn lock() {
    let mut ask = Command::new("dbus-send");
    ask.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"]);
    ask.args([
        "org.freedesktop.Secret.Service.Lock",
        "array:objpath:/org/freedesktop/secrets/collection/login",
    ]);
    let told = ask.output().expect(NEEDS);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}

fn system(passphrase: Option<&str>) -> Unlock {
    let passphrase = passphrase.map(|text| Zeroizing::new(text.to_owned()));
    Unlock { passphrase, keyring: Keyring::System }
}

/// The name under which the keyring holds the key of this home.
fn entry(home: &Home) -> [u8; 16] {
    home.read("vault").unwrap().unwrap()[2..18].try_into().unwrap()
}

fn halloo(home: &Home, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halloo"));
    let done = command.arg("--home").arg(home.folder()).args(args).stdin(Stdio::null()).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[test]
fn a_home_is_closed_by_a_real_keyring_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os(INSIDE).is_none() {
        return on_a_session_bus("a_home_is_closed_by_a_real_keyring_and_by_nothing_else", folder.path());
    }
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    unlock();
    assert_eq!(Keyring::System.answers(), Ok(()));
    let vault = Vault::open(&home, &system(None)).unwrap();
    assert_eq!((vault.place(), vault.note()), (Place::Keyring, None));
    assert!(home.read("vault.key").unwrap().is_none());
    let value = vault.seal(b"p", b"x").unwrap();
    assert_eq!(Vault::open(&home, &system(None)).unwrap().open_value(b"p", &value).unwrap(), b"x");
    let without = Vault::open(&home, &Unlock::by_key_file()).err();
    assert!(matches!(without, Some(VaultError::Keyring(KeyringError::Off))));

    // A rotation brings a new entry, and the old one goes.
    let (before, old_file) = (entry(&home), home.read("vault").unwrap().unwrap());
    vault.begin_rotation().unwrap();
    vault.finish_rotation().unwrap();
    assert_eq!(Keyring::System.get(&before, Ask::Nobody), Err(KeyringError::Missing));
    assert!(Vault::open(&home, &system(None)).unwrap().open_value(b"p", &value).is_err());
    let new_file = home.read("vault").unwrap().unwrap();
    home.write_private("vault", &old_file).unwrap();
    let gone = Vault::open(&home, &system(None)).err();
    assert!(matches!(gone, Some(VaultError::Keyring(KeyringError::Missing))));
    home.write_private("vault", &new_file).unwrap();

    // From one keeper to the other and back; an entry that is not needed does not stay.
    let kept = entry(&home);
    vault.close_by(&CloseBy::Passphrase(Zeroizing::new("one".into()))).unwrap();
    assert_eq!(Keyring::System.get(&kept, Ask::Nobody), Err(KeyringError::Missing));
    assert_eq!(Vault::open(&home, &system(Some("one"))).unwrap().place(), Place::Passphrase);
    vault.close_by(&CloseBy::Keyring(Keyring::System, Ask::Nobody)).unwrap();
    assert_eq!(Vault::open(&home, &system(None)).unwrap().place(), Place::Keyring);
    drop(vault);

    // The command, as a person uses it.
    assert_eq!(
        halloo(&home, &["key"]),
        (true, "the key of this home lies in the keyring of the system\n".into())
    );
    let (through, said) = halloo(&home, &["--quiet", "key", "rotate"]);
    assert!(through && said.contains("sealed by key 3 now"), "{said}");
    let (_, said) = halloo(&home, &["doctor"]);
    assert!(said.contains("in the keyring of the system, which answers"), "{said}");

    // Locked, nobody is disturbed and nothing is lost.
    lock();
    assert_eq!(Keyring::System.answers(), Err(KeyringError::Locked));
    assert_eq!(Keyring::System.get(&entry(&home), Ask::Nobody), Err(KeyringError::Locked));
    let locked = Vault::open(&home, &system(None)).err();
    assert!(matches!(locked, Some(VaultError::Keyring(_))), "{locked:?}");
    let second = Home::open(Some(folder.path().join("second"))).unwrap();
    let fallen = Vault::open(&second, &system(None)).unwrap();
    assert_eq!(fallen.place(), Place::KeyFile);
    assert!(fallen.note().is_some_and(|note| note.contains("locked") && note.contains("halloo key keyring")));
    let (_, said) = halloo(&home, &["doctor"]);
    assert!(said.contains("FAULT  key"), "{said}");
    unlock();
    assert_eq!(Vault::open(&home, &system(None)).unwrap().current().number(), 3);
}

#[test]
fn without_a_keyring_service_a_new_home_falls_back_to_a_key_file_and_says_so_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os(INSIDE).is_none() {
        let test = "without_a_keyring_service_a_new_home_falls_back_to_a_key_file_and_says_so_in_one_line";
        return on_a_session_bus(test, folder.path());
    }
    // A bus with nothing on it.
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    let vault = Vault::open(&home, &system(None)).unwrap();
    assert_eq!(vault.place(), Place::KeyFile);
    let note = vault.note().unwrap();
    assert!(note.contains("no keyring service answers") && !note.contains('\n'), "{note}");
    let moved = vault.close_by(&CloseBy::Keyring(Keyring::System, Ask::Person)).err();
    assert!(matches!(moved, Some(VaultError::Keyring(KeyringError::NoService(_)))));
    drop(vault);
    assert_eq!(Vault::open(&home, &system(None)).unwrap().place(), Place::KeyFile);
    let (_, said) = halloo(&home, &["doctor"]);
    assert!(said.contains("in vault.key beside the data (no keyring service answers"), "{said}");
}
