//! Attributes of messages: their digest, and their forms on the wire, in the store and in
//! Lambda's records. AWS's rules for them are in `wire_rules`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::ACCOUNT;
use crate::error::AwsError;

use super::state::arn_of;
use super::state_errors::unknown_attribute;
use super::state_receive::Received;

/// System attributes that a receive can ask for; those of FIFO queues are never there.
const SYSTEM_NAMES: &[&str] = &[
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

/// Message attributes by name.
pub(super) type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// One message attribute, as on the wire and in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageAttribute {
    #[serde(default)]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
    #[serde(default, skip_serializing)]
    pub string_list_values: Option<Vec<Value>>,
    #[serde(default, skip_serializing)]
    pub binary_list_values: Option<Vec<Value>>,
}

impl MessageAttribute {
    /// A string.
    pub(super) fn string(value: &str) -> Self {
        Self {
            data_type: "String".to_owned(),
            string_value: Some(value.to_owned()),
            ..Self::default()
        }
    }

    /// The text of a string or number.
    pub(super) fn text(&self) -> Option<&str> {
        self.string_value.as_deref()
    }

    /// The form that Lambda's SQS records have.
    pub(super) fn as_record(&self) -> Value {
        let mut record = match (&self.string_value, &self.binary_value) {
            (_, Some(binary)) => json!({ "binaryValue": binary }),
            (text, None) => json!({ "stringValue": text }),
        };
        record["stringListValues"] = json!([]);
        record["binaryListValues"] = json!([]);
        record["dataType"] = json!(self.data_type);
        record
    }

    fn is_binary(&self) -> bool {
        self.base_type() == "Binary"
    }

    /// The type without the user's own suffix.
    pub(super) fn base_type(&self) -> &str {
        self.data_type
            .split_once('.')
            .map_or(self.data_type.as_str(), |(base, _)| base)
    }

    fn bytes(&self) -> Vec<u8> {
        match (&self.string_value, &self.binary_value) {
            // Base64 that cannot be read is refused before anything else happens.
            (_, Some(binary)) => STANDARD.decode(binary).unwrap_or_default(),
            (text, None) => text.clone().unwrap_or_default().into_bytes(),
        }
    }
}

/// Bytes that attributes count for in the size of a message.
pub(super) fn size(attributes: &MessageAttributes) -> usize {
    attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.bytes().len())
        .sum()
}

/// MD5, hex.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// The digest that AWS gives for attributes: in the order of their names, name, type and value
/// with their lengths before them, and the kind of the value between type and value.
pub(super) fn attributes_md5(attributes: &MessageAttributes) -> Option<String> {
    fn put(digest: &mut Md5, bytes: &[u8]) {
        digest.update((bytes.len() as u32).to_be_bytes());
        digest.update(bytes);
    }
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        put(&mut digest, name.as_bytes());
        put(&mut digest, attribute.data_type.as_bytes());
        digest.update([if attribute.is_binary() { 2 } else { 1 }]);
        put(&mut digest, &attribute.bytes());
    }
    Some(hex::encode(digest.finalize()))
}

/// The form in the store.
pub(super) fn stored(attributes: &MessageAttributes) -> Result<Option<String>, AwsError> {
    if attributes.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(attributes)
        .map(Some)
        .map_err(AwsError::internal)
}

/// Reads [`stored`].
pub(super) fn parse_stored(text: Option<&str>) -> Result<MessageAttributes, AwsError> {
    text.map_or_else(
        || Ok(BTreeMap::new()),
        |text| serde_json::from_str(text).map_err(AwsError::internal),
    )
}

/// The attributes that a receive asked for: all, names, or prefixes followed by `.*`.
pub(super) fn chosen(attributes: MessageAttributes, names: &[String]) -> MessageAttributes {
    let wanted = |attribute: &str| {
        names.iter().any(|name| {
            name == "All"
                || name == "*"
                || name == attribute
                || name
                    .strip_suffix(".*")
                    .is_some_and(|prefix| attribute.starts_with(prefix))
        })
    };
    attributes
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .collect()
}

/// All system attributes of a received message.
pub(super) fn system_attributes(message: &Received) -> Result<BTreeMap<String, String>, AwsError> {
    let mut system: BTreeMap<String, String> = match &message.system {
        Some(text) => serde_json::from_str(text).map_err(AwsError::internal)?,
        None => BTreeMap::new(),
    };
    let mut put = |name: &str, value: String| system.insert(name.to_owned(), value);
    put("ApproximateReceiveCount", message.receive_count.to_string());
    put("SentTimestamp", message.sent_ms.to_string());
    // There are no principals here: every sender is the account.
    put("SenderId", ACCOUNT.to_owned());
    put(
        "ApproximateFirstReceiveTimestamp",
        message.first_received_ms.to_string(),
    );
    if let Some(source) = &message.source {
        put("DeadLetterQueueSourceArn", arn_of(source));
    }
    Ok(system)
}

/// Checks the names of system attributes that a receive asked for.
pub(super) fn check_system_names(names: &[String]) -> Result<(), AwsError> {
    match names
        .iter()
        .find(|name| !SYSTEM_NAMES.contains(&name.as_str()))
    {
        Some(unknown) => Err(unknown_attribute(unknown)),
        None => Ok(()),
    }
}

/// The system attributes that a receive asked for.
pub(super) fn chosen_system(
    mut system: BTreeMap<String, String>,
    names: &[String],
) -> BTreeMap<String, String> {
    if !names.iter().any(|name| name == "All") {
        system.retain(|name, _| names.contains(name));
    }
    system
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(pairs: &[(&str, &str)]) -> MessageAttributes {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), MessageAttribute::string(value)))
            .collect()
    }

    fn typed(data_type: &str, string: Option<&str>, binary: Option<&[u8]>) -> MessageAttribute {
        MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: string.map(str::to_owned),
            binary_value: binary.map(|bytes| STANDARD.encode(bytes)),
            ..MessageAttribute::default()
        }
    }

    /// Digests that AWS answered.
    #[test]
    fn digests_are_those_of_aws() {
        let digest = |pairs: &[(&str, &str)]| attributes_md5(&strings(pairs)).expect("a digest");
        assert_eq!(
            digest(&[("Foo", "Bar")]),
            "ae7155c6026991b6d54b11589678bf9c"
        );
        assert_eq!(
            digest(&[("Hello", "There"), ("General", "Kenobi")]),
            "fca026605781cb4126a1e9044df24232"
        );
        let trace = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = BTreeMap::from([("attr1".to_owned(), typed("Binary", None, Some(trace)))]);
        assert_eq!(
            attributes_md5(&binary).as_deref(),
            Some("8cbe4db156db8a94db8b801b7addb984")
        );
        assert_eq!(attributes_md5(&strings(&[])), None);
        assert_eq!(md5_hex(b"test"), "098f6bcd4621d373cade4e832627b4f6");
    }

    #[test]
    fn names_and_prefixes_choose() {
        let all = strings(&[("Hello", "1"), ("Help.Me", "2"), ("General", "3")]);
        let names = |wanted: &[&str]| -> Vec<String> {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            chosen(all.clone(), &wanted).into_keys().collect()
        };
        assert_eq!(names(&["All"]).len(), 3);
        assert_eq!(names(&[".*"]).len(), 3);
        assert_eq!(names(&["Hel.*"]), ["Hello", "Help.Me"]);
        assert_eq!(names(&["General", "none"]), ["General"]);
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn records_have_the_form_of_lambda() {
        assert_eq!(
            MessageAttribute::string("why").as_record(),
            json!({"stringValue": "why", "stringListValues": [], "binaryListValues": [],
                   "dataType": "String"})
        );
        assert_eq!(
            typed("Binary", None, Some(b"x")).as_record(),
            json!({"binaryValue": "eA==", "stringListValues": [], "binaryListValues": [],
                   "dataType": "Binary"})
        );
    }
}
