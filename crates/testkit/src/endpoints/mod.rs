//! Other emulators, started for a suite and stopped with it: MiniStack and moto from PyPI and the genuine
//! LocalStack through `tests/endpoints/localstack`.
//!
//! All live in a cache directory outside the repository. Installing them downloads up to 500 MB, so
//! that happens only when `PIPECTL_REQUIRE_ENDPOINTS=1` asks for them (as CI does); otherwise what is
//! not installed is a [`Skip`] with its reason.

mod localstack;
mod ministack;
mod moto;
mod python;

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, io};

use crate::{http, process};

/// Makes a missing endpoint a failure, and lets it be installed.
const REQUIRE: &str = "PIPECTL_REQUIRE_ENDPOINTS";
/// How long an installation may take.
const INSTALL_DEADLINE: Duration = Duration::from_mins(10);
/// How long a start may take.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a stop may take before the process group is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A running emulator; stopped on drop, with every process it started.
#[derive(Debug)]
pub struct Endpoint {
    name: &'static str,
    url: String,
    log: PathBuf,
    start_took: Duration,
    /// Of an endpoint that speaks TLS.
    certificate: Option<PathBuf>,
    stop: Stop,
    /// What it writes, removed after it has ended.
    _directory: Option<tempfile::TempDir>,
}

/// How to end it.
#[derive(Debug)]
enum Stop {
    /// Our own child, leader of a process group.
    Group(Child),
    /// Through the script that started it.
    Script(localstack::Script),
}

/// Why a suite cannot run on an endpoint here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "say why the suite did not run"]
pub struct Skip {
    /// The reason, for people.
    pub reason: String,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Skip {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }

    fn cannot(what: &str, error: &io::Error) -> Self {
        Self::new(format!("cannot {what}: {error}"))
    }
}

impl Endpoint {
    /// Starts MiniStack on a free port.
    ///
    /// # Panics
    /// With `PIPECTL_REQUIRE_ENDPOINTS=1`, instead of a skip.
    pub fn ministack() -> Result<Self, Skip> {
        ministack::start(required(), false).map_err(unless_required)
    }

    /// Starts a MiniStack that holds every caller to its policies, and speaks TLS with
    /// [`Endpoint::certificate`]: what is TLS only is so there.
    ///
    /// # Panics
    /// As [`Endpoint::ministack`].
    pub fn ministack_with_iam() -> Result<Self, Skip> {
        ministack::start(required(), true).map_err(unless_required)
    }

    /// Starts LocalStack on a free port.
    ///
    /// # Panics
    /// As [`Endpoint::ministack`].
    pub fn localstack() -> Result<Self, Skip> {
        localstack::start(required()).map_err(unless_required)
    }

    /// Starts moto's server on a free port, for this account.
    ///
    /// # Panics
    /// As [`Endpoint::ministack`].
    pub fn moto(account: &str) -> Result<Self, Skip> {
        moto::start(required(), account).map_err(unless_required)
    }

    /// `ministack`, `localstack` or `moto`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it answers, e.g. `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// File of the certificate to trust, in PEM form; none of one that speaks no TLS.
    pub fn certificate(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }

    /// Its log, while it runs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// From the start of the process to the first healthy answer; without installing.
    pub fn start_took(&self) -> Duration {
        self.start_took
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        match &mut self.stop {
            Stop::Group(child) => process::end_group(child, STOP_PATIENCE),
            Stop::Script(script) => script.stop(),
        }
    }
}

fn required() -> bool {
    std::env::var_os(REQUIRE).is_some_and(|value| value == "1")
}

fn unless_required(skip: Skip) -> Skip {
    assert!(!required(), "{REQUIRE}=1, and {skip}");
    skip
}

/// A directory under the user's cache, unless `variable` names another.
fn cache(variable: &str, name: &str) -> Result<PathBuf, Skip> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let path = set(variable)
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join(name)))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join(name)))
        .ok_or_else(|| Skip::new(format!("no place to install to: set {variable} or HOME")))?;
    std::fs::create_dir_all(&path)
        .map_err(|error| Skip::cannot(&format!("create {}", path.display()), &error))?;
    Ok(path)
}

/// Waits for the lock of a cache directory: test programs start at the same time and install once.
/// The lock ends with the file.
fn lock(directory: &Path) -> Result<File, Skip> {
    let path = directory.join("lock");
    File::create(&path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| Skip::cannot(&format!("lock {}", path.display()), &error))
}

/// A port that nobody listens on. Somebody may take it before it is used: starts are tried again.
fn free_port() -> Result<u16, Skip> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Skip::cannot("find a free port", &error))
}

/// A command with nothing of the user's AWS configuration in its environment.
fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a step to its end; a failure is a skip with the last lines that it wrote.
fn step(what: &str, command: &mut Command, deadline: Duration) -> Result<(), Skip> {
    let streams = tempfile::tempdir().map_err(|error| Skip::cannot(what, &error))?;
    let (stdout, stderr) = (streams.path().join("stdout"), streams.path().join("stderr"));
    let ended = process::start(command, &stdout, &stderr)
        .and_then(|mut child| process::wait(&mut child, deadline));
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Skip::new(format!(
            "cannot {what}: {status}: {}",
            tail(&stderr)
        ))),
        Err(error) => Err(Skip::new(format!(
            "cannot {what}: {error}: {}",
            tail(&stderr)
        ))),
    }
}

/// Waits until the endpoint answers 200 to what is asked. An end of the child is a skip with its last words.
fn healthy(
    name: &str,
    child: &mut Child,
    ask: impl Fn() -> io::Result<http::Response>,
    log: &Path,
) -> Result<Duration, Skip> {
    let begun = Instant::now();
    loop {
        if ask().is_ok_and(|response| response.status == 200) {
            return Ok(begun.elapsed());
        }
        match process::wait_at_most(child, Duration::from_millis(20)) {
            Ok(None) if begun.elapsed() < START_DEADLINE => {}
            Ok(None) => {
                return Err(Skip::new(format!(
                    "{name} did not answer within {} s: {}",
                    START_DEADLINE.as_secs(),
                    tail(log)
                )));
            }
            Ok(Some(status)) => {
                return Err(Skip::new(format!("{name} ended: {status}: {}", tail(log))));
            }
            Err(error) => return Err(Skip::cannot(&format!("watch {name}"), &error)),
        }
    }
}

/// The last lines of a log, on one line.
fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_tells_the_last_words() {
        let skip = step(
            "try",
            command("sh").args(["-c", "echo one >&2; echo two >&2; exit 4"]),
            START_DEADLINE,
        );
        let reason = skip.expect_err("it failed").reason;
        assert_eq!(reason, "cannot try: exit status: 4: one; two");
        let skip = step("try", &mut command("/nowhere/program"), START_DEADLINE);
        assert!(
            skip.expect_err("no program")
                .reason
                .starts_with("cannot try: No such file")
        );
    }

    #[test]
    fn an_endpoint_that_ends_early_is_a_skip_with_its_log() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log = directory.path().join("log");
        let mut child = process::start(
            command("sh").args(["-c", "echo address in use >&2; exit 1"]),
            &directory.path().join("out"),
            &log,
        )
        .expect("a shell");
        let port = free_port().expect("a port");
        let url = format!("http://127.0.0.1:{port}");
        let skip = healthy("x", &mut child, || http::get(&url, "/"), &log).expect_err("it ended");
        assert_eq!(skip.reason, "x ended: exit status: 1: address in use");
    }
}
