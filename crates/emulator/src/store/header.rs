//! The first hundred bytes of a database file, without which SQLite reads nothing. In a copy of a
//! damaged file they are written anew: what they say can be told from the rest.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const HEADER: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// SQLite's default, with which all stores are made.
const PAGE_SIZE: u32 = 4096;
/// The newest file format, and the one that all stores have.
const SCHEMA_FORMAT: u32 = 4;
/// A schema version beyond this is not one.
const MOST_VERSIONS: u32 = 1000;

/// Mends the header of the copy at `path`. True when its schema version had to be guessed.
pub(super) fn mend(path: &Path) -> io::Result<bool> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    let mut header = [0; HEADER];
    match file.read_exact(&mut header) {
        Ok(()) => {}
        // Nothing behind a header: there is nothing to read.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u32::from(size),
    };
    let fixed = header[20..24] == [0, 64, 32, 32];
    let formats = header[18..20].iter().all(|format| matches!(format, 1 | 2));
    let sized = page_size.is_power_of_two() && page_size >= 512;
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let sensible = (1..=SCHEMA_FORMAT).contains(&number(44)) && (1..=3).contains(&number(56));
    if header[..16] == *MAGIC && fixed && formats && sized && sensible {
        return Ok(false);
    }
    let page_size = if sized && bytes.is_multiple_of(u64::from(page_size)) {
        page_size
    } else {
        PAGE_SIZE
    };
    let encoding = Some(number(56)).filter(|known| (1..=3).contains(known));
    let version = Some(number(60)).filter(|version| *version <= MOST_VERSIONS);
    let guessed = version.is_none() || header[..16] != *MAGIC;

    let mut mended = [0; HEADER];
    mended[..16].copy_from_slice(MAGIC);
    let stored_size = if page_size == 65_536 {
        1
    } else {
        page_size as u16
    };
    mended[16..18].copy_from_slice(&stored_size.to_be_bytes());
    // A WAL, reads and writes.
    mended[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
    let mut put = |at: usize, value: u32| {
        mended[at..at + 4].copy_from_slice(&value.to_be_bytes());
    };
    // With the change counter equal to "valid for", SQLite believes the size in pages.
    put(24, 1);
    put(92, 1);
    put(28, u32::try_from(bytes / u64::from(page_size)).unwrap_or(0));
    put(40, 1);
    put(44, SCHEMA_FORMAT);
    put(56, encoding.unwrap_or(1));
    put(60, version.unwrap_or(0));
    put(96, rusqlite::version_number() as u32);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&mended)?;
    Ok(guessed)
}
