//! One home, one daemon; private files survive being written twice.

use super::*;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path().join("h"))).unwrap();
    (folder, home)
}

#[test]
fn a_second_lock_is_refused_with_the_process_that_holds_the_first() {
    let (_folder, home) = home();
    let lock = home.lock().unwrap();
    let refused = home.lock().unwrap_err();
    assert!(matches!(&refused, HomeError::InUse { pid, .. } if *pid == std::process::id().to_string()));
    assert!(refused.to_string().contains("--home"));
    drop(lock);
    assert!(home.lock().is_ok());
}

#[test]
fn a_private_file_is_replaced_whole() {
    let (_folder, home) = home();
    assert_eq!(home.read("a").unwrap(), None);
    home.write_private("a", b"one").unwrap();
    home.write_private("a", b"two").unwrap();
    assert_eq!(home.read("a").unwrap().unwrap(), b"two");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(home.file("a")).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[test]
fn a_long_home_gets_a_short_socket() {
    let (folder, _) = home();
    let deep = folder.path().join("d".repeat(120));
    let home = Home::open(Some(deep)).unwrap();
    assert!(home.socket().as_os_str().len() <= SOCKET_PATH_MAX);
    let other = Home::open(Some(folder.path().join("e".repeat(120)))).unwrap();
    assert_ne!(home.socket(), other.socket());
}

#[test]
fn a_file_in_the_place_of_the_folder_is_a_clear_error() {
    let (folder, _) = home();
    let path = folder.path().join("file");
    fs::write(&path, b"x").unwrap();
    let error = Home::open(Some(path.join("below"))).unwrap_err();
    assert!(error.to_string().contains("check the folder"));
}
