//! How long deploying takes on an endpoint, and a file's way through the pipeline. Prints one row per
//! figure and asserts no time; figures go to docs/measurements.md by hand, with date and machine.
//!
//! The program is the one that the tests use, or that of `PIPECTL_MEASURE_BINARY`; functions are zips made
//! beforehand. From the start of the process to its end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pipectl_testkit::{FaultProxy, TestEnv};
use serde_json::Value;

use super::Stage;
use super::artifacts::marked;
use super::project::{BINARY, Project};

/// Runs per figure.
const RUNS: usize = 5;
/// Files per figure of the way through the pipeline.
const FILES: usize = 10;
/// Between two files, as in the method of the study. // docs/measurements.md
const PAUSE: Duration = Duration::from_millis(1_100);

/// One row.
struct Figure {
    name: &'static str,
    aim: &'static str,
    times: Vec<f64>,
    calls: Option<(usize, usize)>,
}

impl Figure {
    fn new(name: &'static str, aim: &'static str) -> Self {
        Self {
            name,
            aim,
            times: Vec::new(),
            calls: None,
        }
    }

    fn print(mut self, stage: &Stage<'_>) {
        self.times.sort_by(f64::total_cmp);
        let (count, median) = (self.times.len(), self.times[self.times.len() / 2]);
        let calls = self.calls.map_or_else(String::new, |(reads, writes)| {
            format!("{reads} reads, {writes} writes")
        });
        println!(
            "{:<11} {:<24} median {median:>7.1} ms, min {:>7.1}, max {:>7.1} of {count:<3} {calls:<22} {}",
            stage.row.name,
            self.name,
            self.times[0],
            self.times[count - 1],
            self.aim,
        );
    }
}

/// The program that is measured.
pub fn binary() -> PathBuf {
    std::env::var_os("PIPECTL_MEASURE_BINARY").map_or_else(|| BINARY.into(), PathBuf::from)
}

/// One run: how long it took, milliseconds, and what it told.
fn timed(env: &TestEnv, url: &str, arguments: &[&str]) -> (f64, Value) {
    let target = [
        "--output",
        "json",
        "--target",
        "localstack",
        "--endpoint",
        url,
    ];
    let mut command = env.invocation(&[arguments, &target].concat()).command();
    let begun = Instant::now();
    let output = command.output().expect("pipectl runs");
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (took, serde_json::from_slice(&output.stdout).expect("JSON"))
}

pub fn print(stage: &Stage<'_>) {
    let project = Project::with_zips_for(stage, "measured", &binary());
    let aim = |text| {
        if stage.row.name == "MiniStack" {
            text
        } else {
            ""
        }
    };
    let mut figures = [
        Figure::new("up, nothing there", aim("aim ≤ 1000 ms")),
        Figure::new("up, nothing to do", aim("aim ≤ 120 ms")),
        Figure::new("up, one function's code", aim("aim ≤ 800 ms")),
        Figure::new("down", aim("aim ≤ 300 ms")),
    ];
    let proxy = FaultProxy::start(stage.url);
    // The last pass counts calls, and its times are not those of the endpoint alone.
    for run in 0..=RUNS {
        let counted = run == RUNS;
        let url = if counted { proxy.url() } else { stage.url };
        for (step, figure) in figures.iter_mut().enumerate() {
            if step == 2 {
                project
                    .env
                    .write("dist/worker.zip", marked(&stage.artifacts.worker));
            }
            proxy.reset();
            let arguments: &[&str] = if step == 3 {
                &["down", "--force"]
            } else {
                &["up"]
            };
            let (took, _) = timed(&project.env, url, arguments);
            if counted {
                let calls = proxy.calls();
                let calls = calls.iter().filter(|call| !call.service.is_empty());
                let (writes, reads): (Vec<_>, Vec<_>) = calls.partition(|call| call.writes);
                figure.calls = Some((reads.len(), writes.len()));
            } else {
                figure.times.push(took);
            }
        }
        project
            .env
            .write("dist/worker.zip", &stage.artifacts.worker);
    }
    for figure in figures {
        figure.print(stage);
    }
    end_to_end(stage, &project.env);
}

/// From an upload to its result, by the client's clock, one file after the other.
fn end_to_end(stage: &Stage<'_>, env: &TestEnv) {
    let tuned = [
        ("send, tuned", &["up"][..]),
        ("send, untuned", &["up", "--no-tuning"]),
    ];
    let plain = [("send", &["up"][..])];
    let settings = if stage.row.tuned { &tuned[..] } else { &plain };
    for (name, up) in settings {
        timed(env, stage.url, up);
        let mut figure = Figure::new(name, "");
        // The first one starts the functions.
        for file in 0..=FILES {
            std::thread::park_timeout(PAUSE);
            let (_, sent) = timed(env, stage.url, &["send", "samples/app-100.ndjson"]);
            let took = sent["data"]["sent"][0]["elapsed_ms"].as_f64();
            figure.times.extend(took.filter(|_| file > 0));
        }
        figure.print(stage);
    }
    timed(env, stage.url, &["down", "--force"]);
}
