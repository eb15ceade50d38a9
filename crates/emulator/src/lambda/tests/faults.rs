//! Functions that misbehave, and machines that do.

use std::os::unix::process::CommandExt as _;

use super::*;
use crate::clock::ManualClock;
use crate::lambda::runtime::end_leftovers;

const DLQ: &str = "arn:aws:sqs:us-east-1:000000000000:dlq";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_needs_more_memory_than_it_has_is_killed() {
    let fixture = Fixture::new();
    fixture
        .make("f", "events", json!({ "MemorySize": 128 }))
        .await;
    let got = fixture.invoke("f", json!({ "do": "remember" })).await;
    assert_eq!(got.function_error, "Unhandled");
    assert_eq!(got.body["errorType"], "Runtime.ExitError");
    let message = got.body["errorMessage"].as_str().expect("a message");
    assert!(
        message.ends_with("Runtime exited with error: signal: killed"),
        "{message}"
    );
    assert!(got.tail.contains("Max Memory Used: 128 MB"), "{}", got.tail);
    fixture.pid("f").await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_limit_is_an_error_and_the_process_goes_on() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let pid = fixture.pid("f").await;
    let got = fixture.invoke("f", json!({ "do": "much" })).await;
    assert_eq!(got.function_error, "Unhandled");
    assert_eq!(got.body["errorType"], "Function.ResponseSizeTooLarge");
    let message = got.body["errorMessage"].as_str().expect("a message");
    assert!(message.contains("6291556 bytes"), "{message}");
    assert_eq!(fixture.pid("f").await, pid);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_that_cannot_be_run_is_the_functions_error() {
    let fixture = Fixture::new();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(b"#!/no/such/interpreter\n")
        .expect("its text");
    let zip = STANDARD.encode(zip.finish().expect("an archive").into_inner());
    let code = json!({ "Code": { "ZipFile": zip } });
    fixture.make("f", "events", code).await;
    let got = fixture.invoke("f", json!({})).await;
    assert_eq!(
        (got.status, got.function_error.as_str()),
        (200, "Unhandled")
    );
    assert_eq!(got.body["errorType"], "Runtime.InvalidEntrypoint");
    fixture.queues.make(DLQ, 30);
    let dead = json!({ "DeadLetterConfig": { "TargetArn": DLQ } });
    let path = "/2015-03-31/functions/f/configuration";
    let got = fixture.ok(Method::PUT, path, dead).await;
    assert_eq!(got["DeadLetterConfig"]["TargetArn"], DLQ);
    fixture.invoke_event("f", json!({ "n": 1 })).await;
    eventually("it is told", || !fixture.queues.sent(DLQ).is_empty()).await;
    assert_eq!(fixture.queues.sent(DLQ), [r#"{"n":1}"#]);
    let attributes = fixture.queues.sent_attributes(DLQ);
    assert_eq!(attributes[0]["ErrorCode"], "200");
    assert!(attributes[0]["ErrorMessage"].contains("cannot run bootstrap"));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_environment_has_temporary_files_of_its_own() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let event = json!({ "do": "scratch" });
    let first = fixture.invoke("f", event.clone()).await.body;
    assert_eq!(first["there"], false);
    let path = first["path"].as_str().expect("a path").to_owned();
    assert!(Path::new(&path).starts_with(fixture.dir.path()));
    assert_eq!(fixture.invoke("f", event.clone()).await.body["there"], true);
    let crash = fixture.invoke("f", json!({ "do": "crash" })).await;
    assert_eq!(crash.body["errorType"], "Runtime.ExitError");
    assert!(!Path::new(&path).exists(), "they go with it");
    assert_eq!(fixture.invoke("f", event).await.body["there"], false);
    fixture.stop().await;
}

#[test]
fn processes_of_a_killed_emulator_are_ended_with_their_children() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let start = |root: &Path| {
        std::process::Command::new("sh")
            .args(["-c", "sleep 600 & wait"])
            .env("LAMBDA_TASK_ROOT", root.join("abc"))
            .process_group(0)
            .spawn()
            .expect("a process")
    };
    let other = tempfile::tempdir().expect("a temporary directory");
    let (mut left, mut of_another) = (start(dir.path()), start(other.path()));
    end_leftovers(dir.path());
    let status = left.wait().expect("it ends");
    assert!(!status.success());
    assert!(lives(u64::from(of_another.id())));
    end_leftovers(other.path());
    of_another.wait().expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_cannot_be_written_over_by_the_function() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let code = fixture.dir.path().join("lambda/code");
    let directory = std::fs::read_dir(code).expect("listed").next();
    let path = directory.expect("code").expect("an entry").path();
    let mode = std::fs::metadata(path.join("bootstrap"))
        .expect("there")
        .permissions();
    assert!(mode.readonly());
    fixture.stop().await;
}

/// A function `f` whose failed events go to a queue that refuses the next sends.
async fn failing(fixture: &Fixture, refusals: u32) {
    fixture.queues.make(DLQ, 30);
    fixture.queues.refuse(DLQ, refusals);
    fixture.make("f", "events", Value::Null).await;
    let config = json!({
        "MaximumRetryAttempts": 0,
        "DestinationConfig": { "OnFailure": { "Destination": DLQ } },
    });
    let path = "/2019-09-25/functions/f/event-invoke-config";
    fixture.ok(Method::PUT, path, config).await;
    fixture.invoke_event("f", json!({ "do": "error" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_is_told_once_the_queue_takes_it() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let fixture = Fixture::with(|config| config.clock = clock.clone());
    failing(&fixture, 2).await;
    eventually("it is told", || {
        clock.advance(1_000);
        !fixture.queues.sent(DLQ).is_empty()
    })
    .await;
    let pending = || fixture.service.state.pending().expect("read");
    eventually("it is settled", || pending().is_empty()).await;
    assert_eq!(fixture.queues.sent(DLQ).len(), 1);
    assert_eq!(fixture.logs.count("START "), 1, "it did not run for that");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_that_could_not_be_told_survives_a_stop() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let fixture = Fixture::with(|config| config.clock = clock.clone());
    failing(&fixture, 1).await;
    eventually("it is refused", || fixture.queues.refusals_left(DLQ) == 0).await;
    let fixture = fixture.reopen().await;
    eventually("it is told", || fixture.queues.sent(DLQ).len() == 1).await;
    fixture.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_as_many_open_files_as_on_aws() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let pid = fixture.pid("f").await;
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let words: Vec<&str> = files.expect("a line").split_whitespace().collect();
    assert_eq!(&words[3..5], ["1024", "1024"]);
    fixture.stop().await;
}
