//! `halloo wake`: how this device is woken while it is away, for whoever builds an app around the node.

use crate::door::{Request, WakeAsk, WakeToken};
use crate::terminal::{line, tell};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

/// How to be woken.
#[derive(Clone, Debug, Subcommand)]
pub enum WakeCommand {
    /// By Web Push or UnifiedPush: the parts of the subscription that the push service has given
    Web {
        /// Its URL
        endpoint: String,
        /// Its public key, base64url
        #[arg(long, value_name = "KEY")]
        p256dh: String,
        /// Its authentication secret, base64url
        #[arg(long, value_name = "SECRET")]
        auth: String,
        /// Options that all kinds share
        #[command(flatten)]
        by: Gateway,
    },
    /// By Firebase Cloud Messaging
    Fcm {
        /// The registration token
        token: String,
        /// Options that all kinds share
        #[command(flatten)]
        by: Gateway,
    },
    /// By Apple's push service
    Apns {
        /// The device token in hex
        token: String,
        /// Options that all kinds share
        #[command(flatten)]
        by: Gateway,
    },
    /// No more
    Off,
}

/// Who sends.
#[derive(Clone, Debug, Args)]
pub struct Gateway {
    /// The coordinator of whoever publishes the app, which holds its keys; without it each coordinator sends itself
    #[arg(long, value_name = "ORIGIN")]
    gateway: Option<String>,
}

/// What is asked at the local door.
pub fn request(what: Option<&WakeCommand>) -> Request {
    let (by, gateway) = match what {
        None => return Request::Wake,
        Some(WakeCommand::Off) => return Request::WakeOff,
        Some(WakeCommand::Web { endpoint, p256dh, auth, by }) => {
            let (endpoint, p256dh, auth) = (endpoint.clone(), p256dh.clone(), auth.clone());
            (WakeToken::WebPush { endpoint, p256dh, auth }, by)
        }
        Some(WakeCommand::Fcm { token, by }) => (WakeToken::Fcm { token: token.clone() }, by),
        Some(WakeCommand::Apns { token, by }) => (WakeToken::Apns { token: token.clone() }, by),
    };
    Request::WakeBy(WakeAsk { by, gateway: gateway.gateway.clone() })
}

/// How it stands.
pub fn shown(answer: &Value) -> Result<()> {
    let Some(kind) = answer["kind"].as_str() else {
        return line("this device is not woken");
    };
    let gateway = answer["gateway"].as_str().map_or(String::new(), |at| format!(" through {at}"));
    let (left, waiting) = (&answer["left"], &answer["waiting"]);
    line(&format!("woken by {kind}{gateway}: at {left} addresses of days to come, {waiting} to be told"))?;
    for trouble in answer["trouble"].as_array().into_iter().flatten() {
        let (origin, why) = (trouble["origin"].as_str(), trouble["why"].as_str());
        tell(&format!("! {}: {}", origin.unwrap_or_default(), why.unwrap_or_default()));
    }
    Ok(())
}
