//! What of a difference is shown: not the values of variables that look like secrets. Plans are printed to
//! terminals and to the logs of CI, and the live side may be something that was never in any file.

use serde_json::Value;

/// Parts of names, in capitals, that secrets commonly have.
const NAMES: &[&str] = &[
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "PWD",
    "CREDENTIAL",
    "PRIVATE",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "AUTH",
    "SIGNATURE",
    "SALT",
    "COOKIE",
    "SESSION",
    "DSN",
    "WEBHOOK",
    "JWT",
    "CONNECTION",
    "_PW",
    "CERT",
];
/// Parts of values, in small letters, that carry a secret.
const VALUES: &[&str] = &[
    "-----begin",
    "password=",
    "passwd=",
    "pwd=",
    "secret=",
    "token=",
    "accountkey=",
    "apikey=",
    "sig=",
];
/// What is shown instead.
const HIDDEN: &str = "(hidden)";

/// The value of a field as it may be shown.
pub(super) fn shown(field: &str, value: &Value) -> Value {
    // A template says by itself which of its parameters are secrets.
    if field.starts_with("secret_parameters.") {
        return HIDDEN.into();
    }
    let named = ["environment.", "parameters."]
        .iter()
        .find_map(|section| field.strip_prefix(section));
    let Some(variable) = named else {
        return value.clone();
    };
    let name = variable.to_ascii_uppercase();
    let text = value.as_str().unwrap_or_default();
    let hides = NAMES.iter().any(|part| name.contains(part))
        || name.ends_with("KEY")
        || carries_user(text)
        || VALUES
            .iter()
            .any(|part| text.to_ascii_lowercase().contains(part));
    if hides { HIDDEN.into() } else { value.clone() }
}

/// `scheme://user:password@host`, or a key in the place of both.
fn carries_user(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_settings_shown() {
        let cases = [
            ("environment.DB_PASSWORD", "x", true),
            ("environment.api_token", "x", true),
            ("environment.STRIPE_KEY", "x", true),
            ("environment.DATABASE_URL", "postgres://me:pw@host/db", true),
            ("environment.SENTRY", "https://key@host/1", true),
            ("environment.SLACK_WEBHOOK", "x", true),
            ("environment.STORE", "Account=a;AccountKey=b", true),
            ("environment.PEM", "-----BEGIN PRIVATE KEY-----", true),
            ("environment.RESULTS_TABLE", "log-pipeline-results", false),
            (
                "environment.QUEUE_URL",
                "http://127.0.0.1:1/000000000000/jobs",
                false,
            ),
            ("environment.MAIL", "me@host", false),
            ("tags.TOKEN", "x", false),
            ("key", "id:S", false),
        ];
        for (field, value, hidden) in cases {
            let shown = shown(field, &value.into());
            assert_eq!(shown == HIDDEN, hidden, "{field} {value}: {shown}");
        }
    }
}
