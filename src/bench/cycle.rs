//! How long a round of work takes: making the stack, finding nothing to do, bringing in a change of code, and
//! taking the stack down. Rounds are made with a stack of another name, so that the one that is up stays as it
//! is, and with a name each that nothing else has: AWS keeps the names of deleted queues for a minute, and nothing
//! is deleted but what a round made. // aws-behaviours Q1

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::facts::Machine;
use super::feed::ms;
use super::stats::Distribution;
use crate::apply::{Cancel, Outcome};
use crate::converge::{self, NoPlan};
use crate::event::{Event, Sink};
use crate::package::{self, Artifact, PackageError};
use crate::plan::{Action, Consent, Losses, Plan, Purpose};
use crate::resource::{Context, Place};
use crate::stack::model::{Kind, LogicalId, Stack};
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
    /// Did somebody interrupt?
    pub interrupted: bool,
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
    /// Makes rounds until all are made or one fails. Each leaves nothing; what a run left that was killed goes
    /// first.
    pub async fn run(&self, times: u32) -> Cycled {
        let mut cycled = Cycled::default();
        let record = Record::of(self.stack, self.target);
        for name in record.names() {
            let copy = named(self.stack, &name);
            if let Err(cause) = self.take_down(&copy, self.cancel).await {
                cycled.early = Some(format!("{name}, which an earlier run left: {cause}"));
                return cycled;
            }
            record.forget(&name);
        }
        for n in 1..=times {
            if self.cancel.is_asked() {
                cycled.interrupted = true;
                cycled.early = Some("interrupted".to_owned());
                break;
            }
            let copy = copied(self.stack, n);
            if let Err(cause) = self.fits(&copy).and_then(|()| record.remember(&copy.name)) {
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
                    let left = self.take_down(&copy, &Cancel::default()).await.err();
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
        self.take_down(copy, self.cancel).await?;
        Ok(Round {
            n,
            first_up_ms,
            no_op_ms,
            code_change_ms,
            down_ms: ms(begun.elapsed()),
        })
    }

    async fn take_down(&self, copy: &Stack, cancel: &Cancel) -> Result<(), String> {
        let consent = Consent {
            losses: Losses::Any,
            ..Consent::default()
        };
        let cx = self.context(copy, None);
        converged(copy, &cx, (Purpose::Down, consent), &|_| true, cancel).await
    }

    /// The names of the copy's resources, which are longer than the stack's.
    fn fits(&self, copy: &Stack) -> Result<(), String> {
        let place = self.context(copy, None).place;
        let buckets = copy
            .buckets
            .iter()
            .map(|one| place.bucket(copy, &one.name).name);
        let functions = copy
            .functions
            .iter()
            .map(|one| place.function(copy, &one.name).name);
        let too_long = buckets.filter(|name| name.len() > 63);
        let too_long = too_long.chain(functions.filter(|name| name.len() > 64));
        match too_long.into_iter().next() {
            Some(name) => Err(format!(
                "`{name}` is too long a name: the copies' are longer"
            )),
            None => Ok(()),
        }
    }

    fn context(&self, copy: &Stack, artifacts: Option<Artifacts>) -> Context {
        let target = self.target.clone();
        Context::new(Place { target, artifacts }, &copy.name)
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
        let cx = self.context(copy, Some(artifacts.clone()));
        let what = (Purpose::Up, Consent::default());
        converged(copy, &cx, what, expected, self.cancel).await?;
        Ok((ms(begun.elapsed()), artifacts))
    }
}

/// Proposes and carries out; the error is for people.
async fn converged(
    copy: &Stack,
    cx: &Context,
    (purpose, consent): (Purpose, Consent),
    expected: &dyn Fn(&Plan) -> bool,
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
    if !expected(&proposal.plan) {
        let steps = proposal.plan.changes();
        let steps: Vec<String> = steps
            .map(|step| format!("{} {}", step.action.verb(), step.id))
            .collect();
        return Err(format!(
            "another plan than a round has: {}",
            steps.join(", ")
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

/// The stack under a name that nothing else has.
fn copied(stack: &Stack, n: u32) -> Stack {
    let end = format!("-c{n}-{}", &uuid::Uuid::new_v4().simple().to_string()[..6]);
    let kept: String = stack.name.chars().take(LONGEST_NAME - end.len()).collect();
    named(stack, &format!("{kept}{end}"))
}

fn named(stack: &Stack, name: &str) -> Stack {
    Stack {
        name: name.to_owned(),
        ..stack.clone()
    }
}

/// The names of copies that were begun and not seen to be gone: a line each in a file of the project.
struct Record(PathBuf);

impl Record {
    fn of(stack: &Stack, target: &Target) -> Self {
        let name = format!("cycle-{}-{}.txt", stack.name, target.name());
        Self(stack.root.join(".pipectl").join(name))
    }

    fn names(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Before anything of it is made: what nobody remembers, nobody takes down.
    fn remember(&self, name: &str) -> Result<(), String> {
        let mut names = self.names();
        names.push(name.to_owned());
        package::replace(&self.0, format!("{}\n", names.join("\n")).as_bytes())
            .map_err(|error| format!("{}: {error}", self.0.display()))
    }

    /// A name that stays costs one look at the beginning of the next cycle.
    fn forget(&self, name: &str) {
        let mut names = self.names();
        names.retain(|one| one != name);
        let _ = if names.is_empty() {
            std::fs::remove_file(&self.0)
        } else {
            package::replace(&self.0, format!("{}\n", names.join("\n")).as_bytes())
        };
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
