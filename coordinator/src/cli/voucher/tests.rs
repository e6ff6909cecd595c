//! What the command makes is read by the public key that it prints, and no key is ever lost to another.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn new(key: &Path, plan: &str) -> New {
    New { key: key.to_owned(), plan: plan.to_owned(), days: 30, count: 3, within: 7 }
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("voucher.key");
    key(&file).unwrap();
    let first = std::fs::read_to_string(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    key(&file).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first, "it is shown, not made anew");
    std::fs::write(&file, "a letter to grandma").unwrap();
    assert!(key(&file).unwrap_err().to_string().contains("holds no key"));
}

#[test]
fn the_codes_are_vouchers_of_that_plan_and_no_two_are_alike() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("voucher.key");
    let world = World::told(86_400_000 * 20_000, [1; 32]);
    let said = codes(&new(&file, "ride"), &world).unwrap_err().to_string();
    assert!(said.contains("voucher key"), "{said}");
    key(&file).unwrap();
    let public = secret(&file).unwrap().public();
    let codes = codes(&new(&file, "ride"), &world).unwrap();
    let read = |code: &String| Voucher::check(&code::read(code).unwrap(), &public).unwrap();
    let names: std::collections::BTreeSet<_> = codes.iter().map(|code| read(code).name()).collect();
    assert_eq!((codes.len(), names.len()), (3, 3));
    let first = read(&codes[0]);
    assert_eq!((first.plan, first.days, first.last), (plan_tag("ride"), 30, Day(20_007)));
    assert!(
        super::codes(&new(&file, "Sunday ride"), &world).unwrap_err().to_string().contains("no id of a plan")
    );
}
