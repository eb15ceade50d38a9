//! The operations of SQS, by the service model of botocore 1.44.5, and how far each is served.

use crate::service::Operation;

/// All of them, sorted by name.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::absent("AddPermission"),
    Operation::implemented("CancelMessageMoveTask"),
    Operation::implemented("ChangeMessageVisibility"),
    Operation::implemented("ChangeMessageVisibilityBatch"),
    Operation::implemented("CreateQueue"),
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
    Operation::absent("RemovePermission"),
    Operation::implemented("SendMessage"),
    Operation::implemented("SendMessageBatch"),
    Operation::implemented("SetQueueAttributes"),
    Operation::implemented("StartMessageMoveTask"),
    Operation::implemented("TagQueue"),
    Operation::implemented("UntagQueue"),
];
