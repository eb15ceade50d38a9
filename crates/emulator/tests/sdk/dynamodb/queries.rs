//! Queries on tables: key conditions, order, pages, filters, projections.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, KeyType, ScalarAttributeType, Select};

use super::{Item, attribute, item, key, make_sorted_table, map, n, put, refusal, s};
use crate::common::{Running, code};

async fn events(client: &Client, count: i64) {
    make_sorted_table(client).await;
    for at in 0..count {
        let level = if at % 3 == 0 { "ERROR" } else { "INFO" };
        let event = item([("source_id", s("a")), ("at", n(at)), ("kind", s(level))]);
        put(client, "events", event).await;
    }
    put(
        client,
        "events",
        item([("source_id", s("b")), ("at", n(1))]),
    )
    .await;
}

fn ats(items: &[Item]) -> Vec<i64> {
    items
        .iter()
        .map(|item| item["at"].as_n().expect("a number").parse().expect("whole"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sort_keys_are_compared_as_numbers() {
    let running = Running::start().await;
    let client = running.dynamodb();
    events(&client, 12).await;
    for (condition, values, expected) in [
        ("", vec![], (0..12).collect::<Vec<i64>>()),
        (" AND #at = :x", vec![(":x", n(10))], vec![10]),
        (" AND #at < :x", vec![(":x", n(2))], vec![0, 1]),
        (" AND #at <= :x", vec![(":x", n(2))], vec![0, 1, 2]),
        (" AND #at > :x", vec![(":x", n(9))], vec![10, 11]),
        (" AND #at >= :x", vec![(":x", n(9))], vec![9, 10, 11]),
        (
            " AND #at BETWEEN :x AND :y",
            vec![(":x", n(9)), (":y", n(10))],
            vec![9, 10],
        ),
    ] {
        let mut query = client
            .query()
            .table_name("events")
            .key_condition_expression(format!("source_id = :s{condition}"))
            .expression_attribute_values(":s", s("a"));
        if !condition.is_empty() {
            query = query.expression_attribute_names("#at", "at");
        }
        for (name, value) in values {
            query = query.expression_attribute_values(name, value);
        }
        let found = query.clone().send().await.expect(condition);
        assert_eq!(ats(found.items()), expected, "{condition}");
        let reverse = query
            .scan_index_forward(false)
            .send()
            .await
            .expect(condition);
        let backwards: Vec<i64> = expected.into_iter().rev().collect();
        assert_eq!(ats(reverse.items()), backwards, "{condition}, reversed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_in_both_directions() {
    let running = Running::start().await;
    let client = running.dynamodb();
    events(&client, 10).await;
    for forward in [true, false] {
        let mut seen = Vec::new();
        let mut start = None;
        let mut pages = 0;
        loop {
            let page = client
                .query()
                .table_name("events")
                .key_condition_expression("source_id = :s")
                .expression_attribute_values(":s", s("a"))
                .scan_index_forward(forward)
                .limit(4)
                .set_exclusive_start_key(start)
                .send()
                .await
                .expect("a page");
            assert!(page.count() <= 4);
            seen.extend(ats(page.items()));
            pages += 1;
            start = page.last_evaluated_key().cloned();
            if let Some(last) = &start {
                assert_eq!(last.len(), 2, "the key and nothing else: {last:?}");
            } else {
                break;
            }
        }
        if !forward {
            seen.reverse();
        }
        assert_eq!(seen, (0..10).collect::<Vec<i64>>());
        assert_eq!(pages, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_at_a_megabyte() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_sorted_table(&client).await;
    let text = "x".repeat(300_000);
    for at in 0..5 {
        put(
            &client,
            "events",
            item([("source_id", s("a")), ("at", n(at)), ("text", s(&text))]),
        )
        .await;
    }
    let query = client
        .query()
        .table_name("events")
        .key_condition_expression("source_id = :s")
        .expression_attribute_values(":s", s("a"));
    let page = query.clone().send().await.expect("a page");
    assert!((3..=4).contains(&page.count()), "{}", page.count());
    let rest = query
        .set_exclusive_start_key(page.last_evaluated_key().cloned())
        .send()
        .await
        .expect("the rest");
    assert_eq!(page.count() + rest.count(), 5);
    assert_eq!(rest.last_evaluated_key(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_come_after_the_limit_and_are_counted() {
    let running = Running::start().await;
    let client = running.dynamodb();
    events(&client, 10).await;
    let query = client
        .query()
        .table_name("events")
        .key_condition_expression("source_id = :s")
        .filter_expression("kind = :k")
        .expression_attribute_values(":s", s("a"))
        .expression_attribute_values(":k", s("ERROR"));
    let found = query.clone().send().await.expect("found");
    assert_eq!(ats(found.items()), [0, 3, 6, 9]);
    assert_eq!((found.count(), found.scanned_count()), (4, 10));
    let page = query.clone().limit(3).send().await.expect("a page");
    assert_eq!((page.count(), page.scanned_count()), (1, 3));
    assert_eq!(page.last_evaluated_key().expect("more")["at"], n(2));
    let counted = query
        .clone()
        .select(Select::Count)
        .send()
        .await
        .expect("counted");
    assert_eq!((counted.count(), counted.items().len()), (4, 0));
    let on_key = client
        .query()
        .table_name("events")
        .key_condition_expression("source_id = :s")
        .filter_expression("#at > :x")
        .expression_attribute_names("#at", "at")
        .expression_attribute_values(":s", s("a"))
        .expression_attribute_values(":x", n(1));
    let (code, message) = refusal(on_key.send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("primary key attribute"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn projections_take_what_is_named() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_sorted_table(&client).await;
    let by = map([("error", n(1)), ("warn", n(2))]);
    let tops = super::list([s("x"), s("y")]);
    put(
        &client,
        "events",
        item([
            ("source_id", s("a")),
            ("at", n(1)),
            ("by", by),
            ("tops", tops),
            ("name", s("n")),
        ]),
    )
    .await;
    let found = client
        .query()
        .table_name("events")
        .key_condition_expression("source_id = :s")
        .expression_attribute_values(":s", s("a"))
        .projection_expression("#b.#e, tops[1], #n, absent")
        .expression_attribute_names("#b", "by")
        .expression_attribute_names("#e", "error")
        .expression_attribute_names("#n", "name")
        .send()
        .await
        .expect("found");
    assert_eq!(
        found.items(),
        [item([
            ("by", map([("error", n(1))])),
            ("tops", super::list([s("y")])),
            ("name", s("n")),
        ])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_binary_sort_keys_have_their_order() {
    let running = Running::start().await;
    let client = running.dynamodb();
    for (table, kind) in [
        ("texts", ScalarAttributeType::S),
        ("bytes", ScalarAttributeType::B),
    ] {
        client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key("h", KeyType::Hash))
            .key_schema(key("r", KeyType::Range))
            .attribute_definitions(attribute("h", ScalarAttributeType::S))
            .attribute_definitions(attribute("r", kind))
            .send()
            .await
            .expect("made");
    }
    for text in ["b", "a", "ab", "B", "é", "z"] {
        put(&client, "texts", item([("h", s("h")), ("r", s(text))])).await;
    }
    let all = client
        .query()
        .table_name("texts")
        .key_condition_expression("h = :h")
        .expression_attribute_values(":h", s("h"));
    let found = all.send().await.expect("found");
    let texts: Vec<&str> = found
        .items()
        .iter()
        .map(|item| item["r"].as_s().expect("text").as_str())
        .collect();
    assert_eq!(texts, ["B", "a", "ab", "b", "z", "é"], "by bytes of UTF-8");
    let prefix = client
        .query()
        .table_name("texts")
        .key_condition_expression("h = :h AND begins_with(r, :p)")
        .expression_attribute_values(":h", s("h"))
        .expression_attribute_values(":p", s("a"));
    assert_eq!(prefix.send().await.expect("found").count(), 2);
    let b = |bytes: &[u8]| AttributeValue::B(bytes.to_vec().into());
    for bytes in [&[0xff][..], &[0x00, 0x01], &[0x7f], &[0x80]] {
        put(&client, "bytes", item([("h", s("h")), ("r", b(bytes))])).await;
    }
    let found = client
        .query()
        .table_name("bytes")
        .key_condition_expression("h = :h AND r > :r")
        .expression_attribute_values(":h", s("h"))
        .expression_attribute_values(":r", b(&[0x01]))
        .send()
        .await
        .expect("found");
    let bytes: Vec<&AttributeValue> = found.items().iter().map(|item| &item["r"]).collect();
    assert_eq!(
        bytes,
        [&b(&[0x7f]), &b(&[0x80]), &b(&[0xff])],
        "as unsigned bytes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_cannot_be_done_are_refused() {
    let running = Running::start().await;
    let client = running.dynamodb();
    events(&client, 1).await;
    let query = |condition: &str| {
        client
            .query()
            .table_name("events")
            .key_condition_expression(condition)
            .expression_attribute_values(":v", s("a"))
    };
    for (what, refused) in [
        (
            "no partition key",
            query("#at = :v").expression_attribute_names("#at", "at"),
        ),
        ("a range on the partition key", query("source_id > :v")),
        ("another attribute", query("source_id = :v AND kind = :v")),
        (
            "the wrong type",
            query("source_id = :v AND #at = :v").expression_attribute_names("#at", "at"),
        ),
        (
            "no such index",
            query("source_id = :v").index_name("absent"),
        ),
        ("OR", query("source_id = :v OR source_id = :v")),
        (
            "a start without its sort key",
            query("source_id = :v").exclusive_start_key("source_id", s("a")),
        ),
        ("no limit", query("source_id = :v").limit(0)),
    ] {
        assert_eq!(code(refused.send().await), "ValidationException", "{what}");
    }
    for (condition, says) in [
        (
            "at = :v",
            "Attribute name is a reserved keyword; reserved keyword: at",
        ),
        (
            "source_id = :absent",
            "An expression attribute value used in expression is not defined; attribute value: \
             :absent",
        ),
    ] {
        let (code, message) = refusal(query(condition).send().await);
        assert_eq!(code, "ValidationException");
        assert_eq!(message, format!("Invalid KeyConditionExpression: {says}"));
    }
}
