//! Statements of policies compared by what they mean: services give back what they were sent in other
//! words (one value or a list of one, `*` or `{"AWS": "*"}`, another order).

use serde_json::{Map, Value};

/// Do two statements say the same?
pub(super) fn same_statement(one: &Value, other: &Value) -> bool {
    normal(one) == normal(other)
}

/// Statements of a policy document; one that is not in a list counts as one.
pub(super) fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    }
}

/// A value that is equal for statements that say the same.
fn normal(statement: &Value) -> Value {
    let Value::Object(fields) = statement else {
        return statement.clone();
    };
    let mut normal = Map::new();
    for (name, value) in fields {
        let value = match name.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => set(value, name == "Action"),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value.clone(),
        };
        normal.insert(name.clone(), value);
    }
    normal.sort_keys();
    Value::Object(normal)
}

/// One or many texts as a sorted list without doubles.
fn set(value: &Value, lower: bool) -> Value {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut texts: Vec<String> = items
        .iter()
        // Numbers and truth values may be written as text or not.
        .map(|item| {
            item.as_str()
                .map_or_else(|| item.to_string(), str::to_owned)
        })
        .map(|text| {
            if lower {
                text.to_ascii_lowercase()
            } else {
                text
            }
        })
        .collect();
    texts.sort();
    texts.dedup();
    texts.into()
}

fn principal(value: &Value) -> Value {
    let mut normal = Map::new();
    match value {
        Value::Object(kinds) => {
            for (kind, who) in kinds {
                normal.insert(kind.clone(), set(who, false));
            }
        }
        everybody => {
            normal.insert("AWS".to_owned(), set(everybody, false));
        }
    }
    normal.sort_keys();
    Value::Object(normal)
}

/// Operators and keys of conditions are the same in any case of letters.
fn condition(value: &Value) -> Value {
    let mut normal = Map::new();
    for (operator, keys) in value.as_object().into_iter().flatten() {
        let mut inner = Map::new();
        for (key, values) in keys.as_object().into_iter().flatten() {
            inner.insert(key.to_ascii_lowercase(), set(values, false));
        }
        inner.sort_keys();
        normal.insert(operator.to_ascii_lowercase(), Value::Object(inner));
    }
    normal.sort_keys();
    Value::Object(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tls(principal: Value, action: Value, resource: Value, secure: Value) -> Value {
        json!({
            "Sid": "s", "Effect": "Deny", "Principal": principal, "Action": action, "Resource": resource,
            "Condition": { "Bool": { "aws:SecureTransport": secure } },
        })
    }

    #[test]
    fn a_statement_is_the_same_in_every_spelling() {
        let ours = tls(json!("*"), json!("s3:*"), json!(["a", "b"]), json!("false"));
        let theirs = [
            tls(
                json!({"AWS": "*"}),
                json!(["s3:*"]),
                json!(["b", "a"]),
                json!(false),
            ),
            tls(
                json!({"AWS": ["*"]}),
                json!("S3:*"),
                json!(["a", "b", "a"]),
                json!(["false"]),
            ),
            json!({
                "Condition": { "bool": { "AWS:SecureTransport": "false" } },
                "Resource": ["a", "b"], "Action": "s3:*", "Principal": "*", "Effect": "Deny", "Sid": "s",
            }),
        ];
        for other in theirs {
            assert!(same_statement(&ours, &other), "{other}");
        }
    }

    #[test]
    fn another_meaning_is_another_statement() {
        let ours = tls(json!("*"), json!("s3:*"), json!(["a", "b"]), json!("false"));
        let others = [
            tls(
                json!({"AWS": "1"}),
                json!("s3:*"),
                json!(["a", "b"]),
                json!("false"),
            ),
            tls(
                json!("*"),
                json!("s3:Get*"),
                json!(["a", "b"]),
                json!("false"),
            ),
            tls(json!("*"), json!("s3:*"), json!(["a"]), json!("false")),
            tls(json!("*"), json!("s3:*"), json!(["A", "b"]), json!("false")),
            tls(json!("*"), json!("s3:*"), json!(["a", "b"]), json!("true")),
            json!({}),
        ];
        for other in others {
            assert!(!same_statement(&ours, &other), "{other}");
        }
        assert_eq!(statements(&json!({"Statement": ours})).len(), 1);
        assert_eq!(statements(&json!({})).len(), 0);
    }
}
