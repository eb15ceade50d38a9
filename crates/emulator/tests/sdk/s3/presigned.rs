//! Presigned URLs, used by a client that knows nothing of AWS.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{BUCKET, body_of, make_bucket, put};
use crate::common::Running;

/// Sends the signed request with `body`; returns status and text of the answer.
async fn send(running: &Running, signed: &PresignedRequest, body: &str) -> (u16, String) {
    let endpoint = running.emulator.endpoint();
    let address = endpoint.strip_prefix("http://").expect("an HTTP endpoint");
    let target = signed
        .uri()
        .strip_prefix(endpoint)
        .expect("at the endpoint");
    let mut request = format!(
        "{} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
        signed.method(),
        body.len()
    );
    for (name, value) in signed.headers() {
        let set_already = ["host", "content-length"].contains(&name);
        if !set_already {
            request += &format!("{name}: {value}\r\n");
        }
    }
    request += "\r\n";
    request += body;
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let written = stream.write_all(request.as_bytes()).await;
    written.expect("it reads");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    read.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status line");
    (status.parse().expect("a status"), body.to_owned())
}

fn for_a_minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_mins(1)).expect("valid")
}

fn over_since_an_hour() -> PresigningConfig {
    PresigningConfig::builder()
        .start_time(SystemTime::now() - Duration::from_hours(2))
        .expires_in(Duration::from_hours(1))
        .build()
        .expect("valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_get_reads_until_it_expires() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    put(&client, "logs/a b.txt", b"content").await;
    let get = || {
        let get = client.get_object().bucket(BUCKET).key("logs/a b.txt");
        get.response_content_type("text/csv")
    };
    let signed = get().presigned(for_a_minute()).await.expect("signed");
    let (status, body) = send(&running, &signed, "").await;
    assert_eq!((status, body.as_str()), (200, "content"));
    let late = get().presigned(over_since_an_hour()).await.expect("signed");
    let (status, body) = send(&running, &late, "").await;
    assert_eq!(status, 403);
    assert!(
        body.contains("<Message>Request has expired</Message>"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_put_writes_until_it_expires() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let write = || {
        let put = client.put_object().bucket(BUCKET).key("k");
        put.content_type("text/plain").metadata("who", "me")
    };
    let signed = write().presigned(for_a_minute()).await.expect("signed");
    let (status, body) = send(&running, &signed, "uploaded").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body_of(&client, "k", None, None).await, b"uploaded");
    let head = client.head_object().bucket(BUCKET).key("k").send().await;
    let head = head.expect("there");
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.metadata().expect("metadata")["who"], "me");
    // The headers that were signed carry the claim about the body.
    let with_body = client.put_object().bucket(BUCKET).key("k");
    let with_body = with_body
        .content_md5("1B2M2Y8AsgTpgAmY7PhCfg==")
        .body(ByteStream::from_static(b""))
        .presigned(for_a_minute())
        .await
        .expect("signed");
    let (status, body) = send(&running, &with_body, "not empty").await;
    assert_eq!(status, 400);
    assert!(body.contains("<Code>BadDigest</Code>"), "{body}");
    let late = write().presigned(over_since_an_hour()).await;
    let (status, _) = send(&running, &late.expect("signed"), "late").await;
    assert_eq!(status, 403);
    assert_eq!(body_of(&client, "k", None, None).await, b"uploaded");
}
