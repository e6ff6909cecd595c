//! What an ear of the split heard, from the stamps of a recording.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Ticks of a frame of 20 ms.
const FRAME_TICKS: u32 = 960;
/// Milliseconds of a frame.
const FRAME_MS: usize = 20;

/// What one recording says.
#[derive(Default)]
pub struct Ear {
    /// Sound that left the mouth: media time, moment.
    pub said: Vec<(u32, u64)>,
    /// Sound that was played: speaker, media time, moment.
    pub played: Vec<(String, u32, u64)>,
}

impl Ear {
    /// Reads the stamps; a last line that is half written is left out, and nobody has spoken where there is no file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let mut ear = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["c", media, at] => ear.said.push((media.parse()?, at.parse()?)),
                ["p", speaker, media, at] => {
                    ear.played.push((speaker.to_owned(), media.parse()?, at.parse()?));
                }
                _ => {}
            }
        }
        Ok(ear)
    }

    /// When this speaker was first heard after a moment.
    pub fn first(&self, speaker: &str, since_ns: u64) -> Option<u64> {
        let played = self.played.iter().filter(|(who, _, at)| who == speaker && *at > since_ns);
        played.map(|(_, _, at)| *at).min()
    }

    /// When anybody was last heard.
    pub fn last(&self) -> Option<u64> {
        self.played.iter().map(|(_, _, at)| *at).max()
    }

    /// Milliseconds of the longest piece of speech that left this mouth within a span and was not played at an ear.
    pub fn longest_gap_ms(&self, device: &str, ear: &Ear, span_ns: (u64, u64)) -> usize {
        let played: BTreeMap<u32, ()> =
            ear.played.iter().filter(|(who, ..)| who == device).map(|(_, media, _)| (*media, ())).collect();
        let heard = |media: u32| played.range(media..media.saturating_add(FRAME_TICKS)).next().is_some();
        let (mut run, mut longest) = (0, 0);
        for (media, _) in self.said.iter().filter(|(_, at)| (span_ns.0..span_ns.1).contains(at)) {
            run = if heard(*media) { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        longest * FRAME_MS
    }
}
