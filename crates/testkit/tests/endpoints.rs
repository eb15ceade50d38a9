//! The launchers, on the real emulators where they are installed.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

use std::net::TcpStream;

use pipectl_testkit::{Endpoint, Skip, http};

/// Starts one, probes it past every SDK, and sees that nothing listens once it is dropped.
fn lives_and_dies(started: Result<Endpoint, Skip>, health: &str) {
    let endpoint = match started {
        Ok(endpoint) => endpoint,
        Err(skip) => {
            eprintln!("skipped: {skip}");
            return;
        }
    };
    let url = endpoint.url().to_owned();
    let answer = http::get(&url, health).expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(
        answer.json().expect("JSON")["services"]["sqs"].is_string(),
        "{}",
        answer.text()
    );
    assert!(endpoint.log().is_file());

    let credential = "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
    let headers = [
        ("x-amz-target", "AmazonSQS.CreateQueue"),
        ("content-type", "application/x-amz-json-1.0"),
        ("authorization", credential),
    ];
    let queue = http::post(&url, "/", &headers, br#"{"QueueName":"probe"}"#).expect("an answer");
    assert_eq!(queue.status, 200, "{}", queue.text());
    let queue_url = queue.json().expect("JSON")["QueueUrl"].to_string();
    assert!(
        queue_url.contains(url.trim_start_matches("http://")),
        "{queue_url} resolves to {url}"
    );

    eprintln!(
        "{} started in {} ms",
        endpoint.name(),
        endpoint.start_took().as_millis()
    );
    drop(endpoint);
    assert!(
        TcpStream::connect(url.trim_start_matches("http://")).is_err(),
        "still there"
    );
}

#[test]
fn ministack() {
    lives_and_dies(Endpoint::ministack(), "/_ministack/health");
}

#[test]
fn localstack() {
    lives_and_dies(Endpoint::localstack(), "/_localstack/health");
}
