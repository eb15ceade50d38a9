//! The operations over a store in a temporary directory, at a fixed time.

use crate::service::{Operation, Support};

use super::super::OPERATIONS;
use super::super::events::NewEvent;
use super::*;

const NOW: i64 = 1_790_000_000_000;

struct Fixture {
    _dir: tempfile::TempDir,
    state: State,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state =
            State::open(&dir.path().join("l.sqlite"), crate::Durability::Process).expect("opened");
        Self { _dir: dir, state }
    }

    fn call(&self, operation: &str, body: Value) -> Answer {
        dispatch(&self.state, operation, &body, NOW)
    }

    fn ok(&self, operation: &str, body: Value) -> Value {
        self.call(operation, body).expect(operation)
    }

    fn code(&self, operation: &str, body: Value) -> String {
        self.call(operation, body).expect_err(operation).code
    }

    /// A group `g` with a stream `s` that holds `messages`, one a millisecond, ending now.
    fn with_events(messages: &[&str]) -> Self {
        let fixture = Self::new();
        let group = json!({"logGroupName": "g", "logStreamName": "s"});
        fixture.ok("CreateLogGroup", json!({"logGroupName": "g"}));
        fixture.ok("CreateLogStream", group);
        let first = NOW - messages.len() as i64;
        let events: Vec<Value> = messages
            .iter()
            .zip(first..)
            .map(|(message, at)| json!({"timestamp": at, "message": message}))
            .collect();
        fixture.ok(
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events}),
        );
        fixture
    }
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["message"].as_str().expect("text"))
        .collect()
}

#[test]
fn groups_have_retention_tags_and_both_arns() {
    let f = Fixture::new();
    let name = json!({"logGroupName": "/aws/lambda/f"});
    f.ok(
        "CreateLogGroup",
        json!({"logGroupName": "/aws/lambda/f", "tags": {"a": "1"}}),
    );
    assert_eq!(
        f.code("CreateLogGroup", name.clone()),
        "ResourceAlreadyExistsException"
    );
    f.ok(
        "PutRetentionPolicy",
        json!({"logGroupName": "/aws/lambda/f", "retentionInDays": 7}),
    );
    assert_eq!(
        f.code(
            "PutRetentionPolicy",
            json!({"logGroupName": "/aws/lambda/f", "retentionInDays": 8})
        ),
        "InvalidParameterException"
    );
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f";
    let listed = f.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "/aws"}));
    let group = &listed["logGroups"][0];
    assert_eq!(group["arn"], format!("{arn}:*"));
    assert_eq!(group["logGroupArn"], arn);
    assert_eq!(group["retentionInDays"], 7);
    f.ok(
        "TagResource",
        json!({"resourceArn": arn, "tags": {"b": "2"}}),
    );
    f.ok(
        "UntagResource",
        json!({"resourceArn": arn, "tagKeys": ["a"]}),
    );
    let tags = json!({"tags": {"b": "2"}});
    assert_eq!(
        f.ok("ListTagsForResource", json!({"resourceArn": arn})),
        tags
    );
    assert_eq!(f.ok("ListTagsLogGroup", name.clone()), tags);
    f.ok("DeleteRetentionPolicy", name.clone());
    f.ok("DeleteLogGroup", name.clone());
    assert_eq!(f.code("DeleteLogGroup", name), "ResourceNotFoundException");
    assert_eq!(f.state.groups_count(), 0);
}

#[test]
fn lists_are_paged() {
    let f = Fixture::new();
    for name in ["a1", "a2", "a3", "b"] {
        f.ok("CreateLogGroup", json!({"logGroupName": name}));
        f.ok(
            "CreateLogStream",
            json!({"logGroupName": "a1", "logStreamName": name}),
        );
    }
    let first = f.ok(
        "DescribeLogGroups",
        json!({"logGroupNamePrefix": "a", "limit": 2}),
    );
    assert_eq!(first["logGroups"][1]["logGroupName"], "a2");
    let second = f.ok(
        "DescribeLogGroups",
        json!({"logGroupNamePrefix": "a", "limit": 2, "nextToken": first["nextToken"]}),
    );
    assert_eq!(second["logGroups"][0]["logGroupName"], "a3");
    assert!(second.get("nextToken").is_none());

    let first = f.ok(
        "DescribeLogStreams",
        json!({"logGroupName": "a1", "limit": 3, "descending": true}),
    );
    assert_eq!(first["logStreams"][0]["logStreamName"], "b");
    let second = f.ok(
        "DescribeLogStreams",
        json!({"logGroupName": "a1", "limit": 3, "descending": true, "nextToken": first["nextToken"]}),
    );
    assert_eq!(second["logStreams"][0]["logStreamName"], "a1");
    assert!(second.get("nextToken").is_none());
}

#[test]
fn a_stream_is_read_in_both_directions_until_the_token_stays() {
    let f = Fixture::with_events(&["1", "2", "3", "4", "5"]);
    let get = |extra: Value| {
        let mut body = json!({"logGroupName": "g", "logStreamName": "s", "limit": 2});
        for (key, value) in extra.as_object().expect("an object") {
            body[key] = value.clone();
        }
        f.ok("GetLogEvents", body)
    };
    let page = get(json!({"startFromHead": true}));
    assert_eq!(messages(&page), ["1", "2"]);
    let page = get(json!({"nextToken": page["nextForwardToken"], "startFromHead": true}));
    assert_eq!(messages(&page), ["3", "4"]);
    let page = get(json!({"nextToken": page["nextForwardToken"], "startFromHead": true}));
    assert_eq!(messages(&page), ["5"]);
    let token = page["nextForwardToken"].clone();
    let end = get(json!({"nextToken": token, "startFromHead": true}));
    assert_eq!(messages(&end), Vec::<&str>::new());
    assert_eq!(end["nextForwardToken"], token);

    let page = get(json!({}));
    assert_eq!(messages(&page), ["4", "5"]);
    let page = get(json!({"nextToken": page["nextBackwardToken"]}));
    assert_eq!(messages(&page), ["2", "3"]);
}

#[test]
fn a_group_is_filtered_by_time_stream_and_terms() {
    let f = Fixture::with_events(&["INFO a", "ERROR b", "ERROR c", "INFO d"]);
    let filter = |extra: Value| {
        let mut body = json!({"logGroupName": "g"});
        for (key, value) in extra.as_object().expect("an object") {
            body[key] = value.clone();
        }
        f.ok("FilterLogEvents", body)
    };
    assert_eq!(
        messages(&filter(json!({"filterPattern": "ERROR"}))),
        ["ERROR b", "ERROR c"]
    );
    // Both ends are inside.
    assert_eq!(
        messages(&filter(json!({"startTime": NOW - 3, "endTime": NOW - 2}))),
        ["ERROR b", "ERROR c"]
    );
    assert_eq!(
        messages(&filter(json!({"logStreamNamePrefix": "x"}))),
        Vec::<&str>::new()
    );
    let page = filter(json!({"filterPattern": "ERROR", "limit": 1}));
    assert_eq!(messages(&page), ["ERROR b"]);
    let page =
        filter(json!({"filterPattern": "ERROR", "limit": 1, "nextToken": page["nextToken"]}));
    assert_eq!(messages(&page), ["ERROR c"]);
    assert_eq!(page["events"][0]["logStreamName"], "s");
    assert_eq!(
        f.code(
            "FilterLogEvents",
            json!({"logGroupName": "g", "logStreamNames": ["none"]})
        ),
        "ResourceNotFoundException"
    );
}

#[test]
fn batches_are_checked_and_cut_by_time() {
    let f = Fixture::with_events(&["x"]);
    let day = 24 * 60 * 60 * 1000;
    let put = |times: &[i64]| {
        let events: Vec<Value> = times
            .iter()
            .map(|at| json!({"timestamp": at, "message": "m"}))
            .collect();
        f.call(
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events}),
        )
    };
    assert!(put(&[2, 1]).is_err());
    assert!(put(&[]).is_err());
    assert_eq!(
        put(&[NOW - day - 1, NOW]).expect_err("too long").message,
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    );
    let hour = day / 24;
    let answer = put(&[NOW, NOW + 3 * hour]).expect("accepted in part");
    assert_eq!(
        answer["rejectedLogEventsInfo"],
        json!({"tooNewLogEventStartIndex": 1})
    );
    let answer = put(&[NOW - 14 * day - 1, NOW - 14 * day]).expect("accepted in part");
    assert_eq!(
        answer["rejectedLogEventsInfo"],
        json!({"tooOldLogEventEndIndex": 1})
    );
    let kept = f.ok("FilterLogEvents", json!({"logGroupName": "g"}));
    assert_eq!(messages(&kept), ["m", "x", "m"]);
    f.ok(
        "PutRetentionPolicy",
        json!({"logGroupName": "g", "retentionInDays": 3}),
    );
    let answer = put(&[NOW - 3 * day - 1, NOW - 3 * day]).expect("accepted in part");
    assert_eq!(
        answer["rejectedLogEventsInfo"],
        json!({"expiredLogEventEndIndex": 1})
    );
}

#[test]
fn retention_and_functions_lines() {
    let f = Fixture::new();
    let line = |timestamp: i64| NewEvent {
        timestamp,
        message: "line".to_owned(),
    };
    let day = 24 * 60 * 60 * 1000;
    f.state
        .append("made/by/port", "s", &[line(NOW - 2 * day), line(NOW)], NOW)
        .expect("appended");
    f.ok(
        "PutRetentionPolicy",
        json!({"logGroupName": "made/by/port", "retentionInDays": 1}),
    );
    assert_eq!(f.state.sweep(NOW).expect("swept"), 1);
    let groups = f.ok("DescribeLogGroups", json!({}));
    assert_eq!(groups["logGroups"][0]["storedBytes"], 4 + 26);
}

#[test]
fn groups_are_listed_by_class_and_what_nobody_keeps_is_refused() {
    let f = Fixture::new();
    for (name, class) in [
        ("a", "STANDARD"),
        ("b", "INFREQUENT_ACCESS"),
        ("c", "STANDARD"),
    ] {
        let group = json!({"logGroupName": name, "logGroupClass": class});
        f.ok("CreateLogGroup", group);
    }
    let standard = json!({"logGroupClass": "STANDARD", "limit": 1});
    let page = f.ok("DescribeLogGroups", standard);
    assert_eq!(page["logGroups"][0]["logGroupName"], "a");
    let rest = json!({"logGroupClass": "STANDARD", "nextToken": page["nextToken"]});
    let page = f.ok("DescribeLogGroups", rest);
    assert_eq!(page["logGroups"][0]["logGroupName"], "c");
    assert_eq!(page["logGroups"].as_array().map(Vec::len), Some(1));
    for (operation, request) in [
        ("DescribeLogGroups", json!({"logGroupIdentifiers": ["a"]})),
        (
            "CreateLogGroup",
            json!({"logGroupName": "d", "deletionProtectionEnabled": true}),
        ),
        (
            "CreateLogGroup",
            json!({"logGroupName": "d", "kmsKeyId": "k"}),
        ),
    ] {
        assert_eq!(f.code(operation, request), "NotImplemented");
    }
    assert_eq!(f.state.groups_count(), 3);
}

#[test]
fn what_is_absent_answers_501_and_nothing_else_does() {
    let f = Fixture::new();
    for Operation { name, support } in OPERATIONS {
        let status = match f.call(name, json!({})) {
            Ok(_) => 200,
            Err(error) => error.status,
        };
        assert_eq!(
            status == 501,
            *support == Support::NotImplemented,
            "{name}: {status}"
        );
    }
}
