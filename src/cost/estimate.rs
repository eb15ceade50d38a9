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
    pub used: Use,
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
    pub bill: Vec<BillLine>,
    /// The month that was asked for.
    pub month: Month,
    /// US dollars for one file more.
    pub usd_per_file: f64,
    /// Other volumes, with files of the same size.
    pub volumes: Vec<Month>,
    /// From which volume on which component is the largest, without the free tier.
    pub dominance: Vec<Dominance>,
}

/// A component that is the largest from some volume on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dominance {
    /// Log lines a month.
    pub from_lines: f64,
    /// The largest component.
    pub component: Component,
}

impl Estimate {
    /// Of what a stack uses.
    pub fn of(prices: &Prices, load: &Load, uses: &[Use]) -> Self {
        let files = load.files();
        let bill: Vec<BillLine> = uses
            .iter()
            .map(|one| {
                let price = prices.price(one.item);
                let units = one.units(files);
                BillLine {
                    used: one.clone(),
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
            bill,
            month: month(prices, uses, load.lines, files),
            usd_per_file: uses.iter().map(of_one).sum(),
            volumes: VOLUMES
                .iter()
                .map(|lines| month(prices, uses, *lines, lines / load.lines_per_file))
                .collect(),
            dominance: dominance(prices, uses, load.lines_per_file),
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

/// What a month costs of each component, as `fixed + of_a_line * lines`: every cost is a straight line, so that where
/// another one becomes the largest is where two of them meet.
fn dominance(prices: &Prices, uses: &[Use], lines_per_file: f64) -> Vec<Dominance> {
    let straight = |component: Component| {
        let of = uses
            .iter()
            .filter(|one| Component::of(one.item) == component);
        of.fold((0.0, 0.0), |(fixed, of_a_line), one| {
            let price = prices.price(one.item);
            (
                fixed + price.of(one.per_month),
                of_a_line + price.of(one.per_file) / lines_per_file,
            )
        })
    };
    let all: Vec<(Component, (f64, f64))> = Component::ALL
        .iter()
        .map(|one| (*one, straight(*one)))
        .collect();
    // At nothing the largest fixed one; of equals the one that grows faster.
    let first = all
        .iter()
        .max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)));
    let Some(mut largest) = first.copied() else {
        return Vec::new();
    };
    let mut found = vec![Dominance {
        from_lines: 0.0,
        component: largest.0,
    }];
    loop {
        let (fixed, of_a_line) = largest.1;
        // Only one that grows faster can pass; the next is the one that does so first.
        let next = all
            .iter()
            .filter(|(_, other)| other.1 > of_a_line)
            .map(|other| ((fixed - other.1.0) / (other.1.1 - of_a_line), *other))
            .min_by(|(a, one), (b, other)| {
                a.total_cmp(b).then_with(|| other.1.1.total_cmp(&one.1.1))
            });
        let Some((from_lines, next)) = next else {
            return found;
        };
        found.push(Dominance {
            from_lines,
            component: next.0,
        });
        largest = next;
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

    #[test]
    fn a_component_is_the_largest_from_where_it_passes_the_one_before() {
        let prices = Prices::of("us-east-1").expect("prices");
        let uses = [
            one(Item::Dashboards, 0.0, 1.0),
            one(Item::SqsRequests, 3.0, 648_000.0),
            one(Item::LambdaRequests, 2.0, 0.0),
            one(Item::S3Puts, 1.0, 0.0),
        ];
        let found = dominance(&prices, &uses, 1_000.0);
        let names: Vec<Component> = found.iter().map(|one| one.component).collect();
        assert_eq!(names, [Component::Cloudwatch, Component::S3]);
        // $3 of the dashboard are 600,000 PUTs, each of 1,000 lines.
        assert!(close(found[1].from_lines, 600_000.0 * 1_000.0), "{found:?}");
        let volumes = Estimate::of(&prices, &load(1e6, 1_000.0), &uses).volumes;
        for month in volumes {
            let last = found.iter().rfind(|one| one.from_lines <= month.lines);
            assert_eq!(last.expect("one").component, month.dominated_by);
        }
    }
}
