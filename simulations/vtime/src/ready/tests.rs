//! Who is woken is polled once for it, and nobody else is.

use super::*;

#[test]
fn a_part_that_is_woken_queues_its_task_once_and_is_polled_once() {
    let (task, _) = Task::new(7);
    let (part, waker) = Part::of(&task);
    assert!(part.begin(), "it begins as woken");
    assert!(!part.begin());
    waker.wake_by_ref();
    waker.wake_by_ref();
    assert_eq!([take_ready(), take_ready()], [Some(7), None]);
    task.begin();
    assert!(part.begin());
    assert!(!part.begin());
    part.touch();
    assert_eq!(take_ready(), None, "who touches it polls it as well");
    assert!(part.begin());
}

#[test]
fn a_task_that_is_woken_for_something_else_does_not_wake_its_parts() {
    let (task, waker) = Task::new(8);
    let (part, _) = Part::of(&task);
    assert!(part.begin());
    waker.wake_by_ref();
    assert_eq!(take_ready(), Some(8));
    assert!(!part.begin());
}
