//! What was put is got, gathered or filed, by whoever has its place.

use super::*;

fn value(number: usize) -> Vec<u8> {
    (0..1_000 + number * 7).map(|at| (at * 31 + number) as u8).collect()
}

/// Puts three megabytes and reads all of them back.
fn all_comes_back() -> Platter {
    let places: Vec<Place> = (0..1_000).map(|number| put(&value(number % 300))).collect();
    for (number, place) in places.iter().enumerate() {
        assert_eq!(get(*place), value(number % 300), "value {number}");
    }
    PLATTER.take()
}

#[test]
fn what_is_filed_comes_back_as_what_is_gathered_does() {
    lay();
    let platter = all_comes_back();
    assert!(platter.filed > GATHERED_BYTES as u64, "{} bytes are in the file", platter.filed);
    assert!((1..GATHERED_BYTES).contains(&platter.gathered.len()), "and the last ones are not");
}

#[test]
fn without_a_file_all_of_it_is_gathered() {
    remove();
    let platter = all_comes_back();
    assert_eq!(platter.filed, 0);
}

#[test]
fn a_run_begins_with_nothing() {
    lay();
    assert_eq!(put(b"first"), Place { at: 0, bytes: 5 });
    assert_eq!(put(b""), Place { at: 5, bytes: 0 });
    assert_eq!(get(Place { at: 5, bytes: 0 }), b"");
    remove();
    assert_eq!(put(b"anew"), Place { at: 0, bytes: 4 });
}
