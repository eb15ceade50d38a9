//! The environment of a nested cargo. Under `cargo run` and `cargo test` cargo adds variables of its
//! own; some build scripts (ring's among them) are built again whenever one of those changes, and with
//! them everything that depends on them. So a nested cargo gets the environment that the user's shell
//! would give it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What cargo sets for a program that it runs, by full name. Variables that configure cargo or
/// rustup (`CARGO_HOME`, `CARGO_TARGET_DIR`, `RUSTFLAGS`, …) are not among them: they are the user's.
const SET_BY_CARGO: &[&str] = &[
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// The same, by how the name begins.
const SET_BY_CARGO_PREFIXES: &[&str] = &["CARGO_PKG_", "CARGO_BIN_EXE_"];

/// Search paths to which cargo prepends directories of the build.
const LIBRARY_PATHS: &[&str] = &["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// Keeps of `variables` what the user set. From library search paths, entries below one of `builds`
/// (target directories) go: cargo prepends those; a path with nothing else in it goes altogether.
pub fn scrub(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    builds: &[PathBuf],
) -> Vec<(OsString, OsString)> {
    variables
        .into_iter()
        .filter(|(name, _)| !set_by_cargo(name))
        .filter_map(|(name, value)| {
            if !LIBRARY_PATHS.iter().any(|path| name == *path) {
                return Some((name, value));
            }
            let kept = std::env::split_paths(&value)
                .filter(|entry| !builds.iter().any(|build| entry.starts_with(build)))
                .filter(|entry| !entry.as_os_str().is_empty());
            // Joining fails only on an entry with the separator in it, which splitting cannot give.
            let kept = std::env::join_paths(kept).unwrap_or_default();
            (!kept.is_empty()).then_some((name, kept))
        })
        .collect()
}

fn set_by_cargo(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        SET_BY_CARGO.contains(&name)
            || SET_BY_CARGO_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(variables: &[(&str, &str)], builds: &[&str]) -> Vec<(String, String)> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let builds: Vec<PathBuf> = builds.iter().map(PathBuf::from).collect();
        scrub(variables, &builds)
            .into_iter()
            .map(|(name, value)| {
                (
                    name.into_string().unwrap_or_default(),
                    value.into_string().unwrap_or_default(),
                )
            })
            .collect()
    }

    #[test]
    fn what_cargo_set_goes_and_what_the_user_set_stays() {
        let set_by_cargo = [
            "CARGO",
            "CARGO_BIN_EXE_pipectl",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "CARGO_PKG_NAME",
            "CARGO_PKG_VERSION_MAJOR",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_TARGET_TMPDIR",
            "OUT_DIR",
        ];
        let set_by_the_user = [
            "CARGO_BUILD_JOBS",
            "CARGO_HOME",
            "CARGO_INCREMENTAL",
            "CARGO_NET_OFFLINE",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_DIR",
            "CARGO_TERM_COLOR",
            "HOME",
            "PATH",
            "RUSTFLAGS",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
        ];
        let all: Vec<(&str, &str)> = set_by_cargo
            .iter()
            .chain(&set_by_the_user)
            .map(|&name| (name, "x"))
            .collect();
        let kept: Vec<String> = scrubbed(&all, &[])
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(kept, set_by_the_user);
    }

    #[test]
    fn library_paths_lose_the_entries_of_the_build_only() {
        let builds = ["/w/target"];
        let path = "/w/target/debug/deps:/w/target/debug:/opt/lib:/w/target-of-mine";
        assert_eq!(
            scrubbed(&[("LD_LIBRARY_PATH", path)], &builds),
            [(
                "LD_LIBRARY_PATH".to_owned(),
                "/opt/lib:/w/target-of-mine".to_owned()
            )]
        );
        assert_eq!(
            scrubbed(
                &[("LD_LIBRARY_PATH", "/w/target/debug/deps:/w/target/debug")],
                &builds
            ),
            []
        );
        assert_eq!(
            scrubbed(&[("PATH", "/w/target/debug:/bin")], &builds),
            [("PATH".to_owned(), "/w/target/debug:/bin".to_owned())],
            "only library paths are touched"
        );
    }
}
