//! Parts of what was measured: sizes, cold starts, and where the time goes.

use super::super::chart::{Chart, hop_label};
use super::super::document::{Section, Table};
use super::super::report::{Report, as_the_study, shares};
use super::super::words::{Piece, Words, fact, number, words};
use super::measured::between;
use super::{count, maybe_ms, ms, none};
use crate::bench::stats::Distribution;
use crate::number::{self, signed_ms};

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
                hop_label(name).into(),
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
