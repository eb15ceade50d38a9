//! Dead letters in words and tables for people.

use model::JobResult;
use serde_json::Value;

use super::human::{SHORT_ID, status_word};
use super::style::{bad, dim, good, hint, plural, warn};
use super::table::Table;
use crate::operate::dead_letters::read::{Detail, File, LetterKind, Why};
use crate::operate::dead_letters::{DeadLetter, DeadLetterQueue, Look, Report};
use crate::stack::model::LogicalId;

/// Characters of a message's id in lists: the first part of a UUID.
const SHORT_MESSAGE: usize = 8;
/// Longest reason in a list, characters.
const LONGEST_WHY: usize = 72;
/// Longest value of an attribute, characters.
const LONGEST_VALUE: usize = 256;

/// Text from outside as a terminal may show it: nothing in it moves the cursor or turns the text around.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                '\u{fffd}'
            }
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// At most so many characters of one line.
fn cut(text: &str, most: usize) -> String {
    let text = printable(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if text.chars().count() <= most {
        return text;
    }
    let short: String = text.chars().take(most - 1).collect();
    format!("{}…", short.trim_end())
}

fn start(id: &str, length: usize) -> String {
    printable(&id.chars().take(length).collect::<String>())
}

fn names(files: &[File]) -> String {
    match files {
        [] => "(no file)".to_owned(),
        [one] => cut(&one.key, LONGEST_VALUE),
        [first, others @ ..] => {
            format!(
                "{} and {} more",
                cut(&first.key, LONGEST_VALUE),
                others.len()
            )
        }
    }
}

fn why(why: &Why, most: usize) -> String {
    let text = cut(&why.text, most);
    if why.code == why.text || why.code == "unknown" {
        text
    } else {
        format!("{}: {text}", cut(&why.code, LONGEST_VALUE))
    }
}

fn count(number: Option<u32>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

/// Queues with what waits in them.
pub fn dead_letters(queues: &[(&DeadLetterQueue, Look, &[DeadLetter])]) -> String {
    let mut parts = Vec::new();
    for (queue, look, letters) in queues {
        if letters.is_empty() && look.hidden == 0 && !look.more {
            continue;
        }
        let of: Vec<String> = queue.of().iter().map(ToString::to_string).collect();
        let mut part = format!(
            "{} ({}): {} of {}\n",
            queue.id,
            dim(&queue.queue.name),
            plural(letters.len(), "dead letter"),
            of.join(", ")
        );
        if !letters.is_empty() {
            let header = ["SINCE", "TRIED", "FILE", "MESSAGE", "JOB", "WHY"];
            let mut rows = Table::new(&header, &[1]);
            for letter in *letters {
                let job = letter.files.first();
                rows.add_row([
                    letter.since.clone().unwrap_or_default(),
                    count(letter.tries),
                    names(&letter.files),
                    start(&letter.message_id, SHORT_MESSAGE),
                    job.map_or_else(String::new, |file| start(&file.job_id, SHORT_ID)),
                    why(&letter.why, LONGEST_WHY),
                ]);
            }
            part.push_str(&rows.to_string());
            part.push('\n');
        }
        if look.more {
            part.push_str(&format!("{}\n", warn("there may be more than these")));
        }
        if look.hidden > 0 {
            let hidden = plural(look.hidden as usize, "message");
            part.push_str(&format!(
                "{} hidden now: somebody has it in hand, or it is delayed\n",
                warn(format!("{hidden} more"))
            ));
        }
        parts.push(part);
    }
    if parts.is_empty() {
        return "no dead letters".to_owned();
    }
    parts.join("\n")
}

/// One letter with all that is on it.
pub fn dead_letter(detail: &Detail, result: Option<&JobResult>) -> String {
    let letter = &detail.letter;
    let mut rows: Vec<(&str, String)> = vec![("why", why(&letter.why, usize::MAX))];
    if let Some(before) = &letter.before {
        rows.push(("before", why(before, usize::MAX)));
    }
    let kind = match letter.kind {
        LetterKind::Message => "a message of",
        LetterKind::Invocation => "a failed invocation of",
    };
    let from = letter.from.as_ref();
    let from = from.map_or_else(|| "(not told)".to_owned(), ToString::to_string);
    rows.push(("from", format!("{kind} {from}")));
    let tries = match letter.tries {
        Some(tries) => format!("{tries} times before"),
        None => "not told".to_owned(),
    };
    rows.push(("tried", tries));
    let receives = count(letter.receives);
    rows.push(("received", format!("{receives} times, this look included")));
    for file in &letter.files {
        let object = format!("s3://{}/{}", printable(&file.bucket), printable(&file.key));
        rows.push(("object", hint(object).to_string()));
        if let Some(version) = &file.version_id {
            rows.push(("version", printable(version)));
        }
        rows.push(("job", printable(&file.job_id)));
    }
    rows.push(("message", printable(&letter.message_id)));
    if let Some(result) = result {
        let receives = plural(result.receive_count as usize, "receive");
        let status = status_word(result.status);
        let text = format!("{status} at {}, after {receives}", result.processed_at);
        rows.push(("result", text));
    }
    let mut text = format!(
        "{}  in {} since {}",
        names(&letter.files),
        letter.queue,
        letter.since.as_deref().unwrap_or("(not told)")
    );
    for (name, value) in rows {
        text.push_str(&format!("\n  {name:<10}{value}"));
    }
    text.push_str("\n  history");
    for moment in &detail.history {
        text.push_str(&format!(
            "\n    {}  {}",
            printable(&moment.at),
            printable(&moment.what)
        ));
    }
    if !detail.attributes.is_empty() {
        text.push_str("\n  attributes");
        for (name, value) in &detail.attributes {
            let (name, value) = (cut(name, LONGEST_VALUE), cut(value, LONGEST_VALUE));
            text.push_str(&format!("\n    {name:<12} {value}"));
        }
    }
    text.push_str("\n  body");
    let body = match &detail.body {
        Value::String(text) => text.clone(),
        json => format!("{json:#}"),
    };
    for line in body.lines() {
        text.push_str(&format!("\n    {}", printable(line)));
    }
    text
}

/// What became of letters: `verb` is `redriven` or `deleted`; `of` is the only queue that was looked into.
pub fn settled(
    verb: &str,
    reports: &[Report],
    missing: &[String],
    of: Option<&LogicalId>,
) -> String {
    let mut lines = Vec::new();
    for report in reports {
        for letter in &report.letters {
            let to = letter.to.as_ref();
            lines.push(format!(
                "{} {} {} {}",
                good(verb),
                start(&letter.message_id, SHORT_MESSAGE),
                names(&letter.files),
                dim(to.map_or_else(String::new, |to| format!("→ {to}")))
            ));
        }
        for failed in &report.failed {
            let id = printable(&failed.id);
            lines.push(format!(
                "{} {id}: {}",
                bad("failed"),
                cut(&failed.reason, usize::MAX)
            ));
        }
        if report.done > 0 {
            let letters = plural(report.done as usize, "dead letter");
            lines.push(format!("{letters} of {} {verb}", report.queue));
        }
        if report.more {
            let text = format!("there may be more in {}: run it again", report.queue);
            lines.push(warn(text).to_string());
        }
    }
    for id in missing {
        let of = of.map_or_else(String::new, |queue| format!(" of {queue}"));
        let text = format!(
            "no dead letter{of} has an id that begins like that; one that was {verb} before is gone"
        );
        lines.push(format!("{} {}: {text}", bad("failed"), printable(id)));
    }
    if lines.is_empty() {
        return "no dead letters".to_owned();
    }
    let lines = lines.iter().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_move_the_cursor() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}c\r"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}"
        );
        assert_eq!(cut("a\n b\t c", 10), "a b c");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn nothing_is_said_in_one_line() {
        assert_eq!(dead_letters(&[]), "no dead letters");
        assert_eq!(settled("redriven", &[], &[], None), "no dead letters");
    }
}
