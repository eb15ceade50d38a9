//! The AWS query protocol: form in, XML out.

use std::fmt::Write as _;

use axum::body::Body;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use percent_encoding::percent_decode;

use crate::error::AwsError;
use crate::service::{Request, Response};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// More than any query request has, bytes.
const MAX_BODY: usize = 1024 * 1024;

/// The operation that a request asks for, from its query or its form.
pub(super) async fn action(request: Request) -> Result<String, AwsError> {
    let from_query = request
        .uri()
        .query()
        .and_then(|query| form_value(query.as_bytes(), "Action"));
    if let Some(action) = from_query {
        return Ok(action);
    }
    let body = Limited::new(request.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|error| AwsError::bad_request("MalformedInput", error.to_string()))?;
    form_value(&body.to_bytes(), "Action").ok_or_else(|| {
        AwsError::bad_request(
            "MissingAction",
            "The request must contain the parameter Action",
        )
    })
}

/// A field of a form, decoded (`+` is a space).
pub(crate) fn form_value(form: &[u8], name: &str) -> Option<String> {
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        let spaced: Vec<u8> = value
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        Some(percent_decode(&spaced).decode_utf8_lossy().into_owned())
    })
}

/// A success: the fields in an `…Result` element.
pub(super) fn result(operation: &str, fields: &[(&str, &str)]) -> Response {
    let mut inner = String::new();
    for (name, value) in fields {
        // Writing to a string cannot fail.
        let _ = write!(inner, "<{name}>{}</{name}>", escape(value));
    }
    let id = uuid::Uuid::new_v4().to_string();
    let xml = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{inner}</{operation}Result>\
         <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    respond(StatusCode::OK, xml, &id)
}

/// An error of a query-protocol service.
pub(crate) fn query_error(error: &AwsError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let side = if status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let id = uuid::Uuid::new_v4().to_string();
    let xml = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{side}</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
        escape(&error.code),
        escape(&error.message),
    );
    respond(status, xml, &id)
}

fn respond(status: StatusCode, xml: String, id: &str) -> Response {
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no way to write these.
            control if control.is_control() && !matches!(control, '\t' | '\n' | '\r') => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}
