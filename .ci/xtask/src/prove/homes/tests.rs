//! A line that held leaves nothing, one that did not leaves its last homes.

use super::*;

#[test]
fn homes_of_a_line_go_when_it_has_held_and_the_last_stay_when_it_has_not() {
    let held = Homes::open().unwrap();
    std::fs::write(held.path().join("log"), "well\n").unwrap();
    end(true).unwrap();
    assert!(!held.path().exists());

    let (early, late) = (Homes::open().unwrap(), Homes::open().unwrap());
    std::fs::create_dir(late.path().join("ada")).unwrap();
    std::fs::write(late.path().join("ada/log"), "1\n2\n").unwrap();
    std::fs::write(late.path().join("coordinator.err"), "3\n").unwrap();
    std::fs::write(late.path().join("stamps-a.log"), "p 1 2\n").unwrap();
    end(false).unwrap();
    assert!(!early.path().exists(), "rounds that held have nothing to tell");
    let found = logs(late.path()).unwrap();
    assert_eq!(found, [late.path().join("ada/log"), late.path().join("coordinator.err")]);
    assert_eq!(tail(&found[0]).unwrap(), "1\n2\n");
    std::fs::remove_dir_all(late.path()).unwrap();
}
