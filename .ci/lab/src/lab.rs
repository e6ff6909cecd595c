//! The laboratory: a bridge in a namespace of its own, and hosts plugged into it.

use crate::host::{Host, INTERFACE};
use crate::ip::{LabError, ip};
use crate::link::{End, TapLink};
use crate::model::LinkModel;
use crate::nat::{self, Home, INNER, Nat};
use crate::permit::{Permit, permit};
use rustix::process::{Pid, test_kill_process};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Hosts of one laboratory: one /24 without its ends.
pub const HOSTS_MAX: usize = 200;

/// Distinguishes laboratories of one process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The bridge that every laboratory has.
const NEAR: &str = "br0";

/// The one behind the cable of [`Lab::far_bridge`].
const FAR: &str = "br1";

/// The near end of that cable.
const CABLE: &str = "far0";

/// One local network. Dropping it removes its namespaces; processes in them lose their network and should be ended before.
#[derive(Debug)]
pub struct Lab {
    prefix: String,
    hub: String,
    hosts: Vec<Host>,
    links: Vec<TapLink>,
}

impl Lab {
    /// An empty network: a bridge that floods multicast, in a namespace of its own. Errors: `Denied` with the reason
    /// where this process may not make namespaces; a test prints it and skips.
    pub fn new() -> Result<Self, LabError> {
        if permit()? == Permit::UserNamespace {
            let hint = "not root; run it again through halloo_lab::in_user_namespace";
            return Err(LabError::Denied(hint.to_owned()));
        }
        sweep();
        let prefix = format!("hl{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let hub = format!("{prefix}-hub");
        let lab = Self { prefix, hub, hosts: Vec::new(), links: Vec::new() };
        let hub = &lab.hub;
        ip(&format!("netns add {hub}"))?;
        bridge(hub, NEAR)?;
        Ok(lab)
    }

    /// A second bridge of the same network behind one cable: `far_host` plugs into it, and the network can be cut in two.
    pub fn far_bridge(&self) -> Result<Cable, LabError> {
        let hub = &self.hub;
        bridge(hub, FAR)?;
        ip(&format!("-n {hub} link add {CABLE} type veth peer name far1"))?;
        for (end, to) in [(CABLE, NEAR), ("far1", FAR)] {
            ip(&format!("-n {hub} link set {end} master {to}"))?;
            ip(&format!("-n {hub} link set {end} up"))?;
        }
        Ok(Cable { hub: hub.clone() })
    }

    /// A laboratory for a test, or `None` after printing why this machine permits none.
    ///
    /// # Panics
    /// When namespaces are permitted and the network cannot be built all the same: that is a fault, not a reason to skip.
    #[allow(clippy::print_stderr, reason = "a test that skips says so")]
    pub fn or_skip() -> Option<Self> {
        match Self::new() {
            Ok(lab) => Some(lab),
            Err(LabError::Denied(reason)) => {
                eprintln!("skipped: {reason}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A host on the bridge: loopback, one address of 10.77.0.0/24, no default route.
    pub fn host(&mut self, name: &str) -> Result<Host, LabError> {
        self.host_on(name, NEAR)
    }

    /// A host on the bridge of `far_bridge`, with an address of the same network.
    pub fn far_host(&mut self, name: &str) -> Result<Host, LabError> {
        self.host_on(name, FAR)
    }

    fn host_on(&mut self, name: &str, bridge: &str) -> Result<Host, LabError> {
        let host = self.plan(name)?;
        let (inner, hub, port) = (&host.namespace, &self.hub, self.port());
        ip(&format!("link add {INTERFACE} netns {inner} type veth peer name {port} netns {hub}"))?;
        self.wire(&host, bridge)?;
        Ok(host)
    }

    /// A host whose cable to the bridge has the faults of `model`, in both directions.
    pub fn host_behind(&mut self, name: &str, model: LinkModel) -> Result<Host, LabError> {
        let host = self.plan(name)?;
        let port = self.port();
        let inner = End { namespace: &host.namespace, interface: INTERFACE };
        let outer = End { namespace: &self.hub, interface: &port };
        self.links.push(TapLink::new(inner, outer, model)?);
        self.wire(&host, NEAR)?;
        Ok(host)
    }

    /// A router on the bridge, called `name`, with an empty network behind it. Errors: `Command` where nftables is missing.
    pub fn home(&mut self, name: &str, nat: Nat) -> Result<Home, LabError> {
        let router = self.host(name)?;
        bridge(&router.namespace, INNER)?;
        let home = Home { router };
        ip(&format!("-n {} addr add {}/24 dev {INNER}", home.router.namespace, home.gateway()))?;
        nat::translate(&home.router, nat)?;
        Ok(home)
    }

    /// A host in a home: one address of the home's own network, and a default route through its router.
    pub fn host_in(&mut self, home: &Home, name: &str) -> Result<Host, LabError> {
        let host = self.plan(name)?;
        let host = self.move_home(home, &host);
        let (inner, router, port) = (&host.namespace, &home.router.namespace, self.port());
        ip(&format!("link add {INTERFACE} netns {inner} type veth peer name {port} netns {router}"))?;
        self.plug(&host, router, INNER)?;
        ip(&format!("-n {inner} route add default via {}", home.gateway()))?;
        Ok(host)
    }

    /// Gives a planned host the address that it has in a home.
    fn move_home(&mut self, home: &Home, host: &Host) -> Host {
        let moved = Host { ip: home.address(host.ip.octets()[3]), ..host.clone() };
        if let Some(last) = self.hosts.last_mut() {
            last.clone_from(&moved);
        }
        moved
    }

    /// The emulated cables, in the order of `host_behind`.
    pub fn links(&self) -> &[TapLink] {
        &self.links
    }

    fn port(&self) -> String {
        format!("p{}", self.hosts.len())
    }

    fn plan(&mut self, name: &str) -> Result<Host, LabError> {
        if self.hosts.len() >= HOSTS_MAX {
            return Err(LabError::Plan(format!("a laboratory has at most {HOSTS_MAX} hosts")));
        }
        if self.hosts.iter().any(|host| host.name == name) {
            return Err(LabError::Plan(format!("there is a host called {name} already")));
        }
        let number = u8::try_from(self.hosts.len() + 1).expect("HOSTS_MAX is below 256");
        let namespace = format!("{}-{name}", self.prefix);
        let host = Host { namespace, name: name.to_owned(), ip: Ipv4Addr::new(10, 77, 0, number) };
        ip(&format!("netns add {}", host.namespace))?;
        self.hosts.push(host.clone());
        Ok(host)
    }

    fn wire(&self, host: &Host, bridge: &str) -> Result<(), LabError> {
        self.plug(host, &self.hub, bridge)
    }

    /// Puts the far end of a host's cable into a bridge of the namespace `hub`.
    fn plug(&self, host: &Host, hub: &str, bridge: &str) -> Result<(), LabError> {
        let (inner, address, port) = (&host.namespace, host.ip, self.port());
        ip(&format!("-n {inner} link set lo up"))?;
        // Without a link-local address there is no duplicate detection to wait for.
        ip(&format!("-n {inner} link set {INTERFACE} addrgenmode none"))?;
        ip(&format!("-n {hub} link set {port} master {bridge}"))?;
        ip(&format!("-n {hub} link set {port} up"))?;
        ip(&format!("-n {inner} addr add {address}/24 brd + dev {INTERFACE}"))?;
        ip(&format!("-n {inner} link set {INTERFACE} up")).map(drop)
    }
}

/// The cable between the two bridges.
#[derive(Clone, Debug)]
pub struct Cable {
    hub: String,
}

impl Cable {
    /// Cuts it: the hosts keep their addresses and links, and nothing crosses.
    pub fn cut(&self) -> Result<(), LabError> {
        ip(&format!("-n {} link set {CABLE} down", self.hub)).map(drop)
    }

    /// Puts it back.
    pub fn mend(&self) -> Result<(), LabError> {
        ip(&format!("-n {} link set {CABLE} up", self.hub)).map(drop)
    }
}

/// A bridge that floods multicast.
fn bridge(hub: &str, name: &str) -> Result<(), LabError> {
    ip(&format!("-n {hub} link add {name} type bridge mcast_snooping 0"))?;
    ip(&format!("-n {hub} link set {name} up")).map(drop)
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.links.clear();
        for namespace in self.hosts.iter().map(|host| &host.namespace).chain([&self.hub]) {
            // What is left behind is swept by the next laboratory.
            let _ = ip(&format!("netns del {namespace}"));
        }
    }
}

/// Removes what laboratories of dead processes left.
fn sweep() {
    let Ok(list) = ip("netns list") else {
        return;
    };
    for namespace in list.lines().filter_map(|line| line.split_whitespace().next()) {
        let owner = namespace.strip_prefix("hl").and_then(|rest| rest.split('-').next()?.parse().ok());
        if let Some(owner) = owner.and_then(Pid::from_raw)
            && test_kill_process(owner).is_err()
        {
            let _ = ip(&format!("netns del {namespace}"));
        }
    }
}
