//! S3 bucket notifications: one resource per bucket, because AWS keeps one configuration per
//! bucket and every write replaces it whole. Entries whose Id is not ours are kept as they are.
//! // aws-behaviours S8

use std::collections::BTreeSet;

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
    Attrs, CallError, Context, Identity, Listed, Live, Observed, Place, Resolved, ResourceKind,
    Service, Wanted, attrs, function,
};
use crate::stack::model::{Kind, LogicalId, Stack};

/// Notifications of buckets.
pub struct NotificationKind;

const GONE: &[&str] = &["NoSuchBucket"];

/// What the Ids of our entries begin with.
fn id_prefix(stack: &str) -> String {
    format!("pipectl-{stack}-")
}

/// Id of an entry: whose it is, which wiring, and a fingerprint of the rule as it was written, so that a
/// change outside pipectl can be told from one in the stack.
fn entry_id(stack: &str, name: &str, rule: &Value) -> String {
    format!("{}{name}.{}", id_prefix(stack), attrs::fingerprint(rule))
}

/// Name and fingerprint of an entry of ours.
fn of_ours<'a>(stack: &str, id: &'a str) -> Option<(&'a str, &'a str)> {
    let rest = id.strip_prefix(&id_prefix(stack))?;
    Some(rest.split_once('.').unwrap_or((rest, "")))
}

#[async_trait]
impl ResourceKind for NotificationKind {
    fn kind(&self) -> Kind {
        Kind::Notification
    }

    fn service(&self) -> Service {
        Service::S3
    }

    fn within(&self) -> Option<Kind> {
        Some(Kind::Bucket)
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
                    .within(LogicalId::new(Kind::Bucket, &notification.bucket));
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
            let (permission, _) = permission_name(stack, notification);
            let wanted = all[position].clone();
            // Names keep letters and digits of prefixes only: two wirings may come to the same.
            let name = notification.name();
            let mut field = format!("rules.{name}");
            let mut number = 1;
            while wanted.attrs.contains_key(&field) {
                number += 1;
                field = format!("rules.{name}-{number}");
            }
            all[position] = wanted
                .with(field, rule)
                .after(LogicalId::new(Kind::Function, &notification.function))
                .after(LogicalId::new(Kind::Permission, permission));
        }
        all
    }

    async fn list(&self, cx: &Context, within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let Some(bucket) = within else {
            return Ok(Vec::new());
        };
        let identity = Identity {
            name: bucket.identity.name.clone(),
            ..Identity::default()
        };
        let id = LogicalId::new(Kind::Notification, &bucket.id.name);
        let wanted = Wanted::new(id, identity).within(bucket.id.clone());
        let Some(configuration) = read(cx, &wanted.identity.name).await? else {
            return Ok(Vec::new());
        };
        let found = live(cx, &wanted, &configuration);
        Ok(found
            .map(|live| Listed {
                wanted,
                live: Some(live),
            })
            .into_iter()
            .collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let live = match listed {
            Some(listed) => Some(recorded(wanted, listed.clone())),
            None => read(cx, &wanted.identity.name)
                .await?
                .and_then(|configuration| live(cx, wanted, &configuration)),
        };
        Ok(live.map_or(Observed::Absent, Observed::Owned))
    }

    async fn ensure(&self, _cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        // A bucket always has a configuration; there is nothing to make before the first rule.
        Ok(Live {
            identity: wanted.identity.clone(),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        if super::differing(wanted, &live.attrs).is_empty() {
            return Ok(());
        }
        let rules = wanted
            .below("rules")
            .map(|(name, rule)| entry(&entry_id(&cx.stack, name, rule), rule))
            .collect::<Result<Vec<_>, _>>()?;
        let functions: BTreeSet<&str> = rules
            .iter()
            .map(LambdaFunctionConfiguration::lambda_function_arn)
            .collect();
        let waits = functions
            .into_iter()
            .map(|function| function::wait_active(cx, function));
        futures::future::try_join_all(waits).await?;
        write(cx, &wanted.identity.name, rules).await
    }

    async fn delete(&self, cx: &Context, live: &Live, _lose_data: bool) -> Result<(), CallError> {
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
    let mut entries: Vec<_> = found
        .lambda_function_configurations
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.id().and_then(|id| of_ours(&cx.stack, id)).is_none())
        .collect();
    // What only takes ours away must not fail for an entry of somebody else whose function is gone.
    let takes_away = ours.is_empty();
    entries.extend(ours);
    let configuration = NotificationConfiguration::builder()
        .set_lambda_function_configurations(Some(entries))
        .set_queue_configurations(found.queue_configurations)
        .set_topic_configurations(found.topic_configurations)
        .set_event_bridge_configuration(found.event_bridge_configuration)
        .build();
    // A permission that was given a moment ago may not be seen yet: the step is tried again then.
    // aws-behaviours S9
    cx.clients
        .s3
        .put_bucket_notification_configuration()
        .bucket(bucket)
        .notification_configuration(configuration)
        .set_skip_destination_validation(takes_away.then_some(true))
        .send()
        .await
        .map_err(failed("PutBucketNotificationConfiguration"))?;
    Ok(())
}

/// Our entries of a configuration; none when there are none.
fn live(
    cx: &Context,
    wanted: &Wanted,
    configuration: &GetBucketNotificationConfigurationOutput,
) -> Option<Live> {
    let mut live = Live {
        identity: wanted.identity.clone(),
        state: "Enabled".to_owned(),
        ..Live::default()
    };
    let mut prints = Attrs::new();
    for entry in configuration.lambda_function_configurations() {
        let Some((name, print)) = entry.id().and_then(|id| of_ours(&cx.stack, id)) else {
            continue;
        };
        let field = format!("rules.{name}");
        prints.insert(field.clone(), print.into());
        live.attrs.insert(field, rule_of(entry));
    }
    // Kept as they are until it is known what is wanted.
    live.recorded = Some(prints);
    (!live.attrs.is_empty()).then(|| recorded(wanted, live))
}

/// Turns the fingerprints in the Ids into the rules that they are of, where they are of the live or the
/// wanted one.
fn recorded(wanted: &Wanted, mut live: Live) -> Live {
    let wanted = wanted.resolve(&super::Identities::new()).attrs;
    if wanted.is_empty() {
        return live;
    }
    let prints = live.recorded.take().unwrap_or_default();
    let rules = prints.into_iter().map(|(field, print)| {
        let of = |rule: Option<&Value>| {
            rule.filter(|rule| print.as_str() == Some(&attrs::fingerprint(rule)))
                .cloned()
        };
        let rule = of(live.attrs.get(&field)).or_else(|| of(wanted.get(&field)));
        (field, rule.unwrap_or(Value::Null))
    });
    live.recorded = Some(rules.collect());
    live
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
