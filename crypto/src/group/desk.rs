//! What the callbacks of mls-rs may use during one call: a lent generator and two drawers, empty between calls.
//!
//! mls-rs calls its providers with `&self` and no context, so whatever a call needs has to be within their reach. A
//! shared generator inside the provider would make clones of a session influence each other; a thread-local that is
//! filled for one call and emptied at its end keeps every call a pure function of (session, arguments, generator).

use std::cell::RefCell;

use mls_rs_core::key_package::KeyPackageData;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroizing;

use super::path;

#[derive(Default)]
struct Desk {
    rng: Option<ChaCha20Rng>,
    key_package: Option<(Vec<u8>, KeyPackageData)>,
    state: Option<Zeroizing<Vec<u8>>>,
    watched: Option<Watched>,
}

/// What the provider saw during a call that mls-rs then refused without a word of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    /// The key of the first signature that verified: that of whoever signed the message.
    pub(super) signer: Option<Vec<u8>>,
    /// Whether an HPKE ciphertext that was for us did not open.
    pub(super) unopened: bool,
    /// Which leaves of the tree are taken before the commit.
    leaves: Vec<bool>,
    /// How many nodes the path of the commit has, once its signature has verified.
    nodes: Option<usize>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

fn with<T>(f: impl FnOnce(&mut Desk) -> T) -> T {
    DESK.with_borrow_mut(f)
}

/// Puts the generator back when the call ends, however it ends.
struct Loan<'a>(&'a mut ChaCha20Rng);

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(rng) = with(|desk| desk.rng.take()) {
            *self.0 = rng;
        }
    }
}

/// Lends `rng` to the provider while `call` runs.
pub(super) fn lend<T>(rng: &mut ChaCha20Rng, call: impl FnOnce() -> T) -> T {
    with(|desk| {
        assert!(desk.rng.is_none(), "one call lends at a time");
        desk.rng = Some(rng.clone());
    });
    let loan = Loan(rng);
    let value = call();
    drop(loan);
    value
}

/// Looks on while `call` runs: mls-rs does not say whose commit it refused, nor that it was our part of the path that failed.
/// `leaves` are those of the tree that are taken when it begins.
pub(super) fn watch<T>(leaves: Vec<bool>, call: impl FnOnce() -> T) -> (T, Watched) {
    with(|desk| desk.watched = Some(Watched { leaves, ..Watched::default() }));
    let value = call();
    (value, with(|desk| desk.watched.take()).unwrap_or_default())
}

/// A signature by this key verified.
pub(super) fn note_signer(key: &[u8]) {
    with(|desk| {
        if let Some(watched) = &mut desk.watched {
            watched.signer.get_or_insert_with(|| key.to_vec());
        }
    });
}

/// The signature under a commit verified, whose path has so many nodes.
pub(super) fn note_nodes(nodes: usize) {
    with(|desk| {
        if let Some(watched) = &mut desk.watched {
            watched.nodes.get_or_insert(nodes);
        }
    });
}

/// Whether the path of the commit at hand has as many nodes as it must have.
pub(super) fn path_fits(removed: &[u32], added: usize, committer: u32) -> bool {
    with(|desk| match &desk.watched {
        Some(watched) => watched.nodes == Some(path::nodes_due(&watched.leaves, removed, added, committer)),
        None => false,
    })
}

/// An HPKE ciphertext for us did not open.
pub(super) fn note_unopened() {
    with(|desk| {
        if let Some(watched) = &mut desk.watched {
            watched.unopened = true;
        }
    });
}

/// Fills `out` from the lent generator; `false` if this call was lent none.
pub(super) fn draw(out: &mut [u8]) -> bool {
    with(|desk| match &mut desk.rng {
        Some(rng) => {
            rng.fill_bytes(out);
            true
        }
        None => false,
    })
}

/// A generator for a library that wants one, seeded from the lent one.
pub(super) fn draw_generator() -> Option<ChaCha20Rng> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    draw(seed.as_mut()).then(|| ChaCha20Rng::from_seed(*seed))
}

/// Lays a key package down for mls-rs to find.
pub(super) fn put_key_package(id: Vec<u8>, data: KeyPackageData) {
    with(|desk| desk.key_package = Some((id, data)));
}

/// The key package on the desk, if its reference is `id`.
pub(super) fn find_key_package(id: &[u8]) -> Option<KeyPackageData> {
    with(|desk| match &desk.key_package {
        Some((held, data)) if held == id => Some(data.clone()),
        _ => None,
    })
}

/// Takes the key package off the desk.
pub(super) fn take_key_package() -> Option<(Vec<u8>, KeyPackageData)> {
    with(|desk| desk.key_package.take())
}

/// Lays the state of a group down.
pub(super) fn put_state(state: Zeroizing<Vec<u8>>) {
    with(|desk| desk.state = Some(state));
}

/// Takes the state of a group off the desk.
pub(super) fn take_state() -> Option<Zeroizing<Vec<u8>>> {
    with(|desk| desk.state.take())
}

#[cfg(test)]
mod tests;
