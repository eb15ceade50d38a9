//! What a program is and whether it can run where it is meant to: machine, kind, interpreter and glibc,
//! read from its own headers. One that cannot would fail at its first start, far from its cause.

use std::fmt::Write as _;
use std::path::Path;

use object::elf;
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, ObjectKind, read::Object as _, read::ObjectSymbol as _};
use serde::{Deserialize, Serialize};

use super::variant::{Glibc, HOST, LAMBDA_GLIBC, RunsOn, label};
use crate::stack::model::Architecture;

/// What a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Instruction set; never [`Architecture::Host`].
    pub architecture: Architecture,
    /// The loader it names; none when everything is linked in.
    pub interpreter: Option<String>,
    /// The oldest glibc it runs on; none when it needs none.
    pub glibc: Option<Glibc>,
    /// A function of that version, for people: `pidfd_spawnp`.
    pub newest_symbol: Option<String>,
    /// Libraries it needs at its start, by file name.
    pub libraries: Vec<String>,
}

/// A file that should be a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A 64-bit Linux program for one of Lambda's instruction sets.
    Elf(Program),
    /// A script and what runs it, e.g. `/bin/sh`.
    Script(String),
    /// Something else: what it is, for people, as in "a 32-bit ELF program".
    Other(String),
}

impl Content {
    /// Looks at all of a file.
    pub fn of(bytes: &[u8]) -> Self {
        if let Some(rest) = bytes.strip_prefix(b"#!") {
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return Self::Script(String::from_utf8_lossy(line).trim().to_owned());
        }
        if bytes.starts_with(&elf::ELFMAG) {
            return elf(bytes).map_or_else(Self::Other, Self::Elf);
        }
        Self::Other(foreign(bytes))
    }

    /// The program in it, if it is one.
    pub fn program(&self) -> Option<&Program> {
        match self {
            Self::Elf(program) => Some(program),
            Self::Script(_) | Self::Other(_) => None,
        }
    }
}

/// Reads an ELF file; otherwise what it is instead of a program for Lambda's machines.
fn elf(bytes: &[u8]) -> Result<Program, String> {
    // Byte 4 is the class, byte 5 the byte order (System V ABI, figure 4-4).
    match bytes.get(4..6) {
        Some([class, _]) if *class == elf::ELFCLASS32.0 => {
            return Err("a 32-bit ELF program".to_owned());
        }
        Some([_, order]) if *order == elf::ELFDATA2MSB.0 => {
            return Err("a big-endian ELF program".to_owned());
        }
        _ => {}
    }
    let damaged = |error: object::read::Error| format!("a damaged ELF file ({error})");
    let file = ElfFile64::<Endianness>::parse(bytes).map_err(damaged)?;
    let endian = file.endian();
    let architecture = match file.elf_header().e_machine(endian) {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Arm64,
        other => return Err(format!("an ELF program for machine {}", other.0)),
    };
    match file.kind() {
        ObjectKind::Executable | ObjectKind::Dynamic => {}
        ObjectKind::Relocatable => return Err("an ELF object file that is not linked".to_owned()),
        _ => return Err("an ELF file that is no program".to_owned()),
    }
    if file.elf_header().e_entry(endian) == 0 {
        return Err("a shared library and no program".to_owned());
    }
    let mut interpreter = None;
    for header in file.elf_program_headers() {
        if let Some(path) = header.interpreter(endian, bytes).map_err(damaged)? {
            interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    let (glibc, newest_symbol) = newest_glibc(&file).map_err(damaged)?;
    Ok(Program {
        architecture,
        interpreter,
        glibc,
        newest_symbol,
        libraries: libraries(&file).map_err(damaged)?,
    })
}

fn libraries(file: &ElfFile64<'_>) -> object::read::Result<Vec<String>> {
    let table = file.elf_dynamic_table()?;
    let mut libraries = Vec::new();
    for entry in table.dynamics() {
        if entry.tag(file.endian()) == elf::DT_NEEDED {
            let name = entry.string(file.endian(), *table.strings())?;
            libraries.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(libraries)
}

/// The newest version of glibc that the file needs, and a symbol of it.
fn newest_glibc(file: &ElfFile64<'_>) -> object::read::Result<(Option<Glibc>, Option<String>)> {
    let (endian, data) = (file.endian(), file.data());
    let sections = file.elf_section_table();
    let mut newest = None;
    if let Some((mut needs, link)) = sections.gnu_verneed(endian, data)? {
        let strings = sections.strings(endian, data, link)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                newest = newest.max(glibc_of(version.name(endian, strings)?));
            }
        }
    }
    let mut symbol = None;
    if let Some(versions) = sections.versions(endian, data)? {
        for candidate in file.dynamic_symbols() {
            let index = versions.version_index(endian, candidate.index());
            let of = versions
                .version(index.index())?
                .and_then(|v| glibc_of(v.name()));
            if of.is_some() && of == newest {
                symbol = candidate.name().ok().map(str::to_owned);
                break;
            }
        }
    }
    Ok((newest, symbol))
}

/// `GLIBC_2.34` as a version. Relative relocations are a feature of 2.36's loader that has a name of its
/// own (glibc 2.36 release notes).
fn glibc_of(name: &[u8]) -> Option<Glibc> {
    let name = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    if name == "ABI_DT_RELR" {
        return Some(Glibc(2, 36));
    }
    Glibc::parse(name)
}

/// Names the formats that a misconfigured build is likely to give.
fn foreign(bytes: &[u8]) -> String {
    match bytes {
        [] => "an empty file",
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS program",
        [b'M', b'Z', ..] => "a Windows program",
        [0, b'a', b's', b'm', ..] => "a WebAssembly module",
        _ => "of an unknown format",
    }
    .to_owned()
}

/// Why a program cannot run where it is meant to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// It is no program at all, or for another machine.
    Kind {
        /// What it is.
        found: String,
    },
    /// It needs a newer glibc than there is.
    Glibc {
        /// What it needs.
        needs: Glibc,
        /// What there is.
        there: Glibc,
        /// A function that it needs the newer one for.
        symbol: Option<String>,
    },
    /// It names a loader that is not there.
    Interpreter {
        /// The loader.
        path: String,
    },
}

/// What a place offers to a program.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Instruction set that is wanted of it.
    pub architecture: Architecture,
    /// What runs it.
    pub runs_on: RunsOn,
    /// glibc of this host where it is known.
    pub host_glibc: Option<Glibc>,
}

impl Offer {
    /// Can the program run there?
    pub fn fits(self, content: &Content) -> Result<(), Misfit> {
        let program = match content {
            Content::Elf(program) => program,
            // The system runs a script by what it names, and only the place knows whether that is there.
            Content::Script(_) => return Ok(()),
            Content::Other(found) => {
                return Err(Misfit::Kind {
                    found: found.clone(),
                });
            }
        };
        if program.architecture != self.architecture {
            let mut found = format!("a program for {}", label(program.architecture));
            if let Some(glibc) = program.glibc {
                let _ = write!(found, " with glibc {glibc}");
            }
            return Err(Misfit::Kind { found });
        }
        self.glibc(program)?;
        self.interpreter(program)
    }

    fn glibc(self, program: &Program) -> Result<(), Misfit> {
        let there = match self.runs_on {
            RunsOn::Lambda => Some(LAMBDA_GLIBC),
            // What is emulated brings a C library of its own.
            RunsOn::Host { .. } if program.architecture == HOST => self.host_glibc,
            RunsOn::Host { .. } => None,
        };
        match (program.glibc, there) {
            (Some(needs), Some(there)) if needs > there => Err(Misfit::Glibc {
                needs,
                there,
                symbol: program.newest_symbol.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn interpreter(self, program: &Program) -> Result<(), Misfit> {
        let Some(path) = &program.interpreter else {
            return Ok(());
        };
        let is_there = match (self.runs_on, program.architecture) {
            // The psABI names the loader's path for each machine; Amazon Linux has no other.
            (RunsOn::Lambda, Architecture::Arm64) => path == "/lib/ld-linux-aarch64.so.1",
            (RunsOn::Lambda, _) => path == "/lib64/ld-linux-x86-64.so.2",
            (RunsOn::Host { .. }, architecture) => architecture != HOST || Path::new(path).exists(),
        };
        if is_there {
            Ok(())
        } else {
            Err(Misfit::Interpreter { path: path.clone() })
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const LAMBDA: Offer = Offer {
        architecture: Architecture::Arm64,
        runs_on: RunsOn::Lambda,
        host_glibc: None,
    };

    fn program() -> Program {
        Program {
            architecture: Architecture::Arm64,
            interpreter: Some("/lib/ld-linux-aarch64.so.1".to_owned()),
            glibc: Some(Glibc(2, 34)),
            newest_symbol: None,
            libraries: Vec::new(),
        }
    }

    /// The smallest ELF file of some class, byte order, type and machine.
    pub fn header(class: u8, order: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..4].copy_from_slice(&elf::ELFMAG);
        header[4..7].copy_from_slice(&[class, order, 1]);
        header[16..18].copy_from_slice(&kind.to_le_bytes());
        header[18..20].copy_from_slice(&machine.to_le_bytes());
        header[20] = 1;
        // An entry point, no program headers, the sizes of headers.
        header[24] = 0x40;
        header[52] = 64;
        header[54] = 56;
        header[58] = 64;
        header
    }

    /// aws-behaviours L17
    #[test]
    fn a_program_for_lambda_fits_and_what_differs_is_told() {
        let elf = |program| Content::Elf(program);
        assert_eq!(LAMBDA.fits(&elf(program())), Ok(()));
        let linked_in = Program {
            interpreter: None,
            glibc: None,
            ..program()
        };
        assert_eq!(LAMBDA.fits(&elf(linked_in)), Ok(()), "no loader is needed");
        assert_eq!(
            LAMBDA.fits(&elf(Program {
                architecture: Architecture::X86_64,
                ..program()
            })),
            Err(Misfit::Kind {
                found: "a program for x86_64 with glibc 2.34".to_owned()
            })
        );
        assert_eq!(
            LAMBDA.fits(&elf(Program {
                glibc: Some(Glibc(2, 36)),
                newest_symbol: Some("arc4random".to_owned()),
                ..program()
            })),
            Err(Misfit::Glibc {
                needs: Glibc(2, 36),
                there: LAMBDA_GLIBC,
                symbol: Some("arc4random".to_owned())
            })
        );
        let musl = "/lib/ld-musl-aarch64.so.1".to_owned();
        assert_eq!(
            LAMBDA.fits(&elf(Program {
                interpreter: Some(musl.clone()),
                glibc: None,
                ..program()
            })),
            Err(Misfit::Interpreter { path: musl })
        );
        assert_eq!(LAMBDA.fits(&Content::of(b"#!/bin/sh\nexec x")), Ok(()));
    }

    #[test]
    fn this_host_takes_what_it_can_run() {
        let host = Offer {
            architecture: HOST,
            runs_on: RunsOn::Host { by_qemu: false },
            host_glibc: Some(Glibc(2, 36)),
        };
        let newer = Content::Elf(Program {
            architecture: HOST,
            interpreter: None,
            glibc: Some(Glibc(2, 38)),
            ..program()
        });
        assert!(matches!(host.fits(&newer), Err(Misfit::Glibc { .. })));
        let same = Content::Elf(Program {
            architecture: HOST,
            interpreter: None,
            glibc: Some(Glibc(2, 36)),
            ..program()
        });
        assert_eq!(
            host.fits(&same),
            Ok(()),
            "too new for Lambda, and not for here"
        );
        let elsewhere = Content::Elf(Program {
            architecture: HOST,
            interpreter: Some("/nix/store/loader".to_owned()),
            glibc: None,
            ..program()
        });
        assert!(matches!(
            host.fits(&elsewhere),
            Err(Misfit::Interpreter { .. })
        ));
    }

    #[test]
    fn what_is_no_program_for_lambdas_machines_is_named() {
        let cases: [(Vec<u8>, &str); 10] = [
            (header(1, 1, 2, 3), "a 32-bit ELF program"),
            (header(2, 2, 2, 62), "a big-endian ELF program"),
            (header(2, 1, 2, 243), "an ELF program for machine 243"),
            (header(2, 1, 1, 62), "an ELF object file that is not linked"),
            (header(2, 1, 4, 62), "an ELF file that is no program"),
            (b"MZ\x90\0".to_vec(), "a Windows program"),
            (b"\0asm\x01\0\0\0".to_vec(), "a WebAssembly module"),
            (vec![0xcf, 0xfa, 0xed, 0xfe], "a macOS program"),
            (vec![0xab; 32], "of an unknown format"),
            (Vec::new(), "an empty file"),
        ];
        for (bytes, found) in cases {
            assert_eq!(Content::of(&bytes), Content::Other(found.to_owned()));
        }
        let cut = Content::of(&header(2, 1, 2, 62)[..40]);
        assert!(
            matches!(&cut, Content::Other(found) if found.starts_with("a damaged ELF file")),
            "{cut:?}"
        );
        let mut library = header(2, 1, 3, 62);
        library[24] = 0;
        assert_eq!(
            Content::of(&library),
            Content::Other("a shared library and no program".to_owned())
        );
    }

    #[test]
    fn versions_are_those_of_glibc_only() {
        assert_eq!(glibc_of(b"GLIBC_2.34"), Some(Glibc(2, 34)));
        assert_eq!(glibc_of(b"GLIBC_ABI_DT_RELR"), Some(Glibc(2, 36)));
        assert_eq!(glibc_of(b"GLIBC_PRIVATE"), None);
        assert_eq!(glibc_of(b"GCC_3.0"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_test_is_a_program_for_the_host() {
        let exe = std::env::current_exe()
            .and_then(std::fs::read)
            .expect("the test binary");
        let content = Content::of(&exe);
        let program = content.program().expect("a program");
        assert_eq!(program.architecture, HOST);
        if cfg!(target_env = "gnu") {
            assert!(
                program.glibc.is_some() && program.newest_symbol.is_some(),
                "{program:?}"
            );
            assert!(program.libraries.iter().any(|name| name == "libc.so.6"));
        }
    }
}
