//! Lines of functions' logs for people: one line of output each, whatever is in it.

use std::borrow::Cow;
use std::time::Duration;

use console::StyledObject;
use model::JobResult;
use serde_json::Value;

use super::human::status_word;
use super::style::{bad, dim, duration, hint, plural, warn};
use crate::operate::logs::{JobStory, Line, LineKind, LogEvent, timestamp};

/// How many digits of a job id are shown.
const SHORT_ID: usize = 12;
/// As wide as the longest level.
const LEVEL: usize = 5;

/// One event, for functions whose names are at most `width` wide; none for what only `verbose` shows.
pub fn log_line(event: &LogEvent, width: usize, verbose: bool) -> Option<String> {
    let line = &event.line;
    let (level, mut text) = match line.kind {
        LineKind::Start | LineKind::End | LineKind::Init if !verbose && !line.tells_failure() => {
            return None;
        }
        LineKind::Start | LineKind::End | LineKind::Init => {
            (String::new(), dim(clean(&line.message)).to_string())
        }
        LineKind::Report => (String::new(), report(line)),
        LineKind::Json => (level(line), json(line, verbose)),
        LineKind::Text if line.tells_failure() => {
            (String::new(), bad(clean(&line.message)).to_string())
        }
        LineKind::Text => (String::new(), clean(&line.message).into_owned()),
    };
    if let Some(request) = line.request_id.as_ref().filter(|_| verbose)
        && matches!(line.kind, LineKind::Json | LineKind::Report)
    {
        text = format!("{text} {}", dim(format!("request={}", clean(request))));
    }
    let pad = " ".repeat(LEVEL.saturating_sub(console::measure_text_width(&level)));
    let whole = format!(
        "{} {:width$} {level}{pad} {text}",
        dim(timestamp(event.at)),
        event.function,
    );
    Some(whole.trim_end().to_owned())
}

fn level(line: &Line) -> String {
    let Some(level) = &line.level else {
        return String::new();
    };
    let level = clean(level);
    let styled: StyledObject<Cow<'_, str>> = match level.as_ref() {
        "ERROR" | "FATAL" | "CRITICAL" => bad(level),
        "WARN" | "WARNING" => warn(level),
        "DEBUG" | "TRACE" => dim(level),
        _ => return level.into_owned(),
    };
    styled.to_string()
}

/// `message name=value name=value`
fn json(line: &Line, verbose: bool) -> String {
    let mut text = clean(&line.message).into_owned();
    for (name, value) in &line.fields {
        if !text.is_empty() {
            text.push(' ');
        }
        let shown = value_text(value, verbose);
        text.push_str(&format!("{}{shown}", dim(format!("{}=", clean(name)))));
    }
    text
}

/// Plain where it is one word, else as JSON. Job ids are long: they are cut, unless all is to be seen.
fn value_text(value: &Value, verbose: bool) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && !verbose {
        return format!("{}…", &text[..SHORT_ID]);
    }
    let is_word = !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '"' || c == '=');
    if is_word {
        text.clone()
    } else {
        value.to_string()
    }
}

/// `took 1.23 ms, used 12 of 256 MB, init 20.0 ms`
fn report(line: &Line) -> String {
    let time = |name: &str| {
        let ms = line.figure(name)?;
        let time = Duration::try_from_secs_f64(ms / 1_000.0).ok()?;
        Some(duration(time))
    };
    let mut parts = Vec::new();
    if let Some(took) = time("duration_ms") {
        parts.push(format!("took {took}"));
    }
    if let (Some(used), Some(all)) = (line.figure("max_memory_mb"), line.figure("memory_mb")) {
        parts.push(format!("used {used} of {all} MB"));
    }
    if let Some(init) = time("init_ms") {
        parts.push(format!("init {init}"));
    }
    if parts.is_empty() {
        parts.push(clean(&line.message).into_owned());
    }
    let text = dim(parts.join(", "));
    let word = |name: &str| line.fields.get(name).and_then(Value::as_str);
    match word("status").filter(|status| *status != "success") {
        None => text.to_string(),
        Some(status) => {
            let kind = word("error_type").map_or_else(String::new, |kind| format!(" ({kind})"));
            format!("{text} {}", bad(clean(&format!("{status}{kind}"))))
        }
    }
}

/// The text without what would move the cursor or colour the screen: logs come from anywhere.
fn clean(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\t';
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if harmless(c) {
            cleaned.push(c);
        } else {
            cleaned.extend(c.escape_default());
        }
    }
    Cow::Owned(cleaned)
}

/// What is known of a job, in one line.
pub fn job_story(job: &JobStory, lines: usize) -> String {
    let mut parts = Vec::new();
    let mut functions: Vec<&str> = Vec::new();
    for run in &job.runs {
        if !functions.contains(&run.function.as_str()) {
            functions.push(&run.function);
        }
    }
    for function in functions {
        let of_function = job.runs.iter().filter(|run| run.function == function);
        let times: Vec<&str> = of_function.map(|run| run.at.as_str()).collect();
        match times[..] {
            [] => {}
            [once] => parts.push(format!("{function} ran at {once}")),
            [.., last] => parts.push(format!(
                "{function} ran {} times, last at {last}",
                times.len()
            )),
        }
    }
    if lines == 0 {
        parts.push("no line in that time names it (look further back with --since)".to_owned());
    }
    parts.push(
        job.result
            .as_ref()
            .map_or_else(|| warn("no result yet").to_string(), result),
    );
    let short: String = job.job_id.chars().take(SHORT_ID).collect();
    format!("job {}: {}", hint(format!("{short}…")), parts.join(", "))
}

/// `done at …, 1000 lines`, `failed at …: no_record`
fn result(result: &JobResult) -> String {
    let word = status_word(result.status);
    let at = &result.processed_at;
    match &result.reason {
        Some(reason) => format!("{word} at {at}: {} ({})", reason.text, reason.code),
        None => format!("{word} at {at}, {}", plural(result.lines as usize, "line")),
    }
}

/// Said instead of lines.
pub fn no_lines(only_failures: bool) -> &'static str {
    if only_failures {
        "no line in that time tells of a failure; --since looks further back"
    } else {
        "no lines in that time: send a file with `pipectl send FILE`, or look further back with --since"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str, verbose: bool) -> Option<String> {
        let event = LogEvent::new(1_764_064_800_123, "worker", "s", raw);
        let line = log_line(&event, 7, verbose)?;
        let line = console::strip_ansi_codes(&line).into_owned();
        let rest = line.strip_prefix("2025-11-25T10:00:00.123Z worker  ");
        Some(rest.expect("time and function").to_owned())
    }

    #[test]
    fn json_lines_are_level_message_and_fields() {
        let id = "0f".repeat(32);
        let raw = format!(
            r#"{{"level":"INFO","message":"sent","job_id":"{id}","key":"logs/a b.log","size":12,"ok":true,"e":"","span":{{"requestId":"r"}}}}"#
        );
        assert_eq!(
            shown(&raw, false).as_deref(),
            Some("INFO  sent job_id=0f0f0f0f0f0f… key=\"logs/a b.log\" size=12 ok=true e=\"\"")
        );
        let whole =
            format!("INFO  sent job_id={id} key=\"logs/a b.log\" size=12 ok=true e=\"\" request=r");
        assert_eq!(shown(&raw, true), Some(whole));
        assert_eq!(shown(r#"{"a":1}"#, false).as_deref(), Some("      a=1"));
    }

    #[test]
    fn the_platforms_lines_are_short() {
        let report = "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 22 ms\tMemory Size: 256 MB\tMax Memory Used: 12 MB\tInit Duration: 20.00 ms";
        assert_eq!(
            shown(report, false).as_deref(),
            Some("      took 1.23 ms, used 12 of 256 MB, init 20.0 ms")
        );
        assert_eq!(
            shown("REPORT RequestId: r\tDuration: 3000.00 ms\tStatus: error\tError Type: Runtime.ExitError", true).as_deref(),
            Some("      took 3.00 s error (Runtime.ExitError) request=r")
        );
        assert_eq!(
            shown("REPORT RequestId: r", false).as_deref(),
            Some("      REPORT RequestId: r")
        );
        for raw in ["START RequestId: r Version: $LATEST", "END RequestId: r"] {
            assert_eq!(shown(raw, false), None);
            assert_eq!(shown(raw, true), Some(format!("      {raw}")));
        }
    }

    #[test]
    fn a_line_is_one_line_and_leaves_the_terminal_alone() {
        assert_eq!(
            shown("a\tb \u{1b}[31mred\u{7}", false).as_deref(),
            Some("      a\tb \\u{1b}[31mred\\u{7}")
        );
        assert_eq!(
            shown(r#"{"level":"INFO","message":"a\nb","x":"c\nd"}"#, false).as_deref(),
            Some("INFO  a\\nb x=\"c\\nd\"")
        );
        let event = LogEvent::new(1_764_064_800_123, "worker", "s", "");
        let bare = log_line(&event, 7, false).unwrap_or_default();
        let bare = console::strip_ansi_codes(&bare);
        assert_eq!(bare, "2025-11-25T10:00:00.123Z worker");
    }
}
