//! Targets: a project's own, over TLS, and what is said of them.

use insta::assert_snapshot;
use pipectl_testkit::probe::{expect, parsed};
use pipectl_testkit::{Probe, Serving, TestEnv, TlsFront, Transcript, free_port};
use serde_json::Value;

use super::empty;

/// Stores only, so that nothing has to be built.
pub(crate) const STORES: &str = "stack: demo
buckets: { uploads: {} }
queues: { jobs: { visibility_timeout: 30s } }
tables: { results: { partition_key: job_id } }
";

/// A project with stores, and an endpoint that is not its own.
pub(crate) fn stores() -> (TestEnv, TestEnv, Serving) {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    let host = empty();
    let mut serving = host.serve(free_port());
    serving.ready();
    (env, host, serving)
}

pub(crate) fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let all = [arguments, &["--output", "json"]].concat();
    env.pipectl(&all).expect_success().json()
}

pub(crate) fn data(transcript: &Transcript) -> Value {
    transcript.json()
}

#[test]
fn an_own_target_is_used_as_it_is_written() {
    let (env, _host, serving) = stores();
    let settings = format!(
        "targets:
  team:
    endpoint: {}
    region: us-east-1
    credentials: {{ access_key_id: anna, secret_access_key: hidden-word }}
    overrides: {{ queues: {{ jobs: {{ visibility_timeout: 77s }} }} }}
",
        serving.endpoint()
    );
    env.write("pipectl.yaml", &settings);
    let up = json(&env, &["up", "--target", "team"]);
    assert_eq!(up["data"]["target"], "team", "{up:#}");
    assert_eq!(up["data"]["endpoint"], serving.endpoint());
    let probe = Probe::new(serving.endpoint());
    let asked = serde_json::json!({
        "QueueUrl": probe.queue_url("demo-jobs"), "AttributeNames": ["VisibilityTimeout"]
    });
    let attributes = parsed(&expect(probe.sqs("GetQueueAttributes", &asked)));
    let visibility = &attributes["Attributes"]["VisibilityTimeout"];
    assert_eq!(visibility, "77", "the project's override: {attributes:#}");
    // The only recorded target needs no name.
    let status = json(&env, &["status"]);
    assert_eq!(status["data"]["targets"][0]["target"], "team");
    let elsewhere = settings.replace("us-east-1", "eu-central-1");
    env.write("pipectl.yaml", elsewhere);
    let variables = json(&env, &["env"]);
    assert_eq!(variables["data"]["AWS_REGION"], "eu-central-1");
    env.write("pipectl.yaml", settings);
    assert_eq!(variables["data"]["AWS_ACCESS_KEY_ID"], "anna");
    let record = std::fs::read_to_string(env.root().join(".pipectl/targets.json"));
    let record: Value = serde_json::from_str(&record.expect("the record")).expect("JSON");
    let seen = &record["demo"]["team"];
    assert_eq!(seen["endpoint"], serving.endpoint(), "{record:#}");
    assert_eq!(seen["region"], "us-east-1");
    assert_eq!(seen["account"], "000000000000");
    assert_eq!(seen["product"]["name"], "embedded");
    assert!(!record.to_string().contains("hidden-word"));
    let _ = json(&env, &["down", "--force"]);
    let left = env.pipectl(&["status", "--target", "team"]);
    assert_eq!(left.code, Some(1), "{}", left.unredacted());
}

#[test]
fn what_is_wrong_with_own_targets_is_told_at_once() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    env.write(
        "pipectl.yaml",
        "targets:
  Team: { like: localstak }
  embedded: { endpoint: http://localhost:1, region: eu-central-1 }
  prod:
    like: aws
    endpoint: team.example
    remote: perhaps
    credentials: { access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: hidden-word }
    capabilities: { role: true, roles: 1 }
    deadlines: { table: 5, mapping: 3h }
    overides: {}
",
    );
    let told = env.pipectl(&["status", "--target", "prod"]);
    assert!(!told.unredacted().contains("hidden-word"));
    assert_snapshot!(told);
    // Also where it is no YAML.
    env.write(
        "pipectl.yaml",
        "targets:\n  a:\n    credentials:\n      secret_access_key: [hidden-word\n",
    );
    let told = env.pipectl(&["status"]);
    assert_eq!(told.code, Some(65), "{}", told.unredacted());
    assert!(
        told.stderr.contains("stack::syntax"),
        "{}",
        told.unredacted()
    );
    assert!(!told.unredacted().contains("hidden-word"));
}

#[test]
fn an_override_of_the_project_is_told_where_it_is_written() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    env.write(
        "pipectl.yaml",
        "targets:
  team:
    endpoint: http://127.0.0.1:9
    overrides:
      queues: { jbos: { delay: 1s }, jobs: { visibility_timeout: 13h } }
",
    );
    assert_snapshot!(env.pipectl(&["plan", "--target", "team"]));
    // Other targets are as they were.
    let planned = env.pipectl(&["plan"]);
    assert_eq!(planned.code, Some(0), "{}", planned.unredacted());
}

#[test]
fn an_override_for_no_target_is_told() {
    let env = empty();
    env.write(
        "stacks/demo.yaml",
        format!("{STORES}targets: {{ localstck: {{ queues: {{ jobs: {{ delay: 1s }} }} }} }}\n"),
    );
    assert_snapshot!(env.pipectl(&["plan"]));
}

#[test]
fn tls_with_a_certificate_of_ones_own() {
    let (env, _host, serving) = stores();
    let front = TlsFront::start(serving.endpoint());
    let row = |more: &str| {
        format!(
            "targets: {{ team: {{ endpoint: '{}'{more} }} }}\n",
            front.url()
        )
    };
    env.write("pipectl.yaml", row(""));
    let unknown = env.pipectl(&["up", "--target", "team", "--output", "json"]);
    assert_eq!(unknown.code, Some(69), "{}", unknown.unredacted());
    let message = data(&unknown)["error"]["message"].to_string();
    assert!(message.contains("certificate"), "{message}");

    env.write("team.pem", front.certificate());
    env.write("pipectl.yaml", row(", ca_file: team.pem"));
    let up = json(&env, &["up", "--target", "team"]);
    assert_eq!(up["data"]["endpoint"], front.url(), "{up:#}");
    assert_eq!(
        up["data"]["done"].as_array().map(Vec::len),
        Some(3),
        "{up:#}"
    );
    let _ = json(&env, &["down", "--force"]);
}

#[test]
fn aws_is_a_target_that_says_what_it_lacks() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    // No credentials in an environment that has none, and no region.
    let none = env
        .invocation(&["status", "--target", "aws", "--output", "json"])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "eu-central-1")
        .run();
    assert_eq!(none.code, Some(77), "{}", none.unredacted());
    assert_eq!(data(&none)["error"]["code"], "target::no_credentials");
    let nowhere = env
        .invocation(&["status", "--target", "aws", "--output", "json"])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .run()
        .expect_code(64);
    assert_eq!(data(&nowhere)["error"]["code"], "target::no_region");
    // Its own keys are not sent elsewhere without a word.
    let elsewhere = env
        .invocation(&[
            "status",
            "--target",
            "aws",
            "--endpoint",
            "http://example.com",
        ])
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "eu-central-1")
        .run();
    assert_snapshot!(elsewhere);
    let functions = "functions: { f: { artifact: f.zip } }\n";
    env.write("f.zip", "");
    env.write("stacks/demo.yaml", format!("{STORES}{functions}"));
    assert_snapshot!("aws_needs_roles", env.pipectl(&["up", "--target", "aws"]));
}

#[test]
fn a_recorded_target_that_is_no_target_any_more_is_told() {
    let (env, _host, serving) = stores();
    let row = format!(
        "targets: {{ team: {{ endpoint: '{}' }} }}\n",
        serving.endpoint()
    );
    env.write("pipectl.yaml", &row);
    let _ = json(&env, &["up", "--target", "team"]);
    env.write("pipectl.yaml", "targets: {}\n");
    for arguments in [&["status"][..], &["results"]] {
        let lost = env.pipectl(&[arguments, &["--output", "json"]].concat());
        let error = data(&lost.expect_code(64))["error"].clone();
        assert_eq!(error["code"], "target::unknown", "{error:#}");
        assert!(error["message"].to_string().contains("team"), "{error:#}");
    }
    env.write("pipectl.yaml", row);
    let _ = json(&env, &["down", "--force"]);
}

#[test]
fn what_a_shell_evaluates_is_quoted_and_leaves_nothing_of_another_target() {
    let (env, _host, serving) = stores();
    let row = "credentials: { access_key_id: x, secret_access_key: \"y'; touch pwned; '\" }";
    let row = format!(
        "targets: {{ team: {{ endpoint: '{}', {row} }} }}\n",
        serving.endpoint()
    );
    env.write("pipectl.yaml", row);
    let exports = env.pipectl(&["env", "--target", "team"]).expect_success();
    let script = format!(
        "AWS_PROFILE=old\n{}\nprintf '%s|%s' \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_PROFILE\"",
        exports.stdout
    );
    let shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(env.root())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&shell.stdout).into_owned();
    assert_eq!(said, "y'; touch pwned; '|");
    assert!(!env.root().join("pwned").exists());
}
