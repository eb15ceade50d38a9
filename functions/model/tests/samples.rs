//! The committed samples are what the generator writes, byte for byte.

use model::Record;
use model::sample::{SEED, sample};

fn committed(name: &str) -> String {
    let path = format!("{}/../../samples/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn samples_are_what_the_generator_writes() {
    for (name, count, malformed) in [
        ("app-100.ndjson", 100, false),
        ("app-500.ndjson", 500, false),
        ("app-1000.ndjson", 1_000, false),
        ("app-malformed.ndjson", 100, true),
    ] {
        let again = format!("cargo run -p model --example generate -- {count} > samples/{name}");
        assert!(
            committed(name) == sample(SEED, count, malformed),
            "{name} differs; make it again: {again}"
        );
    }
}

#[test]
fn lines_are_records_of_about_230_bytes_with_refusals_and_durations() {
    let text = committed("app-1000.ndjson");
    assert_eq!(text.lines().count(), 1_000);
    let mean = text.len() / 1_000;
    assert!((215..=245).contains(&mean), "{mean} bytes a line");
    let records: Vec<Record> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for level in ["DEBUG", "INFO", "WARN", "ERROR"] {
        assert!(
            records.iter().any(|record| record.level == level),
            "{level}"
        );
    }
    assert!(text.contains("\"status\":401") && text.contains("\"status\":403"));
    let with_duration = text
        .lines()
        .filter(|line| line.contains("\"duration_ms\":"))
        .count();
    assert!(
        (700..900).contains(&with_duration),
        "{with_duration} lines with a duration"
    );
}

#[test]
fn every_tenth_line_of_the_malformed_sample_is_no_record() {
    use time::format_description::well_known::Rfc3339;
    for (index, line) in committed("app-malformed.ndjson").lines().enumerate() {
        let read = serde_json::from_str::<Record>(line)
            .ok()
            .filter(|record| time::OffsetDateTime::parse(&record.timestamp, &Rfc3339).is_ok());
        assert_eq!(
            read.is_none(),
            index % 10 == 6,
            "line {}: {line}",
            index + 1
        );
    }
}
