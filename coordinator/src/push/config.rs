//! Whom a coordinator may wake, by which push services, and how often.

use super::service::queue::Rules;
use halloo_wire::origin::Origin;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::path::PathBuf;

/// What a coordinator does about pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Keeps sealed tokens for mailboxes and pokes their gateways.
    Relay,
    /// Opens tokens and asks push services.
    Gateway,
}

/// Settings of the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushConfig {
    /// `relay`, `gateway` or both.
    pub roles: Vec<Role>,
    /// Other coordinators whose gateways may be poked from here; none: only the one that is here.
    pub gateways: Vec<Origin>,
    /// Most registrations, one for each address of a mailbox: 1.1 KB of disk and 60 bytes of memory each.
    pub registrations: usize,
    /// Seconds between two pokes for one address.
    pub quiet_seconds: u32,
    /// Most pokes for one address in a day.
    pub per_day: u32,
    /// Seconds between two pushes to one device.
    pub device_quiet_seconds: u32,
    /// Most pushes to one device in a day.
    pub device_per_day: u32,
    /// Most that wait, of pokes and of pushes each.
    pub waiting: usize,
    /// Most requests of owners (register, forget) at once from one bucket of addresses: two weeks of addresses of a device's groups.
    pub asks_burst: NonZeroU32,
    /// And how many more in a minute.
    pub asks_per_minute: NonZeroU32,
    /// Most pokes of other coordinators at once from one bucket of addresses: fewer than are sent even if none of their push services answers.
    pub pokes_burst: NonZeroU32,
    /// And how many more in a minute.
    pub pokes_per_minute: NonZeroU32,
    /// Ranges in which push services may be although they are not the internet, such as `192.168.7.0/24`.
    pub allow: Vec<IpNet>,
    /// File of the authority by which push services and gateways are certified, PEM, where that is none of the system's.
    pub root: PathBuf,
    /// Where a push service may write to when something is wrong, `mailto:me@halloo.example` or a page; empty: the origin.
    pub contact: String,
    /// Firebase Cloud Messaging.
    pub fcm: FcmConfig,
    /// Apple's push service.
    pub apns: ApnsConfig,
}

/// The settings `push.fcm.*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FcmConfig {
    /// The file of a service account, JSON as Google gives it; empty: nothing is sent by FCM.
    pub account: PathBuf,
    /// Where FCM is.
    pub host: String,
}

impl Default for FcmConfig {
    fn default() -> Self {
        FcmConfig { account: PathBuf::new(), host: "https://fcm.googleapis.com".to_owned() }
    }
}

/// The settings `push.apns.*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApnsConfig {
    /// The file of the key, `AuthKey_….p8` as Apple gives it; empty: nothing is sent by APNs.
    pub key: PathBuf,
    /// Its id, ten letters.
    pub key_id: String,
    /// The id of the team, ten letters.
    pub team_id: String,
    /// The bundle id of the app.
    pub topic: String,
    /// What the phone shows until the app has looked; empty: the app is woken in the background, which Apple does a few times in an hour.
    pub alert: String,
    /// Where APNs is; `https://api.sandbox.push.apple.com` for builds of developers.
    pub host: String,
}

impl Default for ApnsConfig {
    fn default() -> Self {
        ApnsConfig {
            key: PathBuf::new(),
            key_id: String::new(),
            team_id: String::new(),
            topic: String::new(),
            alert: String::new(),
            host: "https://api.push.apple.com".to_owned(),
        }
    }
}

impl Default for PushConfig {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("above zero");
        PushConfig {
            roles: vec![Role::Relay, Role::Gateway],
            gateways: Vec::new(),
            registrations: 262_144,
            quiet_seconds: 10,
            per_day: 500,
            device_quiet_seconds: 5,
            device_per_day: 2_000,
            waiting: 4_096,
            asks_burst: number(2_000),
            asks_per_minute: number(600),
            pokes_burst: number(1_200),
            pokes_per_minute: number(600),
            allow: Vec::new(),
            root: PathBuf::new(),
            contact: String::new(),
            fcm: FcmConfig::default(),
            apns: ApnsConfig::default(),
        }
    }
}

/// Most devices of which a gateway knows when they were sent to, about 100 bytes each.
const DEVICES_KNOWN: usize = 65_536;

impl PushConfig {
    /// Whether a role is played here.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// How often and how many, for pokes of mailboxes.
    #[must_use]
    pub fn poke_rules(&self) -> Rules {
        Rules {
            quiet_ms: u64::from(self.quiet_seconds) * 1_000,
            per_day: self.per_day,
            waiting: self.waiting,
            known: self.registrations,
        }
    }

    /// How often and how many, for pushes to devices.
    #[must_use]
    pub fn push_rules(&self) -> Rules {
        Rules {
            quiet_ms: u64::from(self.device_quiet_seconds) * 1_000,
            per_day: self.device_per_day,
            waiting: self.waiting,
            known: DEVICES_KNOWN,
        }
    }
}
