//! How an endpoint is spoken to: where it is, which region, whose credentials, which certificates. The
//! only place that builds SDK configurations and HTTP clients.

use std::path::Path;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as KeyPair;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{Credentials, TargetError, TargetRow};
use crate::stack::Address;
use crate::stack::settings::is_key_of_aws;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest wait for the answer to one try of a call.
const ATTEMPT: Duration = Duration::from_secs(60);

/// What calls to a target are made with.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Endpoint, without a slash at its end; none where the SDK knows it.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    credentials: SharedCredentialsProvider,
    /// Endpoints of FIPS 140, and of IPv6: as the environment or a profile says.
    fips: Option<bool>,
    dual_stack: Option<bool>,
    trust: Trust,
    http: SharedHttpClient,
}

/// Certificates that are trusted besides the system's.
#[derive(Debug, Clone, Default)]
struct Trust {
    pem: Option<Vec<u8>>,
}

impl Connection {
    /// To an endpoint on this machine, with the keys that the row has.
    pub fn local(row: &TargetRow, endpoint: Option<String>) -> Self {
        let http = Trust::default().client(endpoint.as_deref());
        Self::through(row, endpoint, http)
    }

    /// The same through a client that somebody else made.
    pub fn through(row: &TargetRow, endpoint: Option<String>, http: SharedHttpClient) -> Self {
        Self {
            http,
            trust: Trust::default(),
            fips: None,
            dual_stack: None,
            region: row.region.as_deref().unwrap_or("us-east-1").to_owned(),
            credentials: SharedCredentialsProvider::new(keys(&row.credentials, |_| None)),
            endpoint,
        }
    }

    /// To the endpoint of a row, or to another one. Nothing is sent yet, except by providers of
    /// credentials.
    ///
    /// # Errors
    /// An endpoint that the row may not be at, a file of certificates that cannot be used, no region.
    pub async fn open(row: &TargetRow, endpoint: Option<String>) -> Result<Self, TargetError> {
        let trust = Trust::read(row.ca_file.as_deref())?;
        let mut region = row.region.as_deref().map(str::to_owned);
        let mut endpoint = endpoint;
        let (mut fips, mut dual_stack) = (None, None);
        let credentials = match &row.credentials {
            Credentials::Keys { .. } => {
                let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
                SharedCredentialsProvider::new(keys(&row.credentials, set))
            }
            Credentials::Chain { profile } => {
                let found = Box::pin(chain(profile.as_deref(), &trust)).await;
                region = region.or_else(|| found.region().map(ToString::to_string));
                (fips, dual_stack) = (found.use_fips(), found.use_dual_stack());
                endpoint = endpoint.or_else(|| found.endpoint_url().map(str::to_owned));
                let none = || TargetError::NoCredentials {
                    target: row.name.to_string(),
                    cause: "nothing provides any".to_owned(),
                };
                found.credentials_provider().ok_or_else(none)?
            }
        };
        let endpoint = match endpoint {
            Some(endpoint) => Some(permitted(row, &endpoint)?),
            None => None,
        };
        Ok(Self {
            http: trust.client(endpoint.as_deref()),
            trust,
            fips,
            dual_stack,
            region: region.ok_or_else(|| TargetError::NoRegion {
                target: row.name.to_string(),
            })?,
            credentials,
            endpoint,
        })
    }

    /// Who provides the credentials.
    pub fn credentials(&self) -> &SharedCredentialsProvider {
        &self.credentials
    }

    /// For requests that are no calls of a service.
    pub(super) fn connector(&self) -> Connector {
        self.trust.connector(self.endpoint.as_deref())
    }

    /// What SDK clients are made of.
    pub(super) fn sdk_config(&self) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT);
        let retries = RetryConfig::standard()
            .with_max_attempts(4)
            .with_initial_backoff(Duration::from_millis(50));
        self.config(timeouts.build(), retries)
    }

    /// As [`Connection::sdk_config`], without a second try.
    pub(super) fn trying_once(&self) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT);
        let once = RetryConfig::standard().with_max_attempts(1);
        self.config(timeouts.build(), once)
    }

    /// As [`Connection::sdk_config`], for a first call that shows whether anybody is there: an answer
    /// within `patience`, and no second try.
    pub(super) fn first_call(&self, patience: Duration) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(patience))
            .operation_timeout(patience);
        let once = RetryConfig::standard().with_max_attempts(1);
        self.config(timeouts.build(), once)
    }

    fn config(&self, timeouts: TimeoutConfig, retries: RetryConfig) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(self.http.clone())
            .timeout_config(timeouts)
            .retry_config(retries);
        config.set_endpoint_url(self.endpoint.clone());
        config.set_use_fips(self.fips);
        config.set_use_dual_stack(self.dual_stack);
        config.build()
    }
}

/// An endpoint that files may be sent to, as it is used.
fn permitted(row: &TargetRow, endpoint: &str) -> Result<String, TargetError> {
    let address = Address::parse(endpoint).ok_or_else(|| TargetError::BadEndpoint {
        endpoint: endpoint.to_owned(),
    })?;
    if row.remote || address.is_local() {
        return Ok(address.text);
    }
    Err(TargetError::NotLocal {
        target: row.name.to_string(),
        endpoint: address.text,
    })
}

/// The pair of a row; the environment's where that goes first.
fn keys(credentials: &Credentials, set: impl Fn(&str) -> Option<String>) -> KeyPair {
    let Credentials::Keys {
        key,
        secret,
        unless_set,
    } = credentials
    else {
        // Nobody is anybody at an endpoint that checks nothing.
        return KeyPair::new("none", "none", None, None, "pipectl");
    };
    let found = set("AWS_ACCESS_KEY_ID").zip(set("AWS_SECRET_ACCESS_KEY"));
    match found.filter(|(key, _)| *unless_set && !is_key_of_aws(key)) {
        Some((key, secret)) => {
            let token = set("AWS_SESSION_TOKEN");
            KeyPair::new(key, secret, token, None, "environment")
        }
        None => KeyPair::new(&**key, &*secret.0, None, None, "pipectl-target"),
    }
}

/// What the SDK finds in the environment and the user's files.
async fn chain(profile: Option<&str>, trust: &Trust) -> SdkConfig {
    let http = trust.client(None);
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone());
    if let Some(profile) = profile {
        // A profile that is named is meant, whatever keys are in the environment.
        let named = ProfileFileCredentialsProvider::builder()
            .configure(&ProviderConfig::default().with_http_client(http))
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(named);
    }
    loader.load().await
}

impl Trust {
    /// Reads a file of certificates; each of them is looked at, so that none is refused later.
    fn read(file: Option<&Path>) -> Result<Self, TargetError> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let bad = |cause: String| TargetError::BadCertificates {
            path: file.display().to_string(),
            cause,
        };
        let pem = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("there is no certificate in it".to_owned()));
        }
        Ok(Self { pem: Some(pem) })
    }

    fn context(&self) -> TlsContext {
        let mut store = TrustStore::default();
        if let Some(pem) = &self.pem {
            store.add_pem_certificate(pem.clone());
        }
        TlsContext::builder()
            .with_trust_store(store)
            .build()
            .expect("certificates that were looked at")
    }

    /// A client for an endpoint. Plain HTTP loads no root certificates, which would cost more than a whole
    /// local `up`.
    fn client(&self, endpoint: Option<&str>) -> SharedHttpClient {
        if is_plain(endpoint) {
            return Builder::new().build_http();
        }
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(self.context())
            .build_https()
    }

    fn connector(&self, endpoint: Option<&str>) -> Connector {
        if is_plain(endpoint) {
            return Connector::builder().build_http();
        }
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(self.context())
            .build()
    }
}

fn is_plain(endpoint: Option<&str>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))
}

/// A connector for an endpoint that no row knows.
pub(super) fn stray_connector(endpoint: &str) -> Connector {
    Trust::default().connector(Some(endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::row;

    #[test]
    fn keys_of_aws_are_sent_to_aws_only() {
        let row = row("localstack").expect("built in");
        let with = |key: &'static str| {
            let set = move |name: &str| match name {
                "AWS_ACCESS_KEY_ID" => Some(key.to_owned()),
                "AWS_SECRET_ACCESS_KEY" => Some("s".to_owned()),
                _ => None,
            };
            keys(&row.credentials, set).access_key_id().to_owned()
        };
        // LocalStack takes an account's number for a key.
        assert_eq!(with("111111111111"), "111111111111");
        assert_eq!(with("AKIAIOSFODNN7EXAMPLE"), "test");
        assert_eq!(with("ASIAIOSFODNN7EXAMPLE"), "test");
        assert_eq!(keys(&row.credentials, |_| None).access_key_id(), "test");
        let embedded = crate::target::row(crate::target::EMBEDDED).expect("built in");
        let set = |_: &str| Some("x".to_owned());
        assert_eq!(keys(&embedded.credentials, set).access_key_id(), "embedded");
    }

    #[tokio::test]
    async fn certificates_that_are_none_are_told_before_any_call() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ca.pem");
        let mut own = row("localstack").expect("built in").clone();
        own.ca_file = Some(file.clone());
        let cases = [
            (None, "No such file"),
            (Some("nothing\n"), "no certificate"),
            (
                Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "",
            ),
        ];
        for (text, expected) in cases {
            if let Some(text) = text {
                std::fs::write(&file, text).expect("written");
            }
            let opened = Connection::open(&own, Some("https://localhost:1".to_owned())).await;
            let error = opened.expect_err("no certificates").to_string();
            assert!(
                error.contains("ca.pem") && error.contains(expected),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn an_endpoint_elsewhere_needs_a_row_that_says_so() {
        let mut own = row("localstack").expect("built in").clone();
        let elsewhere = || Some("https://team.example:4566/".to_owned());
        let refused = Connection::open(&own, elsewhere()).await;
        assert!(matches!(refused, Err(TargetError::NotLocal { .. })));
        own.remote = true;
        let opened = Connection::open(&own, elsewhere()).await.expect("told so");
        assert_eq!(
            opened.endpoint.as_deref(),
            Some("https://team.example:4566")
        );
    }
}
