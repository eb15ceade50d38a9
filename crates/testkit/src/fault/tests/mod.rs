//! The proxy before a small server, over plain sockets: faults, and what no fault hits.

mod server;
mod traffic;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use server::Server;

use super::{Call, Fault, FaultKind, FaultProxy};
use crate::http::{self, Response};
use crate::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to the proxy, that gives up when nothing comes.
fn connect(proxy: &FaultProxy) -> TcpStream {
    let address = proxy.url().strip_prefix("http://").expect("plain HTTP");
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream
}

/// What comes on a connection of its own until it is closed, for a call of SQS.
fn bytes(proxy: &FaultProxy, operation: &str) -> Vec<u8> {
    let mut stream = connect(proxy);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.{operation}\r\n\
         Content-Length: 20\r\n\r\n{{\"QueueName\":\"jobs\"}}"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("closed, not reset");
    answer
}

/// A call of SQS on a queue.
fn sqs(proxy: &FaultProxy, operation: &str, queue: &str) -> std::io::Result<Response> {
    let target = format!("AmazonSQS.{operation}");
    let body = format!(r#"{{"QueueName":"{queue}"}}"#);
    let headers = [("x-amz-target", &*target)];
    http::post(proxy.url(), "/", &headers, body.as_bytes())
}

fn fault(operation: &str, kind: FaultKind) -> Fault {
    Fault::new(operation, kind)
}

#[test]
fn a_refused_call_gets_no_byte_and_does_not_reach_the_upstream() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    proxy.arm(fault("CreateQueue", FaultKind::RefuseBefore));
    assert_eq!(bytes(&proxy, "CreateQueue"), b"");
    assert_eq!(server.seen().len(), 0);
    let expected = Call {
        service: "sqs".to_owned(),
        operation: "CreateQueue".to_owned(),
        nth: 1,
        resource: "jobs".to_owned(),
        writes: true,
        status: None,
        fault: Some(FaultKind::RefuseBefore),
    };
    assert_eq!(proxy.calls(), [expected]);
    // It was the one.
    let answer = sqs(&proxy, "CreateQueue", "jobs").expect("an answer");
    assert_eq!((answer.status, server.seen().len()), (200, 1));
}

#[test]
fn a_cut_call_gets_no_byte_but_has_taken_effect() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    proxy.arm(fault("CreateQueue", FaultKind::CutAfter));
    assert_eq!(bytes(&proxy, "CreateQueue"), b"");
    assert_eq!(server.seen()[0].body, br#"{"QueueName":"jobs"}"#);
    let calls = proxy.calls();
    assert_eq!(calls[0].status, Some(200));
    assert_eq!(calls[0].fault, Some(FaultKind::CutAfter));
}

#[test]
fn a_kept_connection_is_closed_by_a_fault() {
    for kind in [FaultKind::RefuseBefore, FaultKind::CutAfter] {
        let server = Server::counting();
        let proxy = FaultProxy::start(&server.url);
        proxy.arm(fault("PutObject", kind).nth(2));
        let mut stream = connect(&proxy);
        let put = b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
        stream.write_all(put).expect("sent");
        let mut first = vec![0; 4096];
        let read = stream.read(&mut first).expect("an answer");
        assert!(first[..read].starts_with(b"HTTP/1.1 200 OK\r\n"));
        stream.write_all(put).expect("sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("closed, not reset");
        assert_eq!(rest, b"");
    }
}

#[test]
fn a_delayed_call_is_late_and_others_are_not() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let delay = Duration::from_millis(300);
    proxy.arm(fault("CreateQueue", FaultKind::Delay(delay)).on("slow"));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| sqs(&proxy, "CreateQueue", "slow").map(|answer| answer.status));
        until("the slow call is there", PATIENCE, || {
            let calls = proxy.calls();
            (calls.len() == 1).then_some(()).ok_or("no call".to_owned())
        });
        let quick = sqs(&proxy, "CreateQueue", "quick").expect("an answer");
        assert_eq!(quick.status, 200);
        assert_eq!(slow.join().expect("a client").expect("an answer"), 200);
        assert!(begun.elapsed() >= delay);
    });
    let arrived: Vec<_> = proxy.calls().into_iter().map(|c| c.resource).collect();
    assert_eq!(arrived, ["slow", "quick"]);
    let served: Vec<_> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(
        served,
        [&br#"{"QueueName":"quick"}"#[..], br#"{"QueueName":"slow"}"#]
    );
}

#[test]
fn errors_have_the_shape_of_each_protocol() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let error = FaultKind::answer(503, "SlowDown", "a < b & c");
    proxy.arm(fault("*", error.clone()).times(usize::MAX));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let json = r#"{"__type":"SlowDown","message":"a < b & c"}"#;
    let rest = r#"{"Message":"a < b & c","message":"a < b & c"}"#;
    let xml = "<Code>SlowDown</Code><Message>a &lt; b &amp; c</Message>";
    let s3 = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{xml}\
         <RequestId>fault-000003</RequestId></Error>"
    );
    let query = format!(
        "<ErrorResponse><Error><Type>Receiver</Type>{xml}</Error>\
         <RequestId>fault-000004</RequestId></ErrorResponse>"
    );
    let lambda = "/2015-03-31/functions/worker/invocations";
    let answers = [
        (
            sqs(&proxy, "CreateQueue", "jobs"),
            Some("SlowDown"),
            "x-amzn-requestid",
            json,
        ),
        (
            http::post(proxy.url(), lambda, &[], b"{}"),
            Some("SlowDown"),
            "x-amzn-requestid",
            rest,
        ),
        (
            http::get(proxy.url(), "/b/k"),
            None,
            "x-amz-request-id",
            &s3,
        ),
        (
            http::post(proxy.url(), "/", &form, b"Action=GetCallerIdentity"),
            None,
            "x-amzn-requestid",
            &query,
        ),
    ];
    for ((answer, error_type, id, body), number) in answers.into_iter().zip(1..) {
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, &*answer.text()), (503, body));
        assert_eq!(answer.header("x-amzn-errortype"), error_type, "{body}");
        assert_eq!(answer.header(id), Some(&*format!("fault-{number:06}")));
    }
    assert_eq!(server.seen().len(), 0);
    let calls = proxy.calls();
    assert_eq!(calls.len(), 4);
    assert!(
        calls
            .iter()
            .all(|call| call.status == Some(503) && call.fault.as_ref() == Some(&error)),
        "{calls:?}"
    );
}

#[test]
fn services_ask_for_fewer_calls_in_words_of_their_own() {
    for (service, status, code) in [
        ("s3", 503, "SlowDown"),
        ("lambda", 429, "TooManyRequestsException"),
        ("dynamodb", 400, "ThrottlingException"),
    ] {
        let FaultKind::Answer {
            status: found,
            code: named,
            ..
        } = FaultKind::throttled(service)
        else {
            panic!("not an answer");
        };
        assert_eq!((found, &*named), (status, code));
    }
    let internal = FaultKind::internal_error("s3");
    assert!(
        matches!(internal, FaultKind::Answer { status: 500, code, .. } if code == "InternalError")
    );
}

#[test]
fn a_fault_hits_as_many_calls_as_it_is_for_until_it_is_disarmed() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    proxy.arm(
        fault("CreateQueue", FaultKind::throttled("sqs"))
            .nth(2)
            .times(2)
            .on("jobs"),
    );
    let statuses = || {
        let queues = ["jobs", "other", "jobs", "jobs", "jobs"];
        let answers = queues.map(|queue| sqs(&proxy, "CreateQueue", queue).expect("an answer"));
        answers.map(|answer| answer.status)
    };
    assert_eq!(statuses(), [200, 200, 400, 400, 200]);
    proxy.reset();
    assert_eq!(proxy.calls(), []);
    assert_eq!(statuses(), [200, 200, 400, 400, 200]);
    let numbers: Vec<_> = proxy.calls().iter().map(|call| call.nth).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    proxy.disarm();
    proxy.reset();
    assert_eq!(statuses(), [200; 5]);
}

#[test]
fn a_service_has_an_upstream_of_its_own() {
    let (rest, queues) = (Server::counting(), Server::counting());
    let proxy = FaultProxy::start(&rest.url);
    proxy.route("sqs", &queues.url);
    assert!(sqs(&proxy, "CreateQueue", "jobs").is_ok());
    assert!(http::get(proxy.url(), "/bucket/key").is_ok());
    assert_eq!((rest.seen().len(), queues.seen().len()), (1, 1));
}

#[test]
fn an_answer_can_be_anything() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let headers = [("x-amz-bucket-region", "eu-west-1")];
    proxy.arm(fault(
        "GetObject",
        FaultKind::reply(301, &headers, "<Error/>"),
    ));
    let answer = http::get(proxy.url(), "/bucket/key").expect("an answer");
    assert_eq!((answer.status, &*answer.text()), (301, "<Error/>"));
    assert_eq!(answer.header("X-Amz-Bucket-Region"), Some("eu-west-1"));
    assert_eq!(server.seen().len(), 0);
    assert_eq!(proxy.calls()[0].status, Some(301));
}

#[test]
fn the_hook_sees_a_call_before_the_upstream_does() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    proxy.arm(fault("DeleteQueue", FaultKind::RefuseBefore));
    let hooked = Arc::new(Mutex::new(Vec::new()));
    let (notes, upstream) = (hooked.clone(), server.clone());
    proxy.on_call(move |call| {
        let note = (call.clone(), upstream.seen().len());
        notes.lock().expect("no panic").push(note);
    });
    assert!(sqs(&proxy, "CreateQueue", "jobs").is_ok());
    assert!(sqs(&proxy, "DeleteQueue", "jobs").is_err());
    assert!(sqs(&proxy, "ListQueues", "").is_ok());
    let hooked = hooked.lock().expect("no panic");
    let facts: Vec<_> = hooked
        .iter()
        .map(|(call, served)| (&*call.operation, call.status, call.fault.is_some(), *served))
        .collect();
    let expected = [
        ("CreateQueue", None, false, 0),
        ("DeleteQueue", None, true, 1),
        ("ListQueues", None, false, 1),
    ];
    assert_eq!(facts, expected);
}

#[test]
fn a_hook_that_panics_closes_the_connection_and_the_proxy_lives_on() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    proxy.on_call(|call| assert_ne!(call.operation, "CreateQueue"));
    assert_eq!(bytes(&proxy, "CreateQueue"), b"");
    assert_eq!(server.seen().len(), 0);
    assert!(sqs(&proxy, "ListQueues", "").is_ok());
}

#[test]
fn a_write_goes_on_without_its_client_and_a_read_does_not() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let release = Arc::new(Mutex::new(()));
    for (method, served) in [("PUT", 1), ("GET", 1)] {
        let held = release.lock().expect("no panic");
        let gate = release.clone();
        proxy.on_call(move |_| drop(gate.lock()));
        let mut stream = connect(&proxy);
        let request = format!("{method} /b/k HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        until("the call is there", PATIENCE, || {
            let last = proxy.calls().pop();
            last.filter(|call| call.operation.to_uppercase().starts_with(method))
                .ok_or("none".to_owned())
        });
        drop(stream);
        // Another client's call is taken after the proxy has seen the first one go.
        proxy.on_call(|_| {});
        assert!(sqs(&proxy, "ListQueues", "").is_ok());
        drop(held);
        if method == "PUT" {
            until("the write is done", PATIENCE, || {
                let put = proxy.calls().swap_remove(0);
                put.status.ok_or(format!("{put:?}"))
            });
        }
        let objects = |seen: &server::Seen| seen.head.contains("/b/k");
        assert!(sqs(&proxy, "ListQueues", "").is_ok());
        assert_eq!(server.seen().iter().filter(|s| objects(s)).count(), served);
    }
}

#[test]
fn faults_that_cannot_be_are_refused() {
    let proxy = FaultProxy::start("http://127.0.0.1:1");
    for (fault, says) in [
        (
            fault("X", FaultKind::CutAfter).nth(0),
            "calls are counted from 1",
        ),
        (
            fault("X", FaultKind::answer(200, "C", "")),
            "not the status of an error: 200",
        ),
    ] {
        let armed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| proxy.arm(fault)));
        let message = armed.expect_err("refused");
        let message = message
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_default();
        assert!(message.contains(says), "{message}");
    }
}
