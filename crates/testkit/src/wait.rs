//! Waiting for what comes by itself.

use std::time::{Duration, Instant};

use crate::process;

/// First and longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// Looks again and again, ever more rarely, until `look` finds what it looks for.
///
/// # Panics
/// After `patience`, with `what` was waited for and what was seen last instead.
#[track_caller]
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    let mut pause = PAUSES.0;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(
                begun.elapsed() < patience,
                "not within {} s: {what}; at last: {seen}",
                patience.as_secs_f64()
            ),
        }
        process::pause_for(pause);
        pause = (pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_is_found() {
        let mut looks = 0;
        let found = until("the third look", Duration::from_secs(10), || {
            looks += 1;
            if looks == 3 {
                Ok(looks)
            } else {
                Err("not yet".to_owned())
            }
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "not within 0.01 s: a wonder; at last: nothing")]
    fn what_never_comes_is_said_with_what_was_seen() {
        until("a wonder", Duration::from_millis(10), || {
            Err::<(), _>("nothing".to_owned())
        });
    }
}
