//! Playing the scenarios on one target: the copy is made, what can be played at once is, then what changes the copy,
//! and the copy goes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use super::adjust::adjusted;
use super::catalogue::{Group, Scenario};
use super::front::Fronts;
use super::parts::Parts;
use super::seen::{Ending, Outcome, Seen};
use super::world::World;
use crate::apply::Cancel;
use crate::copies::{self, Record};
use crate::event::{Event, Sink};
use crate::plan::{Action, Plan};
use crate::stack::model::Stack;
use crate::target::Target;
use crate::wait;

/// Scenarios that are played at once.
const AT_ONCE: usize = 8;

/// One target, and what is made there.
pub struct Side<'a> {
    /// What it is called.
    pub label: String,
    /// The user's stack, as it is for the target.
    pub stack: &'a Stack,
    /// The target.
    pub target: &'a Target,
    /// The functions, with what stands before them.
    pub fronts: Fronts,
    /// Longest time for one scenario; else as a target of its kind may need.
    pub deadline: Option<Duration>,
    /// Asked when one of both could not be made: there is nothing to compare then.
    pub abandon: &'a Cancel,
}

/// The copies of a stack on a target.
pub fn record(stack: &Stack, target: &Target) -> Record {
    Record::of("parity", stack, target)
}

/// What came of one target.
#[derive(Debug, Default)]
pub struct Run {
    /// Outcomes by the scenario's name.
    pub outcomes: BTreeMap<String, Outcome>,
    /// Name of the copy.
    pub copy: String,
    /// Why it ended before all was played, or left something.
    pub trouble: Option<String>,
    /// Is something of the copy still there?
    pub left: bool,
    /// How long it took, ms.
    pub took_ms: u64,
}

impl Side<'_> {
    /// Plays all scenarios that are `wanted`. After an interruption what is being changed is finished, and the copy
    /// goes in any case.
    pub async fn play(
        self,
        scenarios: &[Scenario],
        wanted: &dyn Fn(&Scenario) -> bool,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Run {
        let begun = Instant::now();
        let mut run = Run::default();
        let went = Box::pin(self.go(scenarios, wanted, sink, cancel, &mut run)).await;
        if let Err(cause) = went {
            run.trouble = Some(cause);
        }
        run.took_ms = begun.elapsed().as_millis() as u64;
        run
    }

    async fn go(
        self,
        scenarios: &[Scenario],
        wanted: &dyn Fn(&Scenario) -> bool,
        sink: &dyn Sink,
        cancel: &Cancel,
        run: &mut Run,
    ) -> Result<(), String> {
        let Self {
            label,
            stack,
            target,
            fronts,
            deadline,
            abandon,
        } = self;
        let record = record(stack, target);
        let place = copies::context(stack, target, None).place;
        let parts = Parts::of(stack, &place);
        let copy = copies::fresh(&adjusted(stack, &parts), "p");
        copies::fits(&copy, target)?;
        record.remember(&copy.name)?;
        run.copy.clone_from(&copy.name);
        let mut world = World::new(copy, parts, target, fronts, cancel.clone())?;
        world.pace.deadline = deadline.unwrap_or(world.pace.deadline);

        let stage = Stage {
            label: &label,
            world: &world,
            sink,
            cancel,
            abandon,
            of: scenarios.iter().filter(|one| wanted(one)).count(),
        };
        let scenarios: Vec<&Scenario> = scenarios.iter().filter(|one| wanted(one)).collect();
        let played = Box::pin(stage.play(&scenarios, &mut run.outcomes)).await;
        let has_hung = |one: &Outcome| matches!(one.ending, Ending::Hung { .. });
        if run.outcomes.values().any(has_hung) {
            // A change may have been given up with calls on their way.
            wait::pause(world.pace.settle).await;
        }
        // Also after an interruption, which has had its effect by then.
        let begun = Instant::now();
        let gone = copies::take_down(&world.copy, target, &Cancel::default()).await;
        run.left = gone.is_err();
        if let Err(left) = gone {
            let played = played.err().map(|cause| format!("{cause}; "));
            return Err(format!(
                "{}{} is still there: {left}",
                played.unwrap_or_default(),
                world.copy.name
            ));
        }
        stage.tell("down", begun);
        record.forget(&world.copy.name);
        played
    }
}

/// The copy, and who hears of it.
struct Stage<'a> {
    label: &'a str,
    world: &'a World,
    sink: &'a dyn Sink,
    cancel: &'a Cancel,
    abandon: &'a Cancel,
    of: usize,
}

impl Stage<'_> {
    async fn play(
        &self,
        scenarios: &[&Scenario],
        outcomes: &mut BTreeMap<String, Outcome>,
    ) -> Result<(), String> {
        let begun = Instant::now();
        let everything = |plan: &Plan| plan.steps.iter().all(|step| step.action == Action::Create);
        if let Err(cause) = self.world.up(&everything).await {
            self.abandon.ask();
            return Err(cause);
        }
        self.tell("up", begun);
        // What is wrong with it is seen by the scenarios.
        let _ = self
            .unless_ended(Box::pin(self.world.first_file("first-file")))
            .await?;
        let (mut alone, at_once): (Vec<&Scenario>, Vec<&Scenario>) =
            scenarios.iter().copied().partition(|one| one.alone);
        // Before anything is changed, and the last of them takes the copy down.
        alone.sort_by_key(|one| one.group != Group::Own);
        let mut playing = stream::iter(at_once)
            .map(|scenario| async move { (scenario, self.one(scenario).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((scenario, outcome)) = self.unless_ended(playing.next()).await? {
            self.keep(scenario, outcome, outcomes);
        }
        drop(playing);
        for scenario in alone {
            // It may be changing the copy: it heeds an interruption itself, where it can be left.
            let outcome = self.one(scenario).await;
            self.unless_ended(std::future::ready(())).await?;
            self.keep(scenario, outcome, outcomes);
        }
        Ok(())
    }

    /// What work gives, unless the run ends before.
    async fn unless_ended<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        tokio::select! {
            biased;
            () = self.cancel.asked() => Err("interrupted".to_owned()),
            () = self.abandon.asked() => Err("the other target could not be made ready".to_owned()),
            done = work => Ok(done),
        }
    }

    /// Plays one, for as long as one may take.
    async fn one(&self, scenario: &Scenario) -> Outcome {
        let begun = Instant::now();
        let deadline = self.world.pace.deadline + scenario.takes();
        let (ending, seen) = match wait::at_most(deadline, scenario.play(self.world)).await {
            Some(Ok(seen)) => (Ending::Seen, seen),
            Some(Err(trouble)) => (trouble.into(), Seen::new()),
            None => {
                let after_s = deadline.as_secs();
                (Ending::Hung { after_s }, Seen::new())
            }
        };
        Outcome {
            ending,
            seen,
            took_ms: begun.elapsed().as_millis() as u64,
        }
    }

    fn keep(
        &self,
        scenario: &Scenario,
        outcome: Outcome,
        outcomes: &mut BTreeMap<String, Outcome>,
    ) {
        let took = Duration::from_millis(outcome.took_ms);
        let seen = outcome.ending == Ending::Seen;
        outcomes.insert(scenario.name.to_string(), outcome);
        self.sink.emit(Event::ScenarioPlayed {
            target: self.label.to_owned(),
            scenario: scenario.name.to_string(),
            seen,
            n: outcomes.len(),
            of: self.of,
            elapsed: took,
        });
    }

    fn tell(&self, what: &str, begun: Instant) {
        self.sink.emit(Event::CopyChanged {
            target: self.label.to_owned(),
            copy: self.world.copy.name.clone(),
            what: what.to_owned(),
            elapsed: begun.elapsed(),
        });
    }
}
