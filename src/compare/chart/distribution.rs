//! Every file as a point, over one axis by powers.

use maud::html;

use super::super::report::Report;
use super::draw::{EDGE, Mark, WIDTH, axis_below, line, series, shape, text, value};
use super::scale::Scale;
use super::{Chart, Parts};
use crate::number::ms;

const LANE: f64 = 30.0;
/// Distances from the middle, so that equal times do not hide each other.
const SPREAD: [f64; 7] = [0.0, -7.0, 7.0, -3.5, 3.5, -10.0, 10.0];

pub fn chart(report: &Report) -> Option<Chart> {
    let measured = || {
        report
            .runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.compared_ms.is_some())
    };
    let counted = |run: &super::super::report::Run| -> Vec<(u64, f64)> {
        let counted = run.points.iter().filter(|point| point.counts);
        counted.map(|point| (point.n, point.ms)).collect()
    };
    let times = measured()
        .flat_map(|(_, run)| counted(run))
        .map(|(_, ms)| ms);
    let published = report.published.iter().flat_map(|one| {
        let times = one.end_to_end_ms;
        [times.p50, times.p95, times.p99]
    });
    let scale = Scale::log(times.chain(published), [EDGE + 8.0, WIDTH - EDGE - 14.0]);
    let (mut y, mut marks, mut body) = (8.0, 0, Vec::new());
    for (at, run) in measured() {
        let Some(median) = run.compared_ms.as_ref().map(|times| times.p50) else {
            continue;
        };
        let of = format!("run/{}/e2e/p50", run.label);
        let middle = y + 19.0 + LANE / 2.0;
        let points = counted(run);
        body.push(html! {
            (text(EDGE, y + 11.0, "label", &run.label))
            (value(WIDTH - EDGE, y + 11.0, "end", &of, median, &format!("median {}", ms(median))))
            (line((EDGE, middle), (WIDTH - EDGE, middle), "lane"))
            @for (order, (n, took)) in points.iter().enumerate() {
                @let mark = Mark {
                    of: format!("run/{}/file/{n}", run.label),
                    value: *took,
                    axis: "ms",
                    title: format!("{}, file {n}: {}", run.label, ms(*took)),
                };
                (mark.point(scale.at(*took), middle + SPREAD[order % SPREAD.len()], &series(at), shape(at)))
            }
            (line((scale.at(median), middle - 14.0), (scale.at(median), middle + 14.0), "median"))
        });
        marks += points.len();
        y += 19.0 + LANE + 4.0;
    }
    for (at, one) in (report.runs.len()..).zip(&report.published) {
        let middle = y + 19.0 + LANE / 2.0;
        let times = one.end_to_end_ms;
        body.push(html! {
            (text(EDGE, y + 11.0, "label", &one.label))
            (text(WIDTH - EDGE, y + 11.0, "side end", "median, P95, P99 as published"))
            (line((EDGE, middle), (WIDTH - EDGE, middle), "lane"))
            @for (name, took) in [("p50", times.p50), ("p95", times.p95), ("p99", times.p99)] {
                @let mark = Mark {
                    of: format!("published/{}/e2e/{name}", one.label),
                    value: took,
                    axis: "ms",
                    title: format!("{}, {name}: {}", one.label, ms(took)),
                };
                (mark.point(scale.at(took), middle, &series(at), shape(at)))
            }
            (line((scale.at(times.p50), middle - 14.0), (scale.at(times.p50), middle + 14.0), "median"))
        });
        marks += 3;
        y += 19.0 + LANE + 4.0;
    }
    let axis = axis_below(
        "ms",
        &scale,
        (4.0, y),
        "from end to end, ms (each step is a multiple)",
    );
    (marks > 0).then(|| {
        Chart::of(Parts {
            id: "distribution",
            title: "Latency distribution",
            description:
                "every counted file of each run as a point, with a line at the median; of \
                published figures their percentiles"
                    .to_owned(),
            marks,
            height: y + 32.0,
            body: html! { (axis) @for one in &body { (one) } },
        })
    })
}
