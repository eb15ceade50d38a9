//! What the engine costs, as a user meets it: the program itself, run again and again on the embedded
//! target. Prints one row per figure: median, smallest and largest, the calls it makes, and the aim.
//! `cargo bench --bench engine`; figures go to docs/measurements.md by hand, with date and machine.
//!
//! From the start of the process to its end. Where code changes, building it is taken out: the time between
//! the beginning of packaging and the last artifact.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use pipectl_testkit::{Call, FaultProxy, Serving, Started, TestEnv, free_port};
use serde_json::Value;

/// Runs per figure.
const RUNS: usize = 15;
/// Queues, functions and mappings of the large stack.
const LARGE: usize = 100;

fn main() {
    println!(
        "{:<44} {:>9} {:>9} {:>9}   {:<22} aim",
        "figure", "median", "min", "max", "calls"
    );
    log_pipeline();
    code_only_change();
    large_stack();
}

/// One row.
struct Figure {
    name: &'static str,
    aim: &'static str,
    times: Vec<Duration>,
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

    fn print(mut self) {
        self.times.sort();
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1_000.0);
        let calls = self.calls.map_or_else(String::new, |(reads, writes)| {
            format!("{reads} reads, {writes} writes")
        });
        println!(
            "{:<44} {:>9} {:>9} {:>9}   {calls:<22} {}",
            self.name,
            ms(self.times[self.times.len() / 2]),
            ms(self.times[0]),
            ms(self.times[self.times.len() - 1]),
            self.aim,
        );
    }
}

/// Runs a command and gives how long it took.
fn timed(env: &TestEnv, arguments: &[&str]) -> Duration {
    timed_apart(env, arguments).0
}

/// Runs a command and gives how long it took, and how much of that was packaging.
fn timed_apart(env: &TestEnv, arguments: &[&str]) -> (Duration, Duration) {
    let mut all = arguments.to_vec();
    all.extend(["--output", "json"]);
    let mut command = env.invocation(&all).command();
    let begun = Instant::now();
    let output = command.output().expect("pipectl runs");
    let whole = begun.elapsed();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    (whole, packaging(&told))
}

/// From the beginning of packaging to the last artifact.
fn packaging(told: &str) -> Duration {
    let at = |line: &Value| line["at_ms"].as_f64().unwrap_or_default();
    let lines: Vec<Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let of = |event: &'static str| lines.iter().filter(move |line| line["event"] == event);
    let begun = of("packaging_started").map(at).fold(f64::NAN, f64::min);
    let ended = of("artifact_ready").map(at).fold(f64::NAN, f64::max);
    if begun.is_nan() || ended.is_nan() {
        return Duration::ZERO;
    }
    Duration::from_secs_f64((ended - begun) / 1_000.0)
}

/// A proxy before the embedded target: the record of who serves names the proxy instead.
fn proxied(env: &TestEnv, serving: &Serving) -> FaultProxy {
    let proxy = FaultProxy::start(serving.endpoint());
    let record = env.data().join("emulator.json");
    let text = std::fs::read_to_string(&record).expect("the record");
    std::fs::write(&record, text.replace(serving.endpoint(), proxy.url())).expect("written");
    proxy
}

/// Reads and writes of one run, counted by a proxy.
fn counted(env: &TestEnv, proxy: &FaultProxy, arguments: &[&str]) -> (usize, usize) {
    proxy.reset();
    let _ = env.pipectl(arguments).expect_success();
    let calls = proxy.calls();
    // What is no call of AWS is pipectl asking its emulator how it is.
    let calls: Vec<&Call> = calls
        .iter()
        .filter(|call| !call.service.is_empty())
        .collect();
    let writes = calls.iter().filter(|call| call.writes).count();
    (calls.len() - writes, writes)
}

/// Largest resident memory of the program itself, bytes; its children are not counted.
fn peak_memory(started: Started<'_>) -> u64 {
    let status = format!("/proc/{}/status", started.pid());
    let mut peak = 0;
    while let Ok(text) = std::fs::read_to_string(&status) {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kib) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        else {
            // A process that has ended has none.
            break;
        };
        peak = peak.max(kib);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let _ = started.finish().expect_success();
    peak * 1_024
}

fn log_pipeline() {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_pipectl"));
    // Builds; nothing of it is measured.
    let _ = env.pipectl(&["plan"]).expect_success();
    let mut package = Figure::new("package: nothing changed, no cargo", "≤ 50 ms");
    for _ in 0..RUNS {
        package.times.push(timed(&env, &["package"]));
    }
    package.print();
    let mut first = Figure::new("log pipeline: first up, emulator started", "≤ 300 ms");
    let mut no_op = Figure::new("log pipeline: no-op up", "≤ 60 ms, ≤ 30 reads");
    let mut down = Figure::new("log pipeline: down, emulator stopped", "≤ 200 ms");
    let mut peak = 0;
    for run in 0..RUNS {
        if run == 0 {
            peak = peak_memory(env.invocation(&["up"]).start());
            let _ = env.pipectl(&["down", "--force"]).expect_success();
        }
        first.times.push(timed(&env, &["up"]));
        no_op.times.push(timed(&env, &["up"]));
        down.times.push(timed(&env, &["down", "--force"]));
    }
    let mut serving = env.serve(free_port());
    serving.ready();
    let proxy = proxied(&env, &serving);
    first.calls = Some(counted(&env, &proxy, &["up"]));
    no_op.calls = Some(counted(&env, &proxy, &["up"]));
    down.calls = Some(counted(&env, &proxy, &["down", "--force"]));
    for figure in [first, no_op, down] {
        figure.print();
    }
    println!(
        "{:<44} {:>6.1} MB {:>33} ≤ 60 MB",
        "log pipeline: first up, peak memory of pipectl",
        peak as f64 / 1e6,
        ""
    );
}

/// A workspace with functions that need nothing but a compiler, each with so much in it that does not
/// compress.
fn workspace(env: &TestEnv, functions: &[&str], bytes: usize) {
    env.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"functions/*\"]\n",
    );
    let mut noise = vec![0_u8; bytes];
    let mut state = 1_u64;
    for byte in &mut noise {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    for name in functions {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        env.write(&format!("functions/{name}/Cargo.toml"), manifest);
        env.write(&format!("functions/{name}/src/noise"), &noise);
        code(env, name, 0);
    }
}

/// Writes another program of the same size.
fn code(env: &TestEnv, function: &str, version: usize) {
    env.write(
        &format!("functions/{function}/src/main.rs"),
        format!(
            "static NOISE: &[u8] = include_bytes!(\"noise\");\n\
             fn main() {{ println!(\"{version} {{:?}}\", std::hint::black_box(NOISE).get({version})) }}\n"
        ),
    );
}

fn code_only_change() {
    let env = TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"));
    workspace(&env, &["trigger", "worker"], 7_500_000);
    let stack = include_str!("../stacks/log-pipeline.yaml");
    let (stack, _) = stack.split_once("templates:").expect("templates");
    env.write("stacks/log-pipeline.yaml", stack);
    let _ = env.pipectl(&["up"]).expect_success();
    let mut change = Figure::new("log pipeline: code of one function, 7.5 MB", "≤ 200 ms");
    for run in 1..=RUNS {
        code(&env, "worker", run);
        let _ = env.pipectl(&["plan"]).expect_success();
        let (whole, packaging) = timed_apart(&env, &["up"]);
        change.times.push(whole.saturating_sub(packaging));
    }
    let _ = env.pipectl(&["down", "--force"]).expect_success();
    let mut serving = env.serve(free_port());
    serving.ready();
    let proxy = proxied(&env, &serving);
    counted(&env, &proxy, &["up"]);
    code(&env, "worker", RUNS + 1);
    change.calls = Some(counted(&env, &proxy, &["up"]));
    change.print();
}

fn large_stack() {
    let env = TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"));
    workspace(&env, &["tiny"], 0);
    let mut text = "stack: large\nqueues:\n".to_owned();
    for number in 0..LARGE {
        text.push_str(&format!("  q{number}: {{ visibility_timeout: 180s }}\n"));
    }
    text.push_str("functions:\n");
    for number in 0..LARGE {
        let next = (number + 1) % LARGE;
        text.push_str(&format!(
            "  f{number}: {{ crate: functions/tiny, timeout: 30s, environment: {{ QUEUE: \"${{queues.q{next}.url}}\" }} }}\n"
        ));
    }
    text.push_str("wiring:\n");
    for number in 0..LARGE {
        text.push_str(&format!(
            "  - {{ from: queues.q{number}, to: functions.f{number} }}\n"
        ));
    }
    env.write("stacks/large.yaml", text);
    let _ = env.pipectl(&["plan"]).expect_success();
    let mut plan = Figure::new("400 resources: plan, nothing there", "≤ 150 ms");
    let mut first = Figure::new("400 resources: up", "≥ 100 resources/s");
    let mut again = Figure::new("400 resources: plan, all there", "≤ 150 ms");
    let mut down = Figure::new("400 resources: down", "");
    for _ in 0..RUNS.min(7) {
        plan.times.push(timed(&env, &["plan"]));
        first.times.push(timed(&env, &["up"]));
        again.times.push(timed(&env, &["plan"]));
        down.times.push(timed(&env, &["down", "--force"]));
    }
    assert!(!Path::new(&env.root().join(".pipectl/embedded")).exists());
    for figure in [plan, first, again, down] {
        figure.print();
    }
}
