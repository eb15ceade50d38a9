//! Waiting for the results of many files at once: one look is for up to a hundred of them, and each is looked
//! for at its own times. Nothing here tries a call again behind the figures: a look that fails is a look that
//! found nothing.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::stream::{FuturesUnordered, StreamExt};
use model::JobResult;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::settings::Poll;
use crate::resource::CallError;
use crate::resource::error::failed;
use crate::target::Clients;
use crate::wait;

/// Most keys of one look. // BatchGetItem takes 100
const KEYS: usize = 100;
/// Looks under way at once.
const LOOKS: usize = 4;

/// What became of the wait for one result.
#[derive(Debug)]
pub enum Sight {
    /// It was seen.
    Seen(Box<Seen>),
    /// It did not come in time; what the last look that failed said.
    Missed(u32, Option<CallError>),
    /// The target does not answer any more.
    Gone(CallError),
}

/// A result that was seen.
#[derive(Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// The result.
    pub result: JobResult,
    /// How often it was looked for.
    pub looks: u32,
    /// When the last look began that did not find it; none where the first one did.
    pub in_vain: Option<Instant>,
}

/// Asks for a result.
#[derive(Debug)]
struct Ask {
    job_id: String,
    begun: Instant,
    first: Instant,
    until: Instant,
    reply: oneshot::Sender<Sight>,
}

/// What is waited for.
struct Waiting {
    ask: Ask,
    looks: u32,
    in_vain: Option<Instant>,
    error: Option<CallError>,
}

/// Hands out waits. All clones are the same watcher, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Watcher(mpsc::UnboundedSender<Ask>);

impl Watcher {
    /// Watches a table of results. A target that answered no look for as long as `patience`, since the first that it
    /// did not answer, is taken to be gone; a look is given up after as long.
    pub fn start(clients: Clients, table: String, poll: Poll, patience: Duration) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        tokio::spawn(watch(clients, table, (poll, patience), asked));
        Self(asks)
    }

    /// Waits for one result: from now on, with the first look at `first`, and until `until`.
    pub async fn result(&self, job_id: String, first: Instant, until: Instant) -> Sight {
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            job_id,
            begun: Instant::now(),
            first,
            until,
            reply,
        };
        if self.0.send(ask).is_err() {
            return Sight::Missed(0, None);
        }
        answer.await.unwrap_or(Sight::Missed(0, None))
    }
}

async fn watch(
    clients: Clients,
    table: String,
    (poll, patience): (Poll, Duration),
    mut asked: mpsc::UnboundedReceiver<Ask>,
) {
    let mut waiting: HashMap<String, Waiting> = HashMap::new();
    let mut due: BinaryHeap<Reverse<(Instant, String)>> = BinaryHeap::new();
    let mut looks = FuturesUnordered::new();
    let mut unanswered_since: Option<Instant> = None;
    loop {
        let now = Instant::now();
        while looks.len() < LOOKS {
            let mut ids = Vec::new();
            while let Some(Reverse((at, _))) = due.peek()
                && *at <= now
                && ids.len() < KEYS
                && let Some(Reverse((_, id))) = due.pop()
            {
                ids.push(id);
            }
            if ids.is_empty() {
                break;
            }
            looks.push(look(&clients, &table, ids, patience));
        }
        let next = due.peek().map(|Reverse((at, _))| *at);
        let may_look = looks.len() < LOOKS;
        let pause = async {
            match next {
                Some(at) if may_look => {
                    wait::pause(at.saturating_duration_since(Instant::now())).await;
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(looked) = looks.next(), if !looks.is_empty() => {
                if looked.error.as_ref().is_some_and(|error| error.unreachable) {
                    unanswered_since.get_or_insert(looked.begun);
                } else {
                    unanswered_since = None;
                }
                settle(looked, &mut waiting, &mut due, poll);
                if unanswered_since.is_some_and(|since| since.elapsed() >= patience) {
                    gone(&mut waiting);
                    due.clear();
                }
            }
            ask = asked.recv() => {
                // Whoever would hear of it is gone.
                let Some(ask) = ask else { return };
                due.push(Reverse((ask.first, ask.job_id.clone())));
                let waits = Waiting {
                    looks: 0,
                    in_vain: None,
                    error: None,
                    ask,
                };
                waiting.insert(waits.ask.job_id.clone(), waits);
            }
            () = pause => {}
        }
    }
}

/// One look, and what it found.
struct Looked {
    ids: Vec<String>,
    begun: Instant,
    ended: Instant,
    found: HashMap<String, JobResult>,
    /// Those that were not read: nobody knows whether they are there.
    unread: HashSet<String>,
    error: Option<CallError>,
}

async fn look(clients: &Clients, table: &str, ids: Vec<String>, patience: Duration) -> Looked {
    let begun = Instant::now();
    let asked = wait::at_most(patience, ask(clients, table, &ids)).await;
    let asked = asked.unwrap_or_else(|| Err(CallError::unanswered("BatchGetItem", patience)));
    let (found, unread, error) = match asked {
        Ok((found, unread)) => (found, unread, None),
        Err(error) => (HashMap::new(), ids.iter().cloned().collect(), Some(error)),
    };
    Looked {
        ids,
        begun,
        ended: Instant::now(),
        found,
        unread,
        error,
    }
}

/// Results that are there, and the ids that the table did not read this time.
async fn ask(
    clients: &Clients,
    table: &str,
    ids: &[String],
) -> Result<(HashMap<String, JobResult>, HashSet<String>), CallError> {
    let keys = ids.iter().map(|id| {
        let key = AttributeValue::S(id.clone());
        HashMap::from([("job_id".to_owned(), key)])
    });
    let wanted = KeysAndAttributes::builder()
        .set_keys(Some(keys.collect()))
        .consistent_read(true)
        .build()
        .map_err(|error| CallError::local("BatchGetItem", error.to_string()))?;
    let call = clients.dynamodb.batch_get_item();
    let answer = call.request_items(table, wanted).send().await;
    let answer = answer.map_err(failed("BatchGetItem"))?;
    let items = answer.responses.unwrap_or_default().remove(table);
    let items = items.unwrap_or_default();
    let unread = answer.unprocessed_keys.unwrap_or_default().remove(table);
    let unread = unread.map(|unread| unread.keys).unwrap_or_default();
    let unread = unread
        .iter()
        .filter_map(|key| key.get("job_id")?.as_s().ok().cloned());
    let results = items.iter().map(|item| {
        let result = model::dynamodb::result_from_item(item);
        let result = result.map_err(|e| CallError::local("read result", e.to_string()))?;
        Ok((result.job_id.clone(), result))
    });
    Ok((results.collect::<Result<_, CallError>>()?, unread.collect()))
}

fn settle(
    mut looked: Looked,
    waiting: &mut HashMap<String, Waiting>,
    due: &mut BinaryHeap<Reverse<(Instant, String)>>,
    poll: Poll,
) {
    for id in looked.ids {
        let Some(mut one) = waiting.remove(&id) else {
            continue;
        };
        one.looks += 1;
        if let Some(result) = looked.found.remove(&id) {
            let seen = Seen {
                at: looked.ended,
                result,
                looks: one.looks,
                in_vain: one.in_vain,
            };
            // Whoever asked may have given up.
            let _ = one.ask.reply.send(Sight::Seen(Box::new(seen)));
            continue;
        }
        // It may have come right after the look began.
        if !looked.unread.contains(&id) {
            one.in_vain = Some(looked.begun);
        }
        one.error = looked.error.clone().or(one.error);
        if looked.ended >= one.ask.until {
            let _ = one.ask.reply.send(Sight::Missed(one.looks, one.error));
            continue;
        }
        let waited = looked.ended.saturating_duration_since(one.ask.begun);
        let at = looked.ended + poll.pause(waited);
        due.push(Reverse((at.min(one.ask.until), id.clone())));
        waiting.insert(id, one);
    }
}

fn gone(waiting: &mut HashMap<String, Waiting>) {
    for (_, one) in waiting.drain() {
        let sight = match one.error {
            Some(error) => Sight::Gone(error),
            None => Sight::Missed(one.looks, None),
        };
        let _ = one.ask.reply.send(sight);
    }
}
