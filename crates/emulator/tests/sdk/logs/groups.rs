//! Groups and streams: lists, retention, tags, limits, restarts.

use aws_sdk_cloudwatchlogs::types::{LogGroupClass, OrderBy};

use super::{event, make_group, now_ms, write};
use crate::common::{Running, code};

const ARN: &str = "arn:aws:logs:us-east-1:000000000000:log-group:";

/// aws-behaviours C1, C3
#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_once_shown_and_deleted() {
    let running = Running::start().await;
    let client = running.logs();
    let before = now_ms();
    make_group(&client, "/aws/lambda/f", &[]).await;
    let create = |name: &str| client.create_log_group().log_group_name(name).send();
    // aws-behaviours C1
    assert_eq!(
        code(create("/aws/lambda/f").await),
        "ResourceAlreadyExistsException"
    );
    let listed = client.describe_log_groups().send().await.expect("listed");
    let group = &listed.log_groups()[0];
    let arn = format!("{ARN}/aws/lambda/f");
    assert_eq!(group.log_group_arn(), Some(arn.as_str()));
    assert_eq!(group.arn(), Some(format!("{arn}:*").as_str()));
    assert_eq!(group.log_group_class(), Some(&LogGroupClass::Standard));
    assert!((before..=now_ms()).contains(&group.creation_time().expect("a time")));
    // aws-behaviours C3
    assert_eq!(
        (group.retention_in_days(), group.stored_bytes()),
        (None, Some(0))
    );
    for wrong in ["", "a b", "a:b", "ü", &"x".repeat(513)] {
        assert_eq!(
            code(create(wrong).await),
            "InvalidParameterException",
            "{wrong}"
        );
    }
    create(&"x".repeat(512))
        .await
        .expect("as long as it may be");

    let delete = || {
        client
            .delete_log_group()
            .log_group_name("/aws/lambda/f")
            .send()
    };
    delete().await.expect("deleted");
    assert_eq!(code(delete().await), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_takes_the_days_that_aws_takes() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &[]).await;
    let keep = |days: i32| {
        client
            .put_retention_policy()
            .log_group_name("g")
            .retention_in_days(days)
            .send()
    };
    let kept = async || {
        let listed = client
            .describe_log_groups()
            .log_group_name_prefix("g")
            .send()
            .await;
        listed.expect("listed").log_groups()[0].retention_in_days()
    };
    for days in [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653,
    ] {
        keep(days).await.expect("taken");
        assert_eq!(kept().await, Some(days));
    }
    for days in [0, 2, 6, 8, 366, 4000, -1] {
        assert_eq!(
            code(keep(days).await),
            "InvalidParameterException",
            "{days}"
        );
    }
    assert_eq!(kept().await, Some(3653));
    let running = running.restart().await;
    let client = running.logs();
    let listed = client.describe_log_groups().send().await.expect("listed");
    assert_eq!(listed.log_groups()[0].retention_in_days(), Some(3653));
    let forget = |name: &str| client.delete_retention_policy().log_group_name(name).send();
    forget("g").await.expect("for ever");
    assert_eq!(code(forget("absent").await), "ResourceNotFoundException");
    let listed = client.describe_log_groups().send().await.expect("listed");
    assert_eq!(listed.log_groups()[0].retention_in_days(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_by_arn_and_by_name_are_the_same() {
    let running = Running::start().await;
    let client = running.logs();
    client
        .create_log_group()
        .log_group_name("g")
        .tags("a", "1")
        .send()
        .await
        .expect("a group");
    let arn = format!("{ARN}g");
    let tag = |key: &str, value: &str| {
        client
            .tag_resource()
            .resource_arn(&arn)
            .tags(key, value)
            .send()
    };
    tag("b", "2").await.expect("tagged");
    tag("a", "changed").await.expect("tagged");
    client
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("b")
        .tag_keys("absent")
        .send()
        .await
        .expect("untagged");
    let tags = client
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .expect("tags");
    let tags = tags.tags().expect("some");
    assert_eq!((tags.len(), tags["a"].as_str()), (1, "changed"));
    #[expect(deprecated, reason = "tools of some years still call it")]
    let old = client
        .list_tags_log_group()
        .log_group_name("g")
        .send()
        .await
        .expect("tags");
    assert_eq!(old.tags(), Some(tags));

    for number in 0..49 {
        tag(&format!("k{number}"), "v").await.expect("tagged");
    }
    assert_eq!(code(tag("one too many", "v").await), "TooManyTagsException");
    assert_eq!(code(tag("aws:x", "v").await), "InvalidParameterException");
    assert_eq!(
        code(tag(&"k".repeat(129), "v").await),
        "InvalidParameterException"
    );
    let absent = client
        .list_tags_for_resource()
        .resource_arn(format!("{ARN}absent"));
    assert_eq!(code(absent.send().await), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_listed_by_pages_prefix_and_pattern() {
    let running = Running::start().await;
    let client = running.logs();
    for number in 0..60 {
        make_group(&client, &format!("/app/{number:02}"), &[]).await;
    }
    make_group(&client, "/Other/app", &[]).await;
    let mut names = Vec::new();
    let mut pages = client
        .describe_log_groups()
        .log_group_name_prefix("/app/")
        .into_paginator()
        .send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        sizes.push(page.log_groups().len());
        names.extend(
            page.log_groups()
                .iter()
                .filter_map(|group| group.log_group_name().map(str::to_owned)),
        );
    }
    assert_eq!(sizes, [50, 10]);
    assert!(names.is_sorted() && names.len() == 60);
    let found = client
        .describe_log_groups()
        .log_group_name_pattern("other")
        .send()
        .await;
    assert_eq!(found.expect("found").log_groups().len(), 1);
    for refused in [
        client.describe_log_groups().limit(51),
        client.describe_log_groups().limit(0),
        client.describe_log_groups().next_token("%%%"),
        client
            .describe_log_groups()
            .log_group_name_prefix("a")
            .log_group_name_pattern("a"),
    ] {
        assert_eq!(code(refused.send().await), "InvalidParameterException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_listed_by_name_and_by_their_last_event() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["a", "b", "c"]).await;
    let now = now_ms();
    for (stream, at) in [("a", now - 10), ("b", now), ("c", now - 20)] {
        write(&client, "g", stream, vec![event(at, "x")]).await;
    }
    let list = || client.describe_log_streams().log_group_name("g");
    let names = async |request: aws_sdk_cloudwatchlogs::operation::describe_log_streams::builders::DescribeLogStreamsFluentBuilder| {
        let mut pages = request.limit(2).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let streams = page.expect("a page").log_streams.unwrap_or_default();
            names.extend(streams.into_iter().filter_map(|stream| stream.log_stream_name));
        }
        names
    };
    assert_eq!(names(list()).await, ["a", "b", "c"]);
    assert_eq!(names(list().descending(true)).await, ["c", "b", "a"]);
    let latest = list().order_by(OrderBy::LastEventTime).descending(true);
    assert_eq!(names(latest).await, ["b", "a", "c"]);
    assert_eq!(names(list().log_stream_name_prefix("b")).await, ["b"]);
    let mixed = list()
        .order_by(OrderBy::LastEventTime)
        .log_stream_name_prefix("b");
    assert_eq!(code(mixed.send().await), "InvalidParameterException");
    let by_arn = client
        .describe_log_streams()
        .log_group_identifier(format!("{ARN}g"));
    let shown = by_arn.send().await.expect("listed");
    let stream = &shown.log_streams()[0];
    assert_eq!(stream.first_event_timestamp(), Some(now - 10));
    assert_eq!(stream.last_event_timestamp(), Some(now - 10));
    assert!(
        stream
            .arn()
            .is_some_and(|arn| arn == format!("{ARN}g:log-stream:a"))
    );

    let create = |name: &str| {
        client
            .create_log_stream()
            .log_group_name("g")
            .log_stream_name(name)
            .send()
    };
    assert_eq!(code(create("a").await), "ResourceAlreadyExistsException");
    assert_eq!(code(create("x:y").await), "InvalidParameterException");
    create("2026/11/24/[$LATEST]0123")
        .await
        .expect("as Lambda names them");
    let delete = || {
        client
            .delete_log_stream()
            .log_group_name("g")
            .log_stream_name("a")
            .send()
    };
    delete().await.expect("deleted");
    assert_eq!(code(delete().await), "ResourceNotFoundException");
    let absent = client
        .describe_log_streams()
        .log_group_name("absent")
        .send()
        .await;
    assert_eq!(code(absent), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_says_so() {
    let running = Running::start().await;
    let client = running.logs();
    let query = client
        .start_query()
        .log_group_name("g")
        .query_string("fields @message")
        .start_time(0)
        .end_time(1);
    let error = query.send().await.expect_err("absent");
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    assert_eq!(status, Some(501));
    assert_eq!(code(Err::<(), _>(error)), "NotImplemented");
}
