//! What several verbs begin with: finding the stack, choosing and reaching the target.

use std::path::PathBuf;

use super::{Global, Stop};
use crate::event::{Event, Sink};
use crate::failure::CommandError;
use crate::package::{self, Artifact, RunsOn};
use crate::render::Renderer;
use crate::resource::{Context, Place};
use crate::stack::{self, model::Stack};
use crate::target::{
    self, EMBEDDED, Product, ProductName, Target, TargetError, TargetRow, clients, embedded, record,
};

/// The stack file to use, and the stack in it for a target.
pub(super) fn load(global: &Global, target: &str) -> Result<Stack, Stop> {
    let file = match &global.stack {
        Some(file) => file.clone(),
        None => stack::discover(&current_dir()?)?,
    };
    Ok(stack::load(&file, target)?)
}

fn current_dir() -> Result<PathBuf, Stop> {
    std::env::current_dir().map_err(|error| {
        CommandError::Project {
            root: ".".to_owned(),
            cause: error.to_string(),
        }
        .into()
    })
}

fn find_row(name: &str) -> Result<&'static TargetRow, TargetError> {
    target::row(name).ok_or_else(|| TargetError::Unknown {
        name: name.to_owned(),
        known: target::ROWS
            .iter()
            .map(|row| row.name)
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The row that `--target` names; without it the embedded one.
pub(super) fn named_row(global: &Global) -> Result<&'static TargetRow, Stop> {
    Ok(find_row(global.target.as_deref().unwrap_or(EMBEDDED))?)
}

/// The row to act on when a stack should be up already: the named one, else the only recorded one.
pub(super) fn recorded_row(global: &Global) -> Result<(Stack, &'static TargetRow), Stop> {
    let mut row = named_row(global)?;
    let mut stack = load(global, row.name)?;
    if global.target.is_none() {
        let recorded = record::targets(&stack.root, &stack.name);
        match recorded.keys().collect::<Vec<_>>()[..] {
            [] => {}
            [only] if only == row.name => {}
            [only] => {
                row = find_row(only)?;
                stack = load(global, row.name)?;
            }
            [..] => {
                return Err(TargetError::Ambiguous {
                    recorded: recorded.into_keys().collect::<Vec<_>>().join(", "),
                }
                .into());
            }
        }
    }
    Ok((stack, row))
}

/// Endpoint of a target that pipectl does not serve itself.
fn given_endpoint(global: &Global, stack: &Stack, row: &'static TargetRow) -> Result<String, Stop> {
    let endpoint = global
        .endpoint
        .clone()
        .or_else(|| {
            std::env::var("AWS_ENDPOINT_URL")
                .ok()
                .filter(|url| !url.is_empty())
        })
        .or_else(|| {
            record::targets(&stack.root, &stack.name)
                .remove(row.name)
                .and_then(|seen| seen.endpoint)
        })
        .or_else(|| row.default_endpoint.map(str::to_owned))
        .unwrap_or_default();
    if is_local(&endpoint) {
        Ok(endpoint)
    } else {
        Err(TargetError::NotLocal {
            target: row.name,
            endpoint,
        }
        .into())
    }
}

/// Loopback, private or link-local addresses, and names that resolve to this machine by rule.
fn is_local(endpoint: &str) -> bool {
    let authority = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"))
        .unwrap_or("");
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return match address {
            std::net::IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
            std::net::IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
        };
    }
    host == "localhost"
        || host.ends_with(".localhost")
        || host.ends_with("localhost.localstack.cloud")
}

/// Reaches the target; starts it where it is ours and `start` is set.
pub(super) async fn reach(
    global: &Global,
    stack: &Stack,
    row: &'static TargetRow,
    start: bool,
    sink: &dyn Sink,
) -> Result<Target, Stop> {
    if !row.capabilities.self_served {
        let endpoint = given_endpoint(global, stack, row)?;
        return Ok(clients::reach(row, &endpoint).await?);
    }
    let record = if start {
        let (record, started) = embedded::ensure(&stack.root).await?;
        if started {
            sink.emit(Event::EmbeddedStarted {
                endpoint: record.endpoint.clone(),
                pid: record.pid,
            });
        }
        record
    } else {
        embedded::find(&stack.root)
            .await
            .ok_or_else(|| TargetError::NotRunning {
                root: stack.root.display().to_string(),
            })?
    };
    Ok(served(row, record.endpoint))
}

/// The target that pipectl serves itself at `endpoint`; empty while it is not served.
pub(super) fn served(row: &'static TargetRow, endpoint: String) -> Target {
    let product = Product::named(ProductName::Embedded);
    let account = pipectl_emulator::config::ACCOUNT.to_owned();
    Target::new(row, endpoint, account, product)
}

/// How functions are packaged for a target.
pub(super) fn packaging(row: &TargetRow, renderer: &Renderer) -> package::Options {
    package::Options {
        progress: renderer.live_width(),
        ..package::Options::new(RunsOn::of(&row.capabilities))
    }
}

/// What the engine's calls need.
pub(super) fn context(
    stack: &Stack,
    target: Target,
    artifacts: Option<std::collections::BTreeMap<String, Artifact>>,
) -> Context {
    Context::new(Place { target, artifacts }, &stack.name)
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_this_machine_and_its_private_network_are_local() {
        for endpoint in [
            "http://127.0.0.1:4566",
            "http://localhost:4566/",
            "http://[::1]:1",
            "https://192.168.1.5",
            "http://s3.localhost.localstack.cloud:4566",
        ] {
            assert!(is_local(endpoint), "{endpoint}");
        }
        for endpoint in [
            "http://example.com",
            "https://sqs.us-east-1.amazonaws.com",
            "http://8.8.8.8",
            "localhost:4566",
            "http://localhost.example.com",
            "",
        ] {
            assert!(!is_local(endpoint), "{endpoint}");
        }
    }
}
