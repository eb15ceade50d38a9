//! SDK clients of a target, and the first call to it.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_sts::error::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::connection::Connection;
use super::probe::{self, Probed};
use super::{Product, ProductName, Target, TargetError, TargetRow, lab, refused};

/// Longest wait for the first answer of a target.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
}

impl Clients {
    /// Clients for a target that answered.
    pub fn new(target: &Target) -> Self {
        Self::with(target, &target.connection.sdk_config())
    }

    /// Clients that try nothing again: what is measured must not hide a call that failed.
    pub fn trying_once(target: &Target) -> Self {
        Self::with(target, &target.connection.trying_once())
    }

    fn with(target: &Target, config: &SdkConfig) -> Self {
        let mut s3 = aws_sdk_s3::config::Builder::from(config);
        if target.capabilities().plain_s3 {
            // aws-behaviours S20
            s3 = s3
                .force_path_style(true)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sqs: aws_sdk_sqs::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            cloudformation: aws_sdk_cloudformation::Client::new(config),
        }
    }
}

/// Asks a target who we are, which also proves that it is there and speaks AWS's protocols.
///
/// # Errors
/// Nobody answers, or not as AWS does; no or refused credentials; what [`Connection::open`] refuses.
pub async fn reach(row: &Arc<TargetRow>, endpoint: Option<String>) -> Result<Target, TargetError> {
    let connection = Connection::open(row, endpoint).await?;
    if row.signs_for_aws() {
        let provided = Box::pin(connection.credentials().provide_credentials()).await;
        provided.map_err(|error| TargetError::NoCredentials {
            target: row.name.to_string(),
            cause: DisplayErrorContext(error).to_string(),
        })?;
    }
    let sts = aws_sdk_sts::Client::new(&connection.first_call(PATIENCE));
    let call = Box::pin(sts.get_caller_identity().send());
    let (identity, probed) = futures::join!(call, Box::pin(probed(&connection)));
    let place = connection
        .endpoint
        .clone()
        .unwrap_or_else(|| format!("AWS in {}", connection.region));
    let identity = identity.map_err(|error| unanswered(row, &place, &error))?;
    let Some(account) = identity.account() else {
        return Err(TargetError::NotAws {
            target: row.name.to_string(),
            endpoint: place,
            cause: "it answers, but names no account".to_owned(),
        });
    };
    let account = account.to_owned();
    let is_lab = identity.arn().is_some_and(lab::is_caller);
    let mut target = Target::new(Arc::clone(row), connection, account, probed.product);
    target.clock_ahead = probed.clock_ahead;
    if is_lab {
        target.is_learner_lab();
    }
    if target.capabilities().roles && target.capabilities().learner_lab {
        target.shared_role = Box::pin(lab::role(&target)).await;
    }
    Ok(target)
}

async fn probed(connection: &Connection) -> Probed {
    match &connection.endpoint {
        Some(endpoint) => probe::ask(&connection.connector(), endpoint).await,
        None => Probed::from(Product::named(ProductName::Aws)),
    }
}

/// What the failure of the first call means.
fn unanswered<E>(row: &TargetRow, endpoint: &str, error: &SdkError<E, Response>) -> TargetError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let (target, endpoint) = (row.name.to_string(), endpoint.to_owned());
    let not_aws = |cause: String| TargetError::NotAws {
        target: target.clone(),
        endpoint: endpoint.clone(),
        cause,
    };
    match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let message = error.message().unwrap_or_default();
            match error.code() {
                Some(code) if refused::is_bad_credentials(code, message) => {
                    TargetError::BadCredentials {
                        target,
                        code: code.to_owned(),
                        message: message.to_owned(),
                    }
                }
                Some(code) if refused::is_clock(code, message) => TargetError::WrongClock {
                    ahead_s: probe::clock_ahead(context.raw()).map(time::Duration::whole_seconds),
                    message: message.to_owned(),
                },
                Some(code) if code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.') => {
                    TargetError::Refused {
                        target,
                        code: code.to_owned(),
                        message: message.to_owned(),
                    }
                }
                _ => not_aws(format!("it answers with HTTP status {status}")),
            }
        }
        SdkError::ResponseError(_) => not_aws("its answer cannot be read".to_owned()),
        SdkError::TimeoutError(_) => TargetError::Unreachable {
            target,
            endpoint,
            cause: format!("no answer within {} s", PATIENCE.as_secs()),
        },
        other => {
            let cause = innermost(other);
            // Somebody listens, and speaks something else: a database, a shell, TLS.
            if cause.contains("invalid HTTP") || cause.contains("InvalidContentType") {
                return not_aws(format!("it does not speak this protocol ({cause})"));
            }
            TargetError::Unreachable {
                target,
                endpoint,
                cause,
            }
        }
    }
}

/// The cause behind all others, in its own words.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::row;
    use super::*;

    /// aws-behaviours S20
    #[tokio::test]
    async fn checksums_that_nobody_requires_are_for_aws_alone() {
        let endpoint = Some("http://127.0.0.1:4566".to_owned());
        for (name, endpoint, plain) in [
            ("localstack", endpoint.clone(), true),
            ("aws", endpoint, true),
            ("aws", None, false),
        ] {
            let mut row = row(name).expect("built in").clone();
            row.region = Some("us-east-1".into());
            let row = Arc::new(row);
            let connection = Connection::open(&row, endpoint).await.expect("opened");
            let product = Product::named(ProductName::Other);
            let target = Target::new(row, connection, "000000000000".to_owned(), product);
            let s3 = Clients::new(&target).s3;
            let requests = s3.config().request_checksum_calculation();
            let answers = s3.config().response_checksum_validation();
            let required = (
                requests == Some(&RequestChecksumCalculation::WhenRequired),
                answers == Some(&ResponseChecksumValidation::WhenRequired),
            );
            assert_eq!(required, (plain, plain), "{name}");
        }
    }
}
