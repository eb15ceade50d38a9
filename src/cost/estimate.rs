//! Prices times use: per file, per month, with and without the free tier, and over volumes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::prices::{Item, Prices};
use super::usage::{Load, Use};

/// Volumes that are told beside the one that was asked for, log lines a month.
pub const VOLUMES: &[f64] = &[1e6, 1e7, 1e8, 1e9, 1e10];

/// Parts of the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Lambda.
    Lambda,
    /// S3.
    S3,
    /// SQS.
    Sqs,
    /// DynamoDB.
    Dynamodb,
    /// Logs, alarms, dashboards.
    Cloudwatch,
}

impl Component {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Lambda,
        Self::S3,
        Self::Sqs,
        Self::Dynamodb,
        Self::Cloudwatch,
    ];

    /// Of an item.
    pub fn of(item: Item) -> Self {
        match item {
            Item::LambdaRequests | Item::LambdaGbSX86 | Item::LambdaGbSArm64 => Self::Lambda,
            Item::S3Puts | Item::S3Gets | Item::S3GbMonth => Self::S3,
            Item::SqsRequests => Self::Sqs,
            Item::DynamodbWrites | Item::DynamodbReads | Item::DynamodbGbMonth => Self::Dynamodb,
            Item::LogsGb | Item::LogsGbMonth | Item::Alarms | Item::Dashboards => Self::Cloudwatch,
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Lambda => "Lambda",
            Self::S3 => "S3",
            Self::Sqs => "SQS",
            Self::Dynamodb => "DynamoDB",
            Self::Cloudwatch => "CloudWatch",
        }
    }
}

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BillLine {
    /// What is used.
    #[serde(flatten)]
    pub use_: Use,
    /// Part of the bill.
    pub component: Component,
    /// Units a month.
    pub units: f64,
    /// What a unit is.
    pub unit: String,
    /// US dollars a month, without the free tier.
    pub usd: f64,
}

/// A month at one volume. US dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// Log lines.
    pub lines: f64,
    /// Files.
    pub files: f64,
    /// Without the free tier.
    pub usd: f64,
    /// With it.
    pub usd_with_free_tier: f64,
    /// By component, without it.
    pub components: BTreeMap<Component, f64>,
    /// The largest component.
    pub dominated_by: Component,
}

/// An estimate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Region.
    pub region: String,
    /// Day of the prices.
    pub prices_as_of: String,
    /// What goes through.
    pub load: Load,
    /// Line by line.
    pub lines: Vec<BillLine>,
    /// The month that was asked for.
    pub month: Month,
    /// US dollars for one file more.
    pub usd_per_file: f64,
    /// Other volumes, with files of the same size.
    pub volumes: Vec<Month>,
}

impl Estimate {
    /// Of what a stack uses.
    pub fn of(prices: &Prices, load: &Load, uses: &[Use]) -> Self {
        let files = load.files();
        let lines: Vec<BillLine> = uses
            .iter()
            .map(|one| {
                let price = prices.price(one.item);
                let units = one.units(files);
                BillLine {
                    use_: one.clone(),
                    component: Component::of(one.item),
                    units,
                    unit: price.unit.clone(),
                    usd: price.of(units),
                }
            })
            .collect();
        let of_one = |one: &Use| prices.price(one.item).of(one.per_file);
        Self {
            region: prices.region.clone(),
            prices_as_of: prices.as_of.clone(),
            load: load.clone(),
            lines,
            month: month(prices, uses, load.lines, files),
            usd_per_file: uses.iter().map(of_one).sum(),
            volumes: VOLUMES
                .iter()
                .map(|lines| month(prices, uses, *lines, lines / load.lines_per_file))
                .collect(),
        }
    }
}

fn month(prices: &Prices, uses: &[Use], lines: f64, files: f64) -> Month {
    let mut units: BTreeMap<Item, f64> = BTreeMap::new();
    for one in uses {
        *units.entry(one.item).or_default() += one.units(files);
    }
    let mut components: BTreeMap<Component, f64> =
        Component::ALL.iter().map(|one| (*one, 0.0)).collect();
    let mut free: BTreeMap<Item, f64> = BTreeMap::new();
    let mut with_free_tier = 0.0;
    for (item, units) in &units {
        let price = prices.price(*item);
        *components.entry(Component::of(*item)).or_default() += price.of(*units);
        // What is free is there once, also where two items share it.
        let (shared, amount) = prices.free(*item);
        let left = free.entry(shared).or_insert(amount);
        let used = units.min(*left);
        *left -= used;
        with_free_tier += price.of(units - used);
    }
    let largest = components
        .iter()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map_or(Component::Lambda, |(component, _)| *component);
    Month {
        lines,
        files,
        usd: components.values().sum(),
        usd_with_free_tier: with_free_tier,
        components,
        dominated_by: largest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(item: Item, per_file: f64, per_month: f64) -> Use {
        Use {
            of: "x".to_owned(),
            item,
            per_file,
            per_month,
            how: String::new(),
        }
    }

    fn load(lines: f64, lines_per_file: f64) -> Load {
        Load {
            lines,
            lines_per_file,
            batch: 1.0,
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1.0)
    }

    /// The study's arithmetic, and what does not follow in it.
    #[test]
    fn the_study_s_figures_are_what_they_are() {
        // Two functions of 256 MB for 2 s: it has 1.024 GB-s, as if a GB were 1,000 MB of 250.
        let gb_s = 2.0 * (256.0 / 1_024.0) * 2.0;
        assert!(close(gb_s, 1.0) && !close(gb_s, 1.024));
        // 50 million files at $0.00002 each are not the $50 that it has: its events are log lines, 1,000 a file.
        assert!(close(50e6 * 0.000_02, 1_000.0));
        assert!(close(50e6 / 1_000.0 * 0.000_02, 1.0));
        // DynamoDB's writes were $1.25 a million until November 2024.
        let prices = Prices::of("us-east-1").expect("prices");
        assert!(close(
            prices.price(Item::DynamodbWrites).of(1e6),
            1.25 / 2.0
        ));
    }

    #[test]
    fn a_month_is_units_by_price_and_what_is_free_is_there_once() {
        let prices = Prices::of("us-east-1").expect("prices");
        let uses = [
            one(Item::LambdaRequests, 2.0, 0.0),
            one(Item::LambdaGbSX86, 0.5, 0.0),
            one(Item::LambdaGbSArm64, 0.5, 0.0),
            one(Item::SqsRequests, 0.0, 648_000.0),
        ];
        let estimate = Estimate::of(&prices, &load(1e9, 1_000.0), &uses);
        assert!(close(estimate.month.files, 1e6));
        let expected = 0.40 + 500_000.0 * (0.000_016_666_7 + 0.000_013_333_4) + 0.648 * 0.40;
        assert!(close(estimate.month.usd, expected), "{:?}", estimate.month);
        // 1 M requests, 400,000 GB-s of the dearer, and all of SQS are free.
        let free = 0.20 + 100_000.0 * 0.000_016_666_7 + 500_000.0 * 0.000_013_333_4;
        assert!(
            close(estimate.month.usd_with_free_tier, free),
            "{:?}",
            estimate.month
        );
        assert_eq!(estimate.month.dominated_by, Component::Lambda);
        assert!(close(
            estimate.usd_per_file,
            2.0 * 0.2e-6 + 0.5 * 0.000_030_000_1
        ));
        // With few files the polling of an idle mapping is all there is.
        assert_eq!(estimate.volumes[0].dominated_by, Component::Sqs);
        assert_eq!(estimate.volumes.len(), VOLUMES.len());
    }
}
