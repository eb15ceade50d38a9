//! Permissions of a queue: statements of its `Policy` attribute. They are kept, not enforced: there
//! are no principals here.

use serde_json::{Value, json};

use crate::error::AwsError;

use super::state::{State, arn_of, require, save};
use super::state_attributes::Attributes;
use super::state_errors::invalid_value;

/// What AddPermission grants.
pub(super) struct Permission<'a> {
    /// The statement's id.
    pub label: &'a str,
    /// The accounts that it is granted to.
    pub accounts: &'a [String],
    /// Names of operations, or `*`.
    pub actions: &'a [String],
}

/// AWS writes a list of one without the brackets.
fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 {
        texts.remove(0).into()
    } else {
        texts.into()
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement["Sid"] == label
}

/// The policy and its statements, which a user may have written without a list.
fn read(policy: Option<&str>, arn: &str) -> Result<(Value, Vec<Value>), AwsError> {
    let mut policy = match policy {
        Some(text) => serde_json::from_str(text).map_err(AwsError::internal)?,
        None => json!({ "Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy") }),
    };
    let statements = match policy["Statement"].take() {
        Value::Array(statements) => statements,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    Ok((policy, statements))
}

fn write(mut policy: Value, statements: Vec<Value>) -> Option<String> {
    if statements.is_empty() {
        return None;
    }
    policy["Statement"] = statements.into();
    Some(policy.to_string())
}

fn granted(
    policy: Option<&str>,
    arn: &str,
    permission: &Permission<'_>,
) -> Result<Option<String>, AwsError> {
    let (policy, mut statements) = read(policy, arn)?;
    if statements
        .iter()
        .any(|one| has_label(one, permission.label))
    {
        return Err(invalid_value(permission.label, "Label", "Already exists."));
    }
    let account = |id: &String| format!("arn:aws:iam::{id}:root");
    let action = |name: &String| format!("SQS:{name}");
    statements.push(json!({
        "Sid": permission.label,
        "Effect": "Allow",
        "Principal": {
            "AWS": one_or_many(permission.accounts.iter().map(account).collect()),
        },
        "Action": one_or_many(permission.actions.iter().map(action).collect()),
        "Resource": arn,
    }));
    Ok(write(policy, statements))
}

fn revoked(policy: Option<&str>, arn: &str, label: &str) -> Result<Option<String>, AwsError> {
    let (policy, mut statements) = read(policy, arn)?;
    let before = statements.len();
    statements.retain(|one| !has_label(one, label));
    if statements.len() == before {
        return Err(invalid_value(label, "Label", "can't find label."));
    }
    Ok(write(policy, statements))
}

impl State {
    /// Adds a statement to the policy of a queue.
    pub(super) fn add_permission(
        &self,
        name: &str,
        permission: &Permission<'_>,
        now: i64,
    ) -> Result<(), AwsError> {
        self.change_policy(name, now, |policy, arn| granted(policy, arn, permission))
    }

    /// Takes the statement with this label out of the policy of a queue.
    pub(super) fn remove_permission(
        &self,
        name: &str,
        label: &str,
        now: i64,
    ) -> Result<(), AwsError> {
        self.change_policy(name, now, |policy, arn| revoked(policy, arn, label))
    }

    fn change_policy(
        &self,
        name: &str,
        now: i64,
        change: impl FnOnce(Option<&str>, &str) -> Result<Option<String>, AwsError>,
    ) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let attributes = require(&transaction, name)?.attributes;
        let policy = change(attributes.policy.as_deref(), &arn_of(name))?;
        let attributes = Attributes {
            policy,
            ..attributes
        };
        save(&transaction, name, &attributes, now)?;
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";

    #[test]
    fn statements_are_written_as_aws_writes_them() {
        let texts =
            |list: &[&str]| -> Vec<String> { list.iter().map(|text| (*text).to_owned()).collect() };
        let (accounts, actions) = (texts(&["111111111111"]), texts(&["ReceiveMessage"]));
        let one = Permission {
            label: "one",
            accounts: &accounts,
            actions: &actions,
        };
        let policy = granted(None, ARN, &one).expect("granted").expect("some");
        assert_eq!(
            serde_json::from_str::<Value>(&policy).expect("JSON"),
            json!({
                "Version": "2008-10-17",
                "Id": "arn:aws:sqs:us-east-1:000000000000:jobs/SQSDefaultPolicy",
                "Statement": [{
                    "Sid": "one", "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                    "Action": "SQS:ReceiveMessage", "Resource": ARN,
                }],
            })
        );
        let again = granted(Some(&policy), ARN, &one).expect_err("refused");
        assert_eq!(
            again.message,
            "Value one for parameter Label is invalid. Reason: Already exists."
        );
        let (accounts, actions) = (
            texts(&["111111111111", "222222222222"]),
            texts(&["SendMessage", "GetQueueUrl"]),
        );
        let two = Permission {
            label: "two",
            accounts: &accounts,
            actions: &actions,
        };
        let both = granted(Some(&policy), ARN, &two)
            .expect("granted")
            .expect("some");
        let both: Value = serde_json::from_str(&both).expect("JSON");
        assert_eq!(
            both["Statement"][1]["Principal"]["AWS"],
            json!([
                "arn:aws:iam::111111111111:root",
                "arn:aws:iam::222222222222:root"
            ])
        );
        assert_eq!(
            both["Statement"][1]["Action"],
            json!(["SQS:SendMessage", "SQS:GetQueueUrl"])
        );

        let left = revoked(Some(&both.to_string()), ARN, "two").expect("revoked");
        assert_eq!(left.as_deref(), Some(policy.as_str()));
        assert_eq!(revoked(Some(&policy), ARN, "one"), Ok(None));
        for policy in [None, Some(policy.as_str())] {
            let refused = revoked(policy, ARN, "none").expect_err("refused");
            assert_eq!(
                refused.message,
                "Value none for parameter Label is invalid. Reason: can't find label."
            );
        }
    }

    #[test]
    fn a_policy_that_the_user_wrote_is_kept() {
        let written = r#"{"Version":"2012-10-17","Statement":{"Sid":"mine","Effect":"Deny"}}"#;
        let (accounts, actions) = (vec!["111111111111".to_owned()], vec!["*".to_owned()]);
        let permission = Permission {
            label: "more",
            accounts: &accounts,
            actions: &actions,
        };
        let policy = granted(Some(written), ARN, &permission)
            .expect("granted")
            .expect("some");
        let policy: Value = serde_json::from_str(&policy).expect("JSON");
        assert_eq!(policy["Version"], "2012-10-17");
        assert_eq!(
            policy["Statement"][0],
            json!({"Sid": "mine", "Effect": "Deny"})
        );
        assert_eq!(policy["Statement"][1]["Action"], "SQS:*");
    }
}
