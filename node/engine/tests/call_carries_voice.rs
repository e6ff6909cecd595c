//! Both planes together: calls agree on keys, voice paths speak under them, and nobody hears a gap.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use halloo_crypto::id::{DeviceId, EpochId, GroupId, Incarnation};
use halloo_crypto::secret::Secret;
use halloo_engine::call::{Call, CallConfig, CallInput, CallOutput, EpochKey};
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::{FrameLength, SpeakerStats, Transmit, VoiceConfig, VoicePath};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const FRAME: usize = 960;
const STEP: Duration = Duration::from_millis(20);
/// One way of the direct lane and of the voice path.
const LANE: Duration = Duration::from_millis(15);

struct Member {
    id: DeviceId,
    call: Call,
    path: VoicePath,
    /// This member's clock runs fast by so many parts per million.
    ppm: i64,
    plans: u64,
}

/// Members, and what is on its way between them.
struct World {
    now: Time,
    members: Vec<Member>,
    lane: VecDeque<(Time, usize, CallInput)>,
    air: VecDeque<(Time, usize, DeviceId, Vec<u8>)>,
}

fn id(n: usize) -> DeviceId {
    DeviceId([n as u8 + 1; 32])
}

fn epoch(n: u8) -> EpochKey {
    EpochKey { epoch: EpochId([n; 32]), exporter: Secret::new([n; 32]) }
}

impl World {
    fn new(members: usize) -> Self {
        Self::seeded(members, 1)
    }

    fn seeded(members: usize, seed: u64) -> Self {
        let mut world = World {
            now: Time::from_millis(1_000_000),
            members: Vec::new(),
            lane: VecDeque::new(),
            air: VecDeque::new(),
        };
        for n in 0..members {
            world.members.push(member(n, seed));
        }
        let roster = world.roster();
        for n in 0..members {
            world.meet(n, &roster, 1);
        }
        world
    }

    fn roster(&self) -> BTreeSet<DeviceId> {
        self.members.iter().map(|m| m.id).collect()
    }

    fn meet(&mut self, n: usize, roster: &BTreeSet<DeviceId>, newest: u8) {
        self.give(n, CallInput::Roster(roster.clone()));
        self.give(n, CallInput::Epochs(vec![epoch(newest)]));
        for other in (0..self.members.len()).filter(|o| *o != n) {
            self.give(n, CallInput::Reachable(id(other)));
        }
    }

    /// This member's own clock.
    fn clock(&self, n: usize) -> Time {
        let micros = self.now.as_micros() as i64;
        Time::from_micros((micros + (micros - 1_000_000_000) * self.members[n].ppm / 1_000_000) as u64)
    }

    fn give(&mut self, n: usize, input: CallInput) {
        let clock = self.clock(n);
        let arrives = self.now.after(LANE);
        let member = &mut self.members[n];
        member.call.handle(clock, input);
        while let Some(output) = member.call.poll() {
            match output {
                CallOutput::Send { to, bytes } => {
                    let to = usize::from(to.0[0]) - 1;
                    self.lane.push_back((arrives, to, CallInput::Frame { from: member.id, bytes }));
                }
                CallOutput::Plan(plan) => {
                    member.plans += 1;
                    member.path.apply(clock, &plan).expect("plans of a call can be followed");
                }
                _ => {}
            }
        }
    }

    /// 20 ms: frames of the lane, deadlines, one step of everybody's voice.
    fn step(&mut self) {
        while self.lane.front().is_some_and(|(at, _, _)| *at <= self.now) {
            if let Some((_, n, input)) = self.lane.pop_front()
                && n < self.members.len()
            {
                self.give(n, input);
            }
        }
        for n in 0..self.members.len() {
            if self.members[n].call.deadline().is_some_and(|at| at <= self.clock(n)) {
                self.give(n, CallInput::Wake);
            }
        }
        let pcm: Vec<f32> =
            (0..FRAME).map(|i| 0.3 * (i as f32 * std::f32::consts::TAU / 480.0).sin()).collect();
        for n in 0..self.members.len() {
            let clock = self.clock(n);
            let member = &mut self.members[n];
            member.path.capture(clock, &pcm, None).expect("whole frames");
            while let Some(p) = member.path.next_payload() {
                for to in 0..8 {
                    self.air.push_back((self.now.after(LANE), to, member.id, p.bytes.to_vec()));
                }
            }
        }
        while self.air.front().is_some_and(|(at, ..)| *at <= self.now) {
            let Some((_, to, from, bytes)) = self.air.pop_front() else { break };
            if to < self.members.len() && self.members[to].id != from {
                let clock = self.clock(to);
                let _ = self.members[to].path.receive(clock, from, &bytes);
            }
        }
        for n in 0..self.members.len() {
            let clock = self.clock(n);
            self.members[n].path.play(clock, &mut [0.0; FRAME]);
        }
        self.now = self.now.after(STEP);
    }

    fn run(&mut self, span: Duration) {
        for _ in 0..span.as_millis() / STEP.as_millis() {
            self.step();
        }
    }

    fn heard(&self, listener: usize) -> BTreeMap<DeviceId, SpeakerStats> {
        self.members[listener].path.speakers().map(|s| (s.device, *s.stats)).collect()
    }

    fn join_all(&mut self) {
        for n in 0..self.members.len() {
            self.give(n, CallInput::MuteMicrophone(false));
            self.give(n, CallInput::Join);
        }
    }

    /// Frames of `speaker` that `listener` has opened.
    fn received(&self, listener: usize, speaker: usize) -> u64 {
        self.heard(listener).get(&id(speaker)).map_or(0, |s| s.received)
    }
}

fn member(n: usize, seed: u64) -> Member {
    let mut rng = ChaCha20Rng::seed_from_u64(seed * 100 + n as u64);
    let config = VoiceConfig { me: id(n), frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
    let path = VoicePath::new(config, Box::new(BareFactory), &mut rng).expect("bare codecs always exist");
    let incarnation = Incarnation::generate(&mut rng);
    let config = CallConfig { me: id(n), group: GroupId([9; 32]), incarnation, microphone_muted: true };
    Member { id: id(n), call: Call::new(config, Box::new(rng)), path, ppm: 0, plans: 0 }
}

#[test]
fn everybody_is_heard_within_a_third_of_a_second_whatever_is_drawn() {
    for seed in 0..24 {
        let mut w = World::seeded(4, seed);
        w.join_all();
        w.run(Duration::from_millis(320));
        for listener in 0..4 {
            let heard = w.heard(listener);
            assert_eq!(heard.len(), 3);
            assert!(heard.values().all(|s| s.played > 0), "seed {seed}, {listener}: {heard:?}");
        }
    }
}

#[test]
fn nobody_hears_the_minute_go_by_although_clocks_drift() {
    let mut w = World::new(3);
    w.members[1].ppm = 200;
    w.members[2].ppm = -200;
    w.join_all();
    w.run(Duration::from_secs(2));
    let before: Vec<_> = (0..3).map(|n| w.heard(n)).collect();
    w.run(Duration::from_secs(310));
    for (listener, before) in before.iter().enumerate() {
        for (device, after) in w.heard(listener) {
            let earlier = before[&device];
            assert_eq!(after.lost, earlier.lost, "{listener} of {device:?}: every frame opened");
            assert!(after.concealed - earlier.concealed <= 12, "{listener} of {device:?}: {after:?}");
        }
        assert!(w.members[listener].plans >= 10, "five steps and five looks ahead");
    }
}

#[test]
fn a_new_epoch_that_removes_nobody_costs_no_frame() {
    let mut w = World::new(3);
    w.join_all();
    w.run(Duration::from_secs(2));
    // The commit reaches the members one after the other, 200 ms apart.
    for n in 0..3 {
        w.give(n, CallInput::Epochs(vec![epoch(2), epoch(1)]));
        w.run(Duration::from_millis(200));
    }
    w.run(Duration::from_secs(3));
    for listener in 0..3 {
        for (device, stats) in w.heard(listener) {
            assert_eq!((stats.lost, stats.concealed), (0, 0), "{listener} of {device:?}");
        }
    }
    let rejected = w.members[0].path.stats().rejected;
    w.give(0, CallInput::Epochs(vec![epoch(2)]));
    w.give(1, CallInput::Epochs(vec![epoch(2)]));
    w.give(2, CallInput::Epochs(vec![epoch(2)]));
    w.run(Duration::from_secs(3));
    assert_eq!(w.members[0].path.stats().rejected, rejected, "all seal under the new one by now");
}

#[test]
fn the_removed_opens_nothing_more_and_the_others_go_on_at_once() {
    let mut w = World::new(3);
    w.join_all();
    w.run(Duration::from_secs(2));
    assert!(w.received(2, 0) > 50);
    let roster: BTreeSet<DeviceId> = [id(0), id(1)].into();
    for n in 0..2 {
        w.give(n, CallInput::Roster(roster.clone()));
        w.give(n, CallInput::Epochs(vec![epoch(2)]));
    }
    // What was in the air was sealed before the Remove.
    w.run(Duration::from_millis(40));
    let (opened, kept) = (w.received(2, 0), w.received(0, 1));
    let refused = |w: &World| {
        let r = w.members[2].path.stats().rejected;
        // Counters of the new keys begin at zero, so the windows of the old ones call most frames replayed.
        r.unknown_key + r.does_not_open + r.replayed
    };
    let before = refused(&w);
    w.run(Duration::from_secs(5));
    assert_eq!(w.received(2, 0), opened, "still handed every frame, opened none");
    assert!(refused(&w) > before + 400);
    assert!(w.received(0, 1) >= kept + 240, "the remaining hear each other");
    assert!(!w.heard(0).contains_key(&id(2)) && !w.heard(1).contains_key(&id(2)));
}

#[test]
fn a_newcomer_is_heard_and_hears_soon_after_it_is_added() {
    let mut w = World::new(2);
    w.join_all();
    w.run(Duration::from_secs(2));
    w.members.push(member(2, 1));
    let roster = w.roster();
    for n in 0..2 {
        w.give(n, CallInput::Roster(roster.clone()));
        w.give(n, CallInput::Epochs(vec![epoch(2), epoch(1)]));
        w.give(n, CallInput::Reachable(id(2)));
    }
    w.meet(2, &roster, 2);
    w.give(2, CallInput::MuteMicrophone(false));
    w.give(2, CallInput::Join);
    w.run(Duration::from_millis(800));
    for other in 0..2 {
        assert!(w.received(2, other) > 5, "hears {other}: {}", w.received(2, other));
        assert!(w.received(other, 2) > 5, "is heard by {other}: {}", w.received(other, 2));
    }
    let between: Vec<u64> = vec![w.heard(0)[&id(1)].lost, w.heard(1)[&id(0)].lost];
    assert_eq!(between, [0, 0], "the others heard nothing of it");
}

#[test]
fn a_restarted_member_is_heard_again_under_fresh_keys() {
    let mut w = World::new(2);
    w.join_all();
    w.run(Duration::from_secs(2));
    w.members[1] = member(1, 2);
    let roster = w.roster();
    w.meet(1, &roster, 1);
    w.give(1, CallInput::MuteMicrophone(false));
    w.give(1, CallInput::Join);
    let before = w.received(0, 1);
    w.run(Duration::from_secs(2));
    assert!(w.received(0, 1) > before + 80, "{} then {}", before, w.received(0, 1));
    assert!(w.received(1, 0) > 80);
    assert_eq!(w.members[0].path.stats().rejected.replayed, 0, "no nonce was used again");
}

#[test]
fn leaving_ends_the_sound_both_ways_and_coming_back_begins_it() {
    let mut w = World::new(2);
    w.join_all();
    w.run(Duration::from_secs(1));
    w.give(1, CallInput::Leave);
    w.run(Duration::from_millis(100));
    assert!(w.heard(0).is_empty() && w.heard(1).is_empty());
    let sent = w.members[1].path.stats().mouth.frames_sent;
    w.run(Duration::from_secs(1));
    assert_eq!(w.members[1].path.stats().mouth.frames_sent, sent, "not a frame leaves");
    w.give(1, CallInput::Join);
    w.run(Duration::from_secs(1));
    assert!(w.received(0, 1) > 30 && w.received(1, 0) > 30);
}

#[test]
fn mute_through_the_call_reaches_the_path() {
    let mut w = World::new(2);
    w.join_all();
    w.run(Duration::from_secs(1));
    w.give(0, CallInput::MuteMicrophone(true));
    let sent = w.members[0].path.stats().mouth.frames_sent;
    w.run(Duration::from_secs(1));
    assert_eq!(w.members[0].path.stats().mouth.frames_sent, sent);
    assert!(w.received(0, 1) > 60, "the muted still hears");
}

/// Random lives of a group: joins, leaves, epochs, removals, in any order, with voice all the time.
#[test]
fn after_any_evening_the_members_in_the_call_hear_each_other_and_the_removed_hear_nobody() {
    use rand_core::Rng as _;
    for seed in 0..6 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut w = World::new(5);
        let mut newest = 1;
        let mut removed: BTreeSet<usize> = BTreeSet::new();
        for n in 0..5 {
            w.give(n, CallInput::MuteMicrophone(false));
        }
        for _ in 0..25 {
            let n = rng.next_u32() as usize % 5;
            match rng.next_u32() % 8 {
                0..=3 => w.give(n, CallInput::Join),
                4 => w.give(n, CallInput::Leave),
                5 | 6 => {
                    newest += 1;
                    let members: Vec<usize> = (0..5).filter(|m| !removed.contains(m)).collect();
                    for m in members {
                        w.give(m, CallInput::Epochs(vec![epoch(newest), epoch(newest - 1)]));
                        w.run(Duration::from_millis(60));
                    }
                }
                _ if removed.len() < 2 && n > 0 => {
                    removed.insert(n);
                    newest += 1;
                    let roster: BTreeSet<DeviceId> =
                        (0..5).filter(|m| !removed.contains(m)).map(id).collect();
                    for m in (0..5).filter(|m| !removed.contains(m)) {
                        w.give(m, CallInput::Roster(roster.clone()));
                        w.give(m, CallInput::Epochs(vec![epoch(newest)]));
                    }
                }
                _ => {}
            }
            w.run(Duration::from_millis(u64::from(rng.next_u32() % 1_500)));
        }
        w.run(Duration::from_secs(8));
        let inside: Vec<usize> =
            (0..5).filter(|m| !removed.contains(m) && w.members[*m].call.in_call()).collect();
        let before: Vec<u64> =
            inside.iter().map(|n| w.heard(*n).values().map(|s| s.received).sum()).collect();
        let from_insiders = |w: &World, n: usize| -> u64 {
            w.heard(n)
                .iter()
                .filter(|(d, _)| !removed.iter().any(|r| id(*r) == **d))
                .map(|(_, s)| s.received)
                .sum()
        };
        let by_removed: Vec<u64> = removed.iter().map(|n| from_insiders(&w, *n)).collect();
        w.run(Duration::from_secs(2));
        for (n, before) in inside.iter().zip(before) {
            let after: u64 = w.heard(*n).values().map(|s| s.received).sum();
            let others = inside.len() as u64 - 1;
            assert!(after >= before + others * 95, "seed {seed}: {n} of {inside:?} heard {}", after - before);
        }
        for (n, before) in removed.iter().zip(by_removed) {
            assert!(from_insiders(&w, *n) <= before, "seed {seed}: the removed {n} opened something");
        }
    }
}
