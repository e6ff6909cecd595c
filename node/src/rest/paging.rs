//! Pages of lists that grow: in the order of ids, so that a page that follows neither repeats nor skips what was there all along.

use super::problem::Problem;
use super::taken::{whole_id, within};
use serde::Deserialize;

/// Most entries of one page, as at the owner's socket.
pub(super) const PAGE_MAX: usize = 500;
/// Entries of a page where nothing is said.
pub(super) const PAGE: usize = 100;

/// Which page is wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageAsk {
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 100, required = false)]
    #[serde(default = "page")]
    limit: usize,
    /// Behind this one: `next` of the page before.
    #[param(value_type = String, pattern = "^[0-9a-f]{64}$", required = false)]
    #[serde(default)]
    after: Option<String>,
}

pub(super) fn page() -> usize {
    PAGE
}

impl PageAsk {
    /// The page of a list, and where the next one begins.
    ///
    /// # Errors
    /// A limit or an id that is none.
    pub(super) fn cut<T>(
        &self,
        mut all: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let limit = within("limit", self.limit, 1..=PAGE_MAX)?;
        if let Some(after) = &self.after {
            whole_id("after", after)?;
            all.retain(|one| id(one) > after.as_str());
        }
        all.sort_by(|a, b| id(a).cmp(id(b)));
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more).map(|last| id(last).to_owned());
        Ok((all, next))
    }
}

#[cfg(test)]
mod tests;
