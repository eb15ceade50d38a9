//! The state of a stack of CloudFormation's: what it is, what it is made of, and the end of what it is doing.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_cloudformation::config::retry::RetryConfig;
use aws_sdk_cloudformation::types::{ResourceStatus, Stack as Deployed, StackEvent, StackStatus};

use super::error::failed;
use super::template::{IN_PROGRESS, absent_stack};
use super::{CallError, Context, Identity};
use crate::wait::Look;

/// Statuses that no update leads out of: it has to be made anew. // aws-behaviours F1
const DEAD_ENDS: &[&str] = &[
    "CREATE_FAILED",
    "DELETE_FAILED",
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
];
/// Types of resources that may keep data of the user's; `::` at the end stands for all of a service. Nobody knows
/// what is in a stack within a stack, or behind a resource of somebody's own.
const STORES: &[&str] = &[
    "AWS::Backup::BackupVault",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::Stack",
    "AWS::CodeCommit::Repository",
    "AWS::Cognito::UserPool",
    "AWS::DocDB::",
    "AWS::DynamoDB::",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::",
    "AWS::ElastiCache::",
    "AWS::Elasticsearch::",
    "AWS::FSx::",
    "AWS::KMS::Key",
    "AWS::Kinesis::",
    "AWS::Logs::LogGroup",
    "AWS::MSK::",
    "AWS::MemoryDB::",
    "AWS::Neptune::",
    "AWS::OpenSearchServerless::",
    "AWS::OpenSearchService::",
    "AWS::QLDB::",
    "AWS::RDS::",
    "AWS::Redshift::",
    "AWS::S3::Bucket",
    "AWS::S3Express::",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::",
    "Custom::",
];

/// May a resource of this type keep data of the user's?
pub(super) fn is_store(kind: &str) -> bool {
    STORES.iter().any(|store| {
        let whole_service = store.ends_with("::") && kind.starts_with(store);
        whole_service || kind == *store
    })
}

/// Looks at a deletion that shows no beginning before its state counts: the first ones may tell the end of what was
/// done before.
const STALE_LOOKS: u32 = 5;

/// A resource of a deployed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Logical id in the template.
    pub id: String,
    /// Type, e.g. `AWS::CloudWatch::Alarm`.
    pub kind: String,
    physical: Option<String>,
    status: String,
    reason: String,
}

impl Part {
    /// Is it really there? Some endpoints pass over types that they do not know, and call them complete.
    pub fn is_made(&self) -> bool {
        let named = self.physical.as_deref().unwrap_or_default();
        let passed_over = self.reason.contains("not supported");
        !named.is_empty() && named != "unknown" && !passed_over
    }

    /// Does it keep data of the user's?
    pub fn stores_data(&self) -> bool {
        self.status != "DELETE_COMPLETE" && self.is_made() && is_store(&self.kind)
    }
}

/// Can it only be made anew?
pub(super) fn is_dead_end(status: &str) -> bool {
    DEAD_ENDS.contains(&status)
}

/// The stack called so; none when it is not there.
pub(super) async fn describe(cx: &Context, name: &str) -> Result<Option<Deployed>, CallError> {
    let call = cx.clients.cloudformation.describe_stacks();
    let answer = call.stack_name(name).send().await;
    let found = absent_stack(answer.map_err(failed("DescribeStacks")))?;
    let stack = found.and_then(|answer| answer.stacks?.into_iter().next());
    Ok(stack.filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete)))
}

/// What it is made of.
pub(super) async fn parts(cx: &Context, name: &str) -> Result<Vec<Part>, CallError> {
    let pages = cx.clients.cloudformation.list_stack_resources();
    let found = pages.stack_name(name).into_paginator().items().send();
    let found = found
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(failed("ListStackResources"));
    let found = absent_stack(found)?.unwrap_or_default();
    let parts = found.into_iter().map(|one| Part {
        id: one.logical_resource_id.unwrap_or_default(),
        kind: one.resource_type.unwrap_or_default(),
        physical: one.physical_resource_id,
        status: one
            .resource_status
            .as_ref()
            .map_or_else(String::new, |status| status.as_str().to_owned()),
        reason: one.resource_status_reason.unwrap_or_default(),
    });
    Ok(parts.collect())
}

/// Waits until nothing is going on with it any more, however that ends.
pub(super) async fn free(
    cx: &Context,
    name: &str,
    what: &'static str,
) -> Result<Deployed, CallError> {
    let deadline = cx.place.target.row.deadlines.template;
    let seen = AtomicBool::new(false);
    cx.wait(what, deadline, || async {
        let Some(deployed) = describe(cx, name).await? else {
            // One that was made a moment ago may not be seen yet; one that was seen is gone.
            if seen.load(Ordering::Relaxed) {
                return Err(CallError::missing("DescribeStacks", "stack any more"));
            }
            return Ok(Look::NotYet("not seen".to_owned()));
        };
        seen.store(true, Ordering::Relaxed);
        let status = status_of(&deployed);
        Ok(if status.ends_with(IN_PROGRESS) {
            Look::NotYet(status.to_owned())
        } else {
            Look::Done(deployed)
        })
    })
    .await
}

/// Waits until what was begun is done; fails when it did not end well.
pub(super) async fn settled(
    cx: &Context,
    name: &str,
    what: &'static str,
) -> Result<Deployed, CallError> {
    let deployed = free(cx, name, what).await?;
    match status_of(&deployed) {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Ok(deployed),
        bad => Err(CallError::ended_badly(what, bad, &why(cx, &deployed).await)),
    }
}

fn status_of(deployed: &Deployed) -> &str {
    deployed.stack_status().map_or("", StackStatus::as_str)
}

/// The first thing that failed: what comes after it was given up because of it.
pub(super) async fn why(cx: &Context, deployed: &Deployed) -> String {
    let own = deployed.stack_status_reason().unwrap_or_default();
    let Some(id) = deployed.stack_id() else {
        return own.to_owned();
    };
    let Some(of_this) = last_events(cx, id).await else {
        return own.to_owned();
    };
    let mut failed = of_this.iter().filter(|event| {
        let failed = event
            .resource_status()
            .is_some_and(|status| status.as_str().ends_with("_FAILED"));
        let given_up = event.resource_status_reason().unwrap_or_default();
        failed && !given_up.contains("cancelled") && event.physical_resource_id() != Some(id)
    });
    let first = failed.next_back().map(|event| {
        format!(
            "{} ({}): {}",
            event.logical_resource_id().unwrap_or_default(),
            event.resource_type().unwrap_or_default(),
            event.resource_status_reason().unwrap_or("no reason given")
        )
    });
    first.unwrap_or_else(|| own.to_owned())
}

/// Most pages of events that are read for a reason.
const MOST_PAGES: usize = 10;

/// The events of the last operation, the newest first; none where they cannot be read.
async fn last_events(cx: &Context, id: &str) -> Option<Vec<StackEvent>> {
    let begins = |event: &StackEvent| {
        event.physical_resource_id() == Some(id)
            && matches!(
                event.resource_status(),
                Some(
                    ResourceStatus::CreateInProgress
                        | ResourceStatus::DeleteInProgress
                        | ResourceStatus::UpdateInProgress
                )
            )
    };
    let mut events = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let call = cx.clients.cloudformation.describe_stack_events();
        let answer = call
            .stack_name(id)
            .set_next_token(token)
            .send()
            .await
            .ok()?;
        token = answer.next_token;
        for event in answer.stack_events.unwrap_or_default() {
            if begins(&event) {
                return Some(events);
            }
            events.push(event);
        }
        if token.is_none() {
            break;
        }
    }
    Some(events)
}

/// Most times that a deletion is asked for while answers are lost.
const MOST_TRIES: u32 = 4;

/// Asks for the deletion. Where the answer is lost it is looked first whether it was begun: LocalStack lets a second
/// deletion fail that comes while the first one is going on. // aws-behaviours §11
async fn begin_deletion(cx: &Context, id: &str) -> Result<(), CallError> {
    let once = aws_sdk_cloudformation::config::Builder::new().retry_config(RetryConfig::disabled());
    for left in (0..MOST_TRIES).rev() {
        let call = cx.clients.cloudformation.delete_stack().stack_name(id);
        let answer = call.customize().config_override(once.clone()).send().await;
        match absent_stack(answer.map_err(failed("DeleteStack"))) {
            Err(error) if error.unreachable && left > 0 => {}
            other => return other.map(|_| ()),
        }
        let going = describe(cx, id).await?;
        if going.is_none_or(|stack| status_of(&stack).ends_with(IN_PROGRESS)) {
            return Ok(());
        }
    }
    Ok(())
}

/// Deletes it and waits until it is gone. // aws-behaviours F5
pub(super) async fn delete(cx: &Context, identity: &Identity) -> Result<(), CallError> {
    // By its id: the name may be another one's by then.
    let id = identity.arn.as_deref().unwrap_or(&identity.name);
    begin_deletion(cx, id).await?;
    let deadline = cx.place.target.row.deadlines.template;
    let (begun, looks) = (AtomicBool::new(false), AtomicU32::new(0));
    let failed = cx
        .wait("template gone", deadline, || async {
            let Some(deployed) = describe(cx, id).await? else {
                return Ok(Look::Done(None));
            };
            let status = status_of(&deployed).to_owned();
            let looks = looks.fetch_add(1, Ordering::Relaxed) + 1;
            if status.ends_with(IN_PROGRESS) {
                begun.store(true, Ordering::Relaxed);
            } else if begun.load(Ordering::Relaxed) || looks > STALE_LOOKS {
                return Ok(Look::Done(Some(deployed)));
            }
            Ok(Look::NotYet(status))
        })
        .await?;
    match failed {
        None => Ok(()),
        Some(deployed) => {
            let (state, reason) = (status_of(&deployed), why(cx, &deployed).await);
            Err(CallError::ended_badly("template gone", state, &reason))
        }
    }
}
