//! Batches: each entry for itself, and the rules for a batch as a whole.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};

use super::{bodies, counts, handle, make_queue, receive};
use crate::common::{Running, code};

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    late_entry(id, body, 0)
}

fn late_entry(id: &str, body: &str, delay_s: i32) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .delay_seconds(delay_s)
        .build()
        .expect("complete")
}

async fn send_all(
    client: &Client,
    url: &str,
    entries: Vec<SendMessageBatchRequestEntry>,
) -> Result<SendMessageBatchOutput, SdkError<SendMessageBatchError>> {
    let request = client.send_message_batch().queue_url(url);
    request.set_entries(Some(entries)).send().await
}

fn failures(failed: &[BatchResultErrorEntry]) -> Vec<(&str, &str, bool)> {
    failed
        .iter()
        .map(|one| (one.id(), one.code(), one.sender_fault()))
        .collect()
}

fn deletion(id: &str, handle: &str) -> DeleteMessageBatchRequestEntry {
    DeleteMessageBatchRequestEntry::builder()
        .id(id)
        .receipt_handle(handle)
        .build()
        .expect("complete")
}

fn change(id: &str, handle: &str, seconds: i32) -> ChangeMessageVisibilityBatchRequestEntry {
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(id)
        .receipt_handle(handle)
        .visibility_timeout(seconds)
        .build()
        .expect("complete")
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_ten_go_both_ways() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let entries = (0..10)
        .map(|index| entry(&format!("e{index}"), &format!("m{index}")))
        .collect();
    let sent = send_all(&client, &url, entries).await.expect("sent");
    assert_eq!((sent.successful().len(), sent.failed().len()), (10, 0));
    // MD5 of "m0".
    assert_eq!(
        sent.successful()[0].md5_of_message_body(),
        "ced6bfe1f650f6b338594d37eb7850d2"
    );
    let received = receive(&client, &url).await;
    assert_eq!(received.len(), 10);
    let entries = received
        .iter()
        .enumerate()
        .map(|(index, message)| deletion(&index.to_string(), handle(message)))
        .collect();
    let deleted = client.delete_message_batch().queue_url(&url);
    let deleted = deleted.set_entries(Some(entries)).send().await;
    assert_eq!(deleted.expect("deleted").successful().len(), 10);
    assert_eq!(counts(&client, &url).await, ["0", "0", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_succeeds_or_fails_by_itself() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let entries = vec![
        entry("good", "a"),
        entry("bad", "\u{0}"),
        late_entry("late", "b", 900),
        late_entry("later", "c", 901),
    ];
    let sent = send_all(&client, &url, entries).await.expect("answered");
    let ids: Vec<&str> = sent
        .successful()
        .iter()
        .map(SendMessageBatchResultEntry::id)
        .collect();
    assert_eq!(ids, ["good", "late"]);
    assert_eq!(
        failures(sent.failed()),
        [
            ("bad", "InvalidMessageContents", true),
            ("later", "InvalidParameterValue", true)
        ]
    );
    assert_eq!(counts(&client, &url).await, ["1", "0", "1"]);

    let received = receive(&client, &url).await;
    let known = handle(&received[0]);
    let changed = client
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(change("1", known, 0))
        .entries(change("2", known, 43_201))
        .entries(change("3", "nonsense", 0))
        .send()
        .await
        .expect("answered");
    assert_eq!(changed.successful().len(), 1);
    assert_eq!(
        failures(changed.failed()),
        [
            ("2", "InvalidParameterValue", true),
            ("3", "ReceiptHandleIsInvalid", true)
        ]
    );
    assert_eq!(bodies(&receive(&client, &url).await), ["a"]);
    let deleted = client
        .delete_message_batch()
        .queue_url(&url)
        .entries(deletion("1", known))
        .entries(deletion("2", "nonsense"))
        .send()
        .await
        .expect("answered");
    assert_eq!(deleted.successful()[0].id(), "1");
    assert_eq!(
        failures(deleted.failed()),
        [("2", "ReceiptHandleIsInvalid", true)]
    );
    assert_eq!(counts(&client, &url).await, ["0", "0", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_breaks_a_rule_is_refused_as_a_whole() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let refused = async |entries: Vec<SendMessageBatchRequestEntry>| {
        let refused = send_all(&client, &url, entries).await;
        refused.expect_err("refused").into_service_error()
    };
    let half = "x".repeat(524_288);
    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    let error = refused(Vec::new()).await;
    assert!(error.is_empty_batch_request(), "{error:?}");
    assert_eq!(
        error.meta().message(),
        Some("There should be at least one SendMessageBatchRequestEntry in the request.")
    );
    let error = refused(eleven).await;
    assert!(error.is_too_many_entries_in_batch_request(), "{error:?}");
    assert_eq!(
        error.meta().message(),
        Some("Maximum number of entries per request are 10. You have sent 11.")
    );
    let error = refused(vec![entry("a", "x"), entry("a", "y")]).await;
    assert!(error.is_batch_entry_ids_not_distinct(), "{error:?}");
    assert_eq!(error.meta().message(), Some("Id a repeated."));
    let long = "i".repeat(81);
    for id in ["a b", "", long.as_str()] {
        let error = refused(vec![entry(id, "x")]).await;
        assert!(error.is_invalid_batch_entry_id(), "{error:?}");
    }
    let error = refused(vec![entry("a", &half), entry("b", &half), entry("c", "x")]).await;
    assert!(error.is_batch_request_too_long(), "{error:?}");
    assert_eq!(
        error.meta().message(),
        Some("Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")
    );
    assert_eq!(counts(&client, &url).await, ["0", "0", "0"]);

    let whole = vec![entry("a", &half), entry("b", &half)];
    let sent = send_all(&client, &url, whole).await.expect("sent");
    assert_eq!(sent.successful().len(), 2);
    let none = client.delete_message_batch().queue_url(&url);
    assert_eq!(
        code(none.set_entries(Some(Vec::new())).send().await),
        "AWS.SimpleQueueService.EmptyBatchRequest"
    );
}
