//! Errors as AWS shapes them in each protocol, so that SDKs find code, message and request id.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::operation::Protocol;

/// An error that can be sent.
pub(super) struct ErrorAnswer {
    pub status: StatusCode,
    pub code: HeaderValue,
    pub message: String,
}

impl ErrorAnswer {
    /// Takes what a test wants to be answered.
    ///
    /// # Panics
    /// When it cannot be: the status is not one of an error, or the code has more than plain characters.
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        let known = StatusCode::from_u16(status).ok();
        let Some(status) = known.filter(|_| (300..600).contains(&status)) else {
            panic!("not the status of an error: {status}");
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-#:/".contains(c);
        assert!(
            !code.is_empty() && code.chars().all(plain),
            "not the code of an error: {code:?}"
        );
        Self {
            status,
            code: HeaderValue::from_str(code).expect("plain characters"),
            message: message.to_owned(),
        }
    }

    /// The answer to a call in this protocol.
    pub(super) fn respond(&self, protocol: Protocol, request_id: &str) -> Response<Full<Bytes>> {
        let code = self.code.to_str().unwrap_or_default();
        let message = &self.message;
        let xml = escaped(message);
        let (content_type, body) = match protocol {
            Protocol::Json => (
                "application/x-amz-json-1.0",
                json!({ "__type": code, "message": message }).to_string(),
            ),
            Protocol::RestJson => (
                "application/json",
                json!({ "Message": message, "message": message }).to_string(),
            ),
            Protocol::S3 => (
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                     <Message>{xml}</Message><RequestId>{request_id}</RequestId></Error>"
                ),
            ),
            Protocol::Query => (
                "text/xml",
                format!(
                    "<ErrorResponse><Error><Type>{}</Type><Code>{code}</Code>\
                     <Message>{xml}</Message></Error><RequestId>{request_id}</RequestId>\
                     </ErrorResponse>",
                    if self.status.is_server_error() {
                        "Receiver"
                    } else {
                        "Sender"
                    }
                ),
            ),
        };
        let id_header = match protocol {
            Protocol::S3 => "x-amz-request-id",
            Protocol::Json | Protocol::RestJson | Protocol::Query => "x-amzn-requestid",
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(
            HeaderName::from_static(id_header),
            HeaderValue::from_str(request_id).expect("an id of letters and digits"),
        );
        if matches!(protocol, Protocol::Json | Protocol::RestJson) {
            let error_type = HeaderName::from_static("x-amzn-errortype");
            headers.insert(error_type, self.code.clone());
        }
        response
    }
}

/// An answer as it is.
///
/// # Panics
/// When it cannot be sent.
pub(super) fn reply(
    status: u16,
    headers: &[(String, String)],
    body: &str,
) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(body.to_owned()));
    response.body(body).expect("an answer that can be sent")
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "not the status of an error: 200")]
    fn a_success_is_no_error() {
        ErrorAnswer::new(200, "Code", "");
    }

    #[test]
    #[should_panic(expected = "not the code of an error: \"Rate exceeded\"")]
    fn a_code_is_one_word() {
        ErrorAnswer::new(400, "Rate exceeded", "");
    }
}
