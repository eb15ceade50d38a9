//! A report's numbers as sections of words, tables and charts.

mod ends;
mod measured;
mod money;
mod parts;
mod work;

use super::chart::{self, Chart};
use super::document::Document;
use super::report::Report;
use super::words::{Piece, Words, fact, number, words};
use crate::number;

pub use work::change_until_result;

/// The whole document.
pub fn document(report: &Report) -> Document {
    let mut charts = chart::all(report);
    let mut take = |id: &str| -> Option<Chart> {
        let at = charts.iter().position(|one| one.id == id)?;
        Some(charts.remove(at))
    };
    let sections = vec![
        ends::verdicts(report),
        measured::what(report),
        measured::percentiles(
            report,
            [take("percentiles"), take("distribution"), take("timeline")],
        ),
        measured::reliability(report, take("throughput")),
        parts::sizes(report, take("sizes")),
        parts::cold(report),
        parts::breakdown(report, take("breakdown")),
        work::cycle(report),
        work::parity(report),
        money::cost(report),
        ends::limitations(report),
        ends::method(report),
    ];
    let stacks = report.stacks.iter().map(|stack| fact(stack).into());
    let labels = report.runs.iter().map(|run| fact(&run.label).into());
    let others = report.published.iter().map(|one| fact(&one.label).into());
    let mut lead = words!["Stack "];
    lead.0.extend(Words::listed(stacks).0);
    lead.push(". Compared: ");
    lead.0.extend(Words::listed(labels.chain(others)).0);
    lead.push(". Differences are against ");
    lead.push(fact(&report.reference));
    lead.push(".");
    Document {
        title: "Runs compared".to_owned(),
        lead,
        sections: sections
            .into_iter()
            .filter(|section| !section.blocks.is_empty())
            .collect(),
    }
}

/// A time of a run.
fn ms(value: f64, of: String) -> Piece {
    number(number::ms(value), value, of)
}

/// An empty cell says that nothing is known.
fn none() -> Words {
    "–".into()
}

/// A time, or nothing known.
fn maybe_ms(value: Option<f64>, of: String) -> Words {
    value.map_or_else(none, |value| ms(value, of).into())
}

/// A whole number.
fn count(value: usize, of: String) -> Piece {
    number(value.to_string(), value as f64, of)
}

/// US dollars.
fn usd(value: f64, of: String) -> Piece {
    number(number::usd(value), value, of)
}
