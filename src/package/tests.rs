//! The stage as a whole, with a real cargo on crates without dependencies.

use std::cell::RefCell;
use std::error::Error as _;

use miette::Diagnostic as _;

use super::*;
use crate::stack::model::{Days, Megabytes, Seconds};

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

    fn write(&self, name: &str, text: &str) {
        let path = self.root.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, text).expect("written");
    }

    fn stack(&self, functions: &[(&str, &str)]) -> Stack {
        let function = |(name, crate_dir): &(&str, &str)| Function {
            name: (*name).to_owned(),
            crate_dir: PathBuf::from(crate_dir),
            memory: Megabytes(128),
            timeout: Seconds(3),
            architecture: Architecture::Host,
            environment: Vec::new(),
            access: Vec::new(),
            on_failure: None,
            async_retries: 2,
            reserved_concurrency: None,
            log_retention: Days(7),
        };
        Stack {
            name: "s".to_owned(),
            file: self.root.path().join("stacks/s.yaml"),
            root: self.root.path().to_owned(),
            buckets: Vec::new(),
            queues: Vec::new(),
            tables: Vec::new(),
            functions: functions.iter().map(function).collect(),
            notifications: Vec::new(),
            mappings: Vec::new(),
            templates: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Packages with a target directory inside the project.
    async fn package(
        &self,
        functions: &[(&str, &str)],
    ) -> Result<BTreeMap<String, Artifact>, PackageError> {
        let variables = std::env::vars_os()
            .filter(|(name, _)| {
                ![
                    "CARGO_TARGET_DIR",
                    "CARGO_BUILD_TARGET_DIR",
                    "RUSTC_WORKSPACE_WRAPPER",
                ]
                .iter()
                .any(|n| name == n)
            })
            .collect();
        let options = Options {
            profile: Profile::Dev,
            variables,
        };
        self.events.borrow_mut().clear();
        package_with(&self.stack(functions), options, &|event| {
            self.events.borrow_mut().push(event);
        })
        .await
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
    assert!(first.binary_bytes > first.zip_bytes, "{first:?}");
    assert_eq!(first.architecture, inspect::HOST);
    let name = first
        .zip
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    assert!(name.starts_with("s-trigger-"), "{name}");
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
    assert!(!first.zip.exists(), "the older artifact is removed");
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
    let finished = project.events.borrow().iter().filter(|event| {
        matches!(event, PackageEvent::Cargo { line } if line.trim_start().starts_with("Finished"))
    }).count();
    assert_eq!(
        finished, 2,
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
async fn a_compile_error_names_function_and_crate_and_shows_the_compilers_words() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("broken")),
        ("f/src/main.rs", "fn main() { let x: u32 = \"text\"; }\n"),
    ]);
    let error = project
        .package(&[("worker", "f")])
        .await
        .expect_err("it does not compile");
    assert_eq!(
        error.to_string(),
        "the crate `broken` does not compile; not built: function `worker`"
    );
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(
        cause.starts_with("error[E0308]: mismatched types\n --> src/main.rs:1:26"),
        "{cause}"
    );
    assert_eq!(cause.matches("E0308").count(), 1, "shown once: {cause}");
    let help = error
        .help()
        .map(|help| help.to_string())
        .unwrap_or_default();
    assert!(
        help.contains("/f && cargo build") && help.contains("--bin broken)"),
        "{help}"
    );
    assert!(
        !project.root.path().join(".pipectl").exists(),
        "nothing was zipped"
    );
}

#[tokio::test]
async fn what_is_wrong_with_several_functions_is_said_at_once() {
    let project = Project::new(&[
        ("lib/Cargo.toml", &alone("lib")),
        ("lib/src/lib.rs", ""),
        ("many/Cargo.toml", &alone("many")),
        ("many/src/bin/x.rs", "fn main() {}\n"),
        ("many/src/bin/y.rs", "fn main() {}\n"),
        ("empty/README.md", ""),
        ("virtual/Cargo.toml", "[workspace]\nresolver = \"2\"\n"),
        ("damaged/Cargo.toml", "[package\n"),
    ]);
    let functions =
        ["lib", "many", "empty", "virtual", "damaged", "absent"].map(|name| (name, name));
    let error = project
        .package(&functions)
        .await
        .expect_err("none is a function");
    let codes: Vec<String> = error
        .related()
        .expect("several")
        .map(|error| {
            assert!(error.help().is_some(), "{error} has no next step");
            error
                .code()
                .map(|code| code.to_string())
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(
        codes,
        [
            "package::no_binary",
            "package::several_binaries",
            "package::not_a_crate",
            "package::not_a_crate",
            "package::manifest",
            "package::crate_missing",
        ]
    );
}

#[tokio::test]
async fn without_cargo_the_error_says_how_to_get_it_and_once() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let options = Options {
        profile: Profile::Dev,
        variables: vec![("PATH".into(), project.root.path().into())],
    };
    let stack = project.stack(&[("one", "f"), ("two", "f")]);
    let error = package_with(&stack, options, &|_| ())
        .await
        .expect_err("there is no cargo");
    assert!(
        matches!(&error, PackageError::CargoMissing { program, .. } if program == "cargo"),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_instruction_set_is_refused_before_anything_is_built() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let mut stack = project.stack(&[("one", "f")]);
    stack.functions[0].architecture = match inspect::HOST {
        Architecture::Arm64 => Architecture::X86_64,
        _ => Architecture::Arm64,
    };
    let error = package(&stack, &|_| ())
        .await
        .expect_err("not for this machine");
    assert_eq!(
        error.code().map(|code| code.to_string()).as_deref(),
        Some("package::architecture")
    );
    assert!(!project.root.path().join("f/target").exists());
}

#[tokio::test]
async fn a_stack_without_functions_runs_nothing() {
    let project = Project::new(&[]);
    let artifacts = project.package(&[]).await.expect("nothing to do");
    assert!(artifacts.is_empty() && project.events.borrow().is_empty());
}
