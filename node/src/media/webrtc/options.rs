//! What a WebRTC endpoint can be told, and its timing.

use std::sync::Arc;
use std::time::Duration;

use halloo_crypto::id::DeviceId;

use crate::media::interfaces::Binding;

/// Between two connectivity checks of a pair while connecting. The library's 200 ms were nearly the whole set-up time;
/// a check is 100 bytes, and RFC 8445 B.1 allows one each 5 ms.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Checks of a pair before it counts as hopeless: five seconds' worth, for answers that travel slowly.
pub(super) const CHECKS: u16 = 250;

/// A path through the public side of a NAT is taken after this: one within the network, found at the same time, is the better one.
pub(super) const REFLEXIVE_WAIT: Duration = Duration::from_millis(200);

/// A path through a relay is taken after this: a direct one has had three round trips halfway around the world by then. The library's
/// two seconds were half of what a newcomer waits for the first word.
pub(super) const RELAY_WAIT: Duration = Duration::from_secs(1);

/// No packet for so long and the path is doubted: an ICE restart follows.
pub(super) const SILENCE_DOUBTED: Duration = Duration::from_secs(3);

/// A path that is doubted is kept while voice or a report has come over it within this. On a link that loses a fifth of its
/// packets, checks once a second fail three times in a row every few minutes, in bursts every few seconds; and a new path
/// costs a third of a second of voice. Reports come four times a second while frames are lost, so this is eight of them.
pub(super) const SILENCE_HEARD: Duration = Duration::from_secs(2);

/// And so much longer, and the connection is given up and begun anew.
pub(super) const SILENCE_FATAL: Duration = Duration::from_secs(9);

/// Between two consent checks of a quiet connection (RFC 7675 wants at most 5 s on average).
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// How long an offer waits for its own candidates before it goes out without them. Host candidates take 0.1 ms.
pub(super) const GATHER_WAIT: Duration = Duration::from_millis(20);

/// An offer without answer is sent again after this; doubled each time up to [`RETRY_MAX`].
pub(super) const RETRY_MIN: Duration = Duration::from_millis(500);

/// Longest wait between two attempts: a member who comes back is heard within it.
pub(super) const RETRY_MAX: Duration = Duration::from_secs(8);

/// From the answer to working media; past it the attempt is given up.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(8);

/// Between two statistics readings.
pub(super) const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// RTP payload type of the one codec, the one that every browser gives Opus.
pub(super) const PAYLOAD_TYPE: u8 = 111;

/// Sees each sealed payload as it is handed to the transport, before SRTP: the demo searches these for plaintext.
pub type Tap = Arc<dyn Fn(&DeviceId, &[u8]) + Send + Sync>;

/// What an endpoint can be told when it starts.
#[derive(Clone, Default)]
pub struct Options {
    /// Which local addresses to bind. Loopback candidates of others are used only if loopback is bound here too.
    pub binding: Binding,
    /// Marks each packet as speech or silence in clear (RFC 6464, two levels only), for a forwarder that selects
    /// speakers. Off by default: between members nobody needs it, and it tells a listener on the wire who speaks.
    pub audio_level: bool,
    /// Keeps connections to devices that [`crate::media::endpoint::MediaEndpoint::set_peers`] no longer names, and goes
    /// on feeding them sealed frames. Only the demo wants this: it shows that a removed member opens none of them.
    pub feed_dropped: bool,
    /// See [`Tap`].
    pub tap: Option<Tap>,
}

impl Options {
    /// Whether loopback addresses take part, ours and those of others.
    pub(super) fn loopback(&self) -> bool {
        self.binding.loopback || self.binding.explicit.iter().any(std::net::IpAddr::is_loopback)
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("binding", &self.binding)
            .field("audio_level", &self.audio_level)
            .field("feed_dropped", &self.feed_dropped)
            .field("tap", &self.tap.is_some())
            .finish()
    }
}
