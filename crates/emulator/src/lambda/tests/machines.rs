//! A program for arm64 on whatever host this is: run where something runs it, refused where not.

use super::*;
use crate::programs::{self, Machine};

/// An ELF program for arm64 that ends with status 7 and needs nothing: no loader, no library.
fn ends_with_seven() -> Vec<u8> {
    /// Where its bytes are loaded.
    const BASE: u64 = 0x40_0000;
    /// Size of the head and of the one entry that says what to load.
    const HEADS: u64 = 64 + 56;
    // mov x0, #7; mov x8, #93 (exit); svc #0
    let code: [u32; 3] = [0xd280_00e0, 0xd280_0ba8, 0xd400_0001];
    let size = HEADS + 12;
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(16, 0);
    let mut short = |value: u16| program.extend(value.to_le_bytes());
    // An executable.
    short(2);
    short(Machine::Arm64.elf_number());
    program.extend(1_u32.to_le_bytes());
    // Where it begins, and where the entry and sections are.
    for value in [BASE + HEADS, 64, 0] {
        program.extend(value.to_le_bytes());
    }
    program.extend(0_u32.to_le_bytes());
    for value in [64_u16, 56, 1, 0, 0, 0] {
        program.extend(value.to_le_bytes());
    }
    // To be loaded, readable and executable.
    for value in [1_u32, 5] {
        program.extend(value.to_le_bytes());
    }
    for value in [0, BASE, BASE, size, size, 0x1_0000] {
        program.extend(value.to_le_bytes());
    }
    for word in code {
        program.extend(word.to_le_bytes());
    }
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_for_arm64_runs_where_this_host_can_run_it_and_is_refused_elsewhere() {
    let fixture = Fixture::new();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(&ends_with_seven()).expect("its bytes");
    let zip = STANDARD.encode(zip.finish().expect("an archive").into_inner());
    if programs::runner(Machine::Arm64).is_none() {
        fixture.make("f", "events", Value::Null).await;
        let path = "/2015-03-31/functions/f/code";
        let code = json!({ "ZipFile": zip });
        let got = fixture.request(Method::PUT, path, &[], code).await;
        assert_eq!(got.status, 400);
        let message = got.body["Message"].as_str().expect("a message");
        for part in ["arm64", "x86_64", "qemu-user libc6-arm64-cross"] {
            assert!(message.contains(part), "{message}");
        }
    } else {
        let code = json!({ "Code": { "ZipFile": zip }, "Architectures": ["arm64"] });
        fixture.make("f", "events", code).await;
        let got = fixture.invoke("f", json!({})).await;
        let message = got.body["errorMessage"].as_str().expect("a message");
        assert!(message.ends_with("exit status 7"), "{message}");
    }
    fixture.stop().await;
}
