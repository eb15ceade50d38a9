//! Median by lines of the file, with its interval.

use std::collections::BTreeSet;

use maud::html;

use super::super::report::Report;
use super::draw::{
    EDGE, Mark, WIDTH, axis_left, legend, line, place, series, shape, text, tick, value, width,
};
use super::scale::Scale;
use super::{Chart, Parts};
use crate::number::ms;

const HIGH: f64 = 190.0;
const LEFT: f64 = 46.0;

pub fn chart(report: &Report) -> Option<Chart> {
    let sizes: BTreeSet<u64> = report
        .runs
        .iter()
        .flat_map(|run| &run.figures.sizes)
        .filter(|size| size.end_to_end_ms.is_some())
        .map(|size| size.lines)
        .collect();
    let sizes: Vec<u64> = sizes.into_iter().collect();
    let points = |at: usize| {
        let figures = &report.runs[at].figures.sizes;
        figures.iter().filter_map(|size| {
            let times = size.end_to_end_ms.as_ref()?;
            Some((size.lines, times.p50, times.p50_interval))
        })
    };
    let runs: Vec<usize> = (0..report.runs.len())
        .filter(|at| points(*at).next().is_some())
        .collect();
    let marks: usize = runs.iter().map(|at| points(*at).count()).sum();
    if marks == 0 {
        return None;
    }
    let names: Vec<_> = runs
        .iter()
        .map(|at| {
            let mark = html! { path class={ "sample " (series(*at)) } d=(shape(*at)) {} };
            (mark, report.runs[*at].label.clone())
        })
        .collect();
    let (legend, high) = legend(&names, 6.0);
    let top = 6.0 + high + 22.0;
    let all = runs.iter().flat_map(|at| points(*at));
    let scale = Scale::log(
        all.flat_map(|(_, p50, [low, high])| [p50, low, high]),
        [top + HIGH, top],
    );
    let right = WIDTH - EDGE;
    let column = (right - LEFT) / sizes.len() as f64;
    let shown = runs.iter().flat_map(|at| points(*at));
    let shown = shown.map(|(_, p50, _)| width(&ms(p50)));
    let widest = sizes
        .iter()
        .map(|lines| width(&tick(*lines as f64)))
        .chain(shown);
    let every = ((widest.fold(0.0, f64::max) + 6.0) / column)
        .ceil()
        .max(1.0) as usize;
    let x_of = |lines: u64, order: usize| {
        let at = sizes.iter().position(|one| *one == lines).unwrap_or(0);
        // Beside one another, so that none hides another one.
        let offset =
            (order as f64 - (runs.len() as f64 - 1.0) / 2.0) * (column / (runs.len() as f64 + 2.0));
        LEFT + column * (at as f64 + 0.5) + offset
    };
    let drawn = runs.iter().enumerate().map(|(order, at)| {
        let label = &report.runs[*at].label;
        let path: Vec<String> = points(*at)
            .map(|(lines, p50, _)| {
                format!("{},{}", place(x_of(lines, order)), place(scale.at(p50)))
            })
            .collect();
        html! {
            polyline class={ "way " (series(*at)) } points=(path.join(" ")) {}
            @for (lines, p50, [low, high]) in points(*at) {
                @let x = x_of(lines, order);
                (line((x, scale.at(low)), (x, scale.at(high)), &format!("whisker {}", series(*at))))
                @let mark = Mark {
                    of: format!("run/{label}/size/{lines}/p50"),
                    value: p50,
                    axis: "ms",
                    title: format!("{label}, {} lines: {}", tick(lines as f64), ms(p50)),
                };
                (mark.point(x, scale.at(p50), &series(*at), shape(*at)))
            }
        }
    });
    let drawn: Vec<_> = drawn.collect();
    let bottom = top + HIGH;
    // What the points are, in figures: a line for each run.
    let values = runs.iter().enumerate().map(|(line, at)| {
        let label = &report.runs[*at].label;
        let y = bottom + 46.0 + 14.0 * line as f64;
        let shown = points(*at).filter(|(lines, ..)| {
            let at = sizes.iter().position(|one| one == lines).unwrap_or(0);
            at % every == 0
        });
        let shown: Vec<(f64, f64, String)> = shown
            .map(|(lines, p50, _)| {
                let at = sizes.iter().position(|one| *one == lines).unwrap_or(0);
                let of = format!("run/{label}/size/{lines}/p50");
                (LEFT + column * (at as f64 + 0.5), p50, of)
            })
            .collect();
        html! {
            g transform={ "translate(" (place(EDGE + 5.0)) "," (place(y - 4.0)) ")" } {
                path class={ "sample " (series(*at)) } d=(shape(*at)) {}
            }
            @for (x, p50, of) in &shown { (value(*x, y, "middle", of, *p50, &ms(*p50))) }
        }
    });
    let values: Vec<_> = values.collect();
    let below = 14.0 * runs.len() as f64;
    Some(Chart::of(Parts {
        id: "sizes",
        title: "Latency by file size",
        description: "median from end to end of files of each size, with its interval as a line; a mark of its own for each run"
            .to_owned(),
        marks,
        height: bottom + 42.0 + below,
        body: html! {
            (legend)
            (text(EDGE, top - 10.0, "name", "median from end to end, ms (each step is a multiple)"))
            (axis_left("ms", &scale, (LEFT, right), 7))
            // Of many sizes every so many-eth is named, so that no name stands over another one.
            @for (at, lines) in sizes.iter().enumerate().step_by(every) {
                (text(LEFT + column * (at as f64 + 0.5), bottom + 13.0, "tick middle", &tick(*lines as f64)))
            }
            (text(f64::midpoint(LEFT, right), bottom + 27.0, "name middle", "lines of the file"))
            @for one in &drawn { (one) }
            @for one in &values { (one) }
        },
    }))
}
