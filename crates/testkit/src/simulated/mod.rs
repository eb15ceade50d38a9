//! An AWS in this process, for tests in *virtual time*: on a runtime whose clock is paused, waits cost
//! nothing and time goes on only when nobody has anything to do. So nothing here may wait for a socket.
//!
//! [`Cloud`] is what SDK clients talk to: the emulator answers for the services that it has, [`iam`] and
//! [`formation`] for two that it has not, and every call and state takes as long as [`Delays`] say.

mod answer;
mod clock;
mod cloud;
pub mod formation;
pub mod iam;

use std::time::Duration;

pub use clock::PausedClock;
pub use cloud::{Cloud, Taken};

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    /// A call, there and back.
    pub call: Duration,
    /// Bytes a second that the line to AWS takes, which all calls share; none where it is fast enough.
    pub line: Option<u32>,
    /// A new role, until Lambda can assume it. // aws-behaviours I1
    pub role: Duration,
    /// A new function, while it is `Pending`. // aws-behaviours L1
    pub function: Duration,
    /// An update of a function, while it is `InProgress`. // aws-behaviours L3
    pub update: Duration,
    /// A mapping, while it is `Creating` or `Deleting`. // aws-behaviours E2
    pub mapping: Duration,
    /// A new table, while it is `CREATING`. // aws-behaviours D1
    pub table: Duration,
    /// A deleted table, while it is `DELETING`. // aws-behaviours D14
    pub table_deleting: Duration,
    /// A stack of CloudFormation, while something of it is in progress.
    pub stack: Duration,
}

impl Delays {
    /// As measured on AWS.
    pub const AWS: Self = Self {
        call: Duration::from_millis(50),
        line: None,
        role: Duration::from_secs(8),
        function: Duration::from_secs(3),
        update: Duration::from_secs(1),
        mapping: Duration::from_secs(5),
        table: Duration::from_millis(6_500),
        table_deleting: Duration::from_secs(5),
        stack: Duration::from_secs(10),
    };
}
