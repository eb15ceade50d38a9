//! The study's own arithmetic about cost, done again: what follows, and what does not.

use serde::{Deserialize, Serialize};

use super::CostError;
use super::prices::{Item, Prices};
use crate::number::count;

/// The study's figures, as its report gives them.
const STUDY: &str = include_str!("../../docs/baselines/study-2025-12.json");

/// What the study says of cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyCost {
    /// Functions that a file goes through.
    pub functions: f64,
    /// Memory of each, MB.
    pub memory_mb: f64,
    /// How long each runs, s.
    pub seconds: f64,
    /// GB-s of a file.
    pub gb_s_per_file: f64,
    /// US dollars of a file.
    pub usd_per_file: f64,
    /// Events a month.
    pub events_per_month: f64,
    /// US dollars of that month.
    pub usd_per_month: f64,
    /// US dollars of a million writes to DynamoDB.
    pub dynamodb_usd_per_million_writes: f64,
}

/// One figure of the study, and what it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// What it is of.
    pub what: String,
    /// As the study has it.
    pub says: f64,
    /// As its own numbers make it.
    pub is: f64,
    /// Unit of both.
    pub unit: String,
    /// How.
    pub how: String,
    /// Does the study's figure follow?
    pub follows: bool,
    /// What to make of it.
    pub remark: String,
}

/// What the study says.
///
/// # Errors
/// The file that is part of pipectl cannot be read.
pub fn published() -> Result<StudyCost, CostError> {
    #[derive(Deserialize)]
    struct Baseline {
        cost: StudyCost,
    }
    let read: Result<Baseline, _> = serde_json::from_str(STUDY);
    read.map(|one| one.cost)
        .map_err(|error| CostError::BadPrices {
            region: "the study".to_owned(),
            cause: error.to_string(),
        })
}

/// Every claim, checked with prices of today. `lines_per_file` is of the load that it stands beside.
pub fn claims(study: &StudyCost, prices: &Prices, lines_per_file: f64) -> Vec<Claim> {
    let gb_s = study.functions * study.memory_mb / 1_024.0 * study.seconds;
    let arm = prices.price(Item::LambdaGbSArm64);
    // A file as the study has it: two invocations, a PUT and a GET, three requests of SQS, a write.
    let requests = prices.price(Item::LambdaRequests).of(study.functions)
        + prices.price(Item::S3Puts).of(1.0)
        + prices.price(Item::S3Gets).of(1.0)
        + prices.price(Item::SqsRequests).of(3.0);
    let write = study.dynamodb_usd_per_million_writes / 1e6;
    let per_file = arm.of(gb_s) + requests + write;
    let files = study.events_per_month / lines_per_file;
    let fitting = study.events_per_month * study.usd_per_file / study.usd_per_month;
    let claim = |what: &str, says: f64, is: f64, unit: &str, how: String, remark: &str| Claim {
        what: what.to_owned(),
        says,
        is,
        unit: unit.to_owned(),
        how,
        // Published figures have one or two digits.
        follows: (says - is).abs() <= is.abs() * 0.02,
        remark: remark.to_owned(),
    };
    let told = |claim: Claim, otherwise: &str| Claim {
        remark: if claim.follows {
            claim.remark
        } else {
            otherwise.to_owned()
        },
        ..claim
    };
    let right = "it is so";
    let one_digit = rounded_to_one_digit(per_file).to_bits()
        == rounded_to_one_digit(study.usd_per_file).to_bits();
    let file = Claim {
        // Of one digit it has, one is asked.
        follows: one_digit,
        ..claim(
            "a file",
            study.usd_per_file,
            per_file,
            "USD",
            format!(
                "{gb_s} GB-s of arm64, {} invocations, a PUT, a GET, three requests of SQS, a write",
                study.functions
            ),
            "it is that, to its one digit, if both functions run for two seconds each",
        )
    };
    vec![
        told(
            claim(
                "GB-seconds of a file",
                study.gb_s_per_file,
                gb_s,
                "GB-s",
                format!(
                    "{} functions × {} / 1024 GB × {} s",
                    study.functions, study.memory_mb, study.seconds
                ),
                right,
            ),
            "256 MB are 0.25 GB: it took 256 thousandths",
        ),
        told(file, "with these prices it is another"),
        told(
            claim(
                "a month, if events are files",
                study.usd_per_month,
                study.events_per_month * study.usd_per_file,
                "USD",
                format!(
                    "{} files × ${}",
                    count(study.events_per_month),
                    study.usd_per_file
                ),
                right,
            ),
            "its events cannot be files",
        ),
        told(
            claim(
                "a month, if events are log lines",
                study.usd_per_month,
                files * study.usd_per_file,
                "USD",
                format!(
                    "{} lines / {} a file × ${}",
                    count(study.events_per_month),
                    count(lines_per_file),
                    study.usd_per_file
                ),
                right,
            ),
            &format!(
                "its events are log lines, of files of {fitting:.0} lines: with these its month is right"
            ),
        ),
        told(
            claim(
                "a million writes to DynamoDB",
                study.dynamodb_usd_per_million_writes,
                prices.price(Item::DynamodbWrites).of(1e6),
                "USD",
                format!("on demand, prices of {}", prices.as_of),
                right,
            ),
            "halved on 2024-11-01 in us-east-1: the study has the price of before",
        ),
    ]
}

fn rounded_to_one_digit(value: f64) -> f64 {
    let power = 10f64.powf(value.abs().log10().floor());
    (value / power).round() * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1e-9)
    }

    #[test]
    fn the_study_s_figures_are_done_again_and_what_does_not_follow_is_flagged() {
        let study = published().expect("the study");
        let prices = Prices::of("us-east-1").expect("prices");
        let claims = claims(&study, &prices, 1_000.0);
        let of = |what: &str| {
            let found = claims.iter().find(|one| one.what == what);
            found.expect("a claim")
        };
        let gb_s = of("GB-seconds of a file");
        assert!(close(gb_s.is, 1.0) && close(gb_s.says, 1.024) && !gb_s.follows);
        // 1 GB-s of arm64, 2 requests, PUT, GET, 3 of SQS, a write as it was.
        let file = of("a file");
        let by_hand = 0.000_013_333_4 + 0.4e-6 + 5e-6 + 0.4e-6 + 1.2e-6 + 1.25e-6;
        assert!(close(file.is, by_hand) && file.follows, "{file:?}");
        let files = of("a month, if events are files");
        assert!(close(files.is, 1_000.0) && close(files.says, 50.0) && !files.follows);
        let lines = of("a month, if events are log lines");
        assert!(close(lines.is, 1.0) && !lines.follows);
        let writes = of("a million writes to DynamoDB");
        assert!(close(writes.says, writes.is * 2.0) && !writes.follows);
        // What it would take.
        let twenty = super::claims(&study, &prices, 20.0);
        assert!(twenty[3].follows, "{:?}", twenty[3]);
    }
}
