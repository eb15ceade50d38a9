//! The waits after a deletion and after a purge, over restarts, and that `instant` has none.

use serde_json::json;

use crate::behaviour::Behaviour;

use super::handlers_tests::{Fixture, call, open, open_as};

const MINUTE: i64 = 60_000;

fn names_kept(f: &Fixture) -> i64 {
    f.service
        .state
        .lock()
        .connection
        .query_row("SELECT count(*) FROM deleted_queues", [], |row| row.get(0))
        .expect("counted")
}

/// aws-behaviours Q1
#[tokio::test]
async fn the_name_of_a_deleted_queue_is_free_after_a_minute() {
    let f = Fixture::with(Behaviour::AWS);
    let create = json!({"QueueName": "jobs"});
    let url = f.make("jobs", json!({})).await;
    // The same request again is no other queue.
    f.ok("CreateQueue", create.clone()).await;
    f.ok("DeleteQueue", json!({"QueueUrl": url})).await;
    let refused = f.call("CreateQueue", create.clone()).await;
    let refused = refused.expect_err("too early");
    assert_eq!(
        (
            refused.status,
            refused.code.as_str(),
            refused.message.as_str()
        ),
        (
            400,
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another \
             with the same name."
        )
    );
    f.ok("CreateQueue", json!({"QueueName": "others"})).await;

    f.clock.advance(MINUTE - 1);
    // Neither the sweep nor a restart shortens it.
    f.service.state.expire(f.service.now_ms()).expect("swept");
    let service = open_as(f.dir.path(), &f.clock, Behaviour::AWS);
    let refused = call(&service, "CreateQueue", create.clone()).await;
    assert_eq!(refused.expect_err("too early").code, "QueueDeletedRecently");
    f.clock.advance(1);
    call(&service, "CreateQueue", create)
        .await
        .expect("it is free");
}

#[tokio::test]
async fn names_that_are_free_again_are_forgotten() {
    let f = Fixture::with(Behaviour::AWS);
    for name in ["a", "b"] {
        let url = f.make(name, json!({})).await;
        f.ok("DeleteQueue", json!({"QueueUrl": url})).await;
        f.clock.advance(MINUTE / 2);
    }
    assert_eq!(names_kept(&f), 2);
    f.service.state.expire(f.service.now_ms()).expect("swept");
    assert_eq!(names_kept(&f), 1);
    // A clock that is set back does not lock a name for as long.
    f.clock.advance(-2 * MINUTE);
    f.make("b", json!({})).await;
}

/// aws-behaviours Q13
#[tokio::test]
async fn a_queue_is_purged_once_a_minute() {
    let f = Fixture::with(Behaviour::AWS);
    let url = f.make("jobs", json!({})).await;
    let other = f.make("others", json!({})).await;
    let send = json!({"QueueUrl": url, "MessageBody": "x"});
    let purge = json!({"QueueUrl": url});
    let left = async || f.attributes(&url).await["ApproximateNumberOfMessages"].clone();
    f.ok("SendMessage", send.clone()).await;
    f.ok("PurgeQueue", purge.clone()).await;
    assert_eq!(left().await, "0");
    f.ok("SendMessage", send).await;
    f.clock.advance(MINUTE - 1);
    let refused = f.call("PurgeQueue", purge.clone()).await;
    let refused = refused.expect_err("too early");
    assert_eq!(
        (
            refused.status,
            refused.code.as_str(),
            refused.message.as_str()
        ),
        (
            400,
            "PurgeQueueInProgress",
            "Only one PurgeQueue operation on jobs is allowed every 60 seconds."
        )
    );
    assert_eq!(left().await, "1");
    f.ok("PurgeQueue", json!({"QueueUrl": other})).await;

    let service = open_as(f.dir.path(), &f.clock, Behaviour::AWS);
    let refused = call(&service, "PurgeQueue", purge.clone()).await;
    assert_eq!(refused.expect_err("too early").code, "PurgeQueueInProgress");
    f.clock.advance(1);
    call(&service, "PurgeQueue", purge).await.expect("purged");
    assert_eq!(left().await, "0");
    let none = json!({"QueueUrl": "http://h/000000000000/none"});
    assert_eq!(f.code("PurgeQueue", none).await, "QueueDoesNotExist");
}

#[tokio::test]
async fn instant_waits_for_nothing() {
    let f = Fixture::new();
    for _ in 0..2 {
        let url = f.make("jobs", json!({})).await;
        for _ in 0..2 {
            f.ok("PurgeQueue", json!({"QueueUrl": url})).await;
        }
        f.ok("DeleteQueue", json!({"QueueUrl": url})).await;
    }
    assert_eq!(names_kept(&f), 0);
    // Nor for what an emulator with AWS's times left behind.
    let slow = open_as(f.dir.path(), &f.clock, Behaviour::AWS);
    let jobs = json!({"QueueName": "jobs"});
    let made = call(&slow, "CreateQueue", jobs.clone())
        .await
        .expect("made");
    let url = json!({"QueueUrl": made["QueueUrl"]});
    call(&slow, "DeleteQueue", url).await.expect("deleted");
    drop(slow);
    let instant = open(f.dir.path(), &f.clock);
    call(&instant, "CreateQueue", jobs).await.expect("made");
}
