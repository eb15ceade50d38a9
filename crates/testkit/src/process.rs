//! Children with a deadline, in a process group of their own, so that all of a launcher's
//! descendants end with it.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time between two looks at a child.
const POLL: Duration = Duration::from_millis(5);

fn pause() {
    pause_for(POLL);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one sleep of this crate, in loops that have a deadline"
)]
pub(crate) fn pause_for(time: Duration) {
    std::thread::sleep(time);
}

/// Starts `command` as leader of a new process group, with stdout and stderr in files: a background
/// process that keeps them open cannot block the reader, as it could with pipes.
pub fn start(command: &mut Command, stdout: &Path, stderr: &Path) -> io::Result<Child> {
    command
        .process_group(0)
        .stdout(Stdio::from(File::create(stdout)?))
        .stderr(Stdio::from(File::create(stderr)?))
        .spawn()
}

/// Waits until the child ends; after `deadline` its group is killed and that is the error.
pub fn wait(child: &mut Child, deadline: Duration) -> io::Result<ExitStatus> {
    if let Some(status) = wait_at_most(child, deadline)? {
        return Ok(status);
    }
    signal_group(child.id(), "KILL");
    child.wait()?;
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        format!("not done after {} s", deadline.as_secs()),
    ))
}

/// Waits until the child ends, or for this long.
pub fn wait_at_most(child: &mut Child, deadline: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= deadline {
            return Ok(None);
        }
        pause();
    }
}

/// Asks the whole group to end, waits for `patience`, then kills what is left.
pub fn end_group(child: &mut Child, patience: Duration) {
    let group = child.id();
    signal_group(group, "TERM");
    let _ = wait_at_most(child, patience);
    // Also when the leader is gone: its children may not be.
    signal_group(group, "KILL");
    let _ = child.wait();
}

/// Sends a signal to a process group through `kill`; a group that is gone is fine.
pub fn signal_group(group: u32, signal: &str) {
    signal_by_kill(&format!("-{group}"), signal);
}

/// Sends a signal to one process through `kill`; a process that is gone is fine.
pub fn signal(pid: u32, signal: &str) {
    signal_by_kill(&pid.to_string(), signal);
}

fn signal_by_kill(whom: &str, signal: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{signal}"), "--", whom])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Is there a process with this id that is not just waiting to be reaped?
pub fn alive(pid: u32) -> bool {
    if Path::new("/proc/self/stat").exists() {
        // The state letter follows the parenthesised name.
        return std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| !rest.trim_start().starts_with('Z'))
        });
    }
    Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Waits until the process is gone. False when it is still there after `deadline`.
pub fn gone(pid: u32, deadline: Duration) -> bool {
    let begun = Instant::now();
    while alive(pid) {
        if begun.elapsed() >= deadline {
            return false;
        }
        pause();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, directory: &Path) -> Child {
        start(
            Command::new("sh").args(["-c", script]),
            &directory.join("out"),
            &directory.join("err"),
        )
        .expect("a shell")
    }

    #[test]
    fn the_end_of_a_group_takes_the_grandchildren_along() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut child = shell("sleep 100 & echo $!; wait", directory.path());
        let begun = Instant::now();
        let grandchild: u32 = loop {
            let text = std::fs::read_to_string(directory.path().join("out")).expect("its output");
            if let Ok(pid) = text.trim().parse() {
                break pid;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "no pid: {text:?}"
            );
            pause();
        };
        assert!(alive(grandchild) && alive(child.id()));
        end_group(&mut child, Duration::from_secs(5));
        assert!(gone(grandchild, Duration::from_secs(5)));
        assert!(!alive(child.id()));
    }

    #[test]
    fn a_child_past_its_deadline_is_killed_and_that_is_said() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut child = shell("sleep 100", directory.path());
        let error = wait(&mut child, Duration::from_millis(20)).expect_err("too slow");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!alive(child.id()));
    }
}
