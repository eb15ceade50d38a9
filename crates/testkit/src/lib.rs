//! Dev only: what the tests of the workspace share.
//!
//! - [`TestEnv`] runs the pipectl binary in a project of its own and gives a [`Transcript`] to snapshot.
//! - [`redact`] takes out of a transcript what differs between two runs.
//! - [`http`] asks a server directly, past everything that is under test.
//! - [`endpoints`] starts other emulators, for suites that run on each of them.

mod dates;
pub mod endpoints;
mod env;
pub mod http;
mod invocation;
pub mod process;
pub mod redact;
mod transcript;

pub use endpoints::{Endpoint, Skip};
pub use env::{EmulatorRecord, TestEnv, repository};
pub use invocation::Invocation;
pub use transcript::Transcript;
