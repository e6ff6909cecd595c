//! Bytes as text: two digits each (RFC 4648, section 8), written in lower case and read in either.

/// The digits of some bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("four bits");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a text; nothing for an odd length, or where a letter is no digit.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    odd.is_empty().then(|| bytes.collect())?
}

/// Exactly `N` bytes of a text; nothing for another length too.
#[must_use]
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Looked at first: what is far too long is not worth reading.
    let fits = text.len() == 2 * N;
    fits.then(|| decode(text))??.try_into().ok()
}

#[cfg(test)]
mod tests;
