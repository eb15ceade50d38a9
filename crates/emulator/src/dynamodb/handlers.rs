//! One line per operation: request in, engine, response out. Those on tables are next door, in
//! `handlers_tables`.

use dynoxide::{Database, DynoxideError};
use serde_json::Value;

use crate::error::AwsError;
use crate::service::Response;

use super::handlers_tables;
use super::state::State;
use super::state_phases::Phase;
use super::wire::{self, Answer, Refusal, own_arns, plain};
use super::wire_names::tables_of;

/// Whether an operation may touch many items, or wait for its turn, so that it must not run on a
/// thread that serves connections. The single-item operations take tens of microseconds.
pub(super) fn is_long(operation: &str) -> bool {
    !matches!(
        operation,
        "PutItem" | "GetItem" | "UpdateItem" | "DeleteItem" | "Query"
    )
}

/// Answers one request, errors included.
pub(super) fn answer(state: &State, operation: &str, body: &str, now_ms: i64) -> Response {
    match dispatch(state, operation, body, now_ms) {
        Some(Ok(json)) => wire::respond(json),
        Some(Err(refusal)) => wire::refused(operation, refusal),
        None => wire::refuse(&AwsError::not_implemented("DynamoDB", operation)),
    }
}

/// `None` when the operation is not served.
pub(super) fn dispatch(state: &State, operation: &str, body: &str, now_ms: i64) -> Option<Answer> {
    handlers_tables::answer(state, operation, body, now_ms)
        .or_else(|| items(state, operation, body, now_ms))
        .or_else(|| streams(&state.database, operation, body))
}

/// Items of a table that is being created cannot be reached (aws-behaviours D1).
fn refuse_absent(state: &State, body: &str, now_ms: i64) -> Result<(), Refusal> {
    if !state.lifecycle.may_be_creating(now_ms) {
        return Ok(());
    }
    // What cannot be read is refused by whoever reads it.
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    for table in tables_of(&request) {
        if state.lifecycle.turn().phase(table, now_ms)? == Phase::Creating {
            return Err(DynoxideError::ResourceNotFoundException(
                "Requested resource not found".to_owned(),
            )
            .into());
        }
    }
    Ok(())
}

fn items(state: &State, operation: &str, body: &str, now_ms: i64) -> Option<Answer> {
    let on = |run: &dyn Fn(&Database, &str) -> Answer| {
        refuse_absent(state, body, now_ms)?;
        run(&state.database, body)
    };
    Some(match operation {
        "PutItem" => on(&|db, body| plain(body, |request| db.put_item(request))),
        "GetItem" => on(&|db, body| plain(body, |request| db.get_item(request))),
        "UpdateItem" => on(&|db, body| plain(body, |request| db.update_item(request))),
        "DeleteItem" => on(&|db, body| plain(body, |request| db.delete_item(request))),
        "Query" => on(&|db, body| plain(body, |request| db.query(request))),
        "Scan" => on(&|db, body| plain(body, |request| db.scan(request))),
        "SearchVectors" => on(&|db, body| plain(body, |request| db.search_vectors(request))),
        "BatchGetItem" => on(&|db, body| plain(body, |request| db.batch_get_item(request))),
        "BatchWriteItem" => on(&|db, body| plain(body, |request| db.batch_write_item(request))),
        "TransactGetItems" => on(&|db, body| plain(body, |request| db.transact_get_items(request))),
        "TransactWriteItems" => {
            on(&|db, body| plain(body, |request| db.transact_write_items(request)))
        }
        "ExecuteStatement" => on(&|db, body| plain(body, |request| db.execute_statement(request))),
        "ExecuteTransaction" => {
            on(&|db, body| plain(body, |request| db.execute_transaction(request)))
        }
        "BatchExecuteStatement" => {
            on(&|db, body| plain(body, |request| db.batch_execute_statement(request)))
        }
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
