//! Every bound of the mesh in one screen, each with its reason and what happens when it is reached.

use std::time::Duration;

/// Largest payload of one gossip message, bytes. Larger is refused at `publish` and, by the codec, on receipt
/// (the stream of the sender is then closed). 60 KiB keeps an RPC with its framing under gossipsub's customary 64 KiB.
pub const GOSSIP_FRAME_MAX: usize = 60 * 1024;

/// Room in a gossip RPC for the topic and the field headers around a payload, bytes.
pub const GOSSIP_OVERHEAD: usize = 1024;

/// Topics one node subscribes to. A group has a handful (one per untainted beacon of the settle window, each in
/// up to three weeks), so this serves about twenty groups. Further `subscribe` calls are refused.
pub const TOPICS_MAX: usize = 256;

/// Subscriptions remembered of one peer that is not admitted yet. The same order as its own `TOPICS_MAX`; the oldest is forgotten first.
pub const HELD_SUBSCRIPTIONS_MAX: usize = 256;

/// Topics that one peer can be admitted to. Further `admit` calls are refused.
pub const ADMISSIONS_PER_PEER_MAX: usize = 256;

/// Messages that wait, per topic, for the first subscriber. When full the oldest is dropped and counted:
/// newer state replaces older, and reconciliation repairs the rest.
pub const WAITING_MESSAGES_MAX: usize = 64;

/// Bytes that wait over all topics for their first subscribers. When full the message is refused.
pub const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// Half the longest time that a message waits for a first subscriber: it is dropped at the second tick of this
/// length. Gossip repairs about three seconds; what is older belongs to reconciliation, and a lease that runs
/// from reception must not be stretched by a queue.
pub const WAITING_TICK: Duration = Duration::from_secs(3);

/// Gossip messages whose verdict is outstanding. When full the oldest is treated as ignored (not forwarded).
pub const VERDICTS_PENDING_MAX: usize = 1024;

/// Rejected messages after which a peer's connections are closed. An honest member sends none: its outer MAC is
/// checked by each hop before forwarding. A few are allowed because beacons rotate.
pub const REJECTS_MAX: u32 = 32;

/// Messages of a topic the sender is not admitted to, after which its connections are closed. Some are honest:
/// the other side may have admitted us first.
pub const UNADMITTED_MAX: u32 = 1024;

/// Gossip messages queued towards one peer. Gossipsub's own default is 5,000; a slow peer here costs at most
/// this many references to shared payloads. The newest is dropped when full.
pub const GOSSIP_QUEUE_MAX: usize = 512;

/// Control bytes (IHAVE, GRAFT, subscriptions) accepted in one gossip RPC.
pub const GOSSIP_CONTROL_MAX: usize = 16 * 1024;

/// Messages accepted in one gossip RPC.
pub const GOSSIP_RPC_MESSAGES_MAX: usize = 64;

/// How long an identical message is recognised as already seen.
pub const GOSSIP_SEEN: Duration = Duration::from_secs(60);

/// Bytes of a gossip message id: a truncated SHA-256 of topic and payload. 16 bytes leave 2^64 work for a
/// collision and keep IHAVE lists short (long ids were measured to cost half again the traffic).
pub const MESSAGE_ID_BYTES: usize = 16;

/// Largest frame of the direct lane, bytes. Welcomes of 500 members and reconciliation batches fit; blobs are cut by their sender.
pub const DIRECT_FRAME_MAX: usize = 256 * 1024;

/// Frames queued or unacknowledged towards one peer. When reached `send_direct` returns `QueueFull`: the sender
/// slows down, nothing queued is dropped.
pub const DIRECT_QUEUE_FRAMES_MAX: usize = 512;

/// Bytes queued or unacknowledged towards one peer, same policy.
pub const DIRECT_QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes handed to the direct stream in one write; smaller frames that wait are joined up to this size.
pub const DIRECT_WRITE_MAX: usize = 64 * 1024;

/// Direct streams of one connection that may fail in a row before the connection is closed.
pub const DIRECT_STREAM_FAULTS_MAX: u32 = 3;

/// Largest pairing request, bytes: it comes from strangers. A PAKE message with a key package is about 1.5 KiB.
pub const PAIR_REQUEST_MAX: usize = 8 * 1024;

/// Largest pairing reply, bytes. It comes from a peer that we chose to ask.
pub const PAIR_REPLY_MAX: usize = 64 * 1024;

/// Pairing requests of strangers waiting for a reply, over all peers. When full, new ones are dropped unanswered.
pub const PAIR_PENDING_MAX: usize = 32;

/// Pairing exchanges under way on one connection, both directions together. Further ones fail at once.
pub const PAIR_PENDING_PER_PEER_MAX: usize = 4;

/// Pairing requests of ours on the way. A joiner asks at most 32 discovered peers.
pub const PAIR_ASKED_MAX: usize = 64;

/// How long a pairing request may take.
pub const PAIR_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to one peer. Two devices that discover each other at once dial each other at once; the second
/// connection is closed later by the dial policy of the shell.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 3;

/// Incoming connections established in all.
pub const INCOMING_MAX: u32 = 512;

/// Incoming connections that have not finished their handshake.
pub const INCOMING_PENDING_MAX: u32 = 64;

/// Outgoing connections that have not finished their handshake.
pub const OUTGOING_PENDING_MAX: u32 = 64;

/// Incoming connections from one IP address. Several members behind one NAT, or several processes on one host, must fit.
pub const INCOMING_PER_IP_MAX: usize = 32;

/// Addresses remembered of one peer.
pub const ADDRESSES_PER_PEER_MAX: usize = 16;

/// How long a connection that no lane keeps stays open, for instance to a stranger found by mDNS.
pub const IDLE_STRANGER: Duration = Duration::from_secs(30);

/// Time between two pings of a connection, and the time without an answer after which it counts as dead.
pub const PING_EVERY: Duration = Duration::from_secs(10);

/// How long a ping may take before the connection is closed.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
