//! Shares of the parts of the way, as bars of a hundred percent.

use maud::html;

use super::super::report::{Report, hops, shares};
use super::draw::{EDGE, Mark, WIDTH, axis_below, legend, text, value, width};
use super::scale::Scale;
use super::{Chart, Parts};
use crate::number::ms;

const BAR: f64 = 24.0;
/// What the study has for everything but upload and processing.
const OVERHEAD: &str = "queue_and_overhead";

/// A bar: label, its mean with what it is, and its parts: name, what it is, share.
struct Bar {
    label: String,
    mean: f64,
    of: String,
    parts: Vec<(String, String, f64)>,
}

fn bars(report: &Report) -> Vec<Bar> {
    let runs = report.runs.iter().filter_map(|run| {
        let shares = shares(&run.figures);
        let mean = run.figures.end_to_end_ms.as_ref()?.mean;
        (!shares.is_empty()).then(|| Bar {
            label: run.label.clone(),
            mean,
            of: format!("run/{}/mean", run.label),
            parts: shares
                .into_iter()
                .map(|(name, _, share)| {
                    let of = format!("run/{}/hop/{name}/share", run.label);
                    (name.to_owned(), of, share * 100.0)
                })
                .collect(),
        })
    });
    let published = report.published.iter().map(|one| {
        let parts = one.breakdown_ms;
        let total = parts.total();
        let part = |name: &str, ms: f64| {
            let of = format!("published/{}/hop/{name}/share", one.label);
            (name.to_owned(), of, ms / total * 100.0)
        };
        Bar {
            label: one.label.clone(),
            mean: total,
            of: format!("published/{}/mean", one.label),
            parts: vec![
                part("upload", parts.upload),
                part(OVERHEAD, parts.queue_and_overhead),
                part("processing", parts.processing),
            ],
        }
    });
    runs.chain(published).collect()
}

/// As people read it.
pub fn hop_label(name: &str) -> &'static str {
    match name {
        "late" => "sent late",
        "upload" => "upload",
        "put_to_trigger" => "bucket to trigger",
        "trigger" => "trigger",
        "send_to_worker" => "queue to worker",
        "processing" => "processing",
        "row_to_seen" => "result seen",
        _ => "queue and overhead",
    }
}

pub fn chart(report: &Report) -> Option<Chart> {
    let bars = bars(report);
    let marks: usize = bars.iter().map(|bar| bar.parts.len()).sum();
    if marks == 0 {
        return None;
    }
    let used = |name: &str| {
        let mut parts = bars.iter().flat_map(|bar| &bar.parts);
        parts.any(|(one, ..)| one == name)
    };
    let all: Vec<&str> = hops().into_iter().chain([OVERHEAD]).collect();
    let class = |name: &str| {
        let at = all.iter().position(|one| *one == name).unwrap_or(0);
        format!("h{at}")
    };
    let names: Vec<_> = all
        .iter()
        .filter(|name| used(name))
        .map(|name| {
            let box_ = html! {
                rect class={ "bar " (class(name)) } x="-5" y="-6" width="11" height="11" {}
                rect class={ "hatch " (class(name)) } x="-5" y="-6" width="11" height="11" {}
            };
            (box_, hop_label(name).to_owned())
        })
        .collect();
    let (legend, high) = legend(&names, 6.0);
    let scale = Scale::whole(100.0, [EDGE, WIDTH - EDGE]);
    let mut y = 6.0 + high + 6.0;
    let begin = y;
    let mut body = Vec::new();
    for bar in &bars {
        body.push(html! {
            (text(EDGE, y + 11.0, "label", &bar.label))
            (value(WIDTH - EDGE, y + 11.0, "end", &bar.of, bar.mean, &format!("mean {}", ms(bar.mean))))
        });
        y += 17.0;
        let mut so_far = 0.0;
        for (name, of, share) in &bar.parts {
            let (from, to) = (scale.at(so_far), scale.at(so_far + share));
            let shown = format!("{share:.0} %");
            let mark = Mark {
                of: of.clone(),
                value: *share,
                axis: "share",
                title: format!("{}, {}: {share:.1} %", bar.label, hop_label(name)),
            };
            body.push(html! {
                (mark.bar((from, y), (to - from, BAR), &class(name)))
                rect class={ "hatch " (class(name)) } x=(super::place(from)) y=(super::place(y))
                    width=(super::place(to - from)) height=(super::place(BAR)) {}
                @if to - from > width(&shown) + 6.0 {
                    (value(f64::midpoint(from, to), y + 16.0, "inside middle", of, *share, &shown))
                }
            });
            so_far += share;
        }
        y += BAR + 8.0;
    }
    let axis = axis_below(
        "share",
        &scale,
        (begin, y),
        "share of all parts together, %",
    );
    Some(Chart::of(Parts {
        id: "breakdown",
        title: "Where the time goes",
        description: "parts of the way as shares of all of them together, in the order of time, each with a pattern of its own; beside the name the mean from end to end".to_owned(),
        marks,
        height: y + 32.0,
        body: html! {
            (patterns())
            (axis) (legend) @for one in &body { (one) }
        },
    }))
}

/// Lines over a part, so that it is known without its colour.
fn patterns() -> maud::Markup {
    const LINES: [(&str, &str); 7] = [
        ("p1", "M0,6L6,0"),
        ("p2", "M0,0L6,6"),
        ("p3", "M3,0V6"),
        ("p4", "M0,3H6"),
        ("p5", "M0,3H6M3,0V6"),
        ("p6", "M0,6L6,0M0,0L6,6"),
        ("p7", "M2,3h2"),
    ];
    html! {
        defs {
            @for (id, lines) in LINES {
                pattern id=(id) width="6" height="6" patternUnits="userSpaceOnUse" {
                    path class="hatching" d=(lines) {}
                }
            }
        }
    }
}
