//! The document: everybody who has the same contents has the same document, whatever a member tries.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use automerge::{Automerge, ROOT, ReadDoc, ScalarValue};
use group::{Device, GROUP, bent, chat, noise, rng, shuffled};
use halloo_crdt::content::{Body, Content, VerifiedContent};
use halloo_crdt::document::{Applied, Document, DocumentError, Edit, Place, Profile, Refusal, Value};
use halloo_crdt::messages::Messages;
use halloo_crypto::id::AccountId;
use proptest::prelude::*;
use rand_core::Rng;

/// A member with all that it knows.
struct Member {
    device: Device,
    messages: Messages,
    document: Document,
}

fn account_of(content: &VerifiedContent) -> AccountId {
    AccountId::from_bytes(*content.content().author.as_bytes())
}

impl Member {
    fn new(seed: u64) -> Self {
        let device = Device::new(seed);
        let document = Document::new(&device.id(), &device.incarnation);
        Self { device, messages: Messages::new(GROUP), document }
    }

    fn edit(&mut self, edits: &[Edit]) -> VerifiedContent {
        let account = self.device.account();
        let bytes = self.document.edit(&account, edits).unwrap();
        let frontier = self.messages.frontier();
        let written = self.device.write_after(0, frontier, Body::Document(bytes));
        self.take(&written);
        written
    }

    /// As an engine does: into the set, then what was accepted into the document.
    fn take(&mut self, content: &VerifiedContent) {
        let inserted = self.messages.insert(content.clone()).unwrap();
        let mut rebuild = inserted.equivocation.is_some();
        for id in inserted.accepted {
            let content = self.messages.get(&id).unwrap();
            let applied = self.document.apply(content, &account_of(content));
            rebuild |= applied == Applied::NeedsRebuild;
        }
        if rebuild {
            self.document.rebuild(self.messages.documents().map(|c| (c, account_of(c))));
        }
    }

    fn name(&self) -> String {
        self.document.name().unwrap_or_default()
    }
}

fn name(text: &str) -> Edit {
    Edit::Name(text.to_owned())
}

fn hut(id: u8, at: f64) -> Place {
    Place {
        id: [id; 16],
        name: format!("hut {id}"),
        kind: "meeting".into(),
        lat_deg: at,
        lon_deg: -at,
        radius_m: Some(50.5),
    }
}

/// The document's changes as another automerge tool gets them.
fn exported(member: &Member) -> Vec<Vec<u8>> {
    member.document.changes(member.messages.documents().map(|c| (c, account_of(c))))
}

/// Automerge's own merge of the same changes: the judge of ours. Its conflicts, values and heads must be those of the document.
fn agrees_with_automerge(member: &Member) {
    let mut judge = Automerge::new();
    for change in exported(member) {
        judge.load_incremental(&change).unwrap();
    }
    let heads: Vec<[u8; 32]> = judge.get_heads().into_iter().map(|hash| hash.0).collect();
    assert_eq!(heads, member.document.heads());
    assert_eq!(judge.get_changes(&[]).len(), member.document.merged());
    let keys: Vec<String> = judge.keys(ROOT).collect();
    for key in &keys {
        let value = match judge.get(ROOT, key.as_str()).unwrap().unwrap().0 {
            automerge::Value::Scalar(scalar) => match scalar.as_ref() {
                ScalarValue::Str(text) => Value::Text(text.to_string()),
                ScalarValue::Int(n) => Value::Int(*n),
                ScalarValue::F64(x) => Value::Real(*x),
                ScalarValue::Boolean(b) => Value::Bool(*b),
                other => panic!("{key} holds {other:?}"),
            },
            other => panic!("{key} holds {other:?}"),
        };
        assert_eq!(member.document.get(key), Some(value), "{key}");
    }
    let shown = |prefix: &str| keys.iter().filter(|key| key.starts_with(prefix)).count();
    assert_eq!(member.document.settings().len(), shown("setting/"), "nothing that automerge took away");
    assert_eq!(member.document.name().is_some(), keys.iter().any(|key| key == "name"));
}

/// Everything that is to be the same at every member.
fn state(document: &Document) -> impl PartialEq + std::fmt::Debug + use<> {
    let read = (document.name(), document.settings(), document.places(), document.profiles());
    (document.heads(), document.merged(), document.orphans(), read)
}

/// Members that edit, sometimes without having heard each other. Returns all contents.
fn history(seed: u64, count: usize) -> Vec<VerifiedContent> {
    let mut rng = rng(seed);
    let mut members: Vec<Member> = (0..3).map(|n| Member::new(seed ^ (n + 1) << 35)).collect();
    let mut all = Vec::new();
    for n in 0..count {
        let who = rng.next_u32() as usize % 3;
        let edit = match rng.next_u32() % 5 {
            0 => name(&format!("name {n}")),
            1 => Edit::Place(hut(rng.next_u32() as u8 % 3, n as f64 / 10.0)),
            2 => Edit::Profile(Profile { display_name: format!("me {n}"), colour: Some(n as u32) }),
            3 => Edit::Setting { key: "units".into(), value: (n % 3 != 0).then_some(Value::Int(n as i64)) },
            _ => Edit::RemovePlace([rng.next_u32() as u8 % 3; 16]),
        };
        let account = members[who].device.account();
        let bytes = match members[who].document.edit(&account, &[edit]) {
            Ok(bytes) => bytes,
            Err(DocumentError::Nothing) => continue,
            Err(other) => panic!("{other}"),
        };
        let frontier = members[who].messages.frontier();
        let written = members[who].device.write_after(n as u64, frontier, Body::Document(bytes));
        for (at, member) in members.iter_mut().enumerate() {
            if at == who || !rng.next_u32().is_multiple_of(3) {
                member.take(&written);
            }
        }
        all.push(written);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_order_of_delivery_gives_the_same_document(
        seed in any::<u64>(), order in any::<u64>(), count in 1..40_usize
    ) {
        let all = history(seed, count);
        let mut reference = Member::new(1);
        all.iter().for_each(|c| reference.take(c));
        prop_assert_eq!(reference.document.merged(), all.len());
        let mut mixed = Member::new(2);
        shuffled(&all, order).iter().for_each(|c| mixed.take(c));
        prop_assert_eq!(state(&mixed.document), state(&reference.document));
        let mut rebuilt = Document::new(&mixed.device.id(), &mixed.device.incarnation);
        rebuilt.rebuild(mixed.messages.documents().map(|c| (c, account_of(c))));
        prop_assert_eq!(state(&rebuilt), state(&reference.document));
        agrees_with_automerge(&mixed);
    }

    /// A member signs two changes under one number, in one content slot or in two.
    #[test]
    fn a_lie_ends_the_same_way_at_every_member(seed in any::<u64>(), order in any::<u64>(), same_slot in any::<bool>()) {
        let all = told(seed, same_slot);
        let mut reference = Member::new(1);
        all.iter().for_each(|c| reference.take(c));
        let mut mixed = Member::new(2);
        shuffled(&all, order).iter().for_each(|c| mixed.take(c));
        prop_assert_eq!(state(&mixed.document), state(&reference.document));
        prop_assert!(reference.document.merged() < all.len());
        agrees_with_automerge(&mixed);
    }
}

/// A liar tells one half of the group one name and the other half another; both go on editing.
fn told(seed: u64, same_slot: bool) -> Vec<VerifiedContent> {
    let (mut liar, mut left, mut right) =
        (Member::new(seed ^ 1), Member::new(seed ^ 2), Member::new(seed ^ 4));
    let start = liar.edit(&[name("start")]);
    left.take(&start);
    right.take(&start);
    let mut twin = Member::new(seed ^ 1);
    twin.take(&start);
    let x = liar.edit(&[name("to the left")]);
    let account = twin.device.account();
    let bytes = twin.document.edit(&account, &[name("to the right")]).unwrap();
    let y = if same_slot {
        liar.device.contradict(&x, Body::Document(bytes))
    } else {
        let content = x.content().clone();
        liar.device.sign(&Content { seq: content.seq + 1, body: Body::Document(bytes), ..content })
    };
    left.take(&x);
    right.take(&y);
    let a = left.edit(&[Edit::Setting { key: "units".into(), value: Some(Value::Text("km".into())) }]);
    let b = right.edit(&[Edit::Place(hut(1, 1.0))]);
    let c = right.edit(&[Edit::Profile(Profile { display_name: "Right".into(), colour: None })]);
    left.take(&b);
    vec![start, x, y, a, b, c]
}

#[test]
fn a_group_reads_what_its_members_set() {
    let mut a = Member::new(1);
    let profile = Profile { display_name: "Ada".into(), colour: Some(0x00FF_8800) };
    a.edit(&[
        name("Sunday ride"),
        Edit::Place(hut(3, 47.25)),
        Edit::Profile(profile.clone()),
        Edit::Setting { key: "units".into(), value: Some(Value::Bool(true)) },
    ]);
    assert_eq!(a.name(), "Sunday ride");
    assert_eq!(a.document.places(), [hut(3, 47.25)]);
    assert_eq!(a.document.profile(&a.device.account()), profile);
    assert_eq!(a.document.profiles(), [(a.device.account(), profile)]);
    assert_eq!(a.document.settings(), [("units".to_owned(), Value::Bool(true))]);
    a.edit(&[Edit::RemovePlace([3; 16]), Edit::Setting { key: "units".into(), value: None }]);
    assert_eq!((a.document.places(), a.document.settings()), (vec![], vec![]));
    assert_eq!(a.document.profile(&AccountId::from_bytes([0; 32])), Profile::default());
}

#[test]
fn concurrent_edits_of_different_things_all_stay_and_of_one_thing_one_wins_everywhere() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let start = a.edit(&[name("ride")]);
    b.take(&start);
    let x = a.edit(&[name("ride of A"), Edit::Place(hut(1, 1.0))]);
    let y = b.edit(&[name("ride of B"), Edit::Place(hut(2, 2.0))]);
    a.take(&y);
    b.take(&x);
    assert_eq!(a.name(), b.name());
    assert!(["ride of A", "ride of B"].contains(&a.name().as_str()));
    assert_eq!(a.document.places(), [hut(1, 1.0), hut(2, 2.0)]);
    let settled = b.edit(&[name("one ride")]);
    a.take(&settled);
    assert_eq!((a.name(), b.name()), ("one ride".into(), "one ride".into()));
    assert_eq!(a.document.heads(), b.document.heads());
}

#[test]
fn setting_what_is_set_changes_nothing_but_ends_a_conflict() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    let x = a.edit(&[name("same")]);
    let y = b.edit(&[name("same")]);
    let account = a.device.account();
    assert_eq!(a.document.edit(&account, &[name("same")]), Err(DocumentError::Nothing));
    a.take(&y);
    b.take(&x);
    a.edit(&[name("same")]);
    assert_eq!(a.document.edit(&account, &[name("same")]), Err(DocumentError::Nothing));
}

#[test]
fn an_edit_waits_for_the_one_before_it() {
    let mut a = Member::new(1);
    let account = a.device.account();
    let bytes = a.document.edit(&account, &[name("one")]).unwrap();
    assert_eq!(a.document.edit(&account, &[name("two")]), Err(DocumentError::InFlight));
    assert_eq!(a.document.name(), None, "it counts when its content comes back");
    a.document.abandon();
    let other = a.document.edit(&account, &[name("two")]).unwrap();
    assert_ne!(bytes, other);
    let written = a.device.write_after(0, vec![], Body::Document(other));
    a.take(&written);
    assert_eq!(a.name(), "two");
    assert_eq!(a.document.apply(&written, &account), Applied::Duplicate);
}

#[test]
fn edits_out_of_range_are_refused_before_anything_is_signed() {
    let mut a = Member::new(1);
    let account = a.device.account();
    let place = |f: fn(&mut Place)| {
        let mut place = hut(1, 1.0);
        f(&mut place);
        Edit::Place(place)
    };
    let refused = [
        name(""),
        name("   "),
        name(&"x".repeat(129)),
        place(|p| p.lat_deg = 90.1),
        place(|p| p.lon_deg = f64::NAN),
        place(|p| p.radius_m = Some(-1.0)),
        place(|p| p.name.clear()),
        Edit::Setting { key: "a/b".into(), value: None },
        Edit::Setting { key: "A".into(), value: None },
        Edit::Setting { key: "a".into(), value: Some(Value::Text("x".repeat(4097))) },
        Edit::Setting { key: "a".into(), value: Some(Value::Real(f64::INFINITY)) },
        Edit::Profile(Profile::default()),
    ];
    for edit in refused {
        assert!(
            matches!(a.document.edit(&account, std::slice::from_ref(&edit)), Err(DocumentError::Value(_))),
            "{edit:?}"
        );
    }
    let many: Vec<Edit> =
        (0..65).map(|n| Edit::Setting { key: format!("k{n}"), value: Some(Value::Int(n)) }).collect();
    assert_eq!(a.document.edit(&account, &many), Err(DocumentError::TooMany));
    assert_eq!(a.document.edit(&account, &[]), Err(DocumentError::Nothing));
    assert_eq!(a.document.edit(&account, &[Edit::RemovePlace([1; 16])]), Err(DocumentError::Nothing));
}

#[test]
fn nobody_writes_the_profile_of_another() {
    let (mut victim, mut liar) = (Member::new(1), Member::new(2));
    let real = victim.edit(&[Edit::Profile(Profile { display_name: "Ada".into(), colour: None })]);
    liar.take(&real);
    // The liar's own program writes under the victim's account.
    let stolen = victim.device.account();
    let bytes = liar
        .document
        .edit(&stolen, &[Edit::Profile(Profile { display_name: "Fool".into(), colour: None })])
        .unwrap();
    let written = liar.device.write_after(0, vec![real.id()], Body::Document(bytes));
    let applied = victim.document.apply(&written, &liar.device.account());
    assert_eq!(applied, Applied::Refused(Refusal::NotYours));
    assert_eq!(victim.document.profile(&stolen).display_name, "Ada");
}

#[test]
fn a_lie_counts_once_by_its_lower_id_and_what_was_built_on_the_other_is_orphaned() {
    for same_slot in [true, false] {
        let all = told(77, same_slot);
        let mut member = Member::new(9);
        all.iter().for_each(|c| member.take(c));
        let (x, y) = (&all[1], &all[2]);
        let left_won = x.id() < y.id();
        assert_eq!(member.name(), if left_won { "to the left" } else { "to the right" });
        let orphans = member.document.orphans();
        assert!(!orphans.is_empty());
        for orphan in orphans {
            assert!(member.messages.contains(&orphan), "kept");
        }
        let kept = if left_won { member.document.settings().len() } else { member.document.places().len() };
        assert_eq!(kept, 1, "what followed the winner counts");
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes_twice() {
    let run = || {
        let all = history(5, 40);
        let mut member = Member::new(3);
        all.iter().for_each(|c| member.take(c));
        (all.iter().map(VerifiedContent::to_bytes).collect::<Vec<_>>(), exported(&member))
    };
    assert_eq!(run(), run());
}

#[test]
fn what_is_no_document_change_never_counts() {
    let mut a = Member::new(1);
    let account = a.device.account();
    let line = a.device.write_after(0, vec![], chat("hello"));
    assert_eq!(a.document.apply(&line, &account), Applied::Refused(Refusal::NotDocument));
    let rubbish = a.device.write_after(0, vec![], Body::Document(vec![1; 30]));
    assert_eq!(a.document.apply(&rubbish, &account), Applied::Refused(Refusal::Malformed));
    let automerge = {
        let mut doc = automerge::AutoCommit::new();
        automerge::transaction::Transactable::put(&mut doc, ROOT, "name", "raw").unwrap();
        doc.save()
    };
    let raw = a.device.write_after(0, vec![], Body::Document(automerge));
    assert_eq!(
        a.document.apply(&raw, &account),
        Applied::Refused(Refusal::Malformed),
        "automerge's own bytes are not read"
    );
}

#[test]
fn numbers_that_do_not_follow_from_the_past_are_refused_and_gaps_wait() {
    let mut a = Member::new(1);
    let mut b = Member::new(2);
    let first = a.edit(&[name("one")]);
    let second = a.edit(&[name("two")]);
    let account = a.device.account();
    assert_eq!(b.document.apply(&second, &account), Applied::Orphaned, "a gap");
    assert_eq!(b.document.apply(&first, &account), Applied::Merged);
    assert_eq!((b.document.merged(), b.document.name()), (2, Some("two".into())), "the gap closed");
    // The number of the first operation, four bytes at 5, claims the far future.
    let mut liar = Member::new(3);
    let account = liar.device.account();
    let mut bytes = liar.document.edit(&account, &[name("x")]).unwrap();
    bytes[5..9].copy_from_slice(&1_000_000_u32.to_le_bytes());
    let written = liar.device.write_after(0, vec![], Body::Document(bytes.clone()));
    assert_eq!(b.document.apply(&written, &account), Applied::Refused(Refusal::Inconsistent));
    bytes[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
    let written = liar.device.write_after(0, vec![], Body::Document(bytes));
    assert_eq!(b.document.apply(&written, &account), Applied::Refused(Refusal::Malformed));
}

#[test]
fn fuzzed_changes_of_a_lying_member_never_panic_nor_part_the_honest() {
    let mut rng = rng(6);
    let base = history(8, 25);
    let (mut left, mut right) = (Member::new(1), Member::new(2));
    base.iter().for_each(|c| left.take(c));
    shuffled(&base, 1).iter().for_each(|c| right.take(c));
    // The liar is one of the authors and may continue its own numbers; the two others are honest.
    let liar = Device::new(8 ^ 1 << 35);
    let seeds: Vec<&VerifiedContent> = base.iter().collect();
    let honest = base.iter().filter(|c| c.content().author != liar.id()).count();
    let mut lies = Vec::new();
    for round in 0..2_500 {
        let seed = seeds[round % seeds.len()];
        let Body::Document(bytes) = &seed.content().body else { panic!("only documents") };
        let mut bytes = bent(bytes, &mut rng);
        if round % 50 == 0 {
            bytes = noise(1 + round % 300, &mut rng);
        }
        if bytes.is_empty() || round % 3 == 0 {
            bytes = bent(&[bytes, vec![0]].concat(), &mut rng);
        }
        let body = Body::Document(if bytes.is_empty() { vec![0] } else { bytes });
        let (author, incarnation) = (liar.id(), liar.incarnation);
        let seq = 10_000 + round as u64;
        let content = Content { author, incarnation, seq, body, ..seed.content().clone() };
        lies.push(liar.sign(&content));
    }
    lies.iter().for_each(|c| left.take(c));
    shuffled(&lies, 3).iter().for_each(|c| right.take(c));
    assert_eq!(state(&left.document), state(&right.document));
    let kept = left.document.merged() + left.document.orphans().len();
    assert!(kept >= honest, "an honest change is in or held: {kept} of {honest}");
    agrees_with_automerge(&left);
}

/// One operation in the bytes of `docs/spec/content.md`.
fn op(key: &str, value: &[u8], replaces: &[(u32, [u8; 24])]) -> Vec<u8> {
    let mut out = vec![key.len() as u8];
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value);
    out.push(replaces.len() as u8);
    for (number, actor) in replaces {
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(actor);
    }
    out
}

/// The first change of an author, which follows nothing.
fn first_change(ops: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.push(0);
    out.push(ops.len() as u8);
    ops.iter().for_each(|op| out.extend_from_slice(op));
    out
}

const YES: &[u8] = &[4, 1];

fn applied(change: Vec<u8>) -> (Applied, Member) {
    let mut member = Member::new(1);
    let account = member.device.account();
    let written = member.device.write_after(0, vec![], Body::Document(change));
    (member.document.apply(&written, &account), member)
}

#[test]
fn keys_of_the_grammar_are_kept_even_if_this_version_does_not_read_them() {
    for key in ["plan/7/title", "task/a-b", "poll/1/2/3", "x", &"k".repeat(128)] {
        let (outcome, member) = applied(first_change(&[op(key, YES, &[])]));
        assert_eq!((outcome, member.document.get(key)), (Applied::Merged, Some(Value::Bool(true))), "{key}");
    }
}

#[test]
fn changes_that_no_honest_program_writes_are_refused() {
    let real = |x: f64| [&[3], x.to_bits().to_le_bytes().as_slice()].concat();
    let ours = (1, [0; 24]);
    let refused = [
        first_change(&[op("Upper", YES, &[])]),
        first_change(&[op("sp ace", YES, &[])]),
        first_change(&[op("a//b", YES, &[])]),
        first_change(&[op("a/b/c/d/e", YES, &[])]),
        first_change(&[op("/a", YES, &[])]),
        first_change(&[op("a", &[0], &[])]),
        first_change(&[op("a", &[5], &[])]),
        first_change(&[op("a", &[4, 2], &[])]),
        first_change(&[op("a", &real(f64::NAN), &[])]),
        first_change(&[op("a", &real(f64::NEG_INFINITY), &[])]),
        first_change(&[op("a", &[1, 2, 0, 0xC3, 0x28], &[])]),
        first_change(&[op("a", YES, &[]), op("a", YES, &[])]),
        first_change(&[op("a", YES, &[ours, ours])]),
        first_change(&[]),
        first_change(&vec![op("a", YES, &[]); 65]),
        [first_change(&[op("a", YES, &[])]), vec![0]].concat(),
    ];
    for change in refused {
        let (outcome, member) = applied(change.clone());
        assert_eq!(
            (outcome, member.document.merged()),
            (Applied::Refused(Refusal::Malformed), 0),
            "{change:?}"
        );
    }
}

#[test]
fn a_change_that_replaces_what_nobody_set_waits_and_one_that_replaces_the_future_is_refused() {
    let (outcome, member) = applied(first_change(&[op("a", YES, &[(1, [7; 24])])]));
    assert_eq!((outcome, member.document.merged()), (Applied::Refused(Refusal::Inconsistent), 0));
    let mut later = first_change(&[op("a", YES, &[(1, [7; 24])])]);
    later[5] = 2;
    assert_eq!(applied(later).0, Applied::Refused(Refusal::Inconsistent), "numbered beyond its past");
}

#[test]
fn half_a_place_is_not_shown_and_an_impossible_colour_is_none() {
    let at = format!("place/{}", "ab".repeat(16));
    let name = op(&format!("{at}/name"), &[1, 1, 0, b'x'], &[]);
    let lat = op(&format!("{at}/lat"), &[&[3], 1.5_f64.to_bits().to_le_bytes().as_slice()].concat(), &[]);
    let (_, member) = applied(first_change(&[name, lat]));
    assert_eq!((member.document.merged(), member.document.places()), (1, vec![]));
    let me = Member::new(1).device.account();
    let colour = [&[2], 0x0100_0000_i64.to_le_bytes().as_slice()].concat();
    let (outcome, member) = applied(first_change(&[op(&format!("profile/{me}/colour"), &colour, &[])]));
    assert_eq!((outcome, member.document.profile(&me).colour), (Applied::Merged, None));
}
