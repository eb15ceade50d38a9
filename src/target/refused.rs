//! What a refusal of AWS says of the caller: credentials, clock, region.

/// Codes of credentials that are not valid, or not any more; with and without `Exception`.
const BAD_CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClient",
];

/// Does AWS say that the caller's credentials are not valid? A message that names a service speaks of that
/// service's own, which come a moment later. // aws-behaviours I10, I11
pub fn is_bad_credentials(code: &str, message: &str) -> bool {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    BAD_CREDENTIALS.iter().any(|bad| code.ends_with(bad)) && !message.contains("(Service:")
}

/// Does AWS say that the caller's clock is wrong? A wrong secret looks the same, but for `RequestTimeTooSkewed`
/// and messages that name times. // aws-behaviours I12
pub fn is_clock(code: &str, message: &str) -> bool {
    code.ends_with("RequestTimeTooSkewed")
        || (code.contains("Signature")
            && ["expired", "not yet current", "RequestTime"]
                .iter()
                .any(|word| message.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours I10, I11
    #[test]
    fn credentials_are_told_from_a_services_own_session() {
        let bare = "The security token included in the request is invalid.";
        for code in [
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
        ] {
            assert!(is_bad_credentials(code, bare), "{code}");
            let of_service = format!("{bare} (Service: AWSLambda; Status Code: 403)");
            assert!(!is_bad_credentials(code, &of_service), "{code}");
        }
        assert!(!is_bad_credentials("AccessDenied", bare));
    }

    /// aws-behaviours I12
    #[test]
    fn a_clock_is_told_from_a_wrong_secret() {
        assert!(is_clock("RequestTimeTooSkewed", ""));
        assert!(is_clock(
            "InvalidSignatureException",
            "Signature expired: 20261126T080000Z is now earlier than 20261126T090000Z"
        ));
        assert!(is_clock(
            "SignatureDoesNotMatch",
            "Signature not yet current: 20261126T080000Z is still later than 20261126T070000Z"
        ));
        assert!(!is_clock(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
        ));
    }
}
