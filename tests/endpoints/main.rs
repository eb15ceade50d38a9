//! The lifecycle suite on real endpoints that speak LocalStack's protocol: up, no-op, change, status,
//! send, down. Each endpoint is started by the suite and stopped after it.
//!
//! Not a libtest harness: an endpoint that cannot be had here is said to be skipped, with the reason;
//! with `PIPECTL_REQUIRE_ENDPOINTS=1` it fails instead.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::time::Instant;

use pipectl_testkit::endpoints::{Endpoint, Skip};
use pipectl_testkit::{TestEnv, Transcript};
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
        let outcome = std::panic::catch_unwind(|| lifecycle(endpoint.url()));
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
