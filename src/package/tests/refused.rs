//! What cannot become an artifact, and what is said of it.

use std::error::Error as _;

use miette::Diagnostic as _;

use super::super::*;
use super::{Project, alone, manifest_of, options};
use archive::Effort;
use variant::HOST;

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
    assert!(help(&error).contains("cargo-zigbuild`"), "{}", help(&error));
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
