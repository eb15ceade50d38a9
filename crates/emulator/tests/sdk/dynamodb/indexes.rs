//! Indexes: what they hold, how they follow writes, what they give.

use aws_sdk_dynamodb::types::{
    BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
    GlobalSecondaryIndexUpdate, KeyType, Projection, ProjectionType, ScalarAttributeType,
};

use super::{attribute, index, item, key, make_table, n, put, refusal, s};
use crate::common::{Running, code};

#[tokio::test(flavor = "multi_thread")]
async fn an_index_holds_what_has_its_keys_and_follows_updates() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    for (id, at) in [("a", 3), ("b", 1), ("c", 2), ("same", 2)] {
        put(
            &client,
            "results",
            item([
                ("job_id", s(id)),
                ("day", s("d")),
                ("processed_at", n(at)),
                ("x", n(0)),
            ]),
        )
        .await;
    }
    put(
        &client,
        "results",
        item([("job_id", s("sparse")), ("day", s("d"))]),
    )
    .await;
    let query = || {
        client
            .query()
            .table_name("results")
            .index_name("by_day")
            .key_condition_expression("#d = :d")
            .expression_attribute_names("#d", "day")
            .expression_attribute_values(":d", s("d"))
    };
    let ids = async || {
        let mut ids = Vec::new();
        let mut start = None;
        loop {
            let page = query()
                .limit(2)
                .set_exclusive_start_key(start)
                .send()
                .await
                .expect("a page");
            ids.extend(
                page.items()
                    .iter()
                    .map(|item| item["job_id"].as_s().expect("text").clone()),
            );
            start = page.last_evaluated_key().cloned();
            match &start {
                // The keys of the index and of the table.
                Some(last) => assert_eq!(last.len(), 3, "{last:?}"),
                None => return ids,
            }
        }
    };
    let all = ids().await;
    assert_eq!(
        (all[0].as_str(), all[3].as_str(), all.len()),
        ("b", "a", 4),
        "{all:?}"
    );
    client
        .update_item()
        .table_name("results")
        .key("job_id", s("b"))
        .update_expression("SET processed_at = :t")
        .expression_attribute_values(":t", n(9))
        .send()
        .await
        .expect("moved");
    client
        .update_item()
        .table_name("results")
        .key("job_id", s("a"))
        .update_expression("REMOVE #d")
        .expression_attribute_names("#d", "day")
        .send()
        .await
        .expect("out of the index");
    client
        .delete_item()
        .table_name("results")
        .key("job_id", s("c"))
        .send()
        .await
        .expect("deleted");
    assert_eq!(ids().await, ["same", "b"]);
    // An index is read as it is in the end only.
    let refused = query().consistent_read(true).send().await;
    assert_eq!(code(refused), "ValidationException");
    let wrong = client
        .put_item()
        .table_name("results")
        .item("job_id", s("z"))
        .item("day", n(1))
        .send()
        .await;
    let (code, message) = refusal(wrong);
    assert_eq!(code, "ValidationException");
    assert!(
        message.contains("Type mismatch for Index Key day"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_give_what_they_project() {
    let running = Running::start().await;
    let client = running.dynamodb();
    client
        .create_table()
        .table_name("projected")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("job_id", KeyType::Hash))
        .attribute_definitions(attribute("job_id", ScalarAttributeType::S))
        .attribute_definitions(attribute("day", ScalarAttributeType::S))
        .attribute_definitions(attribute("processed_at", ScalarAttributeType::N))
        .global_secondary_indexes(index("keys", ProjectionType::KeysOnly, &[]))
        .global_secondary_indexes(index("some", ProjectionType::Include, &["x"]))
        .send()
        .await
        .expect("made");
    let whole = item([
        ("job_id", s("a")),
        ("day", s("d")),
        ("processed_at", n(1)),
        ("x", n(1)),
        ("y", n(1)),
    ]);
    put(&client, "projected", whole.clone()).await;
    for (index, gone) in [("keys", vec!["x", "y"]), ("some", vec!["y"])] {
        let found = client
            .query()
            .table_name("projected")
            .index_name(index)
            .key_condition_expression("#d = :d")
            .expression_attribute_names("#d", "day")
            .expression_attribute_values(":d", s("d"))
            .send()
            .await
            .expect("found");
        let mut expected = whole.clone();
        expected.retain(|name, _| !gone.contains(&name.as_str()));
        assert_eq!(found.items(), [expected], "{index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_added_filled_and_taken_away() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    put(
        &client,
        "results",
        item([("job_id", s("a")), ("service", s("api"))]),
    )
    .await;
    put(&client, "results", item([("job_id", s("b"))])).await;
    let by_service = CreateGlobalSecondaryIndexAction::builder()
        .index_name("by_service")
        .key_schema(key("service", KeyType::Hash))
        .projection(
            Projection::builder()
                .projection_type(ProjectionType::KeysOnly)
                .build(),
        )
        .build()
        .expect("complete");
    client
        .update_table()
        .table_name("results")
        .attribute_definitions(attribute("service", ScalarAttributeType::S))
        .global_secondary_index_updates(
            GlobalSecondaryIndexUpdate::builder()
                .create(by_service)
                .build(),
        )
        .send()
        .await
        .expect("added");
    let scan = || {
        client
            .scan()
            .table_name("results")
            .index_name("by_service")
            .send()
    };
    let scanned = scan().await.expect("scanned");
    assert_eq!(
        scanned.items(),
        [item([("job_id", s("a")), ("service", s("api"))])]
    );
    let away = DeleteGlobalSecondaryIndexAction::builder()
        .index_name("by_service")
        .build();
    client
        .update_table()
        .table_name("results")
        .global_secondary_index_updates(
            GlobalSecondaryIndexUpdate::builder()
                .delete(away.expect("complete"))
                .build(),
        )
        .send()
        .await
        .expect("taken away");
    assert_eq!(code(scan().await), "ValidationException");
}
