//! Speech under loss and jitter: PESQ-WB with our redundancy against plain concealment on the same losses.

use super::Size;
use crate::{bench, speech};
use anyhow::Result;

/// `prove first-halloo.3`.
pub fn run(size: Size) -> Result<()> {
    if size == Size::Small {
        return speech::small();
    }
    let figures = bench::collect(Some("speech-loss"))?;
    figures.iter().for_each(|figure| println!("{figure}"));
    speech::hold(&figures)
}
