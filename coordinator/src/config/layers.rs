//! One table out of several, with where each value came from.

use super::Config;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// How variables of ours begin.
pub const ENV_PREFIX: &str = "HALLOO_COORDINATOR_";
/// Longest config file that is read; a real one has a few hundred bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: it is what the program was built with.
    Default,
    /// In this file.
    File(PathBuf),
    /// In the variable that belongs to the key.
    Env,
    /// On the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Env => f.write_str("environment"),
            Source::Flag => f.write_str("command line"),
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is far too long.
    #[error("{0}: longer than {MAX_FILE_BYTES} bytes; is it the config?")]
    TooLong(PathBuf),
    /// A layer is no TOML, or holds a key or value that nobody knows.
    #[error("{from}: {error}")]
    Wrong {
        /// Which layer.
        from: Source,
        /// What is wrong.
        error: toml::de::Error,
    },
    /// `--set` without a value, or a key that runs into a value.
    #[error("{from}: `{key}` is no KEY=VALUE, with dots between the parts of KEY")]
    NoPair {
        /// Which layer.
        from: Source,
        /// What was written.
        key: String,
    },
}

/// One table and where it was written.
#[derive(Debug)]
pub struct Layer {
    from: Source,
    table: Table,
}

impl Layer {
    /// Reads a file.
    pub fn file(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
            return Err(ConfigError::TooLong(path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let from = Source::File(path.to_owned());
        match text.parse() {
            Ok(table) => Ok(Layer { from, table }),
            Err(error) => Err(ConfigError::Wrong { from, error }),
        }
    }

    /// Takes the variables that begin as ours do.
    pub fn env(variables: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let ours = variables.filter_map(|(name, value)| {
            let key = name.strip_prefix(ENV_PREFIX)?.to_lowercase().replace("__", ".");
            Some((key, value))
        });
        Self::pairs(Source::Env, ours)
    }

    /// Takes keys and values of the command line.
    pub fn flags(pairs: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        Self::pairs(Source::Flag, pairs)
    }

    fn pairs(from: Source, pairs: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut table = Table::new();
        for (key, text) in pairs {
            if insert(&mut table, &key, value(&text)).is_none() {
                return Err(ConfigError::NoPair { from, key });
            }
        }
        Ok(Layer { from, table })
    }
}

/// A value as TOML writes it, and what is no TOML is text: `7`, `true`, `["a"]`, `0.0.0.0:7750`.
fn value(text: &str) -> Value {
    let line = format!("value = {text}");
    let parsed = line.parse::<Table>().ok().filter(|table| table.len() == 1);
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn insert(table: &mut Table, key: &str, value: Value) -> Option<()> {
    let (parents, last) = key.rsplit_once('.').map_or((None, key), |(parents, last)| (Some(parents), last));
    let mut at = table;
    for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
        at = at.entry(part).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?;
    }
    if last.is_empty() {
        return None;
    }
    at.insert(last.to_owned(), value);
    Some(())
}

/// The settings that count, and the source of each that is no default.
#[derive(Debug)]
pub struct Effective {
    /// The settings.
    pub config: Config,
    from: BTreeMap<String, Source>,
}

impl Effective {
    /// Lays one layer over the other; the last one counts.
    pub fn of(layers: Vec<Layer>) -> Result<Self, ConfigError> {
        let mut merged = Table::new();
        let mut from = BTreeMap::new();
        let mut last = Source::Default;
        for layer in layers {
            // Each on its own first, so that what is wrong is told of the layer that has it.
            if let Err(error) = layer.table.clone().try_into::<Config>() {
                return Err(ConfigError::Wrong { from: layer.from, error });
            }
            for (key, value) in flat(&layer.table) {
                from.insert(key.clone(), layer.from.clone());
                insert(&mut merged, &key, value);
            }
            last = layer.from;
        }
        match merged.try_into() {
            Ok(config) => Ok(Effective { config, from }),
            Err(error) => Err(ConfigError::Wrong { from: last, error }),
        }
    }

    /// Every setting, its value as TOML writes it, and where it came from.
    ///
    /// # Panics
    /// Never: every setting has a form in TOML.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String, Source)> {
        let table = Table::try_from(&self.config).expect("settings are TOML");
        let row = |(key, value): (String, Value)| {
            let source = self.from.get(&key).cloned().unwrap_or(Source::Default);
            (key, value.to_string(), source)
        };
        flat(&table).into_iter().map(row).collect()
    }
}

impl Config {
    /// Every setting that is a whole number, under its key: most of them are limits. Ports are none.
    #[must_use]
    pub fn numbers(&self) -> Vec<(String, u64)> {
        let rows = Table::try_from(self).map(|table| flat(&table)).unwrap_or_default();
        let number = |(key, value): (String, Value)| Some((key, u64::try_from(value.as_integer()?).ok()?));
        rows.into_iter().filter_map(number).filter(|(key, _)| !key.ends_with("_port")).collect()
    }
}

/// All values that are no tables, under keys with dots.
fn flat(table: &Table) -> Vec<(String, Value)> {
    let mut rows = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                rows.extend(flat(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => rows.push((key.clone(), value.clone())),
        }
    }
    rows
}
