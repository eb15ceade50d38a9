//! Lambda event source mappings (queue → function). A mapping has no name: it is known by its
//! queue and function, and ours if it joins two resources of the stack. // aws-behaviours E1

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType, ScalingConfig};

use super::error::{absent, failed};
use super::{
    AtLeast, Attrs, CallError, Context, Identity, Listed, Live, Observed, Owner, Place, Resolved,
    ResourceKind, Service, Tags, Wanted, function,
};
use crate::stack::model::{Kind, LogicalId, Mapping, Stack};
use crate::target::LAB_CONCURRENCY;
use crate::wait::Look;

/// Mappings.
pub struct MappingKind;

const GONE: &[&str] = &["ResourceNotFoundException"];
const PARTIAL_FAILURES: &str = "ReportBatchItemFailures";
/// Field that is there when a queue feeds a function more than once: the mappings too many.
const DOUBLES: &str = "doubles";

/// Longest batching window that an endpoint takes which uses it as a long poll, seconds: SQS's longest
/// wait.
const LONG_POLL: u32 = 20;

/// The batching window of a mapping. Where it is a long poll, and the stack has none of its own, one is
/// chosen: a message is then met within milliseconds and not within a second. It is part of what is
/// wanted there, and so never drift.
fn window(place: &Place, wiring: &Mapping) -> u32 {
    if is_tuned(place, wiring) {
        LONG_POLL
    } else {
        wiring.window.0
    }
}

/// Most invocations at once. A Learner Lab has ten for everything: a mapping that takes more starves the rest,
/// and what is throttled uses up receives. // aws-behaviours L16, E10
fn max_concurrency(place: &Place, wiring: &Mapping) -> Option<u32> {
    if place.target.capabilities().learner_lab {
        let stack = wiring.max_concurrency.unwrap_or(LAB_CONCURRENCY);
        return Some(stack.min(LAB_CONCURRENCY));
    }
    wiring.max_concurrency
}

fn is_tuned(place: &Place, wiring: &Mapping) -> bool {
    let target = &place.target;
    target.tuning && target.capabilities().window_is_long_poll && wiring.window.0 == 0
}

/// Mappings whose settings are chosen for the target, and are not as the stack says.
pub fn tuned(stack: &Stack, place: &Place) -> Vec<LogicalId> {
    let tuned = stack
        .mappings
        .iter()
        .filter(|wiring| is_tuned(place, wiring));
    tuned
        .map(|wiring| {
            LogicalId::new(
                Kind::Mapping,
                format!("{}-{}", wiring.queue, wiring.function),
            )
        })
        .collect()
}

/// A mapping between two resources whose names in the stack are these.
fn mapping(queue: &Identity, function: &Identity, names: (&str, &str)) -> Wanted {
    let identity = Identity {
        name: format!("{} → {}", queue.name, function.name),
        ..Identity::default()
    };
    let id = LogicalId::new(Kind::Mapping, format!("{}-{}", names.0, names.1));
    let mut wanted = Wanted::new(id, identity)
        .with("queue", queue.arn.clone().unwrap_or_default())
        .with("function", function.name.clone());
    for id in [
        LogicalId::new(Kind::Queue, names.0),
        LogicalId::new(Kind::Function, names.1),
    ] {
        wanted = wanted.belonging_to(id.clone()).after(id);
    }
    wanted.tagged = true;
    wanted
}

#[async_trait]
impl ResourceKind for MappingKind {
    fn kind(&self) -> Kind {
        Kind::Mapping
    }

    fn service(&self) -> Service {
        Service::Lambda
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .mappings
            .iter()
            .map(|wiring| {
                let queue = place.queue(stack, &wiring.queue);
                let function = place.function(stack, &wiring.function);
                let names = (wiring.queue.as_str(), wiring.function.as_str());
                let mut wanted = mapping(&queue, &function, names)
                    .with("enabled", true)
                    .with("batch", wiring.batch)
                    .with("window", window(place, wiring))
                    .with("responses", PARTIAL_FAILURES)
                    .with_some("max_concurrency", max_concurrency(place, wiring));
                // A mapping whose queue hides messages for less than the function runs is refused.
                // aws-behaviours Q10
                wanted.at_least = Some(AtLeast {
                    high: (LogicalId::new(Kind::Queue, names.0), "visibility_timeout"),
                    low: (LogicalId::new(Kind::Function, names.1), "timeout"),
                });
                wanted
            })
            .collect()
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let pages = cx.clients.lambda.list_event_source_mappings();
        let found: Vec<_> = pages
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListEventSourceMappings"))?;
        let mut pairs: BTreeMap<(String, String), Vec<EventSourceMappingConfiguration>> =
            BTreeMap::new();
        for mapping in found.into_iter().filter(lasts) {
            let source = mapping.event_source_arn().unwrap_or_default().to_owned();
            if let Some(function) = function_of(&mapping) {
                let pair = (source, function.to_owned());
                pairs.entry(pair).or_default().push(mapping);
            }
        }
        let stack = &cx.stack;
        let ours = pairs.into_iter().filter_map(|((source, target), found)| {
            let queue = source.rsplit(':').next()?.to_owned();
            let function = cx.place.function_named(target);
            let queue_name = cx.place.name_in_stack(stack, &queue)?.to_owned();
            let function_name = cx.place.name_in_stack(stack, &function.name)?;
            let queue = cx.place.queue_named(queue);
            // The same name elsewhere is another queue.
            if queue.arn.as_deref() != Some(&source) {
                return None;
            }
            let wanted = mapping(&queue, &function, (&queue_name, function_name));
            let live = live(&wanted, found);
            Some(Listed { wanted, live })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let live = match listed {
            Some(listed) => Some(listed.clone()),
            None => find(cx, wanted).await?,
        };
        let Some(mut live) = live else {
            return Ok(Observed::Absent);
        };
        live.tags = tags(cx, &live).await?;
        // What joins two resources of the stack is ours, whether it says so or not, unless it says
        // whose else it is.
        Ok(match live.owner() {
            Owner::Nobody => Observed::Owned(live),
            _ => cx.owned_by_tags(wanted, live),
        })
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        function::wait_active(cx, wanted.text("function").unwrap_or_default()).await?;
        let tags = cx.tags(wanted);
        let answer = cx
            .clients
            .lambda
            .create_event_source_mapping()
            .event_source_arn(wanted.text("queue").unwrap_or_default())
            .function_name(wanted.text("function").unwrap_or_default())
            .enabled(wanted.is_true("enabled"))
            .batch_size(wanted.number("batch").unwrap_or(10) as i32)
            .maximum_batching_window_in_seconds(wanted.number("window").unwrap_or(0) as i32)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .set_scaling_config(wanted.number("max_concurrency").map(|n| {
                ScalingConfig::builder()
                    .maximum_concurrency(n as i32)
                    .build()
            }))
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("CreateEventSourceMapping"))?;
        let mut live = Live {
            identity: wanted.identity.clone(),
            attrs: wanted.attrs.clone(),
            handle: answer.uuid,
            tags: Some(tags),
            ..Live::default()
        };
        if !cx.place.target.capabilities().one_mapping_per_pair {
            // Somebody else may have made the same one meanwhile: all of us keep the lowest.
            let of_pair = Wanted::new(wanted.id.clone(), wanted.identity.clone())
                .with("queue", wanted.text("queue").unwrap_or_default())
                .with("function", wanted.text("function").unwrap_or_default());
            if let Some(found) = find(cx, &of_pair).await? {
                live.handle = found.handle;
                if let Some(doubles) = found.attrs.get(DOUBLES) {
                    live.attrs.insert(DOUBLES.to_owned(), doubles.clone());
                }
            }
        }
        Ok(live)
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        let mut changes = super::differing(wanted, &live.attrs);
        if changes.remove(DOUBLES) {
            for double in doubles(live) {
                remove(cx, double).await?;
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        if !cx.place.target.capabilities().mappings_update_in_place {
            return self.make_anew(cx, wanted, live).await;
        }
        // To take the limit away an empty configuration is sent; none would be ignored.
        // aws-behaviours E5
        let scaling = ScalingConfig::builder()
            .set_maximum_concurrency(wanted.number("max_concurrency").map(|n| n as i32))
            .build();
        cx.clients
            .lambda
            .update_event_source_mapping()
            .uuid(live.handle.as_deref().unwrap_or_default())
            .enabled(wanted.is_true("enabled"))
            .batch_size(wanted.number("batch").unwrap_or(10) as i32)
            .maximum_batching_window_in_seconds(wanted.number("window").unwrap_or(0) as i32)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .scaling_config(scaling)
            .send()
            .await
            .map_err(failed("UpdateEventSourceMapping"))?;
        Ok(())
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        let mut live = live.clone();
        if !cx.place.target.capabilities().mappings_update_in_place {
            // It may have been made anew a moment ago.
            let mut wanted = Wanted::new(LogicalId::new(Kind::Mapping, ""), live.identity.clone());
            for field in ["queue", "function"] {
                let value = live.attrs.get(field).and_then(serde_json::Value::as_str);
                wanted = wanted.with(field, value.unwrap_or_default());
            }
            if let Some(found) = find(cx, &wanted).await? {
                live.handle = found.handle;
            }
        }
        cx.clients
            .lambda
            .tag_resource()
            .resource(arn(cx, &live))
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("TagResource"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live, _lose_data: bool) -> Result<(), CallError> {
        for uuid in doubles(live).into_iter().chain(live.handle.as_deref()) {
            remove(cx, uuid).await?;
        }
        Ok(())
    }
}

impl MappingKind {
    /// In place of an update. The queue keeps its messages meanwhile, and the old one is in the way until
    /// its last poll has ended.
    async fn make_anew(
        &self,
        cx: &Context,
        wanted: &Resolved,
        live: &Live,
    ) -> Result<(), CallError> {
        // As long as the new one cannot be made, the old one goes on.
        function::wait_active(cx, wanted.text("function").unwrap_or_default()).await?;
        self.delete(cx, live, false).await?;
        let deadline = cx.place.target.row.deadlines.mapping;
        cx.wait("mapping free", deadline, || async {
            match self.ensure(cx, wanted).await {
                Ok(_) => Ok(Look::Done(())),
                Err(error) if error.is("ResourceConflictException") => {
                    Ok(Look::NotYet(error.message))
                }
                Err(error) => Err(error),
            }
        })
        .await
    }
}

/// Name of the function that it feeds; none where that is a version or an alias, which ours never are.
fn function_of(mapping: &EventSourceMappingConfiguration) -> Option<&str> {
    let name = mapping.function_arn()?.split(":function:").nth(1)?;
    (!name.contains(':')).then_some(name)
}

/// Is it there to stay?
fn lasts(mapping: &EventSourceMappingConfiguration) -> bool {
    mapping.state() != Some("Deleting")
}

/// The mapping of one queue and one function, if there is one.
async fn find(cx: &Context, wanted: &Wanted) -> Result<Option<Live>, CallError> {
    let resolved = wanted.resolve(&super::Identities::new());
    let queue = resolved.text("queue").unwrap_or_default();
    let function = resolved.text("function").unwrap_or_default();
    let answer = cx
        .clients
        .lambda
        .list_event_source_mappings()
        .event_source_arn(queue)
        .function_name(function)
        .send()
        .await
        .map_err(failed("ListEventSourceMappings"));
    let found = absent(answer, GONE)?
        .and_then(|answer| answer.event_source_mappings)
        .unwrap_or_default()
        .into_iter()
        // Endpoints that look like Lambda may take the filters for parts of names.
        .filter(|mapping| {
            mapping.event_source_arn() == Some(queue)
                && function_of(mapping) == Some(function)
                && lasts(mapping)
        })
        .collect();
    Ok(live(wanted, found))
}

/// Its tags; none where the endpoint does not tell them, or keeps none.
async fn tags(cx: &Context, live: &Live) -> Result<Option<Tags>, CallError> {
    let answer = cx
        .clients
        .lambda
        .list_tags()
        .resource(arn(cx, live))
        .send()
        .await
        .map_err(failed("ListTags"));
    match answer {
        Ok(answer) => Ok(answer
            .tags
            .filter(|tags| !tags.is_empty())
            .map(|tags| tags.into_iter().collect())),
        // Tags of a mapping are a help, not what makes it ours: endpoints that have none refuse in many
        // words.
        Err(error)
            if error
                .status
                .is_some_and(|status| status < 500 && status != 429) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// ARN of a mapping, by which alone it is tagged. // aws-behaviours E11
fn arn(cx: &Context, live: &Live) -> String {
    let uuid = live.handle.as_deref().unwrap_or_default();
    cx.place
        .arn("lambda", &format!("event-source-mapping:{uuid}"))
}

fn doubles(live: &Live) -> Vec<&str> {
    let found = live
        .attrs
        .get(DOUBLES)
        .and_then(serde_json::Value::as_array);
    found
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect()
}

async fn remove(cx: &Context, uuid: &str) -> Result<(), CallError> {
    let deadline = cx.place.target.row.deadlines.mapping;
    cx.wait("mapping deleted", deadline, || async {
        let answer = cx
            .clients
            .lambda
            .delete_event_source_mapping()
            .uuid(uuid)
            .send()
            .await
            .map_err(failed("DeleteEventSourceMapping"));
        match answer {
            // It is changing at this moment. // aws-behaviours E3
            Err(error) if error.is("ResourceInUseException") => Ok(Look::NotYet(error.message)),
            other => absent(other, GONE).map(|_| Look::Done(())),
        }
    })
    .await
}

/// What is live between one queue and one function: the mapping with the lowest UUID, which is the one
/// that everybody keeps where an endpoint accepts several; the others are its doubles.
fn live(wanted: &Wanted, mut found: Vec<EventSourceMappingConfiguration>) -> Option<Live> {
    found.sort_by(|a, b| a.uuid().cmp(&b.uuid()));
    let mut found = found.into_iter();
    let mapping = found.next()?;
    let state = mapping.state().unwrap_or("Enabled");
    let resolved = wanted.resolve(&super::Identities::new());
    let mut attrs = Attrs::from([
        (
            "queue".to_owned(),
            mapping.event_source_arn().unwrap_or_default().into(),
        ),
        (
            "function".to_owned(),
            resolved.text("function").unwrap_or_default().into(),
        ),
        ("enabled".to_owned(), (!state.starts_with("Disabl")).into()),
        (
            "batch".to_owned(),
            mapping.batch_size().unwrap_or(10).into(),
        ),
        (
            "window".to_owned(),
            mapping
                .maximum_batching_window_in_seconds()
                .unwrap_or(0)
                .into(),
        ),
    ]);
    if let Some(response) = mapping.function_response_types().first() {
        attrs.insert("responses".to_owned(), response.as_str().into());
    }
    let limit = mapping
        .scaling_config()
        .and_then(ScalingConfig::maximum_concurrency);
    if let Some(limit) = limit {
        attrs.insert("max_concurrency".to_owned(), limit.into());
    }
    let doubles: Vec<String> = found.filter_map(|double| double.uuid).collect();
    if !doubles.is_empty() {
        attrs.insert(DOUBLES.to_owned(), doubles.into());
    }
    Some(Live {
        identity: wanted.identity.clone(),
        attrs,
        state: state.to_owned(),
        handle: mapping.uuid,
        ..Live::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// aws-behaviours E1
    #[test]
    fn of_several_the_lowest_is_kept_and_the_others_are_doubles() {
        let one = |uuid: &str| {
            EventSourceMappingConfiguration::builder()
                .uuid(uuid)
                .event_source_arn("arn:q")
                .build()
        };
        let identity = Identity::default();
        let wanted = mapping(&identity, &identity, ("q", "f"));
        let kept = live(&wanted, vec![one("b"), one("a"), one("c")]).expect("one");
        assert_eq!(kept.handle.as_deref(), Some("a"));
        assert_eq!(kept.attrs[DOUBLES], json!(["b", "c"]));
        assert_eq!(doubles(&kept), ["b", "c"]);
        let only = live(&wanted, vec![one("a")]).expect("one");
        assert!(!only.attrs.contains_key(DOUBLES));
        assert!(live(&wanted, Vec::new()).is_none());
    }
}
