//! The symbols of a program: left out of an artifact, and before that what tells which crates it is made
//! of.

use std::collections::BTreeMap;

use object::build::elf::Builder;
use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSymbol as _, SymbolKind};
use serde::Serialize;

/// A crate and what of it is in a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrateSize {
    /// Name as in code (`aws_sdk_s3`); `std` is Rust's own library, `C and assembly` what is neither.
    pub name: String,
    /// Its functions and constants, bytes.
    pub bytes: u64,
}

/// What has no Rust name.
const UNMANGLED: &str = "C and assembly";
/// Crates of Rust's own library.
const STD: &[&str] = &["std", "core", "alloc", "std_detect", "compiler_builtins"];

/// The program without symbols and debug information. None for what is no ELF file, or one that cannot
/// be written again: it is then used as it is.
pub fn stripped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut builder = Builder::read64(bytes).ok()?;
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        section.delete |= [b".symtab".as_slice(), b".strtab", b".comment"].contains(&name)
            || name.starts_with(b".debug_");
    }
    for symbol in &mut builder.symbols {
        symbol.delete = true;
    }
    let mut out = Vec::new();
    builder.write(&mut out).ok()?;
    Some(out)
}

/// The crates in a program by size, largest first. Empty when its symbols are gone.
///
/// A function that was inlined counts for the crate that it was inlined into, and a method for the crate
/// of the type, or where that is Rust's own, of the trait.
pub fn crates(bytes: &[u8]) -> Vec<CrateSize> {
    let Ok(file) = ElfFile64::<Endianness>::parse(bytes) else {
        return Vec::new();
    };
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    // Several names of one thing are one thing.
    let mut seen = std::collections::BTreeSet::new();
    for symbol in file.symbols() {
        let counted = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data)
            && symbol.size() > 0
            && symbol.is_definition();
        if !counted || !seen.insert(symbol.address()) {
            continue;
        }
        let name = symbol.name().map_or(UNMANGLED.to_owned(), crate_of);
        *sizes.entry(name).or_default() += symbol.size();
    }
    let mut sizes: Vec<CrateSize> = sizes
        .into_iter()
        .map(|(name, bytes)| CrateSize { name, bytes })
        .collect();
    sizes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    sizes
}

/// The crate that a symbol belongs to.
fn crate_of(symbol: &str) -> String {
    let Ok(demangled) = rustc_demangle::try_demangle(symbol) else {
        return UNMANGLED.to_owned();
    };
    let text = format!("{demangled:#}");
    // Dropping a value is the work of its type.
    let text = text
        .strip_prefix("core::ptr::drop_in_place<")
        .unwrap_or(&text);
    // `<alloc::vec::Vec<T> as other::Trait>::method`: the first name that is not Rust's own, outside of
    // type parameters.
    let mut found = None;
    let mut names = Vec::new();
    for part in text
        .trim_start_matches(['<', '&', '(', '[', '*'])
        .split(" as ")
        .take(2)
    {
        let part = part.trim_start_matches(['<', '&', '(', '[', '*']);
        let part = part
            .strip_prefix("mut ")
            .or_else(|| part.strip_prefix("dyn "))
            .unwrap_or(part);
        let name: String = part
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if part[name.len()..].starts_with("::") {
            names.push(name);
        }
    }
    for name in &names {
        if !STD.contains(&name.as_str()) {
            found = Some(name.clone());
            break;
        }
    }
    match found {
        Some(name) => name,
        None if names.is_empty() => UNMANGLED.to_owned(),
        None => "std".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exe() -> Vec<u8> {
        std::env::current_exe()
            .and_then(std::fs::read)
            .expect("the test binary")
    }

    #[test]
    fn symbols_belong_to_the_crate_of_their_type_or_trait() {
        let cases = [
            ("_ZN6worker5parse5lines17h0123456789abcdefE", "worker"),
            ("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "std"),
            (
                "_ZN63_$LT$serde_json..value..Value$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
                "serde_json",
            ),
            (
                "_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$serde..ser..Serialize$GT$9serialize17h0123456789abcdefE",
                "serde",
            ),
            (
                "_ZN61_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                "std",
            ),
            (
                "_ZN4core3ptr45drop_in_place$LT$serde_json..value..Value$GT$17h0123456789abcdefE",
                "serde_json",
            ),
            ("ring_core_0_17_14__aes_nohw_encrypt", UNMANGLED),
            ("memcpy", UNMANGLED),
        ];
        for (symbol, wanted) in cases {
            assert_eq!(crate_of(symbol), wanted, "{symbol}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_stripped_program_still_runs_and_has_no_symbols() {
        use std::os::unix::fs::PermissionsExt as _;

        let whole = exe();
        let small = stripped(&whole).expect("an ELF file");
        assert!(
            small.len() < whole.len(),
            "{} of {}",
            small.len(),
            whole.len()
        );
        assert_eq!(
            stripped(&small).as_deref(),
            Some(small.as_slice()),
            "nothing more to take"
        );
        assert!(!crates(&whole).is_empty());
        assert_eq!(crates(&small), []);

        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("program");
        std::fs::write(&path, &small).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        let output = std::process::Command::new(&path)
            .arg("--list")
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("a_stripped_program_still_runs"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_crates_of_this_very_test_are_found() {
        let crates = crates(&exe());
        let names: Vec<&str> = crates.iter().map(|found| found.name.as_str()).collect();
        assert!(
            names.contains(&"pipectl") && names.contains(&"std"),
            "{names:?}"
        );
        assert!(crates.is_sorted_by(|a, b| a.bytes >= b.bytes));
    }

    #[test]
    fn what_is_no_elf_file_is_left_alone() {
        assert_eq!(stripped(b"#!/bin/sh\n"), None);
        assert_eq!(crates(b"MZ"), []);
    }
}
