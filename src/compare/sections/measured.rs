//! What was run, and what it measured.

use super::super::chart::Chart;
use super::super::document::{Section, Table};
use super::super::report::{Change, Difference, Report, Run};
use super::super::words::{Words, fact, number, words};
use super::{count, ms, none};
use crate::bench::Method;
use crate::bench::stats::Distribution;
use crate::number::{percent, rate, signed_ms, signed_percent};

/// What was run and how.
pub fn what(report: &Report) -> Section {
    let mut section = Section::new("what", "What was run, and how");
    let header = [
        "Run",
        "What answered",
        "When",
        "How",
        "Functions",
        "Machine",
    ];
    let mut table = Table::new("Runs", 6, &header);
    for run in &report.runs {
        let facts = &run.facts;
        let tuned = facts.is_tuned();
        let tuned = if tuned { ", its mapping tuned" } else { "" };
        let mut functions: Vec<String> = Vec::new();
        for (name, function) in &facts.functions {
            let memory = function.memory_mb.unwrap_or_default();
            let architecture = function.architecture.as_deref().unwrap_or("unknown");
            functions.push(format!("{name}: {memory} MB, {architecture}"));
        }
        let machine = &facts.machine;
        let processor = machine.processor.as_deref().unwrap_or("processors");
        table.rows.push(vec![
            fact(&run.label).into(),
            words![fact(&facts.product), tuned],
            fact(minute(&facts.began_at)).into(),
            way(&facts.settings.method, &facts.settings.sizes),
            fact(functions.join("; ")).into(),
            fact(format!(
                "{} × {processor}, {}",
                machine.processors, machine.os
            ))
            .into(),
        ]);
    }
    section.table(table);
    if let Some(baseline) = &report.baseline {
        let method = &baseline.method;
        section.text(words![
            "Published figures: ",
            fact(&baseline.source),
            " ",
            fact(format!(
                "{} files of each of {} lines, {} before that are not counted, a pause of {} ms, a look every {} ms.",
                method.iterations,
                listed(&method.lines),
                method.of_them_warmup,
                method.pause_ms,
                method.poll_ms
            )),
        ]);
    }
    section.list(report.not_comparable.clone());
    section
}

/// A moment without its seconds.
fn minute(moment: &str) -> String {
    let minute: String = moment.chars().take("2026-11-26T18:12".len()).collect();
    minute.replace('T', " ")
}

fn listed(sizes: &[u64]) -> String {
    let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
    sizes.join(", ")
}

/// How files came.
fn way(method: &Method, sizes: &[u64]) -> Words {
    let lines = format!("{} lines", listed(sizes));
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    fact(match method {
        Method::Sequential { iterations, warmup, pause_ms } => format!(
            "one after the other: {iterations} files of each of {lines}, {warmup} before that are not counted, a pause of {} s",
            seconds(*pause_ms)
        ),
        Method::Rate { files_per_s, duration_ms } => format!(
            "{files_per_s} files a second for {} s, whether or not those before were done, {lines}",
            seconds(*duration_ms)
        ),
        Method::Concurrency { files, duration_ms } => format!(
            "{files} files on their way for {} s, the next when one is done, {lines}",
            seconds(*duration_ms)
        ),
        Method::Ramp { from, step_ms } => format!(
            "rates that grow from {from} files a second, {} s each, {lines}",
            seconds(*step_ms)
        ),
        Method::Cold { times } => {
            format!("{times} times into new environments, and once more right after, {lines}")
        }
    })
    .into()
}

/// Percentiles with their differences.
pub fn percentiles(report: &Report, charts: [Option<Chart>; 3]) -> Section {
    let mut section = Section::new("percentiles", "Latency");
    section.text(words![
        "From the first byte of the upload until the result was seen, by the client's clock. Percentiles are values that \
         occurred; intervals are of a sample that was drawn again and again, and hold the figure with a probability of ",
        fact("95 %"),
        ". Of a few files those of P95 and P99 end at the slowest one, and are too narrow. A difference of a figure is real where its \
         own interval holds no zero; of the slowest file alone it is not known. Whether a run differs as a whole is another \
         question, which the test of ranks answers."
    ]);
    let [bars, points, over_time] = charts;
    section.chart(bars);
    section.chart(points);
    section.chart(over_time);
    let header = [
        "Figure",
        "Run",
        "Value",
        "Interval",
        "Difference",
        "in %",
        "Its interval",
        "Real?",
    ];
    let mut table = Table::new("Percentiles from end to end", 2, &header);
    type Of = fn(&Distribution) -> (f64, [f64; 2]);
    type Changed = fn(&Difference) -> &Change;
    let figures: [(&'static str, &'static str, u64, Of, Changed); 3] = [
        (
            "P50",
            "p50",
            50,
            |one| (one.p50, one.p50_interval),
            |one| &one.p50,
        ),
        (
            "P95",
            "p95",
            95,
            |one| (one.p95, one.p95_interval),
            |one| &one.p95,
        ),
        (
            "P99",
            "p99",
            99,
            |one| (one.p99, one.p99_interval),
            |one| &one.p99,
        ),
    ];
    for (title, name, of_hundred, of, changed) in figures {
        for run in &report.runs {
            let Some(times) = &run.compared_ms else {
                continue;
            };
            let (value, interval) = of(times);
            let key = |what: &str| format!("run/{}/e2e/{name}{what}", run.label);
            let mut shown = Words::from(ms(value, key("")));
            if times.only_the_maximum.contains(&of_hundred) {
                shown.push(" (the slowest)");
            }
            let mut row = vec![
                title.into(),
                fact(&run.label).into(),
                shown,
                between(interval, &key),
            ];
            let change = run.difference.as_ref().map(changed);
            row.extend(change_cells(
                change,
                &format!("run/{}/change/{name}", run.label),
            ));
            table.rows.push(row);
        }
        for one in &report.published {
            let value = match name {
                "p50" => one.end_to_end_ms.p50,
                "p95" => one.end_to_end_ms.p95,
                _ => one.end_to_end_ms.p99,
            };
            let of = format!("published/{}/e2e/{name}", one.label);
            let mut row = vec![
                title.into(),
                fact(&one.label).into(),
                ms(value, of).into(),
                none(),
            ];
            let change = one.difference.as_ref().map(changed);
            row.extend(change_cells(
                change,
                &format!("published/{}/change/{name}", one.label),
            ));
            table.rows.push(row);
        }
    }
    section.table(table);
    let tested: Vec<Words> = report
        .runs
        .iter()
        .filter_map(|run| ranks(run, &report.reference))
        .collect();
    section.list(tested);
    section
}

/// What the test of ranks says of a run.
fn ranks(run: &Run, reference: &str) -> Option<Words> {
    let p = run.difference.as_ref()?.p_value?;
    let of = format!("run/{}/change/p_value", run.label);
    let shown = if p < 0.001 {
        "below 0.001".to_owned()
    } else {
        format!("{p:.3}")
    };
    Some(words![
        fact(&run.label),
        if p < 0.05 {
            " differs from "
        } else {
            " does not differ beyond chance from "
        },
        fact(reference),
        " as a whole, by the ranks of all times (Mann and Whitney): such ranks without a cause have a probability of ",
        number(shown, p, of),
        "."
    ])
}

pub fn between([low, high]: [f64; 2], key: &dyn Fn(&str) -> String) -> Words {
    words![ms(low, key("/low")), " to ", ms(high, key("/high")),]
}

fn change_cells(change: Option<&Change>, of: &str) -> [Words; 4] {
    let Some(change) = change else {
        return [none(), none(), none(), none()];
    };
    let signed = |value: f64, what: &str| number(signed_ms(value), value, format!("{of}/{what}"));
    [
        signed(change.ms, "ms").into(),
        number(
            signed_percent(change.percent),
            change.percent,
            format!("{of}/percent"),
        )
        .into(),
        change.interval_ms.map_or_else(none, |[low, high]| {
            words![signed(low, "low"), " to ", signed(high, "high")]
        }),
        match change.is_real {
            Some(true) => "yes".into(),
            Some(false) => "no".into(),
            None => "not known".into(),
        },
    ]
}

/// Files per second and what failed.
pub fn reliability(report: &Report, chart: Option<Chart>) -> Section {
    let mut section = Section::new("reliability", "Throughput and reliability");
    section.chart(chart);
    let header = [
        "Run",
        "Files",
        "Failed",
        "Failed, %",
        "up to, by chance",
        "Twice delivered",
        "Files/s",
        "Sustained",
    ];
    let mut table = Table::new("Throughput and errors", 1, &header);
    let share = |value: f64, of: String| number(percent(value * 100.0), value * 100.0, of);
    let per_s = |value: f64, of: String| Words::from(number(rate(value), value, of));
    for run in &report.runs {
        let (figures, key) = (&run.figures, |what: &str| {
            format!("run/{}/{what}", run.label)
        });
        table.rows.push(vec![
            fact(&run.label).into(),
            count(figures.files, key("files")).into(),
            count(figures.files - figures.done(), key("failed_files")).into(),
            of_files(figures.done(), figures.files)
                .map_or_else(none, |value| share(value, key("failed")).into()),
            of_files(figures.done(), figures.files).map_or_else(none, |_| {
                share(run.error_interval[1], key("failed/high")).into()
            }),
            count(figures.redelivered, key("redelivered")).into(),
            figures
                .files_per_s
                .map_or_else(none, |value| per_s(value, key("files_per_s"))),
            run.saturation_per_s
                .map_or_else(none, |value| per_s(value, key("saturation"))),
        ]);
    }
    for one in &report.published {
        let key = |what: &str| format!("published/{}/{what}", one.label);
        table.rows.push(vec![
            fact(&one.label).into(),
            count(one.files, key("files")).into(),
            count(one.failed, key("failed_files")).into(),
            share(one.failed as f64 / one.files as f64, key("failed")).into(),
            share(one.error_interval[1], key("failed/high")).into(),
            none(),
            per_s(one.files_per_s, key("files_per_s")),
            none(),
        ]);
    }
    section.table(table);
    section.text(words![
        "Files per second are, where files go one after the other, files by the sum of their times: what one client sees, \
         and not what the target can do. Sustained is the highest rate of a ramp at which nothing piled up. That nothing of \
         a few files failed does not say that nothing fails: the share may be as high as stands there (Wilson's interval, ",
        fact("95 %"),
        ")."
    ]);
    section
}

/// Share of files that failed; none of none.
fn of_files(done: usize, files: usize) -> Option<f64> {
    (files > 0).then(|| (files - done) as f64 / files as f64)
}
