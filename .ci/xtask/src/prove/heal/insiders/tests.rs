//! What the runner says is read right.

use super::passed;

#[test]
fn only_who_is_named_in_full_and_passes_everywhere_has_passed() {
    let told = "        PASS [   0.1s] (1/3) halloo-engine::string insiders::one\n\
                        FAIL [   0.1s] (2/3) halloo-engine::string insiders::two\n\
                        PASS [   0.1s] (3/3) halloo-engine commits::tests::three\n\
                        PASS [   0.1s] (3/3) halloo-crdt::log four\n";
    assert!(passed(told, "one") && passed(told, "three") && passed(told, "four"));
    assert!(!passed(told, "two"), "failed");
    assert!(!passed(told, "ne") && !passed(told, "five"), "not run");
    let again = format!("{told}        FAIL [   0.1s] halloo-engine::string insiders::one\n");
    assert!(!passed(&again, "one"), "told again at the end");
}
