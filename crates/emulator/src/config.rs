//! What an emulator is started with.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::behaviour::Behaviour;
use crate::clock::{SharedClock, SystemClock};

/// The account that the embedded target answers for (the one that local emulators commonly use).
pub const ACCOUNT: &str = "000000000000";
/// The region that the embedded target answers for.
pub const REGION: &str = "us-east-1";

/// What an answer promises of the data behind it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives the death of the process: written, not flushed to the disk.
    #[default]
    Process,
    /// It survives a power cut, too: flushed to the disk before the answer.
    Power,
}

impl Durability {
    /// All there are, the default first.
    pub const ALL: [Self; 2] = [Self::Process, Self::Power];

    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Power => "power",
        }
    }

    /// The one that users call `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

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
    /// How long things take.
    pub behaviour: Behaviour,
    /// What an answer promises of the data behind it.
    pub durability: Durability,
}

impl Config {
    /// Loopback, a port the system picks, wall-clock time, `instant`, safe from a process's death.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            clock: std::sync::Arc::new(SystemClock),
            behaviour: Behaviour::INSTANT,
            durability: Durability::default(),
        }
    }
}
