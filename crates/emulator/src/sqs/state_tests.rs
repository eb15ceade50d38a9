//! The state by itself: visibility, dead letters, handles, counts, retention, durability.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use super::state::{Counts, State, arn_of, name_of};
use super::state_messages::NewMessage;
use super::state_receive::{Handle, Received, Receiver};

const NOW: i64 = 1_760_000_000_000;
const SECOND: i64 = 1_000;

fn open(path: &Path) -> State {
    let waits = super::state_waits::Waits::default();
    State::open(&path.join("sqs.sqlite"), crate::Durability::Process, waits).expect("opened")
}

fn fresh() -> (TempDir, State) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let state = open(dir.path());
    (dir, state)
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn make(state: &State, name: &str, pairs: &[(&str, &str)]) {
    state
        .create(name, &attributes(pairs), &BTreeMap::new(), NOW)
        .expect("the queue is made");
}

fn redrive(target: &str, max_receives: i64) -> String {
    format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receives}}}"#,
        arn_of(target)
    )
}

fn message(body: &str, delay_s: Option<u32>) -> NewMessage {
    NewMessage {
        body: body.to_owned(),
        md5: String::new(),
        attributes: None,
        system: None,
        size: body.len(),
        delay_s,
    }
}

fn send(state: &State, queue: &str, body: &str, now: i64) -> String {
    let mut sent = state
        .send(queue, vec![message(body, None)], now)
        .expect("a queue");
    sent.pop().expect("one").expect("sent")
}

fn receive(state: &State, queue: &str, max: usize, now: i64) -> Vec<Received> {
    state
        .receive(queue, max, None, Receiver::Client, now)
        .expect("received")
        .messages
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|m| m.body.as_str()).collect()
}

fn handle(received: &Received, queue: &str) -> Handle {
    Handle::parse(&received.handle, queue).expect("a handle of the queue")
}

fn counts(state: &State, queue: &str, now: i64) -> (i64, i64, i64) {
    let (_, counted) = state.counted(queue, now).expect("counted");
    let Counts {
        visible,
        in_flight,
        delayed,
    } = counted;
    (visible, in_flight, delayed)
}

#[test]
fn a_received_message_is_hidden_for_the_visibility_timeout() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[("VisibilityTimeout", "30")]);
    let id = send(&state, "jobs", "a", NOW);
    let first = receive(&state, "jobs", 10, NOW + 5);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].message_id, id);
    assert_eq!(first[0].receive_count, 1);
    assert_eq!(counts(&state, "jobs", NOW + 5), (0, 1, 0));
    assert!(receive(&state, "jobs", 10, NOW + 5 + 30 * SECOND - 1).is_empty());

    let second = receive(&state, "jobs", 10, NOW + 5 + 30 * SECOND);
    assert_eq!(second[0].receive_count, 2);
    assert_eq!(second[0].sent_ms, NOW);
    assert_eq!(second[0].first_received_ms, NOW + 5);
    assert_ne!(second[0].handle, first[0].handle);
}

#[test]
fn delays_are_of_the_queue_or_of_the_message() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[("DelaySeconds", "10")]);
    state
        .send(
            "jobs",
            vec![
                message("by queue", None),
                message("at once", Some(0)),
                message("late", Some(60)),
            ],
            NOW,
        )
        .expect("sent");
    assert_eq!(counts(&state, "jobs", NOW), (1, 0, 2));
    assert_eq!(bodies(&receive(&state, "jobs", 10, NOW)), ["at once"]);
    assert!(receive(&state, "jobs", 10, NOW + 10 * SECOND - 1).is_empty());
    let later = receive(&state, "jobs", 10, NOW + 10 * SECOND);
    assert_eq!(bodies(&later), ["by queue"]);
    assert_eq!(counts(&state, "jobs", NOW + 10 * SECOND), (0, 2, 1));
}

#[test]
fn visibility_can_be_changed_to_at_once_and_to_later() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[]);
    send(&state, "jobs", "a", NOW);
    let first = handle(&receive(&state, "jobs", 1, NOW)[0], "jobs");
    let change = |handle: &Handle, seconds, now| {
        state
            .change_visibility("jobs", &[(handle.clone(), seconds)], now)
            .expect("a queue")
            .pop()
            .expect("one")
    };
    assert_eq!(change(&first, 0, NOW), Ok(()));
    let second = handle(&receive(&state, "jobs", 1, NOW)[0], "jobs");
    assert_eq!(change(&second, 100, NOW), Ok(()));
    assert!(receive(&state, "jobs", 1, NOW + 100 * SECOND - 1).is_empty());
    // Twelve hours after the receive it ends, however often it is prolonged.
    let refused = change(&second, 43_200, NOW + SECOND).expect_err("too long");
    assert!(refused.message.contains("beyond the limit"), "{refused}");
    state
        .delete_messages("jobs", std::slice::from_ref(&second))
        .expect("deleted");
    let gone = change(&second, 1, NOW).expect_err("gone");
    assert_eq!(gone.code, "InvalidParameterValueException");
}

/// aws-behaviours Q18
#[test]
fn a_handle_changes_the_visibility_of_its_own_receive_only() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[("VisibilityTimeout", "30")]);
    send(&state, "jobs", "a", NOW);
    let change = |handle: &Handle, seconds, now| {
        state
            .change_visibility("jobs", &[(handle.clone(), seconds)], now)
            .expect("a queue")
            .pop()
            .expect("one")
    };
    let first = handle(&receive(&state, "jobs", 1, NOW)[0], "jobs");
    // Its time is over: yes, says AWS, and the message stays visible.
    let now = NOW + 30 * SECOND;
    assert_eq!(change(&first, 100, now), Ok(()));
    assert_eq!(counts(&state, "jobs", now), (1, 0, 0));

    let second = handle(&receive(&state, "jobs", 1, now)[0], "jobs");
    // Another has it now.
    for seconds in [0, 100] {
        let refused = change(&first, seconds, now).expect_err("stale");
        assert_eq!(refused.code, "InvalidParameterValueException");
        assert!(refused.message.contains("not available"), "{refused}");
    }
    assert_eq!(counts(&state, "jobs", now), (0, 1, 0));
    assert_eq!(change(&second, 0, now), Ok(()));
    assert_eq!(change(&second, 100, now), Ok(()));
    assert_eq!(counts(&state, "jobs", now), (1, 0, 0));
}

#[test]
fn an_old_handle_still_deletes_and_a_dead_one_is_ignored() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[("VisibilityTimeout", "0")]);
    make(&state, "other", &[]);
    send(&state, "jobs", "a", NOW);
    send(&state, "jobs", "b", NOW);
    let old = receive(&state, "jobs", 1, NOW).remove(0);
    receive(&state, "jobs", 2, NOW + 1);
    let old = handle(&old, "jobs");
    state
        .delete_messages("jobs", std::slice::from_ref(&old))
        .expect("deleted");
    assert_eq!(counts(&state, "jobs", NOW + 1), (1, 0, 0));
    state
        .delete_messages("jobs", std::slice::from_ref(&old))
        .expect("ignored");
    assert_eq!(counts(&state, "jobs", NOW + 1), (1, 0, 0));

    assert_eq!(Handle::parse(&old.text, "other"), None);
    for malformed in ["", "x", "am9icy8x", "////"] {
        assert_eq!(Handle::parse(malformed, "jobs"), None, "{malformed}");
    }
}

/// aws-behaviours Q9
#[test]
fn a_message_goes_to_the_dead_letters_after_exactly_max_receives() {
    let (_dir, state) = fresh();
    make(&state, "dead", &[]);
    make(
        &state,
        "jobs",
        &[
            ("RedrivePolicy", &redrive("dead", 3)),
            ("VisibilityTimeout", "1"),
        ],
    );
    let id = send(&state, "jobs", "poison", NOW);
    let mut now = NOW;
    for count in 1..=3 {
        let received = receive(&state, "jobs", 10, now);
        assert_eq!(received[0].receive_count, count);
        now += SECOND;
    }
    let healthy = send(&state, "jobs", "healthy", now);
    let watch = state.watch("dead").expect("read").expect("a queue");
    // The one behind it is received in its place.
    let received = receive(&state, "jobs", 1, now);
    assert_eq!(received[0].message_id, healthy);
    assert!(watch.has_changed().expect("open"));
    assert_eq!(counts(&state, "jobs", now), (0, 1, 0));
    let dead = receive(&state, "dead", 10, now);
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].message_id, id);
    assert_eq!(dead[0].sent_ms, NOW, "the time of sending stays");
    assert_eq!(dead[0].source.as_deref(), Some("jobs"));
}

#[test]
fn without_its_dead_letter_queue_a_message_stays() {
    let (_dir, state) = fresh();
    make(&state, "dead", &[]);
    make(
        &state,
        "jobs",
        &[
            ("RedrivePolicy", &redrive("dead", 1)),
            ("VisibilityTimeout", "0"),
        ],
    );
    send(&state, "jobs", "a", NOW);
    state.delete("dead", NOW).expect("deleted");
    for _ in 0..3 {
        assert_eq!(receive(&state, "jobs", 1, NOW).len(), 1);
    }
}

#[test]
fn what_is_past_retention_is_neither_received_nor_kept() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[("MessageRetentionPeriod", "60")]);
    send(&state, "jobs", "old", NOW);
    send(&state, "jobs", "new", NOW + 30 * SECOND);
    let now = NOW + 60 * SECOND;
    assert_eq!(counts(&state, "jobs", now), (1, 0, 0));
    assert_eq!(bodies(&receive(&state, "jobs", 10, now)), ["new"]);
    assert_eq!(state.expire(now).expect("swept"), 1);
    assert_eq!(state.expire(now).expect("swept"), 0);
    assert_eq!(counts(&state, "jobs", now), (0, 1, 0));
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let (dir, state) = fresh();
    make(&state, "jobs", &[("VisibilityTimeout", "30")]);
    state
        .tag("jobs", &attributes(&[("pipectl:stack", "s")]))
        .expect("tagged");
    send(&state, "jobs", "a", NOW);
    send(&state, "jobs", "b", NOW + 1);
    let received = receive(&state, "jobs", 1, NOW + 1).remove(0);
    drop(state);

    let state = open(dir.path());
    assert_eq!(counts(&state, "jobs", NOW + 2), (1, 1, 0));
    let again = receive(&state, "jobs", 10, NOW + 1 + 30 * SECOND);
    assert_eq!(
        bodies(&again),
        ["b", "a"],
        "in the order they became visible"
    );
    assert_eq!(again[1].receive_count, 2);
    assert_eq!(again[1].first_received_ms, NOW + 1);
    assert_eq!(state.tags("jobs").expect("tags").len(), 1);
    state
        .delete_messages("jobs", &[handle(&received, "jobs")])
        .expect("a handle of the run before");
    assert_eq!(counts(&state, "jobs", NOW + 2), (0, 1, 0));
}

#[test]
fn a_new_queue_of_an_old_name_is_another_one() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[]);
    send(&state, "jobs", "old", NOW);
    let old = receive(&state, "jobs", 1, NOW).remove(0);
    let watch = state.watch("jobs").expect("read").expect("a queue");
    state.delete("jobs", NOW).expect("deleted");
    assert!(watch.has_changed().is_err(), "the channel is closed");
    assert!(state.watch("jobs").expect("read").is_none());
    assert_eq!(
        state.delete("jobs", NOW).expect_err("gone").code,
        "QueueDoesNotExist"
    );

    make(&state, "jobs", &[]);
    send(&state, "jobs", "new", NOW);
    state
        .delete_messages("jobs", &[handle(&old, "jobs")])
        .expect("ignored");
    assert_eq!(bodies(&receive(&state, "jobs", 10, NOW)), ["new"]);
}

/// aws-behaviours Q16
#[test]
fn many_receives_in_flight_are_refused_at_the_limit() {
    let (_dir, state) = fresh();
    make(&state, "jobs", &[]);
    send(&state, "jobs", "a", NOW);
    {
        let store = state.lock();
        store
            .connection
            .execute_batch(&format!(
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 120000)
                 INSERT INTO messages (queue_id, sent_ms, visible_ms, received_here, message_id,
                                       md5, body)
                 SELECT 1, {NOW}, {NOW} + 1000, 1, 'm', '', '' FROM n"
            ))
            .expect("filled");
    }
    let refused = state
        .receive("jobs", 1, None, Receiver::Client, NOW)
        .err()
        .expect("refused");
    assert_eq!(refused.code, "OverLimit");
    assert_eq!(receive(&state, "jobs", 1, NOW + SECOND).len(), 1);
}

#[test]
fn arns_of_other_regions_and_accounts_are_not_ours() {
    assert_eq!(name_of(&arn_of("jobs")), Some("jobs"));
    for arn in [
        "arn:aws:sqs:eu-west-1:000000000000:jobs",
        "arn:aws:sqs:us-east-1:111111111111:jobs",
        "arn:aws:sns:us-east-1:000000000000:jobs",
        "arn:aws:sqs:us-east-1:000000000000:",
        "jobs",
    ] {
        assert_eq!(name_of(arn), None, "{arn}");
    }
}
