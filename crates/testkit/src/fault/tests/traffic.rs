//! What no fault hits goes through as it came.

use super::server::ok;
use super::*;

/// Reads a head and a sized body from a connection that stays open.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    let text = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
    loop {
        stream.read_exact(&mut byte).expect("more of the answer");
        answer.push(byte[0]);
        let so_far = text(&answer);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        if length == Some(&*body.len().to_string()) {
            return so_far;
        }
    }
}

#[test]
fn head_and_body_arrive_as_they_were_sent() {
    let server = Server::start(|_| {
        b"HTTP/1.1 418 I'm a teapot\r\nX-Mixed-Case: A\r\nx-twice: 1\r\nx-twice: 2\r\n\
          Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 3\r\n\r\n\x00\xff!"
            .to_vec()
    });
    let proxy = FaultProxy::start(&server.url);
    let mut stream = connect(&proxy);
    let head = "PUT /b//k%20+%C3%BC?a=%2F&tagging&b= HTTP/1.1\r\nHost: uploads.example:1\r\n\
                X-Amz-Meta-Mixed: V\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n";
    let request = format!("{head}Connection: close\r\nContent-Length: 3\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    stream.write_all(b"\x00\xfe?").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let seen = server.seen().swap_remove(0);
    assert_eq!(seen.head, format!("{head}Content-Length: 3\r\n\r\n"));
    assert_eq!(seen.body, b"\x00\xfe?");
    let text = String::from_utf8_lossy(&answer);
    let expected = [
        "HTTP/1.1 418 ",
        "\r\nX-Mixed-Case: A\r\n",
        "\r\nx-twice: 1\r\n",
        "\r\nx-twice: 2\r\n",
        "\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "\r\nContent-Length: 3\r\n",
    ];
    assert!(expected.iter().all(|line| text.contains(line)), "{text}");
    assert!(answer.ends_with(b"\r\n\r\n\x00\xff!"), "{text}");
    assert_eq!(proxy.calls()[0].status, Some(418));
}

#[test]
fn chunks_arrive_both_ways() {
    let server = Server::start(|seen| {
        let body = String::from_utf8_lossy(&seen.body);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nis\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
        .into_bytes()
    });
    let proxy = FaultProxy::start(&server.url);
    let mut stream = connect(&proxy);
    let request = "PUT /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                   Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let seen = server.seen().swap_remove(0);
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    assert_eq!(seen.header("content-length"), None);
    assert_eq!(seen.body, b"hello, world");
    let ends = "\r\n\r\nE\r\nishello, world\r\n0\r\n\r\n";
    assert!(answer.ends_with(ends), "{answer}");
    // The same by the client of the test kit.
    let answer = http::request("PUT", proxy.url(), "/b/k", &[], b"hi").expect("an answer");
    assert_eq!(answer.text(), "ishi");
}

#[test]
fn large_bodies_pass() {
    let server = Server::start(|seen| ok(&String::from_utf8_lossy(&seen.body)));
    let proxy = FaultProxy::start(&server.url);
    let body = "0123456789abcdef".repeat(512 * 1024);
    let begun = Instant::now();
    let answer = http::request("PUT", proxy.url(), "/b/k", &[], body.as_bytes());
    assert!(answer.expect("an answer").text() == body);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn connections_are_kept_on_both_sides() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let mut stream = connect(&proxy);
    for length in 1..=50 {
        let body = "x".repeat(length);
        let request =
            format!("PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("sent");
        let answer = read_answer(&mut stream);
        assert!(answer.ends_with(&format!("\r\n\r\n{length}")), "{answer}");
    }
    // Clients that close theirs do not close that one.
    assert!(sqs(&proxy, "ListQueues", "").is_ok());
    assert_eq!((proxy.calls().len(), server.connections()), (51, 1));
}

#[test]
fn answers_without_a_body_keep_their_length() {
    let server = Server::start(|seen| {
        if seen.head.starts_with("HEAD ") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n".to_vec()
        } else {
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
        }
    });
    let proxy = FaultProxy::start(&server.url);
    for (method, head) in [
        ("HEAD", "Content-Length: 123\r\n"),
        ("DELETE", "204 No Content\r\n"),
    ] {
        let mut stream = connect(&proxy);
        let request = format!("{method} /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(
            answer.contains(head) && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
        assert!(
            !answer.to_lowercase().contains("transfer-encoding"),
            "{answer}"
        );
    }
}

#[test]
fn a_client_that_waits_to_be_told_sends_its_body() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let mut stream = connect(&proxy);
    let head = "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut told = [0; 25];
    stream.read_exact(&mut told).expect("an answer");
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").expect("sent");
    assert!(read_answer(&mut stream).ends_with("\r\n\r\n2"));
}

#[test]
fn an_upstream_that_is_gone_closes_the_connection_and_may_come_back() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let proxy = FaultProxy::start(&format!("http://{address}"));
    assert_eq!(bytes(&proxy, "CreateQueue"), b"");
    let calls = proxy.calls();
    assert_eq!((calls[0].status, &calls[0].fault), (None, &None));

    // One that closes each connection after its answer is connected to again.
    let server = Server::start(|seen| {
        let close = seen.head.contains("Close");
        if close { Vec::new() } else { ok("") }
    });
    let proxy = FaultProxy::start(&server.url);
    for (operation, works) in [("ListQueues", true), ("Close", false), ("ListQueues", true)] {
        assert_eq!(sqs(&proxy, operation, "").is_ok(), works, "{operation}");
    }
    // A call that got no answer is not made again.
    assert_eq!((server.seen().len(), server.connections()), (3, 2));
}

#[test]
fn many_clients_at_once_are_all_counted() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert!(sqs(&proxy, "SendMessage", "jobs").is_ok());
                }
            });
        }
    });
    let numbers: Vec<_> = proxy.calls().iter().map(|call| call.nth).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    assert_eq!(server.seen().len(), 200);
    assert!(server.connections() <= 8, "{}", server.connections());
}

#[test]
fn its_end_closes_port_and_connections() {
    let server = Server::counting();
    let proxy = FaultProxy::start(&server.url);
    let url = proxy.url().to_owned();
    let mut kept = connect(&proxy);
    let request = "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n";
    kept.write_all(request.as_bytes()).expect("sent");
    read_answer(&mut kept);
    drop(proxy);
    assert_eq!(kept.read(&mut [0; 1]).expect("closed"), 0);
    assert!(http::get(&url, "/b/k").is_err());
}
