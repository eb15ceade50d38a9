//! Operations on single messages.

use std::collections::BTreeMap;

use crate::error::AwsError;

use super::SqsService;
use super::handlers::within;
use super::state_errors::{invalid, invalid_handle, invalid_value, missing, no_queue};
use super::state_messages::NewMessage;
use super::state_receive::{Handle, Received, Receiver};
use super::wire::{self, Answer, Call};
use super::wire_attributes as attributes;
use super::wire_requests::{Message, Messages, OneMeant, Outgoing, Receive, SendMessage, Sent};
use super::wire_rules;

/// The system attribute that a sender may set.
const TRACE_HEADER: &str = "AWSTraceHeader";

/// A message that may be sent, and what its sender will be told.
pub(super) struct Prepared {
    pub message: NewMessage,
    attributes_md5: Option<String>,
    system_md5: Option<String>,
}

impl Prepared {
    /// The answer, before the message has an id.
    pub(super) fn receipt(&self, id: Option<String>) -> Sent {
        Sent {
            id,
            message_id: String::new(),
            body_md5: self.message.md5.clone(),
            attributes_md5: self.attributes_md5.clone(),
            system_md5: self.system_md5.clone(),
        }
    }
}

/// Checks a message by every rule that does not depend on its queue.
pub(super) fn prepare(outgoing: Outgoing) -> Result<Prepared, AwsError> {
    let size = outgoing.size();
    let body = outgoing
        .message_body
        .ok_or_else(|| missing("MessageBody"))?;
    wire_rules::check_body(&body)?;
    let reason = "DelaySeconds must be >= 0 and <= 900.";
    let delay_s = within(outgoing.delay_seconds, "DelaySeconds", (0, 900), reason)?;
    if let Some(id) = outgoing.message_deduplication_id {
        return Err(invalid_value(
            &id,
            "MessageDeduplicationId",
            "The request includes a parameter that is not valid for this queue type.",
        ));
    }
    let user = outgoing.message_attributes.unwrap_or_default();
    wire_rules::check(&user)?;

    let sender = outgoing.message_system_attributes.unwrap_or_default();
    let mut system = BTreeMap::new();
    for (name, attribute) in &sender {
        let is_string = attribute.data_type == "String" && attribute.binary_value.is_none();
        let trace = attribute
            .text()
            .filter(|_| name == TRACE_HEADER && is_string);
        let Some(trace) = trace else {
            return Err(invalid(format!(
                "Message system attribute '{name}' is not one that a sender can set to such \
                 a value; there is {TRACE_HEADER}, a string."
            )));
        };
        system.insert(name.clone(), trace.to_owned());
    }
    if let Some(group) = outgoing.message_group_id {
        let allowed = |byte: u8| byte.is_ascii_graphic();
        if !(1..=128).contains(&group.len()) || !group.bytes().all(allowed) {
            return Err(invalid_value(
                &group,
                "MessageGroupId",
                "MessageGroupId can only include alphanumeric and punctuation characters. \
                 1 to 128 in length.",
            ));
        }
        system.insert("MessageGroupId".to_owned(), group);
    }
    let system_text = if system.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&system).map_err(AwsError::internal)?)
    };
    Ok(Prepared {
        attributes_md5: attributes::attributes_md5(&user),
        system_md5: attributes::attributes_md5(&sender),
        message: NewMessage {
            size,
            md5: attributes::md5_hex(body.as_bytes()),
            body,
            attributes: attributes::stored(&user)?,
            system: system_text,
            delay_s,
        },
    })
}

/// Reads a receipt handle that must be one of the queue's.
pub(super) fn handle(text: Option<&str>, queue: &str) -> Result<Handle, AwsError> {
    let text = text
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing("ReceiptHandle"))?;
    Handle::parse(text, queue).ok_or_else(|| invalid_handle(text))
}

/// Reads a visibility timeout, seconds.
pub(super) fn visibility(value: Option<i64>) -> Result<Option<u32>, AwsError> {
    let reason = "Must be between 0 and 43200, if provided.";
    within(value, "VisibilityTimeout", (0, 43_200), reason)
}

pub(super) fn send_message(service: &SqsService, call: &Call) -> Answer {
    let request: SendMessage = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let prepared = prepare(request.message)?;
    let mut receipt = prepared.receipt(None);
    let mut sent = service
        .state
        .send(name, vec![prepared.message], service.now_ms())?;
    receipt.message_id = sent
        .pop()
        .unwrap_or_else(|| Err(AwsError::internal("nothing was sent")))?;
    wire::answer(&receipt)
}

pub(super) async fn receive_message(service: &SqsService, call: &Call) -> Answer {
    let mut request: Receive = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let reason = "Must be between 1 and 10, if provided.";
    let max = within(
        request.max_number_of_messages,
        "MaxNumberOfMessages",
        (1, 10),
        reason,
    )?
    .map_or(1, |max| max as usize);
    let visibility_s = visibility(request.visibility_timeout)?;
    let reason = "Must be >= 0 and <= 20, if provided.";
    let wait_s = within(
        request.wait_time_seconds,
        "WaitTimeSeconds",
        (0, 20),
        reason,
    )?;
    let mut system_names = request.attribute_names.take().unwrap_or_default();
    system_names.extend(
        request
            .message_system_attribute_names
            .take()
            .unwrap_or_default(),
    );
    attributes::check_system_names(&system_names)?;
    let names = request.message_attribute_names.take().unwrap_or_default();

    let begun = service.now_ms();
    let first = service
        .state
        .receive(name, max, visibility_s, Receiver::Client, begun)?;
    let until = begun + i64::from(wait_s.unwrap_or(first.wait_s)) * 1_000;
    let mut received = first.messages;
    if received.is_empty() && until > begun {
        received = wait_for_messages(service, name, max, visibility_s, until).await?;
    }
    let messages = received
        .into_iter()
        .map(|message| render(message, &system_names, &names))
        .collect::<Result<_, _>>()?;
    wire::answer(&Messages { messages })
}

/// A long poll: receives whenever the queue changes, until something comes or the time is over.
async fn wait_for_messages(
    service: &SqsService,
    name: &str,
    max: usize,
    visibility_s: Option<u32>,
    until: i64,
) -> Result<Vec<Received>, AwsError> {
    let clock = &service.shared.clock;
    let mut changes = service.state.watch(name)?.ok_or_else(no_queue)?;
    loop {
        let now = clock.now_ms();
        // After the watch began: what is sent from here on is a change.
        let reception = service
            .state
            .receive(name, max, visibility_s, Receiver::Client, now)?;
        if !reception.messages.is_empty() || now >= until || service.shared.stop.is_cancelled() {
            return Ok(reception.messages);
        }
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| no_queue())?,
            () = clock.sleep_until(until) => {}
            () = service.shared.stop.cancelled() => {}
        }
    }
}

/// A message as the wire shows it; the digest is that of the attributes that are shown.
fn render(
    message: Received,
    system_names: &[String],
    names: &[String],
) -> Result<Message, AwsError> {
    let system = if system_names.is_empty() {
        BTreeMap::new()
    } else {
        attributes::chosen_system(attributes::system_attributes(&message)?, system_names)
    };
    let shown = if names.is_empty() {
        BTreeMap::new()
    } else {
        let all = attributes::parse_stored(message.attributes.as_deref())?;
        attributes::chosen(all, names)
    };
    Ok(Message {
        message_id: message.message_id,
        handle: message.handle,
        md5: message.md5,
        body: message.body,
        system,
        attributes_md5: attributes::attributes_md5(&shown),
        attributes: shown,
    })
}

pub(super) fn delete_message(service: &SqsService, call: &Call) -> Answer {
    let request: OneMeant = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let handle = known_queue(service, name, request.message.receipt_handle.as_deref())?;
    service.state.delete_messages(name, &[handle])?;
    wire::nothing()
}

pub(super) fn change_visibility(service: &SqsService, call: &Call) -> Answer {
    let request: OneMeant = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let visibility_s = visibility(request.message.visibility_timeout)?
        .ok_or_else(|| missing("VisibilityTimeout"))?;
    let handle = known_queue(service, name, request.message.receipt_handle.as_deref())?;
    let mut changed =
        service
            .state
            .change_visibility(name, &[(handle, visibility_s)], service.now_ms())?;
    changed
        .pop()
        .unwrap_or_else(|| Err(AwsError::internal("nothing was changed")))?;
    wire::nothing()
}

/// Reads a handle; that the queue is absent is said before that the handle is not the queue's.
fn known_queue(service: &SqsService, name: &str, text: Option<&str>) -> Result<Handle, AwsError> {
    handle(text, name).or_else(|refusal| match service.state.find(name)? {
        Some(_) => Err(refusal),
        None => Err(no_queue()),
    })
}
