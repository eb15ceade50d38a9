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
use crate::programs::{self, Machine, Runner};

/// How long a process may take to end after it was asked to.
pub(super) const GRACE: Duration = Duration::from_millis(500);
/// How often a start is tried while the file is being written to.
const BUSY_TRIES: usize = 200;
/// Open files of a function's process (AWS Lambda quotas).
const OPEN_FILES: u64 = 1_024;
/// Between two looks at the memory of a process at work.
const MEMORY_EVERY: Duration = Duration::from_millis(100);

/// Memory that QEMU needs beside that of the program it runs, bytes: itself, and what it makes of the
/// program's code. Measured with QEMU 7.2 as 15 MB for a program of one instruction and 48 MB for a
/// function with three SDK clients (77 MB against 29 MB) after 400 files: most of a function's 128 MB.
const QEMU_BYTES: u64 = 64 * 1_024 * 1_024;

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
    let (mut command, beside) = command_of(&directory.join("bootstrap"), programs::runner)
        .map_err(StartFailure::Function)?;
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
            () = too_much_memory(&watched, beside) => {
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

/// The command that starts a `bootstrap`, and how many bytes of its process's memory are not the
/// function's. `runner` tells what runs the programs of an instruction set.
fn command_of(
    bootstrap: &Path,
    runner: impl Fn(Machine) -> Option<Runner>,
) -> std::io::Result<(Command, u64)> {
    // What cannot be read, or is no program, is the system's to refuse.
    let head = programs::head(bootstrap).unwrap_or_default();
    let machine = programs::elf_machine(&head).and_then(Machine::of);
    let Some(machine) = machine else {
        return Ok((Command::new(bootstrap), 0));
    };
    match runner(machine) {
        Some(Runner::Directly) => Ok((Command::new(bootstrap), 0)),
        Some(Runner::ByKernel) => Ok((Command::new(bootstrap), QEMU_BYTES)),
        Some(Runner::ByQemu { program, sysroot }) => {
            let mut command = Command::new(program);
            if let Some(sysroot) = sysroot {
                command.arg("-L").arg(sysroot);
            }
            command.arg(bootstrap);
            Ok((command, QEMU_BYTES))
        }
        // There was something when the function was made.
        None => Err(std::io::Error::new(
            std::io::ErrorKind::Unsupported,
            machine.way_out(),
        )),
    }
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

/// Returns once a process at work needs more memory than its function has, and `beside` bytes that are
/// none of the function's. AWS kills it then. Where there is no `/proc` it never does.
async fn too_much_memory(environment: &Environment, beside: u64) {
    loop {
        environment.at_work().await;
        // Real time: the process does not wait for an injected clock.
        let next = tokio::time::Instant::now() + MEMORY_EVERY;
        tokio::time::sleep_until(next).await;
        if environment.resident_bytes() > environment.memory_bytes() + beside {
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    /// What starts a file of these bytes, where `runner` runs programs for arm64.
    fn words(bytes: &[u8], runner: Option<Runner>) -> std::io::Result<(Vec<String>, u64)> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let bootstrap = dir.path().join("bootstrap");
        std::fs::write(&bootstrap, bytes).expect("written");
        let (command, beside) = command_of(&bootstrap, |machine| {
            assert_eq!(machine, Machine::Arm64);
            runner.clone()
        })?;
        let command = command.as_std();
        let words = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| {
                if word == bootstrap {
                    OsStr::new("BOOTSTRAP")
                } else {
                    word
                }
            })
            .map(|word| word.to_str().expect("text").to_owned());
        Ok((words.collect(), beside))
    }

    fn program() -> Vec<u8> {
        let mut program = vec![0; 64];
        program[..4].copy_from_slice(b"\x7fELF");
        program[18] = 183;
        program
    }

    fn qemu(sysroot: Option<&str>) -> Option<Runner> {
        Some(Runner::ByQemu {
            program: "/bin/qemu-aarch64".into(),
            sysroot: sysroot.map(PathBuf::from),
        })
    }

    #[test]
    fn a_script_and_a_program_that_runs_here_are_started_themselves() {
        for (bytes, runner) in [
            (&b"#!/bin/sh\n"[..], None),
            (b"", None),
            (&program(), Some(Runner::Directly)),
        ] {
            let (words, beside) = words(bytes, runner).expect("a command");
            assert_eq!((words, beside), (vec!["BOOTSTRAP".to_owned()], 0));
        }
    }

    #[test]
    fn qemu_is_started_with_the_program_and_its_libraries() {
        for (runner, expected) in [
            (Some(Runner::ByKernel), "BOOTSTRAP"),
            (qemu(None), "/bin/qemu-aarch64 BOOTSTRAP"),
            (qemu(Some("/l")), "/bin/qemu-aarch64 -L /l BOOTSTRAP"),
        ] {
            let (words, beside) = words(&program(), runner).expect("a command");
            assert_eq!(words.join(" "), expected);
            assert!(beside > 0, "QEMU needs memory itself");
        }
    }

    #[test]
    fn a_program_that_nothing_runs_any_more_is_refused_with_the_way_out() {
        let error = words(&program(), None).expect_err("nothing runs it");
        assert!(error.to_string().contains("qemu-user"), "{error}");
    }
}
