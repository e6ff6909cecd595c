//! What a link does to what is sent over it: latency, rate and queue, jitter, loss, duplicates, corruption, cuts. Pure: time is an argument.

use crate::chance::{bytes, generator, happens, unit};
use rand_chacha::ChaCha20Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Number of a simulated device.
pub type HostId = u32;

/// Payload of one packet of a stream, bytes (Ethernet, IPv4, TCP with time stamps).
pub const SEGMENT_BYTES: usize = 1_448;

/// Headers around the payload of one packet, bytes: IPv4 and TCP with time stamps.
pub const HEADER_BYTES: usize = 52;

/// Shortest wait before a lost packet of a stream is sent again (RFC 6298 allows less than its one second; Linux uses this).
const RETRANSMIT_FIRST_US: u64 = 200_000;

/// Times that one packet is sent again before the link counts as cut for it.
const RETRANSMIT_MAX: u32 = 12;

/// One-way delay between two hosts before rate, queue and jitter.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// The same between all.
    Constant {
        /// Microseconds.
        us: u64,
    },
    /// Drawn once for each pair, symmetric.
    Uniform {
        /// Least, microseconds.
        low_us: u64,
        /// Most, microseconds.
        high_us: u64,
    },
    /// Given for each pair of sites, microseconds; hosts belong to sites.
    Matrix {
        /// `table[site of the sender][site of the receiver]`.
        table: Vec<Vec<u64>>,
    },
    /// From the distance between places on a plane: light in fibre with a detour, and a floor.
    Plane {
        /// Where each host is, kilometres.
        places_km: Vec<(f64, f64)>,
        /// Least, microseconds.
        floor_us: u64,
        /// Microseconds for each kilometre.
        us_per_km: f64,
    },
}

/// How packets are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Not at all.
    None,
    /// Each on its own.
    Random {
        /// Probability.
        share: f64,
    },
    /// Gilbert-Elliott: a good state without loss, a bad state that loses with probability `lose`.
    Bursts {
        /// Probability, per packet, of entering the bad state.
        enter: f64,
        /// Probability, per packet, of leaving it.
        leave: f64,
        /// Probability of loss in the bad state.
        lose: f64,
    },
}

/// How far a host can be reached by those outside its site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nat {
    /// By everybody.
    #[default]
    Open,
    /// Only by those whom it dials itself.
    Closed,
}

/// What all links have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSpec {
    /// Delay.
    pub latency: Latency,
    /// Up to this share of the delay more, uniformly.
    pub jitter_share: f64,
    /// Up to this much more, uniformly, microseconds.
    pub jitter_us: u64,
    /// Whether a datagram may overtake another by drawing less jitter.
    pub reorder: bool,
    /// Loss.
    pub loss: Loss,
    /// Share of packets in which one byte is changed. A stream's checksum finds it: there it acts as loss.
    pub corrupt: f64,
    /// Share of datagrams that arrive twice.
    pub duplicate: f64,
    /// Bits per second that a host can send; `None` for no limit.
    pub uplink_bps: Option<u64>,
    /// Bytes that wait for the uplink. A datagram that does not fit is dropped; a stream waits.
    pub queue_bytes: u64,
}

impl LinkSpec {
    /// Every packet arrives after `us`, nothing else happens.
    #[must_use]
    pub fn constant(us: u64) -> Self {
        LinkSpec {
            latency: Latency::Constant { us },
            jitter_share: 0.0,
            jitter_us: 0,
            reorder: false,
            loss: Loss::None,
            corrupt: 0.0,
            duplicate: 0.0,
            uplink_bps: None,
            queue_bytes: 256 * 1024,
        }
    }
}

/// What becomes of a datagram: when its copies arrive (none: lost), and whether a byte of it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When it arrives.
    pub first_us: Option<u64>,
    /// When it arrives again.
    pub second_us: Option<u64>,
    /// Changed on the way.
    pub corrupt: bool,
    /// Dropped by a full queue, not by the link.
    pub overflow: bool,
}

/// The state of all links of a run.
#[derive(Debug)]
pub struct Links {
    spec: LinkSpec,
    rng: ChaCha20Rng,
    pair_seed: u64,
    sites: Vec<u32>,
    nats: Vec<Nat>,
    islands: Vec<u32>,
    /// Nobody is parted from anybody: no look at islands and cuts is needed, which is what most packets find.
    whole: bool,
    cuts: BTreeSet<(HostId, HostId)>,
    bad: BTreeMap<(HostId, HostId), bool>,
    busy_until: Vec<u64>,
    last_datagram: BTreeMap<(HostId, HostId), u64>,
}

fn pair(a: HostId, b: HostId) -> (HostId, HostId) {
    (a.min(b), a.max(b))
}

impl Links {
    /// Links between `hosts` hosts, all whole, all hosts on site 0 and open.
    #[must_use]
    pub fn new(spec: LinkSpec, hosts: usize, seed: u64) -> Self {
        let pair_seed = u64::from_le_bytes(bytes(seed, "pairs")[..8].try_into().expect("eight bytes"));
        Links {
            spec,
            rng: generator(seed, "links"),
            pair_seed,
            sites: vec![0; hosts],
            nats: vec![Nat::Open; hosts],
            islands: vec![0; hosts],
            whole: true,
            cuts: BTreeSet::new(),
            bad: BTreeMap::new(),
            busy_until: vec![0; hosts],
            last_datagram: BTreeMap::new(),
        }
    }

    /// What all links have in common now.
    #[must_use]
    pub fn spec(&self) -> &LinkSpec {
        &self.spec
    }

    /// Changes what all links have in common from now on.
    pub fn set_spec(&mut self, spec: LinkSpec) {
        if spec.uplink_bps.is_none() {
            // Nothing waits where no rate is.
            self.busy_until.fill(0);
        }
        self.spec = spec;
    }

    /// Puts a host on a site, behind a NAT or not.
    pub fn place(&mut self, host: HostId, site: u32, nat: Nat) {
        self.sites[host as usize] = site;
        self.nats[host as usize] = nat;
    }

    /// The site of a host.
    #[must_use]
    pub fn site(&self, host: HostId) -> u32 {
        self.sites[host as usize]
    }

    /// Moves a host on the plane; does nothing with another kind of latency.
    pub fn move_to(&mut self, host: HostId, place_km: (f64, f64)) {
        if let Latency::Plane { places_km, .. } = &mut self.spec.latency {
            places_km[host as usize] = place_km;
        }
    }

    /// Puts each host on an island; hosts of different islands cannot reach each other.
    pub fn partition(&mut self, islands: &[u32]) {
        assert_eq!(islands.len(), self.islands.len(), "an island for each host");
        self.islands.copy_from_slice(islands);
        self.look_whether_whole();
    }

    fn look_whether_whole(&mut self) {
        self.whole = self.cuts.is_empty() && self.islands.iter().all(|island| *island == self.islands[0]);
    }

    /// Cuts one link, or mends it. Says whether anything changed.
    pub fn cut(&mut self, a: HostId, b: HostId, cut: bool) -> bool {
        let changed = if cut { self.cuts.insert(pair(a, b)) } else { self.cuts.remove(&pair(a, b)) };
        self.look_whether_whole();
        changed
    }

    /// Whether packets can go between two hosts now.
    #[must_use]
    pub fn joined(&self, a: HostId, b: HostId) -> bool {
        self.whole || self.islands[a as usize] == self.islands[b as usize] && !self.cuts.contains(&pair(a, b))
    }

    /// Whether `from` can open a connection to `to` now.
    #[must_use]
    pub fn can_dial(&self, from: HostId, to: HostId) -> bool {
        let near = self.sites[from as usize] == self.sites[to as usize];
        self.joined(from, to) && (near || self.nats[to as usize] == Nat::Open)
    }

    /// The one-way delay without rate, queue and jitter, microseconds.
    #[must_use]
    pub fn latency_us(&self, from: HostId, to: HostId) -> u64 {
        match &self.spec.latency {
            Latency::Constant { us } => *us,
            Latency::Uniform { low_us, high_us } => low_us + self.pair_draw(from, to, high_us - low_us),
            Latency::Matrix { table } => {
                table[self.sites[from as usize] as usize][self.sites[to as usize] as usize]
            }
            Latency::Plane { places_km, floor_us, us_per_km } => {
                let ((ax, ay), (bx, by)) = (places_km[from as usize], places_km[to as usize]);
                floor_us + ((ax - bx).hypot(ay - by) * us_per_km) as u64
            }
        }
    }

    /// A number in `0 ..= span` that belongs to the unordered pair for the whole run.
    fn pair_draw(&self, a: HostId, b: HostId, span: u64) -> u64 {
        let (low, high) = pair(a, b);
        let mut z = self.pair_seed ^ (u64::from(low) << 32 | u64::from(high));
        for multiplier in [0xBF58_476D_1CE4_E5B9_u64, 0x94D0_49BB_1331_11EB] {
            z = (z ^ (z >> 30)).wrapping_mul(multiplier);
        }
        z ^= z >> 31;
        u64::try_from((u128::from(z) * (u128::from(span) + 1)) >> 64).expect("at most the span")
    }

    /// When the last bit of `bytes` leaves the host, and how many bytes wait before it.
    fn uplink(&mut self, now: u64, from: HostId, bytes: usize) -> (u64, u64) {
        let Some(rate) = self.spec.uplink_bps else { return (now, 0) };
        let start = self.busy_until[from as usize].max(now);
        let waiting = (start - now) * rate / 8_000_000;
        (start + bytes as u64 * 8_000_000 / rate.max(1), waiting)
    }

    fn jitter(&mut self, latency: u64) -> u64 {
        let most = latency as f64 * self.spec.jitter_share + self.spec.jitter_us as f64;
        if most > 0.0 { (most * unit(&mut self.rng)) as u64 } else { 0 }
    }

    fn lost(&mut self, from: HostId, to: HostId) -> bool {
        match self.spec.loss {
            Loss::None => false,
            Loss::Random { share } => happens(&mut self.rng, share),
            Loss::Bursts { enter, leave, lose } => {
                let bad = self.bad.entry((from, to)).or_default();
                let turn = if *bad { leave } else { enter };
                if happens(&mut self.rng, turn) {
                    *bad = !*bad;
                }
                *bad && happens(&mut self.rng, lose)
            }
        }
    }

    /// Sends one datagram of `bytes` payload.
    pub fn datagram(&mut self, now: u64, (from, to): (HostId, HostId), bytes: usize) -> Fate {
        let whole = bytes + HEADER_BYTES;
        let (leaves, waiting) = self.uplink(now, from, whole);
        if waiting + whole as u64 > self.spec.queue_bytes {
            return Fate { overflow: true, ..Fate::default() };
        }
        self.busy_until[from as usize] = leaves;
        if !self.joined(from, to) || self.lost(from, to) {
            return Fate::default();
        }
        let latency = self.latency_us(from, to);
        let arrive = |links: &mut Self| {
            let due = leaves + latency + links.jitter(latency);
            if links.spec.reorder {
                return due;
            }
            let last = links.last_datagram.entry((from, to)).or_default();
            *last = due.max(*last);
            *last
        };
        let first = arrive(self);
        let twice = happens(&mut self.rng, self.spec.duplicate);
        let second_us = twice.then(|| arrive(self));
        Fate {
            first_us: Some(first),
            second_us,
            corrupt: happens(&mut self.rng, self.spec.corrupt),
            overflow: false,
        }
    }

    /// Sends `bytes` of a stream; when the last of them has arrived, retransmissions included. `None`: the link is cut, they wait.
    pub fn stream(&mut self, now: u64, (from, to): (HostId, HostId), bytes: usize) -> Option<u64> {
        let packets = bytes.div_ceil(SEGMENT_BYTES).max(1);
        let (leaves, _) = self.uplink(now, from, bytes + packets * HEADER_BYTES);
        if self.spec.uplink_bps.is_some() {
            self.busy_until[from as usize] = leaves;
        }
        if !self.joined(from, to) {
            return None;
        }
        let latency = self.latency_us(from, to);
        let mut latest = leaves + latency + self.jitter(latency);
        if self.spec.loss != Loss::None || self.spec.corrupt > 0.0 {
            for _ in 0..packets {
                latest = latest.max(self.packet(leaves, latency, from, to));
            }
        }
        Some(latest)
    }

    /// When one packet has arrived, lost ones being sent again with doubled patience.
    fn packet(&mut self, leaves: u64, latency: u64, from: HostId, to: HostId) -> u64 {
        let mut sent = leaves;
        let mut patience = RETRANSMIT_FIRST_US.max(2 * latency);
        for _ in 0..RETRANSMIT_MAX {
            if !self.lost(from, to) && !happens(&mut self.rng, self.spec.corrupt) {
                break;
            }
            sent += patience;
            patience *= 2;
        }
        sent + latency + self.jitter(latency)
    }

    /// When what began to wait at `since` on a cut link is sent again, now that the link is back: the first of the doubling
    /// attempts that lies after `now`.
    #[must_use]
    pub fn retry_us(&self, since: u64, now: u64) -> u64 {
        let (mut at, mut patience) = (since, RETRANSMIT_FIRST_US);
        while at < now {
            at += patience;
            patience *= 2;
        }
        at
    }
}

#[cfg(test)]
mod tests;
