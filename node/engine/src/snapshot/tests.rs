//! Batches and tables.

use super::*;
use crate::output::{Batch, WriteId};

#[test]
fn a_batch_puts_then_deletes() {
    let mut snapshot = Snapshot::default();
    snapshot.apply(&Batch {
        id: WriteId(1),
        puts: vec![(vec![b'o', 1], vec![7]), (vec![b'o', 2], vec![8])],
        dels: vec![],
    });
    snapshot.apply(&Batch {
        id: WriteId(2),
        puts: vec![(vec![b'o', 3], vec![9])],
        dels: vec![vec![b'o', 1], vec![b'o', 3]],
    });
    assert_eq!(snapshot.pairs.into_iter().collect::<Vec<_>>(), vec![(vec![b'o', 2], vec![8])]);
}

#[test]
fn a_table_holds_its_own_keys_only() {
    let mut snapshot = Snapshot::default();
    for table in [Table::Meta, Table::Operation, Table::Content] {
        snapshot.pairs.insert(table.key(&[1, 2]), vec![table as u8]);
    }
    let found: Vec<_> = snapshot.table(Table::Operation).collect();
    assert_eq!(found, vec![(&[1_u8, 2][..], &[b'o'][..])]);
}
