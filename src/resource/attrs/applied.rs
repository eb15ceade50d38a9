//! What pipectl last made of a resource, as a tag on the resource itself: one short fingerprint per
//! field. It tells a change in the stack from one that was made outside pipectl without a state file
//! (docs/adr/0007-what-was-applied-is-a-tag.md). A hint for people: what is done never depends on it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Attrs;

/// Tag that holds the fingerprints.
pub const TAG_APPLIED: &str = "pipectl:applied";

/// Characters of a field's name, 18 bits.
const NAME: usize = 3;
/// Characters of a field's value, 12 bits.
const VALUE: usize = 2;
/// Longest value of a tag at every service, characters (SQS, Lambda, S3, DynamoDB, Logs: 256).
const LONGEST: usize = 256;
/// In the place of fingerprints when there are more than a tag holds.
const TOO_MANY: &str = "-";

/// Where a difference between wanted and live came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The stack wants something else than what was applied.
    Stack,
    /// The target has something else than what was applied.
    Outside,
    /// Both.
    Both,
    /// What was applied is not recorded.
    Unknown,
}

/// Fingerprints by fingerprint of the field's name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied(BTreeMap<String, String>);

impl Applied {
    /// Reads a tag; none when it holds no fingerprints.
    pub fn read(text: &str) -> Option<Self> {
        if !text.is_ascii() || !text.len().is_multiple_of(NAME + VALUE) {
            return None;
        }
        let fields = (0..text.len()).step_by(NAME + VALUE).map(|at| {
            let (name, value) = text[at..at + NAME + VALUE].split_at(NAME);
            (name.to_owned(), value.to_owned())
        });
        Some(Self(fields.collect()))
    }

    /// Was this field applied?
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(&name_print(field))
    }

    /// The tag's value for what is applied now.
    pub fn text(attrs: &Attrs) -> String {
        let fields: BTreeMap<String, String> = attrs
            .iter()
            .map(|(field, value)| (name_print(field), value_print(field, value)))
            .collect();
        let text: String = fields.into_iter().flat_map(|(n, v)| [n, v]).collect();
        if text.len() > LONGEST {
            TOO_MANY.to_owned()
        } else {
            text
        }
    }

    /// Where it came from that `live` is not `wanted`.
    pub fn origin(&self, field: &str, live: Option<&Value>, wanted: Option<&Value>) -> Origin {
        let applied = self.0.get(&name_print(field));
        let is = |value: Option<&Value>| value.map(|v| value_print(field, v)).as_ref() == applied;
        match (is(live), is(wanted)) {
            (true, _) => Origin::Stack,
            (false, true) => Origin::Outside,
            (false, false) => Origin::Both,
        }
    }
}

fn name_print(field: &str) -> String {
    print(field.as_bytes(), NAME)
}

/// Values of environment variables may be secrets: of those, 6 bits say that they changed and nothing
/// that could be searched for.
fn value_print(field: &str, value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    let mut print = print(format!("{field}={text}").as_bytes(), VALUE);
    if field.starts_with("environment.") {
        print.replace_range(1.., ".");
    }
    print
}

fn print(bytes: &[u8], characters: usize) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
    text.truncate(characters);
    text
}

/// A short fingerprint of a whole value, 48 bits: for identities that carry one.
pub fn fingerprint(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    print(text.as_bytes(), 8)
}

/// JSON with sorted keys: equal values have equal texts.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in sorted {
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attrs(fields: &[(&str, Value)]) -> Attrs {
        fields
            .iter()
            .map(|(field, value)| ((*field).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn a_difference_is_told_by_what_was_applied() {
        let applied = attrs(&[("timeout", json!(30)), ("gone", json!(true))]);
        let applied = Applied::read(&Applied::text(&applied)).expect("fingerprints");
        let cases = [
            (Some(json!(30)), Some(json!(60)), Origin::Stack),
            (Some(json!(10)), Some(json!(30)), Origin::Outside),
            (Some(json!(10)), Some(json!(60)), Origin::Both),
            (None, Some(json!(30)), Origin::Outside),
            (Some(json!(30)), None, Origin::Stack),
        ];
        for (live, wanted, origin) in cases {
            let found = applied.origin("timeout", live.as_ref(), wanted.as_ref());
            assert_eq!(found, origin, "{live:?} {wanted:?}");
        }
        let added = applied.origin("new", None, Some(&json!(1)));
        assert_eq!(added, Origin::Stack, "it was not applied and is not there");
        let added = applied.origin("new", Some(&json!(1)), None);
        assert_eq!(added, Origin::Outside, "it came by itself");
    }

    #[test]
    fn equal_values_have_equal_fingerprints_whatever_their_order() {
        let one = json!({"a": [1, {"x": 1, "y": 2}], "b": null});
        let other: Value =
            serde_json::from_str(r#"{"b": null, "a": [1, {"y": 2, "x": 1}]}"#).expect("JSON");
        assert_eq!(fingerprint(&one), fingerprint(&other));
        assert_ne!(
            fingerprint(&one),
            fingerprint(&json!({"a": [1], "b": null}))
        );
    }

    #[test]
    fn a_tag_is_never_too_long_nor_tells_a_secret() {
        let many: Attrs = (0..60)
            .map(|number| (format!("field{number}"), json!(number)))
            .collect();
        assert_eq!(Applied::text(&many), TOO_MANY);
        assert_eq!(Applied::read(TOO_MANY), None);
        let full: Attrs = many.into_iter().take(LONGEST / (NAME + VALUE)).collect();
        let text = Applied::text(&full);
        assert!(text.len() <= LONGEST && Applied::read(&text).is_some());
        let legal = |c: char| c.is_ascii_alphanumeric() || "+-=._:/@ ".contains(c);
        assert!(text.chars().all(legal), "{text}");

        // 64 values at the most for a variable: a tag cannot be searched for which one it is.
        let prints: std::collections::BTreeSet<String> = (0..10_000)
            .map(|number| value_print("environment.PIN", &json!(format!("{number:04}"))))
            .collect();
        assert!(prints.len() <= 64, "{}", prints.len());
    }
}
