//! `pipectl down`

use serde::Serialize;

use super::change::{self, Done};
use super::{Ended, Global, Stop, session};
use crate::apply::Cancel;
use crate::event::{Event, Sink};
use crate::plan::{Action, Consent, Plan, Purpose};
use crate::render::{Renderer, human};
use crate::resource::Context;
use crate::stack::model::Stack;
use crate::target::{embedded, record};

/// Delete everything that the stack made on a target
#[derive(Debug, clap::Args)]
pub struct DownArgs {
    /// Also delete buckets, queues, tables and templates that hold data, without asking
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct DownData {
    stack: String,
    target: String,
    deleted: Vec<String>,
    kept: Vec<String>,
    #[serde(flatten)]
    done: Done,
    emulator_stopped: bool,
    /// Where it was brought up, when that is another place than the one that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    up_elsewhere: Option<String>,
}

pub(super) async fn run(
    global: &Global,
    args: DownArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let (stack, row) = session::recorded_row(global)?;
    let mut data = DownData {
        stack: stack.name.clone(),
        target: row.name.to_string(),
        deleted: Vec::new(),
        kept: Vec::new(),
        done: Done::default(),
        emulator_stopped: false,
        up_elsewhere: None,
    };
    // The embedded target may be stopped and still keep the stack on disk: it is started for that.
    if row.capabilities.self_served && !embedded::has_state(&stack.root).await {
        record::forget(&stack.root, &stack.name, &row.name)?;
        renderer.data(&data, || human::nothing_to_delete(&stack.name, &row.name));
        return Ok(());
    }
    let target = session::reach(global, &stack, &row, true, renderer).await?;
    session::agree(global, &stack, &target, renderer).await?;
    let cx = session::context(&stack, target, None);
    let consent = Consent {
        adopt: false,
        losses: change::losses(args.force),
    };
    let proposal = change::propose(&stack, &cx, Purpose::Down, consent, renderer).await?;
    let plan = &proposal.plan;
    data.kept = ids_of(plan, |action| action == Action::Keep);
    let nothing = plan.is_empty();
    if !nothing {
        renderer.emit(Event::Planned {
            changes: plan.changes().count(),
            steps: plan.steps.len(),
        });
        let outcome = proposal.carry_out(&cx, renderer, cancel).await;
        data.done = Done::of(&outcome);
        data.deleted = ids_of(plan, |action| action == Action::Delete);
        data.deleted
            .retain(|id| data.done.done.iter().any(|done| done.to_string() == *id));
        if let Some(failure) = change::failure(outcome) {
            return Err(Stop::with_data(failure, &data));
        }
    }
    if data.kept.is_empty() {
        // What was brought up elsewhere is still there.
        match session::recorded(&stack, &row).filter(|seen| !seen.is_at(&cx.place.target)) {
            Some(elsewhere) => {
                let place = elsewhere.place();
                renderer.say(&human::up_elsewhere(&stack.name, &place));
                data.up_elsewhere = Some(place);
            }
            None => record::forget(&stack.root, &stack.name, &row.name)?,
        }
    }
    data.emulator_stopped = stop_if_empty(&stack, &cx, renderer).await?;
    renderer.data(&data, || {
        if nothing && data.kept.is_empty() {
            human::nothing_to_delete(&stack.name, &row.name)
        } else {
            human::kept(&data.kept)
        }
    });
    Ok(())
}

fn ids_of(plan: &Plan, which: impl Fn(Action) -> bool) -> Vec<String> {
    plan.steps
        .iter()
        .filter(|step| which(step.action))
        .map(|step| step.id.to_string())
        .collect()
}

/// Stops the embedded target when it serves nobody any more.
pub(super) async fn stop_if_empty(
    stack: &Stack,
    cx: &Context,
    sink: &dyn Sink,
) -> Result<bool, Stop> {
    if !cx.place.target.capabilities().self_served {
        return Ok(false);
    }
    let Some(running) = embedded::find(&stack.root).await else {
        return Ok(false);
    };
    if embedded::resources(&running).await != Some(0) {
        return Ok(false);
    }
    embedded::stop(&stack.root, &running).await?;
    embedded::remove_data(&stack.root)?;
    sink.emit(Event::EmbeddedStopped { pid: running.pid });
    Ok(true)
}
