//! What a message in a dead letter queue tells: which file, since when, how often tried, and why. A pure
//! reading of the message; whatever it is, it gives a letter.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::DeadLetterQueue;
use crate::stack::model::LogicalId;

/// What is said where nobody tells why.
pub const UNKNOWN: &str = "unknown: see `pipectl logs --errors`";
/// Attributes of a function that sets a message aside: all of them are about why, when and after how many tries.
pub const SET_ASIDE: [&str; 6] = [
    "reason",
    "reason_text",
    "job_id",
    "key",
    "failed_at",
    "receive_count",
];
/// Of these, the two by which such a message is known.
const MARKS: [&str; 2] = ["reason", "failed_at"];

/// A file that a letter is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Bucket.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
    /// Version, where there is one.
    pub version_id: Option<String>,
    /// Job id.
    pub job_id: String,
}

/// What a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// A message of a queue.
    Message,
    /// The record of an asynchronous invocation that failed.
    Invocation,
}

/// Who tells why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldBy {
    /// Attributes of the message, set by the function.
    Attributes,
    /// The record of the invocation.
    Record,
    /// A line of the function's log that names the message.
    Log,
    /// Nobody.
    Nobody,
}

/// Why a letter is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// For programs: the function's own code, the record's condition, `max_receives`, or `unknown`.
    pub code: String,
    /// For people.
    pub text: String,
    /// Who says so.
    pub told_by: ToldBy,
}

/// Something that happened to a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// What.
    pub what: String,
}

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Id of the message.
    pub message_id: String,
    /// The queue that it waits in.
    pub queue: LogicalId,
    /// What it is.
    pub kind: LetterKind,
    /// The queue or the function that it came from; none where that cannot be told.
    pub from: Option<LogicalId>,
    /// The files that it is about; none for what is neither a job nor an upload.
    pub files: Vec<File>,
    /// Since when it waits: RFC 3339, UTC. Of a message that SQS gave up it is when that was first sent:
    /// it keeps its age.
    pub since: Option<String>,
    /// How often it has been received, looks like this one included.
    pub receives: Option<u32>,
    /// How often it was tried before, where that is known.
    pub tries: Option<u32>,
    /// Why it is there.
    pub why: Why,
    /// Why it was there before it was redriven, where that is still on it.
    pub before: Option<Why>,
}

/// A letter with all that is on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// What it tells.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// What happened to it, in the order of time.
    pub history: Vec<Moment>,
    /// Attributes that a sender set.
    pub attributes: BTreeMap<String, String>,
    /// The body: as JSON where it is JSON, else as text.
    pub body: Value,
}

/// Reads a message.
pub fn letter(message: &Message, queue: &DeadLetterQueue) -> DeadLetter {
    let content = Content::of(message);
    let system = |name: &System| message.attributes.as_ref()?.get(name).cloned();
    let given_up_by = given_up_by(message);
    let mut letter = DeadLetter {
        message_id: message.message_id.clone().unwrap_or_default(),
        queue: queue.id.clone(),
        kind: LetterKind::Message,
        from: None,
        files: files(&content.body),
        since: sent(message),
        receives: system(&System::ApproximateReceiveCount).and_then(|text| text.parse().ok()),
        tries: None,
        why: Why {
            code: "unknown".to_owned(),
            text: UNKNOWN.to_owned(),
            told_by: ToldBy::Nobody,
        },
        before: None,
    };
    if let Some(record) = record_of(message, &content.body, queue) {
        letter.kind = LetterKind::Invocation;
        letter.from = queue.function(record.function).map(|f| f.id.clone());
        letter.files = record.payload.map(files).unwrap_or_default();
        letter.tries = record.tries;
        letter.why = record.why();
        return letter;
    }
    let source = queue.source(given_up_by);
    letter.from = source.map(|source| source.id.clone());
    let set_aside = content.set_aside();
    if given_up_by.is_some() {
        // The function did not set it aside this time. What it says is from before: a move task takes
        // attributes along.
        letter.tries = source.map(|source| source.max_receives);
        "max_receives".clone_into(&mut letter.why.code);
        letter.before = set_aside;
    } else if let Some(why) = set_aside {
        let tries = content.attributes.get("receive_count");
        letter.tries = tries.and_then(|count| count.parse().ok());
        letter.why = why;
    }
    letter
}

/// Reads a message with all that is on it.
pub fn detail(message: &Message, queue: &DeadLetterQueue) -> Detail {
    let letter = letter(message, queue);
    let content = Content::of(message);
    let mut history = Vec::new();
    let mut add = |at: Option<String>, what: String| {
        history.extend(at.map(|at| Moment { at, what }));
    };
    let body = &content.body;
    let ms = |name: &str| body[name].as_i64().and_then(moment);
    add(ms("event_ms"), "the object came".to_owned());
    add(ms("trigger_start_ms"), "the trigger began".to_owned());
    add(ms("sent_ms"), "the job was sent".to_owned());
    if let Some(record) = record_of(message, body, queue) {
        let uploads = record
            .payload
            .and_then(|payload| payload["Records"].as_array());
        for upload in uploads.into_iter().flatten() {
            add(time_of(&upload["eventTime"]), "the object came".to_owned());
        }
        add(
            time_of(&body["timestamp"]),
            format!("given up: {}", letter.why.code),
        );
    }
    let failed_at = content.attributes.get("failed_at");
    let failed_at = failed_at.filter(|_| content.set_aside().is_some()).cloned();
    let earlier = if letter.before.is_some() {
        " before"
    } else {
        ""
    };
    add(failed_at, format!("set aside by the function{earlier}"));
    let came = if letter.why.code == "max_receives" {
        "sent to the queue that gave it up"
    } else {
        "came into the dead letter queue"
    };
    add(letter.since.clone(), came.to_owned());
    // What happened in the same millisecond stays in the order of the way.
    history.sort_by(|a, b| a.at.cmp(&b.at));
    Detail {
        letter,
        history,
        attributes: content.attributes,
        body: content.body,
    }
}

/// The payload of the invocation that a message is the record of.
pub fn payload(message: &Message) -> Option<String> {
    let body: Value = serde_json::from_str(message.body()?).ok()?;
    Record::of(&body)?.payload.map(Value::to_string)
}

/// The ARN of the function that a message is the record of.
pub fn function_arn(message: &Message) -> Option<String> {
    let body: Value = serde_json::from_str(message.body()?).ok()?;
    Record::of(&body).map(|record| record.function.to_owned())
}

/// The ARN of the queue that gave a message up; none when it was sent to the dead letter queue itself.
pub fn given_up_by(message: &Message) -> Option<&str> {
    let attributes = message.attributes.as_ref()?;
    let arn = attributes.get(&System::DeadLetterQueueSourceArn)?;
    Some(arn.as_str()).filter(|arn| !arn.is_empty())
}

/// Does a function's own reason stand on the message?
pub fn is_set_aside(message: &Message) -> bool {
    let attributes = message.message_attributes.as_ref();
    attributes.is_some_and(|all| MARKS.iter().all(|name| all.contains_key(*name)))
}

/// Body and attributes.
struct Content {
    body: Value,
    attributes: BTreeMap<String, String>,
}

impl Content {
    fn of(message: &Message) -> Self {
        let text = message.body().unwrap_or_default();
        let attributes = message.message_attributes.iter().flatten();
        Self {
            body: serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
            attributes: attributes
                .map(|(name, value)| {
                    let text = value.string_value().map_or_else(
                        || {
                            let bytes = value.binary_value().map_or(0, |blob| blob.as_ref().len());
                            format!("({bytes} bytes)")
                        },
                        str::to_owned,
                    );
                    (name.clone(), text)
                })
                .collect(),
        }
    }

    /// The reason that a function gave when it set the message aside.
    fn set_aside(&self) -> Option<Why> {
        if !MARKS.iter().all(|name| self.attributes.contains_key(*name)) {
            return None;
        }
        let code = self.attributes.get("reason")?.clone();
        let text = self.attributes.get("reason_text").cloned();
        Some(Why {
            text: text.unwrap_or_else(|| code.clone()),
            code,
            told_by: ToldBy::Attributes,
        })
    }
}

/// The record that a message is. What came from another queue is that queue's message, whatever it says.
fn record_of<'a>(
    message: &Message,
    body: &'a Value,
    queue: &DeadLetterQueue,
) -> Option<Record<'a>> {
    let sent_here = given_up_by(message).is_none() && !queue.functions.is_empty();
    Record::of(body).filter(|_| sent_here)
}

/// Lambda's record of an invocation that failed. // aws-behaviours L21
struct Record<'a> {
    function: &'a str,
    condition: &'a str,
    tries: Option<u32>,
    payload: Option<&'a Value>,
    answer: &'a Value,
}

impl<'a> Record<'a> {
    fn of(body: &'a Value) -> Option<Self> {
        let context = body.get("requestContext")?;
        let tries = context["approximateInvokeCount"].as_u64();
        Some(Self {
            function: context["functionArn"].as_str()?,
            condition: context["condition"].as_str()?,
            tries: tries.and_then(|tries| u32::try_from(tries).ok()),
            payload: body
                .get("requestPayload")
                .filter(|payload| !payload.is_null()),
            answer: &body["responsePayload"],
        })
    }

    fn why(&self) -> Why {
        let text = |name: &str| self.answer[name].as_str().filter(|text| !text.is_empty());
        // A runtime may name the error by a type of its language, which tells nobody anything.
        let plain = |kind: &&str| !kind.contains(|c: char| "<>&: ".contains(c));
        let text = match (text("errorType").filter(plain), text("errorMessage")) {
            (Some(kind), Some(message)) => format!("{kind}: {message}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) if self.condition == "EventAgeExceeded" => {
                "the event was too old before it could be tried".to_owned()
            }
            (None, None) if self.answer.is_null() => UNKNOWN.to_owned(),
            (None, None) => self.answer.to_string(),
        };
        Why {
            code: self.condition.to_owned(),
            text,
            told_by: ToldBy::Record,
        }
    }
}

/// The files of a job, or of the uploads of an S3 event.
fn files(body: &Value) -> Vec<File> {
    if let Some(uploads) = body["Records"].as_array() {
        return uploads.iter().filter_map(uploaded).collect();
    }
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    let job = || {
        Some(File {
            bucket: text("bucket")?.to_owned(),
            key: text("key")?.to_owned(),
            version_id: text("version_id").map(str::to_owned),
            job_id: text("job_id")?.to_owned(),
        })
    };
    job().into_iter().collect()
}

/// The file of one record of an S3 event. // aws-behaviours S13
fn uploaded(record: &Value) -> Option<File> {
    let object = &record["s3"]["object"];
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let bucket = text(&record["s3"]["bucket"]["name"])?;
    let raw = text(&object["key"])?;
    // As the trigger does: a key that does not decode is its own name.
    let key = model::decode_event_key(&raw).unwrap_or(raw);
    let (version_id, etag) = (text(&object["versionId"]), text(&object["eTag"]));
    Some(File {
        job_id: model::job_id(&bucket, &key, version_id.as_deref(), etag.as_deref()),
        bucket,
        key,
        version_id,
    })
}

/// When a message was sent.
fn sent(message: &Message) -> Option<String> {
    moment(sent_ms(message)?)
}

/// When a message was sent, milliseconds since the Unix epoch.
pub fn sent_ms(message: &Message) -> Option<i64> {
    let attributes = message.attributes.as_ref()?;
    attributes.get(&System::SentTimestamp)?.parse().ok()
}

fn moment(ms: i64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    moment.ok().map(model::timestamp)
}

fn time_of(value: &Value) -> Option<String> {
    let moment = OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()?;
    Some(model::timestamp(moment))
}
