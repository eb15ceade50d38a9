//! Endpoints on their usual ports, and credentials for AWS.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::Finding;
use crate::target::{Product, ProductName, ROWS, probe};

/// Ports on which programs that speak AWS's protocols listen by default.
const PORTS: &[(u16, &str)] = &[(4566, "LocalStack, MiniStack and others"), (5000, "moto")];
/// Longest wait for a connection on this machine.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn look(environment: &[(OsString, OsString)]) -> Vec<Finding> {
    let mut findings =
        futures::future::join_all(PORTS.iter().map(|(port, who)| port_of(*port, who))).await;
    let named = value(environment, "AWS_ENDPOINT_URL");
    if let Some(url) = named {
        let product = probe::product(&url).await;
        findings.push(match product.name {
            ProductName::Other if !answers(&url).await => Finding::bad(
                "AWS_ENDPOINT_URL",
                format!("{url} does not answer"),
                "start what should answer there, or unset the variable",
            ),
            _ => Finding::good("AWS_ENDPOINT_URL", format!("{url}: {}", about(&product))),
        });
    }
    findings.push(credentials(environment));
    findings
}

async fn port_of(port: u16, who: &str) -> Finding {
    let (what, url) = (format!("port {port}"), format!("http://127.0.0.1:{port}"));
    let product = probe::product(&url).await;
    match product.name {
        ProductName::Other if !answers(&url).await => Finding::note(
            what,
            format!("nothing listens there; it is the port of {who}"),
        ),
        ProductName::Other => Finding::optional(
            what,
            format!("something listens there that is none of {who}"),
            "name the endpoint that is meant with --endpoint or AWS_ENDPOINT_URL",
        ),
        _ => Finding::good(what, about(&product)),
    }
}

/// What answers, and what it lacks or does in its own way.
fn about(product: &Product) -> String {
    let mut notes = vec![product.to_string()];
    // What is said of endpoints that pipectl does not serve, before they are asked.
    if let Some(row) = ROWS.iter().find(|row| !row.capabilities.self_served) {
        let mut capabilities = row.capabilities;
        product.adjust(&mut capabilities);
        if capabilities.window_is_long_poll {
            notes.push("looks at queues once a second, which `up` tunes".to_owned());
        }
        if !capabilities.message_move_tasks {
            notes.push("has no StartMessageMoveTask".to_owned());
        }
    }
    notes.join("; ")
}

async fn answers(url: &str) -> bool {
    let authority = url
        .trim_start_matches("http://")
        .trim_start_matches("https://");
    let authority = authority.split('/').next().unwrap_or_default();
    let connect = tokio::net::TcpStream::connect(authority.to_owned());
    matches!(tokio::time::timeout(PATIENCE, connect).await, Ok(Ok(_)))
}

/// Where credentials for AWS would come from; none is read, and no call is made.
fn credentials(environment: &[(OsString, OsString)]) -> Finding {
    let what = "credentials for AWS";
    if let Some(profile) = value(environment, "AWS_PROFILE") {
        return Finding::good(what, format!("profile {profile} (AWS_PROFILE)"));
    }
    if value(environment, "AWS_ACCESS_KEY_ID").is_some() {
        return Finding::good(what, "from the environment");
    }
    let home = value(environment, "HOME").map(PathBuf::from);
    let file = home.and_then(|home| {
        ["credentials", "config"]
            .map(|name| home.join(".aws").join(name))
            .into_iter()
            .find(|file| file.is_file())
    });
    match file {
        Some(file) => Finding::good(what, format!("in {}", file.display())),
        None => Finding::optional(
            what,
            "none found; needed for AWS only",
            "run `aws configure` or `aws configure sso`",
        ),
    }
}

fn value(environment: &[(OsString, OsString)], name: &str) -> Option<String> {
    let (_, value) = environment.iter().find(|(key, _)| key == name)?;
    (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::Verdict;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[tokio::test]
    async fn a_variable_that_leads_nowhere_is_bad() {
        let environment = environment(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
        let findings = look(&environment).await;
        let found = findings.iter().find(|f| f.what == "AWS_ENDPOINT_URL");
        assert_eq!(found.map(|found| found.verdict), Some(Verdict::Bad));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_by_something_else_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let silent = port_of(port, "nobody").await;
        assert!(
            silent.found.starts_with("something listens there"),
            "{silent:?}"
        );
        drop(listener);
        let free = port_of(port, "nobody").await;
        assert!(free.found.starts_with("nothing listens there"), "{free:?}");
    }

    #[test]
    fn credentials_are_found_by_their_place_and_never_read() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let at_home = environment(&[("HOME", &home.path().display().to_string())]);
        assert_eq!(credentials(&at_home).verdict, Verdict::Optional);
        std::fs::create_dir(home.path().join(".aws")).expect("a directory");
        std::fs::write(home.path().join(".aws/credentials"), "secret").expect("written");
        let found = credentials(&at_home);
        assert_eq!(found.verdict, Verdict::Good);
        assert!(!found.found.contains("secret"));
        let profile = environment(&[("AWS_PROFILE", "dev"), ("AWS_ACCESS_KEY_ID", "AKIA")]);
        assert_eq!(credentials(&profile).found, "profile dev (AWS_PROFILE)");
        let key = credentials(&environment(&[("AWS_ACCESS_KEY_ID", "AKIA")]));
        assert!(!key.found.contains("AKIA"));
    }

    #[test]
    fn what_a_product_lacks_is_told() {
        let ministack = Product::named(ProductName::MiniStack);
        assert_eq!(about(&ministack), "MiniStack; has no StartMessageMoveTask");
        let localstack = Product::named(ProductName::LocalStack);
        assert!(about(&localstack).contains("once a second"));
    }
}
