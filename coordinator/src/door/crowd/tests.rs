//! Who is let in, and that nothing is left of who has gone.

use super::*;

#[test]
fn one_bucket_fills_up_and_the_others_still_come_in_until_all_is_full() {
    let crowd = Arc::new(Crowd::new(4, 2));
    let (a, b) = (Some([1; 16]), Some([2; 16]));
    let inside: Vec<_> = [a, a, b].into_iter().map(|name| crowd.enter(name).unwrap()).collect();
    assert!(crowd.enter(a).is_none());
    let proxy = crowd.enter(None).unwrap();
    assert!(crowd.enter(b).is_none() && crowd.enter(None).is_none(), "all is full");
    drop(proxy);
    drop(inside);
    assert!(crowd.enter(a).is_some());
    assert_eq!(*crowd.inside.lock().unwrap(), (0, BTreeMap::new()));
}
