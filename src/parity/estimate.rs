//! What playing scenarios on AWS costs, rather too high: without the free tier, and with functions that run until their
//! time is over.

use super::adjust::TIMEOUT_S;
use crate::cost::{CostError, Item, Prices};
use crate::stack::model::Stack;

/// The region whose prices are taken for all of them.
const REGION: &str = "us-east-1";

/// Invocations of a scenario at most: 50 files start two functions each.
const INVOCATIONS: f64 = 100.0;
/// Objects of a scenario at most.
const OBJECTS: f64 = 50.0;
/// Requests of mappings, in the ten minutes that a run takes: five long polls of 20 s, and what comes.
const POLLS: f64 = 150.0 + 500.0;

/// US dollars, and what they are for.
///
/// # Errors
/// The prices that are part of pipectl cannot be read.
pub fn of(copy: &Stack, scenarios: usize) -> Result<(f64, String), CostError> {
    let prices = Prices::of(REGION)?;
    let scenarios = scenarios as f64;
    let memory_mb = copy
        .functions
        .iter()
        .map(|one| one.memory.0)
        .max()
        .unwrap_or(0);
    let gb_s = f64::from(memory_mb) / 1_024.0 * f64::from(TIMEOUT_S);
    let invocations = scenarios * INVOCATIONS;
    let objects = scenarios * OBJECTS;
    let of = |item: Item, units: f64| prices.price(item).of(units);
    // x86 is the dearer one.
    let lambda = of(Item::LambdaRequests, invocations) + of(Item::LambdaGbSX86, invocations * gb_s);
    let polls = POLLS * copy.mappings.len() as f64;
    let others = of(Item::S3Puts, objects)
        + of(Item::DynamodbWrites, objects * 3.0)
        + of(Item::SqsRequests, invocations * 3.0 + polls)
        // A kilobyte a record.
        + of(Item::LogsGb, invocations * 1e-6);
    Ok((
        lambda + others,
        format!(
            "Lambda ${lambda:.2}, the rest ${others:.2}, if every invocation ran for {TIMEOUT_S} s"
        ),
    ))
}
