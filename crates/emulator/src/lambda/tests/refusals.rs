//! What AWS refuses is refused with its words, and what is not served with the operation's name.

use super::*;
use crate::lambda::{OPERATIONS, routes};
use crate::service::Support;

const FUNCTION: &str = "/2015-03-31/functions/f";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_table_says_is_not_implemented_answers_501_with_its_name() {
    let fixture = Fixture::new();
    for operation in OPERATIONS {
        let Some((method, path)) = routes::example(operation.name) else {
            assert_eq!(operation.support, Support::NotImplemented);
            continue;
        };
        let path = format!("/2015-03-31/{path}");
        let got = fixture.request(method, &path, &[], json!({})).await;
        let absent = operation.support == Support::NotImplemented;
        assert_eq!(
            got.status == 501,
            absent,
            "{}: {}",
            operation.name,
            got.body
        );
        if absent {
            let message = got.body["Message"].as_str().expect("a message");
            assert!(message.starts_with("Lambda "), "{message}");
        }
    }
    fixture.stop().await;
}

/// aws-behaviours L16
#[tokio::test(flavor = "multi_thread")]
async fn reservations_of_all_functions_leave_a_hundred() {
    // aws-behaviours L16
    let fixture = Fixture::new();
    for name in ["f", "g"] {
        fixture.make(name, "events", Value::Null).await;
    }
    fixture.reserve("f", 500).await;
    let path = "/2017-10-31/functions/g/concurrency";
    let body = |count: u32| json!({ "ReservedConcurrentExecutions": count });
    let got = fixture.request(Method::PUT, path, &[], body(401)).await;
    assert_eq!(got.status, 400);
    let message = got.body["Message"].as_str().expect("a message");
    assert!(
        message.ends_with("below its minimum value of [100]."),
        "{message}"
    );
    fixture.reserve("g", 400).await;
    // Its own reservation does not count against it.
    fixture.reserve("f", 500).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_say_nothing_are_refused_and_conditions_hold() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let path = format!("{FUNCTION}/policy");
    let body = |sid: &str, action: &str, principal: &str| json!({ "StatementId": sid, "Action": action, "Principal": principal });
    for (sid, action, principal) in [
        ("", "lambda:InvokeFunction", "s3.amazonaws.com"),
        ("a b", "lambda:InvokeFunction", "s3.amazonaws.com"),
        ("s", "s3:GetObject", "s3.amazonaws.com"),
        ("s", "lambda:", "s3.amazonaws.com"),
        ("s", "lambda:InvokeFunction", ""),
    ] {
        let got = fixture
            .request(Method::POST, &path, &[], body(sid, action, principal))
            .await;
        assert_eq!(got.status, 400, "{sid} {action} {principal}");
    }
    let mut of_an_organisation = body("s", "lambda:InvokeFunction", "*");
    of_an_organisation["PrincipalOrgID"] = "o-1".into();
    fixture.ok(Method::POST, &path, of_an_organisation).await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let may = || {
        let port: &dyn crate::bus::FunctionPort = &*fixture.service;
        port.permission(arn, "s3.amazonaws.com", "arn:aws:s3:::b", "000000000000")
    };
    assert_eq!(may(), crate::bus::InvokePermission::Denied);
    let s3 = body("t", "lambda:InvokeFunction", "s3.amazonaws.com");
    fixture.ok(Method::POST, &path, s3).await;
    assert_eq!(may(), crate::bus::InvokePermission::Allowed);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_revision_and_a_published_version_are_refused() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let path = format!("{FUNCTION}/configuration");
    let before = fixture.ok(Method::GET, &path, Value::Null).await;
    let change = |revision: &Value| json!({ "Timeout": 5, "RevisionId": revision });
    let right = &before["RevisionId"];
    fixture.ok(Method::PUT, &path, change(right)).await;
    let got = fixture
        .request(Method::PUT, &path, &[], change(right))
        .await;
    assert_eq!(got.status, 412, "{}", got.body);
    let code = json!({ "ZipFile": STANDARD.encode(bootstrap("f")), "Publish": true });
    let path = format!("{FUNCTION}/code");
    let got = fixture.request(Method::PUT, &path, &[], code).await;
    assert_eq!(got.status, 501);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_s3_cannot_read_now_is_no_mistake_of_the_caller() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let path = format!("{FUNCTION}/code");
    for (key, status, words) in [
        (
            "trouble",
            503,
            "cannot be read from S3: too many open files",
        ),
        ("absent", 400, "S3 Error Code: NoSuchKey."),
    ] {
        let code = json!({ "S3Bucket": "b", "S3Key": key });
        let got = fixture.request(Method::PUT, &path, &[], code).await;
        assert_eq!(got.status, status, "{}", got.body);
        let message = got.body["Message"].as_str().expect("a message");
        assert!(message.contains(words), "{message}");
    }
    // The code of before is still the function's.
    fixture.pid("f").await;
    fixture.stop().await;
}
