//! Batches and statements.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};

use super::{Item, get, item, make_sorted_table, make_table, n, put, refusal, s};
use crate::common::{Running, code};

fn write(item: Item) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build();
    WriteRequest::builder()
        .put_request(put.expect("complete"))
        .build()
}

fn delete(key: Item) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key)).build();
    WriteRequest::builder()
        .delete_request(delete.expect("complete"))
        .build()
}

fn keys(ids: impl IntoIterator<Item = String>) -> KeysAndAttributes {
    let keys = ids.into_iter().map(|id| item([("job_id", s(&id))]));
    KeysAndAttributes::builder()
        .set_keys(Some(keys.collect()))
        .build()
        .expect("complete")
}

async fn written(client: &Client, table: &str, writes: Vec<WriteRequest>) {
    let written = client
        .batch_write_item()
        .request_items(table, writes)
        .send()
        .await;
    let left = written.expect("written").unprocessed_items;
    assert!(left.is_none_or(|left| left.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_writes_to_several_tables_and_reads_from_them() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    make_sorted_table(&client).await;
    put(&client, "results", item([("job_id", s("old"))])).await;
    let event = item([("source_id", s("a")), ("at", n(1))]);
    client
        .batch_write_item()
        .request_items(
            "results",
            vec![
                write(item([("job_id", s("a")), ("x", n(1))])),
                delete(item([("job_id", s("old"))])),
            ],
        )
        .request_items(
            "events",
            vec![
                write(event.clone()),
                delete(item([("source_id", s("a")), ("at", n(2))])),
            ],
        )
        .send()
        .await
        .expect("written");
    assert_eq!(get(&client, "old").await, None);

    let named = keys(["a", "absent"].map(str::to_owned));
    let of_events = KeysAndAttributes::builder()
        .keys(event.clone())
        .build()
        .expect("complete");
    let read = client
        .batch_get_item()
        .request_items("results", named)
        .request_items("events", of_events)
        .send()
        .await
        .expect("read");
    let found = read.responses().expect("tables");
    assert_eq!(found["results"], [item([("job_id", s("a")), ("x", n(1))])]);
    assert_eq!(found["events"], [event]);
    assert!(read.unprocessed_keys().is_none_or(HashMap::is_empty));
    let projected = KeysAndAttributes::builder()
        .keys(item([("job_id", s("a"))]))
        .projection_expression("x")
        .consistent_read(true)
        .build()
        .expect("complete");
    let read = client
        .batch_get_item()
        .request_items("results", projected)
        .send()
        .await;
    assert_eq!(
        read.expect("read").responses().expect("tables")["results"],
        [item([("x", n(1))])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_have_limits() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let id = |number: usize| format!("job-{number:03}");
    let writes = |from: usize, count: usize| -> Vec<WriteRequest> {
        (from..from + count)
            .map(|number| write(item([("job_id", s(&id(number)))])))
            .collect()
    };
    for from in [0, 25, 50, 75, 100] {
        written(&client, "results", writes(from, 25)).await;
    }
    let too_many = client
        .batch_write_item()
        .request_items("results", writes(0, 26))
        .send()
        .await;
    assert_eq!(code(too_many), "ValidationException");
    let read = client
        .batch_get_item()
        .request_items("results", keys((0..100).map(id)))
        .send()
        .await;
    assert_eq!(
        read.expect("read").responses().expect("tables")["results"].len(),
        100
    );
    let too_many = client
        .batch_get_item()
        .request_items("results", keys((0..101).map(id)))
        .send()
        .await;
    assert_eq!(code(too_many), "ValidationException");
    let twice = client
        .batch_write_item()
        .request_items(
            "results",
            vec![
                write(item([("job_id", s("x"))])),
                delete(item([("job_id", s("x"))])),
            ],
        )
        .send()
        .await;
    let (code_of, message) = refusal(twice);
    assert_eq!(code_of, "ValidationException");
    assert!(message.contains("duplicates"), "{message}");
    let twice = client
        .batch_get_item()
        .request_items("results", keys([id(1), id(1)]))
        .send()
        .await;
    assert_eq!(code(twice), "ValidationException");
    let absent = client
        .batch_write_item()
        .request_items("absent", writes(0, 1))
        .send()
        .await;
    assert_eq!(code(absent), "ResourceNotFoundException");
    let empty = client
        .batch_write_item()
        .request_items("results", vec![])
        .send()
        .await;
    assert_eq!(code(empty), "ValidationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_item_refuses_the_whole_batch() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let refused = client
        .batch_write_item()
        .request_items(
            "results",
            vec![
                write(item([("job_id", s("good"))])),
                write(item([("x", n(1))])),
            ],
        )
        .send()
        .await;
    assert_eq!(code(refused), "ValidationException");
    assert_eq!(get(&client, "good").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_a_response_is_left_for_the_next() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let text = "x".repeat(390_000);
    let id = |number: usize| format!("job-{number:03}");
    for number in 0..50 {
        put(
            &client,
            "results",
            item([("job_id", s(&id(number))), ("text", s(&text))]),
        )
        .await;
    }
    let mut wanted = Some(HashMap::from([(
        "results".to_owned(),
        keys((0..50).map(id)),
    )]));
    let mut read = 0;
    let mut calls = 0;
    while let Some(keys) = wanted.take().filter(|keys| !keys.is_empty()) {
        let answer = client
            .batch_get_item()
            .set_request_items(Some(keys))
            .send()
            .await
            .expect("read");
        let here = answer.responses().expect("tables")["results"].len();
        assert!(here > 0 && here * 390_000 <= 16 * 1024 * 1024, "{here}");
        read += here;
        calls += 1;
        wanted = answer.unprocessed_keys;
    }
    assert_eq!((read, calls), (50, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_select_and_change() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let run = |statement: &str| client.execute_statement().statement(statement);
    run("INSERT INTO results VALUE {'job_id': ?, 'x': 1}")
        .parameters(s("a"))
        .send()
        .await
        .expect("inserted");
    let twice = run("INSERT INTO results VALUE {'job_id': 'a'}")
        .send()
        .await;
    assert_eq!(code(twice), "DuplicateItemException");
    run("UPDATE results SET x = x + 1 WHERE job_id = 'a'")
        .send()
        .await
        .expect("updated");
    let selected = run("SELECT x FROM \"results\" WHERE job_id = ?").parameters(s("a"));
    assert_eq!(
        selected.send().await.expect("selected").items(),
        [item([("x", n(2))])]
    );
    run("DELETE FROM results WHERE job_id = 'a'")
        .send()
        .await
        .expect("deleted");
    assert_eq!(get(&client, "a").await, None);
    assert_eq!(code(run("SELEKT").send().await), "ValidationException");
}
