//! How long a round of work takes: making the stack, finding nothing to do, bringing in a change of code, and
//! taking the stack down. Rounds are made with a stack of another name, so that the one that is up stays as it
//! is, and with another name each: AWS keeps the names of deleted queues for a minute. // aws-behaviours Q1

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::facts::Machine;
use super::feed::ms;
use super::stats::Distribution;
use crate::apply::{Cancel, Outcome};
use crate::converge::{self, NoPlan};
use crate::event::{Event, Sink};
use crate::package::{self, Artifact, PackageError};
use crate::plan::{Consent, Losses, Purpose};
use crate::resource::{Context, Place};
use crate::stack::model::Stack;
use crate::target::{Product, Target};

/// Longest name of a stack. // stack::names
const LONGEST_NAME: usize = 30;
/// What a changed artifact has besides its program.
const NOTE: &str = "pipectl-cycle.txt";

/// One round. Milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Number, from 1.
    pub n: u32,
    /// Nothing was there: packaging, which finds nothing to build, planning, and making everything.
    pub first_up_ms: f64,
    /// Nothing to do.
    pub no_op_ms: f64,
    /// The code of one function is another one.
    pub code_change_ms: f64,
    /// Everything goes.
    pub down_ms: f64,
}

impl Round {
    /// Names of its columns, in their order.
    pub const COLUMNS: &[&str] = &["n", "first_up_ms", "no_op_ms", "code_change_ms", "down_ms"];
}

/// Rounds of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CycleSummary {
    /// Of this form.
    pub version: u32,
    /// Id: when it began.
    pub id: String,
    /// When it ended: UTC, RFC 3339 with milliseconds.
    pub ended_at: String,
    /// Version of pipectl.
    pub pipectl: String,
    /// The stack whose copies were made.
    pub stack: String,
    /// Name of the target.
    pub target: String,
    /// Endpoint; none where the SDK knows it.
    pub endpoint: Option<String>,
    /// What answered there.
    pub product: Product,
    /// Region.
    pub region: String,
    /// The machine that measured.
    pub machine: Machine,
    /// Rounds asked for.
    pub times: u32,
    /// Did it come to its end?
    pub complete: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    /// Bytes of the zip that changed.
    pub changed_zip_bytes: Option<u64>,
    /// Figures by what was done, milliseconds.
    pub figures: BTreeMap<String, Distribution>,
}

/// Figures of whole rounds.
pub fn figures(rounds: &[Round], seed: u64) -> BTreeMap<String, Distribution> {
    type Column = fn(&Round) -> f64;
    let columns: [(&str, Column); 4] = [
        ("first_up_ms", |round| round.first_up_ms),
        ("no_op_ms", |round| round.no_op_ms),
        ("code_change_ms", |round| round.code_change_ms),
        ("down_ms", |round| round.down_ms),
    ];
    let figures = columns.into_iter().filter_map(|(name, column)| {
        let of = Distribution::of(rounds.iter().map(column), seed)?;
        Some((name.to_owned(), of))
    });
    figures.collect()
}

/// Means of a cycle.
pub struct Cycle<'a, P> {
    /// The stack whose copies are made.
    pub stack: &'a Stack,
    /// Where.
    pub target: &'a Target,
    /// Packages the stack's functions: the copies have the same.
    pub package: P,
    /// Who hears of it.
    pub sink: &'a dyn Sink,
    /// Who may interrupt.
    pub cancel: &'a Cancel,
}

/// What a cycle gave.
#[derive(Debug, Default)]
pub struct Cycled {
    /// Whole rounds.
    pub rounds: Vec<Round>,
    /// Why there are fewer than asked for.
    pub early: Option<String>,
    /// Bytes of the zip that changed.
    pub changed_zip_bytes: Option<u64>,
}

/// The steps of a round are not told one by one.
struct Silent;

impl Sink for Silent {
    fn emit(&self, _: Event) {}
}

type Artifacts = BTreeMap<String, Artifact>;

impl<P, F> Cycle<'_, P>
where
    P: Fn() -> F,
    F: Future<Output = Result<Artifacts, PackageError>>,
{
    /// Makes rounds until all are made or one fails. Each leaves nothing.
    pub async fn run(&self, times: u32) -> Cycled {
        let mut cycled = Cycled::default();
        for n in 1..=times {
            if self.cancel.is_asked() {
                cycled.early = Some("interrupted".to_owned());
                break;
            }
            let copy = copied(self.stack, n);
            let round = self.round(&copy, n, &mut cycled).await;
            match round {
                Ok(round) => {
                    self.sink.emit(Event::CycleRoundEnded {
                        n,
                        of: times,
                        first_up_ms: round.first_up_ms,
                        no_op_ms: round.no_op_ms,
                        code_change_ms: round.code_change_ms,
                        down_ms: round.down_ms,
                    });
                    cycled.rounds.push(round);
                }
                Err(cause) => {
                    // What is there of it goes, also after an interruption.
                    let cx = self.context(&copy, None);
                    let left = down(&copy, &cx, &Cancel::default()).await;
                    let left = left
                        .err()
                        .map(|left| format!("; and what is left of it: {left}"));
                    cycled.early = Some(format!("{cause}{}", left.unwrap_or_default()));
                    break;
                }
            }
        }
        cycled
    }

    async fn round(&self, copy: &Stack, n: u32, cycled: &mut Cycled) -> Result<Round, String> {
        // An earlier run may have been killed.
        down(copy, &self.context(copy, None), self.cancel).await?;
        let (first_up_ms, artifacts) = self.up(copy, None).await?;
        let (no_op_ms, _) = self.up(copy, None).await?;
        let (directory, changed) = changed(copy, &artifacts, n).map_err(|e| e.to_string())?;
        cycled.changed_zip_bytes = Some(changed.zip_bytes);
        let (code_change_ms, _) = self.up(copy, Some(changed)).await?;
        drop(directory);
        let begun = Instant::now();
        down(copy, &self.context(copy, None), self.cancel).await?;
        Ok(Round {
            n,
            first_up_ms,
            no_op_ms,
            code_change_ms,
            down_ms: ms(begun.elapsed()),
        })
    }

    fn context(&self, copy: &Stack, artifacts: Option<Artifacts>) -> Context {
        let target = self.target.clone();
        Context::new(Place { target, artifacts }, &copy.name)
    }

    /// What `pipectl up` does behind its start, with `changed` in place of its function's artifact.
    async fn up(
        &self,
        copy: &Stack,
        changed: Option<Artifact>,
    ) -> Result<(f64, Artifacts), String> {
        let begun = Instant::now();
        let packaged = (self.package)().await;
        let mut artifacts = packaged.map_err(|error| error.to_string())?;
        if let Some(changed) = changed {
            artifacts.insert(changed.function.clone(), changed);
        }
        let cx = self.context(copy, Some(artifacts.clone()));
        converged(copy, &cx, Purpose::Up, Consent::default(), self.cancel).await?;
        Ok((ms(begun.elapsed()), artifacts))
    }
}

async fn down(copy: &Stack, cx: &Context, cancel: &Cancel) -> Result<(), String> {
    let consent = Consent {
        losses: Losses::Any,
        ..Consent::default()
    };
    converged(copy, cx, Purpose::Down, consent, cancel).await
}

/// Proposes and carries out; the error is for people.
async fn converged(
    copy: &Stack,
    cx: &Context,
    purpose: Purpose,
    consent: Consent,
    cancel: &Cancel,
) -> Result<(), String> {
    let proposal = converge::propose(copy, cx, purpose, consent).await;
    let proposal = proposal.map_err(|error| match error {
        NoPlan::Unread(errors) => {
            let words = errors
                .iter()
                .map(|one| format!("{}: {}", one.what, one.error));
            words.collect::<Vec<_>>().join("; ")
        }
        NoPlan::Inconsistent(_) => "the plan is inconsistent".to_owned(),
    })?;
    if let Some(refusal) = proposal.plan.refusals.first() {
        return Err(format!(
            "{} ({}): {}",
            refusal.id, refusal.name, refusal.why
        ));
    }
    if proposal.plan.is_empty() {
        return Ok(());
    }
    let outcome: Outcome = proposal.carry_out(cx, &Silent, cancel).await;
    if let Some(failed) = outcome.failed.first() {
        return Err(format!("{} ({}): {}", failed.id, failed.name, failed.error));
    }
    if outcome.is_whole() {
        Ok(())
    } else {
        Err("interrupted".to_owned())
    }
}

/// The stack under a name of its own.
fn copied(stack: &Stack, n: u32) -> Stack {
    let end = format!("-c{n}");
    let kept: String = stack.name.chars().take(LONGEST_NAME - end.len()).collect();
    Stack {
        name: format!("{kept}{end}"),
        ..stack.clone()
    }
}

/// Another artifact of the last function: the same program with a file beside it, and so another hash.
fn changed(
    copy: &Stack,
    artifacts: &Artifacts,
    n: u32,
) -> std::io::Result<(tempfile::TempDir, Artifact)> {
    let last = copy
        .functions
        .last()
        .and_then(|function| artifacts.get(&function.name));
    let last = last.ok_or_else(|| std::io::Error::other("the stack has no function"))?;
    let directory = tempfile::tempdir()?;
    let zip = directory.path().join("changed.zip");
    package::with_file(&last.zip, &zip, NOTE, format!("round {n}\n").as_bytes())?;
    let changed = Artifact::made_elsewhere(&last.function, zip, last.architecture)?;
    Ok((directory, changed))
}
