//! One step: observe → ensure → sync → tag, or delete; tried again, after another look, as long as the
//! failure is one that passes.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::mpsc;

use super::retry::Patience;
use crate::event::{Event, Sink};
use crate::plan::{Action, Step};
use crate::resource::attrs::{TAG_ID, TAG_STACK};
use crate::resource::{
    self, CallError, Context, Identities, Identity, Live, Note, Observed, Owner, Resolved,
    ResourceKind, Tags, Wanted,
};
use crate::stack::model::LogicalId;

/// A pause that a person notices.
const NOTABLE: Duration = Duration::from_secs(1);

/// What a step works with.
pub(super) struct Work<'a> {
    pub cx: &'a Context,
    pub step: &'a Step,
    /// None for what is only deleted.
    pub wanted: Option<&'a Wanted>,
    pub identities: &'a Mutex<Identities>,
    pub sink: &'a dyn Sink,
}

/// Does the step; returns the identity of what is there after it.
pub(super) async fn carry_out(work: &Work<'_>) -> Result<Option<Identity>, CallError> {
    // What happens in the middle comes as notes of this step.
    let (notes, mut heard) = mpsc::unbounded_channel();
    let mut cx = work.cx.clone();
    cx.notes = Some(notes);
    let tries = tries(work, &cx);
    tokio::pin!(tries);
    loop {
        tokio::select! {
            biased;
            Some(note) = heard.recv() => work.sink.emit(told(&work.step.id, note)),
            result = &mut tries => {
                while let Ok(note) = heard.try_recv() {
                    work.sink.emit(told(&work.step.id, note));
                }
                return result;
            }
        }
    }
}

fn told(id: &LogicalId, note: Note) -> Event {
    let id = id.clone();
    match note {
        Note::Waiting { what, last } => Event::StepWaiting {
            id,
            what: what.to_owned(),
            last,
        },
        Note::NotMade { part, kind } => Event::PartNotMade { id, part, kind },
        Note::Emptied { objects } => Event::StepEmptied { id, objects },
    }
}

async fn tries(work: &Work<'_>, cx: &Context) -> Result<Option<Identity>, CallError> {
    let deadlines = &cx.place.target.row.deadlines;
    let mut patience = Patience::new(deadlines);
    let mut noticed = false;
    let mut error = match first_try(work, cx).await {
        Ok(identity) => return Ok(identity),
        Err(error) => error,
    };
    loop {
        let Some((cause, pause)) = patience.again(&error) else {
            return Err(error);
        };
        let notable = !noticed && pause >= NOTABLE;
        noticed |= notable;
        work.sink.emit(Event::StepRetried {
            id: work.step.id.clone(),
            cause,
            error,
            pause,
            notable,
        });
        interruptible(cx, cause.waiting_for(), pause).await?;
        error = match another_try(work, cx).await {
            Ok(identity) => return Ok(identity),
            Err(error) => error,
        };
    }
}

/// Pauses, unless somebody interrupts.
async fn interruptible(cx: &Context, what: &'static str, pause: Duration) -> Result<(), CallError> {
    tokio::select! {
        biased;
        () = cx.stop.cancelled() => Err(CallError::interrupted(what)),
        () = crate::wait::pause(pause) => Ok(()),
    }
}

fn kind_of(step: &Step) -> Result<&'static dyn ResourceKind, CallError> {
    resource::of(step.id.kind)
        .ok_or_else(|| CallError::local("apply", format!("{} has no implementation", step.id)))
}

fn wanted_of<'a>(work: &Work<'a>) -> Result<&'a Wanted, CallError> {
    work.wanted
        .ok_or_else(|| CallError::local("apply", format!("{} is not wanted", work.step.id)))
}

fn resolve(work: &Work<'_>) -> Result<Resolved, CallError> {
    let identities = work.identities.lock().expect("no holder panics");
    let resolved = wanted_of(work)?.resolve(&identities);
    match resolved.unknown.first() {
        None => Ok(resolved),
        Some(field) => Err(CallError::local(
            "apply",
            format!("`{field}` refers to something that is not known yet"),
        )),
    }
}

/// As planned, on what was live when the plan was made.
async fn first_try(work: &Work<'_>, cx: &Context) -> Result<Option<Identity>, CallError> {
    let kind = kind_of(work.step)?;
    let step = work.step;
    match (step.action, &step.live) {
        (Action::Delete, Some(live)) => {
            kind.delete(cx, live, step.lose_data).await?;
            Ok(None)
        }
        (Action::Replace, Some(live)) => {
            kind.delete(cx, live, step.lose_data).await?;
            make(cx, kind, &resolve(work)?).await
        }
        (Action::Update, Some(live)) => complete(cx, kind, &resolve(work)?, live).await,
        (Action::Adopt, Some(live)) => adopt(cx, kind, &resolve(work)?, live).await,
        _ => make(cx, kind, &resolve(work)?).await,
    }
}

/// The same end by another way: from what is there now.
async fn another_try(work: &Work<'_>, cx: &Context) -> Result<Option<Identity>, CallError> {
    let kind = kind_of(work.step)?;
    let step = work.step;
    let look = match (work.wanted, &step.live) {
        (Some(wanted), _) => kind.observe(cx, wanted, None).await?,
        // A leftover is not looked up by what is wanted of it: deleting again is as good.
        (None, Some(live)) => Observed::Owned(live.clone()),
        (None, None) => Observed::Absent,
    };
    match (step.action, look) {
        (Action::Delete, Observed::Absent) => Ok(None),
        (Action::Delete, Observed::Owned(live)) => {
            kind.delete(cx, &live, step.lose_data).await?;
            Ok(None)
        }
        (Action::Adopt, Observed::Unowned(live)) if live.owner() == Owner::Nobody => {
            adopt(cx, kind, &resolve(work)?, &live).await
        }
        (_, Observed::Unowned(live)) => Err(CallError::foreign(step.action.verb(), live.owner())),
        // A store that was to be replaced and still is what it was goes first.
        (Action::Replace, Observed::Owned(live)) if keeps_fixed_field(step, &live) => {
            kind.delete(cx, &live, step.lose_data).await?;
            make(cx, kind, &resolve(work)?).await
        }
        (_, Observed::Owned(live)) => complete(cx, kind, &resolve(work)?, &live).await,
        (_, Observed::Absent) => make(cx, kind, &resolve(work)?).await,
    }
}

/// Is the field for which it is replaced still as it was?
fn keeps_fixed_field(step: &Step, live: &Live) -> bool {
    let fixed = resource::of(step.id.kind).map_or(&[][..], ResourceKind::fixed_fields);
    step.changes
        .iter()
        .filter(|change| fixed.contains(&change.field.as_str()))
        .any(|change| live.attrs.get(&change.field) == change.from.as_ref())
}

async fn make(
    cx: &Context,
    kind: &dyn ResourceKind,
    wanted: &Resolved,
) -> Result<Option<Identity>, CallError> {
    let live = kind.ensure(cx, wanted).await?;
    complete(cx, kind, wanted, &live).await
}

/// First ours, then as wanted: what is cut in between goes on as an update.
async fn adopt(
    cx: &Context,
    kind: &dyn ResourceKind,
    wanted: &Resolved,
    live: &Live,
) -> Result<Option<Identity>, CallError> {
    let mut ours = cx.tags(wanted);
    ours.retain(|key, _| key == TAG_STACK || key == TAG_ID);
    kind.tag(cx, live, &ours).await?;
    let mut live = live.clone();
    live.tags.get_or_insert_default().extend(ours);
    complete(cx, kind, wanted, &live).await
}

/// Fields first, then the tags that say that they are applied.
async fn complete(
    cx: &Context,
    kind: &dyn ResourceKind,
    wanted: &Resolved,
    live: &Live,
) -> Result<Option<Identity>, CallError> {
    kind.sync(cx, wanted, live).await?;
    if let (true, Some(tags)) = (wanted.tagged, &live.tags) {
        let mut missing: Tags = cx.tags(wanted);
        missing.retain(|key, value| tags.get(key) != Some(value));
        if !missing.is_empty() {
            kind.tag(cx, live, &missing).await?;
        }
    }
    Ok(Some(kind.completed(cx, live).await?))
}
