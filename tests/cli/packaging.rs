//! `pipectl package`, and what `up` does about artifacts: which are made, which are not, which are refused.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use pipectl_testkit::TestEnv;
use serde_json::Value;

use super::{empty, squeezed};

/// A project with one function in a crate without dependencies.
fn small() -> TestEnv {
    let env = empty();
    env.write(
        "f/Cargo.toml",
        "[package]\nname = \"f\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n",
    );
    env.write("f/src/main.rs", "fn main() {\n    println!(\"one\");\n}\n");
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nfunctions: { f: { crate: f } }\n",
    );
    // Older than any build, so that nothing seems to be written while it is built.
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    for name in ["f/Cargo.toml", "f/src/main.rs"] {
        std::fs::File::options()
            .write(true)
            .open(env.root().join(name))
            .and_then(|file| file.set_modified(past))
            .expect("aged");
    }
    env
}

/// The small project builds into a directory of its own.
fn package(env: &TestEnv, arguments: &[&str]) -> pipectl_testkit::Transcript {
    let all: Vec<&str> = std::iter::once("package")
        .chain(arguments.iter().copied())
        .collect();
    env.invocation(&all)
        .env("CARGO_TARGET_DIR", env.root().join("target"))
        .run()
}

fn artifact(env: &TestEnv, arguments: &[&str]) -> Value {
    let all: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--output", "json"])
        .collect();
    let data = package(env, &all).expect_success().json();
    data["data"]["artifacts"][0].clone()
}

fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, mode, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        zip.start_file(*name, options).expect("started");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_function_is_packaged_explained_and_then_left_alone() {
    let env = small();
    let first = package(&env, &[]).expect_success();
    assert!(
        first.stderr.contains("packaged f, "),
        "{}",
        first.unredacted()
    );
    let said = squeezed(&first.stdout);
    for fact in [
        "zipped",
        "unpacked, new",
        "zip .pipectl/artifacts/demo.f.host-",
        "sha256 ",
    ] {
        assert!(said.contains(fact), "{}", first.unredacted());
    }

    let explained = artifact(&env, &["--explain"]);
    assert_eq!(explained["built"], false);
    assert_eq!(explained["why"]["because"], "unchanged");
    let crates = explained["crates"].as_array().expect("crates");
    assert!(crates.iter().any(|one| one["name"] == "std"), "{crates:?}");

    // A cargo that is not there is not missed.
    let unchanged = env
        .invocation(&["package", "--explain"])
        .env("CARGO", "/nowhere/cargo")
        .env("CARGO_TARGET_DIR", env.root().join("target"))
        .run()
        .expect_success();
    assert!(
        unchanged.stdout.contains("not built: none of "),
        "{}",
        unchanged.unredacted()
    );

    env.write("f/src/main.rs", "fn main() {\n    println!(\"two\");\n}\n");
    let rebuilt = package(&env, &["f", "--explain"]).expect_success();
    assert!(
        rebuilt.stdout.contains("built: f/src/main.rs differs"),
        "{}",
        rebuilt.unredacted()
    );
    assert_eq!(
        names(&env.root().join(".pipectl/artifacts")).len(),
        3,
        "the record, the zip and the one before"
    );
}

#[test]
fn a_function_that_is_not_in_the_stack() {
    let env = small();
    assert_snapshot!(package(&env, &["g"]));
    assert!(!env.root().join(".pipectl").exists(), "nothing was built");
}

/// A directory with everything but cargo-zigbuild, wherever that may be installed.
fn without_zig(env: &TestEnv) -> std::path::PathBuf {
    let tools = env.root().join("tools");
    std::fs::create_dir_all(&tools).expect("a directory");
    for name in ["cargo", "rustc", "cc", "getconf"] {
        let found = std::env::var_os("PATH")
            .and_then(|path| {
                std::env::split_paths(&path)
                    .map(|directory| directory.join(name))
                    .find(|path| path.is_file())
            })
            .expect("the tool is installed");
        let _ = std::os::unix::fs::symlink(found, tools.join(name));
    }
    tools
}

/// aws-behaviours L17
#[test]
fn what_this_host_can_run_and_amazon_linux_cannot_is_made_for_lambda() {
    let env = small();
    // A function of glibc 2.36, which a program needs that calls it.
    env.write(
        "f/src/main.rs",
        "unsafe extern \"C\" {\n    fn arc4random() -> u32;\n}\n\nfn main() {\n    println!(\"{}\", unsafe { arc4random() });\n}\n",
    );
    let host = empty();
    let mut serving = host.serve(pipectl_testkit::free_port());
    serving.ready();
    let row = |more: &str| {
        let row = format!("endpoint: '{}'{more}", serving.endpoint());
        env.write("pipectl.yaml", format!("targets: {{ own: {{ {row} }} }}\n"));
        env.invocation(&["plan", "--target", "own", "--output", "json"])
            .env("PATH", without_zig(&env))
            .env("CARGO_TARGET_DIR", env.root().join("target"))
            .run()
    };
    // Where functions run on this host, it will do.
    let made = row("").expect_success();
    assert_eq!(made.json()["error"], Value::Null);
    let refused = row(", capabilities: { runs_functions_on_amazon_linux: true }");
    let told = refused.expect_code(78);
    let text = told.json().to_string();
    assert!(
        text.contains("package::zig_missing"),
        "{}",
        told.unredacted()
    );
}

#[test]
fn for_lambda_without_zig() {
    let env = small();
    let tools = without_zig(&env);
    // The one of this host's two that its own linker cannot make.
    let foreign = if cfg!(target_arch = "aarch64") {
        "x86_64"
    } else {
        "arm64"
    };
    let transcript = env
        .invocation(&["package", "--lambda", "--architecture", foreign])
        .env("PATH", &tools)
        .run()
        .expect_code(78);
    // Where the standard library of the target is not installed, that is missed first.
    let code = if transcript.stderr.contains("package::target_missing") {
        "rustup target add"
    } else {
        "cargo-zigbuild`"
    };
    assert!(
        transcript.stderr.contains(code),
        "{}",
        transcript.unredacted()
    );
}

#[test]
fn a_zip_that_was_made_elsewhere_is_used_as_it_is() {
    let env = empty();
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nfunctions: { f: { artifact: dist/f.zip } }\n",
    );
    let zip = zip_of(&[
        ("bootstrap", 0o755, b"#!/bin/sh\nexit 0\n"),
        ("data/a.txt", 0o644, b"a"),
    ]);
    env.write("dist/f.zip", &zip);
    super::succeed(&env, &["up"]);
    let again = env.pipectl(&["up"]).expect_success();
    assert!(
        again.stderr.contains("nothing to do"),
        "{}",
        again.unredacted()
    );

    let other = zip_of(&[("bootstrap", 0o755, b"#!/bin/sh\nexit 1\n")]);
    env.write("dist/f.zip", &other);
    let changed = env.pipectl(&["up"]).expect_success();
    assert!(
        changed.stderr.contains("~ functions.f"),
        "{}",
        changed.unredacted()
    );
    super::succeed(&env, &["down", "--force"]);
}

#[test]
fn zips_that_lambda_would_refuse_are_refused_before_anything_is_made() {
    let env = empty();
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nfunctions: { f: { artifact: f.zip } }\n",
    );
    let good = zip_of(&[("bootstrap", 0o755, &b"#!/bin/sh\nexit 0\n".repeat(20))]);
    for (name, zip) in [
        ("cut", good[..good.len() / 2].to_vec()),
        (
            "without_bootstrap",
            zip_of(&[("dist/bootstrap", 0o755, b"#!/bin/sh\n")]),
        ),
        (
            "not_executable",
            zip_of(&[("bootstrap", 0o644, b"#!/bin/sh\n")]),
        ),
        (
            "not_a_program",
            zip_of(&[("bootstrap", 0o755, b"MZ\x90\0")]),
        ),
    ] {
        env.write("f.zip", zip);
        assert_snapshot!(
            format!("zip_{name}"),
            env.pipectl(&["plan"]).expect_code(78)
        );
    }
    assert!(env.emulator().is_none(), "nothing was started for it");
}

#[test]
fn neither_a_crate_nor_a_zip() {
    let env = empty();
    env.write("f.zip", zip_of(&[("bootstrap", 0o755, b"#!/bin/sh\n")]));
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nfunctions:\n  f: { memory: 128MB }\n  g: { crate: f, artifact: f.zip }\n  h: { artifact: g.zip }\n",
    );
    assert_snapshot!(env.pipectl(&["package"]));
}

/// `ulimit -f` counts blocks of 512 or 1,024 bytes; one of either is less than any zip of a program.
#[test]
fn a_disk_that_is_full_leaves_no_half_an_artifact() {
    let env = small();
    let whole = artifact(&env, &[]);
    let artifacts = env.root().join(".pipectl/artifacts");
    for signal_is_ignored in [true, false] {
        std::fs::remove_dir_all(&artifacts).expect("removed");
        let trap = if signal_is_ignored {
            "trap '' XFSZ; "
        } else {
            ""
        };
        let plain = env
            .invocation(&["package"])
            .env("CARGO_TARGET_DIR", env.root().join("target"))
            .command();
        let mut limited = Command::new("bash");
        limited
            .arg("-c")
            .arg(format!("{trap}ulimit -f 1; exec \"$0\" package"))
            .arg(plain.get_program())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .current_dir(env.root());
        let output = limited.output().expect("bash runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        if signal_is_ignored {
            assert_eq!(output.status.code(), Some(78), "{said}");
            assert!(
                said.contains("package::files") && said.contains("raise the limit"),
                "{said}"
            );
            assert_eq!(names(&artifacts), [""; 0], "what was begun is gone");
        }
        // What a killed process left is not taken for an artifact.
        let kept = names(&artifacts);
        assert!(
            kept.iter().all(|name| name.starts_with(".unfinished-")),
            "{kept:?}"
        );
        assert_eq!(artifact(&env, &[])["sha256"], whole["sha256"]);
    }
}
