//! Starting, watching and ending the process of an environment.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::environment::{Environment, Parts};
use super::outcome::how;
use super::output::{self, Stream};
use super::variables::variables;
use super::{Surroundings, api};
use crate::error::AwsError;
use crate::lambda::state::Function;

/// How long a process may take to end after it was asked to.
pub(super) const GRACE: Duration = Duration::from_millis(500);
/// How often a start is tried while the file is being written to.
const BUSY_TRIES: usize = 200;
/// Open files of a function's process (AWS Lambda quotas).
const OPEN_FILES: u64 = 1_024;
/// Between two looks at the memory of a process at work.
const MEMORY_EVERY: Duration = Duration::from_millis(100);

/// Why there is no process.
#[derive(Debug)]
pub(super) enum StartFailure {
    /// The function's `bootstrap` cannot be started: what the system said.
    Function(std::io::Error),
    /// This machine cannot start anything now.
    Machine(AwsError),
    /// The emulator stops.
    Stopping,
}

/// Starts the process of a new environment.
pub(super) fn start(
    function: &Function,
    surroundings: &Surroundings,
) -> Result<Arc<Environment>, StartFailure> {
    let machine = |what: &str, error: &std::io::Error| {
        StartFailure::Machine(AwsError::new(
            500,
            "ServiceException",
            format!("{what}: {error}"),
        ))
    };
    let parts = Parts::new(function, surroundings);
    let directory = surroundings.code.join(&function.code_dir);
    let (listener, api) =
        listen().map_err(|error| machine("no port for the Runtime API", &error))?;
    let scratch = Scratch::new(surroundings.scratch.join(&parts.token))
        .map_err(|error| machine("no directory for temporary files", &error))?;
    let mut command = Command::new(directory.join("bootstrap"));
    command
        .env_clear()
        .envs(variables(
            function,
            &directory,
            &scratch.0,
            &api,
            &surroundings.endpoint,
            &parts.log_group,
            &parts.log_stream,
        ))
        .current_dir(&directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = spawn(&mut command).map_err(|error| {
        if is_of_the_machine(&error) {
            machine("cannot start a process", &error)
        } else {
            StartFailure::Function(error)
        }
    })?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let group = Group(pid);
    limit_open_files(pid);
    let streams: Vec<_> = [
        child.stdout.take().map(Stream::Out),
        child.stderr.take().map(Stream::Err),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (read_all, asked): (Vec<_>, Vec<_>) =
        streams.iter().map(|_| mpsc::unbounded_channel()).unzip();
    let environment = Arc::new(Environment::new(parts, pid, read_all));
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
            () = watched.end_asked() => terminate(pid, &mut child).await,
            () = too_much_memory(&watched) => {
                signal_group(pid, rustix::process::Signal::KILL);
                child.wait().await
            }
        };
        // From here on nothing that is handed out reaches it.
        watched.has_ended_soon();
        // Children that it left in its group go with it.
        drop(group);
        // What it wrote last is read before its end is told.
        for mut reader in readers {
            if tokio::time::timeout(GRACE, &mut reader).await.is_err() {
                reader.abort();
                tracing::warn!(
                    function = watched.function(),
                    "a process outside its group holds the output open"
                );
            }
        }
        drop(scratch);
        watched.has_exited(status.map_or_else(|error| format!("with error: {error}"), how));
    });
    Ok(environment)
}

/// Gives a process as many open files as AWS does, and not as many as this one has.
fn limit_open_files(pid: Option<i32>) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit {
            current: Some(OPEN_FILES),
            maximum: Some(OPEN_FILES),
        };
        // One that has ended already needs none.
        if let Some(pid) = pid.and_then(Pid::from_raw)
            && let Err(error) = prlimit(Some(pid), Resource::Nofile, limit)
        {
            tracing::debug!(%error, "a function keeps this process's limit of open files");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pid;
}

/// Errors of a start that say nothing of the function: no memory, no descriptors, no processes.
fn is_of_the_machine(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let of_the_machine = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    of_the_machine
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Returns once a process at work needs more memory than its function has. AWS kills it then. Where
/// there is no `/proc` it never does.
async fn too_much_memory(environment: &Environment) {
    loop {
        environment.at_work().await;
        // Real time: the process does not wait for an injected clock.
        let next = tokio::time::Instant::now() + MEMORY_EVERY;
        tokio::time::sleep_until(next).await;
        if environment.resident_bytes() > environment.memory_bytes() {
            environment.look_at_memory();
            return;
        }
    }
}

async fn terminate(
    pid: Option<i32>,
    child: &mut Child,
) -> std::io::Result<std::process::ExitStatus> {
    signal_group(pid, rustix::process::Signal::TERM);
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return status;
    }
    signal_group(pid, rustix::process::Signal::KILL);
    child.wait().await
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

/// A directory for temporary files of one environment, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes a directory that may not be there.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "temporary files stay");
    }
}

/// Starts a command. While another thread starts a process, the copy of this one that it forked holds
/// files open that were being written, for a moment: such a file cannot be run yet.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
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
