//! What was run, and what it measured.

use super::super::chart::Chart;
use super::super::document::{Section, Table};
use super::super::report::{Change, Difference, Report, Run, as_the_study, shares};
use super::super::words::{Piece, Words, fact, number, words};
use super::{count, maybe_ms, ms, none};
use crate::bench::Method;
use crate::bench::stats::Distribution;
use crate::number::{self, percent, rate, signed_ms, signed_percent};

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
        let tuned = facts.mappings.values().any(|mapping| mapping.tuned);
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
        ". A difference is real where the interval of the difference holds no zero."
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

fn between([low, high]: [f64; 2], key: &dyn Fn(&str) -> String) -> Words {
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
            share(figures.error_rate, key("failed")).into(),
            share(run.error_interval[1], key("failed/high")).into(),
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

/// By lines of the files.
pub fn sizes(report: &Report, chart: Option<Chart>) -> Section {
    let mut section = Section::new("sizes", "By file size");
    section.chart(chart);
    let header = [
        "Run",
        "Lines",
        "Files",
        "P50",
        "Interval",
        "P95",
        "Upload P50",
        "Processing P50",
        "Difference of P50",
    ];
    let mut table = Table::new("Files of each size", 2, &header);
    for run in &report.runs {
        for size in &run.figures.sizes {
            let key = |what: &str| format!("run/{}/size/{}/{what}", run.label, size.lines);
            let times = size.end_to_end_ms.as_ref();
            let p50 = |times: Option<&Distribution>| times.map(|one| one.p50);
            let first = report
                .first()
                .filter(|first| first.label != run.label && run.difference.is_some());
            let first = first.and_then(|first| {
                let mut sizes = first.figures.sizes.iter();
                sizes
                    .find(|one| one.lines == size.lines)?
                    .end_to_end_ms
                    .as_ref()
            });
            let difference = Option::zip(first, times).map(|(first, own)| own.p50 - first.p50);
            table.rows.push(vec![
                fact(&run.label).into(),
                fact(size.lines).into(),
                count(size.done, key("n")).into(),
                maybe_ms(p50(times), key("p50")),
                times.map_or_else(none, |one| {
                    between(one.p50_interval, &|what| key(&format!("p50{what}")))
                }),
                maybe_ms(times.map(|one| one.p95), key("p95")),
                maybe_ms(p50(size.upload_ms.as_ref()), key("upload")),
                maybe_ms(p50(size.processing_ms.as_ref()), key("processing")),
                difference.map_or_else(none, |value| {
                    number(signed_ms(value), value, key("change")).into()
                }),
            ]);
        }
    }
    section.table(table);
    section
}

/// Cold starts.
pub fn cold(report: &Report) -> Section {
    let mut section = Section::new("cold", "Cold starts");
    let header = [
        "Run",
        "Cold files",
        "Cold P50",
        "Warm files",
        "Warm P50",
        "Difference",
        "Trigger's init P50",
        "Worker's init P50",
    ];
    let mut table = Table::new(
        "Files that met new environments, and files right after them",
        1,
        &header,
    );
    let p50 = |times: Option<&Distribution>| times.map(|one| one.p50);
    for run in &report.runs {
        let Some(cold) = &run.cold else { continue };
        let key = |what: &str| format!("run/{}/cold/{what}", run.label);
        let n =
            |times: Option<&Distribution>, of: &str| count(times.map_or(0, |one| one.n), key(of));
        table.rows.push(vec![
            fact(&run.label).into(),
            n(cold.cold_ms.as_ref(), "n").into(),
            maybe_ms(p50(cold.cold_ms.as_ref()), key("p50")),
            n(cold.warm_ms.as_ref(), "warm/n").into(),
            maybe_ms(p50(cold.warm_ms.as_ref()), key("warm/p50")),
            cold.difference_ms.map_or_else(none, |value| {
                number(signed_ms(value), value, key("difference")).into()
            }),
            maybe_ms(p50(cold.trigger_init_ms.as_ref()), key("trigger_init")),
            maybe_ms(p50(cold.worker_init_ms.as_ref()), key("worker_init")),
        ]);
    }
    section.table(table);
    let within = report.runs.iter().filter(|run| run.cold_files > 0);
    let within: Vec<Words> = within
        .map(|run| {
            let of = format!("run/{}/cold_files", run.label);
            words![fact(&run.label), " ", count(run.cold_files, of)]
        })
        .collect();
    if !within.is_empty() {
        let mut text = words![
            "Files of the runs themselves that met a new environment, those that are not counted among them: "
        ];
        text.0.extend(Words::listed(within).0);
        text.push(".");
        section.text(text);
    }
    section
}

/// Parts of the way.
pub fn breakdown(report: &Report, chart: Option<Chart>) -> Section {
    let mut section = Section::new("breakdown", "Where the time goes");
    section.chart(chart);
    let header = ["Run", "Part", "Mean", "Share", "Clocks"];
    let mut table = Table::new("Parts of the mean, in the order of time", 2, &header);
    for run in &report.runs {
        for (name, mean, share) in shares(&run.figures) {
            let key = |what: &str| format!("run/{}/hop/{name}/{what}", run.label);
            let mut hops = run.figures.hops.iter();
            let clocks = hops.find(|hop| hop.name == name);
            table.rows.push(vec![
                fact(&run.label).into(),
                fact(name.replace('_', " ")).into(),
                ms(mean, key("mean")).into(),
                share_of(share, key("share")).into(),
                clocks.map_or_else(none, |hop| fact(&hop.clocks).into()),
            ]);
        }
    }
    section.table(table);
    let header = ["Run", "Mean", "Upload", "Processing", "Queue and overhead"];
    let mut table = Table::new("The same as the study has it", 1, &header);
    let measured = report.runs.iter().filter_map(|run| {
        let key = format!("run/{}", run.label);
        Some((&run.label, key, as_the_study(&run.figures)?))
    });
    let published = report.published.iter().map(|one| {
        let key = format!("published/{}", one.label);
        (&one.label, key, one.breakdown_ms)
    });
    for (label, key, parts) in measured.chain(published) {
        let part = |value: f64, what: &str| -> Words {
            let share = value / parts.total();
            words![
                ms(value, format!("{key}/part/{what}/mean")),
                " (",
                share_of(share, format!("{key}/part/{what}/share")),
                ")"
            ]
        };
        table.rows.push(vec![
            fact(label).into(),
            ms(parts.total(), format!("{key}/mean")).into(),
            part(parts.upload, "upload"),
            part(parts.processing, "processing"),
            part(parts.queue_and_overhead, "queue_and_overhead"),
        ]);
    }
    section.table(table);
    section
}

fn share_of(share: f64, of: String) -> Piece {
    number(number::percent(share * 100.0), share * 100.0, of)
}
