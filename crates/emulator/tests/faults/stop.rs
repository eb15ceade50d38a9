//! The stop: bounded whatever clients do, and the stores are closed.

use std::path::Path;
use std::time::{Duration, Instant};

use pipectl_emulator::Emulator;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::{
    address, beside, connect, directory, exchange, json_request, s3, sqs, start, status,
};

/// The stop's bounds together: three seconds for requests, three for what was cut off.
const MOST: Duration = Duration::from_secs(8);

/// No log is left beside any store, and the stop is noted as clean.
fn assert_closed(data: &Path) {
    for name in [
        "s3/meta.sqlite",
        "sqs.sqlite",
        "lambda/lambda.sqlite",
        "dynamodb.sqlite",
        "logs.sqlite",
    ] {
        let store = data.join(name);
        assert!(store.exists(), "{name}");
        for suffix in ["-wal", "-shm"] {
            assert!(!beside(&store, suffix).exists(), "{name}{suffix} is left");
        }
    }
    let lock = std::fs::read_to_string(data.join("lock")).expect("the lock file");
    assert_eq!(lock, "stopped\n");
}

async fn stop_in_time(emulator: Emulator) {
    let begun = Instant::now();
    emulator.stop().await;
    assert!(begun.elapsed() < MOST, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_no_log() {
    let dir = directory();
    let emulator = start(dir.path()).await;
    let queue = sqs(&emulator)
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("a queue");
    for _ in 0..20 {
        sqs(&emulator)
            .send_message()
            .queue_url(queue.queue_url().expect("its URL"))
            .message_body("x".repeat(100_000))
            .send()
            .await
            .expect("a message");
    }
    s3(&emulator)
        .create_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("a bucket");
    crate::common::make_function(&emulator, "worker", &[]).await;
    assert!(beside(&dir.path().join("sqs.sqlite"), "-wal").exists());
    let begun = Instant::now();
    emulator.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_closed(dir.path());
    assert_eq!(emulator.resources(), 0, "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_do_not_hold_the_stop() {
    let dir = directory();
    let emulator = start(dir.path()).await;
    let host = address(&emulator);
    let mut hanging = Vec::new();
    for text in [
        String::new(),
        "POST / HT".to_owned(),
        format!("GET /_pipectl/health HTTP/1.1\r\nHost: {host}\r\nX-Slow:"),
        format!("PUT /uploads/k HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nhalf"),
        format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n\
             Content-Length: 100\r\n\r\n{{"
        ),
        format!(
            "POST /2015-03-31/functions HTTP/1.1\r\nHost: {host}\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\n{{"
        ),
    ] {
        let mut stream = connect(&emulator).await;
        stream.write_all(text.as_bytes()).await.expect("it reads");
        hanging.push(stream);
    }
    // The others have been read by the time this one is answered.
    let health =
        format!("GET /_pipectl/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(exchange(&emulator, &health).await.0, 200);
    stop_in_time(emulator).await;
    assert_closed(dir.path());
    for mut stream in hanging {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(MOST, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "every connection has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_answered() {
    let dir = directory();
    let emulator = start(dir.path()).await;
    let host = address(&emulator);
    let made = exchange(
        &emulator,
        &json_request(&host, "AmazonSQS.CreateQueue", r#"{"QueueName":"q"}"#),
    )
    .await;
    assert_eq!(made.0, 200, "{}", made.1);
    // A long poll, and a request whose body comes only after the stop was asked for.
    let url = format!("http://{host}/000000000000/q");
    let poll = json_request(
        &host,
        "AmazonSQS.ReceiveMessage",
        &format!(r#"{{"QueueUrl":"{url}","WaitTimeSeconds":20}}"#),
    );
    let mut polling = connect(&emulator).await;
    polling.write_all(poll.as_bytes()).await.expect("it reads");
    let send = json_request(
        &host,
        "AmazonSQS.SendMessage",
        &format!(r#"{{"QueueUrl":"{url}","MessageBody":"late"}}"#),
    );
    let (first, second) = send.split_at(send.len() - 5);
    let mut sending = connect(&emulator).await;
    sending.write_all(first.as_bytes()).await.expect("it reads");
    let health =
        format!("GET /_pipectl/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(exchange(&emulator, &health).await.0, 200);

    let stopping = tokio::spawn(async move {
        emulator.stop().await;
    });
    let mut answer = String::new();
    polling
        .read_to_string(&mut answer)
        .await
        .expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
    // The poll ended, so the stop has begun.
    sending
        .write_all(second.as_bytes())
        .await
        .expect("it reads");
    let mut answer = String::new();
    sending
        .read_to_string(&mut answer)
        .await
        .expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
    stopping.await.expect("stopped");
    assert_closed(dir.path());

    let emulator = start(dir.path()).await;
    let received = sqs(&emulator)
        .receive_message()
        .queue_url(format!("{}/000000000000/q", emulator.endpoint()))
        .send()
        .await
        .expect("received");
    assert_eq!(
        received.messages()[0].body(),
        Some("late"),
        "it was acknowledged"
    );
    emulator.stop().await;
}
