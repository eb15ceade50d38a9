//! Every way in which files come, and what is left afterwards.

use std::process::Command;

use pipectl_testkit::probe::expect;
use pipectl_testkit::{Probe, TestEnv};
use serde_json::{Value, json};

use super::{bench, files, json, up};

/// Keys in the bucket of uploads.
fn keys(env: &TestEnv) -> String {
    let probe = Probe::new(&env.emulator().expect("running").endpoint);
    expect(probe.s3("/log-pipeline-uploads?list-type=2")).text()
}

fn data(env: &TestEnv, arguments: &[&str]) -> Value {
    bench(env, arguments).expect_success().json()["data"].take()
}

/// The figures of a run, made again by another program.
fn other_program_agrees(env: &TestEnv, suffix: &str) {
    let root = env.root().join("results");
    let script = pipectl_testkit::repository().join("tests/bench/summary.py");
    let run = Command::new("python3")
        .arg(script)
        .arg(root.join(format!("results_embedded{suffix}_latest.csv")))
        .arg(root.join(format!("summary_embedded{suffix}_latest.json")))
        .output();
    match run {
        Ok(run) => assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        ),
        Err(error) => {
            assert!(
                std::env::var_os("PIPECTL_REQUIRE_ENDPOINTS").is_none(),
                "python3: {error}"
            );
            skipped(&error);
        }
    }
}

#[expect(clippy::print_stdout, reason = "what is skipped is said")]
fn skipped(error: &std::io::Error) {
    println!("skipped: the figures made again: no python3: {error}");
}

#[test]
fn one_after_the_other_by_size_and_the_rows_give_the_same_figures_again() {
    let env = up();
    let _ = env
        .pipectl(&["send", "samples/app-100.ndjson"])
        .expect_success();
    let run = [
        "--sizes",
        "100,300",
        "--iterations",
        "4",
        "--warmup",
        "1",
        "--pause",
        "0s",
    ];
    let told = data(&env, &run);
    let figures = &told["figures"];
    assert_eq!(told["complete"], json!(true));
    assert_eq!((&told["rows"], &figures["files"]), (&json!(9), &json!(8)));
    assert_eq!(figures["fates"], json!({"done": 8}));
    let sizes = figures["sizes"].as_array().expect("sizes");
    let lines: Vec<&Value> = sizes.iter().map(|size| &size["lines"]).collect();
    assert_eq!(lines, [&json!(100), &json!(300)]);
    assert_eq!(
        figures["end_to_end_ms"]["only_the_maximum"],
        json!([90, 95, 99])
    );
    // The reports were read, and nothing was left of what was sent but the file before.
    assert!(
        figures["reports"]["worker"]["billed_ms"]["p50"].as_f64() > Some(0.0),
        "{told:#}"
    );
    assert!(!keys(&env).contains("bench-"), "{}", keys(&env));
    assert!(keys(&env).contains("logs/app-100.ndjson"));
    let run_facts = &told["run"];
    assert_eq!(run_facts["product"]["name"], "embedded");
    assert!(run_facts["functions"]["worker"]["code_sha256"].is_string());
    assert_eq!(run_facts["mappings"]["jobs-worker"]["tuned"], json!(false));

    let csv = "results/results_embedded_latest.csv";
    let again = data(&env, &["--from", csv]);
    assert_eq!(
        (&again["as_written"], &again["figures"]),
        (&json!(true), figures)
    );
    other_program_agrees(&env, "");
    // A second one is told beside the first, which stays under its own name.
    let second = data(&env, &run);
    assert_eq!(second["against"]["began_at"], run_facts["began_at"]);
    assert!(second["against"]["p_value"].as_f64().is_some());
    assert_eq!(files(&env, "results_embedded_2").len(), 2);
}

#[test]
fn cold_files_meet_new_environments_and_the_functions_are_as_before() {
    let env = up();
    let told = data(&env, &["--cold", "3", "--sizes", "100", "--keep"]);
    let cold = &told["figures"]["cold"];
    assert_eq!(
        (&cold["both"], &cold["cold_ms"]["n"]),
        (&json!(3), &json!(3)),
        "{told:#}"
    );
    assert_eq!(cold["warm_ms"]["n"], json!(3));
    assert_eq!(cold["worker_init_ms"]["n"], json!(3));
    // How large it is depends on what else the machine does.
    assert!(cold["difference_ms"].is_f64(), "{cold:#}");
    other_program_agrees(&env, "_cold");
    assert!(keys(&env).contains("logs/bench-"), "they were to be kept");
    let _ = env
        .pipectl(&["plan", "--detailed-exitcode"])
        .expect_success();
}

#[test]
fn loads_tell_what_was_achieved_and_what_was_on_its_way() {
    let env = up();
    let load = ["--sizes", "100", "--duration", "2s"];
    let rate = data(&env, &[&["--rate", "10"], &load[..]].concat());
    assert_eq!(rate["figures"]["fates"], json!({"done": 20}), "{rate:#}");
    let achieved = rate["figures"]["files_per_s"].as_f64().expect("a rate");
    assert!((8.0..=11.5).contains(&achieved), "{achieved}");
    let backlog = rate["backlog"].as_array().expect("samples");
    assert!(
        backlog.len() >= 2 && backlog[0]["waiting"].is_u64(),
        "{backlog:?}"
    );

    let closed = data(&env, &[&["--concurrency", "3"], &load[..]].concat());
    let done = closed["figures"]["fates"]["done"].as_u64().expect("files");
    assert!(done >= 6 && closed["figures"]["fates"].as_object().expect("fates").len() == 1);

    let ramp = ["--ramp", "20", "--sizes", "100", "--duration", "1s"];
    let ramp = data(&env, &ramp);
    let steps = ramp["steps"].as_array().expect("steps");
    assert!(
        steps.iter().any(|step| step["sustained"] == json!(false)),
        "{steps:?}"
    );
    let sustained = steps.iter().filter(|step| step["sustained"] == json!(true));
    let highest = sustained
        .filter_map(|step| step["rate"].as_f64())
        .reduce(f64::max);
    assert_eq!(ramp["saturation_per_s"].as_f64(), highest);
}

#[test]
fn rounds_are_made_beside_the_stack_and_leave_nothing() {
    let env = up();
    let told = data(&env, &["--cycle", "1"]);
    let rounds = told["rounds"].as_array().expect("rounds");
    assert_eq!((rounds.len(), &told["complete"]), (1, &json!(true)));
    for part in ["first_up_ms", "no_op_ms", "code_change_ms", "down_ms"] {
        assert!(rounds[0][part].as_f64() > Some(0.0), "{told:#}");
        assert_eq!(told["figures"][part]["n"], json!(1));
    }
    let summary = files(&env, "summary_embedded_cycle_latest");
    assert_eq!(json(&summary[0])["times"], json!(1));
    let _ = env
        .pipectl(&["plan", "--detailed-exitcode"])
        .expect_success();
    let _ = env.pipectl(&["down", "--force"]).expect_success();
    assert!(env.emulator().is_none(), "nothing was left of the copy");
    assert!(
        !env.root()
            .join(".pipectl/cycle-log-pipeline-embedded.txt")
            .exists()
    );
}
