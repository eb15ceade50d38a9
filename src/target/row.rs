//! Rows: targets before they were reached. Some are built in; a project's own ones are made of what
//! `pipectl.yaml` says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Capabilities, Deadlines, Parallel};
use crate::stack::{OwnCredentials, OwnTarget};

/// Name of the target that pipectl serves itself.
pub const EMBEDDED: &str = "embedded";

/// Text that is written into the program or read from a file.
pub type Text = Cow<'static, str>;

/// Half of a key pair that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Text);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Which credentials a target's calls carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A pair that is written down: for endpoints that check none.
    Keys {
        /// Access key id.
        key: Text,
        /// Secret key.
        secret: Secret,
        /// Does the environment's pair go first? A pair of AWS's own never does: it is sent to AWS only.
        unless_set: bool,
    },
    /// What the SDK finds: environment, profiles, SSO, processes, roles.
    Chain {
        /// A profile that is named.
        profile: Option<Text>,
    },
}

/// One row: a target before it was reached.
#[derive(Debug, Clone)]
pub struct TargetRow {
    /// Name for `--target`.
    pub name: Text,
    /// One line for help and errors.
    pub summary: Text,
    /// Endpoint when neither `--endpoint` nor `AWS_ENDPOINT_URL` says otherwise; none where pipectl starts
    /// it, or the SDK knows it.
    pub default_endpoint: Option<Text>,
    /// Did somebody write that endpoint down for this target?
    pub endpoint_is_own: bool,
    /// May its endpoint be on another machine that is not of a private network?
    pub remote: bool,
    /// Region; none where the environment or a profile says it.
    pub region: Option<Text>,
    /// Credentials.
    pub credentials: Credentials,
    /// The only account that it may be, by its id.
    pub expect_account: Option<String>,
    /// Certificates that are trusted besides the system's, as a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Capabilities, before the program behind the endpoint is known.
    pub capabilities: Capabilities,
    /// Capabilities that are what somebody wrote, whatever the program behind the endpoint is.
    pub settled: BTreeMap<String, bool>,
    /// Deadlines.
    pub deadlines: Deadlines,
    /// Calls at once.
    pub parallel: Parallel,
}

impl TargetRow {
    /// Are its calls signed for AWS, and not with keys that an endpoint does not check?
    pub fn signs_for_aws(&self) -> bool {
        matches!(self.credentials, Credentials::Chain { .. })
    }
}

/// The built-in rows.
pub static ROWS: &[TargetRow] = &[
    TargetRow {
        name: Cow::Borrowed(EMBEDDED),
        summary: Cow::Borrowed("served by pipectl itself on this machine"),
        default_endpoint: None,
        endpoint_is_own: false,
        remote: false,
        region: Some(Cow::Borrowed("us-east-1")),
        credentials: Credentials::Keys {
            key: Cow::Borrowed("embedded"),
            secret: Secret(Cow::Borrowed("embedded")),
            unless_set: false,
        },
        expect_account: None,
        ca_file: None,
        capabilities: Capabilities {
            self_served: true,
            roles: false,
            learner_lab: false,
            templates: false,
            global_bucket_names: false,
            queue_url_from_endpoint: true,
            plain_s3: true,
            runs_functions_on_host: true,
            runs_functions_on_amazon_linux: false,
            current_lists: true,
            one_mapping_per_pair: true,
            mappings_update_in_place: true,
            window_is_long_poll: false,
            message_move_tasks: true,
        },
        settled: BTreeMap::new(),
        deadlines: Deadlines::LOCAL,
        parallel: Parallel::LOCAL,
    },
    TargetRow {
        name: Cow::Borrowed("localstack"),
        summary: Cow::Borrowed(
            "an endpoint that speaks LocalStack's protocol, by default on port 4566",
        ),
        default_endpoint: Some(Cow::Borrowed("http://localhost:4566")),
        endpoint_is_own: false,
        remote: false,
        region: Some(Cow::Borrowed("us-east-1")),
        credentials: Credentials::Keys {
            key: Cow::Borrowed("test"),
            secret: Secret(Cow::Borrowed("test")),
            unless_set: true,
        },
        expect_account: None,
        ca_file: None,
        capabilities: Capabilities {
            self_served: false,
            roles: false,
            learner_lab: false,
            templates: true,
            global_bucket_names: false,
            queue_url_from_endpoint: false,
            plain_s3: true,
            runs_functions_on_host: true,
            runs_functions_on_amazon_linux: false,
            current_lists: true,
            one_mapping_per_pair: false,
            mappings_update_in_place: true,
            window_is_long_poll: false,
            message_move_tasks: true,
        },
        settled: BTreeMap::new(),
        deadlines: Deadlines::LOCAL,
        parallel: Parallel::LOCAL,
    },
    TargetRow {
        name: Cow::Borrowed("aws"),
        summary: Cow::Borrowed("AWS, with the credentials that its own tools would use"),
        default_endpoint: None,
        endpoint_is_own: false,
        remote: false,
        region: None,
        credentials: Credentials::Chain { profile: None },
        expect_account: None,
        ca_file: None,
        capabilities: Capabilities {
            self_served: false,
            roles: true,
            learner_lab: false,
            templates: true,
            global_bucket_names: true,
            queue_url_from_endpoint: false,
            plain_s3: false,
            runs_functions_on_host: false,
            runs_functions_on_amazon_linux: true,
            current_lists: false,
            one_mapping_per_pair: true,
            mappings_update_in_place: true,
            window_is_long_poll: false,
            message_move_tasks: true,
        },
        settled: BTreeMap::new(),
        deadlines: Deadlines::AWS,
        parallel: Parallel::AWS,
    },
];

/// The built-in row called `name`.
pub fn row(name: &str) -> Option<&'static TargetRow> {
    ROWS.iter().find(|row| row.name == name)
}

/// All rows of a project: the built-in ones, as its settings change them, and its own. Paths are relative
/// to `root`.
pub fn rows(own: &[OwnTarget], root: &Path) -> Vec<Arc<TargetRow>> {
    let changed = ROWS.iter().map(|row| {
        own.iter()
            .find(|own| own.name == row.name)
            .map_or_else(|| row.clone(), |own| made(own, row, root))
    });
    let more = own.iter().filter(|own| row(&own.name).is_none());
    // The stack stage knows the names of the rows that can be likened to.
    let more = more.filter_map(|own| Some(made(own, row(&own.like)?, root)));
    changed.chain(more).map(Arc::new).collect()
}

fn made(own: &OwnTarget, like: &TargetRow, root: &Path) -> TargetRow {
    let mut row = like.clone();
    if own.name != own.like {
        row.name = Cow::Owned(own.name.clone());
        row.summary = Cow::Owned(format!("of this project, like {}", own.like));
    }
    if let Some(endpoint) = &own.endpoint {
        row.default_endpoint = Some(Cow::Owned(endpoint.clone()));
        row.endpoint_is_own = true;
    }
    if let Some(region) = &own.region {
        row.region = Some(Cow::Owned(region.clone()));
    }
    row.remote = own.remote;
    match &own.credentials {
        None => {}
        Some(OwnCredentials::Keys { key, secret }) => {
            row.credentials = Credentials::Keys {
                key: Cow::Owned(key.clone()),
                secret: Secret(Cow::Owned(secret.clone())),
                unless_set: false,
            };
        }
        Some(OwnCredentials::Profile(profile)) => {
            row.credentials = Credentials::Chain {
                profile: profile.clone().map(Cow::Owned),
            };
        }
    }
    row.expect_account.clone_from(&own.expect_account);
    row.ca_file = own.ca_file.as_ref().map(|file| root.join(file));
    for (name, value) in &own.capabilities {
        row.capabilities.set(name, *value);
        row.settled.insert(name.clone(), *value);
    }
    for (name, value) in &own.deadlines {
        row.deadlines.set(name, *value);
    }
    row
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stack::settings;

    #[test]
    fn the_file_knows_what_can_be_set_and_which_rows_there_are() {
        let known = Capabilities::NAMES.iter().copied();
        let known = known.filter(|name| *name != "self_served");
        assert!(settings::capabilities().eq(known));
        assert!(settings::deadlines().eq(Deadlines::NAMES.iter().copied()));
        let rows: Vec<&str> = ROWS.iter().map(|row| &*row.name).collect();
        assert_eq!(settings::BUILT_IN, rows[..]);
    }

    #[test]
    fn the_document_names_every_setting_and_its_example_is_valid() {
        let document = include_str!("../../docs/targets.md");
        for capability in settings::capabilities() {
            let row = format!("| `{capability}` |");
            assert!(document.contains(&row), "{capability}");
        }
        for deadline in settings::deadlines() {
            assert!(document.contains(&format!("`{deadline}`")), "{deadline}");
        }
        let example = document.split("```yaml").nth(1).expect("an example");
        let example = example.split("```").next().expect("its end");
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("pipectl.yaml"), example).expect("written");
        let project = crate::stack::project(directory.path()).expect("a valid example");
        let rows = rows(&project.targets, directory.path());
        let team = rows.iter().find(|row| row.name == "team").expect("in it");
        assert!(team.remote && team.settled.contains_key("message_move_tasks"));
    }

    #[test]
    fn an_own_row_is_like_another_but_for_what_it_says() {
        let own = OwnTarget {
            name: "team".to_owned(),
            like: "localstack".to_owned(),
            endpoint: Some("https://team.example:4566".to_owned()),
            remote: true,
            region: Some("eu-central-1".to_owned()),
            credentials: Some(OwnCredentials::Keys {
                key: "k".to_owned(),
                secret: "very secret".to_owned(),
            }),
            ca_file: Some("ca.pem".into()),
            expect_account: None,
            capabilities: vec![("message_move_tasks".to_owned(), false)],
            deadlines: vec![("table".to_owned(), Duration::from_secs(7))],
        };
        let rows = rows(std::slice::from_ref(&own), Path::new("/project"));
        assert_eq!(rows.len(), ROWS.len() + 1);
        let team = rows.last().expect("the own one");
        assert_eq!(team.ca_file.as_deref(), Some(Path::new("/project/ca.pem")));
        assert_eq!(team.deadlines.table, Duration::from_secs(7));
        assert_eq!(team.deadlines.function, Deadlines::LOCAL.function);
        assert!(!team.capabilities.message_move_tasks && team.capabilities.plain_s3);
        assert!(!format!("{team:?}").contains("very secret"));
    }

    #[test]
    fn a_built_in_row_can_be_changed() {
        let own = OwnTarget {
            name: "localstack".to_owned(),
            like: "localstack".to_owned(),
            endpoint: Some("http://localhost:4510".to_owned()),
            ..OwnTarget::default()
        };
        let rows = rows(&[own], Path::new("/project"));
        assert_eq!(rows.len(), ROWS.len());
        let row = rows.iter().find(|row| row.name == "localstack");
        let row = row.expect("still there");
        assert_eq!(
            row.default_endpoint.as_deref(),
            Some("http://localhost:4510")
        );
        assert_eq!(
            row.summary,
            super::row("localstack").expect("built in").summary
        );
    }
}
