//! `pipectl cost` and `pipectl compare`, as people read them.

use pipectl_testkit::{Transcript, repository};

use serde_json::Value;

use super::{empty, project};

/// Without the warning that comes when the prices are older than a year.
fn lasting(transcript: Transcript) -> String {
    let text = transcript.unredacted();
    let lines = text
        .lines()
        .filter(|line| !line.contains("the prices are of"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn cost_of_the_study_s_month_line_by_line() {
    let env = project();
    let arguments = [
        "cost",
        "--events-per-month",
        "50M",
        "--lines-per-file",
        "1000",
        "--baseline",
        "study",
    ];
    let text = lasting(env.pipectl(&arguments).expect_success());
    insta::assert_snapshot!(text);
}

#[test]
fn cost_on_x86_with_batches_and_measured_times() {
    let env = project();
    for file in [
        "summary_localstack_latest.json",
        "results_localstack_latest.csv",
    ] {
        let from = repository()
            .join("docs/runs/2026-11-26-localstack")
            .join(file);
        env.write(
            &format!("results/{file}"),
            std::fs::read(from).expect("a run"),
        );
    }
    let arguments = [
        "cost",
        "--architecture",
        "x86_64",
        "--batch",
        "10",
        "--from",
        "localstack",
        "--events-per-month",
        "1B",
    ];
    let text = lasting(env.pipectl(&arguments).expect_success());
    insta::assert_snapshot!(text);
}

#[test]
fn prices_of_one_s_own_are_told_to_be_old_and_what_they_lack_is_refused() {
    let env = project();
    let ours = include_str!("../../src/cost/prices/us-east-1.json");
    let old = ours
        .replace("2026-11-22", "2020-02-29")
        .replace("us-east-1", "eu-central-1");
    env.write("prices.json", &old);
    let answer = env
        .pipectl(&["cost", "--prices", "prices.json", "--output", "json"])
        .expect_success()
        .json();
    assert_eq!(answer["data"]["region"], "eu-central-1");
    let warning = answer["data"]["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.starts_with("the prices are of 2020-02-29, "),
        "{warning}"
    );
    for (name, bad, why) in [
        ("lacks", old.replace("s3_puts", "s3_pots"), "s3_pots"),
        ("day", old.replace("2020-02-29", "2020-02-30"), "2020-02-30"),
        (
            "negative",
            old.replace("\"usd\": 0.005", "\"usd\": -1"),
            "s3_puts",
        ),
    ] {
        env.write("prices.json", bad);
        let answer = env
            .pipectl(&["cost", "--prices", "prices.json", "--output", "json"])
            .expect_code(64)
            .json();
        assert_eq!(answer["error"]["code"], "cost::bad_price_file", "{name}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains(why), "{name}: {message}");
    }
}

#[test]
fn loads_that_cannot_be_are_refused_and_those_that_would_fail_are_said_to() {
    let env = project();
    let refused = |arguments: &[&str]| {
        let all = [&["cost"], arguments, &["--output", "json"]].concat();
        let answer = env.pipectl(&all).expect_code(64);
        // Some are refused by the command line, which has no envelope.
        answer
            .stdout
            .starts_with('{')
            .then(|| answer.json()["error"]["code"].clone())
    };
    assert_eq!(
        refused(&["--region", "mars-1"]),
        Some("cost::no_prices".into())
    );
    assert_eq!(
        refused(&["--events-per-month", "10", "--lines-per-file", "1k"]),
        Some("cost::no_file".into())
    );
    assert_eq!(refused(&["--batch", "11"]), Some("cost::batch".into()));
    for absurd in ["0", "-5", "1e99", "many", "99999B"] {
        assert_eq!(refused(&["--events-per-month", absurd]), None, "{absurd}");
    }
    let arguments = [
        "cost",
        "--events-per-month",
        "10000B",
        "--lines-per-file",
        "10M",
        "--output",
        "json",
    ];
    let answer = env.pipectl(&arguments).expect_success().json();
    let warnings = answer["data"]["warnings"].to_string();
    assert!(
        warnings.contains("its timeout is 30 s: it would fail"),
        "{warnings}"
    );
    let arguments = [
        "cost",
        "--events-per-month",
        "10000B",
        "--lines-per-file",
        "100",
        "--output",
        "json",
    ];
    let answer = env.pipectl(&arguments).expect_success().json();
    let warnings = answer["data"]["warnings"].to_string();
    assert!(warnings.contains("at once on average"), "{warnings}");
}

#[test]
fn compare_tells_the_most_of_it_and_where_the_rest_is() {
    let env = empty();
    for name in ["embedded", "localstack"] {
        let from = repository().join(format!("docs/runs/2026-11-26-{name}"));
        for file in [
            "results_@_latest.csv",
            "summary_@_latest.json",
            "results_@_cycle_latest.csv",
            "summary_@_cycle_latest.json",
        ] {
            let file = file.replace('@', name);
            env.write(
                &format!("results/{file}"),
                std::fs::read(from.join(&file)).expect("a run"),
            );
        }
    }
    let text = lasting(
        env.pipectl(&["compare", "embedded", "localstack", "--baseline", "study"])
            .expect_success(),
    );
    insta::assert_snapshot!(text);
}

#[test]
fn the_document_shows_what_the_command_says() {
    let env = project();
    let said = env
        .pipectl(&["cost", "--baseline", "study"])
        .expect_success()
        .stdout;
    let said: Vec<&str> = said
        .lines()
        .filter(|line| !line.contains("the prices are of"))
        .collect();
    let document = include_str!("../../docs/cost.md");
    let shown = document
        .split_once("<!-- cost -->\n```text\n")
        .expect("a block")
        .1;
    let shown = shown.split_once("\n```").expect("an end").0;
    assert_eq!(shown, said.join("\n"), "docs/cost.md");
    // And the table beside it what a file costs, by component.
    for set in ["arm64", "x86_64"] {
        let answer = env
            .pipectl(&["cost", "--architecture", set, "--output", "json"])
            .expect_success();
        let data = answer.json()["data"].take();
        let files = data["month"]["files"].as_f64().expect("files");
        let mut parts = std::collections::BTreeMap::<String, f64>::new();
        for line in data["bill"].as_array().expect("a bill") {
            let text = |name: &str| line[name].as_str().expect("a text").to_owned();
            let gb = text("item").contains("lambda_gb_s") || text("item") == "s3_gb_month";
            let part = parts
                .entry(format!("{}{gb}", text("component")))
                .or_default();
            if line["per_month"] == 0.0 {
                *part += line["usd"].as_f64().expect("USD") / files;
            }
        }
        assert_eq!(parts.len(), 7);
        let file = data["usd_per_file"].as_f64().expect("USD");
        for part in parts.into_values().chain([file]) {
            let shown = pipectl::number::usd(part);
            assert!(
                document.contains(&shown),
                "docs/cost.md has no {shown} ({set})"
            );
        }
    }
    let month = said
        .iter()
        .find_map(|line| line.split_once(" a month, "))
        .expect("a month")
        .0;
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&format!("files of 1,000 are {month}, ")),
        "{month}"
    );
}

/// A stack with several ways in, without any, and with a queue alone.
#[test]
fn files_are_divided_among_ways_in_and_tables_are_written_by_whom_the_stack_lets() {
    let env = empty();
    let data = |stack: &str| {
        env.write("stacks/s.yaml", stack);
        let answer = env
            .pipectl(&["cost", "--output", "json", "--batch", "5"])
            .expect_success();
        answer.json()["data"].take()
    };
    let per_file = |data: &Value, of: &str, item: &str| -> f64 {
        let lines = data["bill"].as_array().expect("a bill").iter();
        let lines = lines.filter(|line| line["of"] == of && line["item"] == item);
        lines
            .map(|line| line["per_file"].as_f64().expect("units"))
            .sum()
    };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} and not {b}");
    // Two ways in: half by the bucket, half by the queue; two mappings, of one and of ten.
    env.write("f/Cargo.toml", "[package]\nname = \"f\"\n");
    let two = data(
        "stack: s\nbuckets: { inbox: {} }\nqueues: { q: {} }\ntables: { t: { partition_key: id } }\nfunctions:\n  \
         f: { crate: f, architecture: arm64, access: [ { read: buckets.inbox }, { write: tables.t } ] }\n  \
         g: { crate: f, architecture: x86_64 }\nwiring:\n  \
         - { from: buckets.inbox, events: [object-created], to: functions.f }\n  \
         - { from: queues.q, to: functions.g, batch: 5 }\n",
    );
    close(per_file(&two, "functions.f", "lambda_requests"), 0.5);
    close(per_file(&two, "functions.g", "lambda_requests"), 0.1);
    close(per_file(&two, "buckets.inbox", "s3_puts"), 0.5);
    close(per_file(&two, "buckets.inbox", "s3_gets"), 0.5);
    close(per_file(&two, "queues.q", "sqs_requests"), 0.5 + 2.0 * 0.1);
    // An item of 1,100 bytes is two units.
    close(per_file(&two, "tables.t", "dynamodb_writes"), 2.0 * 0.5);
    assert_eq!(two["architecture"], "mixed");
    assert!(per_file(&two, "functions.f", "lambda_gb_s_arm64") > 0.0);
    assert!(per_file(&two, "functions.g", "lambda_gb_s_x86_64") > 0.0);
    env.write("stacks/s.yaml", "stack: s\nqueues: { q: {} }\n");
    let answer = env
        .pipectl(&["cost", "--output", "json"])
        .expect_code(64)
        .json();
    assert_eq!(answer["error"]["code"], "cost::nothing");
}

#[test]
fn times_are_taken_of_runs_of_this_stack_in_which_files_went_one_by_one() {
    let env = project();
    let copy = |name: &str, change: &dyn Fn(&mut Value)| {
        let from = repository().join("docs/runs/2026-11-26-localstack");
        let rows = std::fs::read(from.join("results_localstack_latest.csv")).expect("rows");
        env.write(&format!("results/results_{name}_latest.csv"), rows);
        let summary =
            std::fs::read(from.join("summary_localstack_latest.json")).expect("a summary");
        let mut summary: Value = serde_json::from_slice(&summary).expect("JSON");
        change(&mut summary);
        env.write(
            &format!("results/summary_{name}_latest.json"),
            summary.to_string(),
        );
    };
    let code = |run: &str| {
        let answer = env
            .pipectl(&["cost", "--from", run, "--output", "json"])
            .expect_code(64);
        answer.json()["error"]["code"]
            .as_str()
            .expect("a code")
            .to_owned()
    };
    copy("good", &|_| ());
    copy("other", &|run| run["run"]["stack"] = "another".into());
    copy("fast", &|run| {
        run["run"]["settings"]["method"] =
            serde_json::json!({"name": "rate", "files_per_s": 5.0, "duration_ms": 1000});
    });
    copy("future", &|run| run["version"] = 99.into());
    assert_eq!(code("other"), "cost::other_stack");
    assert_eq!(code("fast"), "cost::shared");
    assert_eq!(code("future"), "bench::bad_results");
    assert_eq!(code("nowhere"), "compare::no_run");
    let told = |lines: &str| {
        let arguments = [
            "cost",
            "--from",
            "good",
            "--lines-per-file",
            lines,
            "--output",
            "json",
        ];
        env.pipectl(&arguments).expect_success().json()["data"]["warnings"].to_string()
    };
    assert_eq!(told("500"), "[]");
    assert!(
        told("2000").contains("along a straight line"),
        "{}",
        told("2000")
    );
    let unknown = env.pipectl(&["cost", "--target", "nosuch", "--output", "json"]);
    assert_ne!(unknown.code, Some(0));
}
