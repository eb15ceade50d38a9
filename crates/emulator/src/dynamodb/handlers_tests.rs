//! What the tests of the operations stand on; the engine behind our wire; refusals.

use std::sync::Arc;

use axum::body::Body;
use dynoxide::DynoxideError;
use futures::FutureExt as _;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::behaviour::Behaviour;
use crate::clock::{Clock, ManualClock};
use crate::config::{Config, Durability};
use crate::server::Shared;
use crate::service::{Operation, Service, Support};

use super::handlers::dispatch;
use super::state::State;
use super::state_sweep::connect;
use super::wire::{Refusal, refused, store_trouble};
use super::{DynamoDbService, OPERATIONS};

pub(super) const NOW: i64 = 1_760_000_000_000;
pub(super) const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/results";

/// Tables in a folder of their own, on a clock that a test moves.
pub(super) struct Fixture {
    pub(super) dir: TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) state: State,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(Behaviour::INSTANT)
    }

    pub(super) fn with(behaviour: Behaviour) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state = State::open(dir.path(), Durability::Process, &behaviour).expect("opened");
        Self {
            dir,
            clock: Arc::new(ManualClock::new(NOW)),
            state,
        }
    }

    /// As another process finds it, which may have another behaviour.
    pub(super) fn reopen(&mut self, behaviour: Behaviour) {
        self.state =
            State::open(self.dir.path(), Durability::Process, &behaviour).expect("opened again");
    }

    pub(super) fn call(&self, operation: &str, body: Value) -> Result<Value, Refusal> {
        dispatch(
            &self.state,
            operation,
            &body.to_string(),
            self.clock.now_ms(),
        )
        .expect("a served operation")
        .map(|json| serde_json::from_str(&json).expect("JSON"))
    }

    pub(super) fn ok(&self, operation: &str, body: Value) -> Value {
        self.call(operation, body).expect(operation)
    }

    /// Code and message of what must be refused.
    pub(super) fn refused(&self, operation: &str, body: Value) -> (String, String) {
        match self.call(operation, body.clone()).expect_err(operation) {
            Refusal::Engine(error) => {
                let code = error.error_type().rsplit('#').next().unwrap_or_default();
                (code.to_owned(), error.to_string())
            }
            Refusal::Own(error) => (error.code, error.message),
        }
    }
}

/// The table `results`.
pub(super) fn table() -> Value {
    json!({
        "TableName": "results", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "job_id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "job_id", "AttributeType": "S"},
            {"AttributeName": "day", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by_day", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
        }],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
    })
}

#[test]
fn arns_are_of_our_region_everywhere() {
    let fixture = Fixture::new();
    fixture.ok("CreateTable", table());
    let table = fixture
        .call("DescribeTable", json!({"TableName": "results"}))
        .expect("there");
    let table = &table["Table"];
    let arn = ARN;
    assert_eq!(table["TableArn"], arn);
    assert_eq!(table["TableStatus"], "ACTIVE");
    assert_eq!(table["ItemCount"], 0);
    assert_eq!(
        table["GlobalSecondaryIndexes"][0]["IndexArn"],
        format!("{arn}/index/by_day")
    );
    let stream = table["LatestStreamArn"].as_str().expect("a stream");
    assert!(stream.starts_with(arn), "{stream}");

    // And they are taken back.
    let tags = json!([{"Key": "pipectl:stack", "Value": "s"}]);
    fixture
        .call("TagResource", json!({"ResourceArn": arn, "Tags": tags}))
        .expect("tagged");
    let listed = fixture.call("ListTagsOfResource", json!({"ResourceArn": arn}));
    assert_eq!(listed.expect("listed")["Tags"], tags);
    fixture
        .call("DescribeStream", json!({"StreamArn": stream}))
        .expect("the stream is there");
}

#[test]
fn stream_records_are_of_our_region() {
    let fixture = Fixture::new();
    fixture.ok("CreateTable", table());
    let item = json!({"job_id": {"S": "a"}, "note": {"S": "arn:aws:dynamodb:dynoxide:x"}});
    fixture
        .call("PutItem", json!({"TableName": "results", "Item": item}))
        .expect("put");
    let streams = fixture.call("ListStreams", json!({})).expect("listed");
    let arn = &streams["Streams"][0]["StreamArn"];
    let stream = fixture
        .call("DescribeStream", json!({"StreamArn": arn}))
        .expect("described");
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let iterator = fixture
        .call(
            "GetShardIterator",
            json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}),
        )
        .expect("an iterator");
    let records = fixture
        .call(
            "GetRecords",
            json!({"ShardIterator": iterator["ShardIterator"]}),
        )
        .expect("records");
    let record = &records["Records"][0];
    assert_eq!(record["awsRegion"], "us-east-1");
    // Users' data is never touched.
    assert_eq!(record["dynamodb"]["NewImage"], item);
}

/// aws-behaviours D3
#[test]
fn time_to_live_refuses_what_it_already_is() {
    let fixture = Fixture::new();
    fixture.ok("CreateTable", table());
    let set = |attribute: &str, enabled: bool| {
        fixture
            .call(
                "UpdateTimeToLive",
                json!({"TableName": "results", "TimeToLiveSpecification":
                {"AttributeName": attribute, "Enabled": enabled}}),
            )
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let refused = |message: &str| Err(message.to_owned());
    assert_eq!(set("at", false), refused("TimeToLive is already disabled"));
    assert_eq!(set("at", true), Ok(()));
    assert_eq!(set("at", true), refused("TimeToLive is already enabled"));
    assert_eq!(
        set("other", true),
        refused("TimeToLive is active on a different AttributeName")
    );
    assert_eq!(set("at", false), Ok(()));
}

#[test]
fn tags_of_no_table_are_not_found() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.refused("ListTagsOfResource", json!({"ResourceArn": ARN})),
        (
            "ResourceNotFoundException".to_owned(),
            format!("Requested resource not found: ResourceArn: {ARN} not found")
        )
    );
}

#[test]
fn members_that_nobody_keeps_are_refused() {
    let fixture = Fixture::new();
    let mut with_policy = table();
    with_policy["ResourcePolicy"] = "{}".into();
    let (code, message) = fixture.refused("CreateTable", with_policy);
    assert_eq!(code, "NotImplemented");
    assert!(
        message.contains("CreateTable with ResourcePolicy"),
        "{message}"
    );
    fixture.ok("CreateTable", table());
    let mut encrypted = table();
    encrypted["TableName"] = "encrypted".into();
    encrypted["SSESpecification"] = json!({"Enabled": true});
    fixture.ok("CreateTable", encrypted);
    for member in ["SSESpecification", "ReplicaUpdates", "WarmThroughput"] {
        let mut update = json!({"TableName": "results", "DeletionProtectionEnabled": true});
        update[member] = json!({});
        assert_eq!(fixture.refused("UpdateTable", update).0, "NotImplemented");
    }
    let described = fixture.ok("DescribeTable", json!({"TableName": "results"}));
    assert_eq!(described["Table"]["DeletionProtectionEnabled"], false);
}

/// aws-behaviours D7, D13
#[test]
fn some_changes_of_a_table_come_alone() {
    let fixture = Fixture::new();
    fixture.ok("CreateTable", table());
    let update = |fields: Value| {
        let mut request = fields;
        request["TableName"] = "results".into();
        request
    };
    // aws-behaviours D7
    for (what, fields) in [
        (
            "DeletionProtection",
            json!({"DeletionProtectionEnabled": true, "TableClass": "STANDARD"}),
        ),
        (
            "DeletionProtection",
            json!({"DeletionProtectionEnabled": true, "BillingMode": "PAY_PER_REQUEST"}),
        ),
        (
            "TableClass",
            json!({"TableClass": "STANDARD", "StreamSpecification": {"StreamEnabled": false}}),
        ),
    ] {
        assert_eq!(
            fixture.refused("UpdateTable", update(fields)),
            (
                "ValidationException".to_owned(),
                format!(
                    "One or more parameter values were invalid: {what} modification must be the \
                     only operation in the request"
                )
            )
        );
    }
    let described = fixture.ok("DescribeTable", json!({"TableName": "results"}));
    assert_eq!(described["Table"]["DeletionProtectionEnabled"], false);
    fixture.ok(
        "UpdateTable",
        update(json!({"DeletionProtectionEnabled": true})),
    );
    // aws-behaviours D13
    assert_eq!(
        fixture
            .refused("DeleteTable", json!({"TableName": "results"}))
            .0,
        "ValidationException"
    );
    fixture.ok(
        "UpdateTable",
        update(json!({"DeletionProtectionEnabled": false})),
    );
    fixture.ok(
        "UpdateTable",
        update(json!({"TableClass": "STANDARD_INFREQUENT_ACCESS"})),
    );
}

/// The status of an operation that is called with nothing.
async fn status_of(service: &DynamoDbService, operation: &str) -> (u16, Value) {
    let request = http::Request::post("/")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .body(Body::from("{}"))
        .expect("a request");
    let response = service.call(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body");
    (
        status,
        serde_json::from_slice(&body.to_bytes()).expect("JSON"),
    )
}

#[tokio::test]
async fn what_is_absent_answers_501_and_nothing_else_does() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let shared = Arc::new(Shared::new(&Config::new(dir.path()), ""));
    let service = super::open(shared).expect("opened");
    for Operation { name, support } in OPERATIONS {
        let (status, body) = status_of(&service, name).await;
        assert_eq!(
            status == 501,
            *support == Support::NotImplemented,
            "{name}: {status} {body}"
        );
        if status == 501 {
            assert_eq!(body["__type"], "NotImplemented");
            assert_eq!(
                body["message"],
                format!("DynamoDB {name} is not implemented by the embedded target")
            );
        }
    }
    let (status, _) = status_of(&service, "NoSuchOperation").await;
    assert_eq!(status, 501);
}

#[test]
fn a_full_disk_is_507_and_the_store_works_on() {
    let fixture = Fixture::new();
    fixture.ok("CreateTable", table());
    // The engine's own connection cannot be limited; another of its making can.
    let clock: crate::clock::SharedClock = fixture.clock.clone();
    let storage = connect(&fixture.state.path, Durability::Process, &clock).expect("connected");
    let limit = |most: i64| {
        storage
            .conn()
            .query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))
            .expect("set");
    };
    let put = |id: &str| {
        let item = json!({"job_id": {"S": id}, "text": {"S": "x".repeat(100_000)}});
        let request = json!({"TableName": "results", "Item": item});
        let request = serde_json::from_value(request).expect("a request");
        dynoxide::actions::put_item::execute(&storage, request)
            .now_or_never()
            .expect("at once")
    };
    put("a").expect("there is room");
    let pages: i64 = storage
        .conn()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .expect("a count");
    limit(pages + 1);
    let error = put("b").expect_err("full");
    let trouble = store_trouble(error).expect("a trouble of the store");
    assert_eq!(
        (trouble.status, trouble.code.as_str()),
        (507, "InsufficientStorage")
    );
    let scanned = fixture.ok("Scan", json!({"TableName": "results"}));
    assert_eq!(scanned["Count"], 1, "nothing of the refused write is left");
    limit(pages * 10);
    put("b").expect("there is room again");
}

#[test]
fn troubles_of_the_store_are_told_from_other_errors() {
    let full = DynoxideError::InternalServerError("backend: database or disk is full".to_owned());
    let response = refused("PutItem", Refusal::Engine(full));
    assert_eq!(response.status(), 507);
    let other = DynoxideError::InternalServerError("something else".to_owned());
    assert!(store_trouble(other).is_err());
    let ours = DynoxideError::ValidationException("database or disk is full".to_owned());
    assert!(store_trouble(ours).is_err(), "a user's words");
}
