//! Runs side by side, as the study had them: tables, charts, cost, parity, and a verdict which target is for what.
//!
//! [`input`] reads runs, [`report`] makes the numbers, [`sections`] the words and tables, [`chart`] the drawings; [`html`]
//! and [`markdown`] write them down. docs/compare.md.

mod assemble;
pub mod baseline;
mod caveats;
pub mod chart;
pub mod document;
pub mod error;
pub mod html;
pub mod input;
pub mod markdown;
pub mod report;
pub mod sections;
pub mod store;
mod verdicts;
pub mod words;

use std::path::{Path, PathBuf};

use crate::cost::{self, CostError, Load, Measured, Prices, study};
use crate::parity::Matrix;
use crate::parity::catalogue::Group;
use crate::parity::matrix::{Row, VERSION, Verdict};
use crate::parity::seen::Ending;
use crate::stack::model::{Architecture, Stack};

use baseline::Baseline;
use input::Input;
use report::{Basis, Cost, Parity, Report};

pub use error::CompareError;

/// What stands for a run where nothing was measured; no label has brackets.
const ASSUMED: &str = "(assumed)";

/// What is compared besides runs.
#[derive(Debug, Default)]
pub struct Beside {
    /// Published figures.
    pub baseline: Option<Baseline>,
    /// Reports of parity.
    pub parity: Vec<Parity>,
    /// What it costs.
    pub cost: Option<Cost>,
}

/// Compares.
///
/// # Errors
/// No run has a file that was processed.
pub fn compare(inputs: &[Input], beside: Beside) -> Result<Report, CompareError> {
    let measured = |input: &&Input| input.summary.figures.end_to_end_ms.is_some();
    let Some(first) = inputs.iter().find(measured) else {
        let labels: Vec<&str> = inputs.iter().map(|input| &*input.label).collect();
        let runs = labels.join(", ");
        return Err(CompareError::Nothing { runs });
    };
    let sizes = assemble::common_sizes(inputs);
    let runs = inputs
        .iter()
        .map(|input| assemble::run(input, first, &sizes));
    let mut report = Report {
        version: report::VERSION,
        pipectl: env!("CARGO_PKG_VERSION").to_owned(),
        stacks: inputs
            .iter()
            .map(|one| one.summary.run.stack.clone())
            .collect(),
        reference: first.label.clone(),
        runs: runs.collect(),
        published: beside
            .baseline
            .iter()
            .flat_map(|baseline| assemble::published(baseline, first, &sizes))
            .collect(),
        not_comparable: caveats::not_comparable(inputs, first, &sizes),
        sizes,
        baseline: beside.baseline,
        parity: beside.parity,
        cost: beside.cost,
        verdicts: Vec::new(),
        limitations: Vec::new(),
    };
    if report.published.iter().any(|one| one.difference.is_none()) {
        report.not_comparable.push(
            "Published figures are of files one after the other, of sizes that these runs do not all have: no difference is told."
                .into(),
        );
    }
    report.verdicts = verdicts::all(&report);
    report.limitations = caveats::limitations(&report);
    Ok(report)
}

/// Reads what `pipectl parity` wrote.
///
/// # Errors
/// It is no such file.
pub fn read_parity(path: &Path) -> Result<Parity, CompareError> {
    let bad = |cause: String| CompareError::BadParity {
        path: path.to_owned(),
        cause,
    };
    let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let matrix: Matrix = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if matrix.version != VERSION {
        let version = matrix.version;
        return Err(bad(format!("its version is {version} and not {VERSION}")));
    }
    let sides = &matrix.sides;
    let played = matrix
        .rows
        .iter()
        .filter(|row| row.verdict != Verdict::Skipped);
    let played = played.count();
    if played == 0 {
        return Err(bad("no scenario was played".to_owned()));
    }
    let equal = matrix.with(Verdict::Equal).count();
    // The stack's own tests expect what the stack's author does, and not AWS.
    let unlike = |side: usize| {
        let rows = matrix.rows.iter().filter(|row| row.group != Group::Own);
        // What a target does not have it does not do as AWS does.
        let lacks = |row: &&Row| {
            let outcome = row.outcomes[side].as_ref();
            row.verdict == Verdict::NotSupported
                && outcome.is_some_and(|one| matches!(one.ending, Ending::NotSupported { .. }))
        };
        rows.filter(|row| !row.unlike_aws[side].is_empty() || lacks(row))
            .count()
    };
    Ok(Parity {
        file: path.to_string_lossy().replace('\\', "/"),
        labels: [sides[0].label.clone(), sides[1].label.clone()],
        products: [sides[0].product.to_string(), sides[1].product.to_string()],
        equal,
        all: matrix.rows.len(),
        played,
        complete: matrix.complete,
        percent: equal as f64 * 100.0 / matrix.rows.len() as f64,
        unlike_aws: [unlike(0), unlike(1)],
        unequal: matrix
            .unequal()
            .map(|row| {
                let verdict = row.verdict.label().to_owned();
                [row.name.clone(), row.title.clone(), verdict]
            })
            .collect(),
    })
}

/// What the stack costs with a load, by assumption and by each run whose functions reported.
///
/// # Errors
/// The load does not fit the stack.
pub fn costs(
    stack: &Stack,
    prices: &Prices,
    load: &Load,
    inputs: &[Input],
    with_study: bool,
) -> Result<Cost, CostError> {
    let mut warnings = Vec::new();
    let mut bases = Vec::new();
    let reported = inputs.iter().filter_map(|input| {
        let measured = Measured::of(stack, &input.summary, &input.rows, load);
        Some((&*input.label, Some(measured.ok()?)))
    });
    for (label, measured) in std::iter::once((ASSUMED, None)).chain(reported) {
        let of = |set| cost::of(stack, prices, load, measured.as_ref(), Some(set));
        let (arm64, found) = of(Architecture::Arm64)?;
        let (x86_64, _) = of(Architecture::X86_64)?;
        for warning in found
            .into_iter()
            .filter(|one| !warnings.contains(one))
            .collect::<Vec<_>>()
        {
            warnings.push(warning);
        }
        bases.push(Basis {
            label: label.to_owned(),
            arm64,
            x86_64,
        });
    }
    let study = if with_study {
        study::claims(&study::published()?, prices, load.lines_per_file)
    } else {
        Vec::new()
    };
    Ok(Cost {
        bases,
        study,
        warnings,
    })
}

/// Where a report is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Files {
    /// The page.
    pub html: PathBuf,
    /// For repositories.
    pub markdown: PathBuf,
    /// For programs.
    pub json: PathBuf,
    /// Charts.
    pub charts: Vec<PathBuf>,
}
