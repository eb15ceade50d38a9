//! Notifications and the events they lead to, over HTTP.

use std::sync::Arc;

use http::StatusCode;

use super::test_fixture::{FUNCTION, Fixture, service};
use crate::config::Durability;

/// aws-behaviours S9
#[tokio::test]
async fn notifications_are_validated_like_on_aws() {
    let fixture = Fixture::with_bucket().await;
    for name in ["denied", "absent"] {
        let arn = FUNCTION.replace("trigger", name);
        let put = fixture.notify(&arn, false).await;
        assert_eq!((put.status.as_u16(), put.code()), (400, "InvalidArgument"));
        let message = "Unable to validate the following destination configurations";
        assert!(put.text().contains(message));
        let put = fixture.notify(&arn, true).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    }
    assert_eq!(fixture.notify(FUNCTION, false).await.status, StatusCode::OK);
    let got = fixture.call("GET", "/uploads?notification", &[], "").await;
    assert!(
        got.text()
            .contains(&format!("<CloudFunction>{FUNCTION}</CloudFunction>"))
    );
    assert!(
        got.text()
            .contains("<Name>Prefix</Name><Value>logs/</Value>"),
        "{}",
        got.text()
    );
    assert!(got.text().contains("<Id>"));
    let queue = "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:::q</Queue>\
        <Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>";
    let put = fixture
        .call("PUT", "/uploads?notification", &[], queue)
        .await;
    assert_eq!(put.status, StatusCode::NOT_IMPLEMENTED);
    let empty = "<NotificationConfiguration/>";
    let put = fixture
        .call("PUT", "/uploads?notification", &[], empty)
        .await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    let got = fixture.call("GET", "/uploads?notification", &[], "").await;
    assert!(!got.text().contains("CloudFunction"));
}

/// aws-behaviours S10
#[tokio::test]
async fn what_no_notification_can_be_is_refused() {
    let fixture = Fixture::with_bucket().await;
    let rule = |id: &str, function: &str, event: &str, filter: &str| {
        format!(
            "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{function}</CloudFunction>\
             {event}<Filter><S3Key>{filter}</S3Key></Filter></CloudFunctionConfiguration>"
        )
    };
    let created = "<Event>s3:ObjectCreated:*</Event>";
    let filter = |name: &str, value: &str| {
        format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>")
    };
    let abroad = FUNCTION.replace("us-east-1", "eu-west-1");
    let logs = filter("prefix", "logs/");
    let long = "i".repeat(256);
    for (rules, code, message) in [
        (
            rule("a", &abroad, created, ""),
            "InvalidArgument",
            "destination service region is not valid",
        ),
        (
            rule("a", "trigger", created, ""),
            "InvalidArgument",
            "The ARN could not be parsed",
        ),
        (
            rule("a", "arn:aws:sqs:us-east-1:000000000000:q", created, ""),
            "InvalidArgument",
            "The ARN is not well formed",
        ),
        (
            rule("a", FUNCTION, "<Event>s3:ObjectRead:*</Event>", ""),
            "InvalidArgument",
            "s3:ObjectRead:*",
        ),
        (
            rule(&long, FUNCTION, created, ""),
            "InvalidArgument",
            "255 characters",
        ),
        (
            rule("a", FUNCTION, created, &filter("infix", "x")),
            "InvalidArgument",
            "prefix or suffix",
        ),
        (
            rule("a", FUNCTION, created, &format!("{logs}{logs}")),
            "InvalidArgument",
            "more than one prefix rule",
        ),
        (
            rule("a", FUNCTION, created, &filter("prefix", &long.repeat(5))),
            "InvalidArgument",
            "1024 bytes",
        ),
        // aws-behaviours S10
        (
            rule("a", FUNCTION, created, &logs)
                + &rule("b", FUNCTION, created, &filter("prefix", "logs/2026/")),
            "InvalidArgument",
            "ambiguously defined",
        ),
        (
            rule("a", FUNCTION, created, "") + &rule("b", FUNCTION, created, ""),
            "InvalidArgument",
            "Configurations overlap.",
        ),
        (
            rule("a", FUNCTION, created, &logs)
                + &rule("a", FUNCTION, "<Event>s3:ObjectRemoved:*</Event>", &logs),
            "InvalidArgument",
            "unique",
        ),
        (
            "<EventBridgeConfiguration/>".to_owned(),
            "NotImplemented",
            "EventBridge",
        ),
    ] {
        let document = format!("<NotificationConfiguration>{rules}</NotificationConfiguration>");
        let put = fixture
            .document("PUT", "/uploads?notification", &document)
            .await;
        assert_eq!(put.code(), code, "{message}: {}", put.text());
        assert!(put.element("Message").contains(message), "{}", put.text());
    }
    // What meets in the event but not in the suffix, or the other way round, may stand together.
    let json = filter("suffix", ".json");
    let gz = filter("suffix", ".gz");
    let rules = rule("a", FUNCTION, created, &json)
        + &rule("b", FUNCTION, created, &gz)
        + &rule("c", FUNCTION, "<Event>s3:ObjectRemoved:*</Event>", &gz);
    let document = format!("<NotificationConfiguration>{rules}</NotificationConfiguration>");
    let put = fixture
        .document("PUT", "/uploads?notification", &document)
        .await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    let got = fixture.call("GET", "/uploads?notification", &[], "").await;
    for id in ["a", "b", "c"] {
        assert!(got.text().contains(&format!("<Id>{id}</Id>")));
    }
}

#[tokio::test]
async fn events_reach_the_function_before_the_put_is_answered() {
    let fixture = Fixture::with_bucket().await;
    fixture.notify(FUNCTION, false).await;
    let put = fixture.call("PUT", "/uploads/logs/a%20b", &[], "abc").await;
    fixture.call("PUT", "/uploads/other", &[], "abc").await;
    let [(function, event)] = &fixture.invoked()[..] else {
        panic!("one event");
    };
    assert_eq!(function, FUNCTION);
    let record = &event["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["object"]["key"], "logs/a+b");
    assert_eq!(record["s3"]["object"]["size"], 3);
    assert!(record["s3"]["object"].get("versionId").is_none());
    let id = put.header("x-amz-request-id");
    assert_eq!(record["responseElements"]["x-amz-request-id"], id);

    let from = [("x-amz-copy-source", "/uploads/other")];
    fixture.call("PUT", "/uploads/logs/copy", &from, "").await;
    fixture.call("DELETE", "/uploads/logs/copy", &[], "").await;
    fixture.call("DELETE", "/uploads/logs/copy", &[], "").await;
    let names: Vec<_> = fixture
        .invoked()
        .into_iter()
        .map(|(_, event)| event["Records"][0]["eventName"].clone())
        .collect();
    assert_eq!(names, ["ObjectCreated:Copy", "ObjectRemoved:Delete"]);
    assert_eq!(fixture.service.core.store.outbox(), Ok(vec![]));

    fixture
        .notify(&FUNCTION.replace("trigger", "gone"), true)
        .await;
    fixture.call("PUT", "/uploads/logs/b", &[], "").await;
    assert_eq!(fixture.service.core.store.outbox(), Ok(vec![]), "dropped");
}

/// aws-behaviours S12
#[tokio::test]
async fn refused_events_are_tried_again_and_survive_a_restart() {
    let mut fixture = Fixture::with_bucket().await;
    fixture.notify(FUNCTION, false).await;
    fixture.service.start();
    *fixture.functions.busy.lock().expect("no panic") = true;
    let put = fixture.call("PUT", "/uploads/logs/a", &[], "x").await;
    assert_eq!(put.status, StatusCode::OK);
    assert_eq!(
        fixture.service.core.store.outbox().map(|left| left.len()),
        Ok(1)
    );
    *fixture.functions.busy.lock().expect("no panic") = false;
    // The retry waits for the clock; whoever comes first, it must be there after this.
    for _ in 0..1_000 {
        fixture.clock.advance(1_000);
        tokio::task::yield_now().await;
        if fixture.service.core.store.outbox() == Ok(vec![]) {
            break;
        }
    }
    assert_eq!(fixture.invoked().len(), 1);

    *fixture.functions.busy.lock().expect("no panic") = true;
    fixture.call("PUT", "/uploads/logs/b", &[], "x").await;
    fixture.service.core.shared.stop.cancel();
    fixture.service = service(
        &fixture.dir,
        &fixture.functions,
        &fixture.clock,
        Durability::Process,
    );
    assert!(fixture.invoked().is_empty());
    *fixture.functions.busy.lock().expect("no panic") = false;
    fixture.service.start();
    let invoked = fixture.invoked();
    assert_eq!(invoked.len(), 1);
    assert_eq!(invoked[0].1["Records"][0]["s3"]["object"]["key"], "logs/b");
    assert_eq!(fixture.service.core.store.outbox(), Ok(vec![]));
    assert_eq!(Arc::strong_count(&fixture.service), 1);
}
