//! What a built binary is for, by its ELF header: Lambda's Linux runs 64-bit ELF programs only, and
//! one for the wrong machine would fail at its first start, far from its cause.

use crate::stack::model::Architecture;

/// Bytes of a file that [`check`] needs.
pub const HEADER_BYTES: usize = 20;

const ELF_MAGIC: &[u8] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
/// `EM_X86_64` of the ELF specification.
const MACHINE_X86_64: u16 = 62;
/// `EM_AARCH64` of the ELF specification.
const MACHINE_AARCH64: u16 = 183;

/// Instruction set of this machine.
pub const HOST: Architecture = if cfg!(target_arch = "aarch64") {
    Architecture::Arm64
} else {
    Architecture::X86_64
};

/// The instruction set itself, `host` resolved.
pub fn resolve(architecture: Architecture) -> Architecture {
    match architecture {
        Architecture::Host => HOST,
        other => other,
    }
}

/// Lambda's name of an instruction set.
pub fn label(architecture: Architecture) -> &'static str {
    match resolve(architecture) {
        Architecture::Arm64 => "arm64",
        Architecture::X86_64 | Architecture::Host => "x86_64",
    }
}

/// Is this the start of a 64-bit ELF program for `wanted`? Otherwise what it is, for people.
pub fn check(header: &[u8], wanted: Architecture) -> Result<(), String> {
    let Some(identity) = header.get(..HEADER_BYTES) else {
        return Err(format!("a file of {} bytes", header.len()));
    };
    if !identity.starts_with(ELF_MAGIC) {
        return Err(foreign(identity).to_owned());
    }
    if identity[4] != CLASS_64 {
        return Err("a 32-bit ELF program".to_owned());
    }
    if identity[5] != LITTLE_ENDIAN {
        return Err("a big-endian ELF program".to_owned());
    }
    let machine = u16::from_le_bytes([identity[18], identity[19]]);
    let found = match machine {
        MACHINE_X86_64 => Architecture::X86_64,
        MACHINE_AARCH64 => Architecture::Arm64,
        other => return Err(format!("an ELF program for machine {other}")),
    };
    if found == resolve(wanted) {
        Ok(())
    } else {
        Err(format!("an ELF program for {}", label(found)))
    }
}

/// Names the formats that a misconfigured build is likely to give.
fn foreign(header: &[u8]) -> &'static str {
    match header {
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS program",
        [b'M', b'Z', ..] => "a Windows program",
        [b'#', b'!', ..] => "a script",
        [0, b'a', b's', b'm', ..] => "a WebAssembly module",
        _ => "of an unknown format",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, endian: u8, machine: u16) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..4].copy_from_slice(ELF_MAGIC);
        header[4] = class;
        header[5] = endian;
        header[18..20].copy_from_slice(&machine.to_le_bytes());
        header
    }

    #[test]
    fn the_right_machine_passes_and_the_wrong_one_is_named() {
        let arm = header(2, 1, MACHINE_AARCH64);
        assert_eq!(check(&arm, Architecture::Arm64), Ok(()));
        assert_eq!(
            check(&arm, Architecture::X86_64),
            Err("an ELF program for arm64".to_owned())
        );
        let x86 = header(2, 1, MACHINE_X86_64);
        assert_eq!(check(&x86, Architecture::X86_64), Ok(()));
        assert_eq!(
            check(&header(2, 1, 243), Architecture::X86_64),
            Err("an ELF program for machine 243".to_owned())
        );
    }

    #[test]
    fn what_lambda_cannot_start_is_told_apart() {
        let cases: [(Vec<u8>, &str); 6] = [
            (header(1, 1, 3), "a 32-bit ELF program"),
            (header(2, 2, 62), "a big-endian ELF program"),
            (b"#!/bin/sh\nexec something".to_vec(), "a script"),
            (
                b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0".to_vec(),
                "a Windows program",
            ),
            (vec![0xab; 32], "of an unknown format"),
            (Vec::new(), "a file of 0 bytes"),
        ];
        for (bytes, found) in cases {
            assert_eq!(check(&bytes, Architecture::X86_64), Err(found.to_owned()));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_test_is_a_program_for_the_host() {
        let exe = std::env::current_exe()
            .and_then(std::fs::read)
            .expect("the test binary");
        assert_eq!(check(&exe, Architecture::Host), Ok(()));
    }
}
