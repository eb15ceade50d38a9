//! DynamoDB by its SDK.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, Put, PutRequest, ScalarAttributeType, TableStatus, Tag,
    TimeToLiveSpecification, TimeToLiveStatus, TransactWriteItem, WriteRequest,
};

use crate::common::{Running, code};

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .expect("complete")
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .expect("complete")
}

/// The table `results` with the index `by_day`.
pub async fn make_table(client: &Client) {
    client
        .create_table()
        .table_name("results")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("job_id", KeyType::Hash))
        .attribute_definitions(attribute("job_id", ScalarAttributeType::S))
        .attribute_definitions(attribute("day", ScalarAttributeType::S))
        .attribute_definitions(attribute("processed_at", ScalarAttributeType::N))
        .global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name("by_day")
                .key_schema(key("day", KeyType::Hash))
                .key_schema(key("processed_at", KeyType::Range))
                .projection(
                    Projection::builder()
                        .projection_type(ProjectionType::All)
                        .build(),
                )
                .build()
                .expect("complete"),
        )
        .tags(tag("pipectl:stack", "log-pipeline"))
        .send()
        .await
        .expect("the table is made");
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder()
        .key(key)
        .value(value)
        .build()
        .expect("complete")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_described_tagged_and_deleted() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let described = client
        .describe_table()
        .table_name("results")
        .send()
        .await
        .expect("described");
    let table = described.table().expect("a table");
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/results";
    assert_eq!(table.table_arn(), Some(arn));
    assert_eq!(table.table_status(), Some(&TableStatus::Active));
    assert_eq!(table.item_count(), Some(0));
    assert!(table.creation_date_time().is_some());
    assert_eq!(
        table
            .billing_mode_summary()
            .and_then(|summary| summary.billing_mode()),
        Some(&BillingMode::PayPerRequest)
    );
    let again = client
        .create_table()
        .table_name("results")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("k", KeyType::Hash))
        .attribute_definitions(attribute("k", ScalarAttributeType::S))
        .send()
        .await;
    assert_eq!(code(again), "ResourceInUseException");

    client
        .tag_resource()
        .resource_arn(arn)
        .tags(tag("pipectl:id", "tables.results"))
        .send()
        .await
        .expect("tagged");
    client
        .untag_resource()
        .resource_arn(arn)
        .tag_keys("pipectl:stack")
        .send()
        .await
        .expect("untagged");
    let tags = client
        .list_tags_of_resource()
        .resource_arn(arn)
        .send()
        .await
        .expect("listed");
    assert_eq!(tags.tags(), [tag("pipectl:id", "tables.results")]);

    client
        .delete_table()
        .table_name("results")
        .send()
        .await
        .expect("deleted");
    let gone = client.describe_table().table_name("results").send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_put_keeps_the_first_and_an_index_finds_by_day() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let put = |id: &str, at: i64| {
        client
            .put_item()
            .table_name("results")
            .item("job_id", s(id))
            .item("day", s("2026-11-23#a"))
            .item("processed_at", n(at))
            .condition_expression("attribute_not_exists(job_id)")
            .send()
    };
    put("a", 1).await.expect("new");
    put("b", 2).await.expect("new");
    // aws-behaviours D20
    assert_eq!(code(put("a", 3).await), "ConditionalCheckFailedException");
    let found = client
        .query()
        .table_name("results")
        .index_name("by_day")
        .key_condition_expression("#d = :d AND processed_at BETWEEN :from AND :to")
        .expression_attribute_names("#d", "day")
        .expression_attribute_values(":d", s("2026-11-23#a"))
        .expression_attribute_values(":from", n(0))
        .expression_attribute_values(":to", n(9))
        .scan_index_forward(false)
        .send()
        .await
        .expect("found");
    let ids: Vec<_> = found
        .items()
        .iter()
        .map(|item| item["job_id"].as_s().expect("text").as_str())
        .collect();
    assert_eq!(ids, ["b", "a"]);

    let updated = client
        .update_item()
        .table_name("results")
        .key("job_id", s("a"))
        .update_expression("ADD tries :one")
        .expression_attribute_values(":one", n(1))
        .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
        .send()
        .await
        .expect("updated");
    assert_eq!(updated.attributes().expect("all")["tries"], n(1));
    let scanned = client
        .scan()
        .table_name("results")
        .send()
        .await
        .expect("scanned");
    assert_eq!(scanned.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_transactions_and_statements() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let item = |id: &str| HashMap::from([("job_id".to_owned(), s(id))]);
    let write = |id: &str| {
        let put = PutRequest::builder().set_item(Some(item(id))).build();
        WriteRequest::builder()
            .put_request(put.expect("complete"))
            .build()
    };
    let written = client
        .batch_write_item()
        .request_items("results", vec![write("a"), write("b")])
        .send()
        .await
        .expect("written");
    assert!(written.unprocessed_items().is_none_or(HashMap::is_empty));

    let put = |id: &str| {
        let put = Put::builder()
            .table_name("results")
            .set_item(Some(item(id)))
            .condition_expression("attribute_not_exists(job_id)")
            .build();
        TransactWriteItem::builder()
            .put(put.expect("complete"))
            .build()
    };
    let refused = client
        .transact_write_items()
        .transact_items(put("c"))
        .transact_items(put("a"))
        .send()
        .await;
    assert_eq!(code(refused), "TransactionCanceledException");
    let selected = client
        .execute_statement()
        .statement("SELECT * FROM results WHERE job_id = ?")
        .parameters(s("c"))
        .send()
        .await
        .expect("selected");
    assert!(selected.items().is_empty(), "all or nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_to_live_is_set_once() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let set = || {
        let wanted = TimeToLiveSpecification::builder()
            .attribute_name("expires_at")
            .enabled(true)
            .build();
        client
            .update_time_to_live()
            .table_name("results")
            .time_to_live_specification(wanted.expect("complete"))
            .send()
    };
    set().await.expect("set");
    // aws-behaviours D3
    assert_eq!(code(set().await), "ValidationException");
    let described = client
        .describe_time_to_live()
        .table_name("results")
        .send()
        .await
        .expect("described");
    let description = described.time_to_live_description().expect("a description");
    assert_eq!(description.attribute_name(), Some("expires_at"));
    assert_eq!(
        description.time_to_live_status(),
        Some(&TimeToLiveStatus::Enabled)
    );
}
