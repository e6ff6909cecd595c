//! Many devices that refresh at once, some of whose answers are lost: nobody honest is logged out.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it counted")]

mod asking;

use asking::account::{Device, Given, open_to_all};
use asking::open;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections at once: fewer than the coordinator lets in, and than a process has descriptors.
const AT_ONCE: usize = 256;

#[derive(Default)]
struct Counted {
    refreshes: AtomicUsize,
    lost: AtomicUsize,
    false_logouts: AtomicUsize,
}

/// One device refreshes so many times. Of ten answers two are lost, and asked for once more or twice; of ten requests one is
/// sent twice at the same time.
async fn honest(device: Device, rounds: usize, places: Arc<Semaphore>, counted: Arc<Counted>) {
    let mut rng = ChaCha20Rng::from_seed(device.secret.id().0);
    let mut given = {
        let _place = places.acquire().await.unwrap();
        device.register().await
    };
    for _ in 0..rounds {
        let _place = places.acquire().await.unwrap();
        let chance = rng.next_u32() % 10;
        for _ in 0..chance.min(2) * u32::from(chance < 3) {
            counted.lost.fetch_add(1, Ordering::Relaxed);
            drop(device.try_refresh(&given.refresh).await);
        }
        let answer = if chance == 9 {
            let (one, other) =
                tokio::join!(device.try_refresh(&given.refresh), device.try_refresh(&given.refresh));
            if one.status == 200 && other.status == 200 {
                assert_eq!(Given::of(&one).refresh, Given::of(&other).refresh);
            }
            if one.status == 200 { other } else { one }
        } else {
            device.try_refresh(&given.refresh).await
        };
        counted.refreshes.fetch_add(1, Ordering::Relaxed);
        if answer.status != 200 {
            eprintln!("{answer:?}");
            counted.false_logouts.fetch_add(1, Ordering::Relaxed);
            return;
        }
        given = Given::of(&answer);
    }
}

async fn storm(devices: u16, rounds: usize) {
    let place = open(|config| {
        open_to_all(config);
        config.connections = 2 * AT_ONCE + 64;
    })
    .await;
    let (places, counted) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Counted::default()));
    let mut all = JoinSet::new();
    for number in 0..devices {
        let device = place.device(number);
        all.spawn(honest(device, rounds, Arc::clone(&places), Arc::clone(&counted)));
    }
    all.join_all().await;
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "{} refreshes of {devices} devices, {} more whose answer was lost, {} false logouts",
        count(&counted.refreshes),
        count(&counted.lost),
        count(&counted.false_logouts)
    );
    assert_eq!(count(&counted.false_logouts), 0);
    assert_eq!(count(&counted.refreshes), usize::from(devices) * rounds);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_honest_is_logged_out_while_many_refresh_and_lose_answers() {
    storm(100, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten thousand: run with --ignored --nocapture"]
async fn nobody_honest_is_logged_out_while_ten_thousand_refresh_and_lose_answers() {
    storm(10_000, 1).await;
    storm(500, 20).await;
}
