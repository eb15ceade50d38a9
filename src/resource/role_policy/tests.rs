use std::path::{Path, PathBuf};
use std::sync::Arc;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::stack::load;
use crate::target::{Connection, Product, ProductName, Target, row};

/// An account of AWS.
fn place() -> Place {
    let mut row = row("aws").expect("a row").clone();
    row.region = Some("eu-central-1".into());
    let connection = Connection::local(&row, None);
    let product = Product::named(ProductName::Aws);
    let account = "111122223333".to_owned();
    Place {
        target: Target::new(Arc::new(row), connection, account, product),
        artifacts: None,
    }
}

/// A stack of this text; the zips of its functions are there.
fn stack(text: &str) -> Stack {
    let root = tempfile::tempdir().expect("a directory");
    std::fs::write(root.path().join("f.zip"), "").expect("written");
    let file: PathBuf = root.path().join("stack.yaml");
    std::fs::write(&file, text).expect("written");
    load(&file, "aws").unwrap_or_else(|errors| panic!("{errors:?} in\n{text}"))
}

/// The policy of a function, one line for each statement.
fn shown(stack: &Stack, function: &str) -> String {
    let place = place();
    let function = stack.function(function).expect("the function");
    let lines = statements(stack, &place, function)
        .into_iter()
        .map(|(sid, mut statement)| {
            let fields = statement.as_object_mut().expect("an object");
            assert_eq!(fields.shift_remove("Effect"), Some("Allow".into()));
            let words = |value: &Value| match value {
                Value::Array(many) => {
                    let texts: Vec<&str> = many.iter().filter_map(Value::as_str).collect();
                    texts.join(" ")
                }
                one => one.as_str().expect("a text").to_owned(),
            };
            let line = format!(
                "{sid}: {}\n    on {}\n",
                words(&statement["Action"]),
                words(&statement["Resource"])
            );
            line.replace(":eu-central-1:111122223333:", ":HERE:")
                .replace("-111122223333-eu-central-1", "-HERE")
        });
    lines.collect()
}

/// aws-behaviours C2
#[test]
fn the_log_pipeline_is_allowed_what_its_functions_do() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/log-pipeline.yaml");
    let stack = load(&file, "aws").expect("a valid stack");
    assert_snapshot!(shown(&stack, "trigger"), @r"
    WriteLogs: logs:CreateLogStream logs:PutLogEvents
        on arn:aws:logs:HERE:log-group:/aws/lambda/log-pipeline-trigger:*
    SendJobs: sqs:SendMessage
        on arn:aws:sqs:HERE:log-pipeline-jobs
    WriteResults: dynamodb:BatchWriteItem dynamodb:PutItem dynamodb:UpdateItem
        on arn:aws:dynamodb:HERE:table/log-pipeline-results
    FailuresToUploadsDlq: sqs:SendMessage
        on arn:aws:sqs:HERE:log-pipeline-uploads-dlq
    ");
    assert_snapshot!(shown(&stack, "worker"), @r"
    WriteLogs: logs:CreateLogStream logs:PutLogEvents
        on arn:aws:logs:HERE:log-group:/aws/lambda/log-pipeline-worker:*
    ReadUploads: s3:GetObject s3:GetObjectVersion
        on arn:aws:s3:::log-pipeline-uploads-HERE/*
    ListUploads: s3:ListBucket
        on arn:aws:s3:::log-pipeline-uploads-HERE
    SendJobsDlq: sqs:SendMessage
        on arn:aws:sqs:HERE:log-pipeline-jobs-dlq
    WriteResults: dynamodb:BatchWriteItem dynamodb:PutItem dynamodb:UpdateItem
        on arn:aws:dynamodb:HERE:table/log-pipeline-results
    ReceiveJobs: sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage
        on arn:aws:sqs:HERE:log-pipeline-jobs
    ");
}

#[test]
fn a_table_is_read_with_its_indexes() {
    let stack = stack(
        "stack: s
tables:
  plain: { partition_key: id }
  rich:
    partition_key: id
    indexes: { by_day: { partition_key: day }, by_user: { partition_key: user } }
functions:
  f: { artifact: f.zip, access: [{ read: tables.plain }, { read: tables.rich }] }
",
    );
    assert_snapshot!(shown(&stack, "f"), @r"
    WriteLogs: logs:CreateLogStream logs:PutLogEvents
        on arn:aws:logs:HERE:log-group:/aws/lambda/s-f:*
    ReadPlain: dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query dynamodb:Scan
        on arn:aws:dynamodb:HERE:table/s-plain
    ReadRich: dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query dynamodb:Scan
        on arn:aws:dynamodb:HERE:table/s-rich
    ReadIndexesOfRich: dynamodb:Query dynamodb:Scan
        on arn:aws:dynamodb:HERE:table/s-rich/index/by_day arn:aws:dynamodb:HERE:table/s-rich/index/by_user
    ");
}

#[test]
fn a_bucket_is_written_and_a_queue_is_read_without_a_mapping() {
    let stack = stack(
        "stack: s
buckets: { out: {} }
queues: { todo: {} }
functions:
  f: { artifact: f.zip, access: [{ write: buckets.out }, { read: queues.todo }] }
",
    );
    assert_snapshot!(shown(&stack, "f"), @r"
    WriteLogs: logs:CreateLogStream logs:PutLogEvents
        on arn:aws:logs:HERE:log-group:/aws/lambda/s-f:*
    WriteOut: s3:AbortMultipartUpload s3:PutObject
        on arn:aws:s3:::s-out-HERE/*
    ReadTodo: sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage
        on arn:aws:sqs:HERE:s-todo
    ");
}

#[test]
fn names_that_come_to_the_same_sid_are_told_apart_and_nothing_is_said_twice() {
    let stack = stack(
        "stack: s
queues: { a-b: {}, a_b: {}, a-b2: {} }
tables: { a-b: { partition_key: id } }
functions:
  f:
    artifact: f.zip
    access:
      - { send: queues.a-b }
      - { send: queues.a_b }
      - { send: queues.a-b }
      - { send: queues.a_b }
      - { send: queues.a-b2 }
      - { read: tables.a-b }
      - { read: queues.a-b }
      - { read: tables.a-b }
",
    );
    assert_snapshot!(shown(&stack, "f"), @r"
    WriteLogs: logs:CreateLogStream logs:PutLogEvents
        on arn:aws:logs:HERE:log-group:/aws/lambda/s-f:*
    SendAB: sqs:SendMessage
        on arn:aws:sqs:HERE:s-a-b
    SendAB2: sqs:SendMessage
        on arn:aws:sqs:HERE:s-a_b
    SendAB22: sqs:SendMessage
        on arn:aws:sqs:HERE:s-a-b2
    ReadAB: dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query dynamodb:Scan
        on arn:aws:dynamodb:HERE:table/s-a-b
    ReadAB2: sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage
        on arn:aws:sqs:HERE:s-a-b
    ");
}

#[test]
fn a_queue_that_is_wired_and_readable_is_allowed_by_both() {
    let stack = stack(
        "stack: s
queues: { jobs: { visibility_timeout: 180s }, gone: {} }
functions:
  f:
    artifact: f.zip
    timeout: 30s
    access: [{ read: queues.jobs }, { send: queues.gone }]
    on_failure: queues.gone
wiring: [{ from: queues.jobs, to: functions.f }]
",
    );
    assert_snapshot!(shown(&stack, "f"), @r"
    WriteLogs: logs:CreateLogStream logs:PutLogEvents
        on arn:aws:logs:HERE:log-group:/aws/lambda/s-f:*
    ReadJobs: sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage
        on arn:aws:sqs:HERE:s-jobs
    SendGone: sqs:SendMessage
        on arn:aws:sqs:HERE:s-gone
    ReceiveJobs: sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage
        on arn:aws:sqs:HERE:s-jobs
    FailuresToGone: sqs:SendMessage
        on arn:aws:sqs:HERE:s-gone
    ");
}

#[test]
fn long_names_of_roles_are_cut_and_stay_distinct() {
    let place = place();
    let same = "a".repeat(58);
    let stack = stack(&format!(
        "stack: s
functions:
  f: {{ artifact: f.zip }}
  {same}b: {{ artifact: f.zip }}
  {same}c: {{ artifact: f.zip }}
"
    ));
    let name = |function: &str| place.role(&stack, function).name;
    assert_eq!(name("f"), "s-f-eu-central-1");
    let (b, c) = (name(&format!("{same}b")), name(&format!("{same}c")));
    assert_ne!(b, c);
    for name in [&b, &c] {
        assert_eq!(name.len(), 64, "{name}");
        assert!(name.starts_with("s-aaaa"), "{name}");
    }
    assert_eq!(b, name(&format!("{same}b")), "always the same");
    // One that only just fits is not cut.
    let fits = "a".repeat(64 - "s--eu-central-1".len());
    assert_eq!(name(&fits), format!("s-{fits}-eu-central-1"));
    assert_eq!(name(&format!("{fits}a")).len(), 64);
    let arn = place.role(&stack, "f").arn;
    assert_eq!(
        arn.as_deref(),
        Some("arn:aws:iam::111122223333:role/pipectl/s/eu-central-1/s-f-eu-central-1")
    );
}

#[test]
fn the_document_tells_the_actions_and_what_a_deployer_calls() {
    let document = include_str!("../../../docs/roles.md");
    for actions in [
        READ_OBJECTS,
        LIST_OBJECTS,
        WRITE_OBJECTS,
        READ_ITEMS,
        READ_INDEX,
        WRITE_ITEMS,
        SEND,
        RECEIVE,
        READ_MESSAGES,
        WRITE_LOGS,
    ] {
        let cell = format!("| `{}` |", actions.join("` `"));
        assert!(document.contains(&cell), "{cell}");
    }
    // Every call that the kind makes, and nothing else but handing the role over.
    let calls = include_str!("../role.rs").split("failed(\"").skip(1);
    let mut called: Vec<&str> = calls.filter_map(|rest| rest.split('"').next()).collect();
    called.push("PassRole");
    // A role is made with its tags.
    called.push("TagRole");
    called.sort_unstable();
    called.dedup();
    let policy = document.split("```").nth(1).expect("a policy");
    let named = policy.split("\"iam:").skip(1);
    let mut named: Vec<&str> = named
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| *name != "PassedToService")
        .collect();
    named.sort_unstable();
    assert_eq!(named, called);
}

/// Does the text stand for more than itself in a policy?
fn is_open(text: &str) -> bool {
    text.contains(['*', '?'])
}

proptest! {
    /// aws-behaviours C2
    #[test]
    fn nothing_is_open_but_objects_and_log_streams(
        stack_name in "[a-z][a-z0-9-]{0,10}[a-z0-9]",
        names in prop::collection::btree_set("[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?", 1..4),
        access in prop::collection::vec((0..6_usize, any::<prop::sample::Index>()), 0..12),
        fails in any::<bool>(),
        wired in any::<bool>(),
    ) {
        // Kept for the bucket of large zips.
        prop_assume!(!names.contains("zips"));
        // S3 keeps these ends and beginnings of buckets' names for itself: the stack file is refused. // aws-behaviours S4
        prop_assume!(!names.iter().any(|name| name == "an" || name.ends_with("-an")));
        prop_assume!(!["xn--", "sthree-"].iter().any(|kept| stack_name.starts_with(kept)));
        let names: Vec<String> = names.into_iter().collect();
        let mut text = format!("stack: {stack_name}\n");
        for (kind, body) in [
            ("buckets", "{}"),
            ("queues", "{ visibility_timeout: 180s }"),
            ("tables", "{ partition_key: id, indexes: { by_day: { partition_key: day } } }"),
        ] {
            text += &format!("{kind}:\n");
            for name in &names {
                text += &format!("  \"{name}\": {body}\n");
            }
        }
        text += "functions:\n  f:\n    artifact: f.zip\n    timeout: 30s\n    access:\n";
        for (what, name) in &access {
            let what = [
                "read: buckets", "write: buckets", "read: queues", "send: queues", "read: tables", "write: tables",
            ][*what];
            text += &format!("      - {{ {what}.{} }}\n", name.get(&names));
        }
        if access.is_empty() {
            text = text.replace("    access:\n", "");
        }
        if fails {
            text += &format!("    on_failure: queues.{}\n", names[0]);
        }
        if wired {
            text += &format!("wiring: [{{ from: queues.{}, to: functions.f }}]\n", names[0]);
        }
        let stack = stack(&text);
        let place = place();
        let own_group = place.log_group(&stack, "f").arn.expect("an ARN");
        let function = stack.function("f").expect("the function");
        let mut sids = std::collections::BTreeSet::new();
        for (sid, statement) in statements(&stack, &place, function) {
            prop_assert!(sid.chars().all(|c| c.is_ascii_alphanumeric()), "{sid}");
            prop_assert!(sids.insert(sid.clone()), "{sid} twice");
            let list = |field: &str| -> Vec<String> {
                match &statement[field] {
                    Value::Array(many) => many.iter().map(|one| one.as_str().expect("a text").to_owned()).collect(),
                    one => vec![one.as_str().expect("a text").to_owned()],
                }
            };
            for action in list("Action") {
                prop_assert!(!is_open(&action), "{sid}: {action}");
                prop_assert!(action != "logs:CreateLogGroup");
            }
            for resource in list("Resource") {
                let closed = match resource.strip_suffix('*') {
                    None => &resource[..],
                    Some(of) if of == format!("{own_group}:") => of,
                    Some(of) => {
                        let objects = of.strip_prefix("arn:aws:s3:::").and_then(|of| of.strip_suffix('/'));
                        prop_assert!(objects.is_some_and(|bucket| !bucket.contains('/')), "{sid}: {resource}");
                        of
                    }
                };
                prop_assert!(!is_open(closed) && closed.starts_with("arn:aws:"), "{sid}: {resource}");
            }
        }
    }
}
