//! Redriving that is interrupted, killed, refused, or has to do without move tasks: no letter is ever lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use pipectl_testkit::{Fault, FaultKind, FaultProxy, Probe, Serving, TestEnv, Transcript, process};
use serde_json::{Value, json};

use super::dlq::{QUEUES, json_of, put, text};
use super::engine::behind_proxy;
use super::succeed;

/// A stack of queues behind a proxy, with so many letters.
fn waiting(count: usize) -> (TestEnv, Serving, FaultProxy, Probe) {
    let (env, serving, proxy) = behind_proxy(QUEUES);
    succeed(&env, &through(&proxy, &["up"]));
    let probe = Probe::new(serving.endpoint());
    for number in 0..count {
        put(&probe, "demo-jobs-dlq", &format!("letter {number}"));
    }
    (env, serving, proxy, probe)
}

pub(super) fn through<'a>(proxy: &'a FaultProxy, arguments: &[&'a str]) -> Vec<&'a str> {
    let mut all = arguments.to_vec();
    all.extend(["--target", "localstack", "--endpoint", proxy.url()]);
    all
}

/// The endpoint knows no move tasks, as some do not.
fn without_tasks(proxy: &FaultProxy) {
    for operation in ["ListMessageMoveTasks", "StartMessageMoveTask"] {
        let unknown = FaultKind::answer(400, "InvalidAction", "The action is not valid.");
        proxy.arm(Fault::new(operation, unknown).times(usize::MAX));
    }
}

/// Runs pipectl and sends it the signal at the `nth` call of an operation, which takes half a second.
fn signalled(
    env: &TestEnv,
    proxy: &FaultProxy,
    arguments: &[&str],
    (operation, nth): (&str, usize),
    signal: &'static str,
) -> Transcript {
    let (pid, sent) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (known, once, awaited) = (Arc::clone(&pid), Arc::clone(&sent), operation.to_owned());
    proxy.reset();
    let delay = FaultKind::Delay(Duration::from_millis(500));
    proxy.arm(Fault::new(operation, delay).nth(nth));
    proxy.on_call(move |call| {
        if call.operation == awaited && call.nth == nth && !once.swap(true, Ordering::SeqCst) {
            process::signal(known.load(Ordering::SeqCst), signal);
        }
    });
    let started = env.invocation(&through(proxy, arguments)).start();
    pid.store(started.pid(), Ordering::SeqCst);
    let transcript = started.finish();
    assert!(sent.load(Ordering::SeqCst), "{}", transcript.unredacted());
    proxy.on_call(|_| {});
    transcript
}

fn done_and_left(json: &Value) -> (u64, u64) {
    let report = &json["data"]["queues"][0];
    let number = |name: &str| report[name].as_u64().expect("a number");
    (number("done"), number("left"))
}

/// aws-behaviours Q14
#[test]
fn an_endpoint_without_move_tasks_is_redriven_one_by_one() {
    let (env, _serving, proxy, probe) = waiting(12);
    without_tasks(&proxy);
    let arguments = through(&proxy, &["dlq", "redrive", "--all", "--rate", "100"]);
    let redriven = json_of(&env, &arguments, 0);
    let report = &redriven["data"]["queues"][0];
    assert_eq!(
        (text(report, "how"), &report["done"]),
        ("one_by_one", &json!(12))
    );
    assert_eq!(probe.depth("demo-jobs-dlq").all(), 0);
    assert_eq!(probe.depth("demo-jobs").visible, 12);
    let message = &probe.receive("demo-jobs", 0)[0];
    let attributes = message["MessageAttributes"]
        .as_object()
        .expect("attributes");
    assert_eq!(
        attributes.keys().collect::<Vec<_>>(),
        ["tenant"],
        "not why it failed"
    );
}

/// The letter in hand is finished, the others stay, and the next run goes on.
#[test]
fn an_interrupted_redrive_goes_on() {
    let (env, _serving, proxy, probe) = waiting(3);
    without_tasks(&proxy);
    let redrive = ["dlq", "redrive", "--all"];
    let mut json = redrive.to_vec();
    json.extend(["--output", "json"]);
    let ended = signalled(&env, &proxy, &json, ("DeleteMessage", 1), "INT");
    let ended = ended.expect_code(75).json();
    assert_eq!(done_and_left(&ended), (1, 2));
    assert_eq!(text(&ended["error"], "code"), "dlq::interrupted");
    // Given back at once: nobody has to wait for them.
    assert_eq!(probe.depth("demo-jobs-dlq").visible, 2);
    assert_eq!(probe.depth("demo-jobs").visible, 1);
    without_tasks(&proxy);
    let on = env.pipectl(&through(&proxy, &redrive)).expect_success();
    assert!(
        on.stdout
            .contains("2 dead letters of queues.jobs-dlq redriven"),
        "{}",
        on.unredacted()
    );
    assert_eq!(probe.depth("demo-jobs").visible, 3);
    assert_eq!(probe.depth("demo-jobs-dlq").all(), 0);
}

/// The ids that are left are told: with all of them, those that are done would not be found.
#[test]
fn an_interrupted_redrive_of_some_tells_which_are_left() {
    let (env, _serving, proxy, probe) = waiting(3);
    let ids = letters_through(&env, &proxy);
    let mut json = vec!["dlq", "redrive"];
    json.extend(ids.iter().map(String::as_str));
    json.extend(["--output", "json"]);
    let ended = signalled(&env, &proxy, &json, ("DeleteMessage", 1), "INT");
    let ended = ended.expect_code(75).json();
    let left = ended["data"]["queues"][0]["left_ids"].as_array();
    let left: Vec<&str> = left
        .expect("ids")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(left.len(), 2);
    let help = text(&ended["error"], "help");
    assert!(help.contains(&left.join(" ")), "{help}");
    let mut on = vec!["dlq", "redrive"];
    on.extend(&left);
    succeed(&env, &through(&proxy, &on));
    assert_eq!(probe.depth("demo-jobs").visible, 3);
    // With one that is done nothing is lost, and it is said what may have become of it.
    let again = env.pipectl(&through(&proxy, &["dlq", "redrive", left[0]]));
    let again = again.expect_code(1);
    assert!(
        again
            .stdout
            .contains("one that was redriven before is gone"),
        "{}",
        again.unredacted()
    );
}

/// Killed between sending and deleting: the letter in hand is there twice, and none is gone.
/// aws-behaviours Q11
#[test]
fn a_killed_redrive_loses_nothing() {
    let (env, _serving, proxy, probe) = waiting(3);
    let id = letters_through(&env, &proxy)[0].clone();
    let killed = signalled(
        &env,
        &proxy,
        &["dlq", "redrive", &id],
        ("DeleteMessage", 1),
        "KILL",
    );
    assert_eq!(killed.code, None, "{}", killed.unredacted());
    assert_eq!(probe.depth("demo-jobs").all(), 1);
    // The delete may still arrive, and would be right.
    assert!((2..=3).contains(&probe.depth("demo-jobs-dlq").all()));
}

fn letters_through(env: &TestEnv, proxy: &FaultProxy) -> Vec<String> {
    let listed = json_of(env, &through(proxy, &["dlq", "ls", "jobs-dlq"]), 0);
    let letters = listed["data"]["queues"][0]["letters"].as_array();
    let letters = letters.expect("letters").iter();
    letters
        .map(|letter| text(letter, "message_id").to_owned())
        .collect()
}

/// aws-behaviours Q14
#[test]
fn an_interrupted_task_is_ended_and_goes_on() {
    let (env, _serving, proxy, probe) = waiting(4);
    let redrive = ["dlq", "redrive", "--all", "--rate", "1", "--output", "json"];
    let ended = signalled(&env, &proxy, &redrive, ("ListMessageMoveTasks", 3), "INT");
    let (done, left) = done_and_left(&ended.expect_code(75).json());
    assert_eq!(done + left, 4);
    assert!(left >= 1, "{left}");
    assert_eq!(probe.depth("demo-jobs").visible, done);
    let on = json_of(&env, &through(&proxy, &["dlq", "redrive", "--all"]), 0);
    assert_eq!(done_and_left(&on), (left, 0));
    assert_eq!(probe.depth("demo-jobs").visible, 4);
}

#[test]
fn an_interrupted_look_leaves_everything_visible() {
    let (env, _serving, proxy, probe) = waiting(12);
    let ended = signalled(&env, &proxy, &["dlq", "ls"], ("ReceiveMessage", 2), "INT");
    let _ = ended.expect_code(75);
    assert_eq!(probe.depth("demo-jobs-dlq").visible, 12);
    assert_eq!(letters_through(&env, &proxy).len(), 12);
}

/// What cannot be sent stays, with the reason; the rest goes.
#[test]
fn a_letter_that_cannot_be_redriven_stays() {
    let (env, _serving, proxy, probe) = waiting(2);
    without_tasks(&proxy);
    let denied = FaultKind::answer(
        403,
        "AccessDenied",
        "not authorized to perform: sqs:SendMessage",
    );
    proxy.arm(Fault::new("SendMessage", denied));
    let failed = json_of(&env, &through(&proxy, &["dlq", "redrive", "--all"]), 1);
    let report = &failed["data"]["queues"][0];
    assert_eq!(
        (&report["done"], report["failed"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );
    assert!(
        text(&report["failed"][0], "reason").contains("AccessDenied"),
        "{report}"
    );
    assert_eq!(text(&failed["error"], "code"), "dlq::failed");
    assert_eq!(probe.depth("demo-jobs-dlq").visible, 1);
}
