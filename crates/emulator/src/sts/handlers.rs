//! One function per STS operation.

use crate::config::ACCOUNT;
use crate::error::AwsError;
use crate::service::{Request, Response};

use super::wire;

pub(super) async fn answer(request: Request) -> Response {
    let action = match wire::action(request).await {
        Ok(action) => action,
        Err(error) => return wire::query_error(&error),
    };
    match action.as_str() {
        "GetCallerIdentity" => get_caller_identity(),
        other => wire::query_error(&AwsError::not_implemented("STS", other)),
    }
}

fn get_caller_identity() -> Response {
    let arn = format!("arn:aws:iam::{ACCOUNT}:root");
    // A root user's id is its account.
    wire::result(
        "GetCallerIdentity",
        &[("Arn", &arn), ("UserId", ACCOUNT), ("Account", ACCOUNT)],
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;

    use super::super::OPERATIONS;
    use super::*;
    use crate::service::{Operation, Support};

    async fn post(body: &'static str) -> (u16, String) {
        let request = http::Request::post("/")
            .body(Body::from(body))
            .expect("a request");
        let response = answer(request).await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body");
        (
            status,
            String::from_utf8(bytes.to_bytes().to_vec()).expect("text"),
        )
    }

    #[tokio::test]
    async fn the_caller_is_the_root_of_the_account() {
        let (status, xml) = post("Action=GetCallerIdentity&Version=2011-06-15").await;
        assert_eq!(status, 200);
        assert!(xml.contains("<Arn>arn:aws:iam::000000000000:root</Arn>"));
        assert!(xml.contains("<Account>000000000000</Account>"));
    }

    #[tokio::test]
    async fn what_is_not_served_is_named_and_escaped() {
        let (status, xml) = post("Version=2011-06-15&Action=Assume%3CRole%3E").await;
        assert_eq!(status, 501);
        assert!(xml.contains("<Code>NotImplemented</Code>"));
        assert!(xml.contains("STS Assume&lt;Role&gt; is not implemented"));
        let (status, xml) = post("").await;
        assert_eq!(status, 400);
        assert!(xml.contains("<Code>MissingAction</Code>"));
    }

    #[tokio::test]
    async fn what_is_absent_answers_501_and_nothing_else_does() {
        for Operation { name, support } in OPERATIONS {
            let body = format!("Action={name}&Version=2011-06-15");
            let request = http::Request::post("/")
                .body(Body::from(body))
                .expect("a request");
            let status = answer(request).await.status().as_u16();
            assert_eq!(
                status == 501,
                *support == Support::NotImplemented,
                "{name}: {status}"
            );
        }
    }
}
