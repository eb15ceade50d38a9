//! Every statement of the roles, the scenario that needs it, and what is seen without it.

use std::fmt;

use super::calls::{Answer, Caller};
use super::world::{GOOD, World};

/// A statement that something fails without.
pub struct Needed {
    /// Function whose role has it.
    pub function: &'static str,
    pub sid: &'static str,
    /// What needs it.
    pub scenario: &'static str,
    /// What is seen when it is missing.
    pub missing: &'static str,
    /// Statements of one round are taken away together: they are of different roles, and none is on the way of
    /// the other's scenario.
    pub round: usize,
    /// Begins the scenario, and sees it fail.
    pub without: fn(&World<'_>, &Needed),
    /// Sees it succeed, now that the statement is there again.
    pub with: fn(&World<'_>, &Needed),
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({})", self.sid, self.function, self.scenario)
    }
}

/// All of them. What the endpoint does in the name of a function without asking (it polls for mappings, delivers
/// failures and writes logs) is tried by a session of the role instead; AWS does ask.
pub const NEEDED: &[Needed] = &[
    Needed {
        function: "trigger",
        sid: "WriteResults",
        scenario: "an empty file is rejected",
        missing: "its event goes to uploads-dlq after three tries: dynamodb:PutItem is refused",
        round: 1,
        without: |world, row| {
            world.upload(row.sid, b"");
            world.failed_upload(row.sid, "dynamodb:PutItem");
        },
        with: |world, row| {
            world.redrive_uploads();
            world.result(row.sid, "rejected");
        },
    },
    Needed {
        function: "worker",
        sid: "ReadUploads",
        scenario: "a good file is read",
        missing: "its job is tried again and again: s3:GetObjectVersion is refused",
        round: 1,
        without: |world, row| {
            world.upload(row.sid, GOOD);
            world.tried_again("s3:GetObjectVersion");
        },
        with: |world, row| world.result(row.sid, "done"),
    },
    Needed {
        function: "trigger",
        sid: "FailuresToUploadsDlq",
        scenario: "Lambda tells uploads-dlq of an event that used up its tries",
        missing: "a session of the role may not send to it",
        round: 2,
        without: |world, row| refused(&failure(&world.session(row.function), world)),
        with: |world, row| {
            allowed(&failure(&world.session(row.function), world));
            world.purge("uploads-dlq");
        },
    },
    Needed {
        function: "worker",
        sid: "WriteResults",
        scenario: "the result of a good file is written",
        missing: "its job is tried again and again: dynamodb:PutItem is refused",
        round: 2,
        without: |world, row| {
            let key = result_of_worker(row);
            world.upload(&key, GOOD);
            world.tried_again("dynamodb:PutItem");
        },
        with: |world, row| world.result(&result_of_worker(row), "done"),
    },
    Needed {
        function: "trigger",
        sid: "SendJobs",
        scenario: "a good file becomes a job",
        missing: "its event goes to uploads-dlq after three tries: sqs:SendMessage is refused",
        round: 3,
        without: |world, row| {
            world.upload(row.sid, GOOD);
            world.failed_upload(row.sid, "sqs:SendMessage");
        },
        with: |world, row| {
            world.redrive_uploads();
            world.result(row.sid, "done");
        },
    },
    Needed {
        function: "worker",
        sid: "ReceiveJobs",
        scenario: "Lambda polls jobs for the mapping",
        missing: "a session of the role may not receive, nor delete, nor read attributes",
        round: 3,
        without: |world, row| {
            for answer in polls(&world.session(row.function), world) {
                refused(&answer);
            }
        },
        with: |world, row| {
            for answer in polls(&world.session(row.function), world) {
                allowed(&answer);
            }
        },
    },
    Needed {
        function: "trigger",
        sid: "WriteLogs",
        scenario: "Lambda writes what the function prints",
        missing: "IAM's simulator says no: the endpoint takes `log-group:NAME:*`, which AWS asks for, not to hold \
                  the group's streams, and refuses all calls of Logs by sessions with or without it",
        round: 4,
        without: |world, row| writes_logs(world, row, false),
        with: |world, row| writes_logs(world, row, true),
    },
    Needed {
        function: "worker",
        sid: "SendJobsDlq",
        scenario: "a file without a readable record goes to jobs-dlq",
        missing: "its job is tried again and again: sqs:SendMessage is refused",
        round: 4,
        without: |world, row| {
            world.upload(row.sid, b"no record\n");
            world.tried_again("sqs:SendMessage");
        },
        with: |world, row| {
            world.result(row.sid, "failed");
            world.letter("jobs-dlq", row.sid);
        },
    },
    Needed {
        function: "worker",
        sid: "ListUploads",
        scenario: "a file that is gone is told from one that may not be read",
        missing: "a session of the role may not list the bucket; S3 then answers 403 for a missing key, and the \
                  endpoint 404 in any case",
        round: 5,
        without: |world, row| refused(&lists(&world.session(row.function), world)),
        with: |world, row| allowed(&lists(&world.session(row.function), world)),
    },
    Needed {
        function: "worker",
        sid: "WriteLogs",
        scenario: "Lambda writes what the function prints",
        missing: "IAM's simulator says no, as for the trigger",
        round: 6,
        without: |world, row| writes_logs(world, row, false),
        with: |world, row| writes_logs(world, row, true),
    },
];

/// The trigger has a statement of that name as well: its file is another one.
fn result_of_worker(row: &Needed) -> String {
    format!("{}-{}", row.function, row.sid)
}

fn allowed(answer: &Answer) {
    // There is no message with such a receipt.
    let done = matches!(answer, Answer::Done);
    let failed = matches!(answer, Answer::Failed(why) if why.contains("ReceiptHandleIsInvalid"));
    assert!(done || failed, "{answer:?}");
}

fn refused(answer: &Answer) {
    assert!(matches!(answer, Answer::Refused), "{answer:?}");
}

fn failure(session: &Caller, world: &World<'_>) -> Answer {
    let (queue, calls) = (world.queue("uploads-dlq"), &world.calls);
    let send = session
        .sqs
        .send_message()
        .queue_url(queue)
        .message_body("a failure");
    calls.answer(send.send())
}

fn polls(session: &Caller, world: &World<'_>) -> Vec<Answer> {
    let (sqs, jobs, calls) = (&session.sqs, world.queue("jobs"), &world.calls);
    // Hidden for no time: whatever is there is still the mapping's.
    let receive = sqs.receive_message().queue_url(&jobs).visibility_timeout(0);
    vec![
        calls.answer(receive.send()),
        calls.answer(
            sqs.delete_message()
                .queue_url(&jobs)
                .receipt_handle("none")
                .send(),
        ),
        calls.answer(sqs.get_queue_attributes().queue_url(&jobs).send()),
    ]
}

fn lists(session: &Caller, world: &World<'_>) -> Answer {
    let list = session
        .s3
        .list_objects_v2()
        .bucket(world.physical("uploads"));
    world.calls.answer(list.send())
}

/// With the statement the function's own group is written, in no case another one, and none is made.
fn writes_logs(world: &World<'_>, row: &Needed, expected: bool) {
    let own = format!("/aws/lambda/{}", world.physical(row.function));
    let policy = world.calls.policy(&world.role(row.function));
    let simulated = |action: &str, group: &str| {
        let resource = format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}");
        world.calls.simulated(&policy, action, &resource)
    };
    for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
        let stream = format!("{own}:log-stream:one");
        assert_eq!(simulated(action, &stream), expected, "{row}: {action}");
        assert!(
            !simulated(action, "/aws/lambda/other:log-stream:one"),
            "{row}: {action} on another"
        );
    }
    // Why the simulator is asked. Once this is allowed with the statement, it says more.
    let session = world.session(row.function);
    let stream = session.logs.create_log_stream().log_group_name(&own);
    refused(&world.calls.answer(stream.log_stream_name("tried").send()));
    for group in [own.clone(), format!("{own}:*")] {
        assert!(!simulated("logs:CreateLogGroup", &group), "{row}: {group}");
    }
}
