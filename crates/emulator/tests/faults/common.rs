//! An emulator over a directory that a test may damage, its clients, and requests as written.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use pipectl_emulator::{Config, Emulator};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Tells a test that it runs in a process of its own.
const ALONE: &str = "PIPECTL_FAULTS_ALONE";

pub fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

pub async fn start(data: &Path) -> Emulator {
    Emulator::start(Config::new(data))
        .await
        .expect("the emulator starts")
}

/// Credentials and endpoint of a client. It retries as clients do by default.
pub fn sdk(emulator: &Emulator) -> SdkConfig {
    let credentials = Credentials::new("AKIDTEST", "secret-key-hunter2", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(emulator.endpoint())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

pub fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk(emulator)).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

pub fn sqs(emulator: &Emulator) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&sdk(emulator))
}

/// Host and port that the emulator listens on.
pub fn address(emulator: &Emulator) -> String {
    emulator.endpoint().trim_start_matches("http://").to_owned()
}

pub async fn connect(emulator: &Emulator) -> TcpStream {
    TcpStream::connect(address(emulator))
        .await
        .expect("it listens")
}

/// Sends a request that asks for the end of its connection, and returns status and answer.
pub async fn exchange(emulator: &Emulator, request: &str) -> (u16, String) {
    let mut stream = connect(emulator).await;
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("it answers");
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    (status(&answer), answer)
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status line in {answer:?}"))
}

/// A request for JSON of an operation.
pub fn json_request(host: &str, target: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: {target}\r\nConnection: close\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A deployment package with a shell script for a bootstrap.
pub fn package(script: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(script.as_bytes()).expect("its text");
    zip.finish().expect("an archive").into_inner()
}

pub async fn make_function(emulator: &Emulator, name: &str, variables: &[(&str, &str)]) {
    let mut environment = aws_sdk_lambda::types::Environment::builder();
    for (name, value) in variables {
        environment = environment.variables(*name, *value);
    }
    let code = aws_sdk_lambda::types::FunctionCode::builder()
        .zip_file(aws_sdk_lambda::primitives::Blob::new(package(
            "#!/bin/sh\nexec sleep 600\n",
        )))
        .build();
    aws_sdk_lambda::Client::new(&sdk(emulator))
        .create_function()
        .function_name(name)
        .runtime(aws_sdk_lambda::types::Runtime::Providedal2023)
        .role("arn:aws:iam::000000000000:role/r")
        .handler("bootstrap")
        .environment(environment.build())
        .code(code)
        .send()
        .await
        .expect("a function");
}

/// All files of a folder, as they are now: what a kill at this moment would leave.
pub fn snapshot(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            snapshot(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// `path` with `suffix` behind its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Runs the test `name` in a process of its own, whose limits and log it may change. False in that
/// process: there the test goes on.
pub fn runs_alone_elsewhere(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    true
}
