//! SQS queues.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Identity, Listed, Live, Observed, Owner, Place, Resolved,
    ResourceKind, Service, Tags, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Queue, Stack};

/// SQS queues, dead letter queues included.
pub struct QueueKind;

/// Codes of "no such queue" in the JSON and the query protocol.
const GONE: &[&str] = &["QueueDoesNotExist", "NonExistentQueue"];

/// Field: whose dead letters a queue takes. One without it takes those of every queue of the account.
const ALLOWED: &str = "dead_letters_of";

/// Most queues that a dead letter queue can name. // aws-behaviours Q8
const MOST_SOURCES: usize = 10;

/// Looks that must find a queue empty, and the pause between them, where counts lag. // aws-behaviours Q12
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Queues in one page of a listing, SQS's largest.
const MOST_QUEUES: i32 = 1_000;

#[async_trait]
impl ResourceKind for QueueKind {
    fn kind(&self) -> Kind {
        Kind::Queue
    }

    fn service(&self) -> Service {
        Service::Sqs
    }

    fn stores_data(&self) -> bool {
        true
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .queues
            .iter()
            .map(|queue| {
                let id = LogicalId::new(Kind::Queue, &queue.name);
                let mut wanted = Wanted::new(id, place.queue(stack, &queue.name))
                    .with("visibility_timeout", queue.visibility_timeout.0)
                    .with("retention", queue.retention.0)
                    .with("delay", queue.delay.0)
                    .with("encryption", "SQS");
                if let Some(dead_letter) = &queue.dead_letter {
                    wanted = wanted
                        .with(
                            "dead_letter.queue",
                            place
                                .queue(stack, &dead_letter.queue)
                                .arn
                                .unwrap_or_default(),
                        )
                        .with("dead_letter.max_receives", dead_letter.max_receives)
                        .after(LogicalId::new(Kind::Queue, &dead_letter.queue));
                }
                let sources = sources(stack, place, &queue.name);
                if !sources.is_empty() {
                    wanted = wanted.with(ALLOWED, sources);
                }
                wanted.tagged = true;
                wanted.retain = queue.retain;
                wanted
            })
            .collect()
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let pages = cx
            .clients
            .sqs
            .list_queues()
            .queue_name_prefix(Place::prefix(&cx.stack))
            .max_results(MOST_QUEUES)
            .into_paginator();
        let urls: Vec<String> = pages
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListQueues"))?;
        let ours = urls.iter().filter_map(|url| {
            let physical = url.rsplit('/').next()?;
            let name = cx.place.name_in_stack(&cx.stack, physical)?;
            let id = LogicalId::new(Kind::Queue, name);
            let wanted = Wanted::new(id, cx.place.queue_named(physical.to_owned()));
            Some(Listed { wanted, live: None })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        _listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let url = if let Some(url) = &wanted.identity.url {
            url.clone()
        } else {
            let answer = cx.clients.sqs.get_queue_url().queue_name(name).send().await;
            match absent(answer.map_err(failed("GetQueueUrl")), GONE)? {
                Some(answer) => answer
                    .queue_url
                    .ok_or_else(|| CallError::missing("GetQueueUrl", "QueueUrl"))?,
                None => return Ok(Observed::Absent),
            }
        };
        let (attributes, tags) = futures::join!(attributes(cx, &url), tags(cx, &url));
        let (Some(attributes), Some(tags)) = (absent(attributes, GONE)?, absent(tags, GONE)?)
        else {
            return Ok(Observed::Absent);
        };
        let mut live = live(name, url, &attributes)?;
        live.tags = Some(tags);
        Ok(cx.owned_by_tags(wanted, live))
    }

    async fn holds_data(&self, cx: &Context, live: &Live) -> Result<bool, CallError> {
        // Where counts lag, one that says nothing is there is not believed at once. // aws-behaviours Q12
        let looks = if cx.place.target.capabilities().current_lists {
            1
        } else {
            LOOKS
        };
        for look in 0..looks {
            if look > 0 {
                crate::wait::pause(BETWEEN_LOOKS).await;
            }
            let found = attributes(cx, url_of(live)).await;
            match absent(found, GONE)? {
                None => return Ok(false),
                Some(attributes) if messages(&attributes) > 0 => return Ok(true),
                Some(_) => {}
            }
        }
        Ok(false)
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let ours = cx.tags(wanted);
        let answer = cx
            .clients
            .sqs
            .create_queue()
            .queue_name(&wanted.identity.name)
            .set_attributes(Some(attributes_of(wanted)))
            .set_tags(Some(ours.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("CreateQueue"))?;
        // The one that is known beforehand is the one that everything refers to.
        let url = wanted
            .identity
            .url
            .clone()
            .or(answer.queue_url)
            .ok_or_else(|| CallError::missing("CreateQueue", "QueueUrl"))?;
        let mut live = Live {
            identity: Identity {
                url: Some(url),
                ..wanted.identity.clone()
            },
            // CreateQueue succeeds only when all attributes are as asked. // aws-behaviours Q2, Q3
            attrs: wanted.attrs.clone(),
            tags: Some(ours),
            ..Live::default()
        };
        // It also succeeds for a queue that somebody else made with these attributes meanwhile: the
        // tags that came along are not set then. // aws-behaviours Q2
        let found = tags(cx, url_of(&live)).await?;
        live.tags = Some(found);
        match live.owner() {
            Owner::Stack(stack) if stack == cx.stack => Ok(live),
            other => Err(CallError::foreign("CreateQueue", other)),
        }
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        if super::differing(wanted, &live.attrs).is_empty() {
            return Ok(());
        }
        let mut attributes = attributes_of(wanted);
        if wanted.text("dead_letter.queue").is_none()
            && live.attrs.contains_key("dead_letter.queue")
        {
            // An empty value takes the redrive policy away.
            attributes.insert(QueueAttributeName::RedrivePolicy, String::new());
        }
        if !wanted.attrs.contains_key(ALLOWED) && live.attrs.contains_key(ALLOWED) {
            attributes.insert(QueueAttributeName::RedriveAllowPolicy, String::new());
        }
        cx.clients
            .sqs
            .set_queue_attributes()
            .queue_url(url_of(live))
            .set_attributes(Some(attributes))
            .send()
            .await
            .map_err(failed("SetQueueAttributes"))?;
        Ok(())
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        cx.clients
            .sqs
            .tag_queue()
            .queue_url(url_of(live))
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("TagQueue"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live, lose_data: bool) -> Result<(), CallError> {
        if !lose_data && self.holds_data(cx, live).await? {
            return Err(CallError::holds_data("DeleteQueue"));
        }
        let answer = cx
            .clients
            .sqs
            .delete_queue()
            .queue_url(url_of(live))
            .send()
            .await;
        absent(answer.map_err(failed("DeleteQueue")), GONE).map(|_| ())
    }
}

/// ARNs of the queues whose dead letters a queue takes, sorted; none when there are more than can be named.
fn sources(stack: &Stack, place: &Place, name: &str) -> Vec<String> {
    let sends_here = |queue: &&Queue| {
        let to = queue.dead_letter.as_ref();
        to.is_some_and(|to| to.queue == name)
    };
    let mut sources: Vec<String> = stack
        .queues
        .iter()
        .filter(sends_here)
        .filter_map(|queue| place.queue(stack, &queue.name).arn)
        .collect();
    sources.sort();
    if sources.len() > MOST_SOURCES {
        sources.clear();
    }
    sources
}

fn url_of(live: &Live) -> &str {
    live.identity.url.as_deref().unwrap_or_default()
}

async fn attributes(
    cx: &Context,
    url: &str,
) -> Result<HashMap<QueueAttributeName, String>, CallError> {
    let answer = cx
        .clients
        .sqs
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .map_err(failed("GetQueueAttributes"))?;
    Ok(answer.attributes.unwrap_or_default())
}

async fn tags(cx: &Context, url: &str) -> Result<Tags, CallError> {
    let answer = cx
        .clients
        .sqs
        .list_queue_tags()
        .queue_url(url)
        .send()
        .await
        .map_err(failed("ListQueueTags"))?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

/// Messages in any state. An endpoint that does not tell how many are visible may have any number.
fn messages(attributes: &HashMap<QueueAttributeName, String>) -> i64 {
    if !attributes.contains_key(&QueueAttributeName::ApproximateNumberOfMessages) {
        return i64::MAX;
    }
    [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ]
    .iter()
    .filter_map(|name| attributes.get(name)?.parse::<i64>().ok())
    .sum()
}

fn attributes_of(wanted: &Resolved) -> HashMap<QueueAttributeName, String> {
    let number = |field| wanted.number(field).unwrap_or_default().to_string();
    let mut attributes = HashMap::from([
        (
            QueueAttributeName::VisibilityTimeout,
            number("visibility_timeout"),
        ),
        (
            QueueAttributeName::MessageRetentionPeriod,
            number("retention"),
        ),
        (QueueAttributeName::DelaySeconds, number("delay")),
        (QueueAttributeName::SqsManagedSseEnabled, "true".to_owned()),
    ]);
    if let Some(queue) = wanted.text("dead_letter.queue") {
        let policy = json!({
            "deadLetterTargetArn": queue,
            "maxReceiveCount": wanted.number("dead_letter.max_receives"),
        });
        attributes.insert(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    // aws-behaviours Q8
    if let Some(sources) = wanted.attrs.get(ALLOWED) {
        let policy = json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources });
        attributes.insert(QueueAttributeName::RedriveAllowPolicy, policy.to_string());
    }
    attributes
}

fn live(
    name: &str,
    url: String,
    attributes: &HashMap<QueueAttributeName, String>,
) -> Result<Live, CallError> {
    let text = |name: &QueueAttributeName| attributes.get(name).map(String::as_str);
    let number = |name| {
        text(&name)
            .and_then(|value| value.parse::<i64>().ok())
            .unwrap_or(0)
    };
    let mut attrs = Attrs::from([
        (
            "visibility_timeout".to_owned(),
            number(QueueAttributeName::VisibilityTimeout).into(),
        ),
        (
            "retention".to_owned(),
            number(QueueAttributeName::MessageRetentionPeriod).into(),
        ),
        (
            "delay".to_owned(),
            number(QueueAttributeName::DelaySeconds).into(),
        ),
    ]);
    // Endpoints that do not tell are taken to encrypt as AWS does by default.
    if text(&QueueAttributeName::SqsManagedSseEnabled) != Some("false") {
        attrs.insert("encryption".to_owned(), "SQS".into());
    }
    if let Some(policy) =
        text(&QueueAttributeName::RedrivePolicy).filter(|policy| !policy.is_empty())
    {
        let policy: Value = serde_json::from_str(policy).map_err(|error| {
            CallError::local(
                "GetQueueAttributes",
                format!("RedrivePolicy is not JSON: {error}"),
            )
        })?;
        attrs.insert(
            "dead_letter.queue".to_owned(),
            policy["deadLetterTargetArn"].clone(),
        );
        // A number for some, a string for others. // aws-behaviours Q7
        let receives = &policy["maxReceiveCount"];
        let receives = receives
            .as_i64()
            .or_else(|| receives.as_str().and_then(|text| text.parse().ok()));
        attrs.insert("dead_letter.max_receives".to_owned(), receives.into());
    }
    if let Some(policy) = text(&QueueAttributeName::RedriveAllowPolicy)
        && let Some(allowed) = allowed(policy)
    {
        attrs.insert(ALLOWED.to_owned(), allowed);
    }
    let facts = Attrs::from([
        (
            "visible".to_owned(),
            number(QueueAttributeName::ApproximateNumberOfMessages).into(),
        ),
        (
            "in_flight".to_owned(),
            number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).into(),
        ),
        (
            "delayed".to_owned(),
            number(QueueAttributeName::ApproximateNumberOfMessagesDelayed).into(),
        ),
    ]);
    Ok(Live {
        identity: Identity {
            name: name.to_owned(),
            arn: text(&QueueAttributeName::QueueArn).map(str::to_owned),
            url: Some(url),
            ..Identity::default()
        },
        attrs,
        state: "Available".to_owned(),
        facts,
        ..Live::default()
    })
}

/// Whose dead letters a policy lets in; none where it is everybody's. // aws-behaviours Q8
fn allowed(policy: &str) -> Option<Value> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    match policy["redrivePermission"].as_str()? {
        "byQueue" => {
            let list = policy["sourceQueueArns"].as_array()?;
            let mut arns: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            arns.sort_unstable();
            Some(arns.into())
        }
        "denyAll" => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours Q7
    #[test]
    fn a_redrive_policy_reads_the_same_with_a_number_or_a_string() {
        for receives in ["5", "\"5\""] {
            let policy =
                format!(r#"{{"maxReceiveCount":{receives},"deadLetterTargetArn":"arn:q"}}"#);
            let attributes = HashMap::from([(QueueAttributeName::RedrivePolicy, policy)]);
            let live = live("q", "http://q".to_owned(), &attributes).expect("read");
            assert_eq!(live.attrs["dead_letter.max_receives"], json!(5));
            assert_eq!(live.attrs["dead_letter.queue"], json!("arn:q"));
        }
    }
}
