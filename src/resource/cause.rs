//! Which failures pass by themselves. Told by code *and* message: the same code means "wait" and "mend
//! your input".

use serde::{Deserialize, Serialize};

use super::CallError;

/// Why a failure passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The name is there already: somebody was faster, or an answer was lost.
    Taken,
    /// Somebody changes it at this moment.
    Busy,
    /// It went away, or what was made a moment ago is not seen yet.
    Vanished,
    /// A role, a policy or a permission that was given a moment ago is not seen yet.
    Propagating,
    /// Too many calls.
    Throttled,
    /// The service failed.
    ServerFault,
    /// A deleted queue keeps its name for a minute.
    NameKept,
}

impl Cause {
    /// What is waited for, in words.
    pub fn waiting_for(self) -> &'static str {
        match self {
            Self::Taken => "somebody else who makes the same resource",
            Self::Busy => "a change that is going on",
            Self::Vanished => "the resource to be seen",
            Self::Propagating => "the permission to be seen",
            Self::Throttled => "the service to take calls again",
            Self::ServerFault => "the service to recover",
            Self::NameKept => "the name of the deleted queue, which SQS keeps for 60 s",
        }
    }
}

/// Codes of throttling, whatever the service. // aws-behaviours S19, L14, F7
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Messages of what was given a moment ago and is not seen everywhere yet.
/// aws-behaviours I1, I2, I3, I4, I5, S9
const PROPAGATING: &[&str] = &[
    "cannot be assumed by Lambda",
    "execution role does not have permissions",
    "does not have permissions to call",
    "ensure the role can perform",
    "Invalid value for the parameter Policy",
    "Invalid principal in policy",
    "PrincipalNotFound",
    "Unable to validate the following destination configurations",
    // A service's own session, and not the caller's. // aws-behaviours I11
    "security token included in the request is invalid. (Service:",
    // A queue's new visibility timeout takes up to a minute to be seen. // aws-behaviours Q4, Q10
    "is less than Function timeout",
];

/// Codes of a change that is going on. // aws-behaviours S6, E3, C4, I7, D8, L3
const BUSY: &[&str] = &[
    "OperationAborted",
    "OperationAbortedException",
    "ResourceInUseException",
    "DeleteConflict",
    "TransactionInProgressException",
    "ConcurrentModificationException",
    "ConcurrentModification",
    // A writer put something in while it was being emptied. // aws-behaviours S16
    "BucketNotEmpty",
];

/// Codes of a name that is there already. // aws-behaviours S2, Q3, C1
const TAKEN: &[&str] = &[
    "BucketAlreadyOwnedByYou",
    "QueueNameExists",
    "QueueAlreadyExists",
    "ResourceAlreadyExistsException",
    "EntityAlreadyExists",
    "AlreadyExistsException",
];

/// Codes of a service's own failure.
const SERVER_FAULTS: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "ServiceUnavailable",
    "ServiceFailure",
];

/// Codes of what is not there. // aws-behaviours S7, Q5
const VANISHED: &[&str] = &[
    "NoSuchBucket",
    "QueueDoesNotExist",
    "NonExistentQueue",
    "ResourceNotFoundException",
    "NoSuchEntity",
];

/// Why a failure passes by itself; none for one that stays.
pub fn cause(error: &CallError) -> Option<Cause> {
    let is_any = |codes: &[&str]| codes.iter().any(|code| error.is(code));
    let says_any = |words: &[&str]| words.iter().any(|words| error.says(words));
    // A permissions boundary that is none: no wait makes it one.
    if error.is("NoSuchEntity") && error.says("Scope ARN") {
        return None;
    }
    // Somebody else's change of a stack of CloudFormation's.
    if error.is("ValidationError") && error.says("_IN_PROGRESS state") {
        return Some(Cause::Busy);
    }
    if error.is("QueueDeletedRecently") {
        return Some(Cause::NameKept);
    }
    if says_any(PROPAGATING) {
        return Some(Cause::Propagating);
    }
    // Quotas share their code with what passes. // aws-behaviours D9
    if error.is("LimitExceededException") {
        return says_any(&["simultaneous", "Too many operations"]).then_some(Cause::Busy);
    }
    if is_any(THROTTLED) || error.says("Rate exceeded") || error.status == Some(429) {
        return Some(Cause::Throttled);
    }
    if error.is("ResourceConflictException") {
        // aws-behaviours L3, L6, L11, L13, E1
        let exists = says_any(&["already exist", "provided already exists"]);
        return Some(if exists { Cause::Taken } else { Cause::Busy });
    }
    // aws-behaviours D1, D8
    if error.is("ResourceInUseException") && error.says("already exists") {
        return Some(Cause::Taken);
    }
    if is_any(BUSY) {
        return Some(Cause::Busy);
    }
    // An index has no code of its own for it.
    if error.is("ValidationException")
        && says_any(&["ndex already exists", "index which already exists"])
    {
        return Some(Cause::Taken);
    }
    if is_any(TAKEN) {
        return Some(Cause::Taken);
    }
    if is_any(VANISHED) {
        return Some(Cause::Vanished);
    }
    // Of one object of many there is no status. // aws-behaviours S16
    if is_any(SERVER_FAULTS) {
        return Some(Cause::ServerFault);
    }
    // 501 is an operation that the endpoint does not know: no wait makes it learn.
    match error.status {
        Some(501) => None,
        Some(status) if status >= 500 => Some(Cause::ServerFault),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str, status: u16) -> CallError {
        let mut error = CallError::local("op", message);
        code.clone_into(&mut error.code);
        error.status = Some(status);
        error
    }

    /// aws-behaviours I1, I2, I3, I4, I5, I7, I10, I11, S2, S3, S6, S7, S9, S10, S19, L3, L6, L11, L14, Q1, Q4, Q5
    /// aws-behaviours E3, D1, D8, D9, C4, F7
    #[test]
    fn a_failure_is_told_by_its_code_and_its_message() {
        let cases: &[(&str, &str, u16, Option<Cause>)] = &[
            (
                "QueueDeletedRecently",
                "You must wait 60 seconds",
                400,
                Some(Cause::NameKept),
            ),
            (
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                400,
                Some(Cause::Propagating),
            ),
            (
                "InvalidParameterValueException",
                "Unzipped size must be smaller",
                400,
                None,
            ),
            (
                "InvalidArgument",
                "Unable to validate the following destination configurations",
                400,
                Some(Cause::Propagating),
            ),
            ("InvalidArgument", "Configurations overlap", 400, None),
            (
                "TooManyRequestsException",
                "Rate exceeded",
                429,
                Some(Cause::Throttled),
            ),
            ("Throttling", "Rate exceeded", 400, Some(Cause::Throttled)),
            (
                "SlowDown",
                "Please reduce your request rate",
                503,
                Some(Cause::Throttled),
            ),
            (
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: x",
                409,
                Some(Cause::Busy),
            ),
            (
                "ResourceConflictException",
                "Function already exist: f",
                409,
                Some(Cause::Taken),
            ),
            (
                "ResourceConflictException",
                "The statement id (s) provided already exists.",
                409,
                Some(Cause::Taken),
            ),
            (
                "ResourceInUseException",
                "Table already exists: t",
                400,
                Some(Cause::Taken),
            ),
            (
                "ResourceInUseException",
                "Table is being deleted: t",
                400,
                Some(Cause::Busy),
            ),
            (
                "LimitExceededException",
                "Too many operations ... simultaneously",
                400,
                Some(Cause::Busy),
            ),
            (
                "LimitExceededException",
                "The account has reached its limit of tables",
                400,
                None,
            ),
            (
                "ValidationException",
                "One or more parameter values were invalid: Index already exists: by_key",
                400,
                Some(Cause::Taken),
            ),
            (
                "OperationAborted",
                "A conflicting conditional operation",
                409,
                Some(Cause::Busy),
            ),
            ("BucketAlreadyOwnedByYou", "", 409, Some(Cause::Taken)),
            ("BucketAlreadyExists", "", 409, None),
            (
                "AWS.SimpleQueueService.NonExistentQueue",
                "",
                400,
                Some(Cause::Vanished),
            ),
            (
                "InvalidParameterValueException",
                "The provided execution role does not have permissions to call ReceiveMessage on SQS",
                400,
                Some(Cause::Propagating),
            ),
            (
                "InvalidParameterValueException",
                "Cannot access queue: ensure the role can perform the 'sqs:ReceiveMessage' action",
                400,
                Some(Cause::Propagating),
            ),
            (
                "InvalidAttributeValue",
                "Invalid value for the parameter Policy.",
                400,
                Some(Cause::Propagating),
            ),
            (
                "MalformedPolicy",
                "Invalid principal in policy",
                400,
                Some(Cause::Propagating),
            ),
            (
                "InvalidClientTokenId",
                "The security token included in the request is invalid. (Service: Sqs, Status Code: 403)",
                400,
                Some(Cause::Propagating),
            ),
            (
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
                403,
                None,
            ),
            (
                "InvalidParameterValueException",
                "Queue visibility timeout: 30 seconds is less than Function timeout: 300 seconds",
                400,
                Some(Cause::Propagating),
            ),
            (
                "EntityAlreadyExists",
                "Role with name r",
                409,
                Some(Cause::Taken),
            ),
            (
                "AlreadyExistsException",
                "Stack [s] already exists",
                400,
                Some(Cause::Taken),
            ),
            (
                "DeleteConflict",
                "must delete policies first",
                409,
                Some(Cause::Busy),
            ),
            ("OperationAbortedException", "", 400, Some(Cause::Busy)),
            ("NoSuchBucket", "", 404, Some(Cause::Vanished)),
            ("NoSuchEntity", "", 404, Some(Cause::Vanished)),
            (
                "NoSuchEntity",
                "Scope ARN: arn:aws:iam::1:policy/p does not exist or is not attachable.",
                404,
                None,
            ),
            (
                "ValidationError",
                "Stack:s is in UPDATE_IN_PROGRESS state and can not be updated.",
                400,
                Some(Cause::Busy),
            ),
            ("InternalError", "", 500, Some(Cause::ServerFault)),
            ("NotImplemented", "", 501, None),
            ("AccessDeniedException", "", 403, None),
            ("ExpiredTokenException", "", 403, None),
        ];
        for (code, message, status, expected) in cases {
            assert_eq!(
                cause(&error(code, message, *status)),
                *expected,
                "{code} {message}"
            );
        }
        assert_eq!(cause(&CallError::interrupted("x")), None);
        assert_eq!(cause(&CallError::holds_data("x")), None);
    }
}
