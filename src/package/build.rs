//! Runs cargo: finds the workspaces of the function crates, builds each with as few cargo calls as
//! variants and binary names allow, and turns what cargo says into facts and errors.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use tokio::process::Command;

use super::PackageEvent;
use super::batches::{Batch, selection};
use super::environment::scrub;
use super::error::PackageError;
use super::flags;
use super::inputs::Reported;
use super::messages::{Messages, failed};
use super::metadata::Workspace;
use super::output::run;
use super::toolchain::Linker;
use super::variant::{Glibc, LAMBDA_GLIBC, Variant};
use crate::wait::blocking;

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
    /// zig, where it linked.
    zig: Option<PathBuf>,
}

impl Built {
    /// What a program was made from, as far as cargo told.
    pub fn reported(&self, workspace: &Workspace, executable: &Path, sysroot: PathBuf) -> Reported {
        let members = workspace
            .packages
            .iter()
            .map(|package| package.manifest_path.clone());
        let local = &self.messages.local;
        let others = local.values().map(|local| local.manifest.clone());
        let script = |(package, output): &(String, PathBuf)| {
            let directory = local
                .get(package)
                .and_then(|local| local.manifest.parent().map(Path::to_owned));
            (output.clone(), directory)
        };
        // Beside the program, or where that would be if intermediate files are kept apart.
        let directory = executable.parent().unwrap_or(executable);
        let mut lists = self.messages.lists.clone();
        for made in workspace.made() {
            if let Ok(below) = directory.strip_prefix(&workspace.target) {
                lists.insert(made.join(below).join("deps"));
            }
        }
        Reported {
            root: workspace.root.clone(),
            made: workspace.made(),
            manifests: members.chain(others).collect(),
            executable: executable.to_owned(),
            lists,
            crates: local
                .values()
                .flat_map(|local| local.crates.iter().cloned())
                .collect::<BTreeSet<_>>(),
            scripts: self.messages.scripts.iter().map(script).collect(),
            sysroot,
            zig: self.zig.clone(),
            made_lock: self.made_lock,
        }
    }
}

/// A command that builds.
struct BuildCommand {
    command: Command,
    /// As it is typed in a shell.
    shown: String,
    /// The program that is started instead of cargo.
    zigbuild: Option<PathBuf>,
    /// zig, where it links.
    zig: Option<PathBuf>,
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
        let BuildCommand {
            mut command,
            shown,
            zigbuild,
            zig,
        } = self
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
            .map_err(|source| match zigbuild {
                Some(program) => PackageError::zig_broken(&functions, program, source),
                None => self.missing(source),
            })?;
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
            zig,
        })
    }

    async fn command(
        &self,
        batch: &Batch,
        workspace: &Workspace,
        host_glibc: Option<Glibc>,
        functions: &[String],
        events: &dyn Fn(PackageEvent),
    ) -> Result<BuildCommand, PackageError> {
        let root = &workspace.root;
        let mut program = self.program.clone();
        let mut arguments = vec!["build".to_owned()];
        let (mut rustflags, mut zigbuild, mut zig) = (None, None, None);
        if let Some(triple) = batch.variant.triple() {
            self.ensure_target(root, triple, functions, events).await?;
            let mut target = triple.to_owned();
            if Linker::of(batch.variant, host_glibc) == Linker::Zig {
                let found = self.zigbuild(functions)?;
                program = found.clone().into_os_string();
                zigbuild = Some(found);
                zig = self.zig(root).await;
                "zigbuild".clone_into(&mut arguments[0]);
                target = format!("{triple}.{LAMBDA_GLIBC}");
            }
            let environment = self.scrubbed(Some(&workspace.target));
            arguments.extend(flags::profile(root, &environment));
            arguments.extend(["--target".to_owned(), target]);
            let local = self.local(workspace).await;
            let (workspace, functions) = (workspace.clone(), functions.to_vec());
            // It asks the compiler, and waits for its answer.
            let resolved = blocking(move || {
                flags::rustflags(&workspace, &local, environment, triple, &functions)
            });
            rustflags = Some(resolved.await?);
        } else {
            arguments.extend(self.profile.arguments());
        }
        arguments.extend(selection(batch, workspace));
        let mut command = self.program(&program, root, Some(&workspace.target));
        command
            .args(&arguments)
            .args(["--message-format=json", "--color=never"]);
        if zigbuild.is_some() {
            // The cargo that it calls in turn.
            command.env("CARGO", &self.program);
        }
        if let Some(rustflags) = rustflags {
            command.env("CARGO_ENCODED_RUSTFLAGS", rustflags);
        }
        Ok(BuildCommand {
            command,
            shown: shown(root, &arguments),
            zigbuild,
            zig,
        })
    }

    /// Directories of all packages that are no downloads. Where cargo cannot tell, the build says why.
    async fn local(&self, workspace: &Workspace) -> Vec<PathBuf> {
        let arguments = ["metadata", "--format-version", "1", "--color", "never"];
        let answer = self
            .program(&self.program, &workspace.root, None)
            .args(arguments)
            .output()
            .await;
        let whole = answer
            .ok()
            .filter(|answer| answer.status.success())
            .and_then(|answer| Workspace::parse(&answer.stdout).ok());
        let packages = whole.map_or_else(|| workspace.packages.clone(), |whole| whole.packages);
        packages
            .iter()
            .filter(|package| package.source.is_none())
            .map(|package| package.directory().to_owned())
            .collect()
    }
}

/// The command as typed in a shell; without the options that only a program needs.
fn shown(directory: &Path, arguments: &[String]) -> String {
    format!(
        "(cd {} && cargo {})",
        quoted(&directory.to_string_lossy()),
        arguments
            .iter()
            .map(|argument| quoted(argument))
            .collect::<Vec<_>>()
            .join(" ")
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
