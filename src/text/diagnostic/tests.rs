//! Tests of how findings are kept, ordered and shown.
use super::*;

#[test]
fn settling_sorts_and_drops_consequences_of_torn_text() {
    let mut found = Diagnostics::of_config("c".into(), "a\nb\nc");
    found.warn(&(4..5), "third");
    found.error(&(0..1), "on the torn line");
    found.error(&(2..3), "second");
    found.error(&(2..2), "missing").inferred();
    found.syntax(&(0..1), "torn");
    found.settle();
    let messages: Vec<String> = found.list().into_iter().map(|one| one.message).collect();
    assert_eq!(messages, ["torn", "second", "third"]);
    assert_eq!((found.list()[2].line, found.list()[2].column), (3, 1));
    assert!(found.has_errors());
}

#[test]
fn what_an_error_leaves_open_is_not_judged() {
    let mut found = Diagnostics::of_config("c".into(), "a\nb\nc\nd");
    found.error(&(0..1), "odd").leaves(Gap::Content("regions"));
    found
        .warn(&(2..3), "follows")
        .rests_on(Gap::Content("regions"));
    found.warn(&(4..5), "named").rests_on(Gap::Uses("regions"));
    found
        .error(&(6..7), "unknown")
        .rests_on(Gap::Names("regions"));
    found.settle();
    let messages = |found: &Diagnostics| -> Vec<String> {
        found.list().into_iter().map(|one| one.message).collect()
    };
    assert_eq!(messages(&found), ["odd", "named", "unknown"]);
    found
        .error(&(1..1), "no table")
        .leaves(Gap::Names("regions"));
    found.settle();
    assert_eq!(messages(&found), ["odd", "no table"]);
}

#[test]
fn one_slip_in_many_places_is_told_at_the_first() {
    let mut found = Diagnostics::of_config("c".into(), "a\nb\nc\nd");
    for at in [4..5, 0..1, 6..7] {
        found.error(&at, "unknown `x`").once();
    }
    found.error(&(2..3), "unknown `y`").once();
    found.settle();
    let lines: Vec<usize> = found.list().iter().map(|one| one.line).collect();
    assert_eq!(lines, [1, 2]);
    let text = found.render(false);
    assert!(
        text.contains("the same in 2 other places, on lines 3, 4"),
        "{text}"
    );
    assert_eq!(also_on(&["7".to_owned()]), "the same on line 7");
    assert!(
        also_on(&[1, 2, 3, 4, 5, 6].map(|line| line.to_string()))
            .ends_with("on lines 1, 2, 3, 4, 5 and further")
    );
}

#[test]
fn no_message_shows_a_secret() {
    let text = "[tsig.a]\nsecret = \"abc\"\nsecrt = \"a longer secret of words\"\n";
    let mut found = Diagnostics::of_config("c".into(), text);
    let at = text.find("abc").unwrap();
    let quoted = found.error(&(at..at + 3), "`abc` is not base64");
    quoted.label("\"abc\"").help("no a longer secret of words");
    found.error(&(0..text.len()), "all of it");
    let shown = found.render(false) + &serde_json::to_string(&found.list()).unwrap();
    assert!(
        !shown.contains("abc") && !shown.contains("longer"),
        "{shown}"
    );
    assert!(shown.contains("`***` is not base64"), "{shown}");
    assert!(shown.contains("secrt = \"***\""), "{shown}");
}

#[test]
fn what_is_found_twice_is_told_once() {
    let mut found = Diagnostics::of_config("c".into(), "a b");
    for at in [0..1, 2..3, 0..1] {
        found.error(&at, "bad");
    }
    found.settle();
    let columns: Vec<usize> = found.list().iter().map(|one| one.column).collect();
    assert_eq!(columns, [1, 3]);
}

#[test]
fn what_is_unsettled_reads_as_an_error_and_is_none() {
    let mut found = Diagnostics::of_config("c".into(), "a");
    found.unsettled(&(0..1), "say which");
    found.settle();
    assert!(found.has_unsettled() && !found.has_errors());
    assert!(found.render(false).starts_with("error: say which"));
    let severity = serde_json::to_value(found.list()[0].severity).unwrap();
    assert_eq!(severity, "error");
}

#[test]
fn nothing_is_dropped_from_whole_text() {
    let mut found = Diagnostics::of_config("c".into(), "a");
    found.warn(&(0..0), "missing").inferred();
    found.settle();
    assert_eq!(found.list().len(), 1);
    assert!(!found.has_errors());
}
