//! `pipectl bench --from CSV`: the summary of a run again, made of its rows.

use std::path::Path;

use serde::Serialize;

use super::super::{Ended, Stop};
use crate::bench::gate::Term;
use crate::bench::store::{read_run, summary_beside};
use crate::bench::{BenchError, Figures, Summary};
use crate::render::{Renderer, bench as words};

#[derive(Debug, Serialize)]
struct ReadData {
    #[serde(flatten)]
    summary: Summary,
    /// Are the figures those that the run wrote?
    as_written: bool,
}

pub(super) fn run(results: &Path, terms: &[Term], renderer: &Renderer) -> Ended {
    let (mut summary, rows, _) = read_run(results)?;
    let settings = &summary.run.settings;
    let figures = Figures::of(&rows, &settings.method, settings.seed);
    let as_written = figures == summary.figures;
    summary.figures = figures;
    let broken: Vec<_> = terms
        .iter()
        .filter_map(|term| term.check(&summary.figures).err())
        .collect();
    let data = ReadData {
        summary,
        as_written,
    };
    let text = || words::run(&data.summary, None, None);
    if !as_written {
        renderer.human(text);
        let path = results.to_owned();
        return Err(Stop::with_data(BenchError::OtherFigures { path }, &data));
    }
    // Of a run that ended early nobody knows what would have been.
    if let Some(cause) = data
        .summary
        .ended_early
        .clone()
        .filter(|_| !terms.is_empty())
    {
        renderer.human(text);
        let failure = BenchError::EndedEarly {
            files: data.summary.figures.files,
            cause,
            file: results.display().to_string(),
        };
        return Err(Stop::with_data(failure, &data));
    }
    if broken.is_empty() {
        renderer.data(&data, text);
        return Ok(());
    }
    renderer.human(text);
    let beside = summary_beside(results).unwrap_or_default();
    let file = beside.display().to_string();
    Err(Stop::with_data(
        BenchError::Asserted { broken, file },
        &data,
    ))
}
