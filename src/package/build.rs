//! Runs cargo: finds the workspaces of the function crates, builds each with as few cargo calls as
//! variants and binary names allow, and turns what cargo says into facts and errors.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::PackageEvent;
use super::environment::scrub;
use super::error::PackageError;
use super::flags;
use super::inputs::Reported;
use super::messages::{Messages, failed};
use super::metadata::{Package, Workspace};
use super::toolchain::Linker;
use super::variant::{Glibc, LAMBDA_GLIBC, Variant};

/// Cargo profile of functions that run on this host.
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
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Named(name) => name,
        }
    }

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
    /// Profile of the functions that run on this host.
    profile: Profile,
    /// Width of the terminal on which cargo's own progress is shown.
    progress: Option<u16>,
}

/// One function with its place in a workspace.
#[derive(Debug, Clone)]
pub struct Located {
    /// Name in the stack.
    pub function: String,
    /// What it is built for.
    pub variant: Variant,
    /// Root directory of its workspace.
    pub root: PathBuf,
    /// Its package.
    pub package: Package,
    /// The binary that is the function.
    pub binary: String,
    /// Does a build without `-p` at the root select it?
    pub by_default: bool,
}

/// Functions that one cargo call builds: same workspace, variant and selection, distinct binary names.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Root directory of their workspace.
    pub root: PathBuf,
    /// What they are built for.
    pub variant: Variant,
    /// Are they selected without being named?
    pub by_default: bool,
    /// The functions.
    pub functions: Vec<Located>,
    /// Packages that are named, so that the features of dependencies do not depend on which of the
    /// stack's functions are built: all of them, as far as their binaries have other names.
    pub named: Vec<String>,
}

/// What a build gave.
#[derive(Debug)]
pub struct Built {
    /// Programs by function name.
    pub executables: BTreeMap<String, PathBuf>,
    /// What cargo said.
    messages: Messages,
    /// Just before cargo was started.
    pub began: SystemTime,
    /// Was there no lock file then?
    made_lock: bool,
}

impl Built {
    /// What a program was made from, as far as cargo told.
    pub fn reported<'r>(
        &'r self,
        workspace: &'r Workspace,
        executable: &'r Path,
        sysroot: PathBuf,
    ) -> Reported<'r> {
        let mut manifests: Vec<PathBuf> = workspace
            .packages
            .iter()
            .map(|package| package.manifest_path.clone())
            .collect();
        let local = &self.messages.local;
        manifests.extend(local.values().map(|local| local.manifest.clone()));
        let script = |(package, output): &(String, PathBuf)| {
            let directory = local
                .get(package)
                .and_then(|local| local.manifest.parent().map(Path::to_owned));
            (output.clone(), directory)
        };
        Reported {
            root: &workspace.root,
            target: &workspace.target,
            manifests,
            executable,
            crates: local
                .values()
                .flat_map(|local| local.crates.iter().cloned())
                .collect::<BTreeSet<_>>(),
            scripts: self.messages.scripts.iter().map(script).collect(),
            sysroot,
            made_lock: self.made_lock,
        }
    }
}

impl Cargo {
    /// `$CARGO` of `variables`, else the `cargo` on their PATH.
    pub fn new(
        variables: Vec<(OsString, OsString)>,
        profile: Profile,
        progress: Option<u16>,
    ) -> Self {
        let mut cargo = Self {
            program: OsString::from("cargo"),
            variables,
            profile,
            progress,
        };
        if let Some(program) = cargo.variable("CARGO") {
            cargo.program = program;
        }
        cargo
    }

    /// A variable of its environment that is not empty.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        let found = self.variables.iter().find(|(key, _)| key == name)?;
        (!found.1.is_empty()).then(|| found.1.clone())
    }

    /// The environment before scrubbing.
    pub(super) fn environment(&self) -> &[(OsString, OsString)] {
        &self.variables
    }

    /// The environment that it runs in, without what a cargo above this process added.
    pub(super) fn scrubbed(&self, target: Option<&Path>) -> Vec<(OsString, OsString)> {
        // The program itself may lie in a target directory other than that of the functions.
        let own = std::env::current_exe()
            .ok()
            .and_then(|exe| exe.parent().map(Path::to_owned));
        let builds: Vec<PathBuf> = own.into_iter().chain(target.map(Path::to_owned)).collect();
        scrub(self.variables.iter().cloned(), &builds)
    }

    /// Name of the profile of a variant.
    pub(super) fn profile(&self, variant: Variant) -> &str {
        match variant {
            Variant::Host => self.profile.name(),
            Variant::Lambda(_) => flags::PROFILE,
        }
    }

    /// A program of the toolchain, run in `directory`.
    pub(super) fn program(
        &self,
        program: &OsStr,
        directory: &Path,
        target: Option<&Path>,
    ) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env_clear()
            .envs(self.scrubbed(target))
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
        let directory = manifest.parent().unwrap_or(Path::new("/"));
        let answer = self
            .program(&self.program, directory, None)
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
            let text = String::from_utf8_lossy(&answer.stderr);
            return Err(PackageError::manifest(function, manifest, &text));
        }
        Workspace::parse(&answer.stdout).map_err(|error| {
            PackageError::manifest(function, manifest, &format!("cargo metadata gave {error}"))
        })
    }

    /// Builds a batch.
    pub async fn build(
        &self,
        batch: &Batch,
        workspace: &Workspace,
        host_glibc: Option<Glibc>,
        events: &dyn Fn(PackageEvent),
    ) -> Result<Built, PackageError> {
        let functions: Vec<String> = batch
            .functions
            .iter()
            .map(|located| located.function.clone())
            .collect();
        let (mut command, shown) = self
            .command(batch, workspace, host_glibc, &functions, events)
            .await?;
        if let Some(width) = self.progress {
            command
                .env("CARGO_TERM_PROGRESS_WHEN", "always")
                .env("CARGO_TERM_PROGRESS_WIDTH", width.to_string());
        }
        let began = SystemTime::now();
        let made_lock = !workspace.root.join("Cargo.lock").exists();
        let mut messages = Messages::default();
        let mut said = String::new();
        let status = run(&mut command, &mut messages, &mut said, events)
            .await
            .map_err(|source| self.missing(source))?;
        if !matches!(&status, Ok(status) if status.success()) {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(failed(
                functions, workspace, &messages, &said, shown, &status,
            ));
        }
        let executables = batch
            .functions
            .iter()
            .map(|located| {
                let key = (located.package.id.clone(), located.binary.clone());
                match messages.executables.get(&key) {
                    Some(path) => Ok((located.function.clone(), path.clone())),
                    None => Err(PackageError::NoExecutable {
                        function: located.function.clone(),
                        binary: located.binary.clone(),
                        command: shown.clone(),
                    }),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Built {
            executables,
            messages,
            began,
            made_lock,
        })
    }

    /// The command that builds a batch, and as it is typed in a shell.
    async fn command(
        &self,
        batch: &Batch,
        workspace: &Workspace,
        host_glibc: Option<Glibc>,
        functions: &[String],
        events: &dyn Fn(PackageEvent),
    ) -> Result<(Command, String), PackageError> {
        let mut program = self.program.clone();
        let mut arguments = vec!["build".to_owned()];
        let mut rustflags = None;
        if let Some(triple) = batch.variant.triple() {
            self.ensure_target(&workspace.root, triple, functions, events)
                .await?;
            let mut target = triple.to_owned();
            if Linker::of(batch.variant, host_glibc) == Linker::Zig {
                program = self.zigbuild(functions)?.into_os_string();
                "zigbuild".clone_into(&mut arguments[0]);
                target = format!("{triple}.{LAMBDA_GLIBC}");
            }
            arguments.extend(flags::profile(&workspace.root));
            arguments.extend(["--target".to_owned(), target]);
            rustflags = Some(flags::rustflags(self, workspace, triple, functions)?);
        } else {
            arguments.extend(self.profile.arguments());
        }
        arguments.extend(selection(batch, workspace));
        let mut command = self.program(&program, &workspace.root, Some(&workspace.target));
        command
            .args(&arguments)
            .args(["--message-format=json", "--color=never"]);
        if let Some(rustflags) = rustflags {
            command.env("CARGO_ENCODED_RUSTFLAGS", rustflags);
        }
        Ok((command, shown(&workspace.root, &arguments)))
    }
}

/// Runs a command whose output is cargo's. The outer error is that it did not start.
async fn run(
    command: &mut Command,
    messages: &mut Messages,
    said: &mut String,
    events: &dyn Fn(PackageEvent),
) -> std::io::Result<std::io::Result<ExitStatus>> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        tokio::try_join!(
            lines(stdout, |line| messages.take(&line)),
            lines(stderr, |line| {
                if is_progress(&line) {
                    events(PackageEvent::Progress { line });
                } else if !line.trim().is_empty() {
                    said.push_str(&line);
                    said.push('\n');
                    events(PackageEvent::Cargo { line });
                }
            })
        )
    };
    let read = reading.await;
    let status = child.wait().await;
    Ok(read.and(status))
}

/// Is this cargo's bar, which is drawn again and again?
fn is_progress(line: &str) -> bool {
    let line = line.trim_start();
    ["Building [", "Fetch [", "Fetch ", "Downloading ["]
        .iter()
        .any(|begin| line.starts_with(begin))
}

/// Arguments that select what is built.
fn selection(batch: &Batch, workspace: &Workspace) -> Vec<String> {
    let mut arguments = Vec::new();
    // A user's lock file is theirs to change: packaging never rewrites it.
    if workspace.root.join("Cargo.lock").exists() {
        arguments.push("--locked".to_owned());
    }
    // Naming packages resolves features for these alone, which differs from the selection that built
    // pipectl: every shared dependency would be compiled again. For Lambda nothing is shared, and what
    // pipectl alone needs of a dependency must not get into a function.
    for package in &batch.named {
        arguments.extend(["-p".to_owned(), package.clone()]);
    }
    let binaries: BTreeSet<&String> = batch
        .functions
        .iter()
        .map(|located| &located.binary)
        .collect();
    for binary in binaries {
        arguments.extend(["--bin".to_owned(), binary.clone()]);
    }
    arguments
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

/// Groups the functions that are to be built into as few cargo calls as possible; `all` are those of the
/// stack. Two binaries of one name would be written to the same file, so they are built one after the
/// other, each zipped before the next build.
pub fn batches(wanted: Vec<Located>, all: &[Located]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for function in wanted {
        let by_default = function.by_default && function.variant == Variant::Host;
        let fits = |batch: &&mut Batch| {
            batch.root == function.root
                && batch.variant == function.variant
                && batch.by_default == by_default
                && batch.functions.iter().all(|other| {
                    other.binary != function.binary || other.package.id == function.package.id
                })
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.functions.push(function),
            None => batches.push(Batch {
                root: function.root.clone(),
                variant: function.variant,
                by_default,
                functions: vec![function],
                named: Vec::new(),
            }),
        }
    }
    for batch in &mut batches {
        if !batch.by_default {
            batch.named = named(batch, all);
        }
    }
    batches
}

/// Names of the packages to select for a batch.
fn named(batch: &Batch, all: &[Located]) -> Vec<String> {
    let own = |candidate: &Located| {
        batch
            .functions
            .iter()
            .any(|function| function.package.id == candidate.package.id)
    };
    let clashes = |candidate: &Located| {
        batch.functions.iter().any(|function| {
            candidate
                .package
                .binaries()
                .any(|name| name == function.binary)
        })
    };
    let selected = all.iter().filter(|candidate| {
        candidate.root == batch.root && (own(candidate) || !clashes(candidate))
    });
    let names: BTreeSet<String> = selected
        .map(|candidate| candidate.package.name.clone())
        .collect();
    names.into_iter().collect()
}

/// Calls `each` with every line; a bar ends with a carriage return. Bytes that are not UTF-8 become
/// replacement characters.
async fn lines<R: AsyncRead + Unpin>(
    stream: Option<R>,
    mut each: impl FnMut(String),
) -> std::io::Result<()> {
    let Some(stream) = stream else {
        return Ok(());
    };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        let bytes = reader.fill_buf().await?;
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let taken = end.map_or(bytes.len(), |at| at + 1);
        line.extend_from_slice(&bytes[..end.unwrap_or(taken)]);
        reader.consume(taken);
        if end.is_some() {
            each(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    }
    if !line.is_empty() {
        each(String::from_utf8_lossy(&line).into_owned());
    }
    Ok(())
}
