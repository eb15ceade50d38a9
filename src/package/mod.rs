//! Stage between stack and plan: function crates become artifacts. Builds run through cargo for this
//! machine ([`build`]); a zip depends on the binary's bytes alone ([`archive`]); what is unchanged is
//! not made again ([`cache`]). Reads the stack, feeds `resource` and `plan`; never prints.

mod archive;
mod build;
mod cache;
mod environment;
mod error;
mod inspect;
mod messages;
mod metadata;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::stack::model::{Architecture, Function, Stack};
use build::{Cargo, Located};
use cache::{Entry, Index, Stamp};
use metadata::Workspace;

pub use build::Profile;
pub use error::{CargoOutput, PackageError};

/// The zip of one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Name of the function in the stack.
    pub function: String,
    /// The zip, under `.pipectl/artifacts/` of the project.
    pub zip: PathBuf,
    /// SHA-256 of the zip in base64: AWS's `CodeSha256`.
    pub sha256: String,
    /// Size of the zip, bytes.
    pub zip_bytes: u64,
    /// Size of the program in it, bytes.
    pub binary_bytes: u64,
    /// Instruction set of the program; never [`Architecture::Host`].
    pub architecture: Architecture,
}

/// What happens while packaging.
#[derive(Debug, Clone)]
pub enum PackageEvent {
    /// Work on these functions began.
    Started {
        /// Their names, in file order.
        functions: Vec<String>,
    },
    /// Cargo wrote a line of progress, or of its own errors.
    Cargo {
        /// The line as written, without colours.
        line: String,
    },
    /// An artifact is ready.
    Finished {
        /// The artifact.
        artifact: Artifact,
        /// Was it made now? False when the one at hand is still right.
        built: bool,
        /// Since packaging started.
        elapsed: Duration,
    },
}

/// How functions are packaged.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cargo profile; by default that of pipectl itself.
    pub profile: Profile,
    /// Environment of this process, from which that of cargo is made.
    pub variables: Vec<(OsString, OsString)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            variables: std::env::vars_os().collect(),
        }
    }
}

/// Builds and zips all functions of the stack with default [`Options`]: artifacts by function name.
///
/// Errors of several functions are collected. Dropping the future ends cargo.
pub async fn package(
    stack: &Stack,
    events: &dyn Fn(PackageEvent),
) -> Result<BTreeMap<String, Artifact>, PackageError> {
    package_with(stack, Options::default(), events).await
}

/// As [`package`], with options.
pub async fn package_with(
    stack: &Stack,
    options: Options,
    events: &dyn Fn(PackageEvent),
) -> Result<BTreeMap<String, Artifact>, PackageError> {
    let begun = Instant::now();
    if stack.functions.is_empty() {
        return Ok(BTreeMap::new());
    }
    events(PackageEvent::Started {
        functions: stack
            .functions
            .iter()
            .map(|function| function.name.clone())
            .collect(),
    });
    let cargo = Cargo::new(options.variables, options.profile);
    let mut workspaces = Vec::new();
    let located = locate(stack, &cargo, &mut workspaces).await?;

    let mut artifacts = BTreeMap::new();
    let mut errors = Vec::new();
    for batch in build::batches(located) {
        let Some(workspace) = workspaces
            .iter()
            .find(|workspace| workspace.root == batch.root)
        else {
            continue;
        };
        match cargo.build(&batch, workspace, events).await {
            Ok(executables) => archive_all(stack, executables, &mut |artifact, built| {
                events(PackageEvent::Finished {
                    artifact: artifact.clone(),
                    built,
                    elapsed: begun.elapsed(),
                });
                artifacts.insert(artifact.function.clone(), artifact);
            })
            .await
            .unwrap_or_else(|error| errors.push(error)),
            Err(error) => errors.push(error),
        }
    }
    match PackageError::collect(errors) {
        None => Ok(artifacts),
        Some(error) => Err(error),
    }
}

/// Finds the package, binary and workspace of every function.
async fn locate(
    stack: &Stack,
    cargo: &Cargo,
    workspaces: &mut Vec<Workspace>,
) -> Result<Vec<Located>, PackageError> {
    let mut located = Vec::new();
    let mut errors = Vec::new();
    for function in &stack.functions {
        match locate_one(stack, function, cargo, workspaces).await {
            Ok(found) => located.push(found),
            // The same for every function: said once.
            Err(error @ PackageError::CargoMissing { .. }) => return Err(error),
            Err(error) => errors.push(error),
        }
    }
    PackageError::collect(errors).map_or(Ok(located), Err)
}

async fn locate_one(
    stack: &Stack,
    function: &Function,
    cargo: &Cargo,
    workspaces: &mut Vec<Workspace>,
) -> Result<Located, PackageError> {
    let name = &function.name;
    if inspect::resolve(function.architecture) != inspect::HOST {
        return Err(PackageError::Architecture {
            function: name.clone(),
            wanted: inspect::label(function.architecture),
            host: inspect::label(inspect::HOST),
        });
    }
    let manifest = manifest(stack, function)?;
    let known = workspaces
        .iter()
        .position(|workspace| workspace.package_at(&manifest).is_some());
    let index = if let Some(index) = known {
        index
    } else {
        workspaces.push(cargo.workspace(name, &manifest).await?);
        workspaces.len() - 1
    };
    let workspace = &workspaces[index];
    let package = workspace
        .package_at(&manifest)
        .ok_or_else(|| not_a_crate(function, &manifest))?;
    let binary = package.binary_of(name)?;
    Ok(Located {
        function: name.clone(),
        root: workspace.root.clone(),
        binary: binary.to_owned(),
        by_default: workspace.selects_by_default(package, binary),
        package: package.clone(),
    })
}

/// The function's Cargo.toml, symbolic links resolved: cargo looks for the workspace in the parents
/// of the path as given, which for a linked directory are the wrong ones.
fn manifest(stack: &Stack, function: &Function) -> Result<PathBuf, PackageError> {
    let wanted = stack.root.join(&function.crate_dir);
    let directory = wanted
        .canonicalize()
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => PackageError::CrateMissing {
                function: function.name.clone(),
                path: function.crate_dir.clone(),
            },
            _ => PackageError::Files {
                function: function.name.clone(),
                what: "read",
                path: wanted,
                source,
            },
        })?;
    let manifest = directory.join("Cargo.toml");
    if manifest.is_file() {
        Ok(manifest)
    } else {
        Err(not_a_crate(function, &manifest))
    }
}

fn not_a_crate(function: &Function, manifest: &Path) -> PackageError {
    PackageError::NotACrate {
        function: function.name.clone(),
        path: manifest.parent().unwrap_or(manifest).to_owned(),
    }
}

/// Zips what cargo built, all functions at the same time; `done` is called in file order.
async fn archive_all(
    stack: &Stack,
    executables: BTreeMap<String, PathBuf>,
    done: &mut dyn FnMut(Artifact, bool),
) -> Result<(), PackageError> {
    let directory = stack.root.join(".pipectl").join("artifacts");
    let mut index = Index::load(&directory);
    let mut tasks = Vec::new();
    for function in &stack.functions {
        if let Some(executable) = executables.get(&function.name) {
            let job = Job {
                function: function.name.clone(),
                // Two stacks of one project may both have a function of this name.
                name: format!("{}-{}", stack.name, function.name),
                executable: executable.clone(),
                wanted: function.architecture,
                directory: directory.clone(),
            };
            let known = index
                .get(&directory, &job.name, inspect::resolve(job.wanted))
                .cloned();
            tasks.push(tokio::task::spawn_blocking(move || job.run(known)));
        }
    }
    let mut errors = Vec::new();
    for task in tasks {
        let outcome = match task.await {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        match outcome {
            Ok(Outcome {
                name,
                entry,
                artifact,
                built,
            }) => {
                index.insert(name, entry);
                done(artifact, built);
            }
            Err(error) => errors.push(error),
        }
    }
    if let Err((path, source)) = index.save(&directory) {
        errors.push(PackageError::Files {
            function: stack.functions[0].name.clone(),
            what: "write",
            path,
            source,
        });
    }
    PackageError::collect(errors).map_or(Ok(()), Err)
}

/// Making the artifact of one function.
struct Job {
    function: String,
    /// Begin of the zip's file name.
    name: String,
    executable: PathBuf,
    wanted: Architecture,
    directory: PathBuf,
}

struct Outcome {
    name: String,
    entry: Entry,
    artifact: Artifact,
    built: bool,
}

impl Job {
    /// Uses what is `known` of this function's zip as far as the binary is still the same.
    fn run(self, known: Option<Entry>) -> Result<Outcome, PackageError> {
        let stamp = Stamp::of(&self.executable)
            .map_err(|error| self.files("read", &self.executable, error))?;
        if let Some(entry) = known.clone().filter(|entry| entry.binary == stamp) {
            return Ok(self.finish(entry, false));
        }
        let binary = std::fs::read(&self.executable)
            .map_err(|error| self.files("read", &self.executable, error))?;
        let binary_sha256 = hex::encode(Sha256::digest(&binary));
        if let Some(entry) = known.filter(|entry| entry.binary_sha256 == binary_sha256) {
            return Ok(self.finish(
                Entry {
                    binary: stamp,
                    ..entry
                },
                false,
            ));
        }
        self.check(&binary)?;
        let zip = archive::Zip::new(&[(archive::BOOTSTRAP, &binary)])
            .map_err(|error| self.files("zip", &self.executable, error))?;
        std::fs::create_dir_all(&self.directory)
            .map_err(|error| self.files("write", &self.directory, error))?;
        zip.store(&self.directory, &self.name)
            .map_err(|(path, error)| self.files("write", &path, error))?;
        let entry = Entry {
            binary: Stamp {
                len: binary.len() as u64,
                ..stamp
            },
            binary_sha256,
            architecture: inspect::resolve(self.wanted),
            zip: zip.file_name(&self.name),
            zip_sha256: zip.code_sha256(),
            zip_bytes: zip.bytes.len() as u64,
        };
        Ok(self.finish(entry, true))
    }

    /// Programs of the host's own format are right for the host, whatever that is; only Linux's go
    /// to Lambda.
    fn check(&self, binary: &[u8]) -> Result<(), PackageError> {
        if self.wanted == Architecture::Host && !cfg!(target_os = "linux") {
            return Ok(());
        }
        inspect::check(binary, self.wanted).map_err(|found| PackageError::WrongBinary {
            function: self.function.clone(),
            path: self.executable.clone(),
            found,
            wanted: inspect::label(self.wanted),
        })
    }

    fn finish(self, entry: Entry, built: bool) -> Outcome {
        Outcome {
            artifact: Artifact {
                zip: self.directory.join(&entry.zip),
                function: self.function,
                sha256: entry.zip_sha256.clone(),
                zip_bytes: entry.zip_bytes,
                binary_bytes: entry.binary.len,
                architecture: entry.architecture,
            },
            name: self.name,
            entry,
            built,
        }
    }

    fn files(&self, what: &'static str, path: &Path, source: std::io::Error) -> PackageError {
        PackageError::Files {
            function: self.function.clone(),
            what,
            path: path.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests;
