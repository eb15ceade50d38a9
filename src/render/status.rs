//! The state of a stack in tables for people.

use serde_json::Value;

use super::dead_letters::printable;
use super::human::{SHORT_ID, reason_code, status_word};
use super::plan::short;
use super::style::{age, bad, good, hint};
use super::table::Table;
use crate::operate::status::{LastResult, ResourceStatus, StackStatus};
use crate::resource::Attrs;

/// A stack on its targets.
pub fn status(stack: &str, targets: &[StackStatus]) -> String {
    let blocks: Vec<String> = targets.iter().map(|target| block(stack, target)).collect();
    blocks.join("\n\n")
}

fn block(stack: &str, target: &StackStatus) -> String {
    let mut text = format!(
        "{stack} on {} at {}\n",
        target.target,
        hint(&target.endpoint)
    );
    let mut rows = Table::new(&["RESOURCE", "STATE", "NAME", ""], &[]);
    for resource in &target.resources {
        rows.add_row([
            resource.id.to_string(),
            state(resource),
            resource.name.clone(),
            facts(&resource.facts),
        ]);
    }
    text.push_str(&rows.to_string());
    if !target.last_results.is_empty() {
        text.push_str("\n\nlast results\n");
        text.push_str(&last_results(&target.last_results));
    }
    text
}

pub(super) fn state(resource: &ResourceStatus) -> String {
    let state = resource.state.clone();
    if resource.healthy {
        good(state).to_string()
    } else {
        bad(state).to_string()
    }
}

/// `delayed 0, in flight 0, visible 3`
pub(super) fn facts(facts: &Attrs) -> String {
    let facts = facts
        .iter()
        .map(|(name, value)| format!("{} {}", fact_name(name), fact(value)));
    facts.collect::<Vec<_>>().join(", ")
}

pub(super) fn fact_name(name: &str) -> String {
    name.replace('_', " ")
}

pub(super) fn fact(value: &Value) -> String {
    short(value)
}

/// Results by their age; what may be long comes late: narrow screens cut it off.
pub(super) fn last_results(results: &[LastResult]) -> String {
    let header = ["AGE", "STATUS", "LINES", "ERRORS", "REASON", "KEY", "JOB"];
    let mut rows = Table::new(&header, &[2, 3]);
    for last in results {
        let result = &last.result;
        let errors = if result.status == model::Outcome::Done {
            format!("{:.1} %", result.error_rate * 100.0)
        } else {
            String::new()
        };
        rows.add_row([
            last.age_ms
                .map_or_else(String::new, |ms| format!("{} ago", age(ms))),
            status_word(result.status),
            result.lines.to_string(),
            errors,
            reason_code(result),
            printable(&result.key),
            result.job_id.chars().take(SHORT_ID).collect(),
        ]);
    }
    rows.to_string()
}
