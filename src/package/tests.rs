//! The stage as a whole, with a real cargo on crates without dependencies.

use std::cell::RefCell;
use std::error::Error as _;

use miette::Diagnostic as _;

use super::*;
use crate::stack::model::{Days, Function, Megabytes, Seconds, Source};
use archive::Effort;
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
    let functions = [("one", "f"), ("two", "f")];
    let error = project
        .package_with(&functions, |options| {
            options.variables = vec![("PATH".into(), project.root.path().into())];
        })
        .await
        .expect_err("there is no cargo");
    assert!(
        matches!(&error, PackageError::CargoMissing { program, .. } if program == "cargo"),
        "{error:?}"
    );
}

/// An instruction set that is not this host's.
fn foreign() -> Architecture {
    match HOST {
        Architecture::Arm64 => Architecture::X86_64,
        _ => Architecture::Arm64,
    }
}

fn code(error: &PackageError) -> String {
    error
        .code()
        .map(|code| code.to_string())
        .unwrap_or_default()
}

fn help(error: &PackageError) -> String {
    error
        .help()
        .map(|help| help.to_string())
        .unwrap_or_default()
}

#[tokio::test]
async fn another_instruction_set_is_refused_before_anything_is_built_where_nothing_runs_it() {
    use pipectl_emulator::programs::{Machine, kernel_runs};

    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let machine = match foreign() {
        Architecture::Arm64 => Machine::Arm64,
        _ => Machine::X86_64,
    };
    let outcome = project
        .package_with(&[("one", "f")], |options| {
            options.architecture = Some(foreign());
            // With this, a host that could run it still has nothing to build it with.
            options.variables = vec![("PATH".into(), project.root.path().into())];
        })
        .await;
    let error = outcome.expect_err("not for this machine");
    let expected = if kernel_runs(machine) {
        "package::cargo_missing"
    } else {
        "package::architecture"
    };
    assert_eq!(code(&error), expected);
    assert!(!project.root.path().join("f/target").exists());
}

#[tokio::test]
async fn nothing_changed_means_that_cargo_is_not_started() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "mod part; fn main() { part::run(); }\n"),
        ("f/src/part.rs", "pub fn run() {}\n"),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    assert_eq!(project.why(), [Why::First]);
    assert_eq!(project.cargo_calls(), 1);

    // A program that is no cargo stands in: it would be an error to start it.
    let without_cargo = |options: &mut Options| {
        options
            .variables
            .push(("CARGO".into(), "/nowhere/cargo".into()));
    };
    project
        .package_with(&functions, without_cargo)
        .await
        .expect("nothing to do");
    assert!(
        matches!(project.why()[..], [Why::Unchanged { files }] if files >= 3),
        "{:?}",
        project.why()
    );

    // Touched, and not changed.
    project.age("f/src/part.rs", 1_800);
    project
        .package_with(&functions, without_cargo)
        .await
        .expect("nothing to do");
    assert_eq!(project.built(), [("one".to_owned(), false)]);

    // Changed, and the program is the same.
    project.write("f/src/part.rs", "pub fn run() {} // said\n");
    project.package(&functions).await.expect("packaged");
    let changed = Why::File {
        path: PathBuf::from("f/src/part.rs"),
    };
    assert_eq!((project.why(), project.cargo_calls()), (vec![changed], 1));
    assert_eq!(project.built(), [("one".to_owned(), false)]);
}

#[tokio::test]
async fn what_a_build_reads_besides_sources_is_looked_at_too() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"f\", \"shared\"]\n",
        ),
        (
            "f/Cargo.toml",
            &format!(
                "{}[dependencies]\nshared = {{ path = \"../shared\" }}\n",
                manifest_of("f")
            ),
        ),
        (
            "f/src/main.rs",
            "fn main() { println!(\"{} {:?}\", shared::text(), option_env!(\"STAGE\")); }\n",
        ),
        ("f/build.rs", "fn main() {}\n"),
        ("f/note.txt", "one"),
        ("shared/Cargo.toml", &manifest_of("shared")),
        (
            "shared/src/lib.rs",
            "pub fn text() -> &'static str { include_str!(\"../../text.txt\") }\n",
        ),
        ("text.txt", "one"),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    project.package(&functions).await.expect("packaged");
    assert_eq!(project.cargo_calls(), 0, "{:?}", project.why());

    for (file, text) in [
        ("text.txt", "two"),
        (
            "shared/src/lib.rs",
            "pub fn text() -> &'static str { \"three\" }\n",
        ),
        // A build script that says nothing of what it reads may read anything of its package.
        ("f/note.txt", "two"),
        (".cargo/config.toml", "[build]\nincremental = false\n"),
    ] {
        project.write(file, text);
        project.package(&functions).await.expect("packaged");
        assert_eq!(project.why(), [Why::File { path: file.into() }]);
        project.package(&functions).await.expect("packaged");
        assert_eq!(
            project.cargo_calls(),
            0,
            "after {file}: {:?}",
            project.why()
        );
    }
    let stage = |options: &mut Options| options.variables.push(("STAGE".into(), "test".into()));
    project
        .package_with(&functions, stage)
        .await
        .expect("packaged");
    let name = "STAGE".to_owned();
    assert_eq!(project.why(), [Why::Variable { name }]);
    assert_eq!(project.built(), [("one".to_owned(), true)]);
}

#[tokio::test]
async fn a_lost_or_cut_zip_is_made_again() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let functions = [("one", "f")];
    let artifacts = project.package(&functions).await.expect("packaged");
    let zip = artifacts["one"].zip.clone();
    let whole = std::fs::read(&zip).expect("the zip");
    for damage in [None, Some(&whole[..whole.len() / 2])] {
        match damage {
            None => std::fs::remove_file(&zip).expect("removed"),
            Some(half) => std::fs::write(&zip, half).expect("cut"),
        }
        let again = project.package(&functions).await.expect("packaged");
        assert_eq!(again, artifacts);
        assert_eq!(std::fs::read(&zip).expect("the zip"), whole);
    }
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
async fn a_crate_that_its_workspace_does_not_know_is_told_so() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = []\n",
        ),
        ("f/Cargo.toml", &manifest_of("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let error = project
        .package(&[("one", "f")])
        .await
        .expect_err("not a member");
    assert_eq!(code(&error), "package::outside_workspace");
    assert!(
        help(&error).contains("workspace.members"),
        "{}",
        help(&error)
    );
}

#[tokio::test]
async fn a_damaged_lock_file_has_a_next_step_of_its_own() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
        ("f/Cargo.lock", "<<<<<<< ours\n"),
    ]);
    let error = project
        .package(&[("one", "f")])
        .await
        .expect_err("the lock file is damaged");
    assert_eq!(code(&error), "package::cargo");
    assert!(
        help(&error).starts_with("Cargo.lock there is damaged"),
        "{}",
        help(&error)
    );
}

#[tokio::test]
async fn zips_that_were_made_elsewhere_are_checked_like_our_own() {
    let project = Project::new(&[]);
    let script =
        archive::Zip::new(&[(archive::BOOTSTRAP, b"#!/bin/sh\n")], Effort::Quick).expect("zipped");
    project.write("good.zip", &script.bytes);
    project.write("cut.zip", &script.bytes[..script.bytes.len() / 2]);
    let named = archive::Zip::new(&[("worker", b"#!/bin/sh\n")], Effort::Quick).expect("zipped");
    project.write("named.zip", named.bytes);
    let foreign_program = inspect::tests::header(
        2,
        1,
        2,
        if foreign() == Architecture::Arm64 {
            183
        } else {
            62
        },
    );
    let other = archive::Zip::new(&[(archive::BOOTSTRAP, &foreign_program)], Effort::Quick)
        .expect("zipped");
    project.write("other.zip", other.bytes);
    let windows =
        archive::Zip::new(&[(archive::BOOTSTRAP, b"MZ\x90")], Effort::Quick).expect("zipped");
    project.write("windows.zip", windows.bytes);

    let good = project
        .package(&[("one", "good.zip")])
        .await
        .expect("an artifact");
    assert_eq!(good["one"].sha256, script.code_sha256());
    assert_eq!(
        good["one"].zip,
        project.root.path().join("good.zip"),
        "used where it is"
    );
    assert_eq!(project.built(), [("one".to_owned(), true)]);
    project
        .package(&[("one", "good.zip")])
        .await
        .expect("an artifact");
    assert_eq!(project.built(), [("one".to_owned(), false)]);

    for (file, expected) in [
        ("cut.zip", "package::bad_zip"),
        ("named.zip", "package::no_bootstrap"),
        ("other.zip", "package::wrong_machine"),
        ("windows.zip", "package::wrong_machine"),
    ] {
        let error = project
            .package(&[("one", file)])
            .await
            .expect_err("not an artifact");
        assert_eq!(code(&error), expected, "{file}");
        assert!(!help(&error).is_empty(), "{file}");
    }
}

#[tokio::test]
async fn without_zig_the_error_names_the_one_command_that_installs_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
        // A compiler that has every target, so that only the linker is missing.
        ("bin/rustc", "#!/bin/sh\necho /\n"),
    ]);
    let rustc = project.root.path().join("bin/rustc");
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let cargo = toolchain::find("cargo", &options().variables).expect("cargo is there");
    let error = project
        .package_with(&[("one", "f")], |options| {
            options.runs_on = RunsOn::Lambda;
            options.architecture = Some(foreign());
            options
                .variables
                .retain(|(name, _)| name != "PATH" && name != "CARGO" && name != "RUSTC");
            options.variables.push(("CARGO".into(), cargo.into()));
            options.variables.push(("RUSTC".into(), rustc.into()));
            options.variables.push(("PATH".into(), "/nowhere".into()));
        })
        .await
        .expect_err("there is no zig");
    assert_eq!(code(&error), "package::zig_missing");
    assert!(
        help(&error).contains("install cargo-zigbuild`"),
        "{}",
        help(&error)
    );
}

#[tokio::test]
async fn without_rustup_a_missing_target_is_named_with_its_command() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
        ("bin/rustc", "#!/bin/sh\necho /nowhere\n"),
        (
            "bin/rustup",
            "#!/bin/sh\necho 'error: no network' >&2\nexit 1\n",
        ),
    ]);
    for name in ["rustc", "rustup"] {
        let path = project.root.path().join("bin").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let cargo = toolchain::find("cargo", &options().variables).expect("cargo is there");
    let bin = project.root.path().join("bin");
    for (path, said) in [
        ("/nowhere".into(), "rustup is not on the PATH"),
        (bin.clone(), "error: no network"),
    ] {
        let error = project
            .package_with(&[("one", "f")], |options| {
                options.runs_on = RunsOn::Lambda;
                options
                    .variables
                    .retain(|(name, _)| name != "PATH" && name != "CARGO" && name != "RUSTC");
                options
                    .variables
                    .push(("CARGO".into(), cargo.clone().into()));
                options
                    .variables
                    .push(("RUSTC".into(), bin.join("rustc").into()));
                options.variables.push(("PATH".into(), path.into()));
            })
            .await
            .expect_err("there is no standard library");
        assert_eq!(code(&error), "package::target_missing");
        assert!(
            help(&error).starts_with("run `rustup target add "),
            "{}",
            help(&error)
        );
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert_eq!(cause, said);
    }
}

#[tokio::test]
async fn a_stack_without_functions_runs_nothing() {
    let project = Project::new(&[]);
    let artifacts = project.package(&[]).await.expect("nothing to do");
    assert!(artifacts.is_empty() && project.events.borrow().is_empty());
}
