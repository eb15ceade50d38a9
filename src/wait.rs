//! Waits: named, bounded, with the deadline given by the target. The only place that sleeps.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// A wait that reached its deadline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} did not happen within {} s; last seen: {last}", deadline.as_secs())]
pub struct TimedOut {
    /// What was waited for, e.g. `table active`.
    pub what: &'static str,
    /// The bound.
    pub deadline: Duration,
    /// The last state seen.
    pub last: String,
}

/// One look at what is waited for.
#[derive(Debug)]
pub enum Look<T> {
    /// It has happened.
    Done(T),
    /// Not yet; the state seen.
    NotYet(String),
}

/// Runs something that reads and writes large files, or waits for another program, apart from what must
/// not be held up. A panic in it goes on here.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Pauses for `duration`: the one sleep that other modules use.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// What something gives, unless it takes longer than `deadline`: then it is given up.
pub async fn at_most<T>(deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(deadline, work).await.ok()
}

/// Looks until it has happened or the `deadline` has passed. The pause between two looks starts at
/// `poll.0` and doubles up to `poll.1`. An error of a look ends the wait.
pub async fn until<T, E, F, Fut>(
    what: &'static str,
    deadline: Duration,
    poll: (Duration, Duration),
    mut look: F,
) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Look<T>, E>>,
    E: From<TimedOut>,
{
    let begun = Instant::now();
    let mut interval = poll.0;
    loop {
        match look().await? {
            Look::Done(value) => return Ok(value),
            Look::NotYet(last) if begun.elapsed() + interval > deadline => {
                return Err(TimedOut {
                    what,
                    deadline,
                    last,
                }
                .into());
            }
            Look::NotYet(_) => {}
        }
        pause(interval).await;
        interval = (interval * 2).min(poll.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(2));

    #[tokio::test]
    async fn what_takes_too_long_is_given_up() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(at_most(hour, async { 7 }).await, Some(7));
        assert_eq!(at_most(POLL.0, pause(hour)).await, None);
    }

    #[tokio::test]
    async fn ends_with_the_value_or_with_the_last_state_seen() {
        let mut looks = 0;
        let value: Result<u32, TimedOut> = until("a thing", Duration::from_secs(60), POLL, || {
            looks += 1;
            let look = if looks == 4 {
                Look::Done(7)
            } else {
                Look::NotYet("not yet".to_owned())
            };
            async move { Ok(look) }
        })
        .await;
        assert_eq!((value, looks), (Ok(7), 4));

        let missed: Result<u32, TimedOut> =
            until("a thing", Duration::from_millis(5), POLL, || async {
                Ok(Look::NotYet("CREATING".to_owned()))
            })
            .await;
        assert_eq!(
            missed.map_err(|e| (e.what, e.last)),
            Err(("a thing", "CREATING".to_owned()))
        );
    }
}
