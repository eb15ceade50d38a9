//! The JSON contract: one versioned envelope on stdout, or one object per line of data that has no end; one
//! object per event on stderr.

use miette::{LabeledSpan, SourceCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::event::Line;
use crate::failure::Failure;

/// Version of the envelope. Additions leave it; anything else raises it.
const VERSION: u32 = 1;

/// One envelope; `data` and `error` are always there.
pub fn envelope<T: Serialize + ?Sized>(
    command: &str,
    data: Option<&T>,
    failure: Option<&Failure>,
) -> Value {
    let data = data.map_or(Ok(Value::Null), serde_json::to_value);
    let (data, lost) = match data {
        Ok(data) => (data, None),
        Err(error) => (Value::Null, Some(error.to_string())),
    };
    let error = failure.map(error).or_else(|| {
        lost.map(|message| json!({ "code": "render::json", "message": message, "help": null, "exit": 1 }))
    });
    json!({
        "version": VERSION,
        "command": command,
        "status": if error.is_some() { "failed" } else { "ok" },
        "data": data,
        "error": error,
    })
}

/// One piece of data on one line.
pub fn piece<T: Serialize>(data: &T) -> String {
    serde_json::to_string(data)
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}

fn error(failure: &Failure) -> Value {
    let diagnostic: &dyn miette::Diagnostic = failure.report.as_ref();
    let mut value = described(diagnostic, None);
    value["exit"] = failure.exit.code().into();
    value
}

/// A diagnostic and those that belong to it. A place is in its own text, or in `text`.
fn described(diagnostic: &dyn miette::Diagnostic, text: Option<&dyn SourceCode>) -> Value {
    let text = diagnostic.source_code().or(text);
    let related: Vec<Value> = diagnostic
        .related()
        .into_iter()
        .flatten()
        .map(|related| described(related, text))
        .collect();
    let mut value = json!({
        "code": diagnostic.code().map(|code| code.to_string()),
        "message": diagnostic.to_string(),
        "help": diagnostic.help().map(|help| help.to_string()),
        "related": related,
    });
    // The first is where the error is; others are what it contradicts.
    let labels = diagnostic.labels().into_iter().flatten();
    let places: Vec<Value> = labels.filter_map(|label| place(&label, text?)).collect();
    if !places.is_empty() {
        value["places"] = places.into();
    }
    value
}

/// File, line and column, both from 1, and what is to be seen there.
fn place(label: &LabeledSpan, text: &dyn SourceCode) -> Option<Value> {
    let found = text.read_span(label.inner(), 0, 0).ok()?;
    Some(json!({
        "file": found.name(),
        "line": found.line() + 1,
        "column": found.column() + 1,
        "label": label.label(),
    }))
}

/// One event on one line.
pub fn line(line: &Line) -> String {
    serde_json::to_string(line).unwrap_or_else(|error| {
        json!({ "event": "render_failed", "message": error.to_string() }).to_string()
    })
}
