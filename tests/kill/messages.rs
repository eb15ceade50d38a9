//! Messages in a queue that only this test uses.

use std::collections::BTreeMap;
use std::time::Duration;

use pipectl_testkit::probe::{Probe, expect, parsed};
use pipectl_testkit::until;
use serde_json::{Value, json};

use crate::load::{Lane, Load, Scope, acknowledged};
use crate::objects::Deletion;

/// Messages that wait at once, about.
const BACKLOG: usize = 40;
/// For how long a receive of the load hides messages, when it does, seconds.
const HIDDEN_S: u32 = 1;
/// The same for a message that is to be hidden for longer in the next step: only one in flight can.
const STEP_S: u32 = 15;
/// For how long a check hides what it has seen, seconds: longer than any check takes.
const CHECK_S: u32 = 120;

/// For how long some stay hidden, seconds: longer than the whole test.
const KEPT_S: u32 = 36_000;
/// How many of these there are at most.
const KEPT: usize = 5;

/// One message, sent once.
#[derive(Debug)]
struct Message {
    /// Id of the answer to the send, or of the first receive.
    message_id: Option<String>,
    acknowledged: bool,
    /// Highest receive count seen, and how many receives had got no answer then.
    received: u64,
    lost_receives: u64,
    deletion: Deletion,
}

/// The lane.
#[derive(Debug)]
pub struct Messages {
    queue: &'static str,
    sent: BTreeMap<u64, Message>,
    /// Receives without an answer: each may have counted.
    lost_receives: u64,
    /// Messages that were hidden for long, by receipt handle, and whether that was acknowledged.
    kept: BTreeMap<u64, (Value, bool)>,
}

impl Messages {
    pub fn new(probe: &Probe, queue: &'static str) -> Self {
        let request = json!({ "QueueName": queue });
        expect(probe.sqs("CreateQueue", &request));
        Self {
            queue,
            sent: BTreeMap::new(),
            lost_receives: 0,
            kept: BTreeMap::new(),
        }
    }

    pub fn acknowledged(&self) -> usize {
        self.sent
            .values()
            .filter(|message| message.acknowledged)
            .count()
    }

    pub fn deleted(&self) -> usize {
        let deleted = |message: &&Message| message.deletion == Deletion::Acknowledged;
        self.sent.values().filter(deleted).count()
    }

    fn waiting(&self) -> usize {
        let waits = |message: &&Message| message.acknowledged && message.deletion == Deletion::None;
        self.sent.values().filter(waits).count()
    }

    fn send(&mut self, load: &mut Load<'_>) {
        let url = load.probe.queue_url(self.queue);
        let count = if load.random.once_in(2) { 1 } else { 3 };
        let first = self.sent.len() as u64;
        let ids: Vec<u64> = (first..first + count).collect();
        for id in &ids {
            let message = Message {
                message_id: None,
                acknowledged: false,
                received: 0,
                lost_receives: 0,
                deletion: Deletion::None,
            };
            self.sent.insert(*id, message);
        }
        let answer = if let [id] = ids[..] {
            let request = json!({ "QueueUrl": url, "MessageBody": body(id) });
            acknowledged(load.probe.sqs("SendMessage", &request))
                .map(|answer| vec![(id, parsed(&answer)["MessageId"].clone())])
        } else {
            let entry = |id: &u64| json!({ "Id": id.to_string(), "MessageBody": body(*id) });
            let entries: Vec<Value> = ids.iter().map(entry).collect();
            let request = json!({ "QueueUrl": url, "Entries": entries });
            acknowledged(load.probe.sqs("SendMessageBatch", &request))
                .map(|answer| successful(&answer.json().expect("JSON"), &ids))
        };
        for (id, message_id) in answer.into_iter().flatten() {
            let message = self.sent.get_mut(&id).expect("attempted");
            message.acknowledged = true;
            message.message_id = message_id.as_str().map(str::to_owned);
            assert!(message.message_id.is_some());
        }
    }

    /// Compares a received message with the ledger; returns its id.
    fn note(&mut self, received: &Value) -> u64 {
        let text = received["Body"].as_str().expect("a body");
        let id = text.split(':').next().and_then(|id| id.parse().ok());
        let message = id.and_then(|id| self.sent.get_mut(&id));
        let message = message.unwrap_or_else(|| panic!("never attempted: {received}"));
        let id = id.expect("an id");
        assert_eq!(text, body(id), "other text than was sent");
        let kept = self
            .kept
            .remove(&id)
            .is_some_and(|(_, acknowledged)| acknowledged);
        assert!(!kept, "visible although hidden: {received}");
        assert_ne!(
            message.deletion,
            Deletion::Acknowledged,
            "came back: {received}"
        );
        let message_id = received["MessageId"].as_str().expect("an id").to_owned();
        let known = message.message_id.get_or_insert_with(|| message_id.clone());
        assert_eq!(*known, message_id, "there twice: {received}");
        let count = received["Attributes"]["ApproximateReceiveCount"].as_str();
        let count: u64 = count.and_then(|count| count.parse().ok()).expect("a count");
        let most = message.received + 1 + (self.lost_receives - message.lost_receives);
        assert!(
            count > message.received && count <= most,
            "received {count} times, known are {}, possible {most}: {received}",
            message.received
        );
        // An attempt to delete it that got no answer has not come to anything, and never will.
        message.deletion = Deletion::None;
        message.received = count;
        message.lost_receives = self.lost_receives;
        id
    }

    /// Receives; gives ids with receipt handles.
    fn receive(&mut self, load: &Load<'_>, most: u64, hidden_s: u32) -> Vec<(u64, Value)> {
        let request = json!({
            "QueueUrl": load.probe.queue_url(self.queue), "MaxNumberOfMessages": most,
            "VisibilityTimeout": hidden_s, "MessageSystemAttributeNames": ["All"],
        });
        let Some(answer) = acknowledged(load.probe.sqs("ReceiveMessage", &request)) else {
            self.lost_receives += 1;
            return Vec::new();
        };
        let answer = parsed(&answer);
        let messages = answer["Messages"].as_array().into_iter().flatten();
        messages
            .map(|message| (self.note(message), message["ReceiptHandle"].clone()))
            .collect()
    }

    fn delete(&mut self, load: &mut Load<'_>, received: &[(u64, Value)]) {
        let url = load.probe.queue_url(self.queue);
        for (id, _) in received {
            self.sent.get_mut(id).expect("sent").deletion = Deletion::Attempted;
        }
        let deleted = if let [(id, handle)] = received {
            let request = json!({ "QueueUrl": url, "ReceiptHandle": handle });
            acknowledged(load.probe.sqs("DeleteMessage", &request)).map(|_| vec![*id])
        } else {
            let entry = |(id, handle): &(u64, Value)| json!({ "Id": id.to_string(), "ReceiptHandle": handle });
            let entries: Vec<Value> = received.iter().map(entry).collect();
            let ids: Vec<u64> = received.iter().map(|(id, _)| *id).collect();
            let request = json!({ "QueueUrl": url, "Entries": entries });
            acknowledged(load.probe.sqs("DeleteMessageBatch", &request)).map(|answer| {
                let done = successful(&answer.json().expect("JSON"), &ids);
                done.into_iter().map(|(id, _)| id).collect()
            })
        };
        for id in deleted.into_iter().flatten() {
            self.sent.get_mut(&id).expect("sent").deletion = Deletion::Acknowledged;
        }
    }

    /// Hides a message for long.
    fn keep(&mut self, load: &Load<'_>, (id, handle): (u64, Value)) {
        let request = self.visibility(load.probe, &handle, KEPT_S);
        self.kept.insert(id, (handle, false));
        let answer = load.probe.sqs("ChangeMessageVisibility", &request);
        if acknowledged(answer).is_some() {
            self.kept.entry(id).and_modify(|kept| kept.1 = true);
        }
    }

    /// Makes what was hidden for long visible again: its receipt handles are good still.
    fn release_kept(&mut self, probe: &Probe) {
        for (id, (handle, acknowledged)) in std::mem::take(&mut self.kept) {
            let request = self.visibility(probe, &handle, 0);
            let answer = probe
                .sqs("ChangeMessageVisibility", &request)
                .expect("an answer");
            // What was not hidden cannot be released.
            let done = answer.status == 200 || !acknowledged;
            assert!(done, "{id} is hidden no more: {}", answer.text());
        }
    }

    fn visibility(&self, probe: &Probe, handle: &Value, seconds: u32) -> Value {
        let url = probe.queue_url(self.queue);
        json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": seconds })
    }

    /// Looks at every message that is visible, and hides it for the time of the check.
    fn look(&mut self, probe: &Probe, seen: &mut BTreeMap<u64, Value>) {
        loop {
            let messages = probe.receive(self.queue, CHECK_S);
            if messages.is_empty() {
                return;
            }
            for message in messages {
                let id = self.note(&message);
                let before = seen.insert(id, message["ReceiptHandle"].clone());
                assert!(before.is_none(), "visible although hidden: {message}");
            }
        }
    }
}

impl Lane for Messages {
    fn load(&mut self, load: &mut Load<'_>) {
        while !load.over() {
            if self.waiting() < BACKLOG {
                self.send(load);
            }
            if self.kept.len() < KEPT && load.random.once_in(5) {
                for one in self.receive(load, 1, STEP_S) {
                    self.keep(load, one);
                }
            }
            let hidden_s = if load.random.once_in(3) { HIDDEN_S } else { 0 };
            let mut received = self.receive(load, 10, hidden_s);
            // Fewer than came, so that some stay.
            let keep = load.random.below(4) as usize;
            received.truncate(received.len().saturating_sub(keep));
            if self.waiting() > BACKLOG / 2 && !received.is_empty() {
                self.delete(load, &received);
            }
        }
    }

    fn check(&mut self, probe: &Probe, scope: Scope) {
        let count = |wanted: &dyn Fn(&Message) -> bool| {
            self.sent.values().filter(|message| wanted(message)).count() as u64
        };
        let least = count(&|message| message.acknowledged && message.deletion == Deletion::None);
        let most = count(&|message| message.deletion != Deletion::Acknowledged);
        let depth = probe.depth(self.queue);
        assert!(
            (least..=most).contains(&depth.all()),
            "{} has {depth:?}, acknowledged are {least}, possible {most}",
            self.queue
        );
        if scope == Scope::All {
            self.release_kept(probe);
        }
        let mut seen = BTreeMap::new();
        self.look(probe, &mut seen);
        if scope == Scope::All {
            // What the load has hidden comes by itself.
            let patience = Duration::from_secs(u64::from(STEP_S) + 10);
            until("all messages are visible", patience, || {
                self.look(probe, &mut seen);
                if seen.len() as u64 == depth.all() {
                    Ok(())
                } else {
                    Err(format!("{} of {depth:?}", seen.len()))
                }
            });
            for (id, message) in &self.sent {
                let must = message.acknowledged && message.deletion == Deletion::None;
                assert!(
                    !must || seen.contains_key(id),
                    "acknowledged and lost: {id} {message:?}"
                );
            }
        }
        let handles: Vec<&Value> = seen.values().collect();
        for chunk in handles.chunks(10) {
            let entries: Vec<Value> = chunk
                .iter()
                .enumerate()
                .map(|(index, handle)| {
                    json!({ "Id": index.to_string(), "ReceiptHandle": handle, "VisibilityTimeout": 0 })
                })
                .collect();
            let request = json!({ "QueueUrl": probe.queue_url(self.queue), "Entries": entries });
            let answer = parsed(&expect(probe.sqs("ChangeMessageVisibilityBatch", &request)));
            assert_eq!(
                answer["Successful"].as_array().map(Vec::len),
                Some(chunk.len()),
                "{answer}"
            );
        }
    }
}

/// A text that belongs to one message only; some are long.
fn body(id: u64) -> String {
    format!("{id}:{}", "x".repeat((id % 7 * id % 2_000) as usize))
}

/// The entries of a batch that succeeded, which are all.
fn successful(answer: &Value, ids: &[u64]) -> Vec<(u64, Value)> {
    let entries = answer["Successful"].as_array().into_iter().flatten();
    let entries: Vec<(u64, Value)> = entries
        .map(|entry| {
            let id = entry["Id"].as_str().and_then(|id| id.parse().ok());
            (id.expect("an id"), entry["MessageId"].clone())
        })
        .collect();
    assert_eq!(entries.len(), ids.len(), "{answer}");
    entries
}
