//! The operations of SQS, by the service model of botocore 1.44.5, and how far each is served.

use crate::service::Operation;

/// Of CreateQueue.
const NO_FIFO: &str = "FIFO queues answer 501; `Policy` and KMS keys are stored and not enforced";
/// Of what writes a policy.
const NOT_ENFORCED: &str = "the policy is stored and not enforced";
/// Of what sends.
const NO_GROUPS: &str = "`MessageGroupId` is stored and does not make the queue fair";

/// All of them, sorted by name.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::partly("AddPermission", NOT_ENFORCED),
    Operation::implemented("CancelMessageMoveTask"),
    Operation::implemented("ChangeMessageVisibility"),
    Operation::implemented("ChangeMessageVisibilityBatch"),
    Operation::partly("CreateQueue", NO_FIFO),
    Operation::implemented("DeleteMessage"),
    Operation::implemented("DeleteMessageBatch"),
    Operation::implemented("DeleteQueue"),
    Operation::implemented("GetQueueAttributes"),
    Operation::implemented("GetQueueUrl"),
    Operation::implemented("ListDeadLetterSourceQueues"),
    Operation::implemented("ListMessageMoveTasks"),
    Operation::implemented("ListQueueTags"),
    Operation::implemented("ListQueues"),
    Operation::implemented("PurgeQueue"),
    Operation::implemented("ReceiveMessage"),
    Operation::implemented("RemovePermission"),
    Operation::partly("SendMessage", NO_GROUPS),
    Operation::partly("SendMessageBatch", NO_GROUPS),
    Operation::partly(
        "SetQueueAttributes",
        "`Policy` and KMS keys are stored and not enforced",
    ),
    Operation::implemented("StartMessageMoveTask"),
    Operation::implemented("TagQueue"),
    Operation::implemented("UntagQueue"),
];

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use crate::service::{Service, Support};
    use crate::sqs::handlers_tests::Fixture;

    use super::*;

    #[tokio::test]
    async fn exactly_what_is_absent_answers_501() {
        let f = Fixture::new();
        let status = async |operation: &str| {
            let request = http::Request::post("/")
                .header("x-amz-target", format!("AmazonSQS.{operation}"))
                .header("content-type", "application/x-amz-json-1.0")
                .body(Body::from("{}"))
                .expect("a request");
            f.service.call(request).await.status()
        };
        for operation in OPERATIONS {
            let absent = operation.support == Support::NotImplemented;
            let answered = status(operation.name).await;
            assert_eq!(answered == 501, absent, "{}: {answered}", operation.name);
            assert_ne!(answered, 500, "{}", operation.name);
        }
        assert_eq!(status("PublishMessage").await, 501, "not an operation");
    }
}
