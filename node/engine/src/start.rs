//! How a member comes to be: who it is, its limits, and which of the three beginnings it has.

use core::time::Duration;

use halloo_crypto::group::KeyPackageSecret;
use halloo_crypto::id::AccountId;
use halloo_crypto::identity::{DeviceCertificate, DeviceSecret};

use crate::lane::PeerKey;
use crate::snapshot::Snapshot;

/// Limits and habits that a deployment may choose; [`Config::default`] is meant for phones on one Wi-Fi.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Shortest time between two positions that leave this device.
    pub location_interval: Duration,
    /// How long a position stays valid for the others without news.
    pub location_lease: Duration,
    /// How long presence stays valid for the others without news.
    pub presence_lease: Duration,
    /// Shortest round trip that delays are counted in, when nothing better was measured.
    pub round_trip: Duration,
    /// Addresses of this node, put into links and QR texts, for instance `/ip4/192.168.1.5/udp/4001/quic-v1/p2p/...`.
    pub addresses: Vec<String>,
    /// The coordinator that links name, `https://...`; `None` gives links that only a halloo program understands.
    pub coordinator: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            location_interval: Duration::from_secs(1),
            location_lease: Duration::from_secs(60),
            presence_lease: Duration::from_secs(15),
            round_trip: Duration::from_millis(250),
            addresses: Vec::new(),
            coordinator: None,
        }
    }
}

/// Who this member is. The account's own secret stays outside: a device needs its certificate only.
#[derive(Clone)]
pub struct Identity {
    /// Signing and box keys of this device.
    pub device: DeviceSecret,
    /// The account's word that this device is its own.
    pub certificate: DeviceCertificate,
    /// The transport key of this node.
    pub peer: PeerKey,
    /// The display name that others shall see.
    pub name: String,
}

impl Identity {
    /// The account that the device belongs to.
    pub fn account(&self) -> AccountId {
        self.certificate.account
    }
}

/// The three beginnings of a member.
#[expect(clippy::large_enum_variant, reason = "one value for each start, moved once")]
pub enum Origin {
    /// A new group with this one member.
    Create {
        /// The group's name.
        group_name: String,
    },
    /// A newcomer, with the bundle that a member made for it (already opened) and the secret of its key package.
    Join {
        /// Plaintext of the bundle, untrusted in every field.
        bundle: Vec<u8>,
        /// What the welcome in the bundle is for.
        key_package: KeyPackageSecret,
    },
    /// After a restart, from what was durable.
    Restore(Snapshot),
}

/// Why a member could not start.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate does not belong to this device or is not signed by its account.
    #[error("the device certificate does not fit the device; make a new identity")]
    Identity,
    /// A name is empty or too long.
    #[error("a name must have 1 to {} bytes", crate::output::MAX_NAME_BYTES)]
    Name,
    /// The bundle does not prove what it claims.
    #[error("the invitation answer is not valid ({0}); ask for a new invite")]
    Bundle(&'static str),
    /// The snapshot is of another group, device or format.
    #[error("the stored state cannot be used ({0}); restore the last export")]
    Snapshot(&'static str),
}
