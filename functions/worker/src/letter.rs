//! What goes to the dead letter queue: the message as it came, and beside it why.

use std::fmt::Write;

use model::Reason;

/// Longest key and texts in attributes, characters.
const LONGEST_KEY: usize = 1_024;
const LONGEST_TEXT: usize = 256;

/// A message that can never be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter<'a> {
    /// The message's body, unchanged, so that it can be redriven.
    pub body: &'a str,
    /// Why.
    pub reason: &'a Reason,
    /// Job id; `None` where the message is no job.
    pub job_id: Option<&'a str>,
    /// Key, decoded; `None` where the message is no job.
    pub key: Option<&'a str>,
    /// When it failed: RFC 3339, UTC.
    pub failed_at: String,
    /// How often the message had been received then; `None` where SQS did not tell.
    pub receive_count: Option<i64>,
}

/// A message attribute: its name, the type that SQS gives it, and its value.
pub type Attribute = (&'static str, &'static str, String);

impl Letter<'_> {
    /// The message attributes: six at most of the ten that SQS takes.
    pub fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![
            ("reason", "String", text(&self.reason.code)),
            ("reason_text", "String", text(&self.reason.text)),
            ("job_id", "String", text(self.job_id.unwrap_or("unknown"))),
            ("key", "String", key(self.key.unwrap_or("unknown"))),
            ("failed_at", "String", text(&self.failed_at)),
        ];
        let count = self.receive_count.map(|count| count.to_string());
        attributes.extend(count.map(|count| ("receive_count", "Number", count)));
        attributes
    }
}

/// What SQS refuses in a String, and what would garble a terminal.
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// What SQS takes as a String attribute: not empty, no control characters; short.
fn text(value: &str) -> String {
    let legal: String = value
        .chars()
        .map(|c| if unprintable(c) { ' ' } else { c })
        .take(LONGEST_TEXT)
        .collect();
    if legal.trim().is_empty() {
        "-".to_owned()
    } else {
        legal
    }
}

/// A key with what cannot be printed percent-encoded. For people: programs have the body.
fn key(value: &str) -> String {
    let mut legal = String::new();
    for c in value.chars().take(LONGEST_KEY) {
        if unprintable(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string does not fail.
                let _ = write!(legal, "%{byte:02X}");
            }
        } else {
            legal.push(c);
        }
    }
    legal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_legal_whatever_the_texts_say() {
        assert_eq!(text("a\u{0}b\u{ffff}"), "a b ");
        assert_eq!(text(""), "-");
        assert_eq!(text("\n"), "-");
        assert_eq!(text(&"ü".repeat(300)).chars().count(), 256);
        assert_eq!(
            key("logs/ü\u{0}\u{ffff}%\n.log"),
            "logs/ü%00%EF%BF%BF%%0A.log"
        );
        assert_eq!(key(&"k".repeat(2_000)).len(), 1_024);
    }

    #[test]
    fn a_letter_tells_job_key_reason_time_and_tries() {
        let reason = Reason::new("no_record", "none");
        let letter = Letter {
            body: "b",
            reason: &reason,
            job_id: Some("j"),
            key: Some("k"),
            failed_at: "2026-01-01T00:00:00.000Z".to_owned(),
            receive_count: Some(2),
        };
        let expected = [
            ("reason", "String", "no_record"),
            ("reason_text", "String", "none"),
            ("job_id", "String", "j"),
            ("key", "String", "k"),
            ("failed_at", "String", "2026-01-01T00:00:00.000Z"),
            ("receive_count", "Number", "2"),
        ];
        assert_eq!(
            letter.attributes(),
            expected.map(|(name, kind, value)| (name, kind, value.to_owned()))
        );
        let nobody = Letter {
            job_id: None,
            key: None,
            receive_count: None,
            ..letter
        };
        let attributes = nobody.attributes();
        assert_eq!(attributes[3].2, "unknown");
        assert_eq!(attributes.len(), 5, "a count that nobody told is none");
    }
}
