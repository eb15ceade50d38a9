//! A comparison in words and a table: the rest is in its files.

use super::style::{dim, good, hint, warn};
use super::table::Table;
use crate::compare::Files;
use crate::compare::report::{Change, Report};
use crate::number::{ms, percent, rate, signed_percent};

/// The most of it.
pub fn report(report: &Report, files: &Files, warnings: &[String]) -> String {
    let mut table = Table::new(
        &[
            "",
            "FILES",
            "FAILED",
            "P50",
            "P95",
            "P99",
            "P50 AGAINST",
            "",
            "FILES/S",
        ],
        &[1, 2, 3, 4, 5, 6, 8],
    );
    let against = |change: Option<&Change>| -> [String; 2] {
        let Some(change) = change else {
            return Default::default();
        };
        let real = match change.is_real {
            Some(true) => good("real").to_string(),
            Some(false) => dim("by chance").to_string(),
            None => String::new(),
        };
        [signed_percent(change.percent), real]
    };
    for run in &report.runs {
        let times = run.compared_ms.as_ref();
        let of = |figure: Option<f64>| figure.map_or_else(String::new, ms);
        let mut row = vec![
            run.label.clone(),
            run.figures.files.to_string(),
            if run.figures.files == 0 {
                String::new()
            } else {
                percent(run.figures.error_rate * 100.0)
            },
            of(times.map(|one| one.p50)),
            of(times.map(|one| one.p95)),
            of(times.map(|one| one.p99)),
        ];
        row.extend(against(run.difference.as_ref().map(|one| &one.p50)));
        row.push(run.figures.files_per_s.map_or_else(String::new, rate));
        table.add_row(row);
    }
    for one in &report.published {
        let times = one.end_to_end_ms;
        let mut row = vec![
            one.label.clone(),
            one.files.to_string(),
            percent(one.failed as f64 / one.files as f64 * 100.0),
            ms(times.p50),
            ms(times.p95),
            ms(times.p99),
        ];
        row.extend(against(one.difference.as_ref().map(|one| &one.p50)));
        row.push(rate(one.files_per_s));
        table.add_row(row);
    }
    let mut parts = vec![
        format!("compared with {}", hint(&report.reference)),
        table.to_string(),
    ];
    let verdicts = report.verdicts.iter().map(|one| {
        format!(
            "{} {}\n  {}",
            one.question,
            good(&one.answer),
            dim(&one.because)
        )
    });
    parts.push(verdicts.collect::<Vec<_>>().join("\n"));
    let notes: Vec<String> = report
        .not_comparable
        .iter()
        .map(|note| format!("{} {note}", warn("note:")))
        .collect();
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    let of_cost = report.cost.iter().flat_map(|cost| &cost.warnings);
    let warnings: Vec<String> = warnings
        .iter()
        .chain(of_cost)
        .map(|one| format!("{} {one}", warn("warning:")))
        .collect();
    if !warnings.is_empty() {
        parts.push(warnings.join("\n"));
    }
    parts.push(format!(
        "{} {}, {}, {} and {} charts",
        good("written"),
        hint(files.html.display()),
        files.markdown.display(),
        files.json.display(),
        files.charts.len()
    ));
    parts.join("\n\n")
}
