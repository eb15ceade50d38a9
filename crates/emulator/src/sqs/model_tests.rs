//! The reference model of the property test: two queues in memory, by AWS's rules and nothing else.
//! Messages are told apart by their bodies, which are all different.

/// Longest time from a receive that a message can stay hidden, milliseconds.
const MAX_HIDDEN_MS: i64 = 43_200_000;
/// Between two purges of a queue, milliseconds.
pub(super) const PURGE_MS: i64 = 60_000;

/// How a case's queues are made; times are seconds.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub visibility_s: i64,
    pub delay_s: i64,
    pub retention_s: i64,
    pub dead_retention_s: i64,
    pub max_receives: Option<i64>,
}

/// One of the two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Jobs,
    Dead,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::Jobs, Self::Dead];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Dead => "dead",
        }
    }
}

/// A message as it stands. What tests compare is in [`Seen`].
#[derive(Debug, Clone)]
struct Item {
    /// Of its stay in this queue: another one after every move.
    stay: u64,
    /// Receives in this queue.
    received_here: i64,
    received_ms: i64,
    seen: Seen,
}

/// What a message is to its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub body: String,
    pub sent_ms: i64,
    pub visible_ms: i64,
    pub receive_count: i64,
    pub first_received_ms: Option<i64>,
    /// Does it come from the other queue, as a dead letter?
    pub is_letter: bool,
}

/// Messages of a queue by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub visible: i64,
    pub in_flight: i64,
    pub delayed: i64,
}

/// What a receipt handle stands for.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub queue: Which,
    stay: u64,
    count: i64,
}

/// A message that a receive gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gift {
    pub body: String,
    pub sent_ms: i64,
    pub receive_count: i64,
    pub first_received_ms: i64,
    pub is_letter: bool,
}

/// How a change of visibility ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Done,
    Refused,
}

struct Queue {
    /// In the order of their stays.
    items: Vec<Item>,
    visibility_ms: i64,
    delay_ms: i64,
    retention_ms: i64,
    purged_ms: Option<i64>,
}

impl Queue {
    fn new(visibility_s: i64, delay_s: i64, retention_s: i64) -> Self {
        Self {
            items: Vec::new(),
            visibility_ms: visibility_s * 1_000,
            delay_ms: delay_s * 1_000,
            retention_ms: retention_s * 1_000,
            purged_ms: None,
        }
    }

    /// Stays of visible messages, those that became visible first coming first.
    fn waiting(&self, now: i64) -> Vec<u64> {
        let mut waiting: Vec<&Item> = self.items.iter().filter(|item| item.visible(now)).collect();
        waiting.sort_by_key(|item| item.seen.visible_ms);
        waiting.iter().map(|item| item.stay).collect()
    }

    fn of(&mut self, stay: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.stay == stay)
    }

    fn take(&mut self, stay: u64) -> Option<Item> {
        let index = self.items.iter().position(|item| item.stay == stay)?;
        Some(self.items.remove(index))
    }
}

impl Item {
    fn visible(&self, now: i64) -> bool {
        self.seen.visible_ms <= now
    }
}

pub(super) struct Model {
    pub now: i64,
    jobs: Queue,
    dead: Queue,
    max_receives: Option<i64>,
    stays: u64,
    bodies: u64,
}

impl Model {
    pub(super) fn new(settings: &Settings, now: i64) -> Self {
        Self {
            now,
            jobs: Queue::new(
                settings.visibility_s,
                settings.delay_s,
                settings.retention_s,
            ),
            dead: Queue::new(settings.visibility_s, 0, settings.dead_retention_s),
            max_receives: settings.max_receives,
            stays: 0,
            bodies: 0,
        }
    }

    fn queue(&mut self, which: Which) -> &mut Queue {
        match which {
            Which::Jobs => &mut self.jobs,
            Which::Dead => &mut self.dead,
        }
    }

    fn next_stay(&mut self) -> u64 {
        self.stays += 1;
        self.stays
    }

    /// Sends a message; gives its body.
    pub(super) fn send(&mut self, which: Which, delay_s: Option<i64>) -> String {
        let (now, stay) = (self.now, self.next_stay());
        self.bodies += 1;
        let body = format!("m{}", self.bodies);
        let queue = self.queue(which);
        let delay_ms = delay_s.map_or(queue.delay_ms, |seconds| seconds * 1_000);
        queue.items.push(Item {
            stay,
            received_here: 0,
            received_ms: 0,
            seen: Seen {
                body: body.clone(),
                sent_ms: now,
                visible_ms: now + delay_ms,
                receive_count: 0,
                first_received_ms: None,
                is_letter: false,
            },
        });
        body
    }

    /// Receives; messages that were received too often become dead letters on the way.
    pub(super) fn receive(
        &mut self,
        which: Which,
        max: usize,
        visibility_s: Option<i64>,
    ) -> Vec<(Gift, Claim)> {
        let now = self.now;
        let max_receives = self.max_receives.filter(|_| which == Which::Jobs);
        let mut gifts = Vec::new();
        for stay in self.queue(which).waiting(now) {
            if gifts.len() == max {
                break;
            }
            let queue = self.queue(which);
            let visibility_ms = visibility_s.map_or(queue.visibility_ms, |s| s * 1_000);
            let Some(item) = queue.of(stay) else { continue };
            if max_receives.is_some_and(|most| item.received_here >= most) {
                self.bury(stay);
                continue;
            }
            item.received_here += 1;
            item.received_ms = now;
            let seen = &mut item.seen;
            seen.receive_count += 1;
            seen.visible_ms = now + visibility_ms;
            let first_received_ms = *seen.first_received_ms.get_or_insert(now);
            let gift = Gift {
                body: seen.body.clone(),
                sent_ms: seen.sent_ms,
                receive_count: seen.receive_count,
                first_received_ms,
                is_letter: seen.is_letter,
            };
            let claim = Claim {
                queue: which,
                stay,
                count: seen.receive_count,
            };
            gifts.push((gift, claim));
        }
        gifts
    }

    fn bury(&mut self, stay: u64) {
        let (now, new_stay) = (self.now, self.next_stay());
        let Some(mut item) = self.jobs.take(stay) else {
            return;
        };
        item.stay = new_stay;
        item.received_here = 0;
        item.seen.visible_ms = now;
        item.seen.is_letter = true;
        // It keeps its age: it may be too old for its new queue.
        if item.seen.sent_ms + self.dead.retention_ms > now {
            self.dead.items.push(item);
        }
    }

    /// Every handle of a message deletes it; one of a message that is gone does nothing.
    pub(super) fn delete(&mut self, claim: &Claim) {
        self.queue(claim.queue).take(claim.stay);
    }

    /// Only the newest handle hides and shows a message, and only while it is in flight.
    pub(super) fn change_visibility(&mut self, claim: &Claim, seconds: i64) -> Change {
        let now = self.now;
        let Some(item) = self.queue(claim.queue).of(claim.stay) else {
            return Change::Refused;
        };
        if item.seen.receive_count != claim.count {
            return Change::Refused;
        }
        if item.visible(now) {
            return Change::Done;
        }
        let visible_ms = now + seconds * 1_000;
        if visible_ms > item.received_ms + MAX_HIDDEN_MS {
            return Change::Refused;
        }
        item.seen.visible_ms = visible_ms;
        Change::Done
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, ms: i64) {
        self.now += ms;
        let now = self.now;
        for queue in [&mut self.jobs, &mut self.dead] {
            let retention_ms = queue.retention_ms;
            queue
                .items
                .retain(|item| item.seen.sent_ms + retention_ms > now);
        }
    }

    /// Purges, unless the last purge was a moment ago.
    pub(super) fn purge(&mut self, which: Which) -> Change {
        let now = self.now;
        let queue = self.queue(which);
        if queue.purged_ms.is_some_and(|at| now - at < PURGE_MS) {
            return Change::Refused;
        }
        queue.purged_ms = Some(now);
        queue.items.clear();
        Change::Done
    }

    /// A move task without a destination: visible dead letters go back as new messages, until one
    /// that is none. Gives whether the task ended well, and how many it moved.
    pub(super) fn move_back(&mut self) -> (bool, i64) {
        let now = self.now;
        let mut moved = 0;
        for stay in self.dead.waiting(now) {
            let new_stay = self.next_stay();
            let Some(mut item) = self.dead.take(stay) else {
                continue;
            };
            if !item.seen.is_letter {
                self.dead.items.push(item);
                self.dead.items.sort_by_key(|item| item.stay);
                return (false, moved);
            }
            item.stay = new_stay;
            item.received_here = 0;
            item.seen = Seen {
                body: item.seen.body,
                sent_ms: now,
                visible_ms: now,
                receive_count: 0,
                first_received_ms: None,
                is_letter: false,
            };
            self.jobs.items.push(item);
            moved += 1;
        }
        (true, moved)
    }

    /// The messages of a queue.
    pub(super) fn messages(&mut self, which: Which) -> Vec<Seen> {
        let items = &self.queue(which).items;
        items.iter().map(|item| item.seen.clone()).collect()
    }

    pub(super) fn counts(&mut self, which: Which) -> Counts {
        let now = self.now;
        let items = &self.queue(which).items;
        let count =
            |state: &dyn Fn(&Item) -> bool| items.iter().filter(|item| state(item)).count() as i64;
        Counts {
            visible: count(&|item| item.visible(now)),
            in_flight: count(&|item| !item.visible(now) && item.received_here > 0),
            delayed: count(&|item| !item.visible(now) && item.received_here == 0),
        }
    }
}
