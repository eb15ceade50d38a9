use super::{project, resolve};
use crate::stack::load;
use crate::stack::model::*;

#[test]
fn the_example_is_read_in_full() {
    let file = project().join("stacks/log-pipeline.yaml");
    let stack = load(&file, "embedded").expect("a valid stack");
    assert_eq!((stack.name.as_str(), &stack.file), ("log-pipeline", &file));
    assert_eq!(
        stack.root,
        project().canonicalize().expect("the repository")
    );

    let uploads = stack.bucket("uploads").expect("the bucket");
    assert_eq!(
        (uploads.versioning, uploads.expire_after, uploads.retain),
        (true, Some(Days(30)), false)
    );

    let jobs = stack.queue("jobs").expect("the queue");
    assert_eq!(
        (jobs.visibility_timeout, jobs.retention, jobs.delay),
        (Seconds(180), Seconds(345_600), Seconds(0))
    );
    let dead_letter = jobs.dead_letter.as_ref().expect("the redrive policy");
    assert_eq!(
        (dead_letter.queue.as_str(), dead_letter.max_receives),
        ("jobs-dlq", 5)
    );
    assert_eq!(
        stack.queue("jobs-dlq").map(|queue| queue.retention),
        Some(Seconds(1_209_600))
    );

    let results = stack.table("results").expect("the table");
    assert_eq!(
        results.partition_key,
        Key {
            name: "job_id".to_owned(),
            key_type: KeyType::String
        }
    );
    assert_eq!(
        (results.ttl.as_deref(), &results.sort_key),
        (Some("expires_at"), &None)
    );
    let index = &results.indexes[0];
    assert_eq!(
        (index.name.as_str(), index.partition_key.name.as_str()),
        ("by_day", "day")
    );
    assert_eq!(
        index.sort_key.as_ref().map(|key| key.name.as_str()),
        Some("processed_at")
    );

    let trigger = stack.function("trigger").expect("the function");
    assert_eq!(
        (trigger.memory, trigger.timeout),
        (Megabytes(256), Seconds(30))
    );
    assert_eq!(
        (trigger.architecture, trigger.log_retention),
        (Architecture::Host, Days(14))
    );
    assert_eq!(
        (trigger.async_retries, trigger.reserved_concurrency),
        (2, None)
    );
    assert_eq!(trigger.on_failure.as_deref(), Some("uploads-dlq"));
    assert_eq!(trigger.environment[0].0, "JOBS_QUEUE_URL");
    let references: Vec<String> = trigger.environment[0]
        .1
        .references()
        .map(ToString::to_string)
        .collect();
    assert_eq!(references, ["${queues.jobs.url}"]);
    let access: Vec<String> = trigger
        .access
        .iter()
        .map(|a| format!("{:?} {}", a.action, a.on))
        .collect();
    assert_eq!(access, ["Send queues.jobs", "Write tables.results"]);

    let notification = &stack.notifications[0];
    assert_eq!(notification.name(), "uploads-trigger-logs");
    assert_eq!(
        (&notification.events[..], notification.prefix.as_str()),
        (&["s3:ObjectCreated:*".to_owned()][..], "logs/")
    );
    let mapping = &stack.mappings[0];
    assert_eq!(
        (mapping.name().as_str(), mapping.batch, mapping.window),
        ("jobs-worker", 10, Seconds(0))
    );
    assert_eq!(mapping.max_concurrency, Some(50));

    assert_eq!(
        stack.templates[0].file.to_str(),
        Some("templates/observability.yaml")
    );
    assert_eq!(stack.templates[0].parameters[0].0, "DeadLetterQueueName");
    assert_eq!(stack.outputs.len(), 2);
}

#[test]
fn a_target_changes_what_it_names_and_nothing_else() {
    let file = project().join("stacks/log-pipeline.yaml");
    let aws = load(&file, "aws").expect("a valid stack");
    let embedded = load(&file, "embedded").expect("a valid stack");
    let architectures: Vec<_> = aws
        .functions
        .iter()
        .map(|function| function.architecture)
        .collect();
    assert_eq!(architectures, [Architecture::Arm64, Architecture::Arm64]);
    let plain = |mut stack: Stack| {
        stack
            .functions
            .iter_mut()
            .for_each(|function| function.architecture = Architecture::Host);
        format!("{stack:?}")
    };
    assert_eq!(plain(aws), plain(embedded));
}

#[test]
fn every_field_has_a_default_or_is_required() {
    let stack = resolve(
        "stack: small\nbuckets: { files: }\nqueues: { jobs: {} }\ntables: { rows: { partition_key: id } }\nfunctions: { f: { crate: functions/worker } }\n",
        "embedded",
    )
    .expect("a valid stack");
    let queue = &stack.queues[0];
    assert_eq!(
        (queue.visibility_timeout, queue.retention, queue.delay),
        (Seconds(30), Seconds(345_600), Seconds(0))
    );
    let function = &stack.functions[0];
    assert_eq!(
        (function.memory, function.timeout),
        (Megabytes(128), Seconds(3))
    );
    assert!(
        !stack.buckets[0].versioning
            && stack.tables[0].indexes.is_empty()
            && stack.wiring_is_empty()
    );
}

impl Stack {
    fn wiring_is_empty(&self) -> bool {
        self.notifications.is_empty() && self.mappings.is_empty()
    }
}

#[test]
fn texts_are_literals_and_references_in_order() {
    let stack = resolve(
        "stack: a\nqueues: { q: {} }\noutputs: { x: \"a${queues.q.url}b$${c}${queues.q.arn}\", y: '' , z: \"\\u0041${queues.q.name}\" }\n",
        "embedded",
    )
    .expect("a valid stack");
    let literal = |text: &str| Part::Literal(text.to_owned());
    let reference = |attribute| {
        Part::Reference(Reference {
            id: LogicalId::new(Kind::Queue, "q"),
            attribute,
        })
    };
    assert_eq!(
        stack.outputs[0].1.parts,
        [
            literal("a"),
            reference(Attribute::Url),
            literal("b${c}"),
            reference(Attribute::Arn)
        ]
    );
    assert_eq!(stack.outputs[1].1.parts, []);
    assert_eq!(
        stack.outputs[2].1.parts,
        [literal("A"), reference(Attribute::Name)]
    );
}

#[test]
fn keys_have_types_and_events_have_two_writings() {
    let stack = resolve(
        "stack: a
buckets: { b: {} }
tables:
  t:
    partition_key: id
    sort_key: { name: at, type: number }
    indexes: { by_at: { partition_key: { name: at, type: number }, sort_key: { name: id } } }
functions: { f: { crate: functions/trigger } }
wiring:
  - { from: buckets.b, to: functions.f, events: [object-created-multipart, 's3:ObjectTagging:Put'], suffix: .log }
  - { from: buckets.b, to: functions.f, events: [object-removed] }
",
        "embedded",
    )
    .expect("a valid stack");
    assert_eq!(
        stack.tables[0].sort_key.as_ref().map(|key| key.key_type),
        Some(KeyType::Number)
    );
    assert_eq!(
        stack.notifications[0].events,
        [
            "s3:ObjectCreated:CompleteMultipartUpload",
            "s3:ObjectTagging:Put"
        ]
    );
}

#[test]
fn anchors_and_merge_keys_are_fine() {
    let stack = resolve(
        "stack: a
functions:
  f: &common { crate: functions/trigger, timeout: 10s }
  g: { <<: *common, crate: functions/worker }
queues: { q: { visibility_timeout: 60s }, r: { visibility_timeout: 60s } }
wiring: [{ from: queues.q, to: functions.f }, { from: queues.q, to: functions.g }]
",
        "embedded",
    )
    .expect("a valid stack");
    let timeouts: Vec<_> = stack
        .functions
        .iter()
        .map(|f| (f.source.clone(), f.timeout.0))
        .collect();
    assert_eq!(
        timeouts,
        [
            (Source::Crate("functions/trigger".into()), 10),
            (Source::Crate("functions/worker".into()), 10)
        ]
    );
    assert_eq!(stack.mappings.len(), 2);
}

#[test]
fn a_target_may_take_a_zip_where_others_build_the_crate() {
    let text = "stack: a
functions:
  f: { crate: functions/worker, environment: { crate: x } }
targets:
  aws: { functions: { f: { artifact: Cargo.toml, environment: { artifact: y } } } }
";
    let source = |target| {
        let stack = resolve(text, target).expect("a valid stack");
        let names: Vec<String> = stack.functions[0]
            .environment
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        (stack.functions[0].source.clone(), names)
    };
    assert_eq!(
        source("embedded"),
        (
            Source::Crate("functions/worker".into()),
            vec!["crate".to_owned()]
        )
    );
    assert_eq!(
        source("aws"),
        (
            Source::Artifact("Cargo.toml".into()),
            vec!["crate".to_owned(), "artifact".to_owned()]
        )
    );
}

#[test]
fn tests_are_read_with_what_they_expect() {
    let text = "stack: a\ntables: { t: { partition_key: id } }\nqueues: { failed: {} }\nfunctions: { f: { crate: functions/worker } }\ntests:\n  one:\n    upload: Cargo.toml\n    key: in/one.log\n    within: 2m\n    expect:\n      - item: { table: tables.t, has: { id: x, lines: 7, share: 0.5, ok: true } }\n      - message: { queue: queues.failed, contains: one.log }\n      - log: { function: functions.f, contains: done }\n  two: { upload: Cargo.toml, expect: [{ log: { function: functions.f, contains: x } }] }\n";
    let stack = resolve(text, "embedded").expect("a valid stack");
    let [one, two] = &stack.tests[..] else {
        panic!("{:?}", stack.tests);
    };
    assert_eq!(
        (one.name.as_str(), one.key.as_deref(), one.within),
        ("one", Some("in/one.log"), Seconds(120))
    );
    let told: Vec<String> = one.expect.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "item in tables.t with id x, lines 7, share 0.5, ok true",
            "message in queues.failed with `one.log`",
            "line of functions.f with `done`",
        ]
    );
    assert_eq!((two.key.as_deref(), two.within), (None, Seconds(30)));
}
