//! Following log groups: asked again and again, each event told once. // aws-behaviours C5

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use super::merge::merged;
use super::read::GroupPages;
use super::{Group, LogEvent};
use crate::event::{Event, Sink};
use crate::resource::{CallError, Cause, Context, cause};
use crate::wait;

/// So long after a newer event of its group an event may still arrive, milliseconds: streams come in with
/// different delays.
const OVERLAP_MS: i64 = 10_000;
/// Events remembered before those that no look finds again are forgotten.
const MANY: usize = 4_096;

/// Hands over the events of all groups since `from`, then those that come, until `take` breaks. Groups that are
/// not there yet are waited for.
///
/// What passes (throttling, a fault of the service) is waited out; a target that does not answer is an error.
pub async fn follow(
    cx: &Context,
    groups: &[Group],
    from: i64,
    sink: &dyn Sink,
    take: &mut impl FnMut(LogEvent) -> ControlFlow<()>,
) -> Result<(), CallError> {
    let (shortest, longest) = cx.place.target.row.deadlines.tail;
    let mut tails: Vec<Tail> = groups.iter().map(|_| Tail::new(from)).collect();
    let mut awaited = BTreeSet::new();
    let mut pause = shortest;
    loop {
        let mut pages: Vec<_> = groups
            .iter()
            .zip(&mut tails)
            .map(|(group, tail)| GroupPages::new(&cx.clients, group, tail.look()))
            .collect();
        let mut is_quiet = true;
        let looked = merged(&mut pages, &mut |index, event| {
            if !tails[index].is_new(&event) {
                return ControlFlow::Continue(());
            }
            is_quiet = false;
            take(event)
        })
        .await;
        match looked {
            Ok(ControlFlow::Break(())) => return Ok(()),
            Ok(ControlFlow::Continue(())) => {}
            Err(error) if passes(&error) => is_quiet = true,
            Err(error) => return Err(error),
        }
        for absent in pages.iter().filter(|pages| pages.is_absent) {
            if awaited.insert(&absent.group.name) {
                sink.emit(Event::LogGroupMissed {
                    function: absent.group.function.clone(),
                    group: absent.group.name.clone(),
                });
            }
        }
        pause = if is_quiet {
            (pause * 2).min(longest)
        } else {
            shortest
        };
        wait::pause(pause).await;
    }
}

fn passes(error: &CallError) -> bool {
    matches!(cause(error), Some(Cause::Throttled | Cause::ServerFault))
}

/// What was told of one group, so far back as the next look goes.
#[derive(Debug)]
struct Tail {
    since: i64,
    newest: Option<i64>,
    /// How often an event was told. Targets that give events no id may have several that are the same.
    told: BTreeMap<Key, usize>,
    /// How often it was seen in this look.
    seen: HashMap<Key, usize>,
    forget_at: usize,
}

/// Moment and content.
type Key = (i64, u64);

fn key(event: &LogEvent) -> Key {
    let mut hasher = DefaultHasher::new();
    (&event.id, &event.stream, &event.raw).hash(&mut hasher);
    (event.at, hasher.finish())
}

impl Tail {
    fn new(since: i64) -> Self {
        Self {
            since,
            newest: None,
            told: BTreeMap::new(),
            seen: HashMap::new(),
            forget_at: MANY,
        }
    }

    /// From where the next look goes.
    fn from(&self) -> i64 {
        self.newest
            .map_or(self.since, |newest| self.since.max(newest - OVERLAP_MS))
    }

    /// Begins a look; returns from where.
    fn look(&mut self) -> i64 {
        self.seen.clear();
        self.forget();
        self.from()
    }

    fn forget(&mut self) {
        let from = self.from();
        self.told = self.told.split_off(&(from, 0));
        self.seen.retain(|(at, _), _| *at >= from);
        self.forget_at = MANY.max(self.told.len() * 2);
    }

    /// Is it to be told?
    fn is_new(&mut self, event: &LogEvent) -> bool {
        let key = key(event);
        let seen = self.seen.entry(key).or_default();
        // The same id twice is the same event; without ids the second in one look is another.
        *seen = if event.id.is_some() { 1 } else { *seen + 1 };
        let told = self.told.entry(key).or_default();
        if *seen <= *told {
            return false;
        }
        *told = *seen;
        self.newest = self.newest.max(Some(event.at));
        if self.told.len() >= self.forget_at {
            self.forget();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64, raw: &str, id: Option<&str>) -> LogEvent {
        LogEvent {
            id: id.map(str::to_owned),
            ..LogEvent::new(at, "f", "s", raw)
        }
    }

    /// What one look tells of what the target answers.
    fn look(tail: &mut Tail, events: &[LogEvent]) -> (i64, Vec<String>) {
        let from = tail.look();
        let found = events.iter().filter(|event| event.at >= from);
        let told = found.filter(|event| tail.is_new(event));
        (from, told.map(|event| event.raw.clone()).collect())
    }

    /// aws-behaviours C5
    #[test]
    fn an_event_is_told_once_and_a_late_one_too() {
        let mut tail = Tail::new(100);
        let mut events = vec![
            event(50_000, "a", Some("1")),
            event(50_000, "a", Some("2")),
            event(50_000, "a", Some("2")),
        ];
        assert_eq!(
            look(&mut tail, &events),
            (100, vec!["a".to_owned(), "a".to_owned()])
        );
        assert_eq!(look(&mut tail, &events), (40_000, vec![]));
        // Older than what was told, by a stream that comes in late.
        events.insert(0, event(45_000, "late", Some("3")));
        events.push(event(51_000, "b", Some("4")));
        assert_eq!(look(&mut tail, &events).1, ["late", "b"]);
        assert_eq!(look(&mut tail, &events), (41_000, vec![]));
    }

    /// aws-behaviours C6
    #[test]
    fn without_ids_events_that_are_the_same_are_counted() {
        let mut tail = Tail::new(0);
        let mut events = vec![event(20_000, "a", None), event(20_000, "a", None)];
        assert_eq!(look(&mut tail, &events).1, ["a", "a"]);
        assert!(look(&mut tail, &events).1.is_empty());
        events.push(event(20_000, "a", None));
        assert_eq!(look(&mut tail, &events).1, ["a"]);
        assert!(look(&mut tail, &events).1.is_empty());
    }

    #[test]
    fn what_no_look_finds_again_is_forgotten() {
        let mut tail = Tail::new(0);
        let many: Vec<_> = (0..100_000)
            .map(|number| event(number * 10, "a", None))
            .collect();
        assert_eq!(look(&mut tail, &many).1.len(), many.len());
        // Ten seconds are a thousand of them.
        assert!(tail.told.len() <= MANY, "{}", tail.told.len());
        assert!(look(&mut tail, &many).1.is_empty());
    }
}
