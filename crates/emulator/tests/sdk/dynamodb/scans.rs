//! Scans: pages, segments, filters, counts.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::Select;

use super::{item, make_table, n, put, s};
use crate::common::{Running, code};

async fn filled(running: &Running, count: i64) -> aws_sdk_dynamodb::Client {
    let client = running.dynamodb();
    make_table(&client).await;
    for number in 0..count {
        let text = format!("job-{number:03}");
        put(
            &client,
            "results",
            item([("job_id", s(&text)), ("number", n(number))]),
        )
        .await;
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_item_once() {
    let running = Running::start().await;
    let client = filled(&running, 25).await;
    let mut seen = BTreeSet::new();
    let mut start = None;
    loop {
        let page = client
            .scan()
            .table_name("results")
            .limit(10)
            .set_exclusive_start_key(start)
            .send()
            .await
            .expect("a page");
        assert!(page.count() <= 10);
        for item in page.items() {
            assert!(
                seen.insert(item["job_id"].as_s().expect("text").clone()),
                "twice"
            );
        }
        start = page.last_evaluated_key().cloned();
        if start.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_share_the_items() {
    let running = Running::start().await;
    let client = filled(&running, 40).await;
    let mut seen = BTreeSet::new();
    let mut filled = 0;
    for segment in 0..4 {
        let mut start = None;
        let mut here = 0;
        loop {
            let page = client
                .scan()
                .table_name("results")
                .segment(segment)
                .total_segments(4)
                .limit(3)
                .set_exclusive_start_key(start)
                .send()
                .await
                .expect("a page");
            here += page.count();
            for item in page.items() {
                assert!(
                    seen.insert(item["job_id"].as_s().expect("text").clone()),
                    "twice"
                );
            }
            start = page.last_evaluated_key().cloned();
            if start.is_none() {
                break;
            }
        }
        filled += i32::from(here > 0);
    }
    assert_eq!(seen.len(), 40);
    assert!(filled > 1, "all in one segment");
    let scan = || client.scan().table_name("results");
    for refused in [
        scan().segment(4).total_segments(4),
        scan().segment(0),
        scan().total_segments(2),
    ] {
        assert_eq!(code(refused.send().await), "ValidationException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_counts() {
    let running = Running::start().await;
    let client = filled(&running, 20).await;
    let scan = || {
        client
            .scan()
            .table_name("results")
            .filter_expression("#n >= :low")
            .expression_attribute_names("#n", "number")
            .expression_attribute_values(":low", n(15))
    };
    let found = scan().send().await.expect("found");
    assert_eq!((found.count(), found.scanned_count()), (5, 20));
    let counted = scan().select(Select::Count).send().await.expect("counted");
    assert_eq!((counted.count(), counted.items().len()), (5, 0));
    let projected = scan()
        .projection_expression("job_id")
        .send()
        .await
        .expect("projected");
    assert!(projected.items().iter().all(|item| item.len() == 1));
    // A page of items that do not pass is empty, and not the last.
    let page = client
        .scan()
        .table_name("results")
        .filter_expression("attribute_exists(absent)")
        .limit(5)
        .send()
        .await
        .expect("a page");
    assert_eq!((page.count(), page.scanned_count()), (0, 5));
    assert!(page.last_evaluated_key().is_some());
    let absent = client.scan().table_name("absent").send().await;
    assert_eq!(code(absent), "ResourceNotFoundException");
}
