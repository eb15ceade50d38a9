//! What a stack costs on AWS: prices of a region with their day, what each file and each month use, and what follows
//! from both. Pure arithmetic; every line says how it came about. docs/cost.md.

pub mod estimate;
mod flow;
mod measured;
pub mod prices;
pub mod study;
pub mod usage;

use std::path::PathBuf;

use crate::stack::model::{Architecture, Stack};

use miette::Diagnostic;

pub use estimate::Estimate;
pub use measured::Measured;
pub use prices::{Item, Prices};
pub use usage::{Load, Runtime, Use};

use crate::number::count;
use flow::Flow;
use usage::MONTH_S;

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
    /// A run that tells of no invocation.
    #[error("the run tells of no invocation that Lambda reported")]
    #[diagnostic(
        code(cost::no_reports),
        help("`pipectl bench` keeps what Lambda reports; without --from it is assumed")
    )]
    NoReports,
    /// A run of which nobody knows what one file took.
    #[error(
        "in that run invocations may have had several files, so that nobody knows what one took"
    )]
    #[diagnostic(
        code(cost::shared),
        help(
            "name a run in which files went one after the other: `pipectl bench` without --rate, --concurrency or --ramp"
        )
    )]
    Shared,
    /// A run of another stack.
    #[error("the run is of the stack `{run}` and not of `{stack}`")]
    #[diagnostic(
        code(cost::other_stack),
        help("name a run of this stack, or its stack with --stack")
    )]
    OtherStack {
        /// Stack of the run.
        run: String,
        /// This one.
        stack: String,
    },
}

/// Most invocations at once in an account that asked for no more (Lambda's page on quotas).
const ACCOUNT_CONCURRENCY: f64 = 1_000.0;

/// What a stack costs with a load: `measured` tells how long its functions ran, `architecture` takes the place of the
/// stack's. With what a reader should know of it.
///
/// # Errors
/// The load does not fit the stack, or nothing goes through it.
pub fn of(
    stack: &Stack,
    prices: &Prices,
    load: &Load,
    measured: Option<&Measured>,
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
        let known = measured.and_then(|measured| measured.runtimes.get(name));
        let assumed = || usage::assumed(&stack, name, load);
        known.cloned().unwrap_or_else(assumed)
    };
    let uses = usage::of(&stack, load, &runtime);
    if uses.iter().all(|one| one.per_file == 0.0) {
        let stack = stack.name.clone();
        return Err(CostError::Nothing { stack });
    }
    let mut warnings = warnings(&stack, load, &runtime);
    warnings.extend(measured.into_iter().flat_map(|one| one.notes.clone()));
    Ok((Estimate::of(prices, load, &uses), warnings))
}

fn warnings(stack: &Stack, load: &Load, runtime: &dyn Fn(&str) -> Runtime) -> Vec<String> {
    let mut warnings = Vec::new();
    let flow = Flow::of(stack);
    let mut at_once = 0.0;
    for function in &stack.functions {
        let files = flow.files(stack, &function.name);
        if files == 0.0 {
            continue;
        }
        let seconds = runtime(&function.name).billed_ms / 1_000.0;
        at_once += load.files() * files / MONTH_S * seconds;
        let mappings = stack.mappings.iter();
        let batches = mappings
            .filter(|one| one.function == function.name)
            .map(|one| usage::batch(one, load));
        let batch = batches.fold(1.0, f64::max);
        if seconds * batch > f64::from(function.timeout.0) {
            warnings.push(format!(
                "functions.{} would take {:.0} s for {} of {} lines, and its timeout is {} s: it would fail",
                function.name,
                seconds * batch,
                if batch > 1.0 {
                    format!("{} files", count(batch))
                } else {
                    "a file".to_owned()
                },
                count(load.lines_per_file),
                function.timeout.0
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
