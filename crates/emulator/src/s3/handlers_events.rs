//! Notification configuration, and handing events to the function service.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use s3s::dto::{
    Event, FilterRule, FilterRuleName, GetBucketNotificationConfigurationInput,
    GetBucketNotificationConfigurationOutput, LambdaFunctionConfiguration,
    NotificationConfigurationFilter, PutBucketNotificationConfigurationInput,
    PutBucketNotificationConfigurationOutput, S3KeyFilter,
};
use s3s::{S3Request, S3Result};
use uuid::Uuid;

use super::handlers::Core;
use super::state::Document;
use super::state_errors::invalid_argument;
use super::state_events::Delivery;
use super::state_rows::to_json;
use super::state_rules::{Rule, check};
use crate::bus::InvokePermission;
use crate::config::{ACCOUNT, REGION};
use crate::error::AwsError;

/// How long a refused event waits before it is handed over again, milliseconds.
const RETRY_MS: i64 = 1_000;

impl Core {
    /// Hands events over, in order. The function service keeps what it takes, so the outbox row
    /// goes at once; what it refuses stays and is tried again.
    pub(super) fn deliver(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let payload = Bytes::from(delivery.payload.clone());
            let handed = self
                .shared
                .bus
                .functions()
                .invoke_async(&delivery.function_arn, payload);
            match handed {
                Ok(()) => {}
                Err(error) if error.status == 404 => tracing::warn!(
                    function = delivery.function_arn, %error,
                    "dropped an S3 event: the function that a notification names is gone"
                ),
                Err(error) => {
                    tracing::error!(
                        function = delivery.function_arn, %error,
                        "could not hand over an S3 event; it is tried again"
                    );
                    self.refused
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(delivery);
                    self.bell.notify_one();
                    continue;
                }
            }
            if let Err(error) = self.store.settle(delivery.id) {
                // Then it is delivered again at the next start: at least once (aws-behaviours S12).
                tracing::error!(%error, "could not take a delivered S3 event out of the outbox");
            }
        }
    }

    /// Tries refused events again until the emulator stops.
    pub(super) async fn retry(self: Arc<Self>) {
        loop {
            let again = async {
                self.bell.notified().await;
                let clock = &self.shared.clock;
                clock.sleep_until(clock.now_ms() + RETRY_MS).await;
            };
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = again => {}
            }
            let refused =
                std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner));
            self.deliver(refused);
        }
    }

    pub(super) async fn put_bucket_notification_configuration(
        &self,
        request: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> S3Result<PutBucketNotificationConfigurationOutput> {
        let input = request.input;
        let wanted = input.notification_configuration;
        self.store.bucket(&input.bucket)?;
        let unsupported = [
            (
                wanted
                    .queue_configurations
                    .is_some_and(|list| !list.is_empty()),
                "a queue target",
            ),
            (
                wanted
                    .topic_configurations
                    .is_some_and(|list| !list.is_empty()),
                "a topic target",
            ),
            (wanted.event_bridge_configuration.is_some(), "EventBridge"),
        ];
        if let Some((_, what)) = unsupported.iter().find(|(present, _)| *present) {
            return Err(AwsError::not_implemented(
                "S3",
                &format!("PutBucketNotificationConfiguration with {what}"),
            )
            .into());
        }
        let rules = wanted
            .lambda_function_configurations
            .unwrap_or_default()
            .into_iter()
            .map(rule)
            .collect::<Result<Vec<_>, _>>()?;
        check(&rules)?;
        if input.skip_destination_validation != Some(true) {
            self.check_destinations(&input.bucket, &rules)?;
        }
        // aws-behaviours S8: everything is replaced.
        let document = to_json(&rules)?;
        self.store
            .put_notification(&input.bucket, &document, rules)?;
        Ok(PutBucketNotificationConfigurationOutput::default())
    }

    /// Every function must be there and let S3 invoke it for this bucket (aws-behaviours S9).
    fn check_destinations(&self, bucket: &str, rules: &[Rule]) -> Result<(), AwsError> {
        let source_arn = format!("arn:aws:s3:::{bucket}");
        for rule in rules {
            let permission = self.shared.bus.functions().permission(
                &rule.function_arn,
                "s3.amazonaws.com",
                &source_arn,
                ACCOUNT,
            );
            if permission != InvokePermission::Allowed {
                return Err(invalid_argument(
                    "Unable to validate the following destination configurations",
                ));
            }
        }
        Ok(())
    }

    pub(super) async fn get_bucket_notification_configuration(
        &self,
        request: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> S3Result<GetBucketNotificationConfigurationOutput> {
        let document = self
            .store
            .document(&request.input.bucket, Document::Notification)?;
        let rules = document
            .map(|document| Rule::parse_document(&document).map_err(AwsError::internal))
            .transpose()?
            .unwrap_or_default();
        Ok(GetBucketNotificationConfigurationOutput {
            lambda_function_configurations: (!rules.is_empty())
                .then(|| rules.into_iter().map(configuration).collect()),
            ..GetBucketNotificationConfigurationOutput::default()
        })
    }
}

/// Reads one function target; an id is made when there is none.
fn rule(configuration: LambdaFunctionConfiguration) -> Result<Rule, AwsError> {
    let mut rule = Rule {
        id: configuration
            .id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| Uuid::new_v4().to_string()),
        function_arn: configuration.lambda_function_arn,
        events: configuration.events.into_iter().map(Into::into).collect(),
        prefix: None,
        suffix: None,
    };
    if rule.id.len() > 255 {
        return Err(invalid_argument(
            "The Id must not be longer than 255 characters",
        ));
    }
    check_arn(&rule.function_arn)?;
    let filters = configuration
        .filter
        .and_then(|filter| filter.key)
        .and_then(|key| key.filter_rules)
        .unwrap_or_default();
    for filter in filters {
        let name = filter.name.as_ref().map_or("", FilterRuleName::as_str);
        let (slot, name) = match name.to_ascii_lowercase().as_str() {
            "prefix" => (&mut rule.prefix, "prefix"),
            "suffix" => (&mut rule.suffix, "suffix"),
            _ => {
                return Err(invalid_argument(
                    "filter rule name must be either prefix or suffix",
                ));
            }
        };
        if slot.is_some() {
            return Err(invalid_argument(format!(
                "Cannot specify more than one {name} rule in a filter."
            )));
        }
        *slot = Some(filter.value.unwrap_or_default());
    }
    Ok(rule)
}

/// A function of this region, or an alias or version of one.
fn check_arn(arn: &str) -> Result<(), AwsError> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "lambda", region, _, "function", _, ..] if region != REGION => {
            Err(invalid_argument(
                "The notification destination service region is not valid for the bucket location \
                 constraint",
            ))
        }
        ["arn", _, "lambda", _, _, "function", _, ..] => Ok(()),
        ["arn", _, _, _, _, _, ..] => Err(invalid_argument("The ARN is not well formed")),
        _ => Err(invalid_argument("The ARN could not be parsed")),
    }
}

/// The other way round. AWS gives filter names back as `Prefix` and `Suffix`, however they came.
fn configuration(rule: Rule) -> LambdaFunctionConfiguration {
    let filters: Vec<FilterRule> = [("Prefix", rule.prefix), ("Suffix", rule.suffix)]
        .into_iter()
        .filter_map(|(name, value)| {
            Some(FilterRule {
                name: Some(FilterRuleName::from_static(name)),
                value: Some(value?),
            })
        })
        .collect();
    LambdaFunctionConfiguration {
        events: rule.events.into_iter().map(Event::from).collect(),
        filter: (!filters.is_empty()).then_some(NotificationConfigurationFilter {
            key: Some(S3KeyFilter {
                filter_rules: Some(filters),
            }),
        }),
        id: Some(rule.id),
        lambda_function_arn: rule.function_arn,
    }
}
