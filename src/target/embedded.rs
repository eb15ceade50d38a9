//! The target that pipectl serves itself: finding it, starting it in the background, stopping it.
//!
//! The emulator writes who and where it is to `.pipectl/embedded/emulator.json`. That record is a
//! hint: only a health answer that names the same data directory counts as running, so the record
//! of a process that died, or whose port somebody else has now, is harmless.

mod refusal;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};

/// How long a start may take before it counts as failed. A start is a few milliseconds; a slow
/// disk that replays a journal is the case this bound is for.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// How long a stop may take: function processes get a moment to end.
const STOP_DEADLINE: Duration = Duration::from_secs(15);
/// As much of a failed start's log as is read, bytes.
const MOST_WRITTEN: u64 = 256 * 1024;
/// How long a health answer may take.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// Why the embedded target could not be started or stopped.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EmbeddedError {
    /// The process ended before it served.
    #[error("the embedded target did not start: {cause}")]
    #[diagnostic(code(embedded::start), help("its log is {log}"))]
    Start {
        /// Last lines of its log, or what the system said.
        cause: String,
        /// Log file.
        log: String,
    },
    /// It neither served nor ended in time.
    #[error("the embedded target did not answer within {seconds} s")]
    #[diagnostic(code(embedded::slow_start), help("its log is {log}"))]
    SlowStart {
        /// Bound, seconds.
        seconds: u64,
        /// Log file.
        log: String,
    },
    /// It did not end in time.
    #[error("the embedded target (pid {pid}) did not stop within {seconds} s")]
    #[diagnostic(code(embedded::slow_stop), help("end it with `kill {pid}`"))]
    SlowStop {
        /// Process id.
        pid: u32,
        /// Bound, seconds.
        seconds: u64,
    },
    /// Stores are damaged; what can still be read of them was saved.
    #[error("the emulator cannot start: {told}")]
    #[diagnostic(
        code(embedded::damaged),
        help(
            "run `{command}`: it puts what was saved in the place of the damaged files, keeps those, \
             and serves"
        )
    )]
    Damaged {
        /// The stores, what SQLite said of them, and what was saved.
        told: String,
        /// What puts it in place.
        command: String,
    },
    /// The emulator refused to start (port taken, data directory in use).
    #[error("the emulator cannot start: {0}")]
    #[diagnostic(
        code(embedded::refused),
        help("name a free port with --port, or stop what uses the data directory")
    )]
    Refused(#[from] pipectl_emulator::StartError),
    /// A file could not be read or written.
    #[error("cannot use {path}: {source}")]
    #[diagnostic(
        code(embedded::files),
        help("check the permissions of the directory and the space on the disk")
    )]
    Files {
        /// File or directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Who serves the embedded target of a project, as recorded by the process itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Process id.
    pub pid: u32,
    /// Endpoint, e.g. `http://127.0.0.1:40123`.
    pub endpoint: String,
    /// Version of pipectl that serves.
    pub version: String,
    /// When it started, milliseconds since the Unix epoch.
    pub started_ms: i64,
}

/// Files of the embedded target under a project directory.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Directory of all its data.
    pub data: PathBuf,
    /// The record.
    pub record: PathBuf,
    /// Log of the background process.
    pub log: PathBuf,
}

impl Layout {
    /// Below `<root>/.pipectl/embedded`.
    pub fn of(root: &Path) -> Self {
        let data = root.join(".pipectl").join("embedded");
        Self {
            record: data.join("emulator.json"),
            log: data.join("emulator.log"),
            data,
        }
    }

    fn read_record(&self) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(&self.record).ok()?).ok()
    }

    /// Writes the record in one step.
    pub fn write_record(&self, record: &Record) -> Result<(), EmbeddedError> {
        let fail = |source| files(&self.record, source);
        let text = serde_json::to_vec_pretty(record).map_err(|e| fail(e.into()))?;
        let temporary = self.record.with_extension("json.new");
        std::fs::write(&temporary, text).map_err(fail)?;
        std::fs::rename(&temporary, &self.record).map_err(fail)
    }

    /// Removes the record if it is still ours: a successor may have written its own.
    pub fn remove_record(&self, pid: u32) -> Result<(), EmbeddedError> {
        if self.read_record().is_some_and(|record| record.pid == pid) {
            std::fs::remove_file(&self.record).map_err(|source| files(&self.record, source))?;
        }
        Ok(())
    }
}

fn files(path: &Path, source: std::io::Error) -> EmbeddedError {
    EmbeddedError::Files {
        path: path.display().to_string(),
        source,
    }
}

/// What the health answer tells.
#[derive(Debug, Deserialize)]
struct Health {
    data_dir: PathBuf,
    resources: serde_json::Map<String, serde_json::Value>,
}

/// The emulator that serves `root`, if one answers.
pub async fn find(root: &Path) -> Option<Record> {
    let layout = Layout::of(root);
    let record = layout.read_record()?;
    let health = health(&record.endpoint).await?;
    same_directory(&health.data_dir, &layout.data).then_some(record)
}

/// Is there anything that an emulator of `root` keeps, running or not?
pub async fn has_state(root: &Path) -> bool {
    Layout::of(root).data.exists() || find(root).await.is_some()
}

fn same_directory(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// Finds the emulator of `root` or starts one in the background. True when it was started.
pub async fn ensure(root: &Path) -> Result<(Record, bool), EmbeddedError> {
    if let Some(record) = find(root).await {
        return Ok((record, false));
    }
    start(root).await.map(|record| (record, true))
}

async fn start(root: &Path) -> Result<Record, EmbeddedError> {
    let layout = Layout::of(root);
    std::fs::create_dir_all(&layout.data).map_err(|source| files(&layout.data, source))?;
    let mut log = File::options()
        .create(true)
        .append(true)
        .open(&layout.log)
        .map_err(|source| files(&layout.log, source))?;
    let log_start = log
        .seek(SeekFrom::End(0))
        .map_err(|source| files(&layout.log, source))?;
    let clone_log = || log.try_clone().map_err(|source| files(&layout.log, source));
    let fail = |cause: String| EmbeddedError::Start {
        cause,
        log: layout.log.display().to_string(),
    };

    let executable = std::env::current_exe().map_err(|e| fail(e.to_string()))?;
    let mut command = std::process::Command::new(executable);
    command
        // Its failure is read from the log, so it is written for a program.
        .args(["--output", "json", "emulator", "--background", "--data"])
        .arg(&layout.data)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(clone_log()?)
        .stderr(clone_log()?);
    // The same port again keeps queue URLs, and so function environments, as they were.
    if let Some(port) = layout
        .read_record()
        .and_then(|record| port_of(&record.endpoint))
    {
        command.arg("--prefer-port").arg(port.to_string());
    }
    let mut child = command.spawn().map_err(|e| fail(e.to_string()))?;

    let begun = Instant::now();
    loop {
        if let Some(record) = layout.read_record()
            && record.pid == child.id()
            && health(&record.endpoint).await.is_some()
        {
            return Ok(record);
        }
        if let Ok(Some(status)) = child.try_wait() {
            // Two `up`s at once: the other one's emulator holds the data directory and serves both.
            if let Some(record) = wait_for_other(root, begun).await {
                return Ok(record);
            }
            return Err(match written(&layout.log, log_start) {
                Some(text) => EmbeddedError::of_background(&text, &layout.data, &layout.log),
                None => fail(status.to_string()),
            });
        }
        if begun.elapsed() > START_DEADLINE {
            return Err(EmbeddedError::SlowStart {
                seconds: START_DEADLINE.as_secs(),
                log: layout.log.display().to_string(),
            });
        }
        crate::wait::pause(Duration::from_millis(2)).await;
    }
}

/// After our own process ended: was it because another one was starting at the same moment?
async fn wait_for_other(root: &Path, begun: Instant) -> Option<Record> {
    let patience = begun.elapsed() + Duration::from_secs(1);
    while begun.elapsed() < patience {
        if let Some(record) = find(root).await {
            return Some(record);
        }
        crate::wait::pause(Duration::from_millis(20)).await;
    }
    None
}

fn port_of(endpoint: &str) -> Option<u16> {
    endpoint.rsplit(':').next()?.parse().ok()
}

/// What the failed process wrote to its log.
fn written(log: &Path, from: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST_WRITTEN).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (!text.trim().is_empty()).then_some(text)
}

/// How many resources the emulator holds, of all stacks; none when it does not answer.
pub async fn resources(record: &Record) -> Option<u64> {
    let health = health(&record.endpoint).await?;
    Some(
        health
            .resources
            .values()
            .filter_map(serde_json::Value::as_u64)
            .sum(),
    )
}

/// Asks the emulator to stop and waits until it is gone.
pub async fn stop(root: &Path, record: &Record) -> Result<(), EmbeddedError> {
    let request = Request::post("/_pipectl/stop")
        .header("host", authority(&record.endpoint))
        .header("x-pipectl-stop", "1");
    // The answer may be cut by the very stop it announces: what counts is that health goes away.
    let _ = exchange(&record.endpoint, request).await;
    let layout = Layout::of(root);
    let begun = Instant::now();
    while layout
        .read_record()
        .is_some_and(|found| found.pid == record.pid)
        || alive(record.pid)
    {
        if begun.elapsed() > STOP_DEADLINE {
            return Err(EmbeddedError::SlowStop {
                pid: record.pid,
                seconds: STOP_DEADLINE.as_secs(),
            });
        }
        crate::wait::pause(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Removes what an emulator without resources left behind.
pub fn remove_data(root: &Path) -> Result<(), EmbeddedError> {
    let data = Layout::of(root).data;
    std::fs::remove_dir_all(&data).map_err(|source| files(&data, source))
}

/// Is there still a process (that is not a zombie) with this id?
fn alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| {
                !Path::new("/proc/self").exists() && rustix::process::test_kill_process(pid).is_ok()
            });
    };
    // The state letter follows the parenthesised command name.
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().starts_with('Z'))
}

fn authority(endpoint: &str) -> &str {
    endpoint.trim_start_matches("http://")
}

async fn health(endpoint: &str) -> Option<Health> {
    let request = Request::get("/_pipectl/health").header("host", authority(endpoint));
    let body = exchange(endpoint, request).await?;
    serde_json::from_slice(&body).ok()
}

async fn exchange(endpoint: &str, request: hyper::http::request::Builder) -> Option<Bytes> {
    let work = async {
        let stream = tokio::net::TcpStream::connect(authority(endpoint))
            .await
            .ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .ok()?;
        let driver = tokio::spawn(connection);
        let request = request.body(Empty::<Bytes>::new()).ok()?;
        let response = sender.send_request(request).await.ok()?;
        let body = response.into_body().collect().await.ok()?.to_bytes();
        driver.abort();
        Some(body)
    };
    tokio::time::timeout(HEALTH_DEADLINE, work).await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_record_is_not_a_running_emulator() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::of(root.path());
        std::fs::create_dir_all(&layout.data).expect("the data directory");
        let record = Record {
            pid: u32::MAX,
            endpoint: "http://127.0.0.1:1".to_owned(),
            version: "0".to_owned(),
            started_ms: 0,
        };
        layout.write_record(&record).expect("written");
        assert_eq!(find(root.path()).await, None);
        layout
            .remove_record(1)
            .expect("somebody else's record stays");
        assert_eq!(layout.read_record(), Some(record.clone()));
        layout.remove_record(record.pid).expect("removed");
        assert_eq!(layout.read_record(), None);
    }

    #[test]
    fn the_port_of_an_endpoint_is_read() {
        assert_eq!(port_of("http://127.0.0.1:40123"), Some(40_123));
        assert_eq!(port_of("http://localhost"), None);
    }
}
