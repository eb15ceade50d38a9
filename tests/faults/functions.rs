//! Functions of a test's own: scripts that speak the Runtime API, deployed past pipectl.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipectl_testkit::probe::{Probe, expect};
use serde_json::{Value, json};

/// Takes events, one line each, to the file `$STATE/tries`; ends without an answer until there are
/// `$GOOD_FROM` of them, then answers. No more than bash is needed.
pub const CRASHES_AT_FIRST: &str = r#"#!/usr/bin/env bash
LC_ALL=C
api=$AWS_LAMBDA_RUNTIME_API
exchange() {
  exec 3<>"/dev/tcp/${api%:*}/${api##*:}" || exit 1
  printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "$api" "${#3}" "$3" >&3
  answer=$(cat <&3)
  exec 3>&-
}
while :; do
  exchange GET invocation/next ''
  id=$(printf '%s' "$answer" | tr -d '\r' | sed -n 's/^lambda-runtime-aws-request-id: //p')
  [ -n "$id" ] || exit 1
  printf '%s\n' "${answer##*$'\r\n\r\n'}" >> "$STATE/tries"
  [ "$(grep -c . "$STATE/tries")" -ge "$GOOD_FROM" ] || exit 7
  exchange POST "invocation/$id/response" '"healed"'
done
"#;

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
