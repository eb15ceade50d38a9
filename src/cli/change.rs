//! What the commands that change a stack have in common: consent, refusals, and what is said of a plan
//! that was not carried out whole.

use serde::Serialize;

use super::Stop;
use crate::apply::Outcome;
use crate::converge::{self, NoPlan, Proposal};
use crate::event::{Event, Sink};
use crate::failure::{CommandError, FailedStep, Refused};
use crate::plan::{Consent, Losses, Plan, Purpose, Remedy};
use crate::render::Renderer;
use crate::resource::Context;
use crate::stack::model::{LogicalId, Stack};

/// What somebody agrees to on the command line.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ConsentArgs {
    /// Take over resources that have the stack's names and belong to nobody
    #[arg(long)]
    adopt: bool,
    /// Delete or replace buckets, queues, tables and templates that hold data, without asking
    #[arg(long)]
    force: bool,
}

impl ConsentArgs {
    /// As plans take it.
    pub(super) fn consent(self) -> Consent {
        Consent {
            adopt: self.adopt,
            losses: losses(self.force),
        }
    }
}

/// As plans take `--force`.
pub(super) fn losses(force: bool) -> Losses {
    if force { Losses::Any } else { Losses::None }
}

/// A plan without refusals. Where only data is in the way and a person is there, they are asked.
pub(super) async fn propose(
    stack: &Stack,
    cx: &Context,
    purpose: Purpose,
    consent: Consent,
    renderer: &Renderer,
) -> Result<Proposal, Stop> {
    let mut proposal = converge::propose(stack, cx, purpose, consent.clone()).await?;
    let mut about_data = proposal.plan.refusals.iter().map(|refusal| refusal.remedy);
    if !proposal.plan.refusals.is_empty()
        && about_data.all(Remedy::is_about_data)
        && renderer.can_ask()
    {
        ask(stack, &proposal, renderer).await?;
        // An answer may take long: everything is read again, and only what was asked about may go.
        let losses = Losses::Of(proposal.plan.at_risk());
        proposal = converge::propose(stack, cx, purpose, Consent { losses, ..consent }).await?;
    }
    tell_unread(&proposal, renderer);
    match refused(&proposal.plan) {
        Some(refused) => Err(refused.into()),
        None => Ok(proposal),
    }
}

/// Says which fields nobody could look at. // aws-behaviours I8
pub(super) fn tell_unread(proposal: &Proposal, sink: &dyn Sink) {
    for (id, observed) in &proposal.survey.observed {
        let unread = observed.live().map(|live| &live.unread);
        if let Some(unread) = unread.filter(|unread| !unread.is_empty()) {
            sink.emit(Event::Unread {
                id: id.clone(),
                fields: unread.iter().cloned().collect(),
            });
        }
    }
}

/// Why a plan is not carried out; none when it may be.
pub(super) fn refused(plan: &Plan) -> Option<CommandError> {
    let refusals: Vec<Refused> = plan
        .refusals
        .iter()
        .cloned()
        .map(|refusal| Refused { refusal })
        .collect();
    (!refusals.is_empty()).then_some(CommandError::PlanRefused { refusals })
}

/// Data is deleted only when somebody said so.
async fn ask(stack: &Stack, proposal: &Proposal, renderer: &Renderer) -> Result<(), Stop> {
    let full: Vec<String> = proposal
        .plan
        .refusals
        .iter()
        .map(|refusal| format!("{} ({})", refusal.id, refusal.name))
        .collect();
    let question = format!(
        "There is still data in {}. Type the stack's name to delete it: ",
        full.join(", ")
    );
    confirm(stack, &question, renderer).await
}

/// Goes on only when somebody types the stack's name.
pub(super) async fn confirm(
    stack: &Stack,
    question: &str,
    renderer: &Renderer,
) -> Result<(), Stop> {
    if answer(stack, question, renderer).await? == stack.name {
        return Ok(());
    }
    Err(CommandError::NotConfirmed {
        stack: stack.name.clone(),
    }
    .into())
}

/// What somebody types, without spaces around it.
pub(super) async fn answer(
    stack: &Stack,
    question: &str,
    renderer: &Renderer,
) -> Result<String, Stop> {
    match renderer.ask(question).await {
        Ok(typed) => Ok(typed.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
            Err(CommandError::InterruptedEarly.into())
        }
        Err(error) => Err(CommandError::Project {
            root: stack.root.display().to_string(),
            cause: error.to_string(),
        }
        .into()),
    }
}

/// What was done and what was not.
#[derive(Debug, Default, Serialize)]
pub(super) struct Done {
    /// Steps done.
    pub done: Vec<LogicalId>,
    /// Steps that failed.
    pub failed: Vec<LogicalId>,
    /// Steps that were not tried: others failed, or somebody interrupted.
    pub not_tried: Vec<LogicalId>,
}

impl Done {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let skipped = outcome.skipped.iter().map(|(id, _)| id);
        Self {
            done: outcome.done.clone(),
            failed: outcome.failed.iter().map(|step| step.id.clone()).collect(),
            not_tried: skipped.chain(&outcome.not_started).cloned().collect(),
        }
    }
}

/// Why a plan was not carried out whole; none when it was.
pub(super) fn failure(outcome: Outcome) -> Option<CommandError> {
    if outcome.is_whole() {
        return None;
    }
    let done = outcome.done.len();
    let not_tried = outcome.skipped.len() + outcome.not_started.len();
    if outcome.failed.is_empty() {
        return Some(CommandError::Interrupted { done, not_tried });
    }
    let errors = outcome.failed.into_iter();
    Some(CommandError::Apply {
        errors: errors.map(|step| FailedStep { step }).collect(),
        done,
        not_tried,
    })
}

impl From<NoPlan> for Stop {
    fn from(error: NoPlan) -> Self {
        match error {
            NoPlan::Unread(errors) => CommandError::Observe { errors },
            NoPlan::Inconsistent(violations) => CommandError::Inconsistent { violations },
        }
        .into()
    }
}
