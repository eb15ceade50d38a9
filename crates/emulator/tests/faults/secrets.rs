//! What must not be in a line of the log, at any level.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::primitives::ByteStream;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::common::{
    address, directory, exchange, make_function, runs_alone_elsewhere, s3, sdk, start,
};

/// Keeps every line, of every level and library.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<String>>);

impl Captured {
    fn add(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line<'_>)) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write!(text, "\n{} {}", metadata.level(), metadata.target());
        record(&mut Line(&mut text));
    }
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Captured {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.add(span.metadata(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.record(&mut Line(&mut text));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.add(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log() {
    if runs_alone_elsewhere("secrets::no_secret_is_in_the_log") {
        return;
    }
    let dir = directory();
    let captured = Captured::default();
    tracing::subscriber::set_global_default(captured.clone()).expect("the first");
    let emulator = start(dir.path()).await;
    let host = address(&emulator);

    // By hand, so that the client's own log says nothing of it.
    let authorization = |service: &str| {
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIDHEADER/20261123/us-east-1/{service}/\
             aws4_request, SignedHeaders=host, Signature=sig-of-a-header\r\n\
             X-Amz-Security-Token: token-of-a-header\r\n"
        )
    };
    let body = r#"{"FunctionName":"by-hand","Runtime":"provided.al2023","Handler":"bootstrap","Role":"arn:aws:iam::000000000000:role/r","Environment":{"Variables":{"PASSWORD":"value-of-a-variable"}},"Code":{"ZipFile":"not a zip"}}"#;
    let presigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDQUERY%2F20261123%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261123T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=token-of-a-query&X-Amz-Signature=sig-of-a-query";
    let mut requests = Vec::new();
    for service in ["s3", "sqs", "lambda", "dynamodb", "logs", "sts", "kms"] {
        requests.push(("GET /uploads/k".to_owned(), authorization(service), ""));
        requests.push(("POST /".to_owned(), authorization(service), "{\"a\":"));
    }
    requests.push(("PUT /uploads".to_owned(), authorization("s3"), ""));
    requests.push((format!("GET /uploads/k?{presigned}"), String::new(), ""));
    requests.push((format!("PUT /uploads/k?{presigned}"), String::new(), "x"));
    requests.push((format!("DELETE /?{presigned}"), String::new(), ""));
    requests.push((
        format!("GET http://user:pass-of-a-uri@{host}/?{presigned}"),
        String::new(),
        "",
    ));
    requests.push((
        "POST /2015-03-31/functions".to_owned(),
        authorization("lambda"),
        body,
    ));
    for (line, headers, body) in requests {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(&emulator, &request).await;
    }
    let stranger = format!(
        "GET /?{presigned} HTTP/1.1\r\nHost: user:pass-of-a-host@evil.example\r\nConnection: close\r\n{}\r\n",
        authorization("s3")
    );
    assert_ne!(exchange(&emulator, &stranger).await.0, 200);

    // And a function that runs with its variables, and one that cannot.
    let lambda = aws_sdk_lambda::Client::new(&sdk(&emulator));
    make_function(&emulator, "worker", &[("PASSWORD", "value-of-a-variable")]).await;
    lambda
        .update_function_configuration()
        .function_name("worker")
        .timeout(1)
        .send()
        .await
        .expect("changed");
    let invoked = lambda
        .invoke()
        .function_name("worker")
        .send()
        .await
        .expect("invoked");
    assert!(invoked.function_error().is_some());
    s3(&emulator)
        .put_object()
        .bucket("uploads")
        .key("k2")
        .body(ByteStream::from_static(b"bytes"))
        .send()
        .await
        .expect("an object");
    emulator.stop().await;

    let text = captured.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(text.contains("pipectl_emulator"), "the log was captured");
    // The SDK's own log is the client's; the emulator is everything else in this process.
    let client = ["aws_", "hyper_util::client", "hyper::client"];
    let lines = text.lines().filter(|line| {
        let target = line.split(' ').nth(1).unwrap_or_default();
        !client.iter().any(|prefix| target.starts_with(prefix))
    });
    for line in lines {
        for secret in [
            "sig-of-a-",
            "token-of-a-",
            "pass-of-a-",
            "value-of-a-variable",
            "secret-key-hunter2",
            "Signature=",
        ] {
            assert!(!line.contains(secret), "{secret} is in the log: {line}");
        }
    }
}
