//! The side with engines: the simulator as it always runs, judges, record and trace included.

use super::tape::{Recorder, Tape};
use super::{Cost, GROUP, Size, resident_bytes};
use crate::checks;
use crate::plan::Plan;
use crate::trace::Trace;
use crate::world::{START_US, World, on_own_thread};
use halloo_crypto::id::{EpochId, GroupId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Runs it; the tape is for [`super::bare`].
#[must_use]
pub fn run(size: Size, plan: Plan) -> (Cost, Tape) {
    on_own_thread(size.seed, move || {
        let before = resident_bytes();
        let hosts = plan.hosts.len();
        let nodes = u32::try_from(hosts).expect("hosts are counted in 32 bits");
        let tape = Rc::new(RefCell::new(Tape::of(hosts)));
        let mut judges = checks::all();
        judges.push(Box::new(Recorder(Rc::clone(&tape))));
        let mut world = World::new(plan, judges, Trace::new(None));
        let [all_in, begin, end] = size.times_us().map(|at| START_US + at);
        world.run_until(all_in);
        let setup = halloo_vtime::cpu_ns();
        {
            let mut tape = tape.borrow_mut();
            tape.keys = world.hosts.iter().map(|host| host.peer().0).collect();
            tape.pairs = pairs(&world);
            tape.runs = true;
        }
        world.run_until(begin);
        tape.borrow_mut().gossip = 0;
        let connections = world.hosts.iter().map(|host| host.connected()).sum::<usize>() as f64;
        let begun = halloo_vtime::cpu_ns();
        world.run_until(end);
        let window = halloo_vtime::cpu_ns() - begun;
        tape.borrow_mut().runs = false;
        let resident = resident_bytes().saturating_sub(before);
        world.run_to_end();
        let members = members(&world);
        let mut tape = std::mem::take(&mut *tape.borrow_mut());
        tape.unroll();
        let outcome = world.finish();
        let findings = outcome.findings.kept.iter();
        let findings = findings.map(|broken| format!("{}: {}", broken.check, broken.what)).collect();
        let (figures, _) = outcome.record.into_results();
        let figure = |name: &str| figures.0.get(name).map_or(0, |value| *value as u64);
        let cost = Cost {
            nodes,
            connections: connections / f64::from(nodes),
            setup_cpu_s: setup as f64 / 1e9,
            window_cpu_s: window as f64 / 1e9,
            node_bytes: resident as f64 / f64::from(nodes),
            node_s_per_s: f64::from(nodes) * f64::from(size.window_s) / (window as f64 / 1e9),
            gossip: tape.gossip,
            messages: [figure("messages.written"), figure("messages.delivered")],
            members,
            voice_steps: tape.voice,
            findings,
        };
        (cost, tape)
    })
}

fn pairs(world: &World) -> std::collections::BTreeSet<(u32, u32)> {
    let numbers: BTreeMap<[u8; 32], u32> = world.hosts.iter().map(|host| (host.peer().0, host.id)).collect();
    let mut pairs = std::collections::BTreeSet::new();
    for host in &world.hosts {
        let peers = host.mesh().into_iter().flat_map(halloo_mesh::Mesh::peers);
        for other in peers.filter_map(|peer| numbers.get(&peer.0)) {
            pairs.insert((host.id.min(*other), host.id.max(*other)));
        }
    }
    pairs
}

/// Hosts whose member counts [`GROUP`] members and shares its epoch with nine others.
fn members(world: &World) -> u32 {
    let mut epochs: BTreeMap<(GroupId, EpochId), u32> = BTreeMap::new();
    for engine in world.hosts.iter().filter_map(|host| host.engine()) {
        if engine.status().member && engine.members().len() == GROUP as usize {
            *epochs.entry((engine.group(), engine.status().epoch)).or_default() += 1;
        }
    }
    epochs.values().filter(|count| **count == GROUP).sum()
}
