//! Options that several commands share: how a daemon meets the network, and where the voice comes from and goes to.

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How a daemon meets the network and the sound.
#[derive(Debug, Clone, Default, Args)]
pub struct DaemonArgs {
    /// UDP and TCP port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Address of a peer, where multicast does not reach: /ip4/10.0.0.7/udp/4100/quic-v1 (repeatable)
    #[arg(long = "peer", value_name = "ADDR")]
    pub peers: Vec<String>,
    /// Neither announce nor look for peers by multicast DNS
    #[arg(long)]
    pub no_mdns: bool,
    /// Listen on the loopback address too: several members on one machine
    #[arg(long)]
    pub loopback: bool,
    /// The sound.
    #[command(flatten)]
    pub sound: SoundArgs,
    /// Send the voice without redundancy: fewer bytes, and what the network loses is only concealed
    #[arg(long)]
    pub no_redundancy: bool,
    /// Keep recordings and stamps of the voice in this folder, for measurements
    #[arg(long, value_name = "DIR", hide = true)]
    pub record: Option<PathBuf>,
    /// How those files shall call this member
    #[arg(long, value_name = "NAME", hide = true)]
    pub label: Option<String>,
    /// Write every payload, before transport encryption, into this file, for measurements
    #[arg(long, value_name = "FILE", hide = true)]
    pub tap: Option<PathBuf>,
    /// Where the door for browsers and other languages opens, if it does; only `up` asks for it.
    #[arg(skip)]
    pub rest: Option<SocketAddr>,
}

/// Where the voice comes from and goes to.
#[derive(Debug, Clone, Default, Args)]
pub struct SoundArgs {
    /// The voice: `device`, `device:NAME`, `null`, `-` (raw 48 kHz mono s16le) or a WAV file
    #[arg(long = "in", value_name = "SOURCE")]
    pub source: Option<String>,
    /// The others: `device`, `device:NAME`, `null`, `-` or a WAV file
    #[arg(long = "out", value_name = "SINK")]
    pub sink: Option<String>,
    /// Begin the input file again at its end
    #[arg(long)]
    pub repeat: bool,
    /// Speak only while the key is held
    #[arg(long)]
    pub push_to_talk: bool,
}

/// What `echo` needs.
#[derive(Debug, Clone, Args)]
pub struct EchoArgs {
    /// The sound.
    #[command(flatten)]
    pub sound: SoundArgs,
    /// How long
    #[arg(long, default_value = "10s")]
    pub length: String,
    /// How long after you speak you hear yourself
    #[arg(long, default_value = "1s")]
    pub delay: String,
}
