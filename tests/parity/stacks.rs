//! Stacks of other kinds, and tests of a stack's own.

use pipectl_testkit::TestEnv;
use serde_json::{Value, json};

use super::{BINARY, Other, parity, row};

/// A queue, a function, a table, and no way for files.
const QUEUE_ONLY: &str = "\
stack: orders
queues:
  orders: { dead_letter: { queue: failed } }
  failed: {}
tables:
  orders: { partition_key: { name: number, type: number }, sort_key: at }
functions:
  handler:
    crate: functions/worker
    environment: { DEAD_LETTER_QUEUE_URL: \"${queues.failed.url}\", RESULTS_TABLE: \"${tables.orders.name}\" }
    access: [{ send: queues.failed }, { write: tables.orders }]
wiring:
  - { from: queues.orders, to: functions.handler }
";

#[test]
fn a_stack_of_another_kind_gets_the_scenarios_of_what_it_has() {
    let env = TestEnv::new(BINARY);
    env.write("stacks/orders.yaml", QUEUE_ONLY);
    let other = Other::start();
    let (target, stack) = (other.target(), ["--stack", "stacks/orders.yaml"]);
    let arguments = [&["embedded", &*target, "--at-least", "100"], &stack[..]].concat();
    let told = parity(&env, &arguments).expect_success().json();
    let data = &told["data"];
    let names: Vec<&str> = data["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    let expected = [
        "queue-batch",
        "queue-partial-failure",
        "queue-max-receives",
        "queue-visible-again",
        "queue-redrive",
        "function-timeout",
        "function-crash",
        "function-panic",
        "function-memory",
        "function-init-error",
        "function-environment",
        "function-logs",
        "function-no-concurrency",
        "function-code-update",
        "table-second-writer",
        "second-up",
        "drift-repaired",
        "down-leaves-nothing",
        "up-at-once",
    ];
    assert_eq!(names, expected, "{data:#}");
    let others = data["not_of_the_stack"].as_array().expect("a list");
    assert!(
        others.contains(&json!(["file-gzip", "a pipeline from files to results"])),
        "{others:?}"
    );
}

#[test]
fn tests_of_the_stack_file_are_played_with_the_others() {
    let env = TestEnv::new(BINARY);
    let file = env.root().join("stacks/log-pipeline.yaml");
    let stack = std::fs::read_to_string(&file).expect("the stack");
    let tests = "\
tests:
  thousand-lines:
    upload: samples/app-1000.ndjson
    expect:
      - item: { table: tables.results, has: { key: logs/app-1000.ndjson, status: done, lines: 1000 } }
      - log: { function: functions.worker, contains: logs/app-1000.ndjson }
  no-log:
    upload: README.md
    key: logs/readme.ndjson
    expect:
      - message: { queue: queues.jobs-dlq, contains: logs/readme.ndjson }
  wrong:
    upload: samples/app-1000.ndjson
    key: logs/wrong.ndjson
    within: 1s
    expect:
      - item: { table: tables.results, has: { key: logs/wrong.ndjson, lines: 7 } }
";
    env.write("README.md", "no log\n");
    std::fs::write(&file, format!("{stack}\n{tests}")).expect("written");
    let other = Other::start();
    let told = parity(&env, &["embedded", &other.target(), "--only", "tests"]).expect_code(1);
    let told = told.json();
    assert_eq!(told["error"]["code"], "parity::tests_failed");
    let message = told["error"]["message"].as_str().expect("a message");
    assert_eq!(message, "not as the stack file expects: test-wrong");
    let data = &told["data"];
    for name in ["test-thousand-lines", "test-no-log"] {
        let row = row(data, name);
        assert_eq!(
            (&row["verdict"], &row["unlike_aws"]),
            (&json!("equal"), &json!([[], []])),
            "{row:#}"
        );
    }
    let wrong = row(data, "test-wrong");
    assert_eq!(wrong["verdict"], "equal");
    let unlike: Vec<&Value> = wrong["unlike_aws"][0]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(unlike.len(), 1, "{wrong:#}");
    assert_eq!(unlike[0]["source"], "tests of the stack file");
    let skipped = row(data, "file-gzip");
    assert_eq!(skipped["verdict"], "skipped");
    // What was left out counts: 3 of 47.
    assert_eq!((&data["equal"], &data["all"]), (&json!(3), &json!(47)));
}

#[test]
fn files_of_one_suffix_into_a_bucket_without_versions_or_prefix() {
    let env = TestEnv::new(BINARY);
    let file = env.root().join("stacks/log-pipeline.yaml");
    let stack = std::fs::read_to_string(&file).expect("the stack");
    let changed = stack
        .replace("versioning: true, ", "")
        .replace("prefix: logs/", "suffix: .ndjson");
    assert_eq!(changed.matches("suffix: .ndjson").count(), 1);
    std::fs::write(&file, changed).expect("written");
    let other = Other::start();
    let target = other.target();
    let chosen = ["embedded", &target, "--only", "files,events"];
    let told = parity(&env, &chosen).expect_success().json();
    let rows = told["data"]["rows"].as_array().expect("rows").iter();
    let played: Vec<&Value> = rows.filter(|row| row["verdict"] != "skipped").collect();
    for row in &played {
        assert_eq!(
            (&row["verdict"], &row["unlike_aws"]),
            (&json!("equal"), &json!([[], []])),
            "{row:#}"
        );
    }
    let names: Vec<&str> = played
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    let expected = [
        "file-100-lines",
        "file-1000-lines",
        "file-gzip",
        "file-malformed-lines",
        "file-empty",
        "file-odd-keys",
        "file-long-key",
        "file-20-mb",
        "file-too-large",
        "file-crlf-bom",
        "event-same-bytes",
        "event-multipart",
        "event-delete",
        "event-test",
    ];
    assert_eq!(names, expected);
}
