//! How long things may be, how each file begins, and what is never called where.

use super::tree::{GROUND, Source};
use std::collections::BTreeMap;

/// Longest product file: what fits in a head.
const FILE_LINES: usize = 500;
/// Longest function: what fits on a screen.
const FUNCTION_LINES: usize = 70;
/// Longest `lib.rs`: a table of contents and nothing else.
const LIB_LINES: usize = 60;
/// Most parameters of a public function: more wants a struct with names.
const PARAMETERS: usize = 5;
/// Fewest asserts per 1,000 lines where our own bugs must be loud.
const ASSERTS_PER_1000: usize = 15;
const ASSERTING: &[&str] = &["crdt", "node/engine"];
/// Below this size a ratio says nothing.
const RATIO_FROM_LINES: usize = 200;

/// The only files that may hold `unsafe`, tests included, with the reason.
const UNSAFE: &[(&str, &str)] = &[
    ("node/src/media/opus", "the C interface of libopus"),
    ("node/engine/tests/poison/symbols.rs", "doubles of the C library's clocks and chance"),
    ("simulations/vtime/src/entropy.rs", "stands in for the C library's getrandom"),
    ("simulations/vtime/src/real.rs", "stands in for the C library's clocks"),
    (".ci/xtask/src/tidy/", "the word itself"),
];

/// Never in the pure crates.
const IMPURE: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("std::time::Instant", "time is an argument"),
    ("getrandom", "chance is an argument"),
    ("thread_rng", "chance is an argument"),
    ("OsRng", "chance is an argument"),
    ("SysRng", "chance is an argument"),
    ("HashMap", "its order differs from run to run; BTreeMap"),
    ("HashSet", "its order differs from run to run; BTreeSet"),
    ("std::fs", "storage is an output"),
    ("std::net", "the network belongs to the shell"),
    ("std::thread", "tasks belong to the shell"),
    ("tokio", "tasks belong to the shell"),
    ("Mutex", "no lock inside the core"),
    ("RwLock", "no lock inside the core"),
];

/// Never in any product file.
const NEVER: &[(&str, &str)] = &[
    ("todo!(", "finish it or close the door with an error"),
    ("unimplemented!(", "finish it or close the door with an error"),
    ("TODO", "an issue, not a comment"),
    ("FIXME", "an issue, not a comment"),
    ("unbounded_channel", "every queue has a named limit"),
    (".unwrap()", "an error, or expect() with why it cannot fail"),
];

pub fn check(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        if !source.test {
            breaches.extend(lengths(source));
            breaches.extend(calls(source));
            breaches.extend(public_parameters(source));
        }
        breaches.extend(unsafe_code(source));
        if !source.text.starts_with("//!") {
            breaches
                .push(format!("{}: begins without the `//!` sentence that says what it is for", source.path));
        }
    }
    breaches.extend(ratios(sources));
    breaches
}

fn lengths(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let mut breaches = Vec::new();
    if lines > FILE_LINES {
        breaches.push(format!("{}: {lines} lines, at most {FILE_LINES}", source.path));
    }
    if source.path.ends_with("src/lib.rs") && lines > LIB_LINES {
        breaches.push(format!("{}: {lines} lines, a lib.rs has at most {LIB_LINES}", source.path));
    }
    for (name, line, length) in functions(&source.text) {
        if length > FUNCTION_LINES {
            breaches.push(format!(
                "{}:{line}: fn {name} has {length} lines, at most {FUNCTION_LINES}",
                source.path
            ));
        }
    }
    breaches
}

/// Each function of formatted code: name, first line, number of lines. The end is the brace at the indentation of its `fn`.
pub fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let Some(name) = function_name(body) else { continue };
        let indent = line.len() - body.len();
        let closing = format!("{}}}", " ".repeat(indent));
        if line.trim_end().ends_with(['}', ';']) {
            continue;
        }
        if let Some(length) = lines[at..].iter().position(|l| l.trim_end() == closing) {
            found.push((name, at + 1, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe ", "extern \"C\" "];
    let mut rest = line;
    while let Some(next) = words.iter().find_map(|w| rest.strip_prefix(w)) {
        rest = next;
    }
    let name = rest.strip_prefix("fn ")?;
    Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

fn calls(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    let product = source.room != ".ci/xtask" && source.room != ".ci/lab";
    for (at, line) in source.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let mut found: Vec<(&str, &str)> = Vec::new();
        if source.is_pure() {
            found.extend(IMPURE.iter().filter(|(word, _)| code.contains(word)));
        }
        if product {
            found.extend(NEVER.iter().filter(|(word, _)| code.contains(word)));
            if GROUND.contains(&source.room) && code.contains("Arc<Mutex") {
                found.push(("Arc<Mutex", "state has one owner below the shell"));
            }
        }
        breaches
            .extend(found.iter().map(|(word, why)| format!("{}:{}: `{word}`: {why}", source.path, at + 1)));
    }
    breaches
}

/// `unsafe` outside the named places; a test may hold it no more than the product.
fn unsafe_code(source: &Source) -> Vec<String> {
    if UNSAFE.iter().any(|(prefix, _)| source.path.starts_with(prefix)) {
        return Vec::new();
    }
    let lines = source.text.lines().enumerate();
    let code = lines.map(|(at, line)| (at, line.split("//").next().unwrap_or_default()));
    code.filter(|(_, code)| code.contains("unsafe ") || code.contains("unsafe("))
        .map(|(at, _)| format!("{}:{}: `unsafe`: only the files listed in tidy may", source.path, at + 1))
        .collect()
}

fn public_parameters(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    for (start, _) in source.text.match_indices("pub fn ") {
        let Some(list) = parameter_list(&source.text[start..]) else { continue };
        let count =
            split_top_level(list).filter(|p| !p.trim().is_empty() && !p.trim().ends_with("self")).count();
        if count > PARAMETERS {
            let line = source.text[..start].lines().count();
            breaches.push(format!(
                "{}:{line}: a public function with {count} parameters, at most {PARAMETERS}",
                source.path
            ));
        }
    }
    breaches
}

fn parameter_list(text: &str) -> Option<&str> {
    let open = text.find('(')?;
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(&text[open + 1..at]),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn split_top_level(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    list.split(move |c| {
        match c {
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
}

/// Test lines against product lines in the ground and the engine, and the density of asserts.
fn ratios(sources: &[Source]) -> Vec<String> {
    let mut lines: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for source in sources.iter().filter(|s| GROUND.contains(&s.room)) {
        let entry = lines.entry(source.room).or_default();
        let count = source.text.lines().filter(|l| !l.trim().is_empty()).count();
        if source.test {
            entry.1 += count;
        } else {
            entry.0 +=
                source.text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")).count();
            entry.2 += source.text.matches("assert!(").count()
                + source.text.matches("assert_eq!(").count()
                + source.text.matches("assert_ne!(").count();
        }
    }
    let mut breaches = Vec::new();
    for (room, (product, test, asserts)) in lines {
        if product < RATIO_FROM_LINES {
            continue;
        }
        if test < product {
            breaches.push(format!("{room}: {test} test lines for {product} lines of code; at least as many"));
        }
        if ASSERTING.contains(&room) && asserts * 1000 < product * ASSERTS_PER_1000 {
            breaches.push(format!(
                "{room}: {asserts} asserts in {product} lines; at least {ASSERTS_PER_1000} per 1,000"
            ));
        }
    }
    breaches
}
