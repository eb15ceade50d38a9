//! What the engine shows: plans, drift, adoption, leftovers, interruption. One transcript each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use insta::assert_snapshot;
use pipectl_testkit::probe::expect;
use pipectl_testkit::{
    Fault, FaultKind, FaultProxy, Probe, Serving, TestEnv, Transcript, free_port, process,
};
use serde_json::{Value, json};

use super::{empty, project, settled, squeezed, succeed};

const STORES: &str = "stack: demo
buckets: { files: { versioning: true } }
queues:
  jobs: { dead_letter: { queue: jobs-dlq, max_receives: 3 } }
  jobs-dlq: {}
tables: { items: { partition_key: id, ttl: expires_at } }
";

/// A project with the stores, up; and a way past pipectl.
fn stores() -> (TestEnv, Probe) {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    succeed(&env, &["up"]);
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    (env, probe)
}

/// Transcripts one below the other, in an order that does not depend on which step was faster.
fn all(transcripts: &[Transcript]) -> String {
    let each = transcripts
        .iter()
        .map(|one| squeezed(&settled(&one.to_string())));
    each.collect::<Vec<_>>().join("\n\n")
}

/// Status and body of a request to S3.
fn s3(probe: &Probe, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = probe
        .request(method, path, &[], body.as_bytes())
        .expect("an answer");
    (answer.status, answer.text())
}

#[test]
fn first_up_no_op_and_plan() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    let first = env.pipectl(&["plan"]).expect_success();
    assert!(
        env.emulator().is_none() && !env.data().exists(),
        "a plan starts nothing and makes nothing"
    );
    let up = env.pipectl(&["up"]).expect_success();
    let again = env.pipectl(&["up"]).expect_success();
    let nothing = env
        .pipectl(&["plan", "--detailed-exitcode"])
        .expect_success();
    let dot = env.pipectl(&["plan", "--down", "--graph", "dot"]);
    let down = env.pipectl(&["down"]).expect_success();
    assert_snapshot!(
        "first_up_no_op_and_plan",
        all(&[first, up, again, nothing, dot, down])
    );
}

#[test]
fn plan_says_what_up_does() {
    let (env, _) = stores();
    let changed = STORES
        .replace("versioning: true", "versioning: true, expire_after: 9d")
        .replace("max_receives: 3", "max_receives: 4")
        .replace(
            "expires_at }",
            "expires_at, indexes: { by_day: { partition_key: day } } }",
        );
    env.write("stacks/demo.yaml", changed);
    let pending = env.pipectl(&["plan", "--detailed-exitcode"]).expect_code(2);
    let mermaid = env
        .pipectl(&["plan", "--graph", "mermaid"])
        .expect_success();
    let json = |arguments: &[&str]| env.pipectl(arguments).expect_success().json();
    let planned = json(&["plan", "--output", "json"]);
    assert_eq!(planned["data"]["changes"], 3);
    let done = json(&["up", "--output", "json"]);
    assert_eq!(
        planned["data"]["plan"], done["data"]["plan"],
        "the plan that is shown is the plan that is carried out"
    );
    assert_snapshot!("plan_says_what_up_does", all(&[pending, mermaid]));
    succeed(&env, &["down"]);
}

/// A plan of what is stopped looks, and leaves it stopped.
#[test]
fn a_plan_leaves_a_stopped_target_stopped() {
    let (env, _) = stores();
    env.stop_emulator();
    let plan = env.pipectl(&["plan"]).expect_success();
    assert!(
        plan.stdout.contains("nothing to do"),
        "{}",
        plan.unredacted()
    );
    assert!(env.emulator().is_none(), "{}", plan.unredacted());
    succeed(&env, &["down"]);
}

#[test]
fn drift_is_told_and_repaired() {
    let (env, probe) = stores();
    let url = probe.queue_url("demo-jobs");
    expect(probe.sqs(
        "SetQueueAttributes",
        &json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": "99" } }),
    ));
    expect(probe.sqs(
        "UntagQueue",
        &json!({ "QueueUrl": url, "TagKeys": ["pipectl:id"] }),
    ));
    assert_eq!(s3(&probe, "DELETE", "/demo-files?policy", "").0, 204);
    expect(probe.dynamodb(
        "UpdateTimeToLive",
        &json!({
            "TableName": "demo-items",
            "TimeToLiveSpecification": { "AttributeName": "expires_at", "Enabled": false },
        }),
    ));
    expect(probe.sqs(
        "DeleteQueue",
        &json!({ "QueueUrl": probe.queue_url("demo-jobs-dlq") }),
    ));
    let told = env.pipectl(&["plan"]).expect_success();
    // The README shows this very plan.
    let readme = include_str!("../../README.md");
    let block = readme
        .split("<!-- plan -->\n```text\n$ pipectl plan\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    assert_eq!(block, Some(told.stdout.as_str()));
    let repaired = env.pipectl(&["up"]).expect_success();
    let nothing = env
        .pipectl(&["plan", "--detailed-exitcode"])
        .expect_success();
    assert_snapshot!(
        "drift_is_told_and_repaired",
        all(&[told, repaired, nothing])
    );
    succeed(&env, &["down"]);
}

#[test]
fn what_is_removed_from_the_file_is_deleted() {
    let (env, probe) = stores();
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nqueues: { jobs: {} }\ntables: { items: { partition_key: id, ttl: expires_at } }\n",
    );
    expect(probe.put_object("demo-files", "a", b"1"));
    let refused = env.pipectl(&["up"]).expect_code(77);
    let removed = env.pipectl(&["up", "--force"]).expect_success();
    assert_snapshot!(
        "what_is_removed_from_the_file_is_deleted",
        all(&[refused, removed])
    );
    let queues = probe.sqs("ListQueues", &json!({})).expect("an answer");
    let queues = queues.json().expect("JSON")["QueueUrls"].clone();
    assert_eq!(queues, json!([probe.queue_url("demo-jobs")]));
    assert_eq!(s3(&probe, "HEAD", "/demo-files", "").0, 404);
    succeed(&env, &["down"]);
}

/// aws-behaviours S18
#[test]
fn a_foreign_bucket_is_refused_then_adopted() {
    let env = empty();
    env.write("stacks/demo.yaml", "stack: demo\nqueues: { jobs: {} }\n");
    succeed(&env, &["up"]);
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    assert_eq!(s3(&probe, "PUT", "/demo-files", "").0, 200);
    let tags = "<Tagging><TagSet><Tag><Key>team</Key><Value>logs</Value></Tag></TagSet></Tagging>";
    assert!(s3(&probe, "PUT", "/demo-files?tagging", tags).0 < 300);
    expect(probe.put_object("demo-files", "theirs", b"1"));

    env.write(
        "stacks/demo.yaml",
        "stack: demo\nbuckets: { files: { versioning: true } }\nqueues: { jobs: {}, more: {} }\n",
    );
    let refused = env.pipectl(&["up"]).expect_code(77);
    let body = json!({ "QueueName": "demo-more" });
    let more = probe.sqs("GetQueueUrl", &body).expect("an answer");
    assert_eq!(more.status, 400, "nothing was made beside it");
    let adopted = env.pipectl(&["up", "--adopt"]).expect_success();
    assert_snapshot!(
        "a_foreign_bucket_is_refused_then_adopted",
        all(&[refused, adopted])
    );
    let (_, tags) = s3(&probe, "GET", "/demo-files?tagging", "");
    assert!(
        tags.contains("<Key>team</Key>") && tags.contains("<Key>pipectl:stack</Key>"),
        "{tags}"
    );
    assert_eq!(
        s3(&probe, "GET", "/demo-files/theirs", ""),
        (200, "1".to_owned())
    );
    let kept = env.pipectl(&["down"]).expect_code(77);
    assert!(kept.stderr.contains("demo-files"), "{}", kept.unredacted());
    succeed(&env, &["down", "--force"]);
}

#[test]
fn a_resource_of_another_stack_is_never_adopted() {
    let env = empty();
    env.write("stacks/demo.yaml", "stack: demo\nqueues: { a-jobs: {} }\n");
    succeed(&env, &["up"]);
    // The stack `demo-a` calls its queue the same.
    env.write("other.yaml", "stack: demo-a\nqueues: { jobs: {} }\n");
    let refused = env
        .pipectl(&["up", "--adopt", "--stack", "other.yaml"])
        .expect_code(77);
    assert_snapshot!(
        "a_resource_of_another_stack_is_never_adopted",
        squeezed(&refused.to_string())
    );
    let down = env.pipectl(&["down", "--stack", "other.yaml"]);
    assert!(
        down.stdout.contains("nothing to delete"),
        "{}",
        down.unredacted()
    );
    let again = env.pipectl(&["up"]).expect_success();
    assert!(
        again.stderr.contains("nothing to do"),
        "{}",
        again.unredacted()
    );
    succeed(&env, &["down"]);
}

/// aws-behaviours S8
#[test]
fn a_foreign_notification_is_kept() {
    const THEIRS: &str = "<CloudFunctionConfiguration><Id>theirs</Id>\
        <CloudFunction>arn:aws:lambda:us-east-1:000000000000:function:log-pipeline-trigger</CloudFunction>\
        <Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration>";
    let env = project();
    succeed(&env, &["up"]);
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    let path = "/log-pipeline-uploads?notification";
    let (_, ours) = s3(&probe, "GET", path, "");
    let both = ours.replace(
        "</NotificationConfiguration>",
        &format!("{THEIRS}</NotificationConfiguration>"),
    );
    assert_eq!(s3(&probe, "PUT", path, &both).0, 200, "{both}");
    let nothing = env.pipectl(&["up"]).expect_success();
    assert!(
        nothing.stderr.contains("nothing to do"),
        "{}",
        nothing.unredacted()
    );

    let file = "stacks/log-pipeline.yaml";
    let text = std::fs::read_to_string(env.root().join(file)).expect("the stack");
    env.write(file, text.replace("prefix: logs/", "prefix: new/"));
    let changed = env.pipectl(&["up"]).expect_success();
    assert_snapshot!("a_foreign_notification_is_kept", all(&[changed]));
    let (_, now) = s3(&probe, "GET", path, "");
    assert!(
        now.contains("<Id>theirs</Id>") && now.contains("new/"),
        "{now}"
    );
    assert!(!now.contains("logs/"), "{now}");

    // Without any wiring of ours only theirs is left.
    let text = text.replace(
        "  - { from: buckets.uploads, events: [object-created], prefix: logs/, to: functions.trigger }\n",
        "",
    );
    env.write(file, text);
    succeed(&env, &["up"]);
    let (_, now) = s3(&probe, "GET", path, "");
    assert!(
        now.contains("<Id>theirs</Id>") && !now.contains("pipectl"),
        "{now}"
    );
    succeed(&env, &["down", "--force"]);
}

#[test]
fn a_full_store_is_not_replaced_without_consent() {
    let (env, probe) = stores();
    let item = json!({ "TableName": "demo-items", "Item": { "id": { "S": "a" } } });
    expect(probe.dynamodb("PutItem", &item));
    env.write(
        "stacks/demo.yaml",
        STORES.replace("partition_key: id", "partition_key: key"),
    );
    let refused = env.pipectl(&["up"]).expect_code(77);
    let replaced = env.pipectl(&["up", "--force"]).expect_success();
    assert_snapshot!(
        "a_full_store_is_not_replaced_without_consent",
        all(&[refused, replaced])
    );
    assert_eq!(probe.scan("demo-items"), Vec::<Value>::new());
    succeed(&env, &["down"]);
}

/// A project whose target is reached through a proxy.
pub(super) fn behind_proxy(stack: &str) -> (TestEnv, Serving, FaultProxy) {
    let env = empty();
    env.write("stacks/demo.yaml", stack);
    let mut serving = env.serve(free_port());
    serving.ready();
    let proxy = FaultProxy::start(serving.endpoint());
    (env, serving, proxy)
}

/// Starts `up` and sends it the signal when the operation is called, and after that `again` more times.
fn interrupted(env: &TestEnv, proxy: &FaultProxy, operation: &str, again: usize) -> Transcript {
    let pid = Arc::new(AtomicU32::new(0));
    let signals = Arc::new(AtomicUsize::new(0));
    let (known, sent, awaited) = (Arc::clone(&pid), Arc::clone(&signals), operation.to_owned());
    proxy.on_call(move |call| {
        if call.operation == awaited && sent.fetch_add(1, Ordering::SeqCst) == 0 {
            let pid = known.load(Ordering::SeqCst);
            process::signal(pid, "INT");
            for _ in 0..again {
                // Two signals at once count as one.
                std::thread::park_timeout(Duration::from_millis(300));
                process::signal(pid, "INT");
            }
        }
    });
    let started = env
        .invocation(&["up", "--target", "localstack", "--endpoint", proxy.url()])
        .start();
    pid.store(started.pid(), Ordering::SeqCst);
    let transcript = started.finish();
    assert!(
        signals.load(Ordering::SeqCst) > 0,
        "{}",
        transcript.unredacted()
    );
    proxy.on_call(|_| {});
    transcript
}

#[test]
fn an_interrupted_up_goes_on() {
    let (env, _serving, proxy) = behind_proxy(STORES);
    // The first queue is on its way for a while; the one that needs it is never begun.
    proxy.arm(Fault::new(
        "CreateQueue",
        FaultKind::Delay(Duration::from_millis(700)),
    ));
    let interrupted = interrupted(&env, &proxy, "CreateQueue", 0).expect_code(75);
    let status = [
        "status",
        "--target",
        "localstack",
        "--endpoint",
        proxy.url(),
    ];
    // Half of the stack is there, and that is not well.
    let status = env.pipectl(&status).expect_code(1);
    let on = ["up", "--target", "localstack", "--endpoint", proxy.url()];
    let on = env.pipectl(&on).expect_success();
    assert_snapshot!("an_interrupted_up_goes_on", all(&[interrupted, status, on]));
    succeed(
        &env,
        &["down", "--target", "localstack", "--endpoint", proxy.url()],
    );
}

#[test]
fn a_second_interruption_ends_at_once() {
    let (env, _serving, proxy) = behind_proxy(STORES);
    proxy.arm(Fault::new(
        "CreateQueue",
        FaultKind::Delay(Duration::from_mins(1)),
    ));
    let aborted = interrupted(&env, &proxy, "CreateQueue", 1).expect_code(130);
    assert!(
        aborted.stderr.contains("command::aborted"),
        "{}",
        aborted.unredacted()
    );
    proxy.disarm();
    let arguments = |verb| [verb, "--target", "localstack", "--endpoint", proxy.url()];
    succeed(&env, &arguments("up"));
    succeed(&env, &arguments("down"));
}

/// Before anything is on its way an interruption ends at once, and says that going on is safe.
#[test]
fn an_interruption_before_the_plan_ends_at_once() {
    let (env, _serving, proxy) = behind_proxy(STORES);
    proxy.arm(Fault::new(
        "ListTables",
        FaultKind::Delay(Duration::from_mins(1)),
    ));
    let early = interrupted(&env, &proxy, "ListTables", 0).expect_code(75);
    assert_snapshot!(
        "an_interruption_before_the_plan_ends_at_once",
        squeezed(&early.to_string())
    );
}

#[test]
fn a_failure_tells_what_was_done_and_what_not() {
    let (env, _serving, proxy) = behind_proxy(STORES);
    let denied = FaultKind::answer(
        403,
        "AccessDenied",
        "not authorized to perform: sqs:CreateQueue",
    );
    proxy.arm(Fault::new("CreateQueue", denied).times(usize::MAX));
    let arguments = ["up", "--target", "localstack", "--endpoint", proxy.url()];
    let failed = env.pipectl(&arguments).expect_code(1);
    assert_snapshot!("a_failure_tells_what_was_done_and_what_not", all(&[failed]));
    let mut json = arguments.to_vec();
    json.extend(["--output", "json"]);
    let failed = env.pipectl(&json).expect_code(1).json();
    assert_eq!(failed["data"]["failed"], json!(["queues.jobs-dlq"]));
    assert_eq!(failed["data"]["not_tried"], json!(["queues.jobs"]));
    let related = &failed["error"]["related"][0];
    assert_eq!(related["code"], "apply::step");
    let message = related["message"].as_str().expect("a message");
    assert!(message.contains("CreateQueue: AccessDenied"), "{message}");
    assert!(message.contains("(request fault-"), "{message}");
    proxy.disarm();
    succeed(&env, &arguments);
    succeed(
        &env,
        &["down", "--target", "localstack", "--endpoint", proxy.url()],
    );
}
