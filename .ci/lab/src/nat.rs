//! Homes: a router that translates addresses, in the ways that decide whether two homes can reach each other directly.

use crate::host::{Host, INTERFACE};
use crate::ip::LabError;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Stdio;

/// The router's side of the home's network.
pub(crate) const INNER: &str = "in0";

/// How a router translates. What comes in unasked is dropped without a word in all of them, as routers at home do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// One port for a socket inside, whoever it speaks to; only those it has spoken to can answer, from where they were spoken to.
    PortRestricted,
    /// Another port, drawn at random, for everyone a socket speaks to: nobody can be told where it will be.
    Symmetric,
}

/// A router and the network behind it, 192.168.N.0/24.
#[derive(Clone, Debug)]
pub struct Home {
    pub(crate) router: Host,
}

impl Home {
    /// The router, with its address on the bridge.
    pub fn router(&self) -> &Host {
        &self.router
    }

    pub(crate) fn gateway(&self) -> Ipv4Addr {
        self.address(254)
    }

    pub(crate) fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, self.router.ip.octets()[3], last)
    }
}

/// Makes a host on the bridge forward and translate what comes from behind it.
pub(crate) fn translate(router: &Host, nat: Nat) -> Result<(), LabError> {
    let forward = || std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
    router.run(forward)?.map_err(|source| LabError::System { what: "cannot make a host forward", source })?;
    let how = match nat {
        Nat::PortRestricted => "masquerade",
        Nat::Symmetric => "masquerade to :1024-65535 random,fully-random",
    };
    let rules = format!(
        "table ip home {{
            chain out {{
                type nat hook postrouting priority srcnat
                oifname \"{INTERFACE}\" meta l4proto {{ tcp, udp }} {how}
            }}
            chain in {{
                type filter hook input priority filter; policy drop
                iifname {{ \"lo\", \"{INNER}\" }} accept
                ct state established,related accept
                ip protocol icmp accept
            }}
            chain through {{
                type filter hook forward priority filter; policy drop
                iifname \"{INNER}\" accept
                ct state established,related accept
            }}
        }}\n"
    );
    nft(router, &rules)
}

fn nft(host: &Host, rules: &str) -> Result<(), LabError> {
    let failed = |reason: String| LabError::Command { command: "nft -f -".to_owned(), reason };
    let mut child = host
        .command("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("{error} (is nftables installed?)")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(rules.as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
