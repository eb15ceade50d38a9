//! A copy of the stack on one target, and what scenarios do with it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::front::{Fronts, MARK};
use super::letters::Letters;
use super::pace::Pace;
use super::parts::{EventWay, Parts, QueueWay};
use super::seen::Trouble;
use super::traces::Traces;
use crate::apply::Cancel;
use crate::copies;
use crate::operate::pipeline::Pipeline;
use crate::plan::Plan;
use crate::resource::{Context, Identity};
use crate::stack::model::Stack;
use crate::target::Target;
use crate::wait;

/// The copy.
pub struct World {
    /// As it was made.
    pub copy: Stack,
    /// What scenarios work with.
    pub parts: Parts,
    /// Calls.
    pub cx: Context,
    /// The way from files to results.
    pub pipeline: Option<Pipeline>,
    /// How long is waited.
    pub pace: Pace,
    fronts: Fronts,
    pub(super) cancel: Cancel,
    pub(super) letters: Letters,
    pub(super) traces: Traces,
}

impl World {
    /// A copy that is to be made.
    ///
    /// # Errors
    /// For people: an artifact cannot be read or written.
    pub fn new(
        copy: Stack,
        parts: Parts,
        target: &Target,
        fronts: Fronts,
        cancel: Cancel,
    ) -> Result<Self, String> {
        let artifacts = fronts.with(&BTreeMap::new());
        let artifacts = artifacts.map_err(|error| error.to_string())?;
        let cx = copies::context(&copy, target, Some(artifacts));
        let pace = Pace::of(target);
        Ok(Self {
            pipeline: Pipeline::of(&copy, &cx.place)
                .ok()
                .filter(|_| parts.is_pipeline),
            traces: Traces::new(&copy, &cx, pace.fresh),
            letters: Letters::default(),
            copy,
            parts,
            cx,
            pace,
            fronts,
            cancel,
        })
    }

    /// Brings the copy up as it is, or finds nothing to do.
    pub async fn up(&self, expected: &dyn Fn(&Plan) -> bool) -> Result<(), String> {
        copies::up(&self.copy, &self.cx, expected, &self.cancel).await
    }

    /// As [`World::change_at_once`], and lets it settle: what served a function before may still take events.
    /// // aws-behaviours §11
    pub async fn change(
        &self,
        change: impl FnOnce(&mut Stack),
        notes: &[(&str, &str)],
    ) -> Result<(), Trouble> {
        self.change_at_once(change, notes).await?;
        self.settle().await;
        Ok(())
    }

    /// Brings up the copy with a change; `notes` tells of functions which code it is.
    pub async fn change_at_once(
        &self,
        change: impl FnOnce(&mut Stack),
        notes: &[(&str, &str)],
    ) -> Result<(), Trouble> {
        let mut changed = self.copy.clone();
        change(&mut changed);
        let notes = notes.iter();
        let notes = notes.map(|(name, note)| ((*name).to_owned(), (*note).to_owned()));
        let artifacts = self.fronts.with(&notes.collect());
        let artifacts = artifacts.map_err(|error| error.to_string())?;
        let cx = copies::context(&changed, &self.cx.place.target, Some(artifacts));
        Ok(copies::up(&changed, &cx, &|_| true, &self.cancel).await?)
    }

    /// Takes the copy down.
    pub async fn take_down(&self) -> Result<(), String> {
        copies::take_down(&self.copy, &self.cx.place.target, &self.cancel).await
    }

    // Names.

    /// The bucket's way. Scenarios that ask for it need it.
    pub fn event(&self) -> Result<&EventWay, Trouble> {
        let event = self.parts.event.as_ref();
        event.ok_or_else(|| Trouble::Failed("no bucket starts a function".to_owned()))
    }

    /// The queue's way. Scenarios that ask for it need it.
    pub fn queue(&self) -> Result<&QueueWay, Trouble> {
        let queue = self.parts.queue.as_ref();
        queue.ok_or_else(|| Trouble::Failed("no queue starts a function".to_owned()))
    }

    /// The function that is started by events.
    pub fn function(&self) -> Result<&str, Trouble> {
        let function = self.parts.function.as_deref();
        function.ok_or_else(|| Trouble::Failed("there is no function".to_owned()))
    }

    /// A queue by its name in the stack.
    pub fn queue_named(&self, name: &str) -> Identity {
        self.cx.place.queue(&self.copy, name)
    }

    /// A key under the prefix, with a mark.
    pub fn key(&self, tag: &str, act: &str, ending: &str) -> Result<String, Trouble> {
        let event = self.event()?;
        let suffix = if ending.ends_with(&event.suffix) {
            ""
        } else {
            &event.suffix
        };
        Ok(format!(
            "{}{MARK}{tag}--{act}--{ending}{suffix}",
            event.prefix
        ))
    }

    /// A key that starts nothing, with a mark.
    pub fn outside(&self, tag: &str, ending: &str) -> Result<String, Trouble> {
        let outside = self.event()?.outside;
        let outside = outside.ok_or_else(|| "every key starts a function".to_owned())?;
        Ok(format!("{outside}{MARK}{tag}--go--{ending}"))
    }

    /// Physical name of the event's bucket.
    pub fn bucket(&self) -> Result<String, Trouble> {
        Ok(self.cx.place.bucket(&self.copy, &self.event()?.bucket).name)
    }

    // Waiting.

    /// Gives what must not come its time.
    pub async fn settle(&self) {
        tokio::select! {
            () = wait::pause(self.pace.settle) => {}
            () = self.cancel.asked() => {}
        }
    }

    /// Looks until there is something or the time is over.
    pub async fn until<T, F, Fut>(
        &self,
        patience: Duration,
        mut look: F,
    ) -> Result<Option<T>, Trouble>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Option<T>, Trouble>>,
    {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if self.cancel.is_asked() {
                return Err(Trouble::Failed("interrupted".to_owned()));
            }
            if begun.elapsed() + pause > patience {
                return Ok(None);
            }
            wait::pause(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(500));
        }
    }
}
