//! What must be ready before something else is made.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use pipectl_testkit::probe::parsed;
use pipectl_testkit::{FaultProxy, Probe, free_port};

use super::empty;

const STACK: &str = "stack: demo
buckets: { uploads: {} }
queues: { jobs: { visibility_timeout: 30s } }
functions:
  trigger: { artifact: f.zip }
  worker: { artifact: f.zip }
wiring:
  - { from: buckets.uploads, events: [object-created], to: functions.trigger }
  - { from: queues.jobs, to: functions.worker }
";

/// With AWS's times a new function is Pending for a while: what starts it then would fail.
/// aws-behaviours L1, L2
#[test]
fn nothing_starts_a_function_before_it_is_active() {
    let env = empty();
    env.write("stacks/demo.yaml", STACK);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(b"#!/bin/sh\nexit 0\n").expect("a script");
    env.write("f.zip", zip.finish().expect("a zip").into_inner());

    let host = empty();
    let mut serving = host.serve_with(free_port(), &["--behaviour", "aws"]);
    serving.ready();
    let proxy = FaultProxy::start(serving.endpoint());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (states, endpoint) = (Arc::clone(&seen), serving.endpoint().to_owned());
    proxy.on_call(move |call| {
        let function = match call.operation.as_str() {
            "PutBucketNotificationConfiguration" => "demo-trigger",
            "CreateEventSourceMapping" => "demo-worker",
            _ => return,
        };
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let answer = Probe::new(&endpoint).lambda("GET", &path, &serde_json::Value::Null);
        let state = parsed(&answer.expect("an answer"))["State"].clone();
        let mut states = states.lock().expect("no holder panics");
        states.push((function, state));
    });
    let on = ["--target", "localstack", "--endpoint", proxy.url()];
    let up = env.pipectl(&[&["up", "--output", "json"], &on[..]].concat());
    let up = up.expect_success();
    assert!(up.stderr.contains("function active"), "{}", up.unredacted());
    let mut states = seen.lock().expect("no holder panics").clone();
    states.sort_by_key(|(function, _)| *function);
    assert_eq!(
        states,
        [
            ("demo-trigger", "Active".into()),
            ("demo-worker", "Active".into())
        ]
    );
    let down = env.pipectl(&[&["down", "--force"], &on[..]].concat());
    assert_eq!(down.code, Some(0), "{}", down.unredacted());
}
