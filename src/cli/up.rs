//! `pipectl up`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::change::{self, ConsentArgs};
use super::send::{self, Wait};
use super::{Ended, Global, Stop, session};
use crate::apply::{Cancel, Outcome};
use crate::converge::Proposal;
use crate::event::{Event, Sink};
use crate::failure::CommandError;
use crate::operate::send::Sent;
use crate::package;
use crate::plan::{Action, Plan, Purpose};
use crate::render::{Renderer, human};
use crate::resource::{self, Context, Identities, attrs::resolve_text};
use crate::stack::model::{Kind, LogicalId, Stack};
use crate::target::Product;
use crate::target::record::{self, Seen};

/// Build the functions and make the stack as its file says
#[derive(Debug, clap::Args)]
pub struct UpArgs {
    /// Send this file when the stack is up, and wait for its result
    #[arg(long, value_name = "FILE")]
    smoke: Option<PathBuf>,
    /// Keep to the stack's own settings, also where others are faster on the target
    #[arg(long)]
    no_tuning: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

#[derive(Debug, Serialize)]
struct UpData {
    stack: String,
    target: String,
    endpoint: Option<String>,
    /// What answers there.
    product: Product,
    /// Mappings whose settings are chosen for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tuned: Vec<LogicalId>,
    plan: Plan,
    #[serde(flatten)]
    done: change::Done,
    outputs: BTreeMap<String, String>,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Vec<Sent>>,
}

pub(super) async fn run(
    global: &Global,
    args: UpArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let row = session::named_row(global)?;
    let stack = session::load(global, &row.name)?;
    // A file that cannot be read is told before anything is built or made.
    if let Some(file) = &args.smoke {
        send::readable(file)?;
    }
    // Starting the target and building need not wait for each other.
    let tell = |event: package::PackageEvent| renderer.emit(event.into());
    let options = session::packaging(&row, renderer);
    let build = package::package(&stack, options, &tell);
    let reach = session::reach(global, &stack, &row, true, renderer);
    let (artifacts, target) = futures::join!(build, reach);
    let (artifacts, mut target) = (artifacts?, target?);
    session::agree(global, &stack, &target, renderer).await?;
    session::refuse_outputs(&stack, &target)?;
    target.tuning = !args.no_tuning;
    let artifacts = session::fitting(&stack, &target, artifacts, renderer).await?;

    let begun = Instant::now();
    let cx = session::context(&stack, target, Some(artifacts));
    let before = session::recorded(&stack, &row);
    session::tell_lab(&stack, &cx.place.target, renderer)?;
    tell_skipped(&stack, &cx, renderer);
    tell_tuned(&stack, &cx, renderer);
    let proposal =
        change::propose(&stack, &cx, Purpose::Up, args.consent.consent(), renderer).await?;
    record::remember(
        &stack.root,
        &stack.name,
        &row.name,
        Seen::of(&cx.place.target),
    )?;
    if let Some(seen) = before {
        tell_missed(&seen, &proposal.plan, &cx, renderer);
    }
    let outcome = converge(&proposal, &cx, renderer, cancel).await;

    let mut data = UpData {
        stack: stack.name.clone(),
        target: row.name.to_string(),
        endpoint: cx.place.target.endpoint().map(str::to_owned),
        product: cx.place.target.product.clone(),
        tuned: resource::tuned(&stack, &cx.place),
        outputs: outputs(&stack, &outcome.identities),
        elapsed_ms: begun.elapsed().as_millis() as u64,
        done: change::Done::of(&outcome),
        plan: proposal.plan,
        sent: None,
    };
    if let Some(failure) = change::failure(outcome) {
        return Err(Stop::with_data(failure, &data));
    }
    if args.smoke.is_some() && cancel.is_asked() {
        // The stack is up; sending was not begun.
        let interrupted = CommandError::InterruptedEarly;
        return Err(Stop::with_data(interrupted, &data));
    }
    let Some(file) = args.smoke else {
        renderer.data(&data, || human::outputs(&data.outputs));
        return Ok(());
    };
    let wait = Wait {
        timeout: Duration::from_secs(60),
    };
    let sent = send::send_all(&stack, &cx, &[file], &wait, renderer).await?;
    data.sent = Some(sent.clone());
    send::verdict(&sent, &data, renderer)?;
    renderer.data(&data, || human::sent(&sent));
    Ok(())
}

/// Shows the plan and carries it out.
async fn converge(
    proposal: &Proposal,
    cx: &Context,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Outcome {
    let plan = &proposal.plan;
    renderer.emit(Event::Planned {
        changes: plan.changes().count(),
        steps: plan.steps.len(),
    });
    if plan.is_empty() {
        renderer.say(&human::nothing_to_do(plan.steps.len()));
        return Outcome {
            identities: proposal.identities.clone(),
            ..Outcome::default()
        };
    }
    renderer.say(&human::plan_in_short(plan));
    proposal.carry_out(cx, renderer, cancel).await
}

/// Says what the stack has and this target does not get.
fn tell_skipped(stack: &Stack, cx: &Context, sink: &dyn Sink) {
    if cx.place.target.capabilities().templates {
        return;
    }
    for template in &stack.templates {
        sink.emit(Event::Skipped {
            id: LogicalId::new(Kind::Template, &template.name),
            why: format!(
                "templates are not deployed on the target `{}`",
                cx.place.target.name()
            ),
        });
    }
}

/// Says that a stack that was brought up at this endpoint is not there any more. What keeps its state in
/// memory loses it when it is started anew.
fn tell_missed(seen: &Seen, plan: &Plan, cx: &Context, sink: &dyn Sink) {
    let target = &cx.place.target;
    let same_place = seen.endpoint.is_some() && seen.is_at(target);
    let all_anew = plan.steps.iter().all(|step| step.action == Action::Create);
    if !same_place || !all_anew || plan.is_empty() {
        return;
    }
    let was = seen.product.as_ref().filter(|was| **was != target.product);
    sink.emit(Event::StackMissed {
        place: target.place(),
        product: target.product.to_string(),
        was: was.map(ToString::to_string),
    });
}

/// Says what is chosen for this target and is not of the stack.
fn tell_tuned(stack: &Stack, cx: &Context, sink: &dyn Sink) {
    for id in resource::tuned(stack, &cx.place) {
        sink.emit(Event::Tuned {
            id,
            product: cx.place.target.product.to_string(),
        });
    }
}

/// Those whose values are known: what a template puts out is not where it is not deployed.
fn outputs(stack: &Stack, identities: &Identities) -> BTreeMap<String, String> {
    stack
        .outputs
        .iter()
        .filter_map(|(name, text)| match resolve_text(text, identities) {
            (value, true) => Some((name.clone(), value)),
            _ => None,
        })
        .collect()
}
