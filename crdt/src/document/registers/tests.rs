//! Registers: what is shown, what was replaced, what is below a prefix.

use super::super::change::Actor;
use super::*;

fn name(number: u32, actor: u8) -> OpName {
    OpName { number, actor: Actor([actor; 24]) }
}

fn set(key: &str, n: i64, replaces: &[OpName]) -> Op {
    Op { key: key.into(), value: Some(Value::Int(n)), replaces: replaces.to_vec() }
}

#[test]
fn of_concurrent_values_the_highest_operation_is_shown_in_every_order() {
    let ops = [(name(2, 1), 21), (name(1, 9), 19), (name(2, 3), 23)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut registers = Registers::default();
        order.iter().for_each(|at: &usize| registers.merge(ops[*at].0, set("a", ops[*at].1, &[])));
        assert_eq!(registers.get("a"), Some(&Value::Int(23)), "the number first, then the actor");
        assert_eq!(registers.current("a").collect::<Vec<_>>(), [name(1, 9), name(2, 1), name(2, 3)]);
    }
}

#[test]
fn what_is_replaced_is_shown_no_more_and_may_still_be_named() {
    let mut registers = Registers::default();
    registers.merge(name(1, 1), set("a", 1, &[]));
    registers.merge(name(2, 1), set("a", 2, &[name(1, 1)]));
    // Another member had not heard of the second when it replaced the first.
    registers.merge(name(2, 2), set("a", 3, &[name(1, 1)]));
    assert_eq!(registers.current("a").count(), 2);
    assert!(registers.was_set("a", &name(1, 1)) && !registers.was_set("b", &name(1, 1)));
    registers.merge(name(3, 1), Op { key: "a".into(), value: None, replaces: vec![name(2, 1), name(2, 2)] });
    assert_eq!((registers.get("a"), registers.current("a").count()), (None, 0));
    assert!(!registers.was_set("a", &name(3, 1)), "a deletion sets nothing");
}

#[test]
fn a_prefix_holds_its_children_and_neither_itself_nor_its_neighbours() {
    let mut registers = Registers::default();
    for (n, key) in ["place", "place/1", "place/2/x", "place-a", "place0", "places/1"].into_iter().enumerate()
    {
        registers.merge(name(1, n as u8), set(key, n as i64, &[]));
    }
    let under: Vec<(&str, &Value)> = registers.under("place").collect();
    assert_eq!(under, [("1", &Value::Int(1)), ("2/x", &Value::Int(2))]);
}

#[test]
#[should_panic(expected = "judged")]
fn replacing_what_nobody_set_is_a_bug_of_ours() {
    Registers::default().merge(name(2, 1), set("a", 1, &[name(1, 1)]));
}
