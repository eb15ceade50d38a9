use miette::SourceSpan;

use crate::stack::Code;
use crate::stack::source::{duplicates, parse};

fn cut(text: &str, span: SourceSpan) -> &str {
    &text[span.offset()..span.offset() + span.len()]
}

#[test]
fn every_key_and_scalar_knows_its_bytes() {
    for text in [
        "é: 'ü'\r\nqueues: { a: 30s }\r\n",
        "\u{feff}é: 'ü'\nqueues: { a: 30s }\n",
    ] {
        let tree = parse(text).expect("valid YAML");
        let umlaut = tree.value.get("é").expect("the key");
        assert_eq!(
            (cut(text, umlaut.key.span), cut(text, umlaut.value.span)),
            ("é", "'ü'")
        );
        let queue = tree
            .value
            .get("queues")
            .and_then(|e| e.value.value.get("a"))
            .expect("the key");
        assert_eq!(
            (cut(text, queue.key.span), cut(text, queue.mark())),
            ("a", "30s")
        );
    }
}

#[test]
fn aliases_and_merges_point_at_the_anchored_text() {
    let text = "a: &x { t: 30s }\nb: *x\nc:\n  <<: *x\n  u: 1\n";
    let tree = parse(text).expect("valid YAML");
    for key in ["a", "b", "c"] {
        let entry = tree
            .value
            .get(key)
            .and_then(|e| e.value.value.get("t"))
            .expect("the key");
        assert_eq!(entry.value.span.offset(), 11, "{key}");
    }
}

#[test]
fn a_text_that_is_no_yaml_has_one_error_with_a_place() {
    let cases = [
        ("a: [1\nb: 2\n", ":"),
        ("a: \"open\n", "\""),
        ("a: 1\n---\nb: 2\n", ""),
        ("a: &x [*x]\n", "*x"),
        ("? {a: b}\n: c\n", "{"),
        ("~: c\n", "~"),
        ("a: !Ref x\n", "x"),
        ("ü: b: c\n", ":"),
        ("a:\n\tb: 1\n", "b"),
    ];
    for (text, place) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!(error.code(), Code::Syntax, "{text}");
        assert_eq!(
            error
                .places()
                .map(|span| cut(text, span))
                .collect::<Vec<_>>(),
            [place],
            "{text}"
        );
    }
}

#[test]
fn aliases_cannot_make_a_small_file_large() {
    use std::fmt::Write as _;
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").expect("writing to a string");
    }
    let error = parse(&text).expect_err("a bomb");
    assert!(
        error.to_string().starts_with("the file is larger"),
        "{error}"
    );
}

#[test]
fn all_duplicates_are_told_with_both_places() {
    let text = "a: 1\nb: { c: 1, c: 2 }\na: 2\na: 3\n";
    let mut errors = Vec::new();
    duplicates(&parse(text).expect("valid YAML").value, &mut errors);
    let mut places: Vec<Vec<usize>> = errors
        .iter()
        .map(|e| e.places().map(|span| span.offset()).collect())
        .collect();
    places.sort();
    assert_eq!(places, [[16, 10], [23, 0], [28, 0]]);
}
