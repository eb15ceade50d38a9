//! What an emulator is started with.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::clock::{SharedClock, SystemClock};

/// The account that the embedded target answers for (the one that local emulators commonly use).
pub const ACCOUNT: &str = "000000000000";
/// The region that the embedded target answers for.
pub const REGION: &str = "us-east-1";

/// Settings of one emulator.
#[derive(Clone)]
pub struct Config {
    /// Where all state is kept; made when it is absent.
    pub data_dir: PathBuf,
    /// Address to listen on; loopback unless the user asks for more.
    pub address: IpAddr,
    /// Port to listen on; 0 lets the system pick one.
    pub port: u16,
    /// Time, injected.
    pub clock: SharedClock,
}

impl Config {
    /// Loopback, a port the system picks, wall-clock time.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            clock: std::sync::Arc::new(SystemClock),
        }
    }
}
