//! What becomes of each resource: the decisions, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Plan, Refusal, Remedy, Request, Step, order};
use crate::resource::attrs::{
    Change, Live, Observed, Origin, Owner, RESERVED_CONCURRENCY, STATE, Wanted, compare, made,
};
use crate::stack::model::{Kind, LogicalId};

/// A step, or the reason why there is none.
type Decision = Result<Step, Refusal>;

/// Plans the way from what is there to what is wanted.
pub fn up(request: &Request<'_>) -> Plan {
    let mut plan = Plan::default();
    for wanted in request.wanted {
        push(&mut plan, decide(request, wanted));
    }
    anew_with_parents(&mut plan, request.wanted);
    renew_with_roles(&mut plan, request.wanted);
    fit_concurrency(&mut plan, request);
    let before: BTreeSet<LogicalId> = plan.changes().map(|step| step.id.clone()).collect();
    for leftover in &request.survey.leftovers {
        let why = "it is not in the stack any more";
        if let Some(decision) = delete(request, leftover, why, &request.survey.leftovers) {
            let decision = decision.map(|mut step| {
                // Whatever used it must have stopped. A mapping uses others, and binds their settings to
                // one another: it goes first.
                if leftover.id.kind != Kind::Mapping {
                    step.after.extend(before.iter().cloned());
                }
                step
            });
            push(&mut plan, decision);
        }
    }
    order::mappings_before_functions(&mut plan.steps, &request.survey.leftovers);
    order::keep_at_least(&mut plan.steps, request.wanted);
    plan.steps = order::in_order(plan.steps);
    plan
}

/// Plans the removal of everything that is ours: what works with others goes first, so writers go
/// before the stores they write to.
pub fn down(request: &Request<'_>) -> Plan {
    let all: Vec<Wanted> = request
        .wanted
        .iter()
        .chain(&request.survey.leftovers)
        .cloned()
        .collect();
    let all = retained_with_what_they_need(all);
    let mut plan = Plan::default();
    for wanted in &all {
        if let Some(decision) = delete(request, wanted, "the stack is taken down", &all) {
            push(&mut plan, decision);
        }
    }
    plan.steps = order::in_order(plan.steps);
    plan
}

/// What is kept keeps what it cannot be without: a queue its dead letter queue.
fn retained_with_what_they_need(mut all: Vec<Wanted>) -> Vec<Wanted> {
    loop {
        let needed: BTreeSet<LogicalId> = all
            .iter()
            .filter(|wanted| wanted.retain)
            .flat_map(|wanted| wanted.depends_on.clone())
            .collect();
        let mut grown = false;
        for wanted in &mut all {
            if needed.contains(&wanted.id) && !wanted.retain {
                wanted.retain = true;
                grown = true;
            }
        }
        if !grown {
            return all;
        }
    }
}

fn push(plan: &mut Plan, decision: Decision) {
    match decision {
        Ok(step) => plan.steps.push(step),
        Err(refusal) => plan.refusals.push(refusal),
    }
}

/// What becomes of one wanted resource.
fn decide(request: &Request<'_>, wanted: &Wanted) -> Decision {
    let resolved = wanted.resolve(request.identities);
    let refuse = |live: &Live, why: String, remedy| Refusal {
        id: wanted.id.clone(),
        name: live.identity.name.clone(),
        why,
        remedy,
    };
    let traits = (request.traits)(wanted.id.kind);
    let fixed = |changes: &[Change]| {
        changes
            .iter()
            .find(|change| traits.fixed_fields.contains(&change.field.as_str()))
            .map(|change| change.field.clone())
    };
    match request.survey.of(&wanted.id) {
        Observed::Absent => {
            let mut step = step(wanted, Action::Create, "it is not there");
            step.changes = made(&resolved, traits.shown_when_made);
            Ok(step)
        }
        Observed::Unowned(live) => {
            let owner = live.owner();
            let why = format!("a resource of that name is there and {owner}");
            if owner != Owner::Nobody || traits.never_adopted {
                return Err(refuse(live, why, Remedy::Rename));
            }
            if !request.consent.adopt {
                return Err(refuse(live, why, Remedy::Adopt));
            }
            // That it gets our tags is what taking over means.
            let mut changes = compare(&resolved, live, request.stack);
            changes.retain(|change| !change.is_tag());
            if let Some(field) = fixed(&changes) {
                let why = format!("it cannot be taken over: its `{field}` cannot be changed");
                return Err(refuse(live, why, Remedy::Rename));
            }
            let mut step = step(wanted, Action::Adopt, "it is taken over, as was asked");
            step.changes = changes;
            Ok(on(step, live))
        }
        Observed::Owned(live) => {
            let changes = compare(&resolved, live, request.stack);
            if changes.is_empty() {
                return Ok(on(step(wanted, Action::Keep, "it is as wanted"), live));
            }
            let Some(field) = fixed(&changes) else {
                let mut step = step(wanted, Action::Update, why_update(&changes));
                step.changes = changes;
                return Ok(on(step, live));
            };
            if wanted.retain {
                let why = format!("`{field}` cannot be changed in place, and it is to be kept");
                return Err(refuse(live, why, Remedy::Release));
            }
            if !may_go(request, wanted, live) {
                let why = format!(
                    "`{field}` cannot be changed in place, and replacing it would lose its data"
                );
                return Err(refuse(live, why, Remedy::SaveData));
            }
            let why = format!("`{field}` cannot be changed in place");
            let mut step = step(wanted, Action::Replace, &why);
            step.changes = changes;
            step.lose_data = request.consent.losses.cover(&wanted.id);
            Ok(on(step, live))
        }
    }
}

/// What becomes of one resource that is to go; none when there is nothing of ours. `all` is what goes
/// with it.
fn delete(request: &Request<'_>, wanted: &Wanted, why: &str, all: &[Wanted]) -> Option<Decision> {
    let Observed::Owned(live) = request.survey.of(&wanted.id) else {
        return None;
    };
    if wanted.retain {
        let why = "it is to be kept, as `retain: true` says";
        let mut step = on(step(wanted, Action::Keep, why), live);
        step.after.clear();
        return Some(Ok(step));
    }
    if !may_go(request, wanted, live) {
        let is_wanted = request.wanted.iter().any(|one| one.id == wanted.id);
        return Some(Err(Refusal {
            id: wanted.id.clone(),
            name: live.identity.name.clone(),
            why: "there is still data in it".to_owned(),
            remedy: if is_wanted {
                Remedy::LoseData
            } else {
                Remedy::SaveData
            },
        }));
    }
    let mut step = on(step(wanted, Action::Delete, why), live);
    step.lose_data = request.consent.losses.cover(&wanted.id);
    step.after = all
        .iter()
        .filter(|other| other.needs(&wanted.id) && !other.retain)
        .filter(|other| matches!(request.survey.of(&other.id), Observed::Owned(_)))
        .map(|other| other.id.clone())
        .collect();
    Some(Ok(step))
}

/// May it be deleted, as far as its data goes? A store that nobody looked into counts as full.
fn may_go(request: &Request<'_>, wanted: &Wanted, live: &Live) -> bool {
    !(request.traits)(wanted.id.kind).stores_data
        || request.consent.losses.cover(&wanted.id)
        || live.holds_data == Some(false)
}

fn step(wanted: &Wanted, action: Action, why: &str) -> Step {
    Step {
        id: wanted.id.clone(),
        name: wanted.identity.name.clone(),
        action,
        why: why.to_owned(),
        changes: Vec::new(),
        after: wanted.depends_on.clone(),
        lose_data: false,
        live: None,
    }
}

/// The step on what is live.
fn on(mut step: Step, live: &Live) -> Step {
    step.name.clone_from(&live.identity.name);
    step.live = Some(live.clone());
    step
}

/// Where the differences came from, in words.
fn why_update(changes: &[Change]) -> &'static str {
    let settings: Vec<Origin> = changes
        .iter()
        .filter(|change| !change.is_record())
        .map(|change| change.origin)
        .collect();
    let all = |origin: Origin| settings.iter().all(|found| *found == origin);
    if settings.is_empty() {
        "the record of what was applied is missing or old"
    } else if all(Origin::Outside) {
        "it was changed outside pipectl"
    } else if all(Origin::Stack) {
        "the stack was changed"
    } else if settings.contains(&Origin::Unknown) {
        "it is not as wanted"
    } else {
        "the stack was changed, and it was changed outside pipectl"
    }
}

/// A function whose role is made anew is sent again: what Lambda granted the old role, which had the same name, is
/// not the new one's. (Environments of functions cannot be decrypted then.)
fn renew_with_roles(plan: &mut Plan, wanted: &[Wanted]) {
    let made: BTreeSet<LogicalId> = plan
        .steps
        .iter()
        .filter(|step| step.id.kind == Kind::Role)
        .filter(|step| matches!(step.action, Action::Create | Action::Replace))
        .map(|step| step.id.clone())
        .collect();
    let runs_with_new = |id: &LogicalId| {
        let of = wanted.iter().find(|wanted| wanted.id == *id);
        of.is_some_and(|wanted| wanted.depends_on.iter().any(|id| made.contains(id)))
    };
    for step in &mut plan.steps {
        let (Kind::Function, Action::Keep | Action::Update, Some(live)) =
            (step.id.kind, step.action, &mut step.live)
        else {
            continue;
        };
        if runs_with_new(&step.id) {
            step.action = Action::Update;
            "its role is made anew".clone_into(&mut step.why);
            live.attrs.insert(STATE.to_owned(), "role made anew".into());
            step.changes.push(Change {
                field: STATE.to_owned(),
                from: Some("role made anew".into()),
                to: None,
                origin: Origin::Outside,
            });
        }
    }
}

/// Lambda keeps so many invocations at once for functions that reserve none. // aws-behaviours L16
const KEPT_UNRESERVED: i64 = 100;

/// Functions that reserve more than now are refused where the account has not so much left.
fn fit_concurrency(plan: &mut Plan, request: &Request<'_>) {
    let Some(unreserved) = request.survey.unreserved_concurrency else {
        return;
    };
    let live = |id: &LogicalId| match request.survey.of(id) {
        Observed::Owned(live) => live.attrs.get(RESERVED_CONCURRENCY)?.as_i64(),
        _ => None,
    };
    let wanted: BTreeMap<&LogicalId, i64> = request
        .wanted
        .iter()
        .filter_map(|wanted| {
            let reserved = wanted
                .resolve(request.identities)
                .number(RESERVED_CONCURRENCY)?;
            Some((&wanted.id, reserved))
        })
        .collect();
    let now = |id: &LogicalId| live(id).unwrap_or(0);
    let of_all: i64 = request.wanted.iter().map(|wanted| now(&wanted.id)).sum();
    let left = unreserved + of_all - wanted.values().sum::<i64>();
    if left >= KEPT_UNRESERVED {
        return;
    }
    for (id, reserved) in wanted
        .into_iter()
        .filter(|(id, reserved)| *reserved > now(id))
    {
        let Some(at) = plan.steps.iter().position(|step| step.id == *id) else {
            continue;
        };
        let step = plan.steps.remove(at);
        plan.refusals.push(Refusal {
            id: step.id,
            name: step.name,
            why: format!(
                "it would reserve {reserved} invocations at once, and the account would have {left} left for functions that reserve none; Lambda keeps {KEPT_UNRESERVED} for them"
            ),
            remedy: Remedy::ReserveLess,
        });
    }
}

/// What is a part of a resource that is made anew is gone with the old one.
fn anew_with_parents(plan: &mut Plan, wanted: &[Wanted]) {
    let replaced: BTreeSet<LogicalId> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Replace)
        .map(|step| step.id.clone())
        .collect();
    let inside: BTreeMap<&LogicalId, &LogicalId> = wanted
        .iter()
        .filter_map(|wanted| Some((&wanted.id, wanted.within.as_ref()?)))
        .filter(|(_, parent)| replaced.contains(parent))
        .collect();
    for step in &mut plan.steps {
        if let Some(parent) = inside.get(&step.id) {
            step.action = Action::Create;
            step.why = format!("{parent} is made anew");
            step.changes.clear();
            step.live = None;
        }
    }
}
