//! Transcripts of the command line: command, stdout, stderr and exit code as one snapshot.

mod accounts;
mod bad_input;
mod costs;
mod dlq;
mod dlq_interrupted;
mod doctor;
mod embedded;
mod endpoints;
mod engine;
mod following;
mod lifecycle;
mod logs;
mod packaging;
mod targets;
mod waiting;
mod watch;

use pipectl_testkit::TestEnv;

/// A project with the log pipeline, its samples and its functions.
fn project() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_pipectl"))
}

/// A project without anything.
fn empty() -> TestEnv {
    TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"))
}

/// A transcript without what differs between two runs of a command that works in parallel: what cargo
/// compiles is left out, and resources are in the order of their names.
fn settled(text: &str) -> String {
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("Compiling "))
        .collect();
    let of_step = |line: &str| {
        let signs = ["+ ", "- ", "~ ", "= ", "± "];
        signs.iter().any(|sign| line.starts_with(sign)) || line.contains(", because ")
    };
    let of_package = |line: &str| line.starts_with("packaged ");
    for group in [&of_step as &dyn Fn(&str) -> bool, &of_package] {
        let positions: Vec<usize> = (0..lines.len()).filter(|at| group(lines[*at])).collect();
        let mut sorted: Vec<&str> = positions.iter().map(|at| lines[*at]).collect();
        sorted.sort_unstable();
        for (at, line) in positions.into_iter().zip(sorted) {
            lines[at] = line;
        }
    }
    lines.join("\n")
}

/// A transcript with single spaces: columns are as wide as the times in them.
fn squeezed(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs a command whose output is looked at elsewhere; it must end with 0.
fn succeed(env: &TestEnv, arguments: &[&str]) {
    let transcript = env.pipectl(arguments).expect_success();
    assert_eq!(transcript.code, Some(0));
}
