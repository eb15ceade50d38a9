//! Rounds of work, and whether targets do the same.

use super::super::document::{Section, Table};
use super::super::report::{CHANGES_A_DAY, Report, Run};
use super::super::words::{Words, fact, number, words};
use super::{count, maybe_ms};
use crate::number::{percent, rate};

/// Rounds of work, and what they are a day.
pub fn cycle(report: &Report) -> Section {
    let mut section = Section::new("cycle", "A round of work");
    let columns = ["first_up_ms", "no_op_ms", "code_change_ms", "down_ms"];
    let header = [
        "Run",
        "Rounds",
        "First up",
        "Nothing to do",
        "Code change",
        "Down",
    ];
    let mut table = Table::new("Medians of rounds; building is not in them", 1, &header);
    for run in report.runs.iter().filter(|run| !run.cycle.is_empty()) {
        let key = |what: &str| format!("run/{}/cycle/{what}", run.label);
        let n = run.cycle.values().next().map_or(0, |one| one.n);
        let mut row = vec![fact(&run.label).into(), count(n, key("n")).into()];
        row.extend(columns.map(|column| {
            let p50 = run.cycle.get(column).map(|one| one.p50);
            maybe_ms(p50, key(column))
        }));
        table.rows.push(row);
    }
    section.table(table);
    let mut header = vec![Words::from("Run"), "A change until its result".into()];
    header.extend(CHANGES_A_DAY.map(|changes| words![fact(changes), " a day"]));
    let mut table = Table::new("Waited for changes of code, minutes of a day", 1, &[]);
    table.header = header;
    let one = |minutes: f64, of: String| number(rate(minutes), minutes, of);
    for run in &report.runs {
        let Some(change) = change_until_result(run) else {
            continue;
        };
        let key = |what: &str| format!("run/{}/day/{what}", run.label);
        let mut row = vec![
            fact(&run.label).into(),
            maybe_ms(Some(change), key("change")),
        ];
        row.extend(CHANGES_A_DAY.map(|changes| {
            let minutes = developer_minutes(changes, change);
            Words::from(one(minutes, key(&changes.to_string())))
        }));
        table.rows.push(row);
    }
    for other in &report.published {
        let key = |what: &str| format!("published/{}/day/{what}", other.label);
        let [from, to] = other.deploy_cycle_s;
        let range = |from: f64, to: f64, what: &str, unit: &'static str| {
            words![
                number(rate(from), from, key(&format!("{what}/from"))),
                " to ",
                number(rate(to), to, key(&format!("{what}/to"))),
                unit
            ]
        };
        let mut row = vec![fact(&other.label).into(), range(from, to, "change", " s")];
        row.extend(CHANGES_A_DAY.map(|changes| {
            let minutes = |s: f64| developer_minutes(changes, s * 1_000.0);
            range(minutes(from), minutes(to), &changes.to_string(), "")
        }));
        table.rows.push(row);
    }
    section.table(table);
    if report.runs.iter().any(|run| !run.cycle.is_empty()) {
        section.text(
            "A change until its result is the median of bringing in changed code plus the median of a file from end to \
             end. Compiling is the same for all of them and not in it.",
        );
    }
    section
}

/// From `up` with changed code until the result of a file, milliseconds.
pub fn change_until_result(run: &Run) -> Option<f64> {
    let change = run.cycle.get("code_change_ms")?.p50;
    Some(change + run.figures.end_to_end_ms.as_ref()?.p50)
}

/// Minutes waited a day.
fn developer_minutes(changes: u32, ms: f64) -> f64 {
    f64::from(changes) * ms / 60_000.0
}

/// Do targets do the same?
pub fn parity(report: &Report) -> Section {
    let mut section = Section::new("parity", "Do they do the same?");
    let header = [
        "Targets",
        "Equal",
        "of",
        "in %",
        "Played",
        "First unlike AWS",
        "Second unlike AWS",
    ];
    let mut table = Table::new("Scenarios played on both", 1, &header);
    for one in &report.parity {
        let [a, b] = &one.labels;
        let key = |what: &str| format!("parity/{a}/{b}/{what}");
        table.rows.push(vec![
            words![fact(a), " and ", fact(b)],
            count(one.equal, key("equal")).into(),
            count(one.all, key("all")).into(),
            number(percent(one.percent), one.percent, key("percent")).into(),
            count(one.played, key("played")).into(),
            count(one.unlike_aws[0], key("unlike_aws/0")).into(),
            count(one.unlike_aws[1], key("unlike_aws/1")).into(),
        ]);
    }
    section.table(table);
    for one in &report.parity {
        let [a, b] = &one.labels;
        let mut table = Table::new(
            words!["Not equal: ", fact(a), " and ", fact(b)],
            3,
            &["Scenario", "What is tried", "What became of it"],
        );
        for [name, title, verdict] in &one.unequal {
            table.rows.push(vec![
                fact(name).into(),
                fact(title).into(),
                fact(verdict).into(),
            ]);
        }
        section.table(table);
    }
    if !report.parity.is_empty() {
        section.text("A scenario counts as equal when every fact that was seen is the same on both; time is no fact.");
    }
    section
}
