//! What a stack costs on AWS: prices of a region with their day, what each file and each month use, and what follows
//! from both. Pure arithmetic; every line says how it came about. docs/cost.md.

pub mod estimate;
pub mod prices;
pub mod usage;

use miette::Diagnostic;

pub use estimate::Estimate;
pub use prices::{Item, Prices};
pub use usage::{Load, Runtime, Use};

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum CostError {
    /// Nobody wrote down what things cost there.
    #[error("there are no prices for the region `{region}`")]
    #[diagnostic(
        code(cost::no_prices),
        help(
            "there are prices for {known}; most others are 0 to 30 % above them: choose one with --region"
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
