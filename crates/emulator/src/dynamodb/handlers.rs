//! One line per operation: request in, engine, response out.

use dynoxide::actions::update_time_to_live::{UpdateTimeToLiveRequest, UpdateTimeToLiveResponse};
use dynoxide::{Database, DynoxideError};

use crate::error::AwsError;
use crate::service::Response;

use super::state::State;
use super::wire::{self, Answer, own_arns, plain};

/// Whether an operation may touch many items, so that it must not run on a thread that serves
/// connections. The single-item operations take tens of microseconds.
pub(super) fn is_long(operation: &str) -> bool {
    !matches!(
        operation,
        "PutItem"
            | "GetItem"
            | "UpdateItem"
            | "DeleteItem"
            | "Query"
            | "DescribeTable"
            | "DescribeTimeToLive"
            | "ListTables"
            | "ListTagsOfResource"
    )
}

/// Answers one request, errors included.
pub(super) fn answer(state: &State, operation: &str, body: &str) -> Response {
    match dispatch(state, operation, body) {
        Some(Ok(json)) => wire::respond(200, json),
        Some(Err(error)) => wire::engine_error(operation, error),
        None => wire::refuse(&AwsError::not_implemented("DynamoDB", operation)),
    }
}

/// `None` when the operation is not served.
fn dispatch(state: &State, operation: &str, body: &str) -> Option<Answer> {
    let db = &state.database;
    tables(state, operation, body)
        .or_else(|| items(db, operation, body))
        .or_else(|| streams(db, operation, body))
}

fn tables(state: &State, operation: &str, body: &str) -> Option<Answer> {
    let db = &state.database;
    Some(match operation {
        "CreateTable" => own_arns(body, |request| db.create_table(request)),
        "DeleteTable" => own_arns(body, |request| db.delete_table(request)),
        "DescribeTable" => own_arns(body, |request| db.describe_table(request)),
        "UpdateTable" => own_arns(body, |request| db.update_table(request)),
        "ListTables" => plain(body, |request| db.list_tables(request)),
        "UpdateTimeToLive" => plain(body, |request| update_time_to_live(state, request)),
        "DescribeTimeToLive" => plain(body, |request| db.describe_time_to_live(request)),
        "TagResource" => plain(body, |request| db.tag_resource(request)),
        "UntagResource" => plain(body, |request| db.untag_resource(request)),
        "ListTagsOfResource" => plain(body, |request| db.list_tags_of_resource(request)),
        _ => return None,
    })
}

fn items(db: &Database, operation: &str, body: &str) -> Option<Answer> {
    Some(match operation {
        "PutItem" => plain(body, |request| db.put_item(request)),
        "GetItem" => plain(body, |request| db.get_item(request)),
        "UpdateItem" => plain(body, |request| db.update_item(request)),
        "DeleteItem" => plain(body, |request| db.delete_item(request)),
        "Query" => plain(body, |request| db.query(request)),
        "Scan" => plain(body, |request| db.scan(request)),
        "SearchVectors" => plain(body, |request| db.search_vectors(request)),
        "BatchGetItem" => plain(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => plain(body, |request| db.batch_write_item(request)),
        "TransactGetItems" => plain(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => plain(body, |request| db.transact_write_items(request)),
        "ExecuteStatement" => plain(body, |request| db.execute_statement(request)),
        "ExecuteTransaction" => plain(body, |request| db.execute_transaction(request)),
        "BatchExecuteStatement" => plain(body, |request| db.batch_execute_statement(request)),
        _ => return None,
    })
}

fn streams(db: &Database, operation: &str, body: &str) -> Option<Answer> {
    Some(match operation {
        "ListStreams" => own_arns(body, |request| db.list_streams(request)),
        "DescribeStream" => own_arns(body, |request| db.describe_stream(request)),
        "GetShardIterator" => plain(body, |request| db.get_shard_iterator(request)),
        "GetRecords" => wire::records(body, |request| db.get_records(request)),
        _ => return None,
    })
}

/// The engine accepts a repetition; AWS refuses it, and tools rely on the words.
fn update_time_to_live(
    state: &State,
    request: UpdateTimeToLiveRequest,
) -> Result<UpdateTimeToLiveResponse, DynoxideError> {
    let wanted = &request.time_to_live_specification;
    // A table that does not exist, or an empty name, is refused by the engine itself.
    if let Some(now) = state.time_to_live(&request.table_name)? {
        // aws-behaviours D3
        let refusal = match (wanted.enabled, now.attribute) {
            (true, Some(attribute)) if attribute == wanted.attribute_name => {
                Some("TimeToLive is already enabled")
            }
            (true, Some(_)) => Some("TimeToLive is active on a different AttributeName"),
            (false, None) => Some("TimeToLive is already disabled"),
            _ => None,
        };
        if let Some(message) = refusal {
            return Err(DynoxideError::ValidationException(message.to_owned()));
        }
    }
    state.database.update_time_to_live(request)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state =
            State::open(&dir.path().join("d.sqlite"), crate::Durability::Process).expect("opened");
        (dir, state)
    }

    fn call(state: &State, operation: &str, body: Value) -> Result<Value, DynoxideError> {
        dispatch(state, operation, &body.to_string())
            .expect("a served operation")
            .map(|json| serde_json::from_str(&json).expect("JSON"))
    }

    fn make_table(state: &State) {
        call(
            state,
            "CreateTable",
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
            }),
        )
        .expect("the table is made");
    }

    #[test]
    fn arns_are_of_our_region_everywhere() {
        let (_dir, state) = state();
        make_table(&state);
        let table = call(&state, "DescribeTable", json!({"TableName": "results"})).expect("there");
        let table = &table["Table"];
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/results";
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
        call(
            &state,
            "TagResource",
            json!({"ResourceArn": arn, "Tags": tags}),
        )
        .expect("tagged");
        let listed = call(&state, "ListTagsOfResource", json!({"ResourceArn": arn}));
        assert_eq!(listed.expect("listed")["Tags"], tags);
        call(&state, "DescribeStream", json!({"StreamArn": stream})).expect("the stream is there");
    }

    #[test]
    fn stream_records_are_of_our_region() {
        let (_dir, state) = state();
        make_table(&state);
        let item = json!({"job_id": {"S": "a"}, "note": {"S": "arn:aws:dynamodb:dynoxide:x"}});
        call(
            &state,
            "PutItem",
            json!({"TableName": "results", "Item": item}),
        )
        .expect("put");
        let streams = call(&state, "ListStreams", json!({})).expect("listed");
        let arn = &streams["Streams"][0]["StreamArn"];
        let stream = call(&state, "DescribeStream", json!({"StreamArn": arn})).expect("described");
        let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
        let iterator = call(
            &state,
            "GetShardIterator",
            json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}),
        )
        .expect("an iterator");
        let records = call(
            &state,
            "GetRecords",
            json!({"ShardIterator": iterator["ShardIterator"]}),
        )
        .expect("records");
        let record = &records["Records"][0];
        assert_eq!(record["awsRegion"], "us-east-1");
        // Users' data is never touched.
        assert_eq!(record["dynamodb"]["NewImage"], item);
    }

    #[test]
    fn time_to_live_refuses_what_it_already_is() {
        let (_dir, state) = state();
        make_table(&state);
        let set = |attribute: &str, enabled: bool| {
            call(
                &state,
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
    fn what_is_not_served_is_none() {
        let (_dir, state) = state();
        assert!(dispatch(&state, "CreateBackup", "{}").is_none());
    }
}
