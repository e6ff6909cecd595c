//! An insider for tests: rewrites the commit that this thread makes, where it is signed and where it is sealed.

use std::cell::RefCell;

use ed25519_dalek::{Signer as _, SigningKey};

use super::{SIGNED_CONTENT, take, vector};

/// What a member's signature for those who join is a signature of (RFC 9420, section 12.4.3).
const SIGNED_INFO: &[u8] = b"MLS 1.0 GroupInfoTBS";

/// A commit taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) struct Commit {
    pub(in crate::group) proposals: Vec<u8>,
    pub(in crate::group) path: Option<Path>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) struct Path {
    /// The leaf up to its source.
    pub(in crate::group) leaf: Vec<u8>,
    pub(in crate::group) parent_hash: Vec<u8>,
    pub(in crate::group) extensions: Vec<u8>,
    pub(in crate::group) signature: Vec<u8>,
    pub(in crate::group) nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) struct Node {
    pub(in crate::group) key: Vec<u8>,
    pub(in crate::group) sealed: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A vector with its length, as RFC 9420 writes it.
pub(in crate::group) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("short");
    match len {
        0..0x40 => out.push(len as u8),
        0x40..0x4000 => out.extend((len as u16 | 0x4000).to_be_bytes()),
        _ => out.extend((len | 0x8000_0000).to_be_bytes()),
    }
    out.extend(bytes);
}

impl Commit {
    /// Takes a commit off `bytes`.
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let proposals = vector(bytes)?.to_vec();
        if take(bytes, 1)? == [0] {
            return Some(Self { proposals, path: None });
        }
        let whole = *bytes;
        vector(bytes)?;
        vector(bytes)?;
        take(bytes, 2)?;
        for _credential_and_capabilities in 0..6 {
            vector(bytes)?;
        }
        let leaf = whole[..whole.len() - bytes.len()].to_vec();
        assert_eq!(take(bytes, 1)?, [3], "of a commit");
        let parent_hash = vector(bytes)?.to_vec();
        let extensions = vector(bytes)?.to_vec();
        let signature = vector(bytes)?.to_vec();
        let written = &mut vector(bytes)?;
        let mut nodes = Vec::new();
        while !written.is_empty() {
            let key = vector(written)?.to_vec();
            let ciphertexts = &mut vector(written)?;
            let mut sealed = Vec::new();
            while !ciphertexts.is_empty() {
                sealed.push((vector(ciphertexts)?.to_vec(), vector(ciphertexts)?.to_vec()));
            }
            nodes.push(Node { key, sealed });
        }
        Some(Self { proposals, path: Some(Path { leaf, parent_hash, extensions, signature, nodes }) })
    }

    pub(in crate::group) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, &self.proposals);
        let Some(path) = &self.path else {
            out.push(0);
            return out;
        };
        out.push(1);
        out.extend(path.content());
        put(&mut out, &path.signature);
        let mut nodes = Vec::new();
        for node in &path.nodes {
            put(&mut nodes, &node.key);
            let mut sealed = Vec::new();
            for (kem_output, ciphertext) in &node.sealed {
                put(&mut sealed, kem_output);
                put(&mut sealed, ciphertext);
            }
            put(&mut nodes, &sealed);
        }
        put(&mut out, &nodes);
        out
    }
}

impl Path {
    fn content(&self) -> Vec<u8> {
        let mut out = self.leaf.clone();
        out.push(3);
        put(&mut out, &self.parent_hash);
        put(&mut out, &self.extensions);
        out
    }

    /// Signs the leaf again, as the leaf of this place.
    pub(in crate::group) fn sign(&mut self, insider: &Insider<'_>, group: &[u8], index: u32) {
        let mut content = self.content();
        put(&mut content, group);
        content.extend(index.to_be_bytes());
        let mut signed = Vec::new();
        put(&mut signed, b"MLS 1.0 LeafNodeTBS");
        put(&mut signed, &content);
        self.signature = insider.signer.sign(&signed).to_bytes().to_vec();
    }
}

/// What the insider has at hand when it rewrites.
pub(in crate::group) struct Insider<'a> {
    signer: &'a SigningKey,
    /// Everything that was hashed for this commit.
    pub(in crate::group) hashed: &'a [Vec<u8>],
}

/// From the commit to the bytes that stand in its place.
pub(in crate::group) type Bend = Box<dyn Fn(Commit, &Insider<'_>) -> Vec<u8>>;

type Change = Box<dyn Fn(&mut Vec<u8>)>;

#[derive(Default)]
struct Armed {
    bend: Option<Bend>,
    /// What is sealed instead of who sent it: leaf, generation, reuse guard, 4 bytes each.
    sender: Option<Vec<u8>>,
    /// From what is signed about a group for those who join to what is signed instead.
    info: Option<Change>,
    hashed: Vec<Vec<u8>>,
    /// The commit as it was signed first, and what was signed for it.
    made: Option<(Vec<u8>, Vec<u8>)>,
}

thread_local! {
    static ARMED: RefCell<Armed> = RefCell::default();
}

/// Runs `call`; the commit that is made in it is rewritten.
pub(in crate::group) fn bending<T>(bend: Bend, call: impl FnOnce() -> T) -> T {
    ARMED.set(Armed { bend: Some(bend), ..Armed::default() });
    let value = call();
    let armed = ARMED.take();
    assert!(armed.made.is_some(), "no commit was made");
    value
}

/// Runs `call`; what the welcome that is made in it says about the group is changed, and signed.
pub(in crate::group) fn welcoming<T>(change: impl Fn(&mut Vec<u8>) + 'static, call: impl FnOnce() -> T) -> T {
    ARMED.set(Armed { info: Some(Box::new(change)), ..Armed::default() });
    let value = call();
    assert!(ARMED.take().made.is_some(), "nobody was welcomed");
    value
}

/// Runs `call`; the message that is made in it names this sender.
pub(in crate::group) fn sent_by<T>(sender: Vec<u8>, call: impl FnOnce() -> T) -> T {
    ARMED.set(Armed { sender: Some(sender), ..Armed::default() });
    let value = call();
    ARMED.take();
    value
}

pub(in crate::group) fn hashing(data: &[u8]) {
    ARMED.with_borrow_mut(|armed| {
        if armed.bend.is_some() {
            armed.hashed.push(data.to_vec());
        }
    });
}

/// What is signed instead of `data`.
pub(in crate::group) fn signing(secret: &[u8], data: &[u8]) -> Vec<u8> {
    ARMED.with_borrow_mut(|armed| armed.sign(secret, data)).unwrap_or_else(|| data.to_vec())
}

impl Armed {
    fn sign(&mut self, secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let mut rest = data;
        let label = vector(&mut rest)?;
        let content = vector(&mut rest)?;
        if let Some(change) = self.info.as_ref().filter(|_| label == SIGNED_INFO) {
            let mut bent = content.to_vec();
            change(&mut bent);
            let mut signed = Vec::new();
            put(&mut signed, label);
            put(&mut signed, &bent);
            self.made = Some((content.to_vec(), bent));
            return Some(signed);
        }
        let bend = self.bend.as_ref().filter(|_| label == SIGNED_CONTENT)?;
        let mut rest = content;
        take(&mut rest, 4)?;
        vector(&mut rest)?;
        take(&mut rest, 13)?;
        vector(&mut rest)?;
        take(&mut rest, 1)?;
        let before = &content[..content.len() - rest.len()];
        let written = rest;
        let commit = Commit::read(&mut rest)?;
        let plain = &written[..written.len() - rest.len()];
        assert_eq!(commit.write(), plain, "taken apart and put together");
        let signer = SigningKey::from_bytes(secret.try_into().expect("a seed"));
        let bent = bend(commit, &Insider { signer: &signer, hashed: &self.hashed });
        let mut signed = Vec::new();
        put(&mut signed, SIGNED_CONTENT);
        put(&mut signed, &[before, &bent, rest].concat());
        self.made = Some((plain.to_vec(), bent));
        Some(signed)
    }
}

/// What is sealed instead of `data`.
pub(in crate::group) fn sealing(data: &[u8]) -> Vec<u8> {
    ARMED.with_borrow(|armed| {
        if let Some(sender) = armed.sender.as_ref().filter(|_| data.len() == 12) {
            return sender.clone();
        }
        let made = armed.made.as_ref();
        let rest = made.and_then(|(plain, bent)| Some((bent, data.strip_prefix(plain.as_slice())?)));
        rest.map_or_else(|| data.to_vec(), |(bent, rest)| [bent, rest].concat())
    })
}
