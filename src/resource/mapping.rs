//! Lambda event source mappings (queue → function). A mapping has no name: it is known by its
//! queue and function, and ours if it joins two resources of the stack. // aws-behaviours E1

use async_trait::async_trait;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType, ScalingConfig};

use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Identity, Live, Observed, Place, Resolved, ResourceKind, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Stack};
use crate::wait::{self, Look};

/// Mappings.
pub struct MappingKind;

const GONE: &[&str] = &["ResourceNotFoundException"];
const PARTIAL_FAILURES: &str = "ReportBatchItemFailures";

#[async_trait]
impl ResourceKind for MappingKind {
    fn kind(&self) -> Kind {
        Kind::Mapping
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .mappings
            .iter()
            .map(|mapping| {
                let queue = place.queue(stack, &mapping.queue);
                let function = place.function(stack, &mapping.function);
                let identity = Identity {
                    name: format!("{} → {}", queue.name, function.name),
                    ..Identity::default()
                };
                Wanted::new(LogicalId::new(Kind::Mapping, mapping.name()), identity)
                    .with("queue", queue.arn.unwrap_or_default())
                    .with("function", function.name)
                    .with("enabled", true)
                    .with("batch", mapping.batch)
                    .with("window", mapping.window.0)
                    .with("responses", PARTIAL_FAILURES)
                    .with_some("max_concurrency", mapping.max_concurrency)
                    .after(LogicalId::new(Kind::Queue, &mapping.queue))
                    .after(LogicalId::new(Kind::Function, &mapping.function))
            })
            .collect()
    }

    async fn observe(&self, cx: &Context, wanted: &Wanted) -> Result<Observed, CallError> {
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
        let mut found: Vec<_> = absent(answer, GONE)?
            .and_then(|answer| answer.event_source_mappings)
            .unwrap_or_default()
            .into_iter()
            .filter(|mapping| {
                mapping.event_source_arn() == Some(queue) && mapping.state() != Some("Deleting")
            })
            .collect();
        // Some endpoints accept a second one: the lowest UUID is the one that everybody keeps.
        found.sort_by(|a, b| a.uuid().cmp(&b.uuid()));
        Ok(match found.first() {
            Some(mapping) => Observed::Owned(live(&wanted.identity, function, mapping)),
            None => Observed::Absent,
        })
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
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
            .set_tags(Some(cx.tags(&wanted.id).into_iter().collect()))
            .send()
            .await
            .map_err(failed("CreateEventSourceMapping"))?;
        Ok(Live {
            identity: wanted.identity.clone(),
            attrs: wanted.attrs.clone(),
            handle: answer.uuid,
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        if super::compare(wanted, &live.attrs).is_empty() {
            return Ok(());
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

    async fn delete(&self, cx: &Context, live: &Live) -> Result<(), CallError> {
        let uuid = live.handle.as_deref().unwrap_or_default();
        let deadlines = &cx.place.target.row.deadlines;
        wait::until(
            "mapping deleted",
            deadlines.mapping,
            deadlines.poll,
            || async {
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
                    Err(error) if error.is("ResourceInUseException") => {
                        Ok(Look::NotYet(error.message))
                    }
                    other => absent(other, GONE).map(|_| Look::Done(())),
                }
            },
        )
        .await
    }
}

fn live(identity: &Identity, function: &str, mapping: &EventSourceMappingConfiguration) -> Live {
    let state = mapping.state().unwrap_or("Enabled");
    let mut attrs = Attrs::from([
        (
            "queue".to_owned(),
            mapping.event_source_arn().unwrap_or_default().into(),
        ),
        ("function".to_owned(), function.into()),
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
    Live {
        identity: identity.clone(),
        attrs,
        state: state.to_owned(),
        handle: mapping.uuid().map(str::to_owned),
        facts: Attrs::new(),
    }
}
