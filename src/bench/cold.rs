//! Cold starts: environments are made new by a variable that no function reads, one file is sent into them, and
//! one right after. In the end the functions are as their stack says.

use super::row::Phase;
use super::run::{Early, Outcome, Run, stage};
use super::workload::Workload;
use crate::apply::Cancel;
use crate::converge;
use crate::event::{Event, Sink};
use crate::plan::{Consent, Purpose};
use crate::stack::model::{Kind, Part, Stack, Text};

/// A variable that changes makes Lambda run new environments, as new code does.
const VARIABLE: &str = "PIPECTL_COLD";

/// Hears nothing: how environments are made new is no news.
struct Silent;

impl Sink for Silent {
    fn emit(&self, _: Event) {}
}

/// `times` cold files, each with a warm one after it.
pub(super) async fn run(run: &Run<'_>, files: &mut Workload, times: u32, outcome: &mut Outcome) {
    // What else differs would be changed with the variable.
    if let Err(cause) = converge_to(run, run.stack, Allowed::Nothing, run.cancel).await {
        outcome.early = Some(Early::NotRenewed(cause));
        return;
    }
    for time in 1..=times {
        if outcome.early.is_some() || run.cancel.is_asked() {
            break;
        }
        let marked = marked(run.stack, &format!("{}-{time}", run.id));
        if let Err(cause) = converge_to(run, &marked, Allowed::Variable, run.cancel).await {
            outcome.early = Some(Early::NotRenewed(cause));
            break;
        }
        let (cold, warm) = (files.next(0), files.next(0));
        run.alone(cold, Phase::Cold, outcome).await;
        run.alone(warm, Phase::Warm, outcome).await;
        run.tell(outcome, Some(u64::from(times) * 2));
    }
    for (phase, what) in [(Phase::Cold, "cold"), (Phase::Warm, "warm")] {
        let rows: Vec<_> = outcome
            .rows
            .iter()
            .filter(|row| row.phase == phase)
            .cloned()
            .collect();
        run.sink.emit(stage(what.to_owned(), &rows));
    }
    // Also after an interruption: nobody wants to find the variable there.
    let anyway = Cancel::default();
    if let Err(cause) = converge_to(run, run.stack, Allowed::Variable, &anyway).await {
        outcome.early.get_or_insert(Early::NotRenewed(cause));
    }
}

/// What may differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Nothing,
    Variable,
}

/// The stack with a variable more at every function.
fn marked(stack: &Stack, value: &str) -> Stack {
    let mut stack = stack.clone();
    for function in &mut stack.functions {
        let parts = vec![Part::Literal(value.to_owned())];
        function
            .environment
            .push((VARIABLE.to_owned(), Text { parts }));
    }
    stack
}

/// Makes the functions as a stack says; the error is for people.
async fn converge_to(
    run: &Run<'_>,
    stack: &Stack,
    allowed: Allowed,
    cancel: &Cancel,
) -> Result<(), String> {
    let proposal = converge::propose(stack, run.cx, Purpose::Up, Consent::default()).await;
    let proposal = proposal.map_err(|error| match error {
        converge::NoPlan::Unread(errors) => {
            let first = errors.first();
            first.map_or_else(String::new, |error| {
                format!("{}: {}", error.what, error.error)
            })
        }
        converge::NoPlan::Inconsistent(_) => "the plan is inconsistent".to_owned(),
    })?;
    let field = format!("environment.{VARIABLE}");
    let ours = |step: &crate::plan::Step| {
        allowed == Allowed::Variable
            && step.id.kind == Kind::Function
            && step.changes.iter().all(|change| change.field == field)
    };
    if let Some(other) = proposal.plan.changes().find(|step| !ours(step)) {
        return Err(format!(
            "{} is not as the stack says, and would be changed as well",
            other.id
        ));
    }
    if let Some(refusal) = proposal.plan.refusals.first() {
        return Err(format!("{}: {}", refusal.id, refusal.why));
    }
    let outcome = proposal.carry_out(run.cx, &Silent, cancel).await;
    match outcome.failed.first() {
        Some(failed) => Err(format!("{}: {}", failed.id, failed.error)),
        None => Ok(()),
    }
}
