//! A few lines of HTTP/1.1 over a plain socket: probes that share no code with what they probe.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::tls;

/// How long a connect, and each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers as sent, in order.
    pub headers: Vec<(String, String)>,
    /// Body, transfer encoding undone.
    pub body: Vec<u8>,
}

impl Response {
    /// First header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON. Fails with `InvalidData` when it is none.
    pub fn json(&self) -> io::Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .map_err(|error| invalid(&format!("{error}: {}", self.text())))
    }
}

/// Gets `path` of an endpoint such as `http://127.0.0.1:4566`.
pub fn get(endpoint: &str, path: &str) -> io::Result<Response> {
    request("GET", endpoint, path, &[], b"")
}

/// Posts `body` to `path` of an endpoint.
pub fn post(
    endpoint: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    request("POST", endpoint, path, headers, body)
}

/// Gets `path` of an endpoint such as `https://127.0.0.1:4566` that has this certificate, in PEM form.
pub(crate) fn get_trusting(endpoint: &str, path: &str, certificate: &str) -> io::Result<Response> {
    let (authority, stream) = connect("https://", endpoint)?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let stream = tls::trusting(stream, host, certificate)?;
    exchange(stream, "GET", authority, path, &[], b"")
}

/// Sends one request on a connection of its own and reads the whole answer.
///
/// Fails with `InvalidInput` unless the endpoint is `http://host:port`, with `InvalidData` when the
/// answer is not HTTP, and as the socket does.
pub fn request(
    method: &str,
    endpoint: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let (authority, stream) = connect("http://", endpoint)?;
    exchange(stream, method, authority, path, headers, body)
}

fn connect<'e>(scheme: &str, endpoint: &'e str) -> io::Result<(&'e str, TcpStream)> {
    let authority = endpoint
        .strip_prefix(scheme)
        .map(|rest| rest.trim_end_matches('/'))
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("not {scheme}host:port: {endpoint}"),
            )
        })?;
    let address = authority.to_socket_addrs()?.next().ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("no address: {authority}"))
    })?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok((authority, stream))
}

fn exchange(
    mut stream: impl Read + Write,
    method: &str,
    authority: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    // A server that stops may reset the connection after the answer: what came counts.
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => parse(&answer),
    }
}

fn parse(answer: &[u8]) -> io::Result<Response> {
    let split = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(|| invalid("no end of the headers"))?;
    let head = String::from_utf8_lossy(&answer[..split]);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid("no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let mut response = Response {
        status,
        headers,
        body: answer[split + 4..].to_vec(),
    };
    if response
        .header("transfer-encoding")
        .is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"))
    {
        response.body = unchunk(&response.body)?;
    } else if let Some(length) = response
        .header("content-length")
        .and_then(|length| length.parse::<usize>().ok())
    {
        if response.body.len() < length {
            return Err(invalid("the body was cut"));
        }
        response.body.truncate(length);
    }
    Ok(response)
}

fn unchunk(mut body: &[u8]) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body
            .windows(2)
            .position(|window| window == b"\r\n")
            .ok_or_else(|| invalid("no chunk size"))?;
        let line = String::from_utf8_lossy(&body[..end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("no chunk size"))?;
        body = &body[end + 2..];
        if size == 0 {
            return Ok(whole);
        }
        let chunk = body
            .get(..size)
            .ok_or_else(|| invalid("the body was cut"))?;
        whole.extend_from_slice(chunk);
        body = body
            .get(size + 2..)
            .ok_or_else(|| invalid("the body was cut"))?;
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("bad answer: {what}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// Answers one request with `answer` and gives back what was asked.
    fn server(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).expect("a request");
            stream.write_all(answer.as_bytes()).expect("answered");
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        (endpoint, asked)
    }

    #[test]
    fn posts_headers_and_body_and_reads_a_sized_answer() {
        let (endpoint, asked) =
            server("HTTP/1.1 202 Accepted\r\nContent-Length: 7\r\nX-A: b\r\n\r\n{\"a\":1}");
        let response =
            post(&endpoint, "/_pipectl/stop", &[("x-pipectl-stop", "1")], b"").expect("answered");
        assert_eq!((response.status, response.header("x-a")), (202, Some("b")));
        assert_eq!(response.json().expect("JSON")["a"], 1);
        let asked = asked.join().expect("the server");
        assert!(
            asked.starts_with("POST /_pipectl/stop HTTP/1.1\r\nhost: 127.0.0.1:"),
            "{asked}"
        );
        assert!(asked.contains("x-pipectl-stop: 1\r\n"), "{asked}");
    }

    #[test]
    fn chunks_are_put_together() {
        let (endpoint, asked) = server(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n",
        );
        assert_eq!(
            get(&endpoint, "/")
                .map(|response| response.text())
                .expect("answered"),
            "hello, world"
        );
        asked.join().expect("the server");
    }

    #[test]
    fn cut_and_foreign_answers_are_errors() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
            "SSH-2.0-x\r\n\r\n",
        ] {
            let (endpoint, asked) = server(answer);
            assert_eq!(
                get(&endpoint, "/").map_err(|error| error.kind()),
                Err(io::ErrorKind::InvalidData)
            );
            asked.join().expect("the server");
        }
        assert_eq!(
            get("ftp://x", "/").map_err(|error| error.kind()),
            Err(io::ErrorKind::InvalidInput)
        );
    }
}
