//! A call that failed: which resource, which operation, what AWS said, under which request id.

use std::borrow::Cow;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use serde::{Deserialize, Serialize};

use crate::target::refused;
use crate::wait::TimedOut;

/// A failed call, or a wait that ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub struct CallError {
    /// AWS's operation, e.g. `CreateQueue`; for a wait, what was waited for.
    pub operation: Cow<'static, str>,
    /// AWS's error code; `Timeout`, `Unreachable` or `Unknown` where AWS gave none.
    pub code: String,
    /// AWS's message, or what the connection said.
    pub message: String,
    /// Request id, for support cases.
    pub request_id: Option<String>,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Did the endpoint not answer at all?
    pub unreachable: bool,
}

/// Code of an error that came before a call was made.
const LOCAL: &str = "Local";
/// Code of a wait that was given up because somebody interrupted.
const INTERRUPTED: &str = "Interrupted";
/// Code of a refusal to touch what is not ours.
const FOREIGN: &str = "NotOwned";
/// Code of something that was waited for and ended otherwise.
const ENDED_BADLY: &str = "EndedBadly";
/// Code of a wait that ran out.
const TIMEOUT: &str = "Timeout";
/// Codes by which endpoints say that they do not have an operation; Query's and JSON's.
const UNSUPPORTED: &[&str] = &[
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
    "NotImplemented",
    "UnsupportedOperation",
];
/// Code of a refusal to delete data without consent.
const HOLDS_DATA: &str = "HoldsData";

impl CallError {
    fn ours(
        operation: impl Into<Cow<'static, str>>,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation: operation.into(),
            code: code.to_owned(),
            message: message.into(),
            request_id: None,
            status: None,
            unreachable: false,
        }
    }

    /// An answer that lacks what AWS always sends.
    pub fn missing(operation: &'static str, what: &str) -> Self {
        let message = format!("the answer carries no {what}");
        Self::ours(operation, "UnexpectedAnswer", message)
    }

    /// A call that was given up, as no answer came in time.
    pub fn unanswered(operation: &'static str, patience: std::time::Duration) -> Self {
        let message = format!("no answer within {} s", patience.as_secs());
        Self {
            unreachable: true,
            ..Self::ours(operation, TIMEOUT, message)
        }
    }

    /// Something that could not be done on our side before the call.
    pub fn local(operation: &'static str, message: impl Into<String>) -> Self {
        Self::ours(operation, LOCAL, message)
    }

    /// A wait that was given up because somebody interrupted.
    pub fn interrupted(what: &'static str) -> Self {
        Self::ours(what, INTERRUPTED, "interrupted; run it again to continue")
    }

    /// A resource that turned out not to be ours.
    pub fn foreign(operation: &'static str, whose: impl std::fmt::Display) -> Self {
        let message = format!("a resource of that name is there and {whose}");
        Self::ours(operation, FOREIGN, message)
    }

    /// Data came into a store after nobody had to be asked for consent.
    pub fn holds_data(operation: &'static str) -> Self {
        let message = "data came into it meanwhile; it was left as it is";
        Self::ours(operation, HOLDS_DATA, message)
    }

    /// Something that was waited for and ended otherwise.
    pub fn ended_badly(what: &'static str, state: &str, reason: &str) -> Self {
        let reason = if reason.is_empty() {
            "no reason given"
        } else {
            reason
        };
        Self::ours(what, ENDED_BADLY, format!("it ended as {state}: {reason}"))
    }

    /// What a call that took several objects says of one of them.
    pub fn of_object(operation: &'static str, key: &str, code: &str, message: &str) -> Self {
        Self::ours(operation, code, format!("{key}: {message}"))
    }

    /// Was it given up because somebody interrupted?
    pub fn is_interrupted(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// Does the endpoint say that it does not have the operation?
    pub fn is_unsupported(&self) -> bool {
        let refused = self
            .status
            .is_some_and(|status| (400..500).contains(&status));
        // An answer without a code is none of the service.
        self.status == Some(501)
            || UNSUPPORTED.contains(&self.code.as_str())
            || (refused && self.code == "Unknown")
    }

    /// Is it a wait that ran out?
    pub fn is_timeout(&self) -> bool {
        self.code == TIMEOUT
    }

    /// Is it a refusal to touch what is not ours, or to lose data?
    pub fn is_refusal(&self) -> bool {
        self.code == FOREIGN || self.code == HOLDS_DATA
    }

    /// Are the caller's credentials not valid, or not any more? Trying again does not help.
    /// aws-behaviours I10
    pub fn is_bad_credentials(&self) -> bool {
        refused::is_bad_credentials(&self.code, &self.message)
    }

    /// May the caller not make the call? The credentials are valid, and others may.
    pub fn is_denied(&self) -> bool {
        self.code.contains("AccessDenied") && !self.is_bad_credentials()
    }

    /// Does the message say this?
    pub fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    /// Does the code end in this? Codes come bare or with a namespace in front.
    pub fn is(&self, code: &str) -> bool {
        self.code.ends_with(code)
    }
}

impl From<TimedOut> for CallError {
    fn from(error: TimedOut) -> Self {
        Self::ours(error.what, TIMEOUT, error.to_string())
    }
}

/// Turns an SDK error of `operation` into ours.
pub fn failed<E>(operation: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| {
        let unreachable = matches!(
            error,
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)
        );
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let service = error.as_service_error().map(ProvideErrorMetadata::meta);
        CallError {
            operation: operation.into(),
            code: service
                .and_then(|meta| meta.code())
                .unwrap_or(if unreachable {
                    "Unreachable"
                } else {
                    "Unknown"
                })
                .to_owned(),
            message: match service.map(|meta| (meta.code(), meta.message())) {
                Some((code, Some(message))) => match error.raw_response().and_then(bucket_region) {
                    Some(region) if code.is_some_and(is_elsewhere) => {
                        format!("{message} (the bucket is in {region})")
                    }
                    _ => message.to_owned(),
                },
                // The whole context would show the answer's body and headers.
                Some((None, None)) => unread(&error, status),
                _ => DisplayErrorContext(&error).to_string(),
            },
            request_id: service
                .and_then(|meta| meta.extra("aws_request_id"))
                .map(str::to_owned),
            status,
            unreachable,
        }
    }
}

/// Does S3 refuse to serve a bucket from here because it is in another region? // aws-behaviours I13
fn is_elsewhere(code: &str) -> bool {
    ["PermanentRedirect", "AuthorizationHeaderMalformed"].contains(&code)
}

/// The region of a bucket, where S3 tells it.
fn bucket_region(answer: &HttpResponse) -> Option<&str> {
    answer.headers().get("x-amz-bucket-region")
}

/// What an optional read tells; none when the caller may not make it. // aws-behaviours I8
pub fn permitted<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_denied() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is wrong with an answer that says nothing as AWS says it.
fn unread(error: &dyn std::error::Error, status: Option<u16>) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let status = status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
    let cause: String = cause.to_string().chars().take(200).collect();
    format!("the answer cannot be read{status}: {cause}")
}

/// `Ok(None)` when AWS answered with one of these codes: not there is an answer, not a failure.
pub fn absent<T>(result: Result<T, CallError>, codes: &[&str]) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if codes.iter().any(|code| error.is(code)) => Ok(None),
        Err(error) => Err(error),
    }
}
