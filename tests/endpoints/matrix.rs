//! Faults between the program and the endpoint: every kind of write that a first `up`, an `up` that changes
//! things and a `down` make goes wrong. What happens once is overcome in the same run; after an answer that
//! is lost for good, the next run converges. Then nothing is there twice, and `down` leaves nothing.
//!
//! Functions would call the endpoint itself: only the program goes through the proxy. The matrix of every
//! call is that of the embedded target (`tests/scenarios/matrix.rs`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use pipectl_testkit::{Fault, FaultKind, FaultProxy, Transcript, until};

use super::Stage;
use super::inventory::inventory;
use super::project::{PATIENCE, Project, actions};

/// Stacks that are at work at once: most of their time is spent in waits.
const AT_ONCE: usize = 4;

/// Which run meets the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    First,
    Change,
    Down,
}

const RUNS: [Run; 3] = [Run::First, Run::Change, Run::Down];

/// How calls go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// The first call of each kind of write: the connection is closed before it took effect.
    EachCutBefore,
    /// The same, after it took effect.
    EachCutAfter,
    EachThrottled,
    EachInternalError,
    /// Every answer to one kind of write is lost until the run ends.
    AllCutAfter(String),
}

impl Way {
    const EACH: [Self; 4] = [
        Self::EachCutBefore,
        Self::EachCutAfter,
        Self::EachThrottled,
        Self::EachInternalError,
    ];

    /// The faults, given the kinds of writes of an undisturbed run.
    fn faults(&self, writes: &BTreeSet<String>) -> Vec<Fault> {
        let each = |kind: &dyn Fn(&str) -> FaultKind| {
            let of = |write: &String| {
                let service = write.split(':').next().unwrap_or_default();
                Fault::new(write, kind(service))
            };
            writes.iter().map(of).collect()
        };
        match self {
            Self::EachCutBefore => each(&|_| FaultKind::RefuseBefore),
            Self::EachCutAfter => each(&|_| FaultKind::CutAfter),
            Self::EachThrottled => each(&FaultKind::throttled),
            Self::EachInternalError => each(&FaultKind::internal_error),
            Self::AllCutAfter(write) => {
                vec![Fault::new(write, FaultKind::CutAfter).times(usize::MAX)]
            }
        }
    }
}

/// One stack behind a proxy of its own.
struct Cell<'s> {
    project: Project<'s>,
    proxy: FaultProxy,
}

impl<'s> Cell<'s> {
    fn new(stage: &'s Stage<'s>, name: &str) -> Self {
        let proxy = FaultProxy::start(stage.url);
        let mut project = Project::with_zips(stage, name);
        proxy.url().clone_into(&mut project.url);
        let cell = Self { project, proxy };
        cell.code(0);
        cell
    }

    /// Programs that nothing ever starts.
    fn code(&self, which: usize) {
        for file in ["dist/trigger.zip", "dist/worker.zip"] {
            let zip = &self.project.stage.artifacts.idle[which];
            self.project.env.write(file, zip);
        }
    }

    /// Changes something of every kind.
    fn change(&self) {
        self.code(1);
        self.project.edit(&[
            ("expire_after: 30d", "expire_after: 10d"),
            ("visibility_timeout: 180s", "visibility_timeout: 360s"),
            // One queue goes, another one comes.
            ("  uploads-dlq:", "  failed-dlq:"),
            ("${queues.uploads-dlq.name}", "${queues.failed-dlq.name}"),
            (
                "on_failure: queues.uploads-dlq",
                "on_failure: queues.failed-dlq",
            ),
            ("ttl: expires_at", "ttl: ends_at"),
            (" timeout: 30s", " timeout: 60s"),
            ("prefix: logs/", "prefix: logs/, suffix: .ndjson"),
            ("batch: 10", "batch: 5"),
        ]);
    }

    fn pipectl(&self, arguments: &[&str]) -> Transcript {
        let mut all = arguments.to_vec();
        let target = ["--target", "localstack", "--endpoint", &self.project.url];
        all.extend(target);
        self.project.env.pipectl(&all)
    }

    fn go(&self, run: Run) -> Transcript {
        match run {
            Run::First | Run::Change => self.pipectl(&["up"]),
            Run::Down => self.pipectl(&["down", "--force"]),
        }
    }

    /// Everything that comes before the run.
    fn arrange(&self, run: Run) -> Result<(), String> {
        if run != Run::First {
            whole("the up before", self.go(Run::First))?;
        }
        if run == Run::Change {
            self.change();
        }
        self.proxy.reset();
        Ok(())
    }

    /// What the endpoint has after the run. There is nothing to do any more.
    fn end(&self, run: Run) -> Result<Vec<String>, String> {
        if run != Run::Down {
            let plan = self.pipectl(&["plan", "--output", "json"]);
            let told = plan.json();
            if !actions(&told).is_empty() {
                return Err(format!("not converged: {}", plan.unredacted()));
            }
        }
        Ok(inventory(&self.project.probe(), &self.project.name))
    }

    /// `down`, after which nothing may be there.
    fn leave(&self) -> Result<(), String> {
        whole("down", self.go(Run::Down))?;
        // A mapping is Deleting until the last poll of its queue has ended, and nobody waits for that.
        let left = until("no mapping is left", PATIENCE, || {
            let left = inventory(&self.project.probe(), &self.project.name);
            let is_going = |one: &String| one.starts_with("mapping of ");
            if !left.is_empty() && left.iter().all(is_going) {
                Err(format!("{left:?}"))
            } else {
                Ok(left)
            }
        });
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("down left {left:?}"))
        }
    }
}

fn whole(what: &str, transcript: Transcript) -> Result<(), String> {
    if transcript.code == Some(0) {
        Ok(())
    } else {
        Err(format!("{what} failed: {}", transcript.unredacted()))
    }
}

/// An undisturbed run: the kinds of its writes, and its end.
fn recorded(stage: &Stage<'_>, run: Run) -> Result<(BTreeSet<String>, Vec<String>), String> {
    let cell = Cell::new(stage, &format!("rec-{run:?}").to_lowercase());
    cell.arrange(run)?;
    whole("an undisturbed run", cell.go(run))?;
    let calls = cell.proxy.calls();
    let writes = calls.iter().filter(|call| call.writes);
    let writes = writes.map(|call| format!("{}:{}", call.service, call.operation));
    let writes = writes.collect();
    let end = cell.end(run)?;
    cell.leave()?;
    Ok((writes, end))
}

/// One run with its faults; the error tells what does not hold.
fn one(
    stage: &Stage<'_>,
    name: &str,
    run: Run,
    way: &Way,
    (writes, end): &(BTreeSet<String>, Vec<String>),
) -> Result<(), String> {
    let cell = Cell::new(stage, name);
    cell.arrange(run)?;
    for fault in way.faults(writes) {
        cell.proxy.arm(fault);
    }
    let first = cell.go(run);
    let calls = cell.proxy.calls();
    if !calls.iter().any(|call| call.fault.is_some()) {
        return Err("no fault was met".to_owned());
    }
    cell.proxy.disarm();
    if !matches!(way, Way::AllCutAfter(_)) {
        whole("a run whose faults pass", first)?;
    } else if first.code != Some(0) {
        whole("the next run", cell.go(run))?;
    }
    let found = cell.end(run)?;
    if found != *end {
        return Err(format!("another end:\n{found:?}\ninstead of\n{end:?}"));
    }
    cell.leave()
}

pub fn faults(stage: &Stage<'_>) {
    let mut cells = VecDeque::new();
    let recordings = RUNS.map(|run| recorded(stage, run).expect("a recording"));
    for (run, recording) in RUNS.iter().zip(&recordings) {
        let (writes, end) = recording;
        let mut once = end.clone();
        once.dedup();
        assert_eq!(once, *end, "{run:?}: something is there twice");
        println!(
            "{}: {run:?}: {} kinds of writes: {writes:?}",
            stage.row.name,
            writes.len()
        );
        assert!(writes.len() >= 8, "the recording is whole");
        let mut services = BTreeSet::new();
        let lasting = writes.iter().filter(|write| {
            let service = write.split(':').next().unwrap_or_default();
            services.insert(service.to_owned()) || stage.row.cuts_every_write
        });
        let lasting: Vec<Way> = lasting.cloned().map(Way::AllCutAfter).collect();
        for way in Way::EACH.into_iter().chain(lasting) {
            cells.push_back((*run, way, recording));
        }
    }
    let size = cells.len();
    let cells = Mutex::new(cells.into_iter().enumerate());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = cells.lock().expect("no holder panics").next();
                    let Some((number, (run, way, recording))) = next else {
                        return;
                    };
                    let outcome = one(stage, &format!("m{number}"), run, &way, recording);
                    let mut failed = failed.lock().expect("no holder panics");
                    failed.extend(
                        outcome
                            .err()
                            .map(|error| format!("{run:?} {way:?}: {error}")),
                    );
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no holder panics");
    println!(
        "{}: {size} runs with faults, {} failed",
        stage.row.name,
        failed.len()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
