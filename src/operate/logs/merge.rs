//! Several sources of events, each in the order of time, as one. No more than a page of each is held.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use futures::future::try_join_all;

use super::LogEvent;
use crate::resource::CallError;

/// Gives events page by page, in the order of time.
pub(super) trait Pages {
    /// The next page, which may be empty; none after the last.
    async fn next(&mut self) -> Result<Option<Vec<LogEvent>>, CallError>;
}

struct Source<'a, P> {
    pages: &'a mut P,
    ready: VecDeque<LogEvent>,
    is_over: bool,
}

impl<P: Pages> Source<'_, P> {
    /// Sees to it that its next event is there, if it has one.
    async fn fill(&mut self) -> Result<(), CallError> {
        while self.ready.is_empty() && !self.is_over {
            match self.pages.next().await? {
                Some(page) => self.ready.extend(page),
                None => self.is_over = true,
            }
        }
        Ok(())
    }
}

/// Hands over all events in the order of time, with the position of their source; of those at the same moment
/// the one of the first source comes first. Ends early when `take` breaks, and says so.
pub(super) async fn merged<P: Pages>(
    pages: &mut [P],
    take: &mut impl FnMut(usize, LogEvent) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, CallError> {
    let mut sources: Vec<_> = pages
        .iter_mut()
        .map(|pages| Source {
            pages,
            ready: VecDeque::new(),
            is_over: false,
        })
        .collect();
    try_join_all(sources.iter_mut().map(Source::fill)).await?;
    loop {
        let heads = sources.iter().enumerate();
        let next = heads
            .filter_map(|(index, source)| Some((source.ready.front()?.at, index)))
            .min();
        let Some((_, index)) = next else {
            return Ok(ControlFlow::Continue(()));
        };
        let source = &mut sources[index];
        if let Some(event) = source.ready.pop_front()
            && take(index, event).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        source.fill().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of moments.
    struct Recorded {
        pages: VecDeque<Vec<i64>>,
        asked: usize,
    }

    impl Recorded {
        fn new(pages: &[&[i64]]) -> Self {
            Self {
                pages: pages.iter().map(|page| page.to_vec()).collect(),
                asked: 0,
            }
        }
    }

    impl Pages for Recorded {
        async fn next(&mut self) -> Result<Option<Vec<LogEvent>>, CallError> {
            self.asked += 1;
            let page = self.pages.pop_front();
            Ok(page.map(|page| {
                let events = page.into_iter();
                events.map(|at| LogEvent::new(at, "f", "s", "x")).collect()
            }))
        }
    }

    #[tokio::test]
    async fn events_come_in_the_order_of_time_whatever_the_pages() {
        let mut sources = [
            Recorded::new(&[&[1, 4], &[], &[4, 9]]),
            Recorded::new(&[&[], &[2], &[4, 5, 6]]),
            Recorded::new(&[]),
        ];
        let mut told = Vec::new();
        let flow = merged(&mut sources, &mut |index, event| {
            told.push((event.at, index));
            ControlFlow::Continue(())
        })
        .await
        .expect("read");
        assert!(flow.is_continue());
        let expected = [
            (1, 0),
            (2, 1),
            (4, 0),
            (4, 0),
            (4, 1),
            (5, 1),
            (6, 1),
            (9, 0),
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_taker_that_has_enough_ends_the_reading() {
        let mut sources = [Recorded::new(&[&[1, 2], &[3], &[4]])];
        let flow = merged(&mut sources, &mut |_, event| {
            if event.at == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await
        .expect("read");
        assert!(flow.is_break());
        assert_eq!(sources[0].asked, 1, "no page more than needed");
    }
}
