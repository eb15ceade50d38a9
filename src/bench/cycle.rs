//! How long a round of work takes: making the stack, finding nothing to do, bringing in a change of code, and
//! taking the stack down. Rounds are made with a stack of another name, so that the one that is up stays as it
//! is, and with a name each that nothing else has: AWS keeps the names of deleted queues for a minute, and nothing
//! is deleted but what a round made. // aws-behaviours Q1

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::facts::Machine;
use super::feed::ms;
use super::stats::Distribution;
use crate::apply::Cancel;
use crate::copies::{self, Record};
use crate::event::{Event, Sink};
use crate::package::{self, Artifact, PackageError};
use crate::plan::{Action, Plan};
use crate::stack::model::{Kind, LogicalId, Stack};
use crate::target::{Product, Target};

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
    /// Did somebody interrupt?
    pub interrupted: bool,
    /// Bytes of the zip that changed.
    pub changed_zip_bytes: Option<u64>,
}

type Artifacts = BTreeMap<String, Artifact>;

impl<P, F> Cycle<'_, P>
where
    P: Fn() -> F,
    F: Future<Output = Result<Artifacts, PackageError>>,
{
    /// Makes rounds until all are made or one fails. Each leaves nothing; what a run left that was killed goes
    /// first.
    pub async fn run(&self, times: u32) -> Cycled {
        let mut cycled = Cycled::default();
        let record = Record::of("cycle", self.stack, self.target);
        if let Err(cause) = record.take_down(self.stack, self.target, self.cancel).await {
            cycled.early = Some(cause);
            return cycled;
        }
        for n in 1..=times {
            if self.cancel.is_asked() {
                cycled.interrupted = true;
                cycled.early = Some("interrupted".to_owned());
                break;
            }
            let copy = copies::fresh(self.stack, &format!("c{n}"));
            let fits = copies::fits(&copy, self.target);
            if let Err(cause) = fits.and_then(|()| record.remember(&copy.name)) {
                cycled.early = Some(cause);
                break;
            }
            match self.round(&copy, n, &mut cycled).await {
                Ok(round) => {
                    record.forget(&copy.name);
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
                    let left = copies::take_down(&copy, self.target, &Cancel::default())
                        .await
                        .err();
                    if left.is_none() {
                        record.forget(&copy.name);
                    }
                    let left = left.map(|left| format!("; {} is still there: {left}", copy.name));
                    cycled.interrupted = self.cancel.is_asked();
                    cycled.early = Some(format!("{cause}{}", left.unwrap_or_default()));
                    break;
                }
            }
        }
        cycled
    }

    async fn round(&self, copy: &Stack, n: u32, cycled: &mut Cycled) -> Result<Round, String> {
        let everything = |plan: &Plan| plan.steps.iter().all(|step| step.action == Action::Create);
        let (first_up_ms, artifacts) = self.up(copy, None, &everything).await?;
        let (no_op_ms, _) = self.up(copy, None, &Plan::is_empty).await?;
        let (directory, changed) = changed(copy, &artifacts, n).map_err(|e| e.to_string())?;
        cycled.changed_zip_bytes = Some(changed.zip_bytes);
        let id = LogicalId::new(Kind::Function, &changed.function);
        let one = |plan: &Plan| plan.changes().map(|step| &step.id).eq([&id]);
        let (code_change_ms, _) = self.up(copy, Some(changed), &one).await?;
        drop(directory);
        let begun = Instant::now();
        copies::take_down(copy, self.target, self.cancel).await?;
        Ok(Round {
            n,
            first_up_ms,
            no_op_ms,
            code_change_ms,
            down_ms: ms(begun.elapsed()),
        })
    }

    /// What `pipectl up` does behind its start, with `changed` in place of its function's artifact. The plan must
    /// be what the round is about.
    async fn up(
        &self,
        copy: &Stack,
        changed: Option<Artifact>,
        expected: &dyn Fn(&Plan) -> bool,
    ) -> Result<(f64, Artifacts), String> {
        let begun = Instant::now();
        let packaged = (self.package)().await;
        let mut artifacts = packaged.map_err(|error| error.to_string())?;
        if let Some(changed) = changed {
            artifacts.insert(changed.function.clone(), changed);
        }
        let cx = copies::context(copy, self.target, Some(artifacts.clone()));
        copies::up(copy, &cx, expected, self.cancel).await?;
        Ok((ms(begun.elapsed()), artifacts))
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
