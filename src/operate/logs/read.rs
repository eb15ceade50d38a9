//! Reading log groups from a moment on, page by page. // aws-behaviours C5, C6

use std::ops::ControlFlow;

use super::merge::{Pages, merged};
use super::{Group, LogEvent};
use crate::resource::CallError;
use crate::resource::error::{absent, failed};
use crate::target::Clients;

/// Events of one page. AWS gives 10,000 and 1 MB at most; targets without the second limit are held to about
/// as much by this.
const PAGE: usize = 5_000;
const GONE: &[&str] = &["ResourceNotFoundException"];

/// Hands over the events of all groups since `from` (milliseconds since the Unix epoch) in the order of time,
/// until there are no more or `take` breaks. Returns the groups that are not there.
pub async fn read<'a>(
    clients: &Clients,
    groups: &'a [Group],
    from: i64,
    take: &mut impl FnMut(LogEvent) -> ControlFlow<()>,
) -> Result<Vec<&'a Group>, CallError> {
    let mut pages: Vec<_> = groups
        .iter()
        .map(|group| GroupPages::new(clients, group, from))
        .collect();
    // Whoever has enough has what was wanted: that is no other end than the last page.
    let _ = merged(&mut pages, &mut |_, event| take(event)).await?;
    Ok(pages
        .iter()
        .filter(|pages| pages.is_absent)
        .map(|pages| pages.group)
        .collect())
}

/// The pages of one group.
pub(super) struct GroupPages<'c, 'g> {
    clients: &'c Clients,
    pub(super) group: &'g Group,
    cursor: Cursor,
    /// The group is not there.
    pub(super) is_absent: bool,
}

impl<'c, 'g> GroupPages<'c, 'g> {
    /// From a moment on.
    pub(super) fn new(clients: &'c Clients, group: &'g Group, from: i64) -> Self {
        Self {
            clients,
            group,
            cursor: Cursor::new(from, PAGE),
            is_absent: false,
        }
    }
}

impl Pages for GroupPages<'_, '_> {
    async fn next(&mut self) -> Result<Option<Vec<LogEvent>>, CallError> {
        if self.cursor.is_over {
            return Ok(None);
        }
        let request = self
            .clients
            .logs
            .filter_log_events()
            .log_group_name(&self.group.name)
            .start_time(self.cursor.from)
            .limit(PAGE as i32)
            .set_next_token(self.cursor.token.clone());
        // Events of all streams in one order: AWS always does so, LocalStack when asked to.
        // aws-behaviours C6
        #[expect(deprecated, reason = "LocalStack still heeds it")]
        let request = request.interleaved(true);
        let answer = request.send().await.map_err(failed("FilterLogEvents"));
        let Some(answer) = absent(answer, GONE)? else {
            self.is_absent = true;
            self.cursor.is_over = true;
            return Ok(None);
        };
        let events: Vec<_> = answer
            .events
            .unwrap_or_default()
            .into_iter()
            .map(|event| LogEvent {
                id: event.event_id,
                ..LogEvent::new(
                    event.timestamp.unwrap_or_default(),
                    &self.group.function,
                    event.log_stream_name.as_deref().unwrap_or_default(),
                    event.message.as_deref().unwrap_or_default(),
                )
            })
            .collect();
        Ok(Some(self.cursor.advance(events, answer.next_token)))
    }
}

/// Where the next page begins.
#[derive(Debug)]
struct Cursor {
    from: i64,
    token: Option<String>,
    /// Events at `from` that were on an earlier page.
    skip: usize,
    /// Most events of a page.
    page: usize,
    is_over: bool,
}

impl Cursor {
    fn new(from: i64, page: usize) -> Self {
        Self {
            from,
            token: None,
            skip: 0,
            page,
            is_over: false,
        }
    }

    /// Takes a page and the token that came with it; returns what is new of it.
    fn advance(&mut self, mut events: Vec<LogEvent>, token: Option<String>) -> Vec<LogEvent> {
        let is_full = events.len() >= self.page;
        let first_new = events
            .iter()
            .take(self.skip)
            .take_while(|event| event.at == self.from)
            .count();
        self.skip = 0;
        let last = events.last().map(|event| event.at);
        match (token.filter(|token| !token.is_empty()), last) {
            // A page may be empty and not the last, but a token that leads to itself is the end.
            (Some(token), _) if events.is_empty() && self.token.as_ref() == Some(&token) => {
                self.is_over = true;
            }
            (Some(token), _) => self.token = Some(token),
            // MiniStack knows no tokens: a full page is gone on from by its last moment, unless all of it
            // is one moment. // aws-behaviours C6
            (None, Some(last)) if is_full && last > self.from => {
                self.token = None;
                self.from = last;
                self.skip = events.iter().filter(|event| event.at == last).count();
            }
            (None, _) => self.is_over = true,
        }
        events.drain(..first_new);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(moments: &[i64]) -> Vec<LogEvent> {
        let events = moments.iter();
        events.map(|at| LogEvent::new(*at, "f", "s", "x")).collect()
    }

    /// aws-behaviours C6
    #[test]
    fn tokens_lead_on_also_from_an_empty_page_and_the_end_is_seen() {
        let mut cursor = Cursor::new(5, 3);
        assert_eq!(cursor.advance(page(&[]), Some("a".to_owned())), page(&[]));
        assert!(!cursor.is_over);
        assert_eq!(
            cursor.advance(page(&[6, 7, 8]), Some("b".to_owned())),
            page(&[6, 7, 8])
        );
        assert_eq!((cursor.from, cursor.token.as_deref()), (5, Some("b")));
        assert_eq!(cursor.advance(page(&[8]), None), page(&[8]));
        assert!(cursor.is_over);

        let mut stuck = Cursor::new(5, 3);
        for _ in 0..2 {
            stuck.advance(page(&[]), Some("a".to_owned()));
        }
        assert!(stuck.is_over, "the same token again leads nowhere");
    }

    /// aws-behaviours C6
    #[test]
    fn without_tokens_a_full_page_is_gone_on_from_by_time() {
        let mut cursor = Cursor::new(5, 3);
        assert_eq!(cursor.advance(page(&[5, 6, 6]), None), page(&[5, 6, 6]));
        assert_eq!((cursor.from, cursor.is_over), (6, false));
        assert_eq!(
            cursor.advance(page(&[6, 6, 6]), None),
            page(&[6]),
            "what was there before is left out"
        );
        assert!(cursor.is_over, "a page of one moment leads nowhere");

        let mut cursor = Cursor::new(5, 3);
        cursor.advance(page(&[5, 6, 7]), None);
        assert_eq!(cursor.advance(page(&[7, 8]), None), page(&[8]));
        assert!(cursor.is_over);
    }
}
