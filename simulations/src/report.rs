//! What comes of many runs, for people: a folder of tables and plots, one page and a comparison of two folders.
//!
//! ```text
//!   report::write(out, &about, &results)      results.jsonl, *.csv, *.parquet, plots/, report.html: see [`folder`]
//!   report::compare::run(base, new, json)     what changed between two such folders
//! ```

mod csv;
mod statistics;
pub mod parquet_file;
mod raster;
mod plots;
mod html;
pub mod folder;
pub mod compare;

pub use folder::{About, write};
