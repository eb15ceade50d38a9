//! Runs cargo: finds the workspaces of the function crates, builds each with as few cargo calls as
//! its binary names allow, and turns what cargo says into facts and errors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::PackageEvent;
use super::environment::scrub;
use super::error::{CargoOutput, PackageError};
use super::messages::{Messages, failed};
use super::metadata::{Package, Workspace};

/// Cargo profile of the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// Fast to compile.
    Dev,
    /// Optimised.
    Release,
    /// A profile of the workspace's own.
    Named(String),
}

impl Default for Profile {
    /// That of pipectl itself: then the functions share every compiled dependency with it.
    fn default() -> Self {
        if cfg!(debug_assertions) {
            Self::Dev
        } else {
            Self::Release
        }
    }
}

impl Profile {
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Dev => Vec::new(),
            Self::Release => vec!["--release".to_owned()],
            Self::Named(name) => vec!["--profile".to_owned(), name.clone()],
        }
    }
}

/// How cargo is called.
#[derive(Debug, Clone)]
pub struct Cargo {
    /// Program.
    program: OsString,
    /// Environment it is called with, before scrubbing.
    variables: Vec<(OsString, OsString)>,
    /// Profile of the functions.
    profile: Profile,
}

/// One function with its place in a workspace.
#[derive(Debug, Clone)]
pub struct Located {
    /// Name in the stack.
    pub function: String,
    /// Root directory of its workspace.
    pub root: PathBuf,
    /// Its package.
    pub package: Package,
    /// The binary that is the function.
    pub binary: String,
    /// Does a build without `-p` at the root select it?
    pub by_default: bool,
}

/// Functions that one cargo call builds: same workspace and selection, distinct binary names.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Root directory of their workspace.
    pub root: PathBuf,
    /// The functions.
    pub functions: Vec<Located>,
}

impl Cargo {
    /// `$CARGO` of `variables`, else the `cargo` on their PATH.
    pub fn new(variables: Vec<(OsString, OsString)>, profile: Profile) -> Self {
        let program = variables
            .iter()
            .find(|(name, value)| name == "CARGO" && !value.is_empty())
            .map_or_else(|| OsString::from("cargo"), |(_, value)| value.clone());
        Self {
            program,
            variables,
            profile,
        }
    }

    fn command(&self, directory: &Path, target: Option<&Path>) -> Command {
        // The program itself may lie in a target directory other than that of the functions.
        let own = std::env::current_exe()
            .ok()
            .and_then(|exe| exe.parent().map(Path::to_owned));
        let builds: Vec<PathBuf> = own.into_iter().chain(target.map(Path::to_owned)).collect();
        let mut command = Command::new(&self.program);
        command
            .current_dir(directory)
            .env_clear()
            .envs(scrub(self.variables.iter().cloned(), &builds))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn missing(&self, source: std::io::Error) -> PackageError {
        PackageError::CargoMissing {
            program: self.program.to_string_lossy().into_owned(),
            source,
        }
    }

    /// The workspace of the package at `manifest`, seen from its root.
    pub async fn workspace(
        &self,
        function: &str,
        manifest: &Path,
    ) -> Result<Workspace, PackageError> {
        let own = self.metadata(function, manifest).await?;
        let root = own.root.join("Cargo.toml");
        if root == manifest {
            Ok(own)
        } else {
            self.metadata(function, &root).await
        }
    }

    async fn metadata(&self, function: &str, manifest: &Path) -> Result<Workspace, PackageError> {
        let refused = |text: &str| PackageError::Manifest {
            function: function.to_owned(),
            manifest: manifest.to_owned(),
            output: CargoOutput::new(text),
        };
        let directory = manifest.parent().unwrap_or(Path::new("/"));
        let answer = self
            .command(directory, None)
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--color",
                "never",
                "--manifest-path",
            ])
            .arg(manifest)
            .output()
            .await
            .map_err(|source| self.missing(source))?;
        if !answer.status.success() {
            return Err(refused(&String::from_utf8_lossy(&answer.stderr)));
        }
        Workspace::parse(&answer.stdout)
            .map_err(|error| refused(&format!("cargo metadata gave {error}")))
    }

    /// Builds a batch: executables by function name.
    pub async fn build(
        &self,
        batch: &Batch,
        workspace: &Workspace,
        events: &dyn Fn(PackageEvent),
    ) -> Result<BTreeMap<String, PathBuf>, PackageError> {
        let selection = self.selection(batch, workspace);
        let mut child = self
            .command(&workspace.root, Some(&workspace.target))
            .args(&selection)
            .args(["--message-format=json", "--color=never"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| self.missing(source))?;
        let mut messages = Messages::default();
        let mut said = String::new();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let reading = async {
            tokio::try_join!(
                lines(stdout, |line| messages.take(&line)),
                lines(stderr, |line| {
                    said.push_str(&line);
                    said.push('\n');
                    events(PackageEvent::Cargo { line });
                })
            )
        };
        let read = reading.await;
        let status = child.wait().await;
        let command = shown(&workspace.root, &selection);
        let functions = || {
            batch
                .functions
                .iter()
                .map(|located| located.function.clone())
                .collect()
        };
        match (read, status) {
            (Ok(_), Ok(status)) if status.success() => {}
            (Ok(_), Ok(status)) => {
                return Err(failed(
                    functions(),
                    workspace,
                    &messages,
                    &said,
                    command,
                    &status.to_string(),
                ));
            }
            (Err(error), _) | (_, Err(error)) => {
                return Err(PackageError::Cargo {
                    functions: functions(),
                    command,
                    hint: "",
                    output: CargoOutput::new(&error.to_string()),
                });
            }
        }
        batch
            .functions
            .iter()
            .map(|located| {
                let key = (located.package.id.clone(), located.binary.clone());
                match messages.executables.get(&key) {
                    Some(path) => Ok((located.function.clone(), path.clone())),
                    None => Err(PackageError::NoExecutable {
                        function: located.function.clone(),
                        binary: located.binary.clone(),
                        command: command.clone(),
                    }),
                }
            })
            .collect()
    }

    /// Arguments that select what is built.
    fn selection(&self, batch: &Batch, workspace: &Workspace) -> Vec<String> {
        let mut arguments = vec!["build".to_owned()];
        arguments.extend(self.profile.arguments());
        // A user's lock file is theirs to change: packaging never rewrites it.
        if workspace.root.join("Cargo.lock").exists() {
            arguments.push("--locked".to_owned());
        }
        let mut add = |option: &str, values: &mut dyn Iterator<Item = &String>| {
            let mut seen: Vec<&String> = Vec::new();
            for value in values {
                if !seen.contains(&value) {
                    seen.push(value);
                    arguments.extend([option.to_owned(), value.clone()]);
                }
            }
        };
        // Naming packages would resolve features for these alone, which differs from the selection
        // that built pipectl: every shared dependency would be compiled again.
        let named = batch.functions.iter().filter(|located| !located.by_default);
        add("-p", &mut named.map(|located| &located.package.name));
        add(
            "--bin",
            &mut batch.functions.iter().map(|located| &located.binary),
        );
        arguments
    }
}

/// The command as typed in a shell; without the options that only a program needs.
fn shown(directory: &Path, arguments: &[String]) -> String {
    format!(
        "(cd {} && cargo {})",
        quoted(&directory.to_string_lossy()),
        arguments.join(" ")
    )
}

/// Quotes for a shell where that is needed.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Groups functions into as few cargo calls as possible. Two binaries of one name would be written to
/// the same file, so they are built one after the other, each zipped before the next build.
pub fn batches(located: Vec<Located>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for function in located {
        let fits = |batch: &&mut Batch| {
            batch.root == function.root
                && batch.functions.iter().all(|other| {
                    other.by_default == function.by_default
                        && (other.binary != function.binary
                            || other.package.id == function.package.id)
                })
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.functions.push(function),
            None => batches.push(Batch {
                root: function.root.clone(),
                functions: vec![function],
            }),
        }
    }
    batches
}

/// Calls `each` with every line; bytes that are not UTF-8 become replacement characters.
async fn lines<R: AsyncRead + Unpin>(
    stream: Option<R>,
    mut each: impl FnMut(String),
) -> std::io::Result<()> {
    let Some(stream) = stream else {
        return Ok(());
    };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await? > 0 {
        let text = String::from_utf8_lossy(&line);
        each(text.trim_end_matches(['\r', '\n']).to_owned());
        line.clear();
    }
    Ok(())
}
