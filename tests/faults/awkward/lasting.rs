//! Answers that stay are given up, at once or when the time is over, and told with what to do.

use std::time::Duration;

use pipectl_testkit::probe::{expect, parsed};
use pipectl_testkit::{Fault, FaultKind, Transcript};
use serde_json::{Value, json};

use super::Cloud;

/// The embedded target is in us-east-1 and refuses the constraint by its name.
/// aws-behaviours S1
#[test]
fn the_region_of_a_bucket_is_told_outside_of_us_east_1() {
    let stack = "stack: demo\nbuckets: { uploads: {} }\n";
    let cloud = Cloud::new(stack, "eu-west-1", "busy: 5s");
    let told = cloud.run(&["up"]).expect_code(1);
    let step = failed(&told).to_string();
    let constraint = "IllegalLocationConstraintException: The eu-west-1 location constraint";
    assert!(step.contains(constraint), "{step}");
    assert_eq!(cloud.calls("CreateBucket").len(), 1);
}

/// What an `up` says of the steps that failed.
fn failures(told: &Transcript) -> Vec<Value> {
    let error = told.json()["error"].clone();
    assert_eq!(error["code"], "apply::failed", "{error:#}");
    error["related"].as_array().expect("steps").clone()
}

/// The same of the only one.
fn failed(told: &Transcript) -> Value {
    let mut all = failures(told);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Each cause has its time, and then its advice; what ends before is waited out.
/// aws-behaviours Q1, S19
#[test]
fn what_does_not_pass_in_time_is_given_up() {
    let stack = "stack: demo\nqueues: { jobs: {} }\nbuckets: { uploads: {} }\ntables: { t: { partition_key: id } }\n";
    let cloud = Cloud::new(stack, "us-east-1", "queue_name: 1s, throttled: 1s");
    let kept = FaultKind::answer(
        400,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    );
    let create = || Fault::new("CreateQueue", kept.clone());
    cloud.proxy.arm(create().times(usize::MAX));
    for (operation, kind) in [
        ("CreateBucket", FaultKind::throttled("s3")),
        ("CreateTable", FaultKind::internal_error("dynamodb")),
    ] {
        cloud
            .proxy
            .arm(Fault::new(operation, kind).times(usize::MAX));
    }
    let told = cloud.run(&["up"]).expect_code(1);
    let steps = failures(&told);
    for (id, advice) in [
        ("queues.jobs", "keeps the name of a deleted queue for 60 s"),
        ("buckets.uploads", "takes fewer calls than are asked"),
        ("tables.t", "the service failed for longer"),
    ] {
        let of = |step: &&Value| step["message"].to_string().contains(id);
        let step = steps.iter().find(of).expect("a failed step");
        assert!(step["help"].to_string().contains(advice), "{step:#}");
    }
    for (operation, least) in [("CreateQueue", 10), ("CreateBucket", 5), ("CreateTable", 5)] {
        let tries = cloud.calls(operation).len();
        assert!(
            (least..=24).contains(&tries),
            "{tries} tries of {operation}"
        );
    }

    cloud.proxy.disarm();
    cloud.proxy.reset();
    cloud
        .proxy
        .arm(create().lasting(Duration::from_millis(400)));
    let _ = cloud.run(&["up"]).expect_success();
    assert!(cloud.calls("CreateQueue").len() > 3);
    cloud.proxy.disarm();
    let _ = cloud.run(&["down"]).expect_success();
}

/// A stack, a call, what it is answered for ever, and words of what is said and advised.
struct Lasting {
    stack: &'static str,
    operation: &'static str,
    fault: FaultKind,
    words: &'static [&'static str],
    tries: usize,
}

/// The SDK takes it for throttling, and tries that by itself.
const SDK_TRIES: usize = 4;

/// What no wait helps against is not waited for, and told with what to do.
/// aws-behaviours I12, I13, D4, D9
#[test]
fn what_stays_is_told_at_once() {
    const BUCKET: &str = "stack: demo\nbuckets: { uploads: {} }\n";
    const TABLE: &str = "stack: demo\ntables: { results: { partition_key: id, ttl: ends_at } }\n";
    let cloud = Cloud::new(BUCKET, "us-east-1", "busy: 5s");
    let redirect = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PermanentRedirect</Code><Message>The \
        bucket you are attempting to access must be addressed using the specified endpoint.</Message></Error>";
    for case in [
        // I12
        Lasting {
            stack: BUCKET,
            operation: "CreateBucket",
            fault: FaultKind::answer(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            words: &["RequestTimeTooSkewed", "set this machine's clock"],
            tries: 1,
        },
        // I13
        Lasting {
            stack: BUCKET,
            operation: "CreateBucket",
            fault: FaultKind::reply(301, &[("x-amz-bucket-region", "eu-west-3")], redirect),
            words: &["PermanentRedirect", "eu-west-3", "AWS_REGION"],
            tries: 1,
        },
        // D9
        Lasting {
            stack: TABLE,
            operation: "CreateTable",
            fault: FaultKind::answer(
                400,
                "LimitExceededException",
                "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
            ),
            words: &["2500 tables", "mend what the message names"],
            tries: SDK_TRIES,
        },
        // D4
        Lasting {
            stack: TABLE,
            operation: "UpdateTimeToLive",
            fault: FaultKind::answer(
                400,
                "ValidationException",
                "Time to live has been modified multiple times within a fixed interval",
            ),
            words: &["fixed interval", "half an hour"],
            tries: 1,
        },
    ] {
        cloud.env.write("stacks/demo.yaml", case.stack);
        cloud.proxy.disarm();
        cloud.proxy.reset();
        let fault = Fault::new(case.operation, case.fault).times(usize::MAX);
        cloud.proxy.arm(fault);
        let told = cloud.run(&["up"]).expect_code(1);
        let step = failed(&told).to_string();
        for word in case.words {
            assert!(step.contains(word), "{word}: {step}");
        }
        let tries = cloud.calls(case.operation);
        assert_eq!(tries.len(), case.tries, "{tries:#?}");
    }
    cloud.proxy.disarm();
    let _ = cloud.run(&["down", "--force"]).expect_success();
}

/// aws-behaviours S17
#[test]
fn an_object_that_is_locked_is_named_and_its_bucket_kept() {
    let cloud = Cloud::new(
        "stack: demo\nbuckets: { uploads: {} }\n",
        "us-east-1",
        "busy: 5s",
    );
    let _ = cloud.run(&["up"]).expect_success();
    let bucket = "demo-uploads-000000000000-us-east-1";
    let probe = cloud.probe();
    expect(probe.put_object(bucket, "locked.log", b"1"));
    let refused = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult><Error><Key>locked.log</Key>\
        <Code>AccessDenied</Code><Message>Access Denied because object protected by object lock.</Message>\
        </Error></DeleteResult>";
    let fault = FaultKind::reply(200, &[("content-type", "application/xml")], refused);
    cloud
        .proxy
        .arm(Fault::new("DeleteObjects", fault).times(usize::MAX));
    let told = cloud.run(&["down", "--force"]).expect_code(1);
    let error = told.json()["error"].to_string();
    assert!(
        error.contains("locked.log") && error.contains("object lock"),
        "{error}"
    );
    assert_eq!(cloud.calls("DeleteObjects").len(), 1);
    assert_eq!(cloud.calls("DeleteBucket").len(), 0);
    cloud.proxy.disarm();
    let _ = cloud.run(&["down", "--force"]).expect_success();
}

/// The answer to what turned expiry on is lost: turning it on again is refused, and that is no failure.
/// aws-behaviours D3
#[test]
fn expiry_that_is_on_already_is_on() {
    let stack = "stack: demo\ntables: { results: { partition_key: id, ttl: ends_at } }\n";
    let cloud = Cloud::new(stack, "us-east-1", "busy: 5s");
    cloud
        .proxy
        .arm(Fault::new("UpdateTimeToLive", FaultKind::CutAfter));
    let _ = cloud.run(&["up"]).expect_success();
    let statuses: Vec<_> = cloud
        .calls("UpdateTimeToLive")
        .iter()
        .map(|call| call.status)
        .collect();
    assert_eq!(statuses, [Some(200), Some(400)]);
    cloud.nothing_to_do();
    let _ = cloud.run(&["down"]).expect_success();
}

/// Somebody changes how a table is paid for as often as AWS lets them; back it is changed once.
/// aws-behaviours D10
#[test]
fn billing_is_changed_back_and_a_limit_is_told() {
    let stack = "stack: demo\ntables: { results: { partition_key: id } }\n";
    let cloud = Cloud::new(stack, "us-east-1", "busy: 5s");
    let _ = cloud.run(&["up"]).expect_success();
    let probe = cloud.probe();
    let provisioned = json!({
        "TableName": "demo-results", "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 },
    });
    expect(probe.dynamodb("UpdateTable", &provisioned));
    let limit = FaultKind::answer(
        400,
        "LimitExceededException",
        "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 24 hours.",
    );
    cloud.proxy.reset();
    cloud
        .proxy
        .arm(Fault::new("UpdateTable", limit).times(usize::MAX));
    let told = cloud.run(&["up"]).expect_code(1);
    let step = failed(&told).to_string();
    assert!(step.contains("4 times in 24 hours"), "{step}");
    assert_eq!(cloud.calls("UpdateTable").len(), SDK_TRIES);
    cloud.proxy.disarm();
    let up = cloud.run(&["up"]).expect_success();
    assert!(up.json()["data"]["plan"].to_string().contains("billing"));
    cloud.nothing_to_do();
    let _ = cloud.run(&["down"]).expect_success();
}

/// A late line of a function that is gone makes its log group again, kept for ever and of nobody: it is ours
/// when the function is made anew.
/// aws-behaviours C2, C3
#[test]
fn a_log_group_that_came_back_is_taken_over() {
    let stack = "stack: demo\nfunctions: { worker: { artifact: one.zip, log_retention: 7d } }\n";
    let cloud = Cloud::new(stack, "us-east-1", "busy: 5s");
    let probe = cloud.probe();
    let name = "/aws/lambda/demo-worker";
    let group = json!({ "logGroupName": name });
    expect(probe.logs("CreateLogGroup", &group));
    let _ = cloud.run(&["up"]).expect_success();
    let request = json!({ "logGroupNamePrefix": name });
    let answer = expect(probe.logs("DescribeLogGroups", &request));
    let groups = parsed(&answer);
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 7, "{groups:#}");
    let _ = cloud.run(&["down"]).expect_success();
    let answer = expect(probe.logs("DescribeLogGroups", &request));
    let groups = parsed(&answer);
    assert_eq!(groups["logGroups"], Value::Array(Vec::new()), "{groups:#}");
}

/// What CloudFormation made is neither taken over nor deleted.
/// aws-behaviours F8
#[test]
fn a_queue_of_cloudformation_is_never_taken_over() {
    let stack = "stack: demo\nqueues: { jobs: {} }\n";
    let cloud = Cloud::new(stack, "us-east-1", "busy: 5s");
    let probe = cloud.probe();
    expect(probe.sqs("CreateQueue", &json!({ "QueueName": "demo-jobs" })));
    // The embedded target takes no tags of AWS.
    let tags = json!({ "Tags": { "aws:cloudformation:stack-name": "theirs" } }).to_string();
    let headers = [("content-type", "application/x-amz-json-1.0")];
    let reply = FaultKind::reply(200, &headers, tags);
    cloud
        .proxy
        .arm(Fault::new("ListQueueTags", reply).times(usize::MAX));
    for arguments in [&["up"][..], &["up", "--adopt"]] {
        let refused = cloud.run(arguments).expect_code(77);
        let told = refused.json()["error"].to_string();
        assert!(told.contains("the CloudFormation stack `theirs`"), "{told}");
    }
    let _ = cloud.run(&["down"]).expect_success();
    assert!(!cloud.proxy.calls().iter().any(|call| call.writes));
    assert_eq!(probe.depth("demo-jobs").all(), 0, "it is there");
}
