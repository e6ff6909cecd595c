//! Searches the memory of a seized device: takes every window of it for a key, and tries it on frames that were recorded.
//!
//! ```text
//!   32 bytes --> what media keys are expanded from -----------\
//!            --> the secret in the middle of that (RFC 9605) --+--> opens a recorded frame?
//!            --> a step of a call chain whose next step lies in the memory too
//!            --> the seed of a generator that drew a step which is known
//!   what was found in an earlier memory, and what stands for it ---> lies there still?
//! ```
//! The AES key of a frame and what HMAC makes of a secret cannot be tried by themselves; of keys that are known they are looked for.
//!
//! `cargo run --release -p halloo-crypto --features media --example memory_search -- MEMORY FRAMES KNOWN EVERY`
//!
//! FRAMES has a frame in hex on each line. KNOWN and what is printed have lines `key KID MATERIAL` and `step SECRET`; `next SECRET` is the
//! step after one of these, `opens NUMBER AS` names a frame by its line, `left WHAT AT` something known, `lies WHAT AT` the same of what
//! was just found. Windows are tried at every EVERYth byte, what is known is looked for at every one. The last line, `tried WINDOWS`, says
//! how many there were.
#![allow(clippy::print_stdout, reason = "what it finds is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure ends the search")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it reads files; nothing links to it"
)]

#[cfg(not(feature = "media"))]
fn main() {
    println!("build with --features media");
}

#[cfg(feature = "media")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [memory, frames, known, every] = words.as_slice() else { panic!("MEMORY FRAMES KNOWN EVERY") };
    let memory = std::fs::read(memory).expect("a memory");
    let frames = std::fs::read_to_string(frames).expect("frames");
    let known = std::fs::read_to_string(known).expect("what is known");
    let every = every.parse().expect("a number of bytes");
    let frames: Vec<search::Frame> =
        frames.lines().map(|line| search::Frame::parse(&search::bytes(line))).collect();
    for line in search::everything(&memory, &frames, &search::needles(&known), every) {
        println!("{line}");
    }
}

#[cfg(feature = "media")]
mod search {
    use std::collections::BTreeSet;

    use aes_gcm::Aes128Gcm;
    use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
    use halloo_crypto::kdf;
    use halloo_crypto::media::{Kid, peek_kid};
    use hkdf::Hkdf;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};
    use sha2::Sha256;
    use sha2::block_api::compress256;

    const KEY: usize = 32;
    const AES_KEY: usize = 16;
    const TAG: usize = 16;
    /// Fewer different bytes than a random key ever has: of 32 random bytes 30 differ, fewer than 20 once in 10^8 keys.
    const KEY_DIFFERENT: usize = 20;

    /// Of what a generator gives, so much from its beginning is looked at: a call draws a few hundred bytes before its step.
    const GIVEN: usize = 4096;

    /// A recorded frame.
    pub(super) struct Frame {
        kid: Kid,
        header: usize,
        bytes: Vec<u8>,
    }

    /// Bytes that must not lie in the memory, by what they are.
    pub(super) struct Needle {
        what: String,
        bytes: Vec<u8>,
    }

    impl Frame {
        pub(super) fn parse(bytes: &[u8]) -> Self {
            let kid = peek_kid(bytes).expect("a frame");
            assert!((Kid::MIN..=Kid::MAX).contains(&kid.0), "key ids take two bytes");
            let counter = if bytes[0] & 8 == 0 { 0 } else { usize::from(bytes[0] & 7) + 1 };
            Frame { kid, header: 3 + counter, bytes: bytes.to_vec() }
        }

        fn ciphertext(&self) -> &[u8] {
            &self.bytes[self.header..self.bytes.len() - TAG]
        }

        fn counter(&self) -> u64 {
            match self.header {
                3 => u64::from(self.bytes[0] & 7),
                end => self.bytes[3..end].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            }
        }

        fn opens(&self, cipher: &Aes128Gcm, nonce: [u8; 12]) -> bool {
            let mut plain = self.ciphertext().to_vec();
            let tag: [u8; TAG] = *self.bytes.last_chunk().expect("a tag");
            let aad = &self.bytes[..self.header];
            cipher
                .decrypt_inout_detached(&nonce.into(), aad, plain.as_mut_slice().into(), &tag.into())
                .is_ok()
        }

        /// The nonce of RFC 9605, 4.4.3.
        fn nonce(&self, mut salt: [u8; 12]) -> [u8; 12] {
            for (byte, counter) in salt[4..].iter_mut().zip(self.counter().to_be_bytes()) {
                *byte ^= counter;
            }
            salt
        }
    }

    /// The frames that open with keys expanded from this secret of RFC 9605, 4.4.2.
    fn opened_by(secret: &Hkdf<Sha256>, kid: Kid, frames: &[Frame]) -> Vec<usize> {
        let (key, salt) = expanded(secret, kid);
        let cipher = Aes128Gcm::new_from_slice(&key).expect("16 bytes");
        let of_kid = frames.iter().enumerate().filter(|(_, frame)| frame.kid == kid);
        of_kid
            .filter(|(_, frame)| frame.opens(&cipher, frame.nonce(salt)))
            .map(|(number, _)| number)
            .collect()
    }

    fn expanded(secret: &Hkdf<Sha256>, kid: Kid) -> ([u8; AES_KEY], [u8; 12]) {
        let (mut key, mut salt) = ([0; AES_KEY], [0; 12]);
        let (kid, suite) = (kid.0.to_be_bytes(), 4_u16.to_be_bytes());
        secret.expand_multi_info(&[b"SFrame 1.0 Secret key ", &kid, &suite], &mut key).expect("short");
        secret.expand_multi_info(&[b"SFrame 1.0 Secret salt ", &kid, &suite], &mut salt).expect("short");
        (key, salt)
    }

    /// The state of SHA-256 in memory after HMAC's padded key (RFC 2104): the two of them stand for the key.
    fn after_pad(key: &[u8], pad: u8) -> Vec<u8> {
        // FIPS 180-4, 5.3.3.
        let mut state = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        compress256(&mut state, &[block]);
        state.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    pub(super) fn bytes(text: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len()).step_by(2).map(digit).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What stands for keys found earlier: they themselves, what is expanded from them, and what HMAC makes of them first.
    pub(super) fn needles(known: &str) -> Vec<Needle> {
        needles_of(&known.lines().collect::<Vec<_>>())
    }

    fn needles_of(known: &[&str]) -> Vec<Needle> {
        let mut needles = Vec::new();
        for line in known {
            let words: Vec<&str> = line.split(' ').collect();
            let mut add = |what: &str, bytes: Vec<u8>| {
                needles.push(Needle { what: format!("{what}-of-{}", words[0]), bytes });
            };
            let secret = bytes(words[words.len() - 1]);
            if let ["key", kid, _] = words.as_slice() {
                let (extracted, expander) = Hkdf::<Sha256>::extract(None, &secret);
                let kid = Kid(u64::from_str_radix(kid, 16).expect("hex"));
                add("secret", extracted.to_vec());
                add("aes", expanded(&expander, kid).0.to_vec());
                for pad in [0x36, 0x5c] {
                    add("pad", extracted.iter().map(|byte| byte ^ pad).collect());
                    add("hmac", after_pad(&extracted, pad));
                }
            }
            add("itself", secret);
        }
        needles
    }

    /// Everything that is found, one line each, sorted.
    pub(super) fn everything(
        memory: &[u8],
        frames: &[Frame],
        needles: &[Needle],
        every: usize,
    ) -> BTreeSet<String> {
        let keys = windows(memory, KEY, KEY_DIFFERENT).filter(|(at, _)| at % every == 0);
        let mut prefixes: Vec<u64> = keys.map(|(_, window)| prefix(window)).collect();
        let tried = prefixes.len();
        prefixes.sort_unstable();
        let half = memory.len() / 2 / every * every;
        let halves = [&memory[..(half + KEY).min(memory.len())], &memory[half..]];
        let mut found: BTreeSet<String> = std::thread::scope(|scope| {
            let both: Vec<_> = halves
                .map(|half| scope.spawn(|| of_half(half, frames, (needles, &prefixes), every)))
                .into_iter()
                .collect();
            both.into_iter().flat_map(|half| half.join().expect("no panic")).collect()
        });
        let here: Vec<&str> = found.iter().map(String::as_str).filter(|line| is_key(line)).collect();
        let here = needles_of(&here);
        found.extend(left(memory, &here).map(|place| format!("lies {place}")));
        found.extend(left(memory, needles).map(|place| format!("left {place}")));
        found.insert(format!("tried {tried}"));
        found
    }

    fn is_key(line: &str) -> bool {
        line.starts_with("key ") || line.starts_with("step ")
    }

    fn prefix(window: &[u8]) -> u64 {
        u64::from_le_bytes(*window.first_chunk().expect("longer"))
    }

    /// Windows that are various enough to be a key.
    fn windows(memory: &[u8], length: usize, different: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let mut counts = [0_u16; 256];
        let mut various = 0;
        let mut next = 0;
        memory.windows(length).enumerate().filter(move |(at, window)| {
            while next < at + length {
                let count = &mut counts[usize::from(memory[next])];
                *count += 1;
                various += usize::from(*count == 1);
                next += 1;
            }
            let is_key = various >= different;
            let count = &mut counts[usize::from(window[0])];
            *count -= 1;
            various -= usize::from(*count == 0);
            is_key
        })
    }

    fn of_half(
        memory: &[u8],
        frames: &[Frame],
        (needles, prefixes): (&[Needle], &[u64]),
        every: usize,
    ) -> Vec<String> {
        let mut found = Vec::new();
        let kids: BTreeSet<Kid> = frames.iter().map(|frame| frame.kid).collect();
        for (_, window) in windows(memory, KEY, KEY_DIFFERENT).filter(|(at, _)| at % every == 0) {
            let as_secret = Hkdf::<Sha256>::from_prk(window).expect("long enough");
            let as_material = Hkdf::<Sha256>::new(None, window);
            for kid in &kids {
                let by_secret = opened_by(&as_secret, *kid, frames);
                let by_material = opened_by(&as_material, *kid, frames);
                found.extend(by_secret.iter().map(|number| format!("opens {number} secret")));
                found.extend(by_material.iter().map(|number| format!("opens {number} material")));
                found.extend(by_material.first().map(|_| format!("key {:x} {}", kid.0, hex(window))));
            }
            if gives_any(window, needles) {
                found.push(format!("left generator-of-step {}", hex(window)));
            }
            let next = kdf::derive(window, "call chain next", &[]);
            if prefixes.binary_search(&prefix(next.expose())).is_ok() {
                found.push(format!("step {}", hex(window)));
                found.push(format!("next {}", hex(next.expose())));
            }
        }
        found
    }

    /// Whether a generator of this seed drew a step that is known.
    fn gives_any(seed: &[u8], needles: &[Needle]) -> bool {
        let steps = || needles.iter().filter(|needle| needle.what == "itself-of-step");
        if steps().next().is_none() {
            return false;
        }
        let mut given = [0; GIVEN];
        ChaCha20Rng::from_seed(seed.try_into().expect("32 bytes")).fill_bytes(&mut given);
        given.windows(KEY).step_by(4).any(|window| steps().any(|step| step.bytes == window))
    }

    /// Where needles lie.
    fn left(memory: &[u8], needles: &[Needle]) -> impl Iterator<Item = String> {
        let mut starts = [false; 1 << 16];
        let start = |bytes: &[u8]| usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        needles.iter().for_each(|needle| starts[start(&needle.bytes)] = true);
        let mut found = Vec::new();
        for at in 0..memory.len().saturating_sub(1) {
            if starts[start(&memory[at..])] {
                let here = needles.iter().filter(|needle| memory[at..].starts_with(&needle.bytes));
                found.extend(here.map(|needle| format!("{} {at:x}", needle.what)));
            }
        }
        found.into_iter()
    }
}
