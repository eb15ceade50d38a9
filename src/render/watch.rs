//! Looks at a running stack, one after the other: drawn in place on a terminal, and elsewhere a line for each
//! thing that changed. Plain functions of the looks and the size.

use std::time::Duration;

use console::{measure_text_width, truncate_str};

use super::dead_letters::printable;
use super::human::{SHORT_ID, status_word};
use super::status::{fact, fact_name, facts, last_results, state, status};
use super::style::{age, bad, dim, good, hint, plural, warn};
use super::table::Table;
use crate::operate::status::ResourceStatus;
use crate::operate::watch::{QueueFlow, StackLook, TargetLook};
use crate::stack::model::Kind;

/// Results that have a line of their own in one change.
const MOST_RESULTS: usize = 10;

/// How much is drawn: less where it does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// Of what is well only queues, functions and mappings.
    Work,
    /// Of what is well only queues.
    Queues,
    /// Also without results.
    QueuesAlone,
}

/// A look, drawn for so many columns and lines.
pub fn watched(look: &StackLook, interval: Duration, size: (usize, usize)) -> Vec<String> {
    let (width, height) = size;
    let draw = |extent| drawn(look, interval, extent, width);
    let mut lines = draw(Extent::All);
    for less in [Extent::Work, Extent::Queues, Extent::QueuesAlone] {
        if lines.len() > height {
            lines = draw(less);
        }
    }
    let cut = lines.len() > height;
    lines.truncate(if cut {
        height.saturating_sub(1)
    } else {
        height
    });
    if cut {
        lines.push(dim("… the screen is too small for the rest").to_string());
    }
    lines
        .iter()
        .map(|line| truncate_str(line, width, "…").into_owned())
        .collect()
}

fn drawn(look: &StackLook, interval: Duration, extent: Extent, width: usize) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {}",
        look.stack,
        dim(format!(
            "{}, every {}, Ctrl-C ends",
            look.at,
            age(interval.as_millis() as u64)
        ))
    )];
    for target in &look.targets {
        lines.push(String::new());
        lines.extend(wrapped(&headed(target), width));
        if target.error.is_none() {
            lines.extend(target_lines(target, extent));
        }
    }
    lines
}

/// A text on as many lines as it needs: what is wrong must not be cut off.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let room = width.saturating_sub(measure_text_width(&line));
        if !line.is_empty() && measure_text_width(word) >= room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// `embedded at http://…: 12 resources, all well`
fn headed(target: &TargetLook) -> String {
    let name = &target.status.target;
    let place = if target.status.endpoint.is_empty() {
        name.to_owned()
    } else {
        format!("{name} at {}", hint(&target.status.endpoint))
    };
    format!("{place}: {}", in_short(target))
}

/// How a target is, in one line.
fn in_short(target: &TargetLook) -> String {
    if let Some(error) = &target.error {
        return format!("{}: {}", bad("cannot be read"), printable(error));
    }
    let resources = plural(target.status.resources.len(), "resource");
    let unwell = target.unwell();
    if unwell.is_empty() {
        return format!("{resources}, {}", good("all well"));
    }
    let count = bad(format!("{} not well", unwell.len()));
    format!("{resources}, {count}: {}", unwell.join(", "))
}

fn target_lines(target: &TargetLook, extent: Extent) -> Vec<String> {
    let mut lines = Vec::new();
    if !target.queues.is_empty() {
        lines.extend(queues(target).lines());
    }
    lines.extend(others(target, extent));
    if extent == Extent::QueuesAlone {
        return lines;
    }
    if let Some(rate) = target.results_per_s {
        lines.push(String::new());
        lines.push(format!("last results, {rate:.1} more per second"));
    } else if !target.status.last_results.is_empty() {
        lines.push(String::new());
        lines.push("last results".to_owned());
    }
    if !target.status.last_results.is_empty() {
        let results = last_results(&target.status.last_results);
        lines.extend(results.lines().map(str::to_owned));
    }
    lines
}

fn queues(target: &TargetLook) -> Table {
    let header = [
        "QUEUE",
        "VISIBLE",
        "IN FLIGHT",
        "DELAYED",
        "CHANGE/S",
        "NO DECREASE",
    ];
    let mut rows = Table::new(&header, &[1, 2, 3, 4, 5]);
    let resources = &target.status.resources;
    for queue in &target.queues {
        let Some(resource) = resources.iter().find(|one| one.id == queue.id) else {
            continue;
        };
        let count = |name: &str| resource.facts.get(name).map_or_else(String::new, fact);
        rows.add_row([
            queue.id.name.clone(),
            count("visible"),
            count("in_flight"),
            count("delayed"),
            queue.change_per_s.map_or_else(String::new, signed),
            no_decrease(queue),
        ]);
    }
    rows
}

/// For at least how long a queue has not been empty and has not shrunk.
fn no_decrease(queue: &QueueFlow) -> String {
    queue
        .no_decrease_ms
        .map_or_else(String::new, |ms| format!("≥ {}", age(ms)))
}

/// `+7.5`, `-0.5`, `0.0`
fn signed(rate: f64) -> String {
    if rate.abs() < 0.05 {
        "0.0".to_owned()
    } else {
        format!("{rate:+.1}")
    }
}

/// Everything that is no queue: what is not well first, then what does the work.
fn others(target: &TargetLook, extent: Extent) -> Vec<String> {
    let is_queue =
        |resource: &&ResourceStatus| target.queues.iter().any(|queue| queue.id == resource.id);
    let mut others: Vec<&ResourceStatus> = target
        .status
        .resources
        .iter()
        .filter(|resource| !is_queue(resource))
        .collect();
    let works =
        |resource: &ResourceStatus| matches!(resource.id.kind, Kind::Function | Kind::Mapping);
    others.sort_by_key(|resource| (resource.healthy, !works(resource)));
    let all = others.len();
    others.retain(|resource| match extent {
        Extent::All => true,
        Extent::Work => !resource.healthy || works(resource),
        Extent::Queues | Extent::QueuesAlone => !resource.healthy,
    });
    let left_out = all - others.len();
    let mut lines = Vec::new();
    if !others.is_empty() {
        let mut rows = Table::new(&["RESOURCE", "STATE", ""], &[]);
        for resource in &others {
            rows.add_row([
                resource.id.to_string(),
                state(resource),
                facts(&resource.facts),
            ]);
        }
        lines.push(String::new());
        lines.extend(rows.lines());
    }
    if left_out > 0 {
        let text = format!("and {} that are well", plural(left_out, "other"));
        lines.push(dim(text).to_string());
    }
    lines
}

/// The first look where nothing is drawn in place.
pub fn watch_begun(look: &StackLook) -> String {
    let (read, missed): (Vec<_>, Vec<_>) = look
        .targets
        .iter()
        .partition(|target| target.error.is_none());
    let read: Vec<_> = read.iter().map(|target| target.status.clone()).collect();
    let mut text = status(&look.stack, &read);
    for target in missed {
        text.push_str(&format!("\n\n{}", headed(target)));
    }
    text
}

/// What changed from one look to the next, a line each; none when nothing did.
pub fn watch_changes(before: &StackLook, now: &StackLook) -> Option<String> {
    let mut lines = Vec::new();
    for target in &now.targets {
        let name = &target.status.target;
        let before = before
            .targets
            .iter()
            .find(|before| before.status.target == *name);
        let texts = match before {
            Some(before) if before.error.is_none() && target.error.is_none() => {
                changes(before, target)
            }
            Some(before) if before.error == target.error => Vec::new(),
            _ if target.error.is_some() => vec![in_short(target)],
            _ => vec![again(target)],
        };
        // With several targets every line says of which it is.
        let was_away = before.is_some_and(|before| before.error.is_some());
        let place = if now.targets.len() > 1 || target.error.is_some() || was_away {
            format!("{name}: ")
        } else {
            String::new()
        };
        let at = dim(&target.status.at);
        lines.extend(texts.iter().map(|text| format!("{at} {place}{text}")));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A target that could not be read is back.
fn again(target: &TargetLook) -> String {
    format!(
        "can be read again at {}: {}",
        hint(&target.status.endpoint),
        in_short(target)
    )
}

fn changes(before: &TargetLook, now: &TargetLook) -> Vec<String> {
    let mut lines = Vec::new();
    let find = |look: &TargetLook, resource: &ResourceStatus| {
        let resources = look.status.resources.iter();
        resources.clone().find(|one| one.id == resource.id).cloned()
    };
    for resource in &now.status.resources {
        let text = match find(before, resource) {
            None => format!("{}, new in the stack", state(resource)),
            Some(before) => difference(&before, resource),
        };
        if text.is_empty() {
            continue;
        }
        let flow = now.queues.iter().find(|queue| queue.id == resource.id);
        let rate = flow.and_then(|flow| flow.change_per_s).map(signed);
        let rate = rate
            .filter(|rate| rate != "0.0")
            .map_or_else(String::new, |rate| {
                dim(format!(" ({rate} per second)")).to_string()
            });
        lines.push(format!("{}: {text}{rate}", resource.id));
    }
    for resource in &before.status.resources {
        if find(now, resource).is_none() {
            lines.push(format!(
                "{}: {}",
                resource.id,
                warn("no longer in the stack")
            ));
        }
    }
    for result in now.came.iter().take(MOST_RESULTS) {
        let job: String = result.job_id.chars().take(SHORT_ID).collect();
        let why = result.reason.as_ref().map_or_else(
            || plural(result.lines as usize, "line"),
            |reason| reason.code.clone(),
        );
        lines.push(format!(
            "result: {} {}, {why}, job {job}…",
            status_word(result.status),
            printable(&result.key)
        ));
    }
    let more = now.came.len().saturating_sub(MOST_RESULTS);
    if more > 0 {
        lines.push(format!("result: {more} more"));
    }
    lines
}

/// `Active → Pending, visible 0 → 12`
fn difference(before: &ResourceStatus, now: &ResourceStatus) -> String {
    let mut parts = Vec::new();
    if before.state != now.state {
        parts.push(format!("{} → {}", before.state, state(now)));
    }
    for (name, value) in &now.facts {
        let old = before.facts.get(name);
        if old.is_some_and(|old| old != value) {
            let old = old.map_or_else(String::new, fact);
            parts.push(format!("{} {old} → {}", fact_name(name), fact(value)));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
