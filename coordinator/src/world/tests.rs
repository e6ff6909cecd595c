//! Clocks: one that is told, and one that goes with a runtime whose time is paused.

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;

#[tokio::test(start_paused = true)]
async fn a_clock_of_the_runtime_goes_as_the_runtime_does_and_no_faster() {
    let world = World::of_runtime(NOW_MS, [1; 32]);
    std::thread::yield_now();
    assert_eq!((world.now_ms(), world.elapsed()), (NOW_MS, Duration::ZERO), "time is paused");
    let day = Duration::from_secs(86_400);
    tokio::time::advance(day).await;
    assert_eq!((world.now_ms(), world.elapsed()), (NOW_MS + 86_400_000, day));
    world.pass(day);
    assert_eq!(world.elapsed(), day, "nobody else moves it");
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_chance_whatever_the_clock() {
    let draws = |world: World| [world.chance().next_u64(), world.chance().next_u64()];
    let told = draws(World::told(NOW_MS, [7; 32]));
    assert_eq!(told, draws(World::of_runtime(0, [7; 32])));
    assert_ne!(told[0], told[1], "each request has a generator of its own");
}
