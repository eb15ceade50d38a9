//! `pipectl down`

use serde::Serialize;

use super::{Ended, Global, Stop, session, up};
use crate::event::{Event, Sink};
use crate::failure::{CommandError, FailedStep};
use crate::plan::{self, Action, Plan};
use crate::render::{Renderer, human};
use crate::resource::{self, CallError, Context};
use crate::stack::model::Stack;
use crate::target::{embedded, record};

/// Delete everything that the stack made on a target
#[derive(Debug, clap::Args)]
pub struct DownArgs {
    /// Also delete buckets and tables that hold data, without asking
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct DownData {
    stack: String,
    target: &'static str,
    deleted: Vec<String>,
    kept: Vec<String>,
    emulator_stopped: bool,
}

pub(super) async fn run(global: &Global, args: DownArgs, renderer: &Renderer) -> Ended {
    let (stack, row) = session::recorded_row(global)?;
    let mut data = DownData {
        stack: stack.name.clone(),
        target: row.name,
        deleted: Vec::new(),
        kept: Vec::new(),
        emulator_stopped: false,
    };
    // The embedded target may be stopped and still keep the stack on disk: it is started for that.
    let dormant = embedded::Layout::of(&stack.root).data.exists();
    if row.capabilities.self_served && !dormant && embedded::find(&stack.root).await.is_none() {
        record::forget(&stack.root, &stack.name, row.name)?;
        renderer.data(&data, || human::nothing_to_delete(&stack.name, row.name));
        return Ok(());
    }
    let target = session::reach(global, &stack, row, true, renderer).await?;
    let cx = session::context(&stack, target, None);
    let (wanted, identities) = resource::wanted(&stack, &cx.place);
    let observed = crate::observe::observe(&cx, &wanted)
        .await
        .map_err(|errors| CommandError::Observe { errors })?;
    let plan = plan::down(&wanted, &observed);
    up::checked(&plan, &[])?;
    let nothing = plan.is_empty();
    if !nothing {
        if !args.force {
            confirm_loss(&stack, &cx, &plan, renderer).await?;
        }
        let outcome = crate::apply::apply(&cx, &plan, &wanted, identities, renderer).await;
        if !outcome.failed.is_empty() {
            let errors = outcome
                .failed
                .into_iter()
                .map(|step| FailedStep { step })
                .collect();
            return Err(CommandError::Apply { errors }.into());
        }
    }
    for step in &plan.steps {
        let list = if step.action == Action::Delete {
            &mut data.deleted
        } else {
            &mut data.kept
        };
        list.push(step.id.to_string());
    }
    if data.kept.is_empty() {
        record::forget(&stack.root, &stack.name, row.name)?;
    }
    data.emulator_stopped = stop_if_empty(&stack, &cx, renderer).await?;
    renderer.data(&data, || {
        if nothing {
            human::nothing_to_delete(&stack.name, row.name)
        } else {
            String::new()
        }
    });
    Ok(())
}

/// Data is deleted only when somebody said so.
async fn confirm_loss(
    stack: &Stack,
    cx: &Context,
    plan: &Plan,
    renderer: &Renderer,
) -> Result<(), Stop> {
    let looks = plan.changes().map(|step| async move {
        let (Some(kind), Some(live)) = (resource::of(step.id.kind), &step.live) else {
            return Ok(None);
        };
        let holds = kind.holds_data(cx, &live.identity).await?;
        Ok::<_, CallError>(holds.then(|| format!("{} ({})", step.id, step.name)))
    });
    let full: Vec<String> = futures::future::try_join_all(looks)
        .await
        .map_err(|error| CommandError::Call {
            what: "looking for data".to_owned(),
            error,
            help: "nothing was deleted; run it again",
        })?
        .into_iter()
        .flatten()
        .collect();
    if full.is_empty() {
        return Ok(());
    }
    let what = full.join(", ");
    if !renderer.can_ask() {
        return Err(CommandError::HoldsData { what }.into());
    }
    let question = format!("There is still data in {what}. Type the stack's name to delete it: ");
    let typed = renderer
        .ask(&question)
        .map_err(|error| CommandError::Project {
            root: stack.root.display().to_string(),
            cause: error.to_string(),
        })?;
    if typed.trim() == stack.name {
        Ok(())
    } else {
        Err(CommandError::NotConfirmed {
            stack: stack.name.clone(),
        }
        .into())
    }
}

/// Stops the embedded target when it serves nobody any more.
async fn stop_if_empty(stack: &Stack, cx: &Context, sink: &dyn Sink) -> Result<bool, Stop> {
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
