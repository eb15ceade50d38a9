//! Where the code of a function comes from: a zip in the request, or an object.

use std::io::{BufReader, Cursor};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::LambdaService;
use super::code::{self, Unpacked};
use super::handlers::invalid;
use crate::error::AwsError;

/// Largest zip in a request, bytes. One from S3 may have any size: only what is unpacked has a limit.
/// // aws-behaviours L7
const MAX_ZIP_BYTES: usize = 52_428_800;

/// Reads, checks and unpacks the code that a request names: `FunctionCode` of CreateFunction, or the
/// whole request of UpdateFunctionCode, which has the same fields.
pub(super) fn unpack(lambda: &LambdaService, code: &Value) -> Result<Unpacked, AwsError> {
    let given = |field: &str| !code[field].is_null();
    if given("ImageUri") {
        return Err(AwsError::not_implemented(
            "Lambda",
            "code from an image registry (send ZipFile, or S3Bucket and S3Key)",
        ));
    }
    let from_s3 = ["S3Bucket", "S3Key", "S3ObjectVersion"]
        .into_iter()
        .any(given);
    match (code["ZipFile"].as_str(), from_s3) {
        (None, false) => Err(invalid("Please provide a source for function code.")),
        (Some(_), true) => Err(invalid(
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        )),
        (Some(text), false) => {
            let zip = STANDARD
                .decode(text)
                .map_err(|_| invalid("ZipFile is not base64"))?;
            if zip.len() > MAX_ZIP_BYTES {
                return Err(AwsError::new(
                    413,
                    "RequestEntityTooLargeException",
                    format!(
                        "Request must be smaller than {MAX_ZIP_BYTES} bytes for the zipped code"
                    ),
                ));
            }
            code::unpack(&lambda.state.code, Cursor::new(zip))
        }
        (None, true) => {
            let text = |field: &str| code[field].as_str().filter(|text| !text.is_empty());
            let (Some(bucket), Some(key)) = (text("S3Bucket"), text("S3Key")) else {
                return Err(invalid(
                    "S3 Bucket and Key are required for uploading with S3 parameters.",
                ));
            };
            let objects = lambda.shared.bus.objects();
            let zip = objects
                .open(bucket, key, text("S3ObjectVersion"))
                .map_err(not_read)?;
            code::unpack(&lambda.state.code, BufReader::new(zip))
        }
    }
}

/// What S3 refuses is the caller's mistake, told in Lambda's words. A trouble of the machine is none, and
/// its status stays: by that clients know whether to try again.
fn not_read(error: AwsError) -> AwsError {
    if error.status >= 500 {
        let message = format!("the code cannot be read from S3: {}", error.message);
        return AwsError::new(error.status, "ServiceException", message);
    }
    invalid(format!(
        "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
        error.code, error.message
    ))
}
