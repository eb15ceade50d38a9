//! What the trigger takes from a record of an S3 event.
//!
//! Read field by field instead of as one shape: targets differ in what they leave out, and a record
//! that names bucket and key can be acted on whatever else is odd about it. // aws-behaviours S13

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One uploaded object as the event tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    pub bucket: String,
    /// URL-encoded, as it came.
    pub raw_key: String,
    /// Bytes; absent where the event does not tell.
    pub size: Option<u64>,
    /// Without quotes.
    pub etag: Option<String>,
    pub version_id: Option<String>,
    /// When S3 says that the object came, milliseconds since the Unix epoch.
    pub event_ms: Option<i64>,
}

impl Upload {
    /// `None` for a record without bucket or key.
    pub fn read(record: &Value) -> Option<Self> {
        let text = |path: &str| {
            record
                .pointer(path)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        Some(Self {
            bucket: text("/s3/bucket/name")?.to_owned(),
            raw_key: text("/s3/object/key")?.to_owned(),
            size: record.pointer("/s3/object/size").and_then(Value::as_u64),
            etag: text("/s3/object/eTag").map(|etag| etag.trim_matches('"').to_owned()),
            version_id: text("/s3/object/versionId").map(str::to_owned),
            event_ms: text("/eventTime")
                .and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok())
                .map(model::epoch_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bucket_and_key_are_enough_and_odd_fields_are_absent() {
        for object in [
            json!({"key": "a.log"}),
            json!({"key": "a.log", "size": "12", "eTag": 3, "versionId": ""}),
            json!({"key": "a.log", "size": -1, "eTag": null, "versionId": null}),
        ] {
            let record = json!({"eventTime": "yesterday",
                "s3": {"bucket": {"name": "b"}, "object": object}});
            let expected = Upload {
                bucket: "b".to_owned(),
                raw_key: "a.log".to_owned(),
                size: None,
                etag: None,
                version_id: None,
                event_ms: None,
            };
            assert_eq!(Upload::read(&record), Some(expected), "{record}");
        }
    }

    #[test]
    fn without_bucket_or_key_there_is_no_upload() {
        for record in [
            json!({}),
            json!(null),
            json!("x"),
            json!({"s3": {"bucket": {"name": "b"}, "object": {}}}),
            json!({"s3": {"bucket": {"name": ""}, "object": {"key": "k"}}}),
            json!({"s3": {"bucket": {"name": "b"}, "object": {"key": 7}}}),
        ] {
            assert_eq!(Upload::read(&record), None, "{record}");
        }
    }
}
