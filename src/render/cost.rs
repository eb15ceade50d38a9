//! An estimate in words and tables.

use super::style::{bad, dim, good, hint, warn};
use super::table::Table;
use crate::cost::Estimate;
use crate::cost::estimate::{Component, Month};
use crate::cost::study::{Claim, StudyCost};
use crate::number::{count, usd};

/// The whole bill. `other` is the other instruction set, and its month.
pub fn bill(
    estimate: &Estimate,
    architecture: &str,
    other: (&str, &Month),
    warnings: &[String],
    study: Option<(&StudyCost, &[Claim])>,
) -> String {
    let load = &estimate.load;
    let mut head = format!(
        "{} log lines a month in files of {}: {} files; {architecture}, prices of {} as of {}",
        count(load.lines),
        count(load.lines_per_file),
        count(load.files()),
        estimate.region,
        estimate.prices_as_of
    );
    for warning in warnings {
        head.push_str(&format!("\n{} {warning}", warn("warning:")));
    }
    let mut bill = Table::new(&["", "OF", "A MONTH", "", "USD", ""], &[2, 4]);
    for component in Component::ALL {
        let lines = estimate.bill.iter();
        for line in lines.filter(|line| line.component == *component) {
            bill.add_row([
                component.label().to_owned(),
                line.used.of.clone(),
                units(line.units),
                line.unit.clone(),
                usd(line.usd),
                dim(&line.used.how).to_string(),
            ]);
        }
    }
    let month = &estimate.month;
    let (name, with_other) = other;
    let total = format!(
        "{} a month, {} of it Lambda; {} with the free tier; one file more costs {}\non {name} it is {}, {} of it Lambda; {} with the free tier",
        good(usd(month.usd)),
        usd(month.components[&Component::Lambda]),
        usd(month.usd_with_free_tier),
        usd(estimate.usd_per_file),
        usd(with_other.usd),
        usd(with_other.components[&Component::Lambda]),
        usd(with_other.usd_with_free_tier),
    );
    let mut parts = vec![
        head,
        bill.to_string(),
        total,
        volumes(estimate),
        dominance(estimate),
    ];
    if let Some((published, claims)) = study {
        parts.push(format!(
            "the study has {} a month for {} events; this is {} on {architecture} and {} on {name} for {} log lines",
            usd(published.usd_per_month),
            count(published.events_per_month),
            usd(month.usd),
            usd(with_other.usd),
            count(load.lines)
        ));
        parts.push(self::claims(claims));
    }
    parts.join("\n\n")
}

fn volumes(estimate: &Estimate) -> String {
    let names: Vec<String> = Component::ALL
        .iter()
        .map(|one| one.label().to_uppercase())
        .collect();
    let header: Vec<&str> = ["LINES A MONTH", "USD", "WITH FREE TIER"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .chain(["MOST IS"])
        .collect();
    let mut table = Table::new(&header, &[0, 1, 2, 3, 4, 5, 6, 7]);
    for month in &estimate.volumes {
        let mut cells = vec![
            count(month.lines),
            usd(month.usd),
            usd(month.usd_with_free_tier),
        ];
        cells.extend(Component::ALL.iter().map(|one| usd(month.components[one])));
        cells.push(hint(month.dominated_by.label()).to_string());
        table.add_row(cells);
    }
    table.to_string()
}

/// `most of it is CloudWatch up to 3.2 M lines a month, then SQS up to …, then Lambda`.
fn dominance(estimate: &Estimate) -> String {
    let all = &estimate.dominance;
    let parts: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(at, one)| match all.get(at + 1) {
            Some(next) => format!(
                "{} up to {} lines a month",
                one.component.label(),
                count(next.from_lines)
            ),
            None => one.component.label().to_owned(),
        })
        .collect();
    format!("the largest part is {}", parts.join(", then "))
}

fn claims(claims: &[Claim]) -> String {
    let lines = claims.iter().map(|claim| {
        let shown = |value: f64| match &*claim.unit {
            "USD" => usd(value),
            unit => format!("{value:.3} {unit}"),
        };
        let verdict = if claim.follows {
            good("follows").to_string()
        } else {
            bad("does not follow").to_string()
        };
        format!(
            "{}: the study says {}, it is {} ({verdict})\n  {}\n  {}",
            claim.what,
            shown(claim.says),
            shown(claim.is),
            dim(&claim.how),
            claim.remark
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn units(number: f64) -> String {
    match number {
        1_000.0.. => count(number),
        _ => format!("{number:.3}"),
    }
}
