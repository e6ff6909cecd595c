//! A log holds together, and every way to tamper with a row is named.

use super::*;
use halloo_store::memory::MemoryStore;
use proptest::prelude::*;

fn log(rows: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let (mut head, mut batch) = (Head::default(), Batch::new());
    for number in 0..rows {
        head.append(&mut batch, &[Event { what: What::LoggedIn, account: [7; 16] }], 1_000 * number);
    }
    store.commit(&batch).unwrap();
    assert_eq!(Head::find(&store).unwrap(), head);
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
    head.append(&mut batch, &[Event { what: What::LoggedOut, account: [1; 16] }], 30_000);
    store.commit(&batch).unwrap();
    assert_eq!(verify(&store).unwrap().head, head);
}

proptest! {
    #[test]
    fn a_changed_byte_breaks_the_chain_at_its_row(row in 1_u64..=5, at in 0..VALUE_BYTES, change in 1_u8..) {
        let store = log(5);
        let mut value = store.get(&row_key(row)).unwrap().unwrap();
        value[at] ^= change;
        write(&store, row_key(row), Some(value));
        prop_assert!(matches!(verify(&store), Err(Broken::Row(broken)) if broken == row));
    }
}
