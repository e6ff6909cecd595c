//! What `head` promises, tried.

use super::*;

#[test]
fn a_head_comes_back_as_it_was_whatever_is_in_the_texts() {
    let head = Head {
        version: "0.1.0".to_owned(),
        seed: u64::MAX,
        name: "quotes \" and\nlines".to_owned(),
        text: "why = \"#end\n#file\"\n\ttab \u{1f98a}".to_owned(),
        files: BTreeMap::from([("a.gpx".to_owned(), "<gpx/>\n".to_owned()), (String::new(), String::new())]),
    };
    let text = head.to_text() + "1 h0.0 idle\n";
    let mut reader = text.as_bytes();
    assert_eq!(Head::read(&mut reader).expect("its own head"), head);
    assert_eq!(reader, b"1 h0.0 idle\n");
    let before = text.lines().take_while(|line| *line != "1 h0.0 idle").count();
    assert_eq!(head.lines(), before as u64, "what an editor counts before the first line of the trace");
}

#[test]
fn what_is_no_trace_is_told_so() {
    for text in [
        "",
        "hello\n",
        "#halloo-trace {}\n",
        "#halloo-trace {\"format\":2,\"version\":\"\",\"seed\":1,\"name\":\"\"}\n#end\n",
    ] {
        assert!(matches!(Head::read(&mut text.as_bytes()), Err(HeadError::Form)), "{text:?}");
    }
    let endless = "#halloo-trace {\"format\":1,\"version\":\"\",\"seed\":1,\"name\":\"\"}\n".to_owned()
        + &"#scenario \"\"\n".repeat(2_000);
    assert!(matches!(Head::read(&mut endless.as_bytes()), Err(HeadError::Form)));
}

#[test]
fn the_first_difference_is_named() {
    let found =
        |a: &str, b: &str| compare(4, &mut a.as_bytes(), &mut b.as_bytes()).expect("memory can be read");
    assert_eq!(found("1 a\n2 b\n", "1 a\n2 b\n"), None);
    assert_eq!(found("1 a\n2 b\n", "1 a\n2 c\n"), Some((6, "2 b".to_owned(), "2 c".to_owned())));
    assert_eq!(found("1 a\n", "1 a\n2 c\n"), Some((6, "(the trace ends)".to_owned(), "2 c".to_owned())));
}
