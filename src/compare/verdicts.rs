//! Which target is for what. Each verdict follows from numbers of the report, which it cites; where there are none it says
//! what is missing.

use super::report::{Parity, Report, Run, Verdict};
use super::sections::change_until_result;
use super::words::{Piece, Words, fact, number, words};
use crate::number;
use crate::target::ProductName;

/// All of them, in the order of the page.
pub fn all(report: &Report) -> Vec<Verdict> {
    vec![
        working(report),
        trusting(report),
        latency(report),
        load(report),
    ]
}

fn ms(value: f64, of: String) -> Piece {
    number(number::ms(value), value, of)
}

fn times(value: f64, of: String) -> Piece {
    let text = if value < 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    };
    number(text, value, of)
}

/// A run and a figure of it.
type Found<'a> = (&'a Run, f64);

/// The least of the runs that have a figure, and the others.
fn least<'a>(
    report: &'a Report,
    figure: &dyn Fn(&Run) -> Option<f64>,
) -> Option<(Found<'a>, Vec<Found<'a>>)> {
    let mut all: Vec<(&Run, f64)> = report
        .runs
        .iter()
        .filter_map(|run| Some((run, figure(run)?)))
        .collect();
    all.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let first = all.first().copied()?;
    Some((first, all.split_off(1)))
}

fn working(report: &Report) -> Verdict {
    let question = "Which for working on the code?";
    let of = |run: &Run| format!("run/{}/day/change", run.label);
    let Some(((best, took), others)) = least(report, &change_until_result) else {
        return undecided(
            question,
            "no run has rounds of work: `pipectl bench --cycle` makes them",
        );
    };
    let mut because = words![
        "a change of code and the result of a file are there after ",
        ms(took, of(best))
    ];
    for (run, ms_) in &others {
        because.push(", on ");
        because.push(fact(&run.label));
        because.push(" after ");
        because.push(ms(*ms_, of(run)));
    }
    for one in &report.published {
        let [from, to] = one.deploy_cycle_s;
        let of = |what: &str| format!("published/{}/day/change/{what}", one.label);
        because.push(", by the published figures of ");
        because.push(fact(&one.label));
        because.push(" after ");
        because.push(number(format!("{from:.0}"), from, of("from")));
        because.push(" to ");
        because.push(number(format!("{to:.0}"), to, of("to")));
        because.push(" s");
    }
    Verdict {
        question,
        answer: all_best(report, &change_until_result, took),
        because,
    }
}

/// All that have the best figure.
fn all_best(report: &Report, figure: &dyn Fn(&Run) -> Option<f64>, best: f64) -> Words {
    let best = report
        .runs
        .iter()
        .filter(|run| figure(run).is_some_and(|one| one.total_cmp(&best).is_eq()));
    Words::listed(best.map(|run| fact(&run.label).into()))
}

/// In how many scenarios a target was seen to do other than AWS, by label.
fn unlike(report: &Report) -> Vec<(&str, usize, &Parity, usize)> {
    let mut found: Vec<(&str, usize, &Parity, usize)> = Vec::new();
    // A few scenarios say less than all.
    let most = most_played(report);
    for parity in report.parity.iter().filter(|one| Some(one.played) == most) {
        for (side, label) in parity.labels.iter().enumerate() {
            if !found.iter().any(|(known, ..)| known == label) {
                found.push((label, parity.unlike_aws[side], parity, side));
            }
        }
    }
    found.sort_by_key(|(_, count, ..)| *count);
    found
}

fn most_played(report: &Report) -> Option<usize> {
    report.parity.iter().map(|one| one.played).max()
}

fn trusting(report: &Report) -> Verdict {
    let question = "Which can be trusted to do as AWS does?";
    let found = unlike(report);
    let Some((_, fewest, ..)) = found.first() else {
        return undecided(
            question,
            "no report of parity was given: `pipectl parity A B` makes one, --parity takes it",
        );
    };
    let counts = found.iter().map(|(label, count, parity, side)| {
        let [a, b] = &parity.labels;
        let of = |what: &str| format!("parity/{a}/{b}/{what}");
        words![
            fact(label),
            " ",
            number(
                count.to_string(),
                *count as f64,
                of(&format!("unlike_aws/{side}"))
            ),
            " of ",
            number(
                parity.played.to_string(),
                parity.played as f64,
                of("played")
            )
        ]
    });
    let best = found.iter().filter(|(_, count, ..)| count == fewest);
    let mut because = words!["scenarios in which it does other than AWS: "];
    because.0.extend(Words::listed(counts).0);
    if report
        .parity
        .iter()
        .any(|one| Some(one.played) < most_played(report))
    {
        because.push(". Reports in which fewer were played are not among them");
    }
    if report.parity.iter().any(|one| !one.complete) {
        because.push(". Not every report came to its end");
    }
    because.push(". What AWS does is known from its documentation and from what others measured");
    Verdict {
        question,
        answer: Words::listed(best.map(|(label, ..)| fact(label).into())),
        because,
    }
}

fn latency(report: &Report) -> Verdict {
    // What was made in another way tells nothing.
    let comparable = |run: &&Run| run.label == report.reference || run.difference.is_some();
    let question = "Which tells how long files will take on AWS?";
    let is_aws = |run: &&Run| run.facts.product.name == ProductName::Aws;
    let aws = report.runs.iter().filter(comparable).find(is_aws);
    let published = report
        .published
        .iter()
        .find(|one| one.label == "aws (study)");
    let published = published.filter(|one| one.difference.is_some());
    let (label, aws_p50, of) = match aws.and_then(|run| Some((run, run.compared_ms.as_ref()?))) {
        Some((run, times)) => (&run.label, times.p50, format!("run/{}/e2e/p50", run.label)),
        None => match published {
            Some(one) => (
                &one.label,
                one.end_to_end_ms.p50,
                format!("published/{}/e2e/p50", one.label),
            ),
            None => {
                return undecided(
                    question,
                    "there is no run on AWS that these can be compared with, and no published one",
                );
            }
        },
    };
    let emulators = report.runs.iter().filter(comparable);
    let emulators = emulators.filter(|run| !is_aws(run));
    let ratios: Vec<(&Run, f64)> = emulators
        .filter_map(|run| Some((run, aws_p50 / run.compared_ms.as_ref()?.p50)))
        .collect();
    if ratios.is_empty() {
        return undecided(question, "there is no run of an emulator to set beside AWS");
    }
    let mut because = words!["the median of ", fact(label), " is ", ms(aws_p50, of), ": "];
    let parts = ratios.iter().map(|(run, ratio)| {
        let of = format!("ratio/{label}/{}", run.label);
        words![times(*ratio, of), " times that of ", fact(&run.label)]
    });
    because.0.extend(Words::listed(parts).0);
    // Within a fifth is as near as two days of AWS are.
    let near: Vec<&Run> = ratios
        .iter()
        .filter(|(_, ratio)| (0.8..=1.25).contains(ratio))
        .map(|(run, _)| *run)
        .collect();
    let answer = if near.is_empty() {
        words!["none but AWS itself"]
    } else {
        Words::listed(near.iter().map(|run| fact(&run.label).into()))
    };
    Verdict {
        question,
        answer,
        because,
    }
}

fn load(report: &Report) -> Verdict {
    let question = "Which for trying many files at once?";
    let most = |run: &Run| run.saturation_per_s.map(|rate| -rate);
    let Some(((_, best), _)) = least(report, &most) else {
        return undecided(
            question,
            "no run has a ramp: `pipectl bench --ramp` makes one",
        );
    };
    let sustained = report.runs.iter().filter_map(|run| {
        let rate = run.saturation_per_s?;
        let of = format!("run/{}/saturation", run.label);
        Some(words![
            fact(&run.label),
            " ",
            number(number::rate(rate), rate, of)
        ])
    });
    let mut because = words!["files per second that were sustained: "];
    because.0.extend(Words::listed(sustained).0);
    because.push(". What AWS sustains only AWS tells");
    Verdict {
        question,
        answer: all_best(report, &most, best),
        because,
    }
}

fn undecided(question: &'static str, because: &'static str) -> Verdict {
    Verdict {
        question,
        answer: "not decided".into(),
        because: because.into(),
    }
}
