//! What is stretched, and how many at once.

use super::*;

/// By the reference implementation.
const EXPECTED: &str = "d00b90c40f918cf889780d7d3a9ec3c2b1719df87dc5e4d4d93ea6163db04e17";
const CHEAP: Cost = Cost { memory_kib: 16, passes: 1 };

#[tokio::test]
async fn the_default_cost_is_what_argon2_makes_of_it() {
    // The same by the reference implementation: argon2-cffi, hash_secret_raw(b"correct horse", bytes(range(16)), 2, 19456, 1, 32, ID).
    let stretcher = Stretcher::new(Cost { memory_kib: 19_456, passes: 2 }).unwrap();
    let salt = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let kept = stretcher.set("correct horse", salt).await.unwrap();
    assert_eq!(hex::encode(kept.hash), EXPECTED);
    assert!(stretcher.is("correct horse", Some(&kept)).await.unwrap());
    assert!(!stretcher.is("correct horsf", Some(&kept)).await.unwrap());
    assert!(!stretcher.is("correct horse", None).await.unwrap());
}

#[tokio::test]
async fn another_cost_outdates_what_is_kept_and_still_checks_it() {
    let kept = Stretcher::new(CHEAP).unwrap().set("correct horse", [1; 16]).await.unwrap();
    let dearer = Stretcher::new(Cost { passes: 2, ..CHEAP }).unwrap();
    assert!(dearer.is("correct horse", Some(&kept)).await.unwrap());
    let renewed = dearer.renewed("correct horse", &kept, [2; 16]).await.unwrap();
    assert!(dearer.is("correct horse", Some(&renewed)).await.unwrap());
    assert_eq!(dearer.renewed("correct horse", &renewed, [3; 16]).await, None);
    assert!(Stretcher::new(Cost { memory_kib: 0, passes: 0 }).is_none());
}

#[tokio::test]
async fn who_comes_beyond_the_cores_is_told_to_come_again() {
    let stretcher = Stretcher::new(CHEAP).unwrap();
    let all = u32::try_from(stretcher.places.available_permits()).unwrap();
    let held = stretcher.places.acquire_many(all).await.unwrap();
    let busy = stretcher.is("correct horse", None).await.unwrap_err();
    assert_eq!(busy.kind(), Kind::Unavailable);
    drop(held);
    stretcher.is("correct horse", None).await.unwrap();
}

#[tokio::test]
async fn what_finds_no_place_to_be_stretched_anew_stays_as_it_is() {
    let kept = Stretcher::new(CHEAP).unwrap().set("correct horse", [1; 16]).await.unwrap();
    let dearer = Stretcher::new(Cost { passes: 2, ..CHEAP }).unwrap();
    let all = u32::try_from(dearer.places.available_permits()).unwrap();
    let held = dearer.places.acquire_many(all).await.unwrap();
    assert_eq!(dearer.renewed("correct horse", &kept, [2; 16]).await, None);
    drop(held);
    assert!(dearer.renewed("correct horse", &kept, [2; 16]).await.is_some());
}

#[test]
fn a_password_has_ten_characters_whatever_they_are() {
    assert!(is_good("äöüäöüäöüä") && is_good("correct horse battery staple"));
    assert!(!is_good("ninechars") && !is_good(&"x".repeat(129)));
}
