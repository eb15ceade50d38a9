//! An estimate in words and tables.

use super::style::{dim, good, hint, warn};
use super::table::Table;
use crate::cost::Estimate;
use crate::cost::estimate::{Component, Month};

/// The whole bill.
pub fn estimate(estimate: &Estimate, too_old_days: Option<i64>) -> String {
    let load = &estimate.load;
    let mut head = format!(
        "{} log lines a month in files of {}: {} files, prices of {} as of {}",
        count(load.lines),
        count(load.lines_per_file),
        count(load.files()),
        estimate.region,
        estimate.prices_as_of
    );
    if let Some(days) = too_old_days {
        head.push_str(&format!(
            "\n{} the prices are {days} days old",
            warn("warning:")
        ));
    }
    let mut bill = Table::new(&["", "of", "units a month", "", "USD", ""], &[2, 4]);
    for line in &estimate.lines {
        bill.add_row([
            line.component.label().to_owned(),
            line.use_.of.clone(),
            units(line.units),
            line.unit.clone(),
            usd(line.usd),
            dim(&line.use_.how).to_string(),
        ]);
    }
    let month = &estimate.month;
    let total = format!(
        "{} a month, {} with the free tier; {} for one file more",
        good(usd(month.usd)),
        usd(month.usd_with_free_tier),
        usd(estimate.usd_per_file)
    );
    [head, bill.to_string(), total, volumes(estimate)].join("\n\n")
}

fn volumes(estimate: &Estimate) -> String {
    let names = Component::ALL.iter().map(|one| one.label());
    let header: Vec<&str> = ["lines a month", "USD", "with free tier"]
        .into_iter()
        .chain(names)
        .chain(["most is"])
        .collect();
    let mut table = Table::new(&header, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let row = |month: &Month| {
        let parts = Component::ALL.iter().map(|one| usd(month.components[one]));
        let mut cells = vec![
            count(month.lines),
            usd(month.usd),
            usd(month.usd_with_free_tier),
        ];
        cells.extend(parts);
        cells.push(hint(month.dominated_by.label()).to_string());
        cells
    };
    for month in &estimate.volumes {
        table.add_row(row(month));
    }
    table.to_string()
}

/// `50 M`, `1,000`.
fn count(number: f64) -> String {
    match number {
        1e9.. => format!("{} B", short(number / 1e9)),
        1e6.. => format!("{} M", short(number / 1e6)),
        1e4.. => format!("{} k", short(number / 1e3)),
        _ => short(number),
    }
}

fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn units(number: f64) -> String {
    match number {
        1_000.0.. => count(number),
        _ => format!("{number:.3}"),
    }
}

/// US dollars: cents, and more digits where there are no cents.
fn usd(usd: f64) -> String {
    match usd.abs() {
        0.0 => "$0".to_owned(),
        0.01.. => format!("${usd:.2}"),
        0.000_1.. => format!("${usd:.4}"),
        _ => format!("${usd:.8}"),
    }
}
