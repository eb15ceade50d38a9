//! One environment: a process, what it is working on, and what it told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::outcome::{Outcome, report};
use super::output::{Line, ReadAll, Told};
use super::process::GRACE;
use super::{Finished, Invocation, MAX_RESPONSE_BYTES, Surroundings};
use crate::lambda::state::Function;

/// Longest tail of the log that an answer carries, bytes.
const TAIL_BYTES: usize = 4_096;

/// What the process works on.
struct Current {
    request_id: String,
    /// The process has asked for it and got it.
    taken: bool,
    done: oneshot::Sender<Outcome>,
}

/// What an environment is, apart from its process.
pub(super) struct Parts {
    pub token: String,
    pub log_group: String,
    pub log_stream: String,
    function: String,
    generation: u64,
    code_dir: String,
    memory_mb: u32,
    output: mpsc::UnboundedSender<Told>,
    room: Arc<Semaphore>,
    clock: crate::clock::SharedClock,
}

impl Parts {
    /// Of a new environment.
    pub(super) fn new(function: &Function, surroundings: &Surroundings) -> Self {
        let now = time::OffsetDateTime::from_unix_timestamp(surroundings.clock.now_ms() / 1_000)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let token = uuid::Uuid::new_v4().simple().to_string();
        Self {
            log_group: format!("/aws/lambda/{}", function.name),
            log_stream: format!(
                "{:04}/{:02}/{:02}/[$LATEST]{token}",
                now.year(),
                u8::from(now.month()),
                now.day(),
            ),
            token,
            function: function.name.clone(),
            generation: function.generation,
            code_dir: function.code_dir.clone(),
            memory_mb: function.memory_mb,
            output: surroundings.output.clone(),
            room: Arc::clone(&surroundings.room),
            clock: surroundings.clock.clone(),
        }
    }
}

/// A process and its work.
pub(in crate::lambda) struct Environment {
    parts: Parts,
    pid: Option<i32>,
    /// One for each pump.
    read_all: Vec<mpsc::UnboundedSender<ReadAll>>,
    /// Highest resident memory seen, KB.
    peak_kb: AtomicU64,
    work: mpsc::UnboundedSender<Invocation>,
    waiting_work: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    current: Mutex<Option<Current>>,
    /// The last lines of the invocation.
    tail: Mutex<String>,
    asked_for_work: watch::Sender<bool>,
    /// Whether it starts or works, and does not only wait.
    busy: watch::Sender<bool>,
    /// Set once the process has ended: how.
    exited: watch::Sender<Option<String>>,
    /// What the process reported before it asked for work.
    init_error: watch::Sender<Option<Value>>,
    ended: AtomicBool,
    end_asked: Notify,
}

impl Environment {
    pub(super) fn new(
        parts: Parts,
        pid: Option<i32>,
        read_all: Vec<mpsc::UnboundedSender<ReadAll>>,
    ) -> Self {
        let (work, waiting_work) = mpsc::unbounded_channel();
        Self {
            parts,
            pid,
            read_all,
            peak_kb: AtomicU64::new(0),
            work,
            waiting_work: tokio::sync::Mutex::new(waiting_work),
            current: Mutex::new(None),
            tail: Mutex::default(),
            asked_for_work: watch::channel(false).0,
            busy: watch::channel(true).0,
            exited: watch::channel(None).0,
            init_error: watch::channel(None).0,
            ended: AtomicBool::new(false),
            end_asked: Notify::new(),
        }
    }

    pub(super) fn function(&self) -> &str {
        &self.parts.function
    }

    pub(super) fn generation(&self) -> u64 {
        self.parts.generation
    }

    pub(super) fn code_dir(&self) -> &str {
        &self.parts.code_dir
    }

    /// Has its process ended?
    pub(super) fn is_gone(&self) -> bool {
        self.exited.borrow().is_some()
    }

    pub(super) fn is_alive(&self) -> bool {
        self.exited.borrow().is_none() && !self.ended.load(Ordering::Relaxed)
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().expect("no holder panics")
    }

    /// Returns once the process has asked for its first work.
    pub(super) async fn ready(&self, deadline: Duration) -> Result<(), Outcome> {
        let mut asked = self.asked_for_work.subscribe();
        let mut exited = self.exited.subscribe();
        let mut reported = self.init_error.subscribe();
        let failed = |how: Option<String>| {
            let reported = self.init_error.borrow().clone();
            let (kind, text) = match how {
                Some(how) => ("Runtime.ExitError", format!("Error: Runtime exited {how}")),
                None => (
                    "Sandbox.Timedout",
                    format!(
                        "Error: init took longer than {} seconds",
                        deadline.as_secs()
                    ),
                ),
            };
            Outcome::InitFailed(
                reported.unwrap_or_else(|| json!({ "errorType": kind, "errorMessage": text })),
            )
        };
        let waited = tokio::time::timeout(deadline, async {
            tokio::select! {
                biased;
                // Runtimes end themselves after the report; the report is the cause.
                _ = reported.wait_for(Option::is_some) => Err(failed(None)),
                _ = asked.wait_for(|asked| *asked) => Ok(()),
                how = exited.wait_for(Option::is_some) => Err(failed(how.ok().and_then(|how| how.clone()))),
            }
        });
        waited.await.unwrap_or_else(|_| Err(failed(None)))
    }

    /// Writes the start of an invocation to the log.
    pub(super) fn begin(&self, invocation: &Invocation) {
        self.tail.lock().expect("no holder panics").clear();
        self.log(format!(
            "START RequestId: {} Version: $LATEST",
            invocation.request_id
        ));
    }

    /// Hands the invocation to the process and waits for its end.
    pub(super) async fn run(&self, invocation: Invocation) -> Outcome {
        let (done, ended) = oneshot::channel();
        *self.current() = Some(Current {
            request_id: invocation.request_id.clone(),
            taken: false,
            done,
        });
        self.busy.send_replace(true);
        let mut exited = self.exited.subscribe();
        if self.work.send(invocation).is_err() {
            return Outcome::Exited("before it took the invocation".to_owned());
        }
        tokio::select! {
            biased;
            outcome = ended => outcome.unwrap_or_else(|_| Outcome::Exited("without an answer".to_owned())),
            how = exited.wait_for(Option::is_some) => {
                let how = how.ok().and_then(|how| how.clone()).unwrap_or_default();
                Outcome::Exited(how)
            }
        }
    }

    /// Writes the end of an invocation to the log.
    pub(super) fn finish(
        &self,
        request_id: &str,
        outcome: Outcome,
        took: Duration,
        init: Option<Duration>,
    ) -> Finished {
        *self.current() = None;
        self.busy.send_replace(false);
        if let Some((_, error)) = outcome.error(request_id)
            && outcome.ends_environment()
        {
            let text = error["errorMessage"].as_str().unwrap_or_default();
            self.log(text.to_owned());
        }
        self.log(format!("END RequestId: {request_id}"));
        self.log(report(
            request_id,
            took,
            self.parts.memory_mb,
            self.peak_memory_mb(),
            init,
        ));
        let log_tail = std::mem::take(&mut *self.tail.lock().expect("no holder panics"));
        Finished { outcome, log_tail }
    }

    /// Has the process got the invocation that it is to work on?
    pub(super) fn has_taken(&self) -> bool {
        self.current().as_ref().is_none_or(|current| current.taken)
    }

    /// Returns once everything is in the log that the process wrote until now.
    pub(super) async fn read_output(&self) {
        let all_read = self.read_all.iter().filter_map(|pump| {
            let (asker, answer) = oneshot::channel();
            // A pump is gone when the process has closed its output.
            pump.send(asker).ok().map(|()| answer)
        });
        let all_read = futures::future::join_all(all_read);
        if tokio::time::timeout(GRACE, all_read).await.is_err() {
            tracing::debug!(
                function = self.function(),
                "output is behind its invocation"
            );
        }
    }

    /// Has the process died, by the system's word? That is known a moment before its end is noticed here.
    fn has_died(&self) -> bool {
        let stat = self
            .pid
            .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        // The name in front of the state may have anything in it.
        let state = stat.as_deref().and_then(|stat| stat.rsplit_once(") "));
        state.is_some_and(|(_, state)| state.starts_with(['Z', 'X']))
    }

    // Its memory.

    /// Returns while it starts or works; waits while it only waits for work.
    pub(super) async fn at_work(&self) {
        let mut busy = self.busy.subscribe();
        // The sender lives as long as this.
        let _ = busy.wait_for(|busy| *busy).await;
    }

    /// Memory that the function has, bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        u64::from(self.parts.memory_mb) * 1_024 * 1_024
    }

    /// Memory that the process needs now, bytes; 0 where the system does not tell.
    pub(super) fn resident_bytes(&self) -> u64 {
        self.memory_kb("VmRSS:") * 1_024
    }

    /// A line of the system's about the process's memory, KB.
    fn memory_kb(&self, line: &str) -> u64 {
        let status = self
            .pid
            .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let kb = status.as_deref().and_then(|status| {
            let value = status.lines().find_map(|text| text.strip_prefix(line))?;
            value.trim().trim_end_matches(" kB").parse().ok()
        });
        kb.unwrap_or(0)
    }

    /// Notes the memory that the process has needed until now.
    pub(super) fn look_at_memory(&self) {
        self.peak_kb
            .fetch_max(self.memory_kb("VmHWM:"), Ordering::Relaxed);
    }

    /// Highest resident memory so far, MB; never more than the function has, as on AWS.
    fn peak_memory_mb(&self) -> u64 {
        if !self.is_gone() {
            self.look_at_memory();
        }
        let peak = self.peak_kb.load(Ordering::Relaxed).div_ceil(1_024);
        peak.min(u64::from(self.parts.memory_mb))
    }

    // Its log.

    /// Adds a line of the process to the log, when there is room for it.
    pub(super) async fn log_output(&self, message: String) {
        // The semaphore is never closed.
        let room = Arc::clone(&self.parts.room).acquire_owned().await.ok();
        self.log_in(message, room);
    }

    /// Adds a line of the platform to the log.
    pub(super) fn log(&self, message: String) {
        self.log_in(message, None);
    }

    /// Adds a line to the log and to the tail.
    fn log_in(&self, message: String, room: Option<OwnedSemaphorePermit>) {
        {
            let mut tail = self.tail.lock().expect("no holder panics");
            tail.push_str(&message);
            tail.push('\n');
            if tail.len() > TAIL_BYTES {
                let mut from = tail.len() - TAIL_BYTES;
                while !tail.is_char_boundary(from) {
                    from += 1;
                }
                tail.drain(..from);
            }
        }
        let line = Line {
            function: self.parts.function.clone(),
            group: self.parts.log_group.clone(),
            stream: self.parts.log_stream.clone(),
            timestamp_ms: self.parts.clock.now_ms(),
            message,
            room,
        };
        // The receiver goes only when the emulator stops.
        let _ = self.parts.output.send(Told::Line(line));
    }

    // What the Runtime API tells.

    /// The next invocation; none when there will be no other.
    pub(super) async fn next(&self) -> Option<Invocation> {
        self.asked_for_work.send_replace(true);
        let mut exited = self.exited.subscribe();
        let mut work = self.waiting_work.lock().await;
        let invocation = tokio::select! {
            invocation = work.recv() => invocation,
            _ = exited.wait_for(Option::is_some) => None,
        }?;
        if let Some(current) = self
            .current()
            .as_mut()
            .filter(|current| current.request_id == invocation.request_id)
            // A connection may outlive its process for a moment.
            .filter(|_| !self.ended.load(Ordering::Relaxed) && !self.has_died())
        {
            current.taken = true;
        }
        Some(invocation)
    }

    /// The process answered; false when that is not what it works on.
    pub(super) fn answer(&self, request_id: &str, outcome: Outcome) -> bool {
        let outcome = match outcome {
            Outcome::Answered(bytes) if bytes.len() > MAX_RESPONSE_BYTES => Outcome::too_large(),
            other => other,
        };
        let mut current = self.current();
        if current
            .as_ref()
            .is_none_or(|current| current.request_id != request_id)
        {
            return false;
        }
        // Whoever waited may have given up a moment ago.
        current
            .take()
            .is_some_and(|current| current.done.send(outcome).is_ok())
    }

    /// The process says why it cannot start.
    pub(super) fn init_failed(&self, error: &[u8]) {
        let value = serde_json::from_slice(error)
            .unwrap_or_else(|_| json!({ "errorMessage": String::from_utf8_lossy(error) }));
        self.init_error.send_replace(Some(value));
    }

    // How it ends.

    /// Asks the process to end.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.end_asked.notify_one();
    }

    /// Returns once the process is asked to end.
    pub(super) async fn end_asked(&self) {
        self.end_asked.notified().await;
    }

    /// Asks the process to end and waits until it has.
    pub(super) async fn end_and_wait(&self) {
        self.end();
        if tokio::time::timeout(GRACE * 6, self.has_ended())
            .await
            .is_err()
        {
            tracing::error!(
                function = self.function(),
                pid = self.pid,
                "a function's process does not end"
            );
        }
    }

    /// Returns once the process has ended.
    pub(in crate::lambda) async fn has_ended(&self) {
        let mut exited = self.exited.subscribe();
        // The sender lives as long as this.
        let _ = exited.wait_for(Option::is_some).await;
    }

    /// The process is gone; what it wrote is still being read.
    pub(super) fn has_ended_soon(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// The process is gone and all it wrote is read.
    pub(super) fn has_exited(&self, how: String) {
        self.ended.store(true, Ordering::Relaxed);
        self.exited.send_replace(Some(how));
    }
}
