//! What playing scenarios on AWS costs, rather too high. Prices of docs/aws-behaviours.md §12, us-east-1, US dollars, without
//! the free tier.

use super::adjust::TIMEOUT_S;
use crate::stack::model::Stack;

/// Of a request to Lambda.
const INVOCATION: f64 = 0.20 / 1e6;
/// Of a GB-second on x86, which is the dearer one.
const GB_S: f64 = 0.000_016_666_7;
/// Of a PUT of S3.
const PUT: f64 = 0.005 / 1e3;
/// Of a request to SQS.
const SQS: f64 = 0.40 / 1e6;
/// Of a unit of writing to DynamoDB.
const WRITE: f64 = 0.625 / 1e6;
/// Of a GB of logs.
const LOGS_GB: f64 = 0.50;

/// Invocations of a scenario at most: 50 files start two functions each.
const INVOCATIONS: f64 = 100.0;
/// Objects of a scenario at most.
const OBJECTS: f64 = 50.0;
/// Requests of mappings, in the ten minutes that a run takes: five long polls of 20 s, and what comes.
const POLLS: f64 = 150.0 + 500.0;

/// US dollars, and what they are for.
pub fn of(copy: &Stack, scenarios: usize) -> (f64, String) {
    let scenarios = scenarios as f64;
    let memory_mb = copy
        .functions
        .iter()
        .map(|one| one.memory.0)
        .max()
        .unwrap_or(0);
    let gb_s = f64::from(memory_mb) / 1_024.0 * f64::from(TIMEOUT_S);
    let lambda = scenarios * INVOCATIONS * (INVOCATION + gb_s * GB_S);
    let others = scenarios * OBJECTS * (PUT + 3.0 * WRITE)
        + scenarios * INVOCATIONS * 3.0 * SQS
        + POLLS * SQS * copy.mappings.len() as f64
        // A kilobyte a record.
        + scenarios * INVOCATIONS * 1e-6 * LOGS_GB;
    (
        lambda + others,
        format!(
            "Lambda ${lambda:.2}, the rest ${others:.2}, if every invocation ran for {TIMEOUT_S} s"
        ),
    )
}
