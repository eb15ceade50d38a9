//! The critical path: the chain of steps, each waiting for the one before, that decided how long a plan
//! took.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::Stretch;
use crate::plan::Plan;
use crate::stack::model::LogicalId;

/// When a step ran, from the start of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// When it was begun.
    pub begun: Duration,
    /// When it was done.
    pub ended: Duration,
}

/// From the step that ended last back along whatever each one waited for longest; in the order of time.
pub fn critical_path(plan: &Plan, ran: &BTreeMap<LogicalId, Ran>) -> Vec<Stretch> {
    let after: BTreeMap<&LogicalId, _> = plan
        .steps
        .iter()
        .map(|step| (&step.id, &step.after))
        .collect();
    let last_of = |ids: &mut dyn Iterator<Item = &LogicalId>| {
        ids.filter_map(|id| ran.get_key_value(id))
            .max_by_key(|(_, ran)| ran.ended)
            .map(|(id, ran)| (id.clone(), *ran))
    };
    let mut path = Vec::new();
    let mut next = last_of(&mut ran.keys());
    while let Some((id, ran_id)) = next {
        next = after
            .get(&id)
            .and_then(|after| last_of(&mut after.iter()))
            // A ring would never end; a plan has none.
            .filter(|(before, _)| path.iter().all(|stretch: &Stretch| stretch.id != *before));
        path.push(Stretch {
            id,
            elapsed: ran_id.ended.saturating_sub(ran_id.begun),
        });
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, Step};
    use crate::stack::model::Kind;

    #[test]
    fn it_goes_back_along_what_was_waited_for_longest() {
        let id = |name: &str| LogicalId::new(Kind::Queue, name);
        let step = |name: &str, after: &[&str]| Step {
            id: id(name),
            name: name.to_owned(),
            action: Action::Create,
            why: String::new(),
            changes: Vec::new(),
            after: after.iter().map(|name| id(name)).collect(),
            lose_data: false,
            live: None,
        };
        let plan = Plan {
            steps: vec![
                step("short", &[]),
                step("long", &[]),
                step("end", &["short", "long"]),
                step("aside", &[]),
            ],
            refusals: Vec::new(),
        };
        let ms = Duration::from_millis;
        let ran = [
            ("short", 0, 5),
            ("long", 0, 20),
            ("end", 20, 24),
            ("aside", 0, 9),
        ]
        .map(|(name, begun, ended)| {
            let (begun, ended) = (ms(begun), ms(ended));
            (id(name), Ran { begun, ended })
        })
        .into();
        let path: Vec<_> = critical_path(&plan, &ran)
            .into_iter()
            .map(|stretch| (stretch.id.name, stretch.elapsed.as_millis()))
            .collect();
        assert_eq!(path, [("long".to_owned(), 20), ("end".to_owned(), 4)]);
        assert_eq!(critical_path(&plan, &BTreeMap::new()), []);
    }
}
