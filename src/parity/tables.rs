//! Tables: conditions, expiry, indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use model::sample::{SEED, sample};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::seen::{Played, Seen, Trouble};
use super::world::World;
use crate::operate::results;
use crate::resource::error::{CallError, failed};
use crate::stack::model::{Key, KeyType, Table};

fn table(world: &World) -> Result<&Table, Trouble> {
    let table = world.parts.table.as_ref();
    table.ok_or_else(|| Trouble::Failed("there is no table".to_owned()))
}

fn name(world: &World, table: &Table) -> String {
    world.cx.place.table(&world.copy, &table.name).name
}

/// A value for a key.
fn value(key: &Key) -> AttributeValue {
    match key.key_type {
        KeyType::String => AttributeValue::S("pipectl-parity".to_owned()),
        KeyType::Number => AttributeValue::N("42".to_owned()),
        KeyType::Binary => AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(*b"pipectl")),
    }
}

pub async fn second_writer(world: &World) -> Played {
    let table = table(world)?;
    let keys = std::iter::once(&table.partition_key).chain(&table.sort_key);
    let keys: HashMap<String, AttributeValue> =
        keys.map(|key| (key.name.clone(), value(key))).collect();
    let write = async |by: &str| -> Result<(), CallError> {
        let mut item = keys.clone();
        item.insert("written_by".to_owned(), AttributeValue::S(by.to_owned()));
        let put = world
            .cx
            .clients
            .dynamodb
            .put_item()
            .table_name(name(world, table));
        let put = put.condition_expression("attribute_not_exists(#key)");
        let put = put.expression_attribute_names("#key", &table.partition_key.name);
        put.set_item(Some(item))
            .send()
            .await
            .map_err(failed("PutItem"))?;
        Ok(())
    };
    let told = |written: Result<(), CallError>| match written {
        Ok(()) => Ok("written".to_owned()),
        Err(error) if error.is_unsupported() => Err(Trouble::from(error)),
        Err(error) => Ok(error.code),
    };
    let mut seen = Seen::new();
    seen.fact("first writer", told(write("first").await)?);
    seen.fact("second writer", told(write("second").await)?);
    let get = world
        .cx
        .clients
        .dynamodb
        .get_item()
        .table_name(name(world, table));
    let item = get
        .set_key(Some(keys.clone()))
        .consistent_read(true)
        .send()
        .await
        .map_err(failed("GetItem"))?;
    let by = item
        .item
        .as_ref()
        .and_then(|item| item.get("written_by")?.as_s().ok());
    seen.fact("the item is of the", by.map_or("nobody", String::as_str));
    let delete = world
        .cx
        .clients
        .dynamodb
        .delete_item()
        .table_name(name(world, table));
    delete
        .set_key(Some(keys))
        .send()
        .await
        .map_err(failed("DeleteItem"))?;
    Ok(seen)
}

/// aws-behaviours D5, D6
pub async fn ttl(world: &World) -> Played {
    let table = table(world)?;
    let describe = world.cx.clients.dynamodb.describe_time_to_live();
    let answer = describe.table_name(name(world, table)).send().await;
    let answer = answer
        .map_err(failed("DescribeTimeToLive"))?
        .time_to_live_description;
    let mut seen = Seen::new();
    let status = answer
        .as_ref()
        .and_then(|one| one.time_to_live_status.as_ref());
    seen.fact("status", status.map_or("none", |status| status.as_str()));
    let attribute = answer
        .as_ref()
        .and_then(|one| one.attribute_name.as_deref());
    seen.is("attribute of the stack", attribute == table.ttl.as_deref());
    if world.pipeline.is_some() {
        let key = world.key("table-ttl", "go", ".ndjson")?;
        let stored = world.put(&key, sample(SEED + 70, 4, false)).await?;
        let result = world.result(&stored).await?;
        let kept = result.and_then(|result| {
            let processed = OffsetDateTime::parse(&result.processed_at, &Rfc3339).ok()?;
            Some(result.expires_at - processed.unix_timestamp())
        });
        seen.fact(
            "a result is kept, s",
            kept.map_or("no result".to_owned(), |s| s.to_string()),
        );
    }
    Ok(seen)
}

pub async fn index(world: &World) -> Played {
    let stored = world
        .put(
            &world.key("table-index", "go", ".ndjson")?,
            sample(SEED + 71, 5, false),
        )
        .await?;
    let result = world.result(&stored).await?;
    let mut seen = Seen::new();
    let Some(result) = result else {
        seen.fact("status", "no result");
        return Ok(seen);
    };
    let pipeline = world.pipeline.as_ref();
    let pipeline = pipeline.ok_or_else(|| "no results are written here".to_owned())?;
    let index = pipeline.day_index.as_deref().unwrap_or_default();
    let now = world.cx.place.target.now() + time::Duration::minutes(5);
    let since = now - time::Duration::hours(1);
    let clients = &world.cx.clients;
    let found = world.until(world.pace.patience, || async {
        let all = results::since(clients, pipeline, index, since, now).await?;
        Ok(all.into_iter().find(|one| one.job_id == result.job_id))
    });
    let found = found.await?;
    seen.is("the day's query finds the result", found.is_some());
    seen.is("and finds all of it", found.as_ref() == Some(&result));
    let day = result.processed_at.get(..10).unwrap_or_default();
    seen.is(
        "under the day it was processed",
        result.day.starts_with(day),
    );
    Ok(seen)
}
