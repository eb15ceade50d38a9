//! AWS's rules for what is in a message: characters, and names, types and values of attributes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::AwsError;

use super::state_errors::{invalid, missing};
use super::wire_attributes::{MessageAttribute, MessageAttributes};

/// Attributes that one message may have.
const MAX_ATTRIBUTES: usize = 10;
/// Bytes of a name, and of a type.
const MAX_NAME: usize = 256;

/// Checks one attribute: its type, and that it has one value, of that type.
fn check_value(name: &str, attribute: &MessageAttribute) -> Result<(), AwsError> {
    let some_list = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|l| !l.is_empty());
    if some_list(&attribute.string_list_values) || some_list(&attribute.binary_list_values) {
        return Err(AwsError::bad_request(
            "UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    if attribute.data_type.is_empty() {
        return Err(invalid(format!(
            "Message (user) attribute '{name}' must contain a non-empty attribute type."
        )));
    }
    if attribute.data_type.len() > MAX_NAME {
        return Err(invalid(format!(
            "The type of message (user) attribute '{name}' is longer than {MAX_NAME} bytes."
        )));
    }
    let base = attribute.base_type();
    let (value, other) = match base {
        "String" | "Number" => (&attribute.string_value, &attribute.binary_value),
        "Binary" => (&attribute.binary_value, &attribute.string_value),
        _ => {
            return Err(invalid(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only \
                 the following supported type prefixes: Binary, Number, String."
            )));
        }
    };
    if other.is_some() {
        let field = if base == "Binary" {
            "BinaryValue"
        } else {
            "StringValue"
        };
        return Err(invalid(format!(
            "Message (user) attribute '{name}' of type '{base}' must use the field {field} \
             and no other."
        )));
    }
    let value = value
        .as_deref()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            invalid(format!(
                "Message (user) attribute '{name}' must contain a non-empty value \
                 of type '{base}'."
            ))
        })?;
    match base {
        "Binary" if STANDARD.decode(value).is_err() => Err(AwsError::bad_request(
            "SerializationException",
            format!("The value of message (user) attribute '{name}' is not base64."),
        )),
        "Number" if !is_number(value) => Err(invalid(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        ))),
        "Binary" => Ok(()),
        _ => check_characters(value),
    }
}

fn is_number(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    plain && text.parse::<f64>().is_ok()
}

/// Checks the body of a message: it must not be empty, nor hold what XML cannot.
pub(super) fn check_body(body: &str) -> Result<(), AwsError> {
    if body.is_empty() {
        return Err(missing("MessageBody"));
    }
    check_characters(body)
}

fn check_characters(text: &str) -> Result<(), AwsError> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(allowed) {
        return Ok(());
    }
    Err(AwsError::bad_request(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are \
         #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    ))
}

/// Checks all attributes of a message.
pub(super) fn check(attributes: &MessageAttributes) -> Result<(), AwsError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            attributes.len()
        )));
    }
    for (name, attribute) in attributes {
        check_name(name)?;
        check_value(name, attribute)?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let refuse = |message: &str| Err(invalid(message));
    if name.is_empty() {
        return refuse("The message (user) attribute name must not be empty.");
    }
    if name.len() > MAX_NAME {
        return refuse("Message (user) attribute names must be shorter than 256 Bytes");
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    {
        return refuse(
            "Message (user) attributes name can only contain upper and lower score characters, \
             digits, periods, hyphens and underscores. ",
        );
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse(
            "Message (user) attribute names must not start or end with a period, \
             nor have several in a row.",
        );
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return refuse(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. \
             These strings are reserved for internal use.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn names_follow_the_rules() {
        for name in ["a", "a.b-c_D9", "awsome"] {
            assert_eq!(check(&strings(&[(name, "x")])), Ok(()), "{name}");
        }
        let long = "n".repeat(257);
        for name in [
            "", "a b", "ä", ".a", "a.", "a..b", "AWS.x", "amazon.x", &long,
        ] {
            assert!(check(&strings(&[(name, "x")])).is_err(), "{name}");
        }
        let eleven: MessageAttributes = (0..11)
            .map(|index| (format!("n{index}"), MessageAttribute::string("x")))
            .collect();
        assert!(check(&eleven).is_err());
    }

    #[test]
    fn values_follow_their_type() {
        let allowed = [
            typed("String", Some("x"), None),
            typed("String.mine", Some("x"), None),
            typed("Number", Some("-1.5e3"), None),
            typed("Binary.gzip", None, Some(b"\x00")),
        ];
        for attribute in allowed {
            assert_eq!(check_value("a", &attribute), Ok(()), "{attribute:?}");
        }
        let listed = MessageAttribute {
            string_list_values: Some(vec![json!("x")]),
            ..MessageAttribute::string("x")
        };
        let refused = [
            typed("", Some("x"), None),
            typed("Text", Some("x"), None),
            typed("String", None, None),
            typed("String", Some(""), None),
            typed("String", None, Some(b"x")),
            typed("String", Some("\u{b}"), None),
            typed("Number", Some("NaN"), None),
            typed("Number", Some("many"), None),
            typed("Binary", Some("x"), None),
            listed,
        ];
        for attribute in refused {
            assert!(check_value("a", &attribute).is_err(), "{attribute:?}");
        }
    }

    #[test]
    fn bodies_hold_only_characters_that_aws_takes() {
        for body in ["x", "\t\r\n", "ü€😀", "\u{fffd}"] {
            assert_eq!(check_body(body), Ok(()), "{body:?}");
        }
        let code = |body: &str| check_body(body).expect_err("refused").code;
        assert_eq!(code(""), "MissingRequiredParameterException");
        for body in ["\0", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert_eq!(code(body), "InvalidMessageContents", "{body:?}");
        }
    }
}
