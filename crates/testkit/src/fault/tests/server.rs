//! A small endpoint that answers as it is told, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Request line and headers, each line with its end.
    pub head: String,
    /// The body, chunks put together.
    pub body: Vec<u8>,
}

impl Seen {
    /// First header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Runs until the end of the tests.
#[derive(Default)]
pub(super) struct Server {
    pub url: String,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

impl Server {
    /// Answers each request with the bytes that `answer` makes, on connections that stay open; with none,
    /// it closes the connection.
    pub(super) fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            ..Self::default()
        });
        let (serving, answer) = (server.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (serving, answer) = (serving.clone(), answer.clone());
                std::thread::spawn(move || serving.serve(&stream, &*answer));
            }
        });
        server
    }

    /// Answers 200 with the length of what was sent.
    pub(super) fn counting() -> Arc<Self> {
        Self::start(|seen| ok(&seen.body.len().to_string()))
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Connections that were ever opened.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn serve(&self, mut stream: &TcpStream, answer: &dyn Fn(&Seen) -> Vec<u8>) {
        let mut reader = BufReader::new(stream);
        while let Some(seen) = read(&mut reader) {
            let bytes = answer(&seen);
            self.seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(seen);
            if bytes.is_empty() || stream.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

/// A sized answer.
pub(super) fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nX-From: Upstream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One request; none when the connection ends before it does.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut seen = Seen::default();
    while !seen.head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut seen.head).ok()? == 0 {
            return None;
        }
    }
    let mut part = |length: usize, body: &mut Vec<u8>| {
        let begun = body.len();
        body.resize(begun + length, 0);
        reader.read_exact(&mut body[begun..]).ok()
    };
    let mut body = Vec::new();
    if seen.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                part(1, &mut line)?;
            }
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).ok()?;
            part(size, &mut body)?;
            part(2, &mut line)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = seen.header("content-length") {
        part(length.parse().ok()?, &mut body)?;
    }
    seen.body = body;
    Some(seen)
}
