//! Calls of several devices over a perfect direct lane in virtual time.

use halloo_crypto::id::{EpochId, GroupId, Incarnation};
use halloo_crypto::secret::Secret;
use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::voice::Connect;

/// Devices, the wire between them, and what each said last.
struct World {
    now: Time,
    calls: BTreeMap<DeviceId, Call>,
    plans: BTreeMap<DeviceId, VoicePlan>,
    events: Vec<(DeviceId, CallOutput)>,
    cut: BTreeSet<(DeviceId, DeviceId)>,
    frames: u64,
}

fn id(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

fn epoch(n: u8) -> EpochKey {
    EpochKey { epoch: EpochId([n; 32]), exporter: Secret::new([n; 32]) }
}

fn call(n: u8, seed: u64) -> Call {
    let config = CallConfig {
        me: id(n),
        group: GroupId([9; 32]),
        incarnation: Incarnation([n; 16]),
        microphone_muted: true,
    };
    Call::new(config, Box::new(ChaCha20Rng::seed_from_u64(seed * 1_000 + u64::from(n))))
}

impl World {
    /// Devices 1..=n, members of epoch 1, all connected.
    fn new(n: u8, seed: u64) -> Self {
        let mut world = World {
            now: Time::from_millis(1_000_000),
            calls: (1..=n).map(|i| (id(i), call(i, seed))).collect(),
            plans: BTreeMap::new(),
            events: Vec::new(),
            cut: BTreeSet::new(),
            frames: 0,
        };
        let roster: BTreeSet<DeviceId> = (1..=n).map(id).collect();
        for i in 1..=n {
            world.give(i, CallInput::Roster(roster.clone()));
            world.give(i, CallInput::Epochs(vec![epoch(1)]));
            for other in (1..=n).filter(|o| *o != i) {
                world.give(i, CallInput::Reachable(id(other)));
            }
        }
        world
    }

    fn give(&mut self, n: u8, input: CallInput) {
        self.handle(id(n), input);
    }

    /// Hands over an input and carries everything that follows from it.
    fn handle(&mut self, device: DeviceId, input: CallInput) {
        let mut todo = VecDeque::from([(device, input)]);
        while let Some((device, input)) = todo.pop_front() {
            let Some(call) = self.calls.get_mut(&device) else { continue };
            call.handle(self.now, input);
            let outputs: Vec<CallOutput> = std::iter::from_fn(|| call.poll()).collect();
            for output in outputs {
                match output {
                    CallOutput::Send { to, bytes } => {
                        self.frames += 1;
                        if !self.cut.contains(&(device, to)) {
                            todo.push_back((to, CallInput::Frame { from: device, bytes }));
                        }
                    }
                    CallOutput::SendSignal { to, bytes } => {
                        todo.push_back((to, CallInput::Signal { from: device, bytes }))
                    }
                    CallOutput::Plan(plan) => {
                        self.plans.insert(device, *plan);
                    }
                    other => self.events.push((device, other)),
                }
            }
            assert!(self.frames < 100_000, "devices do not talk for ever");
        }
    }

    /// Lets time pass, waking each device at its deadlines.
    fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        loop {
            let next = self.calls.iter().filter_map(|(d, c)| Some((c.deadline()?, *d))).min();
            match next {
                Some((at, device)) if at <= end => {
                    self.now = at.max(self.now);
                    self.handle(device, CallInput::Wake);
                    let again = self.calls[&device].deadline();
                    assert!(
                        again.is_none_or(|a| a > at),
                        "a wake moves the deadline on: {again:?} at {at:?}"
                    );
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn plan(&self, n: u8) -> &VoicePlan {
        &self.plans[&id(n)]
    }

    /// Whether `listener` holds the key under which `speaker` seals.
    fn hears(&self, listener: u8, speaker: u8) -> bool {
        let Some(key) = &self.plan(speaker).seal else { return false };
        self.plan(listener).peers.iter().any(|p| p.device == id(speaker) && p.keys.contains(key))
    }

    fn all_hear(&self, members: &[u8]) -> bool {
        members.iter().all(|a| members.iter().all(|b| a == b || self.hears(*a, *b)))
    }
}

#[test]
fn two_who_join_hear_each_other_and_the_lower_id_offers() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    assert!(w.plan(1).seal.is_some(), "alone, and ready to be heard");
    w.give(2, CallInput::Join);
    assert!(w.all_hear(&[1, 2]));
    assert_eq!(w.plan(1).connect, [Connect { device: id(2), offer: true }]);
    assert_eq!(w.plan(2).connect, [Connect { device: id(1), offer: false }]);
    assert_eq!(w.calls[&id(1)].participants(), [id(2)]);
    assert!(w.events.contains(&(id(1), CallOutput::Joined(id(2)))));
    assert!(w.events.contains(&(id(2), CallOutput::InCall(true))));
}

#[test]
fn nobody_who_is_not_in_the_call_gets_a_key() {
    let mut w = World::new(3, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    assert!(!w.plans.contains_key(&id(3)), "who is not in the call has no plan");
    assert_eq!(w.calls[&id(3)].participants(), [id(1), id(2)], "yet sees who is");
}

#[test]
fn eight_who_join_in_any_order_all_hear_each_other() {
    for seed in 0..10 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut w = World::new(8, seed);
        let mut order: Vec<u8> = (1..=8).collect();
        for i in (1..8).rev() {
            order.swap(i, rng.next_u32() as usize % (i + 1));
        }
        for n in order {
            w.give(n, CallInput::Join);
        }
        assert!(w.all_hear(&[1, 2, 3, 4, 5, 6, 7, 8]), "seed {seed}");
    }
}

#[test]
fn who_is_not_in_the_call_says_nothing_of_it_whatever_changes() {
    let mut w = World::new(3, 5);
    w.give(1, CallInput::Join);
    for n in 1..=3 {
        w.give(n, CallInput::Epochs(vec![epoch(2), epoch(1)]));
    }
    w.give(2, CallInput::Roster([1, 2].map(id).into()));
    w.give(3, CallInput::Roster([1, 3].map(id).into()));
    w.pass(Duration::from_secs(12));
    let joined = |e: &(DeviceId, CallOutput)| matches!(e.1, CallOutput::Joined(d) if d != id(1));
    assert!(!w.events.iter().any(joined), "{:?}", w.events);
    assert!(w.calls[&id(1)].participants().is_empty());
}

#[test]
fn eight_who_join_at_one_moment_hear_each_other_within_a_second() {
    for seed in 0..10 {
        let mut w = World::new(8, seed);
        // Nobody hears of anybody before all have joined.
        let everybody = || (1..=8_u8).flat_map(|a| (1..=8_u8).map(move |b| (id(a), id(b))));
        w.cut.extend(everybody());
        for n in 1..=8 {
            w.give(n, CallInput::Join);
        }
        w.cut.clear();
        for (n, other) in (1..=8).flat_map(|a| (1..=8).map(move |b| (a, b))).filter(|(a, b)| a != b) {
            w.give(n, CallInput::Reachable(id(other)));
        }
        w.pass(Duration::from_secs(1));
        assert!(w.all_hear(&[1, 2, 3, 4, 5, 6, 7, 8]), "seed {seed}");
    }
}

#[test]
fn when_the_one_with_the_chain_goes_the_lowest_who_wait_starts_another_at_once() {
    let mut w = World::new(4, 8);
    // 4 begins; 2 and 3 hear that it is in the call, and their wishes for its step are lost.
    w.give(4, CallInput::Join);
    w.cut.extend([(id(2), id(4)), (id(3), id(4))]);
    for n in [3, 2] {
        w.give(n, CallInput::Join);
    }
    assert!(w.plan(2).seal.is_none() && w.plan(3).seal.is_none(), "they wait for the step");
    w.give(4, CallInput::Leave);
    w.pass(Duration::from_millis(1));
    assert!(w.plan(2).seal.is_some() && w.hears(3, 2), "the lower begins, the other follows");
}

#[test]
fn two_calls_that_meet_become_one() {
    let mut w = World::new(4, 3);
    for (a, b) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
        w.cut.insert((id(a), id(b)));
        w.cut.insert((id(b), id(a)));
    }
    for n in 1..=4 {
        w.give(n, CallInput::Join);
    }
    assert!(w.all_hear(&[1, 2]) && w.all_hear(&[3, 4]));
    assert!(!w.hears(1, 3));
    w.cut.clear();
    w.pass(Duration::from_secs(6));
    assert!(w.all_hear(&[1, 2, 3, 4]));
}

#[test]
fn keys_change_each_minute_and_everybody_follows() {
    let mut w = World::new(3, 1);
    for n in 1..=3 {
        w.give(n, CallInput::Join);
        w.pass(Duration::from_secs(7));
    }
    let mut before = w.plan(1).seal.clone();
    for _ in 0..5 {
        w.pass(Duration::from_secs(60));
        assert_ne!(w.plan(1).seal, before, "a minute, a key");
        before = w.plan(1).seal.clone();
        assert!(w.all_hear(&[1, 2, 3]));
    }
}

#[test]
fn the_next_key_is_at_hand_before_it_is_used() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    w.pass(Duration::from_secs(56));
    let ready = w.plan(2).peers[0].keys.clone();
    assert_eq!(ready.len(), 2);
    w.pass(Duration::from_secs(5));
    assert!(ready.contains(w.plan(1).seal.as_ref().expect("in the call")));
}

#[test]
fn who_leaves_is_dropped_and_who_vanishes_is_dropped_after_its_lease() {
    let mut w = World::new(3, 1);
    for n in 1..=3 {
        w.give(n, CallInput::Join);
    }
    w.give(2, CallInput::Leave);
    assert_eq!(w.calls[&id(1)].participants(), [id(3)]);
    assert!(w.plan(2).seal.is_none() && w.plan(2).peers.is_empty());
    w.calls.remove(&id(3));
    w.pass(Duration::from_secs(15));
    assert_eq!(w.plan(1).peers.len(), 1, "a moment without a word is no farewell");
    w.pass(Duration::from_secs(3));
    assert!(w.plan(1).peers.is_empty());
    assert!(w.events.contains(&(id(1), CallOutput::Left(id(3)))));
}

#[test]
fn who_comes_back_seals_under_another_key() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    let before = w.plan(2).seal.clone();
    w.give(2, CallInput::Leave);
    w.give(2, CallInput::Join);
    assert_ne!(w.plan(2).seal, before);
    assert!(w.all_hear(&[1, 2]));
}

#[test]
fn a_removed_device_is_dropped_at_once_and_nothing_is_sealed_to_its_epoch() {
    let mut w = World::new(3, 1);
    for n in 1..=3 {
        w.give(n, CallInput::Join);
    }
    let roster: BTreeSet<DeviceId> = [id(1), id(2)].into();
    for n in [1, 2] {
        w.give(n, CallInput::Roster(roster.clone()));
        assert!(w.plan(n).seal.is_none(), "silent until the next epoch");
        assert!(w.plan(n).peers.iter().all(|p| p.device != id(3)));
        w.give(n, CallInput::Epochs(vec![epoch(2)]));
        assert!(w.plan(n).seal.is_some(), "and no longer");
    }
    assert!(w.all_hear(&[1, 2]));
    assert!(!w.hears(3, 1), "the removed holds the chain but not the epoch");
    w.give(3, CallInput::Wake);
    w.pass(Duration::from_secs(20));
    assert!(w.plan(1).peers.iter().all(|p| p.device != id(3)), "its words are not heard any more");
}

#[test]
fn an_epoch_that_only_adds_is_sealed_under_once_all_have_it() {
    let mut w = World::new(3, 1);
    for n in 1..=3 {
        w.give(n, CallInput::Join);
    }
    let old = w.plan(1).seal.clone();
    w.give(1, CallInput::Epochs(vec![epoch(2), epoch(1)]));
    assert_eq!(w.plan(1).seal, old, "the others do not have it yet");
    assert!(w.all_hear(&[1, 2, 3]));
    w.give(2, CallInput::Epochs(vec![epoch(2), epoch(1)]));
    w.give(3, CallInput::Epochs(vec![epoch(2), epoch(1)]));
    w.pass(Duration::from_millis(600));
    assert_ne!(w.plan(1).seal, old);
    assert!(w.all_hear(&[1, 2, 3]));
}

#[test]
fn one_who_never_gets_the_epoch_is_not_waited_for() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    let old = w.plan(1).seal.clone();
    w.give(1, CallInput::Epochs(vec![epoch(2), epoch(1)]));
    w.pass(Duration::from_millis(600));
    assert_ne!(w.plan(1).seal, old);
}

#[test]
fn going_back_to_an_epoch_never_takes_up_a_used_key() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    let first = w.plan(1).seal.clone();
    for n in [2, 1, 2, 1] {
        for device in [1, 2] {
            w.give(device, CallInput::Epochs(vec![epoch(n), epoch(3 - n)]));
        }
        w.pass(Duration::from_secs(1));
        assert_ne!(w.plan(1).seal, first);
        assert!(w.all_hear(&[1, 2]));
    }
}

#[test]
fn a_joiner_whom_nobody_answers_starts_a_chain_of_its_own() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    w.cut.insert((id(1), id(2)));
    w.give(2, CallInput::Join);
    assert!(w.plan(2).seal.is_none());
    w.pass(Duration::from_secs(2));
    assert!(w.plan(2).seal.is_some());
}

#[test]
fn mutes_are_in_the_plan_and_told_once() {
    let mut w = World::new(1, 1);
    w.give(1, CallInput::Join);
    assert!(w.plan(1).microphone_muted);
    w.give(1, CallInput::MuteMicrophone(false));
    w.give(1, CallInput::MuteMicrophone(false));
    w.give(1, CallInput::MuteSpeaker(true));
    assert!(!w.plan(1).microphone_muted && w.plan(1).speaker_muted);
    let told: Vec<_> = w.events.iter().filter(|(_, e)| matches!(e, CallOutput::Muted { .. })).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(w.calls[&id(1)].mutes(), (false, true));
}

#[test]
fn signalling_passes_between_members_and_reaches_nobody_else() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::SendSignal { to: id(2), bytes: vec![7] });
    assert!(w.events.contains(&(id(2), CallOutput::Signal { from: id(1), bytes: vec![7] })));
    assert!(w.calls[&id(1)].can_signal(&id(2)) && !w.calls[&id(1)].can_signal(&id(9)));
    w.give(1, CallInput::Unreachable(id(2)));
    assert!(!w.calls[&id(1)].can_signal(&id(2)));
    w.events.clear();
    w.give(1, CallInput::SendSignal { to: id(2), bytes: vec![8] });
    w.give(1, CallInput::Signal { from: id(9), bytes: vec![9] });
    assert_eq!(w.events, []);
}

#[test]
fn a_newcomer_may_be_connected_before_it_is_known_as_a_member() {
    let mut w = World::new(3, 1);
    let two: BTreeSet<DeviceId> = [id(1), id(2)].into();
    for n in [1, 2] {
        w.give(n, CallInput::Roster(two.clone()));
        w.give(n, CallInput::Epochs(vec![epoch(1)]));
        w.give(n, CallInput::Join);
    }
    let three: BTreeSet<DeviceId> = [id(1), id(2), id(3)].into();
    w.give(1, CallInput::Roster(three.clone()));
    w.give(2, CallInput::Roster(three));
    w.give(3, CallInput::Join);
    assert!(w.all_hear(&[1, 2, 3]));
}

#[test]
fn strangers_and_nonsense_change_nothing() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    let plan = w.plan(1).clone();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let hello = CallFrame::Here(Here {
        incarnation: Incarnation([1; 16]),
        kid: halloo_crypto::media::Kid(0x100),
        tag: [0; 8],
        place: None,
        wants: Some(halloo_crypto::id::BoxPublic([0; 32])),
    });
    w.give(1, CallInput::Frame { from: id(9), bytes: hello.to_bytes() });
    w.give(1, CallInput::Frame { from: id(1), bytes: hello.to_bytes() });
    for _ in 0..1_000 {
        let mut bytes = vec![0; rng.next_u32() as usize % 120];
        rng.fill_bytes(&mut bytes);
        if bytes.len() > 1 {
            (bytes[0], bytes[1]) = (1, 1 + bytes[1] % 3);
        }
        w.give(1, CallInput::Frame { from: id(2), bytes });
    }
    w.give(2, CallInput::Leave);
    w.pass(Duration::from_secs(20));
    assert_eq!(w.plan(1).peers, plan.peers);
}

#[test]
fn the_same_seed_gives_the_same_call() {
    let run = || {
        let mut w = World::new(4, 7);
        for n in 1..=4 {
            w.give(n, CallInput::Join);
        }
        w.pass(Duration::from_secs(100));
        (w.plans.clone(), w.frames)
    };
    assert_eq!(run(), run());
}

#[derive(Clone, Debug)]
enum Act {
    Join(u8),
    Leave(u8),
    Cut(u8, u8),
    Mend,
    Epoch(u8),
    Pass(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_u8..=4).prop_map(Act::Join),
        1 => (1_u8..=4).prop_map(Act::Leave),
        1 => (1_u8..=4, 1_u8..=4).prop_map(|(a, b)| Act::Cut(a, b)),
        1 => Just(Act::Mend),
        1 => (1_u8..=4).prop_map(Act::Epoch),
        3 => (1_u16..30_000).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn after_any_quarrel_whoever_is_in_the_call_is_heard(seed in 0_u64..1_000, acts in prop::collection::vec(act(), 1..30)) {
        let mut w = World::new(4, seed);
        let mut newest = 1;
        for act in acts {
            match act {
                Act::Join(n) => w.give(n, CallInput::Join),
                Act::Leave(n) => w.give(n, CallInput::Leave),
                Act::Cut(a, b) => {
                    w.cut.insert((id(a), id(b)));
                }
                Act::Mend => w.cut.clear(),
                Act::Epoch(n) => {
                    newest += 1;
                    w.give(n, CallInput::Epochs(vec![epoch(newest), epoch(newest - 1)]));
                }
                Act::Pass(ms) => w.pass(Duration::from_millis(u64::from(ms))),
            }
        }
        w.cut.clear();
        for n in 1..=4 {
            w.give(n, CallInput::Epochs(vec![epoch(newest)]));
        }
        w.pass(Duration::from_secs(40));
        let inside: Vec<u8> = (1..=4).filter(|n| w.calls[&id(*n)].in_call()).collect();
        prop_assert!(w.all_hear(&inside), "{inside:?}");
        for n in &inside {
            prop_assert_eq!(w.plan(*n).peers.len(), inside.len() - 1);
        }
    }
}

/// A member that does not keep to the rules: its frames are made by hand.
struct Liar<'a> {
    w: &'a mut World,
    n: u8,
}

impl Liar<'_> {
    fn says(&mut self, to: u8, frame: &CallFrame) -> Vec<CallOutput> {
        let bytes = frame.to_bytes();
        let call = self.w.calls.get_mut(&id(to)).expect("a device of this world");
        call.handle(self.w.now, CallInput::Frame { from: id(self.n), bytes });
        std::iter::from_fn(|| call.poll()).collect()
    }

    fn here(&self, chain: u8, index: u32, wants: Option<[u8; 32]>) -> CallFrame {
        CallFrame::Here(Here {
            incarnation: Incarnation([self.n; 16]),
            kid: halloo_crypto::media::Kid(0x777),
            tag: [0; 8],
            place: Some(frame::ChainPlace { chain: ChainId([chain; 16]), index, into_ms: 0 }),
            wants: wants.map(halloo_crypto::id::BoxPublic),
        })
    }
}

fn sends(outputs: &[CallOutput]) -> usize {
    outputs.iter().filter(|o| matches!(o, CallOutput::Send { .. })).count()
}

#[test]
fn who_claims_the_lowest_chain_and_gives_no_step_silences_nobody() {
    let mut w = World::new(3, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    let lie = Liar { w: &mut w, n: 3 }.here(1, 0, None);
    for _ in 0..20 {
        for to in [1, 2] {
            Liar { w: &mut w, n: 3 }.says(to, &lie);
        }
        w.pass(Duration::from_secs(1));
        assert!(w.all_hear(&[1, 2]), "the honest go on under their own chain");
    }
}

#[test]
fn a_flood_of_presence_costs_few_answers() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    let mut answers = 0;
    for k in 0..1_000_u32 {
        let mut liar = Liar { w: &mut w, n: 2 };
        let wants = (k % 2 == 0).then_some([9; 32]);
        let frame = liar.here(0xee, k, wants);
        answers += sends(&liar.says(1, &frame));
    }
    assert!(answers <= 4, "{answers} frames for a thousand in one instant");
}

#[test]
fn a_key_of_small_order_gets_no_step() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    let mut small = [0; 32];
    small[0] = 1;
    let mut liar = Liar { w: &mut w, n: 2 };
    let frame = liar.here(0xee, 0, Some(small));
    let outputs = liar.says(1, &frame);
    let steps = outputs.iter().filter(|o| match o {
        CallOutput::Send { bytes, .. } => matches!(CallFrame::parse(bytes), Ok(CallFrame::Step { .. })),
        _ => false,
    });
    assert_eq!(steps.count(), 0);
}

#[test]
fn a_step_that_nobody_asked_for_is_ignored() {
    let mut w = World::new(2, 1);
    w.give(1, CallInput::Join);
    w.give(2, CallInput::Join);
    let before = w.plan(1).clone();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let chain = Chain::start(w.now, &mut rng);
    let key = BoxSecret::generate(&mut rng).public();
    let sealed = chain.seal_to(&mut rng, &key, b"anything").expect("a fresh key");
    let step = CallFrame::Step { chain: ChainId([1; 16]), into_ms: 0, sealed };
    Liar { w: &mut w, n: 2 }.says(1, &step);
    w.pass(Duration::from_millis(100));
    assert_eq!(w.plan(1), &before);
}

#[test]
fn who_drives_the_chain_forward_drives_all_and_breaks_nothing() {
    let mut w = World::new(3, 1);
    for n in 1..=3 {
        w.give(n, CallInput::Join);
    }
    let place = w.calls[&id(1)].chain.as_ref().expect("in the call").place(w.now);
    let ahead = CallFrame::Here(Here {
        incarnation: Incarnation([3; 16]),
        kid: halloo_crypto::media::Kid(0x777),
        tag: [0; 8],
        place: Some(frame::ChainPlace { index: 500, ..place }),
        wants: None,
    });
    let outputs = Liar { w: &mut w, n: 3 }.says(1, &ahead);
    for output in outputs {
        if let CallOutput::Plan(plan) = output {
            w.plans.insert(id(1), *plan);
        }
    }
    w.pass(Duration::from_secs(6));
    assert!(w.hears(1, 2) && w.hears(2, 1), "the other followed with the next word");
    assert_eq!(w.calls[&id(2)].chain.as_ref().expect("in the call").place(w.now).index, 500);
}

#[test]
fn more_devices_than_a_path_can_hear_are_not_let_in() {
    let mut w = World::new(20, 1);
    w.give(1, CallInput::Join);
    for n in 2..=20 {
        let frame = Liar { w: &mut w, n }.here(0xee, 0, None);
        Liar { w: &mut w, n }.says(1, &frame);
    }
    assert_eq!(w.calls[&id(1)].participants().len(), MAX_SPEAKERS);
}

#[test]
fn two_with_one_key_id_are_both_heard() {
    let mut w = World::new(3, 1);
    for n in 1..=3 {
        w.give(n, CallInput::Join);
    }
    let kid = w.plan(2).seal.as_ref().expect("in the call").kid();
    let place = w.calls[&id(1)].chain.as_ref().expect("in the call").place(w.now);
    let same = CallFrame::Here(Here {
        incarnation: Incarnation([3; 16]),
        kid,
        tag: [0; 8],
        place: Some(place),
        wants: None,
    });
    for output in (Liar { w: &mut w, n: 3 }).says(1, &same) {
        if let CallOutput::Plan(plan) = output {
            w.plans.insert(id(1), *plan);
        }
    }
    assert!(w.hears(1, 2));
    let keys: Vec<_> = w.plan(1).peers.iter().flat_map(|p| &p.keys).collect();
    assert!(keys.iter().all(|k| k.kid() == kid) && keys[0] != keys[1], "one id, two keys");
}
