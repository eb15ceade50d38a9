//! The lifecycle suite on real endpoints that speak LocalStack's protocol: up, no-op, change, status,
//! send, logs, down. Each endpoint is started by the suite and stopped after it.
//!
//! Not a libtest harness: an endpoint that cannot be had here is said to be skipped, with the reason;
//! with `PIPECTL_REQUIRE_ENDPOINTS=1` it fails instead.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use pipectl_testkit::endpoints::{Endpoint, Skip};
use pipectl_testkit::{TestEnv, Transcript, until};
use serde_json::Value;

type Launcher = fn() -> Result<Endpoint, Skip>;

const ENDPOINTS: &[(&str, Launcher)] = &[
    ("MiniStack", Endpoint::ministack),
    ("LocalStack", Endpoint::localstack),
];

fn main() -> ExitCode {
    let mut failed = 0;
    let mut passed = 0;
    let mut skipped = 0;
    for (name, launch) in ENDPOINTS {
        let endpoint = match launch() {
            Ok(endpoint) => endpoint,
            Err(skip) => {
                println!("skipped: {name}: {skip}");
                skipped += 1;
                continue;
            }
        };
        println!(
            "{name} at {} started in {:.2} s",
            endpoint.url(),
            endpoint.start_took().as_secs_f64()
        );
        let begun = Instant::now();
        let outcome = std::panic::catch_unwind(|| {
            lifecycle(endpoint.url());
            tuning(name, endpoint.url());
        });
        if outcome.is_ok() {
            println!(
                "ok: {name}: lifecycle in {:.1} s",
                begun.elapsed().as_secs_f64()
            );
            passed += 1;
        } else {
            println!("FAILED: {name}: its log is {}", endpoint.log().display());
            print_tail(endpoint.log());
            failed += 1;
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print_tail(log: &std::path::Path) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(40)..] {
        println!("  | {line}");
    }
}

/// `pipectl ARGUMENTS --target localstack --endpoint URL`
fn run(env: &TestEnv, url: &str, arguments: &[&str]) -> Transcript {
    let mut all = arguments.to_vec();
    all.extend(["--target", "localstack", "--endpoint", url]);
    let begun = Instant::now();
    let transcript = env.pipectl(&all);
    println!(
        "  {:>7.0} ms  {}",
        begun.elapsed().as_secs_f64() * 1000.0,
        arguments.join(" ")
    );
    transcript
}

fn json(env: &TestEnv, url: &str, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--output", "json"]);
    run(env, url, &all).expect_success().json()
}

fn actions(up: &Value) -> Vec<(String, String)> {
    let steps = up["data"]["plan"]["steps"].as_array().expect("steps");
    let text = |step: &Value, field: &str| step[field].as_str().expect("text").to_owned();
    steps
        .iter()
        .map(|step| (text(step, "id"), text(step, "action")))
        .filter(|(_, action)| action != "keep")
        .collect()
}

/// The letter that waits in `jobs-dlq`, once there is one with another id than `before`.
fn letter(env: &TestEnv, url: &str, before: &Value) -> Value {
    until("a dead letter", Duration::from_mins(1), || {
        let listed = json(env, url, &["dlq", "ls", "jobs-dlq"]);
        let letter = &listed["data"]["queues"][0]["letters"][0];
        if letter["message_id"].is_string() && letter["message_id"] != *before {
            Ok(letter.clone())
        } else {
            Err(listed.to_string())
        }
    })
}

/// A file that can never be read waits with its reason, goes through again, waits again, and is deleted.
fn dead_letters(env: &TestEnv, url: &str) {
    env.write("binary.ndjson", [0u8, 159, 146, 150, 10, 255]);
    let sent = run(env, url, &["send", "binary.ndjson"]);
    assert_eq!(sent.code, Some(1), "{}", sent.unredacted());
    let first = letter(env, url, &Value::Null);
    assert_eq!(first["why"]["code"], "no_record", "{first:#}");
    assert_eq!(first["files"][0]["key"], "logs/binary.ndjson", "{first:#}");
    let redriven = json(env, url, &["dlq", "redrive", "--all"]);
    let report = &redriven["data"]["queues"][0];
    assert_eq!(report["done"], 1, "{redriven:#}");
    println!("  redriven by {}", report["how"]);
    let again = letter(env, url, &first["message_id"]);
    assert_eq!(again["why"]["code"], "no_record", "{again:#}");
    let dropped = json(env, url, &["dlq", "drop", "--all", "--force"]);
    assert_eq!(dropped["data"]["queues"][0]["done"], 1, "{dropped:#}");
}

fn lifecycle(url: &str) {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_pipectl"));
    let up = json(&env, url, &["up"]);
    assert!(
        actions(&up).iter().all(|(_, action)| action == "create"),
        "{up:#}"
    );
    assert!(actions(&up).len() >= 12, "{up:#}");

    let again = json(&env, url, &["up"]);
    assert_eq!(
        actions(&again),
        [],
        "a second up makes no write call: {:#}",
        again["data"]["plan"]
    );

    let status = json(&env, url, &["status"]);
    let resources = status["data"]["targets"][0]["resources"]
        .as_array()
        .expect("resources");
    assert!(
        resources.iter().all(|resource| resource["healthy"] == true),
        "{status:#}"
    );

    let sent = json(
        &env,
        url,
        &[
            "send",
            "samples/app-100.ndjson",
            "samples/app-malformed.ndjson",
        ],
    );
    let results: Vec<_> = sent["data"]["sent"]
        .as_array()
        .expect("sent")
        .iter()
        .map(|one| &one["result"])
        .collect();
    assert_eq!(results[0]["lines"], 100, "{sent:#}");
    assert_eq!(results[1]["malformed"], 10, "{sent:#}");
    let listed = json(&env, url, &["results"]);
    assert_eq!(
        listed["data"]["results"].as_array().map(Vec::len),
        Some(2),
        "{listed:#}"
    );

    dead_letters(&env, url);
    let job = results[0]["job_id"].as_str().expect("a job id");
    // What functions wrote arrives a while after what they did.
    pipectl_testkit::until("the story of a file", Duration::from_secs(20), || {
        let story = run(&env, url, &["logs", "--job", job, "--output", "json"]).json();
        let events = story["data"]["events"].as_array();
        let said: Vec<_> = events
            .into_iter()
            .flatten()
            .filter(|event| event["kind"] == "json")
            .filter_map(|event| Some((event["function"].as_str()?, event["message"].as_str()?)))
            .collect();
        let expected = [("trigger", "sent"), ("worker", "begun"), ("worker", "done")];
        if said.iter().eq(expected.iter()) {
            Ok(())
        } else {
            Err(format!("{story:#}"))
        }
    });

    let file = env.root().join("stacks/log-pipeline.yaml");
    let text = std::fs::read_to_string(&file).expect("the stack");
    std::fs::write(&file, text.replace("max_receives: 5", "max_receives: 6")).expect("written");
    let changed = json(&env, url, &["up"]);
    assert_eq!(
        actions(&changed),
        [("queues.jobs".to_owned(), "update".to_owned())],
        "{changed:#}"
    );

    let refused = run(&env, url, &["down"]);
    assert_eq!(
        refused.code,
        Some(77),
        "data is protected: {}",
        refused.unredacted()
    );
    let down = json(&env, url, &["down", "--force"]);
    assert!(
        down["data"]["deleted"].as_array().map_or(0, Vec::len) >= 12,
        "{down:#}"
    );
    let nothing = json(&env, url, &["down"]);
    assert_eq!(
        nothing["data"]["deleted"].as_array().map(Vec::len),
        Some(0),
        "{nothing:#}"
    );
}

/// Where the endpoint's mappings wait a second after each batch, a setting of ours ends that; elsewhere
/// there is none. It is no drift, and goes when it is not wanted.
fn tuning(name: &str, url: &str) {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_pipectl"));
    let up = json(&env, url, &["up"]);
    let product = up["data"]["product"]["name"].as_str().expect("a product");
    assert_eq!(product, name.to_lowercase());
    let mapping = "mappings.jobs-worker".to_owned();
    if name == "LocalStack" {
        assert_eq!(up["data"]["tuned"], serde_json::json!([mapping]));
        end_to_end(&env, url, "tuned");
        assert_eq!(actions(&json(&env, url, &["up"])), []);
        let plain = json(&env, url, &["up", "--no-tuning"]);
        assert_eq!(actions(&plain), [(mapping, "update".to_owned())]);
        assert!(plain["data"]["tuned"].is_null(), "{plain:#}");
        end_to_end(&env, url, "untuned");
        assert_eq!(actions(&json(&env, url, &["up", "--no-tuning"])), []);
    } else {
        assert!(up["data"]["tuned"].is_null(), "{up:#}");
        end_to_end(&env, url, "as the stack says");
    }
    let _ = json(&env, url, &["down", "--force"]);
    // Up again at once: nothing of the old mapping is in the way.
    let _ = json(&env, url, &["up"]);
    let _ = json(&env, url, &["down", "--force"]);
}

/// Prints how long a file takes from its upload to its result; how long is for the reader, not for a test.
fn end_to_end(env: &TestEnv, url: &str, what: &str) {
    const FILES: usize = 6;
    // As in the method of the study: one file after the other, with a pause.
    const PAUSE: Duration = Duration::from_millis(1_100);
    let mut times: Vec<f64> = (0..=FILES)
        .map(|_| {
            std::thread::park_timeout(PAUSE);
            let arguments = ["send", "samples/app-100.ndjson", "--output", "json"];
            let target = ["--target", "localstack", "--endpoint", url];
            let sent = env.pipectl(&[&arguments[..], &target].concat());
            let sent = sent.expect_success().json();
            sent["data"]["sent"][0]["elapsed_ms"]
                .as_f64()
                .expect("a time")
        })
        .skip(1)
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, last) = (times[FILES / 2], times[FILES - 1]);
    println!("  end to end, {what}: p50 {median:.0} ms, max {last:.0} ms of {FILES}");
}
