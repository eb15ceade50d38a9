//! CloudWatch Logs log groups, one per function: made before the function, so that the group has
//! its retention and our tags from the first line on. // aws-behaviours C2, C3

use async_trait::async_trait;

use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Identity, Live, Observed, Place, Resolved, ResourceKind, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Stack};

/// Log groups.
pub struct LogGroupKind;

const GONE: &[&str] = &["ResourceNotFoundException"];

#[async_trait]
impl ResourceKind for LogGroupKind {
    fn kind(&self) -> Kind {
        Kind::LogGroup
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .functions
            .iter()
            .map(|function| {
                let name = format!("/aws/lambda/{}", place.name(stack, &function.name));
                let identity = Identity {
                    arn: Some(place.arn("logs", &format!("log-group:{name}"))),
                    name,
                    url: None,
                };
                Wanted::new(LogicalId::new(Kind::LogGroup, &function.name), identity)
                    .with("retention_days", function.log_retention.0)
            })
            .collect()
    }

    async fn observe(&self, cx: &Context, wanted: &Wanted) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let arn = wanted.identity.arn.clone().unwrap_or_default();
        let groups = async {
            cx.clients
                .logs
                .describe_log_groups()
                .log_group_name_prefix(name)
                .send()
                .await
                .map_err(failed("DescribeLogGroups"))
        };
        let tags = async {
            cx.clients
                .logs
                .list_tags_for_resource()
                .resource_arn(&arn)
                .send()
                .await
                .map_err(failed("ListTagsForResource"))
        };
        let (groups, tags) = futures::join!(groups, tags);
        let group = groups?
            .log_groups
            .unwrap_or_default()
            .into_iter()
            .find(|group| group.log_group_name.as_deref() == Some(name));
        let Some(group) = group else {
            return Ok(Observed::Absent);
        };
        let tags = absent(tags, GONE)?
            .and_then(|answer| answer.tags)
            .unwrap_or_default();
        let mut attrs = Attrs::new();
        if let Some(days) = group.retention_in_days {
            attrs.insert("retention_days".to_owned(), days.into());
        }
        let live = Live {
            identity: wanted.identity.clone(),
            attrs,
            state: "Available".to_owned(),
            ..Live::default()
        };
        // A group without tags is one that late log deliveries of a deleted function made again
        // under our function's name: it is nobody's. // aws-behaviours C2
        let ours = tags.is_empty() || cx.owns(tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        Ok(if ours {
            Observed::Owned(live)
        } else {
            Observed::Unowned(live)
        })
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let answer = cx
            .clients
            .logs
            .create_log_group()
            .log_group_name(&wanted.identity.name)
            .set_tags(Some(cx.tags(&wanted.id).into_iter().collect()))
            .send()
            .await;
        // aws-behaviours C1
        absent(
            answer.map_err(failed("CreateLogGroup")),
            &["ResourceAlreadyExistsException"],
        )?;
        Ok(Live {
            identity: wanted.identity.clone(),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        let days = wanted.number("retention_days");
        if live
            .attrs
            .get("retention_days")
            .and_then(serde_json::Value::as_i64)
            == days
        {
            return Ok(());
        }
        cx.clients
            .logs
            .put_retention_policy()
            .log_group_name(&wanted.identity.name)
            .retention_in_days(days.unwrap_or_default() as i32)
            .send()
            .await
            .map_err(failed("PutRetentionPolicy"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live) -> Result<(), CallError> {
        let answer = cx
            .clients
            .logs
            .delete_log_group()
            .log_group_name(&live.identity.name)
            .send()
            .await;
        absent(answer.map_err(failed("DeleteLogGroup")), GONE).map(|_| ())
    }
}
