//! Roles: one per function, made, repaired, changed and taken away with it.

use std::time::Duration;

use pipectl_testkit::probe::element;
use pipectl_testkit::{Fault, FaultKind};
use serde_json::{Value, json};

use super::Stage;
use super::account::{ACCOUNT, Account, changes, document, trust};
use super::inventory::inventory;

/// Name of the stack.
const NAME: &str = "roles";
const TRIGGER: &str = "roles-trigger-us-east-1";
const WORKER: &str = "roles-worker-us-east-1";

/// aws-behaviours I1, I6, I7, C2
pub fn whole(stage: &Stage<'_>) {
    let Some(account) = Account::open(stage, NAME) else {
        return;
    };
    made(&account);
    changed_by_others(&account);
    changed_in_the_stack(&account);
    bounded(&account);
    named_by_the_stack(&account);
    gone_with_its_function(&account);
    of_somebody_else(&account);
    // Without it the way is free.
    account.iam("DeleteRole", &[("RoleName", WORKER)]);
    account.json(&["up"]);
    assert_eq!(account.roles(), [TRIGGER, WORKER]);
    taken_down(&account);
}

/// The policies of both roles are what the stack says, word by word.
fn made(account: &Account<'_>) {
    // A role that was made a moment ago is not seen by Lambda yet.
    let unseen = FaultKind::answer(
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    );
    let fault = Fault::new("CreateFunction", unseen).lasting(Duration::from_millis(300));
    account.proxy.arm(fault);
    account.json(&["up"]);
    account.proxy.disarm();
    assert_eq!(account.roles(), [TRIGGER, WORKER]);

    let bucket = format!("arn:aws:s3:::{NAME}-uploads-{ACCOUNT}-us-east-1");
    let table = format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{NAME}-results");
    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{NAME}-{name}");
    let log = |name: &str| {
        format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/{NAME}-{name}:*")
    };
    let allow = |actions: &[&str], resource: &str| json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
    // No CreateLogGroup: a late line must not make the group again.
    let write_logs = &["logs:CreateLogStream", "logs:PutLogEvents"];
    let read = allow(
        &["s3:GetObject", "s3:GetObjectVersion"],
        &format!("{bucket}/*"),
    );
    let list = allow(&["s3:ListBucket"], &bucket);
    let write = allow(
        &[
            "dynamodb:BatchWriteItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        ],
        &table,
    );
    let send = |name: &str| allow(&["sqs:SendMessage"], &queue(name));
    let receive = allow(
        &[
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        &queue("jobs"),
    );
    let expected = json!({
        "WriteLogs": allow(write_logs, &log("trigger")), "SendJobs": send("jobs"), "WriteResults": write,
        "FailuresToUploadsDlq": send("uploads-dlq"),
    });
    assert_eq!(account.statements(TRIGGER), expected);
    let expected = json!({
        "WriteLogs": allow(write_logs, &log("worker")),
        "ReadUploads": read, "ListUploads": list, "SendJobsDlq": send("jobs-dlq"),
        "WriteResults": write, "ReceiveJobs": receive,
    });
    assert_eq!(account.statements(WORKER), expected);

    for (role, function) in [(TRIGGER, "trigger"), (WORKER, "worker")] {
        let told = account.iam("GetRole", &[("RoleName", role)]);
        let path = format!("/pipectl/{NAME}/us-east-1/");
        assert_eq!(element(&told, "Path"), Some(&*path));
        let arn = format!("arn:aws:iam::{ACCOUNT}:role{path}{role}");
        assert_eq!(element(&told, "Arn"), Some(&*arn));
        let trusted = document(&told, "AssumeRolePolicyDocument");
        let mut expected: Value = serde_json::from_str(&trust()).expect("JSON");
        expected["Statement"][0]["Sid"] = "Lambda".into();
        assert_eq!(trusted, expected);
        assert_eq!(account.function(function)["Role"], arn);
        let tags = account.iam("ListRoleTags", &[("RoleName", role)]);
        let id = format!("<Value>roles.{function}</Value>");
        for part in ["<Key>pipectl:stack</Key>", "<Key>pipectl:id</Key>", &id] {
            assert!(tags.contains(part), "{part}: {tags}");
        }
    }
    account.nothing_to_do();
}

/// The plan names what differs, and `up` repairs just that.
fn changed_by_others(account: &Account<'_>) {
    let mut statements = account.statements(WORKER);
    let before = statements.clone();
    statements["WriteResults"]["Action"] = "dynamodb:*".into();
    let fields = statements.as_object_mut().expect("statements");
    fields.shift_remove("ReceiveJobs");
    put_policy(account, &statements);
    let planned = account.run(&["plan", "--detailed-exitcode"]).expect_code(2);
    let expected = [(
        "roles.worker",
        &["policy.ReceiveJobs", "policy.WriteResults"][..],
    )];
    assert_changes(&planned.json(), &expected);
    account.json(&["up"]);
    let writes = account.writes();
    assert!(
        writes.iter().all(|call| call.service == "iam"),
        "{writes:#?}"
    );
    assert_eq!(account.statements(WORKER), before);

    let fields = [
        ("RoleName", WORKER),
        ("PolicyDocument", &trust().replace("lambda.", "ec2.")),
    ];
    account.iam("UpdateAssumeRolePolicy", &fields);
    let planned = account.run(&["plan", "--detailed-exitcode"]).expect_code(2);
    assert_changes(&planned.json(), &[("roles.worker", &["trust"])]);
    account.json(&["up"]);
    account.nothing_to_do();
}

fn changed_in_the_stack(account: &Account<'_>) {
    let stack = account.stack();
    let from = "access: [{ read: buckets.uploads }, { send: queues.jobs-dlq }, ";
    assert!(stack.contains(from), "{stack}");
    account.write(&stack.replace(from, "access: [{ send: queues.jobs-dlq }, "));
    let planned = account.run(&["plan", "--detailed-exitcode"]).expect_code(2);
    let fields = ["policy.ListUploads", "policy.ReadUploads"];
    assert_changes(&planned.json(), &[("roles.worker", &fields)]);
    account.json(&["up"]);
    assert!(account.statements(WORKER)["ReadUploads"].is_null());
    account.nothing_to_do();
}

/// A boundary is put on every role, and taken off.
fn bounded(account: &Account<'_>) {
    let stack = account.stack();
    let everything = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }
    ] });
    let fields = [
        ("PolicyName", "bound"),
        ("PolicyDocument", &everything.to_string()),
    ];
    account.iam("CreatePolicy", &fields);
    let bound = |role| {
        let told = account.iam("GetRole", &[("RoleName", role)]);
        element(&told, "PermissionsBoundaryArn").map(str::to_owned)
    };
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/bound");
    let both = [
        ("roles.trigger", &["permissions_boundary"][..]),
        ("roles.worker", &["permissions_boundary"]),
    ];
    let with = format!("{stack}\npermissions_boundary: bound\n");
    for (stack, expected) in [(with, Some(arn)), (stack, None)] {
        account.write(&stack);
        let up = account.run(&["up"]).expect_success().json();
        assert_changes(&up, &both);
        assert_eq!(
            [bound(TRIGGER), bound(WORKER)],
            [expected.clone(), expected]
        );
        account.nothing_to_do();
    }
}

/// A function that names a role has no other, and is no reason to touch that one.
fn named_by_the_stack(account: &Account<'_>) {
    let (stack, document) = (account.stack(), trust());
    let theirs = [
        ("RoleName", "theirs"),
        ("AssumeRolePolicyDocument", &*document),
    ];
    account.iam("CreateRole", &theirs);
    account.write(&stack.replace("  worker:\n", "  worker:\n    role: theirs\n"));
    account.json(&["up"]);
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/theirs");
    assert_eq!(account.function("worker")["Role"], arn);
    assert_eq!(account.roles(), [TRIGGER]);
    account.write(&stack);
    account.json(&["up"]);
    assert_eq!(account.roles(), [TRIGGER, WORKER]);
    account.iam("GetRole", &[("RoleName", "theirs")]);
    account.nothing_to_do();
}

/// Also with a policy on it that somebody else put there.
fn gone_with_its_function(account: &Account<'_>) {
    let stack = account.stack();
    let (before, rest) = stack.split_once("  worker:\n").expect("a worker");
    let (_, after) = rest.split_once("wiring:").expect("wiring");
    let wiring =
        "  - { from: queues.jobs, to: functions.worker, batch: 10, max_concurrency: 50 }\n";
    assert!(after.contains(wiring), "{after}");
    let after = after.replace(wiring, "");
    account.write(&format!("{before}wiring:{after}"));
    let theirs = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:*", "Resource": "*" }
    ] });
    let fields = [
        ("PolicyName", "theirs"),
        ("PolicyDocument", &theirs.to_string()),
    ];
    let made = account.iam("CreatePolicy", &fields);
    let arn = element(&made, "Arn").expect("an ARN");
    account.iam(
        "AttachRolePolicy",
        &[("RoleName", WORKER), ("PolicyArn", arn)],
    );
    account.json(&["up"]);
    assert_eq!(account.roles(), [TRIGGER]);
    // The policy itself is theirs.
    account.iam("GetPolicy", &[("PolicyArn", arn)]);
    account.nothing_to_do();
}

/// A role that is in the way is refused, with whose it is: by the plan, and when it comes meanwhile.
fn of_somebody_else(account: &Account<'_>) {
    let function = "\n  worker: { artifact: dist/worker.zip }\nwiring:";
    let stack = account.stack().replace("\nwiring:", function);
    account.write(&stack);
    let document = trust();
    let theirs = [
        ("RoleName", WORKER),
        ("AssumeRolePolicyDocument", &*document),
        ("Tags.member.1.Key", "pipectl:stack"),
        ("Tags.member.1.Value", "another"),
    ];
    // They are as fast as a call.
    let missing = FaultKind::answer(404, "NoSuchEntity", "The role cannot be found.");
    let fault = Fault::new("GetRole", missing).on(WORKER);
    account.iam("CreateRole", &theirs);
    for meanwhile in [true, false] {
        if meanwhile {
            account.proxy.arm(fault.clone());
        }
        let refused = account.run(&["up"]).expect_code(77);
        account.proxy.disarm();
        let told = refused.json()["error"].to_string();
        assert!(told.contains("another"), "{told}");
        let tried = account.writes();
        let tried = tried.iter().filter(|call| call.resource == WORKER);
        assert_eq!(tried.count(), usize::from(meanwhile));
    }
    let (_, told) = account.moto(
        "iam",
        "GetRolePolicy",
        &[("RoleName", WORKER), ("PolicyName", "pipectl")],
    );
    assert!(told.contains("NoSuchEntity"), "{told}");
}

fn taken_down(account: &Account<'_>) {
    let conflict = FaultKind::answer(
        409,
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    );
    account.proxy.arm(Fault::new("DeleteRole", conflict));
    account.json(&["down", "--force"]);
    account.proxy.disarm();
    let deletions = account.writes().into_iter();
    let deletions = deletions.filter(|call| call.operation == "DeleteRole");
    assert_eq!(deletions.count(), 3, "one of two was tried again");
    assert_eq!(account.roles(), [] as [&str; 0]);
    let (probe, name) = (account.project.probe(), &account.project.name);
    assert_eq!(inventory(&probe, name), [] as [&str; 0]);
}

/// Replaces the worker's policy past pipectl.
fn put_policy(account: &Account<'_>, statements: &Value) {
    let statements = statements.as_object().expect("statements").iter();
    let whole: Vec<Value> = statements
        .map(|(sid, statement)| {
            let mut whole = statement.clone();
            whole["Sid"] = sid.as_str().into();
            whole
        })
        .collect();
    let document = json!({ "Version": "2012-10-17", "Statement": whole }).to_string();
    let fields = [
        ("RoleName", WORKER),
        ("PolicyName", "pipectl"),
        ("PolicyDocument", &document),
    ];
    account.iam("PutRolePolicy", &fields);
}

fn assert_changes(told: &Value, expected: &[(&str, &[&str])]) {
    let mut found = changes(told);
    for (_, fields) in &mut found {
        fields.sort();
    }
    let expected: Vec<(String, Vec<String>)> = expected
        .iter()
        .map(|(id, fields)| {
            let fields = fields.iter().map(|field| (*field).to_owned());
            ((*id).to_owned(), fields.collect())
        })
        .collect();
    assert_eq!(found, expected, "{told:#}");
}
