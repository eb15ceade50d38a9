//! Functions of a test's own: scripts that speak the Runtime API, deployed past pipectl.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipectl_testkit::probe::{Probe, expect};
use serde_json::{Value, json};

/// Makes a function whose process is `script`.
pub fn create(probe: &Probe, name: &str, script: &str, variables: &Value) {
    let body = json!({
        "FunctionName": name,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": "arn:aws:iam::000000000000:role/none",
        "Timeout": 20,
        "Code": { "ZipFile": STANDARD.encode(bootstrap(script)) },
        "Environment": { "Variables": variables },
    });
    expect(probe.lambda("POST", "/2015-03-31/functions", &body));
}

fn bootstrap(script: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(script.as_bytes()).expect("its text");
    zip.finish().expect("an archive").into_inner()
}
