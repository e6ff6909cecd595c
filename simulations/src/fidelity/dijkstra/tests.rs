//! What `dijkstra` promises, tried.

use super::*;

#[test]
fn the_shortest_path_goes_over_two_hops_where_that_is_shorter() {
    let mesh = vec![vec![1, 2], vec![0, 2], vec![], vec![]];
    let latency = |a: HostId, b: HostId| if (a, b) == (0, 2) { 100 } else { 10 };
    assert_eq!(paths(&mesh, (0, &[1, 2]), latency), [Some(0), Some(10), Some(20), None]);
    assert_eq!(paths(&mesh, (0, &[2]), latency), [Some(0), None, Some(100), None]);
}

#[test]
fn what_the_swarms_deliver_is_what_the_paths_say() {
    let found = swarms(7, 40, 5);
    assert_eq!(found.deliveries, 5 * 39, "everybody is reached");
    assert!(found.holds(), "{found:?}");
}

#[test]
fn a_difference_beyond_the_tolerance_is_no_agreement() {
    let mesh = vec![vec![1], vec![0]];
    let off = Comparison::of("x", 1, &[(5_000, 5_000), (9_000, 7_500)], &mesh);
    assert!(!off.holds());
    assert!(!Comparison::of("x", 1, &[], &mesh).holds(), "nothing compared is nothing shown");
}
