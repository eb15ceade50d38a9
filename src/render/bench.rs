//! The figures of a run in words and tables.

use super::style::{bad, dim, good, hint, plural, warn};
use super::table::Table;
use crate::bench::cycle::CycleSummary;
use crate::bench::stats::Distribution;
use crate::bench::store::Files;
use crate::bench::summary::{Against, Cold, Step};
use crate::bench::{Figures, Method, Summary};
use crate::number::ms;

fn maybe(figure: Option<f64>) -> String {
    figure.map_or_else(String::new, ms)
}

/// `7 of 30 files, p50 6.12 ms`
pub(super) fn progress(
    (files, of): (u64, Option<u64>),
    failed: u64,
    on_their_way: u64,
    p50_ms: Option<f64>,
) -> String {
    let mut text = match of {
        Some(of) => format!("{files} of {of} files"),
        None => plural(files as usize, "file"),
    };
    if on_their_way > 1 {
        text.push_str(&format!(", {on_their_way} on their way"));
    }
    if let Some(p50) = p50_ms {
        text.push_str(&format!(", p50 {}", ms(p50)));
    }
    if failed > 0 {
        text.push_str(&format!(", {}", bad(format!("{failed} failed"))));
    }
    text
}

/// `measured 500 lines: 10 files, p50 6.12 ms`
pub(super) fn stage(what: &str, files: u64, failed: u64, p50_ms: Option<f64>) -> String {
    format!(
        "{} {what}: {}",
        good("measured"),
        progress((files, None), failed, 0, p50_ms)
    )
}

/// A run.
pub fn run(summary: &Summary, against: Option<&Against>, files: Option<&Files>) -> String {
    let figures = &summary.figures;
    let mut parts = vec![head(summary)];
    // Cold and warm together are no figure of anything.
    if !matches!(summary.run.settings.method, Method::Cold { .. }) {
        parts.extend(sizes(figures));
    }
    parts.extend(hops(figures));
    parts.extend(figures.cold.as_ref().map(cold));
    if !summary.steps.is_empty() {
        parts.push(steps(&summary.steps, summary.saturation_per_s));
    }
    if !figures.reports.is_empty() {
        parts.push(reports(figures));
    }
    let mut ends = Vec::new();
    ends.extend(against.map(|against| compared(figures, against)));
    ends.extend(
        figures
            .notes
            .iter()
            .map(|note| format!("{} {note}", hint("note:"))),
    );
    ends.extend(outliers(figures));
    if let Some(cause) = &summary.ended_early {
        ends.push(format!("{} {cause}", warn("not whole:")));
    }
    ends.extend(files.map(written));
    parts.push(ends.join("\n"));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn head(summary: &Summary) -> String {
    let (figures, run) = (&summary.figures, &summary.run);
    let failed = figures.files - figures.done();
    let errors = if failed == 0 {
        good("none failed").to_string()
    } else {
        let fates = figures.fates.iter().filter(|(fate, _)| *fate != "done");
        let fates: Vec<String> = fates
            .map(|(fate, count)| format!("{count} {}", fate.replace('_', " ")))
            .collect();
        bad(fates.join(", ")).to_string()
    };
    let rate = figures.files_per_s;
    let rate = rate.map_or_else(String::new, |rate| format!(", {rate:.2} files/s"));
    let tuned = if run.is_tuned() { ", tuned" } else { "" };
    format!(
        "{} on {} ({}{tuned}): {}, {errors}{rate}",
        run.stack,
        run.target,
        run.product,
        plural(figures.files, "file"),
    )
}

/// The columns of a distribution.
fn columns(times: Option<&Distribution>) -> [String; 6] {
    let Some(times) = times else {
        return Default::default();
    };
    let [low, high] = times.p50_interval;
    [
        ms(times.p50),
        dim(format!("{} to {}", ms(low), ms(high))).to_string(),
        ms(times.p90),
        ms(times.p95),
        // What is the maximum anyhow is not said twice.
        if times.only_the_maximum.contains(&99) {
            dim("= max").to_string()
        } else {
            ms(times.p99)
        },
        ms(times.max),
    ]
}

const COLUMNS: [&str; 6] = ["P50", "95 % OF P50", "P90", "P95", "P99", "MAX"];

fn sizes(figures: &Figures) -> Option<String> {
    let all = figures.end_to_end_ms.as_ref()?;
    let header: Vec<&str> = ["LINES", "DONE"].into_iter().chain(COLUMNS).collect();
    let header: Vec<&str> = header.into_iter().chain(["UPLOAD", "PROCESSING"]).collect();
    let mut rows = Table::new(&header, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let p50 = |times: Option<&Distribution>| maybe(times.map(|times| times.p50));
    for size in &figures.sizes {
        let mut row = vec![
            size.lines.to_string(),
            format!("{} of {}", size.done, size.files),
        ];
        row.extend(columns(size.end_to_end_ms.as_ref()));
        row.push(p50(size.upload_ms.as_ref()));
        row.push(p50(size.processing_ms.as_ref()));
        rows.add_row(row);
    }
    if figures.sizes.len() > 1 {
        let hop = |name: &str| {
            figures
                .hops
                .iter()
                .find(|hop| hop.name == name)
                .map(|hop| &hop.ms)
        };
        let mut row = vec![
            "all".to_owned(),
            format!("{} of {}", figures.done(), figures.files),
        ];
        row.extend(columns(Some(all)));
        row.push(p50(hop("upload")));
        row.push(p50(hop("processing")));
        rows.add_row(row);
    }
    Some(rows.to_string())
}

fn hops(figures: &Figures) -> Option<String> {
    if figures.hops.is_empty() {
        return None;
    }
    let header: Vec<&str> = ["HOP"]
        .into_iter()
        .chain(COLUMNS)
        .chain(["CLOCKS"])
        .collect();
    let mut rows = Table::new(&header, &[1, 2, 3, 4, 5, 6]);
    for hop in &figures.hops {
        let mut row = vec![hop.name.replace('_', " ")];
        row.extend(columns(Some(&hop.ms)));
        row.push(hop.clocks.clone());
        rows.add_row(row);
    }
    Some(rows.to_string())
}

fn cold(cold: &Cold) -> String {
    let header: Vec<&str> = ["ENVIRONMENTS", "FILES"]
        .into_iter()
        .chain(COLUMNS)
        .collect();
    let mut rows = Table::new(&header, &[1, 2, 3, 4, 5, 6, 7]);
    for (name, times) in [
        ("cold", &cold.cold_ms),
        ("warm", &cold.warm_ms),
        ("init of the trigger", &cold.trigger_init_ms),
        ("init of the worker", &cold.worker_init_ms),
    ] {
        if let Some(times) = times {
            let mut row = vec![name.to_owned(), times.n.to_string()];
            row.extend(columns(Some(times)));
            rows.add_row(row);
        }
    }
    let difference = cold.difference_ms.map_or_else(String::new, |difference| {
        format!(
            "\n{} met two new environments; cold takes {} {} by the client",
            plural(cold.both, "file"),
            ms(difference.abs()),
            if difference < 0.0 { "less" } else { "longer" }
        )
    });
    format!("{rows}{difference}")
}

fn steps(steps: &[Step], saturation: Option<f64>) -> String {
    let header = ["FILES/S", "ACHIEVED", "DONE", "P50", "P95", ""];
    let mut rows = Table::new(&header, &[0, 1, 2, 3, 4]);
    for step in steps {
        rows.add_row([
            format!("{:.1}", step.rate),
            format!("{:.1}", step.achieved_per_s),
            format!("{} of {}", step.done, step.files),
            maybe(step.p50_ms),
            maybe(step.p95_ms),
            if step.sustained {
                good("sustained").to_string()
            } else {
                warn("piles up").to_string()
            },
        ]);
    }
    let end = match saturation {
        Some(rate) => format!("sustained up to {rate:.1} files/s"),
        None => "no rate was sustained".to_owned(),
    };
    format!("{rows}\n{end}")
}

fn reports(figures: &Figures) -> String {
    let lines = figures.reports.iter().map(|(function, report)| {
        let billed = report.billed_ms.as_ref();
        let billed = billed.map_or_else(String::new, |billed| {
            format!("billed p50 {}, max {}", ms(billed.p50), ms(billed.max))
        });
        let memory = report.max_memory_mb;
        let memory = memory.map_or_else(String::new, |memory| format!(", {memory:.0} MB at most"));
        format!("{function}: {billed}{memory}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn compared(figures: &Figures, against: &Against) -> String {
    let now = figures.end_to_end_ms.as_ref().map(|times| times.p50);
    let verdict = match against.p_value {
        Some(p) if p < 0.001 => "differs by more than chance (p < 0.001)".to_owned(),
        Some(p) if p < 0.05 => format!("differs by more than chance (p = {p:.3})"),
        Some(p) => format!("no difference beyond chance (p = {p:.2})"),
        None => "nothing to compare".to_owned(),
    };
    format!(
        "{} p50 was {} on {}, is {}: {verdict}",
        hint("the run before:"),
        ms(against.p50_ms),
        against.began_at,
        maybe(now)
    )
}

fn outliers(figures: &Figures) -> Option<String> {
    let longest = figures.outliers.first()?;
    Some(format!(
        "{} {} took far longer than the others of their size, the longest {} (number {}{}); they are in every figure",
        hint("note:"),
        plural(figures.far_out, "file"),
        ms(longest.end_to_end_ms),
        longest.n,
        if longest.cold { ", cold" } else { "" }
    ))
}

fn written(files: &Files) -> String {
    let (results, summary) = match &files.latest {
        Some((results, summary)) => (results, summary),
        None => (&files.results, &files.summary),
    };
    format!(
        "{} {}, {}",
        good("written"),
        results.display(),
        summary.display()
    )
}

/// Rounds of work.
pub fn cycle(summary: &CycleSummary, files: &Files) -> String {
    let mut rows = Table::new(&["ROUND", "N", "P50", "MIN", "MAX"], &[1, 2, 3, 4]);
    for (name, column) in [
        ("first up", "first_up_ms"),
        ("no-op", "no_op_ms"),
        ("code change", "code_change_ms"),
        ("down", "down_ms"),
    ] {
        if let Some(times) = summary.figures.get(column) {
            rows.add_row([
                name.to_owned(),
                times.n.to_string(),
                ms(times.p50),
                ms(times.min),
                ms(times.max),
            ]);
        }
    }
    format!(
        "{} on {} ({})\n\n{rows}\n\n{}",
        summary.stack,
        summary.target,
        summary.product,
        written(files)
    )
}

#[cfg(test)]
mod tests;
