//! S3 bucket notifications: one resource per bucket, because AWS keeps one configuration per
//! bucket and every write replaces it whole. Entries whose Id is not ours are kept as they are.
//! // aws-behaviours S8

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter,
};
use serde_json::{Value, json};

use super::error::{absent, failed};
use super::permission::permission_name;
use super::{
    Attrs, CallError, Context, Identity, Live, Observed, Place, Resolved, ResourceKind, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Stack};
use crate::wait::{self, Look};

/// Notifications of buckets.
pub struct NotificationKind;

const GONE: &[&str] = &["NoSuchBucket"];

/// What the Ids of our entries begin with.
fn id_prefix(stack: &str) -> String {
    format!("pipectl-{stack}-")
}

#[async_trait]
impl ResourceKind for NotificationKind {
    fn kind(&self) -> Kind {
        Kind::Notification
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = Vec::new();
        for notification in &stack.notifications {
            let id = LogicalId::new(Kind::Notification, &notification.bucket);
            let position = all
                .iter()
                .position(|wanted| wanted.id == id)
                .unwrap_or_else(|| {
                    let bucket = place.bucket(stack, &notification.bucket);
                    let wanted = Wanted::new(
                        id,
                        Identity {
                            name: bucket.name,
                            ..Identity::default()
                        },
                    )
                    .after(LogicalId::new(Kind::Bucket, &notification.bucket));
                    all.push(wanted);
                    all.len() - 1
                });
            let mut events = notification.events.clone();
            events.sort();
            let rule = json!({
                "function": place.function(stack, &notification.function).arn,
                "events": events,
                "prefix": notification.prefix,
                "suffix": notification.suffix,
            });
            let permission = permission_name(&notification.bucket, &notification.function);
            let wanted = all[position]
                .clone()
                .with(
                    format!("rules.{}{}", id_prefix(&stack.name), notification.name()),
                    rule,
                )
                .after(LogicalId::new(Kind::Function, &notification.function))
                .after(LogicalId::new(Kind::Permission, permission));
            all[position] = wanted;
        }
        all
    }

    async fn observe(&self, cx: &Context, wanted: &Wanted) -> Result<Observed, CallError> {
        let Some(configuration) = read(cx, &wanted.identity.name).await? else {
            return Ok(Observed::Absent);
        };
        let prefix = id_prefix(&cx.stack);
        let attrs: Attrs = configuration
            .lambda_function_configurations()
            .iter()
            .filter_map(|entry| {
                let id = entry.id().filter(|id| id.starts_with(&prefix))?;
                Some((format!("rules.{id}"), rule_of(entry)))
            })
            .collect();
        if attrs.is_empty() {
            return Ok(Observed::Absent);
        }
        Ok(Observed::Owned(Live {
            identity: wanted.identity.clone(),
            attrs,
            state: "Enabled".to_owned(),
            ..Live::default()
        }))
    }

    async fn ensure(&self, _cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        // A bucket always has a configuration; there is nothing to make before the first rule.
        Ok(Live {
            identity: wanted.identity.clone(),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        if super::compare(wanted, &live.attrs).is_empty() {
            return Ok(());
        }
        let rules = wanted
            .below("rules")
            .map(|(id, rule)| entry(id, rule))
            .collect::<Result<Vec<_>, _>>()?;
        write(cx, &wanted.identity.name, rules).await
    }

    async fn delete(&self, cx: &Context, live: &Live) -> Result<(), CallError> {
        write(cx, &live.identity.name, Vec::new()).await
    }
}

async fn read(
    cx: &Context,
    bucket: &str,
) -> Result<Option<GetBucketNotificationConfigurationOutput>, CallError> {
    let answer = cx
        .clients
        .s3
        .get_bucket_notification_configuration()
        .bucket(bucket)
        .send()
        .await;
    absent(
        answer.map_err(failed("GetBucketNotificationConfiguration")),
        GONE,
    )
}

/// Replaces our entries by `ours` and keeps all others.
async fn write(
    cx: &Context,
    bucket: &str,
    ours: Vec<LambdaFunctionConfiguration>,
) -> Result<(), CallError> {
    let Some(found) = read(cx, bucket).await? else {
        return if ours.is_empty() {
            Ok(())
        } else {
            Err(CallError::local(
                "PutBucketNotificationConfiguration",
                format!("the bucket {bucket} is not there"),
            ))
        };
    };
    let prefix = id_prefix(&cx.stack);
    let mut entries: Vec<_> = found
        .lambda_function_configurations
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| !entry.id().is_some_and(|id| id.starts_with(&prefix)))
        .collect();
    entries.extend(ours);
    let configuration = NotificationConfiguration::builder()
        .set_lambda_function_configurations(Some(entries))
        .set_queue_configurations(found.queue_configurations)
        .set_topic_configurations(found.topic_configurations)
        .set_event_bridge_configuration(found.event_bridge_configuration)
        .build();
    let deadlines = &cx.place.target.row.deadlines;
    wait::until(
        "bucket may invoke the function",
        Duration::from_secs(60),
        deadlines.poll,
        || async {
            let answer = cx
                .clients
                .s3
                .put_bucket_notification_configuration()
                .bucket(bucket)
                .notification_configuration(configuration.clone())
                .send()
                .await
                .map_err(failed("PutBucketNotificationConfiguration"));
            match answer {
                Ok(_) => Ok(Look::Done(())),
                // The permission was given a moment ago and is not seen yet. // aws-behaviours S9
                Err(error)
                    if error
                        .message
                        .contains("Unable to validate the following destination") =>
                {
                    Ok(Look::NotYet(error.message))
                }
                Err(error) => Err(error),
            }
        },
    )
    .await
}

fn entry(id: &str, rule: &Value) -> Result<LambdaFunctionConfiguration, CallError> {
    let text = |field: &str| rule[field].as_str().unwrap_or_default();
    let rules: Vec<FilterRule> = [
        (FilterRuleName::Prefix, "prefix"),
        (FilterRuleName::Suffix, "suffix"),
    ]
    .into_iter()
    .filter(|(_, field)| !text(field).is_empty())
    .map(|(name, field)| FilterRule::builder().name(name).value(text(field)).build())
    .collect();
    let filter = (!rules.is_empty()).then(|| {
        NotificationConfigurationFilter::builder()
            .key(S3KeyFilter::builder().set_filter_rules(Some(rules)).build())
            .build()
    });
    let events = rule["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    LambdaFunctionConfiguration::builder()
        .id(id)
        .lambda_function_arn(text("function"))
        .set_events(Some(events.map(Event::from).collect()))
        .set_filter(filter)
        .build()
        .map_err(|error| CallError::local("PutBucketNotificationConfiguration", error.to_string()))
}

fn rule_of(entry: &LambdaFunctionConfiguration) -> Value {
    let rules = entry
        .filter()
        .and_then(NotificationConfigurationFilter::key)
        .map(S3KeyFilter::filter_rules)
        .unwrap_or_default();
    // Some endpoints answer `Prefix` where `prefix` was sent.
    let value = |name: &str| {
        rules
            .iter()
            .find(|rule| {
                rule.name()
                    .is_some_and(|found| found.as_str().eq_ignore_ascii_case(name))
            })
            .and_then(FilterRule::value)
            .unwrap_or_default()
    };
    let mut events: Vec<&str> = entry.events().iter().map(Event::as_str).collect();
    events.sort_unstable();
    json!({
        "function": entry.lambda_function_arn(),
        "events": events,
        "prefix": value("prefix"),
        "suffix": value("suffix"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        for (prefix, suffix) in [("logs/", ""), ("", ".json"), ("a/", ".b"), ("", "")] {
            let rule = json!({"function": "arn:f", "events": ["s3:ObjectCreated:*"], "prefix": prefix, "suffix": suffix});
            let entry = entry("id", &rule).expect("built");
            assert_eq!(rule_of(&entry), rule);
        }
    }
}
