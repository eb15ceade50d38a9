//! What a client says about the bytes of a body: `Content-MD5`, `x-amz-checksum-*` in a header or
//! behind the body. Objects, parts and XML documents are held against it alike.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::state_checksum::Algorithm;
use super::state_errors::invalid_request;
use super::wire_chunked::Trailers;
use crate::error::AwsError;

/// What follows `x-amz-checksum-` without being an algorithm.
const NOT_ALGORITHMS: [&str; 3] = ["algorithm", "mode", "type"];

/// What is claimed of a body.
pub(super) struct Claims {
    md5: Option<Vec<u8>>,
    /// The algorithm of a value that is given, or that follows the body.
    pub algorithm: Option<Algorithm>,
    /// The value from the headers, base64.
    value: Option<String>,
    trailers: Trailers,
}

impl Claims {
    /// Reads the headers. Refuses what cannot be right before a byte of the body is read.
    pub(super) fn read(headers: &HeaderMap, trailers: Trailers) -> Result<Self, AwsError> {
        let text = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.trim())
        };
        let md5 = text("content-md5").map(md5).transpose()?;
        let mut given = Vec::new();
        for name in headers.keys() {
            let Some(algorithm) = algorithm_of(name.as_str())? else {
                continue;
            };
            let value = text(name.as_str()).unwrap_or_default();
            if !algorithm.is_value(value) {
                return Err(invalid_request(format!(
                    "Value for {name} header is invalid."
                )));
            }
            given.push((algorithm, Some(value.to_owned())));
        }
        for name in text("x-amz-trailer").unwrap_or_default().split(',') {
            let name = name.trim().to_ascii_lowercase();
            if let Some(algorithm) = algorithm_of(&name)? {
                given.push((algorithm, None));
            } else if !name.is_empty() {
                return Err(invalid_request(
                    "The value specified in the x-amz-trailer header is not supported",
                ));
            }
        }
        if given.len() > 1 {
            return Err(invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not \
                 allowed.",
            ));
        }
        let given = given.pop();
        if let Some(named) = text("x-amz-sdk-checksum-algorithm") {
            let named = Algorithm::parse(named).ok_or_else(|| unsupported(named))?;
            match &given {
                None => {
                    return Err(invalid_request(
                        "x-amz-sdk-checksum-algorithm specified, but no corresponding \
                         x-amz-checksum-* or x-amz-trailer headers were found.",
                    ));
                }
                Some((algorithm, _)) if *algorithm != named => {
                    return Err(invalid_request(
                        "Value for x-amz-sdk-checksum-algorithm header is invalid.",
                    ));
                }
                Some(_) => {}
            }
        }
        let (algorithm, value) = given.unzip();
        Ok(Self {
            md5,
            algorithm,
            value: value.flatten(),
            trailers,
        })
    }

    /// Is there anything to hold the body against?
    pub(super) fn any(&self) -> bool {
        self.md5.is_some() || self.algorithm.is_some()
    }

    /// Holds the body, now that it was read, against what was claimed. `value_of` is its checksum.
    pub(super) fn check(
        &self,
        md5: [u8; 16],
        value_of: impl FnOnce(Algorithm) -> Option<String>,
    ) -> Result<(), AwsError> {
        if self.md5.as_deref().is_some_and(|claimed| claimed != md5) {
            return Err(AwsError::bad_request(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let Some(algorithm) = self.algorithm else {
            return Ok(());
        };
        let claimed = match &self.value {
            Some(value) => value.clone(),
            None => self.trailing(algorithm)?,
        };
        if value_of(algorithm).as_ref() != Some(&claimed) {
            return Err(bad_checksum(algorithm));
        }
        Ok(())
    }

    fn trailing(&self, algorithm: Algorithm) -> Result<String, AwsError> {
        let name = algorithm.header();
        let value = self.trailers.get(name).ok_or_else(|| {
            AwsError::bad_request(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform \
                 to our published schema.",
            )
        })?;
        if !algorithm.is_value(&value) {
            return Err(invalid_request(format!(
                "Value for {name} trailing header is invalid."
            )));
        }
        Ok(value)
    }
}

/// 400 `BadDigest` about a checksum.
pub(super) fn bad_checksum(algorithm: Algorithm) -> AwsError {
    AwsError::bad_request(
        "BadDigest",
        format!(
            "The {} you specified did not match the calculated checksum.",
            algorithm.name()
        ),
    )
}

/// 501 for an algorithm that AWS has and this does not; 400 for one that nobody has.
pub(super) fn unsupported(name: &str) -> AwsError {
    const OTHERS: [&str; 5] = ["MD5", "SHA512", "XXHASH128", "XXHASH3", "XXHASH64"];
    let name = name.to_ascii_uppercase();
    if OTHERS.contains(&name.as_str()) {
        return AwsError::not_implemented("S3", &format!("checksum by {name}"));
    }
    invalid_request(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
         [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
    )
}

/// The algorithm of a header `x-amz-checksum-*`.
fn algorithm_of(header: &str) -> Result<Option<Algorithm>, AwsError> {
    match header.strip_prefix("x-amz-checksum-") {
        None => Ok(None),
        Some(name) if NOT_ALGORITHMS.contains(&name) => Ok(None),
        Some(name) => Algorithm::parse(name)
            .map(Some)
            .ok_or_else(|| unsupported(name)),
    }
}

fn md5(value: &str) -> Result<Vec<u8>, AwsError> {
    STANDARD
        .decode(value)
        .ok()
        .filter(|digest| digest.len() == 16)
        .ok_or_else(|| {
            AwsError::bad_request(
                "InvalidDigest",
                "The Content-MD5 you specified was invalid.",
            )
        })
}
