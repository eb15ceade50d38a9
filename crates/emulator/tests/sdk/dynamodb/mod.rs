//! DynamoDB by its SDK.

mod batches;
mod conditions;
mod indexes;
mod queries;
mod scans;
mod tables;
mod time_to_live;
mod transactions;
mod updates;
mod values;

use std::collections::HashMap;
use std::fmt::Debug;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType, Tag,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

type Item = HashMap<String, AttributeValue>;

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn list(values: impl IntoIterator<Item = AttributeValue>) -> AttributeValue {
    AttributeValue::L(values.into_iter().collect())
}

fn map<'a>(fields: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> AttributeValue {
    AttributeValue::M(item(fields))
}

fn strings(values: &[&str]) -> AttributeValue {
    AttributeValue::Ss(values.iter().map(|&value| value.to_owned()).collect())
}

fn item<'a>(fields: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> Item {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
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

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder()
        .key(key)
        .value(value)
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
        .global_secondary_indexes(index("by_day", ProjectionType::All, &[]))
        .tags(tag("pipectl:stack", "log-pipeline"))
        .send()
        .await
        .expect("the table is made");
}

fn index(name: &str, projection: ProjectionType, included: &[&str]) -> GlobalSecondaryIndex {
    let included = included.iter().map(|&name| name.to_owned()).collect();
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key("day", KeyType::Hash))
        .key_schema(key("processed_at", KeyType::Range))
        .projection(
            Projection::builder()
                .projection_type(projection)
                .set_non_key_attributes(Some(included).filter(|names: &Vec<_>| !names.is_empty()))
                .build(),
        )
        .build()
        .expect("complete")
}

/// A table with a sort key, `events`: `source_id` (text) and `at` (number).
async fn make_sorted_table(client: &Client) {
    client
        .create_table()
        .table_name("events")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("source_id", KeyType::Hash))
        .key_schema(key("at", KeyType::Range))
        .attribute_definitions(attribute("source_id", ScalarAttributeType::S))
        .attribute_definitions(attribute("at", ScalarAttributeType::N))
        .send()
        .await
        .expect("the table is made");
}

async fn put(client: &Client, table: &str, item: Item) {
    client
        .put_item()
        .table_name(table)
        .set_item(Some(item))
        .send()
        .await
        .expect("put");
}

async fn get(client: &Client, id: &str) -> Option<Item> {
    client
        .get_item()
        .table_name("results")
        .key("job_id", s(id))
        .consistent_read(true)
        .send()
        .await
        .expect("read")
        .item
}

/// Code and message of a call that must fail.
#[track_caller]
fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(result: Result<T, E>) -> (String, String) {
    let error = result.expect_err("the call must be refused");
    (
        error.code().unwrap_or_default().to_owned(),
        error.message().unwrap_or_default().to_owned(),
    )
}
