//! What can be a log file.

use std::time::Duration;

use model::Reason;

/// Endings of log files; each also with `.gz`.
pub const SUFFIXES: &[&str] = &[".json", ".ndjson", ".jsonl", ".log"];

/// Bytes per second that a worker gets through at 1,769 MB, which is one vCPU: a third of the
/// measured 540 MB/s per core, because reading from S3 goes on at the same time and a vCPU is half a
/// core. Lambda gives CPU in proportion to memory.
const BYTES_PER_SECOND_PER_VCPU: u64 = 180_000_000;
/// Memory at which a function has one vCPU, MB (AWS Lambda developer guide).
const VCPU_MB: u64 = 1_769;

/// The rules, from the function's surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Larger files are rejected, bytes.
    pub max_bytes: u64,
    /// Memory of the function, MB.
    pub memory_mb: u64,
    /// Timeout of the function, seconds.
    pub timeout_s: u64,
}

impl Limits {
    /// `max_file_bytes` wins over what memory and timeout give. Trigger and worker are taken to be of
    /// one size, as they are in the stack.
    pub fn new(max_file_bytes: Option<u64>, memory_mb: u64, timeout: Duration) -> Self {
        let timeout_s = timeout.as_secs().max(1);
        Self {
            max_bytes: max_file_bytes.unwrap_or_else(|| reach(memory_mb, timeout_s)),
            memory_mb,
            timeout_s,
        }
    }

    /// Why this file is refused, if it is. A size that is not known refuses nothing: the worker will
    /// see.
    pub fn refuses(&self, key: &str, size: Option<u64>) -> Option<Reason> {
        if size == Some(0) {
            return Some(Reason::new("empty", "the file is empty"));
        }
        let name = key
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        if !SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            let allowed = SUFFIXES.join(", ");
            return Some(Reason::new(
                "wrong_suffix",
                format!("the name ends in none of {allowed}, each also with .gz"),
            ));
        }
        size.filter(|size| *size > self.max_bytes)
            .map(|size| Reason::new("too_large", self.too_large(size)))
    }

    fn too_large(&self, size: u64) -> String {
        let timeout_s = size.div_ceil(reach(self.memory_mb, 1).max(1));
        let fits = if timeout_s <= 900 {
            format!("timeout: {timeout_s}s with memory: {}MB", self.memory_mb)
        } else {
            let memory = (size * VCPU_MB).div_ceil(BYTES_PER_SECOND_PER_VCPU * 900);
            if memory <= 10_240 {
                format!("timeout: 900s with memory: {memory}MB")
            } else {
                "no function; split the file".to_owned()
            }
        };
        format!(
            "the file has {size} bytes, over the limit of {} bytes; what would fit: {fits}, or set MAX_FILE_BYTES",
            self.max_bytes
        )
    }
}

/// The limit that `MAX_FILE_BYTES` sets, bytes; `None` when the variable is not set. Anything else
/// than a whole number from 1 is an error: a limit that is silently not in force is found too late.
pub fn max_file_bytes(variable: Option<&std::ffi::OsStr>) -> Result<Option<u64>, String> {
    let Some(text) = variable else {
        return Ok(None);
    };
    text.to_str()
        .and_then(|text| text.parse().ok())
        .filter(|bytes| *bytes > 0)
        .map(Some)
        .ok_or_else(|| {
            format!(
                "MAX_FILE_BYTES is \"{}\" and has to be a whole number of bytes from 1, such as \
                 1000000; remove it for the limit that memory and timeout give",
                text.display()
            )
        })
}

/// Bytes that a function gets through in `seconds`.
fn reach(memory_mb: u64, seconds: u64) -> u64 {
    BYTES_PER_SECOND_PER_VCPU * memory_mb.min(VCPU_MB) / VCPU_MB * seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(Some(1_000), 256, Duration::from_secs(30))
    }

    #[test]
    fn only_log_files_pass() {
        for key in [
            "a.json",
            "x/b.ndjson",
            "c.jsonl",
            "d.log",
            "e.log.gz",
            "F.NDJSON.GZ",
        ] {
            assert_eq!(limits().refuses(key, Some(1)), None, "{key}");
        }
        for (key, size, code) in [
            ("a.log", Some(0), "empty"),
            ("a.txt", Some(1), "wrong_suffix"),
            ("a.gz", Some(1), "wrong_suffix"),
            ("log", Some(1), "wrong_suffix"),
            ("a.log/b", Some(1), "wrong_suffix"),
            ("a.log", Some(1_001), "too_large"),
            ("a.txt", None, "wrong_suffix"),
        ] {
            assert_eq!(
                limits().refuses(key, size).map(|r| r.code).as_deref(),
                Some(code),
                "{key}"
            );
        }
    }

    #[test]
    fn a_file_of_unknown_size_passes() {
        assert_eq!(limits().refuses("a.log", None), None);
    }

    #[test]
    fn a_limit_that_is_set_has_to_be_a_number() {
        let read = |text: &str| max_file_bytes(Some(text.as_ref()));
        assert_eq!(max_file_bytes(None), Ok(None));
        assert_eq!(read("1000"), Ok(Some(1_000)));
        for text in ["", " ", "0", "-1", "10MB", "1e6", "99999999999999999999999"] {
            let error = read(text).expect_err(text);
            assert!(
                error.contains("MAX_FILE_BYTES") && error.contains(text),
                "{error}"
            );
        }
    }

    #[test]
    fn the_default_limit_grows_with_memory_and_time_and_the_reason_names_what_fits() {
        let small = Limits::new(None, 256, Duration::from_secs(30));
        let long = Limits::new(None, 256, Duration::from_secs(300));
        let large = Limits::new(None, 1_769, Duration::from_secs(30));
        assert!(small.max_bytes < large.max_bytes && small.max_bytes * 10 == long.max_bytes);
        let reason = small
            .refuses("a.log", Some(small.max_bytes * 2))
            .expect("too large")
            .text;
        assert!(
            reason.contains("timeout: 60s with memory: 256MB"),
            "{reason}"
        );
        let reason = small
            .refuses("a.log", Some(small.max_bytes * 60))
            .expect("too large")
            .text;
        assert!(
            reason.contains("timeout: 900s with memory: 512MB"),
            "{reason}"
        );
    }
}
