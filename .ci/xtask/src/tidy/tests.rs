//! Each rule of tidy is shown to bite.

use super::{layout, pages, style, tree};

#[test]
fn an_arrow_that_is_not_in_the_list_is_a_breach() {
    let manifest =
        "[dependencies]\nhalloo-crdt.workspace = true\n[dev-dependencies]\nhalloo-node.workspace = true\n";
    assert_eq!(layout::arrows("coordinator", manifest).len(), 1);
    assert!(layout::arrows("node/engine", manifest).is_empty());
}

#[test]
fn modules_named_through_crate_are_found_also_in_braces() {
    assert_eq!(
        layout::named_modules("use crate::log::Op;\nuse crate::{clock, live::Cell};\n// crate::no"),
        ["log", "clock", "live"]
    );
}

#[test]
fn functions_are_measured_by_their_closing_brace() {
    let text = "impl A {\n    pub fn long(&self) {\n        if true {\n        }\n    }\n}\nfn one() {}\n";
    assert_eq!(style::functions(text), [("long".to_owned(), 2, 4)]);
}

fn source(room: &'static str, path: &str, text: &str) -> tree::Source {
    tree::Source { path: path.into(), room, test: tree::is_test(path), text: text.into() }
}

#[test]
fn a_clock_in_the_core_is_a_breach_and_in_the_shell_it_is_not() {
    let text = "//! x\nfn f() {\n    Instant::now();\n}\n";
    assert_eq!(style::check(&[source("crdt", "crdt/src/a.rs", text)]).len(), 1);
    assert!(style::check(&[source("node", "node/src/a.rs", text)]).is_empty());
}

#[test]
fn unsafe_is_a_breach_in_product_and_tests_alike_but_for_the_named_files() {
    let text = "//! x\nfn f() {\n    unsafe { g() }\n}\n";
    for path in ["node/src/a.rs", "node/engine/tests/a.rs", "crdt/src/a/tests.rs"] {
        assert_eq!(style::check(&[source("node", path, text)]).len(), 1, "{path}");
    }
    let attribute = "//! x\n#[unsafe(no_mangle)]\nfn f() {}\n";
    assert_eq!(style::check(&[source("node", "node/tests/a.rs", attribute)]).len(), 1);
    assert!(style::check(&[source("node", "node/engine/tests/poison/symbols.rs", text)]).is_empty());
}

#[test]
fn a_file_without_its_sentence_and_a_long_one_are_breaches() {
    assert_eq!(style::check(&[source("node", "node/src/a.rs", "use x;\n")]).len(), 1);
    let long = format!("//! x\n{}", "const A: u8 = 1;\n".repeat(500));
    assert_eq!(style::check(&[source("node", "node/src/a.rs", &long)]).len(), 1);
}

#[test]
fn six_parameters_are_one_too_many() {
    let text = "//! x\npub fn f(a: u8, b: (u8, u8), c: Map<u8, u8>, d: u8, e: u8, g: u8) {}\n";
    assert_eq!(style::check(&[source("node", "node/src/a.rs", text)]).len(), 1);
    let five = text.replace(", g: u8", "");
    assert!(style::check(&[source("node", "node/src/a.rs", &five)]).is_empty());
}

#[test]
fn relative_links_are_found_and_others_left_alone() {
    assert_eq!(pages::links("[a](b/c.md#d) [e](https://x) [f](#g)"), ["b/c.md"]);
}

#[test]
fn two_versions_of_a_shared_crate_are_seen() {
    let lock = |v: &str| format!("[[package]]\nname = \"mls-rs\"\nversion = \"{v}\"\n");
    assert_eq!(pages::lock_difference(&lock("1"), &lock("2"), &["mls-rs"]).len(), 1);
    assert!(pages::lock_difference(&lock("1"), &lock("1"), &["mls-rs"]).is_empty());
    assert!(pages::lock_difference(&lock("1"), "", &["mls-rs"]).is_empty());
    let both = format!("{}{}", lock("1"), lock("2"));
    assert!(pages::lock_difference(&both, &lock("2"), &["mls-rs"]).is_empty());
    assert_eq!(pages::lock_difference(&lock("2"), &both, &["mls-rs"]).len(), 1);
}

#[test]
fn a_clock_that_lives_in_real_time_is_seen() {
    let ours = "[[package]]\nname = \"asynchronous-codec\"\nversion = \"0\"\n\n[[package]]\nname = \"futures-timer\"\nversion = \"3\"\n\n[[package]]\nname = \"web-time\"\nversion = \"1\"\n";
    assert!(pages::real_time(ours).is_empty());
    let second =
        format!("{ours}\n[[package]]\nname = \"web-time\"\nversion = \"2\"\nsource = \"registry\"\n");
    assert_eq!(pages::real_time(&second).len(), 1);
    assert_eq!(
        pages::real_time(&ours.replace("version = \"3\"", "version = \"3\"\nsource = \"registry\"")).len(),
        1
    );
    assert_eq!(pages::real_time(&format!("{ours}\n[[patch.unused]]\nname = \"web-time\"\n")).len(), 1);
}

#[test]
fn a_promise_without_its_proof_is_a_breach() {
    let sources =
        [source("node", "node/src/a.rs", "fn what_is_said_is_heard() {\n name: \"first-halloo.3\",")];
    let page = "| `what_is_said_is_heard`, `first-halloo.3` | `halloo status` | `--json` |";
    assert!(pages::missing_proofs(page, &sources).is_empty());
    assert_eq!(pages::missing_proofs("| `what_is_said_is_lost`, `first-halloo.33` |", &sources).len(), 2);
}
