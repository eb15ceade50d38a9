//! The edges of what AWS takes, and names of what is outside of the stack.

use super::resolve;
use crate::stack::Code;

/// Codes and underlined texts of what is wrong; nothing when it is accepted.
fn told(text: &str) -> Vec<(Code, Vec<&str>)> {
    let Err(errors) = resolve(text, "embedded") else {
        return Vec::new();
    };
    let cut = |place: miette::SourceSpan| &text[place.offset()..place.offset() + place.len()];
    let told = errors
        .errors()
        .iter()
        .map(|error| (error.code(), error.places().map(cut).collect()));
    told.collect()
}

#[test]
fn queues_have_the_ranges_of_sqs() {
    for (field, least, most, below, above) in [
        ("visibility_timeout", "0s", "12h", None, "43201s"),
        ("retention", "60s", "14d", Some("59s"), "1209601s"),
        ("delay", "0s", "15m", None, "901s"),
        ("dead_letter", "1", "1000", Some("0"), "1001"),
    ] {
        let stack = |value: &str| {
            if field == "dead_letter" {
                format!(
                    "stack: a\nqueues: {{ d: {{ retention: 14d }}, q: {{ dead_letter: {{ queue: d, max_receives: {value} }} }} }}\n"
                )
            } else {
                format!("stack: a\nqueues: {{ q: {{ {field}: {value} }} }}\n")
            }
        };
        for taken in [least, most] {
            assert_eq!(told(&stack(taken)), [], "{field}: {taken}");
        }
        for refused in below.into_iter().chain([above]) {
            let text = stack(refused);
            let wanted = [(Code::OutOfRange, vec![refused])];
            assert_eq!(told(&text), wanted, "{field}: {refused}");
        }
    }
}

fn mapped(queue: &str, function: &str, wiring: &str) -> String {
    format!(
        "stack: a\nqueues: {{ q: {{ {queue} }} }}\nfunctions: {{ f: {{ crate: functions/worker{function} }} }}\nwiring: [{{ from: queues.q, to: functions.f{wiring} }}]\n"
    )
}

/// aws-behaviours E5, E8
#[test]
fn mappings_have_the_ranges_of_lambda() {
    for (wiring, wanted) in [
        (", max_concurrency: 2", None),
        (", max_concurrency: 1000", None),
        (", max_concurrency: 1", Some("1")),
        (", max_concurrency: 1001", Some("1001")),
        (", batch: 10", None),
        (", batch: 10000, window: 1s", None),
        (", batch: 10000, window: 300s", None),
        (", batch: 0", Some("0")),
        (", batch: 10001, window: 1s", Some("10001")),
        (", window: 301s", Some("301s")),
    ] {
        let text = mapped("", "", wiring);
        let wanted: Vec<_> = wanted
            .map(|value| (Code::OutOfRange, vec![value]))
            .into_iter()
            .collect();
        assert_eq!(told(&text), wanted, "{wiring}");
    }
    assert_eq!(
        told(&mapped("", "", ", batch: 11")),
        [(Code::BatchNeedsWindow, vec!["11"])]
    );
    assert_eq!(
        told(&mapped("", "", ", batch: 11, window: 0s")),
        [(Code::BatchNeedsWindow, vec!["11", "0s"])]
    );
}

/// Lambda refuses less than the timeout; six times as long and the window is its advice only.
///
/// aws-behaviours Q10
#[test]
fn a_queue_hides_messages_at_least_as_long_as_its_function_may_take() {
    let window = ", batch: 100, window: 20s";
    assert_eq!(
        told(&mapped("visibility_timeout: 60s", ", timeout: 60s", window)),
        []
    );
    let text = mapped("visibility_timeout: 59s", ", timeout: 60s", window);
    assert_eq!(
        told(&text),
        [(Code::VisibilityBelowTimeout, vec!["59s", "60s"])]
    );
    let errors = resolve(&text, "embedded").expect_err("too short");
    assert_eq!(
        errors.errors()[0].next_step(),
        "set `visibility_timeout` to at least 60s; AWS advises six times the timeout and the window: `380s`"
    );
}

/// aws-behaviours E10
#[test]
fn a_wired_function_has_the_concurrency_that_its_wiring_may_use() {
    let reserved = |reserved: &str, wiring: &str| {
        mapped("", &format!(", reserved_concurrency: {reserved}"), wiring)
    };
    assert_eq!(told(&reserved("5", ", max_concurrency: 5")), []);
    assert_eq!(told(&reserved("1", "")), []);
    assert_eq!(
        told(&reserved("5", ", max_concurrency: 6")),
        [(Code::ConcurrencyAboveReserved, vec!["6", "5"])]
    );
    for wiring in ["", ", max_concurrency: 2"] {
        assert_eq!(
            told(&reserved("0", wiring)),
            [(Code::ConcurrencyAboveReserved, vec!["functions.f", "0"])]
        );
    }
}

/// aws-behaviours L21
#[test]
fn failed_invocations_have_lambdas_retries_and_a_queue_of_the_stack() {
    let stack = |fields: &str| {
        format!(
            "stack: a\nbuckets: {{ b: {{}} }}\nqueues: {{ q: {{}} }}\nfunctions: {{ f: {{ crate: functions/worker, {fields} }} }}\n"
        )
    };
    for taken in [
        "async_retries: 0",
        "async_retries: 2",
        "on_failure: queues.q",
    ] {
        assert_eq!(told(&stack(taken)), [], "{taken}");
    }
    for (refused, code, at) in [
        ("async_retries: 3", Code::OutOfRange, "3"),
        ("on_failure: buckets.b", Code::WrongKind, "buckets.b"),
        ("on_failure: queues.r", Code::UnknownReference, "queues.r"),
    ] {
        assert_eq!(told(&stack(refused)), [(code, vec![at])], "{refused}");
    }
}

/// The references are counted as long as their values are on AWS at least.
///
/// aws-behaviours L8
#[test]
fn references_count_in_the_size_of_an_environment() {
    let values = [
        ("${queues.q.name}", "a-q"),
        ("${queues.q.arn}", "arn:aws:sqs:us-east-1:123456789012:a-q"),
        (
            "${queues.q.url}",
            "https://sqs.us-east-1.amazonaws.com/123456789012/a-q",
        ),
        ("${buckets.b.name}", "a-b-123456789012-us-east-1"),
        (
            "${buckets.b.arn}",
            "arn:aws:s3:::a-b-123456789012-us-east-1",
        ),
        (
            "${tables.t.arn}",
            "arn:aws:dynamodb:us-east-1:123456789012:table/a-t",
        ),
        (
            "${functions.g.arn}",
            "arn:aws:lambda:us-east-1:123456789012:function:a-g",
        ),
    ];
    for (reference, value) in values {
        let stack = |bytes: usize| {
            let fill = "x".repeat(bytes - r#"{"BIG":""}"#.len() - value.len());
            let functions = format!(
                "g: {{ crate: functions/worker }}, f: {{ crate: functions/worker, environment: {{ BIG: '{fill}{reference}' }} }}"
            );
            format!(
                "stack: a\nqueues: {{ q: {{}} }}\nbuckets: {{ b: {{}} }}\ntables: {{ t: {{ partition_key: id }} }}\nfunctions: {{ {functions} }}\n"
            )
        };
        assert_eq!(told(&stack(4_096)), [], "{reference}");
        let text = stack(4_097);
        assert_eq!(
            told(&text),
            [(Code::EnvironmentTooLarge, vec!["environment"])],
            "{reference}"
        );
        let errors = resolve(&text, "embedded").expect_err("too large");
        assert_eq!(
            errors.errors()[0].to_string(),
            "the environment of `f` is at least 4097 bytes of JSON; Lambda takes 4096"
        );
    }
}

#[test]
fn roles_and_boundaries_are_taken_as_they_are_written() {
    let text = "stack: a
permissions_boundary: Boundary
functions:
  f: { crate: functions/worker, role: LabRole, access: [] }
  g: { crate: functions/worker }
targets:
  aws:
    permissions_boundary: 'arn:aws:iam::123456789012:policy/team/Boundary'
    functions: { g: { role: 'arn:aws:iam::123456789012:role/LabRole' } }
";
    let of = |target: &str| {
        let stack = resolve(text, target).expect("a valid stack");
        let roles: Vec<_> = stack.functions.iter().map(|f| f.role.clone()).collect();
        (stack.permissions_boundary, roles)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        of("embedded"),
        (some("Boundary"), vec![some("LabRole"), None])
    );
    assert_eq!(
        of("aws"),
        (
            some("arn:aws:iam::123456789012:policy/team/Boundary"),
            vec![
                some("LabRole"),
                some("arn:aws:iam::123456789012:role/LabRole")
            ]
        )
    );
}

#[test]
fn what_is_no_role_or_policy_is_refused_also_for_other_targets() {
    let text = "stack: a
permissions_boundary: 'arn:aws:iam::123456789012:role/x'
functions: { f: { crate: functions/worker, role: 'my role' } }
targets: { aws: { permissions_boundary: [x], functions: { f: { role: 'a/' } } }, localstack: { permission_boundary: x } }
";
    assert_eq!(
        told(text),
        [
            (Code::BadName, vec!["'arn:aws:iam::123456789012:role/x'"]),
            (Code::BadName, vec!["'my role'"]),
            (Code::WrongType, vec!["permissions_boundary"]),
            (Code::BadName, vec!["'a/'"]),
            (Code::UnknownSection, vec!["permission_boundary"]),
        ]
    );
}
