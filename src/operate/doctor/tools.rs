//! Tools that building and running need.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::Duration;

use pipectl_emulator::programs::{self, Machine, Runner};

use super::Finding;
use crate::package;

/// Longest wait for a tool to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn look(environment: &[(OsString, OsString)]) -> Vec<Finding> {
    let has = |name: &str| package::find(name, environment).is_some();
    let (cargo, rustc, docker, targets) = futures::join!(
        says("cargo", &["--version"]),
        says("rustc", &["--version"]),
        says("docker", &["version", "--format", "{{.Server.Version}}"]),
        says("rustup", &["target", "list", "--installed"]),
    );
    let mut findings = vec![
        tool("cargo", cargo, "install Rust from https://rustup.rs"),
        tool("rustc", rustc, "install Rust from https://rustup.rs"),
        if has("cc") {
            Finding::good("C compiler", "cc is on the PATH")
        } else {
            Finding::bad(
                "C compiler",
                "no cc on the PATH",
                "on Debian and Ubuntu: apt-get install build-essential",
            )
        },
        if has("cargo-zigbuild") {
            Finding::good("cargo-zigbuild", "builds for Lambda")
        } else {
            let install = package::install_zig(environment);
            Finding::optional(
                "cargo-zigbuild",
                "not there; needed to build for Lambda",
                format!("run `{install}`"),
            )
        },
    ];
    findings.extend(other_machine(targets.ok().as_deref()));
    findings.push(match docker {
        Ok(version) => Finding::good("Docker", version),
        Err(_) => Finding::optional(
            "Docker",
            "not there, or its service does not run; needed for nothing here but LocalStack's own image",
            "see https://docs.docker.com/engine/install",
        ),
    });
    findings
}

/// Building for, and running programs of, the other of Lambda's two instruction sets.
fn other_machine(targets: Option<&str>) -> Vec<Finding> {
    let (machine, triple, libraries) = match Machine::HOST {
        Machine::X86_64 => (
            Machine::Arm64,
            "aarch64-unknown-linux-gnu",
            "libc6-arm64-cross",
        ),
        Machine::Arm64 => (
            Machine::X86_64,
            "x86_64-unknown-linux-gnu",
            "libc6-amd64-cross",
        ),
    };
    let name = machine.name();
    let installed = targets.is_some_and(|list| list.lines().any(|line| line.trim() == triple));
    let library = format!("Rust for {name}");
    let runs = format!("running {name}");
    vec![
        if installed {
            Finding::good(library, triple)
        } else {
            Finding::optional(
                library,
                "its standard library is not installed; packaging does that when it needs it",
                format!("run `rustup target add {triple}`"),
            )
        },
        match programs::runner(machine) {
            Some(Runner::ByQemu { program, .. }) => {
                Finding::good(runs, format!("by {}", program.display()))
            }
            Some(_) => Finding::good(runs, "by the kernel"),
            None => Finding::optional(
                runs,
                format!(
                    "nothing here runs {name} programs; the embedded target can with qemu-user"
                ),
                format!("on Debian and Ubuntu: apt-get install qemu-user {libraries}"),
            ),
        },
    ]
}

fn tool(name: &str, says: Result<String, String>, fix: &str) -> Finding {
    match says {
        Ok(version) => Finding::good(name, version),
        Err(why) => Finding::bad(name, why, fix),
    }
}

/// What a tool says, or why it says nothing.
async fn says(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = tokio::process::Command::new(OsStr::new(program));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|_| format!("it did not answer within {} s", PATIENCE.as_secs()))?
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "not on the PATH".to_owned(),
            _ => error.to_string(),
        })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("it ended with {}", output.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::Verdict;

    #[tokio::test]
    async fn a_tool_that_is_not_there_has_its_fix() {
        let missing = says("pipectl-no-such-tool", &[]).await;
        assert_eq!(missing, Err("not on the PATH".to_owned()));
        let finding = tool("cargo", missing, "install it");
        assert_eq!(
            (finding.verdict, finding.fix.as_deref()),
            (Verdict::Bad, Some("install it"))
        );
        assert_eq!(says("echo", &["1.2"]).await, Ok("1.2".to_owned()));
        assert!(says("false", &[]).await.is_err());
    }

    #[tokio::test]
    async fn an_empty_path_is_told_with_what_it_lacks() {
        let findings = look(&[(OsString::from("PATH"), OsString::from("/nowhere"))]).await;
        let of = |name: &str| findings.iter().find(|finding| finding.what == name);
        let zig = of("cargo-zigbuild").expect("looked at");
        assert_eq!(zig.verdict, Verdict::Optional);
        assert!(
            zig.fix
                .as_deref()
                .is_some_and(|fix| fix.contains("cargo-zigbuild"))
        );
        assert_eq!(
            of("C compiler").map(|finding| finding.verdict),
            Some(Verdict::Bad)
        );
    }
}
