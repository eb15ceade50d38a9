//! Events: AWS's record of what happened to an object, and the outbox that carries it to the
//! function service. The outbox row is written in the transaction of the object itself, so that no
//! acknowledged object lacks its event.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::state::Store;
use super::state_rules::Rule;
use crate::config::{ACCOUNT, REGION};
use crate::error::AwsError;

/// What stays as it is in an event's key.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b' ');

/// The key as an event carries it: URL-encoded, a space as `+` (aws-behaviours S13).
pub(super) fn encode_key(key: &str) -> String {
    // A literal plus is percent-encoded first, so every plus that is left was a space.
    utf8_percent_encode(key, KEPT).to_string().replace(' ', "+")
}

/// Milliseconds since the Unix epoch as `2026-01-02T03:04:05.678Z`.
pub(super) fn rfc3339_ms(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    ))
    .unwrap_or_default()
}

/// Who asked, as an event tells it.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The answer's `x-amz-request-id`.
    pub request_id: String,
    /// The answer's `x-amz-id-2`.
    pub id_2: String,
    /// Address of the client.
    pub source_ip: String,
}

/// What happened to an object.
pub(super) struct Happening<'a> {
    /// Event type, e.g. `s3:ObjectCreated:Put`.
    pub event: &'a str,
    pub bucket: &'a str,
    pub key: &'a str,
    /// Bytes; none for removals.
    pub size: Option<u64>,
    /// Entity tag without quotes; none for a removal that leaves no marker.
    pub etag: Option<&'a str>,
    /// Only where the bucket is versioned.
    pub version_id: Option<&'a str>,
    /// Grows with every write of the store, hence of the key (aws-behaviours S14).
    pub sequence: i64,
    /// Milliseconds since the Unix epoch.
    pub time_ms: i64,
    pub caller: &'a Caller,
}

/// AWS's event message for one rule.
pub(super) fn record(happening: &Happening<'_>, configuration_id: &str) -> Value {
    let mut object = Map::new();
    object.insert("key".to_owned(), json!(encode_key(happening.key)));
    if let Some(size) = happening.size {
        object.insert("size".to_owned(), json!(size));
    }
    if let Some(etag) = happening.etag {
        object.insert("eTag".to_owned(), json!(etag));
    }
    if let Some(version_id) = happening.version_id {
        object.insert("versionId".to_owned(), json!(version_id));
    }
    object.insert(
        "sequencer".to_owned(),
        json!(format!("{:018X}", happening.sequence)),
    );
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": rfc3339_ms(happening.time_ms),
        "eventName": happening.event.trim_start_matches("s3:"),
        "userIdentity": { "principalId": format!("AWS:{ACCOUNT}") },
        "requestParameters": { "sourceIPAddress": happening.caller.source_ip },
        "responseElements": {
            "x-amz-request-id": happening.caller.request_id,
            "x-amz-id-2": happening.caller.id_2,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": happening.bucket,
                "ownerIdentity": { "principalId": ACCOUNT },
                "arn": format!("arn:aws:s3:::{}", happening.bucket),
            },
            "object": object,
        },
    }] })
}

/// An event on its way to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Its row in the outbox.
    pub id: i64,
    /// Where it goes.
    pub function_arn: String,
    /// The event message, JSON.
    pub payload: String,
}

/// Puts the event into the outbox once per rule that wants it.
pub(super) fn post(
    connection: &Connection,
    rules: Option<&Vec<Rule>>,
    happening: &Happening<'_>,
) -> Result<Vec<Delivery>, AwsError> {
    let mut deliveries = Vec::new();
    for rule in rules.into_iter().flatten() {
        if !rule.matches(happening.event, happening.key) {
            continue;
        }
        let payload = record(happening, &rule.id).to_string();
        connection
            .prepare_cached("INSERT INTO outbox (function_arn, payload) VALUES (?1, ?2)")?
            .execute(params![rule.function_arn, payload])?;
        deliveries.push(Delivery {
            id: connection.last_insert_rowid(),
            function_arn: rule.function_arn.clone(),
            payload,
        });
    }
    Ok(deliveries)
}

impl Store {
    /// Everything in the outbox, oldest first.
    pub(super) fn outbox(&self) -> Result<Vec<Delivery>, AwsError> {
        let inner = self.lock();
        let mut statement = inner
            .connection
            .prepare("SELECT id, function_arn, payload FROM outbox ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok(Delivery {
                id: row.get(0)?,
                function_arn: row.get(1)?,
                payload: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The function service has taken the event over, or nobody ever will.
    pub(super) fn settle(&self, id: i64) -> Result<(), AwsError> {
        self.lock()
            .connection
            .prepare_cached("DELETE FROM outbox WHERE id = ?1")?
            .execute([id])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours S13
    #[test]
    fn keys_are_encoded_as_aws_does() {
        assert_eq!(encode_key("logs/a b+c.json"), "logs/a+b%2Bc.json");
        assert_eq!(encode_key("ü/🦀%"), "%C3%BC/%F0%9F%A6%80%25");
    }

    /// aws-behaviours S14
    #[test]
    fn a_record_has_the_shape_of_aws() {
        let caller = Caller {
            request_id: "REQ".to_owned(),
            id_2: "ID2".to_owned(),
            source_ip: "127.0.0.1".to_owned(),
        };
        let mut happening = Happening {
            event: "s3:ObjectCreated:Put",
            bucket: "uploads",
            key: "logs/a b.json",
            size: Some(3),
            etag: Some("900150983cd24fb0d6963f7d28e17f72"),
            version_id: Some("v1"),
            sequence: 255,
            time_ms: 1_700_000_000_123,
            caller: &caller,
        };
        let expected = json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": "2023-11-14T22:13:20.123Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": { "principalId": "AWS:000000000000" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": "REQ", "x-amz-id-2": "ID2" },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "rule",
                "bucket": {
                    "name": "uploads",
                    "ownerIdentity": { "principalId": "000000000000" },
                    "arn": "arn:aws:s3:::uploads",
                },
                "object": {
                    "key": "logs/a+b.json",
                    "size": 3,
                    "eTag": "900150983cd24fb0d6963f7d28e17f72",
                    "versionId": "v1",
                    "sequencer": "0000000000000000FF",
                },
            },
        }] });
        assert_eq!(record(&happening, "rule"), expected);

        happening.size = None;
        happening.etag = None;
        happening.version_id = None;
        let object = &record(&happening, "rule")["Records"][0]["s3"]["object"];
        assert_eq!(
            object,
            &json!({ "key": "logs/a+b.json", "sequencer": "0000000000000000FF" })
        );
    }
}
