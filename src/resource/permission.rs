//! Statements of a function's resource policy: what lets a bucket invoke a function. Ours are
//! known by their StatementId, which is made from the stack.

use async_trait::async_trait;
use serde_json::Value;

use super::error::{absent, failed};
use super::policy::statements;
use super::{
    Attrs, CallError, Context, Identity, Listed, Live, Observed, Place, Resolved, ResourceKind,
    Service, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Notification, Stack};

/// Permissions of buckets to invoke functions.
pub struct PermissionKind;

const GONE: &[&str] = &["ResourceNotFoundException"];

/// Name of the permission that wires a bucket to a function; one serves several notifications. True when an
/// earlier notification has it already. Two pairs whose names come to the same when they are joined are
/// numbered.
pub(super) fn permission_name(stack: &Stack, notification: &Notification) -> (String, bool) {
    let joined = |one: &Notification| format!("{}-{}", one.bucket, one.function);
    let pair = |one: &Notification| (one.bucket.clone(), one.function.clone());
    let own = pair(notification);
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut again = false;
    for other in &stack.notifications {
        if std::ptr::eq(other, notification) {
            break;
        }
        again |= pair(other) == own;
        if joined(other) == joined(notification) && !pairs.contains(&pair(other)) {
            pairs.push(pair(other));
        }
    }
    let number = pairs
        .iter()
        .position(|pair| *pair == own)
        .unwrap_or(pairs.len())
        + 1;
    let name = match number {
        1 => joined(notification),
        number => format!("{}-{number}", joined(notification)),
    };
    (name, again)
}

/// What the StatementIds of our statements begin with.
fn sid_prefix(stack: &str) -> String {
    format!("pipectl-{stack}-")
}

#[async_trait]
impl ResourceKind for PermissionKind {
    fn kind(&self) -> Kind {
        Kind::Permission
    }

    fn service(&self) -> Service {
        Service::Lambda
    }

    fn within(&self) -> Option<Kind> {
        Some(Kind::Function)
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = Vec::new();
        for notification in &stack.notifications {
            let (name, again) = permission_name(stack, notification);
            if again {
                continue;
            }
            let id = LogicalId::new(Kind::Permission, &name);
            let identity = Identity {
                name: format!("{}{name}", sid_prefix(&stack.name)),
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
                    .within(LogicalId::new(Kind::Function, &notification.function)),
            );
        }
        all
    }

    async fn list(&self, cx: &Context, within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let Some(function) = within else {
            return Ok(Vec::new());
        };
        let prefix = sid_prefix(&cx.stack);
        let policy = read_policy(cx, &function.identity.name).await?;
        let ours = statements(&policy).into_iter().filter_map(|statement| {
            let sid = statement["Sid"].as_str()?;
            let id = LogicalId::new(Kind::Permission, sid.strip_prefix(&prefix)?);
            let identity = Identity {
                name: sid.to_owned(),
                ..Identity::default()
            };
            let wanted = Wanted::new(id, identity).within(function.id.clone());
            let live = live(&wanted, &function.identity.name, &statement);
            Some(Listed {
                wanted,
                live: Some(live),
            })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        if let Some(listed) = listed {
            let mut live = listed.clone();
            live.recorded = recorded(wanted);
            return Ok(Observed::Owned(live));
        }
        let resolved = wanted.resolve(&super::Identities::new());
        let function = resolved.text("function").unwrap_or_default();
        let policy = read_policy(cx, function).await?;
        let statement = statements(&policy)
            .into_iter()
            .find(|statement| statement["Sid"] == wanted.identity.name.as_str());
        Ok(match statement {
            Some(statement) => Observed::Owned(live(wanted, function, &statement)),
            None => Observed::Absent,
        })
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        cx.clients
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
            .map_err(failed("AddPermission"))?;
        Ok(Live {
            identity: wanted.identity.clone(),
            attrs: wanted.attrs.clone(),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        if super::differing(wanted, &live.attrs).is_empty() {
            return Ok(());
        }
        // A statement cannot be changed, only taken out and put in again. // aws-behaviours L11
        self.delete(cx, live, false).await?;
        self.ensure(cx, wanted).await.map(|_| ())
    }

    async fn delete(&self, cx: &Context, live: &Live, _lose_data: bool) -> Result<(), CallError> {
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

/// The resource policy of a function; null when there is none.
async fn read_policy(cx: &Context, function: &str) -> Result<Value, CallError> {
    let answer = cx
        .clients
        .lambda
        .get_policy()
        .function_name(function)
        .send()
        .await
        .map_err(failed("GetPolicy"));
    let policy = absent(answer, GONE)?.and_then(|answer| answer.policy);
    policy.map_or(Ok(Value::Null), |policy| {
        serde_json::from_str(&policy).map_err(|error| {
            CallError::local("GetPolicy", format!("the policy is not JSON: {error}"))
        })
    })
}

/// Everything about a statement follows from its name: what is not as wanted was changed outside.
fn recorded(wanted: &Wanted) -> Option<Attrs> {
    let attrs = wanted.resolve(&super::Identities::new()).attrs;
    (!attrs.is_empty()).then_some(attrs)
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

fn live(wanted: &Wanted, function: &str, statement: &Value) -> Live {
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
        identity: wanted.identity.clone(),
        attrs,
        state: "Available".to_owned(),
        recorded: recorded(wanted),
        ..Live::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// aws-behaviours L11
    #[test]
    fn a_statement_reads_the_same_in_every_spelling() {
        let policies = [
            json!({"Statement": [{"Sid": "s", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
                "Condition": {"ArnLike": {"AWS:SourceArn": "arn:b"}, "StringEquals": {"AWS:SourceAccount": "1"}}}]}),
            json!({"Statement": {"Sid": "s", "Principal": "s3.amazonaws.com", "Action": ["lambda:InvokeFunction"],
                "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:b"], "aws:SourceAccount": "1"}}}}),
        ];
        let id = LogicalId::new(Kind::Permission, "b-f");
        let wanted = Wanted::new(id, Identity::default());
        for policy in policies {
            let live = live(&wanted, "f", &statements(&policy)[0]);
            let expected = json!({"action": "lambda:InvokeFunction", "function": "f", "principal": "s3.amazonaws.com",
                "source_account": "1", "source_arn": "arn:b"});
            assert_eq!(json!(live.attrs), expected);
        }
    }
}
