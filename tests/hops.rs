//! The hops of `pipectl bench` are true: with 200 ms put into each in turn, that one rises by as much, and no
//! other does. A test binary of its own, so that nothing else runs beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use pipectl_emulator::{Behaviour, Config, Emulator};
use pipectl_testkit::{Fault, FaultKind, FaultProxy, TestEnv};
use serde_json::Value;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_pipectl");
/// What is put into a hop.
const INJECTED_MS: i64 = 200;
/// So far a median may be from what it should be, milliseconds. Moments of functions are whole milliseconds.
const TOLERANCE_MS: f64 = 10.0;
const HOPS: [&str; 6] = [
    "upload",
    "put_to_trigger",
    "trigger",
    "send_to_worker",
    "processing",
    "row_to_seen",
];

/// An emulator in this process, with the pipeline on it, and proxies before the services that are called.
struct World {
    env: TestEnv,
    /// Before all that the program calls.
    client: FaultProxy,
    /// Before all that the functions call.
    functions: FaultProxy,
    // Last: it serves the others.
    _emulator: Emulator,
    _data: tempfile::TempDir,
}

impl World {
    async fn new(behaviour: Behaviour) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let config = Config {
            behaviour,
            ..Config::new(data.path())
        };
        let emulator = Emulator::start(config).await.expect("an emulator");
        let client = FaultProxy::start(emulator.endpoint());
        let functions = FaultProxy::start(emulator.endpoint());
        let env = TestEnv::new(BINARY);
        let stack = env.root().join("stacks/log-pipeline.yaml");
        let text = std::fs::read_to_string(&stack).expect("the stack");
        // What a function calls of its own goes by this address.
        let through = |service: &str| {
            format!(
                "    environment:\n      AWS_ENDPOINT_URL_{service}: {}\n",
                functions.url()
            )
        };
        let (trigger, worker) = text.split_once("  worker:").expect("both functions");
        let trigger = trigger.replace("    environment:\n", &through("SQS"));
        let both = format!(
            "{}      AWS_ENDPOINT_URL_DYNAMODB: {}\n",
            through("S3"),
            functions.url()
        );
        let worker = worker.replace("    environment:\n", &both);
        std::fs::write(&stack, format!("{trigger}  worker:{worker}")).expect("written");
        let world = Self {
            env,
            client,
            functions,
            _emulator: emulator,
            _data: data,
        };
        world.run(&["up"]);
        world
    }

    fn target(&self) -> [&str; 4] {
        ["--target", "localstack", "--endpoint", self.client.url()]
    }

    fn run(&self, arguments: &[&str]) {
        let all = [arguments, &self.target()].concat();
        // The program blocks, and the emulator's tasks are on other threads.
        let _ = tokio::task::block_in_place(|| self.env.pipectl(&all).expect_success());
    }

    /// Medians of the hops, and of all from end to end.
    fn medians(&self) -> BTreeMap<String, f64> {
        let run = [
            "bench",
            "--sizes",
            "100",
            "--iterations",
            "9",
            "--warmup",
            "3",
        ];
        let all = [
            &run[..],
            &["--pause", "0s", "--output", "json"],
            &self.target(),
        ]
        .concat();
        let told = tokio::task::block_in_place(|| self.env.pipectl(&all).expect_success().json());
        let figures = &told["data"]["figures"];
        let hops = figures["hops"].as_array().expect("hops");
        let mut medians: BTreeMap<String, f64> = hops
            .iter()
            .map(|hop| {
                let name = hop["name"].as_str().expect("a name");
                (
                    name.to_owned(),
                    hop["ms"]["p50"].as_f64().expect("a median"),
                )
            })
            .collect();
        let end = figures["end_to_end_ms"]["p50"].as_f64().expect("a median");
        medians.insert("end_to_end".to_owned(), end);
        assert_eq!(figures["fates"], serde_json::json!({"done": 9}), "{told:#}");
        assert_eq!(clock(&told), "S3, trigger");
        medians
    }
}

/// Whose clocks the hop to the trigger is by.
fn clock(told: &Value) -> &str {
    told["data"]["figures"]["hops"][1]["clocks"]
        .as_str()
        .expect("clocks")
}

/// Only this hop rose, by what was put into it; and so did the whole.
#[track_caller]
fn rose(hop: &str, before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) {
    for name in HOPS.into_iter().chain(["end_to_end"]) {
        let expected = if name == hop || name == "end_to_end" {
            INJECTED_MS as f64
        } else {
            0.0
        };
        let rise = now[name] - before[name];
        assert!(
            (rise - expected).abs() <= TOLERANCE_MS,
            "{hop}: {name} rose by {rise:.1} ms\nbefore: {before:?}\nnow: {now:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_into_one_hop_is_seen_in_that_hop_only() {
    let world = World::new(Behaviour::INSTANT).await;
    let before = world.medians();
    let slow = FaultKind::Delay(Duration::from_millis(INJECTED_MS as u64));
    let proxies = [
        &world.client,
        &world.functions,
        &world.functions,
        &world.functions,
    ];
    let calls = [
        ("upload", "s3:PutObject"),
        ("trigger", "sqs:SendMessage"),
        ("processing", "s3:GetObject"),
        ("row_to_seen", "dynamodb:PutItem"),
    ];
    for (proxy, (hop, call)) in proxies.into_iter().zip(calls) {
        proxy.arm(Fault::new(call, slow.clone()).times(usize::MAX));
        rose(hop, &before, &world.medians());
        proxy.disarm();
    }
    drop(world);

    // Two hops are the endpoint's own.
    for (hop, behaviour) in [
        (
            "put_to_trigger",
            Behaviour {
                async_delivery_ms: INJECTED_MS,
                ..Behaviour::INSTANT
            },
        ),
        (
            "send_to_worker",
            Behaviour {
                mapping_look_ms: INJECTED_MS,
                ..Behaviour::INSTANT
            },
        ),
    ] {
        let world = World::new(behaviour).await;
        rose(hop, &before, &world.medians());
    }
}
