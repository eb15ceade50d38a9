//! Learner Labs: sessions that may write nothing of IAM, one role for everything, ten invocations at once.

use pipectl_testkit::probe::element;
use pipectl_testkit::{Fault, FaultKind};
use serde_json::{Value, json};

use super::Stage;
use super::account::{ACCOUNT, Account, Keys, trust};
use super::inventory::{inventory, mappings};

/// What an organisation answers to what a lab may not.
const DENIED: &str = "User: arn:aws:sts::000000000000:assumed-role/voclabs/user123=Test_Student is not authorized to \
     perform this action with an explicit deny in a service control policy";

/// An account as a lab has it, and a student's session in it.
fn lab<'s>(stage: &'s Stage<'s>, name: &str) -> Option<Account<'s>> {
    let mut account = Account::open(stage, name)?;
    let document = trust();
    for role in ["voclabs", "LabRole"] {
        let fields = [("RoleName", role), ("AssumeRolePolicyDocument", &*document)];
        account.iam("CreateRole", &fields);
    }
    let (status, session) = account.moto(
        "sts",
        "AssumeRole",
        &[
            ("RoleArn", &format!("arn:aws:iam::{ACCOUNT}:role/voclabs")),
            ("RoleSessionName", "user123=Test_Student"),
        ],
    );
    assert_eq!(status, 200, "{session}");
    let text = |name: &str| element(&session, name).expect("keys").to_owned();
    account.keys = Keys {
        id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        token: Some(text("SessionToken")),
    };
    let (_, caller) = account.moto("sts", "GetCallerIdentity", &[]);
    assert!(caller.contains(":assumed-role/voclabs/"), "{caller}");
    // Whatever it is, it is denied.
    for operation in [
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:ListRoles",
    ] {
        let denied = FaultKind::answer(403, "AccessDenied", DENIED);
        account
            .proxy
            .arm(Fault::new(operation, denied).times(usize::MAX));
    }
    Some(account)
}

/// aws-behaviours I8, I9, L16
pub fn without_roles(stage: &Stage<'_>) {
    let Some(account) = lab(stage, "lab") else {
        return;
    };
    let up = account.run(&["up"]).expect_success();
    let of_iam = || {
        let calls = account.proxy.calls().into_iter();
        let calls = calls.filter(|call| call.service == "iam");
        calls.map(|call| call.operation).collect::<Vec<_>>()
    };
    assert_eq!(of_iam(), ["GetRole"], "{}", up.unredacted());
    let said = up
        .stderr
        .lines()
        .find(|line| line.contains("learner_lab_used"));
    let said: Value = serde_json::from_str(said.expect("a warning")).expect("JSON");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/LabRole");
    assert!(said.to_string().contains(&role), "{said:#}");
    for function in ["trigger", "worker"] {
        assert_eq!(account.function(function)["Role"], role);
    }
    let found = mappings(&account.project.probe(), "lab-worker");
    let limit = &found[0]["ScalingConfig"]["MaximumConcurrency"];
    assert_eq!(*limit, 5, "{found:#?}");
    account.nothing_to_do();
    account.json(&["down", "--force"]);
    assert_eq!(of_iam(), ["GetRole"]);
    let none: [&str; 0] = [];
    assert_eq!(inventory(&account.project.probe(), "lab"), none);

    account.iam("DeleteRole", &[("RoleName", "LabRole")]);
    let refused = account.run(&["up"]).expect_code(77);
    let error = refused.json()["error"].clone();
    assert_eq!(error["code"], "target::no_lab_role", "{error:#}");
    assert_eq!(account.writes(), []);
}

/// What may not be read is unknown, and no drift.
/// aws-behaviours I8
pub fn unreadable(stage: &Stage<'_>) {
    const READS: &[&str] = &[
        "GetPublicAccessBlock",
        "GetBucketPolicy",
        "GetBucketLifecycleConfiguration",
        "GetFunctionEventInvokeConfig",
        "DescribeTimeToLive",
    ];
    const OF_BUCKET: &[&str] = &[
        "abort_uploads_after_days",
        "expire_after_days",
        "public_access",
        "tls_only",
    ];
    let Some(account) = lab(stage, "denied") else {
        return;
    };
    account.json(&["up"]);
    for read in READS {
        let code = match *read {
            "GetFunctionEventInvokeConfig" | "DescribeTimeToLive" => "AccessDeniedException",
            _ => "AccessDenied",
        };
        let denied = FaultKind::answer(403, code, DENIED);
        account
            .proxy
            .arm(Fault::new(*read, denied).times(usize::MAX));
    }
    let up = account.run(&["up"]).expect_success();
    assert_eq!(account.writes(), [], "{}", up.unredacted());
    let lines = up.stderr.lines();
    let mut unread: Vec<(String, Value)> = lines
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["event"] == "unread")
        .map(|event| {
            (
                event["id"].as_str().expect("an id").to_owned(),
                event["fields"].clone(),
            )
        })
        .collect();
    unread.sort_by(|one, other| one.0.cmp(&other.0));
    let of_function = json!(["async_retries", "on_failure"]);
    let expected = [
        ("buckets.uploads".to_owned(), json!(OF_BUCKET)),
        ("functions.trigger".to_owned(), of_function.clone()),
        ("functions.worker".to_owned(), of_function),
        ("tables.results".to_owned(), json!(["ttl"])),
    ];
    assert_eq!(unread, expected, "{}", up.unredacted());
    account.json(&["down", "--force"]);
}
