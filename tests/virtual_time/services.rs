//! The simulated services answer the SDK as AWS does, as far as pipectl asks them.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_cloudformation::types::{ChangeSetStatus, ChangeSetType, Parameter, StackStatus};
use aws_sdk_iam::error::ProvideErrorMetadata as _;
use aws_sdk_iam::types::Tag;
use pipectl::wait;
use pipectl_testkit::simulated::{Cloud, Delays};
use tokio::time::Instant;

fn keys() -> Credentials {
    Credentials::new("k", "s", None, None, "test")
}

fn iam(cloud: &Arc<Cloud>) -> aws_sdk_iam::Client {
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(aws_sdk_iam::config::BehaviorVersion::latest())
        .region(aws_sdk_iam::config::Region::new("us-east-1"))
        .credentials_provider(keys())
        .endpoint_url(cloud.endpoint())
        .http_client(cloud.client());
    aws_sdk_iam::Client::from_conf(config.build())
}

fn formation(cloud: &Arc<Cloud>) -> aws_sdk_cloudformation::Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(aws_sdk_cloudformation::config::BehaviorVersion::latest())
        .region(aws_sdk_cloudformation::config::Region::new("us-east-1"))
        .credentials_provider(keys())
        .endpoint_url(cloud.endpoint())
        .http_client(cloud.client());
    aws_sdk_cloudformation::Client::from_conf(config.build())
}

#[tokio::test(start_paused = true)]
async fn roles_are_made_told_and_deleted() {
    let cloud = Cloud::start(Delays::AWS).await;
    let iam = iam(&cloud);
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().expect("a tag");
    let create = || {
        iam.create_role()
            .role_name("one")
            .path("/pipectl/stack/us-east-1/")
            .assume_role_policy_document(r#"{"Version": "2012-10-17"}"#)
            .permissions_boundary("arn:aws:iam::aws:policy/a")
            .tags(tag("pipectl:stack", "a & b"))
            .send()
    };
    let begun = Instant::now();
    let made = create().await.expect("made").role.expect("told");
    assert_eq!(begun.elapsed(), Delays::AWS.call);
    let arn = "arn:aws:iam::000000000000:role/pipectl/stack/us-east-1/one";
    assert_eq!(made.arn, arn);
    assert_eq!(cloud.iam().age(arn), Some(Delays::AWS.call / 2));
    let again = create().await.expect_err("it is there");
    assert_eq!(again.code(), Some("EntityAlreadyExists"));
    let listed = iam.list_roles().path_prefix("/pipectl/").send().await;
    let listed = listed.expect("a list").roles;
    assert!(listed.len() == 1 && listed[0].tags.is_none());
    let elsewhere = iam.list_roles().path_prefix("/other/").send().await;
    assert!(elsewhere.expect("a list").roles.is_empty());

    let policy = r#"{"Statement": [{"Resource": "*"}]}"#;
    let put = iam.put_role_policy().role_name("one").policy_name("access");
    put.policy_document(policy).send().await.expect("put");
    let get = iam.get_role_policy().role_name("one").policy_name("access");
    let told = get.send().await.expect("told").policy_document;
    assert!(told.starts_with("%7B%22Statement%22"), "{told}");
    let names = iam.list_role_policies().role_name("one").send().await;
    assert_eq!(names.expect("a list").policy_names, ["access"]);
    let attached = iam.list_attached_role_policies().role_name("one").send();
    let attached = attached.await.expect("a list").attached_policies;
    assert!(attached.unwrap_or_default().is_empty());

    let tagged = iam.tag_role().role_name("one").tags(tag("more", "1"));
    tagged.send().await.expect("tagged");
    let untagged = iam.untag_role().role_name("one").tag_keys("pipectl:stack");
    untagged.send().await.expect("untagged");
    let tags = iam.list_role_tags().role_name("one").send().await;
    assert_eq!(tags.expect("a list").tags, [tag("more", "1")]);
    let bare = iam.delete_role_permissions_boundary().role_name("one");
    bare.send().await.expect("deleted");
    let trust = iam.update_assume_role_policy().role_name("one");
    trust.policy_document("{}").send().await.expect("updated");
    let role = iam.get_role().role_name("one").send().await.expect("told");
    let role = role.role.expect("told");
    assert_eq!(role.assume_role_policy_document.as_deref(), Some("%7B%7D"));
    assert!(role.permissions_boundary.is_none() && role.tags.is_some());

    let kept = iam.delete_role().role_name("one").send().await;
    assert_eq!(kept.expect_err("kept").code(), Some("DeleteConflict"));
    let bare = iam
        .delete_role_policy()
        .role_name("one")
        .policy_name("access");
    bare.send().await.expect("deleted");
    iam.delete_role()
        .role_name("one")
        .send()
        .await
        .expect("deleted");
    let gone = iam.get_role().role_name("one").send().await;
    assert_eq!(gone.expect_err("gone").code(), Some("NoSuchEntity"));
}

#[tokio::test(start_paused = true)]
async fn stacks_are_made_by_change_sets_and_take_their_time() {
    let cloud = Cloud::start(Delays::AWS).await;
    let formation = formation(&cloud);
    let status = || async {
        let told = formation.describe_stacks().stack_name("one").send().await;
        let stacks = told.map(|told| told.stacks.unwrap_or_default());
        stacks.map(|stacks| stacks[0].stack_status.clone())
    };
    let absent = status().await.expect_err("absent");
    assert!(absent.to_string().contains("service error"));
    assert_eq!(absent.message(), Some("Stack with id one does not exist"));
    let create = |kind: ChangeSetType| {
        let parameter = Parameter::builder()
            .parameter_key("Name")
            .parameter_value("jobs");
        formation
            .create_change_set()
            .stack_name("one")
            .change_set_name("first")
            .change_set_type(kind)
            .template_body("Resources: {}")
            .parameters(parameter.build())
            .send()
    };
    let describe = || {
        let describe = formation.describe_change_set().stack_name("one");
        describe.change_set_name("first").send()
    };
    let made = create(ChangeSetType::Create).await.expect("a change set");
    assert!(made.id.is_some() && made.stack_id.is_some());
    assert_eq!(
        status().await.ok().flatten(),
        Some(StackStatus::ReviewInProgress)
    );
    let told = describe().await.expect("told");
    assert_eq!(
        told.status.as_ref().map(ChangeSetStatus::as_str),
        Some("CREATE_COMPLETE")
    );
    let execute = formation.execute_change_set().stack_name("one");
    execute
        .change_set_name("first")
        .send()
        .await
        .expect("begun");
    assert_eq!(
        status().await.ok().flatten(),
        Some(StackStatus::CreateInProgress)
    );
    wait::pause(Delays::AWS.stack).await;
    assert_eq!(
        status().await.ok().flatten(),
        Some(StackStatus::CreateComplete)
    );
    let template = formation.get_template().stack_name("one").send().await;
    let template = template.expect("told").template_body;
    assert_eq!(template.as_deref(), Some("Resources: {}"));

    let _ = create(ChangeSetType::Update).await.expect("a change set");
    let told = describe().await.expect("told");
    assert_eq!(
        told.status.as_ref().map(ChangeSetStatus::as_str),
        Some("FAILED")
    );
    let delete = formation.delete_change_set().stack_name("one");
    delete
        .change_set_name("first")
        .send()
        .await
        .expect("deleted");
    let resources = formation.list_stack_resources().stack_name("one").send();
    assert!(resources.await.is_ok());

    let deleted = formation.delete_stack().stack_name("one").send().await;
    deleted.expect("begun");
    assert_eq!(
        status().await.ok().flatten(),
        Some(StackStatus::DeleteInProgress)
    );
    wait::pause(Delays::AWS.stack + Duration::from_millis(1)).await;
    assert!(status().await.is_err() && cloud.resources() == 0);
}
