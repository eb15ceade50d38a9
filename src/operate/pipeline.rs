//! Where files go in and results come out of a stack: the bucket of the first wiring from a bucket,
//! and the table that its function is told about as `RESULTS_TABLE`.

use crate::resource::{Identity, Place};
use crate::stack::model::{Attribute, Kind, LogicalId, Stack};

/// The environment variable that names the results table to the functions.
const RESULTS_TABLE: &str = "RESULTS_TABLE";

/// The stack lacks one of the two ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the stack `{stack}` has no {what}")]
#[diagnostic(code(stack::not_a_pipeline), help("{help}"))]
pub struct NotAPipeline {
    /// Stack name.
    pub stack: String,
    /// What is missing.
    pub what: &'static str,
    /// Next step.
    pub help: &'static str,
}

/// Way in and way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Logical id of the bucket.
    pub bucket_id: LogicalId,
    /// The bucket.
    pub bucket: Identity,
    /// Prefix that starts the pipeline, e.g. `logs/`.
    pub prefix: String,
    /// Logical id of the table.
    pub table_id: LogicalId,
    /// The table of results.
    pub table: Identity,
    /// Index whose partition key is `day`, for lists.
    pub day_index: Option<String>,
}

impl Pipeline {
    /// Finds both ends of the stack.
    pub fn of(stack: &Stack, place: &Place) -> Result<Self, NotAPipeline> {
        let missing = |what, help| NotAPipeline {
            stack: stack.name.clone(),
            what,
            help,
        };
        let wiring = stack.notifications.first().ok_or_else(|| {
            missing(
                "wiring from a bucket to a function",
                "add one: { from: buckets.NAME, to: functions.NAME }",
            )
        })?;
        let table = stack
            .functions
            .iter()
            .filter(|function| function.name == wiring.function)
            .flat_map(|function| &function.environment)
            .filter(|(name, _)| name == RESULTS_TABLE)
            .flat_map(|(_, text)| text.references())
            .find(|reference| {
                reference.id.kind == Kind::Table && reference.attribute == Attribute::Name
            })
            .and_then(|reference| {
                stack
                    .tables
                    .iter()
                    .find(|table| table.name == reference.id.name)
            })
            .ok_or_else(|| {
                missing(
                    "results table",
                    "give the wired function the variable RESULTS_TABLE: \"${tables.NAME.name}\"",
                )
            })?;
        Ok(Self {
            bucket_id: LogicalId::new(Kind::Bucket, &wiring.bucket),
            bucket: place.bucket(stack, &wiring.bucket),
            prefix: wiring.prefix.clone(),
            table_id: LogicalId::new(Kind::Table, &table.name),
            table: place.table(stack, &table.name),
            day_index: table
                .indexes
                .iter()
                .find(|index| index.partition_key.name == "day")
                .map(|index| index.name.clone()),
        })
    }
}
