//! A gap asks neighbour after neighbour, and ends.

use super::*;

fn at(ms: u64) -> Time {
    Time::from_micros(ms * 1_000)
}

#[test]
fn the_first_question_comes_soon_and_more_gaps_do_not_put_it_off() {
    let gap = Gap::noticed(None, at(1_000));
    assert_eq!(gap.at(), at(1_500));
    let gap = Gap::noticed(Some(gap), at(1_400));
    assert_eq!((gap.at(), gap.since), (at(1_500), at(1_400)));
}

#[test]
fn a_gap_that_is_listed_nowhere_asks_once() {
    let mut gap = Gap::noticed(None, at(0));
    assert_eq!(gap.due(at(500), Some(at(0)), false), Verdict::Ask);
    assert_eq!(gap.due(at(5_500), None, false), Verdict::Close);
}

#[test]
fn everybody_is_asked_once_for_what_nobody_has() {
    let mut turns = [None; 4];
    let mut gap = Gap::noticed(None, at(100));
    let mut asked = 0;
    loop {
        let now = gap.at();
        let (who, turn) =
            turns.into_iter().enumerate().min_by_key(|(_, turn)| *turn).expect("four neighbours");
        if gap.due(now, turn, true) == Verdict::Close {
            break;
        }
        asked += 1;
        turns[who] = Some(now);
        if who % 2 == 0 {
            // Half of them answer.
            gap.session_ended(now);
            assert_eq!(gap.at(), now.after(GAP_DELAY));
        } else {
            assert_eq!(gap.at(), now.after(PATIENCE));
        }
    }
    assert_eq!(asked, 4);
}

#[test]
fn what_is_filled_is_not_asked_for_again() {
    let mut gap = Gap::noticed(None, at(100));
    assert_eq!(gap.due(at(600), None, true), Verdict::Ask);
    gap.session_ended(at(700));
    assert_eq!(gap.due(at(1_200), None, false), Verdict::Close);
}
