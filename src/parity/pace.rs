//! How long is waited at a target.

use std::time::Duration;

use crate::target::{ProductName, Target};

/// How long is waited at a target.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For what must come, when it has no time of its own.
    pub patience: Duration,
    /// For what follows at once when it comes at all: the record of an event that failed, a line of a log.
    pub promptly: Duration,
    /// For what must not come.
    pub settle: Duration,
    /// How old may logs be?
    pub fresh: Duration,
    /// For a scenario.
    pub deadline: Duration,
}

impl Pace {
    /// Of a target: the one that is ours delivers at once, others look for work once a second or so, AWS's logs and
    /// events take a while. // aws-behaviours C5, S12
    pub fn of(target: &Target) -> Self {
        let seconds = Duration::from_secs;
        // Whoever serves it.
        if target.product.name == ProductName::Embedded {
            return Self {
                patience: seconds(30),
                promptly: seconds(15),
                settle: Duration::from_millis(300),
                fresh: Duration::from_millis(30),
                deadline: seconds(150),
            };
        }
        let is_local = target.is_on_this_machine();
        Self {
            // A function's timeout and a minute: LocalStack takes that long where an event is dropped.
            // aws-behaviours §11
            patience: seconds(90),
            promptly: seconds(if is_local { 15 } else { 60 }),
            settle: seconds(if is_local { 3 } else { 10 }),
            fresh: seconds(1),
            deadline: seconds(if is_local { 240 } else { 420 }),
        }
    }
}
