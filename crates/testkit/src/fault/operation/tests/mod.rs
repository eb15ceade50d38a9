//! Requests and their names, signed and unsigned.

mod s3;

use hyper::Request;

use super::*;

fn name(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Named {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    named(&head, body.as_bytes())
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0"
    )
}

/// Checks rows of method, URI, operation and resource, signed for a service and unsigned.
fn check(service: &str, protocol: Protocol, rows: &[(&str, &str, &str, &str)]) {
    let signature = scope(service);
    for (method, uri, operation, resource) in rows {
        for headers in [&[("authorization", signature.as_str())][..], &[]] {
            let expected = Named {
                service: service.to_owned(),
                operation: (*operation).to_owned(),
                resource: (*resource).to_owned(),
                protocol,
            };
            assert_eq!(name(method, uri, headers, ""), expected, "{method} {uri}");
        }
    }
}

#[test]
fn json_operations_are_named_by_their_target() {
    for (service, target, body, resource) in [
        (
            "sqs",
            "AmazonSQS.CreateQueue",
            r#"{"QueueName":"jobs"}"#,
            "jobs",
        ),
        (
            "sqs",
            "AmazonSQS.SendMessage",
            r#"{"MessageBody":"{\"QueueName\":\"x\"}","QueueUrl":"http://127.0.0.1:1/0/jobs"}"#,
            "jobs",
        ),
        (
            "sqs",
            "AmazonSQS.ListQueues",
            r#"{"QueueNamePrefix":"jo"}"#,
            "jo",
        ),
        ("sqs", "AmazonSQS.ListQueues", "{}", ""),
        (
            "sqs",
            "AmazonSQS.StartMessageMoveTask",
            r#"{"SourceArn":"arn:aws:sqs:us-east-1:0:dlq"}"#,
            "dlq",
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.PutItem",
            r#"{"TableName":"t"}"#,
            "t",
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.TagResource",
            r#"{"ResourceArn":"arn:aws:dynamodb:us-east-1:0:table/t"}"#,
            "t",
        ),
        ("dynamodb", "DynamoDBStreams_20120810.ListStreams", "", ""),
        (
            "logs",
            "Logs_20140328.CreateLogGroup",
            r#"{"logGroupName":"/g"}"#,
            "/g",
        ),
        (
            "logs",
            "Logs_20140328.ListTagsForResource",
            r#"{"resourceArn":"arn:aws:logs:us-east-1:0:log-group:/g"}"#,
            "/g",
        ),
        ("kinesis", "kinesis.ListShards", "{", ""),
    ] {
        let signature = scope(service);
        for headers in [
            &[("x-amz-target", target), ("authorization", &signature)][..],
            &[("X-Amz-Target", target)],
        ] {
            let expected = Named {
                service: service.to_owned(),
                operation: target.split('.').nth(1).unwrap_or_default().to_owned(),
                resource: resource.to_owned(),
                protocol: Protocol::Json,
            };
            assert_eq!(name("POST", "/", headers, body), expected, "{target}");
        }
    }
}

#[test]
fn lambda_operations_are_named_by_method_and_path() {
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3Aworker";
    let functions = "/2015-03-31/functions";
    let mappings = "/2015-03-31/event-source-mappings";
    let at = |end: &str| format!("{functions}/worker{end}");
    check(
        "lambda",
        Protocol::RestJson,
        &[
            ("POST", functions, "CreateFunction", ""),
            ("GET", &format!("{functions}/"), "ListFunctions", ""),
            ("GET", &at(""), "GetFunction", "worker"),
            (
                "GET",
                &format!("{functions}/{arn}"),
                "GetFunction",
                "worker",
            ),
            (
                "GET",
                &format!("{functions}/worker:live"),
                "GetFunction",
                "worker",
            ),
            (
                "GET",
                &format!("{functions}/0:function:worker:1"),
                "GetFunction",
                "worker",
            ),
            ("DELETE", &at(""), "DeleteFunction", "worker"),
            ("PUT", &at("/code"), "UpdateFunctionCode", "worker"),
            (
                "GET",
                &at("/configuration"),
                "GetFunctionConfiguration",
                "worker",
            ),
            (
                "PUT",
                &at("/configuration"),
                "UpdateFunctionConfiguration",
                "worker",
            ),
            ("POST", &at("/invocations?Qualifier=1"), "Invoke", "worker"),
            ("GET", &at("/policy"), "GetPolicy", "worker"),
            ("POST", &at("/policy"), "AddPermission", "worker"),
            (
                "DELETE",
                &at("/policy/s3?RevisionId=1"),
                "RemovePermission",
                "worker",
            ),
            (
                "PUT",
                "/2017-10-31/functions/worker/concurrency",
                "PutFunctionConcurrency",
                "worker",
            ),
            (
                "PUT",
                "/2019-09-25/functions/worker/event-invoke-config",
                "PutFunctionEventInvokeConfig",
                "worker",
            ),
            (
                "GET",
                "/2019-09-30/functions/worker/provisioned-concurrency?List=ALL",
                "ListProvisionedConcurrencyConfigs",
                "worker",
            ),
            (
                "GET",
                "/2019-09-30/functions/worker/provisioned-concurrency?Qualifier=1",
                "GetProvisionedConcurrencyConfig",
                "worker",
            ),
            ("POST", mappings, "CreateEventSourceMapping", ""),
            (
                "GET",
                &format!("{mappings}/?EventSourceArn=arn%3Aq&FunctionName=worker"),
                "ListEventSourceMappings",
                "worker",
            ),
            (
                "DELETE",
                &format!("{mappings}/a-b-c"),
                "DeleteEventSourceMapping",
                "a-b-c",
            ),
            (
                "GET",
                &format!("/2017-03-31/tags/{arn}"),
                "ListTags",
                "worker",
            ),
            (
                "POST",
                &format!("/2017-03-31/tags/{arn}"),
                "TagResource",
                "worker",
            ),
            (
                "DELETE",
                &format!("/2017-03-31/tags/{arn}?tagKeys=a"),
                "UntagResource",
                "worker",
            ),
            (
                "PATCH",
                &at("/new"),
                "PATCH /2015-03-31/functions/worker/new",
                "worker",
            ),
        ],
    );
    let body = r#"{"EventSourceArn":"arn:aws:sqs:us-east-1:0:jobs","FunctionName":"worker:live"}"#;
    assert_eq!(name("POST", mappings, &[], body).resource, "worker");
}

#[test]
fn query_operations_are_named_by_their_action() {
    let form = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    let signature = scope("iam");
    let sts = name(
        "POST",
        "/",
        &[form],
        "Version=2011-06-15&Action=GetCallerIdentity",
    );
    let expected = Named {
        service: "sts".to_owned(),
        operation: "GetCallerIdentity".to_owned(),
        resource: String::new(),
        protocol: Protocol::Query,
    };
    assert_eq!(sts, expected);
    let in_query = name("GET", "/?Action=GetCallerIdentity", &[], "");
    assert_eq!(in_query, expected);
    let iam = name(
        "POST",
        "/",
        &[form, ("authorization", &signature)],
        "Action=CreateRole",
    );
    assert_eq!((&*iam.service, &*iam.operation), ("iam", "CreateRole"));
    let queue = "Action=SendMessage&QueueUrl=http%3A%2F%2Fh%2F0%2Fjobs";
    let sqs = name(
        "POST",
        "/0/jobs",
        &[form, ("authorization", &scope("sqs"))],
        queue,
    );
    assert_eq!((&*sqs.service, &*sqs.resource), ("sqs", "jobs"));
}

#[test]
fn other_addresses_of_an_emulator_are_of_no_service() {
    let health = name("GET", "/_pipectl/health", &[], "");
    assert_eq!(health.service, "");
    assert_eq!(health.operation, "GET /_pipectl/health");
    assert!(!writes(&health.operation));
    assert!(writes(&name("POST", "/_pipectl/stop", &[], "").operation));
}

#[test]
fn what_may_change_something_writes() {
    for operation in [
        "GetObject",
        "ListQueues",
        "DescribeTable",
        "HeadBucket",
        "Scan",
        "Query",
        "ReceiveMessage",
        "BatchGetItem",
        "FilterLogEvents",
    ] {
        assert!(!writes(operation), "{operation}");
    }
    for operation in [
        "PutObject",
        "Invoke",
        "DeleteMessage",
        "CreateQueue",
        "TagResource",
    ] {
        assert!(writes(operation), "{operation}");
    }
}
