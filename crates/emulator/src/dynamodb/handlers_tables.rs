//! Operations on tables: the engine's, with the phases that a table goes through at AWS.

use dynoxide::DynoxideError;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::delete_table::DeleteTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::list_tables::{ListTablesRequest, ListTablesResponse};
use dynoxide::actions::list_tags_of_resource::ListTagsOfResourceRequest;
use dynoxide::actions::tag_resource::TagResourceRequest;
use dynoxide::actions::untag_resource::UntagResourceRequest;
use dynoxide::actions::update_table::UpdateTableRequest;
use dynoxide::actions::update_time_to_live::UpdateTimeToLiveRequest;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::AwsError;

use super::state::State;
use super::state_phases::{Phase, Turn};
use super::wire::{Answer, Refusal, own, parse};

/// Tables on one page of a list.
const MAX_LISTED: usize = 100;
/// Members that the engine does not read. To ignore them would be to pretend.
const NOT_SERVED: [&str; 8] = [
    "GlobalTableSettingsReplicationMode",
    "GlobalTableSourceArn",
    "GlobalTableWitnessUpdates",
    "MultiRegionConsistency",
    "ReplicaUpdates",
    "ResourcePolicy",
    "WarmThroughput",
    // Only of an update: a new table is encrypted as it is told.
    "SSESpecification",
];

/// `None` when the operation is not one on tables.
pub(super) fn answer(state: &State, operation: &str, body: &str, now_ms: i64) -> Option<Answer> {
    Some(match operation {
        "CreateTable" => served(operation, body, &NOT_SERVED[..7])
            .and_then(|()| with(body, |request| create(state, request, now_ms))),
        "DeleteTable" => with(body, |request| delete(state, request, now_ms)),
        "DescribeTable" => with(body, |request| describe(state, request, now_ms)),
        "UpdateTable" => served(operation, body, &NOT_SERVED)
            .and_then(|()| with(body, |request| update(state, request, now_ms))),
        "ListTables" => with(body, |request| list(state, request, now_ms)),
        "UpdateTimeToLive" => with(body, |request| update_time_to_live(state, request, now_ms)),
        "DescribeTimeToLive" => with(body, |request| {
            describe_time_to_live(state, &request, now_ms)?;
            json(&state.database.describe_time_to_live(request)?)
        }),
        "TagResource" => with(body, |request: TagResourceRequest| {
            settled(state, request.resource_arn.as_deref(), now_ms)?;
            json(&state.database.tag_resource(request)?)
        }),
        "UntagResource" => with(body, |request: UntagResourceRequest| {
            settled(state, request.resource_arn.as_deref(), now_ms)?;
            json(&state.database.untag_resource(request)?)
        }),
        "ListTagsOfResource" => with(body, |request| list_tags(state, request)),
        _ => return None,
    })
}

fn with<Q: serde::de::DeserializeOwned>(
    body: &str,
    run: impl FnOnce(Q) -> Result<Value, Refusal>,
) -> Answer {
    Ok(run(parse(body)?)?.to_string())
}

/// Refuses members that are not served.
fn served(operation: &str, body: &str, not_served: &[&str]) -> Result<(), Refusal> {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    match not_served
        .iter()
        .find(|member| !request[**member].is_null())
    {
        Some(member) => {
            let what = format!("{operation} with {member}");
            Err(AwsError::not_implemented("DynamoDB", &what).into())
        }
        None => Ok(()),
    }
}

fn json(response: &impl Serialize) -> Result<Value, Refusal> {
    Ok(own(response)?)
}

fn create(state: &State, request: CreateTableRequest, now_ms: i64) -> Result<Value, Refusal> {
    let turn = state.lifecycle.turn();
    let name = request.table_name.clone();
    if state.has(&name)? {
        // aws-behaviours D1
        if turn.phase(&name, now_ms)? == Phase::Creating {
            return Err(in_use(&name, "created"));
        }
        // The engine checks the request, and refuses the name.
        return json(&state.database.create_table(request)?);
    }
    if let Phase::Deleting(_) = turn.phase(&name, now_ms)? {
        return Err(
            DynoxideError::ResourceInUseException(format!("Table already exists: {name}")).into(),
        );
    }
    // Written first: a table that nobody knows to be new would be one that was there all along.
    turn.created(&name, now_ms)?;
    match state.database.create_table(request) {
        Ok(made) => {
            let mut made = json(&made)?;
            show(&turn, &name, &mut made["TableDescription"], now_ms)?;
            Ok(made)
        }
        Err(error) => {
            if let Err(error) = turn.not_created(&name) {
                tracing::warn!(%error, name, "the phase of a table that was not made stays");
            }
            Err(error.into())
        }
    }
}

fn delete(state: &State, request: DeleteTableRequest, now_ms: i64) -> Result<Value, Refusal> {
    let turn = state.lifecycle.turn();
    let name = request.table_name.clone();
    refuse_unsettled(state, &turn, &name, now_ms)?;
    let deleted = json(&state.database.delete_table(request)?)?;
    let description = deleted["TableDescription"].to_string();
    // The table is gone. Without this it is gone at once, as it is after a crash here.
    if let Err(error) = turn.deleted(&name, &description, now_ms) {
        tracing::warn!(%error, name, "the table is not shown as DELETING");
    }
    Ok(deleted)
}

fn describe(state: &State, request: DescribeTableRequest, now_ms: i64) -> Result<Value, Refusal> {
    let turn = state.lifecycle.turn();
    let name = request.table_name.clone();
    match state.database.describe_table(request) {
        Ok(described) => {
            let mut described = json(&described)?;
            show(&turn, &name, &mut described["Table"], now_ms)?;
            Ok(described)
        }
        Err(error @ DynoxideError::ResourceNotFoundException(_)) => {
            match turn.phase(&name, now_ms)? {
                Phase::Deleting(description) => {
                    let table: Value = serde_json::from_str(&description).unwrap_or_default();
                    Ok(json!({ "Table": table }))
                }
                _ => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn update(state: &State, request: UpdateTableRequest, now_ms: i64) -> Result<Value, Refusal> {
    let turn = state.lifecycle.turn();
    refuse_unsettled(state, &turn, &request.table_name, now_ms)?;
    refuse_together(&request)?;
    json(&state.database.update_table(request)?)
}

/// Refuses a change that AWS takes only by itself, when others come with it (aws-behaviours D7).
fn refuse_together(request: &UpdateTableRequest) -> Result<(), DynoxideError> {
    let protection = request.deletion_protection_enabled.is_some();
    let class = request.table_class.is_some();
    let others = request.provisioned_throughput.is_some()
        || request.billing_mode.is_some()
        || request.stream_specification.is_some()
        || request.on_demand_throughput.is_some()
        || request.global_secondary_index_updates.is_some()
        || request.vector_index_updates.is_some();
    let alone = match (protection, class) {
        (true, _) if class || others => "DeletionProtection",
        (_, true) if others => "TableClass",
        _ => return Ok(()),
    };
    Err(DynoxideError::ValidationException(format!(
        "One or more parameter values were invalid: {alone} modification must be the only \
         operation in the request"
    )))
}

fn list(state: &State, request: ListTablesRequest, now_ms: i64) -> Result<Value, Refusal> {
    let limit = request.limit.map_or(MAX_LISTED, |limit| limit as usize);
    let after = request.exclusive_start_table_name.clone();
    let turn = state.lifecycle.turn();
    let page = state.database.list_tables(request)?;
    let deleting = turn.deleting(now_ms)?;
    if deleting.is_empty() {
        return json(&page);
    }
    let ListTablesResponse {
        table_names: mut names,
        last_evaluated_table_name: last,
    } = page;
    // Those that belong on this page; the rest come with a later one.
    names.extend(deleting.into_iter().filter(|name| {
        after.as_ref().is_none_or(|after| name > after)
            && last.as_ref().is_none_or(|last| name <= last)
    }));
    names.sort();
    names.dedup();
    let more = last.is_some() || names.len() > limit;
    names.truncate(limit);
    let last_evaluated_table_name = names.last().filter(|_| more).cloned();
    json(&ListTablesResponse {
        table_names: names,
        last_evaluated_table_name,
    })
}

/// The engine accepts a repetition; AWS refuses it, and tools rely on the words.
fn update_time_to_live(
    state: &State,
    request: UpdateTimeToLiveRequest,
    now_ms: i64,
) -> Result<Value, Refusal> {
    let turn = state.lifecycle.turn();
    let name = request.table_name.clone();
    let is_there = state.has(&name)?;
    // aws-behaviours D2
    if is_there && turn.phase(&name, now_ms)? == Phase::Creating {
        return Err(DynoxideError::ResourceNotFoundException(format!(
            "Requested resource not found: Table: {name} not found"
        ))
        .into());
    }
    let wanted = &request.time_to_live_specification;
    // A table that does not exist, or an empty name, is refused by the engine itself.
    if is_there && !wanted.attribute_name.is_empty() {
        // aws-behaviours D3
        let refusal = match (wanted.enabled, state.time_to_live(&name)?) {
            (true, Some(attribute)) if attribute == wanted.attribute_name => {
                Some("TimeToLive is already enabled")
            }
            (true, Some(_)) => Some("TimeToLive is active on a different AttributeName"),
            (false, None) => Some("TimeToLive is already disabled"),
            // What is asked for is checked first; then comes the wait (aws-behaviours D4).
            _ if turn.keeps_time_to_live(&name, now_ms)? => {
                Some("Time to live has been modified multiple times within a fixed interval")
            }
            _ => None,
        };
        if let Some(message) = refusal {
            return Err(DynoxideError::ValidationException(message.to_owned()).into());
        }
    }
    let updated = json(&state.database.update_time_to_live(request)?)?;
    if let Err(error) = turn.changed_time_to_live(&name, now_ms) {
        tracing::warn!(%error, name, "the next change of the time to live need not wait");
    }
    Ok(updated)
}

/// Refuses what AWS refuses before it looks (aws-behaviours D2).
fn describe_time_to_live(
    state: &State,
    request: &DescribeTimeToLiveRequest,
    now_ms: i64,
) -> Result<(), Refusal> {
    let turn = state.lifecycle.turn();
    let phase = match turn.phase(&request.table_name, now_ms)? {
        Phase::Creating if state.has(&request.table_name)? => "CREATING",
        Phase::Deleting(_) => "DELETING",
        _ => return Ok(()),
    };
    Err(DynoxideError::ValidationException(format!(
        "Cannot describe time to live while table is in {phase} state: Current table state is \
         {phase}"
    ))
    .into())
}

/// Refuses to change the tags of a table that comes or goes (aws-behaviours D18).
fn settled(state: &State, arn: Option<&str>, now_ms: i64) -> Result<(), Refusal> {
    let Some((_, name)) = arn.and_then(|arn| arn.split_once(":table/")) else {
        return Ok(());
    };
    refuse_unsettled(state, &state.lifecycle.turn(), name, now_ms)
}

fn list_tags(state: &State, request: ListTagsOfResourceRequest) -> Result<Value, Refusal> {
    let arn = request.resource_arn.clone().unwrap_or_default();
    match state.database.list_tags_of_resource(request) {
        Ok(tags) => json(&tags),
        // The engine answers as if it were the table of another account.
        Err(DynoxideError::AccessDeniedException(_)) => {
            Err(DynoxideError::ResourceNotFoundException(format!(
                "Requested resource not found: ResourceArn: {arn} not found"
            ))
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses to change a table that comes or goes (aws-behaviours D8, D14).
fn refuse_unsettled(
    state: &State,
    turn: &Turn<'_>,
    name: &str,
    now_ms: i64,
) -> Result<(), Refusal> {
    match turn.phase(name, now_ms)? {
        Phase::Creating if state.has(name)? => Err(in_use(name, "created")),
        Phase::Deleting(_) => Err(in_use(name, "deleted")),
        _ => Ok(()),
    }
}

fn in_use(name: &str, being: &str) -> Refusal {
    DynoxideError::ResourceInUseException(format!(
        "Attempt to change a resource which is still in use: Table is being {being}: {name}"
    ))
    .into()
}

/// Shows a table that is being created as such, its indexes, too (aws-behaviours D1).
fn show(turn: &Turn<'_>, name: &str, table: &mut Value, now_ms: i64) -> Result<(), Refusal> {
    if turn.phase(name, now_ms)? == Phase::Creating {
        table["TableStatus"] = "CREATING".into();
        let indexes = table["GlobalSecondaryIndexes"].as_array_mut();
        for index in indexes.into_iter().flatten() {
            index["IndexStatus"] = "CREATING".into();
        }
    }
    Ok(())
}
