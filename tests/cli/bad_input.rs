//! Bad input: a clear error with a code, a place and a next step, before any call is made.

use insta::assert_snapshot;

use super::{empty, project};

#[test]
fn no_stack_file() {
    let env = empty();
    assert_snapshot!(env.pipectl(&["up"]));
}

#[test]
fn stack_with_several_errors() {
    let env = empty();
    let stack = "stack: demo
buckets:
  uploads: { versioned: true }
queues:
  jobs: { visibility_timeout: 13h, dead_letter: { queue: jbs-dlq, max_receives: 5 } }
  jobs-dlq: {}
wiring:
  - { from: queues.jobs, to: functions.worker }
";
    env.write("stacks/demo.yaml", stack);
    assert_snapshot!(env.pipectl(&["up"]));
    assert_snapshot!(
        "stack_with_several_errors_json",
        env.pipectl(&["up", "--output", "json"])
    );
}

#[test]
fn function_that_does_not_compile() {
    let env = empty();
    env.write(
        "functions/broken/Cargo.toml",
        "[package]\nname = \"broken\"\nedition = \"2024\"\n\n[workspace]\n",
    );
    env.write(
        "functions/broken/src/main.rs",
        "fn main() {\n    let count: u32 = \"three\";\n}\n",
    );
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nfunctions:\n  broken: { crate: functions/broken }\n",
    );
    let transcript = env.pipectl(&["up"]);
    assert_eq!(transcript.code, Some(78));
    assert_eq!(
        transcript.stderr.matches("mismatched types").count(),
        1,
        "{}",
        transcript.unredacted()
    );
    assert!(transcript.stderr.contains("functions/broken") || transcript.stderr.contains("broken"));
}

#[test]
fn smoke_file_that_is_not_there() {
    let env = project();
    assert_snapshot!(env.pipectl(&["up", "--smoke", "nope.ndjson"]));
    assert!(env.emulator().is_none(), "nothing was started for it");
}

#[test]
fn send_with_no_stack_up() {
    let env = project();
    assert_snapshot!(env.pipectl(&["send", "samples/app-100.ndjson"]));
}

#[test]
fn results_status_and_env_with_no_stack_up() {
    let env = project();
    for verb in ["results", "status", "env"] {
        let transcript = env.pipectl(&[verb]);
        assert_eq!(
            transcript.code,
            Some(69),
            "{verb}: {}",
            transcript.unredacted()
        );
        assert!(
            transcript.stderr.contains("pipectl up"),
            "{verb}: {}",
            transcript.unredacted()
        );
    }
}

#[test]
fn unknown_target_and_unreachable_endpoint() {
    let env = project();
    assert_snapshot!(env.pipectl(&["status", "--target", "asw"]));
    let endpoint = [
        "status",
        "--target",
        "localstack",
        "--endpoint",
        "http://127.0.0.1:9",
    ];
    let transcript = env.pipectl(&endpoint);
    assert_eq!(transcript.code, Some(69), "{}", transcript.unredacted());
    assert_snapshot!(env.pipectl(&[
        "status",
        "--target",
        "localstack",
        "--endpoint",
        "http://example.com"
    ]));
}

#[test]
fn usage() {
    let env = empty();
    assert_snapshot!(env.pipectl(&["send"]));
    assert_snapshot!(
        "usage_duration",
        env.pipectl(&["results", "--since", "yesterday"])
    );
}

#[test]
fn down_with_nothing_there() {
    let env = project();
    assert_snapshot!(env.pipectl(&["down"]));
    assert!(env.emulator().is_none());
}
