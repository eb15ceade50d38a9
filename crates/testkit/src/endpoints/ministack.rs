//! MiniStack: a virtual environment in the cache, one process per endpoint, state in memory.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{
    Endpoint, INSTALL_DEADLINE, Skip, Stop, cache, command, free_port, healthy, lock, step,
};
use crate::{http, process, tls};

const VERSION: &str = "1.5.33";
/// Oldest Python that it admits, as a condition of Python's own.
const PYTHON_OK: &str = "import sys; sys.exit(sys.version_info < (3, 10))";
/// Starts when a port is taken between finding and using it.
const TRIES: usize = 3;

pub(super) fn start(may_install: bool, enforces_iam: bool) -> Result<Endpoint, Skip> {
    let program = installed(may_install)?;
    let mut last = Skip::new("never tried");
    for _ in 0..TRIES {
        match start_once(&program, enforces_iam) {
            Err(skip) if skip.reason.contains("in use") => last = skip,
            outcome => return outcome,
        }
    }
    Err(last)
}

/// The program, installed first if that is allowed.
fn installed(may_install: bool) -> Result<PathBuf, Skip> {
    let cache = cache("PIPECTL_MINISTACK_HOME", "pipectl-ministack")?;
    let home = cache.join(VERSION);
    let (program, done) = (home.join("bin/ministack"), home.join(".installed"));
    let _lock = lock(&cache)?;
    // The mark comes last: an installation that was cut short is begun again.
    if done.exists() && program.exists() {
        return Ok(program);
    }
    if !may_install {
        return Err(Skip::new(format!(
            "MiniStack {VERSION} is not installed in {}; PIPECTL_REQUIRE_ENDPOINTS=1 installs it",
            cache.display()
        )));
    }
    let python = python()?;
    step(
        "create a virtual environment",
        command(&python).args(["-m", "venv", "--clear"]).arg(&home),
        INSTALL_DEADLINE,
    )?;
    step(
        "install MiniStack",
        command(home.join("bin/pip"))
            .args(["install", "--quiet"])
            .arg(format!("ministack=={VERSION}")),
        INSTALL_DEADLINE,
    )?;
    std::fs::write(&done, "")
        .map_err(|error| Skip::cannot(&format!("write {}", done.display()), &error))?;
    Ok(program)
}

/// A Python that is new enough: `$PYTHON`, the one on the PATH, or one of pyenv's.
fn python() -> Result<PathBuf, Skip> {
    let set = std::env::var_os("PYTHON").map(PathBuf::from);
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let mut versions: Vec<PathBuf> = root
        .and_then(|root| std::fs::read_dir(root.join("versions")).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/python3")))
        .collect();
    versions.sort();
    set.into_iter()
        .chain([PathBuf::from("python3")])
        .chain(versions)
        .find(|python| {
            Command::new(python)
                .args(["-c", PYTHON_OK])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
        .ok_or_else(|| Skip::new("no Python of at least 3.10 found for MiniStack; set PYTHON"))
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
