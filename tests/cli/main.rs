//! Transcripts of the command line: command, stdout, stderr and exit code as one snapshot.

mod bad_input;
mod lifecycle;

use pipectl_testkit::TestEnv;

/// A project with the log pipeline, its samples and its functions.
fn project() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_pipectl"))
}

/// A project without anything.
fn empty() -> TestEnv {
    TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"))
}

/// Runs a command whose output is looked at elsewhere; it must end with 0.
fn succeed(env: &TestEnv, arguments: &[&str]) {
    let transcript = env.pipectl(arguments).expect_success();
    assert_eq!(transcript.code, Some(0));
}
