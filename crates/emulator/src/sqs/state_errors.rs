//! AWS's refusals, under the names they have in the JSON protocol. The names that SDKs see
//! (those of the older query protocol) are added on the wire.

use crate::error::AwsError;

/// There is no such queue.
pub(super) fn no_queue() -> AwsError {
    AwsError::bad_request("QueueDoesNotExist", "The specified queue does not exist.")
}

/// A parameter has a value that is not allowed.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterValueException", message)
}

/// A parameter has a value that is not allowed, in AWS's form of words.
pub(super) fn invalid_value(value: &str, parameter: &str, reason: &str) -> AwsError {
    invalid(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

/// A required parameter is absent.
pub(super) fn missing(parameter: &str) -> AwsError {
    AwsError::bad_request(
        "MissingRequiredParameterException",
        format!("The request must contain the parameter {parameter}."),
    )
}

/// A queue attribute is not known, or not for standard queues.
pub(super) fn unknown_attribute(name: &str) -> AwsError {
    AwsError::bad_request("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

/// A queue attribute is out of its range, or not of its form.
pub(super) fn invalid_attribute(name: &str) -> AwsError {
    AwsError::bad_request(
        "InvalidAttributeValue",
        format!("Invalid value for the parameter {name}."),
    )
}

/// A receipt handle that this queue never gave out.
pub(super) fn invalid_handle(text: &str) -> AwsError {
    AwsError::bad_request(
        "ReceiptHandleIsInvalid",
        format!("The input receipt handle \"{text}\" is not a valid receipt handle."),
    )
}

/// Something that a move task is about does not exist.
pub(super) fn no_resource(message: &str) -> AwsError {
    AwsError::bad_request("ResourceNotFoundException", message)
}

/// FIFO queues are not served.
pub(super) fn no_fifo() -> AwsError {
    AwsError::new(
        501,
        "NotImplemented",
        "FIFO queues are not implemented by the embedded target; use a standard queue, \
         or another target for this stack",
    )
}
