//! MiniStack: a virtual environment in the cache, one process per endpoint, state in memory.

use std::path::Path;

use super::python::Package;
use super::{Endpoint, Skip, Stop, command, free_port, healthy};
use crate::process;

const PACKAGE: Package = Package {
    name: "MiniStack",
    version: "1.5.33",
    project: "ministack",
    program: "ministack",
    home: "PIPECTL_MINISTACK_HOME",
    cache: "pipectl-ministack",
};
/// Starts when a port is taken between finding and using it.
const TRIES: usize = 3;

pub(super) fn start(may_install: bool) -> Result<Endpoint, Skip> {
    let program = PACKAGE.installed(may_install)?;
    let mut last = Skip::new("never tried");
    for _ in 0..TRIES {
        match start_once(&program) {
            Err(skip) if skip.reason.contains("in use") => last = skip,
            outcome => return outcome,
        }
    }
    Err(last)
}

fn start_once(program: &Path) -> Result<Endpoint, Skip> {
    let port = free_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let directory = tempfile::Builder::new()
        .prefix("pipectl-ministack-")
        .tempdir()
        .map_err(|error| Skip::cannot("create a directory for MiniStack", &error))?;
    let log = directory.path().join("log");
    let mut command = command(program);
    command
        .current_dir(directory.path())
        .env("TMPDIR", directory.path())
        .env("GATEWAY_PORT", port.to_string())
        // Its default is every interface.
        .env("BIND_HOST", "127.0.0.1")
        // Queue URLs and what functions are told carry these.
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("AWS_ENDPOINT_URL", &url)
        // Asynchronous invocations are tried as often as on AWS, one right after the other.
        .env("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "0.05");
    let mut child = process::start(&mut command, &directory.path().join("stdout"), &log)
        .map_err(|error| Skip::cannot("start MiniStack", &error))?;
    match healthy("MiniStack", &mut child, &url, "/_ministack/health", &log) {
        Ok(start_took) => Ok(Endpoint {
            name: "ministack",
            url,
            log,
            start_took,
            stop: Stop::Group(child),
            _directory: Some(directory),
        }),
        Err(skip) => {
            process::end_group(&mut child, super::STOP_PATIENCE);
            Err(skip)
        }
    }
}
