//! Is a write-ahead log whole?
//!
//! SQLite reads a log up to the first frame whose checksum is wrong and forgets the rest without a
//! word: that is right for the torn end of a transaction that never came to its commit, and loses
//! what was acknowledged when the damage is before a commit. This tells the two apart.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// First four bytes of a log; the lowest bit says that its checksums are over big-endian words.
const MAGIC: u32 = 0x377f_0682;
/// The only version of the format there is.
const VERSION: u32 = 3_007_000;

/// The running checksum of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Checksum(u32, u32);

impl Checksum {
    fn over(mut self, bytes: &[u8], big_endian: bool) -> Self {
        for words in bytes.as_chunks::<8>().0 {
            let (first, second) = words_of(*words, big_endian);
            self.0 = self.0.wrapping_add(first).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(second).wrapping_add(self.0);
        }
        self
    }

    /// What the checksum was before it ran over `bytes`.
    fn before(mut self, bytes: &[u8], big_endian: bool) -> Self {
        for words in bytes.as_chunks::<8>().0.iter().rev() {
            let (first, second) = words_of(*words, big_endian);
            self.1 = self.1.wrapping_sub(second).wrapping_sub(self.0);
            self.0 = self.0.wrapping_sub(first).wrapping_sub(self.1);
        }
        self
    }
}

/// Eight bytes as the two words that a checksum takes.
fn words_of(bytes: [u8; 8], big_endian: bool) -> (u32, u32) {
    let word = |at: usize| {
        let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if big_endian {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        }
    };
    (word(0), word(4))
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Page size, byte order and first checksum of a log; none when its header is damaged.
fn read_header(header: &[u8; HEADER]) -> Option<(usize, bool, Checksum)> {
    let magic = number(header, 0);
    let big_endian = magic & 1 == 1;
    let page_size = number(header, 8) as usize;
    let begun = Checksum::default().over(&header[..24], big_endian);
    let whole = magic & !1 == MAGIC
        && begun == Checksum(number(header, 24), number(header, 28))
        && (512..=65_536).contains(&page_size);
    whole.then_some((page_size, big_endian, begun))
}

/// What is wrong with the log at `path`; none when it is whole, absent or too short to hold anything.
pub(super) fn fault(path: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if !read_whole(&mut file, &mut header)? {
        return Ok(None);
    }
    let Some((page_size, big_endian, begun)) = read_header(&header) else {
        return Ok(Some("the header of its log is damaged".to_owned()));
    };

    // The frames up to the first bad one are what SQLite reads. Behind it are either leftovers (of
    // an earlier log: other salts; of a transaction that did not come to its end: no commit), or
    // transactions that are lost.
    let mut frame = vec![0; FRAME_HEADER + page_size];
    let mut running = begun;
    let mut broken = false;
    // The checksum that the frame before says it ends with, if it is of this log.
    let mut before: Option<Checksum> = None;
    while read_whole(&mut file, &mut frame)? {
        let of_this_log = frame[8..16] == header[16..24];
        let said = Checksum(number(&frame, 16), number(&frame, 20));
        let over = |from: Checksum| {
            from.over(&frame[..8], big_endian)
                .over(&frame[FRAME_HEADER..], big_endian)
        };
        if !broken {
            running = over(running);
            broken = !of_this_log || running != said;
        } else if of_this_log
            && number(&frame, 4) != 0
            && before.is_some_and(|before| over(before) == said)
        {
            return Ok(Some(
                "its log is damaged before transactions that were committed".to_owned(),
            ));
        }
        before = of_this_log.then_some(said);
    }
    Ok(None)
}

/// Writes the header of the copy at `path` anew when it is damaged, so that its frames can be read.
///
/// The first frame tells all of it: its checksum, run backwards, is the one that the header ends
/// with, and of what is in the header only one number is not known from elsewhere.
pub(super) fn mend(path: &Path) -> io::Result<()> {
    let mut file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if !read_whole(&mut file, &mut header)? || read_header(&header).is_some() {
        return Ok(());
    }
    let mut frame = Vec::new();
    (&mut file)
        .take((FRAME_HEADER + 65_536) as u64)
        .read_to_end(&mut frame)?;
    let mended = (9..=16)
        .map(|power| 1 << power)
        .filter(|page_size| frame.len() >= FRAME_HEADER + page_size)
        .flat_map(|page_size| [(page_size, false), (page_size, true)])
        .find_map(|(page_size, big_endian)| header_before(&frame, page_size, big_endian));
    if let Some(mended) = mended {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&mended)?;
    }
    Ok(())
}

/// The header of the log that begins with `frame`, if its pages are of this size and its words of
/// this order.
fn header_before(frame: &[u8], page_size: usize, big_endian: bool) -> Option<[u8; HEADER]> {
    let ends = Checksum(number(frame, 16), number(frame, 20))
        .before(&frame[FRAME_HEADER..FRAME_HEADER + page_size], big_endian)
        .before(&frame[..8], big_endian);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&(MAGIC | u32::from(big_endian)).to_be_bytes());
    header[4..8].copy_from_slice(&VERSION.to_be_bytes());
    header[8..12].copy_from_slice(&(page_size as u32).to_be_bytes());
    header[16..24].copy_from_slice(&frame[8..16]);
    header[24..28].copy_from_slice(&ends.0.to_be_bytes());
    header[28..].copy_from_slice(&ends.1.to_be_bytes());
    // How often the log was begun anew.
    let begun = Checksum::default().over(&header[..8], big_endian);
    let sized = ends.before(&header[16..24], big_endian);
    let count = sized.1.wrapping_sub(begun.1).wrapping_sub(sized.0);
    let count = if big_endian {
        count.to_be_bytes()
    } else {
        count.to_le_bytes()
    };
    header[12..16].copy_from_slice(&count);
    read_header(&header).map(|_| header)
}

/// False when the file ends before the buffer is full.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
