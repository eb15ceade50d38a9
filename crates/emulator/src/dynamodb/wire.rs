//! DynamoDB's JSON 1.0: reading requests, wording errors, and our region in the engine's ARNs.

use std::io;

use dynoxide::DynoxideError;
use rusqlite::ffi;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::REGION;
use crate::error::AwsError;
use crate::json_protocol::Dialect;
use crate::service::{Request, Response};

/// Why there is no response.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The engine says so.
    Engine(DynoxideError),
    /// We do.
    Own(AwsError),
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self::Engine(error)
    }
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        Self::Own(error)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Own(error) => error.fmt(f),
        }
    }
}

/// JSON of the response, or why there is none.
pub(super) type Answer = Result<String, Refusal>;

const DIALECT: Dialect = Dialect {
    content_type: "application/x-amz-json-1.0",
    common_namespace: "com.amazon.coral.service#",
    max_body: 16 * 1024 * 1024,
};
/// How the engine's ARNs begin: its region is its own name.
const ENGINE_ARN: &str = "arn:aws:dynamodb:dynoxide:";

/// The operation named by `X-Amz-Target`, and the body as text.
pub(super) async fn read(request: Request) -> Result<(String, String), AwsError> {
    let (operation, body) = DIALECT.read(request).await?;
    let body = String::from_utf8(body.into()).map_err(|error| DIALECT.unreadable(error))?;
    Ok((operation, body))
}

/// Runs an operation whose response holds no ARN of the engine's making.
pub(super) fn plain<Q: DeserializeOwned, R: Serialize>(
    body: &str,
    run: impl FnOnce(Q) -> Result<R, DynoxideError>,
) -> Answer {
    let response = run(parse(body)?)?;
    Ok(serde_json::to_string(&response).map_err(unwritable)?)
}

/// Runs an operation that describes tables or streams, and gives its ARNs our region.
pub(super) fn own_arns<Q: DeserializeOwned, R: Serialize>(
    body: &str,
    run: impl FnOnce(Q) -> Result<R, DynoxideError>,
) -> Answer {
    Ok(own(&run(parse(body)?)?)?.to_string())
}

/// A description of tables or streams with our region in its ARNs. Such responses hold no user
/// data that could look like an ARN.
pub(super) fn own(response: &impl Serialize) -> Result<Value, DynoxideError> {
    let mut json = serde_json::to_value(response).map_err(unwritable)?;
    rewrite_arns(&mut json);
    Ok(json)
}

/// Runs `GetRecords`: the region is a field of each record, beside the user's data.
pub(super) fn records<Q: DeserializeOwned, R: Serialize>(
    body: &str,
    run: impl FnOnce(Q) -> Result<R, DynoxideError>,
) -> Answer {
    let response = run(parse(body)?)?;
    let mut json = serde_json::to_value(&response).map_err(unwritable)?;
    for record in json["Records"].as_array_mut().into_iter().flatten() {
        record["awsRegion"] = REGION.into();
        // In the names of Lambda's events here, where the API has others.
        if let Some(identity) = record.get("userIdentity") {
            record["userIdentity"] = json!({
                "Type": identity["type"],
                "PrincipalId": identity["principalId"],
            });
        }
    }
    Ok(json.to_string())
}

fn rewrite_arns(json: &mut Value) {
    match json {
        Value::String(text) => {
            if let Some(rest) = text.strip_prefix(ENGINE_ARN) {
                *text = format!("arn:aws:dynamodb:{REGION}:{rest}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite_arns),
        Value::Object(fields) => fields.values_mut().for_each(rewrite_arns),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn unwritable(error: serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(format!("writing the response: {error}"))
}

/// A request in its shape.
pub(super) fn parse<Q: DeserializeOwned>(body: &str) -> Result<Q, DynoxideError> {
    serde_json::from_str(body).map_err(|error| unreadable(&error))
}

/// Words a request that could not be read. The engine's request types check values while they
/// are being read and mark the class of their refusal by a prefix; everything else is serde's.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let bare = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(bare, _)| bare);
    let marked = |marker: &str| bare.strip_prefix(marker).map(str::to_owned);
    if let Some(message) = marked("VALIDATION_REQUEST:") {
        return DynoxideError::EnvelopedValidation(message);
    }
    if let Some(message) = text.strip_prefix("VALIDATION_AS_READ:") {
        return DynoxideError::ValidationException(message.to_owned());
    }
    if let Some(message) = marked("VALIDATION:") {
        return DynoxideError::ValidationException(message);
    }
    if let Some(message) = text.strip_prefix("SERIALIZATION_AS_READ:") {
        return DynoxideError::SerializationException(message.to_owned());
    }
    if let Some(message) = marked("SERIALIZATION:") {
        return DynoxideError::SerializationException(message);
    }
    if error.is_syntax() || error.is_eof() {
        // AWS says nothing more about a body that is not JSON.
        return DynoxideError::SerializationException(String::new());
    }
    if bare.contains("Supplied AttributeValue") {
        return DynoxideError::ValidationException(bare.to_owned());
    }
    if bare.contains("empty AttributeValue") {
        return DynoxideError::ValidationException(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
                .to_owned(),
        );
    }
    if let Some((found, expected)) = bare
        .strip_prefix("invalid type: ")
        .and_then(|mismatch| mismatch.split_once(", expected "))
        && found != "null"
    {
        return DynoxideError::SerializationException(mismatch(found, expected));
    }
    // Missing fields, nulls, names outside an enumeration.
    DynoxideError::ValidationException(bare.to_owned())
}

/// A JSON type that does not fit, in the words of AWS's own reader.
fn mismatch(found: &str, expected: &str) -> String {
    if expected.starts_with("struct ") || expected.contains("map") {
        return "Unexpected value type in payload".to_owned();
    }
    let token = match found.split(' ').next().unwrap_or_default() {
        "integer" | "floating" | "number" => "NUMBER_VALUE",
        "string" => "STRING_VALUE",
        "boolean" if found.contains("true") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        "map" => return "Start of structure or map found where not expected".to_owned(),
        "sequence" => return "Start of list found where not expected".to_owned(),
        _ => return "Unexpected field type".to_owned(),
    };
    match expected {
        "a string" => format!("{token} cannot be converted to String"),
        "a boolean" => format!("{token} cannot be converted to Boolean"),
        "i32" | "u32" => format!("{token} cannot be converted to Integer"),
        "i64" | "u64" => format!("{token} cannot be converted to Long"),
        _ => "Unexpected field type".to_owned(),
    }
}

/// A refusal as AWS puts it on the wire.
pub(super) fn refused(operation: &str, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Engine(error) => engine_error(operation, error),
        Refusal::Own(error) => refuse(&error),
    }
}

fn engine_error(operation: &str, error: DynoxideError) -> Response {
    let error = match (operation, error) {
        // These three list what is wrong with a request; the others name it bare.
        ("PutItem" | "UpdateItem" | "DeleteItem", DynoxideError::EnvelopedValidation(message))
            if !message.contains("validation error") =>
        {
            DynoxideError::ValidationException(format!("1 validation error detected: {message}"))
        }
        // PartiQL words this one in a shape of its own.
        (
            "ExecuteStatement",
            DynoxideError::ConditionalCheckFailedException(message, Some(item)),
        ) => DynoxideError::StatementConditionalCheckFailed(message, item),
        // AWS says which expression it is, as the engine does for all others.
        ("Query", DynoxideError::ValidationException(message)) if is_bare(&message) => {
            DynoxideError::ValidationException(format!("Invalid KeyConditionExpression: {message}"))
        }
        (_, other) => other,
    };
    let error = match store_trouble(error) {
        Ok(trouble) => return refuse(&trouble),
        Err(error) => error,
    };
    if error.status_code() >= 500 {
        tracing::error!(operation, "{error}");
    }
    DIALECT.respond(error.status_code(), error.to_json())
}

/// Is this about a key condition, without saying so?
fn is_bare(message: &str) -> bool {
    [
        "Attribute name is a reserved keyword",
        "An expression attribute value used in expression is not defined",
        "An expression attribute name used in the document path is not defined",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

/// A trouble of the store, told apart from the engine's other errors; those come back.
///
/// Most of the engine's errors have lost SQLite's code on their way, and kept its words.
pub(super) fn store_trouble(error: DynoxideError) -> Result<AwsError, DynoxideError> {
    match error {
        DynoxideError::SqliteError(error) => Ok(error.into()),
        DynoxideError::InternalServerError(words) => {
            // The number that the last system call left behind, before another is made.
            let system = AwsError::from(io::Error::last_os_error());
            let has = |part: &str| words.contains(part);
            let code = if has("database or disk is full") {
                ffi::SQLITE_FULL
            } else if has("disk image is malformed") {
                ffi::SQLITE_CORRUPT
            } else if has("not a valid database") || has("file is not a database") {
                ffi::SQLITE_NOTADB
            } else if (has("I/O error") || has("unable to open database file"))
                && system.status != 500
            {
                return Ok(system);
            } else {
                return Err(DynoxideError::InternalServerError(words));
            };
            Ok(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(words)).into())
        }
        other => Err(other),
    }
}

/// A refusal of our own.
pub(super) fn refuse(error: &AwsError) -> Response {
    DIALECT.refuse(error)
}

/// A success.
pub(super) fn respond(json: String) -> Response {
    DIALECT.respond(200, json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynoxide::actions::get_item::GetItemRequest;
    use dynoxide::actions::update_time_to_live::UpdateTimeToLiveRequest;

    #[test]
    fn only_arns_of_the_engine_are_rewritten() {
        let mut json = json!({
            "TableArn": "arn:aws:dynamodb:dynoxide:000000000000:table/t",
            "Nested": [{"IndexArn": "arn:aws:dynamodb:dynoxide:000000000000:table/t/index/i"}],
            "Other": "says arn:aws:dynamodb:dynoxide:x",
            "Count": 3,
        });
        rewrite_arns(&mut json);
        assert_eq!(
            json,
            json!({
                "TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t",
                "Nested": [{"IndexArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t/index/i"}],
                "Other": "says arn:aws:dynamodb:dynoxide:x",
                "Count": 3,
            })
        );
    }

    fn refusal<Q: DeserializeOwned>(body: &str) -> (&'static str, String) {
        let Err(error) = parse::<Q>(body) else {
            panic!("{body} must be refused");
        };
        let kind = error.error_type().rsplit('#').next().unwrap_or_default();
        (kind, error.to_string())
    }

    #[test]
    fn unreadable_requests_are_worded_as_aws_words_them() {
        assert_eq!(
            refusal::<GetItemRequest>("{"),
            ("SerializationException", String::new())
        );
        assert_eq!(
            refusal::<UpdateTimeToLiveRequest>(r#"{"TableName": 5}"#),
            (
                "SerializationException",
                "NUMBER_VALUE cannot be converted to String".to_owned()
            )
        );
        let (kind, message) = refusal::<GetItemRequest>("{}");
        assert_eq!(kind, "ValidationException");
        assert!(
            message.contains("ableName") && !message.contains("VALIDATION"),
            "{message}"
        );
        let (kind, message) = refusal::<GetItemRequest>(
            r#"{"TableName": "abc", "Key": {"k": {"S": "a", "N": "1"}}}"#,
        );
        assert_eq!(kind, "ValidationException");
        assert!(message.starts_with("Supplied AttributeValue"), "{message}");
    }
}
