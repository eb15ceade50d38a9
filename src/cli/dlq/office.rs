//! What the verbs of `pipectl dlq` work with: the stack, its dead letter queues, and what waits in them.

use std::collections::BTreeSet;

use model::JobResult;

use super::{Stop, session};
use crate::apply::Cancel;
use crate::failure::CommandError;
use crate::operate::dead_letters::choose::Chosen;
use crate::operate::dead_letters::{DeadLetter, DeadLetterQueue, Look, Meant, choose, look, read};
use crate::operate::pipeline::Pipeline;
use crate::operate::results;
use crate::resource::{CallError, Context};
use crate::stack::model::{LogicalId, Stack};

/// What every verb works with.
pub(super) struct Office {
    pub(super) stack: Stack,
    pub(super) cx: Context,
    pub(super) queues: Vec<DeadLetterQueue>,
    /// Is it one that was named, and not all of them?
    pub(super) is_one_named: bool,
}

impl Office {
    pub(super) fn target(&self) -> String {
        self.cx.place.target.name().to_owned()
    }

    /// The queue that was named.
    pub(super) fn named(&self) -> Option<&LogicalId> {
        let first = self.queues.first().filter(|_| self.is_one_named);
        first.map(|queue| &queue.id)
    }

    /// A queue that is not there means that the stack is not up.
    pub(super) fn there<T>(
        &self,
        queue: &DeadLetterQueue,
        answer: Result<Option<T>, CallError>,
    ) -> Result<T, Stop> {
        match answer {
            Ok(Some(value)) => Ok(value),
            Ok(None) => {
                let target = &self.cx.place.target;
                Err(session::not_up(&self.stack, target, &queue.id, false).into())
            }
            Err(error) => Err(CommandError::Call {
                what: format!("working with {}", queue.queue.name),
                error,
                help: "look at the stack with `pipectl status`; nothing is lost: run it again",
            }
            .into()),
        }
    }

    /// Reads what waits in every queue, in the order of sending.
    pub(super) async fn read_all(
        &self,
        most: usize,
        cancel: &Cancel,
    ) -> Result<Vec<(Look, Vec<DeadLetter>)>, Stop> {
        let _draining = cancel.drain();
        let looks = self.queues.iter().map(|queue| async move {
            let mut letters = Vec::new();
            let see = |message: &_| letters.push(read::letter(message, queue));
            let looked = look(&self.cx, &queue.queue, most, cancel, see).await;
            letters.sort_by(|a, b| (&a.since, &a.message_id).cmp(&(&b.since, &b.message_id)));
            (queue, looked, letters)
        });
        let mut seen = Vec::new();
        for (queue, looked, letters) in futures::future::join_all(looks).await {
            seen.push((self.there(queue, looked)?, letters));
        }
        not_interrupted(cancel)?;
        Ok(seen)
    }

    /// The letters that are meant, of each queue; and whether there may be more in it than were seen.
    pub(super) async fn chosen(
        &self,
        meant: &Meant,
        cancel: &Cancel,
    ) -> Result<(Chosen, Vec<(BTreeSet<String>, bool)>), Stop> {
        let seen = self.read_all(usize::MAX, cancel).await?;
        let all: Vec<DeadLetter> = seen
            .iter()
            .flat_map(|(_, letters)| letters.clone())
            .collect();
        let chosen = choose(&all, meant)?;
        let of_queue = seen.iter().map(|(look, letters)| {
            let ids = letters.iter().map(|letter| letter.message_id.clone());
            let ids = ids.filter(|id| chosen.messages.contains(id)).collect();
            (ids, look.more && *meant == Meant::All)
        });
        let of_queue = of_queue.collect();
        Ok((chosen, of_queue))
    }

    /// What the results table says of the job that a letter is about.
    pub(super) async fn result(&self, letter: &DeadLetter) -> Result<Option<JobResult>, Stop> {
        let (Ok(pipeline), [file]) = (Pipeline::of(&self.stack, &self.cx.place), &letter.files[..])
        else {
            return Ok(None);
        };
        let result = results::by_id(&self.cx.clients, &pipeline, &file.job_id).await;
        match result {
            // The letter is what was asked for, with or without its result.
            Err(error) if error.is("ResourceNotFoundException") => Ok(None),
            result => result.map_err(|error| {
                CommandError::Call {
                    what: format!("reading {}", pipeline.table.name),
                    error,
                    help: "the letter itself is shown by `pipectl dlq ls --output json`",
                }
                .into()
            }),
        }
    }
}

/// A command that only looked ends when somebody interrupted.
pub(super) fn not_interrupted(cancel: &Cancel) -> Result<(), Stop> {
    if cancel.is_asked() {
        return Err(CommandError::InterruptedEarly.into());
    }
    Ok(())
}
