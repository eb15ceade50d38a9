//! Prices of a region, from a dated file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::CostError;

/// Files of prices, by region.
const FILES: &[(&str, &str)] = &[("us-east-1", include_str!("prices/us-east-1.json"))];
/// Prices that are older than this are told to be, days.
const OLD_DAYS: i64 = 365;

/// No unit costs more, US dollars, and of none more is free.
const MOST_USD: f64 = 1e6;
const MOST_FREE: f64 = 1e12;

/// What AWS counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Requests to Lambda.
    LambdaRequests,
    /// GB-seconds on x86.
    #[serde(rename = "lambda_gb_s_x86_64")]
    LambdaGbSX86,
    /// GB-seconds on arm64.
    LambdaGbSArm64,
    /// PUT, COPY, POST and LIST of S3.
    S3Puts,
    /// GET of S3.
    S3Gets,
    /// Storage of S3.
    S3GbMonth,
    /// Requests to SQS.
    SqsRequests,
    /// Units of writing to DynamoDB.
    DynamodbWrites,
    /// Units of reading from DynamoDB.
    DynamodbReads,
    /// Storage of DynamoDB.
    DynamodbGbMonth,
    /// Logs taken in.
    LogsGb,
    /// Logs kept.
    LogsGbMonth,
    /// Alarms, a month.
    Alarms,
    /// Dashboards, a month.
    Dashboards,
}

impl Item {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::LambdaRequests,
        Self::LambdaGbSX86,
        Self::LambdaGbSArm64,
        Self::S3Puts,
        Self::S3Gets,
        Self::S3GbMonth,
        Self::SqsRequests,
        Self::DynamodbWrites,
        Self::DynamodbReads,
        Self::DynamodbGbMonth,
        Self::LogsGb,
        Self::LogsGbMonth,
        Self::Alarms,
        Self::Dashboards,
    ];

    /// As files have it.
    fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Lambda's GB-seconds of both instruction sets share what is free, and so do logs that are taken in and kept.
    fn free_with(self) -> Self {
        match self {
            Self::LambdaGbSArm64 => Self::LambdaGbSX86,
            Self::LogsGbMonth => Self::LogsGb,
            other => other,
        }
    }
}

/// Price of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars for `per` units.
    pub usd: f64,
    /// Units.
    pub per: f64,
    /// What a unit is.
    pub unit: String,
    /// Units a month that cost nothing in the free tier.
    pub free: f64,
}

impl Price {
    /// US dollars for so many units.
    pub fn of(&self, units: f64) -> f64 {
        units * self.usd / self.per
    }
}

/// Prices of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    version: u32,
    /// Region.
    pub region: String,
    /// Always US dollars.
    pub currency: String,
    /// Of which day they are: `YYYY-MM-DD`.
    pub as_of: String,
    /// Where they are from.
    pub source: String,
    items: BTreeMap<Item, Price>,
}

impl Prices {
    /// Those of a region.
    ///
    /// # Errors
    /// There are none of it.
    pub fn of(region: &str) -> Result<Self, CostError> {
        let file = FILES.iter().find(|(name, _)| *name == region);
        let (_, text) = file.ok_or_else(|| {
            let known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
            CostError::NoPrices {
                region: region.to_owned(),
                known: known.join(", "),
            }
        })?;
        read(text).map_err(|cause| CostError::BadPrices {
            region: region.to_owned(),
            cause,
        })
    }

    /// Those of somebody's own file, of the same form.
    ///
    /// # Errors
    /// It cannot be read, or lacks an item.
    pub fn read(path: &Path) -> Result<Self, CostError> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        text.and_then(|text| read(&text))
            .map_err(|cause| CostError::BadPriceFile {
                path: path.to_owned(),
                cause,
            })
    }

    /// Price of an item. Every file has all of them, which a test holds.
    pub fn price(&self, item: Item) -> &Price {
        &self.items[&item]
    }

    /// Units of an item that are free a month, and of what they are shared with.
    pub fn free(&self, item: Item) -> (Item, f64) {
        (item.free_with(), self.price(item).free)
    }

    /// What to say of them on `today`, if they are older than a year.
    pub fn warning(&self, today: Date) -> Option<String> {
        let days = self.too_old(today)?;
        let as_of = &self.as_of;
        Some(format!("the prices are of {as_of}, {days} days ago"))
    }

    /// How many days old they are on `today`, if that is too old.
    fn too_old(&self, today: Date) -> Option<i64> {
        let days = (today - self.day()?).whole_days();
        (days > OLD_DAYS).then_some(days)
    }

    fn day(&self) -> Option<Date> {
        let form = format_description!("[year]-[month]-[day]");
        Date::parse(&self.as_of, form).ok()
    }
}

fn read(text: &str) -> Result<Prices, String> {
    let prices: Prices = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if prices.version != 1 {
        return Err(format!("its version is {} and not 1", prices.version));
    }
    if prices.day().is_none() {
        let as_of = &prices.as_of;
        return Err(format!(
            "as_of must be a day like 2026-11-22, not `{as_of}`"
        ));
    }
    if prices.currency != "USD" {
        return Err(format!("its currency is `{}` and not USD", prices.currency));
    }
    if prices.day() > Some(OffsetDateTime::now_utc().date()) {
        return Err(format!("as_of is a day to come: {}", prices.as_of));
    }
    let is_name = |text: &str| {
        (1..=32).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " -".contains(c))
    };
    if !is_name(&prices.region) {
        return Err("its region is no name of one".to_owned());
    }
    for item in Item::ALL {
        let price = prices.items.get(item);
        let price = price.ok_or_else(|| format!("it has no {}", item.name()))?;
        let within = (0.0..=MOST_USD).contains(&(price.usd / price.per));
        let free = (0.0..=MOST_FREE).contains(&price.free);
        if !within || !free || price.usd < 0.0 || price.per <= 0.0 || !is_name(&price.unit) {
            return Err(format!(
                "{} has a price, a unit or a free amount that is none",
                item.name()
            ));
        }
    }
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn every_file_has_every_item_and_a_day() {
        for (region, _) in FILES {
            let prices = Prices::of(region).expect("prices");
            assert_eq!(prices.region, *region);
            for item in Item::ALL {
                let price = prices.price(*item);
                assert!(price.usd > 0.0 && price.per > 0.0, "{item:?}");
            }
            assert_eq!(prices.items.len(), Item::ALL.len());
            assert_eq!(prices.too_old(date!(2026 - 11 - 26)), None);
            assert_eq!(prices.too_old(date!(2028 - 01 - 01)), Some(405));
        }
        assert!(matches!(
            Prices::of("eu-central-1"),
            Err(CostError::NoPrices { .. })
        ));
    }
}
