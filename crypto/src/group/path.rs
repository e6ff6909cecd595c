//! Counts the nodes in the path of a received commit: mls-rs 0.57 refuses too many and indexes past the end of too few.
//!
//! It opens, checks the signature, asks the rules and follows the path in one call that shows nobody the path. What is signed it
//! shows to our provider, and what is proposed to our rules; between the two the count can be compared before it indexes
//! (RFC 9420, section 12.4.2: as many nodes as the filtered direct path of the committer in the new tree).

/// What a member's signature over a handshake is a signature of (RFC 9420, section 6.1).
const SIGNED_CONTENT: &[u8] = b"MLS 1.0 FramedContentTBS";

/// Content type of a commit, source of a leaf that stands in a commit or a key package: RFC 9420, sections 6 and 7.2.
const COMMIT: u8 = 3;
const SOURCE_KEY_PACKAGE: u8 = 1;
const SOURCE_UPDATE: u8 = 2;
const SOURCE_COMMIT: u8 = 3;

/// Takes the first `len` bytes off.
pub(super) fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

/// Takes a vector with a length of variable size off (RFC 9420, section 2.1.2).
pub(super) fn vector<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let width = 1 << (bytes.first()? >> 6);
    if width > 4 {
        return None;
    }
    let head = take(bytes, width)?;
    let written = head.iter().fold(0, |sum: usize, &byte| (sum << 8) | usize::from(byte));
    take(bytes, written & ((1 << (8 * width - 2)) - 1))
}

fn leaf(bytes: &mut &[u8]) -> Option<()> {
    vector(bytes)?;
    vector(bytes)?;
    take(bytes, 2)?;
    vector(bytes)?;
    for _capability in 0..5 {
        vector(bytes)?;
    }
    match *take(bytes, 1)? {
        [SOURCE_KEY_PACKAGE] => take(bytes, 16).map(|_lifetime| ())?,
        [SOURCE_UPDATE] => {}
        [SOURCE_COMMIT] => vector(bytes).map(|_parent_hash| ())?,
        _ => return None,
    }
    vector(bytes)?;
    vector(bytes).map(|_signature| ())
}

/// The number of nodes of the path, if `signed` is what a member signs for a commit with a path.
pub(super) fn nodes_signed(signed: &[u8]) -> Option<usize> {
    let mut signed = signed;
    if vector(&mut signed)? != SIGNED_CONTENT {
        return None;
    }
    let content = &mut vector(&mut signed)?;
    let _version_and_wire_format = take(content, 4)?;
    let _group = vector(content)?;
    let _epoch_and_sender = take(content, 8 + 5)?;
    let _authenticated_data = vector(content)?;
    if take(content, 1)? != [COMMIT] {
        return None;
    }
    let _proposals = vector(content)?;
    if take(content, 1)? != [1] {
        return None;
    }
    leaf(content)?;
    let nodes = &mut vector(content)?;
    let mut count = 0;
    while !nodes.is_empty() {
        let (_key, _sealed) = (vector(nodes)?, vector(nodes)?);
        count += 1;
    }
    Some(count)
}

/// How many nodes the path of `committer` has once the `removed` are gone and `added` have come. `leaves` says which places
/// are taken before; whoever comes gets the leftmost that is free.
pub(super) fn nodes_due(leaves: &[bool], removed: &[u32], added: usize, committer: u32) -> usize {
    let mut leaves = leaves.to_vec();
    for &index in removed {
        if let Some(leaf) = leaves.get_mut(index as usize) {
            *leaf = false;
        }
    }
    let mut coming = added;
    for leaf in leaves.iter_mut().filter(|leaf| !**leaf) {
        if coming == 0 {
            break;
        }
        *leaf = true;
        coming -= 1;
    }
    leaves.resize(leaves.len() + coming, true);
    let end = leaves.iter().rposition(|&taken| taken).map_or(0, |last| last + 1);
    let committer = committer as usize;
    let levels = 0..end.next_power_of_two().trailing_zeros();
    let beside = levels.map(|level| {
        let start = ((committer >> level) ^ 1) << level;
        start..(start + (1 << level)).min(end)
    });
    beside.filter(|places| leaves.get(places.clone()).is_some_and(|leaves| leaves.contains(&true))).count()
}

#[cfg(test)]
pub(super) mod bend;
#[cfg(test)]
mod tests;
