//! Two runs side by side: what is equal, what differs and on which side, and whose behaviour is AWS's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::catalogue::{Group, Scenario};
use super::run::Run;
use super::seen::{Ending, Outcome};
use crate::target::{Product, Target};

/// Version of the report's form.
pub const VERSION: u32 = 1;

/// One of the two targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFacts {
    /// What it is called in the report.
    pub label: String,
    /// Name of the target.
    pub target: String,
    /// What answered there.
    pub product: Product,
    /// Endpoint; none where the SDK knows it.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Name of the copy.
    pub copy: String,
    /// How long all of it took, ms.
    pub took_ms: u64,
    /// Why not all was played, or something is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl SideFacts {
    /// Of a run.
    pub fn of(label: &str, target: &Target, run: &Run) -> Self {
        Self {
            label: label.to_owned(),
            target: target.name().to_owned(),
            product: target.product.clone(),
            endpoint: target.endpoint().map(str::to_owned),
            region: target.region().to_owned(),
            copy: run.copy.clone(),
            took_ms: run.took_ms,
            trouble: run.trouble.clone(),
        }
    }
}

/// What became of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same on both.
    Equal,
    /// Something differs.
    Differs,
    /// A target does not have what it needs. Counts as differing.
    NotSupported,
    /// Somebody left it out.
    Skipped,
}

impl Verdict {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs => "differs",
            Self::NotSupported => "not supported",
            Self::Skipped => "skipped",
        }
    }
}

/// A fact that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which.
    pub fact: String,
    /// On the first target; none where it was not seen.
    pub a: Option<String>,
    /// On the second.
    pub b: Option<String>,
    /// What AWS does, where that is known.
    pub aws: Option<String>,
    /// Who says so.
    pub source: Option<String>,
}

/// A fact that is not as on AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// Which.
    pub fact: String,
    /// As it is.
    pub is: Option<String>,
    /// As it is on AWS.
    pub aws: String,
    /// Who says so.
    pub source: String,
}

/// A scenario on both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub group: Group,
    /// What is tried.
    pub title: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What is not as on AWS, on each target.
    pub unlike_aws: [Vec<Deviation>; 2],
    /// What was seen.
    pub outcomes: [Option<Outcome>; 2],
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Of this form.
    pub version: u32,
    /// Id: when it began.
    pub id: String,
    /// Version of pipectl.
    pub pipectl: String,
    /// The stack whose copies were made.
    pub stack: String,
    /// The targets.
    pub sides: [SideFacts; 2],
    /// Scenarios that are the same on both.
    pub equal: usize,
    /// All that the stack has the parts for, also those that were left out.
    pub all: usize,
    /// Equal of all, percent.
    pub percent: f64,
    /// Did it come to its end?
    pub complete: bool,
    /// Scenarios.
    pub rows: Vec<Row>,
    /// Scenarios that the stack lacks the parts for, and what it lacks.
    pub not_of_the_stack: Vec<(String, String)>,
}

impl Row {
    /// Is it, on both, not as on AWS, or not as the stack file expects?
    pub fn is_unlike_aws(&self) -> bool {
        self.unlike_aws.iter().all(|unlike| !unlike.is_empty())
    }
}

impl Matrix {
    /// Compares two runs of `scenarios`.
    pub fn of(
        (id, stack): (&str, &str),
        sides: [SideFacts; 2],
        scenarios: &[Scenario],
        (a, b): (&Run, &Run),
        others: &[(Scenario, &'static str)],
        wanted: &dyn Fn(&Scenario) -> bool,
    ) -> Self {
        let rows: Vec<Row> = scenarios
            .iter()
            .map(|one| row(one, wanted(one), [outcome(a, one), outcome(b, one)]))
            .collect();
        let equal = rows
            .iter()
            .filter(|row| row.verdict == Verdict::Equal)
            .count();
        let all = rows.len();
        Self {
            version: VERSION,
            id: id.to_owned(),
            pipectl: env!("CARGO_PKG_VERSION").to_owned(),
            stack: stack.to_owned(),
            complete: sides.iter().all(|side| side.trouble.is_none()),
            sides,
            equal,
            all,
            percent: if all == 0 {
                0.0
            } else {
                equal as f64 * 100.0 / all as f64
            },
            rows,
            not_of_the_stack: others
                .iter()
                .map(|(one, missing)| (one.name.to_string(), (*missing).to_owned()))
                .collect(),
        }
    }

    /// Rows with this verdict.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.verdict == verdict)
    }

    /// Rows that keep it from being whole.
    pub fn unequal(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict != Verdict::Equal)
    }
}

fn outcome(run: &Run, scenario: &Scenario) -> Option<Outcome> {
    run.outcomes.get(&*scenario.name).cloned()
}

fn row(scenario: &Scenario, wanted: bool, outcomes: [Option<Outcome>; 2]) -> Row {
    let outcomes = outcomes.map(|outcome| {
        outcome.or_else(|| {
            wanted.then(|| Outcome {
                ending: Ending::NotPlayed {
                    why: "the run ended before it".to_owned(),
                },
                seen: super::seen::Seen::new(),
                took_ms: 0,
            })
        })
    });
    let mut made = Row {
        name: scenario.name.to_string(),
        group: scenario.group,
        title: scenario.title.to_string(),
        verdict: Verdict::Skipped,
        differences: Vec::new(),
        unlike_aws: [Vec::new(), Vec::new()],
        outcomes,
    };
    let [Some(a), Some(b)] = &made.outcomes else {
        return made;
    };
    let names: BTreeSet<&String> = a.seen.facts.keys().chain(b.seen.facts.keys()).collect();
    let of = |outcome: &Outcome, name: &str| outcome.seen.facts.get(name).cloned();
    for name in names {
        let (in_a, in_b) = (of(a, name), of(b, name));
        let aws = scenario.expected(name);
        if in_a != in_b {
            made.differences.push(Difference {
                fact: name.clone(),
                a: in_a.clone(),
                b: in_b.clone(),
                aws: aws.map(|(value, _)| value.to_owned()),
                source: aws.map(|(_, source)| source.to_owned()),
            });
        }
        let Some((value, source)) = aws else {
            continue;
        };
        let judged = [(a, in_a), (b, in_b)].into_iter().zip(&mut made.unlike_aws);
        for ((outcome, is), unlike) in judged {
            if outcome.ending == Ending::Seen && is.as_deref() != Some(value) {
                unlike.push(Deviation {
                    fact: name.clone(),
                    is,
                    aws: value.to_owned(),
                    source: source.to_owned(),
                });
            }
        }
    }
    let unsupported = |outcome: &Outcome| matches!(outcome.ending, Ending::NotSupported { .. });
    made.verdict = match (&a.ending, &b.ending) {
        _ if unsupported(a) || unsupported(b) => Verdict::NotSupported,
        (Ending::Seen, Ending::Seen) if made.differences.is_empty() => Verdict::Equal,
        // Two that failed are no parity.
        _ => Verdict::Differs,
    };
    made
}

/// How a scenario ended, for people; none where it was played to its end.
pub fn ended(outcome: &Outcome) -> Option<String> {
    match &outcome.ending {
        Ending::Seen => None,
        Ending::NotSupported { why } => Some(format!("not supported: {why}")),
        Ending::Failed { why } => Some(format!("failed: {why}")),
        Ending::Hung { after_s } => Some(format!("had not ended after {after_s} s")),
        Ending::NotPlayed { why } => Some(format!("not played: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::super::seen::Seen;
    use super::*;

    fn seen(facts: &[(&str, &str)]) -> Outcome {
        let mut seen = Seen::new();
        for (name, value) in facts {
            seen.fact(*name, value);
        }
        Outcome {
            ending: Ending::Seen,
            seen,
            took_ms: 1,
        }
    }

    fn ending(ending: Ending) -> Outcome {
        Outcome {
            ending,
            ..seen(&[])
        }
    }

    fn gzip() -> Scenario {
        let mut all = catalogue::all().into_iter();
        all.find(|one| one.name == "file-gzip")
            .expect("it is there")
    }

    fn of(a: Outcome, b: Outcome) -> Row {
        row(&gzip(), true, [Some(a), Some(b)])
    }

    #[test]
    fn equal_is_what_has_the_same_facts() {
        let facts = [("status", "done"), ("lines", "200")];
        let same = of(seen(&facts), seen(&facts));
        assert_eq!((same.verdict, same.differences.len()), (Verdict::Equal, 0));
        assert!(same.unlike_aws.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_difference_tells_both_sides_and_what_aws_does() {
        let differs = of(
            seen(&[("status", "done"), ("lines", "200")]),
            seen(&[("status", "failed")]),
        );
        assert_eq!(differs.verdict, Verdict::Differs);
        let facts: Vec<_> = differs
            .differences
            .iter()
            .map(|one| {
                (
                    one.fact.as_str(),
                    one.a.as_deref(),
                    one.b.as_deref(),
                    one.aws.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("lines", Some("200"), None, Some("200")),
                ("status", Some("done"), Some("failed"), Some("done")),
            ]
        );
        let unlike = differs.unlike_aws.each_ref().map(Vec::len);
        assert_eq!(unlike, [0, 2]);
    }

    #[test]
    fn what_is_equally_wrong_is_equal_and_said_to_be_unlike_aws() {
        let wrong = [("status", "failed")];
        let row = of(seen(&wrong), seen(&wrong));
        assert_eq!(row.verdict, Verdict::Equal);
        assert_eq!(row.unlike_aws.each_ref().map(Vec::len), [1, 1]);
    }

    #[test]
    fn what_failed_on_both_is_no_parity() {
        let why = "PutObject: it broke".to_owned();
        let failed = ending(Ending::Failed { why: why.clone() });
        assert_eq!(of(failed.clone(), failed.clone()).verdict, Verdict::Differs);
        let hung = ending(Ending::Hung { after_s: 90 });
        assert_eq!(of(hung.clone(), hung).verdict, Verdict::Differs);
        let missing = ending(Ending::NotSupported { why });
        assert_eq!(of(missing, failed).verdict, Verdict::NotSupported);
    }

    #[test]
    fn skipped_and_not_played_are_not_equal() {
        assert_eq!(row(&gzip(), false, [None, None]).verdict, Verdict::Skipped);
        assert_eq!(
            row(&gzip(), true, [None, Some(seen(&[]))]).verdict,
            Verdict::Differs
        );
    }
}
