//! Transactions: all or nothing, reasons in order, tokens.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Get, Put, ReturnValuesOnConditionCheckFailure, TransactGetItem,
    TransactWriteItem, Update,
};

use super::{get, item, make_table, n, put, s};
use crate::common::{Running, code};

fn new(id: &str) -> TransactWriteItem {
    let put = Put::builder()
        .table_name("results")
        .item("job_id", s(id))
        .condition_expression("attribute_not_exists(job_id)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    TransactWriteItem::builder()
        .put(put.expect("complete"))
        .build()
}

fn add(id: &str, more: i64) -> TransactWriteItem {
    let update = Update::builder()
        .table_name("results")
        .key("job_id", s(id))
        .update_expression("ADD x :n")
        .expression_attribute_values(":n", n(more))
        .build();
    TransactWriteItem::builder()
        .update(update.expect("complete"))
        .build()
}

fn there(id: &str) -> TransactWriteItem {
    let check = ConditionCheck::builder()
        .table_name("results")
        .key("job_id", s(id))
        .condition_expression("attribute_exists(job_id)")
        .build();
    TransactWriteItem::builder()
        .condition_check(check.expect("complete"))
        .build()
}

fn away(id: &str) -> TransactWriteItem {
    let delete = Delete::builder()
        .table_name("results")
        .key("job_id", s(id))
        .build();
    TransactWriteItem::builder()
        .delete(delete.expect("complete"))
        .build()
}

async fn table(running: &Running) -> Client {
    let client = running.dynamodb();
    make_table(&client).await;
    put(
        &client,
        "results",
        item([("job_id", s("kept")), ("x", n(1))]),
    )
    .await;
    put(&client, "results", item([("job_id", s("old"))])).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_is_done() {
    let running = Running::start().await;
    let client = table(&running).await;
    client
        .transact_write_items()
        .set_transact_items(Some(vec![new("a"), add("kept", 4), away("old")]))
        .send()
        .await
        .expect("done");
    assert!(get(&client, "a").await.is_some());
    assert_eq!(get(&client, "kept").await.expect("there")["x"], n(5));
    assert_eq!(get(&client, "old").await, None);

    let key = |id: &str| {
        let get = Get::builder()
            .table_name("results")
            .key("job_id", s(id))
            .build();
        TransactGetItem::builder()
            .get(get.expect("complete"))
            .build()
    };
    let read = client
        .transact_get_items()
        .transact_items(key("kept"))
        .transact_items(key("absent"))
        .transact_items(key("a"))
        .send()
        .await
        .expect("read");
    let found: Vec<bool> = read
        .responses()
        .iter()
        .map(|one| one.item().is_some())
        .collect();
    assert_eq!(found, [true, false, true], "in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn or_nothing_and_each_reason_is_in_its_place() {
    let running = Running::start().await;
    let client = table(&running).await;
    let refused = client
        .transact_write_items()
        .set_transact_items(Some(vec![
            new("a"),
            new("kept"),
            add("old", 1),
            there("absent"),
        ]))
        .send()
        .await
        .expect_err("two conditions fail")
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        cancelled.message(),
        Some(
            "Transaction cancelled, please refer cancellation reasons for specific reasons \
             [None, ConditionalCheckFailed, None, ConditionalCheckFailed]"
        )
    );
    let reasons: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| (reason.code().unwrap_or_default(), reason.item().is_some()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("None", false),
            ("ConditionalCheckFailed", true),
            ("None", false),
            ("ConditionalCheckFailed", false),
        ]
    );
    assert_eq!(get(&client, "a").await, None);
    assert_eq!(
        get(&client, "old").await,
        Some(item([("job_id", s("old"))]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_a_repetition_harmless() {
    let running = Running::start().await;
    let client = table(&running).await;
    let send = |token: &str, more: i64| {
        client
            .transact_write_items()
            .client_request_token(token)
            .transact_items(add("kept", more))
            .send()
    };
    send("one", 1).await.expect("done");
    send("one", 1).await.expect("done already");
    assert_eq!(get(&client, "kept").await.expect("there")["x"], n(2));
    assert_eq!(
        code(send("one", 2).await),
        "IdempotentParameterMismatchException"
    );
    send("two", 1).await.expect("another");
    assert_eq!(get(&client, "kept").await.expect("there")["x"], n(3));
    assert_eq!(code(send(&"t".repeat(37), 1).await), "ValidationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_have_limits() {
    let running = Running::start().await;
    let client = table(&running).await;
    let many = |count: usize| {
        (0..count)
            .map(|number| new(&format!("n{number}")))
            .collect()
    };
    let send = |actions: Vec<TransactWriteItem>| {
        client
            .transact_write_items()
            .set_transact_items(Some(actions))
            .send()
    };
    assert_eq!(code(send(many(101)).await), "ValidationException");
    send(many(100)).await.expect("a hundred");
    assert_eq!(code(send(vec![]).await), "ValidationException");
    assert_eq!(
        code(send(vec![add("kept", 1), away("kept")]).await),
        "ValidationException",
        "the same item twice"
    );
    let nowhere = Put::builder()
        .table_name("absent")
        .item("job_id", s("a"))
        .build();
    let nowhere = TransactWriteItem::builder()
        .put(nowhere.expect("complete"))
        .build();
    assert_eq!(
        code(send(vec![add("kept", 1), nowhere]).await),
        "ResourceNotFoundException"
    );
    assert_eq!(get(&client, "kept").await.expect("there")["x"], n(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_survives_a_restart() {
    let running = Running::start().await;
    let client = table(&running).await;
    let send = client.transact_write_items();
    send.set_transact_items(Some(vec![new("a"), new("b")]))
        .send()
        .await
        .expect("done");
    let running = running.restart().await;
    let client = running.dynamodb();
    assert!(get(&client, "a").await.is_some() && get(&client, "b").await.is_some());
}
