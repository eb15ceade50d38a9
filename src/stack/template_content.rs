//! What a CloudFormation template says, however it is written: for comparing one with the one that is
//! deployed.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::source::{Node, parse_template};

/// Sections that CloudFormation calls no change when nothing else differs. Source: CloudFormation user guide,
/// "Template anatomy": the description and the metadata cannot be updated by themselves.
const NO_CHANGE: &[&str] = &["AWSTemplateFormatVersion", "Description", "Metadata"];

/// Characters of a fingerprint, of which two that differ in meaning share none.
const FINGERPRINT: usize = 32;

/// What a template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Fingerprint of what it means; that of its text where it cannot be read.
    pub meaning: String,
    /// Logical id and type of each resource.
    pub resources: Vec<(String, String)>,
    /// Parameters that have a default, with it.
    pub defaults: Vec<(String, String)>,
    /// Parameters that are secrets: CloudFormation shows them to nobody.
    pub secrets: Vec<String>,
}

impl Content {
    /// Reads a template.
    pub fn of(body: &str) -> Self {
        let body = ascii(body);
        let Ok(tree) = parse_template(&body) else {
            return Self {
                meaning: fingerprint(&body),
                resources: Vec::new(),
                defaults: Vec::new(),
                secrets: Vec::new(),
            };
        };
        let mut value = json(&tree.value);
        if let Some(sections) = value.as_object_mut() {
            sections.retain(|name, _| !NO_CHANGE.contains(&name.as_str()));
        }
        value.sort_all_objects();
        let section = |name: &str| value[name].as_object().into_iter().flatten();
        let resources = section("Resources")
            .filter_map(|(id, resource)| Some((id.clone(), resource["Type"].as_str()?.to_owned())));
        let defaults = section("Parameters").filter_map(|(name, parameter)| {
            let default = parameter.get("Default")?;
            let text = default.as_str().map(str::to_owned);
            Some((name.clone(), text.unwrap_or_else(|| default.to_string())))
        });
        let secrets = section("Parameters")
            .filter(|(_, parameter)| is_true(&parameter["NoEcho"]))
            .map(|(name, _)| name.clone());
        Self {
            resources: resources.collect(),
            defaults: defaults.collect(),
            secrets: secrets.collect(),
            meaning: fingerprint(&value.to_string()),
        }
    }
}

/// As CloudFormation gives a template or a value back: with a `?` for every character that is not ASCII.
/// Source: aws-cloudformation/cloudformation-coverage-roadmap#814.
pub fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() { c } else { '?' })
        .collect()
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true)
        || value
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn fingerprint(text: &str) -> String {
    let mut print = hex::encode(Sha256::digest(text.as_bytes()));
    print.truncate(FINGERPRINT);
    print
}

fn json(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(truth) => (*truth).into(),
        Node::Int(number) => {
            i64::try_from(*number).map_or_else(|_| number.to_string().into(), Value::from)
        }
        Node::Float(number) => (*number).into(),
        Node::Text(text) => text.clone().into(),
        Node::List(items) => items.iter().map(|item| json(&item.value)).collect(),
        Node::Map(entries) => {
            let fields = entries
                .iter()
                .map(|entry| (entry.key.value.clone(), json(&entry.value.value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_counts() {
        let one = Content::of(
            "Description: one\nParameters: { Wait: { Type: Number, Default: 600 }, Name: { Type: String } }\n\
             Resources:\n  # a comment\n  A: { Type: AWS::SNS::Topic, Properties: { TopicName: !Ref Name } }\n",
        );
        let same = Content::of(
            r#"{"Resources": {"A": {"Properties": {"TopicName": {"Ref": "Name"}}, "Type": "AWS::SNS::Topic"}},
            "Parameters": {"Name": {"Type": "String"}, "Wait": {"Default": 600, "Type": "Number"}}}"#,
        );
        assert_eq!(one, same);
        assert_eq!(
            one.resources,
            [("A".to_owned(), "AWS::SNS::Topic".to_owned())]
        );
        assert_eq!(one.defaults, [("Wait".to_owned(), "600".to_owned())]);
        let other = Content::of(
            "Resources:\n  A: { Type: AWS::SNS::Topic, Properties: { TopicName: !Ref Other } }\n",
        );
        assert_ne!(one.meaning, other.meaning);
        assert_ne!(Content::of("a: [").meaning, Content::of("a: {").meaning);
        // CloudFormation gives other letters back as question marks.
        let written = Content::of(
            "Resources:\n  A: { Type: AWS::SNS::Topic, Properties: { DisplayName: zu spät } }\n",
        );
        let given_back = Content::of(
            "Resources:\n  A: { Type: AWS::SNS::Topic, Properties: { DisplayName: zu sp?t } }\n",
        );
        assert_eq!(written.meaning, given_back.meaning);
        let secret = Content::of(
            "Parameters: { P: { Type: String, NoEcho: true }, Q: { Type: String } }\nResources: {}\n",
        );
        assert_eq!(secret.secrets, ["P"]);
    }
}
