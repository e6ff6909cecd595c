//! Prints what connections between members cost, one JSON object a line: `{"name", "ours", "unit"}`.
//!
//! All members run in this process and meet over the loopback address, so that CPU and memory are those of both ends;
//! they are halved where a figure is that of one end. `cargo xtask bench media` runs it.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use halloo_crypto::id::DeviceId;
use halloo_node::media::clock::{NS_PER_MS, mono_ns};
use halloo_node::media::endpoint::{EndpointEvent, Outgoing, Started};
use halloo_node::media::interfaces::Binding;
use halloo_node::media::stamps::percentile;
use halloo_node::media::webrtc::{Options, start};

/// Bytes of a sealed frame of 20 ms at 24 kbit/s with its redundancy and padding.
const PAYLOAD: usize = 120;

/// Pairs connected one after the other for the set-up figure.
const PAIRS: usize = 20;

/// Connections made and closed for the leak figure, in rounds of seven pairs.
const ROUNDS: usize = 30;

struct Member {
    id: DeviceId,
    started: Started,
}

fn member(n: u8) -> Member {
    let binding = Binding { explicit: vec![std::net::Ipv4Addr::LOCALHOST.into()], loopback: true };
    let id = DeviceId::from_bytes([n; 32]);
    Member { id, started: start(id, Options { binding, ..Options::default() }) }
}

fn print(name: &str, ours: f64, unit: &str) {
    println!(
        "{}",
        serde_json::json!({ "name": name, "ours": (ours * 1000.0).round() / 1000.0, "unit": unit })
    );
}

/// Connects everybody with everybody; the set-up times in milliseconds.
async fn connect(members: &mut [Member]) -> Result<Vec<f64>> {
    let ids: BTreeSet<DeviceId> = members.iter().map(|member| member.id).collect();
    for member in members.iter() {
        let others = ids.iter().copied().filter(|id| *id != member.id).collect();
        member.started.control.set_peers(others)?;
    }
    let wanted = members.len() * (members.len() - 1);
    let mut setups = Vec::new();
    while setups.len() < wanted {
        let (at, event) = {
            let waits = members.iter_mut().enumerate();
            let waits =
                waits.map(|(at, member)| Box::pin(async move { (at, member.started.events.recv().await) }));
            futures::future::select_all(waits).await.0
        };
        let from = members[at].id;
        match event.context("an endpoint ended")? {
            EndpointEvent::Signal { to, bytes } => {
                let target = members.iter().find(|member| member.id == to).context("a stranger")?;
                target.started.control.signal(from, bytes)?;
            }
            EndpointEvent::Up { setup_ms, .. } => setups.push(setup_ms as f64),
            EndpointEvent::Down { .. } | EndpointEvent::Full { .. } => {}
        }
    }
    Ok(setups)
}

async fn close(members: Vec<Member>) {
    for member in members {
        member.started.control.close().await;
    }
}

/// Processor time of this process, nanoseconds.
fn cpu_ns() -> u64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(spent.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(spent.tv_nsec).unwrap_or(0)
}

/// Resident memory of this process, bytes.
fn resident() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kilobytes * 1024.0)
}

async fn setups() -> Result<()> {
    let mut walls = Vec::new();
    for _ in 0..PAIRS {
        let mut pair = vec![member(1), member(2)];
        let began = mono_ns();
        connect(&mut pair).await?;
        walls.push((mono_ns() - began) as f64 / NS_PER_MS as f64);
        close(pair).await;
    }
    print("set-up of a connection, median", percentile(&walls, 0.5).context("no pair")?, "ms");
    print("set-up of a connection, worst of 20", percentile(&walls, 1.0).context("no pair")?, "ms");
    Ok(())
}

/// Talks for `seconds` on all roads; the ways in milliseconds and the longest gap at any ear.
async fn talk(members: &[Member], seconds: u64) -> (Vec<f64>, f64) {
    let mut ways = Vec::new();
    let mut last: BTreeMap<(DeviceId, Option<DeviceId>), u64> = BTreeMap::new();
    let mut gap = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    for step in 0..seconds * 50 {
        tick.tick().await;
        for member in members {
            let mut payload = vec![0; PAYLOAD];
            payload[..8].copy_from_slice(&mono_ns().to_be_bytes());
            let timestamp = u32::try_from(step * 960).unwrap_or(0);
            member.started.road.send(Outgoing {
                payload: Bytes::from(payload),
                timestamp,
                first: false,
                talking: true,
            });
        }
        for member in members {
            while let Some(frame) = member.started.road.receive() {
                let mut sent = [0; 8];
                sent.copy_from_slice(&frame.payload[..8]);
                ways.push(
                    frame.arrived_ns.saturating_sub(u64::from_be_bytes(sent)) as f64 / NS_PER_MS as f64,
                );
                if let Some(before) = last.insert((member.id, frame.from), frame.arrived_ns) {
                    gap = gap.max(frame.arrived_ns.saturating_sub(before));
                }
            }
        }
    }
    (ways, gap as f64 / NS_PER_MS as f64)
}

async fn mesh() -> Result<()> {
    let before = resident()?;
    let mut members: Vec<Member> = (1..=8).map(member).collect();
    let began = mono_ns();
    let spent = cpu_ns();
    let setups = connect(&mut members).await?;
    print("full mesh of eight: all 28 connections", (mono_ns() - began) as f64 / NS_PER_MS as f64, "ms");
    print("processor time of one end's set-up", (cpu_ns() - spent) as f64 / 56.0 / NS_PER_MS as f64, "ms");
    ensure!(setups.len() == 56, "every end came up");
    talk(&members, 1).await;
    print("memory of one end of a connection", (resident()? - before) / 56.0 / 1024.0, "KiB");
    let spent = cpu_ns();
    let (ways, gap) = talk(&members, 5).await;
    let packets = ways.len() as f64;
    print(
        "processor time of a packet, sent and received",
        (cpu_ns() - spent) as f64 / packets / 1_000.0,
        "us",
    );
    print("one way through the endpoint, median", percentile(&ways, 0.5).context("no frame")?, "ms");
    print("one way through the endpoint, 99 of 100", percentile(&ways, 0.99).context("no frame")?, "ms");
    print("longest gap between two frames", gap, "ms");
    print("lost of all packets", 5.0 * 50.0 * 56.0 - packets, "packets");
    close(members).await;
    Ok(())
}

async fn leak() -> Result<()> {
    let round = || async {
        for _ in 0..7 {
            let mut pair = vec![member(1), member(2)];
            connect(&mut pair).await?;
            close(pair).await;
        }
        anyhow::Ok(())
    };
    // The first rounds pay for pools and code pages that are kept.
    round().await?;
    round().await?;
    let before = resident()?;
    for _ in 0..ROUNDS {
        round().await?;
    }
    print(
        "memory kept of a closed connection's end",
        (resident()? - before) / (ROUNDS * 14) as f64 / 1024.0,
        "KiB",
    );
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    setups().await?;
    mesh().await?;
    leak().await
}
