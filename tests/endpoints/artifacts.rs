//! Zips of the functions, made once for the whole suite: what is tried here is deploying, not building.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use pipectl_testkit::{TestEnv, repository};
use serde_json::Value;

/// Zips by what is in them.
pub struct Artifacts {
    pub trigger: Vec<u8>,
    pub worker: Vec<u8>,
    /// The worker with a bug: one malformed line fails the whole job.
    pub faulty_worker: Vec<u8>,
    /// Two programs that end at once, for functions that nothing ever starts.
    pub idle: [Vec<u8>; 2],
}

impl Artifacts {
    /// Has this build of pipectl build what is not built yet: functions have its profile.
    ///
    /// # Panics
    /// When that fails.
    pub fn build(binary: &Path) -> Self {
        let env = TestEnv::new(binary);
        let packaged = env
            .pipectl(&["package", "--output", "json"])
            .expect_success();
        let packaged = packaged.json();
        let zip = |name: &str| {
            let artifacts = packaged["data"]["artifacts"].as_array().expect("artifacts");
            let found = artifacts.iter().find(|one| one["function"] == name);
            let path = found.and_then(|one| one["zip"].as_str());
            let path = path.unwrap_or_else(|| panic!("no zip of {name}: {packaged:#}"));
            std::fs::read(env.root().join(path)).expect("the zip")
        };
        let idle = std::fs::read("/bin/true").expect("a small program");
        Self {
            trigger: zip("trigger"),
            worker: zip("worker"),
            faulty_worker: zipped(&faulty_worker(), "the worker with a bug"),
            idle: [zipped(&idle, "one"), zipped(&idle, "two")],
        }
    }
}

/// Builds the faulty worker beside the others: all are selected, as pipectl does, so that none of their
/// dependencies is compiled a second time.
fn faulty_worker() -> Vec<u8> {
    let packages = ["pipectl", "trigger", "worker", "model", "faulty-worker"];
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository()).arg("build").args([
        "--bin",
        "faulty-worker",
        "--message-format",
        "json",
    ]);
    for package in packages {
        cargo.args(["-p", package]);
    }
    let built = cargo.output().expect("cargo runs");
    let told = String::from_utf8_lossy(&built.stdout);
    let executable = told.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(str::to_owned)
    });
    let Some(executable) = executable.filter(|_| built.status.success()) else {
        panic!("{told}{}", String::from_utf8_lossy(&built.stderr));
    };
    std::fs::read(Path::new(&executable)).expect("the program")
}

/// A zip with the program as `bootstrap` and a file that tells it from others.
fn zipped(program: &[u8], mark: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    for (name, content) in [("bootstrap", program), ("mark", mark.as_bytes())] {
        zip.start_file(name, options).expect("an entry");
        zip.write_all(content).expect("its content");
    }
    zip.finish().expect("an archive").into_inner()
}

/// The same function in another zip.
pub fn marked(artifact: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new_append(Cursor::new(artifact.to_vec())).expect("a zip");
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    zip.start_file("mark", options).expect("an entry");
    zip.finish().expect("an archive").into_inner()
}
