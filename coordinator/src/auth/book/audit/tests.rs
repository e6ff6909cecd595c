//! A log holds together, and every way to tamper with a row is named.

use super::*;
use halloo_store::memory::MemoryStore;
use proptest::prelude::*;

fn log(rows: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let (mut head, mut batch) = (Head::default(), Batch::new());
    for number in 0..rows {
        head.append(&mut batch, &[Event::own(What::LoggedIn, [7; 16])], 1_000 * number);
    }
    store.commit(&batch).unwrap();
    assert_eq!(Head::find(&store).unwrap(), head);
    store
}

/// Whoever did it, in turn.
fn by(number: u64) -> Option<By> {
    [None, Some(By::Host), Some(By::Account([2; 16])), Some(By::Key([3; 16]))][(number % 4) as usize]
}

/// A log of rows of both forms.
fn mixed(rows: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let (mut head, mut batch) = (Head::default(), Batch::new());
    for number in 1..=rows {
        let event = Event { what: What::Suspended, subject: [7; 16], by: by(number) };
        head.append(&mut batch, &[event], 1_000 * number);
    }
    store.commit(&batch).unwrap();
    store
}

fn write(store: &MemoryStore, key: Vec<u8>, value: Option<Vec<u8>>) {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(key, value),
        None => batch.del(key),
    };
    store.commit(&batch).unwrap();
}

#[test]
fn a_log_of_any_length_holds_together_and_its_end_is_found() {
    for rows in [0, 1, 2, 3, 7, 8, 9, 100, 2_500] {
        let store = log(rows);
        assert_eq!(verify(&store).unwrap().rows, rows);
    }
}

#[test]
fn a_row_that_is_gone_or_moved_is_named() {
    let store = log(20);
    let seventh = store.get(&row_key(7)).unwrap().unwrap();
    write(&store, row_key(7), None);
    assert!(matches!(verify(&store), Err(Broken::Gone(7))));
    write(&store, row_key(7), store.get(&row_key(8)).unwrap());
    assert!(matches!(verify(&store), Err(Broken::Row(7))));
    write(&store, row_key(7), Some(seventh));
    verify(&store).unwrap();
    write(&store, [ROWS, b"x"].concat(), Some(Vec::new()));
    assert!(matches!(verify(&store), Err(Broken::Row(21))));
}

#[test]
fn an_end_that_was_cut_off_is_missed_and_a_lost_note_of_it_overwrites_nothing() {
    let store = log(20);
    write(&store, row_key(20), None);
    assert!(matches!(verify(&store), Err(Broken::Gone(20))));
    let store = log(20);
    let noted = Head::find(&store).unwrap();
    write(&store, HEAD.to_vec(), None);
    assert!(matches!(verify(&store), Err(Broken::Row(20))));
    assert_eq!(Head::find(&store).unwrap(), noted);
}

#[test]
fn rows_are_forgotten_by_age_and_the_rest_still_holds_together() {
    let store = log(20);
    store.commit(&forget(&store, 12_000).unwrap()).unwrap();
    let verified = verify(&store).unwrap();
    assert_eq!((verified.rows, verified.head.number), (8, 20));
    store.commit(&forget(&store, u64::MAX).unwrap()).unwrap();
    assert_eq!(verify(&store).unwrap().rows, 1, "the last one stays");
    let mut head = Head::find(&store).unwrap();
    let mut batch = Batch::new();
    head.append(&mut batch, &[Event::own(What::LoggedOut, [1; 16])], 30_000);
    store.commit(&batch).unwrap();
    assert_eq!(verify(&store).unwrap().head, head);
}

#[test]
fn rows_of_both_forms_are_read_as_they_were_written_the_newest_first() {
    let store = mixed(120);
    assert_eq!(verify(&store).unwrap().rows, 120);
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let (rows, next) = newest(&store, before, 50).unwrap();
        seen.extend(rows);
        before = next;
        if next.is_none() {
            break;
        }
    }
    let written = |number: u64| {
        let event = Event { what: What::Suspended, subject: [7; 16], by: by(number) };
        Noted { number, time_ms: 1_000 * number, event }
    };
    assert_eq!(seen, (1..=120).rev().map(written).collect::<Vec<_>>());
    assert_eq!(newest(&MemoryStore::new(), None, 50).unwrap(), (Vec::new(), None));
}

#[test]
fn pages_end_at_the_oldest_row_that_is_kept() {
    let store = mixed(20);
    store.commit(&forget(&store, 12_000).unwrap()).unwrap();
    let (rows, next) = newest(&store, None, 5).unwrap();
    assert_eq!((rows.len(), rows[0].number, next), (5, 20, Some(16)));
    let (rows, next) = newest(&store, next, 5).unwrap();
    assert_eq!((rows.len(), rows[3].number, next), (4, 12, None));
    assert_eq!(newest(&store, Some(12), 5).unwrap(), (Vec::new(), None));
}

#[test]
fn every_number_of_the_format_is_one_thing() {
    let numbers: Vec<u8> = ALL.into_iter().map(|what| what as u8).collect();
    assert_eq!(numbers, (1..=23).collect::<Vec<_>>());
    assert!(ALL.into_iter().all(|what| What::of(what as u8) == Some(what)));
    assert_eq!(What::of(24), None);
}

proptest! {
    #[test]
    fn a_changed_byte_of_a_row_by_another_breaks_the_chain_too(row in 1_u64..=8, at in 0..75_usize, change in 1_u8..) {
        let store = mixed(8);
        let mut value = store.get(&row_key(row)).unwrap().unwrap();
        let at = at % value.len();
        value[at] ^= change;
        write(&store, row_key(row), Some(value));
        prop_assert!(matches!(verify(&store), Err(Broken::Row(broken)) if broken == row));
    }

    #[test]
    fn a_changed_byte_breaks_the_chain_at_its_row(row in 1_u64..=5, at in 0..58_usize, change in 1_u8..) {
        let store = log(5);
        let mut value = store.get(&row_key(row)).unwrap().unwrap();
        value[at] ^= change;
        write(&store, row_key(row), Some(value));
        prop_assert!(matches!(verify(&store), Err(Broken::Row(broken)) if broken == row));
    }
}
