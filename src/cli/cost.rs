//! `pipectl cost`

use std::path::PathBuf;

use serde::Serialize;
use time::OffsetDateTime;

use super::{Ended, Global, session};
use crate::bench::store;
use crate::compare::input;
use crate::cost::study::{self, Claim, StudyCost};
use crate::cost::{self, Estimate, Load, Measured, Prices};
use crate::render::{Renderer, cost as words};
use crate::stack::model::{Architecture, Stack};

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
    /// Messages of one invocation, on average; a mapping takes no more than its own batch
    #[arg(long, default_value = "1", value_name = "N", value_parser = parse_count)]
    batch: f64,
    /// A run of bench, as `compare` takes it: its functions ran as long as Lambda reported
    #[arg(long, value_name = "RUN")]
    from: Option<String>,
    /// Where runs of targets are looked for
    #[arg(long = "in", default_value = "results", value_name = "DIR")]
    within: PathBuf,
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
    let target = global.target.as_deref().unwrap_or("aws");
    session::find_row(global, target)?;
    let stack = session::load(global, target)?;
    let load = Load {
        lines: args.events_per_month,
        lines_per_file: args.lines_per_file,
        batch: args.batch,
    };
    let measured = match &args.from {
        Some(run) => {
            let results = input::find(run, &args.within)?;
            let (summary, rows, _) = store::read_run(&results)?;
            Some(Measured::of(&stack, &summary, &rows, &load)?)
        }
        None => None,
    };
    let architecture = architecture(&stack, args.architecture);
    let other = match &*architecture {
        "arm64" => Architecture::X86_64,
        _ => Architecture::Arm64,
    };
    let of = |set| cost::of(&stack, &prices, &load, measured.as_ref(), set);
    let (estimate, mut warnings) = of(args.architecture)?;
    let (with_other, _) = of(Some(other))?;
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
        architecture,
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

/// The one that was asked for, else that of the functions: `mixed` where they have several.
fn architecture(stack: &Stack, asked: Option<Architecture>) -> String {
    let own = stack
        .functions
        .iter()
        .map(|one| one.architecture.on_lambda());
    let mut labels: Vec<&str> = own.map(Architecture::label).collect();
    labels.sort_unstable();
    labels.dedup();
    match (asked, &labels[..]) {
        (Some(asked), _) => asked.label().to_owned(),
        (None, [one]) => (*one).to_owned(),
        (None, _) => "mixed".to_owned(),
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
