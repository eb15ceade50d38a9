//! CloudWatch Logs by its SDK.

mod events;
mod filters;
mod groups;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64
}

fn event(at: i64, message: &str) -> InputLogEvent {
    InputLogEvent::builder()
        .timestamp(at)
        .message(message)
        .build()
        .expect("complete")
}

async fn make_group(client: &Client, group: &str, streams: &[&str]) {
    client
        .create_log_group()
        .log_group_name(group)
        .send()
        .await
        .expect("a group");
    for stream in streams {
        client
            .create_log_stream()
            .log_group_name(group)
            .log_stream_name(*stream)
            .send()
            .await
            .expect("a stream");
    }
}

async fn write(client: &Client, group: &str, stream: &str, events: Vec<InputLogEvent>) {
    client
        .put_log_events()
        .log_group_name(group)
        .log_stream_name(stream)
        .set_log_events(Some(events))
        .send()
        .await
        .expect("written");
}
