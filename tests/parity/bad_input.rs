//! What cannot be compared, targets that lack something or hang, and runs that end early.

use std::time::Duration;

use pipectl_testkit::{Fault, FaultKind, FaultProxy, TestEnv, process, until};
use serde_json::{Value, json};

use super::{BINARY, Other, all, is_empty, parity, row};

/// The error of a run that makes nothing.
fn refused(env: &TestEnv, arguments: &[&str], code: i32) -> Value {
    let told = parity(env, arguments).expect_code(code).json();
    assert!(!env.root().join("results").exists());
    told["error"].clone()
}

#[test]
fn what_is_no_pair_of_targets_is_refused() {
    let env = TestEnv::new(BINARY);
    let other = Other::start();
    let target = other.target();
    let url = other.url();
    let same = "localstack";
    let by_name = target.replace("127.0.0.1", "localhost");
    for (arguments, code, exit) in [
        (vec!["embedded", "embedded"], "parity::same_target", 64),
        (vec![&*target, &*target], "parity::same_target", 64),
        (
            vec![same, same, "--endpoint", url],
            "parity::whose_endpoint",
            64,
        ),
        (
            vec!["embedded=http://127.0.0.1:1", same],
            "parity::no_endpoint",
            64,
        ),
        (vec![&*target, &*by_name], "parity::same_target", 64),
        (
            vec!["embedded", &*target, "--profile", "mine"],
            "target::no_profile",
            64,
        ),
        (
            vec!["embedded", &*target, "--endpoint", url],
            "parity::no_endpoint",
            64,
        ),
        (
            vec!["embedded", &*target, "--target", "aws"],
            "parity::target_option",
            64,
        ),
        (vec!["embedded", "nowhere"], "target::unknown", 64),
        (
            vec!["embedded", "localstack=http://127.0.0.1:1"],
            "target::unreachable",
            69,
        ),
        (
            vec!["embedded", &*target, "--only", "file-gzp"],
            "parity::no_scenario",
            64,
        ),
        (
            vec!["embedded", &*target, "--skip", "file"],
            "parity::no_scenario",
            64,
        ),
    ] {
        let error = refused(&env, &arguments, exit);
        assert_eq!(error["code"], code, "{arguments:?}: {error:#}");
        assert!(error["help"].is_string(), "{error:#}");
    }
    let error = refused(&env, &["embedded", &target, "--only", "file-gzp"], 64);
    assert!(
        error["help"].as_str().expect("help").contains("file-gzip"),
        "{error:#}"
    );
    is_empty(url);
    // Nothing that was started for this goes on.
    assert_eq!(env.emulator(), None);
}

#[test]
fn stacks_of_which_no_copy_can_be_made_or_compared_are_refused() {
    let env = TestEnv::new(BINARY);
    let other = Other::start();
    let target = other.target();
    let function = "f".repeat(58);
    let long = format!("stack: a\nfunctions:\n  {function}: {{ crate: functions/worker }}\n");
    env.write("stacks/long.yaml", long);
    env.write(
        "stacks/bucket.yaml",
        "stack: bucket\nbuckets:\n  files: {}\n",
    );
    let error = refused(
        &env,
        &["embedded", &target, "--stack", "stacks/long.yaml"],
        64,
    );
    assert_eq!(error["code"], "parity::no_copy", "{error:#}");
    let queues = [
        "embedded",
        &target,
        "--stack",
        "stacks/bucket.yaml",
        "--only",
        "queues",
    ];
    let error = refused(&env, &queues, 64);
    assert_eq!(error["code"], "parity::nothing_to_play", "{error:#}");
}

#[test]
fn what_a_target_lacks_and_where_it_hangs_is_told_and_counts() {
    let env = TestEnv::new(BINARY);
    let other = Other::start();
    let proxy = FaultProxy::start(other.url());
    let missing = FaultKind::answer(501, "NotImplemented", "Parts are not there.");
    proxy.arm(Fault::new("CreateMultipartUpload", missing).times(usize::MAX));
    let hangs = FaultKind::Delay(Duration::from_secs(100));
    proxy.arm(Fault::new("CopyObject", hangs).times(usize::MAX));
    let target = format!("localstack={}", proxy.url());
    let arguments = [
        "embedded",
        &target,
        "--only",
        "event-copy,event-multipart,table-second-writer",
        "--deadline",
        "10s",
        "--at-least",
        "6",
    ];
    let told = parity(&env, &arguments).expect_code(1).json();
    assert_eq!(told["error"]["code"], "parity::too_little", "{told:#}");
    let data = &told["data"];
    let copy = row(data, "event-multipart");
    assert_eq!(copy["verdict"], "not_supported");
    let why = copy["outcomes"][1]["ending"]["not_supported"]["why"].as_str();
    assert!(
        why.expect("a reason").contains("CreateMultipartUpload"),
        "{copy:#}"
    );
    let hung = row(data, "event-copy");
    assert_eq!(hung["verdict"], "differs");
    assert_eq!(
        hung["outcomes"][1]["ending"],
        json!({ "hung": { "after_s": 10 } })
    );
    assert_eq!(row(data, "table-second-writer")["verdict"], "equal");
    assert_eq!(data["equal"], json!(1));
    proxy.disarm();
    is_empty(other.url());
}

/// Waits until both sides play.
fn playing(started: &pipectl_testkit::Started<'_>) {
    until("both play", Duration::from_secs(100), || {
        let lines = started.stderr();
        let plays = |side: &str| {
            lines.lines().any(|line| {
                line.contains("\"event\":\"scenario_played\"")
                    && line.contains(&format!("\"target\":\"{side}\""))
            })
        };
        if plays("embedded") && plays("embedded-2") {
            Ok(())
        } else {
            Err(lines)
        }
    });
}

#[test]
fn an_interrupted_run_leaves_nothing_and_a_killed_one_is_cleaned_up_by_the_next() {
    let env = TestEnv::new(BINARY);
    // What the stack keeps, its copies do not.
    let file = env.root().join("stacks/log-pipeline.yaml");
    let stack = std::fs::read_to_string(&file).expect("the stack");
    let kept = stack.replace("versioning: true,", "versioning: true, retain: true,");
    let kept = kept.replace("ttl: expires_at", "ttl: expires_at\n    retain: true");
    assert_eq!(kept.matches("retain: true").count(), 2);
    std::fs::write(&file, kept).expect("written");
    let other = Other::start();
    let target = other.target();
    let whole = ["parity", "embedded", &target, "--output", "json"];
    let started = env.invocation(&whole).start();
    playing(&started);
    let busy = parity(&env, &["embedded", &target]).expect_code(77).json();
    assert_eq!(busy["error"]["code"], "parity::busy");
    process::signal(started.pid(), "INT");
    let told = started.finish().expect_code(75).json();
    assert_eq!(told["error"]["code"], "parity::interrupted", "{told:#}");
    assert_eq!(told["data"]["complete"], json!(false));
    is_empty(other.url());
    assert_eq!(env.emulator(), None);

    let started = env.invocation(&whole).start();
    playing(&started);
    process::signal(started.pid(), "KILL");
    let _ = started.finish();
    assert!(!all(other.url()).is_empty());
    let again = ["embedded", &target, "--only", "table-second-writer"];
    let told = parity(&env, &again).expect_success().json();
    assert_eq!(
        row(&told["data"], "table-second-writer")["verdict"],
        "equal"
    );
    is_empty(other.url());
    assert_eq!(env.emulator(), None);
    // A run that was not whole replaces no report of one that was.
    let reports = std::fs::read_dir(env.root().join("results")).expect("reports");
    let names: Vec<String> = reports
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert!(
        names.iter().any(|name| name.ends_with("_partial.md")),
        "{names:?}"
    );
    assert!(
        !names.contains(&"parity_embedded_embedded-2_latest.md".to_owned()),
        "{names:?}"
    );
}

#[test]
fn an_account_of_aws_is_told_what_it_costs_and_asked() {
    let env = TestEnv::new(BINARY);
    let other = Other::start();
    let target = format!("aws={}", other.url());
    let arguments = ["parity", "embedded", &target, "--output", "json"];
    let told = env
        .invocation(&arguments)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1")
        .run()
        .expect_code(77);
    assert_eq!(told.json()["error"]["code"], "target::not_agreed");
    let costs = told
        .stderr
        .lines()
        .find(|line| line.contains("cost_estimated"));
    let event: Value = serde_json::from_str(costs.expect("the estimate")).expect("JSON");
    let usd = event["usd"].as_f64().expect("a number");
    assert!((0.01..1.0).contains(&usd), "{event}");
    is_empty(other.url());
}
