//! A project's own targets: `targets:` in `pipectl.yaml`. What the settings do is for the target stage;
//! here they are read and checked.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use crate::stack::address::Address;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::{Field, Section, flag, number, optional};
use crate::stack::source::{Entry, Node};
use crate::stack::suggest::{did_you_mean, quoted};
use crate::stack::units::Unit;

/// Names of the built-in targets.
pub const BUILT_IN: [&str; 3] = ["embedded", "localstack", "aws"];
/// The built-in target that pipectl serves: it has no endpoint to set.
const SERVED: &str = "embedded";
/// What can be set of it all the same.
const FIELDS_OF_SERVED: &[&str] = &["deadlines", "overrides"];

const TARGET: Section = Section {
    what: "a target",
    definition: "Target",
    fields: &[
        optional("like"),
        optional("endpoint"),
        flag("remote"),
        optional("region"),
        optional("credentials"),
        optional("expect_account"),
        optional("ca_file"),
        optional("capabilities"),
        optional("deadlines"),
        optional("overrides"),
    ],
};

const CREDENTIALS: Section = Section {
    what: "`credentials`",
    definition: "Credentials",
    fields: &[
        optional("access_key_id"),
        optional("secret_access_key"),
        optional("profile"),
    ],
};

const CAPABILITIES: Section = Section {
    what: "`capabilities`",
    definition: "Capabilities",
    fields: &[
        flag("roles"),
        flag("learner_lab"),
        flag("templates"),
        flag("global_bucket_names"),
        flag("queue_url_from_endpoint"),
        flag("plain_s3"),
        flag("runs_functions_on_host"),
        flag("runs_functions_on_amazon_linux"),
        flag("current_lists"),
        flag("one_mapping_per_pair"),
        flag("mappings_update_in_place"),
        flag("window_is_long_poll"),
        flag("message_move_tasks"),
    ],
};

const fn deadline(name: &'static str) -> Field {
    number(name, Unit::Seconds, (1, 3_600), None)
}

const DEADLINES: Section = Section {
    what: "`deadlines`",
    definition: "Deadlines",
    fields: &[
        deadline("table"),
        deadline("function"),
        deadline("mapping"),
        deadline("busy"),
        deadline("propagation"),
        deadline("throttled"),
        deadline("template"),
        deadline("queue_name"),
    ],
};

/// Does a key id look like one that AWS gave out?
pub fn is_key_of_aws(key: &str) -> bool {
    key.starts_with("AKIA") || key.starts_with("ASIA")
}

/// Capabilities that a target of a project can set.
pub fn capabilities() -> impl Iterator<Item = &'static str> {
    CAPABILITIES.names()
}

/// Deadlines that a target of a project can set.
pub fn deadlines() -> impl Iterator<Item = &'static str> {
    DEADLINES.names()
}

/// A target of the project's own, or what it changes of a built-in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnTarget {
    /// Name for `--target`.
    pub name: String,
    /// The built-in target that it is like; itself for a built-in one.
    pub like: String,
    /// Endpoint.
    pub endpoint: Option<String>,
    /// May the endpoint be on another machine that is not of a private network?
    pub remote: bool,
    /// Region.
    pub region: Option<String>,
    /// Credentials.
    pub credentials: Option<OwnCredentials>,
    /// The only account that it may be, by its id (12 digits).
    pub expect_account: Option<String>,
    /// Certificates to trust, as a PEM file; relative to the project.
    pub ca_file: Option<PathBuf>,
    /// Capabilities by name.
    pub capabilities: Vec<(String, bool)>,
    /// Deadlines by name.
    pub deadlines: Vec<(String, Duration)>,
}

/// Credentials of a target of the project's own.
#[derive(Clone, PartialEq, Eq)]
pub enum OwnCredentials {
    /// A pair that is written down: for endpoints that check none.
    Keys {
        /// Access key id.
        key: String,
        /// Secret key.
        secret: String,
    },
    /// What the SDK finds, for a profile or for the default one.
    Profile(Option<String>),
}

impl std::fmt::Debug for OwnCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keys { .. } => f.write_str("Keys(hidden)"),
            Self::Profile(profile) => f.debug_tuple("Profile").field(profile).finish(),
        }
    }
}

/// Reads one entry of `targets`; what is refused is told to the checker. With it come the overrides.
pub(in crate::stack) fn read<'a>(
    cx: &Checker<'a>,
    entry: &'a Entry,
) -> Option<(OwnTarget, Option<&'a Entry>)> {
    let name = entry.key.value.as_str();
    check_name(cx, entry);
    let path = ["targets", name];
    let reader = Reader::open(cx, entry, &path, &TARGET)?;
    if name == SERVED {
        refuse_for_served(cx, entry);
    }
    let target = OwnTarget {
        name: name.to_owned(),
        like: like(cx, &reader, name),
        endpoint: endpoint(cx, &reader),
        remote: reader.flag("remote"),
        region: reader.text("region").map(str::to_owned),
        credentials: credentials(cx, &reader),
        expect_account: account(cx, &reader),
        ca_file: reader.text("ca_file").map(PathBuf::from),
        capabilities: settings(&reader, "capabilities", &CAPABILITIES, |reader, name| {
            reader.get(name).map(|_| reader.flag(name))
        }),
        deadlines: settings(&reader, "deadlines", &DEADLINES, |reader, name| {
            reader
                .number(name)
                .map(|seconds| Duration::from_secs(seconds.into()))
        }),
    };
    let overrides = reader.get("overrides");
    reader.finish();
    Some((target, overrides))
}

/// Where pipectl serves the target, there is nothing to say about how it is reached.
fn refuse_for_served(cx: &Checker<'_>, entry: &Entry) {
    let fields = entry.value.value.entries().iter();
    for field in fields.filter(|field| {
        TARGET.field(&field.key.value).is_some()
            && !FIELDS_OF_SERVED.contains(&field.key.value.as_str())
    }) {
        cx.push(
            StackError::new(
                Code::FieldNotForKind,
                format!(
                    "the target `{SERVED}` is served by pipectl and has no `{}` to set",
                    field.key.value
                ),
                "remove it, or give the target another name; how it is served is under `embedded`",
            )
            .at(field.key.span, "not for this target"),
        );
    }
}

fn check_name(cx: &Checker<'_>, entry: &Entry) {
    let name = entry.key.value.as_str();
    let legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !legal {
        cx.push(
            StackError::new(
                Code::BadName,
                format!("a target cannot be called `{name}`"),
                "use lower-case letters, digits and hyphens, and begin with a letter",
            )
            .at(entry.key.span, "this name"),
        );
    }
}

fn like(cx: &Checker<'_>, reader: &Reader<'_, '_>, name: &str) -> String {
    let built_in = BUILT_IN.contains(&name);
    let Some(like) = reader.text("like") else {
        let like = if built_in { name } else { "localstack" };
        return like.to_owned();
    };
    let known = || BUILT_IN.into_iter().filter(|known| *known != SERVED);
    if built_in && like != name {
        cx.push(
            StackError::new(
                Code::UnknownValue,
                format!("`{name}` is built in and like itself"),
                "remove `like`, or give the target another name",
            )
            .at(cx.place(&reader.path("like")), "cannot be changed"),
        );
    } else if !built_in && !known().any(|known| known == like) {
        let help = did_you_mean(like, known(), || format!("use one of {}", quoted(known())));
        cx.push(
            StackError::new(
                Code::UnknownValue,
                format!("a target cannot be like `{like}`"),
                help,
            )
            .at(cx.place(&reader.path("like")), "unknown value"),
        );
    }
    like.to_owned()
}

fn endpoint(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Option<String> {
    let endpoint = reader.text("endpoint")?;
    let refuse = |message: String, help: &str| {
        cx.push(
            StackError::new(Code::UnknownValue, message, help)
                .at(cx.place(&reader.path("endpoint")), "this endpoint"),
        );
    };
    if Address::parse(endpoint).is_none() {
        refuse(
            format!("`{endpoint}` is not the address of an endpoint"),
            "write `http://HOST:PORT` or `https://HOST:PORT`",
        );
    }
    Some(endpoint.to_owned())
}

fn account(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Option<String> {
    let account = reader.text("expect_account")?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        cx.push(
            StackError::new(
                Code::UnknownValue,
                format!("`{account}` is not the id of an account"),
                "an account's id has 12 digits; put it in quotes",
            )
            .at(cx.place(&reader.path("expect_account")), "this value"),
        );
    }
    Some(account.to_owned())
}

fn credentials(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Option<OwnCredentials> {
    let entry = reader.get("credentials")?;
    let path = reader.path("credentials");
    if entry.value.value == Node::Text("default".to_owned()) {
        return Some(OwnCredentials::Profile(None));
    }
    let inner = Reader::open(cx, entry, &path, &CREDENTIALS)?;
    let text = |name| inner.text(name).map(str::to_owned);
    let found = (
        text("access_key_id"),
        text("secret_access_key"),
        text("profile"),
    );
    let at = |field: &'static str| cx.place(&inner.path(field));
    let read = match found {
        (Some(key), _, _) if is_key_of_aws(&key) => {
            cx.push(
                StackError::new(
                    Code::UnknownValue,
                    "a key of AWS does not belong in a file of the project",
                    "keep it in a profile and write `credentials: { profile: NAME }`",
                )
                .at(at("access_key_id"), "looks like a key of AWS"),
            );
            None
        }
        (Some(key), Some(secret), None) => Some(OwnCredentials::Keys { key, secret }),
        (None, None, Some(profile)) => Some(OwnCredentials::Profile(Some(profile))),
        _ => {
            cx.push(
                StackError::new(
                    Code::MissingField,
                    "`credentials` has neither a pair of keys nor a profile",
                    "write `{ access_key_id: …, secret_access_key: … }`, `{ profile: NAME }`, or `default` for what the AWS tools would use",
                )
                .at(entry.key.span, "these"),
            );
            None
        }
    };
    inner.finish();
    read
}

/// The settings that are written, of a map of settings that are all alike.
fn settings<'a, V>(
    reader: &Reader<'_, 'a>,
    name: &'static str,
    section: &'static Section,
    read: impl Fn(&Reader<'_, 'a>, &'static str) -> Option<V>,
) -> Vec<(String, V)> {
    let path = reader.path(name);
    let Some(inner) = reader
        .get(name)
        .and_then(|entry| Reader::open(reader.cx, entry, &path, section))
    else {
        return Vec::new();
    };
    let found = section
        .names()
        .filter_map(|name| Some((name.to_owned(), read(&inner, name)?)))
        .collect();
    inner.finish();
    found
}
