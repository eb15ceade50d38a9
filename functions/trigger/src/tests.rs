use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::*;

#[derive(Default)]
struct Recorded {
    sent: Mutex<Vec<ProcessingJob>>,
    rejected: Mutex<Vec<JobResult>>,
    /// Keys whose jobs cannot be sent.
    failing: Vec<&'static str>,
}

impl Effects for Recorded {
    async fn send(&self, job: &ProcessingJob) -> Result<(), EffectError> {
        if self.failing.contains(&job.key.as_str()) {
            return Err(EffectError::permanent("SQS is away"));
        }
        self.sent
            .lock()
            .expect("no holder panics")
            .push(job.clone());
        Ok(())
    }

    async fn write_rejected(&self, result: JobResult) -> Result<(), EffectError> {
        self.rejected.lock().expect("no holder panics").push(result);
        Ok(())
    }
}

fn limits() -> Limits {
    Limits::new(None, 256, Duration::from_secs(30))
}

fn record(key: &str, size: u64) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-23T10:00:00.250Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "p"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
            "bucket": {"name": "b", "ownerIdentity": {"principalId": "p"}, "arn": "arn:aws:s3:::b"},
            "object": {"key": key, "size": size, "eTag": "e1", "versionId": "v1", "sequencer": "01"}}
    })
}

/// aws-behaviours S13
#[tokio::test]
async fn a_log_file_becomes_a_job_with_its_decoded_key() {
    let effects = Recorded::default();
    let event = json!({"Records": [record("logs/a+%C3%BC.ndjson", 10)]});
    let summary = handle(event, &limits(), true, &effects)
        .await
        .expect("handled");
    assert_eq!(
        summary,
        Summary {
            sent: 1,
            ..Summary::default()
        }
    );
    let sent = effects.sent.lock().expect("no holder panics");
    let job = &sent[0];
    assert_eq!(
        (job.bucket.as_str(), job.key.as_str(), job.size),
        ("b", "logs/a ü.ndjson", 10)
    );
    assert_eq!(job.job_id, job_id("b", "logs/a ü.ndjson", Some("v1"), None));
    assert_eq!(job.event_ms, Some(1_795_428_000_250));
    assert!(job.trigger_cold && job.trigger_start_ms > 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_a_log_file_is_rejected_with_its_reason_and_nothing_else() {
    let effects = Recorded::default();
    let event = json!({"Records": [record("logs/empty.log", 0), record("logs/x.png", 5), record("logs/%FF.log", 5)]});
    let summary = handle(event, &limits(), false, &effects)
        .await
        .expect("handled");
    assert_eq!(
        summary,
        Summary {
            rejected: 3,
            ..Summary::default()
        }
    );
    assert!(effects.sent.lock().expect("no holder panics").is_empty());
    let rejected = effects.rejected.lock().expect("no holder panics");
    let codes: Vec<_> = rejected
        .iter()
        .map(|r| r.reason.as_ref().map_or("", |r| r.code.as_str()))
        .collect();
    assert_eq!(codes, ["empty", "wrong_suffix", "undecodable_key"]);
    for result in rejected.iter() {
        assert_eq!(result.status, Outcome::Rejected);
        assert!(result.day.contains('#') && result.expires_at > 1_700_000_000);
    }
}

/// aws-behaviours S15
#[tokio::test]
async fn what_has_no_records_is_ignored() {
    let effects = Recorded::default();
    for event in [
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        json!({}),
        json!([1]),
        json!({"Records": []}),
    ] {
        let summary = handle(event, &limits(), false, &effects)
            .await
            .expect("handled");
        assert_eq!(summary, Summary::default());
    }
}

#[tokio::test]
async fn one_failing_record_does_not_keep_the_others_from_being_sent() {
    let effects = Recorded {
        failing: vec!["logs/1.log"],
        ..Recorded::default()
    };
    let event = json!({"Records": [record("logs/1.log", 1), record("logs/2.log", 1)]});
    let error = handle(event, &limits(), false, &effects)
        .await
        .expect_err("the invocation fails");
    assert_eq!(error.to_string(), "SQS is away");
    assert_eq!(effects.sent.lock().expect("no holder panics").len(), 1);
}

#[tokio::test]
async fn an_odd_record_is_skipped_alone_and_does_not_fail_the_invocation() {
    let effects = Recorded::default();
    let mut unsized_record = record("logs/unsized.log", 0);
    let object = unsized_record["s3"]["object"].as_object_mut();
    object.expect("an object").remove("size");
    let event = json!({"Records": [
        {"s3": {"bucket": {}}}, 7, record("logs/1.log", 1), unsized_record,
    ]});
    let summary = handle(event, &limits(), false, &effects)
        .await
        .expect("handled");
    let expected = Summary {
        sent: 2,
        unreadable: 2,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    let sent = effects.sent.lock().expect("no holder panics");
    let sizes: Vec<_> = sent
        .iter()
        .map(|job| (job.key.as_str(), job.size))
        .collect();
    assert_eq!(sizes, [("logs/1.log", 1), ("logs/unsized.log", 0)]);
}

#[test]
fn the_answer_names_unreadable_records_only_where_there_are_some() {
    let answer = |unreadable| {
        let summary = Summary {
            sent: 1,
            rejected: 0,
            unreadable,
        };
        serde_json::to_value(summary).expect("JSON")
    };
    assert_eq!(answer(0), json!({"sent": 1, "rejected": 0}));
    assert_eq!(
        answer(2),
        json!({"sent": 1, "rejected": 0, "unreadable": 2})
    );
}
