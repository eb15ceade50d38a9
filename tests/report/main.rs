//! `pipectl compare`: the report of docs/report is what the runs of docs/runs give, every number of it can be made again by
//! another program, and it looks as it should.

mod bad_input;

use std::path::{Path, PathBuf};
use std::process::Command;

use pipectl_testkit::repository;
use serde_json::Value;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_pipectl");
/// With this nothing may be skipped.
const REQUIRE: &str = "PIPECTL_REQUIRE_REPORT";
/// The Python that has numpy and playwright.
const PYTHON: &str = "PIPECTL_PYTHON";
/// How docs/report is made, from the repository's root.
const ARGUMENTS: [&str; 13] = [
    "compare",
    "docs/runs/2026-11-26-embedded",
    "docs/runs/2026-11-26-ministack",
    "docs/runs/2026-11-26-localstack",
    "docs/runs/2026-11-26-localstack-untuned",
    "--parity",
    "docs/runs/2026-11-26-parity/parity_embedded_ministack.json",
    "--parity",
    "docs/runs/2026-11-26-parity/parity_embedded_localstack.json",
    "--parity",
    "docs/runs/2026-11-26-parity/parity_ministack_localstack.json",
    "--baseline",
    "study",
];
/// What look.py needs.
const BROWSER: &str = "import playwright.sync_api, os; os.stat('/usr/bin/chromium')";
const CHARTS: [&str; 6] = [
    "breakdown",
    "distribution",
    "percentiles",
    "sizes",
    "throughput",
    "timeline",
];

/// Runs pipectl in the repository; its data.
fn pipectl(arguments: &[&str]) -> Value {
    let run = Command::new(BINARY)
        .args(arguments)
        .args(["--output", "json"])
        .current_dir(repository())
        .output()
        .expect("pipectl runs");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let mut envelope: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    envelope["data"].take()
}

/// Makes the report of docs/report in a directory.
fn make(directory: &Path) -> Value {
    let out = directory.to_str().expect("a name");
    pipectl(&[&ARGUMENTS[..], &["--out", out]].concat())
}

/// Runs a script of this directory. What is missing is said, or is a failure where nothing may be.
fn script(name: &str, needs: &str, arguments: &[&Path]) {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", needs]).output();
    let missing = match probe {
        Ok(probe) if probe.status.success() => None,
        Ok(probe) => Some(String::from_utf8_lossy(&probe.stderr).into_owned()),
        Err(error) => Some(format!("{python}: {error}")),
    };
    if let Some(missing) = missing {
        assert!(
            std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE}, and {missing}"
        );
        skipped(name, missing.lines().last().unwrap_or_default());
        return;
    }
    let run = Command::new(&python)
        .arg(repository().join("tests/report").join(name))
        .args(arguments)
        .current_dir(repository())
        .output()
        .expect("it runs");
    let (said, wrong) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{said}{wrong}");
}

#[expect(clippy::print_stdout, reason = "what is skipped is said")]
fn skipped(name: &str, why: &str) {
    println!("skipped: {name}: {why}");
}

#[test]
fn the_report_in_docs_is_what_the_runs_give() {
    let made = tempfile::tempdir().expect("a directory");
    make(made.path());
    let docs = repository().join("docs/report");
    let names = |directory: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(directory).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(made.path()), names(&docs));
    for name in names(&docs) {
        let read = |directory: &Path| std::fs::read_to_string(directory.join(&name)).expect("text");
        assert!(
            read(made.path()) == read(&docs),
            "{name} is not what `{} --out docs/report` makes",
            ARGUMENTS.join(" ")
        );
    }
}

#[test]
fn each_chart_has_a_mark_for_each_row_in_the_page_and_in_a_file_of_its_own() {
    let docs = repository().join("docs/report");
    let page = std::fs::read_to_string(docs.join("report.html")).expect("a page");
    for chart in CHARTS {
        let begin = page
            .find(&format!("data-chart=\"{chart}\""))
            .expect("a chart");
        let inline = &page[begin..begin + page[begin..].find("</svg>").expect("an end")];
        let file = std::fs::read_to_string(docs.join(format!("{chart}.svg"))).expect("a file");
        let rows = inline.split_once("data-rows=\"").expect("rows").1;
        let rows: usize = rows
            .split('"')
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        assert!(rows > 0);
        for text in [inline, &file] {
            assert_eq!(text.matches("class=\"mark ").count(), rows, "{chart}");
        }
    }
}

#[test]
fn every_number_is_made_again_by_another_program() {
    let docs = repository().join("docs/report");
    script("check.py", "import numpy", &[&docs]);
}

#[test]
fn it_is_read_on_a_screen_a_phone_and_paper_and_fetches_nothing() {
    let shots: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    script(
        "look.py",
        BROWSER,
        &[&repository().join("docs/report"), &shots],
    );
}
