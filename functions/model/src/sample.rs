//! The lines of a sample log, drawn from a seeded generator of our own, so that no release of a
//! dependency can change the files: those of `samples/`, and what is measured with.

use std::fmt::Write;

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The seed of the files in `samples/`.
pub const SEED: u64 = 0x5EED_1065;
const FIRST: OffsetDateTime = datetime!(2026-11-02 08:00 UTC);

/// Of every ten lines this one (from zero) is malformed where malformed lines are asked for.
const MALFORMED_OF_TEN: usize = 6;

const SERVICES: &[&str] = &[
    "gateway", "auth", "catalog", "checkout", "payments", "search",
];
const FINE: &[&str] = &[
    "request completed",
    "cache entry refreshed from the primary store",
    "order accepted and handed to fulfilment",
    "search results served from the warm index",
    "session renewed for a returning visitor",
];
const DETAILS: &[&str] = &[
    "feature flags evaluated for the request",
    "connection taken from the pool",
    "query plan reused",
];
const SLOW: &[&str] = &[
    "upstream answered slower than its budget",
    "retrying after a throttled call",
    "queue depth over its soft limit",
];
const DENIED: &[&str] = &[
    "access denied: the token has expired",
    "access denied: the role lacks a permission",
];
const BROKEN: &[&str] = &[
    "payment provider timed out",
    "database connection refused",
    "unhandled exception while rendering the response",
    "inventory \"reserve\" call failed: 503 from upstream",
];

/// Knuth's MMIX multiplier and increment; the high bits are the good ones.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 16
    }

    /// Below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// A log of `count` lines. With `malformed`, every tenth line is one that no reader may take for a
/// record. The same seed gives the same bytes.
pub fn sample(seed: u64, count: usize, malformed: bool) -> String {
    let mut random = Lcg(seed);
    let mut moment = FIRST;
    let mut text = String::with_capacity(count * 240);
    for index in 0..count {
        moment += Duration::milliseconds(20 + random.below(480) as i64);
        let line = line(&mut random, moment);
        if malformed && index % 10 == MALFORMED_OF_TEN {
            text.push_str(&spoiled(index / 10, &line));
        } else {
            text.push_str(&line);
        }
        text.push('\n');
    }
    text
}

fn line(random: &mut Lcg, moment: OffsetDateTime) -> String {
    let (level, status, message) = match random.below(100) {
        0..=5 => (
            "ERROR",
            [500, 502, 503, 504][random.below(4) as usize],
            random.pick(BROKEN),
        ),
        6..=9 => (
            "WARN",
            [401, 403][random.below(2) as usize],
            random.pick(DENIED),
        ),
        10..=16 => (
            "WARN",
            [200, 404, 429][random.below(3) as usize],
            random.pick(SLOW),
        ),
        17..=24 => ("DEBUG", 200, random.pick(DETAILS)),
        _ => (
            "INFO",
            [200, 200, 200, 201, 204][random.below(5) as usize],
            random.pick(FINE),
        ),
    };
    // Refusals come from few addresses, as those of somebody who tries passwords do. All addresses
    // are from the ranges kept for documentation.
    let source = if matches!(status, 401 | 403) {
        format!("198.51.100.{}", 7 + random.below(4))
    } else {
        format!("203.0.113.{}", 1 + random.below(250))
    };
    let mut line = format!(
        "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"service\":\"{}\",\"message\":{},\"request_id\":\"{:012x}{:04x}\",\"user_id\":\"u-{:05}\",\"status\":{status}",
        crate::timestamp(moment),
        random.pick(SERVICES),
        serde_json::Value::from(message),
        random.next() & 0xFFFF_FFFF_FFFF,
        random.below(0x1_0000),
        random.below(20_000),
    );
    // One in five has no duration, as lines that are no requests have not.
    if random.below(5) > 0 {
        let slow = if level == "INFO" { 1 } else { 8 };
        let tenths = (30 + random.below(900)) * slow + random.below(400);
        write!(line, ",\"duration_ms\":{}.{}", tenths / 10, tenths % 10)
            .expect("strings take all text");
    }
    write!(line, ",\"source_ip\":\"{source}\"}}").expect("strings take all text");
    line
}

/// The `number`th way to spoil a line.
fn spoiled(number: usize, line: &str) -> String {
    match number % 6 {
        0 => line[..line.len() / 2].to_owned(),
        1 => "java.lang.IllegalStateException: connection pool is shut down".to_owned(),
        2 => line.replacen("\"service\":", "\"servce\":", 1),
        3 => line.replacen("\"timestamp\":\"2026-", "\"timestamp\":\"yesterday-", 1),
        4 => line.replacen("\"level\":\"", "\"level\":5,\"was\":\"", 1),
        _ => "{}".to_owned(),
    }
}
