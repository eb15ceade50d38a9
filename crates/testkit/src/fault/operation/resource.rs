//! What a request is about, as far as it tells: the name of a queue, function, table, role or log group.

use serde_json::Value;

/// Fields that name it, in this order.
const KEYS: [&str; 14] = [
    "QueueUrl",
    "QueueName",
    "SourceArn",
    "QueueNamePrefix",
    "TableName",
    "FunctionName",
    "RoleName",
    "ResourceArn",
    "StreamArn",
    "logGroupName",
    "logGroupIdentifier",
    "resourceArn",
    "logGroupNamePrefix",
    "logGroupNamePattern",
];
/// Bodies up to here are parsed, bytes. Parsing the zip of a function would cost more than its call.
const PARSED: usize = 64 * 1024;

/// By the first field that there is.
pub(super) fn in_fields<'v>(field: impl Fn(&str) -> Option<&'v str>) -> String {
    KEYS.iter()
        .find_map(|key| field(key))
        .map(name_of)
        .unwrap_or_default()
}

/// By the body of a JSON protocol.
pub(super) fn in_json(body: &[u8]) -> String {
    if body.len() > PARSED {
        return KEYS
            .iter()
            .find_map(|key| near_the_ends(body, key))
            .map(|found| name_of(&found))
            .unwrap_or_default();
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    let direct = in_fields(|key| body[key].as_str());
    if !direct.is_empty() {
        return direct;
    }
    // DynamoDB's batches may be of several tables: the first.
    let batch = body["RequestItems"].as_object();
    if let Some(table) = batch.and_then(|tables| tables.keys().next()) {
        return name_of(table);
    }
    let action = body["TransactItems"][0].as_object();
    action
        .and_then(|action| action.values().next()?["TableName"].as_str())
        .map(name_of)
        .unwrap_or_default()
}

/// The text of a field of a large body: SDKs write the large field between the small ones.
fn near_the_ends(body: &[u8], key: &str) -> Option<String> {
    let mark = format!("\"{key}\"");
    [&body[..PARSED], &body[body.len() - PARSED..]]
        .into_iter()
        .find_map(|part| {
            let text = String::from_utf8_lossy(part);
            text.match_indices(&mark).find_map(|(at, _)| {
                let after = text[at + mark.len()..].trim_start().strip_prefix(':')?;
                let (value, _) = after.trim_start().strip_prefix('"')?.split_once('"')?;
                Some(value.to_owned())
            })
        })
}

/// The plain name in a queue's URL, an ARN, or a name.
pub(super) fn name_of(text: &str) -> String {
    if text.contains("://") {
        return text.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if !text.starts_with("arn:") {
        return text.to_owned();
    }
    // `arn:aws:SERVICE:REGION:ACCOUNT:` and then `name`, `kind:name:more` or `kind/name/more`.
    let own = text.splitn(6, ':').nth(5).unwrap_or_default();
    let name = match own.split_once([':', '/']) {
        Some((_, name)) if own.starts_with("table/") => name.split('/').next(),
        Some((_, name)) => name.split(':').next(),
        None => Some(own),
    };
    name.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_urls_and_arns() {
        for (text, name) in [
            ("jobs", "jobs"),
            ("/aws/lambda/worker", "/aws/lambda/worker"),
            ("http://127.0.0.1:1/000000000000/jobs", "jobs"),
            ("arn:aws:sqs:us-east-1:000000000000:jobs", "jobs"),
            ("arn:aws:lambda:us-east-1:0:function:worker", "worker"),
            ("arn:aws:lambda:us-east-1:0:function:worker:1", "worker"),
            ("arn:aws:dynamodb:us-east-1:0:table/results", "results"),
            (
                "arn:aws:dynamodb:us-east-1:0:table/results/stream/2026-01-01T00:00",
                "results",
            ),
            (
                "arn:aws:logs:us-east-1:0:log-group:/aws/lambda/worker:*",
                "/aws/lambda/worker",
            ),
            ("arn:aws", ""),
        ] {
            assert_eq!(name_of(text), name, "{text}");
        }
    }

    #[test]
    fn a_large_body_is_read_at_its_ends() {
        let zip = "A".repeat(3 * PARSED);
        for body in [
            format!(r#"{{"FunctionName": "worker", "ZipFile": "{zip}"}}"#),
            format!(r#"{{"Code": {{"ZipFile": "{zip}"}}, "FunctionName":"worker"}}"#),
        ] {
            assert_eq!(in_json(body.as_bytes()), "worker");
        }
        assert_eq!(in_json(format!(r#"{{"ZipFile": "{zip}"}}"#).as_bytes()), "");
    }

    #[test]
    fn a_batch_is_of_its_first_table() {
        for (body, table) in [
            (r#"{"RequestItems": {"b": [], "a": []}}"#, "b"),
            (r#"{"TransactItems": [{"Put": {"TableName": "t"}}]}"#, "t"),
            (r#"{"TransactItems": []}"#, ""),
            ("", ""),
            ("[]", ""),
        ] {
            assert_eq!(in_json(body.as_bytes()), table, "{body}");
        }
    }
}
