//! How much is on its way, once a second: by this machine's count, and as the queues tell.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Name;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::feed::{Feed, ms};
use crate::resource::Context;
use crate::stack::model::Stack;
use crate::wait;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Since the run began.
    pub at_ms: f64,
    /// Files that were begun and whose results were not seen yet.
    pub on_their_way: u64,
    /// Messages that wait in the queues of the stack's mappings; none where the target did not tell. SQS calls
    /// this count approximate.
    pub waiting: Option<u64>,
    /// Messages that workers have: approximate as well.
    pub with_workers: Option<u64>,
}

/// Looks until it is ended.
pub struct Watch {
    samples: Arc<Mutex<Vec<Sample>>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to look.
    pub fn start(cx: &Context, stack: &Stack, feed: &Feed) -> Self {
        let samples = Arc::new(Mutex::new(Vec::new()));
        let mut names: Vec<&str> = stack
            .mappings
            .iter()
            .map(|one| one.queue.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let queues = names.iter().map(|name| cx.place.queue(stack, name).name);
        let queues: Vec<String> = queues.collect();
        let (sqs, feed, kept) = (cx.clients.sqs.clone(), feed.clone(), Arc::clone(&samples));
        let task = tokio::spawn(async move {
            let mut urls = Vec::new();
            for queue in queues {
                let answer = sqs.get_queue_url().queue_name(queue).send().await;
                urls.extend(answer.ok().and_then(|answer| answer.queue_url));
            }
            loop {
                let at = Instant::now();
                let mut sample = Sample {
                    at_ms: ms(at.saturating_duration_since(feed.begun())),
                    on_their_way: feed.on_their_way() as u64,
                    waiting: None,
                    with_workers: None,
                };
                for url in &urls {
                    let call = sqs.get_queue_attributes().queue_url(url);
                    let call = call.attribute_names(Name::ApproximateNumberOfMessages);
                    let call = call.attribute_names(Name::ApproximateNumberOfMessagesNotVisible);
                    let told = call.send().await.ok().and_then(|told| told.attributes);
                    let count = |name: &Name| told.as_ref()?.get(name)?.parse::<u64>().ok();
                    let add = |sum: &mut Option<u64>, name: Name| {
                        if let Some(count) = count(&name) {
                            *sum = Some(sum.unwrap_or_default() + count);
                        }
                    };
                    add(&mut sample.waiting, Name::ApproximateNumberOfMessages);
                    add(
                        &mut sample.with_workers,
                        Name::ApproximateNumberOfMessagesNotVisible,
                    );
                }
                kept.lock().expect("no holder panics").push(sample);
                wait::pause(EVERY.saturating_sub(at.elapsed())).await;
            }
        });
        Self { samples, task }
    }

    /// What was seen.
    pub fn end(self) -> Vec<Sample> {
        self.task.abort();
        std::mem::take(&mut *self.samples.lock().expect("no holder panics"))
    }
}
