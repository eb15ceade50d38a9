//! The only place that builds SDK configurations.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::{Credentials, Target, TargetError, TargetRow, probe};

/// One client per service, sharing one pool of connections.
#[derive(Debug, Clone)]
pub struct Clients {
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
}

impl Clients {
    /// Clients for a target that answered.
    pub fn new(target: &Target) -> Self {
        let config = sdk_config(target.row, &target.endpoint);
        let mut s3 = aws_sdk_s3::config::Builder::from(&config);
        if target.capabilities().plain_s3 {
            // aws-behaviours S20
            s3 = s3
                .force_path_style(true)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sqs: aws_sdk_sqs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        }
    }
}

/// Asks the endpoint who we are, which also proves that something answers there.
pub async fn reach(row: &'static TargetRow, endpoint: &str) -> Result<Target, TargetError> {
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let sts = aws_sdk_sts::Client::new(&sdk_config(row, &endpoint));
    let call = sts.get_caller_identity().send();
    let (identity, product) = futures::join!(call, probe::product(&endpoint));
    let identity = identity.map_err(|error| TargetError::Unreachable {
        target: row.name,
        endpoint: endpoint.clone(),
        cause: aws_smithy_types::error::display::DisplayErrorContext(error).to_string(),
    })?;
    let account = identity.account().unwrap_or("000000000000").to_owned();
    Ok(Target::new(row, endpoint, account, product))
}

fn sdk_config(row: &TargetRow, endpoint: &str) -> SdkConfig {
    let Credentials::Fixed { key, secret } = row.credentials;
    let credentials =
        aws_credential_types::Credentials::new(key, secret, None, None, "pipectl-target");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(row.region))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client(endpoint))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(60))
                .build(),
        )
        .build()
}

/// Plain HTTP loads no root certificates, which would cost more than a whole local `up`.
fn http_client(endpoint: &str) -> SharedHttpClient {
    if endpoint.starts_with("http://") {
        Builder::new().build_http()
    } else {
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https()
    }
}
