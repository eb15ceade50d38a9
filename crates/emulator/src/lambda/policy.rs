//! Resource policies of functions: statements as AWS renders them, and whether one allows a caller.

use serde_json::{Value, json};

use crate::bus::InvokePermission;
use crate::error::AwsError;

/// Refuses an AddPermission request that AWS refuses.
pub(super) fn check(body: &Value) -> Result<(), AwsError> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let invalid = |name: &str, wanted: &str| {
        Err(AwsError::bad_request(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{}' at '{name}' failed to satisfy constraint: Member must be {wanted}",
                body[name].as_str().unwrap_or("null")
            ),
        ))
    };
    let sid = text("StatementId");
    let word = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if !(1..=100).contains(&sid.len()) || !word(sid) {
        return invalid("StatementId", "1 to 100 letters, digits, - or _");
    }
    let action = text("Action");
    let named = action.strip_prefix("lambda:").unwrap_or_default();
    let legal = action == "*"
        || named == "*"
        || (!named.is_empty() && named.chars().all(|c| c.is_ascii_alphabetic()));
    if !legal {
        return invalid("Action", "an action of Lambda");
    }
    let principal = text("Principal");
    if principal.is_empty() || principal.contains(char::is_whitespace) {
        return invalid("Principal", "a service, an account or an ARN");
    }
    Ok(())
}

/// The statement of an AddPermission request.
pub(super) fn statement(body: &Value, function_arn: &str) -> Value {
    let text = |name: &str| body[name].as_str();
    let principal = text("Principal").unwrap_or_default();
    let principal = match principal {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        account if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
            json!({ "AWS": format!("arn:aws:iam::{account}:root") })
        }
        other => json!({ "AWS": other }),
    };
    let mut statement = json!({
        "Sid": text("StatementId"),
        "Effect": "Allow",
        "Principal": principal,
        "Action": text("Action"),
        "Resource": function_arn,
    });
    let mut condition = serde_json::Map::new();
    let equals: serde_json::Map<String, Value> = [
        ("AWS:SourceAccount", text("SourceAccount")),
        ("aws:PrincipalOrgID", text("PrincipalOrgID")),
        ("lambda:EventSourceToken", text("EventSourceToken")),
        ("lambda:FunctionUrlAuthType", text("FunctionUrlAuthType")),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
    .collect();
    if !equals.is_empty() {
        condition.insert("StringEquals".to_owned(), equals.into());
    }
    if let Some(arn) = text("SourceArn") {
        condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
    }
    if !condition.is_empty() {
        statement["Condition"] = condition.into();
    }
    statement
}

/// Does one of the statements let `principal` invoke on behalf of the source?
pub(super) fn permission(
    policy: &[Value],
    principal: &str,
    source_arn: &str,
    source_account: &str,
) -> InvokePermission {
    let allows = |statement: &Value| {
        let named = &statement["Principal"];
        let same_principal = named == "*" || named["Service"] == principal;
        let action = statement["Action"].as_str().unwrap_or_default();
        let invokes = matches!(action, "lambda:InvokeFunction" | "lambda:*" | "*");
        let condition = &statement["Condition"];
        let equals = condition["StringEquals"].as_object();
        let account = condition["StringEquals"]["AWS:SourceAccount"].as_str();
        // A service that invokes is in no organisation and has no token.
        let only_account =
            equals.is_none_or(|equals| equals.keys().all(|name| name == "AWS:SourceAccount"));
        let arn = condition["ArnLike"]["AWS:SourceArn"].as_str();
        same_principal
            && invokes
            && only_account
            && account.is_none_or(|account| account == source_account)
            && arn.is_none_or(|pattern| like(pattern, source_arn))
    };
    if policy.iter().any(allows) {
        InvokePermission::Allowed
    } else {
        InvokePermission::Denied
    }
}

/// `*` stands for any text, `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*' {
            p += 1;
            t += 1;
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if let Some((star_p, star_t)) = star {
            p = star_p + 1;
            t = star_t + 1;
            star = Some((star_p, star_t + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_allows_only_its_principal_source_and_account() {
        let body = json!({"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
            "SourceArn": "arn:aws:s3:::b", "SourceAccount": "1"});
        let policy = [statement(&body, "arn:f")];
        let ask = |principal, arn, account| permission(&policy, principal, arn, account);
        assert_eq!(
            ask("s3.amazonaws.com", "arn:aws:s3:::b", "1"),
            InvokePermission::Allowed
        );
        assert_eq!(
            ask("sns.amazonaws.com", "arn:aws:s3:::b", "1"),
            InvokePermission::Denied
        );
        assert_eq!(
            ask("s3.amazonaws.com", "arn:aws:s3:::c", "1"),
            InvokePermission::Denied
        );
        assert_eq!(
            ask("s3.amazonaws.com", "arn:aws:s3:::b", "2"),
            InvokePermission::Denied
        );
        assert_eq!(
            permission(&[], "s3.amazonaws.com", "a", "1"),
            InvokePermission::Denied
        );
    }

    #[test]
    fn patterns_match_as_arn_like_does() {
        for (pattern, text, expected) in [
            ("arn:aws:s3:::*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::a*z", "arn:aws:s3:::abcz", true),
            ("arn:aws:s3:::a*z", "arn:aws:s3:::abc", false),
            ("arn:?", "arn:x", true),
            ("arn:?", "arn:", false),
            ("*", "", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
