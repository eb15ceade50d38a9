//! Statements of a function's resource policy: what lets a bucket invoke a function. Ours are
//! known by their StatementId, which is made from the stack.

use async_trait::async_trait;
use serde_json::Value;

use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Identity, Live, Observed, Place, Resolved, ResourceKind, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Stack};

/// Permissions of buckets to invoke functions.
pub struct PermissionKind;

const GONE: &[&str] = &["ResourceNotFoundException"];

/// Name of the permission that wires a bucket to a function; one serves several notifications.
pub(super) fn permission_name(bucket: &str, function: &str) -> String {
    format!("{bucket}-{function}")
}

#[async_trait]
impl ResourceKind for PermissionKind {
    fn kind(&self) -> Kind {
        Kind::Permission
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = Vec::new();
        for notification in &stack.notifications {
            let name = permission_name(&notification.bucket, &notification.function);
            let id = LogicalId::new(Kind::Permission, &name);
            if all.iter().any(|wanted| wanted.id == id) {
                continue;
            }
            let identity = Identity {
                name: format!("pipectl-{}-{name}", stack.name),
                ..Identity::default()
            };
            let bucket = place.bucket(stack, &notification.bucket);
            all.push(
                Wanted::new(id, identity)
                    .with(
                        "function",
                        place.function(stack, &notification.function).name,
                    )
                    .with("principal", "s3.amazonaws.com")
                    .with("action", "lambda:InvokeFunction")
                    .with("source_arn", bucket.arn.unwrap_or_default())
                    .with("source_account", place.target.account.clone())
                    .after(LogicalId::new(Kind::Function, &notification.function)),
            );
        }
        all
    }

    async fn observe(&self, cx: &Context, wanted: &Wanted) -> Result<Observed, CallError> {
        let resolved = wanted.resolve(&super::Identities::new());
        let function = resolved.text("function").unwrap_or_default();
        let answer = cx
            .clients
            .lambda
            .get_policy()
            .function_name(function)
            .send()
            .await
            .map_err(failed("GetPolicy"));
        let Some(policy) = absent(answer, GONE)?.and_then(|answer| answer.policy) else {
            return Ok(Observed::Absent);
        };
        let policy: Value = serde_json::from_str(&policy).map_err(|error| {
            CallError::local("GetPolicy", format!("the policy is not JSON: {error}"))
        })?;
        Ok(match statement(&policy, &wanted.identity.name) {
            Some(statement) => Observed::Owned(live(&wanted.identity, function, statement)),
            None => Observed::Absent,
        })
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let answer = cx
            .clients
            .lambda
            .add_permission()
            .function_name(wanted.text("function").unwrap_or_default())
            .statement_id(&wanted.identity.name)
            .action(wanted.text("action").unwrap_or_default())
            .principal(wanted.text("principal").unwrap_or_default())
            .source_arn(wanted.text("source_arn").unwrap_or_default())
            .source_account(wanted.text("source_account").unwrap_or_default())
            .send()
            .await
            .map_err(failed("AddPermission"));
        match answer {
            // Somebody was faster with the same statement. // aws-behaviours L11
            Err(error)
                if error.is("ResourceConflictException")
                    && error.message.contains("already exists") => {}
            other => {
                other?;
            }
        }
        Ok(Live {
            identity: wanted.identity.clone(),
            attrs: wanted.attrs.clone(),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        if super::compare(wanted, &live.attrs).is_empty() {
            return Ok(());
        }
        // A statement cannot be changed, only taken out and put in again. // aws-behaviours L11
        self.delete(cx, live).await?;
        self.ensure(cx, wanted).await.map(|_| ())
    }

    async fn delete(&self, cx: &Context, live: &Live) -> Result<(), CallError> {
        let function = live
            .attrs
            .get("function")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let answer = cx
            .clients
            .lambda
            .remove_permission()
            .function_name(function)
            .statement_id(&live.identity.name)
            .send()
            .await;
        absent(answer.map_err(failed("RemovePermission")), GONE).map(|_| ())
    }
}

fn statement<'a>(policy: &'a Value, sid: &str) -> Option<&'a Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.iter().find(|statement| statement["Sid"] == sid),
        single => Some(single).filter(|statement| statement["Sid"] == sid),
    }
}

/// The value of a condition key, whatever operator it stands under and however it is written.
fn condition<'a>(statement: &'a Value, key: &str) -> Option<&'a str> {
    statement["Condition"]
        .as_object()?
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .and_then(|(_, value)| value.as_str().or_else(|| value[0].as_str()))
}

fn live(identity: &Identity, function: &str, statement: &Value) -> Live {
    let principal = &statement["Principal"];
    let principal = principal["Service"].as_str().or_else(|| principal.as_str());
    let mut attrs = Attrs::from([("function".to_owned(), function.into())]);
    let fields = [
        ("principal", principal),
        (
            "action",
            statement["Action"]
                .as_str()
                .or_else(|| statement["Action"][0].as_str()),
        ),
        ("source_arn", condition(statement, "aws:SourceArn")),
        ("source_account", condition(statement, "aws:SourceAccount")),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            attrs.insert(field.to_owned(), value.into());
        }
    }
    Live {
        identity: identity.clone(),
        attrs,
        state: "Available".to_owned(),
        ..Live::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_statement_reads_the_same_in_every_spelling() {
        let policies = [
            json!({"Statement": [{"Sid": "s", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
                "Condition": {"ArnLike": {"AWS:SourceArn": "arn:b"}, "StringEquals": {"AWS:SourceAccount": "1"}}}]}),
            json!({"Statement": {"Sid": "s", "Principal": "s3.amazonaws.com", "Action": ["lambda:InvokeFunction"],
                "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:b"], "aws:SourceAccount": "1"}}}}),
        ];
        for policy in policies {
            let statement = statement(&policy, "s").expect("found");
            let live = live(&Identity::default(), "f", statement);
            let expected = json!({"action": "lambda:InvokeFunction", "function": "f", "principal": "s3.amazonaws.com",
                "source_account": "1", "source_arn": "arn:b"});
            assert_eq!(json!(live.attrs), expected);
        }
        assert!(statement(&json!({}), "s").is_none());
    }
}
