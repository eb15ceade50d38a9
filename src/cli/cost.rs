//! `pipectl cost`

use std::path::PathBuf;

use serde::Serialize;
use time::OffsetDateTime;

use super::{Ended, Global, session};
use crate::bench::store;
use crate::cost::study::{self, Claim, StudyCost};
use crate::cost::{self, CostError, Estimate, Load, Prices};
use crate::render::{Renderer, cost as words};
use crate::stack::model::{Architecture, Function, Stack};

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
    #[arg(long, value_name = "SET", value_parser = parse_architecture)]
    architecture: Option<Architecture>,
    /// File of prices of your own, for other regions or days
    #[arg(long, value_name = "FILE", conflicts_with = "region")]
    prices: Option<PathBuf>,
    /// Put the published study's figures beside it, checked
    #[arg(long, value_name = "NAME", value_parser = ["study"])]
    baseline: Option<String>,
}

fn parse_architecture(text: &str) -> Result<Architecture, String> {
    [Architecture::Arm64, Architecture::X86_64]
        .into_iter()
        .find(|one| one.label() == text)
        .ok_or_else(|| format!("`{text}` is none of arm64 and x86_64"))
}

/// `1000`, `500k`, `50M`, `1B`.
pub(super) fn parse_count(text: &str) -> Result<f64, String> {
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
    /// Instruction set of the functions.
    architecture: String,
    /// US dollars of the same month with the other one.
    other_architecture: Other,
    /// What a reader should know.
    warnings: Vec<String>,
    /// What the study says, and what it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<Study>,
}

#[derive(Debug, Serialize)]
struct Study {
    published: StudyCost,
    claims: Vec<Claim>,
}

#[derive(Debug, Serialize)]
struct Other {
    architecture: String,
    usd: f64,
    usd_with_free_tier: f64,
}

pub(super) fn run(global: &Global, args: &CostArgs, renderer: &Renderer) -> Ended {
    let prices = match &args.prices {
        Some(path) => Prices::read(path)?,
        None => Prices::of(&args.region)?,
    };
    // What AWS bills is what the stack is there.
    let stack = session::load(global, global.target.as_deref().unwrap_or("aws"))?;
    let load = Load {
        lines: args.events_per_month,
        lines_per_file: args.lines_per_file,
        batch: args.batch,
    };
    let summary = args.from.as_ref().map(|path| store::read_summary(path));
    let figures = summary.transpose()?.map(|summary| summary.figures);
    if let (Some(figures), Some(path)) = (&figures, &args.from)
        && figures.reports.values().all(|one| one.billed_ms.is_none())
    {
        let path = path.display().to_string();
        return Err(CostError::NoReports { path }.into());
    }
    let chosen = args.architecture.unwrap_or_else(|| architecture(&stack));
    let other = match chosen {
        Architecture::Arm64 => Architecture::X86_64,
        _ => Architecture::Arm64,
    };
    let of = |one| cost::of(&stack, &prices, &load, figures.as_ref(), Some(one));
    let (estimate, mut warnings) = of(chosen)?;
    let (with_other, _) = of(other)?;
    let today = OffsetDateTime::now_utc().date();
    warnings.splice(0..0, prices.warning(today));
    let study = match args.baseline {
        Some(_) => {
            let published = study::published()?;
            let claims = study::claims(&published, &prices, load.lines_per_file);
            Some(Study { published, claims })
        }
        None => None,
    };
    let data = CostData {
        estimate,
        architecture: chosen.label().to_owned(),
        other_architecture: Other {
            architecture: other.label().to_owned(),
            usd: with_other.month.usd,
            usd_with_free_tier: with_other.month.usd_with_free_tier,
        },
        warnings,
        study,
    };
    renderer.data(&data, || {
        let other = (&*data.other_architecture.architecture, &with_other.month);
        let study = data.study.as_ref();
        let study = study.map(|study| (&study.published, &*study.claims));
        words::bill(
            &data.estimate,
            &data.architecture,
            other,
            &data.warnings,
            study,
        )
    });
    Ok(())
}

/// That of most functions; arm64, which is cheaper, where it is the host's.
fn architecture(stack: &Stack) -> Architecture {
    let x86 = |one: &Function| one.architecture == Architecture::X86_64;
    let count = stack.functions.iter().filter(|one| x86(one)).count();
    if count * 2 > stack.functions.len() {
        Architecture::X86_64
    } else {
        Architecture::Arm64
    }
}

#[cfg(test)]
mod tests {
    use super::parse_count;

    #[test]
    fn counts_have_units_and_bounds() {
        let read = |text| parse_count(text).ok().map(|count| count as u64);
        let good = [
            ("1", 1),
            ("500k", 500_000),
            ("50M", 50_000_000),
            ("1.5B", 1_500_000_000),
            ("1_000", 1_000),
        ];
        for (text, count) in good {
            assert_eq!(read(text), Some(count), "{text}");
        }
        for text in [
            "", "0", "-1", "M", "x", "nan", "inf", "1e400", "10001B", "5 0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
