//! How often may be asked, and what an address becomes.

use super::*;

fn world() -> World {
    World::told(1_800_000_000_000, [7; 32])
}

#[test]
fn a_burst_passes_then_one_must_wait_and_is_told_how_long() {
    let world = world();
    let limit = Limit::new(&world, NonZeroU32::new(3).unwrap(), Duration::from_secs(10));
    for _ in 0..3 {
        limit.pass(&[1; 16]).unwrap();
    }
    let refused = limit.pass(&[1; 16]).unwrap_err();
    assert_eq!(refused.kind(), Kind::TooManyRequests);
    limit.pass(&[2; 16]).expect("another name is counted apart");
    world.pass(Duration::from_secs(10));
    limit.pass(&[1; 16]).expect("one more after its time");
    limit.pass(&[1; 16]).unwrap_err();
}

#[test]
fn who_is_as_good_as_never_seen_is_forgotten() {
    let world = world();
    let limit = Limit::new(&world, NonZeroU32::MIN, Duration::from_secs(10));
    for name in 0..100_u8 {
        limit.pass(&[name; 16]).unwrap();
    }
    world.pass(Duration::from_secs(60));
    limit.pass(&[200; 16]).unwrap();
    limit.round();
    assert_eq!(limit.by_name.len(), 1);
}

#[test]
fn more_names_than_are_kept_share_one() {
    let world = world();
    let limit = Limit::new(&world, NonZeroU32::MIN, Duration::from_secs(10));
    for number in 0..MAX_NAMES as u128 {
        limit.pass(&(number + 1).to_be_bytes()).unwrap();
    }
    limit.pass(&[0xAA; 16]).expect("the first of the crowd");
    limit.pass(&[0xBB; 16]).unwrap_err();
    assert!(limit.by_name.len() <= MAX_NAMES + 1);
}

#[test]
fn neighbours_share_a_bucket_and_a_new_start_names_it_otherwise() {
    let world = world();
    let buckets = Buckets::new(&world);
    let of = |text: &str| buckets.name(text.parse().unwrap());
    assert_eq!(of("192.0.2.1"), of("192.0.2.250"));
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
    assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
    assert_eq!(of("2001:db8:7:1::1"), of("2001:db8:7:ffff::2"));
    assert_ne!(of("2001:db8:7::1"), of("2001:db8:8::1"));
    assert_ne!(of("192.0.2.1"), Buckets::new(&world).name("192.0.2.1".parse().unwrap()));
}

#[test]
fn households_are_a_24_of_ipv4_and_a_48_of_ipv6() {
    let of = |text: &str| Household::of(text.parse().expect("an address"));
    assert_eq!(of("10.1.2.3"), of("::ffff:10.1.2.200"));
    assert_ne!(of("10.1.2.3"), of("10.1.3.3"));
    assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::"));
    assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
    assert_ne!(of("::"), of("0.0.0.0"));
}
