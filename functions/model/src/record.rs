//! One line of a log file.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A log record; fields that are not listed are ignored. Text is borrowed from the line wherever it
/// has no escapes.
///
/// The four required fields make a line a record: text, and `level` and `service` not blank. An
/// optional field of another type than the one named here reads as absent; it never costs the line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Record<'a> {
    /// When, RFC 3339.
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// How bad: `INFO`, `ERROR` …
    #[serde(borrow, deserialize_with = "filled")]
    pub level: Cow<'a, str>,
    /// Who.
    #[serde(borrow, deserialize_with = "filled")]
    pub service: Cow<'a, str>,
    /// What.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// Id of the request.
    #[serde(borrow, default, deserialize_with = "text")]
    pub request_id: Option<Cow<'a, str>>,
    /// Id of the user.
    #[serde(borrow, default, deserialize_with = "text")]
    pub user_id: Option<Cow<'a, str>>,
    /// HTTP status; `200.0` is 200.
    #[serde(default, deserialize_with = "whole")]
    pub status: Option<u16>,
    /// How long it took, milliseconds.
    #[serde(default, deserialize_with = "number")]
    pub duration_ms: Option<f64>,
    /// Address of the client.
    #[serde(borrow, default, deserialize_with = "text")]
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

/// What a JSON value is, as far as records care.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Other,
}

/// Takes any JSON value. Arrays and objects are skipped, which serde_json does without recursion.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// Text that is not blank: a level or a service without a name cannot be counted.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    match deserializer.deserialize_any(AnyValue)? {
        Scalar::Text(text) if !text.trim().is_empty() => Ok(text),
        Scalar::Text(_) => Err(D::Error::custom("the text is blank")),
        Scalar::Number(_) | Scalar::Other => Err(D::Error::custom("not a text")),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(match deserializer.deserialize_any(AnyValue)? {
        Scalar::Text(text) => Some(text),
        Scalar::Number(_) | Scalar::Other => None,
    })
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match deserializer.deserialize_any(AnyValue)? {
        Scalar::Number(number) => Some(number),
        Scalar::Text(_) | Scalar::Other => None,
    })
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    Ok(number(deserializer)?
        .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(number))
        .map(|number| number as u16))
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
            assert!(
                serde_json::from_str::<Record>(&value.to_string()).is_err(),
                "without {field}"
            );
            for wrong in [serde_json::json!(42), serde_json::json!(null)] {
                value[field] = wrong;
                assert!(
                    serde_json::from_str::<Record>(&value.to_string()).is_err(),
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn a_blank_level_or_service_is_no_record_and_a_blank_message_is() {
        let line = |level: &str, service: &str| {
            format!(r#"{{"timestamp":"t","level":"{level}","service":"{service}","message":""}}"#)
        };
        assert!(serde_json::from_str::<Record>(&line("INFO", "s")).is_ok());
        for (level, service) in [("", "s"), ("INFO", ""), (" ", "s"), ("INFO", "\\t")] {
            let line = line(level, service);
            assert!(serde_json::from_str::<Record>(&line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_optional_field_of_another_type_is_absent() {
        let with = |extra: &str| {
            format!(r#"{{"timestamp":"t","level":"l","service":"s","message":"m",{extra}}}"#)
        };
        for value in ["42", "4.5", "true", "null", "[1,[2]]", r#"{"a":{"b":1}}"#] {
            for field in ["request_id", "user_id", "source_ip"] {
                let line = with(&format!(r#""{field}":{value}"#));
                let record: Record = serde_json::from_str(&line).expect("a record");
                let found = [&record.request_id, &record.user_id, &record.source_ip];
                assert!(found.iter().all(|found| found.is_none()), "{line}");
            }
        }
        for (value, status, duration) in [
            ("200", Some(200), Some(200.0)),
            ("200.0", Some(200), Some(200.0)),
            ("200.5", None, Some(200.5)),
            ("-1", None, Some(-1.0)),
            ("70000", None, Some(70_000.0)),
            (r#""200""#, None, None),
            ("null", None, None),
            ("[]", None, None),
            ("{}", None, None),
        ] {
            let line = with(&format!(r#""status":{value},"duration_ms":{value}"#));
            let record: Record = serde_json::from_str(&line).expect("a record");
            assert_eq!(
                (record.status, record.duration_ms),
                (status, duration),
                "{line}"
            );
        }
    }

    #[test]
    fn text_is_borrowed_where_it_has_no_escapes() {
        let line = r#"{"timestamp":"t","level":"l","service":"s","message":"m","user_id":"u","request_id":"a\"b"}"#;
        let record: Record = serde_json::from_str(line).expect("a record");
        assert!(matches!(record.level, Cow::Borrowed("l")));
        assert!(matches!(record.user_id, Some(Cow::Borrowed("u"))));
        assert!(matches!(&record.request_id, Some(Cow::Owned(text)) if text == "a\"b"));
    }
}
