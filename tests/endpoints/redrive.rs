//! Redriving one by one with a fault at each of its calls: no letter is ever lost, and one is there twice at
//! most once per lost answer.

use std::collections::BTreeMap;
use std::sync::Mutex;

use pipectl_testkit::probe::expect;
use pipectl_testkit::{Fault, FaultKind, FaultProxy, Probe, TestEnv, until};
use serde_json::json;

use super::Stage;
use super::project::{BINARY, PATIENCE};

/// Queues alone: what is redriven stays to be counted.
const QUEUES: &str = "stack: STACK
queues:
  jobs: { dead_letter: { queue: jobs-dlq, max_receives: 2 } }
  jobs-dlq: {}
";
/// Letters of each stack.
const LETTERS: usize = 4;
/// Calls of which each is one letter's, or a round's.
const CALLS: [&str; 3] = ["ReceiveMessage", "SendMessage", "DeleteMessage"];

/// How long a fault lasts, and when it begins.
#[derive(Debug, Clone, Copy)]
enum When {
    Once,
    FromTheSecondOn,
}

/// One stack with letters, redriven through faults.
struct Cell {
    call: &'static str,
    kind: FaultKind,
    when: When,
}

/// aws-behaviours Q14
pub fn interrupted_at_any_call(stage: &Stage<'_>) {
    let mut cells = Vec::new();
    for call in CALLS {
        for kind in [FaultKind::RefuseBefore, FaultKind::CutAfter] {
            for when in [When::Once, When::FromTheSecondOn] {
                let kind = kind.clone();
                cells.push(Cell { call, kind, when });
            }
        }
    }
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (number, cell) in cells.iter().enumerate() {
            let failed = &failed;
            scope.spawn(move || {
                if let Err(error) = cell.hold(stage, &format!("letters{number}")) {
                    let text = format!("{} {:?} {:?}: {error}", cell.call, cell.kind, cell.when);
                    failed.lock().expect("no holder panics").push(text);
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no holder panics");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

impl Cell {
    fn hold(&self, stage: &Stage<'_>, name: &str) -> Result<(), String> {
        let env = TestEnv::empty(BINARY);
        env.write("stacks/queues.yaml", QUEUES.replace("STACK", name));
        let proxy = FaultProxy::start(stage.url);
        let pipectl = |arguments: &[&str]| {
            let target = ["--target", "localstack", "--endpoint", proxy.url()];
            env.pipectl(&[arguments, &target].concat())
        };
        let _ = pipectl(&["up"]).expect_success();
        let probe = Probe::new(stage.url);
        let [dead, alive] = ["jobs-dlq", "jobs"].map(|queue| format!("{name}-{queue}"));
        for letter in 0..LETTERS {
            let body = json!({
                "QueueUrl": probe.queue_url(&dead), "MessageBody": format!("letter {letter}"),
            });
            expect(probe.sqs("SendMessage", &body));
        }

        proxy.reset();
        // As an endpoint without move tasks answers.
        for operation in ["ListMessageMoveTasks", "StartMessageMoveTask"] {
            let unknown = FaultKind::answer(400, "InvalidAction", "The action is not valid.");
            proxy.arm(Fault::new(operation, unknown).times(usize::MAX));
        }
        let fault = Fault::new(self.call, self.kind.clone());
        proxy.arm(match self.when {
            When::Once => fault,
            When::FromTheSecondOn => fault.nth(2).times(usize::MAX),
        });
        let redrive = ["dlq", "redrive", "--all"];
        let first = pipectl(&redrive);
        let met = proxy.calls();
        let met = met.iter().filter(|call| call.operation == self.call);
        let met = met.filter(|call| call.fault.is_some()).count();
        if met == 0 {
            return Err(format!("no fault was met: {}", first.unredacted()));
        }
        let lasts = matches!(self.when, When::FromTheSecondOn);
        // The call is made again after its answer was lost.
        let not_again = self.call == "DeleteMessage"
            && self.kind == FaultKind::CutAfter
            && !stage.row.deletes_twice;
        if (lasts || not_again) == (first.code == Some(0)) {
            return Err(format!("it ended otherwise: {}", first.unredacted()));
        }
        if self.call == "DeleteMessage" && first.code != Some(0) {
            let said = "it was sent, and may be here as well";
            if !first.stdout.contains(said) {
                return Err(format!("it does not say so: {}", first.unredacted()));
            }
        }

        // What is in hand comes back by itself; then the same command goes on.
        proxy.disarm();
        until("nothing is in hand", PATIENCE, || {
            let depth = probe.depth(&dead);
            if depth.all() == depth.visible {
                Ok(())
            } else {
                Err(format!("{depth:?}"))
            }
        });
        let waiting = probe.depth(&dead).visible;
        let _ = pipectl(&redrive).expect_success();
        if probe.depth(&dead).all() != 0 {
            return Err(format!("{waiting} waited, and some still do"));
        }
        let found = bodies(&probe, &alive);
        let lost = (0..LETTERS).find(|letter| !found.contains_key(&format!("letter {letter}")));
        if let Some(letter) = lost {
            return Err(format!("letter {letter} is lost: {found:?}"));
        }
        let more: usize = found.values().sum::<usize>() - LETTERS;
        // An answer that came gives no reason to do anything twice.
        if more > 0
            && (self.kind == FaultKind::RefuseBefore && self.call == "SendMessage" || more > met)
        {
            return Err(format!(
                "{more} more than were there, {met} faults: {found:?}"
            ));
        }
        let _ = pipectl(&["down", "--force"]).expect_success();
        Ok(())
    }
}

/// What waits in a queue, by its body.
fn bodies(probe: &Probe, queue: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    loop {
        let messages = probe.receive(queue, 60);
        if messages.is_empty() {
            return found;
        }
        for message in messages {
            let body = message["Body"].as_str().expect("a body").to_owned();
            *found.entry(body).or_default() += 1;
        }
    }
}
