//! What the build is made of: permissive licences, one registry, one HTTP and one TLS generation,
//! and a line of reason for every direct dependency.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The platform of this machine: what other platforms need is not downloaded here.
fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("a host")
        .to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            &host(),
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().expect("packages")
}

/// The licences that `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let list = text
        .split("allow = [")
        .nth(1)
        .and_then(|rest| rest.split(']').next())
        .expect("the list");
    list.lines()
        .map(|line| line.trim().trim_matches(['"', ',']).to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Is an SPDX expression of OR and AND over plain licences satisfied by allowed ones?
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain
        .split(" AND ")
        .all(|all| all.split(" OR ").any(|one| allowed.contains(one.trim())))
}

#[test]
fn every_licence_is_permissive() {
    let allowed = allowed();
    let metadata = metadata();
    let mut refused = Vec::new();
    for package in packages(&metadata) {
        let licence = package["license"].as_str().unwrap_or("none");
        if !permits(licence, &allowed) {
            refused.push(format!(
                "{} {}: {licence}",
                package["name"], package["version"]
            ));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(!permits("GPL-3.0-only", &allowed) && !permits("MIT AND AGPL-3.0", &allowed));
}

#[test]
fn everything_comes_from_the_registry_or_from_here() {
    let metadata = metadata();
    for package in packages(&metadata) {
        if let Some(source) = package["source"].as_str() {
            assert!(
                source.starts_with("registry+"),
                "{} comes from {source}",
                package["name"]
            );
        }
    }
}

#[test]
fn one_http_and_one_tls_generation() {
    let metadata = metadata();
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages(&metadata)
        .iter()
        .filter(|p| used.contains(p["id"].as_str().unwrap_or_default()))
    {
        versions
            .entry(package["name"].as_str().expect("a name"))
            .or_default()
            .insert(package["version"].as_str().expect("a version"));
    }
    for one in ["hyper", "rustls", "http", "tokio", "libsqlite3-sys"] {
        assert_eq!(
            versions.get(one).map(BTreeSet::len),
            Some(1),
            "{one}: {:?}",
            versions.get(one)
        );
    }
    for none in ["aws-lc-rs", "openssl", "native-tls"] {
        // Optional dependencies are listed by cargo even when they are off: ask what is built.
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--workspace",
                "--locked",
                "--offline",
                "-e",
                "normal,build",
                "-i",
                none,
            ])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        let tree = String::from_utf8_lossy(&output.stdout);
        assert!(tree.trim().is_empty(), "{none} is built:\n{tree}");
    }
}

#[test]
fn every_direct_dependency_has_its_reason() {
    let reasons =
        std::fs::read_to_string(root().join("docs/dependencies.md")).expect("docs/dependencies.md");
    let documented: BTreeSet<&str> = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let metadata = metadata();
    let members: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .expect("members")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let own = packages(&metadata)
        .iter()
        .filter(|p| members.contains(p["id"].as_str().unwrap_or_default()));
    let direct: BTreeSet<&str> = own
        .flat_map(|package| package["dependencies"].as_array().expect("dependencies"))
        .filter(|dependency| dependency["path"].is_null())
        .filter_map(|dependency| dependency["name"].as_str())
        .collect();
    let missing: Vec<_> = direct.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&direct).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "no reason: {missing:?}; no dependency: {stale:?}"
    );
}
