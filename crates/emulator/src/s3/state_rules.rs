//! Notification rules: which event of which key goes to which function, and what AWS refuses.

use serde::{Deserialize, Serialize};

use super::state_errors::{invalid_argument, malformed_xml};
use super::state_events::encode_key;
use crate::error::AwsError;

/// The event types that a rule may name. Most are never raised here, as nothing here restores,
/// replicates or tiers objects; a rule for them is valid all the same.
const EVENT_TYPES: &[&str] = &[
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// The longest prefix or suffix of a rule, bytes.
const LONGEST_FILTER: usize = 1_024;

/// One function target of a bucket's notification configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    /// The configuration's id, given or generated.
    pub id: String,
    /// Where matching events go.
    pub function_arn: String,
    /// Event types with their `s3:`, wildcards as given.
    pub events: Vec<String>,
    /// What the key must start with.
    pub prefix: Option<String>,
    /// What the key must end with.
    pub suffix: Option<String>,
}

impl Rule {
    /// Reads the stored document: a list of rules.
    pub(super) fn parse_document(document: &str) -> serde_json::Result<Vec<Self>> {
        serde_json::from_str(document)
    }

    /// Does the rule want this event (`s3:ObjectCreated:Put`) of this key?
    pub(super) fn matches(&self, event: &str, key: &str) -> bool {
        // A filter may be given as is or, for awkward characters, URL-encoded.
        let matches_filter = |text: &str| {
            self.prefix.as_deref().is_none_or(|p| text.starts_with(p))
                && self.suffix.as_deref().is_none_or(|s| text.ends_with(s))
        };
        self.events.iter().any(|pattern| covers(pattern, event))
            && (matches_filter(key) || matches_filter(&encode_key(key)))
    }

    fn is_filtered(&self) -> bool {
        self.prefix.is_some() || self.suffix.is_some()
    }

    fn overlaps(&self, other: &Self) -> bool {
        let prefixes = (text(self.prefix.as_ref()), text(other.prefix.as_ref()));
        let suffixes = (text(self.suffix.as_ref()), text(other.suffix.as_ref()));
        let shared = self.events.iter().any(|mine| {
            other
                .events
                .iter()
                .any(|theirs| covers(mine, theirs) || covers(theirs, mine))
        });
        shared
            && (prefixes.0.starts_with(prefixes.1) || prefixes.1.starts_with(prefixes.0))
            && (suffixes.0.ends_with(suffixes.1) || suffixes.1.ends_with(suffixes.0))
    }
}

fn text(filter: Option<&String>) -> &str {
    filter.map_or("", String::as_str)
}

/// Does `pattern`, which may end with `*`, cover `event`?
fn covers(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => event.starts_with(start),
        None => pattern == event,
    }
}

/// Refuses what AWS refuses in the rules themselves; destinations are checked elsewhere.
pub(super) fn check(rules: &[Rule]) -> Result<(), AwsError> {
    for rule in rules {
        if rule.events.is_empty() {
            return Err(malformed_xml());
        }
        let mut filters = [&rule.prefix, &rule.suffix].into_iter().flatten();
        if filters.any(|filter| filter.len() > LONGEST_FILTER) {
            return Err(invalid_argument(format!(
                "Size of filter rule value cannot exceed {LONGEST_FILTER} bytes in UTF-8 \
                 representation"
            )));
        }
        if let Some(event) = rule
            .events
            .iter()
            .find(|event| !EVENT_TYPES.contains(&event.as_str()))
        {
            return Err(invalid_argument(format!(
                "The event '{event}' is not supported for notifications"
            )));
        }
    }
    for (index, rule) in rules.iter().enumerate() {
        for earlier in &rules[..index] {
            if earlier.id == rule.id {
                return Err(invalid_argument(format!(
                    "Configuration Ids must be unique; '{}' is used twice",
                    rule.id
                )));
            }
            // aws-behaviours S10
            if earlier.overlaps(rule) {
                let message = if earlier.is_filtered() || rule.is_filtered() {
                    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two \
                     rules if the prefixes are overlapping for the same event type."
                } else {
                    "Configurations overlap. Configurations on the same bucket cannot share a \
                     common event type."
                };
                return Err(invalid_argument(message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, events: &[&str], prefix: Option<&str>, suffix: Option<&str>) -> Rule {
        Rule {
            id: id.to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
            prefix: prefix.map(str::to_owned),
            suffix: suffix.map(str::to_owned),
        }
    }

    #[test]
    fn a_rule_matches_by_event_prefix_and_suffix() {
        let created = rule("a", &["s3:ObjectCreated:*"], Some("logs/"), Some(".gz"));
        assert!(created.matches("s3:ObjectCreated:Put", "logs/x.gz"));
        assert!(!created.matches("s3:ObjectCreated:Put", "logs/x.json"));
        assert!(!created.matches("s3:ObjectCreated:Put", "other/x.gz"));
        assert!(!created.matches("s3:ObjectRemoved:Delete", "logs/x.gz"));
        let exact = rule("b", &["s3:ObjectCreated:Copy"], None, None);
        assert!(exact.matches("s3:ObjectCreated:Copy", "k"));
        assert!(!exact.matches("s3:ObjectCreated:Put", "k"));
        let encoded = rule("c", &["s3:ObjectCreated:*"], Some("my+logs/"), None);
        assert!(encoded.matches("s3:ObjectCreated:Put", "my logs/x"));
    }

    /// aws-behaviours S10
    #[test]
    fn rules_overlap_only_when_event_prefix_and_suffix_all_meet() {
        let overlap = |a: Rule, b: Rule| check(&[a, b]).map_err(|error| error.message);
        let put = ["s3:ObjectCreated:Put"];
        let any = ["s3:ObjectCreated:*"];
        let bare = overlap(rule("a", &put, None, None), rule("b", &any, None, None));
        assert!(bare.is_err_and(|message| message.starts_with("Configurations overlap.")));
        for (a, b) in [
            (
                rule("a", &put, Some("logs/"), None),
                rule("b", &any, None, None),
            ),
            (
                rule("a", &any, Some("logs/"), None),
                rule("b", &put, Some("logs/2026/"), None),
            ),
            (
                rule("a", &put, Some("logs/"), None),
                rule("b", &put, None, Some(".gz")),
            ),
            (
                rule("a", &put, None, Some(".json.gz")),
                rule("b", &put, None, Some(".gz")),
            ),
        ] {
            let message = overlap(a, b).expect_err("they overlap");
            assert!(message.starts_with("Configuration is ambiguously defined."));
        }
        for (a, b) in [
            (
                rule("a", &put, None, None),
                rule("b", &["s3:ObjectRemoved:*"], None, None),
            ),
            (
                rule("a", &put, Some("logs/"), None),
                rule("b", &put, Some("images/"), None),
            ),
            (
                rule("a", &put, Some("logs/"), Some(".gz")),
                rule("b", &put, Some("logs/"), Some(".json")),
            ),
        ] {
            assert_eq!(overlap(a, b), Ok(()));
        }
    }

    #[test]
    fn unknown_events_and_repeated_ids_are_refused() {
        let unknown = check(&[rule("a", &["s3:ObjectRead:*"], None, None)]);
        assert!(unknown.is_err_and(|error| error.message.contains("s3:ObjectRead:*")));
        let none = check(&[rule("a", &[], None, None)]);
        assert!(none.is_err_and(|error| error.code == "MalformedXML"));
        let long = "x".repeat(LONGEST_FILTER + 1);
        let long = check(&[rule("a", &["s3:ObjectCreated:*"], Some(&long), None)]);
        assert!(long.is_err_and(|error| error.code == "InvalidArgument"));
        let twice = check(&[
            rule("a", &["s3:ObjectCreated:*"], None, None),
            rule("a", &["s3:ObjectRemoved:*"], None, None),
        ]);
        assert!(twice.is_err_and(|error| error.code == "InvalidArgument"));
    }
}
