//! Reading results: one by its job id, or those since a moment by the index on the day. Lists query
//! the index and never scan.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{StreamExt, TryStreamExt};
use model::JobResult;
use time::OffsetDateTime;

use super::pipeline::Pipeline;
use crate::resource::error::{CallError, failed};
use crate::target::Clients;

/// Queries under way at once.
const PARALLEL_QUERIES: usize = 16;

/// The result of one job, if it is there.
pub async fn by_id(
    clients: &Clients,
    pipeline: &Pipeline,
    job_id: &str,
) -> Result<Option<JobResult>, CallError> {
    let answer = clients
        .dynamodb
        .get_item()
        .table_name(&pipeline.table.name)
        .key("job_id", AttributeValue::S(job_id.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(failed("GetItem"))?;
    answer.item.map(|item| decode(&item)).transpose()
}

fn decode(
    item: &std::collections::HashMap<String, AttributeValue>,
) -> Result<JobResult, CallError> {
    model::dynamodb::result_from_item(item).map_err(|error| {
        CallError::local(
            "read result",
            format!("an item of the results table is not a result: {error}"),
        )
    })
}

/// Results processed at `since` or later, newest first. A day is sixteen partitions of the index.
pub async fn since(
    clients: &Clients,
    pipeline: &Pipeline,
    index: &str,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Vec<JobResult>, CallError> {
    let mut partitions = Vec::new();
    let mut day = Some(since.date());
    while let Some(date) = day.filter(|date| *date <= now.date()) {
        partitions.extend(model::day_partitions(date));
        day = date.next_day();
    }
    let from = model::timestamp(since);
    let pages = futures::stream::iter(partitions)
        .map(|partition| query(clients, pipeline, index, partition, &from))
        .buffer_unordered(PARALLEL_QUERIES)
        .try_collect::<Vec<_>>()
        .await?;
    let mut results: Vec<JobResult> = pages.into_iter().flatten().collect();
    results.sort_by(|a, b| (&b.processed_at, &b.job_id).cmp(&(&a.processed_at, &a.job_id)));
    Ok(results)
}

async fn query(
    clients: &Clients,
    pipeline: &Pipeline,
    index: &str,
    partition: String,
    from: &str,
) -> Result<Vec<JobResult>, CallError> {
    let mut items = clients
        .dynamodb
        .query()
        .table_name(&pipeline.table.name)
        .index_name(index)
        .key_condition_expression("#day = :day AND processed_at >= :from")
        .expression_attribute_names("#day", "day")
        .expression_attribute_values(":day", AttributeValue::S(partition))
        .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
        .into_paginator()
        .items()
        .send();
    let mut results = Vec::new();
    while let Some(item) = items.next().await {
        results.push(decode(&item.map_err(failed("Query"))?)?);
    }
    Ok(results)
}
