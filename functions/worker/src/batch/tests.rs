use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Mutex;

use super::*;
use crate::analyse::analyse;
use model::SCHEMA;

/// A world in memory: objects by key, results by job id, jobs set aside.
#[derive(Default)]
struct World {
    objects: BTreeMap<&'static str, Vec<u8>>,
    results: Mutex<BTreeMap<String, JobResult>>,
    aside: Mutex<Vec<(String, String)>>,
    /// DynamoDB does not answer.
    table_away: bool,
    /// Results cannot be marked.
    no_marks: bool,
    /// How many analyses run, and the most that did at once.
    running: Mutex<(usize, usize)>,
}

impl Effects for World {
    async fn analyse(&self, job: &ProcessingJob) -> Result<Statistics, Failure> {
        if job.key == "endless.log" {
            return std::future::pending().await;
        }
        {
            let mut running = self.running.lock().expect("no holder panics");
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        tokio::task::yield_now().await;
        self.running.lock().expect("no holder panics").0 -= 1;
        let Some(bytes) = self.objects.get(job.key.as_str()) else {
            let reason = Reason::new("not_found", "not there");
            return Err(Failure::Permanent(reason, Box::default()));
        };
        Ok(analyse(&job.key, Cursor::new(bytes.clone()))?)
    }

    async fn write(&self, result: &JobResult) -> Result<Written, Failure> {
        if self.table_away {
            return Err(Failure::Transient("the table is away".to_owned()));
        }
        let mut results = self.results.lock().expect("no holder panics");
        if results
            .get(&result.job_id)
            .is_some_and(|found| found.status == Outcome::Done)
        {
            return Ok(Written::Duplicate);
        }
        let old = results.insert(result.job_id.clone(), result.clone());
        Ok(Written::New {
            dead_lettered: old.and_then(|old| old.dead_lettered),
        })
    }

    async fn set_aside(&self, letter: &Letter<'_>) -> Result<(), Failure> {
        assert_eq!(letter.receive_count, Some(2), "as the event tells");
        let entry = (letter.body.to_owned(), letter.reason.code.clone());
        self.aside.lock().expect("no holder panics").push(entry);
        Ok(())
    }

    async fn mark(&self, job_id: &str, message_id: &str) -> Result<(), Failure> {
        if self.no_marks {
            return Err(Failure::Transient("the table is away".to_owned()));
        }
        let mut results = self.results.lock().expect("no holder panics");
        if let Some(result) = results.get_mut(job_id)
            && result.status == Outcome::Failed
        {
            result.dead_lettered = Some(message_id.to_owned());
        }
        Ok(())
    }
}

const GOOD: &str =
    r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","service":"s","message":"m"}"#;

fn world() -> World {
    World {
        objects: [
            ("good.log", GOOD.as_bytes().to_vec()),
            ("binary.log", vec![0, 1, 2, 10]),
        ]
        .into(),
        ..World::default()
    }
}

fn job(key: &str) -> String {
    let job = ProcessingJob {
        schema: SCHEMA,
        job_id: model::job_id("b", key, Some("v"), None),
        bucket: "b".to_owned(),
        key: key.to_owned(),
        version_id: Some("v".to_owned()),
        etag: None,
        size: 1,
        event_ms: Some(1),
        trigger_start_ms: 2,
        sent_ms: 3,
        trigger_cold: false,
    };
    serde_json::to_string(&job).expect("JSON")
}

/// A batch in which all messages have ids that begin like this.
fn named(name: &str, bodies: &[String]) -> Batch {
    let mut batch = event(bodies);
    for message in &mut batch.records {
        message.message_id = format!("{name}-{}", message.message_id);
    }
    batch
}

async fn handle(batch: Batch, cold: bool, effects: &impl Effects) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(30);
    super::handle(batch, cold, deadline, effects).await
}

fn event(bodies: &[String]) -> Batch {
    let records: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| {
            serde_json::json!({"messageId": format!("m{index}"), "body": body, "messageAttributes": {},
                "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "5"}})
        })
        .collect();
    serde_json::from_value(serde_json::json!({ "Records": records })).expect("an event")
}

fn failures(response: &Answer) -> Vec<&str> {
    response
        .batch_item_failures
        .iter()
        .map(|f| f.item_identifier.as_str())
        .collect()
}

/// aws-behaviours S12, Q11, E9, D20
#[tokio::test]
async fn a_good_file_is_one_result_however_often_it_is_delivered() {
    let world = world();
    let response = handle(event(&[job("good.log"), job("good.log")]), true, &world).await;
    assert!(failures(&response).is_empty());
    let response = handle(event(&[job("good.log")]), false, &world).await;
    assert!(failures(&response).is_empty());
    let results = world.results.lock().expect("no holder panics");
    assert_eq!(results.len(), 1);
    let result = results.values().next().expect("one");
    assert_eq!(
        (result.status, result.lines, result.receive_count),
        (Outcome::Done, 1, 2)
    );
    assert_eq!(result.timings.queued_ms, Some(5));
    assert!(result.timings.worker_cold);
    assert!(world.aside.lock().expect("no holder panics").is_empty());
}

#[tokio::test]
async fn a_permanent_fault_is_a_failed_result_and_one_job_set_aside_with_its_reason() {
    let world = world();
    let response = handle(
        event(&[job("binary.log"), job("gone.log"), job("good.log")]),
        false,
        &world,
    )
    .await;
    assert!(failures(&response).is_empty(), "all are acknowledged");
    let results = world.results.lock().expect("no holder panics");
    let binary = &results[&model::job_id("b", "binary.log", Some("v"), None)];
    assert_eq!((binary.lines, binary.malformed), (1, 1), "what was read");
    let failed: Vec<_> = results
        .values()
        .filter(|result| result.status == Outcome::Failed)
        .map(|result| {
            result
                .reason
                .as_ref()
                .map_or("", |reason| reason.code.as_str())
        })
        .collect();
    assert_eq!(failed.len(), 2);
    let mut aside = world.aside.lock().expect("no holder panics").clone();
    aside.sort();
    assert_eq!(
        aside,
        [
            (job("binary.log"), "no_record".to_owned()),
            (job("gone.log"), "not_found".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_message_that_is_no_job_is_set_aside_as_it_came() {
    let world = world();
    let response = handle(event(&["not a job".to_owned()]), false, &world).await;
    assert!(failures(&response).is_empty());
    let aside = world.aside.lock().expect("no holder panics").clone();
    assert_eq!(aside, [("not a job".to_owned(), "bad_message".to_owned())]);
}

/// aws-behaviours E9
#[tokio::test]
async fn a_transient_fault_is_reported_and_nothing_is_set_aside() {
    let world = World {
        table_away: true,
        ..world()
    };
    let response = handle(event(&[job("good.log"), job("binary.log")]), false, &world).await;
    let mut failed = failures(&response);
    failed.sort_unstable();
    assert_eq!(failed, ["m0", "m1"]);
    assert!(world.aside.lock().expect("no holder panics").is_empty());
}

#[tokio::test]
async fn a_failed_result_is_healed_by_a_redrive_and_a_done_one_never_replaced() {
    let mut world = world();
    let body = job("late.log");
    handle(event(std::slice::from_ref(&body)), false, &world).await;
    world.objects.insert("late.log", GOOD.as_bytes().to_vec());
    handle(
        named("redriven", std::slice::from_ref(&body)),
        false,
        &world,
    )
    .await;
    world.objects.remove("late.log");
    handle(event(&[body]), false, &world).await;
    let results = world.results.lock().expect("no holder panics");
    assert_eq!(
        results.values().next().map(|r| r.status),
        Some(Outcome::Done)
    );
    assert_eq!(world.aside.lock().expect("no holder panics").len(), 1);
}

#[tokio::test]
async fn a_second_delivery_of_a_failed_message_is_one_dead_letter_and_a_redrive_another() {
    let world = world();
    let body = [job("gone.log")];
    for (message, letters) in [("a", 1), ("a", 1), ("a", 1), ("b", 2), ("b", 2)] {
        let answer = handle(named(message, &body), false, &world).await;
        assert!(failures(&answer).is_empty());
        let aside = world.aside.lock().expect("no holder panics").len();
        assert_eq!(aside, letters, "{message}");
    }
    let results = world.results.lock().expect("no holder panics");
    let mark = results
        .values()
        .next()
        .and_then(|r| r.dead_lettered.clone());
    assert_eq!(mark.as_deref(), Some("b-m0"));
}

#[tokio::test]
async fn a_message_whose_result_cannot_be_marked_is_acknowledged() {
    let world = World {
        no_marks: true,
        ..world()
    };
    let answer = handle(event(&[job("gone.log")]), false, &world).await;
    assert!(failures(&answer).is_empty());
    assert_eq!(world.aside.lock().expect("no holder panics").len(), 1);
}

#[tokio::test]
async fn a_job_of_another_schema_or_without_its_parts_is_a_bad_message() {
    let world = world();
    let good: serde_json::Value = serde_json::from_str(&job("good.log")).expect("JSON");
    let with = |field: &str, value: serde_json::Value| {
        let mut job = good.clone();
        job[field] = value;
        job.to_string()
    };
    let bodies = [
        with("schema", 2.into()),
        with("schema", 0.into()),
        with("job_id", "".into()),
        with("bucket", "".into()),
        with("key", "".into()),
    ];
    let answer = handle(event(&bodies), false, &world).await;
    assert!(failures(&answer).is_empty());
    assert!(world.results.lock().expect("no holder panics").is_empty());
    let aside = world.aside.lock().expect("no holder panics");
    assert_eq!(aside.len(), bodies.len());
    assert!(aside.iter().all(|(_, code)| code == "bad_message"));
}

#[tokio::test]
async fn a_message_that_runs_out_of_time_is_tried_again_and_it_alone() {
    let world = world();
    let bodies = [job("good.log"), job("endless.log"), job("gone.log")];
    let deadline = Instant::now() + MARGIN + Duration::from_millis(50);
    let answer = super::handle(event(&bodies), false, deadline, &world).await;
    assert!(Instant::now() < deadline, "the answer is in time");
    assert_eq!(failures(&answer), ["m1"]);
    assert_eq!(world.results.lock().expect("no holder panics").len(), 2);
}

#[tokio::test]
async fn ten_messages_at_most_are_processed_at_once() {
    let world = world();
    let bodies: Vec<_> = (0..50).map(|n| job(&format!("{n}.log"))).collect();
    handle(event(&bodies), false, &world).await;
    assert_eq!(world.results.lock().expect("no holder panics").len(), 50);
    let (_, most) = *world.running.lock().expect("no holder panics");
    assert_eq!(most, AT_ONCE);
}
