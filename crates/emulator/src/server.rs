//! Starting and stopping: binds the port, opens the stores, connects the bus, serves.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::clock::SharedClock;
use crate::store::StoreError;

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
    /// Cancelled when the emulator stops; background tasks end with it.
    pub stop: CancellationToken,
}

/// Why an emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running emulator.
pub struct Emulator {}
