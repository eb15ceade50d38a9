//! Starting and stopping: binds the port, opens the stores, connects the bus, serves.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::behaviour::Behaviour;
use crate::bus::Bus;
use crate::clock::SharedClock;
use crate::config::{Config, Durability};
use crate::gateway::{self, Gateway, Services};
use crate::store::StoreError;
use crate::sts::StsService;
use crate::{dynamodb, lambda, logs, s3, sqs};

/// How long requests in flight may take to finish once the emulator stops. Long polls are longer
/// than anybody wants to wait for an exit.
const DRAIN: Duration = Duration::from_secs(3);

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

/// A running emulator. Dropping it asks it to stop, without waiting until it has.
pub struct Emulator {
    shared: Arc<Shared>,
    services: Arc<Services>,
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
    /// left running then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (listener, endpoint) = bind(config.address, config.port).await?;
        let lock = lock(&config.data_dir)?;
        let shared = Arc::new(Shared::new(&config, endpoint));
        let services = Arc::new(Services {
            s3: s3::open(Arc::clone(&shared))?,
            sqs: sqs::open(Arc::clone(&shared))?,
            lambda: lambda::open(Arc::clone(&shared))?,
            dynamodb: dynamodb::open(Arc::clone(&shared))?,
            logs: logs::open(Arc::clone(&shared))?,
            sts: Arc::new(StsService),
        });
        shared.bus.connect(
            services.sqs.clone(),
            services.lambda.clone(),
            services.logs.clone(),
        );
        // Receivers before senders: what S3 still has to deliver needs the functions running.
        services.logs.start();
        services.dynamodb.start();
        services.sqs.start();
        services.lambda.start();
        services.s3.start();

        let emulator = Self {
            shared: Arc::clone(&shared),
            services: Arc::clone(&services),
            stop_asked: CancellationToken::new(),
            stopped: CancellationToken::new(),
        };
        let gateway = Arc::new(Gateway {
            services: Arc::clone(&services),
            shared: Arc::clone(&shared),
            loopback_only: config.address.is_loopback(),
            stop_asked: emulator.stop_asked.clone(),
        });
        tokio::spawn(supervise(listener, gateway, emulator.stopped.clone(), lock));
        tracing::info!(endpoint = shared.endpoint, data_dir = %shared.data_dir.display(), "serving");
        Ok(emulator)
    }

    /// Where clients reach it, e.g. `http://127.0.0.1:40123`; no trailing slash.
    pub fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// How many resources users made here and have not deleted, all services together.
    pub fn resources(&self) -> u64 {
        self.services.resources()
    }

    /// Returns once the emulator has stopped, by [`Emulator::stop`] or by a client's
    /// `POST /_pipectl/stop`.
    pub async fn wait(&self) {
        self.stopped.cancelled().await;
    }

    /// Stops accepting, ends the functions and background tasks, lets requests in flight finish
    /// (for a bounded time), frees the data directory, and returns.
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

/// Serves until the stop is asked for, then takes everything down in order.
async fn supervise(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    stopped: CancellationToken,
    lock: File,
) {
    // Answers are small and clients wait for them: without this, Nagle's algorithm and delayed
    // acknowledgements together hold some of them for 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY: {error}");
        }
    });
    let serving = axum::serve(listener, gateway::app(Arc::clone(&gateway)))
        .with_graceful_shutdown(gateway.stop_asked.clone().cancelled_owned());
    let mut serving = tokio::spawn(serving.into_future());

    tokio::select! {
        () = gateway.stop_asked.cancelled() => {}
        ended = &mut serving => {
            tracing::error!("the listener ended by itself: {ended:?}");
            gateway.stop_asked.cancel();
        }
    }
    gateway.shared.stop.cancel();
    gateway.services.lambda.stop().await;
    if !serving.is_finished() && tokio::time::timeout(DRAIN, &mut serving).await.is_err() {
        tracing::warn!("requests were still in flight after {DRAIN:?}; they are cut off");
        serving.abort();
    }
    drop(lock);
    stopped.cancel();
}

/// Binds the listener; the second value is the endpoint for clients on this machine.
async fn bind(address: IpAddr, port: u16) -> Result<(TcpListener, String), StartError> {
    let wanted = SocketAddr::new(address, port);
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { port },
        _ => StartError::Listen {
            address: wanted,
            source,
        },
    };
    let listener = TcpListener::bind(wanted).await.map_err(refused)?;
    let mut bound = listener.local_addr().map_err(refused)?;
    // "Every address" is nothing that a client can connect to.
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok((listener, format!("http://{bound}")))
}

/// Takes the data directory for this process until the file is dropped.
fn lock(data_dir: &Path) -> Result<File, StartError> {
    let fail = |source| StartError::Lock {
        data_dir: data_dir.to_owned(),
        source,
    };
    std::fs::create_dir_all(data_dir).map_err(fail)?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(data_dir.join("lock"))
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let pid = file
                .read_to_string(&mut holder)
                .ok()
                .and_then(|_| holder.trim().parse().ok());
            return Err(StartError::Locked {
                data_dir: data_dir.to_owned(),
                pid,
            });
        }
        Err(TryLockError::Error(source)) => return Err(fail(source)),
    }
    file.set_len(0).map_err(fail)?;
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    writeln!(file, "{}", std::process::id()).map_err(fail)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_is_held_by_one_and_names_its_holder() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let held = lock(dir.path()).expect("free");
        match lock(dir.path()) {
            Err(error @ StartError::Locked { pid, .. }) => {
                assert_eq!(pid, Some(std::process::id()));
                assert!(error.to_string().contains(&std::process::id().to_string()));
            }
            other => panic!("expected Locked, got {other:?}"),
        }
        drop(held);
        lock(dir.path()).expect("free again");
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (taken, endpoint) = bind(localhost, 0).await.expect("some port");
        let port = taken.local_addr().expect("an address").port();
        assert_eq!(endpoint, format!("http://127.0.0.1:{port}"));
        assert!(matches!(
            bind(localhost, port).await,
            Err(StartError::PortTaken { port: named }) if named == port
        ));
    }
}
