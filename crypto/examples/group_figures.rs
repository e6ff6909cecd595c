//! Measures MLS sessions at 8, 50 and 500 members and prints one JSON object a line: name, ours, unit.
//!
//! `cargo run --release -p halloo-crypto --features group --example group_figures [-- SIZE...]`
#![allow(clippy::print_stdout, reason = "printing figures is what this example is for")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures time; nothing links to it"
)]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

#[cfg(not(feature = "group"))]
fn main() {
    println!("build with --features group");
}

#[cfg(feature = "group")]
fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![8, 50, 500] } else { sizes };
    for size in sizes {
        figures::measure(size);
    }
}

#[cfg(feature = "group")]
mod figures {
    use std::time::Instant;

    use halloo_crypto::group::*;
    use halloo_crypto::id::GroupId;
    use halloo_crypto::identity::DeviceSecret;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    const GROUP: GroupId = GroupId([1; 32]);

    fn print(name: &str, size: usize, ours: f64, unit: &str) {
        println!(r#"{{"name":"group/{name}/{size}","ours":{ours:.3},"unit":"{unit}"}}"#);
    }

    /// Median of an odd number of runs, in microseconds.
    fn median_us<T>(runs: usize, mut run: impl FnMut() -> T) -> (f64, T) {
        let mut times = Vec::with_capacity(runs);
        let mut last = None;
        for _ in 0..runs {
            let start = Instant::now();
            last = Some(std::hint::black_box(run()));
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        (times[runs / 2], last.expect("at least one run"))
    }

    fn key_package(rng: &mut ChaCha20Rng) -> KeyPackageSecret {
        let device = DeviceSecret::generate(rng);
        KeyPackageSecret::generate(GROUP, &device, rng).unwrap()
    }

    fn add(packages: &[KeyPackageSecret]) -> CommitPlan {
        CommitPlan {
            add: packages.iter().map(|package| package.key_package().to_vec()).collect(),
            ..CommitPlan::default()
        }
    }

    /// The last two members of a group in which each member committed once, by adding the next.
    fn warm(size: usize, rng: &mut ChaCha20Rng) -> (GroupSession, GroupSession) {
        let creator = DeviceSecret::generate(rng);
        let mut last = GroupSession::create(GROUP, &creator, rng).unwrap();
        let mut before = last.clone();
        for _ in 1..size {
            let package = key_package(rng);
            let prepared = last.prepare(&add(std::slice::from_ref(&package)), rng).unwrap();
            before = prepared.next;
            last = GroupSession::join(&prepared.welcome.unwrap(), &package).unwrap();
        }
        let update = last.prepare(&CommitPlan::default(), rng).unwrap();
        (before.apply(&update.commit).unwrap().next, update.next)
    }

    /// The first two members of a group that one commit filled; measures that commit.
    fn cold(size: usize, rng: &mut ChaCha20Rng) -> (GroupSession, GroupSession) {
        let creator = DeviceSecret::generate(rng);
        let first = GroupSession::create(GROUP, &creator, rng).unwrap();
        let packages: Vec<_> = (1..size).map(|_| key_package(rng)).collect();
        let plan = add(&packages);
        let (time, prepared) = median_us(3, || first.prepare(&plan, rng).unwrap());
        let welcome = prepared.welcome.unwrap();
        print("add-all/create", size, time, "us");
        print("add-all/commit", size, prepared.commit.len() as f64, "B");
        print("add-all/welcome", size, welcome.len() as f64, "B");
        let (time, joined) = median_us(5, || GroupSession::join(&welcome, &packages[0]).unwrap());
        print("join", size, time, "us");
        (joined, prepared.next)
    }

    fn commits(name: &str, size: usize, pair: (&GroupSession, &GroupSession), rng: &mut ChaCha20Rng) {
        let (receiver, committer) = pair;
        let gone = committer
            .roster()
            .into_keys()
            .find(|device| *device != committer.device() && *device != receiver.device());
        let remove = CommitPlan { remove: gone.into_iter().collect(), ..CommitPlan::default() };
        let package = key_package(rng);
        let plans = [
            ("update", CommitPlan::default()),
            ("remove", remove),
            ("add-one", add(std::slice::from_ref(&package))),
        ];
        for (kind, plan) in plans {
            let (create, prepared) = median_us(9, || committer.prepare(&plan, rng).unwrap());
            let (apply, _) = median_us(9, || receiver.apply(&prepared.commit).unwrap());
            print(&format!("{kind}/{name}/commit"), size, prepared.commit.len() as f64, "B");
            print(&format!("{kind}/{name}/create"), size, create, "us");
            print(&format!("{kind}/{name}/apply"), size, apply, "us");
            if let Some(welcome) = prepared.welcome {
                print(&format!("{kind}/{name}/welcome"), size, welcome.len() as f64, "B");
            }
        }
    }

    fn messages(size: usize, pair: (GroupSession, GroupSession), rng: &mut ChaCha20Rng) {
        const RUNS: usize = 501;
        let (mut receiver, mut sender) = pair;
        let text = [7_u8; 200];
        let mut sealed = Vec::with_capacity(RUNS);
        let (seal, _) = median_us(RUNS, || {
            sealed.push(sender.seal_application(b"", &text, rng).unwrap());
        });
        let mut frames = sealed.iter();
        let (open, _) = median_us(RUNS, || {
            let frame = frames.next().expect("one for each run");
            receiver.open_application(frame).unwrap()
        });
        print("message-200B/seal", size, seal, "us");
        print("message-200B/open", size, open, "us");
        print("message-200B/sealed", size, sealed[0].len() as f64, "B");
    }

    fn storage(size: usize, session: &GroupSession) {
        let (time, bytes) = median_us(9, || session.to_bytes().unwrap());
        print("session/store", size, time, "us");
        print("session/stored", size, bytes.expose().len() as f64, "B");
        let (time, _) = median_us(9, || GroupSession::from_bytes(bytes.expose()).unwrap());
        print("session/load", size, time, "us");
        let (time, _) = median_us(9, || session.clone());
        print("session/clone", size, time, "us");
    }

    pub(super) fn measure(size: usize) {
        let rng = &mut ChaCha20Rng::from_seed([42; 32]);
        let package = key_package(rng);
        print("key-package", size, package.key_package().len() as f64, "B");
        let (receiver, committer) = cold(size, rng);
        commits("cold", size, (&receiver, &committer), rng);
        let (receiver, committer) = warm(size, rng);
        commits("warm", size, (&receiver, &committer), rng);
        storage(size, &committer);
        messages(size, (receiver, committer), rng);
    }
}
