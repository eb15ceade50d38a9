//! moto's server, for the services that others do not have: state in memory, calls checked by nobody.

use std::path::Path;

use super::python::Package;
use super::{Endpoint, Skip, Stop, command, free_port, healthy};
use crate::{http, process};

const PACKAGE: Package = Package {
    name: "moto",
    version: "5.2.5",
    project: "moto[server]",
    program: "moto_server",
    home: "PIPECTL_MOTO_HOME",
    cache: "pipectl-moto",
};
/// Starts when a port is taken between finding and using it.
const TRIES: usize = 3;

pub(super) fn start(may_install: bool, account: &str) -> Result<Endpoint, Skip> {
    let program = PACKAGE.installed(may_install)?;
    let mut last = Skip::new("never tried");
    for _ in 0..TRIES {
        match start_once(&program, account) {
            Err(skip) if skip.reason.contains("in use") => last = skip,
            outcome => return outcome,
        }
    }
    Err(last)
}

fn start_once(program: &Path, account: &str) -> Result<Endpoint, Skip> {
    let port = free_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let directory = tempfile::Builder::new()
        .prefix("pipectl-moto-")
        .tempdir()
        .map_err(|error| Skip::cannot("create a directory for moto", &error))?;
    let log = directory.path().join("log");
    let mut command = command(program);
    command
        .current_dir(directory.path())
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .env("TMPDIR", directory.path())
        // ARNs carry it, and the other endpoint's carry theirs.
        .env("MOTO_ACCOUNT_ID", account);
    let mut child = process::start(&mut command, &directory.path().join("stdout"), &log)
        .map_err(|error| Skip::cannot("start moto", &error))?;
    let ask = || http::get(&url, "/moto-api/");
    match healthy("moto", &mut child, ask, &log) {
        Ok(start_took) => Ok(Endpoint {
            name: "moto",
            url,
            log,
            start_took,
            certificate: None,
            stop: Stop::Group(child),
            _directory: Some(directory),
        }),
        Err(skip) => {
            process::end_group(&mut child, super::STOP_PATIENCE);
            Err(skip)
        }
    }
}
