//! Dealing with letters one at a time: receive, act, and only then delete. Whatever happens in between, a
//! letter is there once or twice, and never nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use serde::Serialize;
use tokio::time::Instant;

use super::DeadLetterQueue;
use super::peek::{self, LOOK};
use super::read::{self, File};
use crate::apply::Cancel;
use crate::event::{Event, Sink};
use crate::resource::Context;
use crate::resource::error::{CallError, failed};
use crate::stack::model::LogicalId;
use crate::wait;

/// How the letters of a queue were dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By a task of SQS.
    MoveTask,
    /// By pipectl, one after the other.
    OneByOne,
}

/// A letter that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Id that the message had.
    pub message_id: String,
    /// The files that it is about.
    pub files: Vec<File>,
    /// The queue or the function that got it; none when it was deleted.
    pub to: Option<LogicalId>,
}

/// A letter that could not be dealt with, and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotSettled {
    /// Id of the message; of the queue where it is about all of it.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What became of the letters of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The dead letter queue.
    pub queue: LogicalId,
    /// How.
    pub how: How,
    /// How many were dealt with.
    pub done: u64,
    /// Which; a task does not tell.
    pub letters: Vec<Settled>,
    /// Which could not be.
    pub failed: Vec<NotSettled>,
    /// How many were not tried.
    pub left: u64,
    /// Which; a task does not tell.
    pub left_ids: Vec<String>,
    /// May there be more that were not even seen?
    pub more: bool,
}

impl Report {
    /// Nothing done so far.
    pub(super) fn new(queue: &LogicalId, how: How) -> Self {
        Self {
            queue: queue.clone(),
            how,
            done: 0,
            letters: Vec::new(),
            failed: Vec::new(),
            left: 0,
            left_ids: Vec::new(),
            more: false,
        }
    }

    /// Nothing could be done.
    pub fn impossible(queue: &LogicalId, error: &CallError) -> Self {
        let failed = NotSettled {
            id: queue.to_string(),
            reason: error.to_string(),
        };
        Self {
            failed: vec![failed],
            ..Self::new(queue, How::OneByOne)
        }
    }

    /// Somebody interrupted before it was looked at.
    pub fn untouched(queue: &LogicalId) -> Self {
        Self {
            more: true,
            ..Self::new(queue, How::OneByOne)
        }
    }
}

/// What dealing with letters needs.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Calls.
    pub cx: &'a Context,
    /// Asked between two letters.
    pub cancel: &'a Cancel,
    /// Letters in a second; as many as can be without.
    pub rate: Option<u32>,
    /// Hears how far it is.
    pub sink: &'a dyn Sink,
}

/// Why a letter was not dealt with.
struct Stays {
    error: CallError,
    /// Was it sent nevertheless?
    sent: bool,
}

impl Desk<'_> {
    /// Acts on each of these letters of a queue and deletes it. None when there is no such queue.
    ///
    /// The queue is received from in rounds: what is not meant, or came after the look, stays hidden until
    /// the end and is then given back, so that this ends however fast letters come back.
    pub(super) async fn each(
        &self,
        queue: &DeadLetterQueue,
        letters: BTreeSet<String>,
        act: impl AsyncFn(&Message) -> Result<Option<LogicalId>, CallError>,
    ) -> Result<Option<Report>, CallError> {
        let Some(url) = peek::url(self.cx, &queue.queue).await? else {
            return Ok(None);
        };
        let of = letters.len() as u64;
        let mut todo = letters;
        let mut report = Report::new(&queue.id, How::OneByOne);
        let mut held = BTreeMap::new();
        let mut reachable = true;
        let mut stale = 0;
        while reachable && !todo.is_empty() && !self.cancel.is_asked() {
            let messages = match peek::receive(self.cx, &url).await {
                Ok(messages) => messages,
                Err(error) => {
                    report.failed.push(NotSettled {
                        id: queue.id.to_string(),
                        reason: error.to_string(),
                    });
                    reachable = false;
                    break;
                }
            };
            let received = Instant::now();
            let mut anything_new = false;
            let mut late = Vec::new();
            for message in &messages {
                let id = message.message_id.clone().unwrap_or_default();
                let handle = message.receipt_handle.clone().unwrap_or_default();
                let meant = todo.contains(&id);
                if meant && received.elapsed() > LOOK {
                    // Its time may be over before it is dealt with: it is received again.
                    late.push(handle);
                    anything_new = true;
                    continue;
                }
                anything_new |= meant | held.insert(id.clone(), handle.clone()).is_none();
                if !meant || !reachable || self.cancel.is_asked() {
                    continue;
                }
                todo.remove(&id);
                match self.one(message, &url, &handle, &act).await {
                    Ok(to) => {
                        held.remove(&id);
                        report.done += 1;
                        report.letters.push(Settled {
                            files: read::letter(message, queue).files,
                            message_id: id,
                            to,
                        });
                    }
                    Err(stays) => {
                        reachable = !stays.error.unreachable;
                        report.failed.push(NotSettled {
                            id,
                            reason: reason(&stays),
                        });
                    }
                }
                let queue = queue.id.clone();
                let done = report.done;
                self.sink
                    .emit(Event::DeadLettersSettled { queue, done, of });
                if !todo.is_empty() && !self.cancel.is_asked() {
                    self.pause().await;
                }
            }
            peek::give_back(self.cx, &url, late).await;
            // What is held comes again when its time is over, and is then hidden for as long again: that
            // many rounds may have nothing else.
            stale = if anything_new { 0 } else { stale + 1 };
            if messages.is_empty() || stale > held.len() / 10 + 1 {
                break;
            }
        }
        peek::give_back(self.cx, &url, held.into_values().collect()).await;
        if reachable && !self.cancel.is_asked() {
            report.failed.extend(todo.into_iter().map(|id| NotSettled {
                id,
                reason: "it is not there any more, or somebody else has it in hand".to_owned(),
            }));
        } else {
            report.left = todo.len() as u64;
            report.left_ids = todo.into_iter().collect();
        }
        Ok(Some(report))
    }

    async fn one(
        &self,
        message: &Message,
        url: &str,
        handle: &str,
        act: impl AsyncFn(&Message) -> Result<Option<LogicalId>, CallError>,
    ) -> Result<Option<LogicalId>, Stays> {
        let to = act(message)
            .await
            .map_err(|error| Stays { error, sent: false })?;
        let request = self.cx.clients.sqs.delete_message();
        request
            .queue_url(url)
            .receipt_handle(handle)
            .send()
            .await
            .map_err(|error| Stays {
                error: failed("DeleteMessage")(error),
                sent: to.is_some(),
            })?;
        Ok(to)
    }

    /// The pause that keeps to the rate.
    async fn pause(&self) {
        if let Some(rate) = self.rate {
            wait::pause(Duration::from_secs(1) / rate.max(1)).await;
        }
    }
}

fn reason(stays: &Stays) -> String {
    if stays.sent {
        // A delete that failed may have been carried out. Harmless for the pipeline's own functions: the
        // same job twice is one result.
        format!("{}; it was sent, and may be here as well", stays.error)
    } else {
        stays.error.to_string()
    }
}
