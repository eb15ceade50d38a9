//! What a function's log says of a message: its last line that names it.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::read::ToldBy;
use super::{DeadLetter, DeadLetterQueue};
use crate::resource::Context;
use crate::resource::error::failed;

/// Letters whose function's log is asked: it answers a few questions a second. // aws-behaviours C5
const MOST: usize = 10;
/// Pages of an answer: those before the last may be empty.
const PAGES: usize = 5;
/// How long after it was sent a message is looked for, milliseconds.
const LONGEST_MS: i64 = 6 * 60 * 60 * 1_000;
/// Longest text, characters.
const LONGEST_TEXT: usize = 512;

/// Fills in the errors of messages that were received too often. What a log does not tell, or cannot be
/// asked, stays unknown.
pub async fn explain(cx: &Context, queue: &DeadLetterQueue, letters: &mut [DeadLetter]) {
    let unknown = letters
        .iter_mut()
        .filter(|letter| letter.why.told_by == ToldBy::Nobody && letter.why.code == "max_receives");
    for letter in unknown.take(MOST) {
        let source = queue
            .sources
            .iter()
            .find(|source| letter.from.as_ref() == Some(&source.id));
        for function in source.iter().flat_map(|source| &source.consumers) {
            if let Some(text) = last_error(cx, function, letter).await {
                letter.why.text = text;
                letter.why.told_by = ToldBy::Log;
                break;
            }
        }
    }
}

async fn last_error(cx: &Context, function: &str, letter: &DeadLetter) -> Option<String> {
    let since = OffsetDateTime::parse(letter.since.as_deref()?, &Rfc3339).ok()?;
    let since = model::epoch_ms(since);
    let mut pages = cx
        .clients
        .logs
        .filter_log_events()
        .log_group_name(format!("/aws/lambda/{function}"))
        .filter_pattern(format!("\"{}\"", letter.message_id))
        .start_time(since)
        .end_time(since + LONGEST_MS)
        .into_paginator()
        .send();
    let mut last = None;
    for _ in 0..PAGES {
        let page = match pages.next().await?.map_err(failed("FilterLogEvents")) {
            Ok(page) => page,
            Err(error) => {
                tracing::debug!(%error, function, "the log was not read");
                return last;
            }
        };
        let lines = page.events.unwrap_or_default().into_iter();
        let newest = lines
            .filter_map(|line| error_in(&line.message?))
            .next_back();
        last = newest.or(last);
        if page.next_token.is_none() {
            break;
        }
    }
    last
}

/// The error that a line tells: its field `error`, else the line itself where it speaks of one.
pub(super) fn error_in(line: &str) -> Option<String> {
    let short = |text: &str| text.trim().chars().take(LONGEST_TEXT).collect();
    if let Ok(line) = serde_json::from_str::<Value>(line) {
        let field = |name: &str| line[name].as_str().or(line["fields"][name].as_str());
        return field("error").or_else(|| field("errorMessage")).map(short);
    }
    let speaks = ["error", "Error", "ERROR", "panicked"];
    let of_one = speaks.iter().any(|word| line.contains(word));
    of_one.then(|| short(line))
}
