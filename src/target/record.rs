//! `.pipectl/targets.json`: on which targets a stack was brought up. A hint for commands that act
//! on a running stack, never state: losing it loses nothing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Product, Target, TargetError};

/// Where one stack was last brought up on one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Endpoint used; none for targets that find their own.
    pub endpoint: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Account id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What answered there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Product>,
}

impl Seen {
    /// Is it this target, where it is now? What is not recorded may be anything.
    pub fn is_at(&self, target: &Target) -> bool {
        if target.capabilities().self_served {
            return true;
        }
        self.endpoint.as_deref() == target.endpoint()
            && self
                .region
                .as_deref()
                .is_none_or(|region| region == target.region())
            && self
                .account
                .as_ref()
                .is_none_or(|account| *account == target.account)
    }

    /// Where it was, for people.
    pub fn place(&self) -> String {
        let region = self.region.as_deref().unwrap_or("another region");
        match (&self.endpoint, &self.account) {
            (Some(endpoint), _) => format!("{endpoint} ({region})"),
            (None, Some(account)) => format!("account {account} in {region}"),
            (None, None) => region.to_owned(),
        }
    }

    /// What is to be recorded of a target.
    pub fn of(target: &Target) -> Self {
        let served = target.capabilities().self_served;
        Self {
            // The embedded target has another port each time, and is found by its own record.
            endpoint: target.endpoint().filter(|_| !served).map(str::to_owned),
            region: Some(target.region().to_owned()),
            account: Some(target.account.clone()),
            product: (!served).then(|| target.product.clone()),
        }
    }
}

/// Stack name → target name → where.
type Records = BTreeMap<String, BTreeMap<String, Seen>>;

fn path(root: &Path) -> PathBuf {
    root.join(".pipectl").join("targets.json")
}

fn read(root: &Path) -> Records {
    // Absent or unreadable: there is no hint.
    std::fs::read(path(root))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn write(root: &Path, records: &Records) -> Result<(), TargetError> {
    let path = path(root);
    let fail = |error: std::io::Error| TargetError::Files {
        path: path.display().to_string(),
        cause: error.to_string(),
    };
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).map_err(fail)?;
    let text = serde_json::to_vec_pretty(records).map_err(|error| fail(error.into()))?;
    // A name of its own: of two commands at once, one would rename the other's file away.
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    temporary.write_all(&text).map_err(fail)?;
    temporary
        .persist(&path)
        .map(|_| ())
        .map_err(|error| fail(error.error))
}

/// The targets on which `stack` is recorded, by name.
pub fn targets(root: &Path, stack: &str) -> BTreeMap<String, Seen> {
    read(root).remove(stack).unwrap_or_default()
}

/// Records that `stack` was brought up on `target`.
pub fn remember(root: &Path, stack: &str, target: &str, seen: Seen) -> Result<(), TargetError> {
    let mut records = read(root);
    let known = records.entry(stack.to_owned()).or_default();
    if known.get(target) == Some(&seen) {
        return Ok(());
    }
    known.insert(target.to_owned(), seen);
    write(root, &records)
}

/// Forgets `stack` on `target`.
pub fn forget(root: &Path, stack: &str, target: &str) -> Result<(), TargetError> {
    let mut records = read(root);
    let Some(known) = records.get_mut(stack) else {
        return Ok(());
    };
    if known.remove(target).is_none() {
        return Ok(());
    }
    if known.is_empty() {
        records.remove(stack);
    }
    write(root, &records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_at_once_get_along() {
        let root = tempfile::tempdir().expect("a temporary directory");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let root = root.path();
                scope.spawn(move || {
                    for round in 0..50 {
                        let endpoint = Some(format!("{number} {round}"));
                        remember(
                            root,
                            "a",
                            "embedded",
                            Seen {
                                endpoint,
                                ..Seen::default()
                            },
                        )
                        .expect("remembered");
                    }
                });
            }
        });
        assert!(targets(root.path(), "a").contains_key("embedded"));
        let left = std::fs::read_dir(root.path().join(".pipectl")).expect("listed");
        assert_eq!(left.count(), 1, "nothing temporary is left");
    }

    #[test]
    fn remembers_and_forgets_by_stack_and_target() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let seen = Seen::default();
        remember(root.path(), "a", "embedded", seen.clone()).expect("remembered");
        remember(root.path(), "a", "localstack", seen.clone()).expect("remembered");
        remember(root.path(), "b", "embedded", seen).expect("remembered");
        assert_eq!(
            targets(root.path(), "a").into_keys().collect::<Vec<_>>(),
            ["embedded", "localstack"]
        );
        forget(root.path(), "a", "embedded").expect("forgotten");
        forget(root.path(), "b", "embedded").expect("forgotten");
        assert_eq!(targets(root.path(), "a").len(), 1);
        assert!(targets(root.path(), "b").is_empty());
    }
}
