//! Time to live by the SDK; when items go is tested with the sweep.

use aws_sdk_dynamodb::types::{TimeToLiveSpecification, TimeToLiveStatus};

use super::{make_table, refusal};
use crate::common::{Running, code};

/// aws-behaviours D3, D5
#[tokio::test(flavor = "multi_thread")]
async fn time_to_live_goes_on_and_off() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let set = |attribute: &str, enabled: bool| {
        let wanted = TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(enabled)
            .build();
        client
            .update_time_to_live()
            .table_name("results")
            .time_to_live_specification(wanted.expect("complete"))
            .send()
    };
    let refused = |message: &str| ("ValidationException".to_owned(), message.to_owned());
    let status = async || {
        let described = client
            .describe_time_to_live()
            .table_name("results")
            .send()
            .await;
        let description = described.expect("described").time_to_live_description;
        let description = description.expect("a description");
        (description.time_to_live_status, description.attribute_name)
    };
    // aws-behaviours D5
    assert_eq!(status().await, (Some(TimeToLiveStatus::Disabled), None));
    // aws-behaviours D3
    assert_eq!(
        refusal(set("expires_at", false).await),
        refused("TimeToLive is already disabled")
    );
    let answered = set("expires_at", true).await.expect("on");
    let echoed = answered.time_to_live_specification().expect("an echo");
    assert_eq!(
        (echoed.attribute_name(), echoed.enabled()),
        ("expires_at", true)
    );
    assert_eq!(
        status().await,
        (
            Some(TimeToLiveStatus::Enabled),
            Some("expires_at".to_owned())
        )
    );
    assert_eq!(
        refusal(set("expires_at", true).await),
        refused("TimeToLive is already enabled")
    );
    assert_eq!(
        refusal(set("other", true).await),
        refused("TimeToLive is active on a different AttributeName")
    );
    set("expires_at", false).await.expect("off");
    assert_eq!(status().await, (Some(TimeToLiveStatus::Disabled), None));
    set("other", true).await.expect("on again");

    let running = running.restart().await;
    let client = running.dynamodb();
    let described = client
        .describe_time_to_live()
        .table_name("results")
        .send()
        .await;
    let description = described.expect("described").time_to_live_description;
    assert_eq!(
        description.and_then(|description| description.attribute_name),
        Some("other".to_owned())
    );
    let absent = client
        .describe_time_to_live()
        .table_name("absent")
        .send()
        .await;
    assert_eq!(code(absent), "ResourceNotFoundException");
}
