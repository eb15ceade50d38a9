//! What one line of a function's log says: the platform's lines in both of Lambda's formats, lines of JSON as
//! our functions write them, and everything else. // aws-behaviours L19

use serde::Serialize;
use serde_json::{Map, Value};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// An invocation begins.
    Start,
    /// It ended.
    End,
    /// What it took.
    Report,
    /// An environment begins.
    Init,
    /// A JSON object.
    Json,
    /// Anything else.
    Text,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// Level of a JSON line, in capitals.
    pub level: Option<String>,
    /// Message of a JSON line, else the text.
    pub message: String,
    /// Further fields of a JSON line, or what a report tells.
    pub fields: Map<String, Value>,
    /// The invocation that it belongs to, where it says so.
    pub request_id: Option<String>,
}

/// The figures of a report: as text, as JSON, and as we name them.
const FIGURES: &[(&str, &str, &str)] = &[
    ("Duration", "durationMs", "duration_ms"),
    ("Billed Duration", "billedDurationMs", "billed_ms"),
    ("Memory Size", "memorySizeMB", "memory_mb"),
    ("Max Memory Used", "maxMemoryUsedMB", "max_memory_mb"),
    ("Init Duration", "initDurationMs", "init_ms"),
];

/// What text says only when something went wrong: the platform's words, and those of a Rust program that ends.
const WORDS_OF_FAILURE: &[&str] = &[
    "Task timed out",
    "Runtime exited",
    "errorType",
    "panicked at",
    "fatal runtime error",
    "memory allocation of",
];

impl Line {
    /// Reads a line.
    pub fn read(raw: &str) -> Self {
        if raw.starts_with('{')
            && let Ok(object) = serde_json::from_str::<Map<String, Value>>(raw)
        {
            return platform_object(&object, raw).unwrap_or_else(|| json(object));
        }
        platform_text(raw).unwrap_or_else(|| Self {
            request_id: request_of(raw).map(str::to_owned),
            ..Self::of(LineKind::Text, raw)
        })
    }

    fn of(kind: LineKind, message: &str) -> Self {
        Self {
            kind,
            level: None,
            message: message.to_owned(),
            fields: Map::new(),
            request_id: None,
        }
    }

    /// Does it tell of a failure by itself?
    pub fn tells_failure(&self) -> bool {
        match self.kind {
            LineKind::Json => {
                let level = self.level.as_deref();
                matches!(
                    level,
                    Some("ERROR" | "WARN" | "WARNING" | "FATAL" | "CRITICAL")
                ) || self.fields.contains_key("errorType")
            }
            LineKind::Report | LineKind::Init => self
                .fields
                .get("status")
                .is_some_and(|status| status != "success"),
            LineKind::Text => {
                let text = &self.message;
                (text.starts_with("RequestId: ") && text.contains(" Error"))
                    || WORDS_OF_FAILURE.iter().any(|words| text.contains(words))
            }
            LineKind::Start | LineKind::End => false,
        }
    }

    /// Does a panic begin here? Its message and its backtrace follow as lines of their own.
    pub fn begins_panic(&self) -> bool {
        self.kind == LineKind::Text && self.message.contains("panicked at")
    }

    /// A figure of a report.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.fields.get(name).and_then(Value::as_f64)
    }
}

/// The platform's lines in the format `Text`.
fn platform_text(raw: &str) -> Option<Line> {
    if raw.starts_with("INIT_START ") || raw.starts_with("INIT_REPORT ") {
        let mut line = Line::of(LineKind::Init, raw);
        read_report(raw, &mut line.fields);
        return Some(line);
    }
    let (word, rest) = raw.split_once(" RequestId: ")?;
    let kind = match word {
        "START" => LineKind::Start,
        "END" => LineKind::End,
        "REPORT" => LineKind::Report,
        _ => return None,
    };
    let mut line = Line::of(kind, raw);
    line.request_id = rest.split_whitespace().next().map(str::to_owned);
    if kind == LineKind::Report {
        read_report(rest, &mut line.fields);
    }
    Some(line)
}

/// `Duration: 1.23 ms<TAB>Memory Size: 256 MB<TAB>Status: timeout`
fn read_report(text: &str, fields: &mut Map<String, Value>) {
    for (name, value) in text.split('\t').filter_map(|part| part.split_once(": ")) {
        // The first part of `INIT_REPORT` stands behind that word.
        let name = name.trim_start_matches("INIT_REPORT ");
        if let Some((_, _, ours)) = FIGURES.iter().find(|(text, _, _)| *text == name) {
            let number = value.split_whitespace().next().unwrap_or_default();
            if let Some(number) = read_number(number) {
                fields.insert((*ours).to_owned(), number);
            }
        } else if name == "Status" || name == "Error Type" {
            let ours = name.to_lowercase().replace(' ', "_");
            fields.insert(ours, value.trim().into());
        }
    }
}

fn read_number(text: &str) -> Option<Value> {
    text.parse::<u64>()
        .map(Value::from)
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .ok()
}

/// The platform's lines in the format `JSON`.
fn platform_object(object: &Map<String, Value>, raw: &str) -> Option<Line> {
    let kind = match object.get("type")?.as_str()?.strip_prefix("platform.")? {
        "start" => LineKind::Start,
        "runtimeDone" | "end" => LineKind::End,
        "report" => LineKind::Report,
        "initStart" | "initRuntimeDone" | "initReport" => LineKind::Init,
        _ => return None,
    };
    let record = object.get("record")?.as_object()?;
    let mut line = Line::of(kind, raw);
    line.request_id = record
        .get("requestId")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let metrics = record.get("metrics").and_then(Value::as_object);
    for (_, theirs, ours) in FIGURES {
        if let Some(figure) = metrics.and_then(|metrics| metrics.get(*theirs)) {
            line.fields.insert((*ours).to_owned(), figure.clone());
        }
    }
    for (theirs, ours) in [("status", "status"), ("errorType", "error_type")] {
        if let Some(text) = record.get(theirs) {
            line.fields.insert(ours.to_owned(), text.clone());
        }
    }
    Some(line)
}

/// A line that the function wrote as JSON.
fn json(object: Map<String, Value>) -> Line {
    let mut line = Line::of(LineKind::Json, "");
    take_fields(object, &mut line);
    line
}

fn take_fields(object: Map<String, Value>, line: &mut Line) {
    for (name, value) in object {
        match (name.as_str(), value) {
            ("level", Value::String(level)) => line.level = Some(level.to_uppercase()),
            ("message", Value::String(message)) => line.message = message,
            // The event has a time.
            ("timestamp", _) => {}
            // Written by the runtime's span around each invocation.
            ("span", Value::Object(span)) => take_request(&span, line),
            ("spans", Value::Array(spans)) => {
                for span in spans.iter().filter_map(Value::as_object) {
                    take_request(span, line);
                }
            }
            ("requestId" | "AWSRequestId", Value::String(id)) => line.request_id = Some(id),
            // Where a subscriber does not flatten them.
            ("fields", Value::Object(nested)) => take_fields(nested, line),
            (_, value) => {
                line.fields.insert(name, value);
            }
        }
    }
}

fn take_request(span: &Map<String, Value>, line: &mut Line) {
    if let Some(id) = span.get("requestId").and_then(Value::as_str) {
        line.request_id = Some(id.to_owned());
    }
}

/// The invocation that text of the platform names: `RequestId: ID Error: …`, and
/// `2026-01-01T00:00:00.000Z ID Task timed out …`.
fn request_of(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix("RequestId: ") {
        return rest.split_whitespace().next();
    }
    let (before, _) = text.split_once(" Task timed out")?;
    before.rsplit(' ').next().filter(|id| id.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn our_functions_lines_are_level_message_fields_and_request() {
        let raw = r#"{"timestamp":"2026-11-25T10:00:00.123456Z","level":"info","message":"sent","job_id":"ab","size":12,"span":{"requestId":"r1","name":"Lambda runtime invoke"}}"#;
        let line = Line::read(raw);
        assert_eq!(line.kind, LineKind::Json);
        assert_eq!(line.level.as_deref(), Some("INFO"));
        assert_eq!(line.message, "sent");
        assert_eq!(
            Value::Object(line.fields.clone()),
            json!({ "job_id": "ab", "size": 12 })
        );
        assert_eq!(line.request_id.as_deref(), Some("r1"));
        assert!(!line.tells_failure());

        let nested = r#"{"level":"ERROR","fields":{"message":"m","a":1},"spans":[{"name":"x"},{"requestId":"r2"}]}"#;
        let line = Line::read(nested);
        assert_eq!((line.message.as_str(), &line.fields["a"]), ("m", &1.into()));
        assert_eq!(line.request_id.as_deref(), Some("r2"));
        assert!(line.tells_failure());
    }

    /// aws-behaviours L19
    #[test]
    fn the_platforms_lines_are_known_in_both_formats() {
        let report = "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 22 ms\tMemory Size: 256 MB\tMax Memory Used: 12 MB\tInit Duration: 20.00 ms";
        let expected = json!({ "duration_ms": 1.23, "billed_ms": 22, "memory_mb": 256, "max_memory_mb": 12, "init_ms": 20.0 });
        let line = Line::read(report);
        assert_eq!(Value::Object(line.fields.clone()), expected);
        assert_eq!(line.figure("max_memory_mb"), Some(12.0));
        let object = json!({ "time": "t", "type": "platform.report", "record": { "requestId": "r", "status": "success",
            "metrics": { "durationMs": 1.23, "billedDurationMs": 22, "memorySizeMB": 256, "maxMemoryUsedMB": 12, "initDurationMs": 20.0 } } });
        let mut expected = expected;
        expected["status"] = "success".into();
        let line = Line::read(&object.to_string());
        assert_eq!(Value::Object(line.fields.clone()), expected);
        assert!(!line.tells_failure());

        for (raw, kind, request) in [
            (
                "START RequestId: r Version: $LATEST",
                LineKind::Start,
                Some("r"),
            ),
            ("END RequestId: r", LineKind::End, Some("r")),
            (report, LineKind::Report, Some("r")),
            (
                "INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: a",
                LineKind::Init,
                None,
            ),
            (
                r#"{"type":"platform.start","record":{"requestId":"r","version":"$LATEST"}}"#,
                LineKind::Start,
                Some("r"),
            ),
            (
                r#"{"type":"platform.runtimeDone","record":{"requestId":"r","status":"success"}}"#,
                LineKind::End,
                Some("r"),
            ),
            (
                "RequestId: r Error: Runtime exited",
                LineKind::Text,
                Some("r"),
            ),
            (
                "2026-01-01T00:00:00.000Z 1-2 Task timed out after 3.00 seconds",
                LineKind::Text,
                Some("1-2"),
            ),
            ("a RequestId: r", LineKind::Text, None),
            ("[1]", LineKind::Text, None),
            ("{not json", LineKind::Text, None),
            ("", LineKind::Text, None),
            (r#"{"type":"mine"}"#, LineKind::Json, None),
        ] {
            let line = Line::read(raw);
            assert_eq!(
                (line.kind, line.request_id.as_deref()),
                (kind, request),
                "{raw}"
            );
        }
    }

    #[test]
    fn what_tells_of_a_failure() {
        for (raw, tells) in [
            (r#"{"level":"ERROR","message":"m"}"#, true),
            (r#"{"level":"warn","message":"m"}"#, true),
            (
                r#"{"level":"INFO","message":"an ERROR in the text"}"#,
                false,
            ),
            (r#"{"errorType":"Mine","errorMessage":"m"}"#, true),
            (
                "RequestId: r Error: Runtime exited with error: exit status 101",
                true,
            ),
            (
                "RequestId: r Error: Task timed out after 3.00 seconds",
                true,
            ),
            (
                "2026-01-01T00:00:00.000Z 1-2 Task timed out after 3.00 seconds",
                true,
            ),
            ("Error: Runtime exited with error: signal: killed", true),
            ("thread 'main' panicked at src/main.rs:1:2:", true),
            ("fatal runtime error: stack overflow", true),
            ("no error here", false),
            ("START RequestId: r Version: $LATEST", false),
            ("REPORT RequestId: r\tDuration: 1.23 ms", false),
            (
                "REPORT RequestId: r\tDuration: 3000.00 ms\tStatus: timeout",
                true,
            ),
            (
                "REPORT RequestId: r\tDuration: 3.00 ms\tStatus: error\tError Type: Runtime.ExitError",
                true,
            ),
            (
                "INIT_REPORT Init Duration: 10008.30 ms\tPhase: init\tStatus: timeout",
                true,
            ),
        ] {
            assert_eq!(Line::read(raw).tells_failure(), tells, "{raw}");
        }
    }
}
