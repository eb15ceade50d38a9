//! Filtering a group.

use super::{event, make_group, now_ms, write};
use crate::common::{Running, code};

/// aws-behaviours C5
#[tokio::test(flavor = "multi_thread")]
async fn patterns_choose_by_terms_in_the_order_of_time() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["a", "b"]).await;
    let now = now_ms();
    write(
        &client,
        "g",
        "a",
        vec![
            event(now - 4, "INFO start"),
            event(now - 2, "ERROR disk full"),
            event(now, "WARN slow"),
        ],
    )
    .await;
    write(
        &client,
        "g",
        "b",
        vec![
            event(now - 3, "ERROR timeout"),
            event(now - 1, "error in small"),
        ],
    )
    .await;
    let filter = async |pattern: &str| {
        let found = client
            .filter_log_events()
            .log_group_name("g")
            .filter_pattern(pattern)
            .send()
            .await;
        let found = found.expect(pattern).events.unwrap_or_default();
        found
            .into_iter()
            .filter_map(|event| event.message)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        filter("").await,
        [
            "INFO start",
            "ERROR timeout",
            "ERROR disk full",
            "error in small",
            "WARN slow"
        ],
        "of both streams"
    );
    assert_eq!(filter("ERROR").await, ["ERROR timeout", "ERROR disk full"]);
    assert_eq!(filter("ERROR -timeout").await, ["ERROR disk full"]);
    assert_eq!(filter("\"disk full\"").await, ["ERROR disk full"]);
    assert_eq!(filter("disk ERROR").await, ["ERROR disk full"]);
    assert_eq!(filter("?INFO ?WARN").await, ["INFO start", "WARN slow"]);
    assert!(filter("nothing").await.is_empty());
    for wrong in ["{ $.level = \"ERROR\" }", "[a, b]", "%x%", "a-b", "\"open"] {
        let refused = client
            .filter_log_events()
            .log_group_name("g")
            .filter_pattern(wrong)
            .send()
            .await;
        assert_eq!(code(refused), "InvalidParameterException", "{wrong}");
    }
    // aws-behaviours C5
    let absent = client
        .filter_log_events()
        .log_group_name("absent")
        .send()
        .await;
    assert_eq!(code(absent), "ResourceNotFoundException");
}

/// aws-behaviours C6
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_pages_by_time_and_stream() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["one", "other"]).await;
    let now = now_ms();
    for (stream, first) in [("one", 0), ("other", 1)] {
        let events = (0..25)
            .map(|number| event(now - 50 + 2 * number + first, &format!("{stream} {number}")));
        write(&client, "g", stream, events.collect()).await;
    }
    let filter = || client.filter_log_events().log_group_name("g");
    let mut pages = filter().limit(7).into_paginator().send();
    let mut times = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        assert!(page.events().len() <= 7);
        for event in page.events() {
            times.push(event.timestamp().expect("a time"));
            assert!(
                ids.insert(event.event_id().expect("an id").to_owned()),
                "twice"
            );
        }
    }
    assert_eq!(times.len(), 50);
    assert!(times.is_sorted());

    let count = async |request: aws_sdk_cloudwatchlogs::operation::filter_log_events::builders::FilterLogEventsFluentBuilder| {
        request.send().await.expect("found").events().len()
    };
    assert_eq!(
        count(filter().start_time(now - 50).end_time(now - 41)).await,
        10
    );
    assert_eq!(count(filter().log_stream_names("one")).await, 25);
    assert_eq!(
        count(filter().log_stream_names("one").log_stream_names("other")).await,
        50
    );
    assert_eq!(count(filter().log_stream_name_prefix("ot")).await, 25);
    for (what, refused) in [
        (
            "both",
            filter().log_stream_names("one").log_stream_name_prefix("o"),
        ),
        ("too long a page", filter().limit(10_001)),
        ("a token of nobody", filter().next_token("x")),
    ] {
        assert_eq!(
            code(refused.send().await),
            "InvalidParameterException",
            "{what}"
        );
    }
    let absent = filter().log_stream_names("absent").send().await;
    assert_eq!(code(absent), "ResourceNotFoundException");
}
