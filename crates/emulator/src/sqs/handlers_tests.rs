//! What the tests of the operations stand on; operations on queues; the port and the HTTP shapes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::yield_now;

use crate::behaviour::Behaviour;
use crate::bus::QueuePort;
use crate::clock::ManualClock;
use crate::config::Config;
use crate::error::AwsError;
use crate::server::Shared;
use crate::service::Service;

use super::wire::Call;
use super::{SqsService, handlers};

pub(super) const NOW: i64 = 1_760_000_000_000;
pub(super) const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:";

pub(super) struct Fixture {
    pub(super) dir: TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) service: Arc<SqsService>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(Behaviour::INSTANT)
    }

    pub(super) fn with(behaviour: Behaviour) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let clock = Arc::new(ManualClock::new(NOW));
        let service = open_as(dir.path(), &clock, behaviour);
        Self {
            dir,
            clock,
            service,
        }
    }

    pub(super) async fn call(&self, operation: &str, body: Value) -> Result<Value, AwsError> {
        call(&self.service, operation, body).await
    }

    pub(super) async fn ok(&self, operation: &str, body: Value) -> Value {
        self.call(operation, body).await.expect(operation)
    }

    pub(super) async fn code(&self, operation: &str, body: Value) -> String {
        let answer = self.call(operation, body.clone()).await;
        answer.expect_err(&body.to_string()).code
    }

    pub(super) async fn make(&self, name: &str, attributes: Value) -> String {
        let body = json!({"QueueName": name, "Attributes": attributes});
        let made = self.ok("CreateQueue", body).await;
        made["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    pub(super) async fn attributes(&self, url: &str) -> Value {
        let body = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        self.ok("GetQueueAttributes", body).await["Attributes"].clone()
    }
}

pub(super) fn open(dir: &Path, clock: &Arc<ManualClock>) -> Arc<SqsService> {
    open_as(dir, clock, Behaviour::INSTANT)
}

pub(super) fn open_as(
    dir: &Path,
    clock: &Arc<ManualClock>,
    behaviour: Behaviour,
) -> Arc<SqsService> {
    let config = Config {
        clock: clock.clone(),
        behaviour,
        ..Config::new(dir)
    };
    let shared = Shared::new(&config, "http://127.0.0.1:4566");
    super::open(Arc::new(shared)).expect("opened")
}

pub(super) async fn call(
    service: &SqsService,
    operation: &str,
    body: Value,
) -> Result<Value, AwsError> {
    let call = Call {
        operation: operation.to_owned(),
        path: "/".to_owned(),
        body: body.to_string().into(),
    };
    let answer = handlers::dispatch(service, call).await?;
    Ok(serde_json::from_str(&answer).expect("JSON"))
}

/// Lets every task that can go on do so.
pub(super) async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test]
async fn names_are_checked_and_a_name_means_one_queue() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({"DelaySeconds": "5"})).await;
    assert_eq!(url, "http://127.0.0.1:4566/000000000000/jobs");
    assert_eq!(f.make("jobs", json!({"DelaySeconds": "5"})).await, url);
    assert_eq!(f.make("jobs", json!({})).await, url);
    let other = json!({"QueueName": "jobs", "Attributes": {"DelaySeconds": "6"}});
    let refused = f.call("CreateQueue", other).await.expect_err("refused");
    assert_eq!(refused.code, "QueueNameExists");
    assert!(refused.message.ends_with("attribute DelaySeconds"));

    let create = |name: &str| json!({ "QueueName": name });
    f.ok("CreateQueue", create(&"n".repeat(80))).await;
    for name in ["a b", "a.b", "ä", "a/b", &"n".repeat(81)] {
        let code = f.code("CreateQueue", create(name)).await;
        assert_eq!(code, "InvalidParameterValueException", "{name}");
    }
    assert_eq!(
        f.code("CreateQueue", create("")).await,
        "MissingRequiredParameterException"
    );
    let fifo = f.call("CreateQueue", create("a.fifo")).await;
    assert_eq!(fifo.expect_err("refused").status, 501);
    assert_eq!(f.service.resources(), 2);
    // Free again at once.
    f.ok("DeleteQueue", json!({"QueueUrl": url})).await;
    f.make("jobs", json!({"DelaySeconds": "6"})).await;
}

#[tokio::test]
async fn attributes_have_defaults_ranges_and_are_read_back() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let all = f.attributes(&url).await;
    for (name, value) in [
        ("QueueArn", "arn:aws:sqs:us-east-1:000000000000:jobs"),
        ("CreatedTimestamp", "1760000000"),
        ("LastModifiedTimestamp", "1760000000"),
        ("VisibilityTimeout", "30"),
        ("MessageRetentionPeriod", "345600"),
        ("MaximumMessageSize", "1048576"),
        ("DelaySeconds", "0"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("SqsManagedSseEnabled", "true"),
        ("ApproximateNumberOfMessages", "0"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
        ("ApproximateNumberOfMessagesDelayed", "0"),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
    assert_eq!(all.as_object().expect("a map").len(), 12);

    let set = |name: &str, value: &str| json!({"QueueUrl": url, "Attributes": {name: value}});
    for (name, allowed, refused) in [
        ("VisibilityTimeout", ["0", "43200"], ["-1", "43201"]),
        (
            "MessageRetentionPeriod",
            ["60", "1209600"],
            ["59", "1209601"],
        ),
        (
            "MaximumMessageSize",
            ["1024", "1048576"],
            ["1023", "1048577"],
        ),
        ("DelaySeconds", ["0", "900"], ["901", "x"]),
        ("ReceiveMessageWaitTimeSeconds", ["0", "20"], ["21", ""]),
        ("Policy", ["", r#"{"Statement":[]}"#], ["{", "[]"]),
        ("SqsManagedSseEnabled", ["true", "false"], ["yes", ""]),
    ] {
        for value in allowed {
            f.ok("SetQueueAttributes", set(name, value)).await;
        }
        for value in refused {
            let code = f.code("SetQueueAttributes", set(name, value)).await;
            assert_eq!(code, "InvalidAttributeValue", "{name} {value}");
        }
        assert_eq!(f.attributes(&url).await[name], allowed[1], "{name}");
    }
    for name in ["Colour", "QueueArn", "ContentBasedDeduplication"] {
        let code = f.code("SetQueueAttributes", set(name, "x")).await;
        assert_eq!(code, "InvalidAttributeName", "{name}");
    }
    let one = json!({"QueueUrl": url, "AttributeNames": ["DelaySeconds"]});
    let one = f.ok("GetQueueAttributes", one).await;
    assert_eq!(one["Attributes"], json!({"DelaySeconds": "900"}));
    f.clock.advance(5_000);
    f.ok("SetQueueAttributes", set("KmsMasterKeyId", "key"))
        .await;
    let all = f.attributes(&url).await;
    assert_eq!(all["SqsManagedSseEnabled"], "false");
    assert_eq!(all["LastModifiedTimestamp"], "1760000005");
}

/// aws-behaviours Q7, Q8
#[tokio::test]
async fn redrive_policies_are_checked() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let dead = f.make("dead", json!({})).await;
    let set = |url: &str, name: &str, policy: Value| {
        let text = policy
            .as_str()
            .map_or_else(|| policy.to_string(), str::to_owned);
        json!({"QueueUrl": url, "Attributes": {name: text}})
    };
    let to = |target: &str, max: Value| json!({"deadLetterTargetArn": format!("{ARN}{target}"), "maxReceiveCount": max});
    for (policy, reason) in [
        (to("none", json!(1)), "Dead letter target does not exist."),
        (to("dead", json!(0)), "valid values are from 1 to 1000"),
        (to("dead", json!(1001)), "valid values are from 1 to 1000"),
        (to("dead", json!("many")), "valid values are from 1 to 1000"),
        (json!({"maxReceiveCount": 1}), "deadLetterTargetArn"),
        (
            json!({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}),
            "Invalid value for deadLetterTargetArn.",
        ),
        (json!("{"), "not a valid JSON map"),
    ] {
        let body = set(&url, "RedrivePolicy", policy);
        let refused = f.call("SetQueueAttributes", body).await.expect_err(reason);
        assert_eq!(refused.code, "InvalidParameterValueException");
        assert!(refused.message.contains(reason), "{refused}");
    }
    let by_text = to("dead", json!("5"));
    f.ok("SetQueueAttributes", set(&url, "RedrivePolicy", by_text))
        .await;
    // A number and its text are the same count.
    let same = to("dead", json!(5)).to_string();
    f.make("jobs", json!({"RedrivePolicy": same})).await;
    let sources = f
        .ok("ListDeadLetterSourceQueues", json!({"QueueUrl": dead}))
        .await;
    assert_eq!(sources["queueUrls"], json!([url]));
    f.ok("SetQueueAttributes", set(&url, "RedrivePolicy", json!("")))
        .await;
    assert!(f.attributes(&url).await.get("RedrivePolicy").is_none());

    let allow = |policy: Value| set(&dead, "RedriveAllowPolicy", policy);
    for policy in [
        json!({"redrivePermission": "some"}),
        json!({"redrivePermission": "byQueue"}),
        json!({"redrivePermission": "denyAll", "sourceQueueArns": ["a"]}),
        json!({"redrivePermission": "byQueue", "sourceQueueArns": vec!["a"; 11]}),
    ] {
        let code = f.code("SetQueueAttributes", allow(policy)).await;
        assert_eq!(code, "InvalidParameterValueException");
    }
    let others = json!({"redrivePermission": "byQueue", "sourceQueueArns": [format!("{ARN}x")]});
    f.ok("SetQueueAttributes", allow(others)).await;
    let wanted = set(&url, "RedrivePolicy", to("dead", json!(5)));
    let refused = f.call("SetQueueAttributes", wanted.clone()).await;
    assert!(
        refused
            .expect_err("refused")
            .message
            .contains("does not allow")
    );
    let ours = json!({"redrivePermission": "byQueue", "sourceQueueArns": [format!("{ARN}jobs")]});
    f.ok("SetQueueAttributes", allow(ours)).await;
    f.ok("SetQueueAttributes", wanted).await;
}

#[tokio::test]
async fn queues_are_found_listed_and_tagged() {
    let f = Fixture::new();
    let url = f.make("b-1", json!({})).await;
    for name in ["a-1", "b-2", "b-3"] {
        f.make(name, json!({})).await;
    }
    let found = f.ok("GetQueueUrl", json!({"QueueName": "b-1"})).await;
    assert_eq!(found["QueueUrl"], json!(url));
    assert_eq!(
        f.code("GetQueueUrl", json!({"QueueName": "none"})).await,
        "QueueDoesNotExist"
    );
    let page = json!({"QueueNamePrefix": "b-", "MaxResults": 2});
    let first = f.ok("ListQueues", page.clone()).await;
    assert_eq!(first["QueueUrls"].as_array().expect("a list").len(), 2);
    let mut page = page;
    page["NextToken"] = first["NextToken"].clone();
    let second = f.ok("ListQueues", page).await;
    assert_eq!(
        second,
        json!({"QueueUrls": ["http://127.0.0.1:4566/000000000000/b-3"]})
    );
    let none = f.ok("ListQueues", json!({"QueueNamePrefix": "x"})).await;
    assert_eq!(none, json!({}));

    let tags = json!({"QueueUrl": url, "Tags": {"a": "1", "b": ""}});
    f.ok("TagQueue", tags).await;
    f.ok(
        "UntagQueue",
        json!({"QueueUrl": url, "TagKeys": ["a", "z"]}),
    )
    .await;
    let tags = f.ok("ListQueueTags", json!({"QueueUrl": url})).await;
    assert_eq!(tags, json!({"Tags": {"b": ""}}));
    let many: BTreeMap<String, &str> = (0..50).map(|n| (format!("k{n}"), "")).collect();
    let code = f
        .code("TagQueue", json!({"QueueUrl": url, "Tags": many}))
        .await;
    assert_eq!(code, "InvalidParameterValueException");
    let tags = f.ok("ListQueueTags", json!({"QueueUrl": url})).await;
    assert_eq!(tags, json!({"Tags": {"b": ""}}), "all or nothing");
    let made = json!({"QueueName": "t", "tags": {"x": "y"}});
    let made = f.ok("CreateQueue", made).await;
    let tags = f
        .ok("ListQueueTags", json!({"QueueUrl": made["QueueUrl"]}))
        .await;
    assert_eq!(tags, json!({"Tags": {"x": "y"}}));
}

#[tokio::test]
async fn what_a_mapping_had_when_the_emulator_died_counts_as_not_received() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({"VisibilityTimeout": "180"})).await;
    let port: Arc<dyn QueuePort> = f.service.clone();
    let arn = format!("{ARN}jobs");
    for body in ["at work", "failed", "read by a client"] {
        port.send(&arn, body, &BTreeMap::new()).expect("sent");
    }
    let batch = port.receive(&arn, 2).expect("received");
    port.release(&arn, &[batch[1].receipt_handle.clone()], 60)
        .expect("it failed, and waits");
    let read = f.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
    assert_eq!(read["Messages"][0]["Body"], "read by a client");

    // As after a kill: nothing is told to the store, which is opened again.
    let next = open(f.dir.path(), &f.clock);
    next.start();
    let port: Arc<dyn QueuePort> = next.clone();
    let again = port.receive(&arn, 10).expect("received");
    let told: Vec<_> = again
        .iter()
        .map(|m| {
            (
                m.body.as_str(),
                m.attributes["ApproximateReceiveCount"].as_str(),
            )
        })
        .collect();
    assert_eq!(told, [("at work", "1")]);
    f.clock.advance(60_000);
    let failed = port.receive(&arn, 10).expect("received");
    assert_eq!(failed[0].body, "failed");
    assert_eq!(failed[0].attributes["ApproximateReceiveCount"], "2");
}

#[tokio::test]
async fn the_port_serves_mappings() {
    let f = Fixture::new();
    f.make("jobs", json!({"VisibilityTimeout": "180"})).await;
    let port: Arc<dyn QueuePort> = f.service.clone();
    let arn = format!("{ARN}jobs");
    assert_eq!(
        port.describe(&arn).expect("there").visibility_timeout_s,
        180
    );
    let mut watch = port.watch(&arn).expect("there");
    let reason = BTreeMap::from([("reason".to_owned(), "why".to_owned())]);
    let id = port.send(&arn, "job", &reason).expect("sent");
    assert!(watch.has_changed().expect("open"));
    watch.mark_unchanged();

    let received = port.receive(&arn, 100).expect("received");
    let record = &received[0];
    assert_eq!(record.message_id, id);
    assert_eq!(record.md5_of_body, "9dddd5ce1b1375bc497feeb871842d4b");
    assert_eq!(record.attributes["ApproximateReceiveCount"], "1");
    assert_eq!(record.attributes["SentTimestamp"], NOW.to_string());
    assert_eq!(
        record.message_attributes["reason"],
        json!({"stringValue": "why", "stringListValues": [], "binaryListValues": [],
               "dataType": "String"})
    );
    assert!(port.receive(&arn, 100).expect("hidden").is_empty());

    let handles = [record.receipt_handle.clone(), "nonsense".to_owned()];
    port.release(&arn, &handles, 0).expect("released");
    assert!(watch.has_changed().expect("open"));
    let again = port.receive(&arn, 1).expect("received");
    assert_eq!(again[0].attributes["ApproximateReceiveCount"], "2");
    port.delete(&arn, &handles).expect("deleted");
    port.release(&arn, &handles, 0).expect("ignored");
    assert!(port.receive(&arn, 1).expect("empty").is_empty());

    let none = format!("{ARN}none");
    assert!(port.describe(&none).is_none() && port.watch(&none).is_none());
    let refused = port
        .send(&none, "x", &BTreeMap::new())
        .expect_err("refused");
    assert_eq!(refused.code, "QueueDoesNotExist");
}

#[tokio::test]
async fn a_request_goes_through_http_shapes() {
    let f = Fixture::new();
    let request = http::Request::post("/")
        .header("x-amz-target", "AmazonSQS.GetQueueUrl")
        .header("content-type", "application/x-amz-json-1.0")
        .body(axum::body::Body::from(r#"{"QueueName":"none"}"#))
        .expect("a request");
    let response = f.service.call(request).await;
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.headers()["x-amzn-query-error"],
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    );
}
