//! Operations on up to ten messages, each of which succeeds or fails by itself.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use crate::error::AwsError;

use super::SqsService;
use super::handlers_messages::{handle, prepare, visibility};
use super::state_errors::{missing, no_queue};
use super::wire::{self, Answer, Call};
use super::wire_requests::{Batch, BatchResult, Done, Entry, Failed, Meant, Outgoing};

/// Entries of one batch.
const MAX_ENTRIES: usize = 10;
/// Bytes of all messages of a batch together (aws-behaviours Q15).
const MAX_BATCH_BYTES: usize = 1_048_576;

/// The queue and the entries of a batch, with their ids.
fn read<T: DeserializeOwned>(
    service: &SqsService,
    call: &Call,
    entry_type: &str,
) -> Result<(String, Vec<(String, T)>), AwsError> {
    let batch: Batch<T> = call.parameters()?;
    let name = call.queue(batch.queue_url.as_deref())?;
    if service.state.find(name)?.is_none() {
        return Err(no_queue());
    }
    let entries = batch.entries.unwrap_or_default();
    if entries.is_empty() {
        return Err(AwsError::bad_request(
            "EmptyBatchRequest",
            format!("There should be at least one {entry_type} in the request."),
        ));
    }
    if entries.len() > MAX_ENTRIES {
        return Err(AwsError::bad_request(
            "TooManyEntriesInBatchRequest",
            format!(
                "Maximum number of entries per request are {MAX_ENTRIES}. You have sent {}.",
                entries.len()
            ),
        ));
    }
    let mut ids = HashSet::new();
    let mut read = Vec::with_capacity(entries.len());
    for Entry { id, content } in entries {
        let id = id.ok_or_else(|| missing("Id"))?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=80).contains(&id.len()) || !id.bytes().all(allowed) {
            return Err(AwsError::bad_request(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and \
                 underscores. It can be at most 80 letters long.",
            ));
        }
        if !ids.insert(id.clone()) {
            return Err(AwsError::bad_request(
                "BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
        read.push((id, content));
    }
    Ok((name.to_owned(), read))
}

fn failed(id: String, error: AwsError) -> Failed {
    Failed {
        id,
        sender_fault: wire::is_sender_fault(&error),
        code: wire::query_code(&error.code),
        message: error.message,
    }
}

pub(super) fn send_messages(service: &SqsService, call: &Call) -> Answer {
    let (name, entries) = read::<Outgoing>(service, call, "SendMessageBatchRequestEntry")?;
    let mut result = BatchResult {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    let mut messages = Vec::new();
    let mut receipts = Vec::new();
    let mut bytes = 0;
    for (id, outgoing) in entries {
        // Entries that are refused count as well.
        bytes += outgoing.size();
        match prepare(outgoing) {
            Ok(prepared) => {
                receipts.push((id.clone(), prepared.receipt(Some(id))));
                messages.push(prepared.message);
            }
            Err(error) => result.failed.push(failed(id, error)),
        }
    }
    if bytes > MAX_BATCH_BYTES {
        return Err(AwsError::bad_request(
            "BatchRequestTooLong",
            format!(
                "Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. \
                 You have sent {bytes} bytes."
            ),
        ));
    }
    let sent = service.state.send(&name, messages, service.now_ms())?;
    for ((id, mut receipt), sent) in receipts.into_iter().zip(sent) {
        match sent {
            Ok(message_id) => {
                receipt.message_id = message_id;
                result.successful.push(receipt);
            }
            Err(error) => result.failed.push(failed(id, error)),
        }
    }
    wire::answer(&result)
}

pub(super) fn delete_messages(service: &SqsService, call: &Call) -> Answer {
    let (name, entries) = read::<Meant>(service, call, "DeleteMessageBatchRequestEntry")?;
    let mut result = BatchResult {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    let mut handles = Vec::new();
    for (id, meant) in entries {
        match handle(meant.receipt_handle.as_deref(), &name) {
            Ok(handle) => {
                handles.push(handle);
                result.successful.push(Done { id });
            }
            Err(error) => result.failed.push(failed(id, error)),
        }
    }
    service.state.delete_messages(&name, &handles)?;
    wire::answer(&result)
}

pub(super) fn change_visibilities(service: &SqsService, call: &Call) -> Answer {
    let (name, entries) = read::<Meant>(service, call, "ChangeMessageVisibilityBatchRequestEntry")?;
    let mut result = BatchResult {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    let mut ids = Vec::new();
    let mut changes = Vec::new();
    for (id, meant) in entries {
        let change = visibility(meant.visibility_timeout)
            .and_then(|seconds| seconds.ok_or_else(|| missing("VisibilityTimeout")))
            .and_then(|seconds| Ok((handle(meant.receipt_handle.as_deref(), &name)?, seconds)));
        match change {
            Ok(change) => {
                ids.push(id);
                changes.push(change);
            }
            Err(error) => result.failed.push(failed(id, error)),
        }
    }
    let changed = service
        .state
        .change_visibility(&name, &changes, service.now_ms())?;
    for (id, changed) in ids.into_iter().zip(changed) {
        match changed {
            Ok(()) => result.successful.push(Done { id }),
            Err(error) => result.failed.push(failed(id, error)),
        }
    }
    wire::answer(&result)
}
