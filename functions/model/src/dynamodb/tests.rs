use super::*;
use dynoxide::Database;
use serde_json::json;

use crate::{Durations, Outcome, Reason, Timings};

fn result() -> JobResult {
    JobResult {
        job_id: "ab".to_owned(),
        status: Outcome::Done,
        reason: None,
        bucket: "b".to_owned(),
        key: "logs/ü x.ndjson".to_owned(),
        version_id: Some("v".to_owned()),
        etag: None,
        size: 12,
        lines: 3,
        malformed: 1,
        malformed_positions: vec![2],
        levels: [("INFO".to_owned(), 2)].into(),
        services: [("api".to_owned(), 2)].into(),
        error_rate: 0.5,
        first_timestamp: Some("2026-01-01T00:00:00Z".to_owned()),
        last_timestamp: Some("2026-01-01T00:00:01Z".to_owned()),
        duration_ms: Some(Durations {
            count: 2,
            p50: 1.0,
            p90: 2.5,
            p95: 2.5,
            p99: 2.5,
            max: 2.5,
        }),
        top_errors: vec![("boom".to_owned(), 1)],
        top_denied_sources: vec![("10.0.0.1".to_owned(), 1)],
        processed_at: "2026-11-23T00:00:00.000Z".to_owned(),
        day: "2026-11-23#a".to_owned(),
        expires_at: 1_780_000_000,
        dead_lettered: None,
        receive_count: 1,
        timings: Timings {
            event_ms: Some(1),
            worker_cold: true,
            ..Timings::default()
        },
    }
}

#[test]
fn a_result_survives_the_way_through_an_item() {
    let mut failed = result();
    failed.status = Outcome::Failed;
    failed.reason = Some(Reason::new("no_record", "no line is a record"));
    failed.dead_lettered = Some("m1".to_owned());
    failed.duration_ms = None;
    failed.error_rate = 0.0;
    for result in [result(), failed] {
        let item = item_from_result(&result).expect("an item");
        assert_eq!(
            item["expires_at"],
            AttributeValue::N("1780000000".to_owned())
        );
        assert_eq!(
            item["status"],
            AttributeValue::S(result.status.as_str().to_owned())
        );
        // As DynamoDB gives whole numbers back.
        let item: HashMap<_, _> = item
            .into_iter()
            .map(|(name, value)| match value {
                AttributeValue::N(n) => {
                    (name, AttributeValue::N(n.trim_end_matches(".0").to_owned()))
                }
                other => (name, other),
            })
            .collect();
        assert_eq!(result_from_item(&item).expect("a result"), result);
    }
}

#[test]
fn an_item_that_is_no_result_says_what_is_wrong() {
    let error = result_from_item(&HashMap::from([(
        "job_id".to_owned(),
        AttributeValue::S("x".to_owned()),
    )]));
    assert!(
        error
            .expect_err("no result")
            .to_string()
            .contains("missing field")
    );
}

/// An item as DynamoDB's JSON has it.
fn wire(item: &HashMap<String, AttributeValue>) -> Value {
    let fields = item
        .iter()
        .map(|(name, value)| (name.clone(), wire_value(value)));
    Value::Object(fields.collect())
}

fn wire_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Null(flag) => json!({ "NULL": flag }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::N(text) => json!({ "N": text }),
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::L(values) => {
            json!({ "L": values.iter().map(wire_value).collect::<Vec<_>>() })
        }
        AttributeValue::M(fields) => json!({ "M": wire(fields) }),
        other => panic!("results do not use {other:?}"),
    }
}

fn unwire(value: &Value) -> AttributeValue {
    let (kind, value) = value
        .as_object()
        .and_then(|fields| fields.iter().next())
        .expect("a typed value");
    let text = || value.as_str().expect("text").to_owned();
    match kind.as_str() {
        "NULL" => AttributeValue::Null(true),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("a flag")),
        "N" => AttributeValue::N(text()),
        "S" => AttributeValue::S(text()),
        "L" => AttributeValue::L(
            value
                .as_array()
                .expect("a list")
                .iter()
                .map(unwire)
                .collect(),
        ),
        "M" => AttributeValue::M(unwire_item(value)),
        other => panic!("results do not use {other}"),
    }
}

fn unwire_item(value: &Value) -> HashMap<String, AttributeValue> {
    let fields = value.as_object().expect("an object");
    fields
        .iter()
        .map(|(name, value)| (name.clone(), unwire(value)))
        .collect()
}

/// A results table in an engine that understands expressions as DynamoDB does.
struct Table(Database);

impl Table {
    fn new() -> Self {
        let database = Database::memory().expect("a database");
        let request = json!({
            "TableName": "results", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "job_id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "job_id", "KeyType": "HASH"}]
        });
        let request = serde_json::from_value(request).expect("a request");
        database.create_table(request).expect("a table");
        Self(database)
    }

    /// The replaced item, or the error's text.
    fn put(
        &self,
        result: &JobResult,
        now_s: i64,
    ) -> Result<Option<HashMap<String, AttributeValue>>, String> {
        let request = json!({
            "TableName": "results", "ReturnValues": "ALL_OLD",
            "Item": wire(&item_from_result(result).expect("an item")),
            "ConditionExpression": REPLACEABLE,
            "ExpressionAttributeNames": replaceable_names(),
            "ExpressionAttributeValues": wire(&replaceable_values(now_s)),
        });
        let request = serde_json::from_value(request).map_err(|error| error.to_string())?;
        let answer = self
            .0
            .put_item(request)
            .map_err(|error| error.to_string())?;
        let answer = serde_json::to_value(answer).expect("JSON");
        Ok(answer.get("Attributes").map(unwire_item))
    }

    fn mark(&self, job_id: &str, message_id: &str) -> Result<(), String> {
        let request = json!({
            "TableName": "results", "Key": {"job_id": {"S": job_id}},
            "UpdateExpression": SET_DEAD_LETTERED, "ConditionExpression": STILL_FAILED,
            "ExpressionAttributeNames": replaceable_names(),
            "ExpressionAttributeValues": wire(&mark_values(message_id)),
        });
        let request = serde_json::from_value(request).map_err(|error| error.to_string())?;
        let answer = self.0.update_item(request);
        answer.map(|_| ()).map_err(|error| error.to_string())
    }

    fn get(&self, job_id: &str) -> JobResult {
        let request = json!({"TableName": "results", "Key": {"job_id": {"S": job_id}}});
        let request = serde_json::from_value(request).expect("a request");
        let answer = self.0.get_item(request).expect("an answer");
        let answer = serde_json::to_value(answer).expect("JSON");
        result_from_item(&unwire_item(&answer["Item"])).expect("a result")
    }
}

fn failed() -> JobResult {
    JobResult {
        status: Outcome::Failed,
        reason: Some(Reason::new("no_record", "no line is a record")),
        ..result()
    }
}

/// aws-behaviours D6, D20
#[test]
fn a_done_result_stays_and_any_other_is_replaced() {
    let table = Table::new();
    let now_s = 1_000;
    assert_eq!(table.put(&failed(), now_s), Ok(None), "the first");
    let rejected = JobResult {
        status: Outcome::Rejected,
        ..failed()
    };
    table.put(&rejected, now_s).expect("over a failed one");
    table.put(&result(), now_s).expect("over a rejected one");
    for late in [failed(), rejected, result()] {
        let error = table.put(&late, now_s).expect_err("a done one stays");
        assert!(error.contains("conditional request failed"), "{error}");
    }
    assert_eq!(table.get("ab"), result());
    // Expired, and not yet deleted.
    let after = result().expires_at + 1;
    table.put(&failed(), after).expect("over an expired one");
    assert_eq!(table.get("ab"), failed());
}

#[test]
fn the_mark_of_the_dead_letter_is_set_on_failed_results_only_and_told_when_replaced() {
    let table = Table::new();
    table.put(&failed(), 1).expect("written");
    table.mark("ab", "m1").expect("marked");
    assert_eq!(table.get("ab").dead_lettered.as_deref(), Some("m1"));
    let old = table
        .put(&failed(), 1)
        .expect("written")
        .expect("an old item");
    assert_eq!(dead_lettered(&old), Some("m1"));
    let old = table
        .put(&result(), 1)
        .expect("healed")
        .expect("an old item");
    assert_eq!(dead_lettered(&old), None);
    table.mark("ab", "m2").expect_err("it is done");
    table.mark("unknown", "m2").expect_err("it is not there");
    assert_eq!(table.get("ab"), result());
}

#[test]
fn texts_that_are_empty_or_odd_are_kept_as_they_are() {
    let mut odd = result();
    odd.top_errors = vec![(String::new(), 2), ("a\u{0}\u{1f600}\nb".to_owned(), 1)];
    odd.levels = [("(other)".to_owned(), 1), ("a.b #c".to_owned(), 1)].into();
    odd.version_id = Some(String::new());
    odd.first_timestamp = Some(String::new());
    odd.error_rate = 1.0 / 3.0;
    odd.size = u64::MAX;
    let table = Table::new();
    table.put(&odd, 1).expect("written");
    assert_eq!(table.get("ab"), odd);
}

/// Why a blank level or service is malformed: such a name would make the whole result unwritable.
#[test]
fn an_empty_name_in_a_map_is_refused() {
    let mut odd = result();
    odd.levels = [(String::new(), 1)].into();
    let error = Table::new().put(&odd, 1).expect_err("refused");
    assert!(error.contains("Empty attribute name"), "{error}");
}
