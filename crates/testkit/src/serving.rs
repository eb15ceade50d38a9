//! The emulator as a child of the test, so that its end can be had at any moment.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{TestEnv, functions, http, process, until};

/// How long it may take until it serves, or has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ports to choose from: below those that systems give to whoever asks for any, so that nobody takes
/// one while nobody listens on it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Ports that this process has asked for: tests that begin at the same moment get others.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// A port that is free, and will most likely stay so.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let time = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| u64::from(time.subsec_nanos()));
    let asked = ASKED.fetch_add(1, Ordering::Relaxed) * 331;
    let own = u64::from(std::process::id()) * 7_919;
    let first = (time / 1_000 + own + asked) % PORTS.len() as u64;
    let (before, after) = (
        PORTS.start..PORTS.start + first as u16,
        PORTS.start + first as u16..PORTS.end,
    );
    after
        .chain(before)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// A running emulator. It is stopped on drop, or else killed, with the processes of its functions.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    endpoint: String,
    data: PathBuf,
    log: PathBuf,
}

impl TestEnv {
    /// Starts `pipectl emulator` over the data of the project's embedded target; its log is that of the
    /// background process. It may not serve yet: see [`Serving::ready`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn serve(&self, port: u16) -> Serving {
        self.serve_with(port, &[])
    }

    /// As [`TestEnv::serve`], with more arguments of `pipectl emulator`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn serve_with(&self, port: u16, more: &[&str]) -> Serving {
        let data = self.data();
        std::fs::create_dir_all(&data).expect("the data directory");
        let log = data.join("emulator.log");
        let open = || File::options().create(true).append(true).open(&log);
        let mut command = self
            .invocation(&["emulator", "--port", &port.to_string(), "--data"])
            .command();
        command
            .arg(&data)
            .args(more)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(open().expect("its log"));
        Serving {
            child: command.spawn().expect("the emulator"),
            endpoint: format!("http://127.0.0.1:{port}"),
            data,
            log,
        }
    }

    /// Where the project's embedded target keeps its data.
    pub fn data(&self) -> PathBuf {
        self.root().join(".pipectl/embedded")
    }
}

impl Serving {
    /// The endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until it serves; returns how long that took.
    ///
    /// # Panics
    /// When it ends instead, or takes too long; the message has the end of its log.
    pub fn ready(&mut self) -> Duration {
        let begun = Instant::now();
        loop {
            let own = http::get(&self.endpoint, "/_pipectl/health")
                .and_then(|answer| answer.json())
                .is_ok_and(|health| health["pid"] == self.child.id());
            if own {
                return begun.elapsed();
            }
            let ended = process::wait_at_most(&mut self.child, Duration::ZERO);
            let running = matches!(ended, Ok(None));
            assert!(
                running && begun.elapsed() < PATIENCE,
                "the emulator does not serve: {ended:?}\n{}",
                self.log_tail()
            );
            process::pause_for(Duration::from_millis(2));
        }
    }

    /// Waits for `time`, at the end of which it has to run still.
    ///
    /// # Panics
    /// When it has ended by itself; the message has the end of its log.
    pub fn run_for(&mut self, time: Duration) {
        let ended = process::wait_at_most(&mut self.child, time);
        assert!(
            matches!(ended, Ok(None)),
            "the emulator has ended: {ended:?}\n{}",
            self.log_tail()
        );
    }

    /// Ends it by SIGKILL: it learns nothing of it. Its functions are left as they are.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Asks it to stop and waits until it has; the processes of its functions must be gone then.
    ///
    /// # Panics
    /// When it takes too long, or leaves processes.
    pub fn stop(mut self) {
        self.ask_to_stop();
        let ended = process::wait_at_most(&mut self.child, PATIENCE);
        assert!(
            matches!(&ended, Ok(Some(status)) if status.success()),
            "the emulator does not stop: {ended:?}\n{}",
            self.log_tail()
        );
        until(
            "functions end with the emulator",
            Duration::from_secs(5),
            || {
                let left = functions::of(&self.data);
                if left.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{left:?}"))
                }
            },
        );
    }

    fn ask_to_stop(&self) {
        // Whether it answers does not matter; whether it goes does.
        let header = [("x-pipectl-stop", "1")];
        let _ = http::post(&self.endpoint, "/_pipectl/stop", &header, b"");
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if running(&mut self.child) {
            self.ask_to_stop();
            let _ = process::wait_at_most(&mut self.child, Duration::from_secs(3));
        }
        if running(&mut self.child) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        functions::end(&self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_and_not_one_that_systems_give_away() {
        let port = free_port();
        assert!(PORTS.contains(&port));
        let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("free");
        assert_ne!(free_port(), port);
    }

    #[test]
    fn an_emulator_that_ends_at_once_is_told_with_its_log() {
        // `sh emulator …` finds no such script.
        let env = TestEnv::empty("/bin/sh");
        let mut serving = env.serve(free_port());
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serving.ready()));
        let message = panic.expect_err("it cannot serve");
        let message = message
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_default();
        assert!(
            message.contains("does not serve") && message.contains("emulator:"),
            "{message}"
        );
    }
}
