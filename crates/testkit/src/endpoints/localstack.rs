//! LocalStack through `tests/endpoints/localstack`, or another script of the same use in
//! `PIPECTL_LOCALSTACK_START`: `start.sh [PORT]` installs it on first use, waits until it answers and lets
//! it run in the background; `start.sh stop [PORT]` ends it.

use std::path::PathBuf;
use std::time::Instant;

use super::{
    Endpoint, INSTALL_DEADLINE, START_DEADLINE, STOP_PATIENCE, Skip, Stop, cache, command,
    free_port, lock, step,
};
use crate::repository;

/// One started instance.
#[derive(Debug)]
pub(super) struct Script {
    path: PathBuf,
    home: PathBuf,
    port: u16,
}

pub(super) fn start(may_install: bool) -> Result<Endpoint, Skip> {
    let path = std::env::var_os("PIPECTL_LOCALSTACK_START").map_or_else(
        || repository().join("tests/endpoints/localstack/start.sh"),
        PathBuf::from,
    );
    if !path.is_file() {
        return Err(Skip::new(format!(
            "no LocalStack start script at {}; set PIPECTL_LOCALSTACK_START",
            path.display()
        )));
    }
    let home = cache("PIPECTL_LOCALSTACK_HOME", "pipectl-localstack")?;
    // Also while it starts: the script brings its own part of the environment up to date.
    let _lock = lock(&home)?;
    // The script writes this mark when everything is in place.
    let installed = home.join("venv/.ls_process_executor").exists();
    if !installed && !may_install {
        return Err(Skip::new(format!(
            "LocalStack is not installed in {}; PIPECTL_REQUIRE_ENDPOINTS=1 installs it",
            home.display()
        )));
    }
    let script = Script {
        path,
        home,
        port: free_port()?,
    };
    let deadline = if installed {
        START_DEADLINE
    } else {
        INSTALL_DEADLINE
    };
    let begun = Instant::now();
    if let Err(skip) = step(
        "start LocalStack",
        script.command().arg(script.port.to_string()),
        deadline,
    ) {
        script.stop();
        return Err(skip);
    }
    Ok(Endpoint {
        name: "localstack",
        url: format!("http://127.0.0.1:{}", script.port),
        log: script.directory().join("log"),
        start_took: begun.elapsed(),
        certificate: None,
        stop: Stop::Script(script),
        _directory: None,
    })
}

impl Script {
    fn command(&self) -> std::process::Command {
        let mut command = command("bash");
        command
            .arg(&self.path)
            .env("LS_HOME", &self.home)
            // Asynchronous invocations are tried as often as on AWS, without its minutes in between.
            .env("LAMBDA_RETRY_BASE_DELAY", "0");
        command
    }

    /// Its data, log and pid.
    fn directory(&self) -> PathBuf {
        self.home.join(self.port.to_string())
    }

    /// Stops the instance; what does not go by itself is killed.
    pub(super) fn stop(&self) {
        let pid = std::fs::read_to_string(self.directory().join("pid"))
            .ok()
            .and_then(|pid| pid.trim().parse().ok());
        let stopped = step(
            "stop LocalStack",
            self.command().arg("stop").arg(self.port.to_string()),
            STOP_PATIENCE,
        );
        if let (Err(_), Some(pid)) = (stopped, pid) {
            crate::process::signal_group(pid, "KILL");
        }
        // A directory that stays does no harm: the next port is another one.
        let _ = std::fs::remove_dir_all(self.directory());
    }
}
