//! The fault matrix. A recorded run tells every call that a run makes; for each of them, and each way in
//! which a call goes wrong, a run meets that fault. Then:
//! - a fault that happens once is overcome in the same run;
//! - after one that lasts, the next run converges;
//! - the end is that of an undisturbed run, with nothing twice, and `down` leaves nothing.
//!
//! A fault that lasts hits its call and every later one of the operation on the same resource, until the
//! run is over. "Before" is a connection that closes before the call took effect, "after" one that closes
//! when it did: the answer is lost.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::{StreamExt, iter};
use pipectl::resource::Context;
use pipectl::stack::model::Stack;
use pipectl_testkit::{Call, Fault, FaultKind, FaultProxy};

use super::world::{World, down, end_state, leftovers, under_names, up, whole};

/// Cells that run at once: most of the time of a cell is spent in pauses.
const AT_ONCE: usize = 8;

/// The log pipeline as it is, and with everything changed that can be.
const BEFORE: &str = include_str!("../../stacks/log-pipeline.yaml");

fn before(name: &str) -> String {
    let text = BEFORE.replace("stack: log-pipeline", &format!("stack: {name}"));
    let (text, _) = text.split_once("templates:").expect("templates");
    text.to_owned()
}

fn after(name: &str) -> String {
    let mut text = before(name);
    for (from, to) in [
        (
            "versioning: true, expire_after: 30d",
            "versioning: true, expire_after: 10d",
        ),
        ("visibility_timeout: 180s", "visibility_timeout: 360s"),
        ("max_receives: 5", "max_receives: 7"),
        (
            "jobs-dlq: { retention: 14d }",
            "jobs-dlq: { retention: 10d }",
        ),
        // The old queue of failed uploads goes, another one comes.
        ("  uploads-dlq:", "  failed-dlq:"),
        (
            "on_failure: queues.uploads-dlq",
            "on_failure: queues.failed-dlq\n    reserved_concurrency: 5",
        ),
        ("ttl: expires_at", "ttl: ends_at"),
        (
            "by_day: { partition_key: day, sort_key: processed_at }",
            "by_key: { partition_key: key, sort_key: processed_at }",
        ),
        ("timeout: 30s", "timeout: 60s"),
        ("memory: 256MB", "memory: 512MB"),
        ("prefix: logs/", "prefix: logs/, suffix: .ndjson"),
        (
            "batch: 10, max_concurrency: 50",
            "batch: 5, max_concurrency: 20",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text.replace(
        "    access: [{ read: buckets.uploads }, { send: queues.jobs-dlq }",
        "    log_retention: 30d\n    access: [{ read: buckets.uploads }, { send: queues.jobs-dlq }",
    )
}

/// Which run meets the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// The first `up`.
    First,
    /// An `up` that changes everything that can be changed.
    Updating,
    /// `down`, with data in every store.
    Down,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    BeforeOnce,
    AfterOnce,
    Throttled,
    InternalError,
    BeforeAlways,
    AfterAlways,
}

impl Way {
    fn lasts(self) -> bool {
        matches!(self, Self::BeforeAlways | Self::AfterAlways)
    }

    /// Errors that the target answers are a matter of what is written; for reads they add nothing to a
    /// closed connection.
    fn all(call: &Which) -> &'static [Self] {
        const ALL: &[Way] = &[
            Way::BeforeOnce,
            Way::AfterOnce,
            Way::BeforeAlways,
            Way::AfterAlways,
            Way::Throttled,
            Way::InternalError,
        ];
        if call.writes { ALL } else { &ALL[..4] }
    }

    fn fault(self, call: &Which) -> FaultKind {
        match self {
            Self::BeforeOnce | Self::BeforeAlways => FaultKind::RefuseBefore,
            Self::AfterOnce | Self::AfterAlways => FaultKind::CutAfter,
            Self::Throttled => FaultKind::throttled(&call.service),
            Self::InternalError => FaultKind::internal_error(&call.service),
        }
    }
}

/// A call of a recorded run, told so that it is found again in another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    service: String,
    operation: String,
    /// With the stack's name taken out; none where the target chose the name.
    resource: Option<String>,
    /// Among the calls of the operation on the resource.
    nth: usize,
    writes: bool,
}

/// The calls of a run in words that hold for every stack.
fn which(calls: &[Call], stack: &str) -> Vec<Which> {
    let mut all: Vec<Which> = Vec::new();
    for call in calls {
        let named = call.resource.contains(stack);
        let resource = named.then(|| call.resource.replace(stack, "STACK"));
        let same = |one: &&Which| {
            one.service == call.service
                && one.operation == call.operation
                && (resource.is_none() || one.resource == resource)
        };
        let nth = all.iter().filter(same).count() + 1;
        all.push(Which {
            service: call.service.clone(),
            operation: call.operation.clone(),
            resource,
            nth,
            writes: call.writes,
        });
    }
    all
}

impl Which {
    fn fault(&self, stack: &str, way: Way) -> Fault {
        let operation = format!("{}:{}", self.service, self.operation);
        let fault = Fault::new(operation, way.fault(self))
            .nth(self.nth)
            .times(if way.lasts() { usize::MAX } else { 1 });
        match &self.resource {
            Some(resource) => fault.on(resource.replace("STACK", stack)),
            None => fault,
        }
    }
}

/// One stack behind a proxy of its own.
struct Cell {
    name: String,
    proxy: FaultProxy,
    stack: Stack,
    changed: Stack,
    cx: Context,
    changed_cx: Context,
}

impl Cell {
    fn new(world: &World, name: String) -> Self {
        let proxy = FaultProxy::start(world.endpoint());
        let stack = world.stack(&before(&name));
        let cx = world.context(&stack, proxy.url(), "one");
        let changed = world.stack(&after(&name));
        let changed_cx = world.context(&changed, proxy.url(), "two");
        Self {
            name,
            proxy,
            stack,
            changed,
            cx,
            changed_cx,
        }
    }

    /// Everything that comes before the run.
    async fn arrange(&self, run: Run) -> Result<(), String> {
        if run != Run::First {
            whole(up(&self.stack, &self.cx).await)?;
        }
        if run == Run::Down {
            super::data::fill(&self.cx, &self.name).await;
        }
        self.proxy.reset();
        Ok(())
    }

    async fn go(&self, run: Run) -> Result<(), String> {
        whole(match run {
            Run::First => up(&self.stack, &self.cx).await,
            Run::Updating => up(&self.changed, &self.changed_cx).await,
            Run::Down => down(&self.stack, &self.cx).await,
        })
    }

    /// What is there after the run, as far as there should be something.
    async fn end(&self, run: Run) -> Result<String, String> {
        let (stack, cx) = match run {
            Run::First => (&self.stack, &self.cx),
            Run::Updating => (&self.changed, &self.changed_cx),
            Run::Down => return Ok(format!("{:?}", under_names(&self.cx).await)),
        };
        let left = leftovers(stack, cx).await;
        if !left.is_empty() {
            return Err(format!("left over: {left:?}"));
        }
        end_state(stack, cx).await
    }

    /// `down`, after which nothing may be there.
    async fn leave(&self, run: Run) -> Result<(), String> {
        if run != Run::Down {
            whole(down(&self.changed, &self.changed_cx).await)?;
        }
        let left = under_names(&self.cx).await;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("down left {left:?}"))
        }
    }
}

/// An undisturbed run: its calls and its end.
async fn recorded(world: &World, run: Run) -> (Vec<Which>, String) {
    let cell = Cell::new(world, format!("rec-{run:?}").to_lowercase());
    cell.arrange(run).await.expect("arranged");
    cell.go(run).await.expect("an undisturbed run");
    let calls = which(&cell.proxy.calls(), &cell.name);
    let end = cell.end(run).await.expect("an end");
    cell.leave(run).await.expect("nothing is left");
    (calls, end)
}

/// One cell of the matrix; the error tells what does not hold.
async fn cell(
    world: &World,
    name: String,
    run: Run,
    call: &Which,
    way: Way,
    end: &str,
) -> Result<(), String> {
    let cell = Cell::new(world, name);
    cell.arrange(run).await?;
    cell.proxy.arm(call.fault(&cell.name, way));
    let first = cell.go(run).await;
    if !cell.proxy.calls().iter().any(|call| call.fault.is_some()) {
        return Err("the fault was never met".to_owned());
    }
    cell.proxy.disarm();
    if !way.lasts() {
        first.map_err(|error| format!("a fault that passes was not overcome: {error}"))?;
    } else if first.is_err() {
        // Only reads and what can be seen to have been done may be overcome in the same run.
        cell.go(run)
            .await
            .map_err(|error| format!("the next run failed: {error}"))?;
    }
    let found = cell.end(run).await?;
    if found != end {
        return Err(format!("another end:\n{found}\ninstead of\n{end}"));
    }
    cell.leave(run).await
}

async fn every_call(run: Run) {
    every(run, World::new().await, "at once", Way::all).await;
}

/// With AWS's states and waits a lost answer leaves things half way: functions that are Pending, tables that
/// are CREATING or DELETING, mappings that change.
async fn every_write_with_states(run: Run) {
    let world = World::with_states().await;
    let ways = |call: &Which| -> &'static [Way] {
        // How often something that changes is asked again depends on the time.
        if call.writes && call.nth == 1 {
            &[Way::AfterAlways]
        } else {
            &[]
        }
    };
    every(run, world, "with states", ways).await;
}

async fn every(run: Run, world: World, how: &str, ways: fn(&Which) -> &'static [Way]) {
    let begun = Instant::now();
    let world = Arc::new(world);
    let (calls, end) = recorded(&world, run).await;
    let cells: Vec<(usize, Which, Way)> = calls
        .iter()
        .flat_map(|call| ways(call).iter().map(move |way| (call.clone(), *way)))
        .enumerate()
        .map(|(number, (call, way))| (number, call, way))
        .collect();
    let size = cells.len();
    let results: Vec<_> = iter(cells)
        .map(|(number, call, way)| {
            let (world, end) = (Arc::clone(&world), end.clone());
            // A task of its own: cells run on all cores.
            tokio::spawn(async move {
                let name = format!("c{number}");
                let result = cell(&world, name, run, &call, way, &end).await;
                result.map_err(|error| format!("{way:?} {call:?}: {error}"))
            })
        })
        .buffer_unordered(AT_ONCE)
        .map(|joined| joined.expect("a cell does not panic"))
        .collect()
        .await;
    let failed: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    let writes = calls.iter().filter(|call| call.writes).count();
    println!(
        "fault matrix, {run:?}, {how}: {} calls ({writes} writes), {size} cells, {} failed, {:.1} s",
        calls.len(),
        failed.len(),
        begun.elapsed().as_secs_f64(),
    );
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(writes > 10 && size > 10, "the recording is whole");
    assert_eq!(world.resources(), 0, "nothing is left in the emulator");
}

/// aws-behaviours S2, S19, L11, L14, Q2, E1, D3, C1
#[tokio::test(flavor = "multi_thread")]
async fn a_first_up_survives_a_fault_at_every_call() {
    every_call(Run::First).await;
}

/// aws-behaviours S19, L14
#[tokio::test(flavor = "multi_thread")]
async fn an_updating_up_survives_a_fault_at_every_call() {
    every_call(Run::Updating).await;
}

/// aws-behaviours S19, L12, L14, E4
#[tokio::test(flavor = "multi_thread")]
async fn a_down_survives_a_fault_at_every_call() {
    every_call(Run::Down).await;
}

/// aws-behaviours D1, D2
#[tokio::test(flavor = "multi_thread")]
async fn a_first_up_survives_lost_answers_with_states() {
    every_write_with_states(Run::First).await;
}

/// aws-behaviours L3
#[tokio::test(flavor = "multi_thread")]
async fn an_updating_up_survives_lost_answers_with_states() {
    every_write_with_states(Run::Updating).await;
}

/// aws-behaviours D14
#[tokio::test(flavor = "multi_thread")]
async fn a_down_survives_lost_answers_with_states() {
    every_write_with_states(Run::Down).await;
}
