//! What waits for the disk and what does not.

use super::*;
use crate::output::Event;
use halloo_crypto::id::DeviceId;

fn event(byte: u8) -> Output {
    Output::Event(Event::LocationExpired { device: DeviceId::from_bytes([byte; 32]) })
}

fn tag(then: &Then) -> u8 {
    match then {
        Then::Say(Output::Event(Event::LocationExpired { device })) => device.as_bytes()[0],
        other => panic!("not one of ours: {other:?}"),
    }
}

#[test]
fn what_depends_on_nothing_leaves_at_once() {
    let mut out = Outbox::default();
    out.durable(event(1));
    let released = out.close();
    assert_eq!(released.iter().map(tag).collect::<Vec<_>>(), [1]);
    assert!(out.is_drained());
}

#[test]
fn what_depends_on_a_batch_waits_for_it() {
    let mut out = Outbox::default();
    out.put(Table::Content, &[1], vec![9]);
    out.durable(event(1));
    assert!(out.close().is_empty());
    let Some(Output::Write(batch)) = out.pop() else { panic!("the batch comes first") };
    assert_eq!(batch.puts, vec![(vec![b'c', 1], vec![9])]);
    assert!(out.pop().is_none());
    assert_eq!(out.written(batch.id).iter().map(tag).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_depends_on_an_earlier_batch_waits_for_that_too() {
    let mut out = Outbox::default();
    out.put(Table::Content, &[1], vec![1]);
    assert!(out.close().is_empty());
    out.durable(event(2));
    assert!(out.close().is_empty());
    assert_eq!(out.pending(), 1);
    assert_eq!(out.written(WriteId(1)).iter().map(tag).collect::<Vec<_>>(), [2]);
    out.durable(event(3));
    assert_eq!(out.close().len(), 1);
}

#[test]
fn the_last_word_about_a_key_wins_within_a_batch() {
    let mut out = Outbox::default();
    out.put(Table::Content, &[1], vec![1]);
    out.del(Table::Content, &[1]);
    out.del(Table::Content, &[2]);
    out.put(Table::Content, &[2], vec![2]);
    let _ = out.close();
    let Some(Output::Write(batch)) = out.pop() else { panic!("a batch") };
    assert_eq!(batch.puts, vec![(vec![b'c', 2], vec![2])]);
    assert_eq!(batch.dels, vec![vec![b'c', 1]]);
}

#[test]
#[should_panic(expected = "in order")]
fn a_driver_that_confirms_out_of_order_is_found_out() {
    let mut out = Outbox::default();
    for name in 0..2 {
        out.put(Table::Content, &[name], vec![]);
        let _ = out.close();
    }
    let _ = out.written(WriteId(2));
}

#[test]
fn a_stuck_disk_is_noticed() {
    let mut out = Outbox::default();
    for name in 0..MAX_PENDING_WRITES {
        assert!(!out.is_choked());
        out.put(Table::Content, &name.to_be_bytes(), vec![]);
        let _ = out.close();
    }
    assert!(out.is_choked());
    let _ = out.written(WriteId(1));
    assert!(!out.is_choked());
}

/// What the outbox does, said another way: each wish carries the number of the last batch before it.
#[derive(Default)]
struct Model {
    asked: u64,
    confirmed: u64,
    open: bool,
    waiting: Vec<(u64, u8)>,
    left: Vec<u8>,
}

impl Model {
    fn close(&mut self, held: Vec<u8>) {
        if self.open {
            self.asked += 1;
            self.open = false;
        }
        self.waiting.extend(held.into_iter().map(|wish| (self.asked, wish)));
        self.release();
    }

    fn release(&mut self) {
        let confirmed = self.confirmed;
        let (free, waiting) = self.waiting.drain(..).partition(|(batch, _)| *batch <= confirmed);
        self.waiting = waiting;
        self.left.extend::<Vec<u8>>(Vec::<(u64, u8)>::into_iter(free).map(|(_, wish)| wish).collect());
    }
}

proptest::proptest! {
    /// However writes, wishes and confirmations are mixed: nothing leaves before what it rests on, nothing is lost, nothing
    /// overtakes.
    #[test]
    fn wishes_leave_in_order_and_never_before_their_batch(steps in proptest::collection::vec(0..4_u8, 1..80)) {
        let mut out = Outbox::default();
        let mut model = Model::default();
        let (mut held, mut left) = (Vec::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            let wish = number as u8;
            match step {
                0 => {
                    out.put(Table::Content, &[wish], vec![]);
                    model.open = true;
                }
                1 => {
                    out.durable(event(wish));
                    held.push(wish);
                }
                2 => {
                    left.extend(out.close().iter().map(tag));
                    model.close(std::mem::take(&mut held));
                }
                _ if out.pending() > 0 => {
                    left.extend(out.close().iter().map(tag));
                    model.close(std::mem::take(&mut held));
                    model.confirmed += 1;
                    left.extend(out.written(WriteId(model.confirmed)).iter().map(tag));
                    model.release();
                }
                _ => {}
            }
            proptest::prop_assert_eq!(out.pending() as u64, model.asked - model.confirmed);
            proptest::prop_assert_eq!(&left, &model.left);
            proptest::prop_assert!(left.is_sorted());
        }
    }
}
