//! What stands before each function of a copy: a small program, of which pipectl carries the source, built by the
//! user's own cargo for what the target runs. It does what a scenario asks for and hands on everything else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::package::{self, Artifact, Options, PackageError, PackageEvent, RunsOn};
use crate::stack::model::{Architecture, Days, Function, Megabytes, Seconds, Source, Stack};

/// Files of the crate.
const FILES: &[(&str, &str)] = &[
    (
        "Cargo.lock",
        include_str!("../../crates/front/standalone.lock"),
    ),
    (
        "src/main.rs",
        include_str!("../../crates/front/src/main.rs"),
    ),
    (
        "src/marks.rs",
        include_str!("../../crates/front/src/marks.rs"),
    ),
    (
        "src/messages.rs",
        include_str!("../../crates/front/src/messages.rs"),
    ),
];
const MANIFEST: &str = include_str!("../../crates/front/Cargo.toml");
/// Name of the function, and of the stack it is in.
const FRONT: &str = "pipectl-front";
/// How the function's own program is called in its zip. As the front has it.
const PROGRAM: &str = "program";
/// The file that tells which code it is. As the front has it.
const NOTE: &str = "pipectl-parity.txt";
/// Set, the function fails before it is ready. As the front has it.
pub const FAIL_INIT: &str = "PIPECTL_PARITY_FAIL_INIT";
/// What begins a mark. As the front has it.
pub const MARK: &str = "pipectl-parity--";

/// Artifacts with the front before each, made in a directory that goes with them.
pub struct Fronts {
    functions: BTreeMap<String, Artifact>,
    fronts: BTreeMap<&'static str, Artifact>,
    directory: tempfile::TempDir,
}

impl Fronts {
    /// Builds the front for every instruction set of `functions`; with `for_amazon_linux` one that runs there,
    /// whatever this machine would build for itself.
    ///
    /// # Errors
    /// What packaging gives; the files cannot be written.
    pub async fn build(
        root: &Path,
        functions: BTreeMap<String, Artifact>,
        options: &Options,
        for_amazon_linux: bool,
        events: &dyn Fn(PackageEvent),
    ) -> Result<Self, PackageError> {
        let unwritten = |path: &Path, source| PackageError::Files {
            function: FRONT.to_owned(),
            what: "write",
            path: path.to_owned(),
            source,
        };
        let home = root.join(".pipectl").join("front");
        for (name, text) in FILES {
            write(&home.join(name), text).map_err(|error| unwritten(&home.join(name), error))?;
        }
        // Of no workspace that it happens to lie in.
        let manifest = format!("{MANIFEST}\n[workspace]\n");
        let path = home.join("Cargo.toml");
        write(&path, &manifest).map_err(|error| unwritten(&path, error))?;

        let mut fronts = BTreeMap::new();
        for artifact in functions.values() {
            let architecture = artifact.architecture;
            if fronts.contains_key(architecture.label()) {
                continue;
            }
            let options = Options {
                architecture: Some(architecture),
                ..options.clone()
            };
            let mut made = package::package(&stack(root), options.clone(), events).await?;
            let fits = made.values().all(Artifact::runs_on_amazon_linux);
            if for_amazon_linux && !fits {
                let options = Options {
                    runs_on: RunsOn::Lambda,
                    ..options
                };
                made = package::package(&stack(root), options, events).await?;
            }
            if let Some(front) = made.remove(FRONT) {
                fronts.insert(architecture.label(), front);
            }
        }
        let temporary = std::env::temp_dir();
        let directory = tempfile::tempdir().map_err(|error| unwritten(&temporary, error))?;
        Ok(Self {
            functions,
            fronts,
            directory,
        })
    }

    /// The functions with the front before each; `notes` tells of some which code it is.
    ///
    /// # Errors
    /// A zip cannot be read or written.
    pub fn with(
        &self,
        notes: &BTreeMap<String, String>,
    ) -> std::io::Result<BTreeMap<String, Artifact>> {
        let artifacts = self.functions.iter().map(|(name, artifact)| {
            let note = notes.get(name).map_or("first", String::as_str);
            let front = self.fronts.get(artifact.architecture.label());
            let front = front.ok_or_else(|| std::io::Error::other("no front for it"))?;
            let zip = self.directory.path().join(format!("{name}-{note}.zip"));
            if !zip.is_file() {
                let extra = (NOTE, note.as_bytes());
                package::behind(&artifact.zip, PROGRAM, &front.zip, extra, &zip)?;
            }
            let made = Artifact::made_elsewhere(name, zip, artifact.architecture)?;
            Ok((name.clone(), made))
        });
        artifacts.collect()
    }
}

/// Writes what is not there as it is: cargo builds anew what was touched.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    package::replace(path, text.as_bytes())
}

/// A stack with the front as its only function.
fn stack(root: &Path) -> Stack {
    let function = Function {
        name: FRONT.to_owned(),
        source: Source::Crate(PathBuf::from(".pipectl/front")),
        memory: Megabytes(128),
        timeout: Seconds(3),
        architecture: Architecture::Host,
        environment: Vec::new(),
        access: Vec::new(),
        role: None,
        on_failure: None,
        async_retries: 0,
        reserved_concurrency: None,
        log_retention: Days(1),
    };
    Stack {
        name: FRONT.to_owned(),
        file: PathBuf::new(),
        root: root.to_owned(),
        permissions_boundary: None,
        buckets: Vec::new(),
        queues: Vec::new(),
        tables: Vec::new(),
        functions: vec![function],
        notifications: Vec::new(),
        mappings: Vec::new(),
        templates: Vec::new(),
        outputs: Vec::new(),
        tests: Vec::new(),
    }
}
