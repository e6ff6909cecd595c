//! What the running halloo of this home says of itself: its disk, the others' clocks, whether anybody is reached.

use super::{Check, bad, good};
use crate::door::{Client, Request};
use crate::home::Home;
use halloo_wire::origin::Origin;
use serde_json::Value;
use std::time::Duration;

/// How long a healthy daemon takes at most to answer; it takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of the daemon and of the members of the group used last; nothing where none runs.
pub(super) struct Running {
    status: Option<Value>,
    members: Vec<Value>,
}

/// Asks the daemon of this home; `None` where none runs.
pub(super) async fn ask(home: &Home) -> Option<Running> {
    let mut client = Client::connect(&home.socket()).await.ok()?;
    let asking = async {
        // Without a group there is nothing to tell, and that is no fault.
        let status = client.ask(None, Request::Status).await.ok();
        let members = client.ask(None, Request::Members).await.unwrap_or_default();
        (status, members["members"].as_array().cloned().unwrap_or_default())
    };
    let (status, members) = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answers) => answers,
        Err(_) => (Some(Value::Null), Vec::new()),
    };
    Some(Running { status, members })
}

impl Running {
    /// Whether the daemon itself holds this port.
    pub(super) fn holds(&self, kind: &str, port: u16) -> bool {
        let status = self.status.as_ref();
        let addresses = status.and_then(|status| status["addresses"].as_array()).into_iter().flatten();
        addresses.filter_map(Value::as_str).any(|address| {
            address.ends_with(&format!("/{kind}/{port}")) || address.contains(&format!("/{kind}/{port}/"))
        })
    }

    /// The coordinator by which the group used last meets.
    pub(super) fn coordinator(&self) -> Option<Origin> {
        self.status.as_ref()?["coordinator"]["origin"].as_str()?.parse().ok()
    }

    /// What there is to say.
    pub(super) fn checks(&self) -> Vec<Check> {
        match &self.status {
            None => vec![good("running", "yes, without a group")],
            Some(Value::Null) => vec![bad(
                "running",
                "the halloo of this home does not answer",
                "end it with `halloo stop` or by its process, then `halloo up`",
            )],
            Some(status) => vec![
                good("running", format!("yes, in {}", status["name"].as_str().unwrap_or("a group"))),
                writing(status),
                clocks(status),
                self.reached(),
            ],
        }
    }

    fn reached(&self) -> Check {
        let others: Vec<&Value> = self.members.iter().filter(|m| m["own"] == false).collect();
        let connected = |m: &&&Value| {
            m["devices"].as_array().into_iter().flatten().any(|device| device["connected"] == true)
        };
        let count = others.iter().filter(connected).count();
        let found = format!("{count} of {} other members are connected", others.len());
        if count > 0 || others.is_empty() {
            return good("members", found);
        }
        bad(
            "members",
            found,
            "their halloo must run, on the same network; where it does, a firewall or Wi-Fi \"client isolation\" is \
             between you: allow UDP and TCP, or name an address with --peer ADDR",
        )
    }
}

fn writing(status: &Value) -> Check {
    match status["disk"].as_str() {
        None => good("writing", "everything asked for is on the disk or on its way"),
        Some(text) => bad(
            "writing",
            text,
            "free some space; what was acknowledged is safe and writing resumes by itself",
        ),
    }
}

fn clocks(status: &Value) -> Check {
    let told = status["clocks"].as_array().cloned().unwrap_or_default();
    let shown: Vec<String> = told
        .iter()
        .map(|clock| {
            crate::views::clock_text(
                clock["name"].as_str().unwrap_or("a member"),
                clock["seconds"].as_i64().unwrap_or_default(),
            )
        })
        .filter_map(|text| text.split_once("; ").map(|(what, _)| what.to_owned()))
        .collect();
    if shown.is_empty() {
        return good("clocks", "nobody's differs by more than a minute");
    }
    bad(
        "clocks",
        shown.join(", "),
        "set the clock of whichever machine is wrong: date and time from the network",
    )
}
