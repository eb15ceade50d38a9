//! An emulator with clients, and what tests share.

use std::fmt::Debug;
use std::io::{Cursor, Write as _};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use pipectl_emulator::{Config, Emulator};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A running emulator over a directory of its own.
pub struct Running {
    pub emulator: Emulator,
    config: Config,
    sdk: SdkConfig,
    dir: TempDir,
}

impl Running {
    /// Starts over an empty directory.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts over an empty directory, with a configuration that `change` makes of the usual one.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config::new(dir.path());
        change(&mut config);
        Self::start_over(dir, config).await
    }

    async fn start_over(dir: TempDir, config: Config) -> Self {
        let emulator = Emulator::start(config.clone())
            .await
            .expect("the emulator starts");
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(emulator.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            // A retry would hide a wrong answer.
            .retry_config(RetryConfig::disabled())
            .build();
        Self {
            emulator,
            config,
            sdk,
            dir,
        }
    }

    /// Stops it and starts another over the same directory.
    pub async fn restart(self) -> Self {
        self.emulator.stop().await;
        Self::start_over(self.dir, self.config).await
    }

    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk)
    }

    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.sdk)
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk)
    }

    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.sdk)
    }

    pub fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk)
    }

    /// Sends a request as written, with `host` as its `Host`, and returns status and body.
    pub async fn http(&self, line: &str, host: &str, headers: &str) -> (u16, String) {
        let address = self
            .emulator
            .endpoint()
            .strip_prefix("http://")
            .expect("an HTTP endpoint");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .await
            .expect("it answers");
        let status = response
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status line");
        let body = response
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
            .unwrap_or_default();
        (status, body)
    }
}

/// The AWS error code of a call that must fail.
#[track_caller]
pub fn code<T: Debug, E: ProvideErrorMetadata + Debug>(result: Result<T, E>) -> String {
    let error = result.expect_err("the call must be refused");
    error
        .code()
        .unwrap_or_else(|| panic!("no code in {error:?}"))
        .to_owned()
}

/// A deployment package whose bootstrap does nothing for ten minutes.
pub fn sleeping_function() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(b"#!/bin/sh\nexec sleep 600\n")
        .expect("its text");
    zip.finish().expect("an archive").into_inner()
}
