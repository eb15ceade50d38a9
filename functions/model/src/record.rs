//! One line of a log file.

use std::borrow::Cow;

use serde::Deserialize;

/// A log record; fields that are not listed are ignored. Text is borrowed from the line wherever it
/// has no escapes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Record<'a> {
    /// When, RFC 3339.
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// How bad: `INFO`, `ERROR` …
    #[serde(borrow)]
    pub level: Cow<'a, str>,
    /// Who.
    #[serde(borrow)]
    pub service: Cow<'a, str>,
    /// What.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// Id of the request.
    #[serde(borrow, default)]
    pub request_id: Option<Cow<'a, str>>,
    /// Id of the user.
    #[serde(borrow, default)]
    pub user_id: Option<Cow<'a, str>>,
    /// HTTP status.
    #[serde(default)]
    pub status: Option<u16>,
    /// How long it took, milliseconds.
    #[serde(default)]
    pub duration_ms: Option<f64>,
    /// Address of the client.
    #[serde(borrow, default)]
    pub source_ip: Option<Cow<'a, str>>,
}

impl Record<'_> {
    /// Does it count as an error: level ERROR or worse?
    pub fn is_error(&self) -> bool {
        ["ERROR", "FATAL", "CRITICAL"]
            .iter()
            .any(|level| self.level.eq_ignore_ascii_case(level))
    }

    /// Was access denied: status 401 or 403?
    pub fn is_denied(&self) -> bool {
        matches!(self.status, Some(401 | 403))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_fields_are_required_and_unknown_ones_ignored() {
        let full = r#"{"timestamp":"t","level":"error","service":"s","message":"a\nb","status":403,"duration_ms":1.5,"x":[1]}"#;
        let record: Record = serde_json::from_str(full).expect("a record");
        assert!(record.is_error() && record.is_denied());
        assert!(matches!(record.service, Cow::Borrowed("s")));
        assert_eq!(record.message, "a\nb");
        for field in ["timestamp", "level", "service", "message"] {
            let mut value: serde_json::Value = serde_json::from_str(full).expect("JSON");
            value.as_object_mut().expect("an object").remove(field);
            let text = value.to_string();
            assert!(
                serde_json::from_str::<Record>(&text).is_err(),
                "without {field}"
            );
        }
    }
}
