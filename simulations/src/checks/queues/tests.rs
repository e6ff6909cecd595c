//! A figure over its limit is found, one at its limit is not.

use super::*;
use crate::checks::tests::{at, texts};

#[test]
fn figures_at_their_limits_pass_and_one_above_does_not() {
    let limits = Load {
        inbox: INBOX_MAX,
        disk: WRITES_PENDING_MAX as usize,
        connections: CONNECTIONS_MAX,
        peers: CONNECTIONS_MAX,
        topics: TOPICS_MAX,
    };
    let (mut queues, mut findings) = (Queues::default(), Findings::default());
    queues.judge(at(0, 1), &figures(&limits), &mut findings);
    assert_eq!(findings.count, 0);
    let mutants: [fn(&mut Load); 5] = [
        |load| load.inbox += 1,
        |load| load.disk += 1,
        |load| load.connections += 1,
        |load| load.peers += 1,
        |load| load.topics += 1,
    ];
    for (host, mutate) in (1..).zip(mutants) {
        let mut load = limits;
        mutate(&mut load);
        queues.judge(at(host, 1), &figures(&load), &mut findings);
        queues.judge(at(host, 2), &figures(&load), &mut findings);
        assert_eq!(findings.count, host as usize, "told once: {:?}", texts(&findings));
    }
}

#[test]
fn batches_that_are_never_confirmed_are_noticed() {
    let (mut queues, mut findings) = (Queues::default(), Findings::default());
    for _ in 0..2 * WRITES_PENDING_MAX {
        queues.wish(at(0, 1), true, &mut findings);
        queues.written(at(0, 2));
        queues.hosts.entry(0).or_default().wishes = 0;
    }
    assert_eq!(findings.count, 0);
    for _ in 0..=WRITES_PENDING_MAX {
        queues.wish(at(0, 3), true, &mut findings);
    }
    assert!(texts(&findings)[0].contains("batches under way"), "{:?}", texts(&findings));
}

#[test]
fn a_drain_without_end_is_noticed() {
    let (mut queues, mut findings) = (Queues::default(), Findings::default());
    for _ in 0..DRAIN_MAX {
        queues.wish(at(0, 1), false, &mut findings);
    }
    assert_eq!(findings.count, 0);
    queues.wish(at(0, 1), false, &mut findings);
    assert!(texts(&findings)[0].contains("one drain"), "{:?}", texts(&findings));
}

#[test]
fn a_command_is_taken_while_the_disk_follows_and_not_when_it_does_not() {
    let (mut queues, mut findings) = (Queues::default(), Findings::default());
    let most = u32::try_from(MAX_PENDING_WRITES).expect("a small number");
    queues.asks(at(0, 1), 1, most - 1);
    queues.asks(at(0, 2), 2, most);
    queues.asks(at(0, 3), 3, most);
    queues.replies(at(0, 4), 1, true, &mut findings);
    queues.replies(at(0, 4), 2, false, &mut findings);
    assert_eq!(findings.count, 0, "{:?}", texts(&findings));
    queues.replies(at(0, 5), 3, true, &mut findings);
    assert!(texts(&findings)[0].contains("wait for its disk"), "{:?}", texts(&findings));
}
