//! Code of functions: checking a zip and unpacking it, once per content.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use crate::error::AwsError;
use crate::programs::{self, Machine, Runner};

/// Largest code unpacked, bytes. // aws-behaviours L7
const MAX_UNZIPPED_BYTES: u64 = 262_144_000;
/// Largest environment as JSON text, bytes. // aws-behaviours L8
const MAX_ENVIRONMENT_BYTES: usize = 4_096;

/// Variables that Lambda sets itself.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// What became of a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// base64(SHA-256(zip)).
    pub sha256: String,
    /// Directory below the code directory.
    pub directory: String,
    /// Size of the zip, bytes.
    pub bytes: u64,
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterValueException", message)
}

/// Checks and unpacks a zip below `code`; content that is there already is not unpacked again.
pub(super) fn unpack(code: &Path, mut zip: impl Read + Seek) -> Result<Unpacked, AwsError> {
    let (digest, bytes) = digest(&mut zip)?;
    let unpacked = Unpacked {
        sha256: STANDARD.encode(digest),
        directory: hex::encode(digest),
        bytes,
    };
    let target = code.join(&unpacked.directory);
    if target.join("bootstrap").is_file() {
        return Ok(unpacked);
    }
    let mut archive = ZipArchive::new(zip).map_err(|_| {
        invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
    })?;
    fs::create_dir_all(code)?;
    let temporary = tempfile::Builder::new()
        .prefix(".unpacking-")
        .tempdir_in(code)?;
    write_all(&mut archive, temporary.path())?;
    check_bootstrap(&temporary.path().join("bootstrap"), programs::runner)?;
    let path = temporary.keep();
    if let Err(error) = fs::rename(&path, &target) {
        fs::remove_dir_all(&path)?;
        // Somebody unpacked the same content at the same time.
        if !target.join("bootstrap").is_file() {
            return Err(error.into());
        }
    }
    Ok(unpacked)
}

/// SHA-256 of everything a reader has, and how many bytes that is. In pieces: a zip from S3 may be
/// larger than memory.
fn digest(zip: &mut impl Read) -> Result<([u8; 32], u64), AwsError> {
    let (mut sha256, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; 256 * 1_024];
    loop {
        match zip.read(&mut piece) {
            Ok(0) => return Ok((sha256.finalize().into(), bytes)),
            Ok(read) => {
                sha256.update(&piece[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn write_all(archive: &mut ZipArchive<impl Read + Seek>, directory: &Path) -> Result<(), AwsError> {
    let mut left = MAX_UNZIPPED_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| invalid(format!("The zip is damaged: {error}")))?;
        let name = entry
            .name()
            .map_err(|error| invalid(format!("The zip is damaged: {error}")))?
            .into_owned();
        // Names that lead out of the directory, and links, are no part of any honest artifact.
        let path: PathBuf = entry
            .enclosed_name()
            .ok_or_else(|| invalid(format!("The zip has an illegal path: {name}")))?;
        if entry.is_symlink() {
            return Err(invalid(format!("The zip has a symbolic link: {name}")));
        }
        let path = directory.join(path);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Read only, as on AWS: what one environment writes must not reach the next.
        let mode = entry.unix_mode().unwrap_or(0o644) & 0o555;
        let mut file = fs::File::create(&path)?;
        // What the header says of the size is not believed.
        let written = std::io::copy(&mut (&mut entry).take(left + 1), &mut file)?;
        file.flush()?;
        left = left.checked_sub(written).ok_or_else(|| {
            invalid(format!(
                "Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes"
            ))
        })?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// There must be an executable `bootstrap` that this host can run; `runner` tells what runs the
/// programs of an instruction set.
fn check_bootstrap(
    path: &Path,
    runner: impl Fn(Machine) -> Option<Runner>,
) -> Result<(), AwsError> {
    let metadata = fs::metadata(path)
        .map_err(|_| invalid("The zip has no file called bootstrap at its top level"))?;
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(invalid("bootstrap is not executable (mode 0755 is needed)"));
    }
    let head = programs::head(path)?;
    if head.starts_with(b"#!") {
        return Ok(());
    }
    // Other systems run programs of their own formats.
    if !cfg!(target_os = "linux") && !head.starts_with(b"\x7fELF") {
        return Ok(());
    }
    let number = programs::elf_machine(&head)
        .ok_or_else(|| invalid("bootstrap is neither an ELF binary nor a script"))?;
    let Some(machine) = Machine::of(number) else {
        return Err(invalid(format!(
            "bootstrap is built for ELF machine {number}, and Lambda has only x86_64 (62) and arm64 (183); this host is {}: build it with architecture: host",
            Machine::HOST.name()
        )));
    };
    if runner(machine).is_none() {
        return Err(invalid(format!(
            "bootstrap cannot run here: {}",
            machine.way_out()
        )));
    }
    Ok(())
}

/// Checks variables of a function.
pub(super) fn check_environment(environment: &BTreeMap<String, String>) -> Result<(), AwsError> {
    let reserved: Vec<&str> = environment
        .keys()
        .map(String::as_str)
        .filter(|name| RESERVED.contains(name))
        .collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let legal = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() > 1
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if let Some(name) = environment.keys().find(|name| !legal(name)) {
        return Err(AwsError::bad_request(
            "ValidationException",
            format!(
                "1 validation error detected: environment variable name {name} must match [a-zA-Z]([a-zA-Z0-9_])+"
            ),
        ));
    }
    let text = serde_json::to_string(environment).map_err(AwsError::internal)?;
    if text.len() > MAX_ENVIRONMENT_BYTES {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {text}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn zip_of(entries: &[(&str, u32, &[u8])]) -> Cursor<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode))
                .expect("started");
            zip.write_all(bytes).expect("written");
        }
        let mut zip = zip.finish().expect("finished");
        zip.rewind().expect("at its start");
        zip
    }

    #[test]
    fn a_script_is_unpacked_once_and_executable() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let zip = zip_of(&[
            ("bootstrap", 0o755, b"#!/bin/sh\n"),
            ("lib/a.txt", 0o644, b"a"),
        ]);
        let unpacked = unpack(directory.path(), zip.clone()).expect("unpacked");
        assert_eq!(unpack(directory.path(), zip).expect("again"), unpacked);
        let path = directory.path().join(&unpacked.directory);
        assert!(path.join("lib/a.txt").is_file());
        let mode = fs::metadata(path.join("bootstrap"))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o555);
        assert_eq!(
            fs::read_dir(directory.path()).expect("listed").count(),
            1,
            "nothing temporary is left"
        );
    }

    #[test]
    fn what_cannot_run_here_is_refused_with_its_reason() {
        let mut foreign = [0u8; 64];
        foreign[..4].copy_from_slice(b"\x7fELF");
        foreign[18] = 8;
        for (zip, reason) in [
            (Cursor::new(b"no zip".to_vec()), "Could not unzip"),
            (
                zip_of(&[("other", 0o755, b"#!")]),
                "no file called bootstrap",
            ),
            (
                zip_of(&[("bootstrap", 0o644, b"#!/bin/sh")]),
                "not executable",
            ),
            (
                zip_of(&[("bootstrap", 0o755, b"text")]),
                "neither an ELF binary",
            ),
            (zip_of(&[("bootstrap", 0o755, &foreign)]), "ELF machine 8"),
            (
                zip_of(&[("../bootstrap", 0o755, b"#!/bin/sh")]),
                "illegal path",
            ),
        ] {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let error = unpack(directory.path(), zip).expect_err(reason);
            assert!(error.message.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_program_for_another_instruction_set_needs_something_that_runs_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("bootstrap");
        let mut program = [0u8; 64];
        program[..4].copy_from_slice(b"\x7fELF");
        program[18] = Machine::Arm64.elf_number().to_le_bytes()[0];
        fs::write(&path, program).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).expect("set");
        check_bootstrap(&path, |machine| {
            assert_eq!(machine, Machine::Arm64);
            Some(Runner::ByKernel)
        })
        .expect("the kernel runs it");
        let error = check_bootstrap(&path, |_| None).expect_err("nothing runs it");
        for part in ["arm64", Machine::HOST.name(), "apt-get install qemu-user"] {
            assert!(error.message.contains(part), "{error}");
        }
    }

    /// aws-behaviours L8
    #[test]
    fn reserved_illegal_and_too_many_variables_are_refused() {
        let with = |name: &str, value: String| BTreeMap::from([(name.to_owned(), value)]);
        assert!(check_environment(&with("RESULTS_TABLE", "t".to_owned())).is_ok());
        assert!(check_environment(&with("AWS_REGION", "x".to_owned())).is_err());
        assert!(check_environment(&with("1A", "x".to_owned())).is_err());
        assert!(check_environment(&with("BIG", "x".repeat(4_096))).is_err());
    }
}
