//! Runs that are not alike, not whole, or not there.

use std::path::Path;

use pipectl_testkit::{TestEnv, Transcript, repository};
use serde_json::Value;

use super::BINARY;

/// A directory with copies of the runs of docs/runs.
fn runs() -> TestEnv {
    let env = TestEnv::empty(BINARY);
    for (name, target) in [("embedded", "embedded"), ("localstack", "localstack")] {
        let from = repository().join(format!("docs/runs/2026-11-26-{name}"));
        for kind in ["results", "summary"] {
            let ending = if kind == "results" { "csv" } else { "json" };
            for way in ["", "_cold", "_cycle"] {
                let file = format!("{kind}_{target}{way}_latest.{ending}");
                let bytes = std::fs::read(from.join(&file)).expect("a run");
                env.write(&format!("results/{file}"), bytes);
            }
        }
    }
    env
}

fn compare(env: &TestEnv, arguments: &[&str]) -> Transcript {
    env.pipectl(&[&["compare"], arguments, &["--output", "json"]].concat())
}

fn data(env: &TestEnv, arguments: &[&str]) -> Value {
    compare(env, arguments).expect_success().json()["data"].take()
}

/// The error's code, for an exit of 64.
fn refused(env: &TestEnv, arguments: &[&str]) -> String {
    let answer = compare(env, arguments).expect_code(64).json();
    answer["error"]["code"].as_str().expect("a code").to_owned()
}

/// Sentences of the report that hold `part`.
fn told(data: &Value, list: &str, part: &str) -> usize {
    let all = data[list].as_array().expect("a list").iter();
    all.filter(|one| one.as_str().expect("a sentence").contains(part))
        .count()
}

fn read(env: &TestEnv, name: &str) -> String {
    std::fs::read_to_string(env.root().join(name)).expect("a file")
}

/// Rewrites a summary.
fn change(env: &TestEnv, name: &str, with: impl Fn(&mut Value)) {
    let mut summary: Value = serde_json::from_str(&read(env, name)).expect("JSON");
    with(&mut summary);
    env.write(name, summary.to_string());
}

/// Rewrites rows and the summary's figures with them, as `bench --from` would have them.
fn rows(env: &TestEnv, target: &str, with: impl Fn(&str) -> String) {
    let results = format!("results/results_{target}_latest.csv");
    let changed = with(&read(env, &results));
    let count = changed.lines().count() - 1;
    env.write(&results, changed);
    let summary = format!("results/summary_{target}_latest.json");
    change(env, &summary, |one| one["rows"] = count.into());
    let again = env
        .pipectl(&["bench", "--from", &results, "--output", "json"])
        .json();
    change(env, &summary, |one| {
        one["figures"] = again["data"]["figures"].clone();
    });
}

#[test]
fn targets_directories_and_files_name_runs_and_labels_are_one_s_own() {
    let env = runs();
    let data = data(
        &env,
        &["embedded", "mine=results/summary_localstack_latest.json"],
    );
    let labels: Vec<&str> = data["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| run["label"].as_str().expect("a label"))
        .collect();
    assert_eq!(labels, ["embedded", "mine"]);
    assert!(data["cost"].is_null());
    assert_eq!(told(&data, "limitations", "Cost is left out"), 1);
    for name in ["report.html", "report.md", "report.json", "timeline.svg"] {
        assert!(
            env.root().join("results/report").join(name).is_file(),
            "{name}"
        );
    }
    assert_eq!(refused(&env, &["results"]), "compare::several_targets");
    assert_eq!(refused(&env, &["aws", "embedded"]), "compare::no_run");
    assert_eq!(
        refused(&env, &["embedded", "results/results_embedded_latest.csv"]),
        "compare::same_run"
    );
    assert_eq!(
        refused(&env, &["a=embedded", "a=localstack"]),
        "compare::same_label"
    );
    assert_eq!(refused(&env, &["<b>=embedded"]), "compare::bad_label");
    assert_eq!(
        refused(&env, &["embedded", "--region", "mars-1"]),
        "cost::no_prices"
    );
    assert_eq!(
        refused(
            &env,
            &[
                "embedded",
                "--parity",
                "results/summary_embedded_latest.json"
            ]
        ),
        "compare::bad_parity"
    );
    assert_eq!(
        refused(&env, &["embedded", "--baseline", "nowhere.json"]),
        "compare::bad_baseline"
    );
}

#[test]
fn one_run_alone_is_told_by_itself() {
    let env = runs();
    let data = data(&env, &["embedded"]);
    assert_eq!(told(&data, "not_comparable", "One run"), 1);
    assert!(data["runs"][0]["difference"].is_null());
}

#[test]
fn runs_of_different_ways_are_told_each_by_itself() {
    let env = runs();
    let cold = "results/results_localstack_cold_latest.csv";
    let data = data(&env, &["embedded", cold]);
    assert_eq!(told(&data, "not_comparable", "different ways"), 1);
    assert!(data["runs"][1]["difference"].is_null());
    assert!(data["runs"][1]["figures"]["end_to_end_ms"]["p50"].is_f64());
}

#[test]
fn of_different_sizes_those_are_compared_that_all_have() {
    let env = runs();
    // Its files of 100 lines have 200.
    rows(&env, "localstack", |text| {
        text.replace(",measured,,100,", ",measured,,200,")
    });
    let data = data(&env, &["embedded", "localstack"]);
    assert_eq!(data["sizes"], serde_json::json!([500, 1_000]));
    assert_eq!(told(&data, "not_comparable", "same sizes"), 2);
    let run = &data["runs"][1];
    assert_eq!(
        (
            &run["compared_ms"]["n"],
            &run["figures"]["end_to_end_ms"]["n"]
        ),
        (&20.into(), &30.into())
    );
    assert!(run["difference"]["p50"]["ms"].is_f64());
    // None at all is no reason to fail.
    rows(&env, "localstack", |text| {
        text.replace(",measured,,500,", ",measured,,700,")
            .replace(",measured,,1000,", ",measured,,2000,")
    });
    let data = self::data(&env, &["embedded", "localstack"]);
    assert_eq!(told(&data, "not_comparable", "No size is one that all"), 2);
    assert!(data["runs"][1]["difference"].is_null() && data["runs"][0]["compared_ms"].is_null());
}

#[test]
fn an_empty_run_is_said_to_be_and_takes_nothing_from_the_others() {
    let env = runs();
    rows(&env, "embedded", |text| {
        format!("{}\n", text.lines().next().expect("a header"))
    });
    let data = data(&env, &["embedded", "localstack"]);
    assert_eq!(told(&data, "not_comparable", "no file that counts"), 1);
    assert_eq!(data["reference"], "localstack");
    assert_eq!(data["runs"][1]["compared_ms"]["n"], 30);
    assert_eq!(refused(&env, &["embedded"]), "compare::nothing");
}

#[test]
fn columns_that_nobody_knows_are_told_and_missing_ones_refused() {
    let env = runs();
    let path = "results/results_embedded_latest.csv";
    let whole = read(&env, path);
    let more: String = whole
        .lines()
        .enumerate()
        .map(|(at, line)| {
            if at == 0 {
                format!("{line},mood\n")
            } else {
                format!("{line},good\n")
            }
        })
        .collect();
    env.write(path, more);
    let data = data(&env, &["embedded", "localstack"]);
    assert_eq!(told(&data, "not_comparable", "mood"), 1);
    env.write(path, whole.replacen("upload_ms", "upload", 1));
    let answer = compare(&env, &["embedded"]).expect_code(64).json();
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("there is no column `upload_ms`"),
        "{message}"
    );
}

#[test]
fn rows_that_are_not_the_summary_s_are_refused_and_nothing_is_written() {
    let env = runs();
    let path = "results/results_embedded_latest.csv";
    let whole = read(&env, path);
    let (rest, _) = whole.trim_end().rsplit_once('\n').expect("rows");
    env.write(path, format!("{rest}\n"));
    assert_eq!(
        refused(&env, &["embedded", "localstack"]),
        "bench::other_results"
    );
    env.write(path, whole.replacen(",measured,", ",warmup,", 1));
    assert_eq!(
        refused(&env, &["embedded", "localstack"]),
        "bench::other_figures"
    );
    assert!(!Path::new(&env.root().join("results/report")).exists());
}

#[test]
fn what_a_name_holds_stays_text() {
    let env = runs();
    let bad = "<script>alert(1)</script>";
    change(&env, "results/summary_embedded_latest.json", |one| {
        one["run"]["stack"] = bad.into();
    });
    let _ = compare(&env, &["embedded"]).expect_success();
    change(&env, "results/summary_embedded_latest.json", |one| {
        one["run"]["product"]["version"] = "1\n```\n<script>\n![p](http://x.test/p)".into();
    });
    let _ = compare(&env, &["embedded"]).expect_success();
    let markdown = read(&env, "results/report/report.md");
    // In a block of code it is text, and nothing ends the block before its end.
    let parts: Vec<&str> = markdown.split("```").collect();
    assert_eq!(parts.len(), 3);
    assert!(
        !parts[0].contains("![p]") && !parts[2].contains("![p]"),
        "{markdown}"
    );
    for name in ["report.html", "timeline.svg"] {
        assert!(
            !read(&env, &format!("results/report/{name}")).contains("<script"),
            "{name}"
        );
    }
}

/// Rows with one column set, where `of` holds.
fn with(text: &str, column: &str, value: &str, of: impl Fn(&[&str]) -> bool) -> String {
    let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
    let at = header
        .iter()
        .position(|one| *one == column)
        .expect("a column");
    let lines = text.lines().enumerate().map(|(n, line)| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if n > 0 && of(&cells) {
            cells[at] = value;
        }
        cells.join(",") + "\n"
    });
    lines.collect()
}

#[test]
fn times_that_nothing_can_take_are_refused_with_their_line() {
    let env = runs();
    let path = "results/results_embedded_latest.csv";
    let whole = read(&env, path);
    for (column, value) in [
        ("end_to_end_ms", "inf"),
        ("end_to_end_ms", "NaN"),
        ("end_to_end_ms", "-5"),
        ("end_to_end_ms", "0"),
        ("end_to_end_ms", "1e300"),
        ("begun_ms", "NaN"),
        ("processing_ms", "inf"),
        ("n", "18446744073709551615"),
    ] {
        env.write(path, with(&whole, column, value, |cells| cells[0] == "2"));
        let answer = compare(&env, &["embedded", "localstack"])
            .expect_code(64)
            .json();
        let message = answer["error"]["message"].as_str().expect("a message");
        let place = format!("line 3: `{column}` cannot be");
        assert!(message.contains(&place), "{value}: {message}");
    }
}

#[test]
fn sizes_whose_files_all_failed_are_not_compared_and_survivors_are_said_to_be() {
    let env = runs();
    rows(&env, "localstack", |text| {
        with(text, "fate", "lost", |cells| {
            cells[3] == "1000" && cells[1] == "measured"
        })
    });
    let data = data(&env, &["embedded", "localstack"]);
    assert_eq!(data["sizes"], serde_json::json!([100, 500]));
    assert_eq!(
        told(&data, "not_comparable", "has files that failed: 10."),
        1
    );
    assert_eq!(data["runs"][1]["figures"]["error_rate"], 0.333_333);
}

#[test]
fn of_one_file_each_nobody_knows_whether_a_difference_is_real() {
    let env = runs();
    for target in ["embedded", "localstack"] {
        rows(&env, target, |text| {
            let first = |line: &&str| line.contains(",measured,") && line.contains(",100,");
            let header = text.lines().next().expect("a header");
            format!("{header}\n{}\n", text.lines().find(first).expect("a row"))
        });
    }
    let data = data(&env, &["embedded", "localstack"]);
    let difference = &data["runs"][1]["difference"];
    assert!(difference["p50"]["ms"].is_f64() && difference["p50"]["is_real"].is_null());
    assert!(difference["p_value"].is_null());
}

#[test]
fn reports_of_parity_are_taken_by_their_rows_and_once() {
    let env = runs();
    let file = repository().join("docs/runs/2026-11-26-parity/parity_embedded_localstack.json");
    let mut matrix: Value =
        serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
    matrix["equal"] = 999.into();
    env.write("a.json", matrix.to_string());
    let report = data(&env, &["embedded", "localstack", "--parity", "a.json"]);
    assert_eq!(report["parity"][0]["equal"], 42);
    assert_eq!(
        refused(
            &env,
            &["embedded", "--parity", "a.json", "--parity", "a.json"]
        ),
        "compare::same_parity"
    );
    matrix["rows"] = serde_json::json!([]);
    env.write("a.json", matrix.to_string());
    assert_eq!(
        refused(&env, &["embedded", "--parity", "a.json"]),
        "compare::bad_parity"
    );
}

#[test]
fn what_lies_beside_a_run_is_taken_only_if_it_is_of_that_run() {
    let env = runs();
    let first = data(&env, &["embedded", "localstack"]);
    assert_eq!(first["runs"][0]["files"].as_array().map(Vec::len), Some(3));
    // Cold times that were changed, and rounds below zero: left out, and said.
    let cold = "results/results_embedded_cold_latest.csv";
    env.write(
        cold,
        with(&read(&env, cold), "end_to_end_ms", "99999", |_| true),
    );
    let cycle = "results/results_embedded_cycle_latest.csv";
    env.write(
        cycle,
        with(&read(&env, cycle), "code_change_ms", "-60000", |_| true),
    );
    let second = data(&env, &["embedded", "localstack"]);
    assert_eq!(told(&second, "not_comparable", "is left out"), 2);
    assert!(second["runs"][0]["cold"].is_null());
    // A run of another moment has nothing beside it.
    for kind in ["results_@_X.csv", "summary_@_X.json"] {
        let [old, dated] = ["latest", "20261126T101530Z-1f0c3a"]
            .map(|when| kind.replace('X', when).replace('@', "localstack"));
        env.write(
            &format!("results/{dated}"),
            read(&env, &format!("results/{old}")),
        );
    }
    let dated = data(
        &env,
        &[
            "embedded",
            "old=results/results_localstack_20261126T101530Z-1f0c3a.csv",
        ],
    );
    assert_eq!(dated["runs"][1]["files"].as_array().map(Vec::len), Some(1));
}

#[test]
fn runs_that_differ_in_more_than_their_targets_are_said_to() {
    let env = runs();
    change(&env, "results/summary_localstack_latest.json", |one| {
        one["run"]["functions"]["worker"]["memory_mb"] = 3_008.into();
        one["run"]["functions"]["worker"]["code_sha256"] = "other".into();
        one["run"]["machine"]["processors"] = 64.into();
        one["run"]["mappings"]["jobs-worker"]["batch"] = 1.into();
        one["run"]["region"] = "eu-central-1".into();
        one["run"]["pipectl"] = "0.0.1".into();
        one["complete"] = false.into();
        one["ended_early"] = "interrupted".into();
    });
    let data = data(&env, &["embedded", "localstack"]);
    for part in [
        "other memory",
        "their zips differ",
        "different machines",
        "other batches",
        "different regions",
        "different versions",
        "did not come to its end: interrupted",
    ] {
        assert_eq!(told(&data, "not_comparable", part), 1, "{part}");
    }
}

#[test]
fn more_runs_than_can_be_told_apart_are_refused_and_names_that_cannot_be_labels() {
    let env = runs();
    let names: Vec<String> = (0..9).map(|n| format!("run{n}")).collect();
    for name in &names {
        for kind in ["results_@_latest.csv", "summary_@_latest.json"] {
            let [from, to] = ["embedded", name].map(|target| kind.replace('@', target));
            env.write(
                &format!("results/{to}"),
                read(&env, &format!("results/{from}")),
            );
        }
    }
    let labelled: Vec<String> = names.iter().map(|name| format!("{name}={name}")).collect();
    let all: Vec<&str> = labelled.iter().map(String::as_str).collect();
    let _ = compare(&env, &all[..8]).expect_success();
    assert_eq!(refused(&env, &all), "compare::too_many");
    change(&env, "results/summary_embedded_latest.json", |one| {
        one["run"]["product"]["name"] = "other".into();
        one["run"]["target"] = "../a; rm -r b #".into();
    });
    assert_eq!(refused(&env, &["embedded"]), "compare::bad_label");
    let _ = compare(&env, &["mine=embedded"]).expect_success();
    assert!(read(&env, "results/report/report.md").contains("--target '../a; rm -r b #'"));
}

/// Times from microseconds to minutes, ten sizes up to millions of lines, a name of the widest letters.
#[test]
fn nothing_stands_over_another_with_values_that_are_far_apart() {
    const SIZES: [u64; 10] = [
        100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000,
    ];
    let env = runs();
    for (target, times) in [("embedded", 1e-2), ("localstack", 1e4)] {
        rows(&env, target, |text| {
            let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
            let lines = text.lines().enumerate().map(|(n, line)| {
                let cells = line
                    .split(',')
                    .zip(&header)
                    .map(|(cell, column)| match *column {
                        _ if n == 0 => cell.to_owned(),
                        "lines" => SIZES[n % 10].to_string(),
                        "begun_ms" => cell.to_owned(),
                        column if column.ends_with("_ms") => match cell.parse::<f64>() {
                            Ok(ms) => format!("{:.3}", (ms * times).max(0.001)),
                            Err(_) => cell.to_owned(),
                        },
                        _ => cell.to_owned(),
                    });
                cells.collect::<Vec<_>>().join(",") + "\n"
            });
            lines.collect()
        });
    }
    let wide = format!("{}=embedded", "W".repeat(24));
    let _ = compare(&env, &[&wide, "localstack", "--baseline", "study"]).expect_success();
    let report = env.root().join("results/report");
    super::script(
        "look.py",
        super::BROWSER,
        &[&report, &env.root().join("shots")],
    );
}
