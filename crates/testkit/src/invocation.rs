//! One run of the program in a test's project.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{TestEnv, Transcript, process};

/// How long one run may take. The first one in a fresh clone builds the functions.
const DEADLINE: Duration = Duration::from_mins(20);
/// One run of the program.
#[derive(Debug)]
#[must_use = "call run()"]
pub struct Invocation<'e> {
    env: &'e TestEnv,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
    deadline: Duration,
}

impl<'e> Invocation<'e> {
    /// Runs the binary of `env` in its project.
    pub(crate) fn new<A: AsRef<OsStr>>(env: &'e TestEnv, arguments: &[A]) -> Self {
        Self {
            env,
            arguments: arguments
                .iter()
                .map(|argument| argument.as_ref().to_owned())
                .collect(),
            variables: Vec::new(),
            stdin: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Feeds stdin, which is empty otherwise.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Kills the program after this long instead of 20 minutes.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The command that runs, for tests that watch the program while it does. Streams are not set.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.env.binary);
        command
            .args(&self.arguments)
            .current_dir(&self.env.project)
            .env_clear()
            .envs(self.env.variables())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// When the program cannot be started or is not done by the deadline; the message has what it
    /// wrote until then.
    #[track_caller]
    pub fn run(self) -> Transcript {
        self.start().finish()
    }

    /// Starts it and lets the test go on, for tests that interrupt it.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[track_caller]
    pub fn start(self) -> Started<'e> {
        let streams =
            tempfile::tempdir_in(self.env.directory.path()).expect("a directory for the streams");
        let path = |name: &str| streams.path().join(name);
        std::fs::write(path("stdin"), &self.stdin).expect("the input");
        let input = std::fs::File::open(path("stdin")).expect("the input");
        let mut command = self.command();
        command.stdin(Stdio::from(input));
        match process::start(&mut command, &path("stdout"), &path("stderr")) {
            Ok(child) => Started {
                env: self.env,
                shown: self.shown(),
                deadline: self.deadline,
                child,
                streams,
            },
            Err(error) => panic!("cannot run {}: {error}", self.env.binary.display()),
        }
    }

    /// As a user types it.
    fn shown(&self) -> String {
        let plain = |word: &str| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c))
        };
        let words = self.arguments.iter().map(|argument| {
            let word = self.env.redact(&argument.to_string_lossy());
            if plain(&word) {
                word
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        });
        let variables = self.variables.iter().map(|(name, value)| {
            format!(
                "{}={}",
                name.to_string_lossy(),
                self.env.redact(&value.to_string_lossy())
            )
        });
        let mut shown: Vec<String> = variables.collect();
        shown.push("pipectl".to_owned());
        shown.extend(words);
        shown.join(" ")
    }
}

/// A run that is going on.
#[derive(Debug)]
#[must_use = "call finish()"]
pub struct Started<'e> {
    env: &'e TestEnv,
    shown: String,
    deadline: Duration,
    child: Child,
    streams: tempfile::TempDir,
}

impl Started<'_> {
    /// Process id of the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        let bytes = std::fs::read(self.streams.path().join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// When it is not done by the deadline; the message has what it wrote until then.
    #[track_caller]
    pub fn finish(mut self) -> Transcript {
        let ended = process::wait(&mut self.child, self.deadline);
        let read = |name: &str| {
            let bytes = std::fs::read(self.streams.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (read("stdout"), read("stderr"));
        match ended {
            Ok(status) => Transcript {
                command: self.shown,
                redacted: (self.env.redact(&stdout), self.env.redact(&stderr)),
                stdout,
                stderr,
                code: status.code(),
                status: match status.signal() {
                    Some(signal) => format!("signal: {signal}"),
                    None => format!("exit status: {}", status.code().unwrap_or_default()),
                },
            },
            Err(error) => panic!(
                "{}: {error}\n--- stdout\n{stdout}--- stderr\n{stderr}",
                self.shown
            ),
        }
    }
}
