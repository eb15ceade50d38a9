//! The service over real processes: this test binary is the functions' bootstrap, too.

mod fakes;
mod faults;
mod invocations;
mod lifecycle;
mod machines;
mod mappings;
mod refusals;
mod times;

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::LambdaService;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::server::Shared;
use crate::service::Service as _;
use fakes::{FakeLogs, FakeObjects, FakeQueues};

/// An answer of the service.
struct Got {
    status: u16,
    /// Text of `X-Amz-Function-Error`, empty without one.
    function_error: String,
    /// Text of `X-Amz-Log-Result`, decoded.
    tail: String,
    body: Value,
}

struct Fixture {
    dir: Arc<TempDir>,
    config: Config,
    queues: Arc<FakeQueues>,
    logs: Arc<FakeLogs>,
    stop: CancellationToken,
    service: Arc<LambdaService>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a configuration that `change` makes of the usual one.
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let mut config = Config::new(dir.path());
        change(&mut config);
        Self::over(dir, config, Arc::default(), Arc::default())
    }

    fn over(
        dir: Arc<TempDir>,
        config: Config,
        queues: Arc<FakeQueues>,
        logs: Arc<FakeLogs>,
    ) -> Self {
        let shared = Arc::new(Shared::new(&config, "http://127.0.0.1:1"));
        let stop = shared.stop.clone();
        let service = super::open(Arc::clone(&shared)).expect("opened");
        shared.bus.connect(
            queues.clone(),
            service.clone(),
            logs.clone(),
            Arc::new(FakeObjects),
        );
        service.start();
        Self {
            dir,
            config,
            queues,
            logs,
            stop,
            service,
        }
    }

    async fn stop(&self) {
        self.stop.cancel();
        self.service.stop().await;
    }

    /// Stops the service and opens another over the same directory.
    async fn reopen(self) -> Self {
        self.stop().await;
        Self::over(
            self.dir.clone(),
            self.config.clone(),
            self.queues.clone(),
            self.logs.clone(),
        )
    }

    async fn request(&self, method: Method, path: &str, headers: &[&str], body: Value) -> Got {
        request(&self.service, method, path, headers, body).await
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let got = self.request(method, path, &[], body).await;
        assert!(got.status < 300, "{path}: {} {}", got.status, got.body);
        got.body
    }

    /// Makes a function whose process behaves as `mode` says; `more` is merged into the request.
    async fn make(&self, name: &str, mode: &str, more: Value) {
        let exe = std::env::current_exe().expect("this test binary");
        let mut body = json!({
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Timeout": 60,
            "Code": { "ZipFile": STANDARD.encode(bootstrap(name)) },
            "Environment": { "Variables": { "TEST_EXE": exe, "MODE": mode } },
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        self.ok(Method::POST, "/2015-03-31/functions", body).await;
    }

    async fn invoke(&self, name: &str, payload: Value) -> Got {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let tail = ["x-amz-log-type: Tail"];
        self.request(Method::POST, &path, &tail, payload).await
    }

    /// Id of the process that answered.
    async fn pid(&self, name: &str) -> u64 {
        let got = self.invoke(name, json!({})).await;
        assert_eq!(got.function_error, "", "{}", got.body);
        got.body["pid"].as_u64().expect("an id")
    }

    async fn invoke_event(&self, name: &str, payload: Value) {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let event = ["x-amz-invocation-type: Event"];
        let got = self.request(Method::POST, &path, &event, payload).await;
        assert_eq!(got.status, 202, "{}", got.body);
    }

    async fn reserve(&self, name: &str, reserved: u32) {
        let path = format!("/2017-10-31/functions/{name}/concurrency");
        let body = json!({ "ReservedConcurrentExecutions": reserved });
        self.ok(Method::PUT, &path, body).await;
    }

    /// Invokes in the background with a payload that keeps the process at work until `file` is there.
    /// Returns once it works, with the id of the process.
    async fn keep_busy(&self, name: &str, file: &Path) -> (tokio::task::JoinHandle<Got>, u64) {
        let payload = json!({ "do": "wait", "file": file });
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let service = self.service.clone();
        let work =
            tokio::spawn(async move { request(&service, Method::POST, &path, &[], payload).await });
        eventually("it works", || self.logs.has("waiting ")).await;
        (work, self.logs.number_after("waiting "))
    }
}

async fn request(
    service: &LambdaService,
    method: Method,
    path: &str,
    headers: &[&str],
    body: Value,
) -> Got {
    let mut request = http::Request::builder().method(method).uri(path);
    for header in headers {
        let (name, value) = header.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    let response = service.call(request.body(body).expect("a request")).await;
    let (head, body) = response.into_parts();
    let text = |name: &str| {
        let value = head.headers.get(name);
        value
            .map_or("", |value| value.to_str().expect("text"))
            .to_owned()
    };
    let tail = STANDARD.decode(text("x-amz-log-result")).expect("base64");
    let (status, function_error) = (head.status.as_u16(), text("x-amz-function-error"));
    let body = body.collect().await.expect("a body");
    Got {
        status,
        function_error,
        tail: String::from_utf8(tail).expect("text"),
        body: serde_json::from_slice(&body.to_bytes()).unwrap_or_default(),
    }
}

/// Waits, half a minute at most: processes take their time on a machine that has other work.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        SystemClock.sleep_until(SystemClock.now_ms() + 10).await;
    }
    panic!("never: {what}");
}

/// Does the process run? One that only waits for its parent to take note of its end does not.
fn lives(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with('Z'))
}

/// A zip whose bootstrap is [`fake_bootstrap`]; `marker` makes its content differ.
fn bootstrap(marker: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    let script = format!(
        "#!/bin/sh\n# {marker}\nexec \"$TEST_EXE\" --exact lambda::tests::fake_bootstrap --nocapture --test-threads=1\n"
    );
    zip.write_all(script.as_bytes()).expect("its text");
    zip.finish().expect("an archive").into_inner()
}

/// Not a test by itself: what functions run. It does what the event says under `do`.
#[test]
fn fake_bootstrap() {
    let (Ok(mode), Ok(api)) = (
        std::env::var("MODE"),
        std::env::var("AWS_LAMBDA_RUNTIME_API"),
    ) else {
        return;
    };
    // Ends the line that the test harness began.
    print("");
    match mode.as_str() {
        "init-error" => {
            let error = br#"{"errorType":"Mine.Init","errorMessage":"no table"}"#;
            exchange(&api, "POST", "init/error", error);
            return;
        }
        "crash-at-start" => panic!("as asked"),
        _ => {}
    }
    while let Some((head, body)) = exchange(&api, "GET", "invocation/next", b"") {
        let id = head
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .expect("an id")
            .trim();
        let event: Value = serde_json::from_slice(&body).expect("JSON");
        let answer = format!("invocation/{id}/response");
        let done = |text: &Value| exchange(&api, "POST", &answer, text.to_string().as_bytes());
        match event["do"].as_str() {
            Some("crash") => panic!("as asked"),
            Some("exit") => return,
            Some("error") => {
                print(event["say"].as_str().unwrap_or("an error follows"));
                let error = br#"{"errorType":"Mine","errorMessage":"as asked"}"#;
                exchange(&api, "POST", &format!("invocation/{id}/error"), error);
            }
            Some("child") => {
                let child = std::process::Command::new("sleep").arg("600").spawn();
                print(&format!("child {}", child.expect("a child").id()));
                assert!(event["crash"] != true, "as asked");
                done(&json!({ "pid": std::process::id() }));
            }
            Some("hang") => loop {
                std::thread::park();
            },
            Some("wait") => {
                print(&format!("waiting {}", std::process::id()));
                let file = event["file"].as_str().expect("a file");
                while !Path::new(file).exists() {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                print("waited");
                done(&json!({ "pid": std::process::id() }));
            }
            Some("remember") => {
                let much = vec![1_u8; 512 * 1_024 * 1_024];
                loop {
                    std::hint::black_box(&much);
                    std::thread::park();
                }
            }
            Some("much") => {
                done(&json!("x".repeat(7 * 1_024 * 1_024)));
            }
            Some("scratch") => {
                let path = std::env::temp_dir().join("note");
                let there = path.exists();
                std::fs::write(&path, "a note").expect("written");
                done(&json!({ "path": path, "there": there }));
            }
            Some("print") => {
                print(event["say"].as_str().expect("a text"));
                done(&Value::Null);
            }
            _ if mode == "batches" => {
                let records = event["Records"].as_array().expect("records");
                print(&format!("a batch of {}", records.len()));
                let failed: Vec<_> = records
                    .iter()
                    .filter(|record| record["body"] == "fail")
                    .map(|record| json!({ "itemIdentifier": record["messageId"] }))
                    .collect();
                if records.iter().any(|record| record["body"] == "error") {
                    exchange(&api, "POST", &format!("invocation/{id}/error"), b"{}");
                } else {
                    done(&json!({ "batchItemFailures": failed }));
                }
            }
            _ => {
                done(&json!({ "pid": std::process::id(), "event": event }));
            }
        }
    }
}

/// Writes a line past the test harness.
fn print(text: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").expect("written");
    out.flush().expect("flushed");
}

/// One request to the Runtime API: head and body of the answer, none when there is no more to do.
fn exchange(api: &str, method: &str, path: &str, body: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(api).ok()?;
    let head = format!(
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    head.starts_with("HTTP/1.1 20")
        .then(|| (head, answer[end + 4..].to_vec()))
}
