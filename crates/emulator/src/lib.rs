//! The embedded target: S3, SQS, Lambda, DynamoDB, STS and the part of CloudWatch Logs that
//! functions need, in one process behind one loopback port, durable under one data directory.
//!
//! ```text
//!            ┌───────────── gateway (one port; by SigV4 service, X-Amz-Target or path) ────────────┐
//!            ▼            ▼              ▼               ▼             ▼             ▼
//!           s3           sqs          lambda         dynamodb        logs           sts
//!            ├── put ──► bus ◄── receive ─┤ └── log lines ─► bus ──────┘
//!            └── code ─► bus ◄── create ──┘
//! ```
//!
//! Every service folder has the same files: `mod.rs` (purpose and wiring), `state.rs` (the durable
//! state; no HTTP in it), `handlers.rs` (one function per operation), `wire.rs` (request and
//! response shapes). Services never import one another: what they need of each other are the
//! ports in [`bus`].

mod behaviour;
pub mod bus;
pub mod clock;
pub mod config;
mod coverage;
mod dynamodb;
pub mod error;
mod gateway;
mod json_protocol;
mod lambda;
mod logs;
pub mod programs;
mod s3;
mod server;
mod service;
mod sqs;
mod store;
mod sts;

pub use behaviour::Behaviour;
pub use config::{Config, Durability};
pub use coverage::coverage;
pub use server::{Emulator, StartError};
