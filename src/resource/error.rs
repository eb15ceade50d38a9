//! A call that failed: which resource, which operation, what AWS said, under which request id.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::wait::TimedOut;

/// A failed call, or a wait that ran out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub struct CallError {
    /// AWS's operation, e.g. `CreateQueue`; for a wait, what was waited for.
    pub operation: &'static str,
    /// AWS's error code; `Timeout`, `Unreachable` or `Unknown` where AWS gave none.
    pub code: String,
    /// AWS's message, or what the connection said.
    pub message: String,
    /// Request id, for support cases.
    pub request_id: Option<String>,
    /// Did the endpoint not answer at all?
    pub unreachable: bool,
}

impl CallError {
    /// An answer that lacks what AWS always sends.
    pub fn missing(operation: &'static str, what: &str) -> Self {
        Self {
            operation,
            code: "UnexpectedAnswer".to_owned(),
            message: format!("the answer carries no {what}"),
            request_id: None,
            unreachable: false,
        }
    }

    /// Something that could not be done on our side before the call.
    pub fn local(operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            operation,
            code: "Local".to_owned(),
            message: message.into(),
            request_id: None,
            unreachable: false,
        }
    }

    /// Does it say that something of that name is there already? // aws-behaviours Q3, L6, D1, C1, E1
    pub fn says_taken(&self) -> bool {
        const CODES: &[&str] = &[
            "BucketAlreadyOwnedByYou",
            "QueueNameExists",
            "QueueAlreadyExists",
            "ResourceAlreadyExistsException",
            "ResourceConflictException",
            "ResourceInUseException",
        ];
        CODES.iter().any(|code| self.is(code))
    }

    /// Does the code end in this? Codes come bare or with a namespace in front.
    pub fn is(&self, code: &str) -> bool {
        self.code.ends_with(code)
    }
}

impl From<TimedOut> for CallError {
    fn from(error: TimedOut) -> Self {
        Self {
            operation: error.what,
            code: "Timeout".to_owned(),
            message: error.to_string(),
            request_id: None,
            unreachable: false,
        }
    }
}

/// Turns an SDK error of `operation` into ours.
pub fn failed<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    move |error| {
        let unreachable = matches!(
            error,
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)
        );
        let service = error.as_service_error().map(ProvideErrorMetadata::meta);
        CallError {
            operation,
            code: service
                .and_then(|meta| meta.code())
                .unwrap_or(if unreachable {
                    "Unreachable"
                } else {
                    "Unknown"
                })
                .to_owned(),
            message: service
                .and_then(|meta| meta.message())
                .map_or_else(|| DisplayErrorContext(&error).to_string(), str::to_owned),
            request_id: service
                .and_then(|meta| meta.extra("aws_request_id"))
                .map(str::to_owned),
            unreachable,
        }
    }
}

/// `Ok(None)` when AWS answered with one of these codes: not there is an answer, not a failure.
pub fn absent<T>(result: Result<T, CallError>, codes: &[&str]) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if codes.iter().any(|code| error.is(code)) => Ok(None),
        Err(error) => Err(error),
    }
}
