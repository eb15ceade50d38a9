//! Numbers by chance that a seed brings again (SplitMix64).

/// A generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0, below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// True about once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// `length` bytes that belong to `id` and to nothing else.
pub fn bytes(id: u64, length: usize) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    let mut random = Random::new(id);
    while bytes.len() < length {
        bytes.extend(random.next().to_be_bytes());
    }
    bytes.truncate(length.max(8));
    bytes
}

/// A log file of so many lines that belongs to `id` and to nothing else.
pub fn log_file(id: u64, lines: usize) -> Vec<u8> {
    let mut text = String::new();
    for line in 0..lines {
        text.push_str(&format!(
            "{{\"timestamp\":\"2026-01-01T00:00:00Z\",\"level\":\"INFO\",\"service\":\"kill\",\"message\":\"file {id} line {line}\"}}\n"
        ));
    }
    text.into_bytes()
}
