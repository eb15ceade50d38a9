//! One bad file per kind of error at least: exactly these errors, underlined exactly there.

use std::collections::BTreeSet;

use miette::Diagnostic;

use super::resolve;
use crate::stack::Code;

/// Code and underlined texts of each error; `^` stands for an empty place.
type Wanted = &'static [(&'static str, &'static [&'static str])];

const CASES: &[(&str, Wanted)] = &[
    // The file and its sections
    ("stack: [a\n", &[("syntax", &["["])]),
    ("", &[("missing_field", &["^"])]),
    ("- a\n", &[("wrong_type", &["a"])]),
    ("buckets: {}\n", &[("missing_field", &["buckets"])]),
    (
        "stack: a\nstack: b\n",
        &[("duplicate_key", &["stack", "stack"])],
    ),
    ("stack: a\nqueue: {}\n", &[("unknown_section", &["queue"])]),
    ("stack: 1.10\n", &[("wrong_type", &["1.10"])]),
    ("stack: Logs\n", &[("bad_name", &["Logs"])]),
    ("stack: ''\n", &[("unknown_value", &["''"])]),
    ("stack: a\nqueues: [q]\n", &[("wrong_type", &["queues"])]),
    ("stack: a\nwiring: {}\n", &[("wrong_type", &["wiring"])]),
    // Fields
    (
        "stack: a\nqueues: { q: { timeout: 30s } }\n",
        &[("unknown_field", &["timeout"])],
    ),
    ("stack: a\nqueues: { q: 5 }\n", &[("wrong_type", &["5"])]),
    (
        "stack: a\nqueues: { q: { delay: 5 } }\n",
        &[("bad_unit", &["5"])],
    ),
    (
        "stack: a\nqueues: { q: { delay: 500ms } }\n",
        &[("bad_unit", &["500ms"])],
    ),
    (
        "stack: a\nqueues: { q: { delay: [5s] } }\n",
        &[("wrong_type", &["delay"])],
    ),
    (
        "stack: a\nqueues: { q: { retention: 15d } }\n",
        &[("out_of_range", &["15d"])],
    ),
    (
        "stack: a\nqueues: { q: { retention: 30s } }\n",
        &[("out_of_range", &["30s"])],
    ),
    (
        "stack: a\nqueues: { q: { retain: yes } }\n",
        &[("wrong_type", &["yes"])],
    ),
    (
        "stack: a\nbuckets: { b: { expire_after: 30 } }\n",
        &[("bad_unit", &["30"])],
    ),
    (
        "stack: a\ntables: { t: { ttl: x } }\n",
        &[("missing_field", &["t"])],
    ),
    (
        "stack: a\nfunctions: { f: { memory: 64MB } }\n",
        &[("missing_field", &["f"]), ("out_of_range", &["64MB"])],
    ),
    (
        "stack: a\nfunctions: { f: { crate: functions/worker, architecture: arm, log_retention: 15d, async_retries: 3 } }\n",
        &[
            ("unknown_value", &["arm"]),
            ("unknown_value", &["15d"]),
            ("out_of_range", &["3"]),
        ],
    ),
    (
        "stack: a\nfunctions: { f: { crate: functions/worker, async_retries: 1s } }\n",
        &[("wrong_type", &["1s"])],
    ),
    // Names
    (
        "stack: a\nbuckets: { Up_Loads: {} }\n",
        &[("bad_name", &["Up_Loads"])],
    ),
    (
        "stack: a\nqueues: { q.fifo: {} }\n",
        &[("bad_name", &["q.fifo"])],
    ),
    (
        "stack: a\noutputs: { 'a b': x }\n",
        &[("bad_name", &["'a b'"])],
    ),
    (
        "stack: a\nfunctions: { f: { crate: functions/worker, environment: { AWS_REGION: x, A-B: y, PORT: 8080 } } }\n",
        &[
            ("bad_variable", &["AWS_REGION"]),
            ("bad_variable", &["A-B"]),
            ("wrong_type", &["8080"]),
        ],
    ),
    // References
    (
        "stack: a\noutputs: { x: '${queues.q}' }\n",
        &[("malformed_reference", &["${queues.q}"])],
    ),
    (
        "stack: a\noutputs: { x: 'a ${queues.q.url' }\n",
        &[("malformed_reference", &["${queues.q.url"])],
    ),
    (
        "stack: a\noutputs: { x: 'a ${queues.nope.url}' }\n",
        &[("unknown_reference", &["${queues.nope.url}"])],
    ),
    (
        "stack: a\noutputs: { x: '${quues.q.url}' }\n",
        &[("unknown_reference", &["${quues.q.url}"])],
    ),
    (
        "stack: a\nbuckets: { b: {} }\noutputs: { x: '${buckets.b.name}, ${buckets.b.url}' }\n",
        &[("attribute_not_available", &["${buckets.b.url}"])],
    ),
    (
        "stack: a\nqueues: { q: { dead_letter: { queue: queues.d } }, d: {} }\n",
        &[("unknown_reference", &["queues.d"])],
    ),
    (
        "stack: a\nbuckets: { b: {} }\nqueues: { q: {} }\nfunctions: { f: { crate: functions/worker, on_failure: buckets.b, access: [{ read: q }, { send: buckets.b }, { read: functions.f }, { raed: queues.q }, {}] } }\n",
        &[
            ("wrong_kind", &["buckets.b"]),
            ("malformed_reference", &["q"]),
            ("access_not_possible", &["buckets.b"]),
            ("access_not_possible", &["functions.f"]),
            ("unknown_field", &["raed"]),
            ("wrong_type", &["{"]),
        ],
    ),
    (
        "stack: a\ntables: { t: { partition_key: id } }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: tables.t, to: functions.f }, { from: queues.q }]\n",
        &[
            ("wrong_kind", &["tables.t"]),
            ("missing_field", &["from"]),
            ("unknown_reference", &["queues.q"]),
        ],
    ),
    // Wiring
    (
        "stack: a\nbuckets: { b: {} }\nqueues: { q: {} }\nfunctions: { f: { crate: functions/worker } }\nwiring:\n  - { from: buckets.b, to: functions.f, batch: 5 }\n  - { from: queues.q, to: functions.f, prefix: x }\n",
        &[
            ("missing_field", &["from"]),
            ("field_not_for_kind", &["batch", "buckets.b"]),
            ("field_not_for_kind", &["prefix", "queues.q"]),
        ],
    ),
    (
        "stack: a\nbuckets: { b: {} }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: buckets.b, to: functions.f, events: [object-crated, object-removed, object-removed-marker] }]\n",
        &[
            ("unknown_value", &["object-crated"]),
            (
                "overlapping_notifications",
                &["object-removed-marker", "object-removed"],
            ),
        ],
    ),
    (
        "stack: a\nqueues: { q: {} }\nfunctions: { f: { crate: functions/worker, timeout: 60s } }\nwiring: [{ from: queues.q, to: functions.f }]\n",
        &[("visibility_below_timeout", &["q", "60s"])],
    ),
    (
        "stack: a\nbuckets: { b: {} }\nfunctions: { f: { crate: functions/worker }, g: { crate: functions/worker } }\nwiring:\n  - { from: buckets.b, to: functions.f, events: [object-created], prefix: in/ }\n  - { from: buckets.b, to: functions.g, events: [object-created-put], prefix: in/a, suffix: .log }\n  - { from: buckets.b, to: functions.g, events: [object-created], prefix: out/ }\n",
        &[("overlapping_notifications", &["in/a", "in/"])],
    ),
    (
        "stack: a\nbuckets: { b: {} }\nfunctions: { f: { crate: functions/worker, access: [{ read: q }, { write: buckets.b }] } }\nwiring: [{ from: buckets.b, to: functions.f, events: [object-created] }]\n",
        &[
            ("malformed_reference", &["q"]),
            ("self_trigger", &["buckets.b", "buckets.b"]),
        ],
    ),
    (
        "stack: a\nqueues: { q: {} }\nfunctions: { f: { crate: functions/worker, reserved_concurrency: 5 } }\nwiring: [{ from: queues.q, to: functions.f, batch: 100, max_concurrency: 6 }]\n",
        &[
            ("batch_needs_window", &["100"]),
            ("concurrency_above_reserved", &["6", "5"]),
        ],
    ),
    (
        "stack: a\nqueues: { q: {} }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: queues.q, to: functions.f, max_concurrency: 1 }, { from: queues.q, to: functions.f, batch: 11, window: 0s }]\n",
        &[
            ("out_of_range", &["1"]),
            ("duplicate_mapping", &["queues.q", "queues.q"]),
            ("batch_needs_window", &["11", "0s"]),
        ],
    ),
    (
        "stack: a\nqueues: { q: {}, q-r: {} }\nfunctions: { r-s: { crate: functions/worker }, s: { crate: functions/worker } }\nwiring: [{ from: queues.q, to: functions.r-s }, { from: queues.q-r, to: functions.s }]\n",
        &[("name_collision", &["queues.q-r", "queues.q"])],
    ),
    (
        "stack: a\nbuckets: { b: {} }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: buckets.b, to: functions.f, events: [object-created] }, { from: buckets.b, to: functions.f, events: [object-removed] }]\n",
        &[("name_collision", &["from", "from"])],
    ),
    // Queues, tables, functions
    (
        "stack: a\nqueues: { q: { dead_letter: { queue: d } }, d: { retention: 1d } }\n",
        &[("dead_letter_retention", &["1d", "q"])],
    ),
    (
        "stack: a\nqueues: { q: { dead_letter: { queue: q } } }\n",
        &[("cycle", &["q"])],
    ),
    (
        "stack: a\nqueues:\n  c: { dead_letter: { queue: a } }\n  a: { dead_letter: { queue: b } }\n  b: { dead_letter: { queue: c } }\n",
        &[("cycle", &["b", "c", "a"])],
    ),
    (
        "stack: a\nfunctions:\n  f: { crate: functions/worker, environment: { NEXT: '${functions.g.name}' } }\n  g: { crate: functions/worker, environment: { NEXT: '${functions.f.name}' } }\n",
        &[("cycle", &["'${functions.g.name}'", "'${functions.f.name}'"])],
    ),
    (
        "stack: a\ntables:\n  t:\n    partition_key: id\n    sort_key: id\n    ttl: day\n    indexes:\n      by_day: { partition_key: day }\n      by_id: { partition_key: { name: id, type: number }, sort_key: { name: day, type: numbre } }\n",
        &[
            ("key_conflict", &["id", "id"]),
            ("key_conflict", &["day", "day"]),
            ("unknown_value", &["numbre"]),
        ],
    ),
    (
        "stack: a\ntables:\n  t:\n    partition_key: id\n    indexes: { by_id: { partition_key: { name: id, type: binary } } }\n",
        &[("key_conflict", &["partition_key", "id"])],
    ),
    (
        "stack: a\nfunctions: { f: { crate: functions/wroker } }\ntemplates: { t: { file: templates/none.yaml, parameters: { a_b: x } } }\n",
        &[
            ("crate_not_found", &["functions/wroker"]),
            ("template_not_found", &["templates/none.yaml"]),
            ("bad_name", &["a_b"]),
        ],
    ),
    (
        "stack: a\nbuckets: { zips: {} }\n",
        &[("bad_name", &["zips"])],
    ),
    (
        "stack: a\nfunctions: { f: { artifact: dist/f.zip }, g: { crate: functions/worker, artifact: Cargo.toml }, h: { artifact: Cargo.tmol } }\n",
        &[
            ("artifact_not_found", &["dist/f.zip"]),
            ("two_sources", &["Cargo.toml", "functions/worker"]),
            ("artifact_not_found", &["Cargo.tmol"]),
        ],
    ),
    // Tests
    (
        "stack: a\nqueues: { jobs: {}, failed: {} }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: queues.jobs, to: functions.f }]\ntests:\n  t:\n    upload: samples/none.ndjson\n    within: 20m\n    expect:\n      - message: { queue: queues.jobs, contains: x }\n      - item: { table: tables.t, has: { a: [1] } }\n      - log: { function: queues.failed, contains: x }\n      - {}\n  u: { upload: Cargo.toml, expect: [] }\n  v: { upload: Cargo.toml, expects: 1 }\n",
        &[
            ("test_file_not_found", &["samples/none.ndjson"]),
            ("out_of_range", &["20m"]),
            ("unknown_reference", &["tables.t"]),
            ("wrong_type", &["a"]),
            ("wrong_kind", &["queues.failed"]),
            ("wrong_type", &["{"]),
            ("missing_field", &["u"]),
            ("missing_field", &["v"]),
            ("unknown_field", &["expects"]),
        ],
    ),
    (
        "stack: a\nqueues: { jobs: {} }\ntables: { t: { partition_key: id } }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: queues.jobs, to: functions.f }]\ntests: { e: { upload: Cargo.toml, expect: [{ item: { table: tables.t, has: {} } }] }, t: { upload: Cargo.toml, expect: [{ message: { queue: queues.jobs, contains: x } }] } }\n",
        &[
            ("missing_field", &["item"]),
            ("queue_is_read", &["queues.jobs"]),
        ],
    ),
    // Targets: also those that are not chosen
    (
        "stack: a\nqueues: { jobs: {} }\ntargets:\n  aws: { queues: { jbos: { delay: 1s }, jobs: { dealy: 1s, retention: 1 } }, stack: b }\n",
        &[
            ("unknown_override", &["jbos"]),
            ("unknown_field", &["dealy"]),
            ("bad_unit", &["1"]),
            ("unknown_section", &["stack"]),
        ],
    ),
    (
        "stack: a\nqueues: { jobs: { delay: 1 } }\ntargets: { aws: { queues: { jobs: { retention: 2d } } }, b c: 1 }\n",
        &[
            ("bad_unit", &["1"]),
            ("bad_name", &["b c"]),
            ("wrong_type", &["1"]),
        ],
    ),
    (
        "stack: a\nqueues: { q: { visibility_timeout: 30s } }\nfunctions: { f: { crate: functions/worker } }\nwiring: [{ from: queues.q, to: functions.f }]\ntargets: { aws: { functions: { f: { timeout: 1m } } } }\n",
        &[("visibility_below_timeout", &["30s", "1m"])],
    ),
];

fn told(text: &str) -> Vec<(String, Vec<String>)> {
    let errors = resolve(text, "embedded").expect_err(text);
    let cut = |span: miette::SourceSpan| match &text[span.offset()..span.offset() + span.len()] {
        "" => "^".to_owned(),
        cut => cut.to_owned(),
    };
    errors
        .errors()
        .iter()
        .map(|error| {
            let code = error
                .code()
                .as_str()
                .trim_start_matches("stack::")
                .to_owned();
            (code, error.places().map(cut).collect())
        })
        .collect()
}

/// aws-behaviours S10, S21, Q9, Q10, E1, E5, E8, E10
#[test]
fn every_bad_file_has_its_errors_at_their_places_and_no_others() {
    let mut wrong = Vec::new();
    for (text, wanted) in CASES {
        let wanted: Vec<(String, Vec<String>)> = wanted
            .iter()
            .map(|(code, places)| {
                (
                    (*code).to_owned(),
                    places.iter().map(|place| (*place).to_owned()).collect(),
                )
            })
            .collect();
        let told = told(text);
        if told != wanted {
            wrong.push(format!("{text}  told:   {told:?}\n  wanted: {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// aws-behaviours L8
#[test]
fn a_large_environment_is_refused_and_the_largest_is_not() {
    let text = |bytes: usize| {
        let value = "x".repeat(bytes - r#"{"BIG":""}"#.len());
        format!(
            "stack: a\nfunctions: {{ f: {{ crate: functions/worker, environment: {{ BIG: {value} }} }} }}\n"
        )
    };
    assert!(resolve(&text(4_096), "embedded").is_ok());
    assert_eq!(
        told(&text(4_097)),
        [(
            "environment_too_large".to_owned(),
            vec!["environment".to_owned()]
        )]
    );
}

/// Rule 12 of the style guide, for every code there is.
#[test]
fn every_code_is_reached_and_every_error_has_code_place_and_next_step() {
    let mut reached: BTreeSet<Code> = [
        // No text to point into: see the tests of discovery.
        Code::Unreadable,
        Code::NoStack,
        Code::SeveralStacks,
        // Too long for the table.
        Code::EnvironmentTooLarge,
        // What is wrong there is in a file of their own: see the tests of templates.
        Code::BadTemplate,
        Code::TemplateTooLarge,
        Code::TemplateParameter,
        Code::TemplateCapabilities,
    ]
    .into();
    for (text, _) in CASES {
        let errors = resolve(text, "embedded").expect_err(text);
        assert!(errors.code().is_some() && errors.help().is_some());
        assert_eq!(
            errors.related().into_iter().flatten().count(),
            errors.errors().len()
        );
        for error in errors.errors() {
            reached.insert(error.code());
            let shown: &dyn Diagnostic = error;
            assert!(
                shown
                    .code()
                    .is_some_and(|code| code.to_string().starts_with("stack::")),
                "{text}"
            );
            assert!(
                shown
                    .help()
                    .is_some_and(|help| !help.to_string().is_empty()),
                "{error}: no next step"
            );
            assert!(
                shown.labels().is_some_and(|labels| labels.count() > 0),
                "{error}: no place"
            );
            for sentence in [error.to_string(), error.next_step().to_owned()] {
                assert!(
                    !sentence.ends_with('.') && !sentence.contains('\n'),
                    "{sentence}"
                );
            }
        }
    }
    let silent: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !reached.contains(code))
        .map(|code| code.as_str())
        .collect();
    assert!(silent.is_empty(), "no bad file for {silent:?}");
    let unique: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(unique.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.')));
}
