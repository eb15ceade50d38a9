//! `pipectl cost`

use std::path::PathBuf;

use serde::Serialize;
use time::OffsetDateTime;

use super::{Ended, Global, session};
use crate::bench::store;
use crate::cost::usage::{self, assumed};
use crate::cost::{CostError, Estimate, Load, Prices, Runtime};
use crate::render::{Renderer, cost as words};
use crate::stack::model::Architecture;

/// Estimate what the stack costs on AWS, line by line
///
/// Events are log lines: what the pipeline bills for is files of so many lines each. Nothing is called: prices are
/// those of a file with its day, use is the stack's, and how long functions run is assumed, or measured by a run of
/// `pipectl bench` that --from names.
#[derive(Debug, clap::Args)]
pub struct CostArgs {
    /// Log lines a month, e.g. 500k, 50M or 1B
    #[arg(long, default_value = "50M", value_name = "N", value_parser = parse_count)]
    events_per_month: f64,
    /// Lines of a file
    #[arg(long, default_value = "1000", value_name = "N", value_parser = parse_count)]
    lines_per_file: f64,
    /// Messages of one invocation, on average
    #[arg(long, default_value = "1", value_name = "N", value_parser = parse_count)]
    batch: f64,
    /// Summary of a run: its functions ran as long as Lambda reported
    #[arg(long, value_name = "SUMMARY")]
    from: Option<PathBuf>,
    /// Region whose prices are used
    #[arg(long, default_value = "us-east-1", value_name = "REGION")]
    region: String,
    /// Instruction set of all functions; by default what the stack says for AWS
    #[arg(long, value_parser = ["arm64", "x86_64"])]
    architecture: Option<String>,
}

/// `1000`, `500k`, `50M`, `1B`.
fn parse_count(text: &str) -> Result<f64, String> {
    let (number, times) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        Some((at, 'b' | 'B' | 'g' | 'G')) => (&text[..at], 1e9),
        _ => (text, 1.0),
    };
    let number = number.replace(['_', ','], "").parse::<f64>().ok();
    number
        .map(|number| number * times)
        .filter(|count| (1.0..=1e13).contains(count))
        .ok_or_else(|| format!("`{text}` is no count: write 1 to 10000B, e.g. 500k, 50M or 1B"))
}

#[derive(Debug, Serialize)]
struct CostData {
    #[serde(flatten)]
    estimate: Estimate,
    /// How many days old the prices are, if that is too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices_too_old_days: Option<i64>,
}

pub(super) fn run(global: &Global, args: CostArgs, renderer: &Renderer) -> Ended {
    let prices = Prices::of(&args.region)?;
    let mut stack = session::load(global, global.target.as_deref().unwrap_or("aws"))?;
    if let Some(architecture) = &args.architecture {
        let architecture = match architecture.as_str() {
            "arm64" => Architecture::Arm64,
            _ => Architecture::X86_64,
        };
        stack
            .functions
            .iter_mut()
            .for_each(|one| one.architecture = architecture);
    }
    let load = Load {
        lines: args.events_per_month,
        lines_per_file: args.lines_per_file,
        batch: args.batch,
    };
    let summary = args.from.as_ref().map(|path| store::read_summary(path));
    let summary = summary.transpose()?;
    if let (Some(summary), Some(path)) = (&summary, &args.from)
        && !summary
            .figures
            .reports
            .values()
            .any(|one| one.billed_ms.is_some())
    {
        let path = path.display().to_string();
        return Err(CostError::NoReports { path }.into());
    }
    let runtime = |name: &str| {
        let reports = summary.as_ref().map(|summary| &summary.figures.reports);
        let billed = reports.and_then(|reports| reports.get(name)?.billed_ms.as_ref());
        billed.map_or_else(
            || assumed(&stack, name, &load),
            |billed| Runtime {
                billed_ms: billed.mean,
                init_ms: 0.0,
                cold_percent: 0.0,
                measured: true,
            },
        )
    };
    let uses = usage::of(&stack, &load, &runtime);
    if uses.iter().all(|one| one.per_file == 0.0) {
        let stack = stack.name.clone();
        return Err(CostError::Nothing { stack }.into());
    }
    let data = CostData {
        estimate: Estimate::of(&prices, &load, &uses),
        prices_too_old_days: prices.too_old(OffsetDateTime::now_utc().date()),
    };
    renderer.data(&data, || {
        words::estimate(&data.estimate, data.prices_too_old_days)
    });
    Ok(())
}
