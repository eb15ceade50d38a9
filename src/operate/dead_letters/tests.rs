//! What messages tell, and which are meant: without any endpoint.

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName as System};
use serde_json::{Value, json};

use super::choose::{Chosen, Meant, choose};
use super::logs::error_in;
use super::queues::{SourceFunction, SourceQueue};
use super::read::{LetterKind, ToldBy, UNKNOWN, detail, is_set_aside, letter, payload};
use super::{DeadLetter, DeadLetterError, DeadLetterQueue};
use crate::resource::Identity;
use crate::stack::model::{Kind, LogicalId};

const JOBS: &str = "arn:aws:sqs:us-east-1:000000000000:s-jobs";

fn identity(name: &str) -> Identity {
    Identity {
        name: name.to_owned(),
        ..Identity::default()
    }
}

fn source(name: &str, sets_aside: bool) -> SourceQueue {
    SourceQueue {
        id: LogicalId::new(Kind::Queue, name),
        queue: identity(&format!("s-{name}")),
        max_receives: 5,
        consumers: vec!["s-worker".to_owned()],
        sets_aside,
    }
}

fn queue(sources: Vec<SourceQueue>, functions: &[&str]) -> DeadLetterQueue {
    DeadLetterQueue {
        id: LogicalId::new(Kind::Queue, "dlq"),
        queue: identity("s-dlq"),
        sources,
        functions: functions
            .iter()
            .map(|name| SourceFunction {
                id: LogicalId::new(Kind::Function, *name),
                name: format!("s-{name}"),
            })
            .collect(),
    }
}

/// The dead letter queue of `jobs`.
fn jobs_dlq() -> DeadLetterQueue {
    queue(vec![source("jobs", true)], &[])
}

fn message(
    id: &str,
    body: &str,
    attributes: &[(&str, &str)],
    given_up_by: Option<&str>,
) -> Message {
    let mut message = Message::builder()
        .message_id(id)
        .body(body)
        .attributes(System::SentTimestamp, "1763978400000")
        .attributes(System::ApproximateReceiveCount, "3");
    if let Some(arn) = given_up_by {
        message = message.attributes(System::DeadLetterQueueSourceArn, arn);
    }
    for (name, text) in attributes {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(*text)
            .build()
            .expect("a value");
        message = message.message_attributes(*name, value);
    }
    message.build()
}

fn job() -> String {
    json!({
        "schema": 1, "job_id": "j1", "bucket": "b", "key": "logs/a b.log", "version_id": "v",
        "size": 7, "event_ms": 1_763_978_390_000_i64, "trigger_start_ms": 1_763_978_391_000_i64,
        "sent_ms": 1_763_978_392_000_i64, "trigger_cold": true,
    })
    .to_string()
}

const REASON: &[(&str, &str)] = &[
    ("reason", "no_record"),
    ("reason_text", "no line is a record"),
    ("job_id", "j1"),
    ("key", "logs/a b.log"),
    ("failed_at", "2025-11-24T09:59:59.000Z"),
    ("receive_count", "2"),
];

fn record(condition: &str, answer: Value) -> Value {
    json!({
        "version": "1.0", "timestamp": "2025-11-24T10:00:00.000Z",
        "requestContext": {
            "requestId": "r",
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:s-trigger:$LATEST",
            "condition": condition, "approximateInvokeCount": 3,
        },
        "requestPayload": {"Records": [{
            "eventTime": "2025-11-24T09:00:00.000Z",
            "s3": {"bucket": {"name": "b"},
                "object": {"key": "logs/a+b%2B.log", "size": 7, "eTag": "e", "versionId": "v"}},
        }]},
        "responsePayload": answer,
    })
}

#[test]
fn a_job_that_the_worker_set_aside_tells_file_and_reason() {
    let message = message("m1", &job(), REASON, None);
    let read = letter(&message, &jobs_dlq());
    assert_eq!(read.kind, LetterKind::Message);
    assert_eq!(read.from, Some(LogicalId::new(Kind::Queue, "jobs")));
    let file = &read.files[0];
    assert_eq!(
        (file.bucket.as_str(), file.key.as_str()),
        ("b", "logs/a b.log")
    );
    assert_eq!(
        (file.version_id.as_deref(), file.job_id.as_str()),
        (Some("v"), "j1")
    );
    assert_eq!(read.since.as_deref(), Some("2025-11-24T10:00:00.000Z"));
    assert_eq!((read.receives, read.tries), (Some(3), Some(2)));
    assert_eq!(
        (read.why.code.as_str(), read.why.told_by),
        ("no_record", ToldBy::Attributes)
    );
    assert_eq!(read.why.text, "no line is a record");
    assert!(is_set_aside(&message));
    // By a worker of before, or one of somebody else: nobody tells.
    let silent = letter(
        &self::message("m1", &job(), &REASON[..5], None),
        &jobs_dlq(),
    );
    assert_eq!(
        (silent.why.code.as_str(), silent.tries),
        ("no_record", None)
    );

    let whole = detail(&message, &jobs_dlq());
    let history: Vec<&str> = whole
        .history
        .iter()
        .map(|moment| moment.what.as_str())
        .collect();
    assert_eq!(
        history,
        [
            "the object came",
            "the trigger began",
            "the job was sent",
            "set aside by the function",
            "came into the dead letter queue"
        ]
    );
    assert_eq!(whole.attributes["key"], "logs/a b.log");
    assert_eq!(whole.body["job_id"], "j1");
}

/// A move task takes attributes along: what SQS gave up later is not there for that reason.
#[test]
fn an_old_reason_is_not_why_sqs_gave_it_up() {
    let read = letter(&message("m1", &job(), REASON, Some(JOBS)), &jobs_dlq());
    assert_eq!(
        (read.why.code.as_str(), read.why.text.as_str()),
        ("max_receives", UNKNOWN)
    );
    assert_eq!((read.why.told_by, read.tries), (ToldBy::Nobody, Some(5)));
    assert_eq!(
        read.before.map(|why| why.code).as_deref(),
        Some("no_record")
    );
}

/// aws-behaviours S13, L21
#[test]
fn a_record_of_a_failed_invocation_tells_upload_error_and_tries() {
    let uploads = queue(Vec::new(), &["trigger"]);
    let answer = json!({"errorType": "EffectError", "errorMessage": "no such queue"});
    let body = record("RetriesExhausted", answer).to_string();
    let message = message("m1", &body, &[], None);
    let read = letter(&message, &uploads);
    assert_eq!(read.kind, LetterKind::Invocation);
    assert_eq!(read.from, Some(LogicalId::new(Kind::Function, "trigger")));
    assert_eq!(read.files[0].key, "logs/a b+.log");
    assert_eq!(
        read.files[0].job_id,
        model::job_id("b", "logs/a b+.log", Some("v"), Some("e"))
    );
    assert_eq!(read.tries, Some(3));
    assert_eq!(read.why.code, "RetriesExhausted");
    assert_eq!(read.why.text, "EffectError: no such queue");
    let sent_again: Value = serde_json::from_str(&payload(&message).expect("one")).expect("JSON");
    assert_eq!(sent_again, record("", Value::Null)["requestPayload"]);
    let history: Vec<String> = detail(&message, &uploads)
        .history
        .into_iter()
        .map(|moment| moment.what)
        .collect();
    assert_eq!(history[0], "the object came");
    assert!(
        history.contains(&"given up: RetriesExhausted".to_owned()),
        "{history:?}"
    );
}

#[test]
fn records_without_an_error_say_what_there_is() {
    let uploads = queue(Vec::new(), &["trigger"]);
    for (condition, answer, text) in [
        (
            "EventAgeExceeded",
            Value::Null,
            "the event was too old before it could be tried",
        ),
        ("RetriesExhausted", Value::Null, UNKNOWN),
        ("RetriesExhausted", json!("x"), "\"x\""),
        ("RetriesExhausted", json!({"errorMessage": "m"}), "m"),
        (
            "RetriesExhausted",
            json!({"errorType": "&alloc::boxed::Box<dyn Error>", "errorMessage": "m"}),
            "m",
        ),
    ] {
        let body = record(condition, answer).to_string();
        assert_eq!(
            letter(&message("m", &body, &[], None), &uploads).why.text,
            text
        );
    }
}

/// A record that another queue gave up is that queue's message: it goes back there.
#[test]
fn a_record_from_another_queue_is_its_message() {
    let body = record("RetriesExhausted", Value::Null).to_string();
    let both = queue(vec![source("jobs", false)], &["trigger"]);
    assert_eq!(
        letter(&message("m", &body, &[], None), &both).kind,
        LetterKind::Invocation
    );
    let moved = letter(&message("m", &body, &[], Some(JOBS)), &both);
    assert_eq!(moved.kind, LetterKind::Message);
    assert_eq!(moved.from, Some(LogicalId::new(Kind::Queue, "jobs")));
}

#[test]
fn whatever_else_comes_is_a_letter_too() {
    for body in [
        "",
        "not JSON",
        "[]",
        "7",
        "{}",
        r#"{"Records":[{}]}"#,
        r#"{"key":"k"}"#,
    ] {
        // One mark alone is somebody's own attribute.
        let message = message("m", body, &[("reason", "theirs")], None);
        for queue in [jobs_dlq(), queue(Vec::new(), &["trigger"])] {
            let read = letter(&message, &queue);
            assert_eq!(read.kind, LetterKind::Message, "{body}");
            assert_eq!(read.files, [], "{body}");
            assert_eq!(
                (read.why.code.as_str(), read.why.text.as_str()),
                ("unknown", UNKNOWN)
            );
            assert!(!is_set_aside(&message));
            assert_eq!(detail(&message, &queue).attributes["reason"], "theirs");
        }
    }
    let bare = letter(&Message::builder().build(), &jobs_dlq());
    assert_eq!(
        (bare.message_id.as_str(), bare.since, bare.receives),
        ("", None, None)
    );
}

#[test]
fn a_source_is_the_one_told_or_the_only_one_that_can_be() {
    let two = queue(vec![source("jobs", false), source("mails", true)], &[]);
    let name = |source: Option<&SourceQueue>| source.map(|source| source.id.name.clone());
    assert_eq!(name(two.source(Some(JOBS))).as_deref(), Some("jobs"));
    assert_eq!(name(two.source(None)).as_deref(), Some("mails"));
    assert_eq!(
        name(two.source(Some("arn:aws:sqs:us-east-1:0:other"))),
        None
    );
    let unclear = queue(vec![source("jobs", true), source("mails", true)], &[]);
    assert_eq!(name(unclear.source(None)), None);
    assert!(two.only_source().is_none() && jobs_dlq().only_source().is_some());
    // What records of invocations come to, too, cannot be moved as a whole.
    assert!(
        queue(vec![source("jobs", true)], &["f"])
            .only_source()
            .is_none()
    );
}

fn some(messages: &[(&str, &str)]) -> Vec<DeadLetter> {
    messages
        .iter()
        .map(|(id, job_id)| {
            let body = json!({"job_id": job_id, "bucket": "b", "key": "k"}).to_string();
            letter(&message(id, &body, &[], None), &jobs_dlq())
        })
        .collect()
}

#[test]
fn letters_are_meant_by_message_job_or_the_beginning_of_one() {
    let letters = some(&[
        ("aa1", "f00"),
        ("aa2", "f00"),
        ("ab3", "e11"),
        ("ab34", "aab"),
    ]);
    let meant = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        choose(&letters, &Meant::Ids(ids))
    };
    let chosen = |messages: &[&str], missing: &[&str]| {
        Ok(Chosen {
            messages: messages.iter().map(|id| (*id).to_owned()).collect(),
            missing: missing.iter().map(|id| (*id).to_owned()).collect(),
        })
    };
    assert_eq!(meant(&["aa1"]), chosen(&["aa1"], &[]));
    // A job that waits twice is both; a whole id is no beginning of another.
    assert_eq!(meant(&["f0"]), chosen(&["aa1", "aa2"], &[]));
    assert_eq!(meant(&["ab3"]), chosen(&["ab3"], &[]));
    assert_eq!(meant(&["e", "zz", "aa2"]), chosen(&["ab3", "aa2"], &["zz"]));
    let all = choose(&letters, &Meant::All).expect("all");
    assert_eq!(all.messages.len(), 4);
    // "aa" begins two messages, and the job of a third.
    let ambiguous = DeadLetterError::Ambiguous {
        id: "aa".to_owned(),
        found: "aa1, aa2, aab".to_owned(),
    };
    assert_eq!(meant(&["aa"]), Err(ambiguous));
}

#[test]
fn an_error_is_found_in_lines_of_json_and_of_text() {
    let json = r#"{"level":"WARN","message_id":"m","error":"no table","message":"again"}"#;
    assert_eq!(error_in(json).as_deref(), Some("no table"));
    let nested = r#"{"fields":{"error":"deep"}}"#;
    assert_eq!(error_in(nested).as_deref(), Some("deep"));
    assert_eq!(error_in(r#"{"message":"m done"}"#), None);
    assert_eq!(error_in("ERROR m: bad\n").as_deref(), Some("ERROR m: bad"));
    assert_eq!(error_in("m is fine"), None);
}
