//! What delay and loss do to a conversation, as one number: the E-model of ITU-T G.107 with its default values.
//!
//! `R = 93.2 - Id - Ie,eff`. Id follows the approximation of Cole and Rosenbluth (2001) to the curve of G.107; Ie,eff is G.107's own
//! formula with the packet-loss robustness of a codec with concealment (G.113 Appendix I, G.711 with concealment, random loss).
//! Deviation: loss is the share of sound that was invented at the ear after every redundancy, not the loss of the network.

/// Rating without any impairment, G.107 (2015) with default values.
const BEST: f64 = 93.2;
/// Packet-loss robustness factor of a codec with concealment.
const ROBUSTNESS: f64 = 25.1;
/// Delay beyond which talkers begin to collide, milliseconds.
const KNEE_MS: f64 = 177.3;

/// The rating, 0 (useless) to 93.2 (perfect), for a mouth-to-ear time and a share of invented sound, in runs of so many frames.
#[must_use]
pub fn rating(mouth_to_ear_ms: f64, invented: f64, run: f64) -> f64 {
    let late = (mouth_to_ear_ms - KNEE_MS).max(0.0);
    let delay = 0.024 * mouth_to_ear_ms + 0.11 * late;
    let percent = 100.0 * invented.clamp(0.0, 1.0);
    let loss = 95.0 * percent / (percent / run.max(1.0) + ROBUSTNESS);
    (BEST - delay - loss).max(0.0)
}

/// The mean opinion, 1 to 4.5, that G.107 Annex B expects for a rating.
#[must_use]
pub fn opinion(rating: f64) -> f64 {
    if rating <= 0.0 {
        return 1.0;
    }
    let r = rating.min(100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests;
