//! `status --watch`: what changes is told, until an interruption.

use std::io::BufRead as _;
use std::time::Duration;

use pipectl_testkit::{Probe, Transcript, free_port, process};
use serde_json::Value;

use super::dlq::{QUEUES, put};
use super::following::Following;
use super::{empty, project, succeed};

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn what_a_file_changes_is_told_until_an_interruption() {
    let env = project();
    succeed(&env, &["up"]);
    let plain = Following::start(&env, &["status", "--watch", "--interval", "1s"]);
    let lines = Following::start(
        &env,
        &["status", "-w", "--interval", "1s", "--output", "json"],
    );
    let begun = plain.until("mappings.jobs-worker");
    assert!(
        begun[0].starts_with("log-pipeline on embedded"),
        "{begun:#?}"
    );
    // Without a change nothing is said, however often it looks; as JSON each look is.
    assert_eq!(plain.during(Duration::from_millis(2_500)), [""; 0]);
    let looks = lines.during(Duration::from_millis(100));
    assert!(looks.len() >= 2, "{looks:#?}");

    succeed(&env, &["send", "samples/app-100.ndjson"]);
    let told = plain.until("result: done logs/app-100.ndjson, 100 lines");
    assert!(
        told.iter().any(|line| line.ends_with("items 0 → 1")),
        "{told:#?}"
    );
    let look = json(lines.until("\"new_results\":1").last().expect("a look"));
    assert_eq!(look["stack"], "log-pipeline");
    assert_eq!(look["healthy"], true);
    let target = &look["targets"][0];
    assert_eq!(target["last_results"][0]["lines"], 100);
    assert!(target["last_results"][0]["age_ms"].is_u64(), "{target:#}");
    assert!(target["results_per_s"].as_f64() > Some(0.0), "{target:#}");
    assert_eq!(target["queues"].as_array().map(Vec::len), Some(3));
    assert_eq!(plain.interrupt().code(), Some(0));
    assert_eq!(lines.interrupt().code(), Some(0));
    succeed(&env, &["down", "--force"]);
}

#[test]
fn a_target_that_goes_away_is_watched_on() {
    let env = empty();
    env.write("stacks/demo.yaml", QUEUES);
    let down: Transcript = env.pipectl(&["status", "--watch"]).expect_code(69);
    assert!(
        down.stderr.contains("target::not_running"),
        "{}",
        down.unredacted()
    );
    let no_watch = env.pipectl(&["status", "--interval", "1s"]).expect_code(64);
    assert!(
        no_watch.stderr.contains("--watch"),
        "{}",
        no_watch.unredacted()
    );

    succeed(&env, &["up"]);
    let emulator = env.emulator().expect("running");
    let probe = Probe::new(&emulator.endpoint);
    let plain = Following::start(&env, &["status", "--watch", "--interval", "1s"]);
    let lines = Following::start(
        &env,
        &["status", "--watch", "--interval", "1s", "--output", "json"],
    );
    plain.until("queues.jobs-dlq");
    put(&probe, "demo-jobs-dlq", "a letter");
    plain.until("queues.jobs-dlq: visible 0 → 1");
    // Watching receives nothing.
    assert_eq!(probe.depth("demo-jobs-dlq").visible, 1);
    let waited = |line: &String| {
        let queues = json(line)["targets"][0]["queues"].clone();
        let of_letter = queues.as_array().and_then(|queues| {
            let mut queues = queues.iter();
            queues
                .find(|queue| queue["id"] == "queues.jobs-dlq")
                .cloned()
        });
        of_letter.and_then(|queue| queue["no_decrease_ms"].as_u64())
    };
    let seen = lines.during(Duration::from_millis(3_500));
    let times: Vec<u64> = seen.iter().filter_map(waited).collect();
    assert!(
        times.len() >= 2 && times.is_sorted_by(|a, b| a < b),
        "{times:?}"
    );

    process::signal(emulator.pid, "KILL");
    let told = plain.until("cannot be read");
    assert!(told.last().is_some_and(|line| line.contains("embedded: ")));
    let away = json(lines.until("\"healthy\":false").last().expect("a look"));
    assert!(away["targets"][0]["error"].is_string(), "{away:#}");
    succeed(&env, &["up"]);
    plain.until("embedded: can be read again");
    lines.until("\"healthy\":true");

    // What is not there when it ends is how it ends.
    env.write("stacks/demo.yaml", format!("{QUEUES}  late: {{}}\n"));
    plain.until("queues.late: Absent, new in the stack");
    lines.until("queues.late");
    assert_eq!(plain.interrupt().code(), Some(1));
    process::signal(lines.id(), "INT");
    let end = json(lines.until("\"version\"").last().expect("an envelope"));
    assert_eq!(end["error"]["code"], "status::unhealthy", "{end:#}");
    assert_eq!(end["error"]["exit"], 1);
    assert_eq!(lines.ended().code(), Some(1));
    succeed(&env, &["down", "--force"]);
}

#[test]
fn every_recorded_target_is_watched() {
    let (env, other) = (empty(), empty());
    env.write("stacks/demo.yaml", QUEUES);
    let mut serving = other.serve(free_port());
    serving.ready();
    let endpoint = serving.endpoint();
    let up = ["up", "--target", "localstack", "--endpoint", endpoint];
    succeed(&env, &up);
    succeed(&env, &["up"]);
    let embedded = env.emulator().expect("running");
    let arguments = ["status", "--watch", "--interval", "1s"];
    let both = Following::start(&env, &arguments);
    both.until("demo on localstack");
    both.until("queues.jobs-dlq");
    put(&Probe::new(&embedded.endpoint), "demo-jobs-dlq", "one");
    both.until("embedded: queues.jobs-dlq: visible 0 → 1");
    process::signal(embedded.pid, "KILL");
    both.until("embedded: cannot be read");
    put(&Probe::new(endpoint), "demo-jobs-dlq", "two");
    both.until("localstack: queues.jobs-dlq: visible 0 → 1");
    assert_eq!(both.interrupt().code(), Some(1), "one is away");

    // It may be away from the beginning, if another one is there.
    let again = Following::start(&env, &arguments);
    again.until("embedded: cannot be read");
    succeed(&env, &["up"]);
    again.until("embedded: can be read again");
    assert_eq!(again.interrupt().code(), Some(0));
}

/// As with `status --watch | head -1` and `logs --follow | head -1`: nothing more is written that would tell.
#[test]
fn what_nobody_reads_any_more_ends_by_itself() {
    let (env, _host, serving) = super::targets::stores();
    let on = ["--target", "localstack", "--endpoint", serving.endpoint()];
    succeed(&env, &[&["up"], &on[..]].concat());
    let mut child = env
        .invocation(&[&["status", "--watch"], &on[..]].concat())
        .command()
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    std::io::BufReader::new(stdout)
        .read_line(&mut line)
        .expect("a line");
    assert!(line.contains("demo"), "{line}");
    let ended = process::wait(&mut child, Duration::from_secs(20)).expect("it ends");
    assert_eq!(ended.code(), Some(0), "all was well");
    succeed(&env, &[&["down", "--force"], &on[..]].concat());
}
