//! What the role of a function allows: statements made of its `access`, of what starts it, of where its
//! failures go, and of its own log group. Actions and resources are named one by one; a `*` stands only for
//! the objects of a bucket and for the streams of the function's log group, which have no names yet.

use serde_json::{Value, json};

use super::Place;
use crate::stack::model::{AccessAction, Function, Kind, Stack};

/// Objects of a bucket are read whether they have versions or not.
const READ_OBJECTS: &[&str] = &["s3:GetObject", "s3:GetObjectVersion"];
/// Without it S3 answers 403 and not 404 for an object that is not there, and a file that is gone could not be
/// told from one that may not be read. Source: S3 API reference, GetObject.
const LIST_OBJECTS: &[&str] = &["s3:ListBucket"];
const WRITE_OBJECTS: &[&str] = &["s3:AbortMultipartUpload", "s3:PutObject"];
const READ_ITEMS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
];
const READ_INDEX: &[&str] = &["dynamodb:Query", "dynamodb:Scan"];
const WRITE_ITEMS: &[&str] = &[
    "dynamodb:BatchWriteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
];
const SEND: &[&str] = &["sqs:SendMessage"];
/// What a mapping does in the name of its function. Source: Lambda developer guide, "Using Lambda with SQS".
const RECEIVE: &[&str] = &[
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];
const READ_MESSAGES: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];
/// Not CreateLogGroup: the group is made before, and a late line must not make it again. // aws-behaviours C2
const WRITE_LOGS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// Statements by their Sid, each as IAM writes it but for the Sid.
pub(super) fn statements(
    stack: &Stack,
    place: &Place,
    function: &Function,
) -> Vec<(String, Value)> {
    let mut all = Statements::default();
    let log_group = place.log_group(stack, &function.name).arn;
    let streams = format!("{}:*", log_group.unwrap_or_default());
    all.allow("WriteLogs", WRITE_LOGS, vec![streams]);
    for access in &function.access {
        let name = &access.on.name;
        match (access.on.kind, access.action) {
            (Kind::Bucket, AccessAction::Read) => {
                let bucket = arn(place.bucket(stack, name));
                let objects = format!("{bucket}/*");
                all.allow(sid("Read", name), READ_OBJECTS, vec![objects]);
                all.allow(sid("List", name), LIST_OBJECTS, vec![bucket]);
            }
            (Kind::Bucket, _) => {
                let objects = format!("{}/*", arn(place.bucket(stack, name)));
                all.allow(sid("Write", name), WRITE_OBJECTS, vec![objects]);
            }
            (Kind::Table, AccessAction::Read) => {
                let table = arn(place.table(stack, name));
                let indexes = stack.table(name).map_or(&[][..], |table| &table.indexes);
                let indexes: Vec<String> = indexes
                    .iter()
                    .map(|index| format!("{table}/index/{}", index.name))
                    .collect();
                all.allow(sid("Read", name), READ_ITEMS, vec![table]);
                if !indexes.is_empty() {
                    all.allow(sid("ReadIndexesOf", name), READ_INDEX, indexes);
                }
            }
            (Kind::Table, _) => {
                let table = arn(place.table(stack, name));
                all.allow(sid("Write", name), WRITE_ITEMS, vec![table]);
            }
            (Kind::Queue, AccessAction::Read) => {
                let queue = arn(place.queue(stack, name));
                all.allow(sid("Read", name), READ_MESSAGES, vec![queue]);
            }
            (Kind::Queue, _) => {
                let queue = arn(place.queue(stack, name));
                all.allow(sid("Send", name), SEND, vec![queue]);
            }
            // The stack stage lets no other kind through.
            _ => {}
        }
    }
    for wiring in &stack.mappings {
        if wiring.function == function.name {
            let queue = arn(place.queue(stack, &wiring.queue));
            all.allow(sid("Receive", &wiring.queue), RECEIVE, vec![queue]);
        }
    }
    if let Some(failures) = &function.on_failure {
        let queue = arn(place.queue(stack, failures));
        all.allow(sid("FailuresTo", failures), SEND, vec![queue]);
    }
    all.0
}

/// Who may take the role on: Lambda.
pub(super) fn trust() -> Value {
    json!({
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    })
}

/// A policy of these statements.
pub(super) fn document<'a>(statements: impl IntoIterator<Item = (&'a str, &'a Value)>) -> String {
    let statements: Vec<Value> = statements
        .into_iter()
        .map(|(sid, statement)| {
            let mut whole = json!({ "Sid": sid });
            if let (Some(whole), Some(fields)) = (whole.as_object_mut(), statement.as_object()) {
                whole.extend(fields.clone());
            }
            whole
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

#[derive(Default)]
struct Statements(Vec<(String, Value)>);

impl Statements {
    fn allow(&mut self, sid: impl Into<String>, actions: &[&str], mut resources: Vec<String>) {
        let base = sid.into();
        // Names that differ only in `-` and `_` come to the same Sid.
        let mut sid = base.clone();
        let mut number = 1;
        let resource: Value = match resources.len() {
            1 => resources.remove(0).into(),
            _ => resources.into(),
        };
        let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
        while let Some((_, other)) = self.0.iter().find(|(taken, _)| *taken == sid) {
            if *other == statement {
                return;
            }
            number += 1;
            sid = format!("{base}{number}");
        }
        self.0.push((sid, statement));
    }
}

fn arn(identity: super::Identity) -> String {
    identity.arn.unwrap_or_default()
}

/// A Sid of letters and digits, which is all that IAM takes: `Read` and `jobs-dlq` are `ReadJobsDlq`.
fn sid(verb: &str, name: &str) -> String {
    let mut sid = verb.to_owned();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        sid.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        sid.extend(letters);
    }
    sid
}

#[cfg(test)]
mod tests;
