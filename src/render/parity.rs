//! A comparison of two targets in words and tables.

use std::time::Duration;

use super::style::{bad, dim, duration, good, hint, warn};
use super::table::Table;
use crate::parity::matrix::{Difference, Matrix, Row, Verdict, ended};
use crate::parity::store::Files;

/// Longest value of a fact that is shown, characters.
const LONGEST: usize = 90;

/// The whole: every scenario, what differs, and the number.
pub fn matrix(matrix: &Matrix, files: &Files) -> String {
    let mut parts = vec![table(matrix)];
    let told: Vec<String> = matrix
        .rows
        .iter()
        .filter_map(|row| details(matrix, row))
        .collect();
    if !told.is_empty() {
        parts.push(told.join("\n\n"));
    }
    parts.push(verdict(matrix, files));
    parts.join("\n\n")
}

fn table(matrix: &Matrix) -> String {
    let [a, b] = &matrix.sides;
    let mut table = Table::new(&["scenario", "", &a.label, &b.label], &[2, 3]);
    for row in &matrix.rows {
        let took = |side: usize| {
            row.outcomes[side]
                .as_ref()
                .map_or_else(String::new, |outcome| {
                    duration(Duration::from_millis(outcome.took_ms))
                })
        };
        let verdict = match row.verdict {
            Verdict::Equal if row.is_unlike_aws() => warn("equal, neither as expected").to_string(),
            Verdict::Equal => good("equal").to_string(),
            Verdict::Skipped => dim("skipped by choice").to_string(),
            other => bad(other.label()).to_string(),
        };
        table.add_row([row.name.clone(), verdict, took(0), took(1)]);
    }
    table.to_string()
}

/// What differs in a scenario; none where nothing does, and it is as on AWS.
fn details(matrix: &Matrix, row: &Row) -> Option<String> {
    let mut lines = Vec::new();
    for (side, outcome) in matrix.sides.iter().zip(&row.outcomes) {
        if let Some(how) = outcome.as_ref().and_then(ended) {
            lines.push(format!("  {} {how}", bad(format!("{}:", side.label))));
        }
    }
    for one in &row.differences {
        lines.extend(difference(matrix, one));
    }
    let both = row.is_unlike_aws();
    for one in row.unlike_aws[0].iter().filter(|_| both) {
        if row
            .differences
            .iter()
            .any(|differs| differs.fact == one.fact)
        {
            continue;
        }
        lines.push(format!("  {} on both", one.fact));
        lines.push(format!("    {} {}", warn("both:"), shown(one.is.as_ref())));
        lines.push(format!(
            "    {} {} {}",
            hint("expected:"),
            short(&one.aws),
            by(&one.source)
        ));
    }
    (!lines.is_empty()).then(|| format!("{}: {}\n{}", row.name, row.title, lines.join("\n")))
}

fn difference(matrix: &Matrix, one: &Difference) -> Vec<String> {
    let [a, b] = &matrix.sides;
    let width = a.label.len().max(b.label.len()) + 1;
    let mut lines = vec![format!("  {}", one.fact)];
    for (label, value) in [(&a.label, &one.a), (&b.label, &one.b)] {
        let is_aws = one.aws.as_ref().map(|aws| value.as_ref() == Some(aws));
        let label = format!("{:<width$}", format!("{label}:"));
        let label = match is_aws {
            Some(true) => good(label),
            Some(false) => bad(label),
            None => warn(label),
        };
        lines.push(format!("    {label} {}", shown(value.as_ref())));
    }
    if let (Some(aws), Some(source)) = (&one.aws, &one.source) {
        let label = hint(format!("{:<width$}", "AWS:"));
        lines.push(format!("    {label} {} {}", short(aws), by(source)));
    }
    lines
}

fn by(source: &str) -> String {
    dim(format!("({source})")).to_string()
}

fn shown(value: Option<&String>) -> String {
    value.map_or_else(|| dim("not seen").to_string(), |value| short(value))
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn verdict(matrix: &Matrix, files: &Files) -> String {
    let [a, b] = &matrix.sides;
    let percent = format!("{:.1} %", matrix.percent);
    let percent = if matrix.equal == matrix.all {
        good(percent)
    } else {
        warn(percent)
    };
    let mut lines = vec![format!(
        "{percent} parity of {} between {} ({}) and {} ({}): {} of {} scenarios are equal",
        matrix.stack, a.label, a.product, b.label, b.product, matrix.equal, matrix.all
    )];
    let names = |verdict: Verdict| -> Vec<&str> {
        matrix.with(verdict).map(|row| row.name.as_str()).collect()
    };
    for verdict in [Verdict::Differs, Verdict::NotSupported, Verdict::Skipped] {
        let names = names(verdict);
        match names.len() {
            0 => {}
            count @ 1..=12 => {
                lines.push(format!("{count} {}: {}", verdict.label(), names.join(", ")));
            }
            count => lines.push(format!("{count} {}", verdict.label())),
        }
    }
    if !matrix.not_of_the_stack.is_empty() {
        let count = matrix.not_of_the_stack.len();
        lines.push(dim(format!("{count} scenarios are not of this stack")).to_string());
    }
    let written = files
        .latest
        .as_ref()
        .map_or(&files.markdown, |(_, markdown)| markdown);
    lines.push(format!("report: {}", hint(written.display())));
    lines.join("\n")
}
