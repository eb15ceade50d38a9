//! MiniStack: a virtual environment in the cache, one process per endpoint, state in memory.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::python::Package;
use super::{Endpoint, Skip, Stop, command, free_port, healthy};
use crate::{http, process, tls};

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

pub(super) fn start(may_install: bool, enforces_iam: bool) -> Result<Endpoint, Skip> {
    let program = PACKAGE.installed(may_install)?;
    let mut last = Skip::new("never tried");
    for _ in 0..TRIES {
        match start_once(&program, enforces_iam) {
            Err(skip) if skip.reason.contains("in use") => last = skip,
            outcome => return outcome,
        }
    }
    Err(last)
}

fn start_once(program: &Path, enforces_iam: bool) -> Result<Endpoint, Skip> {
    let port = free_port()?;
    let scheme = if enforces_iam { "https" } else { "http" };
    let url = format!("{scheme}://127.0.0.1:{port}");
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
    let certificate = if enforces_iam {
        let made = with_iam(&mut command, directory.path());
        Some(made.map_err(|error| Skip::cannot("write a certificate", &error))?)
    } else {
        None
    };
    let path = "/_ministack/health";
    let ask = || match &certificate {
        Some((_, pem)) => http::get_trusting(&url, path, pem),
        None => http::get(&url, path),
    };
    let mut child = process::start(&mut command, &directory.path().join("stdout"), &log)
        .map_err(|error| Skip::cannot("start MiniStack", &error))?;
    match healthy("MiniStack", &mut child, ask, &log) {
        Ok(start_took) => Ok(Endpoint {
            name: "ministack",
            certificate: certificate.map(|(file, _)| file),
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

/// Has it authorise every call, and speak TLS: a session of a role may not call a bucket that is TLS only
/// otherwise. Gives the certificate, as a file and as text.
fn with_iam(command: &mut Command, directory: &Path) -> io::Result<(PathBuf, String)> {
    let made = tls::certificate();
    let (file, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    let pem = made.cert.pem();
    std::fs::write(&file, &pem)?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    command
        .env("AUTH", "true")
        .env("USE_SSL", "1")
        .env("MINISTACK_SSL_CERT", &file)
        .env("MINISTACK_SSL_KEY", &key)
        // Functions inherit these, and call it back: those in Rust read the first, other SDKs the second.
        .env("SSL_CERT_FILE", &file)
        .env("AWS_CA_BUNDLE", &file)
        .env_remove("SSL_CERT_DIR");
    Ok((file, pem))
}
