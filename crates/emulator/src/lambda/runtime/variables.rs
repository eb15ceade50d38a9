//! What processes find in their environment.

use std::path::Path;

use crate::config::REGION;
use crate::lambda::state::Function;

/// Exactly what AWS gives a function, its own variables, where the embedded target is, and a directory
/// for temporary files; nothing of this process's own. // aws-behaviours L25
pub(super) fn variables(
    function: &Function,
    directory: &Path,
    scratch: &Path,
    api: &str,
    endpoint: &str,
    log_group: &str,
    log_stream: &str,
) -> Vec<(String, String)> {
    let directory = directory.display().to_string();
    let scratch = scratch.display().to_string();
    let fixed = [
        ("_HANDLER", function.handler.as_str()),
        ("AWS_ACCESS_KEY_ID", "embedded"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_REGION", REGION),
        ("AWS_SECRET_ACCESS_KEY", "embedded"),
        ("AWS_SESSION_TOKEN", "embedded"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", &directory),
        ("LANG", "en_US.UTF-8"),
        (
            "LD_LIBRARY_PATH",
            "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
        // AWS gives every environment a /tmp of its own; here libraries find it by this name.
        ("TMPDIR", &scratch),
        ("TZ", ":UTC"),
    ];
    let mut all: Vec<(String, String)> = fixed
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    all.push((
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(),
        function.memory_mb.to_string(),
    ));
    all.extend(function.environment.clone());
    all
}
