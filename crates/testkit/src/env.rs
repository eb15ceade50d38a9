//! A project of its own for one test, and the program run in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::invocation::Invocation;
use crate::redact::Redactor;
use crate::{Transcript, http, process};

/// How long the emulator may take to stop before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Variables of the caller that a nested cargo needs to use the same compiler, registry and target
/// directory. Nothing else comes through, and nothing of AWS.
const KEPT: &[&str] = &[
    "PATH",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTUP_TOOLCHAIN",
    "CARGO_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// The same, by how the name begins.
const KEPT_PREFIXES: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_PROFILE_",
    "CARGO_REGISTR",
];

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// A temporary project with the main stack, the samples and the templates; its functions are those of
/// the repository. On drop an emulator that serves the project is stopped and everything is removed.
#[derive(Debug)]
pub struct TestEnv {
    pub(crate) binary: PathBuf,
    pub(crate) project: PathBuf,
    home: PathBuf,
    stop_patience: Duration,
    // Last: the directory goes after everything in it.
    pub(crate) directory: tempfile::TempDir,
}

/// Who serves the embedded target of the project, by its own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmulatorRecord {
    /// Process id.
    pub pid: u32,
    /// Endpoint, e.g. `http://127.0.0.1:40123`.
    pub endpoint: String,
}

impl TestEnv {
    /// A project for `binary`: pass `env!("CARGO_BIN_EXE_pipectl")`.
    ///
    /// # Panics
    /// When the files cannot be laid out: a test has nothing to test then.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let env = Self::empty(binary);
        let repository = repository();
        for name in ["stacks/log-pipeline.yaml", "samples", "templates"] {
            copy(&repository.join(name), &env.project.join(name));
        }
        std::os::unix::fs::symlink(repository.join("functions"), env.project.join("functions"))
            .expect("a link to the functions");
        env
    }

    /// A project directory with nothing in it.
    ///
    /// # Panics
    /// As [`TestEnv::new`].
    pub fn empty(binary: impl Into<PathBuf>) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("pipectl-")
            .tempdir()
            .expect("a temporary directory");
        // Without links in it, so that it is spelled as the program spells it.
        let root = directory
            .path()
            .canonicalize()
            .expect("the temporary directory");
        let (project, home) = (root.join("project"), root.join("home"));
        for path in [&project, &home, &root.join("tmp")] {
            std::fs::create_dir(path).expect("a directory");
        }
        Self {
            binary: binary.into(),
            project,
            home,
            stop_patience: STOP_PATIENCE,
            directory,
        }
    }

    /// The project directory.
    pub fn root(&self) -> &Path {
        &self.project
    }

    /// The home directory that the program sees.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Writes a file of the project, directories included.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project.join(name);
        let parent = path.parent().expect("a file has a parent");
        std::fs::create_dir_all(parent).expect("directories");
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// Runs the program to its end.
    pub fn pipectl<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Transcript {
        self.invocation(arguments).run()
    }

    /// A run of the program that can still be changed.
    pub fn invocation<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Invocation<'_> {
        Invocation::new(self, arguments)
    }

    /// Takes out of `text` what differs between runs, as in transcripts.
    pub fn redact(&self, text: &str) -> String {
        let temporary = self.project.parent().unwrap_or(&self.project);
        Redactor::default()
            .with_literal(self.project.to_string_lossy(), "$PROJECT")
            .with_literal(self.home.to_string_lossy(), "$HOME")
            .with_literal(temporary.to_string_lossy(), "$TMP")
            .with_literal(repository().to_string_lossy(), "$REPOSITORY")
            .redact(text)
    }

    /// The emulator of the project as recorded; none when there is no record.
    pub fn emulator(&self) -> Option<EmulatorRecord> {
        let text = std::fs::read(self.project.join(".pipectl/embedded/emulator.json")).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some(EmulatorRecord {
            pid: record["pid"].as_u64()?.try_into().ok()?,
            endpoint: record["endpoint"].as_str()?.to_owned(),
        })
    }

    /// Stops the emulator of the project if there is one: asks it, and kills it after three seconds.
    pub fn stop_emulator(&self) {
        let Some(record) = self.emulator() else {
            return;
        };
        // A record may outlive its process, and the id may be somebody else's by now.
        if !process::alive(record.pid) || !self.is_ours(record.pid) {
            return;
        }
        // Whether it answers does not matter; whether it goes does.
        let _ = http::post(
            &record.endpoint,
            "/_pipectl/stop",
            &[("x-pipectl-stop", "1")],
            b"",
        );
        if !process::gone(record.pid, self.stop_patience) {
            process::signal(record.pid, "KILL");
            process::gone(record.pid, STOP_PATIENCE);
        }
    }

    /// Does this process run our binary? Yes where the system does not tell.
    fn is_ours(&self, pid: u32) -> bool {
        match std::fs::read_link(format!("/proc/{pid}/exe")) {
            Ok(exe) => self.binary.canonicalize().map_or(true, |binary| {
                // A binary that was rebuilt meanwhile is shown as deleted.
                exe.to_string_lossy().trim_end_matches(" (deleted)") == binary.to_string_lossy()
            }),
            Err(_) => !Path::new("/proc/self/exe").exists(),
        }
    }

    /// The environment of the program: a home of its own, the real cargo, nothing of AWS.
    pub(crate) fn variables(&self) -> Vec<(OsString, OsString)> {
        let kept = std::env::vars_os().filter(|(name, _)| {
            name.to_str().is_some_and(|name| {
                KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            })
        });
        let mut variables: Vec<(OsString, OsString)> = kept.collect();
        // HOME is replaced, so the defaults that hang on it are written out.
        for (name, below_home) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let value = std::env::var_os(name).or_else(|| {
                std::env::var_os("HOME")
                    .map(|home| Path::new(&home).join(below_home).into_os_string())
            });
            variables.extend(value.map(|value| (name.into(), value)));
        }
        let root = self.directory.path();
        variables.extend([
            ("HOME".into(), self.home.clone().into_os_string()),
            ("TMPDIR".into(), root.join("tmp").into_os_string()),
            ("NO_COLOR".into(), "1".into()),
            ("COLUMNS".into(), "100".into()),
            ("LC_ALL".into(), "C.UTF-8".into()),
            ("TZ".into(), "UTC".into()),
        ]);
        variables
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        self.stop_emulator();
    }
}

/// Copies a file or a directory. One that is not there is left out: a test that needs it says so.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("a directory");
        for entry in std::fs::read_dir(from).expect("a readable directory") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if from.is_file() {
        let parent = to.parent().expect("a file has a parent");
        std::fs::create_dir_all(parent).expect("directories");
        std::fs::copy(from, to).expect("a copy");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_run_sees_a_home_of_its_own_and_nothing_of_aws() {
        let env = TestEnv::new("/bin/sh");
        let script = "env; cat; echo talk >&2; exit 3";
        let transcript = env
            .invocation(&["-c", script])
            .env("AWS_REGION", "eu-central-1")
            .stdin("yes\n")
            .run()
            .expect_code(3);
        let names: Vec<&str> = transcript
            .stdout
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name)
            .collect();
        let aws: Vec<&&str> = names
            .iter()
            .filter(|name| name.starts_with("AWS_"))
            .collect();
        assert_eq!(aws, [&"AWS_REGION"]);
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO"] {
            assert!(!names.contains(&name), "{name} comes from the test run");
        }
        assert!(
            transcript
                .stdout
                .contains(&format!("HOME={}\n", env.home().display()))
        );
        assert!(transcript.stdout.ends_with("yes\n"));
        assert!(transcript.to_string().contains("HOME=$HOME\n"));
        assert!(
            transcript
                .to_string()
                .ends_with("--- stderr\ntalk\n--- exit status: 3\n")
        );
        assert!(transcript.to_string().starts_with(
            "$ AWS_REGION=eu-central-1 pipectl -c 'env; cat; echo talk >&2; exit 3'\n"
        ));
    }

    #[test]
    fn the_functions_are_those_of_the_repository() {
        let env = TestEnv::new("/bin/sh");
        let manifest = env
            .root()
            .join("functions/trigger/Cargo.toml")
            .canonicalize()
            .expect("the trigger");
        assert_eq!(manifest, repository().join("functions/trigger/Cargo.toml"));
        assert!(env.root().join("stacks/log-pipeline.yaml").is_file());
        let directory = env.directory.path().to_owned();
        drop(env);
        assert!(!directory.exists());
    }

    #[test]
    fn a_run_that_hangs_ends_with_what_it_wrote() {
        let env = TestEnv::empty("/bin/sh");
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            env.invocation(&["-c", "echo begun; sleep 100"])
                .deadline(Duration::from_millis(300))
                .run()
        }));
        let message = run.expect_err("too slow");
        let message = message
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_default();
        assert!(
            message.contains("not done after") && message.contains("begun\n"),
            "{message}"
        );
    }

    #[test]
    fn an_emulator_that_does_not_answer_is_killed_on_drop() {
        let mut env = TestEnv::empty("/bin/sleep");
        env.stop_patience = Duration::from_millis(50);
        let mut child = Command::new("/bin/sleep")
            .arg("100")
            .spawn()
            .expect("a process");
        let record = format!(
            r#"{{"pid": {}, "endpoint": "http://127.0.0.1:1"}}"#,
            child.id()
        );
        env.write(".pipectl/embedded/emulator.json", record);
        assert_eq!(env.emulator().map(|record| record.pid), Some(child.id()));
        let begun = Instant::now();
        drop(env);
        assert!(!process::alive(child.id()));
        assert!(
            begun.elapsed() >= Duration::from_millis(50),
            "it had its time"
        );
        child.wait().expect("reaped");
    }

    #[test]
    fn a_record_with_somebody_elses_process_is_left_alone() {
        let env = TestEnv::empty("/bin/sh");
        let mut child = Command::new("/bin/sleep")
            .arg("100")
            .spawn()
            .expect("a process");
        env.write(
            ".pipectl/embedded/emulator.json",
            format!(
                r#"{{"pid": {}, "endpoint": "http://127.0.0.1:1"}}"#,
                child.id()
            ),
        );
        drop(env);
        assert!(process::alive(child.id()));
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
}
