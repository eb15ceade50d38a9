//! Files in the order in which they were sent, one panel for each run; cold starts have a mark of their own.

use maud::html;

use super::super::report::Report;
use super::draw::{COLD, EDGE, Mark, WIDTH, axis_below, axis_left, legend, series, shape, text};
use super::scale::Scale;
use super::{Chart, Parts};
use crate::number::ms;

const HIGH: f64 = 58.0;
const LEFT: f64 = 46.0;

pub fn chart(report: &Report) -> Option<Chart> {
    let runs = || {
        report
            .runs
            .iter()
            .enumerate()
            .filter(|(_, run)| !run.points.is_empty())
    };
    let last = runs()
        .flat_map(|(_, run)| &run.points)
        .map(|point| point.n)
        .max()?;
    let marks = runs().map(|(_, run)| run.points.len()).sum();
    let across = Scale::whole((last + 1) as f64, [LEFT, WIDTH - EDGE - 6.0]);
    let names = [
        (
            html! { path class="sample s0" d=(shape(0)) {} },
            "counted".to_owned(),
        ),
        (
            html! { path class="sample hollow s0" d=(shape(0)) {} },
            "warm-up".to_owned(),
        ),
        (
            html! { path class="sample cold" d=(COLD) {} },
            "cold start".to_owned(),
        ),
    ];
    let (legend, high) = legend(&names, 6.0);
    let mut y = 6.0 + high + 4.0;
    let mut body = Vec::new();
    for (at, run) in runs() {
        let top = y + 20.0;
        let axis = format!("ms{at}");
        let scale = Scale::log(run.points.iter().map(|point| point.ms), [top + HIGH, top]);
        body.push(html! {
            (text(EDGE, y + 11.0, "label", &run.label))
            (text(WIDTH - EDGE, y + 11.0, "side end", "from end to end, ms"))
            (axis_left(&axis, &scale, (LEFT, WIDTH - EDGE), 4))
            @for point in &run.points {
                @let mark = Mark {
                    of: format!("run/{}/file/{}", run.label, point.n),
                    value: point.ms,
                    axis: &axis,
                    title: format!(
                        "{}, file {}{}{}: {}", run.label, point.n,
                        if point.counts { "" } else { ", warm-up" },
                        if point.cold { ", cold" } else { "" }, ms(point.ms)
                    ),
                };
                @let class = match (point.cold, point.counts) {
                    (true, _) => "cold".to_owned(),
                    (false, true) => series(at),
                    (false, false) => format!("hollow {}", series(at)),
                };
                @let outline = if point.cold { COLD } else { shape(at) };
                (mark.point(across.at(point.n as f64), scale.at(point.ms), &class, outline))
            }
        });
        y = top + HIGH + 10.0;
    }
    let axis = axis_below(
        "n",
        &across,
        (y - 10.0, y - 4.0),
        "file, in the order of sending",
    );
    Some(Chart::of(Parts {
        id: "timeline",
        title: "Latency over the run",
        description: "each file in the order of sending, a panel with an axis of its own for each run; files that met a \
            new environment are marked"
            .to_owned(),
        marks,
        height: y + 28.0,
        body: html! { (legend) (axis) @for one in &body { (one) } },
    }))
}
