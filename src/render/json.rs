//! The JSON contract: one versioned envelope on stdout, or one object per line of data that has no end; one
//! object per event on stderr.

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
    let mut value = described(diagnostic);
    value["exit"] = failure.exit.code().into();
    value
}

fn described(diagnostic: &dyn miette::Diagnostic) -> Value {
    let related: Vec<Value> = diagnostic
        .related()
        .into_iter()
        .flatten()
        .map(described)
        .collect();
    json!({
        "code": diagnostic.code().map(|code| code.to_string()),
        "message": diagnostic.to_string(),
        "help": diagnostic.help().map(|help| help.to_string()),
        "related": related,
    })
}

/// One event on one line.
pub fn line(line: &Line) -> String {
    serde_json::to_string(line).unwrap_or_else(|error| {
        json!({ "event": "render_failed", "message": error.to_string() }).to_string()
    })
}
