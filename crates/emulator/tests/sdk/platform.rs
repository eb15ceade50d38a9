//! What belongs to no service: identity, health, stop, guards, 501s, and surviving a restart.

use std::net::SocketAddr;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use pipectl_emulator::{Config, Emulator, StartError};
use serde_json::Value;

use crate::common::{Running, code};
use crate::{dynamodb, lambda};

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_the_root_of_the_account() {
    let running = Running::start().await;
    let identity = running
        .sts()
        .get_caller_identity()
        .send()
        .await
        .expect("an identity");
    assert_eq!(identity.account(), Some("000000000000"));
    assert_eq!(identity.arn(), Some("arn:aws:iam::000000000000:root"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_answers_501_with_its_name() {
    let running = Running::start().await;
    let assume = running
        .sts()
        .assume_role()
        .role_arn("arn:aws:iam::000000000000:role/r")
        .role_session_name("s")
        .send()
        .await;
    let status = |response: Option<u16>| assert_eq!(response, Some(501));
    status(
        assume
            .as_ref()
            .err()
            .and_then(|error| error.raw_response())
            .map(|response| response.status().as_u16()),
    );
    assert_eq!(code(assume), "NotImplemented");
    let backup = running
        .dynamodb()
        .create_backup()
        .table_name("abc")
        .backup_name("abc")
        .send()
        .await;
    status(
        backup
            .as_ref()
            .err()
            .and_then(|error| error.raw_response())
            .map(|response| response.status().as_u16()),
    );
    assert_eq!(code(backup), "NotImplemented");
    let query = running.logs().describe_query_definitions().send().await;
    assert_eq!(code(query), "NotImplemented");

    let authorization = |service: &str| {
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential=t/20261123/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\n"
        )
    };
    let (status, body) = running
        .http("GET /schedules", "localhost", &authorization("scheduler"))
        .await;
    assert_eq!(status, 501);
    assert!(body.contains("scheduler GET /schedules"), "{body}");
    let (status, body) = running
        .http(
            "POST /?Action=CreateRole&Version=2010-05-08",
            "localhost",
            &authorization("iam"),
        )
        .await;
    assert_eq!(status, 501);
    assert!(body.contains("iam CreateRole is not implemented"), "{body}");
    assert!(body.contains("<Code>NotImplemented</Code>"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_names_the_process_and_counts_resources() {
    let running = Running::start().await;
    running
        .logs()
        .create_log_group()
        .log_group_name("g")
        .send()
        .await
        .expect("made");
    let (status, body) = running.http("GET /_pipectl/health", "127.0.0.1", "").await;
    assert_eq!(status, 200);
    let health: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(health["service"], "pipectl-emulator");
    assert_eq!(health["pid"], std::process::id());
    assert_eq!(health["endpoint"], running.emulator.endpoint());
    assert_eq!(health["resources"]["logs"], 1);
    assert_eq!(health["resources"]["s3"], 0);
    assert_eq!(running.emulator.resources(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_without_a_connection_as_with_one() {
    let running = Running::start().await;
    let ask = async |host: &str| {
        let request = http::Request::get("/_pipectl/health").header("host", host);
        let request = request.body(bytes::Bytes::new()).expect("a request");
        let answer = running.emulator.answer(request).await;
        answer.expect("an answer").into_parts()
    };
    let (head, body) = ask("localhost").await;
    assert_eq!(head.status, 200);
    let health: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(health["endpoint"], running.emulator.endpoint());
    assert_eq!(ask("rebound.example").await.0.status, 403);
    running.emulator.stop().await;
    assert_eq!(ask("localhost").await.0.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_are_kept_out() {
    let running = Running::start().await;
    for (host, headers) in [
        ("rebound.example", ""),
        ("127.0.0.1", "Origin: https://page.example\r\n"),
    ] {
        let (status, body) = running.http("GET /_pipectl/health", host, headers).await;
        assert_eq!(status, 403, "{host} {headers}");
        assert!(body.contains("AccessDenied"), "{body}");
    }
    // Neither can a page's form stop it.
    let (status, _) = running.http("POST /_pipectl/stop", "127.0.0.1", "").await;
    assert_eq!(status, 403);
    let (status, _) = running.http("GET /_pipectl/health", "localhost", "").await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_can_stop_it_and_frees_port_and_directory() {
    let running = Running::start().await;
    let second = Emulator::start(Config::new(running.dir())).await;
    assert!(matches!(
        second.map(|_| ()),
        Err(StartError::Locked { pid: Some(_), .. })
    ));
    let (status, _) = running
        .http("POST /_pipectl/stop", "127.0.0.1", "x-pipectl-stop: 1\r\n")
        .await;
    assert_eq!(status, 202);
    running.emulator.wait().await;

    let address: SocketAddr = running
        .emulator
        .endpoint()
        .strip_prefix("http://")
        .and_then(|address| address.parse().ok())
        .expect("an address");
    let mut config = Config::new(running.dir());
    config.port = address.port();
    let again = Emulator::start(config).await.expect("both are free again");
    assert_eq!(again.endpoint(), running.emulator.endpoint());
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let running = Running::start().await;
    running
        .s3()
        .create_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("a bucket");
    running
        .s3()
        .put_object()
        .bucket("uploads")
        .key("logs/a b.log")
        .body(ByteStream::from_static(b"line\n"))
        .send()
        .await
        .expect("an object");
    let queue = running
        .sqs()
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("a queue");
    running
        .sqs()
        .send_message()
        .queue_url(queue.queue_url().expect("its URL"))
        .message_body("job")
        .send()
        .await
        .expect("a message");
    dynamodb::make_table(&running.dynamodb()).await;
    running
        .dynamodb()
        .put_item()
        .table_name("results")
        .item("job_id", AttributeValue::S("j".to_owned()))
        .send()
        .await
        .expect("an item");
    lambda::make_function(&running.lambda(), "worker").await;
    running
        .logs()
        .create_log_group()
        .log_group_name("/aws/lambda/worker")
        .send()
        .await
        .expect("a log group");
    let before = running.emulator.resources();
    assert_eq!(before, 5);

    let running = running.restart().await;
    assert_eq!(running.emulator.resources(), before);
    let object = running
        .s3()
        .get_object()
        .bucket("uploads")
        .key("logs/a b.log")
        .send()
        .await
        .expect("the object");
    let bytes = object.body.collect().await.expect("its bytes").into_bytes();
    assert_eq!(&bytes[..], b"line\n");
    // The port is another one, and so is the queue's URL.
    let queue = running
        .sqs()
        .get_queue_url()
        .queue_name("jobs")
        .send()
        .await
        .expect("the queue");
    let received = running
        .sqs()
        .receive_message()
        .queue_url(queue.queue_url().expect("its URL"))
        .send()
        .await
        .expect("the message");
    assert_eq!(received.messages()[0].body(), Some("job"));
    let item = running
        .dynamodb()
        .get_item()
        .table_name("results")
        .key("job_id", AttributeValue::S("j".to_owned()))
        .send()
        .await
        .expect("read");
    assert!(item.item().is_some());
    let function = running
        .lambda()
        .get_function()
        .function_name("worker")
        .send()
        .await
        .expect("the function");
    assert_eq!(
        function.configuration().and_then(|f| f.function_name()),
        Some("worker")
    );
}
