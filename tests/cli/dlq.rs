//! Dead letters of both halves: seen without being consumed, redriven, deleted.

use std::time::Duration;

use insta::assert_snapshot;
use pipectl_testkit::probe::expect;
use pipectl_testkit::{Probe, TestEnv, Transcript, until};
use serde_json::{Value, json};

use super::dlq_interrupted::through;
use super::engine::behind_proxy;
use super::{empty, project, squeezed, succeed};

const SAMPLE: &str = include_str!("../../samples/app-100.ndjson");
const PATIENCE: Duration = Duration::from_secs(30);

/// Queues alone: letters are put there by hand.
pub(super) const QUEUES: &str = "stack: demo
queues:
  jobs: { dead_letter: { queue: jobs-dlq, max_receives: 2 } }
  jobs-dlq: {}
  events-dlq: {}
";

pub(super) fn json_of(env: &TestEnv, arguments: &[&str], code: i32) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--output", "json"]);
    env.pipectl(&all).expect_code(code).json()
}

/// What waits in a queue, by `dlq ls`.
fn letters(env: &TestEnv, queue: &str) -> Vec<Value> {
    let listed = json_of(env, &["dlq", "ls", queue], 0);
    let letters = listed["data"]["queues"][0]["letters"].as_array();
    letters.expect("letters").clone()
}

/// Waits until so many messages wait in a queue, and none is in hand.
fn wait_for(probe: &Probe, queue: &str, count: u64) {
    until(&format!("{count} in {queue}"), PATIENCE, || {
        let depth = probe.depth(queue);
        if depth.visible == count && depth.all() == count {
            Ok(())
        } else {
            Err(format!("{depth:?}"))
        }
    });
}

/// Sets a variable of a function, past pipectl.
fn break_function(probe: &Probe, function: &str, variable: &str, value: &str) {
    let path = format!("/2015-03-31/functions/{function}/configuration");
    let answer = expect(probe.lambda("GET", &path, &json!({})));
    let mut variables = answer.json().expect("JSON")["Environment"].clone();
    assert!(variables["Variables"][variable].is_string(), "{variables}");
    variables["Variables"][variable] = value.into();
    expect(probe.lambda("PUT", &path, &json!({ "Environment": variables })));
}

/// A transcript with the beginnings of message ids taken out.
fn told(transcript: &Transcript, ids: &[&str]) -> String {
    let mut text = squeezed(&transcript.to_string());
    for id in ids {
        text = text.replace(&id[..8], "<message>");
    }
    text
}

pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
}

#[test]
fn both_halves_of_the_pipeline() {
    let env = project();
    succeed(&env, &["up"]);
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    assert_snapshot!("none", env.pipectl(&["dlq", "ls"]));
    a_poison_file(&env, &probe);
    an_upload_that_the_trigger_fails(&env, &probe);
    a_job_that_the_worker_fails(&env, &probe);
    succeed(&env, &["down", "--force"]);
}

/// A file that can never be read: its reason is with it, however often it is looked at and redriven.
fn a_poison_file(env: &TestEnv, probe: &Probe) {
    let queue = "log-pipeline-jobs-dlq";
    env.write("binary.ndjson", [0u8, 159, 146, 150, 10, 255, 0]);
    let _ = env.pipectl(&["send", "binary.ndjson"]).expect_code(1);
    wait_for(probe, queue, 1);
    let first = letters(env, "jobs-dlq");
    let letter = &first[0];
    assert_eq!(text(letter, "from"), "queues.jobs");
    assert_eq!(text(&letter["files"][0], "key"), "logs/binary.ndjson");
    assert_eq!(text(&letter["why"], "code"), "no_record");
    assert_eq!(text(&letter["why"], "told_by"), "attributes");
    assert_eq!(letter["tries"], 1, "{letter}");
    // A look takes nothing away; SQS counts it.
    let mut again = letters(env, "queues.jobs-dlq");
    assert_eq!(
        (&letter["receives"], &again[0]["receives"]),
        (&json!(1), &json!(2))
    );
    again[0]["receives"] = json!(1);
    assert_eq!(first, again);
    assert_eq!(probe.depth(queue).visible, 1);

    let id = text(letter, "message_id");
    let job_id = text(&letter["files"][0], "job_id");
    let ls = told(&env.pipectl(&["dlq", "ls"]), &[id]);
    // One in three hundred has no letter in it, and is not known by its looks.
    let ls = ls.replace(&job_id[..12], "<hex------->");
    assert_snapshot!("ls", ls);
    let shown = env
        .pipectl(&["dlq", "show", &job_id[..10]])
        .expect_success();
    for part in [
        id,
        job_id,
        "no_record",
        "set aside by the function",
        "failed at",
        "\"schema\": 1",
    ] {
        assert!(
            shown.stdout.contains(part),
            "{part}: {}",
            shown.unredacted()
        );
    }
    let shown = json_of(env, &["dlq", "show", id], 0);
    let shown = &shown["data"]["letters"][0];
    assert_eq!(text(&shown["result"], "status"), "failed");
    assert_eq!(text(&shown["attributes"], "reason"), "no_record");
    assert_eq!(text(&shown["body"], "key"), "logs/binary.ndjson");

    // By its id, one by one.
    let redriven = json_of(env, &["dlq", "redrive", &id[..13]], 0);
    let report = &redriven["data"]["queues"][0];
    assert_eq!(
        (text(report, "how"), &report["done"]),
        ("one_by_one", &json!(1))
    );
    assert_eq!(text(&report["letters"][0], "to"), "queues.jobs");
    wait_for(probe, queue, 1);
    let back = letters(env, "jobs-dlq");
    assert_ne!(
        text(&back[0], "message_id"),
        id,
        "the worker had it in between"
    );
    assert_eq!(text(&back[0]["why"], "code"), "no_record");

    // All, by a task of SQS.
    let redriven = json_of(env, &["dlq", "redrive", "--all"], 0);
    let report = &redriven["data"]["queues"][0];
    assert_eq!(
        (text(report, "how"), &report["done"]),
        ("move_task", &json!(1))
    );
    wait_for(probe, queue, 1);
    let back_again = letters(env, "jobs-dlq");
    assert_ne!(back_again[0]["message_id"], back[0]["message_id"]);
    assert_eq!(text(&back_again[0]["why"], "code"), "no_record");

    let id = text(&back_again[0], "message_id");
    assert_snapshot!("drop_refused", env.pipectl(&["dlq", "drop", "--all"]));
    assert_eq!(probe.depth(queue).visible, 1);
    assert_snapshot!(
        "drop",
        told(&env.pipectl(&["dlq", "drop", id, "--force"]), &[id])
    );
    assert_eq!(probe.depth(queue).all(), 0);
    assert_snapshot!("redrive_nothing", env.pipectl(&["dlq", "redrive", "--all"]));
}

/// An event that used up its retries: the trigger gets it again.
fn an_upload_that_the_trigger_fails(env: &TestEnv, probe: &Probe) {
    let nowhere = probe.queue_url("nowhere");
    break_function(probe, "log-pipeline-trigger", "JOBS_QUEUE_URL", &nowhere);
    let key = "logs/unlucky.ndjson";
    expect(probe.put_object("log-pipeline-uploads", key, SAMPLE.as_bytes()));
    wait_for(probe, "log-pipeline-uploads-dlq", 1);
    let waiting = letters(env, "uploads-dlq");
    let letter = &waiting[0];
    assert_eq!(text(letter, "kind"), "invocation");
    assert_eq!(text(letter, "from"), "functions.trigger");
    assert_eq!(text(&letter["files"][0], "key"), key);
    assert_eq!(
        (&letter["tries"], text(&letter["why"], "code")),
        (&json!(3), "RetriesExhausted")
    );
    assert!(
        text(&letter["why"], "text").contains("queue does not exist"),
        "{letter}"
    );
    let job_id = text(&letter["files"][0], "job_id");

    succeed(env, &["up"]);
    let redriven = json_of(env, &["dlq", "redrive", &job_id[..8]], 0);
    let settled = &redriven["data"]["queues"][0]["letters"][0];
    assert_eq!(text(settled, "to"), "functions.trigger");
    assert_eq!(probe.depth("log-pipeline-uploads-dlq").all(), 0);
    is_done(probe, job_id);
}

/// A job that was tried too often: the log tells why, and once mended it is processed.
fn a_job_that_the_worker_fails(env: &TestEnv, probe: &Probe) {
    break_function(probe, "log-pipeline-worker", "RESULTS_TABLE", "nowhere");
    let key = "logs/late.ndjson";
    expect(probe.put_object("log-pipeline-uploads", key, SAMPLE.as_bytes()));
    wait_for(probe, "log-pipeline-jobs-dlq", 1);
    let waiting = letters(env, "jobs-dlq");
    let letter = &waiting[0];
    assert_eq!(
        (&letter["tries"], text(&letter["why"], "code")),
        (&json!(5), "max_receives")
    );
    assert_eq!(text(&letter["why"], "told_by"), "log");
    assert!(
        text(&letter["why"], "text").contains("ResourceNotFound"),
        "{letter}"
    );
    succeed(env, &["up"]);
    succeed(env, &["dlq", "redrive", "--all", "--rate", "10"]);
    is_done(probe, text(&letter["files"][0], "job_id"));
    wait_for(probe, "log-pipeline-jobs-dlq", 0);
}

fn is_done(probe: &Probe, job_id: &str) {
    until("the result", PATIENCE, || {
        let items = probe.scan("log-pipeline-results");
        let found = items.iter().find(|item| item["job_id"]["S"] == job_id);
        match found {
            Some(item) if item["status"]["S"] == "done" => Ok(()),
            found => Err(format!("{found:?}")),
        }
    });
}

/// A letter as a function sets it aside, with an attribute of the sender's own.
pub(super) fn put(probe: &Probe, queue: &str, body: &str) {
    let string = |text: &str| json!({ "DataType": "String", "StringValue": text });
    let number = |text: &str| json!({ "DataType": "Number", "StringValue": text });
    let request = json!({
        "QueueUrl": probe.queue_url(queue),
        "MessageBody": body,
        "MessageAttributes": {
            "reason": string("broken"), "failed_at": string("2026-01-01T00:00:00.000Z"),
            "receive_count": number("1"), "tenant": string("t1"),
        },
    });
    expect(probe.sqs("SendMessage", &request));
}

#[test]
fn what_is_not_there_or_not_clear_is_said_so() {
    let env = empty();
    env.write("stacks/demo.yaml", QUEUES);
    succeed(&env, &["up"]);
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    put(
        &probe,
        "demo-jobs-dlq",
        r#"{"job_id":"ab12","bucket":"b","key":"k"}"#,
    );
    put(
        &probe,
        "demo-jobs-dlq",
        r#"{"job_id":"ab34","bucket":"b","key":"k"}"#,
    );
    // A queue that is nobody's dead letter queue is none.
    let no_queue = env.pipectl(&["dlq", "ls", "events-dlq"]).expect_code(64);
    let none_meant = env.pipectl(&["dlq", "redrive"]).expect_code(64);
    let both = env
        .pipectl(&["dlq", "drop", "--all", "ab12"])
        .expect_code(64);
    let unknown = env.pipectl(&["dlq", "show", "zz"]).expect_code(64);
    let not_clear = env
        .pipectl(&["dlq", "drop", "ab", "--force"])
        .expect_code(64);
    let some_missing = env
        .pipectl(&["dlq", "drop", "ab12", "zz", "--force"])
        .expect_code(1);
    assert_eq!(probe.depth("demo-jobs-dlq").visible, 1);
    let all = [no_queue, none_meant, both, unknown, not_clear];
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_snapshot!("not_there_or_not_clear", all.join("\n"));
    assert!(
        some_missing.stdout.contains("zz"),
        "{}",
        some_missing.unredacted()
    );
    succeed(&env, &["dlq", "drop", "ab34", "--force"]);
    succeed(&env, &["down"]);
    let down = env.pipectl(&["dlq", "ls"]).expect_code(69);
    assert!(
        down.stderr.contains("target::not_running"),
        "{}",
        down.unredacted()
    );
}

const TWO: &str = "stack: demo
queues:
  jobs: { dead_letter: { queue: jobs-dlq, max_receives: 2 } }
  jobs-dlq: {}
  mails: { dead_letter: { queue: mails-dlq, max_receives: 2 } }
  mails-dlq: {}
";

#[test]
fn only_the_queue_that_is_named_is_worked_on() {
    let (env, serving, proxy) = behind_proxy(TWO);
    succeed(&env, &through(&proxy, &["up"]));
    let probe = Probe::new(serving.endpoint());
    let waiting = || ["demo-jobs-dlq", "demo-mails-dlq"].map(|queue| probe.depth(queue).all());
    for queue in ["demo-jobs-dlq", "demo-mails-dlq"] {
        put(&probe, queue, r#"{"job_id":"ab12","bucket":"b","key":"k"}"#);
        put(&probe, queue, "another");
    }
    // A name that is none does nothing.
    proxy.reset();
    for verb in ["redrive", "drop"] {
        let arguments = through(&proxy, &["dlq", verb, "--all", "--queue", "mails"]);
        let unknown = env.pipectl(&arguments).expect_code(64);
        assert!(
            unknown.stderr.contains("they are: jobs-dlq, mails-dlq"),
            "{}",
            unknown.unredacted()
        );
    }
    let calls = proxy.calls();
    assert!(
        !calls.is_empty() && calls.iter().all(|call| call.service != "sqs"),
        "{calls:?}"
    );

    // One id in two queues: of one queue by each of its names.
    let run = |arguments: &[&str]| succeed(&env, &through(&proxy, arguments));
    run(&["dlq", "redrive", "ab12", "--queue", "mails-dlq"]);
    assert_eq!(waiting(), [2, 1]);
    let missing = through(
        &proxy,
        &["dlq", "drop", "ab12", "--queue", "queues.mails-dlq"],
    );
    let missing = env.pipectl(&missing).expect_code(1);
    assert!(
        missing
            .stdout
            .contains("no dead letter of queues.mails-dlq has"),
        "{}",
        missing.unredacted()
    );
    run(&[
        "dlq",
        "drop",
        "ab12",
        "--force",
        "--queue",
        "queues.jobs-dlq",
    ]);
    assert_eq!(waiting(), [1, 1]);
    run(&["dlq", "redrive", "--all", "--queue", "demo-mails-dlq"]);
    assert_eq!(waiting(), [1, 0]);
    put(&probe, "demo-mails-dlq", "a third");
    run(&["dlq", "drop", "--all", "--force", "--queue", "jobs-dlq"]);
    assert_eq!(waiting(), [0, 1]);
}
