//! What `crowd` promises, tried.

use super::*;
use crate::chance::generator;

fn people() -> Vec<Person<'static>> {
    let of = |group, founder| Person { group, founder, outside: false };
    let guest = Person { outside: true, ..of("cars", false) };
    vec![of("riders", true), of("riders", false), of("riders", false), of("cars", true), guest]
}

fn find(who: Who) -> Result<Crowd, String> {
    who.find(&people(), &mut generator(3, "crowd"))
}

fn words(words: &str) -> Vec<HostId> {
    find(Who::Words(words.into())).expect("it means somebody").hosts
}

#[test]
fn words_numbers_and_lists_mean_members() {
    assert_eq!(find(Who::Number(2)).expect("there").hosts, [2]);
    assert_eq!(find(Who::List(vec![3, 0, 3])).expect("there").hosts, [0, 3]);
    assert_eq!(words("everybody"), [0, 1, 2, 3, 4]);
    assert_eq!(words("founders"), [0, 3]);
    assert_eq!(words("newcomers"), [1, 2, 4]);
    assert_eq!(words("outside"), [4]);
    assert_eq!(words("riders"), [0, 1, 2]);
    assert_eq!(words("1-3"), [1, 2, 3]);
    assert_eq!(words("4, 0-1 , cars"), [0, 1, 3, 4]);
}

#[test]
fn somebody_is_another_one_each_time() {
    let crowd = find(Who::Words("somebody of riders".into())).expect("it means somebody");
    assert!(crowd.one);
    let mut rng = generator(5, "draws");
    let drawn: BTreeSet<_> = (0..60).flat_map(|_| crowd.draw(&mut rng)).collect();
    assert_eq!(drawn, BTreeSet::from([0, 1, 2]));
    assert_eq!(find(Who::Words("somebody".into())).expect("it means somebody").hosts.len(), 5);
}

#[test]
fn a_share_is_drawn_once_and_at_least_one() {
    let share = |seed| {
        let who = Who::Words("40% of everybody".into());
        who.find(&people(), &mut generator(seed, "share")).expect("it means somebody").hosts
    };
    assert!((0..20).all(|seed| share(seed).len() == 2));
    assert!((0..20).map(share).collect::<BTreeSet<_>>().len() > 3, "the seed decides who");
    assert_eq!(words("1% of cars").len(), 1);
}

#[test]
fn nobody_is_refused_with_what_to_write() {
    assert!(find(Who::Number(5)).expect_err("refused").contains("numbered from 0 to 4"));
    assert!(find(Who::Words("0-9".into())).expect_err("refused").contains("numbered from 0 to 4"));
    assert!(find(Who::List(vec![])).expect_err("refused").contains("nobody"));
    assert!(find(Who::Words("boats".into())).expect_err("refused").contains("riders"));
    assert!(find(Who::Words("4-2".into())).expect_err("refused").contains("nobody"));
    assert!(find(Who::Words("200% of cars".into())).expect_err("refused").contains("0 to 100"));
    assert!(find(Who::Words("x% of cars".into())).expect_err("refused").contains("number"));
}
