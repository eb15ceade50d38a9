//! The stage as a whole, with a real cargo on crates without dependencies.

mod refused;
mod reuse;

use std::cell::RefCell;

use super::*;
use crate::stack::model::{Days, Function, Megabytes, Seconds, Source};
use build::Profile;
use variant::HOST;

/// A project directory with crates in it.
struct Project {
    root: tempfile::TempDir,
    events: RefCell<Vec<PackageEvent>>,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            root: tempfile::tempdir().expect("a temporary directory"),
            events: RefCell::default(),
        };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    /// What is new was written an hour ago; what is written again is newer than any build, for cargo.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.root.path().join(name);
        let is_new = !path.exists();
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(&path, content).expect("written");
        if is_new {
            self.age(name, 3_600);
        }
    }

    /// Sets the time of the last change to so many seconds ago.
    fn age(&self, name: &str, seconds: u64) {
        let modified = std::time::SystemTime::now() - Duration::from_secs(seconds);
        std::fs::File::options()
            .write(true)
            .open(self.root.path().join(name))
            .and_then(|file| file.set_modified(modified))
            .expect("aged");
    }

    fn stack(&self, functions: &[(&str, &str)]) -> Stack {
        let function = |(name, crate_dir): &(&str, &str)| Function {
            name: (*name).to_owned(),
            source: if crate_dir.contains(".zip") {
                Source::Artifact(PathBuf::from(crate_dir))
            } else {
                Source::Crate(PathBuf::from(crate_dir))
            },
            memory: Megabytes(128),
            timeout: Seconds(3),
            architecture: Architecture::Host,
            environment: Vec::new(),
            access: Vec::new(),
            on_failure: None,
            async_retries: 2,
            reserved_concurrency: None,
            role: None,
            log_retention: Days(7),
        };
        Stack {
            name: "s".to_owned(),
            file: self.root.path().join("stacks/s.yaml"),
            root: self.root.path().to_owned(),
            permissions_boundary: None,
            buckets: Vec::new(),
            queues: Vec::new(),
            tables: Vec::new(),
            functions: functions.iter().map(function).collect(),
            notifications: Vec::new(),
            mappings: Vec::new(),
            templates: Vec::new(),
            outputs: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// Packages with a target directory inside the project.
    async fn package(
        &self,
        functions: &[(&str, &str)],
    ) -> Result<BTreeMap<String, Artifact>, PackageError> {
        self.package_with(functions, |_| ()).await
    }

    async fn package_with(
        &self,
        functions: &[(&str, &str)],
        change: impl FnOnce(&mut Options),
    ) -> Result<BTreeMap<String, Artifact>, PackageError> {
        let mut options = options();
        change(&mut options);
        self.events.borrow_mut().clear();
        package(&self.stack(functions), options, &|event| {
            self.events.borrow_mut().push(event);
        })
        .await
    }

    /// Why each function was looked at or made, in the order in which they were ready.
    fn why(&self) -> Vec<Why> {
        let events = self.events.borrow();
        let finished = events.iter().filter_map(|event| match event {
            PackageEvent::Finished { why, .. } => Some(why.clone()),
            _ => None,
        });
        finished.collect()
    }

    /// How often cargo built something, or found that there was nothing to build.
    fn cargo_calls(&self) -> usize {
        let events = self.events.borrow();
        let finished = events.iter().filter(|event| {
            matches!(event, PackageEvent::Cargo { line } if line.trim_start().starts_with("Finished"))
        });
        finished.count()
    }

    fn built(&self) -> Vec<(String, bool)> {
        let events = self.events.borrow();
        let finished = events.iter().filter_map(|event| match event {
            PackageEvent::Finished {
                artifact, built, ..
            } => Some((artifact.function.clone(), *built)),
            _ => None,
        });
        finished.collect()
    }
}

/// As on a machine whose settings for cargo say nothing of where builds go.
fn options() -> Options {
    let mut options = Options::new(RunsOn::Host { by_qemu: false });
    options.profile = Profile::Dev;
    options.variables.retain(|(name, _)| {
        ![
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET_DIR",
            "RUSTC_WORKSPACE_WRAPPER",
        ]
        .iter()
        .any(|n| name == n)
    });
    options
}

fn manifest_of(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
}

fn alone(name: &str) -> String {
    format!("{}[workspace]\n", manifest_of(name))
}

#[tokio::test]
async fn a_crate_becomes_an_artifact_and_then_stays_it() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() { println!(\"one\"); }\n"),
    ]);
    let artifacts = project
        .package(&[("trigger", "f")])
        .await
        .expect("packaged");
    let first = artifacts["trigger"].clone();
    assert_eq!(project.built(), [("trigger".to_owned(), true)]);
    let zip = std::fs::read(&first.zip).expect("the zip");
    assert_eq!(first.zip_bytes, zip.len() as u64);
    assert!(first.program_bytes > first.zip_bytes, "{first:?}");
    assert_eq!(first.architecture, HOST);
    let name = first
        .zip
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    assert!(name.starts_with("s.trigger.host-"), "{name}");
    assert!(
        matches!(&project.events.borrow()[0], PackageEvent::Started { functions } if functions == &["trigger"])
    );

    let again = project
        .package(&[("trigger", "f")])
        .await
        .expect("packaged");
    assert_eq!(project.built(), [("trigger".to_owned(), false)]);
    assert_eq!(again["trigger"], first);

    project.write("f/src/main.rs", "fn main() { println!(\"another\"); }\n");
    let changed = project
        .package(&[("trigger", "f")])
        .await
        .expect("packaged");
    assert_eq!(project.built(), [("trigger".to_owned(), true)]);
    assert_ne!(changed["trigger"].sha256, first.sha256);
    assert!(first.zip.exists(), "somebody may be sending it");
    project.write("f/src/main.rs", "fn main() { println!(\"a third\"); }\n");
    project
        .package(&[("trigger", "f")])
        .await
        .expect("packaged");
    assert!(!first.zip.exists(), "older artifacts are removed");
}

#[tokio::test]
async fn one_cargo_call_builds_the_default_members_of_a_workspace() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"a\", \"b\", \"c\"]\ndefault-members = [\"a\", \"b\"]\n",
        ),
        ("a/Cargo.toml", &manifest_of("a")),
        ("a/src/main.rs", "fn main() {}\n"),
        ("b/Cargo.toml", &manifest_of("b")),
        ("b/src/main.rs", "fn main() {}\n"),
        (
            "c/Cargo.toml",
            &format!(
                "{}[[bin]]\nname = \"a\"\npath = \"src/main.rs\"\n",
                manifest_of("c")
            ),
        ),
        ("c/src/main.rs", "fn main() { println!(\"c\"); }\n"),
    ]);
    std::os::unix::fs::symlink(
        project.root.path().join("b"),
        project.root.path().join("linked"),
    )
    .expect("a link");
    let functions = [("one", "a"), ("two", "linked"), ("three", "c")];
    let artifacts = project.package(&functions).await.expect("packaged");
    assert_eq!(artifacts.len(), 3);
    assert_ne!(
        artifacts["one"].sha256, artifacts["three"].sha256,
        "both binaries are called `a`"
    );
    assert_eq!(
        project.cargo_calls(),
        2,
        "the default members, and the other binary of the same name"
    );
    let before: BTreeMap<String, Artifact> = artifacts;
    assert_eq!(project.package(&functions).await.expect("packaged"), before);
    assert!(
        project.built().iter().all(|(_, built)| !built),
        "{:?}",
        project.built()
    );
}

#[tokio::test]
async fn one_function_of_several_is_built_with_the_features_of_all() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"a\", \"b\", \"shared\"]\ndefault-members = [\"shared\"]\n",
        ),
        (
            "a/Cargo.toml",
            &format!(
                "{}[dependencies]\nshared = {{ path = \"../shared\" }}\n",
                manifest_of("a")
            ),
        ),
        (
            "a/src/main.rs",
            "fn main() { println!(\"{}\", shared::LONG); }\n",
        ),
        (
            "b/Cargo.toml",
            &format!(
                "{}[dependencies]\nshared = {{ path = \"../shared\", features = [\"long\"] }}\n",
                manifest_of("b")
            ),
        ),
        (
            "b/src/main.rs",
            "fn main() { println!(\"{}\", shared::LONG); }\n",
        ),
        (
            "shared/Cargo.toml",
            &format!("{}[features]\nlong = []\n", manifest_of("shared")),
        ),
        (
            "shared/src/lib.rs",
            "pub const LONG: bool = cfg!(feature = \"long\");\n",
        ),
    ]);
    let functions = [("one", "a"), ("two", "b")];
    let both = project.package(&functions).await.expect("packaged");
    assert_eq!(project.cargo_calls(), 1);
    std::fs::remove_dir_all(project.root.path().join(".pipectl")).expect("removed");
    let alone = project
        .package_with(&functions, |options| {
            options.only = Some(vec!["one".to_owned()]);
        })
        .await
        .expect("packaged");
    assert_eq!(alone.len(), 1);
    assert_eq!(alone["one"].sha256, both["one"].sha256);
}

#[tokio::test]
async fn a_stack_without_functions_runs_nothing() {
    let project = Project::new(&[]);
    let artifacts = project.package(&[]).await.expect("nothing to do");
    assert!(artifacts.is_empty() && project.events.borrow().is_empty());
}
