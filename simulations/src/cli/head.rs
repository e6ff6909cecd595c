//! The head of a trace file: everything that is needed to run it again. And how two traces are compared.
//!
//! ```text
//! #halloo-trace {"format":1,"version":"0.1.0","seed":7,"name":"sunday-ride"}
//! #scenario "the text of the scenario, as a JSON string"
//! #file "track.gpx" "the text of a file beside it"
//! #end
//! 10000000 h0.0 act Found(0)
//! ```

use crate::scenario::{Loaded, ScenarioError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::BufRead;

/// The version of the simulator: a trace of another may differ.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The format of trace files.
const FORMAT: u32 = 1;
/// Lines of a head; a file without an end to its head is no trace.
const HEAD_LINES_MAX: usize = 1_000;

/// Why a file is no trace.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
    /// It cannot be read.
    #[error("it could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// It does not begin as one.
    #[error(
        "it does not begin as a trace of format {FORMAT} does; `run --out DIR --trace` writes such files"
    )]
    Form,
}

#[derive(Debug, Serialize, Deserialize)]
struct First {
    format: u32,
    version: String,
    seed: u64,
    name: String,
}

/// The head of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The version of the simulator that wrote it.
    pub(super) version: String,
    /// The seed.
    pub(super) seed: u64,
    /// The scenario's name.
    pub(super) name: String,
    /// The scenario's text.
    pub(super) text: String,
    /// Files beside it.
    pub(super) files: BTreeMap<String, String>,
}

impl Head {
    /// The head for a seed of a scenario.
    #[must_use]
    pub(super) fn of(loaded: &Loaded, seed: u64) -> Self {
        Head {
            version: VERSION.to_owned(),
            seed,
            name: loaded.name.clone(),
            text: loaded.text.clone(),
            files: loaded.files.clone(),
        }
    }

    /// As the first lines of a file.
    ///
    /// # Panics
    /// Never: texts have a form in JSON.
    #[must_use]
    pub(super) fn to_text(&self) -> String {
        let json = |text: &str| serde_json::to_string(text).expect("a text is JSON");
        let Head { version, seed, name, text, files } = self;
        let first = First { format: FORMAT, version: version.clone(), seed: *seed, name: name.clone() };
        let first = serde_json::to_string(&first).expect("plain values are JSON");
        let mut out = format!("#halloo-trace {first}\n#scenario {}\n", json(text));
        for (name, text) in files {
            out.push_str(&format!("#file {} {}\n", json(name), json(text)));
        }
        out.push_str("#end\n");
        out
    }

    /// The lines that it takes in a file.
    #[must_use]
    pub(super) fn lines(&self) -> u64 {
        self.to_text().lines().count() as u64
    }

    /// Reads a head and leaves the reader at the first line of the trace.
    ///
    /// # Errors
    /// [`HeadError`].
    pub(super) fn read(from: &mut impl BufRead) -> Result<Self, HeadError> {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let first: First = after(&line, "#halloo-trace ").ok_or(HeadError::Form)?;
        if first.format != FORMAT {
            return Err(HeadError::Form);
        }
        let First { version, seed, name, .. } = first;
        let mut head = Head { version, seed, name, text: String::new(), files: BTreeMap::new() };
        for _ in 0..HEAD_LINES_MAX {
            line.clear();
            from.read_line(&mut line)?;
            if line.trim_end() == "#end" {
                return Ok(head);
            }
            if let Some(text) = after(&line, "#scenario ") {
                head.text = text;
                continue;
            }
            let rest = line.strip_prefix("#file ").ok_or(HeadError::Form)?;
            let mut words = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let (Some(Ok(name)), Some(Ok(text))) = (words.next(), words.next()) else {
                return Err(HeadError::Form);
            };
            head.files.insert(name, text);
        }
        Err(HeadError::Form)
    }

    /// The scenario of the trace.
    ///
    /// # Errors
    /// [`ScenarioError`] when this version no longer takes it.
    pub(super) fn loaded(&self) -> Result<Loaded, ScenarioError> {
        Loaded::new(self.name.clone(), self.text.clone(), self.files.clone())
    }
}

fn after<T: serde::de::DeserializeOwned>(line: &str, word: &str) -> Option<T> {
    serde_json::from_str(line.strip_prefix(word)?).ok()
}

/// The first line in which two traces differ: its number in the old file, whose head has so many lines, and both lines; `None` when they
/// are the same. Both readers stand behind their heads.
///
/// # Errors
/// When one cannot be read.
pub(super) fn compare(
    head_lines: u64,
    old: &mut impl BufRead,
    new: &mut impl BufRead,
) -> std::io::Result<Option<(u64, String, String)>> {
    let (mut was, mut is) = (String::new(), String::new());
    for line in head_lines + 1.. {
        was.clear();
        is.clear();
        let ended = (old.read_line(&mut was)? == 0, new.read_line(&mut is)? == 0);
        if ended == (true, true) {
            break;
        }
        if was != is {
            let shown = |text: &str| {
                if text.is_empty() { "(the trace ends)".to_owned() } else { text.trim_end().to_owned() }
            };
            return Ok(Some((line, shown(&was), shown(&is))));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
