//! Stands between Lambda's Runtime API and the program of a function: each invocation comes here first. One that
//! bears a mark of a scenario of `pipectl parity` is written to the log, and what the mark asks for is done:
//! ending, running out of time or memory, failing, or failing single messages. Everything else goes on to the
//! program as it came.
//!
//! A mark is `pipectl-parity--TAG--ACT--` anywhere in the record: in an object's key, in a message's body. `event-…`
//! is for functions that are started by an event, `queue-…` for those that are started by messages.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "a function's process: it ends, and sleeps, because it is asked to"
)]

mod marks;
mod messages;

use std::io::Write as _;
use std::process::{Command, exit};
use std::time::Duration;

use serde_json::{Value, json};
use tiny_http::{Header, Method, Request, Response, Server};

use marks::Record;

/// Name of the function's own program in the zip.
const PROGRAM: &str = "program";
/// A file beside it: what it holds is told with every mark, so that it can be seen which code is at work.
const NOTE: &str = "pipectl-parity.txt";
/// Set to anything, the function fails before it is ready.
const FAIL_INIT: &str = "PIPECTL_PARITY_FAIL_INIT";
/// Lambda's largest payloads are 6 MB; JSON in JSON takes more. Bytes.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Longer than any timeout of a function.
const TOO_LONG: Duration = Duration::from_secs(1_000);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let platform = Platform { api, agent };
    if std::env::var_os(FAIL_INIT).is_some() {
        let error = json!({"errorType": "Pipectl.Init", "errorMessage": "asked to fail before it is ready"});
        platform.post(
            "/2018-06-01/runtime/init/error",
            error.to_string().into_bytes(),
        )?;
        exit(1);
    }
    let server = Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = server.server_addr().to_ip().ok_or("no address")?;
    let root = std::env::var("LAMBDA_TASK_ROOT").unwrap_or_else(|_| ".".to_owned());
    let note = std::fs::read_to_string(format!("{root}/{NOTE}")).unwrap_or_default();
    let mut program = Command::new(format!("{root}/{PROGRAM}"))
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .spawn()?;
    std::thread::spawn(move || {
        let code = program.wait().ok().and_then(|status| status.code());
        exit(code.unwrap_or(1));
    });
    let mut front = Front {
        platform,
        note,
        failed: Vec::new(),
    };
    for request in server.incoming_requests() {
        front.serve(request)?;
    }
    Ok(())
}

/// Lambda's side.
struct Platform {
    api: String,
    agent: ureq::Agent,
}

/// What came back.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter();
        named
            .find(|(one, _)| one.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Platform {
    fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.api));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = if method == "GET" {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.body(body)?)
        };
        let mut answer = answer?;
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        });
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: answer
                .body_mut()
                .with_config()
                .limit(LARGEST)
                .read_to_vec()?,
        })
    }

    fn post(&self, path: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        self.call("POST", path, &[], body)
    }

    fn answer(&self, id: &str, what: &str, body: &Value) -> Result<(), Failure> {
        let path = format!("/2018-06-01/runtime/invocation/{id}/{what}");
        self.post(&path, body.to_string().into_bytes())?;
        Ok(())
    }
}

/// Between both.
struct Front {
    platform: Platform,
    /// Which code this is.
    note: String,
    /// Messages of the invocation under way that are told to have failed, whatever the program says.
    failed: Vec<String>,
}

impl Front {
    /// Answers one request of the program.
    fn serve(&mut self, mut request: Request) -> Result<(), Failure> {
        let path = request.url().to_owned();
        let is_next = *request.method() == Method::Get && path.ends_with("/invocation/next");
        let mut body = Vec::new();
        request.as_reader().read_to_end(&mut body)?;
        let answer = if is_next {
            self.next()?
        } else {
            if path.ends_with("/response") && !self.failed.is_empty() {
                body = messages::with_failures(&body, &std::mem::take(&mut self.failed));
            }
            let headers: Vec<(String, String)> = request
                .headers()
                .iter()
                .map(|header| {
                    let value = header.value.as_str().to_owned();
                    (header.field.as_str().as_str().to_owned(), value)
                })
                .filter(|(name, _)| goes_on(name))
                .collect();
            let method = request.method().to_string();
            self.platform.call(&method, &path, &headers, body)?
        };
        let headers = answer
            .headers
            .iter()
            .filter(|(name, _)| goes_on(name))
            .filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok());
        let mut response = Response::from_data(answer.body).with_status_code(answer.status);
        for header in headers {
            response.add_header(header);
        }
        // A program that is gone ends this one, too.
        request.respond(response)?;
        Ok(())
    }

    /// The next invocation for the program; those that are for nobody else are done here.
    fn next(&mut self) -> Result<Answer, Failure> {
        // Those of an invocation that the program failed as a whole are no longer of interest.
        self.failed.clear();
        loop {
            let path = "/2018-06-01/runtime/invocation/next";
            let mut answer = self.platform.call("GET", path, &[], Vec::new())?;
            let text = String::from_utf8_lossy(&answer.body);
            if answer.status != 200 || !text.contains(marks::BEGINS) {
                return Ok(answer);
            }
            let Ok(event) = serde_json::from_str::<Value>(&text) else {
                return Ok(answer);
            };
            let id = answer.header("lambda-runtime-aws-request-id");
            let id = id.unwrap_or_default().to_owned();
            let records = marks::records(&event);
            self.tell(&id, &records);
            if records.iter().any(|record| record.source == "aws:sqs") {
                let sorted = messages::sort(event, &records, &self.note);
                if let Some(rest) = sorted.rest {
                    self.failed = sorted.failed;
                    answer.body = rest.to_string().into_bytes();
                    return Ok(answer);
                }
                let told = messages::failures(&sorted.failed);
                self.platform.answer(&id, "response", &told)?;
                continue;
            }
            let mut acts = records.iter().filter_map(|record| record.act.as_deref());
            match acts.find_map(|act| act.strip_prefix("event-")) {
                Some(act) => self.act(act, &id)?,
                None => return Ok(answer),
            }
        }
    }

    /// What a mark asks of a function that was started by an event.
    fn act(&self, act: &str, id: &str) -> Result<(), Failure> {
        match act {
            "exit" => exit(1),
            "panic" => panic!("asked to panic"),
            "sleep" => std::thread::sleep(TOO_LONG),
            "memory" => {
                let bytes = fill_memory();
                let told = json!({"pipectl_parity_survived": bytes});
                println!("{told}");
                self.platform.answer(id, "response", &told)?;
            }
            "tell" => self
                .platform
                .answer(id, "response", &surroundings(&self.note))?,
            _ => {
                let error = json!({"errorType": "Pipectl.Asked", "errorMessage": "asked to fail"});
                self.platform.answer(id, "error", &error)?;
            }
        }
        Ok(())
    }

    /// One line in the log for each invocation with a mark.
    fn tell(&self, id: &str, records: &[Record]) {
        let told: Vec<Value> = records.iter().map(Record::told).collect();
        let line = json!({
            "pipectl_parity": 1, "request_id": id, "batch": records.len(), "note": self.note.trim(),
            "records": told,
        });
        let mut out = std::io::stdout().lock();
        // A log that cannot be written is seen by its reader.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Headers that mean something to the other side, and not to the connection.
fn goes_on(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("lambda-") || name == "content-type" || name == "user-agent"
}

/// Takes a quarter more memory than the function has, and holds it for a second.
fn fill_memory() -> usize {
    let size = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok();
    let megabytes: usize = size.and_then(|size| size.parse().ok()).unwrap_or(128);
    let mut held = Vec::new();
    for _ in 0..megabytes * 5 / 4 {
        // Zeroes alone would not be taken.
        held.push(std::hint::black_box(vec![1u8; 1024 * 1024]));
    }
    std::thread::sleep(Duration::from_secs(1));
    std::hint::black_box(&held).len() * 1024 * 1024
}

/// The environment as the function finds it. What opens doors is only told to be there.
fn surroundings(note: &str) -> Value {
    let is_secret = |name: &str| {
        ["KEY", "SECRET", "TOKEN", "PASSWORD"]
            .iter()
            .any(|word| name.to_ascii_uppercase().contains(word))
    };
    let variables = std::env::vars().map(|(name, value)| {
        let value = if is_secret(&name) {
            Value::Null
        } else {
            value.into()
        };
        (name, value)
    });
    let root = std::env::var("LAMBDA_TASK_ROOT").unwrap_or_default();
    json!({
        "environment": variables.collect::<serde_json::Map<_, _>>(),
        "note": note.trim(),
        "finds_its_code": std::path::Path::new(&root).join(PROGRAM).is_file(),
        "works_in_its_code": std::env::current_dir().is_ok_and(|at| at == std::path::Path::new(&root)),
    })
}
