//! The emulator is killed at random moments under load and started again over the same data: what it
//! has acknowledged is there, what it has not is there wholly or not at all, and the pipeline makes one
//! result of every log file.
//!
//! `PIPECTL_KILLS` says how often (20), `PIPECTL_KILL_SEED` brings the moments of another run again.

#[path = "../faults/functions.rs"]
mod functions;
mod invocations;
mod items;
mod load;
mod messages;
mod multipart;
mod objects;
mod random;
mod results;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pipectl_testkit::functions as processes;
use pipectl_testkit::probe::{Probe, expect};
use pipectl_testkit::{Serving, TestEnv, free_port, until};
use serde_json::{Value, json};

use invocations::Invocations;
use items::Items;
use load::{Lane, Load, Scope};
use messages::Messages;
use multipart::{Cut, Multipart};
use objects::{LogFile, Objects};
use random::Random;

const BUCKET: &str = "log-pipeline-uploads";
const TRIGGER: &str = "log-pipeline-trigger";
/// Longest time under load, milliseconds.
const LONGEST_MS: u64 = 400;
/// Longest time of a start that is not waited for, milliseconds.
const STARTING_MS: u64 = 80;

/// A function that never asks for work and takes no notice of anything: nobody but the next emulator
/// ends its process after a kill, nor the child that it has.
const STUBBORN: &str = "#!/usr/bin/env bash
trap '' TERM HUP INT PIPE
sleep 1000 &
while :; do sleep 1; done
";

/// A number from the environment.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Says something in spite of the test harness, which keeps what tests print.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("stderr");
}

struct Lanes {
    objects: [Objects; 2],
    multipart: Multipart,
    cut: Cut,
    messages: [Messages; 2],
    items: Items,
    invocations: Invocations,
}

impl Lanes {
    fn new(probe: &Probe) -> Self {
        Self {
            objects: [Objects::new("one", 0), Objects::new("two", 1)],
            multipart: Multipart::default(),
            cut: Cut::default(),
            messages: [
                Messages::new(probe, "kill-one"),
                Messages::new(probe, "kill-two"),
            ],
            items: Items::new(probe),
            invocations: Invocations::new(probe),
        }
    }

    fn all(&mut self) -> Vec<&mut dyn Lane> {
        let mut all: Vec<&mut dyn Lane> = vec![
            &mut self.multipart,
            &mut self.cut,
            &mut self.items,
            &mut self.invocations,
        ];
        all.extend(self.objects.iter_mut().map(|lane| lane as &mut dyn Lane));
        all.extend(self.messages.iter_mut().map(|lane| lane as &mut dyn Lane));
        all
    }

    fn check(&mut self, probe: &Probe, scope: Scope) {
        for lane in self.all() {
            lane.check(probe, scope);
        }
    }

    fn log_files(&self, probe: &Probe) -> Vec<LogFile> {
        let mut files = self.multipart.log_files(probe);
        for lane in &self.objects {
            files.extend(lane.log_files(probe));
        }
        files
    }

    fn acknowledged(&self) -> String {
        let objects: usize = self.objects.iter().map(Objects::acknowledged).sum();
        let sum = |count: fn(&Messages) -> usize| self.messages.iter().map(count).sum::<usize>();
        format!(
            "acknowledged: {} objects, {} messages ({} deleted), {} item writes, {} invocations; {} uploads cut",
            objects + self.multipart.acknowledged(),
            sum(Messages::acknowledged),
            sum(Messages::deleted),
            self.items.acknowledged(),
            self.invocations.acknowledged(),
            self.cut.attempted,
        )
    }
}

/// Puts load on the emulator until it is killed.
fn load_and_kill(serving: &mut Serving, lanes: &mut Lanes, round: usize, random: &mut Random) {
    let probe = Probe::new(serving.endpoint());
    let killed = AtomicBool::new(false);
    let moment = Duration::from_millis(random.below(LONGEST_MS + 1));
    std::thread::scope(|scope| {
        for lane in lanes.all() {
            let mut load = Load {
                probe: &probe,
                round,
                random: Random::new(random.next()),
                killed: &killed,
            };
            scope.spawn(move || lane.load(&mut load));
        }
        serving.run_for(moment);
        serving.kill();
        killed.store(true, Ordering::Relaxed);
    });
}

/// No process is left of an emulator that was killed.
fn check_orphans(env: &TestEnv, serving: &Serving) {
    until(
        "orphaned functions are gone",
        Duration::from_secs(5),
        || {
            let left = processes::orphans(&env.data(), Some(serving.pid()));
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            }
        },
    );
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let kills = variable("PIPECTL_KILLS").unwrap_or(20) as usize;
    let seed = variable("PIPECTL_KILL_SEED").unwrap_or_else(|| {
        let time = std::time::SystemTime::UNIX_EPOCH.elapsed();
        time.map_or(0, |time| time.as_nanos() as u64) % 1_000_000_007
    });
    say(&format!(
        "kill test: {kills} kills, PIPECTL_KILL_SEED={seed}"
    ));
    let mut random = Random::new(seed);

    let env = TestEnv::new(env!("CARGO_BIN_EXE_pipectl"));
    let port = free_port();
    let mut serving = env.serve(port);
    serving.ready();
    let _ = env.pipectl(&["up"]).expect_success();
    let probe = Probe::new(serving.endpoint());
    functions::create(&probe, "stubborn", STUBBORN, &json!({}));
    expect(probe.invoke_event("stubborn", &json!({})));
    let mut lanes = Lanes::new(&probe);

    let begun = Instant::now();
    let mut while_starting = 0;
    let mut orphans = BTreeSet::new();
    for round in 0..kills {
        // Some are killed before they serve.
        let early = round > 0 && random.once_in(6);
        if early {
            while_starting += 1;
            let moment = Duration::from_millis(random.below(STARTING_MS));
            serving.run_for(moment);
            serving.kill();
        } else {
            serving.ready();
            check_orphans(&env, &serving);
            if round > 0 {
                lanes.check(&probe, Scope::Round(round - 1));
            }
            load_and_kill(&mut serving, &mut lanes, round, &mut random);
        }
        orphans.extend(
            processes::of(&env.data())
                .into_iter()
                .map(|function| function.pid),
        );
        serving = env.serve(port);
    }
    serving.ready();
    let rounds_took = begun.elapsed();
    check_orphans(&env, &serving);
    lanes.check(&probe, Scope::All);
    // Else it would be started again and again.
    expect(probe.lambda("DELETE", "/2015-03-31/functions/stubborn", &Value::Null));
    let files = lanes.log_files(&probe);
    let found = results::check(&probe, files, &lanes.invocations);
    lanes.check(&probe, Scope::All);
    serving.stop();

    assert!(kills == 0 || !orphans.is_empty() || !cfg!(target_os = "linux"));
    say(&format!(
        "kill test: {kills} kills ({while_starting} while starting), seed {seed}; {}; \
         {} results, {} receives of one job at most; {} function processes orphaned, none left; \
         {:.1} s, of which rounds {:.1} s",
        lanes.acknowledged(),
        found.results,
        found.most_receives,
        orphans.len(),
        begun.elapsed().as_secs_f64(),
        rounds_took.as_secs_f64(),
    ));
}
