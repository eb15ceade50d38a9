//! What is sent: log files of a wanted number of lines, the same for the same seed.

use bytes::Bytes;
use model::sample::sample;

/// Different contents of one size where many files come at once,
const VARIANTS: u64 = 8;
/// as long as they are no more bytes than this for each size.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a line, about.
const LINE_BYTES: u64 = 235;

/// One file.
#[derive(Debug, Clone)]
pub struct File {
    /// Number in the run, from 1.
    pub n: u64,
    /// Lines.
    pub lines: u64,
    /// What it says.
    pub body: Bytes,
    /// Key in the bucket.
    pub key: String,
}

/// Makes files.
#[derive(Debug)]
pub struct Workload {
    seed: u64,
    folder: String,
    sizes: Vec<(u64, Vec<Bytes>)>,
    made: u64,
}

impl Workload {
    /// Files of `sizes` lines under `folder` (a prefix of keys). With `at_hand` the contents are made before
    /// the run and come again and again; else each file is made when it is asked for, and is like no other.
    pub fn new(seed: u64, folder: String, sizes: &[u64], at_hand: bool) -> Self {
        let bodies = |lines: u64| {
            let most = (MOST_BYTES / (lines * LINE_BYTES).max(1)).clamp(1, VARIANTS);
            let variants = if at_hand { most } else { 0 };
            let variants = (0..variants).map(|variant| content(seed, variant, lines));
            (lines, variants.collect())
        };
        Self {
            seed,
            folder,
            sizes: sizes.iter().copied().map(bodies).collect(),
            made: 0,
        }
    }

    /// The next file, of the `which`th size.
    pub fn next(&mut self, which: usize) -> File {
        self.made += 1;
        let n = self.made;
        let (lines, bodies) = &self.sizes[which % self.sizes.len()];
        let body = match bodies.len() {
            0 => content(self.seed, n, *lines),
            count => bodies[n as usize % count].clone(),
        };
        File {
            n,
            lines: *lines,
            body,
            key: format!("{}{n:06}-{lines}.ndjson", self.folder),
        }
    }
}

fn content(seed: u64, number: u64, lines: u64) -> Bytes {
    // Seeds of files must not follow one another as those of runs do.
    let seed = seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Bytes::from(sample(seed, lines as usize, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_files_and_no_two_are_alike() {
        let files = |seed| {
            let mut workload = Workload::new(seed, "logs/x/".to_owned(), &[10, 20], false);
            [0, 0, 1].map(|which| workload.next(which))
        };
        let one = files(1);
        for (file, again) in one.iter().zip(files(1)) {
            assert_eq!((&file.body, &file.key), (&again.body, &again.key));
        }
        assert_ne!(one[0].body, one[1].body);
        assert_ne!(one[0].body, files(2)[0].body);
        assert_eq!(one[2].key, "logs/x/000003-20.ndjson");
        let text = std::str::from_utf8(&one[2].body).expect("text");
        assert_eq!(text.lines().count(), 20);
    }
}
