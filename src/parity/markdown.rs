//! The report as Markdown, for a repository.

use std::fmt::Write as _;

use super::matrix::{Matrix, Row, Verdict, ended};

/// Longest value in a cell, characters.
const LONGEST: usize = 160;

/// The whole report.
pub fn report(matrix: &Matrix) -> String {
    let [a, b] = &matrix.sides;
    let mut text = format!(
        "# Parity: {} and {}\n\nStack `{}`, pipectl {}, {}. **{} of {} scenarios are equal: {:.1} %.**\n\n",
        a.label,
        b.label,
        matrix.stack,
        matrix.pipectl,
        matrix.id,
        matrix.equal,
        matrix.all,
        matrix.percent
    );
    text.push_str("| | target | what answered | region | took |\n|---|---|---|---|---|\n");
    for side in &matrix.sides {
        line(
            &mut text,
            &[
                &side.label,
                &side.target,
                &side.product.to_string(),
                &side.region,
                &format!("{:.1} s", side.took_ms as f64 / 1_000.0),
            ],
        );
    }
    for side in &matrix.sides {
        if let Some(trouble) = &side.trouble {
            let _ = writeln!(text, "\n**{} is not whole:** {trouble}", side.label);
        }
    }
    text.push_str("\n## Scenarios\n\n| scenario | what is tried | |\n|---|---|---|\n");
    for row in &matrix.rows {
        let verdict = match row.verdict {
            Verdict::Equal if row.is_unlike_aws() => "equal, and neither as expected",
            verdict => verdict.label(),
        };
        line(
            &mut text,
            &[&format!("`{}`", row.name), &row.title, verdict],
        );
    }
    differences(&mut text, matrix);
    if !matrix.not_of_the_stack.is_empty() {
        text.push_str("\n## Not of this stack\n\n");
        for (name, missing) in &matrix.not_of_the_stack {
            let _ = writeln!(text, "- `{name}`: it has not {missing}");
        }
    }
    text
}

fn differences(text: &mut String, matrix: &Matrix) {
    let [a, b] = &matrix.sides;
    let told = matrix.rows.iter().filter(|row| {
        matches!(row.verdict, Verdict::Differs | Verdict::NotSupported) || row.is_unlike_aws()
    });
    let told: Vec<&Row> = told.collect();
    if told.is_empty() {
        return;
    }
    text.push_str("\n## What differs\n");
    for row in told {
        let _ = writeln!(text, "\n### {}\n\n{}.\n", row.name, capital(&row.title));
        for (side, outcome) in matrix.sides.iter().zip(&row.outcomes) {
            if let Some(how) = outcome.as_ref().and_then(ended) {
                let _ = writeln!(text, "- {}: {}\n", side.label, cell(&how));
            }
        }
        let none = || "–".to_owned();
        if !row.differences.is_empty() {
            line(text, &["", &a.label, &b.label, "AWS", "by"]);
            text.push_str("|---|---|---|---|---|\n");
        }
        for one in &row.differences {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(none);
            let (in_a, in_b) = (value(&one.a), value(&one.b));
            let (aws, source) = (value(&one.aws), value(&one.source));
            line(text, &[&one.fact, &in_a, &in_b, &aws, &source]);
        }
        let differs = |fact: &str| row.differences.iter().any(|one| one.fact == fact);
        for one in row.unlike_aws[0].iter().filter(|one| !differs(&one.fact)) {
            let is = one.is.clone().unwrap_or_else(none);
            let _ = writeln!(
                text,
                "- {} is `{}` on both, and `{}` on AWS ({})",
                one.fact,
                cell(&is),
                cell(&one.aws),
                one.source
            );
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

fn line(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|one| cell(one)).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// A text that breaks no table.
fn cell(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
        .replace('|', "\\|")
        .replace(['\n', '\r'], " ")
        .replace('<', "&lt;")
}
