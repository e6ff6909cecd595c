//! Measures, from the sequence numbers that arrive, how much of a stream is lost and in what runs.

/// How many frames a gap may stay open before it counts as loss: 160 ms at 20 ms, more than reordering in practice.
const PATIENCE: u64 = 8;

/// Weight of the newest frame in the running averages, at most: a memory of about 2.5 s at 20 ms.
const MIN_WEIGHT: f32 = 1.0 / 128.0;

/// A jump beyond this is a new stream, not loss: 40 s at 20 ms.
const MAX_GAP: u64 = 2_000;

/// Running loss of one stream.
#[derive(Clone, Debug, Default)]
pub struct LossMeter {
    /// Unwrapped number after the highest seen; 0 before the first.
    next: u64,
    /// Bit i: number `next - 1 - i` has come.
    seen: u64,
    /// First number of this stream; nothing before it was expected.
    first: u64,
    settled: u64,
    lost: u64,
    run_open: bool,
    loss: f32,
    runs: f32,
}

impl LossMeter {
    /// Takes the number of a frame that was opened. Repeats and stragglers change nothing that is already judged.
    pub fn arrive(&mut self, seq: u16) {
        if self.next == 0 {
            // An offset keeps the unwrapped numbers positive for frames that were overtaken by the first.
            self.restart(0x1_0000 + u64::from(seq));
            return;
        }
        let ahead = i64::from(seq.wrapping_sub((self.next - 1) as u16) as i16);
        if ahead > 0 {
            let ahead = ahead.unsigned_abs();
            if ahead > MAX_GAP {
                self.restart(self.next - 1 + ahead)
            } else {
                self.advance(ahead)
            }
            return;
        }
        let age = ahead.unsigned_abs();
        if age < u64::from(u64::BITS) {
            self.seen |= 1 << age;
        }
    }

    /// The numbers begin anew with the next frame; what is counted stays counted.
    pub fn begin_anew(&mut self) {
        self.next = 0;
    }

    /// Frames that never came, of those that had their chance.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Share of frames lost lately, 0..=1.
    pub fn loss(&self) -> f32 {
        self.loss
    }

    /// Mean length of a run of lost frames lately; at least 1.
    pub fn burst(&self) -> f32 {
        if self.runs > 1e-4 { (self.loss / self.runs).max(1.0) } else { 1.0 }
    }

    /// Frames judged so far.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    fn restart(&mut self, number: u64) {
        assert!(number >= PATIENCE, "the offset of the first number leaves room for its past");
        self.next = number + 1;
        self.first = number;
        self.seen = 1;
        self.run_open = false;
    }

    fn advance(&mut self, by: u64) {
        for _ in 0..by {
            let due = self.next - PATIENCE;
            if due >= self.first {
                self.settle(self.seen >> (PATIENCE - 1) & 1 == 1);
            }
            self.seen <<= 1;
            self.next += 1;
        }
        self.seen |= 1;
    }

    fn settle(&mut self, came: bool) {
        self.settled += 1;
        let weight = (1.0 / self.settled as f32).max(MIN_WEIGHT);
        let starts = !came && !self.run_open;
        self.run_open = !came;
        self.lost += u64::from(!came);
        self.loss += weight * (f32::from(u8::from(!came)) - self.loss);
        self.runs += weight * (f32::from(u8::from(starts)) - self.runs);
        assert!(
            (0.0..=1.0).contains(&self.loss) && (0.0..=1.0).contains(&self.runs),
            "means of zeros and ones"
        );
        assert!(self.lost <= self.settled, "only what was judged was lost");
    }
}

#[cfg(test)]
mod tests;
