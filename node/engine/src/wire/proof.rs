//! The membership proof: a device signs that it stands behind this very connection, in this group, now.
//!
//! ```text
//!   A                                    B
//!   | -- hello(nonce a) ---------------> |
//!   | <-------------- hello(nonce b) --- |
//!   | -- proof(device A, nonce b, sig)-> |  B looks A up in its log: a member is admitted and reconciled with
//!   | <- proof(device B, nonce a, sig)-- |
//!
//!  signed, domain "membership proof":
//!  0         1       33          65             97               129              161
//!  +---------+-------+-----------+--------------+----------------+----------------+
//!  | version | group | prover's  | prover's     | verifier's     | verifier's     |
//!  |         | id    | device    | transport key| transport key  | nonce          |
//!  +---------+-------+-----------+--------------+----------------+----------------+
//! ```
//!
//! Both transport keys are signed, so a proof cannot be carried to another connection by a peer in the middle; the verifier's
//! nonce makes it fresh. Each side proves itself; the two proofs need not meet in one transcript, because what follows is
//! accepted only on the connection, between the two transport keys, that each proof names. The prover's own nonce is not
//! signed: it would bind nothing more.

use halloo_crypto::id::{DeviceId, GroupId};
use halloo_crypto::identity::{self, DeviceSecret, Domain};

use super::direct::ProofFrame;
use super::{VERSION, WireError};
use crate::lane::PeerKey;

/// The connection that a proof is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProofContext {
    /// The group.
    pub group: GroupId,
    /// The transport of who proves.
    pub prover: PeerKey,
    /// The transport of who verifies.
    pub verifier: PeerKey,
    /// The verifier's nonce.
    pub nonce: [u8; 32],
}

impl ProofContext {
    fn signed(&self, device: &DeviceId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(161);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.group.as_bytes());
        bytes.extend_from_slice(device.as_bytes());
        bytes.extend_from_slice(&self.prover.0);
        bytes.extend_from_slice(&self.verifier.0);
        bytes.extend_from_slice(&self.nonce);
        debug_assert_eq!(bytes.len(), 161, "as drawn");
        bytes
    }

    /// Signs as the prover.
    pub fn prove(&self, device: &DeviceSecret) -> ProofFrame {
        let id = device.id();
        ProofFrame {
            device: id,
            nonce: self.nonce,
            signature: device.sign(Domain::MembershipProof, &self.signed(&id)),
        }
    }

    /// Checks as the verifier. Says who is there, not whether it is a member.
    ///
    /// # Errors
    /// The peer's: [`WireError::UnknownKey`] for a proof to another nonce, [`WireError::BadSignature`].
    pub fn verify(&self, proof: &ProofFrame) -> Result<Claimed, WireError> {
        if proof.nonce != self.nonce {
            return Err(WireError::UnknownKey);
        }
        identity::verify(
            &proof.device,
            Domain::MembershipProof,
            &self.signed(&proof.device),
            &proof.signature,
        )
        .map_err(|_| WireError::BadSignature)?;
        Ok(Claimed { device: proof.device })
    }
}

/// The device that is at the other end of a connection, shown by its signature. Only [`ProofContext::verify`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimed {
    device: DeviceId,
}

impl Claimed {
    /// Which device.
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

#[cfg(test)]
mod tests;
