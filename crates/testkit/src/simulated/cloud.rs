//! The cloud: hands each call to whoever serves it, after the time that a call takes, and notes it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::{Request, Response};
use pipectl_emulator::config::{ACCOUNT, REGION};
use pipectl_emulator::{Behaviour, Config, Emulator};
use tokio::time::Instant;

use super::answer::{self, Refused};
use super::formation::Formation;
use super::iam::Iam;
use super::{Delays, PausedClock};
use crate::fault::operation::{self, Query};

/// A call that was answered.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Name of the service in signatures.
    pub service: String,
    /// Name of the operation.
    pub operation: String,
    /// What it was about, as far as the request tells.
    pub resource: String,
    /// May it change something?
    pub writes: bool,
    /// When it was sent, from the start of the cloud.
    pub sent: Duration,
    /// Length of its body.
    pub bytes: usize,
    /// Status of the answer.
    pub status: u16,
}

/// An AWS in this process.
pub struct Cloud {
    emulator: Emulator,
    iam: Iam,
    formation: Formation,
    delays: Delays,
    begun: Instant,
    /// When the line to it is free again.
    free: Mutex<Instant>,
    taken: Mutex<Vec<Taken>>,
    _data: tempfile::TempDir,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloud")
    }
}

impl Cloud {
    /// Starts one with nothing in it.
    ///
    /// # Panics
    /// When the emulator cannot start.
    pub async fn start(delays: Delays) -> Arc<Self> {
        let data = tempfile::tempdir().expect("a temporary directory");
        let ms = |time: Duration| time.as_millis() as i64;
        let behaviour = Behaviour {
            function_pending_ms: ms(delays.function),
            function_update_ms: ms(delays.update),
            mapping_change_ms: ms(delays.mapping),
            table_creating_ms: ms(delays.table),
            table_deleting_ms: ms(delays.table_deleting),
            ..Behaviour::AWS
        };
        let config = Config {
            behaviour,
            clock: Arc::new(PausedClock::new()),
            ..Config::new(data.path())
        };
        Arc::new(Self {
            // It listens, too, on a port that nobody knows.
            emulator: Emulator::start(config).await.expect("an emulator"),
            iam: Iam::new(ACCOUNT),
            formation: Formation::new(ACCOUNT, REGION, delays.stack),
            delays,
            begun: Instant::now(),
            free: Mutex::new(Instant::now()),
            taken: Mutex::default(),
            _data: data,
        })
    }

    /// What requests are addressed to, although nothing is sent there.
    pub fn endpoint(&self) -> &str {
        self.emulator.endpoint()
    }

    /// Its roles.
    pub fn iam(&self) -> &Iam {
        &self.iam
    }

    /// Its account.
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// How many resources there are: stores, queues, functions, roles and the rest.
    pub fn resources(&self) -> usize {
        self.emulator.resources() as usize + self.iam.roles() + self.formation.stacks()
    }

    /// Takes out the calls that were answered since the last time.
    pub fn take_calls(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.taken.lock().expect("no holder panics"))
    }

    /// For SDK clients.
    pub fn client(self: &Arc<Self>) -> SharedHttpClient {
        let way = Way(Arc::clone(self));
        http_client_fn(move |_, _| SharedHttpConnector::new(way.clone()))
    }

    /// Half of the time of a call.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time of a call, of which a test has as much as it likes"
    )]
    async fn on_the_way(&self) {
        tokio::time::sleep(self.delays.call / 2).await;
    }

    /// Until a body has gone over the line.
    async fn sent(&self, bytes: usize) {
        let Some(line) = self.delays.line else {
            return;
        };
        let gone = {
            let mut free = self.free.lock().expect("no holder panics");
            let takes = Duration::from_secs_f64(bytes as f64 / f64::from(line));
            *free = (*free).max(Instant::now()) + takes;
            *free
        };
        tokio::time::sleep_until(gone).await;
    }

    async fn take(&self, request: Request<SdkBody>) -> Result<Response<Bytes>, ConnectorError> {
        let sent = self.begun.elapsed();
        let other = |error| ConnectorError::other(error, None);
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(other)?.to_bytes();
        let named = operation::named(&head, &body);
        let bytes = body.len();
        self.sent(bytes).await;
        self.on_the_way().await;
        let answer = match named.service.as_str() {
            "iam" => self.iam.answer(&named.operation, &form(&body)),
            "cloudformation" => self.formation.answer(&named.operation, &form(&body)),
            "lambda" if let Some(refused) = self.refused_role(&named.operation, &body) => {
                answer::lambda(&refused)
            }
            _ => {
                let answered = self.emulator.answer(Request::from_parts(head, body)).await;
                answered.map_err(|error| other(error.into()))?
            }
        };
        self.on_the_way().await;
        self.taken.lock().expect("no holder panics").push(Taken {
            writes: operation::writes(&named.operation),
            service: named.service,
            operation: named.operation,
            resource: named.resource,
            sent,
            bytes,
            status: answer.status().as_u16(),
        });
        Ok(answer)
    }

    /// Lambda does not take a role that is not there, or not for long enough. // aws-behaviours I1
    fn refused_role(&self, operation: &str, body: &[u8]) -> Option<Refused> {
        if !matches!(operation, "CreateFunction" | "UpdateFunctionConfiguration") {
            return None;
        }
        // The code in it is large, and JSON is read slowly by tests: SDKs write no spaces.
        let text = std::str::from_utf8(body).ok()?;
        let (_, after) = text.split_once("\"Role\":\"")?;
        let age = self.iam.age(after.split('"').next()?);
        if age.is_some_and(|age| age >= self.delays.role) {
            return None;
        }
        Some(Refused::new(
            400,
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        ))
    }
}

fn form(body: &[u8]) -> Query {
    Query::of(&String::from_utf8_lossy(body))
}

/// The way of a client to the cloud.
#[derive(Debug, Clone)]
struct Way(Arc<Cloud>);

impl HttpConnector for Way {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x();
            let request = request.map_err(|error| ConnectorError::user(error.into()))?;
            let answer = Box::pin(cloud.take(request)).await?;
            HttpResponse::try_from(answer.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
