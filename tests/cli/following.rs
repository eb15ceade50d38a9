//! Commands that run on: their lines as they come, and how they end.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pipectl_testkit::{TestEnv, process};

/// A command that goes on until it is interrupted; its lines come as they are written.
pub(super) struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    pub(super) fn start(env: &TestEnv, arguments: &[&str]) -> Self {
        let mut command = env.invocation(arguments).command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("started");
        let stdout = child.stdout.take().expect("stdout");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// All lines until one has these words.
    pub(super) fn until(&self, words: &str) -> Vec<String> {
        let begun = Instant::now();
        let mut seen = Vec::new();
        loop {
            let left = Duration::from_secs(20).saturating_sub(begun.elapsed());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line has {words}: {seen:#?}");
            };
            let is_it = line.contains(words);
            seen.push(line);
            if is_it {
                return seen;
            }
        }
    }

    /// The lines that come in this time.
    pub(super) fn during(&self, time: Duration) -> Vec<String> {
        let begun = Instant::now();
        let mut seen = Vec::new();
        while let Ok(line) = self
            .lines
            .recv_timeout(time.saturating_sub(begun.elapsed()))
        {
            seen.push(line);
        }
        seen
    }

    pub(super) fn interrupt(self) -> ExitStatus {
        process::signal(self.child.id(), "INT");
        self.ended()
    }

    pub(super) fn ended(mut self) -> ExitStatus {
        let ended = process::wait_at_most(&mut self.child, Duration::from_secs(10));
        ended.expect("a child").expect("it ends")
    }
}

/// A test that fails leaves nothing behind that would look for ever.
impl Drop for Following {
    fn drop(&mut self) {
        // It has ended already in a test that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
