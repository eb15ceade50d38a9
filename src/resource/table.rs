//! DynamoDB tables: keys, global secondary indexes, expiry. On-demand billing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction,
    DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate,
    KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType, TableDescription,
    Tag, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::error::{absent, failed, permitted};
use super::{
    Attrs, CallError, Context, Identity, Listed, Live, Observed, Place, Resolved, ResourceKind,
    Service, Tags, Wanted, attrs,
};
use crate::stack::model::{Key, Kind, LogicalId, Stack};
use crate::wait::Look;

/// DynamoDB tables.
pub struct TableKind;

const GONE: &[&str] = &["ResourceNotFoundException"];

/// A key as one attribute value: `job_id:S`, or `day:S,processed_at:S` with a sort key.
fn key_text(partition: &Key, sort: Option<&Key>) -> String {
    std::iter::once(partition)
        .chain(sort)
        .map(|key| format!("{}:{}", key.name, key.key_type.letter()))
        .collect::<Vec<_>>()
        .join(",")
}

#[async_trait]
impl ResourceKind for TableKind {
    fn kind(&self) -> Kind {
        Kind::Table
    }

    fn service(&self) -> Service {
        Service::DynamoDb
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .tables
            .iter()
            .map(|table| {
                let id = LogicalId::new(Kind::Table, &table.name);
                let mut wanted = Wanted::new(id, place.table(stack, &table.name))
                    .with(
                        "key",
                        key_text(&table.partition_key, table.sort_key.as_ref()),
                    )
                    .with("billing", BillingMode::PayPerRequest.as_str())
                    .with_some("ttl", table.ttl.clone());
                for index in &table.indexes {
                    let key = key_text(&index.partition_key, index.sort_key.as_ref());
                    wanted = wanted.with(format!("indexes.{}", index.name), key);
                }
                wanted.tagged = true;
                wanted.retain = table.retain;
                wanted
            })
            .collect()
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn stores_data(&self) -> bool {
        true
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let pages = cx.clients.dynamodb.list_tables().into_paginator();
        let names: Vec<String> = pages
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListTables"))?;
        let ours = names.into_iter().filter_map(|physical| {
            let name = cx.place.name_in_stack(&cx.stack, &physical)?;
            let id = LogicalId::new(Kind::Table, name);
            let wanted = Wanted::new(id, cx.place.table_named(physical));
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
        let arn = wanted.identity.arn.as_deref().unwrap_or_default();
        let (table, expiry, tags) =
            futures::join!(describe(cx, name), expiry(cx, name), list_tags(cx, arn));
        let Some(table) = absent(table, GONE)? else {
            return Ok(Observed::Absent);
        };
        let state = status(&table);
        // What is being deleted is gone; making it anew is refused until it is. // aws-behaviours D14
        if state == "DELETING" {
            return Ok(Observed::Absent);
        }
        let expiry = match expiry {
            // aws-behaviours D2
            Err(_) if state == "CREATING" => Some(None),
            other => permitted(absent(other, GONE))?.map(Option::flatten),
        };
        let unread = expiry.is_none();
        let expiry = expiry.flatten();
        // The calls run side by side: for a table that came meanwhile the tags are asked for again, and
        // what is said then counts.
        let tags = match tags {
            Ok(tags) => Some(tags),
            Err(_) => absent(list_tags(cx, arn).await, GONE)?,
        };
        // It went away between the two looks.
        let Some(tags) = tags else {
            return Ok(Observed::Absent);
        };
        let mut live = live(&table, expiry);
        if unread {
            live.leave_unread(wanted, &["ttl"]);
        }
        live.tags = Some(tags);
        Ok(cx.owned_by_tags(wanted, live))
    }

    async fn holds_data(&self, cx: &Context, live: &Live) -> Result<bool, CallError> {
        // ItemCount is hours old on AWS; one item read is the truth.
        let answer = cx
            .clients
            .dynamodb
            .scan()
            .table_name(&live.identity.name)
            .consistent_read(true)
            .limit(1)
            .send()
            .await;
        Ok(absent(answer.map_err(failed("Scan")), GONE)?.is_some_and(|answer| answer.count > 0))
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let name = &wanted.identity.name;
        let mut definitions = BTreeMap::new();
        let mut request = cx
            .clients
            .dynamodb
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest);
        for element in key_schema(wanted.text("key").unwrap_or_default(), &mut definitions)? {
            request = request.key_schema(element);
        }
        for (index, key) in wanted.below("indexes") {
            let schema = key_schema(key.as_str().unwrap_or_default(), &mut definitions)?;
            let index = GlobalSecondaryIndex::builder()
                .index_name(index)
                .set_key_schema(Some(schema))
                .projection(all_attributes())
                .build()
                .map_err(|e| CallError::local("CreateTable", e.to_string()))?;
            request = request.global_secondary_indexes(index);
        }
        for definition in definitions.into_values() {
            request = request.attribute_definitions(definition);
        }
        let mut attrs = wanted.attrs.clone();
        attrs.remove("ttl");
        let tags = cx.tags_with(wanted, &attrs);
        for (key, value) in &tags {
            let tag = Tag::builder()
                .key(key)
                .value(value)
                .build()
                .map_err(|e| CallError::local("CreateTable", e.to_string()))?;
            request = request.tags(tag);
        }
        request.send().await.map_err(failed("CreateTable"))?;
        // Expiry is refused until the table is active. // aws-behaviours D2
        let table = wait_active(cx, name).await?;
        let mut live = live(&table, None);
        live.tags = Some(tags);
        Ok(live)
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        let changes = super::differing(wanted, &live.attrs);
        // One that another run made a moment ago takes no change yet. // aws-behaviours D2, D8
        if live.state != "ACTIVE" && !changes.is_empty() {
            wait_active(cx, &live.identity.name).await?;
        }
        if changes.contains("billing") {
            on_demand(cx, &live.identity.name).await?;
        }
        sync_indexes(cx, wanted, live).await?;
        sync_expiry(cx, wanted, live).await
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<_, _>>()
            .map_err(|e| CallError::local("TagResource", e.to_string()))?;
        cx.clients
            .dynamodb
            .tag_resource()
            .resource_arn(live.identity.arn.as_deref().unwrap_or_default())
            .set_tags(Some(tags))
            .send()
            .await
            .map_err(failed("TagResource"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live, lose_data: bool) -> Result<(), CallError> {
        let name = &live.identity.name;
        if !lose_data && self.holds_data(cx, live).await? {
            return Err(CallError::holds_data("DeleteTable"));
        }
        let answer = cx
            .clients
            .dynamodb
            .delete_table()
            .table_name(name)
            .send()
            .await
            .map_err(failed("DeleteTable"));
        match absent(answer, GONE) {
            // aws-behaviours D14
            Err(error) if error.says("being deleted") => {}
            other => {
                other?;
            }
        }
        let deadline = cx.place.target.row.deadlines.table;
        cx.wait("table gone", deadline, || async {
            // aws-behaviours D14
            Ok(match absent(describe(cx, name).await, GONE)? {
                None => Look::Done(()),
                Some(table) => Look::NotYet(status(&table)),
            })
        })
        .await
    }
}

/// The attribute that expiry goes by, while it is on.
async fn expiry(cx: &Context, name: &str) -> Result<Option<String>, CallError> {
    let answer = cx
        .clients
        .dynamodb
        .describe_time_to_live()
        .table_name(name)
        .send()
        .await
        .map_err(failed("DescribeTimeToLive"))?;
    Ok(answer
        .time_to_live_description
        .filter(|expiry| {
            matches!(
                expiry.time_to_live_status,
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
            )
        })
        .and_then(|expiry| expiry.attribute_name))
}

/// Back to on-demand billing, which somebody changed. // aws-behaviours D10
async fn on_demand(cx: &Context, name: &str) -> Result<(), CallError> {
    cx.clients
        .dynamodb
        .update_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .map_err(failed("UpdateTable"))?;
    wait_active(cx, name).await.map(|_| ())
}

async fn list_tags(cx: &Context, arn: &str) -> Result<Tags, CallError> {
    let answer = cx
        .clients
        .dynamodb
        .list_tags_of_resource()
        .resource_arn(arn)
        .send()
        .await
        .map_err(failed("ListTagsOfResource"))?;
    let tags = answer.tags.unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

async fn describe(cx: &Context, name: &str) -> Result<TableDescription, CallError> {
    cx.clients
        .dynamodb
        .describe_table()
        .table_name(name)
        .send()
        .await
        .map_err(failed("DescribeTable"))?
        .table
        .ok_or_else(|| CallError::missing("DescribeTable", "Table"))
}

fn status(table: &TableDescription) -> String {
    table
        .table_status
        .as_ref()
        .map_or("unknown", |status| status.as_str())
        .to_owned()
}

/// Table and all its indexes are active. // aws-behaviours D1
async fn wait_active(cx: &Context, name: &str) -> Result<TableDescription, CallError> {
    let deadline = cx.place.target.row.deadlines.table;
    cx.wait("table active", deadline, || async {
        let table = describe(cx, name).await?;
        let indexes_ready = table.global_secondary_indexes().iter().all(|index| {
            index
                .index_status
                .as_ref()
                .is_none_or(|status| status.as_str() == "ACTIVE")
        });
        let state = status(&table);
        Ok(if state == "ACTIVE" && indexes_ready {
            Look::Done(table)
        } else {
            Look::NotYet(state)
        })
    })
    .await
}

/// `day:S,processed_at:S` → schema; the attribute types are collected in `definitions`.
fn key_schema(
    text: &str,
    definitions: &mut BTreeMap<String, AttributeDefinition>,
) -> Result<Vec<KeySchemaElement>, CallError> {
    let fail = |e: aws_smithy_types::error::operation::BuildError| {
        CallError::local("CreateTable", e.to_string())
    };
    let mut elements = Vec::new();
    for (part, key_type) in text.split(',').zip([KeyType::Hash, KeyType::Range]) {
        // Attribute names may hold colons; the type letter is what follows the last one.
        let (name, letter) = part.rsplit_once(':').unwrap_or((part, "S"));
        definitions.insert(
            name.to_owned(),
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::from(letter))
                .build()
                .map_err(fail)?,
        );
        elements.push(
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(key_type)
                .build()
                .map_err(fail)?,
        );
    }
    Ok(elements)
}

fn all_attributes() -> Projection {
    Projection::builder()
        .projection_type(ProjectionType::All)
        .build()
}

/// One index per call, each followed by a wait: DynamoDB takes no more. // aws-behaviours D7
async fn sync_indexes(cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
    let name = &live.identity.name;
    let wanted_indexes: BTreeMap<_, _> = wanted.below("indexes").collect();
    let live_indexes: BTreeMap<_, _> = attrs::below(&live.attrs, "indexes").collect();
    let mut updates = Vec::new();
    for (index, key) in &live_indexes {
        if wanted_indexes.get(index) != Some(key) {
            let action = DeleteGlobalSecondaryIndexAction::builder()
                .index_name(*index)
                .build()
                .map_err(|e| CallError::local("UpdateTable", e.to_string()))?;
            updates.push((
                GlobalSecondaryIndexUpdate::builder().delete(action).build(),
                BTreeMap::new(),
            ));
        }
    }
    for (index, key) in &wanted_indexes {
        if live_indexes.get(index) != Some(key) {
            let mut definitions = BTreeMap::new();
            let schema = key_schema(key.as_str().unwrap_or_default(), &mut definitions)?;
            let action = CreateGlobalSecondaryIndexAction::builder()
                .index_name(*index)
                .set_key_schema(Some(schema))
                .projection(all_attributes())
                .build()
                .map_err(|e| CallError::local("UpdateTable", e.to_string()))?;
            updates.push((
                GlobalSecondaryIndexUpdate::builder().create(action).build(),
                definitions,
            ));
        }
    }
    for (update, definitions) in updates {
        cx.clients
            .dynamodb
            .update_table()
            .table_name(name)
            .set_attribute_definitions(
                (!definitions.is_empty()).then(|| definitions.into_values().collect()),
            )
            .global_secondary_index_updates(update)
            .send()
            .await
            .map_err(failed("UpdateTable"))?;
        wait_active(cx, name).await?;
    }
    Ok(())
}

async fn sync_expiry(cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
    let live_attribute = live.attrs.get("ttl").and_then(serde_json::Value::as_str);
    let wanted_attribute = wanted.text("ttl");
    // Asking again for what is on is refused. // aws-behaviours D3
    if live_attribute == wanted_attribute {
        return Ok(());
    }
    for (attribute, enabled) in [(live_attribute, false), (wanted_attribute, true)] {
        let Some(attribute) = attribute else { continue };
        let specification = TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(enabled)
            .build()
            .map_err(|e| CallError::local("UpdateTimeToLive", e.to_string()))?;
        let answer = cx
            .clients
            .dynamodb
            .update_time_to_live()
            .table_name(&live.identity.name)
            .time_to_live_specification(specification)
            .send()
            .await
            .map_err(failed("UpdateTimeToLive"));
        match answer {
            Err(error) if error.says("already") => {}
            other => {
                other?;
            }
        }
    }
    Ok(())
}

fn live(table: &TableDescription, expiry: Option<String>) -> Live {
    let types: BTreeMap<&str, &str> = table
        .attribute_definitions()
        .iter()
        .map(|definition| {
            (
                definition.attribute_name(),
                definition.attribute_type().as_str(),
            )
        })
        .collect();
    let text = |schema: &[KeySchemaElement]| {
        let mut sorted: Vec<_> = schema.iter().collect();
        sorted.sort_by_key(|element| element.key_type() != &KeyType::Hash);
        sorted
            .into_iter()
            .map(|element| {
                let name = element.attribute_name();
                format!("{name}:{}", types.get(name).copied().unwrap_or("S"))
            })
            .collect::<Vec<_>>()
            .join(",")
    };
    let billing = table
        .billing_mode_summary()
        .and_then(|summary| summary.billing_mode())
        .map_or(BillingMode::Provisioned.as_str(), BillingMode::as_str);
    let mut attrs = Attrs::from([
        ("key".to_owned(), text(table.key_schema()).into()),
        ("billing".to_owned(), billing.into()),
    ]);
    for index in table.global_secondary_indexes() {
        if let Some(name) = index.index_name() {
            attrs.insert(format!("indexes.{name}"), text(index.key_schema()).into());
        }
    }
    if let Some(attribute) = expiry {
        attrs.insert("ttl".to_owned(), attribute.into());
    }
    Live {
        identity: Identity {
            name: table.table_name.clone().unwrap_or_default(),
            arn: table.table_arn.clone(),
            ..Identity::default()
        },
        attrs,
        state: status(table),
        facts: Attrs::from([("items".to_owned(), table.item_count.unwrap_or(0).into())]),
        ..Live::default()
    }
}
