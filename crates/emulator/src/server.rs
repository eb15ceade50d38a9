//! Starting and stopping: binds the port, opens the stores, connects the bus, serves.

mod listen;
mod lock;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::listen::{Listener, bind};
use self::lock::Lock;
use crate::behaviour::Behaviour;
use crate::bus::Bus;
use crate::clock::SharedClock;
use crate::config::{Config, Durability};
use crate::gateway::{self, Gateway, Services};
use crate::store::{self, Damage, LastStop, Replaced, StoreError};
use crate::sts::StsService;
use crate::{dynamodb, lambda, logs, s3, sqs};

/// How long requests in flight may take to finish once the emulator stops. Long polls are longer
/// than anybody wants to wait for an exit.
const DRAIN: Duration = Duration::from_secs(3);
/// How long what was cut off may take to let go of the stores.
const CLOSE: Duration = Duration::from_secs(3);
/// Stores that another library opens: it reports damage, and saves nothing.
const FOREIGN: [&str; 1] = ["dynamodb.sqlite"];

/// What every service of one emulator shares.
pub(crate) struct Shared {
    /// The ports of the other services.
    pub bus: Bus,
    /// Time.
    pub clock: SharedClock,
    /// The endpoint, e.g. `http://127.0.0.1:40123`; no trailing slash.
    pub endpoint: String,
    /// Where the stores are.
    pub data_dir: PathBuf,
    /// How long things take.
    pub behaviour: Behaviour,
    /// What an answer promises of the data behind it.
    pub durability: Durability,
    /// Cancelled when the emulator stops; background tasks end with it.
    pub stop: CancellationToken,
    /// Tells when nobody has this any more, and so no service is left.
    ended: Ended,
}

/// Cancels its token when it is dropped.
struct Ended(CancellationToken);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Shared {
    /// What `config` asks for; the bus is not connected yet.
    pub(crate) fn new(config: &Config, endpoint: impl Into<String>) -> Self {
        Self {
            bus: Bus::default(),
            clock: config.clock.clone(),
            endpoint: endpoint.into(),
            data_dir: config.data_dir.clone(),
            behaviour: config.behaviour.clone(),
            durability: config.durability,
            stop: CancellationToken::new(),
            ended: Ended(CancellationToken::new()),
        }
    }
}

/// Why an emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another emulator runs on the same data directory.
    #[error(
        "the data directory {data_dir} is in use by another emulator{}",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The directory.
        data_dir: PathBuf,
        /// The process that holds it, as far as it wrote its id down.
        pid: Option<u32>,
    },
    /// The data directory's lock file cannot be made or locked.
    #[error("cannot lock the data directory {data_dir}: {source}")]
    Lock {
        /// The directory.
        data_dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process listens on the port.
    #[error("port {port} is taken by another process")]
    PortTaken {
        /// The port that was asked for.
        port: u16,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address and port that were asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// DynamoDB's store could not be opened.
    #[error("cannot open the store {path}: {message}")]
    Tables {
        /// The database file.
        path: PathBuf,
        /// What the engine said.
        message: String,
    },
}

impl StartError {
    /// The damaged stores, when that is why it did not start.
    pub fn damage(&self) -> &[Damage] {
        match self {
            Self::Store(StoreError::Damaged(damage)) => damage,
            _ => &[],
        }
    }
}

/// A running emulator. Dropping it asks it to stop, without waiting until it has.
pub struct Emulator {
    endpoint: String,
    gateway: Arc<Gateway>,
    services: Weak<Services>,
    /// Cancelled to ask for the stop.
    stop_asked: CancellationToken,
    /// Cancelled once everything has ended.
    stopped: CancellationToken,
}

impl Emulator {
    /// Binds the port, takes the data directory, opens every store and starts serving.
    ///
    /// Needs a Tokio runtime, on which all work of the emulator then goes on.
    ///
    /// # Errors
    /// When the port or the data directory is not free, or a store cannot be opened; nothing is
    /// left running then. Of a damaged store everything that can be read is saved first.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        listen::raise_open_files();
        let (listener, endpoint) = bind(config.address, config.port).await?;
        let mut lock = Lock::take(&config.data_dir)?;
        let last = lock.last;
        let damage = examine(&config.data_dir, last).await;
        if !damage.is_empty() {
            return Err(StoreError::Damaged(damage).into());
        }
        let shared = Arc::new(Shared::new(&config, endpoint.clone()));
        let services = match open(&shared) {
            Ok(services) => Arc::new(services),
            Err(error) => {
                drop(shared);
                return Err(with_all_damage(error, &config.data_dir).await);
            }
        };
        lock.serving().map_err(|source| StartError::Lock {
            data_dir: config.data_dir.clone(),
            source,
        })?;
        shared.bus.connect(
            services.sqs.clone(),
            services.lambda.clone(),
            services.logs.clone(),
            services.s3.clone(),
        );
        // Receivers before senders: what S3 still has to deliver needs the functions running.
        services.logs.start();
        services.dynamodb.start();
        services.sqs.start();
        services.lambda.start();
        services.s3.start();

        let stop_asked = CancellationToken::new();
        let cut = CancellationToken::new();
        let gateway = Arc::new(Gateway {
            services: Arc::downgrade(&services),
            endpoint: endpoint.clone(),
            data_dir: config.data_dir.clone(),
            behaviour: config.behaviour.name,
            durability: config.durability.name(),
            loopback_only: config.address.is_loopback(),
            stop_asked: stop_asked.clone(),
            cut: cut.clone(),
        });
        let emulator = Self {
            endpoint,
            gateway: Arc::clone(&gateway),
            services: Arc::downgrade(&services),
            stop_asked,
            stopped: CancellationToken::new(),
        };
        tracing::info!(endpoint = shared.endpoint, data_dir = %shared.data_dir.display(), "serving");
        let running = Running {
            shared,
            services,
            lock,
            stop_asked: emulator.stop_asked.clone(),
            cut,
        };
        let app = gateway::app(gateway);
        tokio::spawn(running.supervise(listener, app, emulator.stopped.clone()));
        Ok(emulator)
    }

    /// Puts what was saved of damaged stores in their place, and keeps the damaged files. To be
    /// called before a start that was refused for them is tried again.
    ///
    /// # Errors
    /// When an emulator runs on the data directory, or a file cannot be moved.
    pub fn use_salvaged(config: &Config) -> Result<Vec<Replaced>, StartError> {
        let lock = Lock::take(&config.data_dir)?;
        let replaced = store::use_salvaged(&config.data_dir, config.clock.now_ms() / 1000)?;
        lock.untouched().map_err(|source| StartError::Lock {
            data_dir: config.data_dir.clone(),
            source,
        })?;
        Ok(replaced)
    }

    /// Where clients reach it, e.g. `http://127.0.0.1:40123`; no trailing slash.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Answers a request as the port does, without a connection: for whoever must not wait for sockets,
    /// such as a test whose time stands still.
    ///
    /// # Errors
    /// When the body of the answer cannot be read to its end.
    pub async fn answer(
        &self,
        request: http::Request<Bytes>,
    ) -> std::io::Result<http::Response<Bytes>> {
        let answer = gateway::answer(&self.gateway, request.map(Body::from)).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }

    /// How many resources users made here and have not deleted, all services together; none once it
    /// has stopped.
    pub fn resources(&self) -> u64 {
        self.services
            .upgrade()
            .map_or(0, |services| services.resources())
    }

    /// Returns once the emulator has stopped, by [`Emulator::stop`] or by a client's
    /// `POST /_pipectl/stop`.
    pub async fn wait(&self) {
        self.stopped.cancelled().await;
    }

    /// Stops accepting, ends the functions and background tasks, lets requests in flight finish
    /// (for a bounded time), closes the stores, frees the data directory, and returns.
    pub async fn stop(&self) {
        self.stop_asked.cancel();
        self.wait().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop_asked.cancel();
    }
}

/// Opens every store.
fn open(shared: &Arc<Shared>) -> Result<Services, StartError> {
    Ok(Services {
        s3: s3::open(Arc::clone(shared))?,
        sqs: sqs::open(Arc::clone(shared))?,
        lambda: lambda::open(Arc::clone(shared))?,
        dynamodb: dynamodb::open(Arc::clone(shared))?,
        logs: logs::open(Arc::clone(shared))?,
        sts: Arc::new(StsService),
    })
}

/// Damaged stores, with what was saved of them. Reads files, so not on a thread of the runtime.
async fn examine(data_dir: &Path, last: LastStop) -> Vec<Damage> {
    let data_dir = data_dir.to_owned();
    let examined =
        tokio::task::spawn_blocking(move || store::examine(&data_dir, last, &FOREIGN)).await;
    examined.unwrap_or_else(|error| {
        tracing::error!("the stores were not checked: {error}");
        Vec::new()
    })
}

/// A store that cannot be opened may be damaged, and may not be the only one: the user is told of
/// all of them at once.
async fn with_all_damage(error: StartError, data_dir: &Path) -> StartError {
    if let StartError::Store(StoreError::Newer { .. } | StoreError::Directory { .. }) = error {
        return error;
    }
    let mut damage = examine(data_dir, LastStop::Unclean).await;
    if let StartError::Store(StoreError::Damaged(known)) = &error {
        damage.retain(|new| known.iter().all(|known| known.path != new.path));
        damage.extend(known.iter().cloned());
        damage.sort_by(|one, other| one.path.cmp(&other.path));
    }
    if damage.is_empty() {
        return error;
    }
    StoreError::Damaged(damage).into()
}

/// What runs until the stop.
struct Running {
    shared: Arc<Shared>,
    services: Arc<Services>,
    lock: Lock,
    stop_asked: CancellationToken,
    /// Cancelled to end every connection.
    cut: CancellationToken,
}

impl Running {
    /// Serves until the stop is asked for, then takes everything down in order.
    async fn supervise(self, listener: TcpListener, app: Router, stopped: CancellationToken) {
        let listener = Listener {
            inner: listener,
            cut: self.cut.clone(),
        };
        let serving = axum::serve(listener, app)
            .with_graceful_shutdown(self.stop_asked.clone().cancelled_owned());
        let mut serving = tokio::spawn(serving.into_future());

        tokio::select! {
            () = self.stop_asked.cancelled() => {}
            ended = &mut serving => {
                tracing::error!("the listener ended by itself: {ended:?}");
                self.stop_asked.cancel();
            }
        }
        self.shared.stop.cancel();
        self.services.lambda.stop().await;
        if !serving.is_finished() && tokio::time::timeout(DRAIN, &mut serving).await.is_err() {
            tracing::warn!("requests were still in flight after {DRAIN:?}; they are cut off");
            self.cut.cancel();
            if tokio::time::timeout(CLOSE, &mut serving).await.is_err() {
                serving.abort();
            }
        }
        self.close().await;
        stopped.cancel();
    }

    /// Closes the stores and frees the data directory.
    async fn close(mut self) {
        let data_dir = self.shared.data_dir.clone();
        let ended = self.shared.ended.0.clone();
        self.shared.bus.disconnect();
        drop(self.services);
        drop(self.shared);
        let closed = tokio::time::timeout(CLOSE, ended.cancelled()).await.is_ok();
        if !closed {
            tracing::warn!("some work has not ended after {CLOSE:?}; its store stays open");
        }
        let logs = tokio::task::spawn_blocking(move || store::close(&data_dir)).await;
        if let Err(error) = &logs {
            tracing::error!("the stores' logs were not written back: {error}");
        }
        // Whoever starts next has a look at a store that is still open, or was found damaged.
        if closed
            && logs.is_ok()
            && !store::damage_was_seen()
            && let Err(error) = self.lock.stopped()
        {
            tracing::warn!(%error, "a clean stop is not noted");
        }
    }
}
