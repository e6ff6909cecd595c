//! Who is declined where, and that nobody is ever left without a source.

use halloo_crdt::live::declined;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::location::AAD;
use crate::rig::Rig;
use crate::wire::direct::DirectFrame;
use crate::wire::parcel::{Parcel, ParcelKind};

const PATIENCE: Duration = Duration::from_millis(7_500);

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

/// Neighbour `n`, whose device is `n`.
fn neighbour(n: u8) -> (PeerKey, DeviceId) {
    (PeerKey([n; 32]), device(n))
}

fn at(millis: u64) -> Time {
    Time::from_millis(100_000 + millis)
}

fn told(n: u8, authors: &[u8]) -> (PeerKey, BTreeSet<DeviceId>) {
    (neighbour(n).0, authors.iter().map(|n| device(*n)).collect())
}

/// 1 is first with the reports of 9, 2 repeats them and has been told.
fn settled() -> Feeds {
    let mut feeds = Feeds::default();
    assert!(!feeds.heard(neighbour(1), at(0), PATIENCE, &[device(9)], &[]));
    assert!(feeds.heard(neighbour(2), at(50), PATIENCE, &[], &[device(9)]), "that is worth a word");
    assert_eq!(feeds.due(at(60), PATIENCE), [told(2, &[9])]);
    feeds
}

#[test]
fn who_repeats_is_told_once_and_who_is_first_never() {
    let mut feeds = settled();
    assert!(!feeds.heard(neighbour(2), at(70), PATIENCE, &[], &[device(9)]), "it is told already");
    assert_eq!(feeds.due(at(70), PATIENCE), []);
    assert!(!feeds.heard(neighbour(1), at(80), PATIENCE, &[], &[device(9)]), "the first may say it twice");
    assert_eq!(feeds.due(at(80), PATIENCE), []);
}

#[test]
fn what_a_device_says_of_itself_is_never_declined() {
    let mut feeds = Feeds::default();
    feeds.heard(neighbour(1), at(0), PATIENCE, &[device(2), device(9)], &[]);
    assert!(feeds.heard(neighbour(2), at(1), PATIENCE, &[], &[device(2), device(9)]));
    assert_eq!(feeds.due(at(1), PATIENCE), [told(2, &[9])]);
}

#[test]
fn who_is_told_and_is_first_nevertheless_is_wanted_at_once() {
    let mut feeds = settled();
    assert!(feeds.heard(neighbour(2), at(90), PATIENCE, &[device(9)], &[]));
    assert!(feeds.heard(neighbour(1), at(95), PATIENCE, &[], &[device(9)]));
    assert_eq!(feeds.due(at(100), PATIENCE), [told(1, &[9]), told(2, &[])], "the two change places");
}

#[test]
fn an_author_that_falls_silent_is_wanted_from_everybody_and_the_moment_is_known() {
    let mut feeds = settled();
    assert_eq!(feeds.next_due(PATIENCE), Some(at(7_500)));
    assert_eq!(feeds.due(at(7_499), PATIENCE), []);
    assert_eq!(feeds.due(at(7_500), PATIENCE), [told(2, &[])]);
    assert_eq!(feeds.next_due(PATIENCE), None, "nobody is declined, nothing is waited for");
}

#[test]
fn a_source_that_goes_is_replaced_at_once_and_nothing_of_it_is_kept() {
    let mut feeds = settled();
    feeds.gone(&neighbour(1).0);
    assert_eq!(feeds.due(at(100), PATIENCE), [told(2, &[])]);
    feeds.gone(&neighbour(2).0);
    assert!(feeds.first.is_empty() && feeds.neighbours.is_empty());
    let mut feeds = settled();
    feeds.gone(&neighbour(2).0);
    assert_eq!(feeds.due(at(100), PATIENCE), []);
    assert!(feeds.heard(neighbour(2), at(110), PATIENCE, &[], &[device(9)]), "a new connection is told anew");
    assert_eq!(feeds.due(at(120), PATIENCE), [told(2, &[9])]);
}

#[test]
fn lists_are_repeated_and_empty_ones_are_not() {
    let mut feeds = settled();
    let mut words = 0;
    for tick in 1..=300_u64 {
        let now = at(60 + tick * 100);
        feeds.heard(neighbour(1), now, PATIENCE, &[device(9)], &[]);
        words += feeds.due(now, PATIENCE).len();
    }
    assert_eq!(words, 3, "30 s, each 8 s");
    let end = at(60 + 30_000);
    assert_eq!(feeds.due(end.after(PATIENCE), PATIENCE), [told(2, &[])]);
    assert_eq!(feeds.due(end.after(PATIENCE * 10), PATIENCE), []);
}

#[test]
fn who_was_first_and_withholds_is_not_relied_on_for_a_while() {
    let mut feeds = settled();
    // 1 says nothing for the whole of the patience; 2, asked again, has news.
    assert_eq!(feeds.due(at(7_500), PATIENCE), [told(2, &[])]);
    feeds.heard(neighbour(2), at(7_600), PATIENCE, &[device(9)], &[]);
    let mut declined_at = None;
    for tick in 0..1_400_u64 {
        let now = at(7_700 + tick * 100);
        // 1 is quick again, 2 keeps repeating.
        feeds.heard(neighbour(1), now, PATIENCE, &[device(9)], &[]);
        feeds.heard(neighbour(2), now, PATIENCE, &[], &[device(9)]);
        if declined_at.is_none() && !feeds.due(now, PATIENCE).is_empty() {
            declined_at = Some(now);
        }
    }
    assert_eq!(declined_at, Some(at(7_600).after(DOUBT)));
}

#[test]
fn an_author_who_was_away_for_long_raises_no_doubt_about_who_was_first() {
    let mut feeds = settled();
    feeds.due(at(7_500), PATIENCE);
    feeds.heard(neighbour(1), at(3_600_000), PATIENCE, &[device(9)], &[]);
    assert!(feeds.heard(neighbour(2), at(3_600_010), PATIENCE, &[], &[device(9)]));
}

#[test]
fn trees_grow_anew_each_at_its_time() {
    let mut feeds = Feeds::default();
    let authors: Vec<DeviceId> = (10..250).map(device).collect();
    let mut again = std::collections::BTreeMap::new();
    for second in 0..400_u64 {
        feeds.heard(neighbour(1), at(second * 1_000), PATIENCE, &authors, &[]);
        if second == 0 {
            feeds.heard(neighbour(2), at(1), PATIENCE, &[], &authors);
        }
        let before = feeds.neighbours[&neighbour(1).0].told.len();
        assert_eq!(before, 0, "the first is never told");
        for (_, list) in feeds.due(at(second * 1_000 + 2), PATIENCE) {
            authors.iter().filter(|a| !list.contains(a)).for_each(|a| _ = again.entry(*a).or_insert(second));
        }
    }
    let (first, last) = (again.values().min().copied(), again.values().max().copied());
    assert_eq!(again.len(), authors.len(), "each one");
    assert!(first >= Some(120) && last <= Some(184), "{first:?} {last:?}");
    for second in 120..184 {
        let together = again.values().filter(|at| **at == second).count();
        assert!(together <= 12, "{together} at once");
    }
}

#[test]
fn its_memory_is_bounded_whoever_speaks() {
    let mut feeds = Feeds::default();
    let wide = |n: u64| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        bytes
    };
    let authors: Vec<DeviceId> =
        (1..=MAX_DEVICES as u64 + 50).map(|n| DeviceId::from_bytes(wide(n))).collect();
    feeds.heard(neighbour(1), at(0), PATIENCE, &authors, &[]);
    assert_eq!(feeds.first.len(), MAX_DEVICES);
    feeds.heard(neighbour(2), at(0), PATIENCE, &[], &authors);
    assert_eq!(
        feeds.neighbours[&neighbour(2).0].repeats.len(),
        MAX_DEVICES,
        "what has no source is not declined"
    );
    for n in 0..MAX_PEERS as u64 + 50 {
        feeds.heard((PeerKey(wide(n)), device(9)), at(0), PATIENCE, &[], &authors[..1]);
    }
    assert_eq!(feeds.neighbours.len(), MAX_PEERS);
    feeds.keep(|author| *author == authors[0]);
    assert_eq!(feeds.first.len(), 1);
    feeds.due(at(1), PATIENCE);
    assert!(feeds.neighbours.values().all(|one| one.repeats.len() <= 1), "who is out is declined nowhere");
}

fn live(rig: &mut Rig, who: usize, plaintext: &[u8]) -> DirectFrame {
    let now = rig.now;
    let state = &mut rig.engine(who).state;
    state.now = now;
    let seal = state.seal(AAD, plaintext).expect("a member seals");
    DirectFrame::Parcel(Parcel::new(ParcelKind::Live, vec![seal]))
}

#[test]
fn a_flood_of_words_is_answered_no_more_often_than_news_are_gathered() {
    let mut rig = Rig::group(3, 70);
    let (hostile, honest) = (rig.peer(1), rig.peer(2));
    let author = rig.members[2].identity.device.id();
    rig.pass(Duration::from_secs(5));
    rig.cut = true;
    let sent = |rig: &Rig, to| rig.members[0].sent.iter().filter(|(peer, _)| *peer == Some(to)).count();
    let (before, others) = (sent(&rig, hostile), sent(&rig, honest));
    for round in 0..2_000_u32 {
        let authors = [author];
        let list = if round % 2 == 0 { &authors[..] } else { &[] };
        let now = rig.now.mono.as_millis();
        let secret = rig.members[2].identity.device.clone();
        let news = rig.engine(2).state.live.report(&secret, now);
        let news = live(&mut rig, 2, &news);
        rig.hand_direct(0, honest, &news);
        let word = live(&mut rig, 1, &declined(list.iter()));
        rig.hand_direct(0, hostile, &word);
        if round % 20 == 0 {
            rig.pass(Duration::from_millis(10));
        }
    }
    let (answers, told) = (sent(&rig, hostile) - before, sent(&rig, honest) - others);
    assert!(answers <= 6, "{answers} frames for 2,000 words in a second");
    assert!(told <= 6, "{told}: nor does it make others hear more");
    assert_eq!(rig.dropped(0, "malformed live batch"), 0);
}

#[test]
fn a_word_reaches_nothing_but_the_senders_own_connection() {
    let mut rig = Rig::group(3, 71);
    let (hostile, author) = (rig.peer(1), rig.members[2].identity.device.id());
    let everybody: Vec<DeviceId> = rig.members.iter().map(|member| member.identity.device.id()).collect();
    let word = live(&mut rig, 1, &declined(everybody.iter()));
    rig.hand_direct(0, hostile, &word);
    rig.pass(Duration::from_secs(60));
    for (reader, members) in [(0, 3), (2, 3), (1, 3)] {
        let views = rig.engine(reader).members();
        let online = views.iter().flat_map(|view| &view.devices).filter(|view| view.online).count();
        assert_eq!(online, members, "{reader}");
    }
    let engine = rig.engine(0);
    assert!(engine.state.live.heard_ms(&author).is_some());
}

/// A little world of members who know nothing but [`Feeds`] and what batches and lists mean: one author, node 0.
struct Mesh {
    rng: ChaCha20Rng,
    now: u64,
    nodes: Vec<Node>,
    edges: BTreeSet<(u8, u8)>,
    /// Ways (from, to) that lose everything unnoticed.
    dead: BTreeSet<(u8, u8)>,
    flying: Vec<(u64, u8, u8, Word)>,
    /// Reports handed to the ways.
    reports: u64,
}

#[derive(Clone)]
enum Word {
    Report(u64),
    Declined(bool),
}

#[derive(Default)]
struct Node {
    feeds: Feeds,
    newest: u64,
    /// By neighbour: what it is known to have, until when it declines.
    knows: BTreeMap<u8, (u64, u64)>,
    flush_at: Option<u64>,
}

impl Mesh {
    const AUTHOR: u8 = 0;

    fn new(seed: u64, count: u8) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut edges = BTreeSet::new();
        for n in 1..count {
            // A random tree, and as many chords: everybody has a way, most have several.
            for _ in 0..2 {
                let other = (rng.next_u32() % u32::from(n)) as u8;
                edges.extend([(n, other), (other, n)]);
            }
        }
        let nodes = (0..count).map(|_| Node::default()).collect();
        Mesh { rng, now: 0, nodes, edges, dead: BTreeSet::new(), flying: Vec::new(), reports: 0 }
    }

    fn send(&mut self, from: u8, to: u8, word: Word) {
        self.reports += u64::from(matches!(word, Word::Report(_)));
        if !self.dead.contains(&(from, to)) {
            let latency = 5 + u64::from(self.rng.next_u32() % 300);
            // The lane keeps the order of a pair.
            let last =
                self.flying.iter().filter(|(_, f, t, _)| (*f, *t) == (from, to)).map(|one| one.0).max();
            let arrives = (self.now + latency).max(last.unwrap_or(0));
            self.flying.push((arrives, from, to, word));
        }
    }

    fn flush(&mut self, who: u8) {
        let now = at(self.now);
        let node = &mut self.nodes[usize::from(who)];
        let words = node.feeds.due(now, PATIENCE);
        let due = node.feeds.next_due(PATIENCE).map(|at| at.as_millis() - 100_000);
        node.flush_at = due;
        for (peer, list) in words {
            self.send(who, peer.0[0], Word::Declined(list.contains(&device(Self::AUTHOR))));
        }
        let newest = self.nodes[usize::from(who)].newest;
        let neighbours: Vec<u8> = self.edges.iter().filter(|(a, _)| *a == who).map(|(_, b)| *b).collect();
        for to in neighbours.into_iter().filter(|to| *to != Self::AUTHOR) {
            let (has, until) = self.nodes[usize::from(who)].knows.entry(to).or_default();
            if *has < newest && (who == Self::AUTHOR || self.now >= *until) {
                *has = newest;
                self.send(who, to, Word::Report(newest));
            }
        }
    }

    fn deliver(&mut self, from: u8, to: u8, word: Word) {
        let node = &mut self.nodes[usize::from(to)];
        let (has, until) = node.knows.entry(from).or_default();
        let mut soon = true;
        match word {
            Word::Declined(list) => *until = if list { self.now + DECLINE_MS } else { 0 },
            Word::Report(count) => {
                *has = count.max(*has);
                let fresh = count > node.newest;
                node.newest = count.max(node.newest);
                let author = [device(Self::AUTHOR)];
                let (fresh, echoed) = if fresh { (&author[..], &[][..]) } else { (&[][..], &author[..]) };
                soon = node.feeds.heard(neighbour(from), at(self.now), PATIENCE, fresh, echoed)
                    | !fresh.is_empty();
            }
        }
        if soon {
            let flush = self.now + 250;
            node.flush_at = Some(node.flush_at.map_or(flush, |at| at.min(flush)));
        }
    }

    /// Lets `millis` pass; the author reports once a second.
    fn pass(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.now += 10;
            if self.now.is_multiple_of(1_000) {
                self.nodes[0].newest = self.now;
                self.flush(Self::AUTHOR);
            }
            let now = self.now;
            let mut due: Vec<_> = self.flying.extract_if(.., |one| one.0 <= now).collect();
            due.sort_by_key(|one| one.0);
            due.into_iter().for_each(|(_, from, to, word)| self.deliver(from, to, word));
            for who in 1..self.nodes.len() as u8 {
                if self.nodes[usize::from(who)].flush_at.is_some_and(|at| at <= now) {
                    self.flush(who);
                }
            }
        }
    }

    /// Who the author's reports can reach now.
    fn reached(&self) -> BTreeSet<u8> {
        let mut reached = BTreeSet::from([Self::AUTHOR]);
        loop {
            let more = self.edges.iter().filter(|way| reached.contains(&way.0) && !self.dead.contains(way));
            let more: BTreeSet<u8> = more.map(|(_, to)| *to).filter(|to| !reached.contains(to)).collect();
            if more.is_empty() {
                return reached;
            }
            reached.extend(more);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever dies unnoticed, in one direction or in both: whoever can be reached is reached, within the lease of a list.
    #[test]
    fn no_ring_of_declines_leaves_anybody_without_a_source(seed in any::<u64>(), count in 4..14_u8) {
        let mut mesh = Mesh::new(seed, count);
        mesh.pass(10_000);
        for _ in 0..8 {
            mesh.dead.clear();
            let ways: Vec<(u8, u8)> = mesh.edges.iter().copied().collect();
            for _ in 0..mesh.rng.next_u32() % 8 {
                let way = ways[mesh.rng.next_u32() as usize % ways.len()];
                mesh.dead.insert(way);
            }
            mesh.pass(DECLINE_MS + 10_000);
            for who in mesh.reached() {
                let age = mesh.now - mesh.nodes[usize::from(who)].newest;
                // Gathering and latency on at most a dozen hops.
                prop_assert!(age < 9_000, "node {} of {} is {} ms behind, dead {:?}", who, count, age, mesh.dead);
            }
        }
    }

    /// In a quiet mesh each report comes to each member once, but for what shows who is fastest now and then.
    #[test]
    fn in_a_quiet_mesh_a_report_is_hardly_ever_told_twice(seed in any::<u64>()) {
        let mut mesh = Mesh::new(seed, 10);
        mesh.pass(20_000);
        let before = mesh.reports;
        mesh.pass(60_000);
        let told = (mesh.reports - before) / 60;
        let direct = mesh.edges.iter().filter(|(from, _)| *from == Mesh::AUTHOR).count() as u64;
        // Nine members, less where two gatherings made one of two, and the author's own word where another was quicker.
        prop_assert!((8..=9 + direct).contains(&told), "{} reports a second over {} ways", told, mesh.edges.len());
    }
}

#[test]
fn lists_that_would_be_repeated_soon_go_with_the_first() {
    let mut feeds = settled();
    assert!(feeds.heard(neighbour(3), at(1_500), PATIENCE, &[], &[device(9)]));
    assert_eq!(feeds.due(at(1_500), PATIENCE), [told(3, &[9])], "nobody else's is due yet");
    feeds.heard(neighbour(1), at(6_000), PATIENCE, &[device(9)], &[]);
    let repeat = feeds.next_due(PATIENCE).expect("a list is out");
    assert_eq!(repeat, at(60).after(REPEAT_EVERY));
    assert_eq!(feeds.due(at(8_059), PATIENCE), [], "not a moment sooner");
    assert_eq!(feeds.due(repeat, PATIENCE), [told(2, &[9]), told(3, &[9])]);
}
