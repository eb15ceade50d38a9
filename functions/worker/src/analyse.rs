//! Bytes of a log file → statistics, in memory that does not grow with the file.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use model::{Durations, Reason, Record};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::durations::Collector;
use crate::top::{Counts, Top};

/// Longer lines are malformed, bytes.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;
/// How many malformed lines are told by number.
const POSITIONS: usize = 5;
/// How many messages and addresses are told.
const TOP: usize = 5;
/// How many messages and addresses are counted at once.
const TOP_CAPACITY: usize = 2_048;
/// How many levels and services are counted by name.
const NAMES: usize = 64;

/// Statistics of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Lines that are not blank, malformed ones included.
    pub lines: u64,
    /// Lines that are no record.
    pub malformed: u64,
    /// Numbers, from 1, of the first few malformed lines.
    pub malformed_positions: Vec<u64>,
    /// Records by level.
    pub levels: std::collections::BTreeMap<String, u64>,
    /// Records by service.
    pub services: std::collections::BTreeMap<String, u64>,
    /// Share of records that are errors.
    pub error_rate: f64,
    /// Earliest timestamp, as the file has it.
    pub first_timestamp: Option<String>,
    /// Latest timestamp, as the file has it.
    pub last_timestamp: Option<String>,
    /// Percentiles of durations.
    pub duration_ms: Option<Durations>,
    /// Most frequent messages of errors.
    pub top_errors: Vec<(String, u64)>,
    /// Most frequent addresses that were denied access.
    pub top_denied_sources: Vec<(String, u64)>,
}

/// Why reading ended early.
#[derive(Debug)]
pub enum Unreadable {
    /// The content can never be read; and what was found in it until then.
    Content(Reason, Box<Statistics>),
    /// The source broke off; another try may succeed.
    Source(std::io::Error),
}

/// Reads a whole file. Gzip is known by its first bytes or by the key's ending.
///
/// Errors of `source` itself must carry [`std::io::ErrorKind::ConnectionAborted`]; every other kind is
/// taken to be about the content.
pub fn analyse(key: &str, source: impl Read) -> Result<Statistics, Unreadable> {
    let mut source = BufReader::with_capacity(64 * 1024, source);
    let start = source
        .fill_buf()
        .map_err(|error| unreadable(&error, Aggregate::new()))?;
    let mut aggregate = Aggregate::new();
    let end = if is_gzip(key, start) {
        let mut decoded = BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(source));
        each_line(&mut decoded, &mut aggregate)
    } else {
        each_line(&mut source, &mut aggregate)
    };
    if let Err(error) = end {
        return Err(unreadable(&error, aggregate));
    }
    aggregate.finish()
}

/// Is it gzip: by the first bytes, or by the key's ending?
pub(crate) fn is_gzip(key: &str, start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b]) || key.to_ascii_lowercase().ends_with(".gz")
}

fn unreadable(error: &std::io::Error, until_then: Aggregate) -> Unreadable {
    let reason = match error.kind() {
        std::io::ErrorKind::ConnectionAborted => {
            return Unreadable::Source(std::io::Error::new(error.kind(), error.to_string()));
        }
        std::io::ErrorKind::UnexpectedEof => {
            Reason::new("cut_gzip", "the gzip stream ends in the middle")
        }
        _ => Reason::new("bad_gzip", format!("the gzip stream is damaged: {error}")),
    };
    Unreadable::Content(reason, Box::new(until_then.statistics()))
}

/// One line as it was found.
enum Line<'a> {
    Whole(&'a [u8]),
    /// Over [`MAX_LINE_BYTES`].
    TooLong,
}

fn each_line(source: &mut impl BufRead, aggregate: &mut Aggregate) -> std::io::Result<()> {
    // Holds only what does not fit into one buffer of the source.
    let mut held: Vec<u8> = Vec::new();
    let mut too_long = false;
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            if too_long {
                aggregate.line(&Line::TooLong);
            } else if !held.is_empty() {
                aggregate.line(&Line::Whole(&held));
            }
            return Ok(());
        }
        let mut rest = buffer;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if std::mem::take(&mut too_long) || held.len() + line.len() > MAX_LINE_BYTES {
                aggregate.line(&Line::TooLong);
            } else if held.is_empty() {
                aggregate.line(&Line::Whole(line));
            } else {
                held.extend_from_slice(line);
                aggregate.line(&Line::Whole(&held));
            }
            held.clear();
        }
        if too_long || held.len() + rest.len() > MAX_LINE_BYTES {
            too_long = true;
            held.clear();
        } else {
            held.extend_from_slice(rest);
        }
        let used = buffer.len();
        source.consume(used);
    }
}

struct Aggregate {
    /// Lines seen, blank ones included: for positions.
    number: u64,
    lines: u64,
    malformed: u64,
    malformed_positions: Vec<u64>,
    levels: Counts,
    services: Counts,
    errors: u64,
    first: Option<(OffsetDateTime, String)>,
    last: Option<(OffsetDateTime, String)>,
    durations: Collector,
    messages: Top,
    denied: Top,
}

impl Aggregate {
    fn new() -> Self {
        Self {
            number: 0,
            lines: 0,
            malformed: 0,
            malformed_positions: Vec::new(),
            levels: Counts::new(NAMES),
            services: Counts::new(NAMES),
            errors: 0,
            first: None,
            last: None,
            durations: Collector::default(),
            messages: Top::new(TOP_CAPACITY, 200),
            denied: Top::new(TOP_CAPACITY, 64),
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        self.number += 1;
        let bytes = match line {
            Line::TooLong => return self.bad(),
            Line::Whole(bytes) => *bytes,
        };
        // A byte order mark may stand before the first line, a carriage return at the end of each.
        let bytes = if self.number == 1 {
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
        } else {
            bytes
        };
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        // serde_json accepts bad UTF-8 in fields that it ignores.
        let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
            return self.bad();
        };
        let Ok(record) = serde_json::from_str::<Record<'_>>(text) else {
            return self.bad();
        };
        let Ok(moment) = OffsetDateTime::parse(&record.timestamp, &Rfc3339) else {
            return self.bad();
        };
        self.lines += 1;
        self.record(&record, moment);
    }

    fn bad(&mut self) {
        self.lines += 1;
        self.malformed += 1;
        if self.malformed_positions.len() < POSITIONS {
            self.malformed_positions.push(self.number);
        }
    }

    fn record(&mut self, record: &Record<'_>, moment: OffsetDateTime) {
        self.levels.add(&record.level);
        self.services.add(&record.service);
        if record.is_error() {
            self.errors += 1;
            self.messages.add(&record.message);
        }
        if record.is_denied()
            && let Some(address) = &record.source_ip
        {
            self.denied.add(address);
        }
        if let Some(ms) = record.duration_ms {
            self.durations.add(ms);
        }
        if self.first.as_ref().is_none_or(|(first, _)| moment < *first) {
            self.first = Some((moment, record.timestamp.clone().into_owned()));
        }
        if self.last.as_ref().is_none_or(|(last, _)| moment > *last) {
            self.last = Some((moment, record.timestamp.clone().into_owned()));
        }
    }

    fn finish(self) -> Result<Statistics, Unreadable> {
        if self.lines > self.malformed {
            return Ok(self.statistics());
        }
        let text = match self.lines {
            0 => "the file holds no line".to_owned(),
            1 => "the only line is no log record".to_owned(),
            lines => format!("none of the {lines} lines is a log record"),
        };
        let reason = Reason::new("no_record", text);
        Err(Unreadable::Content(reason, Box::new(self.statistics())))
    }

    fn statistics(self) -> Statistics {
        let records = self.lines - self.malformed;
        Statistics {
            lines: self.lines,
            malformed: self.malformed,
            malformed_positions: self.malformed_positions,
            levels: self.levels.into_inner(),
            services: self.services.into_inner(),
            error_rate: self.errors as f64 / records.max(1) as f64,
            first_timestamp: self.first.map(|(_, text)| text),
            last_timestamp: self.last.map(|(_, text)| text),
            duration_ms: self.durations.finish(),
            top_errors: self.messages.most(TOP),
            top_denied_sources: self.denied.most(TOP),
        }
    }
}

#[cfg(test)]
mod tests;
