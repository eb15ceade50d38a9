//! Targets: a project's own, over TLS, and endpoints that are not what they should be.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use insta::assert_snapshot;
use pipectl_testkit::probe::{expect, parsed};
use pipectl_testkit::{
    Fault, FaultKind, FaultProxy, Probe, Serving, TestEnv, TlsFront, Transcript, free_port,
};
use serde_json::Value;

use super::{empty, settled};

/// Stores only, so that nothing has to be built.
const STORES: &str = "stack: demo
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

fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let all = [arguments, &["--output", "json"]].concat();
    env.pipectl(&all).expect_success().json()
}

fn data(transcript: &Transcript) -> Value {
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
    assert_eq!(seen["product"]["name"], "other");
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

/// Listens on a port, answers every connection with the same bytes, and ends with the test.
fn answers(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
        }
    });
    url
}

#[test]
fn what_is_not_aws_is_told_before_anything_else() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>"[..],
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\nconnection: close\r\n\r\nnot found",
        b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let url = answers(bytes);
        let arguments = ["up", "--target", "localstack", "--endpoint", &url];
        let told = env.pipectl(&[&arguments[..], &["--output", "json"]].concat());
        assert_eq!(told.code, Some(69), "{}", told.unredacted());
        let error = &data(&told)["error"];
        let first = String::from_utf8_lossy(bytes);
        assert_eq!(error["code"], "target::not_aws", "{first}: {error:#}");
        assert!(error["help"].to_string().contains("doctor"), "{error:#}");
    }
    let recorded = env.root().join(".pipectl/targets.json");
    assert!(!recorded.exists(), "nothing was brought up");
}

#[test]
fn an_endpoint_that_was_started_anew_is_empty_and_that_is_told() {
    let (env, host, serving) = stores();
    let endpoint = serving.endpoint().to_owned();
    let port = endpoint
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let on = ["--target", "localstack", "--endpoint", &endpoint];
    let _ = json(&env, &[&["up"], &on[..]].concat());
    serving.stop();
    std::fs::remove_dir_all(host.data()).expect("its memory is gone");
    let mut serving = host.serve(port.expect("a port"));
    serving.ready();

    let status = env.pipectl(&["status", "--output", "json"]);
    assert_eq!(status.code, Some(69), "{}", status.unredacted());
    let error = &data(&status)["error"];
    assert_eq!(error["code"], "stack::gone", "{error:#}");
    let help = error["help"].to_string();
    assert!(help.contains("pipectl up --target localstack"), "{help}");

    let up = env.pipectl(&[&["up"], &on[..]].concat()).expect_success();
    let told = settled(&up.stderr);
    assert!(
        told.contains("nothing of the stack is at"),
        "{}",
        up.unredacted()
    );
    let again = env.pipectl(&[&["up"], &on[..]].concat()).expect_success();
    assert!(
        !again.stderr.contains("nothing of the stack"),
        "{}",
        again.unredacted()
    );
    let _ = json(&env, &["down", "--force"]);
}

#[test]
fn a_clock_that_differs_is_told_and_reckoned_with() {
    let (env, _host, serving) = stores();
    let proxy = FaultProxy::start(serving.endpoint());
    proxy.say_time("Thu, 01 Jan 2026 00:00:00 GMT");
    let on = ["--target", "localstack", "--endpoint", proxy.url()];
    let up = env.pipectl(&[&["up"], &on[..]].concat()).expect_success();
    assert!(
        up.stderr.contains("clocks differ") && up.stderr.contains("behind this machine's"),
        "{}",
        up.unredacted()
    );
    let status = json(&env, &[&["status"], &on[..]].concat());
    let at = status["data"]["targets"][0]["at"].to_string();
    assert!(at.contains("2026-01-01T00:00:"), "by its clock: {at}");
    let doctor = env.pipectl(&["doctor", "--output", "json"]);
    let findings = data(&doctor)["data"]["findings"].clone();
    let recorded = findings
        .as_array()
        .and_then(|all| all.iter().find(|f| f["what"] == "localstack, as recorded"))
        .unwrap_or_else(|| panic!("{findings:#}"));
    assert_eq!(recorded["verdict"], "bad");
    assert!(
        recorded["fix"].to_string().contains("clock"),
        "{recorded:#}"
    );
    let _ = json(&env, &[&["down", "--force"], &on[..]].concat());
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
fn a_table_that_goes_away_between_two_looks_is_not_there() {
    let (env, _host, serving) = stores();
    let proxy = FaultProxy::start(serving.endpoint());
    let on = ["--target", "localstack", "--endpoint", proxy.url()];
    let _ = json(&env, &[&["up"], &on[..]].concat());
    // As somebody else's `down` at the same time would have it.
    let gone = FaultKind::answer(
        400,
        "ResourceNotFoundException",
        "Requested resource not found",
    );
    proxy.arm(Fault::new("dynamodb:ListTagsOfResource", gone).times(usize::MAX));
    let status = env.pipectl(&[&["status", "--output", "json"], &on[..]].concat());
    let data = data(&status.expect_code(1));
    let states = data["data"]["targets"][0]["resources"].as_array();
    let table = states.and_then(|all| all.iter().find(|one| one["id"] == "tables.results"));
    assert_eq!(
        table.map(|table| &table["state"]),
        Some(&"Absent".into()),
        "{data:#}"
    );
    proxy.disarm();
    let _ = json(&env, &[&["down", "--force"], &on[..]].concat());
}

#[test]
fn what_was_brought_up_elsewhere_is_not_forgotten() {
    let (env, _host, serving) = stores();
    let (_, _other, elsewhere) = stores();
    let at = |endpoint| ["--target", "localstack", "--endpoint", endpoint];
    let _ = json(&env, &[&["up"], &at(serving.endpoint())[..]].concat());
    let down = [&["down"], &at(elsewhere.endpoint())[..]].concat();
    let told = env.pipectl(&down).expect_success();
    assert!(
        told.stderr.contains("was brought up at"),
        "{}",
        told.unredacted()
    );
    // Without an endpoint it is the recorded one.
    let status = json(&env, &["status"]);
    assert_eq!(status["data"]["targets"][0]["endpoint"], serving.endpoint());
    let _ = json(&env, &["down", "--force"]);
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
