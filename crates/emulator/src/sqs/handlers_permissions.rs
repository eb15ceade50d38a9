//! Permissions: statements of a queue's policy by their labels.

use crate::error::AwsError;

use super::SqsService;
use super::operations::OPERATIONS;
use super::state_errors::{invalid_value, missing};
use super::state_permissions::Permission;
use super::wire::{self, Answer, Call};
use super::wire_requests::{AddPermission, RemovePermission};

/// Operations that can be granted to others; those for batches go with them.
const GRANTED: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];
/// Operations of one statement.
const MAX_ACTIONS: usize = 7;

fn check_label(label: Option<String>) -> Result<String, AwsError> {
    let label = label.ok_or_else(|| missing("Label"))?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=80).contains(&label.len()) || !label.bytes().all(allowed) {
        return Err(invalid_value(
            &label,
            "Label",
            "Can only include alphanumeric characters, hyphens, or underscores. \
             1 to 80 in length",
        ));
    }
    Ok(label)
}

fn check_actions(actions: &[String]) -> Result<(), AwsError> {
    if actions.len() > MAX_ACTIONS {
        return Err(AwsError::bad_request(
            "OverLimit",
            format!(
                "{} Actions were found, maximum allowed is {MAX_ACTIONS}.",
                actions.len()
            ),
        ));
    }
    let Some(refused) = actions
        .iter()
        .find(|action| !GRANTED.contains(&action.as_str()))
    else {
        return Ok(());
    };
    let reason = if OPERATIONS.iter().any(|known| known.name == refused) {
        "Only the queue owner is allowed to invoke this action."
    } else {
        "Please refer to the appropriate WSDL for a list of valid actions."
    };
    Err(invalid_value(
        &format!("SQS:{refused}"),
        "ActionName",
        reason,
    ))
}

/// There is nobody to ask about accounts; what cannot be one is refused.
fn check_accounts(accounts: &[String]) -> Result<(), AwsError> {
    let is_account = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    if !accounts.is_empty() && accounts.iter().all(is_account) {
        return Ok(());
    }
    let given = format!("[{}]", accounts.join(", "));
    Err(invalid_value(&given, "PrincipalId", "Unable to verify."))
}

pub(super) fn add(service: &SqsService, call: &Call) -> Answer {
    let request: AddPermission = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let label = check_label(request.label)?;
    let actions = request
        .actions
        .filter(|actions| !actions.is_empty())
        .ok_or_else(|| missing("Actions"))?;
    let accounts = request.account_ids.unwrap_or_default();
    check_accounts(&accounts)?;
    check_actions(&actions)?;
    let permission = Permission {
        label: &label,
        accounts: &accounts,
        actions: &actions,
    };
    service
        .state
        .add_permission(name, &permission, service.now_ms())?;
    wire::nothing()
}

pub(super) fn remove(service: &SqsService, call: &Call) -> Answer {
    let request: RemovePermission = call.parameters()?;
    let name = call.queue(request.queue_url.as_deref())?;
    let label = request.label.ok_or_else(|| missing("Label"))?;
    service
        .state
        .remove_permission(name, &label, service.now_ms())?;
    wire::nothing()
}
