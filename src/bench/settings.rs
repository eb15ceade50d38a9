//! How a run is made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// In which way files come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Method {
    /// One after the other, size by size, with a pause between them: the study's.
    Sequential {
        /// Counted files of each size.
        iterations: u32,
        /// Files sent before, and not counted.
        warmup: u32,
        /// Pause after each file, milliseconds.
        pause_ms: u64,
    },
    /// At a rate, whether or not those before are done (an open loop).
    Rate {
        /// Files per second.
        files_per_s: f64,
        /// For how long, milliseconds.
        duration_ms: u64,
    },
    /// So many on their way at once, the next when one is done (a closed loop).
    Concurrency {
        /// Files on their way.
        files: u32,
        /// For how long, milliseconds.
        duration_ms: u64,
    },
    /// At rates that grow until one is not sustained, then between the last two.
    Ramp {
        /// The first rate, files per second.
        from: f64,
        /// How long each rate is kept, milliseconds.
        step_ms: u64,
    },
    /// Into environments that are new, and once more right after.
    Cold {
        /// How often.
        times: u32,
    },
}

impl Method {
    /// Part of the names of its files; none of the study's own, which other commands read.
    pub fn suffix(&self) -> &'static str {
        match self {
            Self::Sequential { .. } => "",
            Self::Rate { .. } => "_rate",
            Self::Concurrency { .. } => "_concurrency",
            Self::Ramp { .. } => "_ramp",
            Self::Cold { .. } => "_cold",
        }
    }

    /// Does one file wait for the one before?
    pub fn is_one_by_one(&self) -> bool {
        matches!(self, Self::Sequential { .. } | Self::Cold { .. })
    }

    /// A target that answers nothing for so long is taken to be gone: one that is given more than it can do may take
    /// long for every answer.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(if self.is_one_by_one() { 5 } else { 30 })
    }

    /// Is the time of a file counted from when it should have begun?
    pub fn is_open_loop(&self) -> bool {
        matches!(self, Self::Rate { .. } | Self::Ramp { .. })
    }
}

/// Everything that somebody chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// In which way files come.
    pub method: Method,
    /// Lines of the files, in the order in which they come.
    pub sizes: Vec<u64>,
    /// Of the files' contents, and of the figures' intervals.
    pub seed: u64,
    /// How long a result is waited for, milliseconds.
    pub timeout_ms: u64,
    /// How results are looked for.
    pub poll: Poll,
}

impl Settings {
    /// How long a result is waited for.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// How results are looked for: the first time shortly before files of its size were done so far, then
/// after pauses that grow with the time waited. The study's client looked every 250 ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Poll {
    /// Shortest pause, milliseconds.
    pub shortest_ms: f64,
    /// Longest pause, milliseconds.
    pub longest_ms: f64,
    /// A pause is this share of the time waited.
    pub share: f64,
    /// The first look for the next file of a size is at this share of the time of the last look that was in
    /// vain,
    pub earlier: f64,
    /// and where the first look found it, at this share of its time.
    pub much_earlier: f64,
}

impl Poll {
    /// For a way in which files come. Where many are on their way, one look is for all of them, and looks that
    /// are too dense would be load themselves.
    pub fn of(method: &Method) -> Self {
        let (shortest_ms, share) = if method.is_one_by_one() {
            (0.5, 0.02)
        } else {
            (5.0, 0.05)
        };
        Self {
            shortest_ms,
            longest_ms: 250.0,
            share,
            earlier: 0.95,
            much_earlier: 0.6,
        }
    }

    /// The pause after a look that came `waited` after the upload.
    pub fn pause(&self, waited: Duration) -> Duration {
        let ms = waited.as_secs_f64() * 1_000.0 * self.share;
        Duration::from_secs_f64(ms.clamp(self.shortest_ms, self.longest_ms) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_time_waited_and_are_bounded() {
        let poll = Poll::of(&Method::Cold { times: 1 });
        let pause = |ms| poll.pause(Duration::from_millis(ms)).as_secs_f64() * 1_000.0;
        assert_eq!((pause(1), pause(100_000)), (0.5, 250.0));
        assert!((pause(500) - 10.0).abs() < 1e-6);
    }
}
