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

/// What came of waiting for a claim.
pub(super) enum Waited {
    /// The claim, for the function as it is then.
    Claimed(Claim, Arc<Function>),
    /// As many run as may, and nobody waits for that here.
    Throttled,
    /// The time was up first.
    TooLate,
    /// There is no such function any more.
    NoFunction,
    /// The emulator stops.
    Stopping,
}

impl LambdaService {
    /// A claim for an event. In the behaviour `instant` it waits for one; AWS tries again later.
    pub(super) async fn claim_for_event(&self, name: &str, until_ms: i64) -> Waited {
        if self.shared.behaviour.async_throttle_ms > 0 {
            return self.claim_now(name);
        }
        tokio::select! {
            biased;
            waited = self.claim_when_free(name) => waited,
            () = self.shared.clock.sleep_until(until_ms) => Waited::TooLate,
        }
    }

    /// A claim, or why there is none at this moment.
    pub(super) fn claim_now(&self, name: &str) -> Waited {
        let Ok(function) = self.state.function(name) else {
            return Waited::NoFunction;
        };
        if function.is_pending(self.now_ms()) {
            return Waited::Throttled;
        }
        match self.runtime.claim(&function) {
            Ok(claim) => Waited::Claimed(claim, function),
            Err(NotBegun::Stopping) => Waited::Stopping,
            Err(NotBegun::Throttled | NotBegun::Failed(_)) => Waited::Throttled,
        }
    }

    /// A claim as soon as there is one, first come first served.
    pub(super) async fn claim_when_free(&self, name: &str) -> Waited {
        let turn = self.runtime.turn(name);
        let stop = &self.shared.stop;
        let _turn = tokio::select! {
            turn = turn.lock() => turn,
            () = stop.cancelled() => return Waited::Stopping,
        };
        loop {
            // Made before the look: what becomes free after the look rings it.
            let freed = self.runtime.freed.notified();
            match self.claim_now(name) {
                Waited::Throttled => {}
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
                () = stop.cancelled() => return Waited::Stopping,
            }
        }
    }
}

#[async_trait::async_trait]
impl Work for LambdaService {
    type Claim = (Claim, Arc<Function>);

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

    async fn claim_when_free(&self, function: &str) -> Claimed<Self::Claim> {
        LambdaService::claim_when_free(self, function).await.into()
    }

    fn claim_now(&self, function: &str) -> Claimed<Self::Claim> {
        LambdaService::claim_now(self, function).into()
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

impl From<Waited> for Claimed<(Claim, Arc<Function>)> {
    fn from(waited: Waited) -> Self {
        match waited {
            Waited::Claimed(claim, function) => Self::Yes((claim, function)),
            Waited::Throttled | Waited::TooLate => Self::Throttled,
            Waited::NoFunction => Self::NoFunction,
            Waited::Stopping => Self::Stopping,
        }
    }
}
