//! How well voice activation agrees with labelled clips: F1 in the quiet, in wind and beside a motor. One JSON object a line.
#![allow(clippy::print_stdout)]

mod labelled;

use labelled::{Noise, clip, score};

fn main() {
    for (noise, below_db) in [
        (Noise::Quiet, 0.0),
        (Noise::Wind, 20.0),
        (Noise::Wind, 10.0),
        (Noise::Motor, 20.0),
        (Noise::Motor, 10.0),
    ] {
        let clip = clip(noise, below_db);
        let score = score(&clip);
        let name = match noise {
            Noise::Quiet => "voice activity in the quiet".to_owned(),
            _ => format!("voice activity, {noise:?} {below_db} dB below").to_lowercase(),
        };
        println!(
            "{}",
            serde_json::json!({
                "name": name, "ours": (score.f1() * 1e3).round() / 1e3, "unit": "F1", "frames": clip.frames.len(),
                "hits": score.hits, "false_alarms": score.false_alarms, "misses": score.misses,
            })
        );
    }
}
