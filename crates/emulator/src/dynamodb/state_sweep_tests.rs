//! The time to live sweep, on a clock that only the test moves.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::behaviour::Behaviour;
use crate::clock::ManualClock;
use crate::config::{Config, Durability};
use crate::server::Shared;

use super::handlers::dispatch;
use super::state::State;
use super::state_sweep::{SWEEP_EVERY, sweep, sweep_until_stopped};

/// Far from the wall clock, so that a look at that one would be noticed: the year 2001.
const NOW_S: i64 = 1_000_000_000;
const YEAR_S: i64 = 365 * 24 * 60 * 60;

fn read<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).expect("a request")
}

/// The table `results` with a time to live, an index and a stream, and items that expire.
pub(super) fn table_with(state: &State, items: &[(&str, &str)]) {
    let db = &state.database;
    db.create_table(read(json!({
        "TableName": "results", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "day", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by_day", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
        }],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
    })))
    .expect("a table");
    db.update_time_to_live(read(json!({
        "TableName": "results",
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": true},
    })))
    .expect("a time to live");
    for (id, expires_at) in items {
        put(state, id, json!({"N": expires_at}));
    }
}

fn put(state: &State, id: &str, expires_at: Value) {
    let item = json!({"id": {"S": id}, "day": {"S": "d"}, "expires_at": expires_at});
    state
        .database
        .put_item(read(json!({"TableName": "results", "Item": item})))
        .expect("an item");
}

/// The ids that are left, in the table and in its index.
fn left(state: &State) -> (Vec<String>, Vec<String>) {
    let ids = |index: Option<&str>| {
        let scanned = state
            .database
            .scan(read(json!({"TableName": "results", "IndexName": index})))
            .expect("scanned");
        let items = serde_json::to_value(scanned.items).expect("JSON");
        let mut ids: Vec<String> = items
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["id"]["S"].as_str().expect("an id").to_owned())
            .collect();
        ids.sort();
        ids
    };
    (ids(None), ids(Some("by_day")))
}

struct Fixture {
    _dir: TempDir,
    clock: Arc<ManualClock>,
    state: Arc<State>,
    shared: Arc<Shared>,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let clock = Arc::new(ManualClock::new(NOW_S * 1000));
    let config = Config {
        clock: clock.clone(),
        ..Config::new(dir.path())
    };
    let state = State::open(dir.path(), Durability::Process, &Behaviour::INSTANT);
    Fixture {
        state: Arc::new(state.expect("opened")),
        shared: Arc::new(Shared::new(&config, "")),
        _dir: dir,
        clock,
    }
}

/// aws-behaviours D6
#[tokio::test]
async fn expired_items_go_with_the_next_sweep() {
    let fixture = fixture();
    let state = &fixture.state;
    let expires = (NOW_S + 3600).to_string();
    table_with(state, &[("goes", &expires)]);
    let sweeping = tokio::spawn(sweep_until_stopped(
        Arc::clone(state),
        Arc::clone(&fixture.shared),
    ));
    let swept = async {
        while !left(state).0.is_empty() {
            fixture.clock.advance(SWEEP_EVERY.as_millis() as i64);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept)
        .await
        .expect("the expired item goes");
    fixture.shared.stop.cancel();
    sweeping.await.expect("the sweep ends with the emulator");
}

#[tokio::test]
async fn only_what_has_expired_by_the_shared_clock_goes() {
    let fixture = fixture();
    let state = &fixture.state;
    let at = |seconds: i64| (NOW_S + seconds).to_string();
    table_with(
        state,
        &[
            ("expired", &at(-1)),
            ("long ago", &at(-4 * YEAR_S)),
            ("now", &at(0)),
            ("later", &at(60)),
            ("too long ago", &at(-5 * YEAR_S - 1)),
            ("milliseconds", &at(-1).replace("999999999", "999999999000")),
            ("zero", "0"),
        ],
    );
    put(state, "text", json!({"S": at(-1)}));
    let kept = [
        "later",
        "milliseconds",
        "now",
        "text",
        "too long ago",
        "zero",
    ];
    assert_eq!(sweep(state, &fixture.shared).await.expect("swept"), 2);
    assert_eq!(
        left(state),
        (
            kept.map(str::to_owned).to_vec(),
            kept.map(str::to_owned).to_vec()
        )
    );

    fixture.clock.advance(61_000);
    assert_eq!(sweep(state, &fixture.shared).await.expect("swept"), 2);
    assert_eq!(
        left(state).0,
        ["milliseconds", "text", "too long ago", "zero"]
    );
    // Nothing goes once it is off.
    fixture.clock.advance(-YEAR_S * 1000);
    table_off(state);
    put(state, "expired", json!({"N": "900000000"}));
    assert_eq!(sweep(state, &fixture.shared).await.expect("swept"), 0);
}

fn table_off(state: &State) {
    let off = json!({
        "TableName": "results",
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": false},
    });
    state.database.update_time_to_live(read(off)).expect("off");
}

#[tokio::test]
async fn many_pages_are_swept_and_streams_tell_whose_work_it_is() {
    let fixture = fixture();
    let state = &fixture.state;
    let ids: Vec<String> = (0..250).map(|index| format!("item-{index:03}")).collect();
    let expired = (NOW_S - 1).to_string();
    let items: Vec<(&str, &str)> = ids
        .iter()
        .map(|id| (id.as_str(), expired.as_str()))
        .collect();
    table_with(state, &items);
    put(state, "kept", json!({"N": (NOW_S + 9).to_string()}));
    assert_eq!(sweep(state, &fixture.shared).await.expect("swept"), 250);
    assert_eq!(left(state).0, ["kept"]);
    // What users delete is theirs.
    let key = json!({"TableName": "results", "Key": {"id": {"S": "kept"}}});
    state.database.delete_item(read(key)).expect("deleted");

    let call = |operation: &str, body: Value| -> Value {
        let answer = dispatch(state, operation, &body.to_string(), NOW_S * 1000);
        let json = answer.expect("served").expect(operation);
        serde_json::from_str(&json).expect("JSON")
    };
    let arn = call("ListStreams", json!({}))["Streams"][0]["StreamArn"].clone();
    let stream = call("DescribeStream", json!({"StreamArn": arn}));
    let mut iterator = call(
        "GetShardIterator",
        json!({
            "StreamArn": arn, "ShardIteratorType": "TRIM_HORIZON",
            "ShardId": stream["StreamDescription"]["Shards"][0]["ShardId"],
        }),
    )["ShardIterator"]
        .clone();
    let mut removed = Vec::new();
    while removed.len() < 251 {
        let page = call("GetRecords", json!({"ShardIterator": iterator}));
        let records = page["Records"].as_array().expect("records");
        assert!(!records.is_empty(), "the stream ends early");
        removed.extend(
            records
                .iter()
                .filter(|record| record["eventName"] == "REMOVE")
                .cloned(),
        );
        iterator = page["NextShardIterator"].clone();
    }
    let (last, by_service) = removed.split_last().expect("records");
    for record in by_service {
        assert_eq!(
            record["userIdentity"],
            json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}),
            "{record}"
        );
    }
    assert_eq!(last["userIdentity"], Value::Null, "{last}");
}
