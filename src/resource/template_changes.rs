//! Changes of a stack of CloudFormation's: shown as a change set first, then carried out as it was shown.

use aws_sdk_cloudformation::types::{
    ChangeSetStatus, ChangeSetType, Parameter, Replacement, ResourceChange,
};

use super::attrs::Origin;
use super::error::failed;
use super::template::{RESOURCES, absent_stack, body, capabilities, parameters, tag_list};
use super::template_state::{describe, settled};
use super::{CallError, Change, Context, Live, Resolved, Tags};
use crate::wait::Look;

/// What the names of our change sets begin with.
const NAME: &str = "pipectl-";

/// A change set: none where there is nothing to change.
type Prepared = Option<ChangeSet>;

struct ChangeSet {
    arn: String,
    changes: Vec<ResourceChange>,
}

/// Has CloudFormation say what an update would do. The change set is kept in `live`, to be carried out.
pub(super) async fn preview(
    cx: &Context,
    wanted: &Resolved,
    live: &mut Live,
) -> Result<Vec<Change>, CallError> {
    let Some(prepared) = prepare(cx, wanted, live).await? else {
        return Ok(Vec::new());
    };
    live.handle = Some(prepared.arn);
    Ok(prepared.changes.iter().filter_map(shown).collect())
}

/// A change set that is not carried out goes.
pub(super) async fn forget(cx: &Context, live: &Live) -> Result<(), CallError> {
    let Some(arn) = &live.handle else {
        return Ok(());
    };
    let call = cx.clients.cloudformation.delete_change_set();
    let answer = call.change_set_name(arn).send().await;
    absent_stack(answer.map_err(failed("DeleteChangeSet"))).map(|_| ())
}

/// Carries out the change set that was shown; where there is none any more, one that is made now.
pub(super) async fn carry_out(
    cx: &Context,
    wanted: &Resolved,
    live: &Live,
) -> Result<(), CallError> {
    if let Some(arn) = &live.handle
        && execute(cx, arn).await?
    {
        return settled(cx, &live.identity.name, "template updated")
            .await
            .map(|_| ());
    }
    // aws-behaviours F2
    let Some(prepared) = prepare(cx, wanted, live).await? else {
        return Ok(());
    };
    if !execute(cx, &prepared.arn).await? {
        return Err(CallError::missing(
            "ExecuteChangeSet",
            "change set that can be executed",
        ));
    }
    settled(cx, &live.identity.name, "template updated")
        .await
        .map(|_| ())
}

/// False when the change set cannot be executed any more: the stack was changed since.
async fn execute(cx: &Context, arn: &str) -> Result<bool, CallError> {
    let call = cx.clients.cloudformation.execute_change_set();
    let answer = call.change_set_name(arn).send().await;
    match absent_stack(answer.map_err(failed("ExecuteChangeSet"))) {
        Ok(done) => Ok(done.is_some()),
        Err(error) if error.is("InvalidChangeSetStatus") => Ok(false),
        Err(error) => Err(error),
    }
}

async fn prepare(cx: &Context, wanted: &Resolved, live: &Live) -> Result<Prepared, CallError> {
    let cloudformation = &cx.clients.cloudformation;
    let stack = &live.identity.name;
    let answer = cloudformation
        .create_change_set()
        .stack_name(stack)
        .change_set_name(name_of_another())
        .change_set_type(ChangeSetType::Update)
        .template_body(body(wanted))
        .set_parameters(Some(parameters(wanted)))
        .set_capabilities(Some(capabilities(wanted)))
        .set_tags(Some(tag_list(&merged(live, &cx.tags(wanted)))))
        .send()
        .await
        .map_err(failed("CreateChangeSet"))?;
    let arn = answer
        .id
        .ok_or_else(|| CallError::missing("CreateChangeSet", "Id"))?;
    let deadline = cx.place.target.row.deadlines.template;
    let ended = cx
        .wait("change set", deadline, || async {
            let call = cloudformation.describe_change_set();
            let answer = call.change_set_name(&arn).send().await;
            let found = answer.map_err(failed("DescribeChangeSet"))?;
            Ok(match found.status() {
                Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) | None => {
                    Look::NotYet("in progress".to_owned())
                }
                Some(_) => Look::Done(found),
            })
        })
        .await?;
    let reason = ended.status_reason().unwrap_or_default();
    let nothing = ["didn't contain changes", "No updates are to be performed"]
        .iter()
        .any(|words| reason.contains(words));
    let changes: Vec<ResourceChange> = ended
        .changes()
        .iter()
        .filter_map(|change| change.resource_change().cloned())
        .collect();
    let done = ChangeSet { arn, changes };
    match ended.status() {
        Some(ChangeSetStatus::CreateComplete) if ended.next_token().is_some() => {
            rest(cx, done, ended.next_token().map(str::to_owned))
                .await
                .map(Some)
        }
        Some(ChangeSetStatus::CreateComplete) => Ok(Some(done)),
        // aws-behaviours F2
        _ if nothing => {
            let live = Live {
                handle: Some(done.arn),
                ..Live::default()
            };
            forget(cx, &live).await?;
            Ok(None)
        }
        status => {
            let status = status.map_or("", ChangeSetStatus::as_str);
            Err(CallError::ended_badly("change set", status, reason))
        }
    }
}

/// The changes that did not fit into one answer.
async fn rest(
    cx: &Context,
    mut set: ChangeSet,
    mut token: Option<String>,
) -> Result<ChangeSet, CallError> {
    while let Some(next) = token {
        let call = cx.clients.cloudformation.describe_change_set();
        let answer = call
            .change_set_name(&set.arn)
            .next_token(next)
            .send()
            .await
            .map_err(failed("DescribeChangeSet"))?;
        let more = answer.changes().iter();
        set.changes
            .extend(more.filter_map(|change| change.resource_change().cloned()));
        token = answer.next_token;
    }
    Ok(set)
}

/// One change as a plan shows it.
fn shown(change: &ResourceChange) -> Option<Change> {
    let id = change.logical_resource_id()?;
    let kind = change.resource_type().unwrap_or("resource");
    let action = change.action()?.as_str();
    let (from, to) = match action {
        // A plan tells these by itself: the templates differ in them.
        "Add" | "Remove" => return None,
        _ => (kind.to_owned(), how(change)),
    };
    Some(Change {
        field: format!("{RESOURCES}.{id}"),
        from: Some(from.into()),
        to: Some(to.into()),
        origin: Origin::Stack,
    })
}

/// How a resource is changed: `changed (Threshold)`, `replaced (Name)`.
fn how(change: &ResourceChange) -> String {
    let verb = match change.replacement() {
        Some(Replacement::True) => "made anew",
        Some(Replacement::Conditional) => "changed, or made anew",
        _ => "changed",
    };
    let mut names: Vec<&str> = change
        .details()
        .iter()
        .filter_map(|detail| {
            let target = detail.target()?;
            target.name().or_else(|| Some(target.attribute()?.as_str()))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        verb.to_owned()
    } else {
        format!("{verb} ({})", names.join(", "))
    }
}

/// Sets tags, with everything else as it is: CloudFormation takes tags only with an update.
pub(super) async fn tag(cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
    let name = &live.identity.name;
    let Some(deployed) = describe(cx, name).await? else {
        return Ok(());
    };
    let set: Tags = deployed
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .collect();
    // An update that came before carried them along.
    if tags.iter().all(|(key, value)| set.get(key) == Some(value)) {
        return Ok(());
    }
    let cloudformation = &cx.clients.cloudformation;
    let body = cloudformation.get_template().stack_name(name).send().await;
    let body = body.map_err(failed("GetTemplate"))?.template_body;
    let as_before = deployed.parameters().iter().map(|parameter| {
        Parameter::builder()
            .set_parameter_key(parameter.parameter_key.clone())
            .use_previous_value(true)
            .build()
    });
    let mut all = set;
    all.extend(tags.clone());
    let answer = cloudformation
        .update_stack()
        .stack_name(name)
        .set_template_body(body)
        .set_parameters(Some(as_before.collect()))
        .set_capabilities(deployed.capabilities.clone())
        .set_tags(Some(tag_list(&all)))
        .send()
        .await
        .map_err(failed("UpdateStack"));
    match answer {
        // aws-behaviours F2
        Err(error) if error.says("No updates are to be performed") => Ok(()),
        Err(error) => Err(error),
        Ok(_) => settled(cx, name, "template updated").await.map(|_| ()),
    }
}

/// The tags of others with ours.
fn merged(live: &Live, ours: &Tags) -> Tags {
    let mut all = live.tags.clone().unwrap_or_default();
    all.retain(|key, _| !key.starts_with("aws:"));
    all.extend(ours.clone());
    all
}

/// A name that no change set has.
fn name_of_another() -> String {
    format!("{NAME}{}", uuid::Uuid::new_v4().simple())
}
