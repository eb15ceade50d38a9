//! One file from the first byte sent until its result is seen.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::ByteStream;
use tokio::time::Instant;

use super::row::{Fate, Observed, Phase, Row};
use super::settings::{Poll, Settings};
use super::stats::rounded;
use super::watcher::{Seen, Sight, Watcher};
use super::workload::File;
use crate::operate::pipeline::Pipeline;
use crate::resource::CallError;
use crate::resource::error::failed;
use crate::target::{Clients, Target};

/// Sends files through a pipeline. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Which try nothing again behind the figures.
    clients: Clients,
    pipeline: Pipeline,
    watcher: Watcher,
    settings: Settings,
    /// The target runs by this machine's clock.
    same_clock: bool,
    /// S3 has told a moment within a second.
    tells_fractions: AtomicBool,
    begun: Instant,
    /// When the first look for a file of each size is.
    first_look: Mutex<HashMap<u64, Duration>>,
    on_their_way: AtomicUsize,
}

impl Inner {
    /// How long after the upload the result of a file of so many lines is looked for; at once before the first.
    fn first_look(&self, lines: u64) -> Duration {
        let first = self.first_look.lock().expect("no holder panics");
        first.get(&lines).copied().unwrap_or_default()
    }

    /// S3's event times are as good as their fractions of a second: an endpoint that never tells any is taken by
    /// when it answered the upload, if that is by the same clock.
    fn goes_by_answer(&self, event_ms: Option<i64>) -> bool {
        let fraction = event_ms.is_some_and(|event| event % 1_000 != 0);
        let told = self.tells_fractions.fetch_or(fraction, Ordering::Relaxed);
        self.same_clock && !fraction && !told
    }

    /// Learns when to look: a bit before the last look that was in vain. Where the first one found it, nobody
    /// knows how long it had been there, and the next file is looked for much earlier.
    fn learn(&self, lines: u64, seen: &Seen, answered: Instant) {
        let Poll {
            earlier,
            much_earlier,
            ..
        } = self.settings.poll;
        let next = match seen.in_vain {
            Some(at) => at.saturating_duration_since(answered).mul_f64(earlier),
            None => (seen.at - answered).mul_f64(much_earlier),
        };
        let mut first = self.first_look.lock().expect("no holder panics");
        let known = first.entry(lines).or_insert(next);
        // One that took long says nothing of the others.
        *known = next.min(known.mul_f64(1.0 / earlier));
    }
}

/// What became of a file.
#[derive(Debug)]
pub struct Fed {
    /// Its row.
    pub row: Row,
    /// Version of its object, where there is one.
    pub version_id: Option<String>,
    /// The target did not answer.
    pub gone: Option<CallError>,
}

/// Counts a file as on its way.
struct OnItsWay<'a>(&'a AtomicUsize);

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Feed {
    /// Of one run, which begins now.
    pub fn new(target: &Target, pipeline: Pipeline, settings: Settings) -> Self {
        let clients = Clients::trying_once(target);
        let table = pipeline.table.name.clone();
        let patience = settings.method.patience();
        let watcher = Watcher::start(clients.clone(), table, settings.poll, patience);
        Self(Arc::new(Inner {
            clients,
            pipeline,
            watcher,
            settings,
            same_clock: target.is_on_this_machine(),
            tells_fractions: AtomicBool::new(false),
            begun: Instant::now(),
            first_look: Mutex::default(),
            on_their_way: AtomicUsize::new(0),
        }))
    }

    /// Files on their way at this moment.
    pub fn on_their_way(&self) -> usize {
        self.0.on_their_way.load(Ordering::Relaxed)
    }

    /// When the run began.
    pub fn begun(&self) -> Instant {
        self.0.begun
    }

    /// A row of a file that begins, or should have begun, `at`.
    pub fn row(&self, file: &File, phase: Phase, at: Instant) -> Row {
        let bytes = file.body.len() as u64;
        let mut row = Row::new(file.n, phase, file.lines, bytes, file.key.clone());
        row.begun_ms = ms(at.saturating_duration_since(self.0.begun));
        row
    }

    /// Sends one file and waits for its result. `intended` is when it should have begun, of an open loop.
    pub async fn one(&self, file: File, phase: Phase, intended: Option<Instant>) -> Fed {
        let inner = &*self.0;
        inner.on_their_way.fetch_add(1, Ordering::Relaxed);
        let _on_its_way = OnItsWay(&inner.on_their_way);
        let started = Instant::now();
        let begun = intended.unwrap_or(started);
        let mut row = self.row(&file, phase, begun);
        row.late_ms = ms(started.saturating_duration_since(begun));
        let (bucket, key) = (&inner.pipeline.bucket.name, &file.key);
        let put = inner.clients.s3.put_object().bucket(bucket).key(key);
        let put = put.content_type("application/x-ndjson");
        let stored = put.body(ByteStream::from(file.body)).send().await;
        let stored = match stored.map_err(failed("PutObject")) {
            Ok(stored) => stored,
            Err(error) => return not_uploaded(row, error),
        };
        let answered = Instant::now();
        let answered_at_ms = epoch_ms();
        row.upload_ms = Some(ms(answered - started));
        let version_id = stored.version_id;
        row.job_id = model::job_id(bucket, key, version_id.as_deref(), stored.e_tag.as_deref());

        let first = answered + inner.first_look(row.lines);
        let until = answered + inner.settings.timeout();
        let job_id = row.job_id.clone();
        let mut gone = None;
        match inner.watcher.result(job_id, first, until).await {
            Sight::Seen(seen) => {
                let waited = seen.at - answered;
                row.end_to_end_ms = Some(ms(seen.at - begun));
                row.looks = seen.looks;
                row.poll_gap_ms = Some(ms(seen.at - seen.in_vain.unwrap_or(answered)));
                let observed = Observed {
                    answered_at_ms,
                    waited_ms: waited.as_secs_f64() * 1_000.0,
                    by_answer: inner.goes_by_answer(seen.result.timings.event_ms),
                };
                row.take(&seen.result, observed);
                inner.learn(row.lines, &seen, answered);
            }
            Sight::Missed(looks, error) => {
                row.fate = Fate::Lost;
                row.looks = looks;
                row.error = Some(error.map_or_else(|| "no_result".to_owned(), |error| error.code));
            }
            Sight::Gone(error) => {
                row.fate = Fate::Lost;
                row.error = Some(error.code.clone());
                gone = Some(error);
            }
        }
        Fed {
            row,
            version_id,
            gone,
        }
    }
}

fn not_uploaded(mut row: Row, error: CallError) -> Fed {
    row.fate = Fate::NotUploaded;
    row.error = Some(error.code.clone());
    Fed {
        row,
        version_id: None,
        gone: error.unreachable.then_some(error),
    }
}

/// Milliseconds, to microseconds.
pub fn ms(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1_000.0)
}

/// This machine's clock, milliseconds since the Unix epoch.
fn epoch_ms() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64() * 1_000.0)
}
