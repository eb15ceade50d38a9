//! P50, P95 and P99 as bars from zero.

use maud::html;

use super::super::report::Report;
use super::draw::{EDGE, Mark, WIDTH, axis_below, series, text, value, width};
use super::scale::Scale;
use super::{Chart, Parts};
use crate::number::ms;

const BAR: f64 = 13.0;
const NAMES: f64 = 36.0;

/// Rows: label, series, and each figure with what it is.
type Group = (String, usize, Vec<(&'static str, f64, String)>);

fn groups(report: &Report) -> Vec<Group> {
    let runs = report.runs.iter().enumerate().filter_map(|(at, run)| {
        let times = run.compared_ms.as_ref()?;
        let of = |name: &str| format!("run/{}/e2e/{name}", run.label);
        let figures = vec![
            ("P50", times.p50, of("p50")),
            ("P95", times.p95, of("p95")),
            ("P99", times.p99, of("p99")),
        ];
        Some((run.label.clone(), at, figures))
    });
    let published = report.published.iter().zip(report.runs.len()..);
    let published = published.map(|(one, at)| {
        let of = |name: &str| format!("published/{}/e2e/{name}", one.label);
        let figures = vec![
            ("P50", one.end_to_end_ms.p50, of("p50")),
            ("P95", one.end_to_end_ms.p95, of("p95")),
            ("P99", one.end_to_end_ms.p99, of("p99")),
        ];
        (one.label.clone(), at, figures)
    });
    runs.chain(published).collect()
}

pub fn chart(report: &Report) -> Option<Chart> {
    let groups = groups(report);
    let figures = || groups.iter().flat_map(|(_, _, figures)| figures);
    let most = figures().map(|(_, ms, _)| *ms).reduce(f64::max)?;
    // The longest bar leaves room for its value.
    let room = figures()
        .map(|(_, ms, _)| width(&self::ms(*ms)))
        .fold(0.0, f64::max);
    let right = WIDTH - EDGE - room - 6.0;
    let scale = Scale::linear(most, [NAMES, right]);
    let mut y = 8.0;
    let mut body = Vec::new();
    for (label, at, figures) in &groups {
        body.push(text(EDGE, y + 11.0, "label", label));
        y += 17.0;
        for (name, ms, of) in figures {
            let shown = self::ms(*ms);
            let mark = Mark {
                of: of.clone(),
                value: *ms,
                axis: "ms",
                title: format!("{label}, {name}: {shown}"),
            };
            let wide = scale.at(*ms) - NAMES;
            body.push(html! {
                (text(EDGE, y + 10.0, "side", name))
                (mark.bar((NAMES, y), (wide, BAR - 2.0), &series(*at)))
                (value(NAMES + wide + 4.0, y + 10.0, "", of, *ms, &shown))
            });
            y += BAR;
        }
        y += 7.0;
    }
    let axis = axis_below(
        "ms",
        &scale,
        (4.0, y),
        "from end to end, ms (bars from zero)",
    );
    Some(Chart::of(Parts {
        id: "percentiles",
        title: "Latency percentiles",
        description: "P50, P95 and P99 from end to end of each run, as bars from zero".to_owned(),
        marks: figures().count(),
        height: y + 32.0,
        body: html! { (axis) @for one in &body { (one) } },
    }))
}
