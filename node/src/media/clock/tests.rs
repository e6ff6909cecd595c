//! What the voice stamps rely on.

use super::*;

#[test]
fn the_clock_never_goes_back() {
    let mut last = mono_ns();
    for _ in 0..10_000 {
        let now = mono_ns();
        assert!(now >= last, "{now} came after {last}");
        last = now;
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_clock_is_the_one_that_other_processes_read() {
    // /proc/uptime counts from boot including suspend, so it is never behind CLOCK_MONOTONIC by more than its resolution.
    let uptime = std::fs::read_to_string("/proc/uptime").expect("procfs");
    let seconds: f64 = uptime.split(' ').next().and_then(|s| s.parse().ok()).expect("a number");
    assert!(mono_ns() > 0);
    assert!((mono_ns() as f64) / (NS_PER_S as f64) < seconds + 3_600.0);
}
