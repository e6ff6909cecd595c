//! `halloo doctor`: what is wrong with sound, network, clock, home and its key, and the coordinator, and what to do about each.

mod coordinator;
mod home;
mod machine;
mod network;
mod running;
mod sound;

use crate::args::DaemonArgs;
use crate::home::{Home, HomeError};
use crate::keyring::Keyring;
use serde::Serialize;

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// The next step, if there is a fault.
    pub fault: Option<String>,
}

fn good(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, found: found.into(), fault: None }
}

fn bad(name: &'static str, found: impl Into<String>, next: impl Into<String>) -> Check {
    Check { name, found: found.into(), fault: Some(next.into()) }
}

/// Looks at everything; takes about two seconds.
pub async fn run(home: &Result<Home, HomeError>, args: &DaemonArgs) -> Vec<Check> {
    let mut checks = home::check_home(home);
    checks.extend([machine::check_clock(machine::wall_s()), machine::check_timer(), machine::check_files()]);
    let running = match home {
        Ok(home) => running::ask(home).await,
        Err(_) => None,
    };
    let port = args.port;
    let own = |kind| running.as_ref().is_some_and(|running| running.holds(kind, port));
    let (for_sound, for_net, held) = (args.clone(), args.clone(), [own("udp"), own("tcp")]);
    let kept = home.as_ref().ok().cloned();
    let looked = tokio::task::spawn_blocking(move || {
        let mut found: Vec<Check> =
            kept.iter().map(|home| home::check_key(home, Keyring::from_env())).collect();
        found.extend(sound::check_sound(&for_sound));
        found.extend(network::check_network(&for_net, held));
        found
    });
    checks.extend(looked.await.unwrap_or_default());
    checks.push(sound::check_voice().await);
    checks.extend(running.iter().flat_map(running::Running::checks));
    if let Some(origin) = running.as_ref().and_then(running::Running::coordinator) {
        checks.extend(coordinator::check(&origin).await);
    }
    checks
}

#[cfg(test)]
mod tests;
