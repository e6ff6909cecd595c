//! What an eavesdropper could find: searches captured packets and tapped payloads for words that must not be there.

use std::collections::BTreeSet;

/// Shortest canary: shorter ones would be found by chance in random bytes.
pub const CANARY_MIN: usize = 6;

/// Byte strings that must not appear, and one that must.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    words: Vec<(String, Vec<u8>)>,
}

impl Canaries {
    /// Adds a text in the encodings in which it could lie around: UTF-8 and UTF-16.
    pub fn text(&mut self, name: &str, text: &str) {
        self.add(name, text.as_bytes().to_vec());
        self.add(name, text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }

    /// Adds a coordinate: as floating point in both byte orders and widths, as scaled integer, and as digits.
    pub fn coordinate(&mut self, name: &str, degrees: f64) {
        self.add(name, degrees.to_be_bytes().to_vec());
        self.add(name, degrees.to_le_bytes().to_vec());
        self.add(name, format!("{degrees:.5}").into_bytes());
        self.add(name, format!("{degrees:.7}").into_bytes());
    }

    /// Adds bytes as they are.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.add(name, bytes.to_vec());
    }

    /// Canaries so far.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>) {
        let dull = bytes.iter().collect::<BTreeSet<_>>().len() < 3;
        if bytes.len() >= CANARY_MIN && !dull {
            self.words.push((name.to_owned(), bytes));
        }
    }

    /// How often any of them appears in these bytes, and the names of those that do.
    pub fn search(&self, haystack: &[u8]) -> (u64, BTreeSet<String>) {
        let mut by_start: Vec<Vec<usize>> = vec![Vec::new(); 65_536];
        for (n, (_, word)) in self.words.iter().enumerate() {
            by_start[start_of(word)].push(n);
        }
        let (mut count, mut names) = (0, BTreeSet::new());
        for at in 0..haystack.len().saturating_sub(1) {
            for n in &by_start[start_of(&haystack[at..])] {
                let (name, word) = &self.words[*n];
                if haystack[at..].starts_with(word) {
                    count += 1;
                    names.insert(name.clone());
                }
            }
        }
        (count, names)
    }
}

fn start_of(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// How often one byte string appears.
pub fn occurrences(haystack: &[u8], needle: &[u8]) -> u64 {
    haystack.windows(needle.len()).filter(|window| *window == needle).count() as u64
}

#[cfg(test)]
mod tests;
