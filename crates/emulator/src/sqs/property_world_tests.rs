//! The service beside its model: each step of the property test is done to both, and compared.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::behaviour::Behaviour;
use crate::clock::ManualClock;

use super::SqsService;
use super::handlers_tests::{ARN, NOW, call, open_as};
use super::model_tests::{Change, Claim, Counts, Gift, Model, Seen, Settings, Which};
use super::property_tests::Step;
use super::state_moves::MoveRequest;

/// The service and what it should be.
pub(super) struct World {
    dirs: Vec<TempDir>,
    clock: Arc<ManualClock>,
    service: Arc<SqsService>,
    model: Model,
    /// All handles that were ever given out, and what they stand for.
    handles: Vec<(String, Claim)>,
}

fn serve(dir: &Path, clock: &Arc<ManualClock>) -> Arc<SqsService> {
    open_as(dir, clock, Behaviour::AWS)
}

fn url(which: Which) -> String {
    format!("http://127.0.0.1:4566/000000000000/{}", which.name())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> i64 {
    text(value, name).parse().unwrap_or(-1)
}

/// A message as a receive answers it.
fn gift(message: &Value) -> Gift {
    let system = &message["Attributes"];
    Gift {
        body: text(message, "Body").to_owned(),
        sent_ms: number(system, "SentTimestamp"),
        receive_count: number(system, "ApproximateReceiveCount"),
        first_received_ms: number(system, "ApproximateFirstReceiveTimestamp"),
        is_letter: system["DeadLetterQueueSourceArn"] == format!("{ARN}jobs"),
    }
}

fn ids(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(|entry| text(entry, "Id")).collect()
}

impl World {
    pub(super) async fn new(settings: &Settings) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let clock = Arc::new(ManualClock::new(NOW));
        let world = Self {
            service: serve(dir.path(), &clock),
            dirs: vec![dir],
            clock,
            model: Model::new(settings, NOW),
            handles: Vec::new(),
        };
        let make = async |name: &str, attributes: Value| {
            let body = json!({"QueueName": name, "Attributes": attributes});
            call(&world.service, "CreateQueue", body)
                .await
                .expect("made")
        };
        make(
            "dead",
            json!({
                "VisibilityTimeout": settings.visibility_s.to_string(),
                "MessageRetentionPeriod": settings.dead_retention_s.to_string(),
            }),
        )
        .await;
        let mut attributes = json!({
            "VisibilityTimeout": settings.visibility_s.to_string(),
            "DelaySeconds": settings.delay_s.to_string(),
            "MessageRetentionPeriod": settings.retention_s.to_string(),
        });
        if let Some(most) = settings.max_receives {
            let policy = json!({"deadLetterTargetArn": format!("{ARN}dead"),
                                "maxReceiveCount": most});
            attributes["RedrivePolicy"] = policy.to_string().into();
        }
        make("jobs", attributes).await;
        world
    }

    async fn ok(&self, operation: &str, body: Value) -> Result<Value, TestCaseError> {
        let shown = format!("{operation} {body}");
        call(&self.service, operation, body)
            .await
            .map_err(|error| TestCaseError::fail(format!("{shown}: {error}")))
    }

    /// The code of a refusal, empty when it was none.
    async fn code(&self, operation: &str, body: Value) -> String {
        let answer = call(&self.service, operation, body).await;
        answer.err().map(|error| error.code).unwrap_or_default()
    }

    fn pick(&self, index: Index) -> Option<(String, Claim)> {
        (!self.handles.is_empty()).then(|| index.get(&self.handles).clone())
    }

    /// Handles of the jobs among those that are picked.
    fn pick_jobs<'a>(&self, picked: impl Iterator<Item = &'a Index>) -> Vec<(String, Claim)> {
        picked
            .filter_map(|index| self.pick(*index))
            .filter(|(_, claim)| claim.queue == Which::Jobs)
            .collect()
    }

    async fn send_batch(&mut self, delays: &[Option<i64>]) -> Result<(), TestCaseError> {
        let entries: Vec<Value> = delays
            .iter()
            .enumerate()
            .map(|(index, delay)| {
                let body = self.model.send(Which::Jobs, *delay);
                json!({"Id": index.to_string(), "MessageBody": body, "DelaySeconds": delay})
            })
            .collect();
        let body = json!({"QueueUrl": url(Which::Jobs), "Entries": entries});
        let sent = self.ok("SendMessageBatch", body).await?;
        prop_assert_eq!(ids(&sent["Successful"]).len(), delays.len());
        Ok(())
    }

    async fn receive(
        &mut self,
        which: Which,
        max: usize,
        visibility_s: Option<i64>,
    ) -> Result<(), TestCaseError> {
        let body = json!({
            "QueueUrl": url(which), "MaxNumberOfMessages": max,
            "VisibilityTimeout": visibility_s, "AttributeNames": ["All"],
        });
        let answer = self.ok("ReceiveMessage", body).await?;
        let none = Vec::new();
        let received = answer["Messages"].as_array().unwrap_or(&none);
        let expected = self.model.receive(which, max, visibility_s);
        let gifts: Vec<Gift> = expected.iter().map(|(gift, _)| gift.clone()).collect();
        prop_assert_eq!(received.iter().map(gift).collect::<Vec<_>>(), gifts);
        for (message, (_, claim)) in received.iter().zip(expected) {
            let handle = text(message, "ReceiptHandle").to_owned();
            prop_assert!(
                self.handles.iter().all(|(known, _)| *known != handle),
                "a handle was given out twice"
            );
            self.handles.push((handle, claim));
        }
        Ok(())
    }

    async fn change_visibilities(&mut self, changes: &[(Index, i64)]) -> Result<(), TestCaseError> {
        let picked = changes.iter().filter_map(|(index, seconds)| {
            let (handle, claim) = self.pick(*index)?;
            (claim.queue == Which::Jobs).then_some((handle, claim, *seconds))
        });
        let picked: Vec<_> = picked.collect();
        if picked.is_empty() {
            return Ok(());
        }
        let mut entries = Vec::new();
        let mut expected = (Vec::new(), Vec::new());
        for (id, (handle, claim, seconds)) in picked.into_iter().enumerate() {
            let id = id.to_string();
            entries.push(json!({"Id": id, "ReceiptHandle": handle, "VisibilityTimeout": seconds}));
            match self.model.change_visibility(&claim, seconds) {
                Change::Done => expected.0.push(id),
                Change::Refused => expected.1.push(id),
            }
        }
        let body = json!({"QueueUrl": url(Which::Jobs), "Entries": entries});
        let changed = self.ok("ChangeMessageVisibilityBatch", body).await?;
        prop_assert_eq!(ids(&changed["Successful"]), expected.0);
        prop_assert_eq!(ids(&changed["Failed"]), expected.1);
        Ok(())
    }

    fn move_back(&mut self) -> Result<(), TestCaseError> {
        let state = &self.service.state;
        let request = MoveRequest {
            source: "dead",
            destination: None,
            per_second: None,
        };
        let waiting = self.model.counts(Which::Dead).visible;
        let (well, moved) = self.model.move_back();
        let started = state
            .start_move(&request, self.model.now)
            .expect("no other task runs");
        prop_assert_eq!(started.to_move, waiting);
        while state
            .move_some(&started.task_id, 3, self.model.now)
            .expect("moved")
        {}
        let tasks = state.list_moves("dead", 1).expect("listed");
        let status = if well { "COMPLETED" } else { "FAILED" };
        prop_assert_eq!((tasks[0].status.as_str(), tasks[0].moved), (status, moved));
        Ok(())
    }

    fn crash(&mut self) {
        let before = self.dirs.last().expect("a directory").path().to_owned();
        let dir = tempfile::tempdir().expect("a temporary directory");
        for file in ["sqs.sqlite", "sqs.sqlite-wal"] {
            // The log is absent after an orderly stop.
            let _ = std::fs::copy(before.join(file), dir.path().join(file));
        }
        self.service = serve(dir.path(), &self.clock);
        self.dirs.push(dir);
    }

    pub(super) async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Send(which, delay) => {
                let body = self.model.send(*which, *delay);
                let body = json!({"QueueUrl": url(*which), "MessageBody": body,
                                  "DelaySeconds": delay});
                self.ok("SendMessage", body).await?;
            }
            Step::SendBatch(delays) => self.send_batch(delays).await?,
            Step::Receive(which, max, visibility) => {
                self.receive(*which, *max, *visibility).await?;
            }
            Step::Delete(index, foreign) => {
                let Some((handle, claim)) = self.pick(*index) else {
                    return Ok(());
                };
                let other = match claim.queue {
                    Which::Jobs => Which::Dead,
                    Which::Dead => Which::Jobs,
                };
                let called = if *foreign { other } else { claim.queue };
                let body = json!({"QueueUrl": url(called), "ReceiptHandle": handle});
                let code = self.code("DeleteMessage", body).await;
                if *foreign {
                    prop_assert_eq!(code, "ReceiptHandleIsInvalid");
                } else {
                    self.model.delete(&claim);
                    prop_assert_eq!(code, "");
                }
            }
            Step::DeleteBatch(picked) => {
                let picked = self.pick_jobs(picked.iter());
                if picked.is_empty() {
                    return Ok(());
                }
                let mut entries = Vec::new();
                for (id, (handle, claim)) in picked.into_iter().enumerate() {
                    self.model.delete(&claim);
                    entries.push(json!({"Id": id.to_string(), "ReceiptHandle": handle}));
                }
                let count = entries.len();
                let body = json!({"QueueUrl": url(Which::Jobs), "Entries": entries});
                let deleted = self.ok("DeleteMessageBatch", body).await?;
                prop_assert_eq!(ids(&deleted["Successful"]).len(), count);
            }
            Step::ChangeVisibility(index, seconds) => {
                let Some((handle, claim)) = self.pick(*index) else {
                    return Ok(());
                };
                let body = json!({"QueueUrl": url(claim.queue), "ReceiptHandle": handle,
                                  "VisibilityTimeout": seconds});
                let expected = match self.model.change_visibility(&claim, *seconds) {
                    Change::Done => "",
                    Change::Refused => "InvalidParameterValueException",
                };
                let code = self.code("ChangeMessageVisibility", body).await;
                prop_assert_eq!(code, expected);
            }
            Step::ChangeVisibilityBatch(changes) => self.change_visibilities(changes).await?,
            Step::Advance(ms) => {
                self.clock.advance(*ms);
                self.model.advance(*ms);
            }
            Step::Purge(which) => {
                let expected = match self.model.purge(*which) {
                    Change::Done => "",
                    Change::Refused => "PurgeQueueInProgress",
                };
                let body = json!({"QueueUrl": url(*which)});
                prop_assert_eq!(self.code("PurgeQueue", body).await, expected);
            }
            // Without a redrive policy it is no dead letter queue.
            Step::MoveBack => {
                if self
                    .service
                    .state
                    .list_sources("dead", "", 1)
                    .expect("listed")
                    != ["jobs"]
                {
                    return Ok(());
                }
                self.move_back()?;
            }
            Step::Sweep => {
                self.service.state.expire(self.model.now).expect("swept");
                let left: i64 = self
                    .service
                    .state
                    .lock()
                    .connection
                    .query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
                    .expect("counted");
                let known: usize = Which::ALL
                    .into_iter()
                    .map(|which| self.model.messages(which).len())
                    .sum();
                prop_assert_eq!(left, known as i64);
            }
            Step::Restart => {
                let dir = self.dirs.last().expect("a directory").path().to_owned();
                let idle = tempfile::tempdir().expect("a temporary directory");
                // One after the other, as processes are.
                self.service = serve(idle.path(), &self.clock);
                self.service = serve(&dir, &self.clock);
            }
            Step::Crash => self.crash(),
        }
        Ok(())
    }

    /// Is the store what the model says?
    pub(super) fn check(&mut self) -> Result<(), TestCaseError> {
        let now = self.model.now;
        for which in Which::ALL {
            let (queue, counted) = self
                .service
                .state
                .counted(which.name(), now)
                .expect("counted");
            let counts = Counts {
                visible: counted.visible,
                in_flight: counted.in_flight,
                delayed: counted.delayed,
            };
            prop_assert_eq!(counts, self.model.counts(which), "{}", which.name());

            let expired_ms = now - i64::from(queue.attributes.retention_s) * 1_000;
            let store = self.service.state.lock();
            let mut statement = store
                .connection
                .prepare_cached(
                    "SELECT body, sent_ms, visible_ms, receive_count, first_received_ms,
                            source = 'jobs'
                     FROM messages WHERE queue_id = ?1 AND sent_ms > ?2 ORDER BY id",
                )
                .expect("prepared");
            let rows = statement
                .query_map([queue.id, expired_ms], |row| {
                    Ok(Seen {
                        body: row.get(0)?,
                        sent_ms: row.get(1)?,
                        visible_ms: row.get(2)?,
                        receive_count: row.get(3)?,
                        first_received_ms: row.get(4)?,
                        is_letter: row.get::<_, Option<bool>>(5)?.unwrap_or(false),
                    })
                })
                .expect("queried");
            let messages: Vec<Seen> = rows.collect::<Result<_, _>>().expect("read");
            prop_assert_eq!(messages, self.model.messages(which), "{}", which.name());
        }
        Ok(())
    }

    /// Once everything is visible, everything that is left can be received.
    pub(super) async fn drain(&mut self) -> Result<(), TestCaseError> {
        self.take(&Step::Advance(43_200_000)).await?;
        while Which::ALL
            .into_iter()
            .any(|which| self.model.counts(which).visible > 0)
        {
            for which in Which::ALL {
                self.receive(which, 10, Some(43_200)).await?;
            }
        }
        self.check()
    }
}
