//! Keys in S3 events.

use percent_encoding::percent_decode_str;

/// A key that does not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key `{raw}` of the event is not URL-encoded UTF-8")]
pub struct KeyError {
    /// The key as it came.
    pub raw: String,
}

/// Decodes a key of an S3 event: `+` is a space, then percent. A percent sign that begins no
/// escape stands for itself. // aws-behaviours S13
pub fn decode_event_key(raw: &str) -> Result<String, KeyError> {
    let spaced = raw.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| KeyError {
            raw: raw.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours S13
    #[test]
    fn every_kind_of_key_decodes() {
        let cases = [
            ("logs/app.ndjson", "logs/app.ndjson"),
            ("logs/a+b.ndjson", "logs/a b.ndjson"),
            ("logs/a%2Bb.ndjson", "logs/a+b.ndjson"),
            ("logs/a%252Bb.ndjson", "logs/a%2Bb.ndjson"),
            ("logs/%C3%BC%F0%9F%98%80.log", "logs/ü😀.log"),
            ("logs/50%25.log", "logs/50%.log"),
            ("logs/a%zz", "logs/a%zz"),
            ("logs/100%", "logs/100%"),
            ("logs/%2e%2e/x.log", "logs/../x.log"),
        ];
        for (raw, decoded) in cases {
            assert_eq!(decode_event_key(raw).as_deref(), Ok(decoded), "{raw}");
        }
        assert!(decode_event_key("%FF").is_err());
    }
}
