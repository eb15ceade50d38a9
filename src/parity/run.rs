//! Playing the scenarios on one target: the copy is made, what can be played at once is, then what changes the copy,
//! and the copy goes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use model::sample::{SEED, sample};
use tokio::time::Instant;

use super::catalogue::Scenario;
use super::front::Fronts;
use super::parts::{Parts, adjusted};
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
/// How often a first file is sent until one comes through: AWS begins to tell of a bucket's objects a while after
/// it was asked to.
const FIRST_FILES: usize = 6;

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
    /// Plays all scenarios that are `wanted`. An interruption ends it after what is under way; the copy goes in any
    /// case.
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
        } = self;
        let record = Record::of("parity", stack, target);
        record.take_down(stack, target, cancel).await?;
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
            of: scenarios.iter().filter(|one| wanted(one)).count(),
        };
        let scenarios: Vec<&Scenario> = scenarios.iter().filter(|one| wanted(one)).collect();
        let played = Box::pin(stage.play(&scenarios, &mut run.outcomes)).await;
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
        self.world.up(&everything).await?;
        self.tell("up", begun);
        let (alone, at_once): (Vec<&Scenario>, Vec<&Scenario>) =
            scenarios.iter().copied().partition(|one| one.alone);
        self.unless_interrupted(Box::pin(self.first_file())).await?;
        let mut playing = stream::iter(at_once)
            .map(|scenario| async move { (scenario, self.one(scenario).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((scenario, outcome)) = self.unless_interrupted(playing.next()).await? {
            self.keep(scenario, outcome, outcomes);
        }
        drop(playing);
        for scenario in alone {
            let outcome = self.unless_interrupted(self.one(scenario)).await?;
            self.keep(scenario, outcome, outcomes);
        }
        Ok(())
    }

    async fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        tokio::select! {
            biased;
            () = self.cancel.asked() => Err("interrupted".to_owned()),
            done = work => Ok(done),
        }
    }

    /// Sends files until one starts the function: from there on what does not come is told. What is wrong is seen
    /// by the scenarios.
    async fn first_file(&self) {
        let world = self.world;
        let (Ok(function), true) = (world.function(), world.parts.event.is_some()) else {
            return;
        };
        let patience = world.pace.patience / FIRST_FILES as u32;
        for n in 0..FIRST_FILES {
            let sent = async {
                let key = world.key("first-file", "go", &format!("{n}.ndjson"))?;
                let stored = world.put(&key, sample(SEED, 1, false)).await?;
                let came = world.traces_until("first-file", function, patience, |traces| {
                    !traces.is_empty()
                });
                let came = came.await?;
                if came && world.pipeline.is_some() {
                    world.result(&stored).await?;
                }
                Ok::<_, super::seen::Trouble>(came)
            };
            if sent.await != Ok(false) {
                return;
            }
        }
    }

    /// Plays one, for as long as one may take.
    async fn one(&self, scenario: &Scenario) -> Outcome {
        let begun = Instant::now();
        let deadline = self.world.pace.deadline;
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
