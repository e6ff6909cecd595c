//! The lines of a conversation as people read them.

use super::show::{clock, short, text};
use serde_json::Value;

/// People named beside a reaction; the others are counted.
const NAMED: usize = 5;

/// One line: when, its id, who, what, and what is to be known about it.
pub fn message(m: &Value) -> String {
    let words = match text(m, "text") {
        _ if m["deleted"] == true => "(taken back)".to_owned(),
        "" => "(written by a newer halloo)".to_owned(),
        words => plain(words),
    };
    let private = if m["with"].is_string() { " (to you alone)" } else { "" };
    let answers = m["reply_to"].as_str().map(|id| format!(" (to {})", id.get(..8).unwrap_or(id)));
    let notes = [
        ("edited", "(edited)"),
        ("apart", "(written apart)"),
        ("forwarded", "(forwarded history)"),
        ("void", "(void)"),
    ];
    let said = notes.iter().filter(|(key, _)| m[*key] == true && !(m["deleted"] == true && *key == "edited"));
    let said: String = said.map(|(_, note)| format!("  {note}")).collect();
    let at = clock(m["sent_ms"].as_u64().unwrap_or(0));
    let (id, from) = (short(m, "message"), plain(text(m, "from")));
    format!("{at}  {id}  {from}{private}{}: {words}{said}{}", answers.unwrap_or_default(), reactions(m))
}

/// `[👍 Ana, Dan]`
fn reactions(m: &Value) -> String {
    let one = |reaction: &Value| {
        let names: Vec<String> =
            reaction["names"].as_array().into_iter().flatten().filter_map(Value::as_str).map(plain).collect();
        let mut by = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > NAMED {
            by = format!("{by} and {} more", names.len() - NAMED);
        }
        format!("  [{} {by}]", plain(text(reaction, "emoji")))
    };
    m["reactions"].as_array().into_iter().flatten().map(one).collect()
}

/// One of the texts that a line had.
pub fn version(v: &Value) -> String {
    format!("{}  {}", clock(v["at_ms"].as_u64().unwrap_or(0)), plain(text(v, "text")))
}

/// What others wrote, so that it cannot pass for another line nor command a terminal: further lines are set in, and other control
/// characters are not obeyed.
pub fn plain(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '\n' => out.push_str("\n       | "),
            '\t' => out.push(' '),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}
