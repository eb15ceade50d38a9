//! Tables: what tools read of them, tags, changes, restarts.

use aws_sdk_dynamodb::types::{
    BillingMode, IndexStatus, KeyType, ProjectionType, ProvisionedThroughput, ScalarAttributeType,
    TableStatus,
};

use super::{attribute, get, index, item, key, make_table, put, refusal, s, tag};
use crate::common::{Running, code};

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/results";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_described_as_tools_read_it() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let describe = || client.describe_table().table_name("results").send();
    let described = describe().await.expect("described");
    let table = described.table().expect("a table");
    assert_eq!(table.table_name(), Some("results"));
    assert_eq!(table.table_arn(), Some(ARN));
    assert_eq!(table.table_status(), Some(&TableStatus::Active));
    assert_eq!(
        (table.item_count(), table.table_size_bytes()),
        (Some(0), Some(0))
    );
    assert!(table.table_id().is_some_and(|id| id.len() == 36));
    assert!(
        table
            .creation_date_time()
            .is_some_and(|at| at.secs() > 1_700_000_000)
    );
    let billing = table.billing_mode_summary().expect("a summary");
    assert_eq!(billing.billing_mode(), Some(&BillingMode::PayPerRequest));
    let throughput = table.provisioned_throughput().expect("zeros");
    assert_eq!(throughput.read_capacity_units(), Some(0));
    assert_eq!(table.deletion_protection_enabled(), Some(false));
    assert_eq!(table.key_schema(), [key("job_id", KeyType::Hash)]);
    assert_eq!(table.attribute_definitions().len(), 3);
    let index = &table.global_secondary_indexes()[0];
    assert_eq!(index.index_name(), Some("by_day"));
    assert_eq!(index.index_status(), Some(&IndexStatus::Active));
    assert_eq!(
        index.index_arn(),
        Some(format!("{ARN}/index/by_day").as_str())
    );

    put(
        &client,
        "results",
        item([("job_id", s("a")), ("text", s("12345"))]),
    )
    .await;
    let described = describe().await.expect("described");
    let table = described.table().expect("a table");
    assert_eq!(table.item_count(), Some(1));
    // Names count, too.
    assert_eq!(table.table_size_bytes(), Some(6 + 1 + 4 + 5));
}

/// aws-behaviours D1
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once_and_free_again_after_the_delete() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let again = client
        .create_table()
        .table_name("results")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("k", KeyType::Hash))
        .attribute_definitions(attribute("k", ScalarAttributeType::S))
        .send()
        .await;
    // aws-behaviours D1
    assert_eq!(
        refusal(again),
        (
            "ResourceInUseException".to_owned(),
            "Table already exists: results".to_owned()
        )
    );
    put(&client, "results", item([("job_id", s("a"))])).await;
    let deleted = client.delete_table().table_name("results").send().await;
    let deleted = deleted.expect("deleted");
    let description = deleted.table_description().expect("a description");
    assert_eq!(description.table_status(), Some(&TableStatus::Deleting));
    let gone = client.describe_table().table_name("results").send().await;
    assert_eq!(
        refusal(gone),
        (
            "ResourceNotFoundException".to_owned(),
            "Requested resource not found: Table: results not found".to_owned()
        )
    );
    let gone = client.delete_table().table_name("results").send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");
    let put = client
        .put_item()
        .table_name("results")
        .item("job_id", s("a"));
    assert_eq!(
        refusal(put.send().await),
        (
            "ResourceNotFoundException".to_owned(),
            "Requested resource not found".to_owned()
        )
    );
    make_table(&client).await;
    assert_eq!(
        get(&client, "a").await,
        None,
        "nothing is left of the first"
    );
}

/// aws-behaviours D15
#[tokio::test(flavor = "multi_thread")]
async fn tags_are_added_changed_and_taken() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    for (key, value) in [("pipectl:id", "tables.results"), ("pipectl:stack", "other")] {
        client
            .tag_resource()
            .resource_arn(ARN)
            .tags(tag(key, value))
            .send()
            .await
            .expect("tagged");
    }
    let tags = || client.list_tags_of_resource().resource_arn(ARN).send();
    let mut listed = tags().await.expect("listed").tags().to_vec();
    listed.sort_by(|one, other| one.key().cmp(other.key()));
    assert_eq!(
        listed,
        [
            tag("pipectl:id", "tables.results"),
            tag("pipectl:stack", "other")
        ]
    );
    let untag = client.untag_resource().resource_arn(ARN);
    untag
        .tag_keys("pipectl:stack")
        .tag_keys("absent")
        .send()
        .await
        .expect("untagged");
    let listed = tags().await.expect("listed");
    assert_eq!(listed.tags(), [tag("pipectl:id", "tables.results")]);

    let mut many = client.tag_resource().resource_arn(ARN);
    for index in 0..50 {
        many = many.tags(tag(&format!("k{index}"), "v"));
    }
    assert_eq!(code(many.send().await), "ValidationException");
    client
        .delete_table()
        .table_name("results")
        .send()
        .await
        .expect("deleted");
    assert_eq!(code(tags().await), "ResourceNotFoundException");
    make_table(&client).await;
    // aws-behaviours D15
    let listed = tags().await.expect("listed");
    assert_eq!(listed.tags(), [tag("pipectl:stack", "log-pipeline")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_listed_by_pages() {
    let running = Running::start().await;
    let client = running.dynamodb();
    for name in ["ccc", "aaa", "bbb"] {
        client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key("k", KeyType::Hash))
            .attribute_definitions(attribute("k", ScalarAttributeType::B))
            .send()
            .await
            .expect("made");
    }
    let first = client.list_tables().limit(2).send().await.expect("listed");
    assert_eq!(first.table_names(), ["aaa", "bbb"]);
    assert_eq!(first.last_evaluated_table_name(), Some("bbb"));
    let rest = client.list_tables().exclusive_start_table_name("bbb");
    let rest = rest.send().await.expect("listed");
    assert_eq!(rest.table_names(), ["ccc"]);
    assert_eq!(rest.last_evaluated_table_name(), None);
    let refused = client.list_tables().limit(101).send().await;
    assert_eq!(code(refused), "ValidationException");
}

/// aws-behaviours D13
#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_changed_and_protected() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let update = || client.update_table().table_name("results");
    update()
        .deletion_protection_enabled(true)
        .send()
        .await
        .expect("protected");
    let refused = client.delete_table().table_name("results").send().await;
    // aws-behaviours D13
    assert_eq!(code(refused), "ValidationException");
    update()
        .deletion_protection_enabled(false)
        .send()
        .await
        .expect("free");

    let throughput = ProvisionedThroughput::builder()
        .read_capacity_units(3)
        .write_capacity_units(2)
        .build()
        .expect("complete");
    let without_index = client
        .create_table()
        .table_name("plain")
        .key_schema(key("k", KeyType::Hash))
        .attribute_definitions(attribute("k", ScalarAttributeType::S))
        .provisioned_throughput(throughput)
        .send()
        .await
        .expect("made");
    let made = without_index.table_description().expect("a description");
    let units = made.provisioned_throughput().expect("units");
    assert_eq!(units.write_capacity_units(), Some(2));
    let plain = client.update_table().table_name("plain");
    plain
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("on demand");
    let described = client
        .describe_table()
        .table_name("plain")
        .send()
        .await
        .expect("there");
    let billing = described
        .table()
        .and_then(|table| table.billing_mode_summary());
    assert_eq!(
        billing.and_then(|billing| billing.billing_mode()),
        Some(&BillingMode::PayPerRequest)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tables_are_refused() {
    let running = Running::start().await;
    let client = running.dynamodb();
    let create = |name: &str| {
        client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key("k", KeyType::Hash))
    };
    let with_key =
        |name: &str| create(name).attribute_definitions(attribute("k", ScalarAttributeType::S));
    for (what, refused) in [
        ("a short name", with_key("ab").send().await),
        ("a character", with_key("a b c").send().await),
        ("no definition", create("abc").send().await),
        (
            "a definition too many",
            with_key("abc")
                .attribute_definitions(attribute("x", ScalarAttributeType::S))
                .send()
                .await,
        ),
        (
            "an index on nothing",
            with_key("abc")
                .global_secondary_indexes(index("i", ProjectionType::All, &[]))
                .send()
                .await,
        ),
        (
            "two hash keys",
            with_key("abc")
                .key_schema(key("k", KeyType::Hash))
                .send()
                .await,
        ),
    ] {
        assert_eq!(code(refused), "ValidationException", "{what}");
    }
    let listed = client.list_tables().send().await.expect("listed");
    assert!(listed.table_names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let kept = item([
        ("job_id", s("a")),
        ("day", s("d")),
        ("processed_at", super::n(1)),
    ]);
    put(&client, "results", kept.clone()).await;
    let id = |described: aws_sdk_dynamodb::operation::describe_table::DescribeTableOutput| {
        described.table.and_then(|table| table.table_id)
    };
    let before = client
        .describe_table()
        .table_name("results")
        .send()
        .await
        .expect("there");
    let running = running.restart().await;
    let client = running.dynamodb();
    assert_eq!(get(&client, "a").await, Some(kept.clone()));
    let after = client
        .describe_table()
        .table_name("results")
        .send()
        .await
        .expect("there");
    assert_eq!(id(before), id(after));
    let tags = client
        .list_tags_of_resource()
        .resource_arn(ARN)
        .send()
        .await
        .expect("tags");
    assert_eq!(tags.tags(), [tag("pipectl:stack", "log-pipeline")]);
    let found = client
        .query()
        .table_name("results")
        .index_name("by_day")
        .key_condition_expression("#d = :d")
        .expression_attribute_names("#d", "day")
        .expression_attribute_values(":d", s("d"))
        .send()
        .await
        .expect("found");
    assert_eq!(found.items(), [kept]);
}
