//! Files per second and files that failed, as bars from zero.

use maud::{Markup, html};

use super::super::report::Report;
use super::draw::{EDGE, Mark, WIDTH, axis_below, line, series, text, value, width};
use super::scale::Scale;
use super::{Chart, Parts};
use crate::bench::Method;
use crate::bench::stats::Interval;
use crate::number::rate;

const BAR: f64 = 13.0;

/// A bar: its name, its value, what it is, and its interval.
struct Bar {
    name: &'static str,
    value: f64,
    of: String,
    shown: String,
    interval: Option<Interval>,
}

type Group = (String, usize, Vec<Bar>);

fn rates(report: &Report) -> Vec<Group> {
    let bar = |name, value: f64, of: String| Bar {
        name,
        value,
        of,
        shown: format!("{} files/s", rate(value)),
        interval: None,
    };
    let runs = report.runs.iter().enumerate().map(|(at, run)| {
        let name = match run.facts.settings.method {
            Method::Sequential { .. } | Method::Cold { .. } => "one by one",
            Method::Rate { .. } | Method::Ramp { .. } => "at a rate",
            Method::Concurrency { .. } => "at once",
        };
        let of = |what: &str| format!("run/{}/{what}", run.label);
        let own = run.figures.files_per_s;
        let own = own.map(|value| bar(name, value, of("files_per_s")));
        let most = run.saturation_per_s;
        let most = most.map(|value| bar("sustained", value, of("saturation")));
        (run.label.clone(), at, own.into_iter().chain(most).collect())
    });
    let published = report.published.iter().zip(report.runs.len()..);
    let published = published.map(|(one, at)| {
        let of = format!("published/{}/files_per_s", one.label);
        let own = bar("one by one", one.files_per_s, of);
        (one.label.clone(), at, vec![own])
    });
    runs.chain(published)
        .filter(|(_, _, bars): &Group| !bars.is_empty())
        .collect()
}

fn errors(report: &Report) -> Vec<Group> {
    let bar = |failed: usize, files: usize, interval: Interval, of: String| {
        let share = failed as f64 / files as f64 * 100.0;
        Bar {
            name: "failed",
            value: share,
            of,
            shown: format!("{failed} of {files}"),
            interval: Some(interval.map(|share| share * 100.0)),
        }
    };
    let runs = report.runs.iter().enumerate();
    let runs = runs
        .filter(|(_, run)| run.figures.files > 0)
        .map(|(at, run)| {
            let figures = &run.figures;
            let failed = figures.files - figures.done();
            let of = format!("run/{}/failed", run.label);
            let one = bar(failed, figures.files, run.error_interval, of);
            (run.label.clone(), at, vec![one])
        });
    let published = report.published.iter().zip(report.runs.len()..);
    let published = published.map(|(one, at)| {
        let of = format!("published/{}/failed", one.label);
        let one_bar = bar(one.failed, one.files, one.error_interval, of);
        (one.label.clone(), at, vec![one_bar])
    });
    runs.chain(published).collect()
}

/// Groups of bars from `top`; where they end.
fn panel(groups: &[Group], scale: &Scale, axis: &str, top: f64) -> (Markup, f64) {
    let left = scale.range()[0];
    let mut y = top;
    let mut body = Vec::new();
    for (label, at, bars) in groups {
        body.push(text(EDGE, y + 11.0, "label", label));
        y += 17.0;
        for bar in bars {
            let mark = Mark {
                of: bar.of.clone(),
                value: bar.value,
                axis,
                title: format!("{label}, {}: {}", bar.name, bar.shown),
            };
            let wide = scale.at(bar.value) - left;
            let end = bar.interval.map_or(left + wide, |[_, high]| scale.at(high));
            body.push(html! {
                (text(EDGE, y + 10.0, "side", bar.name))
                (mark.bar((left, y), (wide, BAR - 2.0), &series(*at)))
                @if let Some([low, high]) = bar.interval {
                    @let middle = y + BAR / 2.0 - 1.0;
                    (line((scale.at(low), middle), (scale.at(high), middle), "whisker"))
                    (line((scale.at(high), middle - 3.0), (scale.at(high), middle + 3.0), "whisker"))
                }
                (value(end + 4.0, y + 10.0, "", &bar.of, bar.value, &bar.shown))
            });
            y += BAR;
        }
        y += 5.0;
    }
    (html! { @for one in &body { (one) } }, y)
}

pub fn chart(report: &Report) -> Option<Chart> {
    const LEFT: f64 = 74.0;
    let (rates, errors) = (rates(report), errors(report));
    let bars = |groups: &[Group]| groups.iter().map(|(_, _, bars)| bars.len()).sum::<usize>();
    let marks = bars(&rates) + bars(&errors);
    if marks == 0 {
        return None;
    }
    let room = |groups: &[Group]| {
        let all = groups.iter().flat_map(|(_, _, bars)| bars);
        all.map(|bar| width(&bar.shown)).fold(0.0, f64::max) + 6.0
    };
    let most = |groups: &[Group]| {
        let all = groups.iter().flat_map(|(_, _, bars)| bars);
        all.map(|bar| bar.interval.map_or(bar.value, |[_, high]| high))
            .fold(0.0, f64::max)
    };
    let scale = Scale::linear(most(&rates), [LEFT, WIDTH - EDGE - room(&rates)]);
    let (upper, end) = panel(&rates, &scale, "rate", 8.0);
    let below = Scale::linear(
        most(&errors).min(100.0),
        [LEFT, WIDTH - EDGE - room(&errors)],
    );
    let begin = end + 36.0;
    let (lower, last) = panel(&errors, &below, "errors", begin);
    Some(Chart::of(Parts {
        id: "throughput",
        title: "Throughput and errors",
        description: "files per second as bars from zero; below, the share of files that failed, with a line to what it \
            may be by chance"
            .to_owned(),
        marks,
        height: last + 32.0,
        body: html! {
            (axis_below("rate", &scale, (4.0, end), "files per second (bars from zero)"))
            (upper)
            (axis_below("errors", &below, (begin - 4.0, last), "files that failed, % (line: up to there by chance)"))
            (lower)
        },
    }))
}
