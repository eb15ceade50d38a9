//! Whose account it is: credentials, consent, and credentials that end in the middle.

use pipectl_testkit::{Fault, FaultKind, FaultProxy, Invocation, TestEnv, Transcript};
use serde_json::Value;

use super::targets::stores;

/// A command on the target `aws` at an endpoint, with credentials of the environment.
fn on_aws<'e>(env: &'e TestEnv, endpoint: &str, arguments: &[&str]) -> Invocation<'e> {
    let target = [
        "--target",
        "aws",
        "--endpoint",
        endpoint,
        "--output",
        "json",
    ];
    env.invocation(&[arguments, &target[..]].concat())
        .env("AWS_ACCESS_KEY_ID", "someone")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1")
}

fn code(told: &Transcript) -> Value {
    told.json()["error"]["code"].clone()
}

#[test]
fn somebody_agrees_to_an_account_once() {
    let (env, _host, serving) = stores();
    let endpoint = serving.endpoint();
    let asked = on_aws(&env, endpoint, &["up"]).run().expect_code(77);
    assert_eq!(code(&asked), "target::not_agreed");
    let help = asked.json()["error"]["help"].to_string();
    assert!(
        help.contains("--yes") && help.contains("000000000000"),
        "{help}"
    );

    let up = on_aws(&env, endpoint, &["up", "--yes"])
        .run()
        .expect_success();
    // Names are shared with everybody on AWS.
    let plan = up.json()["data"]["plan"].to_string();
    assert!(
        plan.contains("demo-uploads-000000000000-us-east-1"),
        "{plan}"
    );
    assert!(
        up.stderr.contains("\"event\":\"account_used\""),
        "{}",
        up.unredacted()
    );
    // It was agreed to: nobody is asked again, until it is another region.
    let _ = on_aws(&env, endpoint, &["up"]).run().expect_success();
    let elsewhere = on_aws(&env, endpoint, &["up"]).env("AWS_REGION", "eu-central-1");
    assert_eq!(code(&elsewhere.run().expect_code(77)), "target::not_agreed");
    // So does everything else that changes something there.
    env.write("a.log", "{}");
    for arguments in [
        &["send", "a.log"][..],
        &["dlq", "redrive", "--all"],
        &["dlq", "drop", "--all"],
    ] {
        let elsewhere = on_aws(&env, endpoint, arguments).env("AWS_REGION", "eu-central-1");
        let refused = elsewhere.run().expect_code(77);
        assert_eq!(code(&refused), "target::not_agreed", "{arguments:?}");
    }
    let _ = on_aws(&env, endpoint, &["down", "--force"])
        .run()
        .expect_success();
}

#[test]
fn an_account_that_is_written_down_is_the_only_one() {
    let (env, _host, serving) = stores();
    let endpoint = serving.endpoint();
    let expect = |account: &str| {
        let row = format!("targets: {{ aws: {{ expect_account: '{account}' }} }}\n");
        env.write("pipectl.yaml", row);
    };
    expect("123456789012");
    for verb in ["up", "status", "down"] {
        let other = on_aws(&env, endpoint, &[verb]).run().expect_code(77);
        assert_eq!(code(&other), "target::other_account", "{verb}");
    }
    expect("000000000000");
    let _ = on_aws(&env, endpoint, &["up"]).run().expect_success();
    let _ = on_aws(&env, endpoint, &["down", "--force"])
        .run()
        .expect_success();
    expect("1234");
    let none = on_aws(&env, endpoint, &["up"]).run().expect_code(65);
    assert!(none.json().to_string().contains("12 digits"));
}

#[test]
fn a_profile_is_one_of_aws() {
    let (env, _host, serving) = stores();
    std::fs::create_dir(env.home().join(".aws")).expect("a directory");
    std::fs::write(
        env.home().join(".aws/config"),
        "[profile dev]\nregion = us-east-1\naws_access_key_id = someone\naws_secret_access_key = hidden-word\n",
    )
    .expect("a profile");
    let endpoint = serving.endpoint();
    let arguments = |target| {
        [
            "env",
            "--target",
            target,
            "--endpoint",
            endpoint,
            "--profile",
            "dev",
            "--output",
            "json",
        ]
    };
    let none = env.pipectl(&arguments("localstack")).expect_code(64);
    assert_eq!(code(&none), "target::no_profile");
    let found = env.pipectl(&arguments("aws")).expect_success();
    let variables = &found.json()["data"];
    assert_eq!(variables["AWS_PROFILE"], "dev");
    assert_eq!(variables["AWS_REGION"], "us-east-1");
    assert!(!found.unredacted().contains("hidden-word"));
}

/// aws-behaviours I10
#[test]
fn credentials_that_end_in_the_middle_stop_an_up_that_goes_on_later() {
    let (env, _host, serving) = stores();
    let proxy = FaultProxy::start(serving.endpoint());
    let expired = FaultKind::answer(
        403,
        "ExpiredTokenException",
        "The security token included in the request is expired",
    );
    proxy.arm(Fault::new("sqs:CreateQueue", expired).times(usize::MAX));
    let stopped = on_aws(&env, proxy.url(), &["up", "--yes"])
        .run()
        .expect_code(77);
    let error = stopped.json()["error"].clone();
    assert_eq!(error["code"], "apply::failed", "{error:#}");
    assert!(error.to_string().contains("aws sso login"), "{error:#}");
    let tried = proxy
        .calls()
        .into_iter()
        .filter(|call| call.operation == "CreateQueue");
    assert_eq!(tried.count(), 1, "it is not tried again");
    proxy.disarm();
    let done = on_aws(&env, proxy.url(), &["up"]).run().expect_success();
    assert!(
        done.json()["data"]["done"]
            .to_string()
            .contains("queues.jobs")
    );
    let _ = on_aws(&env, proxy.url(), &["down", "--force"])
        .run()
        .expect_success();
}

/// aws-behaviours I10, I12
#[test]
fn the_first_call_tells_what_is_wrong_with_the_caller() {
    let (env, _host, serving) = stores();
    let proxy = FaultProxy::start(serving.endpoint());
    proxy.say_time("Thu, 01 Jan 2026 00:00:00 GMT");
    for (status, aws, message, expected) in [
        (
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
            "target::bad_credentials",
        ),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "target::bad_credentials",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z",
            "target::wrong_clock",
        ),
        (
            403,
            "AccessDenied",
            "User is not authorized to perform: sts:GetCallerIdentity",
            "target::refused",
        ),
    ] {
        proxy.disarm();
        proxy.arm(
            Fault::new(
                "sts:GetCallerIdentity",
                FaultKind::answer(status, aws, message),
            )
            .times(usize::MAX),
        );
        let told = on_aws(&env, proxy.url(), &["up", "--yes"])
            .run()
            .expect_code(77);
        assert_eq!(code(&told), expected, "{aws}: {}", told.unredacted());
        assert!(
            told.json()["error"]["message"]
                .to_string()
                .contains(message),
            "{}",
            told.unredacted()
        );
    }
    let made = proxy.calls().into_iter().any(|call| call.writes);
    assert!(!made, "nothing was made");
}
