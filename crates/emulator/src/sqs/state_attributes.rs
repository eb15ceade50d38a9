//! Attributes of a queue: defaults, ranges, and how they are written and compared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::AwsError;

use super::state::name_of;
use super::state_errors::{invalid_attribute, invalid_value, no_fifo, unknown_attribute};

/// Attributes that can be set, and the limits of those that are whole numbers.
pub(super) const SETTABLE: &[(&str, Option<(u32, u32)>)] = &[
    ("DelaySeconds", Some((0, 900))),
    ("KmsDataKeyReusePeriodSeconds", Some((60, 86_400))),
    ("KmsMasterKeyId", None),
    // aws-behaviours Q15
    ("MaximumMessageSize", Some((1_024, 1_048_576))),
    ("MessageRetentionPeriod", Some((60, 1_209_600))),
    ("Policy", None),
    ("ReceiveMessageWaitTimeSeconds", Some((0, 20))),
    ("RedriveAllowPolicy", None),
    ("RedrivePolicy", None),
    ("SqsManagedSseEnabled", None),
    ("VisibilityTimeout", Some((0, 43_200))),
];
/// Sources that a `RedriveAllowPolicy` may name.
const MAX_SOURCES: usize = 10;

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The policy as it was given.
    pub text: String,
    /// Name of the dead letter queue.
    pub target: String,
    /// Receives that a message may have.
    pub max_receives: i64,
}

/// What can be set on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    pub visibility_s: u32,
    pub retention_s: u32,
    pub delay_s: u32,
    pub wait_s: u32,
    pub max_bytes: u32,
    pub sse_managed: bool,
    pub kms_key_id: Option<String>,
    pub kms_reuse_s: u32,
    pub policy: Option<String>,
    pub redrive_allow: Option<String>,
    pub redrive: Option<Redrive>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility_s: 30,
            retention_s: 345_600,
            delay_s: 0,
            wait_s: 0,
            max_bytes: 1_048_576,
            sse_managed: true,
            kms_key_id: None,
            kms_reuse_s: 300,
            policy: None,
            redrive_allow: None,
            redrive: None,
        }
    }
}

impl Attributes {
    /// These attributes with the requested ones in their place. Whether a dead letter queue
    /// exists is not checked here.
    pub(super) fn with(&self, requested: &BTreeMap<String, String>) -> Result<Self, AwsError> {
        if requested
            .get("FifoQueue")
            .is_some_and(|value| value == "true")
        {
            return Err(no_fifo());
        }
        let mut changed = self.clone();
        for (name, text) in requested {
            let Some((_, range)) = SETTABLE.iter().find(|(known, _)| known == name) else {
                return Err(unknown_attribute(name));
            };
            if let Some((least, most)) = *range {
                let number = text
                    .parse()
                    .ok()
                    .filter(|number| (least..=most).contains(number))
                    .ok_or_else(|| invalid_attribute(name))?;
                *changed.number(name) = number;
            } else {
                changed.set_text(name, text)?;
            }
        }
        let asks_managed = requested
            .get("SqsManagedSseEnabled")
            .is_some_and(|value| value == "true");
        let asks_kms = requested
            .get("KmsMasterKeyId")
            .is_some_and(|value| !value.is_empty());
        if asks_managed && asks_kms {
            return Err(AwsError::bad_request(
                "InvalidAttributeName",
                "You can use one type of server-side encryption (SSE) at one time. \
                 You can either enable KMS SSE or SQS SSE.",
            ));
        }
        if asks_managed {
            changed.kms_key_id = None;
        }
        if asks_kms {
            changed.sse_managed = false;
        }
        Ok(changed)
    }

    fn number(&mut self, name: &str) -> &mut u32 {
        match name {
            "DelaySeconds" => &mut self.delay_s,
            "KmsDataKeyReusePeriodSeconds" => &mut self.kms_reuse_s,
            "MaximumMessageSize" => &mut self.max_bytes,
            "MessageRetentionPeriod" => &mut self.retention_s,
            "ReceiveMessageWaitTimeSeconds" => &mut self.wait_s,
            _ => &mut self.visibility_s,
        }
    }

    fn set_text(&mut self, name: &str, text: &str) -> Result<(), AwsError> {
        let given = (!text.is_empty()).then(|| text.to_owned());
        match name {
            "KmsMasterKeyId" => self.kms_key_id = given,
            "SqsManagedSseEnabled" => {
                self.sse_managed = text.parse().map_err(|_| invalid_attribute(name))?;
            }
            "Policy" => {
                if text.is_empty()
                    || serde_json::from_str::<Value>(text).is_ok_and(|v| v.is_object())
                {
                    self.policy = given;
                } else {
                    return Err(invalid_attribute(name));
                }
            }
            "RedriveAllowPolicy" => {
                if !text.is_empty() {
                    RedriveAllow::parse(text)?;
                }
                self.redrive_allow = given;
            }
            _ => {
                self.redrive = if text.is_empty() {
                    None
                } else {
                    Some(Redrive::parse(text)?)
                };
            }
        }
        Ok(())
    }

    /// The value of a settable attribute, `None` where it is not set.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "VisibilityTimeout" => self.visibility_s.to_string(),
            "MessageRetentionPeriod" => self.retention_s.to_string(),
            "DelaySeconds" => self.delay_s.to_string(),
            "ReceiveMessageWaitTimeSeconds" => self.wait_s.to_string(),
            "MaximumMessageSize" => self.max_bytes.to_string(),
            "SqsManagedSseEnabled" => self.sse_managed.to_string(),
            "KmsMasterKeyId" => self.kms_key_id.clone()?,
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_key_id.as_ref()?;
                self.kms_reuse_s.to_string()
            }
            "Policy" => self.policy.clone()?,
            "RedriveAllowPolicy" => self.redrive_allow.clone()?,
            "RedrivePolicy" => self.redrive.as_ref()?.text.clone(),
            _ => return None,
        })
    }

    /// The first of `names` that has another value in `other`; JSON is compared by meaning.
    pub(super) fn difference<'a>(
        &self,
        other: &Self,
        mut names: impl Iterator<Item = &'a String>,
    ) -> Option<&'a str> {
        let key = |redrive: &Redrive| (redrive.target.clone(), redrive.max_receives);
        names
            .find(|name| match name.as_str() {
                // aws-behaviours Q7: a number and its text are the same count.
                "RedrivePolicy" => {
                    self.redrive.as_ref().map(key) != other.redrive.as_ref().map(key)
                }
                "Policy" => as_json(self.policy.as_deref()) != as_json(other.policy.as_deref()),
                "RedriveAllowPolicy" => {
                    as_json(self.redrive_allow.as_deref())
                        != as_json(other.redrive_allow.as_deref())
                }
                name => self.value(name) != other.value(name),
            })
            .map(String::as_str)
    }
}

fn as_json(text: Option<&str>) -> Option<Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

impl Redrive {
    // aws-behaviours Q7
    fn parse(text: &str) -> Result<Self, AwsError> {
        let refuse = |reason: &str| invalid_value(text, "RedrivePolicy", reason);
        let policy: Value = serde_json::from_str(text)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| refuse("Redrive policy is not a valid JSON map."))?;
        let mandatory = |name: &str| {
            policy.get(name).ok_or_else(|| {
                refuse(&format!(
                    "Redrive policy does not contain mandatory attribute: {name}."
                ))
            })
        };
        let target = mandatory("deadLetterTargetArn")?;
        let count = mandatory("maxReceiveCount")?;
        let max_receives = count
            .as_i64()
            .or_else(|| count.as_str().and_then(|count| count.parse().ok()))
            .filter(|count| (1..=1_000).contains(count))
            .ok_or_else(|| {
                let given = count
                    .as_str()
                    .map_or_else(|| count.to_string(), str::to_owned);
                refuse(&format!(
                    "Invalid value for maxReceiveCount: {given}, \
                     valid values are from 1 to 1000 both inclusive."
                ))
            })?;
        let target = target
            .as_str()
            .and_then(name_of)
            .ok_or_else(|| refuse("Invalid value for deadLetterTargetArn."))?;
        Ok(Self {
            text: text.to_owned(),
            target: target.to_owned(),
            max_receives,
        })
    }
}

/// Which queues may use a queue for their dead letters.
enum RedriveAllow {
    All,
    None,
    Sources(Vec<String>),
}

impl RedriveAllow {
    // aws-behaviours Q8
    fn parse(text: &str) -> Result<Self, AwsError> {
        let refuse = |reason: &str| invalid_value(text, "RedriveAllowPolicy", reason);
        let policy: Value = serde_json::from_str(text)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| refuse("Redrive allow policy is not a valid JSON map."))?;
        let sources = match policy.get("sourceQueueArns") {
            None => None,
            Some(list) => Some(
                serde_json::from_value::<Vec<String>>(list.clone())
                    .map_err(|_| refuse("sourceQueueArns must be a list of queue ARNs."))?,
            ),
        };
        let allow = match (policy["redrivePermission"].as_str(), sources) {
            (Some("allowAll"), None) => Self::All,
            (Some("denyAll"), None) => Self::None,
            (Some("byQueue"), Some(sources)) if (1..=MAX_SOURCES).contains(&sources.len()) => {
                Self::Sources(sources)
            }
            (Some("byQueue"), _) => {
                return Err(refuse("byQueue takes 1 to 10 sourceQueueArns."));
            }
            (Some("allowAll" | "denyAll"), Some(_)) => {
                return Err(refuse("sourceQueueArns goes with byQueue only."));
            }
            _ => {
                return Err(refuse(
                    "redrivePermission must be allowAll, denyAll or byQueue.",
                ));
            }
        };
        Ok(allow)
    }
}

/// May the queue `source_arn` use a queue with this `RedriveAllowPolicy` for its dead letters?
pub(super) fn allows_redrive(policy: Option<&str>, source_arn: &str) -> Result<bool, AwsError> {
    let Some(policy) = policy else {
        return Ok(true);
    };
    Ok(match RedriveAllow::parse(policy)? {
        RedriveAllow::All => true,
        RedriveAllow::None => false,
        RedriveAllow::Sources(sources) => sources.iter().any(|source| source == source_arn),
    })
}
