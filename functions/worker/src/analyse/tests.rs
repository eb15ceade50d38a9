use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn line(level: &str, extra: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-01-01T00:00:01Z","level":"{level}","service":"api","message":"m"{extra}}}"#
    )
}

fn read(text: impl AsRef<[u8]>) -> Statistics {
    analyse("logs/a.log", Cursor::new(text.as_ref().to_vec())).expect("readable")
}

fn reason(key: &str, bytes: &[u8]) -> String {
    fault(key, bytes).0
}

fn fault(key: &str, bytes: &[u8]) -> (String, Statistics) {
    match analyse(key, Cursor::new(bytes.to_vec())) {
        Err(Unreadable::Content(reason, until_then)) => (reason.code, *until_then),
        other => panic!("{other:?}"),
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

#[test]
fn counts_levels_services_errors_and_denied_addresses() {
    let text = [
        line("INFO", r#","duration_ms":1.5"#),
        line("ERROR", r#","status":500"#),
        line("error", ""),
        line("WARN", r#","status":403,"source_ip":"10.0.0.1""#),
    ]
    .join("\n");
    let found = read(&text);
    assert_eq!((found.lines, found.malformed), (4, 0));
    assert_eq!(found.levels["INFO"], 1);
    assert_eq!(found.services["api"], 4);
    assert!((found.error_rate - 0.5).abs() < f64::EPSILON);
    assert_eq!(found.top_errors, [("m".to_owned(), 2)]);
    assert_eq!(found.top_denied_sources, [("10.0.0.1".to_owned(), 1)]);
    let durations = found.duration_ms.expect("one duration");
    assert_eq!(durations.count, 1);
    assert!((durations.p50 - 1.5).abs() < 0.01);
}

#[test]
fn malformed_lines_are_counted_and_told_by_number() {
    let good = line("INFO", "");
    let bad_time = good.replace("2026-01-01", "2026-13-01");
    let text = format!("{good}\n\nnot json\n{{\"level\":\"INFO\"}}\n{bad_time}\n[1]\n{good}\n");
    let found = read(text);
    assert_eq!((found.lines, found.malformed), (6, 4));
    assert_eq!(found.malformed_positions, [3, 4, 5, 6]);
}

#[test]
fn bad_utf8_in_an_ignored_field_is_malformed() {
    let mut bytes = line("INFO", r#","x":"?""#)
        .replace('?', "\u{1}")
        .into_bytes();
    let at = bytes.iter().position(|b| *b == 1).expect("the mark");
    bytes[at] = 0xff;
    bytes.push(b'\n');
    bytes.extend(line("INFO", "").into_bytes());
    let found = read(bytes);
    assert_eq!((found.lines, found.malformed), (2, 1));
}

#[test]
fn a_byte_order_mark_and_carriage_returns_do_no_harm() {
    let found = read(format!(
        "\u{feff}{}\r\n{}\r\n",
        line("INFO", ""),
        line("INFO", "")
    ));
    assert_eq!((found.lines, found.malformed), (2, 0));
}

#[test]
fn first_and_last_timestamp_go_by_time_and_not_by_text() {
    let at = |time: &str| line("INFO", "").replace("2026-01-01T00:00:01Z", time);
    let text = [
        at("2026-01-01T12:00:00+02:00"),
        at("2026-01-01T11:00:00Z"),
        at("2026-01-01T10:30:00Z"),
    ]
    .join("\n");
    let found = read(text);
    assert_eq!(
        found.first_timestamp.as_deref(),
        Some("2026-01-01T12:00:00+02:00")
    );
    assert_eq!(
        found.last_timestamp.as_deref(),
        Some("2026-01-01T11:00:00Z")
    );
}

#[test]
fn a_line_over_the_bound_is_malformed_wherever_it_ends() {
    let long = "x".repeat(MAX_LINE_BYTES + 1);
    let good = line("INFO", "");
    for text in [
        format!("{long}\n{good}\n"),
        format!("{good}\n{long}"),
        format!("{good}\n{long}\n{good}"),
    ] {
        let found = read(&text);
        assert_eq!(found.malformed, 1);
        assert_eq!(found.lines, text.lines().count() as u64);
    }
    let just = line(
        "INFO",
        &format!(r#","x":"{}""#, "y".repeat(MAX_LINE_BYTES - 200)),
    );
    assert_eq!(read(just).malformed, 0);
}

#[test]
fn lines_across_buffers_are_whole() {
    let text: String = (0..5_000).map(|_| line("INFO", "") + "\n").collect();
    let found = read(&text);
    assert_eq!((found.lines, found.malformed), (5_000, 0));
}

#[test]
fn gzip_is_known_by_its_bytes_and_all_members_are_read() {
    let mut bytes = gzip(&(line("INFO", "") + "\n"));
    bytes.extend(gzip(&line("WARN", "")));
    for key in ["a.log", "a.log.gz"] {
        let found = analyse(key, Cursor::new(bytes.clone())).expect("readable");
        assert_eq!((found.lines, found.levels.len()), (2, 2));
    }
}

#[test]
fn a_cut_or_damaged_gzip_is_a_permanent_fault() {
    let bytes = gzip(
        &(0..1_000)
            .map(|n| line("INFO", &format!(r#","n":{n}"#)) + "\n")
            .collect::<String>(),
    );
    let (code, until_then) = fault("a.log.gz", &bytes[..bytes.len() / 2]);
    assert_eq!(code, "cut_gzip");
    assert!((1..1_000).contains(&until_then.lines));
    assert_eq!(
        (until_then.malformed, until_then.levels["INFO"]),
        (0, until_then.lines)
    );
    assert_eq!(reason("a.log.gz", line("INFO", "").as_bytes()), "bad_gzip");
}

#[test]
fn a_file_without_a_record_is_a_permanent_fault() {
    assert_eq!(reason("a.log", &[0, 159, 146, 150, 10, 0, 1]), "no_record");
    assert_eq!(reason("a.log", b"\n\n \n"), "no_record");
    let (code, found) = fault("a.log", b"{}\n\n[]\n");
    assert_eq!(
        (code.as_str(), found.lines, found.malformed),
        ("no_record", 2, 2)
    );
    assert_eq!(found.malformed_positions, [1, 3]);
}

#[test]
fn a_source_that_breaks_off_is_not_the_contents_fault() {
    struct Breaks(bool);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::ConnectionAborted,
                    "gone",
                ));
            }
            buffer[0] = b'{';
            Ok(1)
        }
    }
    assert!(matches!(
        analyse("a.log", Breaks(false)),
        Err(Unreadable::Source(_))
    ));
}

/// serde_json skips a value without recursion, so depth alone does no harm: a field that is ignored may
/// nest as deep as a line is long.
#[test]
fn deep_nesting_is_no_crash_and_costs_a_line_only_where_text_is_required() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let good = line("INFO", "");
    let ignored = line("INFO", &format!(r#","x":{open}{close}"#));
    let optional = line("INFO", &format!(r#","user_id":{open}{close}"#));
    let required = good.replace(r#""api""#, &format!("{open}{close}"));
    let unclosed = line("INFO", &format!(r#","x":{open}"#));
    let found = read([ignored, optional, required, unclosed, good].join("\n"));
    assert_eq!((found.lines, found.malformed), (5, 2));
    assert_eq!(found.malformed_positions, [3, 4]);
}

#[test]
fn odd_optional_fields_cost_nothing_and_blank_names_the_line() {
    let text = [
        line("INFO", r#","user_id":42,"status":"200","duration_ms":"12""#),
        line(
            "INFO",
            r#","status":401.0,"source_ip":"10.0.0.1","duration_ms":3"#,
        ),
        line("", ""),
        line("INFO", "").replace("api", " "),
    ]
    .join("\n");
    let found = read(text);
    assert_eq!((found.lines, found.malformed), (4, 2));
    assert_eq!(found.top_denied_sources, [("10.0.0.1".to_owned(), 1)]);
    assert_eq!(found.duration_ms.map(|durations| durations.count), Some(1));
}
