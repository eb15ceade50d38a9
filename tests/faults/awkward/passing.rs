//! Answers that pass are waited out by looking again, and the end is that of an undisturbed run.

use pipectl_testkit::{Call, Fault, FaultKind};
use serde_json::Value;

use super::Cloud;

/// Everything that has a call of its own.
const STACK: &str = "stack: demo
buckets: { uploads: { versioning: true, expire_after: 9d } }
queues:
  jobs: { visibility_timeout: 60s, dead_letter: { queue: jobs-dlq, max_receives: 5 } }
  jobs-dlq: {}
tables: { results: { partition_key: job_id, ttl: expires_at } }
functions:
  trigger: { artifact: one.zip, memory: 128MB }
  worker: { artifact: one.zip, memory: 128MB }
wiring:
  - { from: buckets.uploads, events: [object-created], to: functions.trigger }
  - { from: queues.jobs, to: functions.worker, batch: 10 }
";

/// A call, the resource that it is on, and what it is answered in turn before it goes through: status, code,
/// message.
type Passing = (
    &'static str,
    &'static str,
    &'static [(u16, &'static str, &'static str)],
);

const IN_PROGRESS: &str =
    "The operation cannot be performed at this time. An update is in progress for resource: f";
const CONFLICT: &str = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
const LOGS_CONFLICT: &str =
    "A conflicting operation is currently in progress against this resource.";

const WHILE_CREATING: &[Passing] = &[
    // S6
    ("CreateBucket", "*", &[(409, "OperationAborted", CONFLICT)]),
    // S7
    (
        "PutBucketVersioning",
        "*",
        &[(404, "NoSuchBucket", "The specified bucket does not exist")],
    ),
    // I5
    (
        "PutBucketPolicy",
        "*",
        &[(400, "MalformedPolicy", "Invalid principal in policy")],
    ),
    // S19: more often than the SDK tries by itself.
    (
        "PutBucketLifecycleConfiguration",
        "*",
        &[(503, "SlowDown", "Please reduce your request rate."); 5],
    ),
    // S9
    (
        "PutBucketNotificationConfiguration",
        "*",
        &[(
            400,
            "InvalidArgument",
            "Unable to validate the following destination configurations",
        ); 2],
    ),
    // Q1
    (
        "CreateQueue",
        "demo-jobs",
        &[(
            400,
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        ); 3],
    ),
    // Q5
    (
        "ListQueueTags",
        "demo-jobs-dlq",
        &[(
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        )],
    ),
    // D9, F7
    (
        "CreateTable",
        "*",
        &[
            (
                400,
                "LimitExceededException",
                "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously",
            ),
            (400, "ThrottlingException", "Rate exceeded"),
        ],
    ),
    // D2
    (
        "UpdateTimeToLive",
        "*",
        &[(
            400,
            "ResourceNotFoundException",
            "Requested resource not found: Table: demo-results not found",
        )],
    ),
    // C4
    (
        "CreateLogGroup",
        "*",
        &[(400, "OperationAbortedException", LOGS_CONFLICT)],
    ),
    (
        "PutRetentionPolicy",
        "*",
        &[(400, "OperationAbortedException", LOGS_CONFLICT)],
    ),
    // I1, I2, I11
    (
        "CreateFunction",
        "demo-trigger",
        &[
            (
                400,
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
            ),
            (
                400,
                "InvalidParameterValueException",
                "The provided execution role does not have permissions to call SendMessage on SQS",
            ),
            (
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid. (Service: AmazonSQS; Status Code: 403)",
            ),
        ],
    ),
    // L14: more often than the SDK tries by itself.
    (
        "CreateFunction",
        "demo-worker",
        &[(429, "TooManyRequestsException", "Rate exceeded"); 5],
    ),
    // L11
    (
        "AddPermission",
        "*",
        &[(
            409,
            "ResourceConflictException",
            "The function could not be updated due to a concurrent update operation.",
        )],
    ),
    // I3, Q4
    (
        "CreateEventSourceMapping",
        "*",
        &[
            (
                400,
                "InvalidParameterValueException",
                "The function execution role does not have permissions to call ReceiveMessage on SQS",
            ),
            (
                400,
                "InvalidParameterValueException",
                "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
            ),
        ],
    ),
];

const WHILE_UPDATING: &[Passing] = &[
    // S6
    (
        "PutBucketLifecycleConfiguration",
        "*",
        &[(409, "OperationAborted", CONFLICT)],
    ),
    // I4
    (
        "SetQueueAttributes",
        "*",
        &[
            (
                400,
                "InvalidAttributeValue",
                "Invalid value for the parameter Policy.",
            ),
            (
                500,
                "InternalFailure",
                "Invalid value for the parameter Policy.",
            ),
        ],
    ),
    // D8
    (
        "UpdateTable",
        "*",
        &[(
            400,
            "ResourceInUseException",
            "Attempt to change a resource which is still in use: Table is being updated: demo-results",
        )],
    ),
    // L3, I1
    (
        "UpdateFunctionCode",
        "demo-worker",
        &[(409, "ResourceConflictException", IN_PROGRESS)],
    ),
    (
        "UpdateFunctionConfiguration",
        "demo-worker",
        &[
            (409, "ResourceConflictException", IN_PROGRESS),
            (
                400,
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
            ),
        ],
    ),
    // E3, I3
    (
        "UpdateEventSourceMapping",
        "*",
        &[
            (
                400,
                "ResourceInUseException",
                "Cannot update the event source mapping because it is in use.",
            ),
            (
                400,
                "InvalidParameterValueException",
                "Please ensure the role can perform the ReceiveMessage action",
            ),
        ],
    ),
];

const WHILE_DELETING: &[Passing] = &[
    (
        "DeleteEventSourceMapping",
        "*",
        &[(
            400,
            "ResourceInUseException",
            "Cannot delete the event source mapping because it is in use.",
        )],
    ),
    // L13
    (
        "DeleteFunction",
        "demo-worker",
        &[(
            409,
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        )],
    ),
    (
        "DeleteLogGroup",
        "*",
        &[(400, "OperationAbortedException", LOGS_CONFLICT)],
    ),
    (
        "DeleteTable",
        "*",
        &[(
            400,
            "ResourceInUseException",
            "Attempt to change a resource which is still in use: Table is being updated: demo-results",
        )],
    ),
    (
        "DeleteQueue",
        "demo-jobs",
        &[(403, "ThrottlingException", "Rate exceeded")],
    ),
    ("DeleteBucket", "*", &[(409, "OperationAborted", CONFLICT)]),
];

/// Runs a command in which every call meets its answers first.
fn overcomes(cloud: &Cloud, arguments: &[&str], all: &[Passing]) {
    cloud.proxy.disarm();
    cloud.proxy.reset();
    for (operation, on, answers) in all {
        for (nth, (status, code, message)) in (1..).zip(*answers) {
            let kind = FaultKind::answer(*status, *code, *message);
            let fault = Fault::new(*operation, kind).nth(nth);
            // What reads goes wrong only once something is there.
            let fault = if *operation == "ListQueueTags" {
                fault.after("CreateQueue")
            } else {
                fault
            };
            cloud
                .proxy
                .arm(if *on == "*" { fault } else { fault.on(*on) });
        }
    }
    let _ = cloud.run(arguments).expect_success();
    for (operation, on, answers) in all {
        let calls = cloud.calls(operation);
        let hit = |call: &&Call| call.fault.is_some() && (*on == "*" || call.resource == *on);
        assert_eq!(
            calls.iter().filter(hit).count(),
            answers.len(),
            "{operation} on {on}: {calls:#?}"
        );
        let last = calls
            .iter()
            .rfind(|call| *on == "*" || call.resource == *on);
        let last = last.and_then(|call| call.status).unwrap_or_default();
        assert!(
            (200..300).contains(&last),
            "{operation} on {on}: {calls:#?}"
        );
    }
}

/// aws-behaviours I1, I2, I3, I4, I5, I11, S6, S7, S9, S19, L3, L11, L13, L14, Q1, Q4, Q5, E3, D2, D8, D9, C4, F7
#[test]
fn what_passes_is_waited_out() {
    // A name is kept for 90 s and asked for every 5 s, here a sixtieth of that.
    let cloud = Cloud::new(STACK, "us-east-1", "queue_name: 2s");
    overcomes(&cloud, &["up"], WHILE_CREATING);
    cloud.nothing_to_do();
    let changed = STACK
        .replace("expire_after: 9d", "expire_after: 8d")
        .replace("max_receives: 5", "max_receives: 6")
        .replace(
            "ttl: expires_at",
            "ttl: expires_at, indexes: { by_day: { partition_key: day } }",
        )
        .replace(
            "worker: { artifact: one.zip, memory: 128MB }",
            "worker: { artifact: two.zip, memory: 256MB }",
        )
        .replace("batch: 10", "batch: 5");
    cloud.env.write("stacks/demo.yaml", changed);
    overcomes(&cloud, &["up"], WHILE_UPDATING);
    cloud.nothing_to_do();
    overcomes(&cloud, &["down", "--force"], WHILE_DELETING);
    let again = cloud.run(&["down"]).expect_success().json();
    assert_eq!(
        again["data"]["deleted"],
        Value::Array(Vec::new()),
        "{again:#}"
    );
}
