//! What a stack costs on AWS: prices of a region with their day, what each file and each month use, and what follows
//! from both. Pure arithmetic; every line says how it came about. docs/cost.md.

pub mod estimate;
pub mod prices;
pub mod study;
pub mod usage;

use std::path::PathBuf;

use crate::bench::Figures;
use crate::stack::model::{Architecture, Stack};

use miette::Diagnostic;

pub use estimate::Estimate;
pub use prices::{Item, Prices};
pub use usage::{Load, Runtime, Use};

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Diagnostic)]
pub enum CostError {
    /// Nobody wrote down what things cost there.
    #[error("there are no prices for the region `{region}`")]
    #[diagnostic(
        code(cost::no_prices),
        help(
            "there are prices for {known}: choose it with --region, or bring your own with --prices FILE (docs/cost.md)"
        )
    )]
    NoPrices {
        /// Region.
        region: String,
        /// Regions with prices.
        known: String,
    },
    /// The file of prices is not one.
    #[error("the prices of `{region}` cannot be read: {cause}")]
    #[diagnostic(
        code(cost::bad_prices),
        help("this is a fault of pipectl: please report it")
    )]
    BadPrices {
        /// Region.
        region: String,
        /// Why.
        cause: String,
    },
    /// Somebody's own file of prices cannot be used.
    #[error("{}: {cause}", path.display())]
    #[diagnostic(
        code(cost::bad_price_file),
        help("it must be as src/cost/prices/us-east-1.json, with every item: docs/cost.md")
    )]
    BadPriceFile {
        /// File.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// One file would be more than the whole month.
    #[error("files of {lines_per_file} lines are not one a month at {lines} lines")]
    #[diagnostic(
        code(cost::no_file),
        help("raise --events-per-month, which are log lines, or lower --lines-per-file")
    )]
    NoFile {
        /// Lines of a file.
        lines_per_file: f64,
        /// Lines of a month.
        lines: f64,
    },
    /// No mapping takes so many messages at once.
    #[error("no mapping of the stack takes {batch} messages at once: {most} at most")]
    #[diagnostic(
        code(cost::batch),
        help("lower --batch, or raise `batch` in the stack's wiring")
    )]
    Batch {
        /// Messages asked for.
        batch: f64,
        /// The largest batch of the stack.
        most: u32,
    },
    /// Nothing of the stack costs anything by what goes through it.
    #[error("nothing goes through the stack `{stack}`")]
    #[diagnostic(
        code(cost::nothing),
        help("an estimate needs a bucket or a queue that starts a function: see `wiring`")
    )]
    Nothing {
        /// Stack.
        stack: String,
    },
    /// A summary of a run that tells of no invocation.
    #[error("{path} tells of no invocation that Lambda reported")]
    #[diagnostic(
        code(cost::no_reports),
        help("`pipectl bench` keeps what Lambda reports; without --from it is assumed")
    )]
    NoReports {
        /// File.
        path: String,
    },
}

/// Most invocations at once in an account that asked for no more (Lambda's page on quotas).
const ACCOUNT_CONCURRENCY: f64 = 1_000.0;
/// Seconds of a month of thirty days.
const MONTH_S: f64 = 30.0 * 24.0 * 3_600.0;

/// What a stack costs with a load: `measured` tells how long its functions ran, `architecture` takes the place of the
/// stack's. With what a reader should know of it.
///
/// # Errors
/// The load does not fit the stack, or nothing goes through it.
pub fn of(
    stack: &Stack,
    prices: &Prices,
    load: &Load,
    measured: Option<&Figures>,
    architecture: Option<Architecture>,
) -> Result<(Estimate, Vec<String>), CostError> {
    if load.files() < 1.0 {
        return Err(CostError::NoFile {
            lines_per_file: load.lines_per_file,
            lines: load.lines,
        });
    }
    let most = stack.mappings.iter().map(|one| one.batch).max();
    let most = most.unwrap_or(1);
    if load.batch > f64::from(most) {
        let batch = load.batch;
        return Err(CostError::Batch { batch, most });
    }
    let mut stack = stack.clone();
    if let Some(architecture) = architecture {
        let functions = stack.functions.iter_mut();
        functions.for_each(|one| one.architecture = architecture);
    }
    let runtime = |name: &str| {
        let report = measured.and_then(|figures| figures.reports.get(name));
        let billed = report.and_then(|report| report.billed_ms.as_ref());
        billed.map_or_else(
            || usage::assumed(&stack, name, load),
            |billed| Runtime {
                billed_ms: billed.mean,
                init_ms: 0.0,
                cold_percent: 0.0,
                measured: true,
            },
        )
    };
    let uses = usage::of(&stack, load, &runtime);
    if uses.iter().all(|one| one.per_file == 0.0) {
        let stack = stack.name.clone();
        return Err(CostError::Nothing { stack });
    }
    let warnings = warnings(&stack, load, &runtime);
    Ok((Estimate::of(prices, load, &uses), warnings))
}

fn warnings(stack: &Stack, load: &Load, runtime: &dyn Fn(&str) -> Runtime) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut at_once = 0.0;
    for function in &stack.functions {
        let seconds = runtime(&function.name).billed_ms / 1_000.0;
        at_once += load.files() / MONTH_S * seconds;
        if seconds > f64::from(function.timeout.0) {
            warnings.push(format!(
                "functions.{} would take {seconds:.0} s for a file of {} lines, and its timeout is {} s: it would fail",
                function.name, load.lines_per_file, function.timeout.0
            ));
        }
    }
    if at_once > ACCOUNT_CONCURRENCY {
        warnings.push(format!(
            "functions would run {at_once:.0} at once on average; an account has {ACCOUNT_CONCURRENCY} unless it asks for more"
        ));
    }
    warnings
}
