//! One environment: a process, what it is working on, and how it ends.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::api;
use super::output::{self, Lines, Stream};
use super::{Finished, Invocation, MAX_RESPONSE_BYTES, Surroundings};
use crate::config::REGION;
use crate::error::AwsError;
use crate::lambda::state::Function;

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(500);

/// How an invocation ended.
#[derive(Debug)]
pub(in crate::lambda) enum Outcome {
    /// The function answered.
    Answered(Bytes),
    /// The function reported an error; AWS's error object.
    Error(Bytes),
    /// It ran out of time.
    TimedOut(Duration),
    /// The process ended without an answer.
    Exited(String),
    /// The process reported an error, or ended, before it asked for work.
    InitFailed(Value),
}

impl Outcome {
    /// Must the process go?
    pub(super) fn ends_environment(&self) -> bool {
        !matches!(self, Self::Answered(_) | Self::Error(_))
    }

    /// AWS's error object, with the word of `X-Amz-Function-Error`; none when it answered.
    pub(in crate::lambda) fn error(&self, request_id: &str) -> Option<(&'static str, Value)> {
        let unhandled = |value| Some(("Unhandled", value));
        match self {
            Self::Answered(_) => None,
            Self::Error(bytes) => {
                let value = serde_json::from_slice(bytes)
                    .unwrap_or_else(|_| json!({ "errorMessage": String::from_utf8_lossy(bytes) }));
                unhandled(value)
            }
            Self::TimedOut(timeout) => unhandled(json!({
                "errorType": "Sandbox.Timedout",
                "errorMessage": format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64()),
            })),
            Self::Exited(how) => unhandled(json!({
                "errorType": "Runtime.ExitError",
                "errorMessage": format!("RequestId: {request_id} Error: Runtime exited {how}"),
            })),
            Self::InitFailed(value) => unhandled(value.clone()),
        }
    }
}

/// What the process works on.
struct Current {
    request_id: String,
    done: oneshot::Sender<Outcome>,
}

/// A process and its work.
pub(in crate::lambda) struct Environment {
    token: String,
    function: String,
    generation: u64,
    memory_mb: u32,
    log_group: String,
    log_stream: String,
    lines: mpsc::UnboundedSender<Lines>,
    clock: crate::clock::SharedClock,
    work: mpsc::UnboundedSender<Invocation>,
    waiting_work: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    current: Mutex<Option<Current>>,
    /// The last lines of the invocation.
    tail: Mutex<String>,
    asked_for_work: watch::Sender<bool>,
    /// Set once the process has ended: how.
    exited: watch::Sender<Option<String>>,
    init_error: Mutex<Option<Value>>,
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
        let mut child = Command::new(directory.join("bootstrap"))
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
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                AwsError::new(
                    502,
                    "Runtime.InvalidEntrypoint",
                    format!("cannot start bootstrap: {error}"),
                )
            })?;
        let (work, waiting_work) = mpsc::unbounded_channel();
        let environment = Arc::new(Self {
            token,
            function: function.name.clone(),
            generation: function.generation,
            memory_mb: function.memory_mb,
            log_group,
            log_stream,
            lines: surroundings.lines.clone(),
            clock: surroundings.clock.clone(),
            work,
            waiting_work: tokio::sync::Mutex::new(waiting_work),
            current: Mutex::new(None),
            tail: Mutex::default(),
            asked_for_work: watch::channel(false).0,
            exited: watch::channel(None).0,
            init_error: Mutex::new(None),
            pid: child.id().and_then(|pid| i32::try_from(pid).ok()),
            ended: AtomicBool::new(false),
            end_asked: Notify::new(),
        });
        tokio::spawn(api::serve(listener, environment.clone()));
        let streams = [
            child.stdout.take().map(Stream::Out),
            child.stderr.take().map(Stream::Err),
        ];
        let readers: Vec<_> = streams
            .into_iter()
            .flatten()
            .map(|stream| tokio::spawn(output::pump(stream, environment.clone())))
            .collect();
        let watched = environment.clone();
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = watched.end_asked.notified() => watched.terminate(&mut child).await,
            };
            // What it wrote last is read before its end is told.
            for reader in readers {
                if tokio::time::timeout(GRACE, reader).await.is_err() {
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
        let failed = |how: Option<String>| {
            let reported = self.init_error.lock().expect("no holder panics").take();
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

    /// Highest resident memory so far, MB.
    fn peak_memory_mb(&self) -> u64 {
        let status = self
            .pid
            .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let peak = status.as_deref().and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        peak.unwrap_or(0).div_ceil(1_024)
    }

    /// Adds a line to the log and to the tail.
    pub(super) fn log(&self, message: String) {
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
        let lines = Lines {
            function: self.function.clone(),
            group: self.log_group.clone(),
            stream: self.log_stream.clone(),
            timestamp_ms: self.clock.now_ms(),
            message,
        };
        // The receiver goes only when the emulator stops.
        let _ = self.lines.send(lines);
    }

    // What the Runtime API tells.

    /// The next invocation; none when there will be no other.
    pub(super) async fn next(&self) -> Option<Invocation> {
        self.asked_for_work.send_replace(true);
        let mut exited = self.exited.subscribe();
        let mut work = self.waiting_work.lock().await;
        tokio::select! {
            invocation = work.recv() => invocation,
            _ = exited.wait_for(Option::is_some) => None,
        }
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
        *self.init_error.lock().expect("no holder panics") = Some(value);
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
    pub(super) async fn has_ended(&self) {
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
            // Children that it left in its group go with it.
            self.signal(rustix::process::Signal::KILL);
            return status;
        }
        self.signal(rustix::process::Signal::KILL);
        child.wait().await
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = self.pid.and_then(rustix::process::Pid::from_raw) {
            // A group that is gone already needs no signal.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

/// A loopback port that the system picks, and its address.
fn listen() -> std::io::Result<(tokio::net::TcpListener, String)> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?.to_string();
    Ok((tokio::net::TcpListener::from_std(listener)?, address))
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "without providing a reason".to_owned(),
        (Some(code), _) => format!("with error: exit status {code}"),
        (None, Some(signal)) => format!("with error: signal: {signal}"),
        (None, None) => "with error: unknown".to_owned(),
    }
}

/// AWS's report line. // aws-behaviours L19
fn report(
    request_id: &str,
    took: Duration,
    memory_mb: u32,
    peak_mb: u64,
    init: Option<Duration>,
) -> String {
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    // Custom runtimes are billed for their init, too.
    let billed = (ms(took) + init.map_or(0.0, ms)).ceil();
    let init = init.map_or_else(String::new, |init| {
        format!("\tInit Duration: {:.2} ms", ms(init))
    });
    format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: {memory_mb} MB\tMax Memory Used: {peak_mb} MB{init}",
        ms(took)
    )
}

/// Exactly what AWS gives a function, its own variables, and where the embedded target is; nothing of
/// this process's own.
fn variables(
    function: &Function,
    directory: &Path,
    api: &str,
    endpoint: &str,
    log_group: &str,
    log_stream: &str,
) -> Vec<(String, String)> {
    let directory = directory.display().to_string();
    let fixed = [
        ("_HANDLER", function.handler.as_str()),
        ("AWS_ACCESS_KEY_ID", "embedded"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_REGION", REGION),
        ("AWS_SECRET_ACCESS_KEY", "embedded"),
        ("AWS_SESSION_TOKEN", "embedded"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", &directory),
        ("LANG", "en_US.UTF-8"),
        (
            "LD_LIBRARY_PATH",
            "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
        ("TZ", ":UTC"),
    ];
    let mut all: Vec<(String, String)> = fixed
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    all.push((
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(),
        function.memory_mb.to_string(),
    ));
    all.extend(function.environment.clone());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_line_is_that_of_aws() {
        let cold = report(
            "r",
            Duration::from_micros(1_234),
            256,
            12,
            Some(Duration::from_millis(20)),
        );
        assert_eq!(
            cold,
            "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 22 ms\tMemory Size: 256 MB\tMax Memory Used: 12 MB\tInit Duration: 20.00 ms"
        );
        assert!(!report("r", Duration::ZERO, 128, 1, None).contains("Init"));
    }

    #[test]
    fn errors_carry_the_types_of_aws() {
        let kind = |outcome: Outcome| {
            let (word, error) = outcome.error("r").expect("an error");
            assert_eq!(word, "Unhandled");
            error["errorType"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(
            kind(Outcome::TimedOut(Duration::from_secs(3))),
            "Sandbox.Timedout"
        );
        assert_eq!(
            kind(Outcome::Exited(how(ExitStatus::from_raw(256)))),
            "Runtime.ExitError"
        );
        assert_eq!(
            kind(Outcome::Error(Bytes::from_static(
                br#"{"errorType":"Mine"}"#
            ))),
            "Mine"
        );
        assert!(Outcome::Answered(Bytes::new()).error("r").is_none());
        assert_eq!(how(ExitStatus::from_raw(256)), "with error: exit status 1");
        assert_eq!(how(ExitStatus::from_raw(9)), "with error: signal: 9");
    }
}
