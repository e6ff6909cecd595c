//! Times as programs of every language read them: RFC 3339 in UTC, from Unix milliseconds.

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment in words; `None` for one that no calendar holds.
pub(super) fn in_words(unix_ms: u64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    at.format(&Rfc3339).ok()
}

/// For a field that may hold Unix milliseconds.
pub(super) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.and_then(in_words))
}
