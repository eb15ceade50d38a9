//! `pipectl cost` and `pipectl compare`, as people read them.

use pipectl_testkit::{Transcript, repository};

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
    let summary =
        repository().join("docs/runs/2026-11-26-localstack/summary_localstack_latest.json");
    env.write(
        "results/summary.json",
        std::fs::read(summary).expect("a summary"),
    );
    let arguments = [
        "cost",
        "--architecture",
        "x86_64",
        "--batch",
        "10",
        "--from",
        "results/summary.json",
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
