//! The acknowledgement board: who may write, what two words of one device mean, that merging is a join.

use halloo_crdt::log::{Board, Fact, LogError, Role, Row, Word};
use halloo_crypto::id::OpId;
use proptest::prelude::*;

use crate::kit::{act, act_at, group, heads, people};

#[test]
fn rows_about_nothing_known_or_from_nobody_known_are_refused() {
    let p = people(4);
    let mut log = group(&p[..3], &[Role::Admin, Role::Member]);
    let remove = act(&mut log, p[0].device(), p[2].remove());
    let row = |fact, device| Row::sign(log.group(), fact, heads(&log), vec![], device);
    let fact = Fact::Remove(remove.id());
    let unknown = row(Fact::Remove(OpId([1; 32])), p[0].device());
    let no_remove = row(Fact::Remove(remove.parents()[0]), p[0].device());
    let stranger = row(fact, p[3].device());
    let elsewhere = Row::sign(halloo_crypto::id::GroupId([1; 32]), fact, heads(&log), vec![], p[0].device());
    let mut forged = row(fact, p[1].device()).to_bytes();
    *forged.last_mut().expect("not empty") ^= 1;
    let forged = Row::from_bytes(&forged).expect("the shape is right");
    assert_eq!(log.acknowledge(unknown), Err(LogError::Unknown(OpId([1; 32]))));
    assert_eq!(log.acknowledge(no_remove), Err(LogError::Malformed));
    assert_eq!(log.acknowledge(stranger), Err(LogError::Powerless));
    assert_eq!(log.acknowledge(elsewhere), Err(LogError::WrongGroup));
    assert_eq!(log.acknowledge(forged), Err(LogError::BadSignature));
    assert_eq!(log.board().rows().count(), 0);
}

#[test]
fn a_device_with_two_words_counts_as_one_that_had_seen_nothing() {
    let p = people(5);
    let roles = [Role::Admin, Role::Admin, Role::Member, Role::Member];
    let mut log = group(&p, &roles);
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    let fact = Fact::Remove(remove.id());
    log.author_acknowledge(p[0].device(), fact, vec![]).expect("a member may");
    let answer = act_at(&mut log, p[1].device(), &before, p[2].remove());
    // p[3] first says that he had seen the answer: two of five were unaware, nothing is settled.
    log.author_acknowledge(p[3].device(), fact, vec![]).expect("a member may");
    assert!(log.view().is_member(&p[1].id()));
    // Then also that he had not: a lie one way or the other, and it does not help the removed.
    let second = Row::sign(log.group(), fact, vec![remove.id()], vec![], p[3].device());
    log.acknowledge(second).expect("kept as proof");
    assert!(matches!(log.board().word(&fact, &p[3].device_id()), Some(Word::Lied(_))));
    assert!(!log.view().is_member(&p[1].id()));
    assert!(log.void(&answer.id()).is_some());
}

#[test]
fn a_word_whose_heads_are_not_here_yet_counts_once_they_are() {
    let p = people(4);
    let roles = [Role::Admin, Role::Admin, Role::Member];
    let mut log = group(&p, &roles);
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    let fact = Fact::Remove(remove.id());
    let mut ahead = log.clone();
    let next = act(&mut ahead, p[0].device(), p[3].set_role(Role::Moderator));
    let rows =
        [&p[0], &p[3]].map(|who| ahead.author_acknowledge(who.device(), fact, vec![]).expect("a member may"));
    for row in rows {
        assert_eq!(log.acknowledge(row), Ok(true));
    }
    act_at(&mut log, p[1].device(), &before, p[2].remove());
    assert!(log.view().is_member(&p[1].id()), "two of four are unplaced");
    log.insert(next).expect("acceptable");
    assert!(!log.view().is_member(&p[1].id()), "three of four");
}

#[test]
fn rows_of_commits_go_when_settled_and_are_bounded() {
    let p = people(2);
    let mut log = group(&p, &[Role::Member]);
    for n in 0..64 {
        let row = log.author_acknowledge(p[1].device(), Fact::Commit([n; 32]), vec![[0xAA; 32]]);
        assert_eq!(row.expect("room").rivals(), [[0xAA; 32]]);
    }
    let more = log.author_acknowledge(p[1].device(), Fact::Commit([99; 32]), vec![]);
    assert_eq!(more, Err(LogError::TooMany));
    log.settle(&[5; 32]);
    log.author_acknowledge(p[1].device(), Fact::Commit([99; 32]), vec![]).expect("room again");
    assert_eq!(log.board().words(&Fact::Commit([5; 32])).count(), 0);
    assert_eq!(log.board().rows().count(), 64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        script in proptest::collection::vec((0_usize..3, 0_u8..3, 0_u8..4), 1..12),
        cut in 0_usize..12,
    ) {
        let p = people(3);
        let group = halloo_crypto::id::GroupId([4; 32]);
        let rows: Vec<Row> = script
            .iter()
            .map(|(who, fact, head)| {
                let heads = vec![OpId([*head; 32])];
                Row::sign(group, Fact::Commit([*fact; 32]), heads, vec![], p[*who].device())
            })
            .collect();
        let fill = |rows: &[Row]| {
            let mut board = Board::new(group);
            for row in rows {
                board.merge(row.clone()).expect("own rows");
            }
            board
        };
        let join = |mut into: Board, from: &Board| {
            for row in from.rows() {
                into.merge(row.clone()).expect("own rows");
            }
            into
        };
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let (left, right) = (fill(left), fill(right));
        let whole = fill(&rows);
        let mut backwards = rows.clone();
        backwards.reverse();
        prop_assert_eq!(&fill(&backwards), &whole);
        prop_assert_eq!(&join(left.clone(), &right), &whole);
        prop_assert_eq!(&join(right, &left), &whole);
        prop_assert_eq!(&join(whole.clone(), &whole), &whole);
    }
}

#[test]
fn a_row_has_the_name_of_its_bytes_and_is_the_same_row_whether_or_not_it_was_asked() {
    let p = people(2);
    let log = group(&p, &[Role::Member]);
    let sign = |op: u8, device| {
        let fact = Fact::Remove(OpId::from_bytes([op; 32]));
        Row::sign(log.group(), fact, vec![], vec![], device)
    };
    let (asked, other) = (sign(1, p[0].device()), sign(2, p[0].device()));
    assert_eq!(asked.name(), Row::name_of(&asked.to_bytes()));
    assert_ne!(asked.name(), other.name());
    let read = Row::from_bytes(&asked.to_bytes()).expect("just written");
    assert_eq!(read, asked);
    assert_eq!(read.cmp(&asked), std::cmp::Ordering::Equal);
    assert_eq!(read.name(), asked.name());
    assert_eq!(read.cmp(&other), asked.cmp(&other));
}
