//! Where metrics are given.

use serde::{Deserialize, Serialize};

/// The settings `metrics.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port on loopback, such as `127.0.0.1:9464`; empty: nowhere.
    pub listen: String,
}
