//! `pipectl compare`

use std::path::PathBuf;

use serde::Serialize;
use time::OffsetDateTime;

use super::cost::parse_count;
use super::{Ended, Global, Stop, session};
use crate::compare::baseline::Baseline;
use crate::compare::input::{self, Input};
use crate::compare::report::{Cost, Parity, Report};
use crate::compare::{self, Beside, CompareError, Files, read_parity, sections, store};
use crate::cost::{Load, Prices};
use crate::render::{Renderer, compare as words};

/// Compare runs of bench: one report with tables, charts, cost, and which target is for what
///
/// The first run is what the others are compared with. Runs are read from files and nothing is called; cold starts, rounds
/// of work and ramps that lie beside a run are taken with it. Written are one self-contained page, Markdown, JSON, and each
/// chart as SVG.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Runs: a target whose results lie in --in, a directory, a results file; before it a label of your own: LABEL=RUN
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// Report of `pipectl parity` (JSON); may be given several times
    #[arg(long, value_name = "FILE")]
    parity: Vec<PathBuf>,
    /// Published figures beside them: `study`, or a file
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Where runs of targets are looked for
    #[arg(long = "in", default_value = "results", value_name = "DIR")]
    within: PathBuf,
    /// Where the report goes
    #[arg(long, default_value = "results/report", value_name = "DIR")]
    out: PathBuf,
    /// Log lines a month that cost is told for, e.g. 500k, 50M or 1B
    #[arg(long, default_value = "50M", value_name = "N", value_parser = parse_count)]
    events_per_month: f64,
    /// Lines of a file that cost is told for
    #[arg(long, default_value = "1000", value_name = "N", value_parser = parse_count)]
    lines_per_file: f64,
    /// Region whose prices are used
    #[arg(long, default_value = "us-east-1", value_name = "REGION")]
    region: String,
    /// File of prices of your own, for other regions or days
    #[arg(long, value_name = "FILE", conflicts_with = "region")]
    prices: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct CompareData {
    #[serde(flatten)]
    report: Report,
    report_files: Files,
    /// What a reader should know today, and not of the report itself.
    warnings: Vec<String>,
}

pub(super) fn run(global: &Global, args: &CompareArgs, renderer: &Renderer) -> Ended {
    let inputs = input::read(&args.runs, &args.within)?;
    let baseline = args.baseline.as_deref().map(Baseline::named).transpose()?;
    let parity = args.parity.iter().map(|path| read_parity(path));
    let parity = parity.collect::<Result<Vec<_>, CompareError>>()?;
    for (at, one) in parity.iter().enumerate() {
        let same = |other: &Parity| other.labels == one.labels;
        if parity[..at].iter().any(same) {
            let [a, b] = one.labels.clone();
            return Err(CompareError::SameParity { a, b }.into());
        }
    }
    let prices = match &args.prices {
        Some(path) => Prices::read(path)?,
        None => Prices::of(&args.region)?,
    };
    if let Some(target) = &global.target {
        session::find_row(global, target)?;
    }
    let cost = cost(global, args, &prices, &inputs)?;
    let report = compare::compare(
        &inputs,
        Beside {
            baseline,
            parity,
            cost,
        },
    )?;
    let document = sections::document(&report);
    store::try_out(&args.out)?;
    let files = store::write(&args.out, &report, &document)?;
    let data = CompareData {
        report,
        report_files: files,
        warnings: prices
            .warning(OffsetDateTime::now_utc().date())
            .into_iter()
            .collect(),
    };
    renderer.data(&data, || {
        words::report(&data.report, &data.report_files, &data.warnings)
    });
    Ok(())
}

/// None where there is no stack file of the runs' stack here: a report needs no project.
fn cost(
    global: &Global,
    args: &CompareArgs,
    prices: &Prices,
    inputs: &[Input],
) -> Result<Option<Cost>, Stop> {
    let stack = match session::load(global, global.target.as_deref().unwrap_or("aws")) {
        Ok(stack) => stack,
        // What was asked for must be there.
        Err(stop) if global.stack.is_some() => return Err(stop),
        Err(_) => return Ok(None),
    };
    if inputs
        .iter()
        .all(|input| input.summary.run.stack != stack.name)
    {
        return Ok(None);
    }
    let load = Load {
        lines: args.events_per_month,
        lines_per_file: args.lines_per_file,
        batch: 1.0,
    };
    let with_study = args.baseline.as_deref() == Some("study");
    let cost = compare::costs(&stack, prices, &load, inputs, with_study)?;
    Ok(Some(cost))
}
