//! Changes of a stack of CloudFormation's: shown as a change set first, then carried out as it was shown.

use std::time::Duration;

use aws_sdk_cloudformation::types::{
    ChangeAction, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter, Replacement,
    ResourceChange,
};
use serde_json::Value;

use super::attrs::Origin;
use super::error::failed;
use super::template::{
    IN_PROGRESS, RESOURCES, absent_stack, body, capabilities, parameters, tag_list,
};
use super::template_state::{describe, is_store, settled};
use super::{CallError, Change, Context, Live, Preview, Resolved, Tags};
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
) -> Result<Preview, CallError> {
    let Some(prepared) = prepare(cx, wanted, live).await? else {
        // How it is written differs in a way that CloudFormation calls no change. // aws-behaviours F2
        return Ok(Preview {
            nothing: true,
            ..Preview::default()
        });
    };
    live.handle = Some(prepared.arn);
    Ok(Preview {
        nothing: false,
        changes: prepared.changes.iter().filter_map(shown).collect(),
        loses: prepared.changes.iter().filter_map(lost).collect(),
    })
}

/// A change set that is not carried out goes.
pub(super) async fn forget(cx: &Context, change_set: &str) -> Result<(), CallError> {
    let call = cx.clients.cloudformation.delete_change_set();
    let answer = call.change_set_name(change_set).send().await;
    absent_stack(answer.map_err(failed("DeleteChangeSet"))).map(|_| ())
}

/// Carries out the change set that was shown; where there is none any more, one that is made now.
pub(super) async fn carry_out(
    cx: &Context,
    wanted: &Resolved,
    live: &Live,
) -> Result<(), CallError> {
    let executed = match &live.handle {
        Some(arn) => execute(cx, live, arn).await?,
        None => false,
    };
    if !executed {
        // aws-behaviours F2
        let Some(prepared) = prepare(cx, wanted, live).await? else {
            return Ok(());
        };
        if !execute(cx, live, &prepared.arn).await? {
            let what = "change set that can be executed";
            return Err(CallError::missing("ExecuteChangeSet", what));
        }
    }
    let name = &live.identity.name;
    settled(cx, name, "template updated").await.map(|_| ())
}

/// False when the change set cannot be executed any more: the stack was changed since.
async fn execute(cx: &Context, live: &Live, arn: &str) -> Result<bool, CallError> {
    let call = cx.clients.cloudformation.execute_change_set();
    let answer = call.change_set_name(arn).send().await;
    match absent_stack(answer.map_err(failed("ExecuteChangeSet"))) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(false),
        // One whose answer was lost is being executed; another one is of no use any more.
        Err(error) if error.is("InvalidChangeSetStatus") => {
            let is_begun = matches!(
                execution(cx, arn).await?,
                Some(ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete)
            );
            if !is_begun {
                return Ok(false);
            }
        }
        Err(error) => return Err(error),
    }
    begun(cx, &live.identity.name, arn).await?;
    Ok(true)
}

/// How long the stack may go on telling the end of what was done before, once a change set is executed.
const STALE: Duration = Duration::from_secs(10);

/// Waits until the execution is seen: before that the stack's status is that of what was done before.
async fn begun(cx: &Context, stack: &str, change_set: &str) -> Result<(), CallError> {
    let seen = cx
        .wait("change set executed", STALE, || async {
            let deployed = describe(cx, stack).await?;
            let status = deployed.and_then(|one| one.stack_status);
            if status.is_some_and(|status| status.as_str().ends_with(IN_PROGRESS)) {
                return Ok(Look::Done(()));
            }
            Ok(match execution(cx, change_set).await? {
                Some(
                    ref status @ (ExecutionStatus::Available | ExecutionStatus::ExecuteInProgress),
                ) => Look::NotYet(status.as_str().to_owned()),
                _ => Look::Done(()),
            })
        })
        .await;
    match seen {
        Err(error) if error.is_timeout() => Ok(()),
        other => other,
    }
}

/// How far the execution of a change set is; none when it is not there any more.
async fn execution(cx: &Context, arn: &str) -> Result<Option<ExecutionStatus>, CallError> {
    let call = cx.clients.cloudformation.describe_change_set();
    let answer = call.change_set_name(arn).send().await;
    let found = absent_stack(answer.map_err(failed("DescribeChangeSet")))?;
    Ok(found.and_then(|found| found.execution_status))
}

async fn prepare(cx: &Context, wanted: &Resolved, live: &Live) -> Result<Prepared, CallError> {
    let cloudformation = &cx.clients.cloudformation;
    let stack = &live.identity.name;
    let name = name_of_another();
    let answer = cloudformation
        .create_change_set()
        .stack_name(stack)
        .change_set_name(&name)
        .change_set_type(ChangeSetType::Update)
        .template_body(body(wanted))
        .set_parameters(Some(parameters(wanted)))
        .set_capabilities(Some(capabilities(wanted)))
        .set_tags(Some(tag_list(&merged(live, &cx.tags(wanted)))))
        .send()
        .await
        .map_err(failed("CreateChangeSet"));
    let id = match answer {
        Ok(answer) => answer.id,
        // Nobody else has that name: it is the one whose answer was lost.
        Err(error) if error.is("AlreadyExistsException") => {
            let call = cloudformation.describe_change_set();
            let answer = call.stack_name(stack).change_set_name(&name).send().await;
            answer.map_err(failed("DescribeChangeSet"))?.change_set_id
        }
        Err(error) => return Err(error),
    };
    let arn = id.ok_or_else(|| CallError::missing("CreateChangeSet", "Id"))?;
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
        _ if nothing => forget(cx, &done.arn).await.map(|()| None),
        status => {
            forget(cx, &done.arn).await?;
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
    let kind = Value::from(change.resource_type().unwrap_or("resource"));
    let (from, to) = match change.action()? {
        ChangeAction::Add => (None, Some(kind)),
        ChangeAction::Remove => (Some(kind), None),
        _ => (Some(kind), Some(how(change).into())),
    };
    Some(Change {
        field: format!("{RESOURCES}.{id}"),
        from,
        to,
        origin: Origin::Stack,
    })
}

/// A resource that goes, or is made anew, and may keep data of the user's.
fn lost(change: &ResourceChange) -> Option<String> {
    let kind = change.resource_type()?;
    let goes = match change.action()? {
        ChangeAction::Add => false,
        ChangeAction::Remove => true,
        _ => matches!(
            change.replacement(),
            Some(Replacement::True | Replacement::Conditional)
        ),
    };
    let id = change.logical_resource_id()?;
    (goes && is_store(kind)).then(|| format!("{id} ({kind})"))
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
    let as_before = deployed.parameters().iter().map(|parameter| {
        Parameter::builder()
            .set_parameter_key(parameter.parameter_key.clone())
            .use_previous_value(true)
            .build()
    });
    let mut all = set;
    all.extend(tags.clone());
    let answer = cx
        .clients
        .cloudformation
        .update_stack()
        .stack_name(name)
        .use_previous_template(true)
        .set_parameters(Some(as_before.collect()))
        .set_capabilities(deployed.capabilities.clone())
        .set_tags(Some(tag_list(&all)))
        .send()
        .await
        .map_err(failed("UpdateStack"));
    match answer {
        // aws-behaviours F2; LocalStack cannot update tags alone, nor use the previous template. // §11
        Err(error)
            if error.says("No updates are to be performed") || error.says("TemplateBody") =>
        {
            Ok(())
        }
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
