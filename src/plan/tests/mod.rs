//! Every action and its exact condition, in the order of docs/planning.md.

mod actions;
mod checks;
mod order;

use super::*;
use crate::resource::attrs::{
    AtLeast, Attrs, Identity, Observed, Origin, RESERVED_CONCURRENCY, TAG_STACK, Tags, our_tags,
};

fn id(name: &str) -> LogicalId {
    LogicalId::new(Kind::Queue, name)
}

fn wanted(name: &str, after: &[&str]) -> Wanted {
    let identity = Identity {
        name: format!("s-{name}"),
        ..Identity::default()
    };
    let mut wanted = Wanted::new(id(name), identity)
        .with("size", 1)
        .with("key", "k");
    wanted.depends_on = after.iter().map(|name| id(name)).collect();
    wanted.tagged = true;
    wanted
}

/// What is live with these values, after these were applied.
fn live_after(name: &str, (size, key): (i64, &str), applied: (i64, &str)) -> Live {
    let attrs = |size: i64, key: &str| {
        Attrs::from([
            ("size".to_owned(), size.into()),
            ("key".to_owned(), key.into()),
        ])
    };
    Live {
        attrs: attrs(size, key),
        tags: Some(our_tags("s", &id(name), &attrs(applied.0, applied.1))),
        ..Live::default()
    }
}

/// What is live with these values, which were applied.
fn live(name: &str, size: i64, key: &str) -> Live {
    live_after(name, (size, key), (size, key))
}

fn foreign(size: i64, tags: &[(&str, &str)]) -> Live {
    let tags: Tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Live {
        tags: Some(tags),
        ..live("q", size, "k")
    }
}

fn no_traits(_: Kind) -> Traits {
    Traits::default()
}

fn fixed_key(_: Kind) -> Traits {
    Traits {
        fixed_fields: &["key"],
        shown_when_made: &["policy"],
        never_adopted: false,
        stores_data: false,
    }
}

fn store(_: Kind) -> Traits {
    Traits {
        fixed_fields: &["key"],
        shown_when_made: &["policy"],
        never_adopted: false,
        stores_data: true,
    }
}

/// A survey and what a plan is made from, with everything else at its simplest.
struct Case {
    wanted: Vec<Wanted>,
    survey: Survey,
    identities: Identities,
    traits: fn(Kind) -> Traits,
    consent: Consent,
}

impl Case {
    fn new(wanted: Vec<Wanted>) -> Self {
        Self {
            wanted,
            survey: Survey::default(),
            identities: Identities::new(),
            traits: no_traits,
            consent: Consent::default(),
        }
    }

    fn seen(mut self, name: &str, observed: Observed) -> Self {
        self.survey.observed.insert(id(name), observed);
        self
    }

    fn leftover(mut self, leftover: Wanted, live: Live) -> Self {
        let id = leftover.id.clone();
        self.survey.observed.insert(id, Observed::Owned(live));
        self.survey.leftovers.push(leftover);
        self
    }

    fn traits(mut self, traits: fn(Kind) -> Traits) -> Self {
        self.traits = traits;
        self
    }

    fn consent(mut self, adopt: bool, lose_data: bool) -> Self {
        let losses = if lose_data { Losses::Any } else { Losses::None };
        self.consent = Consent { adopt, losses };
        self
    }

    fn request(&self) -> Request<'_> {
        Request {
            stack: "s",
            wanted: &self.wanted,
            survey: &self.survey,
            identities: &self.identities,
            traits: self.traits,
            consent: &self.consent,
        }
    }

    /// The plan of an `up`, which the checker finds nothing wrong with.
    fn up(&self) -> Plan {
        let plan = up(&self.request());
        assert_eq!(check(&plan, &self.request(), Purpose::Up), []);
        plan
    }

    /// The plan of a `down`, likewise.
    fn down(&self) -> Plan {
        let plan = down(&self.request());
        assert_eq!(check(&plan, &self.request(), Purpose::Down), []);
        plan
    }
}

fn one(observed: Observed) -> Case {
    Case::new(vec![wanted("q", &[])]).seen("q", observed)
}

/// `q create`, one per step.
fn actions(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    steps
        .map(|step| format!("{} {}", step.id.name, step.action.verb()))
        .collect()
}

/// The only step: what is done and why.
fn only(plan: &Plan) -> (Action, &str) {
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    let [step] = &plan.steps[..] else {
        panic!("{:?}", plan.steps)
    };
    (step.action, &step.why)
}

/// The only refusal: its reason and what would help.
fn refusal(plan: &Plan) -> (&str, Remedy) {
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
    let [refusal] = &plan.refusals[..] else {
        panic!("{:?}", plan.refusals)
    };
    (&refusal.why, refusal.remedy)
}
