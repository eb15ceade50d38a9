//! Answers and errors in the shapes of AWS's protocols.

use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use serde_json::json;

/// An error of a service, by its code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// AWS's code.
    pub code: &'static str,
    /// The message.
    pub message: String,
}

impl Refused {
    /// An error.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

/// What a service of the query protocol answers: the inside of its result, or an error.
pub(super) fn query(
    namespace: &str,
    operation: &str,
    result: Result<String, Refused>,
) -> Response<Bytes> {
    let id = "<RequestId>00000000-0000-0000-0000-000000000000</RequestId>";
    let (status, body) = match result {
        Ok(inside) => (
            200,
            format!(
                "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{inside}\
                 </{operation}Result><ResponseMetadata>{id}</ResponseMetadata></{operation}Response>"
            ),
        ),
        Err(refused) => (
            refused.status,
            format!(
                "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type><Code>{}</Code>\
                 <Message>{}</Message></Error>{id}</ErrorResponse>",
                refused.code,
                escaped(&refused.message)
            ),
        ),
    };
    response(status, "text/xml", body)
}

/// An error of Lambda.
pub(super) fn lambda(refused: &Refused) -> Response<Bytes> {
    let body = json!({ "Type": "User", "Message": refused.message }).to_string();
    let mut response = response(refused.status, "application/json", body);
    let code = hyper::header::HeaderValue::from_static(refused.code);
    response.headers_mut().insert("x-amzn-errortype", code);
    response
}

fn response(status: u16, kind: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// An element with text in it; none for none.
pub(super) fn element(name: &str, text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| {
        format!("<{name}>{}</{name}>", escaped(text))
    })
}

/// A list of members.
pub(super) fn list(name: &str, members: impl Iterator<Item = String>) -> String {
    let members: Vec<String> = members
        .map(|member| format!("<member>{member}</member>"))
        .collect();
    format!("<{name}>{}</{name}>", members.concat())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
