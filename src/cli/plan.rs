//! `pipectl plan`

use std::sync::Arc;

use serde::Serialize;

use super::change::{self, ConsentArgs};
use super::{Global, Stop, session};
use crate::converge;
use crate::event::{Event, Sink};
use crate::exit::Exit;
use crate::package;
use crate::plan::{Plan, Purpose};
use crate::render::{Language, Renderer, human};
use crate::resource::{Place, Survey};
use crate::stack::model::Stack;
use crate::target::{Target, TargetRow, embedded};

/// Show what `up` would do, and change nothing
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Show what `down` would do instead
    #[arg(long)]
    down: bool,
    /// Exit with 0 when there is nothing to do and with 2 when there is
    #[arg(long)]
    detailed_exitcode: bool,
    /// Draw the steps that do something, each with an arrow to what it waits for
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    graph: Option<Language>,
    /// Keep to the stack's own settings, also where others are faster on the target
    #[arg(long)]
    no_tuning: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

#[derive(Debug, Serialize)]
struct PlanData {
    stack: String,
    target: String,
    /// Steps that do something.
    changes: usize,
    plan: Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<String>,
}

pub(super) async fn run(
    global: &Global,
    args: PlanArgs,
    renderer: &Renderer,
) -> Result<Exit, Stop> {
    let (stack, row) = if args.down {
        session::recorded_row(global)?
    } else {
        let row = session::named_row(global)?;
        (session::load(global, &row.name)?, row)
    };
    let plan = make(global, &args, &stack, &row, renderer).await?;
    let data = PlanData {
        stack: stack.name.clone(),
        target: row.name.to_string(),
        changes: plan.changes().count(),
        graph: args
            .graph
            .map(|language| human::plan_graph(&plan, language)),
        plan,
    };
    let shown = || match &data.graph {
        Some(graph) => graph.clone(),
        None if data.plan.is_empty() && data.plan.refusals.is_empty() => {
            human::nothing_to_do(data.plan.steps.len())
        }
        None => human::plan(&data.plan),
    };
    if let Some(refused) = change::refused(&data.plan) {
        renderer.human(shown);
        return Err(Stop::with_data(refused, &data));
    }
    renderer.data(&data, shown);
    if args.detailed_exitcode && data.changes > 0 {
        return Ok(Exit::ChangesPending);
    }
    Ok(Exit::Done)
}

async fn make(
    global: &Global,
    args: &PlanArgs,
    stack: &Stack,
    row: &Arc<TargetRow>,
    renderer: &Renderer,
) -> Result<Plan, Stop> {
    let purpose = if args.down {
        Purpose::Down
    } else {
        Purpose::Up
    };
    let artifacts = if args.down {
        None
    } else {
        let tell = |event: package::PackageEvent| renderer.emit(event.into());
        let options = session::packaging(row, renderer);
        Some(package::package(stack, options, &tell).await?)
    };
    let consent = args.consent.consent();
    let Some((target, started)) = reach(global, stack, row, renderer).await? else {
        // Nothing was ever made there: nobody needs to be asked.
        let target = session::served(row, None);
        let place = Place { target, artifacts };
        let survey = Survey::default();
        return Ok(converge::from_survey(stack, &place, purpose, consent, survey)?.plan);
    };
    let mut target = target;
    if !args.down {
        session::refuse_outputs(stack, &target)?;
    }
    target.tuning = !args.no_tuning;
    session::tell_lab(stack, &target, renderer)?;
    let artifacts = match artifacts {
        Some(artifacts) => Some(session::fitting(stack, &target, artifacts, renderer).await?),
        None => None,
    };
    let cx = session::context(stack, target, artifacts);
    let proposal = converge::propose(stack, &cx, purpose, consent).await;
    if let Ok(proposal) = &proposal {
        proposal.forget_previews(&cx, &[]).await;
    }
    if let Some(record) = started {
        // Started for the look only: things are left as they were.
        embedded::stop(&stack.root, &record).await?;
        renderer.emit(Event::EmbeddedStopped { pid: record.pid });
    }
    let proposal = proposal?;
    change::tell_unread(&proposal, renderer);
    Ok(proposal.plan)
}

/// The target, and what was started in order to look; none when there is nothing to look at.
async fn reach(
    global: &Global,
    stack: &Stack,
    row: &Arc<TargetRow>,
    renderer: &Renderer,
) -> Result<Option<(Target, Option<embedded::Record>)>, Stop> {
    if !row.capabilities.self_served {
        let target = session::reach(global, stack, row, false, renderer).await?;
        return Ok(Some((target, None)));
    }
    if let Some(record) = embedded::find(&stack.root).await {
        return Ok(Some((session::served(row, Some(record.endpoint)), None)));
    }
    if !embedded::has_state(&stack.root).await {
        return Ok(None);
    }
    let target = session::reach(global, stack, row, true, renderer).await?;
    let started = embedded::find(&stack.root).await;
    Ok(Some((target, started)))
}
