//! Waiting for the right to run a function, for events and for mappings.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::LambdaService;
use super::mapping::{Claimed, Ran, Work};
use super::runtime::{Claim, NotBegun, Outcome};
use super::state::Function;
use crate::behaviour::Behaviour;
use crate::bus::QueuePort;
use crate::clock::SharedClock;

/// A claim, and the function as it is then.
type Taken = (Claim, Arc<Function>);

impl LambdaService {
    /// A claim for an event, waited for where throttled events do not come again later (AWS's do).
    /// None when the time is up first.
    pub(super) async fn claim_for_event(
        &self,
        name: &str,
        until_ms: i64,
    ) -> Option<Claimed<Taken>> {
        if self.shared.behaviour.async_throttle_ms > 0 {
            return Some(self.claim_now(name));
        }
        tokio::select! {
            biased;
            claimed = self.claim_when_free(name) => Some(claimed),
            () = self.shared.clock.sleep_until(until_ms) => None,
        }
    }
}

#[async_trait::async_trait]
impl Work for LambdaService {
    type Claim = Taken;

    fn queues(&self) -> &Arc<dyn QueuePort> {
        self.shared.bus.queues()
    }

    fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    fn behaviour(&self) -> &Behaviour {
        &self.shared.behaviour
    }

    fn stop(&self) -> &CancellationToken {
        &self.shared.stop
    }

    fn is_there(&self, function: &str) -> bool {
        self.state.function(function).is_ok()
    }

    /// A claim, or why there is none at this moment.
    fn claim_now(&self, name: &str) -> Claimed<Taken> {
        let Ok(function) = self.state.function(name) else {
            return Claimed::NoFunction;
        };
        if function.is_pending(self.now_ms()) {
            return Claimed::Throttled;
        }
        match self.runtime.claim(&function) {
            Ok(claim) => Claimed::Yes((claim, function)),
            Err(NotBegun::Stopping) => Claimed::Stopping,
            Err(NotBegun::Throttled | NotBegun::Failed(_)) => Claimed::Throttled,
        }
    }

    /// A claim as soon as there is one, first come first served.
    async fn claim_when_free(&self, name: &str) -> Claimed<Taken> {
        let turn = self.runtime.turn(name);
        let stop = &self.shared.stop;
        let _turn = tokio::select! {
            turn = turn.lock() => turn,
            () = stop.cancelled() => return Claimed::Stopping,
        };
        loop {
            // Made before the look: what becomes free after the look rings it.
            let freed = self.runtime.freed.notified();
            match self.claim_now(name) {
                Claimed::Throttled => {}
                other => return other,
            }
            let ready_ms = self
                .state
                .function(name)
                .ok()
                .map(|function| function.pending_until_ms)
                .filter(|until_ms| self.now_ms() < *until_ms);
            let ready = async {
                match ready_ms {
                    Some(until_ms) => self.shared.clock.sleep_until(until_ms).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = freed => {}
                () = ready => {}
                () = stop.cancelled() => return Claimed::Stopping,
            }
        }
    }

    async fn run(&self, (claim, function): Self::Claim, payload: Bytes) -> Ran {
        let request_id = uuid::Uuid::new_v4().to_string();
        let work = self.runtime.work(claim, &function, &request_id, payload);
        let ran = match work.await {
            Ok(finished) => match finished.outcome {
                Outcome::Answered(response) => Ran::Answered(response),
                _ => Ran::Failed,
            },
            Err(NotBegun::Stopping) => Ran::Stopped,
            Err(error) => {
                tracing::error!(
                    ?error,
                    function = function.name,
                    "a batch could not be begun"
                );
                Ran::Failed
            }
        };
        match ran {
            // The process was ended by the stop and not by its own fault.
            Ran::Failed if self.shared.stop.is_cancelled() => Ran::Stopped,
            ran => ran,
        }
    }
}
