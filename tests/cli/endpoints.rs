//! Endpoints that are not what they should be, or not what they were.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use pipectl_testkit::{Fault, FaultKind, FaultProxy};

use super::targets::{data, json, stores};
use super::{empty, settled};

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
    env.write("stacks/demo.yaml", super::targets::STORES);
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

/// aws-behaviours I12
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
    let told = json(&env, &down);
    let place = told["data"]["up_elsewhere"].to_string();
    assert!(place.contains(serving.endpoint()), "{told:#}");
    // Without an endpoint it is the recorded one.
    let status = json(&env, &["status"]);
    assert_eq!(status["data"]["targets"][0]["endpoint"], serving.endpoint());
    let _ = json(&env, &["down", "--force"]);
}
