//! Messages: bodies and attributes with AWS's digests, delays, visibility, handles, long polls.

use std::collections::HashMap;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName as System,
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName as Name,
};
use md5::{Digest, Md5};

use super::{NOW, SECOND, Timed, bodies, counts, handle, make_queue, receive, send, system};
use crate::common::{Running, code};

fn attribute(data_type: &str, text: Option<&str>, bytes: Option<&[u8]>) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type(data_type)
        .set_string_value(text.map(str::to_owned))
        .set_binary_value(bytes.map(Blob::new))
        .build()
        .expect("complete")
}

/// AWS's digest of attributes, computed here because this SDK, unlike others, does not check it.
fn digest(attributes: &[(&str, &str, &[u8])]) -> String {
    let mut sorted = attributes.to_vec();
    sorted.sort_unstable();
    let mut text = Vec::new();
    for (name, data_type, value) in sorted {
        let kind = [if data_type.starts_with("Binary") {
            2
        } else {
            1
        }];
        for (kind, part) in [
            (&[][..], name.as_bytes()),
            (&[][..], data_type.as_bytes()),
            (&kind[..], value),
        ] {
            text.extend_from_slice(kind);
            text.extend_from_slice(&(part.len() as u32).to_be_bytes());
            text.extend_from_slice(part);
        }
    }
    hex::encode(Md5::digest(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_back_as_it_was_sent_with_the_digests_of_aws() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let body = "job ü 😀\t\r\n<&>\"";
    let attributes = HashMap::from([
        ("reason".to_owned(), attribute("String", Some("why"), None)),
        ("size".to_owned(), attribute("Number.int", Some("42"), None)),
        (
            "raw".to_owned(),
            attribute("Binary.gzip", None, Some(&[0, 255])),
        ),
    ]);
    let trace = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-2-3")
        .build()
        .expect("complete");
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body(body)
        .set_message_attributes(Some(attributes.clone()))
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace)
        .send()
        .await
        .expect("sent");
    let body_md5 = hex::encode(Md5::digest(body));
    let all = digest(&[
        ("reason", "String", b"why"),
        ("size", "Number.int", b"42"),
        ("raw", "Binary.gzip", &[0, 255]),
    ]);
    assert_eq!(sent.md5_of_message_body(), Some(body_md5.as_str()));
    assert_eq!(sent.md5_of_message_attributes(), Some(all.as_str()));
    let trace = digest(&[("AWSTraceHeader", "String", b"Root=1-2-3")]);
    assert_eq!(
        sent.md5_of_message_system_attributes(),
        Some(trace.as_str())
    );

    let received = receive(&client, &url).await;
    let message = &received[0];
    assert_eq!(message.body(), Some(body));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), Some(body_md5.as_str()));
    assert_eq!(message.message_attributes(), Some(&attributes));
    assert_eq!(message.md5_of_message_attributes(), Some(all.as_str()));
    assert_eq!(system(message, System::AwsTraceHeader), "Root=1-2-3");
    assert_eq!(system(message, System::ApproximateReceiveCount), "1");
    assert_eq!(system(message, System::SenderId), "000000000000");

    client
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(handle(message))
        .visibility_timeout(0)
        .send()
        .await
        .expect("shown");
    let some = client
        .receive_message()
        .queue_url(&url)
        .message_attribute_names("r*")
        .message_attribute_names("rea.*")
        .send()
        .await
        .expect("received");
    let message = &some.messages()[0];
    assert!(message.attributes().is_none());
    let shown = message.message_attributes().expect("one");
    assert_eq!(shown.keys().collect::<Vec<_>>(), ["reason"]);
    // The digest is of what is shown.
    assert_eq!(
        message.md5_of_message_attributes(),
        Some(digest(&[("reason", "String", b"why")]).as_str())
    );
    client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(handle(message))
        .send()
        .await
        .expect("deleted");
    assert_eq!(counts(&client, &url).await, ["0", "0", "0"]);
}

/// aws-behaviours Q15
#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_at_most_one_mebibyte_with_its_attributes() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let put = |bytes: usize| {
        client
            .send_message()
            .queue_url(&url)
            .message_body("x".repeat(bytes))
            .message_attributes("a", attribute("String", Some("b"), None))
            .send()
    };
    // The attribute: one byte of name, six of type, one of value.
    put(1_048_576 - 8).await.expect("sent");
    let refused = put(1_048_576 - 7).await.expect_err("too long");
    let refused = refused.into_service_error();
    assert_eq!(refused.meta().code(), Some("InvalidParameterValue"));
    assert_eq!(
        refused.meta().message(),
        Some(
            "One or more parameters are invalid. \
             Reason: Message must be shorter than 1048576 bytes."
        )
    );
    let received = receive(&client, &url).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body().map(str::len), Some(1_048_576 - 8));
    let small = make_queue(&client, "small", &[(Name::MaximumMessageSize, "1024")]).await;
    let long = client.send_message().queue_url(&small);
    let long = long.message_body("x".repeat(1_025)).send().await;
    assert_eq!(code(long), "InvalidParameterValue");
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_are_kept_and_survive_a_restart() {
    let timed = Timed::start().await;
    let url = make_queue(&timed.client, "jobs", &[(Name::DelaySeconds, "5")]).await;
    for (body, delay) in [
        ("by queue", None),
        ("at once", Some(0)),
        ("late", Some(900)),
    ] {
        let request = timed.client.send_message().queue_url(&url);
        let request = request.message_body(body).set_delay_seconds(delay);
        request.send().await.expect("sent");
    }
    assert_eq!(bodies(&receive(&timed.client, &url).await), ["at once"]);
    assert_eq!(counts(&timed.client, &url).await, ["0", "1", "2"]);
    timed.pass(5);
    let timed = timed.restart().await;
    assert_eq!(bodies(&receive(&timed.client, &url).await), ["by queue"]);
    timed.pass(895);
    let late = receive(&timed.client, &url).await;
    assert!(bodies(&late).contains(&"late"), "{late:?}");
}

/// aws-behaviours Q18
#[tokio::test(flavor = "multi_thread")]
async fn visibility_and_handles_are_those_of_aws() {
    let timed = Timed::start().await;
    let client = &timed.client;
    let url = make_queue(client, "jobs", &[(Name::VisibilityTimeout, "30")]).await;
    send(client, &url, "job").await;
    let change = |handle: &str, seconds: i32| {
        client
            .change_message_visibility()
            .queue_url(&url)
            .receipt_handle(handle)
            .visibility_timeout(seconds)
            .send()
    };
    timed.pass(1);
    let first = receive(client, &url).await;
    let first = handle(&first[0]);
    timed.pass(29);
    assert!(receive(client, &url).await.is_empty());
    change(first, 60).await.expect("prolonged");
    timed.pass(59);
    assert!(receive(client, &url).await.is_empty());
    timed.pass(1);
    // Visible again: a change comes too late, and is no error.
    change(first, 60).await.expect("ignored");
    assert_eq!(counts(client, &url).await, ["1", "0", "0"]);
    let second = receive(client, &url).await;
    let message = &second[0];
    assert_ne!(handle(message), first);
    assert_eq!(system(message, System::ApproximateReceiveCount), "2");
    assert_eq!(system(message, System::SentTimestamp), NOW.to_string());
    assert_eq!(
        system(message, System::ApproximateFirstReceiveTimestamp),
        (NOW + SECOND).to_string()
    );
    // The first consumer cannot show what the second one works on.
    assert_eq!(code(change(first, 0).await), "InvalidParameterValue");
    assert!(receive(client, &url).await.is_empty());
    timed.pass(1);
    let refused = change(handle(message), 43_200).await;
    let refused = refused.expect_err("too long").into_service_error();
    assert_eq!(
        refused.meta().message(),
        Some(
            "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total \
             VisibilityTimeout for the message is beyond the limit [43200 seconds]."
        )
    );
    change(handle(message), 0).await.expect("shown");
    let shown = client
        .receive_message()
        .queue_url(&url)
        .visibility_timeout(0)
        .send()
        .await
        .expect("received");
    assert_eq!(bodies(shown.messages()), ["job"]);
    assert_eq!(counts(client, &url).await, ["1", "0", "0"]);

    let delete = |handle: &str| {
        let request = client.delete_message().queue_url(&url);
        request.receipt_handle(handle).send()
    };
    let refused = delete("nonsense").await.expect_err("no handle");
    let refused = refused.into_service_error();
    assert!(refused.is_receipt_handle_is_invalid(), "{refused:?}");
    for _ in 0..2 {
        delete(first).await.expect("deleted, or gone already");
    }
    assert_eq!(counts(client, &url).await, ["0", "0", "0"]);
    assert_eq!(
        code(change(handle(&shown.messages()[0]), 1).await),
        "InvalidParameterValue"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn receives_and_their_counts_survive_a_restart() {
    let timed = Timed::start().await;
    let url = make_queue(&timed.client, "jobs", &[(Name::VisibilityTimeout, "30")]).await;
    send(&timed.client, &url, "job").await;
    let received = receive(&timed.client, &url).await;
    let timed = timed.restart().await;
    assert!(receive(&timed.client, &url).await.is_empty());
    timed.pass(30);
    let again = receive(&timed.client, &url).await;
    assert_eq!(again[0].message_id(), received[0].message_id());
    assert_eq!(system(&again[0], System::ApproximateReceiveCount), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_with_a_message_or_with_its_time() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let begun = std::time::Instant::now();
    let poll = client.receive_message().queue_url(&url);
    let empty = poll.wait_time_seconds(1).send().await.expect("answered");
    assert!(empty.messages().is_empty());
    assert!(begun.elapsed().as_millis() >= 1_000);

    // By the queue's own wait, far longer than a test may take.
    let set = client.set_queue_attributes().queue_url(&url);
    let set = set.attributes(Name::ReceiveMessageWaitTimeSeconds, "20");
    set.send().await.expect("set");
    let begun = std::time::Instant::now();
    let polling = tokio::spawn(client.receive_message().queue_url(&url).send());
    send(&client, &url, "now").await;
    let received = polling.await.expect("ended").expect("received");
    assert_eq!(bodies(received.messages()), ["now"]);
    assert!(begun.elapsed().as_secs() < 10, "the send ended it");
    let late = client.send_message().queue_url(&url).message_body("late");
    late.delay_seconds(1).send().await.expect("sent");
    let poll = client.receive_message().queue_url(&url).send().await;
    assert_eq!(bodies(poll.expect("received").messages()), ["late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_range_is_refused_in_the_words_of_aws() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let poll = || client.receive_message().queue_url(&url);
    let write = || client.send_message().queue_url(&url).message_body("x");
    for (refused, words) in [
        (
            poll().max_number_of_messages(11).send().await,
            "Value 11 for parameter MaxNumberOfMessages is invalid. \
             Reason: Must be between 1 and 10, if provided.",
        ),
        (
            poll().wait_time_seconds(21).send().await,
            "Value 21 for parameter WaitTimeSeconds is invalid. \
             Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            poll().visibility_timeout(43_201).send().await,
            "Value 43201 for parameter VisibilityTimeout is invalid. \
             Reason: Must be between 0 and 43200, if provided.",
        ),
    ] {
        let refused = refused.expect_err(words).into_service_error();
        assert_eq!(refused.meta().code(), Some("InvalidParameterValue"));
        assert_eq!(refused.meta().message(), Some(words));
    }
    for (refused, words) in [
        (
            write().delay_seconds(901).send().await,
            "Value 901 for parameter DelaySeconds is invalid. \
             Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            write()
                .message_attributes("a", attribute("String", Some(""), None))
                .send()
                .await,
            "Message (user) attribute 'a' must contain a non-empty value of type 'String'.",
        ),
    ] {
        let refused = refused.expect_err(words).into_service_error();
        assert_eq!(refused.meta().code(), Some("InvalidParameterValue"));
        assert_eq!(refused.meta().message(), Some(words));
    }
    let control = client.send_message().queue_url(&url).message_body("\u{1}");
    let refused = control.send().await.expect_err("refused");
    let refused = refused.into_service_error();
    assert!(refused.is_invalid_message_contents(), "{refused:?}");
    assert_eq!(counts(&client, &url).await, ["0", "0", "0"]);
}
