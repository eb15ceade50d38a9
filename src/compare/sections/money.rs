//! What the stack costs on AWS.

use super::super::document::{Section, Table};
use super::super::report::Report;
use super::super::words::{Words, fact, number, words};
use super::usd;
use crate::cost::estimate::{Component, Estimate};
use crate::number;

/// The section.
pub fn cost(report: &Report) -> Section {
    let mut section = Section::new("cost", "What it costs on AWS");
    let Some(cost) = &report.cost else {
        return section;
    };
    let Some(first) = cost.bases.first() else {
        return section;
    };
    let load = &first.arm64.load;
    section.text(words![
        fact(number::count(load.lines)),
        " log lines a month in files of ",
        fact(number::count(load.lines_per_file)),
        " lines; prices of ",
        fact(format!("{} as of {}", first.arm64.region, first.arm64.prices_as_of)),
        ". How long functions run is assumed, or what a run's functions took where they ran: on emulators that is the time \
         of this machine's processor, and less than on AWS."
    ]);
    section.list(cost.warnings.iter().map(|one| fact(one).into()).collect());
    let header = [
        "Time of functions",
        "A file, arm64",
        "A month, arm64",
        "with free tier",
        "of it Lambda",
        "A month, x86",
        "with free tier",
        "of it Lambda",
    ];
    let mut table = Table::new("US dollars", 1, &header);
    for basis in &cost.bases {
        let of = |set: &str, what: &str| format!("cost/{}/{set}/{what}", basis.label);
        let month = |set: &str, estimate: &Estimate| {
            [
                Words::from(usd(estimate.month.usd, of(set, "month"))),
                usd(
                    estimate.month.components[&Component::Lambda],
                    of(set, "Lambda"),
                )
                .into(),
                usd(estimate.month.usd_with_free_tier, of(set, "free")).into(),
            ]
        };
        let mut row = vec![
            fact(&basis.label).into(),
            usd(basis.arm64.usd_per_file, of("arm64", "file")).into(),
        ];
        row.extend(month("arm64", &basis.arm64));
        row.extend(month("x86_64", &basis.x86_64));
        table.rows.push(row);
    }
    section.table(table);
    section.table(bill(&first.label, &first.arm64));
    section.table(volumes(&first.label, &first.arm64));
    section.text(dominance(&first.label, &first.arm64));
    let header = [
        "The study's",
        "How it is made",
        "What to make of it",
        "Follows?",
        "Says",
        "Is",
    ];
    let mut table = Table::new("The study's figures, done again", 4, &header);
    for (at, claim) in cost.study.iter().enumerate() {
        let shown = |value: f64, what: &str| {
            let text = if claim.unit == "USD" {
                number::usd(value)
            } else {
                format!("{value:.3} {}", claim.unit)
            };
            Words::from(number(text, value, format!("cost/study/{at}/{what}")))
        };
        table.rows.push(vec![
            fact(&claim.what).into(),
            fact(&claim.how).into(),
            fact(&claim.remark).into(),
            if claim.follows {
                "yes".into()
            } else {
                "no".into()
            },
            shown(claim.says, "says"),
            shown(claim.is, "is"),
        ]);
    }
    section.table(table);
    section
}

/// Line by line.
fn bill(label: &str, estimate: &Estimate) -> Table {
    let header = [
        "Component",
        "Of",
        "How",
        "Unit",
        "Units a month",
        "USD a month",
    ];
    let mut table = Table::new(
        words![
            "The bill, line by line: arm64, without the free tier, ",
            fact(label)
        ],
        4,
        &header,
    );
    for component in Component::ALL {
        for (at, line) in estimate.bill.iter().enumerate() {
            if line.component != *component {
                continue;
            }
            let of = |what: &str| format!("cost/{label}/arm64/line/{at}/{what}");
            let units = if line.units < 1_000.0 {
                format!("{:.3}", line.units)
            } else {
                number::count(line.units)
            };
            table.rows.push(vec![
                component.label().into(),
                fact(&line.used.of).into(),
                fact(&line.used.how).into(),
                fact(&line.unit).into(),
                number(units, line.units, of("units")).into(),
                usd(line.usd, of("usd")).into(),
            ]);
        }
    }
    table
}

/// Over volumes.
fn volumes(label: &str, estimate: &Estimate) -> Table {
    let mut header = vec!["Lines a month", "USD", "with free tier"];
    header.extend(Component::ALL.iter().map(|one| one.label()));
    header.push("Most is");
    let mut table = Table::new("Over volumes: US dollars a month, arm64", 1, &header);
    for (at, month) in estimate.volumes.iter().enumerate() {
        let of = |what: &str| format!("cost/{label}/arm64/volume/{at}/{what}");
        let mut row = vec![
            fact(number::count(month.lines)).into(),
            usd(month.usd, of("month")).into(),
            usd(month.usd_with_free_tier, of("free")).into(),
        ];
        row.extend(Component::ALL.iter().map(|one| {
            let value = month.components[one];
            Words::from(usd(value, of(one.label())))
        }));
        row.push(month.dominated_by.label().into());
        table.rows.push(row);
    }
    table
}

fn dominance(label: &str, estimate: &Estimate) -> Words {
    let all = &estimate.dominance;
    let parts = all.iter().enumerate().map(|(at, one)| {
        let name = one.component.label();
        let of = format!("cost/{label}/arm64/dominance/{}", at + 1);
        match all.get(at + 1) {
            Some(next) => words![
                name,
                " up to ",
                number(number::count(next.from_lines), next.from_lines, of),
                " lines a month"
            ],
            None => words![name, " from there on"],
        }
    });
    let mut words = words!["Without the free tier the largest part is "];
    words.0.extend(Words::listed(parts).0);
    words.push(".");
    words
}
