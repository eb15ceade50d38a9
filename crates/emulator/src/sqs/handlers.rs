//! Operations on queues, and where every operation goes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::ACCOUNT;
use crate::error::AwsError;

use super::state::arn_of;
use super::state_attributes::SETTABLE;
use super::state_errors::{invalid, invalid_value, missing, no_fifo, no_queue, unknown_attribute};
use super::wire::{self, Answer, Call};
use super::wire_requests as requests;
use super::{SqsService, handlers_batch, handlers_messages, handlers_moves, handlers_permissions};

/// Pages hold at most as many names.
const MAX_PAGE: i64 = 1_000;
/// Attributes of a queue that can be read, apart from those that can be set.
const READ_ONLY: &[&str] = &[
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];
/// Attributes that AWS knows, but not of standard queues.
const FIFO_SETTINGS: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
];

/// Does what the call asks for.
pub(super) async fn dispatch(service: &SqsService, call: Call) -> Answer {
    match call.operation.as_str() {
        "SendMessage" => handlers_messages::send_message(service, &call),
        "ReceiveMessage" => handlers_messages::receive_message(service, &call).await,
        "DeleteMessage" => handlers_messages::delete_message(service, &call),
        "ChangeMessageVisibility" => handlers_messages::change_visibility(service, &call),
        "SendMessageBatch" => handlers_batch::send_messages(service, &call),
        "DeleteMessageBatch" => handlers_batch::delete_messages(service, &call),
        "ChangeMessageVisibilityBatch" => handlers_batch::change_visibilities(service, &call),
        "CreateQueue" => create_queue(service, &call),
        "DeleteQueue" => apart(service, call, delete_queue).await,
        "PurgeQueue" => apart(service, call, purge_queue).await,
        "GetQueueUrl" => get_queue_url(service, &call),
        "ListQueues" => list_queues(service, &call),
        "GetQueueAttributes" => apart(service, call, get_queue_attributes).await,
        "SetQueueAttributes" => set_queue_attributes(service, &call),
        "TagQueue" => tag_queue(service, &call),
        "UntagQueue" => untag_queue(service, &call),
        "ListQueueTags" => list_queue_tags(service, &call),
        "ListDeadLetterSourceQueues" => list_dead_letter_source_queues(service, &call),
        "AddPermission" => handlers_permissions::add(service, &call),
        "RemovePermission" => handlers_permissions::remove(service, &call),
        "StartMessageMoveTask" => handlers_moves::start(service, &call),
        "ListMessageMoveTasks" => handlers_moves::list(service, &call),
        "CancelMessageMoveTask" => handlers_moves::cancel(service, &call),
        other => Err(AwsError::not_implemented("SQS", other)),
    }
}

/// Runs what may touch very many messages off the threads that serve connections.
async fn apart(service: &SqsService, call: Call, run: fn(&SqsService, &Call) -> Answer) -> Answer {
    let service = service.clone();
    tokio::task::spawn_blocking(move || run(&service, &call))
        .await
        .unwrap_or_else(|error| Err(AwsError::internal(error)))
}

/// A whole number that must lie between `least` and `most` when it is given.
pub(super) fn within(
    value: Option<i64>,
    parameter: &str,
    (least, most): (i64, i64),
    reason: &str,
) -> Result<Option<u32>, AwsError> {
    match value {
        None => Ok(None),
        Some(number) if (least..=most).contains(&number) => Ok(Some(number as u32)),
        Some(number) => Err(invalid_value(&number.to_string(), parameter, reason)),
    }
}

fn url_of(service: &SqsService, name: &str) -> String {
    format!("{}/{ACCOUNT}/{name}", service.shared.endpoint)
}

fn check_name(name: Option<String>) -> Result<String, AwsError> {
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| missing("QueueName"))?;
    if matches!(name.rsplit_once('.'), Some((_, "fifo"))) {
        return Err(no_fifo());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.len() > 80 || !name.bytes().all(allowed) {
        return Err(invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    Ok(name)
}

fn no_tag_key() -> AwsError {
    invalid("Tag keys must be between 1 and 128 characters in length.")
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
    for (key, value) in tags {
        if !(1..=128).contains(&key.chars().count()) {
            return Err(no_tag_key());
        }
        if value.chars().count() > 256 {
            return Err(invalid(
                "Tag values must be between 0 and 256 characters in length.",
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(
                "Tag keys must not start with the reserved prefix aws:",
            ));
        }
    }
    Ok(())
}

fn create_queue(service: &SqsService, call: &Call) -> Answer {
    let request: requests::CreateQueue = call.parameters()?;
    let name = check_name(request.queue_name)?;
    let tags = request.tags.unwrap_or_default();
    check_tags(&tags)?;
    let attributes = request.attributes.unwrap_or_default();
    service
        .state
        .create(&name, &attributes, &tags, service.now_ms())?;
    wire::answer(&json!({ "QueueUrl": url_of(service, &name) }))
}

fn delete_queue(service: &SqsService, call: &Call) -> Answer {
    let request: requests::OfQueue = call.parameters()?;
    service
        .state
        .delete(call.queue(request.queue_url.as_deref())?, service.now_ms())?;
    wire::nothing()
}

fn purge_queue(service: &SqsService, call: &Call) -> Answer {
    let request: requests::OfQueue = call.parameters()?;
    service
        .state
        .purge(call.queue(request.queue_url.as_deref())?, service.now_ms())?;
    wire::nothing()
}

fn get_queue_url(service: &SqsService, call: &Call) -> Answer {
    let request: requests::GetQueueUrl = call.parameters()?;
    let name = request
        .queue_name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| missing("QueueName"))?;
    let ours = request.owner.is_none_or(|owner| owner == ACCOUNT);
    if !ours || service.state.find(&name)?.is_none() {
        return Err(no_queue());
    }
    wire::answer(&json!({ "QueueUrl": url_of(service, &name) }))
}

/// The limit to read with (one more than a page, to see whether there is another) and the size
/// of a page.
fn page(max_results: Option<i64>) -> Result<(usize, usize), AwsError> {
    let reason = "MaxResults must be an integer between 1 and 1000, both inclusive.";
    let size = within(max_results, "MaxResults", (1, MAX_PAGE), reason)?
        .map_or(MAX_PAGE as usize, |size| size as usize);
    Ok((size + 1, size))
}

/// Cuts `names` to a page; gives the token of the next one. Without `MaxResults` AWS gives none.
fn next_page(names: &mut Vec<String>, size: usize, paged: bool) -> Option<String> {
    let more = names.len() > size;
    names.truncate(size);
    names
        .last()
        .filter(|_| more && paged)
        .map(|last| wire::page_token(last))
}

fn list_queues(service: &SqsService, call: &Call) -> Answer {
    let request: requests::ListQueues = call.parameters()?;
    let (limit, size) = page(request.max_results)?;
    let after = wire::read_page_token(request.next_token.as_deref())?;
    let prefix = request.queue_name_prefix.unwrap_or_default();
    let mut names = service.state.list(&prefix, &after, limit)?;
    let next = next_page(&mut names, size, request.max_results.is_some());
    let mut answer = Map::new();
    if !names.is_empty() {
        let urls = names.iter().map(|name| url_of(service, name).into());
        answer.insert("QueueUrls".to_owned(), Value::Array(urls.collect()));
    }
    if let Some(token) = next {
        answer.insert("NextToken".to_owned(), token.into());
    }
    wire::answer(&answer)
}

fn list_dead_letter_source_queues(service: &SqsService, call: &Call) -> Answer {
    let request: requests::ListDeadLetterSourceQueues = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let (limit, size) = page(request.max_results)?;
    let after = wire::read_page_token(request.next_token.as_deref())?;
    let mut names = service.state.list_sources(name, &after, limit)?;
    let next = next_page(&mut names, size, request.max_results.is_some());
    let urls: Vec<String> = names.iter().map(|name| url_of(service, name)).collect();
    let mut answer = json!({ "queueUrls": urls });
    if let Some(token) = next {
        answer["NextToken"] = token.into();
    }
    wire::answer(&answer)
}

fn get_queue_attributes(service: &SqsService, call: &Call) -> Answer {
    let request: requests::GetQueueAttributes = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let names = request.attribute_names.unwrap_or_default();
    let known = |name: &str| {
        name == "All"
            || READ_ONLY.contains(&name)
            || FIFO_SETTINGS.contains(&name)
            || SETTABLE.iter().any(|(settable, _)| *settable == name)
    };
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(unknown_attribute(unknown));
    }
    let all = names.iter().any(|name| name == "All");
    // aws-behaviours Q12: exact here, where AWS is approximate.
    let (queue, counts) = service.state.counted(name, service.now_ms())?;
    let mut attributes = Map::new();
    let settable = SETTABLE.iter().map(|(name, _)| name);
    for &attribute in READ_ONLY.iter().chain(settable) {
        if !all && !names.iter().any(|name| name == attribute) {
            continue;
        }
        let value = match attribute {
            "ApproximateNumberOfMessages" => Some(counts.visible.to_string()),
            "ApproximateNumberOfMessagesDelayed" => Some(counts.delayed.to_string()),
            "ApproximateNumberOfMessagesNotVisible" => Some(counts.in_flight.to_string()),
            "CreatedTimestamp" => Some((queue.created_ms / 1_000).to_string()),
            "LastModifiedTimestamp" => Some((queue.modified_ms / 1_000).to_string()),
            "QueueArn" => Some(arn_of(&queue.name)),
            setting => queue.attributes.value(setting),
        };
        if let Some(value) = value {
            attributes.insert(attribute.to_owned(), value.into());
        }
    }
    let mut answer = Map::new();
    if !attributes.is_empty() {
        answer.insert("Attributes".to_owned(), attributes.into());
    }
    wire::answer(&answer)
}

fn set_queue_attributes(service: &SqsService, call: &Call) -> Answer {
    let request: requests::SetQueueAttributes = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let attributes = request.attributes.ok_or_else(|| missing("Attributes"))?;
    service
        .state
        .set_attributes(name, &attributes, service.now_ms())?;
    wire::nothing()
}

fn tag_queue(service: &SqsService, call: &Call) -> Answer {
    let request: requests::TagQueue = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let tags = request
        .tags
        .filter(|tags| !tags.is_empty())
        .ok_or_else(|| missing("Tags"))?;
    check_tags(&tags)?;
    service.state.tag(name, &tags)?;
    wire::nothing()
}

fn untag_queue(service: &SqsService, call: &Call) -> Answer {
    let request: requests::UntagQueue = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let keys = request.tag_keys.ok_or_else(|| missing("TagKeys"))?;
    if keys.is_empty() {
        return Err(no_tag_key());
    }
    service.state.untag(name, &keys)?;
    wire::nothing()
}

fn list_queue_tags(service: &SqsService, call: &Call) -> Answer {
    let request: requests::OfQueue = call.parameters()?;
    let tags = service
        .state
        .tags(call.queue(request.queue_url.as_deref())?)?;
    if tags.is_empty() {
        return wire::nothing();
    }
    wire::answer(&json!({ "Tags": tags }))
}
