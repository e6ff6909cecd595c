//! Tests of the secrets of an epoch.

use super::*;

fn exports() -> Exports {
    let secrets = Export::ALL.map(|export| (export, Secret::new([export as u8; 32])));
    Exports(secrets.into_iter().collect())
}

#[test]
fn uses_and_contexts_give_unrelated_bytes() {
    let exports = exports();
    let mut seen = std::collections::BTreeSet::new();
    for export in Export::ALL {
        for context in [b"".as_slice(), b"a", b"b"] {
            let bytes = exports.derive(export, context, 32).unwrap();
            assert!(seen.insert(bytes.expose().clone()));
        }
    }
}

#[test]
fn deleting_one_use_leaves_the_others() {
    let mut exports = exports();
    exports.delete(Export::Call);
    assert_eq!(exports.derive(Export::Call, b"", 1), Err(CallerFault::ExportUsed));
    assert!(exports.derive(Export::Data, b"", 1).is_ok());
    exports.delete(Export::Call);
}

#[test]
fn an_export_has_the_length_asked_for_up_to_the_limit() {
    let exports = exports();
    for len in [0, 1, 32, 33, MAX_EXPORT_BYTES] {
        assert_eq!(exports.derive(Export::Proof, b"", len).unwrap().expose().len(), len);
    }
    let over = exports.derive(Export::Proof, b"", MAX_EXPORT_BYTES + 1);
    assert_eq!(over, Err(CallerFault::OverLimit(MAX_EXPORT_BYTES)));
}

#[test]
fn stored_bytes_name_the_same_use() {
    for export in Export::ALL {
        assert_eq!(Export::from_byte(export as u8), Some(export));
    }
    assert_eq!(Export::from_byte(0), None);
    assert_eq!(Export::from_byte(5), None);
}
