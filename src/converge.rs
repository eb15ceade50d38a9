//! Stage 7: the whole way once, for every command that changes a stack: observe → plan → check, and
//! then apply. What a proposal shows is what carrying it out does.

use crate::apply::{self, Cancel, Means, Outcome};
use crate::event::Sink;
use crate::observe::{self, ObserveError};
use crate::plan::{
    self, Action, Consent, Plan, Purpose, Refusal, Remedy, Request, Step, Traits, Violation,
};
use crate::resource::{self, Change, Context, Identities, Place, Preview, Survey, Wanted};
use crate::stack::model::{Kind, LogicalId, Stack};

/// A plan with all that it was made from.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What it is for.
    pub purpose: Purpose,
    /// Name of the stack.
    pub stack: String,
    /// What the stack wants.
    pub wanted: Vec<Wanted>,
    /// What is there.
    pub survey: Survey,
    /// Identities as far as they are known.
    pub identities: Identities,
    /// What somebody agreed to.
    pub consent: Consent,
    /// The plan; it may hold refusals.
    pub plan: Plan,
}

/// Why there is no plan.
#[derive(Debug, Clone)]
pub enum NoPlan {
    /// The live state could not be read.
    Unread(Vec<ObserveError>),
    /// The planner made one that must not be carried out.
    Inconsistent(Vec<Violation>),
}

/// Proposes the way to `purpose`: reads what is there and plans. Makes no change.
pub async fn propose(
    stack: &Stack,
    cx: &Context,
    purpose: Purpose,
    consent: Consent,
) -> Result<Proposal, NoPlan> {
    let (wanted, _) = resource::wanted(stack, &cx.place);
    let (survey, unreserved) = futures::join!(
        observe::survey(cx, &wanted),
        resource::unreserved_concurrency(cx, &wanted)
    );
    let mut survey = survey.map_err(NoPlan::Unread)?;
    survey.unreserved_concurrency = unreserved;
    let mut proposal = from_survey(stack, &cx.place, purpose, consent.clone(), survey)?;
    let at_risk = proposal.plan.at_risk();
    if !at_risk.is_empty() {
        observe::look_for_data(cx, &mut proposal.survey.observed, &at_risk)
            .await
            .map_err(NoPlan::Unread)?;
        proposal = proposal.with(consent)?;
    }
    if proposal.plan.refusals.is_empty() {
        proposal.preview(cx).await.map_err(NoPlan::Unread)?;
        // What followed from that is checked as every plan is.
        proposal.checked()?;
    }
    Ok(proposal)
}

/// Proposes from what is known to be there; asks nobody.
pub fn from_survey(
    stack: &Stack,
    place: &Place,
    purpose: Purpose,
    consent: Consent,
    survey: Survey,
) -> Result<Proposal, NoPlan> {
    let (wanted, mut identities) = resource::wanted(stack, place);
    for (id, observed) in &survey.observed {
        if let Some(live) = observed.live() {
            identities.insert(id.clone(), live.identity.clone());
        }
    }
    Proposal {
        purpose,
        stack: stack.name.clone(),
        wanted,
        survey,
        identities,
        consent: Consent::default(),
        plan: Plan::default(),
    }
    .with(consent)
}

impl Proposal {
    /// The same with another consent: nothing is read again.
    pub fn with(mut self, consent: Consent) -> Result<Self, NoPlan> {
        self.consent = consent;
        let request = self.request();
        let plan = match self.purpose {
            Purpose::Up => plan::up(&request),
            Purpose::Down => plan::down(&request),
        };
        self.plan = plan;
        self.checked()?;
        Ok(self)
    }

    /// What must hold of every plan holds of this one.
    fn checked(&self) -> Result<(), NoPlan> {
        let violations = plan::check(&self.plan, &self.request(), self.purpose);
        if violations.is_empty() {
            return Ok(());
        }
        Err(NoPlan::Inconsistent(violations))
    }

    fn request(&self) -> Request<'_> {
        Request {
            stack: &self.stack,
            wanted: &self.wanted,
            survey: &self.survey,
            identities: &self.identities,
            traits,
            consent: &self.consent,
        }
    }

    /// Asks what updates would do inside of what only the target can look into, and makes of the plan what
    /// follows from that.
    async fn preview(&mut self, cx: &Context) -> Result<(), Vec<ObserveError>> {
        let (wanted, identities) = (&self.wanted, &self.identities);
        let updates = self.plan.steps.iter_mut();
        let updates = updates.filter(|step| step.action == Action::Update);
        let asked = updates.filter_map(|step| {
            let wanted = wanted.iter().find(|wanted| wanted.id == step.id)?;
            let resolved = wanted.resolve(identities);
            let kind = resource::of(step.id.kind).filter(|_| resolved.unknown.is_empty())?;
            Some(async move {
                let told = match &mut step.live {
                    Some(live) => kind.preview(cx, &resolved, live).await,
                    None => Ok(Preview::default()),
                };
                (step, told)
            })
        });
        let mut errors = Vec::new();
        let mut refused = Vec::new();
        for (step, told) in futures::future::join_all(asked).await {
            match told {
                Ok(preview) if preview.nothing => {
                    step.action = Action::Keep;
                    step.changes.clear();
                }
                Ok(preview) => {
                    let consents = self.consent.losses.cover(&step.id);
                    if !preview.loses.is_empty() && !consents {
                        refused.push(would_lose(step, &preview.loses));
                    }
                    let is_new = |change: &Change| {
                        let known = step.changes.iter().map(|known| &known.field);
                        !known.into_iter().any(|known| *known == change.field)
                    };
                    let new: Vec<Change> = preview.changes.into_iter().filter(is_new).collect();
                    step.changes.extend(new);
                }
                Err(error) => errors.push(ObserveError {
                    what: step.id.to_string(),
                    error,
                }),
            }
        }
        if !errors.is_empty() || !refused.is_empty() {
            self.forget_previews(cx, &[]).await;
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let is_refused = |step: &Step| refused.iter().any(|refusal| refusal.id == step.id);
        self.plan.steps.retain(|step| !is_refused(step));
        self.plan.refusals.extend(refused);
        self.follow_outputs();
        Ok(())
    }

    /// What refers to an output of something that is changed is looked at again when that is done: the output may
    /// be another one then.
    fn follow_outputs(&mut self) {
        let changed: Vec<LogicalId> = self
            .plan
            .changes()
            .filter(|step| step.id.kind == Kind::Template)
            .map(|step| step.id.clone())
            .collect();
        let refers = |wanted: &Wanted| wanted.references().any(|id| changed.contains(id));
        for step in &mut self.plan.steps {
            let wanted = self.wanted.iter().find(|wanted| wanted.id == step.id);
            if step.action == Action::Keep && wanted.is_some_and(refers) {
                step.action = Action::Update;
                "an output that it refers to may change".clone_into(&mut step.why);
            }
        }
    }

    /// Takes back what was prepared for steps that are not in `done`. What cannot be taken back does no harm.
    pub async fn forget_previews(&self, cx: &Context, done: &[LogicalId]) {
        for step in self
            .plan
            .steps
            .iter()
            .filter(|step| !done.contains(&step.id))
        {
            if let (Some(kind), Some(live)) = (resource::of(step.id.kind), &step.live)
                && step.action == Action::Update
            {
                let _ = kind.forget_preview(cx, live).await;
            }
        }
    }

    /// Carries it out. The plan must hold no refusal.
    pub async fn carry_out(&self, cx: &Context, sink: &dyn Sink, cancel: &Cancel) -> Outcome {
        let means = Means {
            cx,
            wanted: &self.wanted,
            sink,
            cancel,
        };
        let outcome = apply::apply(&means, &self.plan, self.identities.clone()).await;
        self.forget_previews(cx, &outcome.done).await;
        outcome
    }
}

/// An update that nobody agreed to: something in it may hold data, and goes.
fn would_lose(step: &Step, what: &[String]) -> Refusal {
    Refusal {
        id: step.id.clone(),
        name: step.name.clone(),
        why: format!(
            "{} would go or be made anew, with its data",
            what.join(", ")
        ),
        remedy: Remedy::SaveData,
    }
}

/// What the kinds say about their fields.
pub fn traits(kind: Kind) -> Traits {
    resource::of(kind).map_or_else(Traits::default, |kind| Traits {
        fixed_fields: kind.fixed_fields(),
        shown_when_made: kind.shown_when_made(),
        never_adopted: !kind.adoptable(),
        stores_data: kind.stores_data(),
    })
}
