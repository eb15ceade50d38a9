//! A full disk and no more open files: clean errors, and work goes on when there is room again.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::common::{
    address, connect, directory, exchange, json_request, runs_alone_elsewhere, s3, sdk, sqs, start,
    status,
};

fn soft_limit(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current, maximum }).expect("a limit below the hard one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_so_and_work_goes_on_when_there_is_room() {
    if runs_alone_elsewhere("limits::a_full_disk_is_said_so_and_work_goes_on_when_there_is_room") {
        return;
    }
    // Handled, the signal does not end the process: the write fails, as on a full disk.
    let _handled =
        signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).expect("a handler");
    let dir = directory();
    let emulator = start(dir.path()).await;
    let (s3, sqs) = (s3(&emulator), sqs(&emulator));
    s3.create_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("a bucket");
    let queue = sqs
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("a queue");
    let url = queue.queue_url().expect("its URL").to_owned();
    let send = || {
        sqs.send_message()
            .queue_url(&url)
            .message_body("m".repeat(200_000))
            .send()
    };
    let put = |key: &str| {
        s3.put_object()
            .bucket("uploads")
            .key(key)
            .body(ByteStream::from(vec![7; 400_000]))
            .send()
    };
    let first = send().await.expect("there is room");

    soft_limit(Resource::Fsize, Some(300_000));
    let full = put("k").await.expect_err("no room for the body");
    let response = full.raw_response().expect("an answer");
    assert_eq!(response.status().as_u16(), 507, "{full:?}");
    assert_eq!(full.code(), Some("InsufficientStorage"));
    assert!(
        full.message()
            .is_some_and(|message| message.contains("free some space")),
        "{full:?}"
    );
    let mut refusals = 0;
    for _ in 0..10 {
        if let Err(error) = send().await {
            let response = error.raw_response().expect("an answer");
            assert_eq!(response.status().as_u16(), 507, "{error:?}");
            refusals += 1;
        }
    }
    assert!(refusals > 0, "the queue's store has a limit, too");
    // It still reads.
    s3.head_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("the bucket");

    soft_limit(Resource::Fsize, getrlimit(Resource::Fsize).maximum);
    put("k").await.expect("there is room again");
    let last = send().await.expect("there is room again");
    assert_ne!(first.message_id(), last.message_id());
    emulator.stop().await;
    let objects = std::fs::read_dir(dir.path().join("s3/objects")).expect("a folder");
    assert_eq!(objects.count(), 1, "nothing is left of the refused body");

    let emulator = start(dir.path()).await;
    let attributes = crate::common::sqs(&emulator)
        .get_queue_attributes()
        .queue_url(format!("{}/000000000000/jobs", emulator.endpoint()))
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages)
        .send()
        .await
        .expect("the queue");
    let found = attributes
        .attributes()
        .and_then(|all| all.values().next().cloned());
    assert_eq!(
        found,
        Some((12 - refusals).to_string()),
        "what was acknowledged, and no more"
    );
    emulator.stop().await;
}

/// One request on a connection that stays open.
async fn keep_alive(stream: &mut TcpStream, request: &str) -> String {
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.expect("it answers");
        assert!(read > 0, "the connection stays open");
        answer.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        if body.len() >= length {
            return text.into_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_it_neither_dies_nor_spins_and_goes_on_later() {
    if runs_alone_elsewhere(
        "limits::without_descriptors_it_neither_dies_nor_spins_and_goes_on_later",
    ) {
        return;
    }
    let dir = directory();
    let emulator = start(dir.path()).await;
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    assert!(
        soft >= hard.min(65_536),
        "the soft limit was raised: {soft} of {hard}"
    );

    let host = address(&emulator);
    let health = format!("GET /_pipectl/health HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let put = |key: &str| {
        format!("PUT /uploads/{key} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\nabc")
    };
    let mut open = connect(&emulator).await;
    assert_eq!(status(&keep_alive(&mut open, &health).await), 200);
    let bucket = format!("PUT /uploads HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(status(&keep_alive(&mut open, &bucket).await), 200);
    assert_eq!(status(&keep_alive(&mut open, &put("before")).await), 200);

    // Sockets first: then it is the accepting side that has no descriptors left.
    let sockets: Vec<TcpSocket> = (0..20)
        .map(|_| TcpSocket::new_v4().expect("a socket"))
        .collect();
    let mut stat = File::open("/proc/self/stat").expect("Linux");
    let used = std::fs::read_dir("/proc/self/fd").expect("Linux").count() as u64;
    soft_limit(Resource::Nofile, Some(used));
    let target = host.parse().expect("an address");
    let mut waiting = Vec::new();
    for socket in sockets {
        waiting.push(socket.connect(target).await.expect("the queue takes it"));
    }
    let answer = keep_alive(&mut open, &put("none")).await;
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("open files"), "{answer}");
    // Health needs no descriptor, and is told on the connection that there is.
    let cpu = cpu_ticks(&mut stat);
    let paused = tokio::time::timeout(Duration::from_secs(1), async {
        let mut nothing = [0; 1];
        open.read(&mut nothing).await
    });
    assert!(paused.await.is_err(), "nobody says anything for a second");
    let spent = cpu_ticks(&mut stat) - cpu;
    assert!(spent < 50, "{spent} of about 100 ticks were spent waiting");
    assert_eq!(status(&keep_alive(&mut open, &health).await), 200);

    soft_limit(Resource::Nofile, Some(soft));
    let mut last = waiting.pop().expect("a connection");
    let answered = tokio::time::timeout(Duration::from_secs(10), keep_alive(&mut last, &health));
    assert_eq!(status(&answered.await.expect("it is accepted now")), 200);
    assert_eq!(status(&keep_alive(&mut open, &put("after")).await), 200);
    drop((open, waiting, last));
    emulator.stop().await;
}

/// Processor time of this process, in ticks of 10 ms.
fn cpu_ticks(stat: &mut File) -> u64 {
    let mut text = String::new();
    stat.seek(SeekFrom::Start(0)).expect("from the start");
    stat.read_to_string(&mut text).expect("read");
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a number");
    number(11) + number(12)
}

/// Sends `head`, then zeros until the answer comes, and returns the answer.
async fn flood(address: &str, head: &str, most: usize) -> (u16, usize) {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(head.as_bytes()).await.expect("it reads");
    let flooding = tokio::spawn(async move {
        let piece = vec![b' '; 64 * 1024];
        let mut sent = 0;
        while sent < most && writer.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        // Open until the answer was read.
        (sent, writer)
    });
    let mut answer = vec![0; 1024];
    let read = reader.read(&mut answer).await.expect("it answers");
    let status = status(&String::from_utf8_lossy(&answer[..read]));
    drop(reader);
    let (sent, _) = flooding.await.expect("sent");
    (status, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_reads_more_than_it_takes() {
    const MIB: usize = 1024 * 1024;
    let dir = directory();
    let emulator = start(dir.path()).await;
    let host = address(&emulator);
    let invoke = "2015-03-31/functions/f/invocations";
    let form = "application/x-www-form-urlencoded";
    for (path, header, limit) in [
        ("", "X-Amz-Target: AmazonSQS.SendMessage", 16),
        ("", "X-Amz-Target: DynamoDB_20120810.PutItem", 16),
        ("", "X-Amz-Target: Logs_20140328.PutLogEvents", 8),
        ("", &format!("Content-Type: {form}"), 1),
        (invoke, "X-Amz-Invocation-Type: RequestResponse", 6),
        (invoke, "X-Amz-Invocation-Type: Event", 1),
        ("2015-03-31/functions", "Accept: */*", 67),
    ] {
        // A length that is said, and one that is not.
        for length in ["Content-Length: 209715200", "Transfer-Encoding: chunked"] {
            let first = if length.starts_with('T') {
                "C800000\r\n"
            } else {
                ""
            };
            let head = format!(
                "POST /{path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n{length}\r\n\r\n{first}"
            );
            let (status, sent) = flood(&host, &head, 200 * MIB).await;
            assert!((400..500).contains(&status), "{header} {length}: {status}");
            // The sockets' buffers hold some megabytes on the way.
            assert!(
                sent < (limit + 24) * MIB,
                "{header} {length}: {sent} bytes were taken"
            );
        }
    }
    // What is in the limits is served as before.
    let list = json_request(&host, "AmazonSQS.ListQueues", "{}");
    assert_eq!(exchange(&emulator, &list).await.0, 200);
    let identity = aws_sdk_sts::Client::new(&sdk(&emulator))
        .get_caller_identity()
        .send()
        .await;
    assert!(identity.is_ok());
    emulator.stop().await;
}
