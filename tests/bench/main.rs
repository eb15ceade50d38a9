//! `pipectl bench`: what it measures is true, and nothing that was measured is lost.

mod bad_input;
mod methods;

use std::path::{Path, PathBuf};

use pipectl_testkit::{TestEnv, Transcript};
use serde_json::Value;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_pipectl");

/// A project with the log pipeline, up on the embedded target.
fn up() -> TestEnv {
    let env = TestEnv::new(BINARY);
    let _ = env.pipectl(&["up"]).expect_success();
    env
}

/// `pipectl bench ARGUMENTS`, as JSON.
fn bench(env: &TestEnv, arguments: &[&str]) -> Transcript {
    let all = [&["bench"], arguments, &["--output", "json"]].concat();
    env.pipectl(&all)
}

/// Files whose names begin so in the directory of results.
fn files(env: &TestEnv, begins: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(env.root().join("results")) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().expect("a name");
            name.to_string_lossy().starts_with(begins)
        })
        .collect();
    files.sort();
    files
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("a file");
    serde_json::from_slice(&bytes).expect("JSON")
}
