//! What goes wrong in a run, and what was measured until then.

use std::time::Duration;

use pipectl_testkit::{TestEnv, process, until};
use serde_json::json;

use super::{BINARY, bench, files, json, up};

/// A run that would take far longer than any test.
const LONG: [&str; 9] = [
    "bench",
    "--sizes",
    "100",
    "--iterations",
    "9999",
    "--pause",
    "20ms",
    "--output",
    "json",
];

/// A run of two files.
const SHORT: [&str; 8] = [
    "--sizes",
    "100",
    "--iterations",
    "2",
    "--warmup",
    "0",
    "--pause",
    "0s",
];

/// So long what comes by itself may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until some files were measured, which each tells in a line.
fn measured(started: &pipectl_testkit::Started<'_>) {
    until("five files", PATIENCE, || {
        let lines = started.stderr();
        let count = lines.matches("\"event\":\"bench_progressed\"").count();
        if count >= 5 { Ok(()) } else { Err(lines) }
    });
}

/// The partial run is there, marked, and no latest one.
fn partial(env: &TestEnv, why: &str) {
    let summaries = files(env, "summary_embedded_");
    assert_eq!(summaries.len(), 1, "{summaries:?}");
    assert!(summaries[0].to_string_lossy().ends_with("_partial.json"));
    let summary = json(&summaries[0]);
    assert_eq!(summary["complete"], json!(false));
    let told = summary["ended_early"].as_str().expect("a reason");
    assert!(told.contains(why), "{told}");
    assert!(
        summary["figures"]["fates"]["done"].as_u64() >= Some(5),
        "{summary:#}"
    );
    let csv = files(env, "results_embedded_").remove(0);
    let again = bench(env, &["--from", &csv.to_string_lossy()]).expect_success();
    assert_eq!(again.json()["data"]["as_written"], json!(true));
}

#[test]
fn a_target_that_dies_ends_the_run_and_what_was_measured_is_kept() {
    let env = up();
    let emulator = env.emulator().expect("running");
    let started = env.invocation(&LONG).start();
    measured(&started);
    process::signal(emulator.pid, "KILL");
    let ended = started.finish().expect_code(1);
    assert!(
        ended.stdout.contains("bench::ended_early"),
        "{}",
        ended.unredacted()
    );
    partial(&env, "does not answer");
}

#[test]
fn an_interruption_ends_the_run_and_what_was_measured_is_kept() {
    let env = up();
    let started = env.invocation(&LONG).start();
    measured(&started);
    // A second one beside it would measure the first.
    let second = bench(&env, &["--iterations", "1"]).expect_code(77);
    assert!(
        second.stdout.contains("bench::busy"),
        "{}",
        second.unredacted()
    );
    process::signal(started.pid(), "INT");
    let ended = started.finish().expect_code(75);
    assert!(
        ended.stdout.contains("bench::interrupted"),
        "{}",
        ended.unredacted()
    );
    partial(&env, "interrupted");
}

#[test]
fn a_run_in_which_nothing_was_processed_fails_and_says_why() {
    let env = TestEnv::new(BINARY);
    // Nobody takes the jobs out of the queue.
    let stack = env.root().join("stacks/log-pipeline.yaml");
    let text = std::fs::read_to_string(&stack).expect("the stack");
    let lines = text
        .lines()
        .filter(|line| !line.contains("from: queues.jobs"));
    let without: Vec<&str> = lines.collect();
    std::fs::write(&stack, without.join("\n")).expect("written");
    let _ = env.pipectl(&["up"]).expect_success();
    let run = [&SHORT[..], &["--timeout", "300ms"]].concat();
    let ended = bench(&env, &run).expect_code(1);
    let told = ended.json();
    assert_eq!(told["error"]["code"], "bench::nothing_measured");
    assert_eq!(told["data"]["figures"]["fates"], json!({"lost": 2}));
    assert_eq!(told["data"]["figures"]["end_to_end_ms"], json!(null));
}

#[test]
fn what_must_hold_is_read_before_and_held_after() {
    let env = TestEnv::new(BINARY);
    let bad = env
        .pipectl(&["bench", "--assert", "p50<2s,p96<3s"])
        .expect_code(64);
    let talk = bad.unredacted();
    assert!(
        talk.contains("bench::bad_assert") && talk.contains("p96<3s"),
        "{talk}"
    );
    assert!(env.emulator().is_none(), "nothing was started");

    let _ = env.pipectl(&["up"]).expect_success();
    let run = SHORT;
    let held = [&run[..], &["--assert", "p50<60s,errors=0,files=2"]].concat();
    let _ = bench(&env, &held).expect_success();
    let broken = [&run[..], &["--assert", "errors=0,p50<1us,rate>0"]].concat();
    let told = bench(&env, &broken).expect_code(1).json();
    assert_eq!(told["error"]["code"], "bench::asserted");
    let message = told["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("`p50<1us` does not hold: it is "),
        "{message}"
    );
    assert!(!message.contains("errors"), "{message}");
    assert_eq!(told["data"]["figures"]["fates"], json!({"done": 2}));
}

#[test]
fn results_that_are_not_whole_are_refused() {
    let env = up();
    let run = [
        "--sizes",
        "100",
        "--iterations",
        "3",
        "--warmup",
        "0",
        "--pause",
        "0s",
    ];
    let _ = bench(&env, &run).expect_success();
    let csv = env.root().join("results/results_embedded_latest.csv");
    let whole = std::fs::read_to_string(&csv).expect("results");
    let refused = |text: &str, code: &str| {
        std::fs::write(&csv, text).expect("written");
        let told = bench(&env, &["--from", &csv.to_string_lossy()])
            .expect_code(64)
            .json();
        assert_eq!(told["error"]["code"], code, "{told:#}");
    };
    refused(&whole[..whole.len() - 20], "bench::bad_results");
    let without_last = whole.trim_end().rsplit_once('\n').expect("lines").0;
    refused(&format!("{without_last}\n"), "bench::other_results");
    let changed = whole.replace(",done,", ",lost,");
    refused(&changed, "bench::other_figures");
    refused("", "bench::bad_results");
    refused("a,b\n1,2\n", "bench::bad_results");
}

#[test]
fn a_stack_that_is_not_up_is_told_before_anything_is_sent() {
    let env = TestEnv::new(BINARY);
    let told = bench(&env, &[]).expect_code(69).json();
    assert_eq!(told["error"]["code"], "target::not_running", "{told:#}");
    assert!(files(&env, "results").is_empty());
}
