//! One environment: a process, what it is working on, and how it ends.

use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};

use super::api;
use super::outcome::{Outcome, how, report};
use super::output::{self, Line, ReadAll, Stream, Told};
use super::variables::variables;
use super::{Finished, Invocation, MAX_RESPONSE_BYTES, Surroundings};
use crate::error::AwsError;
use crate::lambda::state::Function;

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(500);

/// How often a start is tried while the file is being written to.
const BUSY_TRIES: usize = 200;

/// What the process works on.
struct Current {
    request_id: String,
    /// The process has asked for it and got it.
    taken: bool,
    done: oneshot::Sender<Outcome>,
}

/// A process and its work.
pub(in crate::lambda) struct Environment {
    token: String,
    function: String,
    generation: u64,
    code_dir: String,
    memory_mb: u32,
    log_group: String,
    log_stream: String,
    output: mpsc::UnboundedSender<Told>,
    room: Arc<Semaphore>,
    /// One for each pump.
    read_all: Vec<mpsc::UnboundedSender<ReadAll>>,
    /// Highest resident memory seen, KB.
    peak_kb: AtomicU64,
    clock: crate::clock::SharedClock,
    work: mpsc::UnboundedSender<Invocation>,
    waiting_work: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    current: Mutex<Option<Current>>,
    /// The last lines of the invocation.
    tail: Mutex<String>,
    asked_for_work: watch::Sender<bool>,
    /// Set once the process has ended: how.
    exited: watch::Sender<Option<String>>,
    /// What the process reported before it asked for work.
    init_error: watch::Sender<Option<Value>>,
    pid: Option<i32>,
    ended: AtomicBool,
    end_asked: Notify,
}

impl Environment {
    /// Starts the process.
    pub(super) fn start(
        function: &Function,
        surroundings: &Surroundings,
    ) -> Result<Arc<Self>, AwsError> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let now = time::OffsetDateTime::from_unix_timestamp(surroundings.clock.now_ms() / 1_000)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let log_group = format!("/aws/lambda/{}", function.name);
        let log_stream = format!(
            "{:04}/{:02}/{:02}/[$LATEST]{}",
            now.year(),
            u8::from(now.month()),
            now.day(),
            uuid::Uuid::new_v4().simple()
        );
        let directory = surroundings.code.join(&function.code_dir);
        let (listener, api) = listen().map_err(|error| {
            AwsError::new(
                500,
                "ServiceException",
                format!("no port for the Runtime API: {error}"),
            )
        })?;
        let mut command = Command::new(directory.join("bootstrap"));
        command
            .env_clear()
            .envs(variables(
                function,
                &directory,
                &api,
                &surroundings.endpoint,
                &log_group,
                &log_stream,
            ))
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = spawn(&mut command).map_err(|error| {
            AwsError::new(
                502,
                "Runtime.InvalidEntrypoint",
                format!("cannot start bootstrap: {error}"),
            )
        })?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let group = Group(pid);
        let streams: Vec<_> = [
            child.stdout.take().map(Stream::Out),
            child.stderr.take().map(Stream::Err),
        ]
        .into_iter()
        .flatten()
        .collect();
        let (read_all, asked): (Vec<_>, Vec<_>) =
            streams.iter().map(|_| mpsc::unbounded_channel()).unzip();
        let (work, waiting_work) = mpsc::unbounded_channel();
        let environment = Arc::new(Self {
            token,
            function: function.name.clone(),
            generation: function.generation,
            code_dir: function.code_dir.clone(),
            memory_mb: function.memory_mb,
            log_group,
            log_stream,
            output: surroundings.output.clone(),
            room: Arc::clone(&surroundings.room),
            read_all,
            peak_kb: AtomicU64::new(0),
            clock: surroundings.clock.clone(),
            work,
            waiting_work: tokio::sync::Mutex::new(waiting_work),
            current: Mutex::new(None),
            tail: Mutex::default(),
            asked_for_work: watch::channel(false).0,
            exited: watch::channel(None).0,
            init_error: watch::channel(None).0,
            pid,
            ended: AtomicBool::new(false),
            end_asked: Notify::new(),
        });
        tokio::spawn(api::serve(listener, environment.clone()));
        let readers: Vec<_> = streams
            .into_iter()
            .zip(asked)
            .map(|(stream, asked)| tokio::spawn(output::pump(stream, environment.clone(), asked)))
            .collect();
        let watched = environment.clone();
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = watched.end_asked.notified() => watched.terminate(&mut child).await,
            };
            // From here on nothing that is handed out reaches it.
            watched.ended.store(true, Ordering::Relaxed);
            // Children that it left in its group go with it.
            drop(group);
            // What it wrote last is read before its end is told.
            for mut reader in readers {
                if tokio::time::timeout(GRACE, &mut reader).await.is_err() {
                    reader.abort();
                    tracing::warn!(
                        function = watched.function,
                        "a process outside its group holds the output open"
                    );
                }
            }
            watched.has_exited(status.map_or_else(|error| format!("with error: {error}"), how));
        });
        Ok(environment)
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn function(&self) -> &str {
        &self.function
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn code_dir(&self) -> &str {
        &self.code_dir
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
            self.memory_mb,
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
            tracing::debug!(function = self.function, "output is behind its invocation");
        }
    }

    /// Notes the memory that the process has needed until now.
    pub(super) fn look_at_memory(&self) {
        let status = self
            .pid
            .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let peak = status.as_deref().and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        self.peak_kb.fetch_max(peak.unwrap_or(0), Ordering::Relaxed);
    }

    /// Highest resident memory so far, MB.
    fn peak_memory_mb(&self) -> u64 {
        if !self.is_gone() {
            self.look_at_memory();
        }
        self.peak_kb.load(Ordering::Relaxed).div_ceil(1_024)
    }

    /// Adds a line of the process to the log, when there is room for it.
    pub(super) async fn log_output(&self, message: String) {
        // The semaphore is never closed.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        self.log_in(message, room);
    }

    /// Adds a line of the platform to the log.
    pub(super) fn log(&self, message: String) {
        self.log_in(message, None);
    }

    /// Adds a line to the log and to the tail.
    fn log_in(&self, message: String, room: Option<tokio::sync::OwnedSemaphorePermit>) {
        {
            let mut tail = self.tail.lock().expect("no holder panics");
            tail.push_str(&message);
            tail.push('\n');
            if tail.len() > 4_096 {
                let mut from = tail.len() - 4_096;
                while !tail.is_char_boundary(from) {
                    from += 1;
                }
                tail.drain(..from);
            }
        }
        let line = Line {
            function: self.function.clone(),
            group: self.log_group.clone(),
            stream: self.log_stream.clone(),
            timestamp_ms: self.clock.now_ms(),
            message,
            room,
        };
        // The receiver goes only when the emulator stops.
        let _ = self.output.send(Told::Line(line));
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
            .filter(|_| !self.ended.load(Ordering::Relaxed))
        {
            current.taken = true;
        }
        Some(invocation)
    }

    /// The process answered; false when that is not what it works on.
    pub(super) fn answer(&self, request_id: &str, outcome: Outcome) -> bool {
        let outcome = match outcome {
            Outcome::Answered(bytes) if bytes.len() > MAX_RESPONSE_BYTES => Outcome::Error(Bytes::from(
                json!({
                    "errorType": "Function.ResponseSizeTooLarge",
                    "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."),
                })
                .to_string(),
            )),
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

    /// Asks the process to end and waits until it has.
    pub(super) async fn end_and_wait(&self) {
        self.end();
        if tokio::time::timeout(GRACE * 6, self.has_ended())
            .await
            .is_err()
        {
            tracing::error!(
                function = self.function,
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

    fn has_exited(&self, how: String) {
        self.ended.store(true, Ordering::Relaxed);
        self.exited.send_replace(Some(how));
    }

    async fn terminate(&self, child: &mut tokio::process::Child) -> std::io::Result<ExitStatus> {
        self.signal(rustix::process::Signal::TERM);
        if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
            return status;
        }
        self.signal(rustix::process::Signal::KILL);
        child.wait().await
    }

    fn signal(&self, signal: rustix::process::Signal) {
        signal_group(self.pid, signal);
    }
}

fn signal_group(pid: Option<i32>, signal: rustix::process::Signal) {
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        // A group that is gone already needs no signal.
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// A process and the children that it left in its group, by its id: none is left when this is dropped,
/// which is at the process's end, or when an emulator goes that was not stopped.
struct Group(Option<i32>);

impl Drop for Group {
    fn drop(&mut self) {
        signal_group(self.0, rustix::process::Signal::KILL);
    }
}

/// Starts a command. While another thread starts a process, the copy of this one that it forked holds
/// files open that were being written, for a moment: such a file cannot be run yet.
fn spawn(command: &mut Command) -> std::io::Result<tokio::process::Child> {
    for _ in 0..BUSY_TRIES {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::yield_now();
            }
            result => return result,
        }
    }
    command.spawn()
}

/// A loopback port that the system picks, and its address.
fn listen() -> std::io::Result<(tokio::net::TcpListener, String)> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?.to_string();
    Ok((tokio::net::TcpListener::from_std(listener)?, address))
}
