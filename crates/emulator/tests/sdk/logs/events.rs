//! Writing events and reading a stream.

use super::{event, make_group, now_ms, write};
use crate::common::{Running, code};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_in_both_directions_by_its_tokens() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["s"]).await;
    let now = now_ms();
    let messages: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let events = messages.iter().zip(now - 10..);
    write(
        &client,
        "g",
        "s",
        events.map(|(message, at)| event(at, message)).collect(),
    )
    .await;
    let read = async |from_head: bool, token: Option<String>| {
        let page = client
            .get_log_events()
            .log_group_name("g")
            .log_stream_name("s")
            .limit(4)
            .start_from_head(from_head)
            .set_next_token(token)
            .send()
            .await
            .expect("a page");
        let messages: Vec<String> = page
            .events()
            .iter()
            .filter_map(|event| event.message.clone())
            .collect();
        (messages, page.next_forward_token, page.next_backward_token)
    };
    // To the end: there, the token stays as it is.
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let (page, forward, _) = read(true, token.clone()).await;
        seen.extend(page);
        if forward == token {
            break;
        }
        token = forward;
    }
    assert_eq!(seen, messages);
    // What comes later comes with that token.
    write(&client, "g", "s", vec![event(now, "later")]).await;
    let (page, ..) = read(true, token).await;
    assert_eq!(page, ["later"]);

    // Without a direction: the latest, oldest first; then backwards.
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let (mut page, _, backward) = read(false, token.clone()).await;
        page.append(&mut seen);
        seen = page;
        if backward == token {
            break;
        }
        token = backward;
    }
    assert_eq!(
        (seen.len(), seen[0].as_str(), seen[10].as_str()),
        (11, "0", "later")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn times_bound_what_is_read() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["s"]).await;
    let now = now_ms();
    write(
        &client,
        "g",
        "s",
        vec![event(now - 2, "a"), event(now - 1, "b"), event(now, "c")],
    )
    .await;
    let page = client
        .get_log_events()
        .log_group_name("g")
        .log_stream_name("s")
        .start_time(now - 1)
        .end_time(now)
        .send()
        .await
        .expect("a page");
    let events = page.events();
    assert_eq!(events.len(), 1, "the end is not in it");
    assert_eq!(
        (events[0].message(), events[0].timestamp()),
        (Some("b"), Some(now - 1))
    );
    assert!(events[0].ingestion_time().is_some_and(|at| at >= now));
    let get = |group: &str, stream: &str| {
        client
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
    };
    for (what, refused, expected) in [
        ("no group", get("absent", "s"), "ResourceNotFoundException"),
        ("no stream", get("g", "absent"), "ResourceNotFoundException"),
        (
            "a token of nobody",
            get("g", "s").next_token("x"),
            "InvalidParameterException",
        ),
        (
            "a page of nothing",
            get("g", "s").limit(0),
            "InvalidParameterException",
        ),
        (
            "too long a page",
            get("g", "s").limit(10_001),
            "InvalidParameterException",
        ),
    ] {
        assert_eq!(code(refused.send().await), expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_have_limits() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["s"]).await;
    let now = now_ms();
    let put = |events: Vec<_>| {
        client
            .put_log_events()
            .log_group_name("g")
            .log_stream_name("s")
            .set_log_events(Some(events))
            .send()
    };
    let many = |count: usize| (0..count).map(|_| event(now, "x")).collect::<Vec<_>>();
    put(many(10_000)).await.expect("as many as there may be");
    let fits = 1_048_576 - 26;
    put(vec![event(now, &"x".repeat(fits))])
        .await
        .expect("as large as it may be");
    for (what, events) in [
        ("none", vec![]),
        ("too many", many(10_001)),
        ("too large", vec![event(now, &"x".repeat(fits + 1))]),
        ("an empty message", vec![event(now, "")]),
        ("not in order", vec![event(now, "x"), event(now - 1, "x")]),
        (
            "more than a day",
            vec![event(now - DAY_MS - 1, "x"), event(now, "x")],
        ),
    ] {
        assert_eq!(
            code(put(events).await),
            "InvalidParameterException",
            "{what}"
        );
    }
    let old = now - 15 * DAY_MS;
    let answered = put(vec![event(old, "old")]).await.expect("answered");
    let rejected = answered.rejected_log_events_info().expect("rejected");
    assert_eq!(rejected.too_old_log_event_end_index(), Some(1));
    let late = put(vec![event(now, "x"), event(now + 3 * DAY_MS / 24, "x")])
        .await
        .expect("answered");
    let rejected = late.rejected_log_events_info().expect("rejected");
    assert_eq!(rejected.too_new_log_event_start_index(), Some(1));
    let absent = client
        .put_log_events()
        .log_group_name("g")
        .log_stream_name("absent")
        .log_events(event(now, "x"));
    assert_eq!(code(absent.send().await), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_survive_a_restart_and_go_with_their_group() {
    let running = Running::start().await;
    let client = running.logs();
    make_group(&client, "g", &["s"]).await;
    let now = now_ms();
    write(
        &client,
        "g",
        "s",
        vec![event(now, "kept ü \u{1f600} \u{0}")],
    )
    .await;
    let running = running.restart().await;
    let client = running.logs();
    let read = || {
        client
            .get_log_events()
            .log_group_name("g")
            .log_stream_name("s")
            .send()
    };
    let page = read().await.expect("a page");
    assert_eq!(page.events()[0].message(), Some("kept ü \u{1f600} \u{0}"));
    let listed = client.describe_log_groups().send().await.expect("listed");
    assert_eq!(listed.log_groups()[0].stored_bytes(), Some(14 + 26));
    client
        .delete_log_group()
        .log_group_name("g")
        .send()
        .await
        .expect("deleted");
    assert_eq!(code(read().await), "ResourceNotFoundException");
    make_group(&client, "g", &["s"]).await;
    assert!(read().await.expect("a page").events().is_empty());
}
