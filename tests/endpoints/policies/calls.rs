//! Calls past pipectl: as root, whom nothing is refused, and as a session of a role, which may do what the
//! role's policies allow.

use std::fmt::Debug;
use std::future::Future;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::Stage;

/// Name of the one policy of each role.
const POLICY: &str = "pipectl";

/// Somebody who calls.
pub struct Caller {
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    iam: aws_sdk_iam::Client,
    sts: aws_sdk_sts::Client,
}

/// What became of a call.
#[derive(Debug)]
pub enum Answer {
    /// It was done.
    Done,
    /// The caller may, and it failed for this reason.
    Failed(String),
    /// The caller may not.
    Refused,
}

/// Who calls an endpoint, and waits for the answers.
pub struct Calls {
    runtime: Runtime,
    http: SharedHttpClient,
    url: String,
    pub root: Caller,
}

impl Calls {
    pub fn to(stage: &Stage<'_>) -> Self {
        let certificate = stage.certificate.expect("an endpoint that speaks TLS");
        let pem = std::fs::read(certificate).expect("the certificate");
        let trust = TrustStore::empty().with_pem_certificate(pem);
        let context = TlsContext::builder().with_trust_store(trust).build();
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.expect("a certificate"))
            .build_https();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let root = Credentials::new("test", "test", None, None, "root");
        Self {
            runtime: runtime.expect("a runtime"),
            root: Caller::with(&config(stage.url, &http, root)),
            http,
            url: stage.url.to_owned(),
        }
    }

    /// Waits for a call that must succeed.
    #[track_caller]
    pub fn expect<T, E: Debug>(&self, call: impl Future<Output = Result<T, E>>) -> T {
        self.runtime.block_on(call).expect("an answer")
    }

    /// Waits for a call that may be refused.
    #[track_caller]
    pub fn answer<T, E, R>(&self, call: impl Future<Output = Result<T, SdkError<E, R>>>) -> Answer
    where
        E: ProvideErrorMetadata + Debug,
        R: Debug,
    {
        let error = match self.runtime.block_on(call) {
            Ok(_) => return Answer::Done,
            Err(SdkError::ServiceError(error)) => error.into_err(),
            Err(other) => panic!("no answer: {other:?}"),
        };
        match error.code() {
            Some(code) if code.starts_with("AccessDenied") => Answer::Refused,
            _ => Answer::Failed(format!("{error:?}")),
        }
    }

    /// A session of a role: root may take on any.
    pub fn session(&self, role_arn: &str) -> Caller {
        let assume = self.root.sts.assume_role().role_arn(role_arn);
        let made = self.expect(assume.role_session_name("tried").send());
        let given = made.credentials.expect("credentials");
        let credentials = Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            None,
            "session",
        );
        Caller::with(&config(&self.url, &self.http, credentials))
    }

    /// Statements of a role's policy.
    pub fn policy(&self, role: &str) -> Vec<Value> {
        let get = self
            .root
            .iam
            .get_role_policy()
            .role_name(role)
            .policy_name(POLICY);
        let document = self.expect(get.send()).policy_document;
        let text = percent_decode_str(&document).decode_utf8().expect("a text");
        let mut policy: Value = serde_json::from_str(&text).expect("JSON");
        match policy["Statement"].take() {
            Value::Array(statements) => statements,
            other => panic!("no statements: {other}"),
        }
    }

    pub fn put_policy(&self, role: &str, statements: &[Value]) {
        let put = self
            .root
            .iam
            .put_role_policy()
            .role_name(role)
            .policy_name(POLICY);
        self.expect(put.policy_document(document(statements)).send());
    }

    /// Puts two policies on a role that pipectl does not know: one inside of it, and one of its own.
    pub fn add_policies(&self, role: &str) {
        let (iam, none) = (&self.root.iam, document(&[nothing()]));
        let inside = iam.put_role_policy().role_name(role).policy_name("by-hand");
        self.expect(inside.policy_document(&none).send());
        let own = iam.create_policy().policy_name("by-hand");
        let made = self.expect(own.policy_document(none).send()).policy;
        let arn = made.and_then(|policy| policy.arn).expect("a policy");
        let attach = iam.attach_role_policy().role_name(role).policy_arn(arn);
        self.expect(attach.send());
    }

    /// A role as somebody makes it by hand.
    pub fn make_role(&self, name: &str) {
        let trust = json!({
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        });
        let make = self.root.iam.create_role().role_name(name);
        self.expect(make.assume_role_policy_document(document(&[trust])).send());
    }

    pub fn delete_role(&self, name: &str) {
        self.expect(self.root.iam.delete_role().role_name(name).send());
    }

    /// Does IAM's simulator take a policy to allow this?
    pub fn simulated(&self, policy: &[Value], action: &str, resource: &str) -> bool {
        let simulate = self
            .root
            .iam
            .simulate_custom_policy()
            .policy_input_list(document(policy));
        let told = self.expect(simulate.action_names(action).resource_arns(resource).send());
        match told.evaluation_results() {
            [one] => one.eval_decision == PolicyEvaluationDecisionType::Allowed,
            other => panic!("one result: {other:?}"),
        }
    }

    /// Names of all roles that are of a stack, by path or by name.
    pub fn roles(&self, stack: &str) -> Vec<String> {
        let roles = self.expect(self.root.iam.list_roles().send()).roles;
        let path = format!("/pipectl/{stack}/");
        let ours = roles
            .into_iter()
            .filter(|role| role.path.starts_with(&path) || role.role_name.starts_with(stack));
        ours.map(|role| role.role_name).collect()
    }

    pub fn role_arn(&self, role: &str) -> String {
        let answer = self.expect(self.root.iam.get_role().role_name(role).send());
        answer.role.expect("a role").arn
    }
}

impl Caller {
    fn with(config: &SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sqs: aws_sdk_sqs::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
        }
    }
}

fn config(url: &str, http: &SharedHttpClient, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .http_client(http.clone())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn document(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// A statement that allows nothing.
fn nothing() -> Value {
    json!({ "Effect": "Deny", "Action": "s3:ListAllMyBuckets", "Resource": "*" })
}
