//! Event source mappings: one task each, woken by its queue, that takes batches and invokes.
//!
//! Nothing is received before there is an environment for it: a message that was received and then
//! waits is hidden for nothing, and comes twice when it waits longer than its visibility timeout.
//! AWS receives first and throttles then; the behaviour `aws` does so, too.

mod batch;
mod limit;
#[cfg(test)]
mod model_tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use self::batch::{Verdict, event, verdict};
pub(super) use self::limit::Limit;
use super::runtime::MOST_ENVIRONMENTS;
use super::state::Mapping;
use crate::behaviour::Behaviour;
use crate::bus::{QueuePort, ReceivedMessage};
use crate::clock::SharedClock;

/// Batches at once when the mapping does not say otherwise. AWS begins with five.
const CONCURRENCY: u32 = 5;
/// Most messages of one receive.
const RECEIVE: usize = 10;
/// Failed batches in a row before a pause comes between them: it keeps a queue without a dead letter
/// queue from spinning.
const FREE_FAILURES: u32 = 10;
/// Longest of those pauses, ms.
const LONGEST_PAUSE_MS: i64 = 5_000;
/// The pause before something is looked for again that is not there: queue or function, ms.
const MISSING_PAUSE_MS: i64 = 1_000;
/// First pause of a mapping whose function is throttled, ms; it doubles.
const THROTTLED_PAUSE_MS: i64 = 1_000;
/// Longest of those pauses, ms.
const LONGEST_THROTTLED_PAUSE_MS: i64 = 60_000;

/// What came of asking for the right to run a function, for a batch or an event.
pub(super) enum Claimed<C> {
    /// It may run once.
    Yes(C),
    /// As many run as may.
    Throttled,
    /// There is no such function now.
    NoFunction,
    /// The emulator stops.
    Stopping,
}

/// What came of a batch.
pub(super) enum Ran {
    /// The function answered.
    Answered(Bytes),
    /// It failed as a whole.
    Failed,
    /// It was not begun, or was ended by the emulator's stop.
    Stopped,
}

/// What a mapping works with.
#[async_trait::async_trait]
pub(super) trait Work: Send + Sync + 'static {
    /// The right to run a function once.
    type Claim: Send + 'static;

    fn queues(&self) -> &Arc<dyn QueuePort>;
    fn clock(&self) -> &SharedClock;
    fn behaviour(&self) -> &Behaviour;
    /// Cancelled when the emulator stops.
    fn stop(&self) -> &CancellationToken;
    /// Is there such a function?
    fn is_there(&self, function: &str) -> bool;
    /// A claim, as soon as there is one.
    async fn claim_when_free(&self, function: &str) -> Claimed<Self::Claim>;
    /// A claim, if there is one now.
    fn claim_now(&self, function: &str) -> Claimed<Self::Claim>;
    /// Runs a batch.
    async fn run(&self, claim: Self::Claim, payload: Bytes) -> Ran;
}

/// Works for one mapping until `stop`.
pub(super) async fn poll<W: Work>(
    work: Arc<W>,
    mapping: Arc<Mapping>,
    limit: Arc<Limit>,
    stop: CancellationToken,
) {
    if let Some(change) = mapping.change {
        // aws-behaviours E2
        tokio::select! {
            () = work.clock().sleep_until(change.until_ms) => {}
            () = stop.cancelled() => return,
            () = work.stop().cancelled() => return,
        }
    }
    let wanted = mapping.max_concurrency.unwrap_or(CONCURRENCY) as usize;
    let most = wanted.min(MOST_ENVIRONMENTS);
    let failures = Arc::new(AtomicU32::new(0));
    let poller = Poller {
        work: &*work,
        mapping: &mapping,
    };
    loop {
        let mut messages = Vec::new();
        let next = async {
            let permit = limit.acquire(most).await;
            let taken = poller.next_batch(&mut messages).await;
            (permit, taken)
        };
        let (permit, taken) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => return poller.give_back(&messages),
            () = work.stop().cancelled() => return poller.give_back(&messages),
        };
        let Some(taken) = taken else { return };
        let (work, mapping, failures) = (
            Arc::clone(&work),
            Arc::clone(&mapping),
            Arc::clone(&failures),
        );
        // A batch that was taken is finished even when the mapping is deleted meanwhile.
        tokio::spawn(async move {
            process(&*work, &mapping, taken, &messages, &failures).await;
            drop(permit);
        });
    }
}

/// A claim for a batch that was received.
struct Taken<C> {
    claim: C,
    /// Until when its messages are hidden, where that is waited out.
    hidden_until: i64,
}

struct Poller<'a, W> {
    work: &'a W,
    mapping: &'a Mapping,
}

impl<W: Work> Poller<'_, W> {
    fn now(&self) -> i64 {
        self.work.clock().now_ms()
    }

    async fn pause(&self, ms: i64) {
        self.work.clock().sleep_until(self.now() + ms).await;
    }

    /// Messages that are not worked on are there for others.
    fn give_back(&self, messages: &[ReceivedMessage]) {
        if messages.is_empty() {
            return;
        }
        let queue = &self.mapping.queue_arn;
        if let Err(error) = self.work.queues().release(queue, &handles(messages), 0) {
            tracing::warn!(%error, queue, "messages were not released");
        }
    }

    /// Waits for messages and a claim to run them under. None when the emulator stops.
    async fn next_batch(&self, batch: &mut Vec<ReceivedMessage>) -> Option<Taken<W::Claim>> {
        if self.mapping.window_s == 0 && !self.work.behaviour().throttles_cost_receives {
            self.claim_then_receive(batch).await
        } else {
            self.receive_then_claim(batch).await
        }
    }

    async fn claim_then_receive(
        &self,
        batch: &mut Vec<ReceivedMessage>,
    ) -> Option<Taken<W::Claim>> {
        loop {
            let Some(mut watch) = self.work.queues().watch(&self.mapping.queue_arn) else {
                // The queue is gone; the mapping stays, as on AWS, and looks for it now and then.
                // aws-behaviours E4
                self.pause(MISSING_PAUSE_MS).await;
                continue;
            };
            watch.mark_unchanged();
            match self.work.claim_when_free(&self.mapping.function).await {
                Claimed::Yes(claim) => {
                    let received = self.receive(batch);
                    if !batch.is_empty() {
                        return Some(Taken {
                            claim,
                            hidden_until: i64::MAX,
                        });
                    }
                    drop(claim);
                    if !received {
                        // No message may come that would wake it.
                        self.pause(MISSING_PAUSE_MS).await;
                    } else if watch.changed().await.is_err() {
                        // The queue was deleted this moment.
                        self.pause(10).await;
                    } else {
                        self.pause(self.work.behaviour().mapping_look_ms).await;
                    }
                }
                Claimed::Throttled | Claimed::NoFunction => self.pause(MISSING_PAUSE_MS).await,
                Claimed::Stopping => return None,
            }
        }
    }

    async fn receive_then_claim(
        &self,
        batch: &mut Vec<ReceivedMessage>,
    ) -> Option<Taken<W::Claim>> {
        let mut throttles = 0;
        loop {
            let hidden_until = self.fill(batch).await;
            let claim = if self.work.behaviour().throttles_cost_receives {
                self.work.claim_now(&self.mapping.function)
            } else {
                tokio::select! {
                    biased;
                    claim = self.work.claim_when_free(&self.mapping.function) => claim,
                    // They must not come twice.
                    () = self.work.clock().sleep_until(hidden_until) => Claimed::Throttled,
                }
            };
            match claim {
                Claimed::Yes(claim) => {
                    return Some(Taken {
                        claim,
                        hidden_until,
                    });
                }
                Claimed::Stopping => {
                    self.give_back(batch);
                    batch.clear();
                    return None;
                }
                Claimed::Throttled | Claimed::NoFunction => {}
            }
            // They are visible again when their timeout has passed: each throttle counts as a
            // receive. // aws-behaviours E10
            batch.clear();
            let pause = (THROTTLED_PAUSE_MS << throttles).min(LONGEST_THROTTLED_PAUSE_MS);
            throttles = (throttles + 1).min(10);
            self.pause(pause).await;
        }
    }

    /// Receives until the batch is full or the queue is empty; false when the queue refuses.
    fn receive(&self, batch: &mut Vec<ReceivedMessage>) -> bool {
        let queue = &self.mapping.queue_arn;
        let size = self.mapping.batch as usize;
        while batch.len() < size {
            match self
                .work
                .queues()
                .receive(queue, RECEIVE.min(size - batch.len()))
            {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => batch.extend(messages),
                Err(error) => {
                    tracing::warn!(%error, queue, "a mapping cannot receive");
                    return false;
                }
            }
        }
        true
    }

    /// Waits for messages, and fills the batch as far as the queue and the window allow. Returns until
    /// when the first of them is hidden for sure.
    async fn fill(&self, batch: &mut Vec<ReceivedMessage>) -> i64 {
        let mut first: Option<(i64, i64)> = None;
        loop {
            let queue = &self.mapping.queue_arn;
            let facts = self.work.queues().describe(queue);
            let (Some(mut watch), Some(facts)) = (self.work.queues().watch(queue), facts) else {
                if let Some((_, hidden_until)) = first {
                    return hidden_until;
                }
                // aws-behaviours E4
                self.pause(MISSING_PAUSE_MS).await;
                continue;
            };
            watch.mark_unchanged();
            if batch.is_empty() && !self.work.is_there(&self.mapping.function) {
                // Nothing is received for nobody. aws-behaviours E4
                self.pause(MISSING_PAUSE_MS).await;
                continue;
            }
            let received = self.receive(batch);
            let now = self.now();
            if !batch.is_empty() {
                let (end, hidden_until) = *first.get_or_insert_with(|| {
                    let hidden_until = now + i64::from(facts.visibility_timeout_s) * 1_000;
                    let end = now + i64::from(self.mapping.window_s) * 1_000;
                    (end.min(hidden_until), hidden_until)
                });
                if batch.len() >= self.mapping.batch as usize || now >= end {
                    return hidden_until;
                }
                tokio::select! {
                    _ = watch.changed() => {}
                    () = self.work.clock().sleep_until(end) => {}
                }
            } else if !received {
                self.pause(MISSING_PAUSE_MS).await;
            } else if watch.changed().await.is_err() {
                self.pause(10).await;
            }
        }
    }
}

fn handles(messages: &[ReceivedMessage]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message.receipt_handle.clone())
        .collect()
}

async fn process<W: Work>(
    work: &W,
    mapping: &Mapping,
    taken: Taken<W::Claim>,
    messages: &[ReceivedMessage],
    failures: &AtomicU32,
) {
    let ids: Vec<&str> = messages
        .iter()
        .map(|message| message.message_id.as_str())
        .collect();
    let queue = &mapping.queue_arn;
    let payload = Bytes::from(event(queue, messages).to_string());
    let verdict = match work.run(taken.claim, payload).await {
        Ran::Answered(response) => verdict(&response, mapping.partial_failures, &ids),
        Ran::Failed => Verdict::AllFailed,
        // The queue gives back what nobody finished, at the next start.
        Ran::Stopped => return,
    };
    let (again, done): (Vec<_>, Vec<_>) = messages
        .iter()
        .partition(|message| verdict.failed(&message.message_id));
    let handles = |messages: &[&ReceivedMessage]| -> Vec<String> {
        messages
            .iter()
            .map(|message| message.receipt_handle.clone())
            .collect()
    };
    let queues = work.queues();
    if !done.is_empty()
        && let Err(error) = queues.delete(queue, &handles(&done))
    {
        tracing::warn!(%error, queue, "processed messages were not deleted");
    }
    if again.is_empty() {
        failures.store(0, Ordering::Relaxed);
        return;
    }
    let clock = work.clock();
    let hidden_s = if work.behaviour().failed_messages_wait {
        // They are visible again when their timeout has passed: the queue is told so, because what is
        // not told is given back at the next start as if it had not been received.
        let left_ms = taken.hidden_until.saturating_sub(clock.now_ms()).max(0);
        u32::try_from((left_ms + 999) / 1_000).unwrap_or(0)
    } else {
        let in_a_row = failures.fetch_add(1, Ordering::Relaxed);
        if let Some(beyond) = in_a_row.checked_sub(FREE_FAILURES) {
            let pause = (10_i64 << beyond.min(9)).min(LONGEST_PAUSE_MS);
            clock.sleep_until(clock.now_ms() + pause).await;
        }
        0
    };
    if let Err(error) = queues.release(queue, &handles(&again), hidden_s) {
        tracing::warn!(%error, queue, "failed messages were not released");
    }
}
