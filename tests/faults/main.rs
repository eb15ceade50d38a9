//! Faults of the embedded target's surroundings, seen through the real pipeline: what passes heals by
//! retries, what stays ends where the user finds it, and can be brought back from there.

mod awkward;
mod functions;
mod lasting;
mod transient;

use std::time::Duration;

use pipectl_testkit::probe::{Probe, expect};
use pipectl_testkit::{TestEnv, until};
use serde_json::{Value, json};

/// How long work that is retried may take. The machine may have other work.
const PATIENCE: Duration = Duration::from_mins(2);

const BUCKET: &str = "log-pipeline-uploads";
const TABLE: &str = "log-pipeline-results";
const JOBS: &str = "log-pipeline-jobs";
const JOBS_DLQ: &str = "log-pipeline-jobs-dlq";
const UPLOADS_DLQ: &str = "log-pipeline-uploads-dlq";
const TRIGGER: &str = "log-pipeline-trigger";
const WORKER: &str = "log-pipeline-worker";

/// The log pipeline, up, its stack changed beforehand.
fn pipeline(change: impl FnOnce(String) -> String) -> (TestEnv, Probe) {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_pipectl"));
    let file = env.root().join("stacks/log-pipeline.yaml");
    let stack = std::fs::read_to_string(&file).expect("the stack");
    std::fs::write(&file, change(stack)).expect("written");
    up(&env);
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    (env, probe)
}

fn up(env: &TestEnv) {
    let _ = env.pipectl(&["up"]).expect_success();
}

/// Deletes the table of results; pipectl learns nothing of it.
fn delete_table(probe: &Probe) {
    expect(probe.dynamodb("DeleteTable", &json!({ "TableName": TABLE })));
}

/// Uploads a log file of so many lines.
fn upload(probe: &Probe, key: &str, lines: usize) {
    let mut body = String::new();
    for line in 0..lines {
        let record = json!({
            "timestamp": "2026-01-01T00:00:00Z", "level": "INFO", "service": "faults",
            "message": format!("line {line}"),
        });
        body.push_str(&format!("{record}\n"));
    }
    expect(probe.put_object(BUCKET, key, body.as_bytes()));
}

/// Waits until the pipeline has a result of each of so many files, and gives them.
fn results(probe: &Probe, files: usize) -> Vec<Value> {
    until("every file has its result", PATIENCE, || {
        let items = probe.scan(TABLE);
        let depth = probe.depth(JOBS);
        if items.len() == files && depth.all() == 0 {
            Ok(items)
        } else {
            Err(format!("{} results, jobs: {depth:?}", items.len()))
        }
    })
}

/// Waits until so many messages are in a queue.
fn wait_for_depth(probe: &Probe, queue: &str, messages: u64) {
    until(&format!("{messages} messages in {queue}"), PATIENCE, || {
        let depth = probe.depth(queue);
        if depth.visible == messages && depth.all() == messages {
            Ok(())
        } else {
            Err(format!("{depth:?}"))
        }
    });
}

/// Stops the target with everything in it.
fn down(env: &TestEnv) {
    let _ = env.pipectl(&["down", "--force"]).expect_success();
    assert!(env.emulator().is_none(), "no process is left");
}
