//! How long a failure that passes by itself is worth waiting for. A step is tried again after another
//! look at its resource, so that whatever took effect meanwhile counts
//! (docs/adr/0008-retry-by-looking-again.md).

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::resource::{CallError, Cause, cause};
use crate::target::Deadlines;

/// How long a cause is worth trying.
fn bound(cause: Cause, deadlines: &Deadlines) -> Duration {
    match cause {
        Cause::Taken | Cause::Busy | Cause::Vanished => deadlines.busy,
        Cause::Propagating => deadlines.propagation,
        Cause::Throttled | Cause::ServerFault => deadlines.throttled,
        Cause::NameKept => deadlines.queue_name,
    }
}

/// Pause before the nth try again (from 0).
fn pause(cause: Cause, nth: u32, deadlines: &Deadlines) -> Duration {
    let (first, longest) = match cause {
        Cause::Taken | Cause::Busy | Cause::Vanished => deadlines.poll,
        // Short and dense. // aws-behaviours I1
        Cause::Propagating => (Duration::from_millis(250), Duration::from_secs(2)),
        Cause::Throttled | Cause::ServerFault => {
            let first = deadlines.poll.0.max(Duration::from_millis(50));
            (first, Duration::from_secs(8))
        }
        // Every 5 s where the bound is 90 s. // aws-behaviours Q1
        Cause::NameKept => (deadlines.queue_name / 18, deadlines.queue_name / 18),
    };
    first.saturating_mul(2_u32.saturating_pow(nth)).min(longest)
}

/// How often one step was tried, for which causes. Each cause has its bound, counted from when it was met
/// first, so that causes that take turns end, too.
#[derive(Debug)]
pub struct Patience<'a> {
    deadlines: &'a Deadlines,
    since: BTreeMap<Cause, (Instant, u32)>,
}

impl<'a> Patience<'a> {
    /// Nothing has failed yet.
    pub fn new(deadlines: &'a Deadlines) -> Self {
        Self {
            deadlines,
            since: BTreeMap::new(),
        }
    }

    /// How long to wait before the next try; none when the failure stays, or has lasted too long.
    pub fn again(&mut self, error: &CallError) -> Option<(Cause, Duration)> {
        let cause = cause(error)?;
        let (begun, nth) = self
            .since
            .entry(cause)
            .or_insert_with(|| (Instant::now(), 0));
        let pause = pause(cause, *nth, self.deadlines);
        if begun.elapsed() + pause > bound(cause, self.deadlines) {
            return None;
        }
        *nth += 1;
        Some((cause, pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str, status: u16) -> CallError {
        let mut error = CallError::local("op", message);
        code.clone_into(&mut error.code);
        error.status = Some(status);
        error
    }

    /// aws-behaviours S6
    #[test]
    fn patience_grows_pauses_and_ends_with_the_bound() {
        let deadlines = Deadlines {
            busy: Duration::from_millis(100),
            poll: (Duration::from_millis(5), Duration::from_millis(20)),
            ..Deadlines::LOCAL
        };
        let mut patience = Patience::new(&deadlines);
        let busy = error("OperationAborted", "", 409);
        let pauses: Vec<_> = (0..4)
            .map(|_| patience.again(&busy).map(|(_, pause)| pause.as_millis()))
            .collect();
        assert_eq!(pauses, [Some(5), Some(10), Some(20), Some(20)]);
        // Another cause has a bound of its own.
        let throttled = error("SlowDown", "", 503);
        assert_eq!(
            patience.again(&throttled).map(|(cause, _)| cause),
            Some(Cause::Throttled)
        );
        // Which does not give the first one more time.
        assert_eq!(
            patience.again(&busy).map(|(_, pause)| pause.as_millis()),
            Some(20)
        );
        let short = Deadlines {
            busy: Duration::from_millis(1),
            ..deadlines
        };
        assert_eq!(Patience::new(&short).again(&busy), None);
    }
}
