//! Dev only: what the tests of the workspace share.
//!
//! - [`TestEnv`] runs the pipectl binary in a project of its own and gives a [`Transcript`] to snapshot.
//! - [`redact`] takes out of a transcript what differs between two runs.
//! - [`http`] asks a server directly, past everything that is under test.
//! - [`Probe`] asks the services of the embedded target in the same way, [`Serving`] is its process, and
//!   [`functions`] are the processes that it leaves when it is killed.
//! - [`FaultProxy`] stands before an endpoint and lets chosen calls of AWS operations go wrong.
//! - [`simulated`] is an AWS in this process that takes AWS's times, for tests whose time stands still.
//! - [`TlsFront`] puts TLS in front of an endpoint.
//! - [`until`] waits for what comes by itself, and says what it saw when it does not.
//! - [`endpoints`] starts other emulators, for suites that run on each of them.

mod dates;
pub mod endpoints;
mod env;
pub mod fault;
pub mod functions;
pub mod http;
mod invocation;
pub mod probe;
pub mod process;
pub mod redact;
mod serving;
pub mod simulated;
mod tls;
mod transcript;
mod wait;

pub use endpoints::{Endpoint, Skip};
pub use env::{EmulatorRecord, TestEnv, repository};
pub use fault::{Call, Fault, FaultKind, FaultProxy};
pub use invocation::{Invocation, Started};
pub use probe::Probe;
pub use serving::{Serving, free_port};
pub use tls::TlsFront;
pub use transcript::Transcript;
pub use wait::until;
