//! Sending dead letters through the pipeline again: messages to the queue that they came from, records of
//! failed invocations to their function. Doing so twice is harmless where consumers are idempotent, as
//! they have to be with SQS (aws-behaviours Q11); losing one is not, so a letter is deleted last.

use std::collections::BTreeSet;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System};

use super::moves::{self, Moved};
use super::read::{self, LetterKind, SET_ASIDE};
use super::rounds::{Desk, Report};
use super::{DeadLetterQueue, peek};
use crate::resource::Context;
use crate::resource::error::{CallError, failed};
use crate::stack::model::LogicalId;

/// Redrives everything that waits in a queue: by a task of SQS where there is one and all goes to the same
/// queue, else one by one. None when there is no such queue.
pub async fn all(desk: &Desk<'_>, queue: &DeadLetterQueue) -> Result<Option<Report>, CallError> {
    let has_tasks = desk.cx.place.target.capabilities().message_move_tasks;
    if let Some(source) = queue.only_source().filter(|_| has_tasks) {
        match moves::run(desk, queue, source).await? {
            Moved::Ended(report) => return Ok(Some(report)),
            Moved::Gone => return Ok(None),
            Moved::Unsupported => {}
        }
    }
    let mut letters = BTreeSet::new();
    let see = |message: &Message| {
        letters.extend(message.message_id.clone());
    };
    let looked = peek::look(desk.cx, &queue.queue, usize::MAX, desk.cancel, see).await?;
    let Some(looked) = looked else {
        return Ok(None);
    };
    let report = some(desk, queue, letters).await?;
    Ok(report.map(|report| Report {
        more: looked.more,
        ..report
    }))
}

/// Redrives these letters of a queue, one by one. None when there is no such queue.
pub async fn some(
    desk: &Desk<'_>,
    queue: &DeadLetterQueue,
    letters: BTreeSet<String>,
) -> Result<Option<Report>, CallError> {
    let again = async |message: &Message| again(desk.cx, queue, message).await.map(Some);
    desk.each(queue, letters, again).await
}

async fn again(
    cx: &Context,
    queue: &DeadLetterQueue,
    message: &Message,
) -> Result<LogicalId, CallError> {
    if read::letter(message, queue).kind == LetterKind::Invocation {
        invoke(cx, queue, message).await
    } else {
        send(cx, queue, message).await
    }
}

/// Sends a message to the queue that it came from.
async fn send(
    cx: &Context,
    queue: &DeadLetterQueue,
    message: &Message,
) -> Result<LogicalId, CallError> {
    let told = read::given_up_by(message);
    let source = queue.source(told).ok_or_else(|| {
        let why = match told {
            Some(arn) => format!("it came from {arn}, which is no queue of this stack"),
            None if queue.sources.is_empty() => {
                "it is no record of an invocation that failed, and nothing else is sent on from here"
                    .to_owned()
            }
            None => "it does not tell which queue it came from".to_owned(),
        };
        CallError::local("SendMessage", why)
    })?;
    let url = peek::url(cx, &source.queue).await?.ok_or_else(|| {
        let why = format!("{} is not there: run `pipectl up`", source.id);
        CallError::local("SendMessage", why)
    })?;
    let set_aside = read::is_set_aside(message);
    let attributes = message.message_attributes.iter().flatten();
    // Why it failed the last time is not why it fails the next time.
    let attributes =
        attributes.filter(|(name, _)| !(set_aside && SET_ASIDE.contains(&name.as_str())));
    let group = message.attributes.as_ref();
    let group = group.and_then(|attributes| attributes.get(&System::MessageGroupId));
    let mut request = cx
        .clients
        .sqs
        .send_message()
        .queue_url(url)
        .set_message_body(message.body.clone())
        .set_message_group_id(group.cloned());
    for (name, value) in attributes {
        request = request.message_attributes(name, value.clone());
    }
    request.send().await.map_err(failed("SendMessage"))?;
    Ok(source.id.clone())
}

/// Gives a function the event of an invocation that failed. // aws-behaviours L21
async fn invoke(
    cx: &Context,
    queue: &DeadLetterQueue,
    message: &Message,
) -> Result<LogicalId, CallError> {
    let arn = read::function_arn(message).unwrap_or_default();
    let function = queue.function(&arn).ok_or_else(|| {
        let why =
            format!("it is the record of {arn}, whose failures do not come here by this stack");
        CallError::local("Invoke", why)
    })?;
    let payload = read::payload(message)
        .ok_or_else(|| CallError::local("Invoke", "the record has no payload to invoke it with"))?;
    cx.clients
        .lambda
        .invoke()
        .function_name(&function.name)
        .invocation_type(InvocationType::Event)
        .payload(Blob::new(payload))
        .send()
        .await
        .map_err(failed("Invoke"))?;
    Ok(function.id.clone())
}
