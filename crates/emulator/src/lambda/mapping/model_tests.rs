//! The mapping's state machine against a model of a queue and a function, with a clock that only the
//! test moves: sends, faults, throttles, updates and waits in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Claimed, Limit, Ran, Work, poll};
use crate::behaviour::Behaviour;
use crate::bus::{QueueFacts, QueuePort, ReceivedMessage};
use crate::clock::{Clock as _, ManualClock, SharedClock};
use crate::error::AwsError;
use crate::lambda::state::Mapping;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";
const VISIBILITY_S: u32 = 60;
const MAX_RECEIVES: u32 = 3;
/// As long as an invocation takes, ms: far less than the visibility timeout.
const TAKES_MS: i64 = 500;
/// As often as tasks get their turn until all of them wait.
const TURNS: usize = 300;

/// One message of the model.
#[derive(Debug, Default, Clone)]
struct Message {
    /// How often the function fails it.
    failures: u32,
    visible_at: i64,
    receives: u32,
    /// The handle of its last receive is good until it is deleted or received again.
    deleted: bool,
    dead: bool,
    /// What each invocation that had it made of it: done or not.
    runs: Vec<bool>,
    /// It is part of a batch at work.
    at_work: bool,
}

#[derive(Default)]
struct World {
    messages: BTreeMap<String, Message>,
    /// Batches that the function may work on at once.
    room: usize,
    claims: usize,
    running: usize,
    most_running: usize,
    /// The next batches fail as a whole.
    broken: u32,
    /// Receives while this is set are a fault of the mapping.
    disabled: bool,
    /// A mapping received, and had no room then.
    throttled_receives: u32,
    faults: Vec<String>,
}

struct Model {
    world: Mutex<World>,
    clock: Arc<ManualClock>,
    shared_clock: SharedClock,
    behaviour: Behaviour,
    changes: watch::Sender<u64>,
    freed: Notify,
    stop: CancellationToken,
}

impl Model {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no holder panics")
    }

    fn now(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// The queue of the model: handles are `id#receives`.
struct Queue(Arc<Model>);

impl QueuePort for Queue {
    fn describe(&self, _: &str) -> Option<QueueFacts> {
        Some(QueueFacts {
            visibility_timeout_s: VISIBILITY_S,
        })
    }

    fn receive(&self, _: &str, max: usize) -> Result<Vec<ReceivedMessage>, AwsError> {
        let now = self.0.now();
        let mut world = self.0.world();
        let ids: Vec<String> = world
            .messages
            .iter()
            .filter(|(_, m)| !m.deleted && !m.dead && m.visible_at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        let mut received = Vec::new();
        for id in ids {
            if received.len() == max {
                break;
            }
            let disabled = world.disabled;
            let message = world.messages.get_mut(&id).expect("it is there");
            if message.receives >= MAX_RECEIVES {
                message.dead = true;
                continue;
            }
            message.receives += 1;
            message.visible_at = now + i64::from(VISIBILITY_S) * 1_000;
            let twice = message.at_work;
            let handle = format!("{id}#{}", message.receives);
            if twice {
                world
                    .faults
                    .push(format!("{id} was received while at work"));
            }
            if disabled {
                world
                    .faults
                    .push(format!("{id} was received while disabled"));
            }
            received.push(ReceivedMessage {
                message_id: id.clone(),
                receipt_handle: handle,
                body: id,
                md5_of_body: String::new(),
                md5_of_message_attributes: None,
                attributes: BTreeMap::new(),
                message_attributes: BTreeMap::new(),
            });
        }
        Ok(received)
    }

    fn delete(&self, _: &str, handles: &[String]) -> Result<(), AwsError> {
        let mut world = self.0.world();
        for handle in handles {
            let (id, _) = handle.split_once('#').expect("a handle");
            let message = world.messages.get_mut(id).expect("it is there");
            message.deleted = true;
            if message.runs.last() != Some(&true) {
                world.faults.push(format!("{id} was deleted and not done"));
            }
        }
        Ok(())
    }

    fn release(&self, _: &str, handles: &[String], visibility_s: u32) -> Result<(), AwsError> {
        let now = self.0.now();
        for handle in handles {
            let (id, receives) = handle.split_once('#').expect("a handle");
            let mut world = self.0.world();
            let message = world.messages.get_mut(id).expect("it is there");
            if message.receives.to_string() == receives {
                message.visible_at = now + i64::from(visibility_s) * 1_000;
            }
        }
        self.0.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    fn send(&self, _: &str, _: &str, _: &BTreeMap<String, String>) -> Result<String, AwsError> {
        Err(AwsError::internal("mappings do not send"))
    }

    fn watch(&self, _: &str) -> Option<watch::Receiver<u64>> {
        Some(self.0.changes.subscribe())
    }
}

/// A claim of the model.
struct Place(Arc<Model>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.world().claims -= 1;
        self.0.freed.notify_waiters();
    }
}

struct Worker {
    model: Arc<Model>,
    queues: Arc<dyn QueuePort>,
}

impl Worker {
    fn place(&self) -> Option<Place> {
        let mut world = self.model.world();
        if world.claims >= world.room {
            return None;
        }
        world.claims += 1;
        Some(Place(Arc::clone(&self.model)))
    }
}

#[async_trait::async_trait]
impl Work for Worker {
    type Claim = Place;

    fn queues(&self) -> &Arc<dyn QueuePort> {
        &self.queues
    }

    fn clock(&self) -> &SharedClock {
        &self.model.shared_clock
    }

    fn behaviour(&self) -> &Behaviour {
        &self.model.behaviour
    }

    fn stop(&self) -> &CancellationToken {
        &self.model.stop
    }

    fn is_there(&self, _: &str) -> bool {
        true
    }

    async fn claim_when_free(&self, _: &str) -> Claimed<Place> {
        loop {
            let freed = self.model.freed.notified();
            if let Some(place) = self.place() {
                return Claimed::Yes(place);
            }
            freed.await;
        }
    }

    fn claim_now(&self, _: &str) -> Claimed<Place> {
        if let Some(place) = self.place() {
            return Claimed::Yes(place);
        }
        self.model.world().throttled_receives += 1;
        Claimed::Throttled
    }

    async fn run(&self, place: Place, payload: Bytes) -> Ran {
        let event: Value = serde_json::from_slice(&payload).expect("JSON");
        let ids: Vec<String> = event["Records"]
            .as_array()
            .expect("records")
            .iter()
            .map(|record| record["messageId"].as_str().expect("an id").to_owned())
            .collect();
        let broken = {
            let mut world = self.model.world();
            world.running += 1;
            world.most_running = world.most_running.max(world.running);
            for id in &ids {
                world.messages.get_mut(id).expect("it is there").at_work = true;
            }
            let broken = world.broken > 0;
            world.broken = world.broken.saturating_sub(1);
            broken
        };
        self.model
            .clock
            .sleep_until(self.model.now() + TAKES_MS)
            .await;
        let mut failed = Vec::new();
        {
            let mut world = self.model.world();
            world.running -= 1;
            for id in &ids {
                let message = world.messages.get_mut(id).expect("it is there");
                message.at_work = false;
                let fails = broken || (message.runs.len() as u32) < message.failures;
                message.runs.push(!fails);
                if fails {
                    failed.push(json!({ "itemIdentifier": id }));
                }
            }
        }
        drop(place);
        if broken {
            return Ran::Failed;
        }
        Ran::Answered(Bytes::from(
            json!({ "batchItemFailures": failed }).to_string(),
        ))
    }
}

/// What a test does.
#[derive(Debug, Clone)]
enum Step {
    /// Sends messages that fail so often.
    Send(Vec<u32>),
    /// Lets time pass, ms.
    Wait(i64),
    /// The next batches fail as a whole.
    Break(u32),
    /// So many may run at once.
    Room(usize),
    /// Disables the mapping.
    Disable,
    /// Enables it, or updates it.
    Enable,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(0..5_u32, 1..25).prop_map(Step::Send),
        4 => (1..70_000_i64).prop_map(Step::Wait),
        1 => (1..3_u32).prop_map(Step::Break),
        1 => (0..4_usize).prop_map(Step::Room),
        1 => Just(Step::Disable),
        2 => Just(Step::Enable),
    ];
    prop::collection::vec(step, 1..25)
}

async fn settle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

struct Run {
    model: Arc<Model>,
    worker: Arc<Worker>,
    mapping: Arc<Mapping>,
    limit: Arc<Limit>,
    poller: CancellationToken,
    sent: usize,
}

impl Run {
    fn new(behaviour: Behaviour, window_s: u32, most: u32) -> Self {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let model = Arc::new(Model {
            world: Mutex::new(World {
                room: 4,
                ..World::default()
            }),
            shared_clock: clock.clone(),
            clock,
            behaviour,
            changes: watch::channel(0).0,
            freed: Notify::new(),
            stop: CancellationToken::new(),
        });
        let mapping = Mapping {
            uuid: "m".to_owned(),
            queue_arn: QUEUE.to_owned(),
            function: "f".to_owned(),
            enabled: true,
            batch: 10,
            window_s,
            partial_failures: true,
            max_concurrency: Some(most),
            filter: None,
            modified_ms: 0,
            tags: BTreeMap::new(),
            change: None,
        };
        Self {
            worker: Arc::new(Worker {
                model: Arc::clone(&model),
                queues: Arc::new(Queue(Arc::clone(&model))),
            }),
            model,
            mapping: Arc::new(mapping),
            limit: Arc::default(),
            poller: CancellationToken::new(),
            sent: 0,
        }
    }

    /// Starts a poller instead of the one before, as an update does.
    fn enable(&mut self) {
        self.poller.cancel();
        self.poller = CancellationToken::new();
        self.model.world().disabled = false;
        tokio::spawn(poll(
            Arc::clone(&self.worker),
            Arc::clone(&self.mapping),
            Arc::clone(&self.limit),
            self.poller.clone(),
        ));
    }

    async fn wait(&self, ms: i64) {
        // In small steps: whoever sleeps wakes about when it wants to.
        for _ in 0..10 {
            self.model.clock.advance((ms + 9) / 10);
            // The real queue tells when a visibility timeout ends.
            self.model.changes.send_modify(|count| *count += 1);
            settle().await;
        }
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Send(all) => {
                for failures in all {
                    let id = format!("m{:04}", self.sent);
                    self.sent += 1;
                    let message = Message {
                        failures: *failures,
                        ..Message::default()
                    };
                    self.model.world().messages.insert(id, message);
                }
                self.model.changes.send_modify(|count| *count += 1);
            }
            Step::Wait(ms) => self.wait(*ms).await,
            Step::Break(count) => self.model.world().broken += count,
            Step::Room(room) => {
                self.model.world().room = *room;
                self.model.freed.notify_waiters();
            }
            Step::Disable => {
                self.poller.cancel();
                settle().await;
                self.model.world().disabled = true;
            }
            Step::Enable => self.enable(),
        }
        settle().await;
    }

    /// Nothing is in the way any more, and time passes until every message has its end.
    async fn finish(&mut self) {
        self.step(&Step::Room(4)).await;
        self.model.world().broken = 0;
        self.step(&Step::Enable).await;
        for _ in 0..200 {
            self.wait(20_000).await;
            let world = self.model.world();
            if world.messages.values().all(|m| m.deleted || m.dead) {
                return;
            }
        }
        panic!("not settled: {:?}", self.model.world().messages);
    }
}

fn check(run: &Run, most: u32, counts: bool) -> Result<(), TestCaseError> {
    let world = run.model.world();
    prop_assert!(world.faults.is_empty(), "{:?}", world.faults);
    prop_assert!(
        world.most_running <= most as usize,
        "{}",
        world.most_running
    );
    prop_assert_eq!(world.claims, 0, "every claim is given back");
    prop_assert_eq!(world.messages.len(), run.sent);
    for (id, message) in &world.messages {
        prop_assert!(
            message.deleted != message.dead,
            "{id} has one end: {message:?}"
        );
        prop_assert_eq!(
            message.deleted,
            message.runs.last() == Some(&true),
            "{}",
            id
        );
        if counts {
            // Every receive was an invocation: nothing waited hidden, nothing was lost on the way.
            prop_assert_eq!(message.receives as usize, message.runs.len(), "{}", id);
            if message.dead {
                prop_assert_eq!(message.receives, MAX_RECEIVES, "{}", id);
            }
        }
    }
    let ids: BTreeSet<_> = world.messages.keys().collect();
    prop_assert_eq!(ids.len(), run.sent);
    Ok(())
}

fn play(
    behaviour: Behaviour,
    window_s: u32,
    most: u32,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    // A batch that is released from an open window was received and not worked on, and so is one that
    // AWS throttles.
    let counts = window_s == 0 && behaviour == Behaviour::INSTANT;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut run = Run::new(behaviour, window_s, most);
        run.enable();
        for step in steps {
            run.step(step).await;
        }
        run.finish().await;
        check(&run, most, counts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_once_every_receive_is_an_invocation_and_every_message_has_one_end(
        most in 2..5_u32, steps in steps(),
    ) {
        play(Behaviour::INSTANT, 0, most, &steps)?;
    }

    #[test]
    fn with_a_window_nothing_is_lost(most in 2..5_u32, steps in steps()) {
        play(Behaviour::INSTANT, 5, most, &steps)?;
    }

    #[test]
    fn with_the_times_of_aws_nothing_is_lost(most in 2..5_u32, steps in steps()) {
        play(Behaviour::AWS, 0, most, &steps)?;
    }
}

/// aws-behaviours E9
#[tokio::test]
async fn with_the_times_of_aws_a_failed_message_waits_out_its_timeout() {
    let mut run = Run::new(Behaviour::AWS, 0, 2);
    run.enable();
    run.step(&Step::Send(vec![1])).await;
    run.wait(1_000).await;
    let runs = |run: &Run| run.model.world().messages["m0000"].runs.clone();
    assert_eq!(runs(&run), [false]);
    run.wait(50_000).await;
    assert_eq!(runs(&run), [false], "hidden for a minute");
    run.wait(15_000).await;
    assert_eq!(runs(&run), [false, true]);
}

#[tokio::test]
async fn at_once_a_throttled_function_costs_no_receives() {
    let mut run = Run::new(Behaviour::INSTANT, 0, 2);
    run.step(&Step::Room(0)).await;
    run.enable();
    run.step(&Step::Send(vec![0])).await;
    run.wait(600_000).await;
    assert_eq!(run.model.world().messages["m0000"].receives, 0);
    run.step(&Step::Room(1)).await;
    run.wait(1_000).await;
    assert!(run.model.world().messages["m0000"].deleted);
}

/// aws-behaviours E10
#[tokio::test]
async fn with_the_times_of_aws_throttles_use_up_the_receives() {
    // aws-behaviours E10
    let mut run = Run::new(Behaviour::AWS, 0, 2);
    run.step(&Step::Room(0)).await;
    run.enable();
    run.step(&Step::Send(vec![0])).await;
    for _ in 0..10 {
        run.wait(61_000).await;
    }
    let world = run.model.world();
    let message = &world.messages["m0000"];
    assert!(message.dead && message.runs.is_empty(), "{message:?}");
    assert_eq!(world.throttled_receives, MAX_RECEIVES);
}
