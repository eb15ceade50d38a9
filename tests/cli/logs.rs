//! `logs`: what the functions of a running stack say, once, followed, and of one file.

use std::collections::BTreeMap;
use std::time::Duration;

use insta::assert_snapshot;
use pipectl_testkit::{TestEnv, Transcript, http, until};
use serde_json::{Value, json};

use super::following::Following;
use super::{empty, project, succeed};

/// Bytes that are no log file.
const BINARY: [u8; 7] = [0, 159, 146, 150, 10, 255, 0];

/// Sends a file; returns its job id.
fn send(env: &TestEnv, file: &str) -> String {
    let sent = env.pipectl(&["send", file, "--output", "json"]).json();
    let id = sent["data"]["sent"][0]["job_id"].as_str();
    id.unwrap_or_else(|| panic!("{sent:#}")).to_owned()
}

fn events(data: &Value) -> Vec<Value> {
    data["data"]["events"].as_array().expect("events").clone()
}

/// Waits until so many invocations have written their report: a result is there a moment before.
fn reported(env: &TestEnv, invocations: usize) {
    until("the reports", Duration::from_secs(20), || {
        let logs = env.pipectl(&["logs", "--output", "json"]).json();
        let events = events(&logs);
        let reports = events.iter().filter(|event| event["kind"] == "report");
        match reports.count() {
            enough if enough >= invocations => Ok(()),
            few => Err(format!("{few} reports")),
        }
    });
}

/// Lines of a transcript without what differs between runs: functions one after the other, because the worker
/// begins before or after the trigger's end, and no figures of memory.
fn by_function(transcript: &Transcript) -> String {
    let text = transcript.to_string();
    let (head, rest) = text.split_once("--- stdout\n").expect("stdout");
    let mut lines: Vec<String> = rest
        .lines()
        .map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            let used = words.iter().position(|word| *word == "used");
            if let Some(figure) = used.and_then(|at| words.get_mut(at + 1)) {
                *figure = "[n]";
            }
            for word in &mut words {
                // A count before `ms` is taken for a time.
                if word.starts_with("lines=[time]=") {
                    *word = "lines=[n] ms=[n]";
                } else if word.starts_with("ms=") {
                    *word = "ms=[n]";
                }
            }
            words.join(" ")
        })
        .collect();
    lines.sort_by_key(|line| {
        let function = line.split(' ').nth(1);
        match function.filter(|_| line.starts_with("YYYY")) {
            Some("trigger") => 0,
            Some("worker") => 1,
            _ => 2,
        }
    });
    format!("{head}--- stdout\n{}", lines.join("\n"))
}

/// aws-behaviours C5
#[test]
fn what_the_functions_say_and_the_story_of_a_file() {
    let env = project();
    succeed(&env, &["up", "--smoke", "samples/app-100.ndjson"]);
    reported(&env, 2);
    assert_snapshot!("all", by_function(&env.pipectl(&["logs"])));
    assert_snapshot!("all_verbose", by_function(&env.pipectl(&["logs", "-v"])));

    let worker = env.pipectl(&["logs", "worker", "--output", "json"]);
    let worker = events(&worker.expect_success().json());
    let kinds: Vec<&str> = worker.iter().filter_map(|e| e["kind"].as_str()).collect();
    assert_eq!(kinds, ["start", "json", "json", "end", "report"]);
    assert!(worker.iter().all(|event| event["function"] == "worker"));
    assert!(worker.iter().all(|event| event["request_id"].is_string()));
    let done = &worker[2];
    assert_eq!(
        (&done["level"], &done["message"], &done["fields"]["lines"]),
        (&"INFO".into(), &"done".into(), &100.into())
    );
    let raw: Value = serde_json::from_str(done["raw"].as_str().expect("raw")).expect("JSON");
    assert_eq!(raw["message"], "done");
    assert!(worker[4]["fields"]["init_ms"].is_f64(), "{:#}", worker[4]);

    let none = env.pipectl(&["logs", "--errors"]);
    assert_snapshot!("no_errors", none);
    env.write("binary.ndjson", BINARY);
    let failed = send(&env, "binary.ndjson");
    let done = send(&env, "samples/app-500.ndjson");
    reported(&env, 6);
    assert_snapshot!("errors", by_function(&env.pipectl(&["logs", "--errors"])));

    let whole = env.pipectl(&["logs", "--job", &failed]).expect_success();
    assert_snapshot!("job", by_function(&whole));
    let short = env.pipectl(&["logs", "--job", &failed[..8]]);
    assert_eq!(short.expect_success().stdout, whole.stdout);
    let story = env.pipectl(&["logs", "--job", &done, "--output", "json"]);
    let story = story.expect_success().json();
    let job = &story["data"]["job"];
    assert_eq!(
        (&job["job_id"], &job["result"]["lines"]),
        (&done.into(), &500.into())
    );
    let ran: Vec<&str> = job["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .filter_map(|run| run["function"].as_str())
        .collect();
    assert_eq!(ran, ["trigger", "worker"]);
    let lines = events(&story);
    assert!(lines.is_sorted_by_key(|event| event["at"].as_str().map(str::to_owned)));
    let mut said: Vec<&str> = lines
        .iter()
        .filter(|event| event["kind"] == "json")
        .filter_map(|event| event["message"].as_str())
        .collect();
    // The worker may have the job before the trigger hears that it was sent.
    said.sort_unstable();
    assert_eq!(said, ["begun", "done", "sent"]);

    assert_snapshot!("unknown_job", env.pipectl(&["logs", "--job", "000000"]));
    assert_snapshot!("unknown_function", env.pipectl(&["logs", "wroker"]));
    let unknown = env.pipectl(&["logs", "wroker", "--output", "json"]);
    let unknown = unknown.expect_code(64).json();
    assert_eq!(unknown["error"]["code"], "stack::no_such_function");
    assert_snapshot!("bad_job", env.pipectl(&["logs", "--job", "12345"]));

    let endpoint = env.emulator().expect("running").endpoint;
    delete_group(&endpoint, "worker");
    let partly = env.pipectl(&["logs"]).expect_success();
    assert!(partly.stdout.contains("trigger"), "{}", partly.unredacted());
    assert!(
        partly.stderr.contains("no logs worker"),
        "{}",
        partly.unredacted()
    );
    delete_group(&endpoint, "trigger");
    assert_snapshot!("no_group", env.pipectl(&["logs"]));
    succeed(&env, &["down", "--force"]);
    let stopped = env.pipectl(&["logs"]).expect_code(69);
    assert!(
        stopped.stderr.contains("pipectl up"),
        "{}",
        stopped.unredacted()
    );
}

fn delete_group(endpoint: &str, function: &str) {
    let body = json!({ "logGroupName": format!("/aws/lambda/log-pipeline-{function}") });
    let headers = [
        ("x-amz-target", "Logs_20140328.DeleteLogGroup"),
        ("content-type", "application/x-amz-json-1.1"),
    ];
    let answer = http::post(endpoint, "/", &headers, body.to_string().as_bytes());
    assert_eq!(answer.expect("an answer").status, 200);
}

#[test]
fn a_stack_without_functions_has_no_logs() {
    let env = empty();
    env.write("stacks/demo.yaml", "stack: demo\nqueues: { jobs: {} }\n");
    assert_snapshot!("no_functions", env.pipectl(&["logs"]));
}

#[test]
fn what_comes_is_told_once_until_an_interruption() {
    let env = project();
    succeed(&env, &["up"]);
    let plain = Following::start(&env, &["logs", "-f"]);
    let json = Following::start(&env, &["logs", "--follow", "--output", "json"]);
    let failures = Following::start(&env, &["logs", "--follow", "--errors", "worker"]);
    env.write("binary.ndjson", BINARY);
    let mut jobs = vec![send(&env, "samples/app-100.ndjson")];
    let mut told = plain.until("done");
    jobs.push(send(&env, "samples/app-500.ndjson"));
    told.extend(plain.until("lines=500"));
    jobs.push(send(&env, "binary.ndjson"));
    told.extend(plain.until("no_record"));
    // Several looks more bring nothing that was told.
    told.extend(plain.during(Duration::from_millis(2_500)));
    for job in &jobs {
        let id = format!("job_id={}…", &job[..12]);
        let count = told.iter().filter(|line| line.contains(&id)).count();
        assert_eq!(count, 3, "sent, begun and how it ended: {told:#?}");
    }

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in json.during(Duration::from_millis(500)) {
        let event: Value = serde_json::from_str(&line).expect("one object a line");
        let key = ["at", "stream", "raw"].map(|name| event[name].to_string());
        *counts.entry(key.join(" ")).or_default() += 1;
    }
    assert!(counts.values().all(|count| *count == 1), "{counts:#?}");
    assert_eq!(
        counts.keys().filter(|key| key.contains("REPORT")).count(),
        6
    );

    let failed = failures.until("no_record");
    assert_eq!(failed.len(), 1, "{failed:#?}");
    for following in [plain, json, failures] {
        assert_eq!(following.interrupt().code(), Some(0));
    }

    // A group that is not there is waited for; a target that is gone is not.
    let endpoint = env.emulator().expect("running").endpoint;
    delete_group(&endpoint, "trigger");
    delete_group(&endpoint, "worker");
    let again = Following::start(&env, &["logs", "-f"]);
    assert!(again.during(Duration::from_millis(300)).is_empty());
    send(&env, "samples/app-100.ndjson");
    again.until("lines=100");
    succeed(&env, &["down", "--force"]);
    assert_eq!(again.ended().code(), Some(69));
}
