//! Data and facts in words and tables for people.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{JobResult, Outcome};

use super::dead_letters::printable;
use super::style::{bad, bytes, dim, duration, good, hint, plural, warn};
use super::table::Table;
use crate::operate::doctor::{Finding, Verdict};
use crate::operate::send::Sent;

pub use super::dead_letters::{dead_letter, dead_letters, settled};
pub use super::logs::{job_story, log_line, no_lines};
pub use super::package::packaged;
pub use super::plan::{plan, plan_graph, plan_in_short};
pub use super::status::status;
pub use super::watch::{watch_begun, watch_changes, watched};

/// How many characters of a job id are shown in lists.
pub(super) const SHORT_ID: usize = 12;

/// One line for a plan that has nothing to do.
pub fn nothing_to_do(resources: usize) -> String {
    let verb = if resources == 1 { "is" } else { "are" };
    format!(
        "{}: {} {verb} as wanted",
        good("nothing to do"),
        plural(resources, "resource")
    )
}

/// One line for a `down` that finds nothing.
pub fn nothing_to_delete(stack: &str, target: &str) -> String {
    format!("nothing to delete: {stack} has no resources on {target}")
}

/// What a `down` left.
pub fn kept(kept: &[String]) -> String {
    if kept.is_empty() {
        String::new()
    } else {
        format!("kept, as the stack says (retain): {}", kept.join(", "))
    }
}

/// What `doctor` found: one line each, and its fix below where there is one.
pub fn findings(findings: &[Finding]) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.what.len())
        .max()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Good => good("good "),
            Verdict::Optional => dim("-    "),
            Verdict::Bad => bad("BAD  "),
        };
        lines.push(format!(
            "{verdict} {:width$}  {}",
            finding.what, finding.found
        ));
        if let Some(fix) = &finding.fix {
            lines.push(format!("      {:width$}  {}", "", hint(fix)));
        }
    }
    lines.join("\n")
}

/// Outputs of a stack, one per line.
pub fn outputs(outputs: &BTreeMap<String, String>) -> String {
    let width = outputs.keys().map(String::len).max().unwrap_or(0);
    outputs
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Lines for a shell to evaluate; a variable without a value is taken away.
pub fn exports(variables: &BTreeMap<&str, Option<String>>) -> String {
    variables
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("export {name}='{}'", value.replace('\'', r"'\''")),
            None => format!("unset {name}"),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// A recorded embedded target does not run.
pub fn embedded_rests() -> &'static str {
    "the embedded target is not running: `pipectl up` starts it again"
}

/// A stack was brought up at another place than the one that was looked at.
pub fn up_elsewhere(stack: &str, place: &str) -> String {
    format!(
        "{stack} was brought up at {place}, and was not looked for there: name it to delete it there"
    )
}

/// Where the emulator serves.
pub fn serving(endpoint: &str) -> String {
    format!(
        "serving the embedded target at {endpoint}\npoint any AWS SDK at it: export AWS_ENDPOINT_URL={endpoint}"
    )
}

pub(super) fn status_word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done => good("done").to_string(),
        Outcome::Failed => bad("failed").to_string(),
        Outcome::Rejected => warn("rejected").to_string(),
    }
}

/// What became of files: one in full, several as a table.
pub fn sent(sent: &[Sent]) -> String {
    match sent {
        [one] => one_sent(one),
        many => many_sent(many),
    }
}

fn took(sent: &Sent) -> String {
    sent.elapsed_ms.map_or_else(String::new, |ms| {
        duration(Duration::from_secs_f64(ms / 1000.0))
    })
}

fn one_sent(sent: &Sent) -> String {
    let file = sent.file.display();
    let Some(result) = &sent.result else {
        return format!(
            "{file}  {}\n  {:<10}  {}",
            bad("no result"),
            "job",
            sent.job_id
        );
    };
    format!(
        "{file}  {} in {}\n{}",
        status_word(result.status),
        took(sent),
        result_lines(result)
    )
}

/// The figures of one result, indented.
fn result_lines(result: &JobResult) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(reason) = &result.reason {
        rows.push(("reason", format!("{} ({})", reason.text, reason.code)));
    }
    if result.status != Outcome::Rejected {
        let malformed = match (result.malformed, result.malformed_positions.as_slice()) {
            (0, _) => "0 malformed".to_owned(),
            (count, positions) => {
                let positions: Vec<String> = positions.iter().map(ToString::to_string).collect();
                format!("{count} malformed, first at {}", positions.join(", "))
            }
        };
        rows.push(("lines", format!("{} ({malformed})", result.lines)));
    }
    if !result.levels.is_empty() {
        rows.push(("levels", counts(&result.levels)));
    }
    if !result.services.is_empty() {
        rows.push(("services", counts(&result.services)));
    }
    if result.status == Outcome::Done {
        rows.push(("errors", format!("{:.1} %", result.error_rate * 100.0)));
    }
    if let (Some(first), Some(last)) = (&result.first_timestamp, &result.last_timestamp) {
        rows.push(("from", format!("{first} to {last}")));
    }
    if let Some(d) = &result.duration_ms {
        rows.push((
            "durations",
            format!(
                "p50 {} ms, p95 {} ms, p99 {} ms, max {} ms",
                d.p50, d.p95, d.p99, d.max
            ),
        ));
    }
    rows.push(("size", bytes(result.size)));
    rows.push((
        "object",
        hint(format!("s3://{}/{}", result.bucket, result.key)).to_string(),
    ));
    rows.push(("job", result.job_id.clone()));
    rows.iter()
        .map(|(name, value)| format!("  {name:<10}{value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `INFO 812, WARN 103`: the most frequent first.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut shown: Vec<String> = sorted
        .iter()
        .take(8)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if sorted.len() > shown.len() {
        shown.push(format!("{} more", sorted.len() - shown.len()));
    }
    shown.join(", ")
}

fn many_sent(sent: &[Sent]) -> String {
    let mut rows = Table::new(
        &[
            "FILE",
            "STATUS",
            "LINES",
            "MALFORMED",
            "TIME",
            "JOB",
            "REASON",
        ],
        &[2, 3, 4],
    );
    for one in sent {
        let file = one.file.display().to_string();
        let job: String = one.job_id.chars().take(SHORT_ID).collect();
        match &one.result {
            Some(result) => rows.add_row([
                file,
                status_word(result.status),
                result.lines.to_string(),
                result.malformed.to_string(),
                took(one),
                job,
                reason_code(result),
            ]),
            None => rows.add_row([
                file,
                bad("no result").to_string(),
                String::new(),
                String::new(),
                String::new(),
                job,
                String::new(),
            ]),
        }
    }
    rows.to_string()
}

pub(super) fn reason_code(result: &JobResult) -> String {
    result
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| reason.code.clone())
}

/// Results as a table.
pub fn results(results: &[JobResult]) -> String {
    if results.is_empty() {
        return "no results yet: send a file with `pipectl send FILE`, or look further back with --since".to_owned();
    }
    let header = [
        "PROCESSED",
        "STATUS",
        "LINES",
        "MALFORMED",
        "ERRORS",
        "SIZE",
        "KEY",
        "JOB",
        "REASON",
    ];
    let mut rows = Table::new(&header, &[2, 3, 4, 5]);
    for result in results {
        let errors = if result.status == Outcome::Done {
            format!("{:.1} %", result.error_rate * 100.0)
        } else {
            String::new()
        };
        rows.add_row([
            result.processed_at.clone(),
            status_word(result.status),
            result.lines.to_string(),
            result.malformed.to_string(),
            errors,
            bytes(result.size),
            printable(&result.key),
            result.job_id.chars().take(SHORT_ID).collect(),
            reason_code(result),
        ]);
    }
    rows.to_string()
}
