//! Looking for lines that hold a text. What is stored is sealed, so there is no index: lines are read and looked through.

use super::reads::{PAGE_MAX, names, older_than, shown};
use crate::door::{DoorError, Reply};
use halloo_engine::engine::Engine;
use serde_json::json;

/// Lines that one request looks through; the loop turns between requests, and the answer says where to go on.
const LOOKED_MAX: usize = 4 * PAGE_MAX;
/// Longest text that is sought, in bytes.
const SOUGHT_MAX: usize = 256;

/// The newest lines that hold a text, in any case of its letters; `older` names the line before which to go on.
pub(super) fn search(engine: &Engine, text: &str, limit: usize, before: Option<&str>) -> Reply {
    let sought = text.to_lowercase();
    if sought.trim().is_empty() || text.len() > SOUGHT_MAX {
        let next = format!("seek 1 to {SOUGHT_MAX} bytes, not only blanks");
        return Err(DoorError::new("invalid", "that cannot be sought", next));
    }
    let (limit, names) = (limit.clamp(1, PAGE_MAX), names(engine));
    let (mut found, mut looked) = (Vec::new(), 0);
    let mut from = older_than(engine, before)?;
    while let Some(cursor) = from {
        let page = engine.timeline(cursor, PAGE_MAX);
        for (at, line) in page.entries.iter().enumerate().rev() {
            looked += 1;
            if !line.deleted && line.text.to_lowercase().contains(&sought) {
                found.push(shown(engine, line, &names));
            }
            let rest = at > 0 || page.older.is_some();
            if rest && (found.len() >= limit || looked >= LOOKED_MAX) {
                return Ok(json!({ "messages": found, "older": line.id.to_string() }));
            }
        }
        from = page.older.map(Some);
    }
    Ok(json!({ "messages": found, "older": null }))
}
