//! CloudWatch Logs by its SDK.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use crate::common::{Running, code};

#[tokio::test(flavor = "multi_thread")]
async fn events_are_written_read_and_filtered() {
    let running = Running::start().await;
    let client = running.logs();
    client
        .create_log_group()
        .log_group_name("/aws/lambda/f")
        .tags("pipectl:stack", "s")
        .send()
        .await
        .expect("a group");
    // aws-behaviours C1
    let again = client
        .create_log_group()
        .log_group_name("/aws/lambda/f")
        .send()
        .await;
    assert_eq!(code(again), "ResourceAlreadyExistsException");
    client
        .create_log_stream()
        .log_group_name("/aws/lambda/f")
        .log_stream_name("s")
        .send()
        .await
        .expect("a stream");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64;
    let event = |at: i64, message: &str| {
        InputLogEvent::builder()
            .timestamp(at)
            .message(message)
            .build()
            .expect("complete")
    };
    client
        .put_log_events()
        .log_group_name("/aws/lambda/f")
        .log_stream_name("s")
        .log_events(event(now - 1, "START"))
        .log_events(event(now, "ERROR: no such file"))
        .send()
        .await
        .expect("written");

    let read = client
        .get_log_events()
        .log_group_name("/aws/lambda/f")
        .log_stream_name("s")
        .start_from_head(true)
        .send()
        .await
        .expect("read");
    assert_eq!(read.events().len(), 2);
    let end = client
        .get_log_events()
        .log_group_name("/aws/lambda/f")
        .log_stream_name("s")
        .start_from_head(true)
        .set_next_token(read.next_forward_token().map(str::to_owned))
        .send()
        .await
        .expect("read on");
    assert!(end.events().is_empty());
    assert_eq!(end.next_forward_token(), read.next_forward_token());

    let found = client
        .filter_log_events()
        .log_group_name("/aws/lambda/f")
        .filter_pattern("ERROR -START")
        .start_time(now - 1_000)
        .send()
        .await
        .expect("filtered");
    let messages: Vec<_> = found
        .events()
        .iter()
        .filter_map(|event| event.message())
        .collect();
    assert_eq!(messages, ["ERROR: no such file"]);
    let refused = client
        .filter_log_events()
        .log_group_name("/aws/lambda/f")
        .filter_pattern("{ $.level = \"ERROR\" }")
        .send()
        .await;
    assert_eq!(code(refused), "InvalidParameterException");
    let absent = client.filter_log_events().log_group_name("g").send().await;
    // aws-behaviours C5
    assert_eq!(code(absent), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_have_retention_and_tags() {
    let running = Running::start().await;
    let client = running.logs();
    client
        .create_log_group()
        .log_group_name("g")
        .tags("a", "1")
        .send()
        .await
        .expect("a group");
    client
        .put_retention_policy()
        .log_group_name("g")
        .retention_in_days(7)
        .send()
        .await
        .expect("kept a week");
    let listed = client
        .describe_log_groups()
        .log_group_name_prefix("g")
        .send()
        .await
        .expect("listed");
    let group = &listed.log_groups()[0];
    assert_eq!(group.retention_in_days(), Some(7));
    let arn = group.log_group_arn().expect("an ARN");
    assert_eq!(group.arn(), Some(format!("{arn}:*").as_str()));
    client
        .tag_resource()
        .resource_arn(arn)
        .tags("b", "2")
        .send()
        .await
        .expect("tagged");
    let tags = client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .expect("tags");
    let tags = tags.tags().expect("some");
    assert_eq!((tags["a"].as_str(), tags["b"].as_str()), ("1", "2"));
}
