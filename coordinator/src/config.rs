//! What a person who hosts may decide: one table of settings from defaults, file, environment and flags, each with where it came from.
//!
//! ```text
//!   flags                      --listen, --data, --rooms, --origin, --lan, --set mailbox.days=7
//!   environment                HALLOO_COORDINATOR_LISTEN, HALLOO_COORDINATOR_MAILBOX__DAYS (two underscores for a dot)
//!   file                       --config FILE, TOML; without --lan also the one that `init` wrote
//!   defaults                   a machine on a LAN needs no other
//! ```
//! A key that no room knows is an error that names where it was written.

pub mod layers;

use crate::acme::config::AcmeConfig;
use crate::auth::config::AuthConfig;
use crate::mailbox::config::MailboxConfig;
use crate::metrics::config::MetricsConfig;
use crate::push::config::PushConfig;
use crate::relay::config::RelayConfig;
use crate::rendezvous::config::RendezvousConfig;
use crate::subscriptions::config::{Provider, SubscriptionsConfig};
use crate::tls::config::TlsConfig;
use crate::turn::config::TurnConfig;
use anyhow::{Result, ensure};
use halloo_wire::origin::Origin;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// The port of a coordinator where nothing else is said.
pub const PORT: u16 = 7750;

/// A room that can be opened on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Gives tickets.
    Auth,
    /// Knows which account has which plan.
    Subscriptions,
    /// Keeps items for who is away.
    Mailbox,
    /// Where members find each other.
    Rendezvous,
    /// Wakes devices that are away.
    Push,
    /// Relays packets where networks let nothing else through.
    Turn,
    /// Relays between members until they have found a direct way.
    Relay,
}

/// All rooms, with their names.
pub const ROOMS: &[(Room, &str)] = &[
    (Room::Auth, "auth"),
    (Room::Subscriptions, "subscriptions"),
    (Room::Mailbox, "mailbox"),
    (Room::Rendezvous, "rendezvous"),
    (Room::Push, "push"),
    (Room::Turn, "turn"),
    (Room::Relay, "relay"),
];

impl Room {
    /// How it is called in `--rooms` and in `GET /api/v1/server`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ROOMS.iter().find(|(room, _)| *room == self).map_or("", |(_, name)| name)
    }
}

/// The rooms that are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rooms(pub BTreeSet<Room>);

impl Default for Rooms {
    fn default() -> Self {
        Rooms(ROOMS.iter().map(|(room, _)| *room).collect())
    }
}

impl Rooms {
    /// Whether one is open.
    #[must_use]
    pub fn has(&self, room: Room) -> bool {
        self.0.contains(&room)
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|room| room.name()).collect()
    }
}

impl Serialize for Rooms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for Rooms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Line(String),
            List(Vec<String>),
        }
        let names = match Written::deserialize(deserializer)? {
            Written::Line(line) => line.split(',').map(|name| name.trim().to_owned()).collect(),
            Written::List(list) => list,
        };
        let known = || ROOMS.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let room = |name: &String| {
            let row = ROOMS.iter().find(|(_, known)| known == name);
            row.map(|(room, _)| *room).ok_or_else(|| {
                serde::de::Error::custom(format!("no room is called `{name}`; there are {}", known()))
            })
        };
        names.iter().map(room).collect::<Result<_, _>>().map(Rooms)
    }
}

/// All settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port of the one TCP and the one UDP port.
    pub listen: SocketAddr,
    /// Plain HTTP for a local network: no origin is needed, a QR of the address is printed.
    pub lan: bool,
    /// Under which origin members reach it, such as `https://halloo.example`; none: by its own address (`lan` only).
    #[serde(serialize_with = "origin_or_empty", deserialize_with = "empty_or_origin")]
    pub origin: Option<Origin>,
    /// What it calls itself to people.
    pub name: String,
    /// Where it keeps what outlives a restart; made when absent.
    pub data: PathBuf,
    /// Which rooms are open.
    pub rooms: Rooms,
    /// Addresses of proxies whose `X-Forwarded-For` says who asks.
    pub proxies: Vec<IpAddr>,
    /// Most connections at once.
    pub connections: usize,
    /// Most connections at once from one bucket of addresses (a /24 or a /48), proxies aside.
    pub connections_per_bucket: usize,
    /// The certificate, where TLS ends here and not at a proxy.
    pub tls: TlsConfig,
    /// From whom a certificate is asked for, where there is none in files.
    pub acme: AcmeConfig,
    /// Where what is counted can be read.
    pub metrics: MetricsConfig,
    /// How many tickets are given.
    pub auth: AuthConfig,
    /// Which plans there are, for who sells them.
    pub subscriptions: SubscriptionsConfig,
    /// How much is kept in mailboxes.
    pub mailbox: MailboxConfig,
    /// How many records of where somebody is are kept.
    pub rendezvous: RendezvousConfig,
    /// How devices that are away are woken.
    pub push: PushConfig,
    /// What TURN relays, for whom and to whom.
    pub turn: TurnConfig,
    /// How much is relayed between members.
    pub relay: RelayConfig,
}

impl Config {
    /// Whether settings that are good by themselves fit together.
    ///
    /// # Errors
    /// What does not, and what to do.
    pub fn agrees(&self) -> Result<()> {
        let open = [Room::Auth, Room::Subscriptions].iter().all(|room| self.rooms.has(*room));
        ensure!(
            open || self.subscriptions.provider == Provider::None,
            "plans are sold by subscriptions.provider, but `rooms` leaves auth or subscriptions closed: open both"
        );
        self.subscriptions.agrees()
    }
}

fn origin_or_empty<S: Serializer>(origin: &Option<Origin>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(origin.as_ref().map_or("", Origin::as_str))
}

fn empty_or_origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Origin>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([0, 0, 0, 0], PORT)),
            lan: false,
            origin: None,
            name: "halloo".to_owned(),
            data: default_data(),
            rooms: Rooms::default(),
            proxies: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            connections: 16_384,
            connections_per_bucket: 2_048,
            tls: TlsConfig::default(),
            acme: AcmeConfig::default(),
            metrics: MetricsConfig::default(),
            auth: AuthConfig::default(),
            subscriptions: SubscriptionsConfig::default(),
            mailbox: MailboxConfig::default(),
            rendezvous: RendezvousConfig::default(),
            push: PushConfig::default(),
            turn: TurnConfig::default(),
            relay: RelayConfig::default(),
        }
    }
}

/// Where settings are looked for that no `--config` names; none for a user without a home.
#[must_use]
pub fn default_file() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "halloo-coordinator")?;
    Some(dirs.config_dir().join("config.toml"))
}

/// The data folder of this user, or one beside where the process was started.
fn default_data() -> PathBuf {
    let dirs = directories::ProjectDirs::from("", "", "halloo-coordinator");
    dirs.map_or_else(|| PathBuf::from("halloo-coordinator-data"), |dirs| dirs.data_dir().to_owned())
}

#[cfg(test)]
mod tests;
