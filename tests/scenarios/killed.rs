//! pipectl killed at fifty random moments of an `up` that builds, plans and makes everything; each time
//! the next `up` ends where an undisturbed one does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pipectl_testkit::{FaultProxy, TestEnv, process};

use super::world::{World, down, told_of, under_names, whole};

const PIPELINE: &str = include_str!("../../stacks/log-pipeline.yaml");
/// Kills of one run.
const KILLS: u64 = 50;

/// A project whose functions need nothing but a compiler, so that they are small and quickly built.
fn project() -> TestEnv {
    let env = TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"));
    env.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"functions/*\"]\n",
    );
    for name in ["trigger", "worker"] {
        env.write(
            &format!("functions/{name}/Cargo.toml"),
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        );
        env.write(
            &format!("functions/{name}/src/main.rs"),
            format!("fn main() {{ println!(\"{name}\") }}\n"),
        );
    }
    let (stack, _) = PIPELINE.split_once("templates:").expect("templates");
    env.write("stacks/log-pipeline.yaml", stack);
    env
}

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // Weyl sequence and a mix: enough to choose moments.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

fn seed() -> u64 {
    std::env::var("PIPECTL_SEED").map_or_else(
        |_| {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
            now.map_or(1, |now| now.as_micros() as u64)
        },
        |text| text.parse().expect("PIPECTL_SEED is a number"),
    )
}

/// When the program is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// When the nth call arrives at the target, before it takes effect there or while it does.
    Call(u64),
    /// So long after the start.
    After(Duration),
}

/// `up` on the endpoint.
fn up(endpoint: &str) -> [&str; 5] {
    ["up", "--target", "localstack", "--endpoint", endpoint]
}

/// Runs `up` and kills it; false when it was over before.
fn killed(env: &TestEnv, proxy: &FaultProxy, moment: Moment) -> bool {
    let pid = Arc::new(AtomicU32::new(0));
    let (known, seen) = (Arc::clone(&pid), AtomicUsize::new(0));
    proxy.on_call(move |_| {
        let nth = seen.fetch_add(1, Ordering::SeqCst) as u64;
        if let Moment::Call(at) = moment
            && nth == at
        {
            process::signal(known.load(Ordering::SeqCst), "KILL");
        }
    });
    let started = env.invocation(&up(proxy.url())).start();
    pid.store(started.pid(), Ordering::SeqCst);
    if let Moment::After(time) = moment {
        let begun = Instant::now();
        while begun.elapsed() < time {
            std::thread::park_timeout(time.saturating_sub(begun.elapsed()));
        }
        process::signal(started.pid(), "KILL");
    }
    let transcript = started.finish();
    proxy.on_call(|_| {});
    transcript.code.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_end_as_one_undisturbed_up() {
    let seed = seed();
    println!("seed {seed} (PIPECTL_SEED repeats it)");
    let mut random = Random(seed);
    let world = World::new().await;
    let env = project();
    let proxy = FaultProxy::start(world.endpoint());
    let stack = world.stack(PIPELINE.split_once("templates:").expect("templates").0);
    let cx = world.context(&stack, proxy.url(), "one");

    let undisturbed = || {
        let begun = Instant::now();
        let _ = env.pipectl(&up(proxy.url())).expect_success();
        begun.elapsed()
    };
    // The first builds; the second tells how long one takes and how many calls it makes.
    undisturbed();
    whole(down(&stack, &cx).await).expect("down");
    proxy.reset();
    let took = undisturbed();
    let calls = proxy.calls().len() as u64;
    let end = told_of(&stack, &cx).await;
    whole(down(&stack, &cx).await).expect("down");

    let (mut kills, mut over) = (0, 0);
    for round in 0..KILLS {
        // Most moments are at a call, where something can be half done; the rest anywhere.
        let moment = if round % 5 == 4 {
            Moment::After(took.mul_f64(random.below(1_000) as f64 / 1_000.0))
        } else {
            Moment::Call(random.below(calls))
        };
        if killed(&env, &proxy, moment) {
            kills += 1;
        } else {
            over += 1;
        }
        let _ = env.pipectl(&up(proxy.url())).expect_success();
        let found = told_of(&stack, &cx).await;
        assert_eq!(found, end, "round {round}, {moment:?}, seed {seed}");
        let mappings = cx.clients.lambda.list_event_source_mappings().send().await;
        let mappings = mappings.expect("a list");
        assert_eq!(mappings.event_source_mappings().len(), 1, "{moment:?}");
        whole(down(&stack, &cx).await).expect("down");
        assert_eq!(under_names(&cx).await, Vec::<String>::new());
    }
    println!("{kills} kills among {calls} calls; {over} came too late");
    assert!(kills >= KILLS * 4 / 5, "{kills} of {KILLS} kills hit");
    assert_eq!(world.resources(), 0);
    assert!(!Path::new(&env.root().join(".pipectl/embedded")).exists());
}
